# SPDX-License-Identifier: Apache-2.0
"""Asks the lease API what Nova's scheduler wants to know.

Owns paths, parameters, headers and the shape of answers; when to ask, and how
long an answer is kept, is the caller's.  Runs inside of Nova, so it imports
what Nova has, and nothing else of Climate.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Any
from typing import NamedTuple

from keystoneauth1 import adapter as adapters
from keystoneauth1 import exceptions

_MAX_AGE = re.compile(r"(?:^|[\s,])max-age\s*=\s*\"?(\d{1,9})", re.ASCII)
#: What is said about an answer, at most: it becomes one line of a log.
_MAX_REASON_LENGTH = 300
_KINDS: dict[str, Any] = {"a text": str, "a number": (int, float), "an object": dict}


class ClientError(Exception):
    """No usable answer; the message is a sentence for an operator."""


class Answer(NamedTuple):
    """What was answered.

    :ivar status: 200, or 304: the body is still what it was under the entity tag sent.
    :ivar body: None with 304.
    :ivar max_age_seconds: for how long it may be reused.
    """

    status: int
    body: dict[str, Any] | None
    etag: str | None
    max_age_seconds: float


class Client:
    """Safe for many threads; connections are shared.

    :param adapter: knows the endpoint and how to get a token.
    :param timeout_seconds: for connecting, and for each pause in an answer.
    """

    def __init__(self, adapter: adapters.Adapter, timeout_seconds: float) -> None:
        self._adapter, self._timeout_seconds = adapter, timeout_seconds

    def get_allowed_hosts(
        self,
        lease_ids: Sequence[str] = (),
        project_id: str | None = None,
        etag: str | None = None,
    ) -> Answer:
        """Return where a server may go: of a project inside of leases, else outside of all.

        Body: ``hosts``, names; ``reserved``, names, without leases; ``reason``, sentences,
        if one of the leases allows none.

        :raises ClientError: there is no usable answer.
        """
        given = {"lease_id": lease_ids, "project_id": project_id} if lease_ids else {}
        answer = self._get("allowed-hosts/", given, etag)
        if answer.body is not None:
            _require_list(answer.body, "hosts", "a text")
            if not lease_ids:
                _require_list(answer.body, "reserved", "a text")
            elif "reason" in answer.body:
                _require("reason", answer.body["reason"], "a text")
        return answer

    def get_ranking(self, etag: str | None = None) -> Answer:
        """Return the hosts by how much they compute for a watt.

        Body: ``hosts``, each with ``host``, a name, and ``score``, a number or None.

        :raises ClientError: there is no usable answer.
        """
        answer = self._get("ranking/", {}, etag)
        if answer.body is not None:
            for host in _require_list(answer.body, "hosts", "an object"):
                _require("host", host.get("host"), "a text")
                if host.get("score") is not None:
                    _require("score", host["score"], "a number")
        return answer

    def _get(self, path: str, parameters: dict[str, Any], etag: str | None) -> Answer:
        response = self._send(path, parameters, {"If-None-Match": etag} if etag else {})
        max_age_seconds = _parse_max_age(response.headers.get("Cache-Control", ""))
        if response.status_code == 304 and etag:
            return Answer(304, None, etag, max_age_seconds)
        if response.status_code != 200:
            told = f"answered {response.status_code} {response.reason}: {_read_detail(response)}"
            raise _fail(f"GET {path} was {told}")
        try:
            body = response.json()
        except ValueError:
            body = None
        if not isinstance(body, dict):
            raise _fail(f"GET {path} was answered by what is no JSON object")
        return Answer(200, body, response.headers.get("ETag"), max_age_seconds)

    def _send(self, path: str, parameters: dict[str, Any], headers: dict[str, str]) -> Any:
        try:
            return self._adapter.get(
                self._place(path),
                params=parameters,
                headers={"Accept": "application/json", **headers},
                timeout=self._timeout_seconds,
                raise_exc=False,
            )
        except exceptions.ClientException as exc:
            reason = f"{type(exc).__name__}: {exc}"
        # Not of the exception, which may quote what was sent.
        raise _fail(f"GET {path} failed: {reason}")

    def _place(self, path: str) -> str:
        """Return the path below the endpoint, which may be named with its version or without."""
        endpoint = self._adapter.get_endpoint() or ""
        return f"/{path}" if endpoint.rstrip("/").endswith("/v1") else f"/v1/{path}"


def _parse_max_age(cache_control: str) -> float:
    if re.search(r"no-(cache|store)", cache_control):
        return 0.0
    found = _MAX_AGE.search(cache_control)
    return float(found[1]) if found else 0.0


def _read_detail(response: Any) -> str:
    """Return what the service says of its refusal."""
    try:
        error = response.json()["errors"][0]
        return str(error.get("detail") or error.get("title"))
    except (ValueError, LookupError, TypeError, AttributeError):
        return "no reason given"


def _require_list(body: dict[str, Any], name: str, kind: str) -> list[Any]:
    values = body.get(name)
    if not isinstance(values, list):
        raise _fail(f"{name} of the answer must be a list")
    for value in values:
        _require(f"each of {name}", value, kind)
    return values


def _require(name: str, value: Any, kind: str) -> None:
    wrong = not isinstance(value, _KINDS[kind]) or isinstance(value, bool)
    if wrong or (kind == "a number" and not math.isfinite(value)):
        raise _fail(f"{name} of the answer must be {kind}")


def _fail(reason: str) -> ClientError:
    line = " ".join(reason.split())
    return ClientError(f"{line[:_MAX_REASON_LENGTH].rstrip('.')}.")
