# SPDX-License-Identifier: Apache-2.0
"""Tries every wattmeter of a configuration once, and reports the result of each.

Owns the trying, many at once and none for ever, and the table that a
technician acts on.  How a device is read is its driver's; what a section may
say :mod:`kwapi.drivers.configuration`'s.

Nothing is published, and nothing is started that would go on: ``open``,
``read`` and ``close`` are called on threads of this module.
"""

from __future__ import annotations

import collections
import logging
import queue
import threading
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any
from typing import NamedTuple

from energybase import clock as clocks
from kwapi import exception
from kwapi import measurement
from kwapi.drivers import configuration
from kwapi.drivers import driver
from kwapi.drivers import manager
from kwapi.drivers import plugin

_HIDDEN = "***"
_LONGEST_SECOND_TRY_SECONDS = 10.0
_HEADINGS = ("SECTION", "DRIVER", "DEVICE", "PROBES", "WATTS", "RESULT")
_WIDEST_COLUMN = 40
_MOST_NAMES = 5


class Limits(NamedTuple):
    """How hard to try.

    :ivar at_once: wattmeters that are tried at the same time.
    :ivar patience_seconds: after which a try is given up.
    """

    at_once: int = 32
    patience_seconds: float = 60.0


class Finding(NamedTuple):
    """What became of one wattmeter.

    :ivar where: file and line of its section.
    :ivar device: what the device says it is.
    :ivar expected: how many probes are configured.
    :ivar missing: those that did not answer.
    :ivar watts: sum over those that did; None if none did.
    :ivar problem: why it could not be read.
    :ivar remarks: what its driver warned of.
    """

    wattmeter: str
    driver: str
    where: str
    device: str = ""
    expected: int = 0
    missing: tuple[str, ...] = ()
    watts: float | None = None
    problem: str = ""
    remarks: tuple[str, ...] = ()

    @property
    def is_good(self) -> bool:
        """Whether everything answered."""
        return not self.problem and not self.missing


Build = Callable[..., driver.Driver]


def check(
    config: configuration.Configuration,
    limits: Limits | None = None,
    progress: Callable[[int, int], None] = lambda _done, _all: None,
    clock: clocks.Clock | None = None,
    build: Build = manager.build_driver,
) -> list[Finding]:
    """Return what became of each section, by name.

    :param progress: takes how many are done, of how many.
    :param build: returns the driver of a wattmeter.
    """
    trial = _Trial(clock or clocks.Clock(), build)
    findings = [
        Finding(name, "", "", problem=str(mistake)) for name, mistake in config.mistakes.items()
    ]
    total = len(findings) + len(config.wattmeters)
    with _Remarks() as remarks:
        for finding in trial.run(config.wattmeters.values(), limits or Limits()):
            findings.append(_clean(finding, config.wattmeters[finding.wattmeter], remarks))
            progress(len(findings), total)
    return sorted(findings)


def render(findings: Iterable[Finding]) -> Iterator[str]:
    """Yield the lines of the table, and a summary."""
    findings = list(findings)
    rows: list[tuple[str, ...]] = [_HEADINGS, *map(_row, findings)]
    widths = [
        min(_WIDEST_COLUMN, max(len(row[column]) for row in rows))
        for column in range(len(_HEADINGS) - 1)
    ]
    for row in rows:
        cells = (_fit(cell, width) for cell, width in zip(row, widths))
        yield "  ".join((*cells, row[-1])).rstrip()
    good = sum(finding.is_good for finding in findings)
    yield ""
    yield f"{good} of {len(findings)} wattmeters answered in full."


class _Trial:
    """Tries wattmeters on threads, and replaces those that do not come back."""

    def __init__(self, clock: clocks.Clock, build: Build) -> None:
        self._clock, self._build = clock, build
        self._waiting: collections.deque[configuration.Wattmeter] = collections.deque()
        self._began: dict[str, float] = {}
        self._done: queue.SimpleQueue[Finding] = queue.SimpleQueue()

    def run(
        self, wattmeters: Iterable[configuration.Wattmeter], limits: Limits
    ) -> Iterator[Finding]:
        """Yield each finding as it comes."""
        self._waiting.extend(wattmeters)
        left = {wattmeter.name: wattmeter for wattmeter in self._waiting}
        for _ in range(min(limits.at_once, len(left))):
            self._start_worker()
        while left:
            try:
                finding = self._done.get(timeout=0.2)
            except queue.Empty:
                pass
            else:
                if left.pop(finding.wattmeter, None):  # else it was given up
                    yield finding
            for name in self._overdue(left, limits.patience_seconds):
                self._start_worker()
                yield _refuse(left.pop(name), f"no answer within {limits.patience_seconds:g} s")

    def _overdue(self, left: Mapping[str, Any], patience_seconds: float) -> list[str]:
        since = self._clock.monotonic() - patience_seconds
        return [
            name for name, began in self._began.copy().items() if name in left and began < since
        ]

    def _start_worker(self) -> None:
        # A daemon: one that hangs must not hold up the end of the process.
        threading.Thread(target=self._work, name="check", daemon=True).start()

    def _work(self) -> None:
        while self._waiting:
            try:
                wattmeter = self._waiting.popleft()
            except IndexError:
                return
            self._began[wattmeter.name] = self._clock.monotonic()
            self._done.put(self._try(wattmeter))

    def _try(self, wattmeter: configuration.Wattmeter) -> Finding:
        threading.current_thread().name = wattmeter.name
        try:
            made = self._build(wattmeter, _ignore, driver.Retry(), self._clock)
        except Exception as exc:  # a driver may fail in any way; it is this wattmeter's problem
            return _refuse(wattmeter, _say(exc))
        try:
            made.open()
            return _take(wattmeter, made, self._read(made))
        except Exception as exc:
            return _refuse(wattmeter, _say(exc), made.device)
        finally:
            _close(made)

    def _read(self, made: driver.Driver) -> Mapping[str, measurement.Measurement]:
        answer = made.read()
        if not answer and any(made.probes):
            # Some measure the difference to the reading before, some wait to be told.
            pause = min(made.period_seconds, _LONGEST_SECOND_TRY_SECONDS)
            self._clock.wait(threading.Event(), pause)
            answer = made.read()
        return answer


class _Remarks(logging.Handler):
    """Keeps what drivers warn of, by the thread they run on, instead of logging it."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self._messages: dict[str, list[str]] = collections.defaultdict(list)
        # Stevedore says itself, too, that it found no driver of a name.
        self._loggers = [logging.getLogger(name) for name in ("kwapi.drivers", "stevedore")]

    def emit(self, record: logging.LogRecord) -> None:
        if record.name.startswith("kwapi."):
            name = record.threadName or ""
            self._messages[name].append(record.getMessage().removeprefix(f"{name}: "))

    def of(self, wattmeter: str) -> tuple[str, ...]:
        return tuple(self._messages[wattmeter])

    def __enter__(self) -> _Remarks:
        for logger in self._loggers:
            logger.addHandler(self)
            logger.propagate = False
        return self

    def __exit__(self, *_: object) -> None:
        for logger in self._loggers:
            logger.removeHandler(self)
            logger.propagate = True


def _ignore(_reading: measurement.Reading) -> None:
    """A reading is shown, not published."""


def _close(made: driver.Driver) -> None:
    try:
        made.close()
    except Exception:
        logging.getLogger(__name__).warning("closing failed", exc_info=True)


def _say(exc: Exception) -> str:
    return (
        str(exc) if isinstance(exc, exception.EnergyException) else f"{type(exc).__name__}: {exc}"
    )


def _expected(wattmeter: configuration.Wattmeter) -> tuple[str, ...]:
    return tuple(dict.fromkeys(probe for probe in wattmeter.probes if probe is not None))


def _refuse(wattmeter: configuration.Wattmeter, problem: str, device: str | None = None) -> Finding:
    probes = _expected(wattmeter)
    return Finding(
        wattmeter.name,
        wattmeter.driver,
        wattmeter.where,
        device or "",
        len(probes),
        probes,
        problem=problem,
    )


def _take(
    wattmeter: configuration.Wattmeter,
    made: driver.Driver,
    answer: Mapping[str, measurement.Measurement],
) -> Finding:
    probes = _expected(wattmeter)
    answered = [probe for probe in probes if probe in answer]
    return Finding(
        wattmeter.name,
        wattmeter.driver,
        wattmeter.where,
        made.device or "",
        len(probes),
        tuple(probe for probe in probes if probe not in answer),
        sum(answer[probe].watts for probe in answered) if answered else None,
    )


def _clean(finding: Finding, wattmeter: configuration.Wattmeter, remarks: _Remarks) -> Finding:
    """Return the finding with its remarks, and without line breaks or secrets."""
    hidden = plugin.find_secrets(wattmeter)

    def clean(text: str) -> str:
        for secret in hidden:
            text = text.replace(secret, _HIDDEN)
        return " ".join("".join(c if c.isprintable() else " " for c in text).split())

    return finding._replace(
        device=clean(finding.device),
        problem=clean(finding.problem),
        remarks=tuple(map(clean, remarks.of(finding.wattmeter))),
    )


def _row(finding: Finding) -> tuple[str, ...]:
    answered = finding.expected - len(finding.missing)
    return (
        finding.wattmeter,
        finding.driver,
        finding.device,
        f"{answered}/{finding.expected}" if finding.driver else "",
        "" if finding.watts is None else f"{finding.watts:.1f}",
        _result(finding),
    )


def _result(finding: Finding) -> str:
    """Return what is wrong and where; ok if nothing is."""
    remarks = "; ".join(finding.remarks)
    where = finding.where.partition(", section")[0]
    if finding.problem:
        # The section has a column of its own.
        text = finding.problem.replace(finding.where, where) if where else finding.problem
        if where not in text:
            text = f"{where}: {text}"
        return f"{text}; {remarks}" if remarks else text
    if finding.missing:
        text = f"{where}: no measurement for {_names(finding.missing)}"
        return f"{text}; {remarks}" if remarks else text
    return f"ok; {remarks}" if remarks else "ok"


def _names(probes: Sequence[str]) -> str:
    shown = ", ".join(probes[:_MOST_NAMES])
    more = len(probes) - _MOST_NAMES
    return f"{shown} and {more} more" if more > 0 else shown


def _fit(text: str, width: int) -> str:
    return text.ljust(width) if len(text) <= width else f"{text[: width - 3]}..."
