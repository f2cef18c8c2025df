# SPDX-License-Identifier: Apache-2.0
"""Numbers are those sent: beside ``rrdtool fetch``, an average and Kwapi's own kWh."""

from __future__ import annotations

import datetime
import math
import tempfile
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest
from hypothesis import strategies as st

from kwapi.graphs import sections
from kwapi.graphs import series
from kwapi.history import periods
from kwapi.store import record
from tests import depth
from tests.unit.kwapi.graphs import probe_files

NOW = 1_700_000_123
_KEPT = {"minute": 300, "hour": 3600, "day": 86_400}


def _integrate(samples: probe_files.Samples, start: float, end: float) -> float:
    """Return Kwapi's kWh between two moments: the collector's, of the measurements in between."""
    limits = record.Limits(max_gap_seconds=60.0)
    inside = [sample for sample in samples if start <= sample[0] <= end]
    if not inside:
        return 0.0
    kept = record.Record.first("node", limits, *inside[0])
    assert kept is not None
    for when, watts in inside[1:]:
        kept.add(limits, when, watts)
    return kept.kwh


@st.composite
def _samples(draw: st.DrawFn, gaps: bool) -> tuple[str, probe_files.Samples, int]:
    """Return a period, measurements that fill it, and how many gaps they have."""
    period = draw(st.sampled_from(["minute", "hour"]))
    every = draw(st.sampled_from([1, 2, 3] if period == "minute" else [2, 5, 10, 20]))
    base = draw(st.floats(20, 2000))
    swing = draw(st.floats(0, 0.9))
    phase = draw(st.floats(0, 6))
    start, end = NOW - _KEPT[period] - 40, NOW
    cuts = draw(st.lists(st.floats(0, 1), min_size=1, max_size=3)) if gaps else []
    holes = [(start + cut * (end - start), draw(st.floats(70, 400))) for cut in cuts]
    samples = [
        (float(when), base * (1 + swing * math.sin(when / 97 + phase)))
        for when in range(start, end + 1, every)
        if not any(begin < when < begin + length for begin, length in holes)
    ]
    hypothesis.assume(len(samples) > 2)
    return period, samples, len(holes)


def _kwh(period: str, samples: probe_files.Samples) -> float:
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        probe_files.write(directory, {"node": samples})
        told = series.Series(probe_files.open_archive(directory, NOW))
        return float(told.probe(periods.find(period), "node")["legend"]["kwh"])


@hypothesis.given(case=_samples(gaps=False))
@hypothesis.settings(max_examples=depth.examples(0.25))
def test_energy_is_kwapis(case: tuple[str, probe_files.Samples, int]) -> None:
    """Within 1 %, of what the collector counts between the same measurements."""
    period, samples, _ = case
    start = NOW - _KEPT[period]
    counted = _integrate(samples, start, NOW)
    # Whose measurements do not fall on both ends of the period.
    inside = [when for when, _ in samples if start <= when <= NOW]
    margin = (inside[0] - start + NOW - inside[-1]) * max(w for _, w in samples) / 3_600_000
    assert _kwh(period, samples) == pytest.approx(counted, rel=0.01, abs=margin)


@hypothesis.given(case=_samples(gaps=True))
@hypothesis.settings(max_examples=depth.examples(0.25))
def test_gaps_count_nothing(case: tuple[str, probe_files.Samples, int]) -> None:
    """But for the row in which a gap begins or ends, which is RRDtool's to round."""
    period, samples, gaps = case
    start = NOW - _KEPT[period]
    most = max(watts for _, watts in samples) / 3_600_000
    inside = [when for when, _ in samples if start <= when <= NOW] or [NOW]
    row = periods.find(period).step_seconds
    margin = (2 * gaps * row + inside[0] - start + 20) * most
    counted = _integrate(samples, start, NOW)
    assert _kwh(period, samples) == pytest.approx(counted, rel=0.01, abs=margin)


@pytest.mark.parametrize("period", ["day", "week", "month", "year"])
def test_energy_of_long_periods(tmp_path: Path, period: str) -> None:
    """Also the part of the current row that is not over."""
    found = periods.find(period)
    every = max(10, found.step_seconds // 90)
    samples = [
        (float(when), 200 + 100 * math.sin(when / 40_000))
        for when in range(NOW - found.span_seconds - found.step_seconds, NOW + 1, every)
    ]
    probe_files.write(tmp_path, {"node": samples}, heartbeat_seconds=2 * every)
    told = series.Series(probe_files.open_archive(tmp_path, NOW)).probe(found, "node")
    limits = record.Limits(max_gap_seconds=2 * every)
    inside = [sample for sample in samples if sample[0] >= NOW - found.span_seconds]
    kept = record.Record.first("node", limits, *inside[0])
    assert kept is not None
    for when, watts in inside[1:]:
        kept.add(limits, when, watts)
    assert told["legend"]["kwh"] == pytest.approx(kept.kwh, rel=0.002)


def test_a_new_installation_has_energy_in_every_period(tmp_path: Path) -> None:
    """Ten minutes after the first measurement also the year shows them."""
    probe_files.write(tmp_path, {"node": probe_files.steady(NOW - 600, NOW, 360.0)})
    told = series.Series(probe_files.open_archive(tmp_path, NOW))
    for period in periods.PERIODS[1:]:
        document = told.probe(period, "node")
        assert document["legend"]["kwh"] == pytest.approx(0.06, rel=0.01)
        assert document["legend"]["last"] == 360.0
        assert 360.0 in document["total"]
        assert len(document["times"]) == len(document["total"])


@pytest.mark.parametrize("period", periods.PERIODS[:4])
def test_rows_are_those_of_fetch(tmp_path: Path, period: periods.Period) -> None:
    """And averages of what was sent, to RRDtool's own consolidation."""
    every = max(1, period.step_seconds // 30)
    begin = NOW - period.span_seconds - period.step_seconds
    samples = [
        (float(when), float(100 + when // every % 17)) for when in range(begin, NOW + 1, every)
    ]
    probe_files.write(tmp_path, {"node": samples}, heartbeat_seconds=2 * every)
    told = series.Series(probe_files.open_archive(tmp_path, NOW)).probe(period, "node")
    [main, *_] = sections.last(period, NOW).shown
    rows = dict(zip(told["times"], told["total"]))
    fetched = dict(_fetch(tmp_path, main))
    assert set(fetched) <= set(rows)
    for end in main.ends():
        sent = [
            watts
            for when, watts in samples
            if end - main.step_seconds < when <= end - main.step_seconds % every
        ]
        assert rows[end] == pytest.approx(fetched[end], abs=0.006)
        assert rows[end] == pytest.approx(sum(sent) / len(sent), rel=0.02)


def _fetch(directory: Path, section: sections.Section) -> Iterator[tuple[int, float]]:
    said = probe_files.rrdtool(
        directory,
        f"fetch node.rrd AVERAGE -r {section.step_seconds} -s {section.start} -e {section.end - 1}",
    )
    for line in said.splitlines():
        end, colon, watts = line.partition(": ")
        if colon and end.isdecimal() and int(end) in section.ends():
            yield int(end), float(watts)


def test_a_gap_is_null(tmp_path: Path) -> None:
    """Neither zero nor a line drawn across."""
    samples = [
        *probe_files.steady(NOW - 300, NOW - 200, 100.0, 1.0),
        *probe_files.steady(NOW - 100, NOW, 100.0, 1.0),
    ]
    probe_files.write(tmp_path, {"node": samples})
    told = series.Series(probe_files.open_archive(tmp_path, NOW))
    document = told.probe(periods.find("minute"), "node")
    known = dict(zip(document["times"], document["total"]))
    assert known[NOW - 210] == 100.0
    assert known[NOW - 150] is None
    assert known[NOW - 50] == 100.0


def test_a_sum_knows_what_some_know(tmp_path: Path) -> None:
    """A probe that is silent adds nothing; the total is unknown only if all are."""
    probe_files.write(
        tmp_path,
        {
            "a": probe_files.steady(NOW - 300, NOW, 100.0, 1.0),
            "b": probe_files.steady(NOW - 300, NOW - 150, 50.0, 1.0),
        },
    )
    told = series.Series(probe_files.open_archive(tmp_path, NOW))
    states = probe_files.states(["a", "b"], NOW)
    document = told.aggregate(periods.find("minute"), states)
    total = dict(zip(document["times"], document["total"]))
    assert total[NOW - 200] == 150.0
    assert total[NOW - 100] == 100.0
    assert [group["name"] for group in document["groups"]] == ["a", "b"]
    assert document["groups"][1]["values"][-1] is None
    assert document["legend"]["max"] == 150.0


def test_extremes_within_a_row_are_told(tmp_path: Path) -> None:
    """The peak of a second shows in the day."""
    samples = [
        (when, 1000.0 if when == NOW - 5000 else 100.0)
        for when, _ in probe_files.steady(NOW - 80_000, NOW, 100.0, 20.0)
    ]
    probe_files.write(tmp_path, {"node": samples})
    told = series.Series(probe_files.open_archive(tmp_path, NOW))
    document = told.probe(periods.find("day"), "node")
    assert document["legend"]["max"] == 1000.0
    assert max(one for one in document["max"] if one is not None) == 1000.0
    assert max(one for one in document["total"] if one is not None) < 200.0


def test_a_file_with_averages_alone_will_do(tmp_path: Path) -> None:
    """[rrd] consolidations may have been AVERAGE when it was made."""
    samples = probe_files.steady(NOW - 600, NOW, 100.0)
    probe_files.write(tmp_path, {"node": samples}, consolidations=("AVERAGE",))
    told = series.Series(probe_files.open_archive(tmp_path, NOW))
    document = told.probe(periods.find("hour"), "node")
    assert document["legend"]["last"] == 100.0
    assert document["legend"]["min"] == 100.0
    assert "max" not in document


def test_names_of_any_kind(tmp_path: Path) -> None:
    """A colon means something to rrdtool, and a long name is no file's."""
    ids = ["a:b=c,d+e~f@g", "x" * 255, "lyon.node-1:w"]
    probe_files.write(tmp_path, {one: probe_files.steady(NOW - 300, NOW, 7.0) for one in ids})
    told = series.Series(probe_files.open_archive(tmp_path, NOW))
    document = told.aggregate(periods.find("minute"), probe_files.states(ids, NOW))
    assert document["legend"]["last"] == 21.0


def _paris(text: str) -> float:
    return datetime.datetime.fromisoformat(text).replace(tzinfo=probe_files.PARIS).timestamp()


@pytest.mark.parametrize(
    ("now", "hours"),
    [
        ("2026-03-28T23:59:50", 24),
        ("2026-03-29T23:59:50", 23),
        ("2026-10-25T23:59:50", 25),
        ("2026-11-21T00:10:00", 1 / 6),
    ],
)
def test_today_begins_at_local_midnight(tmp_path: Path, now: str, hours: float) -> None:
    """Energy and cost of a day of 23, 24 and 25 hours; the night is cheaper."""
    moment = _paris(now)
    samples = probe_files.steady(moment - 27 * 3600, moment, 1000.0, 50.0)
    probe_files.write(tmp_path, {"node": samples})
    archive = probe_files.open_archive(
        tmp_path, moment, hours={"0-6": "0.10", "6-22": "0.20", "22-24": "0.10"}
    )
    totals = series.Series(archive).totals(probe_files.states(["node"], moment))
    assert totals["kwh_today"] == pytest.approx(hours, rel=0.003, abs=0.02)
    cheap = hours - 16 if hours > 1 else hours
    cost = cheap * 0.1 + (hours - cheap) * 0.2
    assert totals["cost_today"] == pytest.approx(cost, rel=0.01, abs=0.003)


def test_the_silent_have_no_power_now(tmp_path: Path) -> None:
    """But their energy of today counts."""
    samples = probe_files.steady(NOW - 2000, NOW - 1000, 3600.0)
    probe_files.write(tmp_path, {"a": samples, "b": probe_files.steady(NOW - 60, NOW, 10.0)})
    told = series.Series(probe_files.open_archive(tmp_path, NOW))
    states = [
        *probe_files.states(["a"], NOW - 1000, watts=3600.0),
        *probe_files.states(["b"], NOW, watts=10.0),
    ]
    totals = told.totals(states)
    assert totals["watts"] == 10.0
    assert (totals["probes"], totals["fresh"]) == (2, 1)
    assert totals["kwh_today"] == pytest.approx(1.0, rel=0.02)


def test_today_is_counted_once_a_while(tmp_path: Path) -> None:
    """However often it is asked for."""
    flushed: list[int] = []
    probe_files.write(tmp_path, {"a": probe_files.steady(NOW - 600, NOW, 100.0)})
    archive = probe_files.open_archive(tmp_path, NOW, on_flush=lambda ids: flushed.append(len(ids)))
    told = series.Series(archive)
    for _ in range(20):
        told.totals(probe_files.states(["a"], NOW))
    assert flushed == [1]


def test_of_nothing_there_is_nothing(tmp_path: Path) -> None:
    """No probes: no values, and no error."""
    told = series.Series(probe_files.open_archive(tmp_path / "absent", NOW))
    document = told.aggregate(periods.find("hour"), [])
    assert document["groups"] == document["total"] == document["times"] == []
    assert document["legend"]["kwh"] == 0.0
    assert document["legend"]["min"] is None
    assert told.totals([])["kwh_today"] == 0.0


def test_an_export_that_is_something_else_is_refused() -> None:
    """Rather than shown."""
    section = sections.Section(10, 1000, 1020)
    good = b'{"about":"","meta":{"start":1010,"end":1020,"step":10},"data":[[1.0],[null]]}'
    assert series.parse(good, section, 1).columns == [[1.0, None]]
    with pytest.raises(ValueError, match="rows of 900 s"):
        series.parse(good.replace(b'"step":10', b'"step":900'), section, 1)
    with pytest.raises(ValueError, match="rows of"):
        series.parse(good, section, 2)
