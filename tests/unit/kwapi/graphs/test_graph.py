# SPDX-License-Identifier: Apache-2.0
"""Graphs show what was measured, are small, and break over no name and no file."""

from __future__ import annotations

import io
import logging
import math
from collections.abc import Iterable
from collections.abc import Sequence
from pathlib import Path
from xml.etree import ElementTree

import pytest
from PIL import Image

from kwapi import exception
from kwapi.graphs import graph
from kwapi.graphs import grouping
from kwapi.graphs import palette
from kwapi.graphs import picture
from kwapi.graphs import sections
from kwapi.history import index
from kwapi.history import layout
from kwapi.history import periods
from tests.unit.kwapi.graphs import probe_files

NOW = 1_700_000_123
_MOST_BYTES_OF_A_PROBE = 12_000
_MOST_BYTES_OF_A_SUM = 24_000
Colour = tuple[int, int, int]


def _wavy(number: int, every_seconds: int = 60) -> probe_files.Samples:
    """Return a day's measurements, different for each probe, noisy at last."""
    base, phase = 80 + 37 * number % 300, number * 0.7
    times = [*range(NOW - 86_400, NOW - 400, every_seconds), *range(NOW - 400, NOW + 1, 2)]
    return [
        (float(when), base * (1.2 + math.sin(when / 9000 + phase) + 0.2 * math.sin(when * phase)))
        for when in times
    ]


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Files of a hundred probes."""
    made = tmp_path_factory.mktemp("rrd")
    probe_files.write(
        made, {f"node-{number}": _wavy(number, 120) for number in range(100)}, heartbeat_seconds=120
    )
    return made


def _states(count: int, wattmeters: int = 4) -> list[index.ProbeState]:
    return [
        index.ProbeState(
            f"node-{number}", NOW, 100.0 + number, None, f"pdu-{number % wattmeters}", 1.0
        )
        for number in range(count)
    ]


def _open(png: bytes) -> Image.Image:
    return Image.open(io.BytesIO(png)).convert("RGB")


def _pixels(shown: Image.Image, row: int, columns: Iterable[int]) -> list[Colour]:
    return [shown.getpixel((column, row)) for column in columns]  # type: ignore[misc]


def _rgb(text: str) -> Colour:
    return int(text[:2], 16), int(text[2:4], 16), int(text[4:6], 16)


def _is_like(pixel: Colour, wanted: Colour, most: int = 24) -> bool:
    return max(abs(one - other) for one, other in zip(pixel, wanted)) <= most


def _texts(svg: bytes) -> int:
    return len(ElementTree.fromstring(svg).findall(".//{http://www.w3.org/2000/svg}use"))


@pytest.mark.parametrize("theme", palette.THEMES)
@pytest.mark.parametrize("period", periods.PERIODS, ids=lambda period: period.name)
def test_graphs_are_small(directory: Path, period: periods.Period, theme: str) -> None:
    """12 kB for a probe, 24 kB for a sum of 100, however they are grouped."""
    grapher = graph.Grapher(probe_files.open_archive(directory, NOW))
    probe = grapher.draw(period, _states(1), theme=theme)
    assert len(probe) < _MOST_BYTES_OF_A_PROBE
    for wattmeters in (1, 4, 20):
        many = grapher.draw(period, _states(100, wattmeters), theme=theme)
        assert len(many) < _MOST_BYTES_OF_A_SUM
        assert _open(many).width > _open(probe).width


def test_graphs_are_small_without_pillow(directory: Path) -> None:
    """Nothing is smoothed then."""
    archive = probe_files.open_archive(directory, NOW)
    for period in periods.PERIODS:
        for count, most in ((1, _MOST_BYTES_OF_A_PROBE), (20, _MOST_BYTES_OF_A_SUM)):
            groups = grouping.group(_states(count), 20)
            plot, summary = archive.summarise(sections.last(period, NOW), groups)
            look = picture.Look("png", palette.THEMES["dark"], "title", "EUR", is_smooth=False)
            [drawn] = archive.ask(picture.compose(look, period, plot, summary, count))
            assert len(drawn) < most


def test_each_band_has_its_colour(directory: Path) -> None:
    """From the bottom up, twenty of them, on a background of the theme's."""
    grapher = graph.Grapher(probe_files.open_archive(directory, NOW))
    for name, theme in palette.THEMES.items():
        shown = _open(grapher.draw(periods.find("day"), _states(20), theme=name))
        colours = {colour for _, colour in shown.getcolors(1 << 16) or []}
        assert len(colours) <= 128
        for band in palette.BANDS:
            assert any(_is_like(one, _rgb(band)) for one in colours)  # type: ignore[arg-type]
        assert _is_like(_pixels(shown, 3, [3])[0], _rgb(theme.background), 4)


def test_a_gap_is_a_gap(tmp_path: Path) -> None:
    """The background is seen where nothing was measured."""
    samples = [
        *probe_files.steady(NOW - 3600, NOW - 2400, 100.0),
        *probe_files.steady(NOW - 1200, NOW, 100.0),
    ]
    probe_files.write(tmp_path, {"node": samples})
    grapher = graph.Grapher(probe_files.open_archive(tmp_path, NOW))
    shown = _open(grapher.draw(periods.find("hour"), probe_files.states(["node"], NOW)))
    white = [_is_like(one, (255, 255, 255), 40) for one in _pixels(shown, 120, range(75, 500))]
    assert 0.25 < sum(white[100:320]) / 425 < 0.40
    assert not any(white[5:100]) and not any(white[330:420])


def test_svg_on_request(directory: Path) -> None:
    """It is one, for both kinds of graph."""
    grapher = graph.Grapher(probe_files.open_archive(directory, NOW))
    for count in (1, 30):
        svg = grapher.draw(periods.find("hour"), _states(count), fmt="svg")
        assert _texts(svg) > 50


def test_no_probes_are_an_empty_frame(tmp_path: Path) -> None:
    """Also before there is a directory."""
    grapher = graph.Grapher(probe_files.open_archive(tmp_path / "absent", NOW))
    drawn = grapher.draw(periods.find("day"), [])
    assert _open(drawn).width > 800
    assert len(drawn) < _MOST_BYTES_OF_A_PROBE


def test_a_probe_without_a_file_is_an_empty_frame(tmp_path: Path) -> None:
    """The index knows it, the file is not there yet."""
    grapher = graph.Grapher(probe_files.open_archive(tmp_path, NOW))
    assert _open(grapher.draw(periods.find("day"), probe_files.states(["node"], NOW)))


def test_a_broken_file_is_left_out(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The others are drawn, and the log names it."""
    caplog.set_level(logging.WARNING)
    ids = [f"node-{number}" for number in range(5)]
    probe_files.write(tmp_path, {one: probe_files.steady(NOW - 300, NOW, 50.0) for one in ids})
    (tmp_path / layout.name_of("node-1")).write_bytes(b"not a file of rrdtool's" * 500)
    (tmp_path / layout.name_of("node-3")).write_bytes(b"")
    grapher = graph.Grapher(probe_files.open_archive(tmp_path, NOW))
    assert _open(grapher.draw(periods.find("minute"), probe_files.states(ids, NOW)))
    assert "node-1.rrd" in caplog.text
    assert "node-3.rrd" in caplog.text


def test_all_files_broken_is_an_error_without_a_path(tmp_path: Path) -> None:
    """A client learns that there is no graph, not where it would be."""
    ids = [f"node-{number}" for number in range(30)]
    for one in ids:
        (tmp_path / layout.name_of(one)).write_bytes(b"no")
    grapher = graph.Grapher(probe_files.open_archive(tmp_path, NOW))
    with pytest.raises(exception.GraphUnavailable) as caught:
        grapher.draw(periods.find("minute"), probe_files.states(ids, NOW))
    assert "rrd" not in str(caught.value)


@pytest.mark.parametrize(
    "name",
    [
        "a:b % \\ \\n 'x' \"y\" %s %lf \\",
        "\u05e9\u05dc\u05d5\u05dd \u05e2\u05d5\u05dc\u05dd",
        "\u202eevil",
        "<b>&amp;</b>",
        "x" * 255,
        "../../etc/passwd",
        "a\nb",
        "\u7535\u8868" * 60,
    ],
)
def test_names_are_only_shown(directory: Path, name: str) -> None:
    """Of a wattmeter in the legend, of anything in the title."""
    states = [
        state._replace(wattmeter=f"{name[:-1]}{number % 3}")
        for number, state in enumerate(_states(40))
    ]
    grapher = graph.Grapher(probe_files.open_archive(directory, NOW))
    usual = _open(grapher.draw(periods.find("hour"), _states(40, wattmeters=3)))
    shown = _open(grapher.draw(periods.find("hour"), states, title=name))
    assert shown.size == usual.size


@pytest.mark.parametrize("probe_id", ["a:b=c,d+e~f@g", "x" * 255, "9.node-1:w"])
def test_ids_of_any_kind(tmp_path: Path, probe_id: str) -> None:
    """As many characters as an id may have, and those that mean something to rrdtool."""
    probe_files.write(tmp_path, {probe_id: probe_files.steady(NOW - 300, NOW, 7.0)})
    grapher = graph.Grapher(probe_files.open_archive(tmp_path, NOW))
    shown = _open(grapher.draw(periods.find("minute"), probe_files.states([probe_id], NOW)))
    row = _pixels(shown, 120, range(80, 500))
    assert not any(_is_like(one, (255, 255, 255), 40) for one in row)


def test_the_sum_ends_where_all_have_spoken(tmp_path: Path) -> None:
    """Else it would seem to fall at its end, whenever one of them is a little behind."""
    archive = probe_files.open_archive(tmp_path, NOW)
    states = [
        *probe_files.states(["a"], NOW - 1),
        *probe_files.states(["b"], NOW - 7),
        *probe_files.states(["silent"], NOW - 4000),
    ]
    assert archive.find_end(states) == NOW - 7
    assert archive.find_end(states[2:]) == NOW
    slow = [state._replace(timestamp=NOW - 500, period_seconds=300.0) for state in states[:1]]
    assert archive.find_end(slow) == NOW - 60


def test_files_are_made_current_before_they_are_read(tmp_path: Path) -> None:
    """Those of the probes that are drawn."""
    flushed: list[Sequence[str]] = []
    probe_files.write(tmp_path, {"a": probe_files.steady(NOW - 300, NOW, 7.0)})
    archive = probe_files.open_archive(tmp_path, NOW, on_flush=flushed.append)
    graph.Grapher(archive).draw(periods.find("minute"), probe_files.states(["a", "new"], NOW))
    assert flushed == [["a"]]
