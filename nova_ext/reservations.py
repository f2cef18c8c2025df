# SPDX-License-Identifier: Apache-2.0
"""The hosts that a server may have: those of its leases, or those that no lease has.

Owns the form of the hint, what the operator's ``on_error`` means, and the
sentence that says why there is no host.  Knows nothing of Nova but names.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any
from typing import NamedTuple

from climate import client
from nova_ext import answers

#: The hint of a server that shall be in a lease.
HINT = "lease_id"
_LEASE_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII)
#: Climate answers for no more at once.
_MOST_LEASES = 8
_MOST_QUOTED = 80


class HintInvalid(Exception):
    """The hint names no lease; the message says why."""


class Options(NamedTuple):
    """As in [climate]."""

    timeout_seconds: float
    on_error: str
    last_known_max_age_seconds: float


class Allowed(NamedTuple):
    """The hosts that a server may have.

    :ivar only: if not None, no other ones.
    :ivar never: not these.
    :ivar reason: a sentence; not empty if there is something to be said in case none is left.
    """

    only: frozenset[str] | None
    never: frozenset[str]
    reason: str


class _Lease(NamedTuple):
    hosts: frozenset[str]
    reason: str


#: Ids of leases, and whose they must be.
_Question = tuple[tuple[str, ...], str]


class Reservations:
    """Asks Climate, seldom; safe for many threads, and keeps nothing of a request."""

    def __init__(self, asked: client.Client, options: Options) -> None:
        self._options = options
        outage = answers.Outage(
            f"servers without a lease follow [climate] on_error = {options.on_error}, "
            "those with one find no valid host"
        )
        self._reserved: answers.Answers[None, frozenset[str]] = answers.Answers(
            lambda _, etag: asked.get_allowed_hosts(etag=etag),
            lambda body: frozenset(body["reserved"]),
            options.timeout_seconds,
            outage,
        )
        self._leases: answers.Answers[_Question, _Lease] = answers.Answers(
            lambda question, etag: asked.get_allowed_hosts(*question, etag=etag),
            lambda body: _Lease(frozenset(body["hosts"]), body.get("reason", "")),
            options.timeout_seconds,
            outage,
        )

    def find_inside(self, hint: Any, project_id: str) -> Allowed:
        """Return the hosts of the leases that are active and the project's."""
        try:
            lease_ids = parse_hint(hint)
        except HintInvalid as exc:
            return Allowed(frozenset(), frozenset(), f"The hint {HINT} {exc}.")
        try:
            found = self._leases.get((tuple(lease_ids), project_id))
        except client.ClientError as exc:
            return Allowed(frozenset(), frozenset(), f"Climate cannot be asked: {exc}")
        return Allowed(found.hosts, frozenset(), _explain(found))

    def find_outside(self) -> Allowed:
        """Return the hosts that no lease holds now or within the lead time."""
        try:
            reserved = self._reserved.get(None)
        except client.ClientError as exc:
            return self._do_without(exc)
        return Allowed(None, reserved, "Leases reserve all remaining hosts.")

    def _do_without(self, error: client.ClientError) -> Allowed:
        on_error = self._options.on_error
        told = f"Climate cannot be asked, and [climate] on_error = {on_error}"
        if on_error == "allow":
            return Allowed(None, frozenset(), "")
        if on_error == "last_known":
            most_seconds = self._options.last_known_max_age_seconds
            reserved = self._reserved.get_last(None, most_seconds)
            if reserved is not None:
                return Allowed(None, reserved, f"{told}: all hosts left were reserved. {error}")
            told += f", but no answer of the last {most_seconds:g} s is known"
        return Allowed(frozenset(), frozenset(), f"{told}: {error}")


def _explain(found: _Lease) -> str:
    """Return why there is no host, in case there is none."""
    reasons = [found.reason] if found.reason else []
    if found.hosts:
        named = ", ".join(sorted(found.hosts)[:10]) + (", ..." if len(found.hosts) > 10 else "")
        reasons.append(
            f"No host of the lease ({named}) is left: full, disabled, or refused by a "
            "filter before this one."
        )
    return " ".join(reasons) or "The lease has no hosts."


def parse_hint(hint: Any) -> Sequence[str]:
    """Return the ids of the leases, each once.

    :raises HintInvalid: these are none.
    """
    given = [hint] if isinstance(hint, str) else hint
    if not isinstance(given, (list, tuple)) or not given:
        raise HintInvalid("must be the id of a lease, or a list of some")
    if len(given) > _MOST_LEASES:
        raise HintInvalid(f"names {len(given)} leases; at most {_MOST_LEASES} can be given")
    return list(dict.fromkeys(_parse_lease_id(text) for text in given))


def _parse_lease_id(text: Any) -> str:
    lease_id = text.strip().lower() if isinstance(text, str) else ""
    if not _LEASE_ID.fullmatch(lease_id):
        # As Python would write it: a line of a log stays one line.
        quoted = ascii(text)[:_MOST_QUOTED]
        raise HintInvalid(f"must be the id of a lease, not {quoted}")
    return lease_id
