# SPDX-License-Identifier: Apache-2.0
"""What every test may use: a configuration of its own, a fake clock, the depth of the run.

Owns no server: those are in ``tests/functional/conftest.py``.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

import hypothesis
import pytest
from oslo_config import cfg

from energybase import clock
from energybase import service
from kwapi.cmd import conf as kwapi_conf
from tests import depth as depths
from tests import patience


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add ``--depth``."""
    parser.addoption(
        "--depth",
        choices=sorted(depths.DEPTHS),
        default="quick",
        help="How many examples, trials and combinations are tried; quick unless said otherwise.",
    )


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Load the depth's profile of hypothesis, unless HYPOTHESIS_PROFILE names another."""
    depths.register_profiles()
    name = config.getoption("depth")
    hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE") or name)
    if config.option.timeout is None:
        config.option.timeout = depths.DEPTHS[name].timeout_seconds


def pytest_report_header(config: pytest.Config) -> str:
    """Name the depth."""
    return f"depth: {config.getoption('depth')}, {hypothesis.settings().max_examples} examples"


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a test that uses the fixture ``trial`` as often as the depth says."""
    trials = _depth(metafunc.config).trials
    if "trial" in metafunc.fixturenames and trials > 1:
        metafunc.parametrize("trial", range(trials))


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Of matrices marked ``pairwise``, keep the combinations that the depth asks for."""
    if _depth(config).all_combinations:
        return
    matrices: dict[object, list[pytest.Function]] = {}
    for item in items:
        if isinstance(item, pytest.Function) and item.get_closest_marker("pairwise"):
            matrices.setdefault(item.path, []).append(item)
    left_out = set()
    for matrix in matrices.values():
        kept = set(depths.find_pairs([_combination(item) for item in matrix]))
        left_out.update(item for index, item in enumerate(matrix) if index not in kept)
    config.hook.pytest_deselected(items=[item for item in items if item in left_out])
    items[:] = [item for item in items if item not in left_out]


def _combination(item: pytest.Function) -> dict[str, str]:
    """Return the values of the marker's fixtures, and the test with all others as its case."""
    marker = item.get_closest_marker("pairwise")
    spec = getattr(item, "callspec", None)
    if marker is None or spec is None:
        return {}
    values = {name: repr(value) for name, value in sorted(spec.params.items())}
    found = {name: values.pop(name) for name in marker.args if name in values}
    return found | {"case": f"{item.parent}{item.originalname}{values}"}


def _depth(config: pytest.Config) -> depths.Depth:
    return depths.DEPTHS[config.getoption("depth")]


class FakeClock(clock.Clock):
    """Time that passes only when told to, or when somebody waits for it.

    Both clocks move together unless ``set_wall`` sets the wall clock, as an
    operator or NTP may.
    """

    def __init__(self, now: float = 1_700_000_000.0) -> None:
        self._now, self._elapsed = now, 0.0
        self._lock = threading.Lock()

    def time(self) -> float:
        return self._now

    def monotonic(self) -> float:
        return self._elapsed

    def wait(self, event: threading.Event, seconds: float) -> bool:
        if not event.is_set():
            self.advance(max(0.0, seconds))
        return event.is_set()

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        with self._lock:
            self._now += seconds
            self._elapsed += seconds

    def set_wall(self, now: float) -> None:
        """Set the wall clock; no time passes by it."""
        with self._lock:
            self._now = now


def wait(until: Callable[[], object], deadline_seconds: float = patience.SECONDS) -> None:
    """Poll until something holds; the deadline is for what never will."""
    deadline = time.monotonic() + deadline_seconds
    while not until():
        assert time.monotonic() < deadline, "not within the deadline"
        time.sleep(0.02)


@pytest.fixture
def trial() -> int:
    """The number of a trial: a test that uses it runs as often as ``--depth`` says."""
    return 0


@pytest.fixture
def fake_clock() -> FakeClock:
    """A clock of the test's own."""
    return FakeClock()


@pytest.fixture
def conf(tmp_path: Path) -> cfg.ConfigOpts:
    """All of Kwapi's options at their defaults; what is written goes to the test's directory."""
    options = service.prepare(
        [], "test", register=(kwapi_conf.register_opts,), config_files=[], project="kwapi"
    )
    options.set_override("state_path", str(tmp_path))
    return options
