# SPDX-License-Identifier: Apache-2.0
"""The wattmeters' pages say of parameters what the drivers declare."""

from __future__ import annotations

import importlib.metadata
import subprocess
import sys
from pathlib import Path

import pytest

TOP = Path(__file__).resolve().parents[4]
PAGES = TOP / "doc/source/wattmeters"


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What ``make samples`` writes."""
    folder = tmp_path_factory.mktemp("tables")
    tool = [sys.executable, str(TOP / "tools/driver_tables.py"), str(folder)]
    subprocess.run(tool, check=True, cwd=TOP)  # noqa: S603 - our own tool
    return {path.name: path.read_text() for path in folder.iterdir()}


def test_the_tables_are_those_that_drivers_declare(tables: dict[str, str]) -> None:
    """Else: make samples."""
    kept = {path.name: path.read_text() for path in (PAGES / "parameters").iterdir()}
    assert kept == tables


def test_every_driver_has_a_table_on_its_page(tables: dict[str, str]) -> None:
    """The dummy's is on the page of all."""
    points = importlib.metadata.entry_points(group="kwapi.drivers")
    names = {point.name for point in points if point.value.startswith("kwapi.")}
    assert tables.keys() == {f"{name}.inc" for name in {*names, "every"}}
    for name in {*names, "every"}:
        page = PAGES / f"{'index' if name in ('dummy', 'every') else name}.rst"
        assert f".. include:: parameters/{name}.inc\n" in page.read_text()


def test_a_table_says_what_is_needed_and_what_holds_if_nothing_is_given(
    tables: dict[str, str],
) -> None:
    text = " ".join(tables["snmp.inc"].split())
    assert "``host`` Name or address of the device. Required. Earlier name: ``ip``" in text
    assert "``port`` Its UDP port. Default: ``161``" in text
