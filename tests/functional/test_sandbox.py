# SPDX-License-Identifier: Apache-2.0
"""The services work under the restrictions of their units, which refuse other calls."""

from __future__ import annotations

import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from tests import patience
from tests.servers import ports
from tests.servers import rabbitmq as broker
from tests.servers import sandbox
from tests.servers import scripts

TOP = Path(__file__).resolve().parents[2]
UNITS = TOP / "etc/systemd"
_PREFIX = [sys.executable, "-m", "tests.servers.sandbox"]


class Sandboxed(scripts.Script):
    """A console script as its unit would have it run."""

    def __init__(self, name: str, arguments: list[str], log: Path, unit: str = "") -> None:
        super().__init__(name, arguments, log)
        program = str(Path(sys.executable).with_name(name))
        path = UNITS / f"{unit or name}.service"
        self._command = [*_PREFIX, str(path), program, *arguments]
        self._output = log

    def start(self) -> None:
        """Start it and return at once."""
        with open(self._output, "ab") as output:
            self._process = subprocess.Popen(
                self._command,
                cwd=TOP,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )


@pytest.fixture
def started() -> Iterator[list[Sandboxed]]:
    """What is to be ended."""
    scripts_: list[Sandboxed] = []
    yield scripts_
    for script in scripts_:
        script.clear()


def try_out(code: str) -> str:
    """Return what a program says that runs under the filter of kwapi-api."""
    command = [*_PREFIX, str(UNITS / "kwapi-api.service"), sys.executable, "-c", code]
    done = subprocess.run(
        command, cwd=TOP, capture_output=True, text=True, check=False, timeout=patience.SECONDS
    )
    return done.stdout + done.stderr


@pytest.mark.parametrize(
    "code",
    [
        "import os; os.chroot('/')",
        "import os; os.setuid(1)",
        "import socket; socket.socket(socket.AF_PACKET, socket.SOCK_RAW)",
        "import mmap; mmap.mmap(-1, 4096, prot=mmap.PROT_WRITE | mmap.PROT_EXEC)",
    ],
)
def test_what_is_forbidden_fails(code: str) -> None:
    """A filter that lets everything through would prove nothing."""
    assert "PermissionError" in try_out(code)


def test_all_units_filter_alike() -> None:
    """So what one service is seen to do, every one may."""
    units = [sandbox.read(unit) for unit in UNITS.glob("*.service") if "rrdcached" not in unit.stem]
    for key in ("SystemCallFilter", "MemoryDenyWriteExecute", "RestrictAddressFamilies"):
        assert all(unit[key] == units[0][key] for unit in units)


def test_everything_in_one_process(tmp_path: Path, started: list[Sandboxed]) -> None:
    """Drivers, collector, graphs, inventory, planning, ranking: each works in there."""
    port, leases_port, pages_port = ports.find_tcp(3)
    path = tmp_path / "climate.conf"
    path.write_text(
        f"[api]\nport = {port}\n[lease_api]\nport = {leases_port}\n[rrd]\nport = {pages_port}\n"
        "[simulator]\nport = 0\n[collector]\nflush_seconds = 0.3\n[ranking]\nsample_seconds = 1\n"
    )
    arguments = ["--config-file", str(path), "--state-path", str(tmp_path / "state")]
    script = Sandboxed("kwapi-climate", arguments, tmp_path / "log", "climate-planning")
    started.append(script)
    script.start()
    script.wait_for_log(r"Ctrl-C stops\.")
    base = f"http://127.0.0.1:{port}/v1/probes/"
    scripts.wait_until(
        lambda: requests.get(base, timeout=patience.SECONDS).json()["probes"], "probes"
    )
    pages = f"http://127.0.0.1:{pages_port}/graph/minute/"
    scripts.wait_until(
        lambda: requests.get(pages, timeout=patience.SECONDS).status_code == 200, "a graph"
    )
    answer = requests.post(
        f"http://127.0.0.1:{leases_port}/v1/leases/",
        json={"duration": 3600, "quantity": 1, "start_time": int(time.time()) + 60},
        timeout=patience.SECONDS,
    )
    assert answer.status_code in (200, 201), answer.text
    assert script.stop() == 0, script.log
    assert "Operation not permitted" not in script.log


def test_rrdcached() -> None:
    """The program that is not ours, with the options its unit gives it."""
    unit = UNITS / "kwapi-rrdcached.service"
    text = unit.read_text().replace("\\\n", "")
    [command] = [line for line in text.splitlines() if line.startswith("ExecStart=")]
    with tempfile.TemporaryDirectory(prefix="rrdcached-") as folder:
        for name in ("rrd", "rrdcached"):
            (Path(folder) / name).mkdir()
        told = command.removeprefix("ExecStart=").replace("/run/kwapi-rrdcached", folder)
        process = subprocess.Popen(
            [*_PREFIX, str(unit), *told.replace("/var/lib/kwapi", folder).split()], cwd=TOP
        )
        try:
            scripts.wait_until((Path(folder) / "socket").exists, "rrdcached's socket")
            with socket.socket(socket.AF_UNIX) as link:
                link.connect(f"{folder}/socket")
                link.sendall(b"PING\n")
                assert link.recv(100) == b"0 PONG\n"
            process.terminate()
            assert process.wait(60) == 0
        finally:
            process.kill()


def test_on_a_broker(rabbitmq: broker.RabbitMQ, tmp_path: Path, started: list[Sandboxed]) -> None:
    """A process each, as in a cloud; the APIs' and the pages' fork workers."""
    site = scripts.Site(tmp_path, rabbitmq.url)
    port, pages_port = ports.find_tcp(2)
    site.configure(
        f"""
        [api]
        port = {port}
        auth_strategy = noauth
        workers = 2
        [rrd]
        port = {pages_port}
        workers = 1
        [collector]
        flush_seconds = 0.3
        """,
        debug=False,
    )
    site.drivers_conf.write_text("[rack]\ndriver = dummy\nprobes = ['a', 'b']\n")
    site.upgrade()
    names = ["kwapi-collector", "kwapi-drivers", "kwapi-api", "kwapi-rrd"]
    for name in names:
        files = [site.conf_path] + [site.drivers_conf] * (name == "kwapi-drivers")
        arguments = [text for path in files for text in ("--config-file", str(path))]
        started.append(Sandboxed(name, arguments, tmp_path / f"{name}.log"))
        started[-1].start()
    started[2].wait_for_log("Serving http")
    url = f"http://127.0.0.1:{port}/v1/probe-ids/"
    wanted = {"probe_ids": ["a", "b"]}
    scripts.wait_until(
        lambda: requests.get(url, timeout=patience.SECONDS).json() == wanted, "both probes"
    )
    for script in started:
        assert script.stop() == 0, script.log
        assert "not permitted" not in script.log
    site.close()
