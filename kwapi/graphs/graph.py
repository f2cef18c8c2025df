# SPDX-License-Identifier: Apache-2.0
"""Draws a graph of power from probes and a period.

Owns the order of things: sum up, fit a scale, draw.  How it looks is
:mod:`kwapi.graphs.picture`'s; how often it is drawn, :mod:`kwapi.graphs.views`'.
"""

from __future__ import annotations

from collections.abc import Sequence

from kwapi.graphs import archive as archives
from kwapi.graphs import grouping
from kwapi.graphs import palette
from kwapi.graphs import picture
from kwapi.graphs import sections
from kwapi.graphs import shrink
from kwapi.history import index
from kwapi.history import periods


class Grapher:
    """Draws; any thread may ask."""

    def __init__(self, archive: archives.Archive) -> None:
        self._archive = archive

    def draw(
        self,
        period: periods.Period,
        probes: Sequence[index.ProbeState],
        *,
        fmt: str = "png",
        theme: str = "light",
        title: str | None = None,
    ) -> bytes:
        """Return a picture of the probes' power over the period that ends now.

        One probe is drawn with the range in which its power was; several are
        stacked, too many of them in groups.  Without any it is an empty frame.

        :param fmt: ``png`` or ``svg``.
        :param theme: ``light`` or ``dark``.
        :param title: the probe's id or the number of probes if not given.
        :raises GraphUnavailable: rrdtool cannot read the files, or is away.
        :raises StoreUnavailable: what stands before the files is away.
        """
        archive = self._archive
        span = sections.last(period, archive.find_end(probes))
        groups = grouping.group(probes, archive.options.max_stacked)
        plot, summary = archive.summarise(span, groups)
        look = picture.Look(
            fmt,
            palette.THEMES[theme],
            f"{_name(probes) if title is None else title} \N{MIDDLE DOT} last {period.label}",
            archive.tariff.currency,
            is_smooth=fmt != "png" or shrink.is_possible(),
        )
        [drawn] = archive.ask(picture.compose(look, period, plot, summary, len(probes)))
        return shrink.shrink(drawn) if fmt == "png" and look.is_smooth else drawn


def _name(probes: Sequence[index.ProbeState]) -> str:
    return probes[0].probe_id if len(probes) == 1 else f"{len(probes)} probes"
