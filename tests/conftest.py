# SPDX-License-Identifier: Apache-2.0
"""What any test may ask for: a configuration of its own, a clock it sets itself.

Servers are the functional tests' affair.
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
from kwapi import conf as kwapi_conf

# Bounded for CI. No deadline: on two shared cores it would measure the
# neighbours. print_blob: a failure says how to have it again.
hypothesis.settings.register_profile(
    "ci", max_examples=100, deadline=None, derandomize=False, print_blob=True
)
hypothesis.settings.register_profile(
    "thorough", parent=hypothesis.settings.get_profile("ci"), max_examples=5000
)
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))


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


def wait(until: Callable[[], object], deadline_seconds: float = 60.0) -> None:
    """Poll until something holds; the deadline is for what never will."""
    deadline = time.monotonic() + deadline_seconds
    while not until():
        assert time.monotonic() < deadline, "not within the deadline"
        time.sleep(0.02)


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
