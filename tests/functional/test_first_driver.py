# SPDX-License-Identifier: Apache-2.0
"""Writes the files and runs the commands of ``doc/source/contributor/first-driver.rst``.

The strip of its example is played here.  One thing differs from the page: the
driver is installed beside the environment, not into it, which others use too.
"""

from __future__ import annotations

import http.server
import importlib.util
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from energybase import clock as clocks
from kwapi import measurement
from kwapi.drivers import driver
from tests import code_blocks
from tests import patience
from tests.contracts import driver as driver_contract
from tests.servers import ports
from tests.servers import scripts

PAGE = "contributor/first-driver.rst"
NAME = "sockets"
_OUTLETS = {"1": {"watts": 171.0, "kwh": 1.25}, "3": {"watts": 83.5, "kwh": 0.5}}


class Strip(driver_contract.Device):
    """One of Sockets Ltd's power strips; outlet 2 shows nothing.

    :ivar body: what it answers.
    """

    probes = ("node-1", "node-2", "node-3")
    period_seconds = 2.0
    resolution_watts = 0.5

    def __init__(self) -> None:
        (self.port,) = ports.find_tcp(1)
        self.url = f"http://127.0.0.1:{self.port}/outlets"
        self.parameters = {"url": self.url}
        self.expected = {
            f"node-{number}": measurement.Measurement(outlet["watts"], outlet["kwh"])
            for number, outlet in _OUTLETS.items()
        }
        self._server: http.server.ThreadingHTTPServer | None = None
        self.come_back()

    def vanish(self) -> None:
        if self._server:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    def come_back(self) -> None:
        self.body = json.dumps(_OUTLETS)
        if not self._server:
            handler = type("Handler", (_Handler,), {"strip": self})
            self._server = http.server.ThreadingHTTPServer(("127.0.0.1", self.port), handler)
            threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def garble(self) -> None:
        self.body = '["outlets"]'

    def cut(self) -> None:
        self.body = self.body[: len(self.body) // 2]


class _Handler(http.server.BaseHTTPRequestHandler):
    """Answers as the strip does, one request a connection."""

    strip: Strip

    def do_GET(self) -> None:
        body = self.strip.body.encode()
        self.send_response(200 if self.path == "/outlets" else 404)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: Any) -> None:
        """Say nothing."""


@pytest.fixture
def device() -> Iterator[Strip]:
    """A strip that answers."""
    made = Strip()
    yield made
    made.vanish()


def read_file(caption: str) -> str:
    """Return what the page says is in a file."""
    [block] = [block for block in code_blocks.read(PAGE) if block.caption == caption]
    return block.text


def read_commands() -> dict[str, code_blocks.Command]:
    """Return what the page says to type, by the program."""
    blocks = [block for block in code_blocks.read(PAGE) if block.language == "console"]
    commands = [found for block in blocks for found in code_blocks.read_commands(block.text)]
    return {command.typed.split()[0]: command for command in commands}


# ---- the driver


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory that the page has one make."""
    folder = tmp_path_factory.mktemp("sockets")
    for name in ("sockets.py", "pyproject.toml"):
        (folder / name).write_text(read_file(name))
    return folder


@pytest.fixture(scope="module")
def kind(source: Path) -> type[driver.Driver]:
    """The class of the page."""
    spec = importlib.util.spec_from_file_location(NAME, source / "sockets.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    found: type[driver.Driver] = module.Sockets
    return found


class TestSockets(driver_contract.DriverContract):
    """It does what every driver must do."""

    driver_name = NAME

    @pytest.fixture(autouse=True)
    def _take(self, kind: type[driver.Driver]) -> None:
        self.kind = kind

    def build(
        self,
        device: driver_contract.Device,
        publish: Any = print,
        clock: clocks.Clock | None = None,
    ) -> driver.Driver:
        """Return it; that it is found by its entry point is seen below."""
        return self.kind("meter", device.probes, publish, clock=clock, **device.parameters)

    def test_wrong_parameters_are_refused_by_name(self, device: driver_contract.Device) -> None:
        """The manager's affair, by the entry point: see below."""


def test_it_is_not_longer_than_promised() -> None:
    """30 lines, without blank ones."""
    assert len([line for line in read_file("sockets.py").splitlines() if line.strip()]) <= 30


# ---- the commands


class Site:
    """A directory with the page's drivers.conf, and an environment that the driver is in."""

    def __init__(self, folder: Path, installed: Path, strip: Strip) -> None:
        self.folder = folder
        self._installed = installed
        self.configure(read_file("drivers.conf").replace("http://192.0.2.7/outlets", strip.url))

    def configure(self, text: str) -> None:
        """Write drivers.conf."""
        (self.folder / "drivers.conf").write_text(text)

    def environment(self) -> dict[str, str]:
        """Return the variables with which the scripts find the driver."""
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        return {**os.environ, "PATH": path, "PYTHONPATH": str(self._installed)}

    def type_in(self, command: str) -> subprocess.CompletedProcess[str]:
        """Do as the page says."""
        return subprocess.run(
            ["bash", "-c", command],
            cwd=self.folder,
            env=self.environment(),
            capture_output=True,
            text=True,
            timeout=patience.SECONDS,
        )


@pytest.fixture(scope="module")
def installed(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where pip puts the driver, built from the page's own files."""
    target = tmp_path_factory.mktemp("installed")
    command = read_commands()["pip"].typed
    assert command == "pip install ."
    # Without the registry: setuptools is here, and the driver asks for nothing.
    quiet = ["-q", "--no-deps", "--no-build-isolation", "--target", str(target)]
    pip = [sys.executable, "-m", *command.split(), *quiet]
    subprocess.run(pip, cwd=source, check=True, timeout=patience.SECONDS)
    return target


@pytest.fixture
def site(tmp_path: Path, installed: Path, device: Strip) -> Site:
    """The page's directory, and a strip to read."""
    return Site(tmp_path, installed, device)


def test_the_check_shows_what_the_page_shows(site: Site) -> None:
    """Loaded by its entry point; the same table, word for word."""
    command = read_commands()["kwapi-drivers"]
    done = site.type_in(command.typed)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.split() == command.shown.split()


def test_wrong_parameters_are_refused_by_name(site: Site, device: Strip) -> None:
    section = "[strip-1]\ndriver = sockets\nprobes = ['node-1']\nparameters = "
    for parameters, complaint in (
        ({"url": device.url, "nosuch": 1}, "unknown parameter 'nosuch'"),
        ({"timeout_seconds": 1}, "missing parameter 'url'"),
        ({"url": device.url, "period_seconds": -1}, "period_seconds"),
    ):
        site.configure(f"{section}{parameters!r}\n")
        done = site.type_in(read_commands()["kwapi-drivers"].typed)
        assert done.returncode == 1
        assert complaint in done.stdout


def test_it_publishes(site: Site, device: Strip) -> None:
    """The API shows what the page shows, and kwh grows with the strip's own counter."""
    api, leases, pages = ports.find_tcp(3)
    (site.folder / "ports.conf").write_text(
        f"[api]\nport = {api}\n[lease_api]\nport = {leases}\n[rrd]\nport = {pages}\n"
        "[collector]\nflush_seconds = 0.3\n"
    )
    name, *arguments = read_commands()["kwapi-climate"].typed.split()
    arguments += ["--config-file", "ports.conf", "--state-path", str(site.folder / "state")]
    arguments = [str(site.folder / a) if a.endswith(".conf") else a for a in arguments]
    process = scripts.Script(name, arguments, site.folder / "log", site.environment())
    process.start()
    try:
        process.wait_for_log(r"Ctrl-C stops\.")
        curl = read_commands()["curl"]
        asked = curl.typed.split()[-1].replace(":9280/", f":{api}/")

        def ask() -> dict[str, Any]:
            answer = requests.get(asked, timeout=patience.SECONDS)
            found: dict[str, Any] = answer.json().get("node-3", {})
            return found

        seen = scripts.wait_until(ask, "a measurement of node-3")
        shown = json.loads(curl.shown)["node-3"]
        assert seen.keys() >= shown.keys()
        told = ("w", "wattmeter", "period_seconds", "resolution_watts")
        assert {key: seen[key] for key in told} == {key: shown[key] for key in told}

        outlet = {"watts": 90.0, "kwh": _OUTLETS["3"]["kwh"] + 2}
        device.body = json.dumps({**_OUTLETS, "3": outlet})
        scripts.wait_until(lambda: ask()["kwh"] > seen["kwh"] or None, "more energy")
        assert ask()["w"] == 90.0
        assert process.stop() == 0
    finally:
        process.kill()
