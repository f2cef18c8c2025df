# SPDX-License-Identifier: Apache-2.0
"""Composes rrdtool's arguments for a graph: frame, areas and legend.

Pure.  Owns sizes, fonts and the order of things; where the values come from is
:mod:`kwapi.graphs.summary`'s.
"""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Sequence
from typing import NamedTuple

from kwapi.graphs import grouping
from kwapi.graphs import palette
from kwapi.graphs import scale as scales
from kwapi.graphs import sections
from kwapi.graphs import summary as summaries
from kwapi.graphs import syntax
from kwapi.history import periods

_SANS, _MONO = "DejaVu Sans", "DejaVu Sans Mono"
_TRANSPARENT = "00000000"
#: Of the range between the least and the most within a row; and of a single probe's area.
_RANGE_ALPHA, _AREA_ALPHA = "40", "59"
#: Vertical lines: small, large, labels, how far a label's time reaches, and its form.
_TIME_LINES = {
    "minute": "SECOND:15:MINUTE:1:MINUTE:1:0:%H:%M",
    "hour": "MINUTE:5:MINUTE:10:MINUTE:10:0:%H:%M",
    "day": "HOUR:1:HOUR:4:HOUR:4:0:%H:%M",
    "week": "HOUR:6:DAY:1:DAY:1:86400:%a %d",
    "month": "DAY:1:WEEK:1:WEEK:1:0:%d %b",
    "year": "MONTH:1:MONTH:1:MONTH:1:2592000:%b",
}


class Size(NamedTuple):
    """Of the space within the axes, in pixels; and of the title, in characters."""

    width: int
    height: int
    title: int


PROBE = Size(440, 150, 55)
SUM = Size(820, 260, 100)
_COLUMNS = 4
_NAME_WIDTH = 16


class Look(NamedTuple):
    """What a viewer may choose.

    :ivar fmt: ``png`` or ``svg``.
    :ivar is_smooth: edges are; else the picture has few colours.
    """

    fmt: str
    theme: palette.Theme
    title: str
    currency: str
    is_smooth: bool = True


def compose(
    look: Look,
    period: periods.Period,
    plot: summaries.Plot,
    summary: summaries.Summary,
    probes: int,
) -> list[str]:
    """Return the command that draws.

    :param probes: how many it is to show; a file may be missing.
    """
    size = PROBE if probes == 1 else SUM
    seen = plot._replace(span=plot.span.visible(size.width))
    scale = scales.fit(summary.max)
    return [
        "graphv",
        "-",
        *_frame(look, plot.span, period, scale, size),
        *([] if plot.groups else ["--y-grid", "none"]),
        *seen.define(),
        *_fill(look, seen, summary, probes),
    ]


def _fill(
    look: Look, plot: summaries.Plot, summary: summaries.Summary, probes: int
) -> Iterator[str]:
    if not plot.groups:
        yield f"HRULE:0#{_TRANSPARENT}"
        yield _comment("No measurements yet" if probes == 0 else "No values are kept for this time")
    elif probes == 1:
        yield from _draw_probe(plot)
        yield from _tell_probe(summary, look.currency)
    else:
        yield from _draw_stack(plot, look.theme)
        yield from _tell_stack(plot.groups, summary, look)


def _frame(
    look: Look, span: sections.Span, period: periods.Period, scale: scales.Scale, size: Size
) -> list[str]:
    """Return all that surrounds the areas."""
    theme = look.theme
    colours = {
        "BACK": theme.background,
        "CANVAS": theme.background,
        "FONT": theme.text,
        "GRID": theme.grid,
        "MGRID": theme.major_grid,
        "AXIS": theme.axis,
        "FRAME": _TRANSPARENT,
        "ARROW": _TRANSPARENT,
        "SHADEA": theme.background,
        "SHADEB": theme.background,
    }
    exponent = round(len(f"{scale.unit_watts:.0f}") - 1)
    labels = f"%.{scale.digits}lf {scale.unit}"
    options = {
        "imgformat": look.fmt.upper(),
        "width": f"{size.width}",
        "height": f"{size.height}",
        "start": f"{span.start}",
        "end": f"{span.end}",
        "title": syntax.isolate(syntax.shorten(syntax.clean(look.title), size.title)),
        "lower-limit": "0",
        "upper-limit": f"{scale.top_watts:.12g}",
        "y-grid": f"{scale.line_watts:.12g}:1",
        "x-grid": _TIME_LINES[period.name],
        "units-exponent": f"{exponent}",
        "left-axis-format": labels,
        "border": "0",
        "font-render-mode": "normal" if look.is_smooth else "mono",
        "graph-render-mode": "normal" if look.is_smooth else "mono",
        "units-length": "8",
    }
    fonts = (f"TITLE:11:{_SANS}", f"AXIS:8:{_SANS}", f"LEGEND:8:{_MONO}", f"UNIT:8:{_SANS}")
    arguments = [word for name, value in options.items() for word in (f"--{name}", value)]
    arguments += [
        word for name, value in colours.items() for word in ("--color", f"{name}#{value}")
    ]
    arguments += [word for font in fonts for word in ("--font", font)]
    return [*arguments, "--rigid", "--disable-rrdtool-tag", "--dynamic-labels"]


def _draw_probe(plot: summaries.Plot) -> Iterator[str]:
    """Yield one probe: its power, and around it what it reached within a row."""
    colour = palette.colour(0)
    for number in range(len(plot.span.shown)):
        yield f"AREA:t{number}#{colour}{_AREA_ALPHA}"
        if plot.has_extremes:
            yield f"CDEF:r{number}=h{number},l{number},-"
            yield f"LINE:l{number}"
            yield f"AREA:r{number}#{colour}{_RANGE_ALPHA}::STACK"
    for number in range(len(plot.span.shown)):
        yield f"LINE1.5:t{number}#{colour}"


def _draw_stack(plot: summaries.Plot, theme: palette.Theme) -> Iterator[str]:
    """Yield one band for each group, and the total above them all."""
    for number in range(len(plot.span.shown)):
        for g, group in enumerate(plot.groups):
            colour = palette.colour(g, is_rest=group.is_rest)
            yield f"AREA:a{number}_{g}#{colour}" + ("::STACK" if g else "")
    for number in range(len(plot.span.shown)):
        yield f"LINE1:t{number}#{theme.total}"


def _tell_probe(summary: summaries.Summary, currency: str) -> Iterator[str]:
    """Yield the legend of one probe: two lines."""
    facts = _write(summary, currency)
    yield _comment("  ".join(f"{name} {value}" for name, value in facts[:4]))
    yield _comment("  ".join(f"{name} {value}" for name, value in facts[4:]))


def _tell_stack(
    groups: Sequence[grouping.Group], summary: summaries.Summary, look: Look
) -> Iterator[str]:
    """Yield the legend of a stack: the total, then each band with its last power."""
    yield "CDEF:none=t0,POP,UNKN"
    facts = "Total   " + "   ".join(
        f"{name} {value}" for name, value in _write(summary, look.currency)
    )
    yield f"AREA:none#{look.theme.total}:{syntax.escape(syntax.clean(facts))}\\l"
    for g, group in enumerate(groups):
        count = "" if group.is_single else f" ({len(group.probe_ids)})"
        name = syntax.show(group.name, _NAME_WIDTH - len(count)) + count
        power = f"{scales.write_power(summary.groups[g]):>8}"
        is_last = g == len(groups) - 1 or g % _COLUMNS == _COLUMNS - 1
        colour = palette.colour(g, is_rest=group.is_rest)
        yield f"AREA:none#{colour}:{name} {power}" + ("\\l" if is_last else "  ")


def _write(summary: summaries.Summary, currency: str) -> list[tuple[str, str]]:
    return [
        ("Minimum", scales.write_power(summary.min)),
        ("Average", scales.write_power(summary.average)),
        ("Maximum", scales.write_power(summary.max)),
        ("Last", scales.write_power(summary.last)),
        ("Energy", scales.write_energy(summary.kwh)),
        ("Cost", scales.write_cost(summary.cost, currency)),
    ]


def _comment(text: str) -> str:
    return f"COMMENT:{syntax.escape(syntax.clean(text))}\\l"
