# SPDX-License-Identifier: Apache-2.0
"""Parses lines of text that meters print, by columns or by a pattern.

Owns where in a line which outlet's values stand, by columns or by a pattern.
Where lines come from is told by the drivers that use it.
"""

from __future__ import annotations

import abc
import collections
import dataclasses
import math
import re
from collections.abc import Iterable
from collections.abc import Mapping
from collections.abc import Sequence
from typing import NamedTuple

_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_OUTLET = re.compile(r"\d{1,4}", re.ASCII)
#: What is longer has lost its end.
_LONGEST = 16_384


class Sample(NamedTuple):
    """What a line says.

    :ivar watts: by outlet, from 1; outlets that say nothing are absent.
    :ivar kwh: their energy counters.
    :ivar timestamp: epoch seconds, where the line tells.
    """

    watts: Mapping[int, float]
    kwh: Mapping[int, float]
    timestamp: float | None = None


class Format(abc.ABC):
    """Where in a line values stand.

    :ivar one_outlet: a line is about one outlet, and a round of them takes several.
    """

    one_outlet = False

    @abc.abstractmethod
    def parse(self, line: str) -> Sample | None:
        """Return what a line says; None if it is no line of this format."""


class Repeat(NamedTuple):
    """Columns of outlets at regular distances: ``first``, then each ``step``.

    :ivar trailing: how many columns at a line's end are no outlet's.
    """

    first: int
    step: int = 1
    trailing: int = 0


@dataclasses.dataclass(frozen=True, kw_only=True)
class Columns(Format):
    """Values between separators; columns count from 1.

    :ivar watts: the column of each outlet's watts, or how they repeat.
    :ivar kwh: the column of each outlet's counter.
    :ivar fields: how many columns a line has; None if that is not known.
    :ivar time: the column with the time, epoch seconds.
    :ivar valid: a column, and what stands there when the line is to be used.
    """

    watts: Mapping[int, int] | Repeat
    kwh: Mapping[int, int] = dataclasses.field(default_factory=dict)
    separator: str = ","
    scale: float = 1.0
    kwh_scale: float = 1.0
    fields: int | None = None
    time: int | None = None
    valid: tuple[int, str] | None = None

    def parse(self, line: str) -> Sample | None:
        """Return what stands in the columns; None if there are too few, or it is not valid."""
        columns = [column.strip() for column in self._split(line)]
        watts = self._columns_of_watts(len(columns))
        least = max([*watts.values(), *self.kwh.values(), self.time or 0], default=0)
        if not watts or len(columns) < least or self.fields not in (None, len(columns)):
            return None
        if not self._is_valid(columns):
            return None
        timestamp = None
        if self.time is not None:
            timestamp = number(columns[self.time - 1])
            if timestamp is None:
                return None
        return Sample(
            _pick(columns, watts, self.scale),
            _pick(columns, self.kwh, self.kwh_scale),
            timestamp,
        )

    def _split(self, line: str) -> list[str]:
        return line.split() if self.separator.isspace() else line.split(self.separator)

    def _columns_of_watts(self, count: int) -> Mapping[int, int]:
        if not isinstance(self.watts, Repeat):
            return self.watts
        first, step, trailing = self.watts
        columns = range(first, count - trailing + 1, step)
        return dict(enumerate(columns, start=1))

    def _is_valid(self, columns: Sequence[str]) -> bool:
        if self.valid is None:
            return True
        column, wanted = self.valid
        return column <= len(columns) and columns[column - 1] == wanted


class Pattern(Format):
    """Values where a regular expression has groups.

    ``w1``, ``w2`` and so on are watts by outlet, ``kwh1`` and so on their
    counters; ``w`` and ``kwh`` are of the outlet that the group ``outlet``
    names, or of outlet 1.

    :raises ValueError: it says what is wrong with the expression.
    """

    def __init__(self, expression: str, scale: float = 1.0, kwh_scale: float = 1.0) -> None:
        try:
            self._expression = re.compile(expression)
        except re.error as exc:
            raise ValueError(f"is not a regular expression: {exc}") from exc
        self._scale, self._kwh_scale = scale, kwh_scale
        groups = self._expression.groupindex.keys()
        strangers = [g for g in groups if not re.fullmatch(r"outlet|(w|kwh)([1-9]\d{0,3})?", g)]
        if strangers:
            raise ValueError(
                f"has a group {strangers[0]!r}; known are w, kwh, outlet, w1, kwh1 ..."
            )
        if not any(group.startswith("w") for group in groups):
            raise ValueError("has no group for watts, as (?P<w>...) or (?P<w1>...)")
        self.one_outlet = "outlet" in groups

    def parse(self, line: str) -> Sample | None:
        """Return what the groups hold; None if the line does not match."""
        match = self._expression.search(line)
        if match is None:
            return None
        found = match.groupdict()
        named = found.pop("outlet", None) if self.one_outlet else "1"
        if named is None or not _OUTLET.fullmatch(named):
            return None
        return Sample(
            _of_kind(found, "w", int(named), self._scale),
            _of_kind(found, "kwh", int(named), self._kwh_scale),
        )


class Splitter:
    """Cuts a stream of bytes into samples; ``dropped`` counts lines that are none.

    :param skip_first: what stands before the first terminator may be the end
        of a line that began before we listened: a smaller number than was meant.
    """

    def __init__(
        self, format_: Format, terminator: bytes = b"\n", skip_first: bool = False
    ) -> None:
        self._format, self._terminator, self._skip = format_, terminator, skip_first
        self._rest = b""
        self.dropped = 0

    def feed(self, data: bytes) -> list[Sample]:
        """Return the samples that these bytes complete."""
        *ended, self._rest = (self._rest + data).split(self._terminator)
        if len(self._rest) > _LONGEST:
            self._rest, self._skip = b"", True
        if ended and self._skip:
            self._skip = False
            del ended[0]
        samples = [self._format.parse(line) for line in map(_text, ended) if not _is_remark(line)]
        self.dropped += samples.count(None)
        return [sample for sample in samples if sample is not None]


def number(text: str | None) -> float | None:
    """Return a finite number; None for what is none, as "nan", "-" or nothing."""
    text = (text or "").strip()
    found = float(text) if _NUMBER.fullmatch(text) else math.nan
    return found if math.isfinite(found) else None


def merge(samples: Iterable[Sample]) -> Sample:
    """Return what several samples say together: mean watts, newest counters and time."""
    watts: collections.defaultdict[int, list[float]] = collections.defaultdict(list)
    kwh: dict[int, float] = {}
    timestamp = None
    for sample in samples:
        for outlet, value in sample.watts.items():
            watts[outlet].append(value)
        kwh.update(sample.kwh)
        timestamp = sample.timestamp if timestamp is None else max(timestamp, sample.timestamp or 0)
    return Sample({o: math.fsum(v) / len(v) for o, v in watts.items()}, kwh, timestamp)


def _pick(columns: Sequence[str], places: Mapping[int, int], scale: float) -> dict[int, float]:
    found = ((outlet, number(columns[place - 1])) for outlet, place in places.items())
    return {outlet: value * scale for outlet, value in found if value is not None}


def _of_kind(
    groups: Mapping[str, str | None], kind: str, named: int, scale: float
) -> dict[int, float]:
    found = {}
    for group, text in groups.items():
        value = number(text)
        if group.rstrip("0123456789") == kind and value is not None:
            found[int(group.removeprefix(kind) or named)] = value * scale
    return found


def _text(line: bytes) -> str:
    return line.decode("latin-1").strip()


def _is_remark(line: str) -> bool:
    return not line or line.startswith("#")


#: What the program ``wattmetre-read`` prints, as documented by those who use it.
PRESETS: Mapping[str, Format] = {
    # Two columns for whoever debugs it, the time, OK, then the watts of each port.
    "wattmetre-read-2": Columns(watts=Repeat(5), time=3, valid=(4, "OK")),
    # The time, whether the frame was whole, three voltages, then amperes and
    # watts of each port, then six columns that are none.
    "wattmetre-read-3": Columns(watts=Repeat(7, 2, 6), time=1, valid=(2, "true")),
}


def names() -> str:
    """Return a list of the known formats, for the documentation."""
    return ", ".join(f"``'{name}'``" for name in PRESETS)
