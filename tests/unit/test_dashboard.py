# SPDX-License-Identifier: Apache-2.0
"""The Grafana dashboard, and the alarms that operators are advised, ask for what /metrics has."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import parser

from kwapi import measurement
from kwapi.api import metrics
from kwapi.api import types
from kwapi.store import record
from kwapi.store import snapshot

TOP = Path(__file__).resolve().parents[2]
DASHBOARD: dict[str, Any] = json.loads((TOP / "etc/grafana/kwapi.json").read_text())
PANELS: list[dict[str, Any]] = DASHBOARD["panels"]
#: Grafana's own, beside the dashboard's.
_VARIABLES = {"__range", "__rate_interval"}
_TALLIES = ("received", "repeated", "lost", "forged", "stale", "malformed", "measurements", "gap")


@pytest.fixture(scope="module")
def shown() -> dict[str, set[str]]:
    """The labels of each metric in the text that /metrics answers."""
    probes = snapshot.Snapshot()
    probes.update([record.Record("node-1", 1357730232.5, 99.5, 12.5, wattmeter="pdu-1")])
    status = measurement.DriverStatus("pdu-1", "snmp", "running", 0.0, 1, restarts=2)
    drivers = {"pdu-1": types.Driver.of(status, "running", "host", 0.0)}
    text = metrics.format_probes(probes.probes_body())
    text += metrics.format_service(drivers, dict.fromkeys(_TALLIES, 1))
    return {
        sample.name: set(sample.labels)
        for family in parser.text_string_to_metric_families(text.decode())
        for sample in family.samples
    }


def list_queries() -> Iterator[tuple[str, str]]:
    """Yield the title and text of each query."""
    for panel in PANELS:
        for target in panel["targets"]:
            yield panel["title"], target["expr"]
    for variable in DASHBOARD["templating"]["list"]:
        if variable["type"] == "query":
            yield variable["name"], variable["query"]


@pytest.mark.parametrize(("title", "query"), list(list_queries()))
def test_every_metric_and_label_is_there(
    title: str, query: str, shown: dict[str, set[str]]
) -> None:
    names = set(re.findall(r"kwapi_\w+", query))
    assert names
    assert names <= shown.keys(), title
    chosen = re.findall(r"(\w+)\s*[=!]=?~?\s*\"", query)
    grouped = [label.strip() for text in re.findall(r"by \(([^)]*)\)", query)
               for label in text.split(",")]  # fmt: skip
    for name in names:
        assert {*chosen, *grouped} <= shown[name], title


def test_every_alarm_is_of_a_metric_that_is_there(shown: dict[str, set[str]]) -> None:
    page = (TOP / "doc/source/admin/operating.rst").read_text()
    alarms = re.findall(r"- alert: (\w+)\n +expr: (.*)", page)
    assert alarms
    for name, expression in alarms:
        [metric] = re.findall(r"kwapi_\w+", expression)
        assert set(re.findall(r"(\w+)=\"", expression)) <= shown[metric]
        assert f"\n\n``{name}``\n    " in page, "it is said what to do"


def test_every_metric_is_shown_somewhere(shown: dict[str, set[str]]) -> None:
    asked = " ".join(query for _, query in list_queries())
    assert {name for name in shown if name not in asked} == set()


def test_every_label_of_a_legend_is_in_its_query(shown: dict[str, set[str]]) -> None:
    for panel in PANELS:
        for target in panel["targets"]:
            [name] = set(re.findall(r"kwapi_\w+", target["expr"]))
            grouped = re.search(r"by \(([^)]*)\)", target["expr"])
            there = set(re.split(r", *", grouped[1])) if grouped else shown[name]
            assert set(re.findall(r"{{(\w+)}}", target["legendFormat"])) <= there


def test_counters_are_not_shown_as_they_stand() -> None:
    """They start anew with a new database; only their growth means something."""
    for title, query in list_queries():
        for name in re.findall(r"kwapi_\w+_total", query):
            assert re.search(rf"(rate|increase)\({name}", query), title


def test_variables_are_defined() -> None:
    text = json.dumps(PANELS)
    used = set(re.findall(r"\$\{?(\w+)", text))
    assert used == {variable["name"] for variable in DASHBOARD["templating"]["list"]} | _VARIABLES


def test_panels_are_explained_and_lie_side_by_side() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in PANELS:
        assert panel["description"].endswith(".")
        at = panel["gridPos"]
        cells = {(at["x"] + i, at["y"] + j) for i in range(at["w"]) for j in range(at["h"])}
        assert not cells & taken
        assert at["x"] + at["w"] <= 24
        taken |= cells
    assert len({panel["id"] for panel in PANELS}) == len(PANELS)
