# SPDX-License-Identifier: Apache-2.0
"""Reads the probes' files for graphs and numbers.

Owns the way from probes and a span of time to what rrdtool sums up, and what
happens to a file that cannot be read: its probe is left out, and the log says so.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from collections.abc import Collection
from collections.abc import Iterable
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from energybase import clock as clocks
from kwapi import exception
from kwapi.graphs import grouping
from kwapi.graphs import sections
from kwapi.graphs import summary as summaries
from kwapi.graphs import syntax
from kwapi.graphs import tariff as tariffs
from kwapi.history import index
from kwapi.history import layout
from kwapi.history import rrdtool as readers

LOG = logging.getLogger(__name__)

#: So many files may turn out broken while they are read; the writer sets them aside.
_MOST_BROKEN = 20
#: However slow the slowest probe is, a graph ends no earlier than this before now.
_MOST_LAG_SECONDS = 60.0
_FILE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._:@+~,=-]*\.rrd")


class Options(NamedTuple):
    """What an operator may set.

    :ivar max_stacked: more bands are not drawn.
    :ivar silent_seconds: a probe that said nothing for so long has no power now.
    """

    max_stacked: int = 20
    silent_seconds: float = 60.0


class Archive:
    """The files of a directory; any thread may use it.

    :param flush: makes the files of these probes current, where something
        stands between writer and files.
    """

    def __init__(
        self,
        directory: Path,
        reader: readers.Reader,
        flush: Callable[[Sequence[str]], None],
        tariff: tariffs.Tariff,
        clock: clocks.Clock,
        options: Options,
    ) -> None:
        self._directory, self._reader, self._flush = directory, reader, flush
        self.tariff, self.clock, self.options = tariff, clock, options

    def is_fresh(self, probe: index.ProbeState) -> bool:
        """Tell whether a probe's last power is its power now."""
        return not is_silent(probe, self.clock.time(), self.options.silent_seconds)

    def find_end(self, probes: Iterable[index.ProbeState]) -> float:
        """Return until when all probes that still speak have spoken, epoch seconds.

        Later than that a sum would lack some of them, and seem to fall.
        """
        now = self.clock.time()
        heard = min((probe.timestamp for probe in probes if self.is_fresh(probe)), default=now)
        return min(max(heard, now - _MOST_LAG_SECONDS), now)

    def summarise(
        self, span: sections.Span, groups: Sequence[grouping.Group]
    ) -> tuple[summaries.Plot, summaries.Summary]:
        """Return what can be shown of groups over a span, and its sums.

        :raises GraphUnavailable: rrdtool cannot read the files, or is away.
        :raises StoreUnavailable: what stands before the files is away.
        """
        groups = self._leave_out(groups, self._find_missing(groups))
        self._flush([probe_id for group in groups for probe_id in group.probe_ids])
        plot = summaries.Plot(span, tuple(groups))
        for _ in range(_MOST_BROKEN):
            try:
                plot = plot._replace(has_extremes=self._has_extremes(plot))
                return plot, self._sum_up(plot)
            except readers.Failed as exc:
                plot = self._do_without(plot, str(exc))
        LOG.error("More than %d files cannot be read", _MOST_BROKEN)
        raise exception.GraphUnavailable()

    def ask(self, *commands: Sequence[str]) -> list[bytes]:
        """Return what rrdtool answers to commands about files that it could read just now.

        :raises GraphUnavailable: it cannot any more, or is away.
        """
        try:
            return self._reader.ask([syntax.line(command) for command in commands])
        except readers.Failed as exc:
            reason = str(exc)
        LOG.error("rrdtool refuses to draw: %s", reason)
        raise exception.GraphUnavailable()

    def _has_extremes(self, plot: summaries.Plot) -> bool:
        """Tell whether it is one probe, of which not only averages are kept.

        rrdtool would not say: it takes the last minutes' averages for want of others.
        """
        if len(plot.groups) != 1 or not plot.groups[0].is_single:
            return False
        name = layout.name_of(plot.groups[0].probe_ids[0])
        [said] = self._reader.ask([syntax.line(["info", name])])
        return b'"MIN"' in said and b'"MAX"' in said

    def _sum_up(self, plot: summaries.Plot) -> summaries.Summary:
        if not plot.groups:
            return plot.read("")
        # Averaged to as many rows as a graph has pixels, unless these are seconds.
        command = ["graphv", "-", "--width", "10", "--start", "1000000000", "--end", "1000000010"]
        [text] = self._reader.ask([syntax.line([*command, *plot.sum_up(self.tariff)])])
        return plot.read(text.decode())

    def _find_missing(self, groups: Iterable[grouping.Group]) -> set[str]:
        return {
            probe_id
            for group in groups
            for probe_id in group.probe_ids
            if not (self._directory / layout.name_of(probe_id)).exists()
        }

    def _do_without(self, plot: summaries.Plot, reason: str) -> summaries.Plot:
        """Return the plot without what rrdtool's refusal is about.

        :raises GraphUnavailable: it is about something else.
        """
        ids = (probe_id for group in plot.groups for probe_id in group.probe_ids)
        named = set(_FILE.findall(reason))
        broken = {probe_id for probe_id in ids if layout.name_of(probe_id) in named}
        LOG.warning("rrdtool cannot read: %s", reason)
        if not broken:
            raise exception.GraphUnavailable()
        return plot._replace(groups=tuple(self._leave_out(plot.groups, broken)))

    @staticmethod
    def _leave_out(
        groups: Iterable[grouping.Group], probe_ids: Collection[str]
    ) -> list[grouping.Group]:
        """Return the groups without some probes; a group without any is none."""
        if not probe_ids:
            return list(groups)
        left = (
            group._replace(probe_ids=tuple(one for one in group.probe_ids if one not in probe_ids))
            for group in groups
        )
        return [group for group in left if group.probe_ids]


def is_silent(probe: index.ProbeState, now: float, silent_seconds: float) -> bool:
    """Tell whether a probe has not been heard of for longer than it should.

    :param silent_seconds: how long a probe that speaks often may be silent.
    """
    return now - probe.timestamp > max(silent_seconds, 3 * (probe.period_seconds or 0.0))
