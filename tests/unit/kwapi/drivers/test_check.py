# SPDX-License-Identifier: Apache-2.0
"""Every wattmeter is tried once, whatever the others do, and the table says what to mend."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from kwapi import exception
from kwapi import measurement
from kwapi.drivers import check
from kwapi.drivers import configuration
from kwapi.drivers import driver

FILE = """
[good]
driver = dummy
probes = ['lyon.a', None, 'lyon.b', 'lyon.a']
parameters = {'min': 100, 'max': 100}

[nobody]
driver = nosuch
probes = ['lyon.c']

[typo]
driver = dummy
probes = ['lyon.d']
parameters = {'mni': 100}

[syntax]
driver = dummy
probes = ['lyon.e'
"""


class Fake(driver.Driver):
    """Does in its one try what its parameter says."""

    release = threading.Event()

    def __init__(self, *args: Any, does: str = "answer", **common: Any) -> None:
        common.pop("password", None)
        common.pop("headers", None)
        super().__init__(*args, **common)
        self._does = does
        self.closed = False
        self._reads = 0

    def open(self) -> None:
        self.device = "A device\nof two lines"
        if self._does == "refuse":
            raise exception.WattmeterRefused(address="192.0.2.1", reason="wrong password")
        if self._does == "leak":
            raise ValueError("cannot log in with opensesame and Bearer abc.def")
        if self._does == "warn":
            LOG.warning("%s: %s", self.wattmeter, "watts are computed")
        if self._does == "hang":
            self.release.wait()

    def read(self) -> Mapping[str, measurement.Measurement]:
        self._reads += 1
        if self._does == "second" and self._reads == 1:
            return {}
        probes = [probe for probe in self.probes if probe]
        return {
            p: measurement.Measurement(10.0) for p in probes[: 1 if self._does == "half" else 9]
        }

    def close(self) -> None:
        self.closed = True
        if self._does == "close":
            raise OSError("gone already")


LOG = logging.getLogger("kwapi.drivers.fake")


@pytest.fixture
def tried() -> Iterator[Callable[..., dict[str, check.Finding]]]:
    """Tries fakes; whoever hangs is freed at the end."""
    Fake.release.clear()

    def build(
        wattmeter: configuration.Wattmeter, publish: Any, retry: Any, clock: Any
    ) -> driver.Driver:
        return Fake(
            wattmeter.name, wattmeter.probes, publish, period_seconds=0.01, **wattmeter.parameters
        )

    def try_all(limits: check.Limits | None = None, **does: Any) -> dict[str, check.Finding]:
        wattmeters = {
            name: configuration.Wattmeter(
                name,
                "fake",
                (f"{name}.1", f"{name}.2"),
                what if isinstance(what, dict) else {"does": what},
                f"test.conf:{line}, section [{name}]",
            )
            for line, (name, what) in enumerate(does.items(), 1)
        }
        findings = check.check(configuration.Configuration(wattmeters, {}), limits, build=build)
        return {finding.wattmeter: finding for finding in findings}

    yield try_all
    Fake.release.set()


def lines(findings: Any) -> list[str]:
    return list(check.render(findings))


def test_a_file_with_mistakes(tmp_path: Path) -> None:
    """Each section has its line, the good ones too; what is wrong is told with file and line."""
    path = tmp_path / "drivers.conf"
    path.write_text(FILE)
    findings = check.check(configuration.read([str(path)]))
    table = lines(findings)
    assert table[0].split() == ["SECTION", "DRIVER", "DEVICE", "PROBES", "WATTS", "RESULT"]
    assert [line.split()[0] for line in table[1:5]] == ["good", "nobody", "syntax", "typo"]
    assert table[1].split() == ["good", "dummy", "2/2", "200.0", "ok"]
    assert f"{path}:7: no driver 'nosuch' is installed" in table[2]
    assert f"{path}:18: [syntax] probes must be a list" in table[3]
    assert f"{path}:11: unknown parameter 'mni'" in table[4]
    assert table[-1] == "1 of 4 wattmeters answered in full."
    assert [finding.is_good for finding in findings] == [True, False, False, False]


def test_what_a_device_may_do(tried: Callable[..., dict[str, check.Finding]]) -> None:
    """One finding each; those that work are not held up."""
    found = tried(
        works="answer", half="half", refuse="refuse", late="second", rude="close", warns="warn"
    )
    good = {name for name, finding in found.items() if finding.is_good}
    assert good == {"works", "late", "rude", "warns"}
    assert found["works"].watts == 20
    assert found["works"].device == "A device of two lines"
    assert (found["half"].missing, found["half"].watts) == (("half.2",), 10)
    text = "\n".join(lines(found.values()))
    assert "1/2" in text and "test.conf:2: no measurement for half.2" in text
    assert "test.conf:3: 192.0.2.1 refuses our credentials: wrong password" in text
    assert "ok; watts are computed" in text


def test_one_that_hangs_is_given_up(tried: Callable[..., dict[str, check.Finding]]) -> None:
    """And its place is taken by another, so that all are tried."""
    limits = check.Limits(at_once=1, patience_seconds=0.3)
    found = tried(limits, a="hang", b="hang", c="answer")
    assert [finding.problem for finding in found.values()] == [
        "no answer within 0.3 s",
        "no answer within 0.3 s",
        "",
    ]


def test_no_secret_is_shown(tried: Callable[..., dict[str, check.Finding]]) -> None:
    """Not even when a library puts one into its error; at any depth of the parameters."""
    parameters = {
        "does": "leak",
        "password": "opensesame",
        "headers": {"Authorization": ["Bearer abc.def"]},
    }
    found = tried(leaky=parameters)
    assert found["leaky"].problem == "ValueError: cannot log in with *** and ***"


def test_warnings_go_into_the_table_and_not_into_the_log(
    tried: Callable[..., dict[str, check.Finding]], caplog: pytest.LogCaptureFixture
) -> None:
    """Logging is as before, afterwards."""
    tried(warns="warn")
    assert not caplog.messages
    LOG.warning("after")
    assert caplog.messages == ["after"]


def test_progress_is_told(tried: Callable[..., dict[str, check.Finding]]) -> None:
    """Once for each wattmeter that is tried."""
    seen: list[tuple[int, int]] = []
    wattmeters = {
        name: configuration.Wattmeter(name, "dummy", (name,), {}, "test.conf:1") for name in "abc"
    }
    check.check(
        configuration.Configuration(wattmeters, {}), progress=lambda *counts: seen.append(counts)
    )
    assert seen == [(1, 3), (2, 3), (3, 3)]


def test_a_table_stays_readable() -> None:
    """Long names are cut in their column, many probes are counted."""
    missing = tuple(f"lyon.node-{number}" for number in range(1, 25))
    finding = check.Finding("pdu", "snmp", "f:1", "x" * 200, 24, missing)
    line = lines([finding])[1]
    assert "x" * 37 + "..." in line and "x" * 38 not in line
    assert "lyon.node-5 and 19 more" in line
