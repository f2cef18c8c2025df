# SPDX-License-Identifier: Apache-2.0
"""Kwapi at work: the simulated rack, real drivers and collector, and all that they said.

Owns what is measured, and what Kwapi makes of it measurement by measurement,
to compare with what arrives elsewhere.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from kwapi import measurement
from kwapi.bus import publisher as publishers
from kwapi.bus import transport as transports
from kwapi.store import record
from tests.functional import audit as audits
from tests.servers import scripts

_FAST = "[collector]\nflush_seconds = 0.3\n"


class Value(NamedTuple):
    """What Kwapi knew of a probe after a measurement."""

    timestamp: float
    watts: float
    kwh: float
    wattmeter: str


class Measuring:
    """A site with its rack; a test stops and starts what it wants.

    :ivar site: where its configuration, logs and database are.
    """

    def __init__(self, folder: Path, transport_url: str, text: str = "") -> None:
        """Prepare.

        :param text: more of its configuration file.
        """
        self.site = scripts.Site(folder, transport_url)
        self.configure(text)
        self.drivers = self.site.script("kwapi-drivers")
        self.collector = self.site.script("kwapi-collector")
        meters = ["--port", "0", "--no-bmc", "--no-redfish", "--no-serial"]
        self._rack = scripts.Script("kwapi-simulator", meters, folder / "rack.log")
        self._audit = audits.Audit(self.site)

    def configure(self, text: str) -> None:
        """Have each process read this when it is started next."""
        self.site.configure(_FAST + text, debug=False)

    def start(self, sections: str = "", servers: str = "server") -> None:
        """Begin to measure; return when whoever listens now will miss nothing.

        :param sections: wattmeters beside the rack's.
        :param servers: how the rack's probes are called.
        """
        self.site.upgrade()
        self._audit.start()
        self.collector.start()
        self._rack.start()
        rack = self._rack.wait_for_log(r"(?s)\[rack-1-pdu\].*'eaton'\}\n")
        self.site.drivers_conf.write_text(rack[0].replace("server-", f"{servers}-") + sections)
        scripts.wait_until(
            lambda: audits.has_consumer(self.site.transport_url, self.site.queue), "a collector"
        )
        self.drivers.start()

    def stop(self) -> None:
        """End everything."""
        self.site.close()
        self._rack.kill()
        self._audit.stop()

    def settle(self) -> None:
        """Return when all that was measured so far is stored, and known here."""
        self._audit.settle()

    def say(self, readings: Iterable[measurement.Reading]) -> None:
        """Send what another sender measured, at whatever time it says."""
        conf = self.site.conf()
        signer = transports.signer_of(conf)
        publisher = publishers.Publisher(transports.get_transport(conf), signer, conf.bus.topic)
        publisher.start()
        for reading in readings:
            publisher.publish(reading)
        publisher.stop()
        assert not publisher.kept

    def values(self) -> dict[str, list[Value]]:
        """Return of each probe what Kwapi knew after each measurement, by time."""
        limits, records = record.Limits(), dict[str, record.Record]()
        values: dict[str, list[Value]] = {}
        for reading in self._audit.readings():
            counters = reading.kwh or (None,) * len(reading.probes)
            for probe, watts, kwh in zip(reading.probes, reading.watts, counters, strict=True):
                measured = reading.timestamp, watts, kwh
                known = records.get(probe)
                if known is None:
                    known = record.Record.first(probe, limits, *measured)
                    assert known is not None
                    records[probe] = known
                else:
                    known.period_seconds = reading.period_seconds
                    known.add(limits, *measured)
                value = Value(reading.timestamp, watts, known.kwh, reading.wattmeter)
                values.setdefault(probe, []).append(value)
        return values


class FileMeter:
    """A wattmeter that shows what a file says: watts, and a counter in kWh."""

    def __init__(self, folder: Path, probe: str) -> None:
        self._path, self.probe = folder / f"{probe}.csv", probe

    def show(self, watts: float, kwh: float) -> None:
        """Show this from now on."""
        whole = self._path.with_suffix(".new")
        whole.write_text(f"{watts},{kwh}\n")
        whole.rename(self._path)

    def section(self) -> str:
        """Return its section of drivers.conf."""
        command = ["/bin/sh", "-c", f"while cat {self._path}; do sleep 0.25; done"]
        parameters = {
            "command": command, "columns": [1], "kwh_columns": [2], "fields": 2,
            "period_seconds": 0.5,
        }  # fmt: skip
        name = f"[{self.probe}-meter]\n"
        return f"{name}driver = command\nprobes = ['{self.probe}']\nparameters = {parameters}\n"


def dummy(name: str, probes: list[str], least: int, most: int, period_seconds: float = 0.5) -> str:
    """Return the section of a wattmeter whose watts nobody can foretell."""
    parameters = {"min": least, "max": most, "period_seconds": period_seconds}
    return f"[{name}]\ndriver = Dummy\nprobes = {probes}\nparameters = {parameters}\n"


def per_span(measured: Iterable[tuple[float, float]], seconds: int) -> dict[float, list[float]]:
    """Return values by the span of time in which they were measured, as Gnocchi groups them."""
    spans: dict[float, list[float]] = {}
    for timestamp, value in sorted(measured):
        spans.setdefault(math.floor(timestamp / seconds) * seconds, []).append(value)
    return spans


def wait_for_span(seconds: float) -> None:
    """Have something measured for a while."""
    time.sleep(seconds)
