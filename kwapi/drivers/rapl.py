# SPDX-License-Identifier: Apache-2.0
"""The driver for the host it runs on: energy counters of its processors, by powercap.

Owns reading the counters of Linux's ``intel-rapl`` zones, AMD's too, and
making watts and kWh of them.  They measure processors and memory, not the
whole machine.
"""

from __future__ import annotations

import errno
from collections.abc import Iterable
from collections.abc import Mapping
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from typing import NamedTuple

from kwapi import exception
from kwapi import measurement
from kwapi.drivers import driver
from kwapi.drivers import parameters

#: Not intel-rapl-mmio: the same counters by another way.
_ZONES = "intel-rapl:*"
DOMAINS = ("auto", "package", "dram", "psys", "core", "uncore")
#: What measures this among others: their sum would count it twice.
_CONTAINS = {
    "psys": frozenset({"package", "core", "uncore", "dram"}),
    "package": frozenset({"core", "uncore"}),
}
_DENIED = (errno.EACCES, errno.EPERM)
_UJ_PER_J, _UJ_PER_KWH = 1e6, 3.6e12


class Zone(NamedTuple):
    """A counter.

    :ivar domain: what it measures: ``package``, ``dram``, ``psys``, ``core``, ``uncore``.
    :ivar range_uj: where it wraps, microjoules.
    """

    path: Path
    domain: str
    range_uj: int


def advance(before_uj: int, now_uj: int, range_uj: int) -> int:
    """Return how far a counter went, microjoules, over a wrap at most."""
    gone = now_uj - before_uj
    # It shows 0 to range_uj, both included.
    return gone if gone >= 0 else gone + range_uj + 1


def select(zones: Iterable[Zone], domains: Iterable[str]) -> list[Zone]:
    """Return the zones of some domains, of all sockets.

    ``auto`` is psys, which has the whole platform, or else packages and memory.
    """
    wanted = set(domains)
    found = list(zones)
    if "auto" in wanted:
        has_psys = any(zone.domain == "psys" for zone in found)
        wanted = {"psys"} if has_psys else {"package", "dram"}
    return [zone for zone in found if zone.domain in wanted]


class Counter:
    """The energy of a probe: the sum of some zones, carried on over their wraps."""

    def __init__(self, zones: Sequence[Zone]) -> None:
        self._zones = tuple(zones)
        self._before: tuple[int, ...] = ()
        self._before_seconds = 0.0
        self._total_uj = 0

    def take(self, now_uj: Sequence[int], now_seconds: float) -> measurement.Measurement | None:
        """Return the mean watts since the last call, and all kWh; None at the first."""
        before, elapsed = self._before, now_seconds - self._before_seconds
        self._before, self._before_seconds = tuple(now_uj), now_seconds
        if not before:
            self._total_uj = sum(now_uj)
            return None
        counts = zip(before, now_uj, self._zones)
        gone_uj = sum(advance(then, now, zone.range_uj) for then, now, zone in counts)
        self._total_uj += gone_uj
        if elapsed <= 0:
            return None
        return measurement.Measurement(gone_uj / _UJ_PER_J / elapsed, self._total_uj / _UJ_PER_KWH)


class Rapl(driver.Driver):
    """Measures the host's own processors and memory.

    One probe is the host, unless ``domains`` says what each of them is.  The
    first reading has no watts: there is no energy before it to compare with.
    """

    takes = (
        parameters.Parameter(
            "domains",
            parameters.mapping,
            "what each probe is the sum of, of all sockets together: ``'auto'``, which is what "
            "a single probe is if nothing is given, ``'psys'``, ``'package'``, ``'dram'``, "
            "``'core'``, ``'uncore'``, as in ``{'node-3': ['package', 'dram']}``",
        ),
        parameters.Parameter(
            "path", parameters.text, "where the kernel shows powercap", "/sys/class/powercap"
        ),
    )
    period_seconds = 1.0

    def __init__(self, *args: Any, **given: Any) -> None:
        super().__init__(*args, **given)
        self._path = Path(self.given["path"])
        self._domains = _domains(sorted(self._expected), self.given["domains"])
        self._zones: dict[str, list[Zone]] = {}
        self._counters: dict[str, Counter] = {}

    def open(self) -> None:
        """See what counters there are, and whether they may be read."""
        zones = [zone for path in self._list() if (zone := self._zone(path))]
        if not zones:
            raise exception.WattmeterUnreachable(
                address=str(self._path),
                reason="it has no zone intel-rapl:*; the kernel's module is intel_rapl_msr, "
                "and most virtual machines have none",
            )
        self._zones = {p: select(zones, domains) for p, domains in self._domains.items()}
        self._counters = {p: Counter(own) for p, own in self._zones.items() if own}
        for zone in {zone for own in self._zones.values() for zone in own}:
            self._count(zone.path / "energy_uj")  # says at once that it may not be read
        self.device = f"RAPL with {', '.join(sorted({zone.domain for zone in zones}))}"

    def read(self) -> Mapping[str, measurement.Measurement]:
        """Return the mean watts of each probe since the last reading."""
        measured = {}
        for probe, counter in self._counters.items():
            counts = [self._count(zone.path / "energy_uj") for zone in self._zones[probe]]
            taken = counter.take(counts, self._clock.monotonic())
            if taken is not None:
                measured[probe] = taken
        return measured

    def _list(self) -> list[Path]:
        try:
            return sorted(path for path in self._path.iterdir() if path.match(_ZONES))
        except OSError as exc:
            raise self._lost(self._path, exc) from exc

    def _zone(self, path: Path) -> Zone | None:
        name = self._text(path / "name")
        domain = name.partition("-")[0]
        if domain not in DOMAINS:
            return None
        zone = Zone(path, domain, self._count(path / "max_energy_range_uj"))
        # Some boards show psys and never count it.
        if domain == "psys" and not self._count(path / "energy_uj"):
            return None
        return zone

    def _count(self, path: Path) -> int:
        text = self._text(path)
        # Not int() alone: it takes "1_000" and "-1" too.
        if not (text.isascii() and text.isdigit()):
            raise exception.MalformedAnswer(
                address=str(path), reason=f"{text[:40]!r} is not a count of microjoules"
            )
        return int(text)

    def _text(self, path: Path) -> str:
        try:
            return path.read_text(encoding="ascii", errors="replace").strip()
        except OSError as exc:
            raise self._lost(path, exc) from exc

    def _lost(self, path: Path, exc: OSError) -> exception.WattmeterError:
        if exc.errno in _DENIED:
            return exception.WattmeterRefused(
                address=str(path),
                reason="only root may read it since CVE-2020-8694; let Kwapi's group read it, "
                f"as with `chgrp kwapi {path}; chmod g+r {path}` at each boot",
            )
        return exception.WattmeterUnreachable(address=str(path), reason=exc.strerror or str(exc))


def _domains(probes: Sequence[str], given: Any) -> dict[str, tuple[str, ...]]:
    named = parameters.mapping("domains", given)
    if strangers := sorted(named.keys() - set(probes)):
        raise parameters.invalid(f"domains names {strangers[0]!r}, which is not in probes")
    rest = [probe for probe in probes if probe not in named]
    if len(rest) > 1:
        raise parameters.invalid(
            f"domains must say what {', '.join(map(repr, rest))} are: there is one host"
        )
    own = {p: tuple(v) if isinstance(v, list | tuple) else (v,) for p, v in named.items()}
    return {p: _disjoint(p, own.get(p, ("auto",))) for p in probes}


def _disjoint(probe: str, domains: Sequence[Any]) -> tuple[str, ...]:
    """Return the domains, none of which has another in it."""
    wanted = {parameters.one_of(f"domains of {probe!r}", name, DOMAINS) for name in domains}
    for whole in sorted(wanted):
        if twice := wanted & _CONTAINS.get(whole, frozenset()):
            raise parameters.invalid(
                f"domains of {probe!r}: {whole} contains {min(twice)}; "
                "their sum would count it twice"
            )
    if not wanted or ("auto" in wanted and len(wanted) > 1):
        raise parameters.invalid(f"domains of {probe!r} must be auto, or some of the others")
    return tuple(sorted(wanted))
