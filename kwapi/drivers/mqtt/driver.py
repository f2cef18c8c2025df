# SPDX-License-Identifier: Apache-2.0
"""The driver for plugs that publish their power over MQTT.

Owns which topics are whose, and what is too old to count.  The connection to
the broker is :mod:`kwapi.drivers.mqtt.session`'s, what payloads mean
:mod:`kwapi.drivers.mqtt.topics`'s, what known plugs publish is in
``presets.yaml``.

A value was measured when it arrived, so one that the broker retained says
nothing: it may be of last year.  Only whether a plug is online is believed of
a retained message; that is what it is retained for.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from collections.abc import Mapping
from typing import Any
from typing import NamedTuple

from kwapi import exception
from kwapi import measurement
from kwapi.drivers import driver
from kwapi.drivers import parameters
from kwapi.drivers.mqtt import session
from kwapi.drivers.mqtt import topics
from kwapi.drivers.parameters import Parameter

LOG = logging.getLogger(__name__)

#: A plug is missing when it was silent for so many of its periods.
_MISSED_PERIODS = 3.0


class Value(NamedTuple):
    """The newest number of a source.

    :ivar timestamp: when it arrived, epoch seconds.
    :ivar at: the same by the monotonic clock, for its age.
    """

    number: float
    timestamp: float
    at: float


class Board:
    """What was heard: written by the session's thread, read by the driver's."""

    def __init__(self, plugs: Mapping[topics.Plug, topics.Sources]) -> None:
        self._changed = threading.Condition()
        self._readers = dict(_readers(plugs))
        self._values: dict[topics.Source, Value] = {}
        self._offline: set[topics.Source] = set()
        self._faults: dict[topics.Source, str] = {}
        self._new_fault: str | None = None
        self._heard = 0

    @property
    def subscriptions(self) -> list[str]:
        """What to subscribe to."""
        return sorted(self._readers)

    def take(self, message: session.Message, timestamp: float, at: float) -> None:
        """Keep what a message says; one that cannot be read ends what its source said before."""
        with self._changed:
            for source in self._readers.get(message.topic, ()):
                self._take(source, message, timestamp, at)
            self._heard += 1
            self._changed.notify_all()

    def wake(self) -> None:
        """End whatever wait there is."""
        with self._changed:
            self._heard += 1
            self._changed.notify_all()

    def wait(self, heard: int, seconds: float) -> int:
        """Wait for news since so many were heard; return how many there were by now."""
        with self._changed:
            self._changed.wait_for(lambda: self._heard != heard, seconds)
            return self._heard

    def fresh(self, source: topics.Source | None, since: float) -> Value | None:
        """Return the newest number of a source that arrived since then."""
        with self._changed:
            value = self._values.get(source) if source is not None else None
            return value if value is not None and value.at >= since else None

    def is_offline(self, source: topics.Source | None) -> bool:
        """Tell whether a plug, or the broker on its behalf, said that it is away."""
        with self._changed:
            return source in self._offline

    def has_spoken(self, source: topics.Source) -> bool:
        """Tell whether anything came from a source, be it garbage."""
        with self._changed:
            return source in self._values or source in self._faults

    def is_garbled(self, source: topics.Source) -> bool:
        """Tell whether what came last from a source cannot be read."""
        with self._changed:
            return source in self._faults

    def pop_fault(self) -> str | None:
        """Return what began to be garbage since this was last asked."""
        with self._changed:
            fault, self._new_fault = self._new_fault, None
            return fault

    def _take(
        self,
        source: topics.Source,
        message: session.Message,
        timestamp: float,
        at: float,
    ) -> None:
        if source.alive is not None:
            is_alive = message.payload.decode(errors="replace").strip() == source.alive
            (self._offline.discard if is_alive else self._offline.add)(source)
            return
        if message.retained:
            return
        self._values.pop(source, None)
        try:
            number = source.read(message.payload)
        except ValueError as exc:
            fault = f"{message.topic}: {exc}"
            if source not in self._faults:
                self._new_fault = fault
            self._faults[source] = fault
        else:
            self._faults.pop(source, None)
            if number is not None:
                self._values[source] = Value(number, timestamp, at)


def _readers(
    plugs: Mapping[topics.Plug, topics.Sources],
) -> Iterator[tuple[str, tuple[topics.Source, ...]]]:
    by_topic: dict[str, dict[topics.Source, None]] = {}
    for sources in plugs.values():
        for source in filter(None, sources):
            by_topic.setdefault(source.topic, {})[source] = None
    return ((topic, tuple(sources)) for topic, sources in by_topic.items())


class Mqtt(driver.Driver):
    """Listens to plugs through a broker."""

    takes = (
        Parameter(
            "host", parameters.text, "name or address of the broker", parameters.REQUIRED,
            aliases=("ip",),
        ),
        Parameter("port", parameters.port, "1883, or 8883 with ``tls``, if not given"),
        Parameter(
            "username", parameters.text, "who we are for the broker, where it asks",
            aliases=("user",),
        ),
        Parameter("password", parameters.text, "of the same", secret=True),
        Parameter("tls", parameters.truth, "``True`` to speak TLS", False),
        Parameter(
            "ca_file", parameters.text,
            "who signed the broker's certificate, where the system does not know",
        ),
        Parameter("cert_file", parameters.text, "our certificate, where the broker wants one"),
        Parameter("key_file", parameters.text, "its key"),
        Parameter(
            "preset", parameters.preset(__package__),
            "what known plugs publish, see below: ``tasmota``, ``shelly-gen1``, or "
            "``shelly-gen2`` (and later)",
        ),
        Parameter(
            "plugs", parameters.mapping,
            "the plug of each probe where its name is not the probe's id: its name, "
            "``{'device': 'strip', 'channel': 1}``, or a list of either, to be added up",
        ),
        Parameter("watts", parameters.mapping, "instead of a preset the topic of power, see below"),
        Parameter("kwh", parameters.mapping, "the same of the energy counter"),
        Parameter("online", parameters.mapping, "the topic that says whether a plug is there"),
        Parameter(
            "max_age_seconds", parameters.positive,
            "after what silence a plug is missing; three periods if not given",
        ),
        Parameter("timeout_seconds", parameters.positive, "for the broker's answer", 5.0),
    )  # fmt: skip

    def __init__(self, *args: Any, **given: Any) -> None:
        super().__init__(*args, **given)
        own = self.given
        known = own["preset"] or {}
        if own["period_seconds"] is None:
            self.period_seconds = float(known.get("period_seconds", 1.0))
        self.resolution_watts = known.get("resolution_watts")
        self._unproved: str | None = known.get("unproved")
        self._timeout_seconds: float = own["timeout_seconds"]
        self._max_age_seconds: float = (
            own["max_age_seconds"] or _MISSED_PERIODS * self.period_seconds
        )
        self._broker = session.find_broker(own)
        self._parts = parameters.parts(
            "plugs",
            self.probes,
            own["plugs"],
            topics.plug,
            lambda _, probe: topics.Plug(probe),
        )
        templates = topics.templates(known, own, parameters.preset_names(__package__))
        every = {plug for parts in self._parts.values() for plug in parts}
        self._sources = {plug: templates.of(plug) for plug in every}
        self._session: session.Session | None = None
        self._board = Board(self._sources)
        self._heard = 0
        self._is_new = True

    def open(self) -> None:
        """Connect to the broker, and subscribe."""
        unproved, self._unproved = self._unproved, None
        if unproved:
            LOG.warning("%s: %s", self.wattmeter, unproved)
        board = self._board = Board(self._sources)
        self._heard, self._is_new = 0, True
        self._session = session.Session(
            self._broker,
            lambda message: board.take(message, self._clock.time(), self._clock.monotonic()),
            board.wake,
        )
        self._session.open(board.subscriptions)

    def read(self) -> Mapping[str, measurement.Measurement]:
        """Wait for news, a little; return the newest of each plug that is not too old."""
        if self._session is None:
            raise exception.WattmeterError(reason=f"{self._broker.address} is not open")
        measured = self._await_news()
        self._session.require_connected()
        fault = self._board.pop_fault()
        if fault is not None:
            if all(map(self._board.is_garbled, self._present())):
                raise exception.MalformedAnswer(address=self._broker.address, reason=fault)
            LOG.warning("%s: what a plug says cannot be read: %s", self.wattmeter, fault)
        return measured

    def stop(self) -> None:
        """Ask the loop to end, also while it waits for news."""
        super().stop()
        self._board.wake()

    def close(self) -> None:
        """Disconnect."""
        held, self._session = self._session, None
        if held is not None:
            held.close()

    def _await_news(self) -> dict[str, measurement.Measurement]:
        """Return what is known; the first time wait until every plug said something."""
        deadline = self._clock.monotonic() + self._timeout_seconds
        while True:
            left, before = deadline - self._clock.monotonic(), self._heard
            self._heard = self._board.wait(before, max(0.0, left))
            is_complete = not self._is_new or all(map(self._board.has_spoken, self._present()))
            if is_complete or self._heard == before or self._ends():
                break
        self._is_new = False
        return dict(self._measure())

    def _ends(self) -> bool:
        return self._stopping.is_set() or self._session is None or not self._session.is_connected

    def _present(self) -> list[topics.Source]:
        """Return where the power is of all plugs that are not known to be away."""
        return [
            self._sources[plug].watts
            for parts in self._parts.values()
            if not self._is_away(parts)
            for plug in parts
        ]

    def _is_away(self, parts: tuple[topics.Plug, ...]) -> bool:
        return any(self._board.is_offline(self._sources[plug].online) for plug in parts)

    def _measure(self) -> Iterator[tuple[str, measurement.Measurement]]:
        since = self._clock.monotonic() - self._max_age_seconds
        for probe, parts in self._parts.items():
            if self._is_away(parts):
                continue
            watts = self._values([self._sources[plug].watts for plug in parts], since)
            kwh = self._values([self._sources[plug].kwh for plug in parts], since)
            if watts is not None:
                yield (
                    probe,
                    measurement.Measurement(
                        sum(value.number for value in watts),
                        None if kwh is None else sum(value.number for value in kwh),
                        # The sum is as old as the oldest of its parts.
                        min(value.timestamp for value in watts),
                    ),
                )

    def _values(self, sources: list[topics.Source | None], since: float) -> list[Value] | None:
        found = [self._board.fresh(source, since) for source in sources]
        values = [value for value in found if value is not None]
        return values if len(values) == len(sources) else None
