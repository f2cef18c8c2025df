# SPDX-License-Identifier: Apache-2.0
"""The directory of the probes' files: one writer, and only files that are ours.

Owns making, judging, setting aside and removing files.  What is written into
them is the store's.
"""

from __future__ import annotations

import collections
import fcntl
import logging
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import IO
from typing import NamedTuple

from energybase import clock as clocks
from energybase import exception
from kwapi.history import layout as layouts
from kwapi.history import rrdtool
from kwapi.history import updates

LOG = logging.getLogger(__name__)

_LOCK = ".lock"
_BROKEN = ".broken-"
_LEAST_FREE_BYTES = 1 << 20
_HEAD_BYTES = 8192
#: Who measures later than that is refused before; a file that ends there would take nothing.
_MOST_AHEAD_SECONDS = 86_400
#: Faults of the machine, not of a file.
_OUTAGE = re.compile(
    r"No space left|quota exceeded|Read-only file system|Input/output error|could not lock"
    r"|Too many open files|Cannot allocate memory|File too large|temporary file|Stale file",
    re.IGNORECASE,
)


class Wanted(NamedTuple):
    """A file that is about to be written to.

    :ivar timestamp: of what is to be written first, epoch seconds.
    :ivar heartbeat_seconds: longer between two measurements is a gap.
    """

    timestamp: float
    heartbeat_seconds: int


class Files:
    """One directory's files, by name.

    :ivar counts: files ``made``, ``broken`` and ``removed`` since the start.
    """

    def __init__(
        self,
        directory: Path,
        layout: layouts.Layout,
        tool: rrdtool.Pipe,
        way: updates.Way,
        clock: clocks.Clock,
    ) -> None:
        """Prepare.

        :param tool: rrdtool, in this directory; ``way`` is how values get there.
        """
        self._directory, self._layout, self._tool = directory, layout, tool
        self._way, self._clock = way, clock
        self._lock: IO[bytes] | None = None
        self.counts: collections.Counter[str] = collections.Counter()

    def hold(self) -> bool:
        """Be the directory's only writer; return whether it is as we left it.

        :raises StoreUnavailable: another writes there, or there can be no such directory.
        """
        path = self._directory / _LOCK
        if self._lock is not None and _is_same(self._lock, path):
            return True
        # Whoever removed it has removed all else.
        self.close()
        try:
            self._directory.mkdir(parents=True, exist_ok=True)
            held = open(path, "ab")  # noqa: SIM115  # open for as long as it is held
        except OSError as exc:
            raise exception.StoreUnavailable(reason=str(exc)) from exc
        try:
            # Not flock: that one our children would hold too, after we ended.
            fcntl.lockf(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as exc:
            held.close()
            reason = f"another process writes to {self._directory}"
            raise exception.StoreUnavailable(reason=reason) from exc
        self._lock = held
        return False

    def close(self) -> None:
        """Let others write."""
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def open(self, wanted: Mapping[str, Wanted]) -> dict[str, layouts.Known]:
        """Return what is known of each file.

        Those that are missing are made; what is no file of ours is set aside,
        and made anew.

        :raises StoreUnavailable: it is not the files' fault that they cannot be.
        """
        found = [name for name in wanted if os.path.lexists(self._directory / name)]
        self._way.flush(found)
        answers = self._tool.run([f"info {name}" for name in found])
        opened: dict[str, layouts.Known] = {}
        tuning: list[str] = []
        for name, answer in zip(found, answers, strict=True):
            known = self._judge(name, answer)
            if known is None:
                continue
            opened[name] = known
            heartbeat_seconds = wanted[name].heartbeat_seconds
            if known.heartbeat_seconds != heartbeat_seconds:
                tuning.append(f"tune {name} -h w:{heartbeat_seconds}")
        for answer in self._tool.run(tuning):
            require_machine(answer.error or "")
        missing = {name: wanted[name] for name in wanted if name not in opened}
        return opened | self._make(missing)

    def set_aside(self, name: str, reason: str) -> None:
        """Have a file out of the way, loudly.

        :raises StoreUnavailable: the directory cannot be changed.
        """
        path = self._directory / name
        aside = self._directory / f"{name}{_BROKEN}{self._clock.time():.0f}"
        try:
            if _is_full(self._directory):
                raise exception.StoreUnavailable(reason=f"the disk of {self._directory} is full")
            self._way.forget([name])
            os.rename(path, aside)
        except OSError as exc:
            raise exception.StoreUnavailable(reason=str(exc)) from exc
        self.counts["broken"] += 1
        LOG.error("%s is set aside as %s and begun anew: %s", path, aside.name, reason)

    def remove(self, before: float) -> set[str]:
        """Remove every file that was last written before then, epoch seconds; return the names.

        :raises StoreUnavailable: the directory cannot be changed.
        """
        try:
            with os.scandir(self._directory) as entries:
                old = {e.name for e in entries if _is_ours(e.name) and _written_at(e) < before}
            if old:
                self._way.forget(old)
            for name in old:
                os.unlink(self._directory / name)
        except OSError as exc:
            raise exception.StoreUnavailable(reason=str(exc)) from exc
        self.counts["removed"] += len(old)
        return old

    def _judge(self, name: str, answer: rrdtool.Answer) -> layouts.Known | None:
        """Return what a file is, None if it had to be set aside."""
        try:
            if answer.error is not None:
                raise ValueError(answer.error)
            with open(self._directory / name, "rb") as file:
                head = file.read(_HEAD_BYTES)
            return layouts.judge(answer.text, head, self._clock.time() + _MOST_AHEAD_SECONDS)
        except (ValueError, OSError) as exc:
            fault = str(exc)
        require_machine(fault)
        self.set_aside(name, fault)
        return None

    def _make(self, missing: Mapping[str, Wanted]) -> dict[str, layouts.Known]:
        commands = [
            self._layout.create(name, first.timestamp, first.heartbeat_seconds)
            for name, first in missing.items()
        ]
        for answer in self._tool.run(commands):
            if answer.error is not None:
                raise exception.StoreUnavailable(reason=answer.error)
        for name in missing:
            # rrdtool does not say so when the disk is full.
            if not os.path.exists(self._directory / name):
                reason = f"{self._directory / name} could not be made; is the disk full?"
                raise exception.StoreUnavailable(reason=reason)
        self.counts["made"] += len(commands)
        return {
            name: layouts.Known(
                layouts.begin_of(first.timestamp) * layouts.MICROSECONDS, first.heartbeat_seconds
            )
            for name, first in missing.items()
        }


def require_machine(fault: str) -> None:
    """Return if a fault is a file's own.

    :raises StoreUnavailable: it is the machine's, and setting files aside would not help.
    """
    if _OUTAGE.search(fault):
        raise exception.StoreUnavailable(reason=fault)


def _is_same(held: IO[bytes], path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(held.fileno()), os.stat(path))
    except OSError:
        return False


def _is_full(directory: Path) -> bool:
    # rrdtool writes through memory, and a full disk ends it without a word.
    status = os.statvfs(directory)
    return status.f_bavail * status.f_frsize < _LEAST_FREE_BYTES


def _is_ours(name: str) -> bool:
    return name.endswith(layouts.SUFFIX) or f"{layouts.SUFFIX}{_BROKEN}" in name


def _written_at(entry: os.DirEntry[str]) -> float:
    return entry.stat(follow_symlinks=False).st_mtime
