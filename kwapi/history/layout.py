# SPDX-License-Identifier: Apache-2.0
"""The name and the contents of a probe's RRD file.

Owns the one data source ``w`` and its archives, pure: it makes rrdtool's
arguments and judges what rrdtool says of a file.  Who runs it is the store.
"""

from __future__ import annotations

import collections
import hashlib
import itertools
import math
import re
import struct
from collections.abc import Mapping
from typing import NamedTuple

from kwapi import exception
from kwapi import measurement
from kwapi.history import periods

CONSOLIDATIONS = ("AVERAGE", "MIN", "MAX")
SUFFIX = ".rrd"
MICROSECONDS = 1_000_000
#: Leaves room for ``.broken-<time>`` in the 255 bytes of a file's name.
_MOST_CHARACTERS = 200
#: A slow device may take three of its own periods, as in the collector.
_PERIODS_OF_SILENCE = 3
#: Part of a row that may be unknown.
_UNKNOWN_PART = 0.5
#: In a file: the time of the last value, seconds and microseconds; after it
#: what is being consolidated, of the source, of each archive, and their rows.
_LAST = struct.Struct("@ll")
_AFTER_LAST_BYTES = 112
_AFTER_LAST_EACH_BYTES = 80 + struct.calcsize("@l")
_NUMBER = re.compile(r"[0-9.]+(?:e[-+]?[0-9]+)?")
_FACT = re.compile(
    r"^(step|last_update|header_size|ds\[.*?\]\.\w+|rra\[\d+\]\.\w+) = (.*)$", re.MULTILINE
)


class Layout(NamedTuple):
    """How new files are made.

    :ivar max_gap_seconds: longer without a measurement is shown as a gap.
    """

    max_gap_seconds: float = 60.0
    consolidations: tuple[str, ...] = CONSOLIDATIONS

    def heartbeat_seconds(self, period_seconds: float | None) -> int:
        """Return how long a probe that is measured so often may say nothing."""
        slow_seconds = _PERIODS_OF_SILENCE * (period_seconds or 0.0)
        return math.ceil(max(self.max_gap_seconds, slow_seconds))

    def create(self, name: str, timestamp: float, heartbeat_seconds: int) -> str:
        """Return the command that makes a file which begins just before a measurement."""
        archives = (
            f"RRA:{consolidation}:{_UNKNOWN_PART}:{period.step_seconds}:{period.rows}"
            for consolidation, period in itertools.product(self.consolidations, periods.PERIODS)
        )
        source = f"DS:w:GAUGE:{heartbeat_seconds}:0:U"
        return f"create {name} -O -s 1 -b {begin_of(timestamp)} {source} {' '.join(archives)}"


DEFAULT = Layout()


class Known(NamedTuple):
    """What is known of a file.

    :ivar last_us: the time of its last value, epoch microseconds.
    :ivar heartbeat_seconds: longer between two values is a gap.
    :ivar watts: that last value; None if there is none.
    """

    last_us: int
    heartbeat_seconds: int
    watts: float | None = None


def begin_of(timestamp: float) -> int:
    """Return where the second begins that a moment is in, or ends; epoch seconds."""
    return math.ceil(timestamp) - 1


def name_of(probe_id: str) -> str:
    """Return the name of a probe's file.

    That is the probe's id wherever it is short enough, and a digest of it
    otherwise, after a character that no id begins with.

    :raises ProbeNotFound: no probe can be called that, so none has a file.
    """
    if not measurement.PROBE_ID.fullmatch(probe_id):
        raise exception.ProbeNotFound(probe_id=repr(probe_id)[:300])
    if len(probe_id) > _MOST_CHARACTERS:
        return f"_{hashlib.sha256(probe_id.encode()).hexdigest()}{SUFFIX}"
    return f"{probe_id}{SUFFIX}"


def judge(info: str, head: bytes, latest: float) -> Known:
    """Return what is known of a file, if it is one of ours.

    :param info: what ``rrdtool info`` says of it.
    :param head: how it begins, all but the values.
    :param latest: no value of its can be later, epoch seconds.
    :raises ValueError: it is not; why.
    """
    facts = collections.defaultdict(str, _FACT.findall(info))
    sources = {name for name in facts if name.startswith("ds[")}
    if facts["step"] != "1":
        raise ValueError(f"its step is {facts['step'] or 'unknown'}, not 1")
    if any(not name.startswith("ds[w].") for name in sources) or facts["ds[w].index"] != "0":
        raise ValueError("its data source is not w")
    if facts["ds[w].type"] != '"GAUGE"':
        raise ValueError("its data source is no gauge")
    missing = [
        period.name for period in periods.PERIODS if period.step_seconds not in _steps(facts)
    ]
    if missing:
        raise ValueError(f"it keeps no averages for {', '.join(missing)}")
    last_update = int(facts["last_update"])
    if last_update > latest:
        raise ValueError(f"its last value is of {last_update}, in the future")
    last = facts["ds[w].last_ds"].strip('"')
    watts = float(last) if _NUMBER.fullmatch(last) else None
    heartbeat_seconds = int(facts["ds[w].minimal_heartbeat"])
    return Known(_find_last_us(facts, head, last_update), heartbeat_seconds, watts)


def _find_last_us(facts: Mapping[str, str], head: bytes, last_update: int) -> int:
    """Return the time of the last value, epoch microseconds.

    ``rrdtool info`` tells whole seconds.  The rest is needed all the same:
    rrdcached drops all that it has of a file if one value is not newer.
    """
    archives = sum(name.endswith(".cf") for name in facts)
    after = _AFTER_LAST_BYTES + archives * _AFTER_LAST_EACH_BYTES
    place = int(facts["header_size"]) - after - _LAST.size
    if 0 <= place <= len(head) - _LAST.size:
        seconds, microseconds = _LAST.unpack_from(head, place)
        if seconds == last_update and 0 <= microseconds < MICROSECONDS:
            return last_update * MICROSECONDS + int(microseconds)
    # Laid out for another machine; nothing of that second is written any more.
    return (last_update + 1) * MICROSECONDS - 1


def _steps(facts: Mapping[str, str]) -> set[int]:
    """Return the resolutions in which averages are kept.

    :raises ValueError: an archive points outside of itself.
    """
    steps: set[int] = set()
    for number in itertools.takewhile(lambda n: f"rra[{n}].cf" in facts, itertools.count()):
        archive = f"rra[{number}]"
        rows, row = int(facts[f"{archive}.rows"]), int(facts[f"{archive}.cur_row"])
        if not 0 <= row < rows:
            raise ValueError(f"{archive} is at row {row} of {rows}")
        if facts[f"{archive}.cf"] == '"AVERAGE"':
            steps.add(int(facts[f"{archive}.pdp_per_row"]))
    return steps
