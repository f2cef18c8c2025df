# SPDX-License-Identifier: Apache-2.0
"""kwapi-drivers --check as a technician runs it, against the simulated rack."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from allinone.simulator import agent
from allinone.simulator import rack
from tests import patience
from tests.servers import snmp_peers

_COMMUNITY = "not-for-everybody"
_NOW = 1_700_000_000.0


@pytest.fixture(scope="module")
def pdu() -> Iterator[agent.Agent]:
    """The rack's PDU."""
    found = agent.Agent(rack.Rack(1, _NOW), community=_COMMUNITY, now=lambda: _NOW)
    found.start()
    yield found
    found.stop()


def _check(path: Path, **streams: int) -> subprocess.CompletedProcess[str]:
    command = [str(Path(sys.executable).with_name("kwapi-drivers")), "--check", str(path)]
    settings = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **streams}
    return subprocess.run(command, text=True, timeout=patience.SECONDS, **settings)  # type: ignore[call-overload,no-any-return]


def test_a_rack_that_answers(pdu: agent.Agent, tmp_path: Path) -> None:
    """No broker and no key are needed; nothing but the table is printed."""
    path = tmp_path / "drivers.conf"
    path.write_text(pdu.drivers_conf("rack-1-pdu"))
    done = _check(path)
    assert done.returncode == 0, done.stdout + done.stderr
    heading, row, blank, summary = done.stdout.splitlines()
    assert row.split()[:2] == ["rack-1-pdu", "snmp"]
    assert "ePDU" in row
    assert "8/8" in row
    assert row.endswith(" ok")
    assert summary == "1 of 1 wattmeters answered in full."
    assert done.stderr == ""


def test_what_is_wrong_and_where(pdu: agent.Agent, tmp_path: Path) -> None:
    """Exit status 1; file and line of each section; no secret."""
    path = tmp_path / "drivers.conf"
    with snmp_peers.SilentPort() as silent:
        path.write_text(
            pdu.drivers_conf("rack-1-pdu")
            + "[empty-outlet]\ndriver = snmp\nprobes = [None] * 0\n"
            + "[one-too-many]\ndriver = snmp\n"
            + f"probes = {[None] * 5 + ['node-6', 'node-7']!r}\n"
            + f"parameters = {{'ip': '127.0.0.1', 'port': {pdu.port},\n"
            + f"    'community': {_COMMUNITY!r}}}\n"
            + "[dead]\ndriver = snmp\nprobes = ['node-8']\n"
            + f"parameters = {{'ip': '127.0.0.1', 'port': {silent}, 'community': {_COMMUNITY!r},\n"
            + "    'timeout_seconds': 0.3, 'retries': 0}\n"
        )
        done = _check(path)
    assert done.returncode == 1
    rows = {line.split()[0]: line for line in done.stdout.splitlines()[1:-2]}
    assert rows["rack-1-pdu"].endswith(" ok")
    assert f"{path}:7: [empty-outlet] probes must be a list" in rows["empty-outlet"]
    assert f"{path}:8: no measurement for node-7" in rows["one-too-many"]
    assert f"{path}:13: 127.0.0.1:{silent} does not answer" in rows["dead"]
    assert _COMMUNITY not in done.stdout + done.stderr


@pytest.mark.parametrize(
    ("text", "complaint"), ((None, "No such file"), ("[bus]\n", "there is no wattmeter in it"))
)
def test_a_file_that_is_none(tmp_path: Path, text: str | None, complaint: str) -> None:
    """A sentence on stderr, and exit status 2."""
    path = tmp_path / "drivers.conf"
    if text:
        path.write_text(text)
    done = _check(path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"kwapi-drivers: {path}: {complaint}")


def test_many_show_how_far_it_is(tmp_path: Path) -> None:
    """On a terminal; the table itself may go into a file."""
    path = tmp_path / "drivers.conf"
    sections = (f"[d{n}]\ndriver = dummy\nprobes = ['node-{n}']\n" for n in range(12))
    path.write_text("".join(sections))
    ours, theirs = pty.openpty()
    try:
        done = _check(path, stderr=theirs)
        os.set_blocking(ours, False)
        shown = os.read(ours, 65536).decode()
    finally:
        os.close(theirs)
        os.close(ours)
    assert done.returncode == 0
    assert "] 1/12" in shown
    assert "[" + "#" * 30 + "] 12/12" in shown
    assert done.stdout.endswith("12 of 12 wattmeters answered in full.\n")
    assert "12/12" not in done.stdout
