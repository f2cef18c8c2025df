# SPDX-License-Identifier: Apache-2.0
"""The driver for databases into which another program writes measurements.

Owns what a query's rows mean: the probe, its watts, and when they were
measured.  The query itself is the operator's.  How a database is asked, and
what its errors mean, is :mod:`kwapi.drivers.sql.session`'s; pacing
:mod:`kwapi.drivers.driver`'s.

A row's own time decides how old it is: whoever writes to the database may
have stopped long ago, and the rows still be there.
"""

from __future__ import annotations

import datetime
import decimal
import logging
import math
import zoneinfo
from collections.abc import Iterable
from collections.abc import Mapping
from typing import Any
from typing import NamedTuple

from energybase import numbers
from kwapi import exception
from kwapi import measurement
from kwapi.drivers import driver
from kwapi.drivers import parameters
from kwapi.drivers.parameters import Parameter
from kwapi.drivers.sql import session

LOG = logging.getLogger(__name__)

_NEEDED = ("probe", "watts", "time")
_MAX_AGE_SECONDS = 15.0


class Row(NamedTuple):
    """What a row of the query says.

    :ivar timestamp: when it was measured, epoch seconds.
    """

    watts: float
    kwh: float | None
    timestamp: float


def read_rows(rows: Iterable[Mapping[str, Any]], zone: datetime.tzinfo | None) -> dict[str, Row]:
    """Return the newest row of each key; one without watts says nothing.

    :param zone: of times that do not tell theirs.
    :raises ValueError: a row cannot be read.
    """
    found: dict[str, Row] = {}
    for row in rows:
        if row["watts"] is None or row["time"] is None:
            continue
        key = str(row["probe"])
        kwh = row.get("kwh")
        made = Row(
            _number("watts", key, row["watts"]),
            None if kwh is None else _number("kwh", key, kwh),
            epoch(row["time"], zone),
        )
        if key not in found or found[key].timestamp < made.timestamp:
            found[key] = made
    return found


def epoch(value: Any, zone: datetime.tzinfo | None) -> float:
    """Return epoch seconds of what a database calls a time.

    :raises ValueError: it is none, or does not tell its zone when no other does.
    """
    if numbers.is_number(value) or isinstance(value, decimal.Decimal):
        return float(value)
    if isinstance(value, str):
        value = datetime.datetime.fromisoformat(value)
    if not isinstance(value, datetime.datetime):
        raise ValueError(f"time {value!r} is neither epoch seconds nor a date with time")
    if value.tzinfo is None:
        if zone is None:
            raise ValueError(f"time {value} has no zone: say which by time_zone, as 'UTC'")
        value = value.replace(tzinfo=zone)
    seconds: float = value.timestamp()
    return seconds


def _number(name: str, key: str, value: Any) -> float:
    if numbers.is_number(value) or isinstance(value, decimal.Decimal):
        return float(value)
    raise ValueError(f"{name} of {key!r} is {str(value)[:40]!r}, no number")


class Sql(driver.Driver):
    """Asks a database for the newest values of all probes, by the operator's query.

    The query returns the columns ``probe``, ``watts`` and ``time``, if it likes
    ``kwh``, in any order: one or more rows for each probe, the newest counts.
    """

    takes = (
        Parameter(
            "query", parameters.text,
            "a SELECT that returns the columns ``probe``, ``watts`` and ``time``, and ``kwh`` if "
            "there is a counter; the newest row of each probe counts", parameters.REQUIRED,
        ),
        Parameter("host", parameters.text, "a MariaDB or MySQL", aliases=("ip",)),
        Parameter("port", parameters.port, "its TCP port; 3306 if not given"),
        Parameter("database", parameters.text, "its name"),
        Parameter(
            "url", parameters.text,
            "instead of these any database, as SQLAlchemy writes it, but without a password",
        ),
        Parameter(
            "username", parameters.text, "who we are there; best one that may only read",
            aliases=("user",),
        ),
        Parameter("password", parameters.text, "of the same", secret=True),
        Parameter(
            "keys", parameters.mapping,
            "what the column ``probe`` holds where that is not the probe's id, or several to be "
            "added: ``{'node-1': ['210.1', '211.1']}``",
        ),
        Parameter(
            "time_zone", parameters.text,
            "of times that do not tell theirs, such as ``'Europe/Paris'``.  Epoch seconds need "
            "none; in a zone with summer time an hour a year is ambiguous",
        ),
        Parameter(
            "max_age_seconds", parameters.positive, "how old a row may be; 15 if not given"
        ),
        Parameter(
            "timeout_seconds", parameters.positive, "to connect, and for the answer", 5.0
        ),
        Parameter(
            "preset", parameters.preset(__package__),
            "what is known of who writes: ``schleifenbauer-gateway``, which brings its period, "
            "resolution and a ``max_age_seconds`` of 30",
        ),
    )  # fmt: skip

    def __init__(self, *args: Any, **given: Any) -> None:
        super().__init__(*args, **given)
        own = self.given
        known = own["preset"] or {}
        if own["period_seconds"] is None:
            self.period_seconds = float(known.get("period_seconds", 1.0))
        self.resolution_watts = known.get("resolution_watts")
        self._unproved: str | None = known.get("unproved")
        self._database = session.find_database(own)
        self._zone = _zone(own["time_zone"])
        self._max_age_seconds: float = own["max_age_seconds"] or known.get(
            "max_age_seconds", _MAX_AGE_SECONDS
        )
        self._parts = parameters.parts(
            "keys", self.probes, own["keys"], _key, lambda _, probe: probe
        )
        self._session: session.Session | None = None

    def open(self) -> None:
        """Connect."""
        self._session = session.Session(self._database)
        self._session.open()
        unproved, self._unproved = self._unproved, None
        if unproved:
            LOG.warning("%s: %s", self.wattmeter, unproved)

    def read(self) -> Mapping[str, measurement.Measurement]:
        """Return what the rows say that are young enough."""
        if self._session is None:
            raise exception.WattmeterError(reason=f"{self._database.address} is not open")
        names, rows = self._session.select(self.given["query"])
        try:
            found = self._read(names, rows)
        except (TypeError, ValueError, OverflowError) as exc:
            raise exception.MalformedAnswer(
                address=self._database.address, reason=str(exc)
            ) from exc
        return dict(self._measure(self._young(found)))

    def close(self) -> None:
        """Disconnect."""
        held, self._session = self._session, None
        if held is not None:
            held.close()

    def _read(self, names: list[str], rows: list[tuple[Any, ...]]) -> dict[str, Row]:
        # Databases differ in what they do to the case of a name.
        names = [name.lower() for name in names]
        if absent := [name for name in _NEEDED if name not in names]:
            raise ValueError(
                f"the query returns no column {absent[0]!r}, but {', '.join(names)}: "
                "name it with AS"
            )
        return read_rows((dict(zip(names, row, strict=True)) for row in rows), self._zone)

    def _young(self, found: dict[str, Row]) -> dict[str, Row]:
        """Return the rows that count; whoever has only old ones has a reason to be told."""
        now = self._clock.time()
        # As much into the future: clocks differ, but a wrong zone is hours off.
        young = {k: r for k, r in found.items() if abs(now - r.timestamp) <= self._max_age_seconds}
        if found and not young:
            age = now - max(row.timestamp for row in found.values())
            raise exception.WattmeterUnreachable(
                address=self._database.address,
                reason=f"its newest row is {age:.0f} s old, where {self._max_age_seconds:g} are "
                "allowed: is anybody writing, and is time_zone right?",
            )
        return young

    def _measure(self, rows: Mapping[str, Row]) -> Iterable[tuple[str, measurement.Measurement]]:
        for probe, keys in self._parts.items():
            own = [rows[key] for key in keys if key in rows and math.isfinite(rows[key].watts)]
            if len(own) == len(keys):
                counters = [row.kwh for row in own if row.kwh is not None]
                yield (
                    probe,
                    measurement.Measurement(
                        sum(row.watts for row in own),
                        sum(counters) if len(counters) == len(own) else None,
                        # The sum is as old as the oldest of its parts.
                        min(row.timestamp for row in own),
                    ),
                )


def _zone(name: str | None) -> datetime.tzinfo | None:
    if name is None:
        return None
    try:
        return zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError) as exc:
        raise parameters.invalid(
            f"time_zone must be one that this machine knows, not {name!r}"
        ) from exc


def _key(value: Any) -> str:
    if not isinstance(value, str) and not numbers.is_whole(value):
        raise ValueError(f"{value!r} is not a text, which the column probe holds")
    return str(value)
