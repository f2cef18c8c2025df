# SPDX-License-Identifier: Apache-2.0
"""What the release before (commit 055a2bd) sent: the bytes of its messages, calls and errors.

Recorded by the trace of a RabbitMQ, between services of that release on the
hosts of :mod:`tests.servers.climate_apis`.  Nothing was changed but the traces of
failures, which are cut to their first and last line.  They go when the release
after this one is made: record that one's predecessor then.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from typing import NamedTuple

_PREFIX = "_context_"


class Call(NamedTuple):
    """A call and its answer.

    :ivar context: of the request.
    :ivar message: what oslo.messaging hands over: ``method``, ``args``, ``version``.
    :ivar failure: what was raised, as oslo.messaging serialises it; else None.
    """

    topic: str
    context: dict[str, Any]
    message: dict[str, Any]
    result: Any
    failure: str | None


def load_calls() -> list[Call]:
    """Return all calls, in their order; each service has the same state as when it was asked."""
    return [_read_call(each) for each in _load()["calls"]]


def load_failures() -> list[str]:
    """Return each exception of that release, serialised."""
    return [_open(body)["failure"] for body in _load()["failures"]]


def load_notifications(topic: str) -> list[dict[str, Any]]:
    """Return the notifications that went to a queue."""
    return [_open(each["body"]) for each in _load()["notifications"] if each["topic"] == topic]


def _load() -> dict[str, Any]:
    recorded: dict[str, Any] = json.loads(Path(__file__).with_suffix(".json").read_bytes())
    return recorded


def _open(body: str) -> dict[str, Any]:
    opened: dict[str, Any] = json.loads(json.loads(body)["oslo.message"])
    return opened


def _read_call(recorded: dict[str, str]) -> Call:
    request, reply = _open(recorded["request"]), _open(recorded["reply"])
    context = {k.removeprefix(_PREFIX): v for k, v in request.items() if k.startswith(_PREFIX)}
    message = {key: request[key] for key in ("method", "args", "version")}
    return Call(recorded["topic"], context, message, reply["result"], reply["failure"])
