# SPDX-License-Identifier: Apache-2.0
"""RAPL: the contract, wraps, and what must not be added up."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hypothesis
import hypothesis.strategies as st
import pytest

from energybase import clock as clocks
from kwapi import exception
from kwapi import measurement
from kwapi.drivers import driver
from kwapi.drivers import rapl
from tests import conftest
from tests.contracts import driver as driver_contract

#: Laid out as a server with two sockets and memory counted apart; the numbers are ours.
_ZONES = {
    "intel-rapl:0": ("package-0", 262143328850, 1_000_000),
    "intel-rapl:0:0": ("dram", 65712999613, 500_000),
    "intel-rapl:1": ("package-1", 262143328850, 2_000_000),
    "intel-rapl:1:0": ("dram", 65712999613, 700_000),
    # The same counter once more, by another way.
    "intel-rapl-mmio:0": ("package-0", 262143328850, 1_000_000),
}
_JOULES = {"intel-rapl:0": 600, "intel-rapl:1": 900, "intel-rapl:0:0": 50, "intel-rapl:1:0": 70}


class Tree(driver_contract.Device):
    """A powercap tree whose counters go on when its clock does."""

    probes = ("node-1", "node-1.memory", "node-1.platform")
    expected = {
        "node-1": measurement.Measurement(150.0, 1503 / 3.6e6),
        "node-1.memory": measurement.Measurement(12.0, 121.2 / 3.6e6),
    }
    period_seconds = 1.0

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        domains = {"node-1": "package", "node-1.memory": "dram", "node-1.platform": "psys"}
        self.parameters: dict[str, Any] = {"path": str(directory / "powercap"), "domains": domains}
        self.come_back()

    @property
    def path(self) -> Path:
        return self._directory / "powercap"

    def add(self, zone: str, name: str, range_uj: int, energy_uj: int) -> None:
        """Add a counter, or set it."""
        directory = self.path / zone
        directory.mkdir(parents=True, exist_ok=True)
        (directory / "name").write_text(f"{name}\n")
        (directory / "max_energy_range_uj").write_text(f"{range_uj}\n")
        (directory / "energy_uj").write_text(f"{energy_uj}\n")

    def use(self, zone: str, joules: int) -> None:
        """Let a counter go on, over its wrap if need be."""
        path = self.path / zone / "energy_uj"
        most = int((self.path / zone / "max_energy_range_uj").read_text())
        path.write_text(f"{(int(path.read_text()) + joules * 1_000_000) % (most + 1)}\n")

    def vanish(self) -> None:
        shutil.rmtree(self.path)

    def come_back(self) -> None:
        for zone, (name, range_uj, energy_uj) in _ZONES.items():
            self.add(zone, name, range_uj, energy_uj)

    def garble(self) -> None:
        self._write("-1_000\n")

    def cut(self) -> None:
        self._write("")

    def _write(self, text: str) -> None:
        for zone in self.path.iterdir():
            (zone / "energy_uj").write_text(text)


class _Primed(rapl.Rapl):
    """Takes its first reading, which has no watts, when it opens; ten seconds pass."""

    tree: Tree

    def open(self) -> None:
        super().open()
        assert not super().read()
        for zone, joules in _JOULES.items():
            self.tree.use(zone, joules)
        self._clock.advance(10.0)  # type: ignore[attr-defined]


class TestRapl(driver_contract.DriverContract):
    driver_name = "rapl"

    @pytest.fixture
    def device(self, tmp_path: Path) -> Tree:
        return Tree(tmp_path)

    def build(
        self,
        device: driver_contract.Device,
        publish: Any = print,
        clock: clocks.Clock | None = None,
    ) -> driver.Driver:
        assert isinstance(device, Tree)
        made = _Primed(
            "meter",
            device.probes,
            publish,
            clock=clock or conftest.FakeClock(),
            **device.parameters,
        )
        made.tree = device
        return made


def make(
    tree: Tree, clock: clocks.Clock, probes: tuple[str, ...] = ("node-1",), **own: Any
) -> rapl.Rapl:
    return rapl.Rapl("host", probes, print, clock=clock, path=str(tree.path), **own)


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    """A host with two sockets."""
    return Tree(tmp_path)


def test_the_first_reading_has_no_watts(tree: Tree, fake_clock: conftest.FakeClock) -> None:
    made = make(tree, fake_clock)
    made.open()
    assert made.read() == {}


def test_without_psys_it_is_packages_and_memory(tree: Tree, fake_clock: conftest.FakeClock) -> None:
    made = make(tree, fake_clock)
    made.open()
    made.read()
    for zone, joules in _JOULES.items():
        tree.use(zone, joules)
    fake_clock.advance(10)
    assert made.read()["node-1"].watts == pytest.approx(162.0)


def test_psys_is_all_there_is_to_know(tree: Tree, fake_clock: conftest.FakeClock) -> None:
    """It contains the packages; adding them would count them twice."""
    tree.add("intel-rapl:2", "psys", 262143328850, 5_000_000)
    made = make(tree, fake_clock)
    made.open()
    made.read()
    for zone in (*_JOULES, "intel-rapl:2"):
        tree.use(zone, 1000)
    fake_clock.advance(10)
    assert made.read()["node-1"].watts == pytest.approx(100.0)


def test_a_psys_that_never_counts_is_none(tree: Tree, fake_clock: conftest.FakeClock) -> None:
    tree.add("intel-rapl:2", "psys", 262143328850, 0)
    made = make(tree, fake_clock)
    made.open()
    made.read()
    tree.use("intel-rapl:0", 1000)
    fake_clock.advance(10)
    assert made.read()["node-1"].watts == pytest.approx(100.0)


def test_kwh_go_on_over_wraps(tree: Tree, fake_clock: conftest.FakeClock) -> None:
    """262 kJ at 100 W are 44 minutes; three hours wrap four times."""
    made = make(tree, fake_clock, domains={"node-1": "package"})
    made.open()
    made.read()
    kwh = []
    for _ in range(180):
        tree.use("intel-rapl:0", 6000)
        fake_clock.advance(60)
        measured = made.read()["node-1"]
        assert measured.watts == pytest.approx(100.0)
        kwh.append(measured.kwh or 0.0)
    assert kwh == sorted(kwh)
    assert kwh[-1] - kwh[0] == pytest.approx(179 * 6000 / 3.6e6)


@hypothesis.given(st.integers(1, 2**40), st.data())
def test_a_wrap_loses_nothing(range_uj: int, data: st.DataObject) -> None:
    before = data.draw(st.integers(0, range_uj))
    gone = data.draw(st.integers(0, range_uj))
    now = (before + gone) % (range_uj + 1)
    assert rapl.advance(before, now, range_uj) == gone


@pytest.mark.parametrize(
    ("domains", "said"),
    (
        ({"node-1": ["psys", "package"]}, "psys contains package"),
        ({"node-1": ["package", "core"]}, "package contains core"),
        ({"node-1": ["auto", "dram"]}, "auto, or some"),
        ({"node-1": []}, "auto, or some"),
        ({"node-1": "gpu"}, "must be one of auto, .*, not 'gpu'"),
        ({"node-2": "dram"}, "'node-2', which is not in probes"),
        ("package", "must be a mapping"),
    ),
)
def test_what_cannot_be_meant_is_refused(
    tree: Tree, fake_clock: conftest.FakeClock, domains: Any, said: str
) -> None:
    with pytest.raises(exception.ConfigurationInvalid, match=said):
        make(tree, fake_clock, domains=domains)


def test_two_probes_are_not_one_host(tree: Tree, fake_clock: conftest.FakeClock) -> None:
    with pytest.raises(exception.ConfigurationInvalid, match="there is one host"):
        make(tree, fake_clock, ("node-1", "node-2"))


def test_a_machine_without_rapl_says_so(tmp_path: Path, fake_clock: conftest.FakeClock) -> None:
    for path in (tmp_path / "none", tmp_path):
        made = rapl.Rapl("host", ["node-1"], print, clock=fake_clock, path=str(path))
        with pytest.raises(exception.WattmeterUnreachable, match=str(path)):
            made.open()


@contextlib.contextmanager
def _open_to_all() -> Iterator[Path]:
    """A directory that other users can look into; pytest's own is not."""
    with tempfile.TemporaryDirectory() as name:
        os.chmod(name, 0o755)
        yield Path(name)


def test_who_may_not_read_is_told_what_to_do() -> None:
    """As any user but root since CVE-2020-8694; in a process of that user's."""
    if os.geteuid() != 0:
        pytest.skip("only root can become another user")
    with _open_to_all() as directory:
        tree = Tree(directory)
        for zone in tree.path.iterdir():
            (zone / "energy_uj").chmod(0o400)
        program = (
            "import encodings.ascii, os, sys\n"
            "from kwapi import exception\n"
            "from kwapi.drivers import rapl\n"
            "made = rapl.Rapl('host', ['node-1'], print, path=sys.argv[1])\n"
            "os.setuid(65534)\n"
            "try:\n    made.open()\n"
            "except exception.WattmeterRefused as exc:\n    print(exc)\n"
        )
        done = subprocess.run(
            [sys.executable, "-c", program, str(tree.path)],
            capture_output=True,
            text=True,
            check=True,
        )
    assert "CVE-2020-8694" in done.stdout
    assert "chmod g+r" in done.stdout
