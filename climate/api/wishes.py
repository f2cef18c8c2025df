# SPDX-License-Identifier: Apache-2.0
"""Reads the body of a request for a lease, or for a change of one.

Owns the members' names, types, defaults and bounds; every mistake names its member.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from collections.abc import Collection
from collections.abc import Mapping
from typing import Any
from typing import NamedTuple

from climate import exception
from climate import lease as leases
from climate import states
from climate.api import texts
from climate.api import times
from energybase import numbers

#: More hosts than any cloud has.
_MOST_HOSTS = 1_000_000

_WISH_MEMBERS = (
    *("start_time", "end_time", "duration", "quantity", "host_properties", "name", "hosts_max"),
    *("confirm", "objective"),
)
_CHANGE_MEMBERS = ("status", "end_time", "name")


class LeaseRequest(NamedTuple):
    """A lease that is wanted.

    :ivar wish: its ``host_properties`` as the client wrote them.
    :ivar confirm: whether the proposal is to be confirmed at once.
    """

    wish: leases.Wish
    confirm: bool = True


class Change(NamedTuple):
    """What is to become of a lease; None stays.  To be confirmed goes alone."""

    confirm: bool = False
    end_time: int | None = None
    name: str | None = None


def parse_wish(body: Mapping[str, Any], now: int) -> LeaseRequest:
    """Return the lease that a body asks for; a member that is null was not given.

    :param now: epoch seconds; a start before it is moved there.
    :raises RequestInvalid: a member is wrong; which, and why.
    """
    _require_known(body, _WISH_MEMBERS)
    given = _Given(body)
    start, end, duration = _parse_window(given, now)
    quantity = given.parse("quantity", _parse_count, 1)
    hosts_max = given.parse("hosts_max", _parse_count, None)
    if hosts_max is not None and hosts_max < quantity:
        raise _invalid("hosts_max", f"must be quantity, which is {quantity}, at least")
    wish = leases.Wish(
        start,
        end,
        duration,
        quantity,
        hosts_max,
        given.parse("objective", _parse_objective, leases.OBJECTIVES[0]),
        given.parse("name", _parse_name, None),
        given.parse("host_properties", _parse_properties, "[]"),
    )
    return LeaseRequest(wish, given.parse("confirm", _parse_flag, True))


def parse_change(body: Mapping[str, Any], now: int) -> Change:
    """Return the change that a body asks for.

    :param now: epoch seconds.
    :raises RequestInvalid: a member is wrong; which, and why.
    """
    _require_known(body, _CHANGE_MEMBERS)
    given = _Given(body)
    if not given.members:
        raise _invalid("body", f"must have one of {', '.join(_CHANGE_MEMBERS)}")
    confirm = given.parse("status", _parse_status, False)
    if confirm and len(given.members) > 1:
        raise _invalid("status", "must be the only member")
    end_time = given.parse("end_time", lambda value: times.parse_time(value, now), None)
    return Change(confirm, end_time, given.parse("name", _parse_name, None))


class _Given:
    """The members that were given."""

    def __init__(self, body: Mapping[str, Any]) -> None:
        self.members = {name: value for name, value in body.items() if value is not None}

    def parse(self, name: str, parse: Callable[[Any], Any], default: Any) -> Any:
        if name not in self.members:
            return default
        try:
            return parse(self.members[name])
        except ValueError as exc:
            reason = str(exc)
        raise _invalid(name, reason)


def _parse_window(given: _Given, now: int) -> tuple[int, int, int]:
    """Return start and end of the window, and the duration."""

    def parse_time(value: Any) -> int:
        return times.parse_time(value, now)

    start = max(now, given.parse("start_time", parse_time, now))
    end = given.parse("end_time", parse_time, None)
    duration = given.parse("duration", times.parse_duration, None)
    if end is None:
        if duration is None:
            raise _invalid("duration", "is required, or else end_time")
        end = start + duration
        if end >= leases.FOREVER:
            raise _invalid("duration", "ends after the year 9999")
    if end <= start:
        raise _invalid("end_time", "must be after start_time, and not past")
    if duration is None:
        duration = end - start
    if duration > end - start:
        raise _invalid("duration", f"does not fit into the {end - start} seconds of the window")
    return start, end, duration


def _parse_count(value: Any) -> int:
    # A bool is an int to Python, and to nobody else.
    if not numbers.is_whole(value) or not 1 <= value <= _MOST_HOSTS:
        raise ValueError(f"must be a whole number from 1 to {_MOST_HOSTS}")
    return value


def _parse_properties(value: Any) -> str:
    if isinstance(value, str):
        # An empty one as in Nova's own filter: every host.
        return value if value.strip() else "[]"
    if isinstance(value, list):
        return json.dumps(value, ensure_ascii=False)
    raise ValueError("must be a JSON array, or the text of one")


def _parse_name(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError("must be text")
    return texts.require_line(value)


def _parse_flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError("must be true or false")
    return value


def _parse_objective(value: Any) -> str:
    if value not in leases.OBJECTIVES:
        raise ValueError(f"must be {' or '.join(leases.OBJECTIVES)}")
    return str(value)


def _parse_status(value: Any) -> bool:
    if value != states.CONFIRMED:
        raise ValueError(f"can only become {states.CONFIRMED} so; to cancel, DELETE the lease")
    return True


def _require_known(body: Mapping[str, Any], known: Collection[str]) -> None:
    unknown = sorted(set(body) - set(known))
    if unknown:
        # Who sends a thousand is shown a few.
        names = ", ".join(texts.quote(name) for name in unknown[:5])
        raise _invalid(names, f"is not known here; known are {', '.join(known)}")


def _invalid(where: str, reason: str) -> exception.RequestInvalid:
    return exception.RequestInvalid(where=where, reason=reason)
