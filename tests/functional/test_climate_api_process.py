# SPDX-License-Identifier: Apache-2.0
"""climate-api as a process: wrong configurations, and serving without a broker."""

from __future__ import annotations

import contextlib
import http.client
import os
import pathlib
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from tests import patience

_SECONDS = patience.SECONDS
#: Nobody answers at port 1.
_AWAY = "transport_url = rabbit://guest:secret@127.0.0.1:1/\n"
_NOAUTH = (
    "[lease_api]\nport = 0\nauth_strategy = noauth\nworkers = 2\nrpc_timeout_seconds = 1\n"
    "max_body_bytes = 2048\n"
)


def write(folder: pathlib.Path, text: str) -> pathlib.Path:
    """Return a configuration file with this text."""
    path = folder / "climate.conf"
    path.write_text(f"[DEFAULT]\nstate_path = {folder}\n{text}")
    return path


def run(folder: pathlib.Path, text: str) -> subprocess.CompletedProcess[str]:
    """Return how a climate-api ended that was not to start."""
    path = write(folder, text)
    command = [sys.executable, "-m", "climate.cmd.api", "--config-file", str(path)]
    return subprocess.run(command, capture_output=True, text=True, timeout=_SECONDS)


class _Process:
    def __init__(self, folder: pathlib.Path) -> None:
        path = write(folder, _AWAY + _NOAUTH)
        self.log = folder / "api.log"
        with open(self.log, "wb") as log:
            command = [sys.executable, "-m", "climate.cmd.api", "--config-file", str(path)]
            self.process = subprocess.Popen(command, stdout=log, stderr=log)
        self.url = self._wait_for(r"Serving (http://\S+/)")

    def stop(self) -> int:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self.process.wait(_SECONDS)

    def _wait_for(self, pattern: str) -> str:
        deadline = time.monotonic() + _SECONDS
        while not (found := re.search(pattern, self.log.read_text())):
            assert self.process.poll() is None, self.log.read_text()
            assert time.monotonic() < deadline, self.log.read_text()
            time.sleep(0.1)
        return found[1]


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[_Process]:
    process = _Process(tmp_path_factory.mktemp("api"))
    try:
        yield process
    finally:
        process.stop()


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1"])
def test_noauth_on_an_address_that_others_reach_is_refused(
    tmp_path: pathlib.Path, host: str
) -> None:
    ended = run(tmp_path, f"{_NOAUTH}host = {host}\n")
    assert ended.returncode == 2
    assert "[lease_api] host" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_an_address_in_use_is_refused(tmp_path: pathlib.Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        text = f"[lease_api]\nauth_strategy = noauth\nport = {taken.getsockname()[1]}\n"
        ended = run(tmp_path, text)
    assert ended.returncode == 2
    assert "in use" in ended.stderr


def test_a_policy_file_that_cannot_be_read_is_refused(tmp_path: pathlib.Path) -> None:
    (tmp_path / "policy.yaml").write_text("climate:leases:list: [")
    ended = run(tmp_path, _NOAUTH)
    assert ended.returncode == 2
    assert "policy.yaml" in ended.stderr


def test_a_transport_that_is_none_is_refused(tmp_path: pathlib.Path) -> None:
    ended = run(tmp_path, f"transport_url = rabid://guest:secret@127.0.0.1/\n{_NOAUTH}")
    assert ended.returncode == 2
    assert "transport_url" in ended.stderr
    assert "secret" not in ended.stderr


def test_without_a_broker_it_says_so(api: _Process) -> None:
    """503 in our shape, in the log once, and without its password."""
    for _ in range(2):
        answer = requests.post(f"{api.url}v1/leases/", json={"duration": 60}, timeout=_SECONDS)
        assert answer.status_code == 503
        (error,) = answer.json()["errors"]
        assert error["code"] == "climate.service_unavailable"
        assert int(answer.headers["Retry-After"]) > 0
    assert requests.get(f"{api.url}healthcheck", timeout=_SECONDS).status_code == 503
    assert requests.get(f"{api.url}v1/", timeout=_SECONDS).ok
    assert "secret" not in api.log.read_text()


@pytest.mark.parametrize("size", [2049, 3_000_000])
@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_that_is_too_long_is_refused_in_our_shape(
    api: _Process, size: int, chunked: bool
) -> None:
    address = api.url.removeprefix("http://").strip("/")
    connection = http.client.HTTPConnection(address, timeout=_SECONDS)
    data = b"x" * size
    body: Any = iter([data[:1000], data[1000:]]) if chunked else data
    # It need not read all of it.
    with contextlib.suppress(ConnectionError):
        connection.request("POST", "/v1/leases/", body, {}, encode_chunked=chunked)
    answer = connection.getresponse()
    assert answer.status == 413
    assert answer.headers["Content-Type"] == "application/json"
    assert b'"errors": [{' in answer.read()
    connection.close()


def test_it_stops_on_sigterm(tmp_path: pathlib.Path) -> None:
    process = _Process(tmp_path)
    assert process.stop() == 0
    with pytest.raises(requests.ConnectionError):
        requests.get(process.url, timeout=_SECONDS)


def test_the_wsgi_module_reads_its_own_directory(tmp_path: pathlib.Path) -> None:
    write(tmp_path, _AWAY + "[lease_api]\nauth_strategy = noauth\n")
    ask = """
import webob
from climate.wsgi import api
request = webob.Request.blank("/v1/leases/?limit=0", environ={"REMOTE_ADDR": "127.0.0.1"})
print(request.get_response(api.application).status)
request.environ["REMOTE_ADDR"] = "192.0.2.1"
print(request.get_response(api.application).status)
"""
    ended = subprocess.run(
        [sys.executable, "-c", ask],
        env={**os.environ, "OS_CLIMATE_CONFIG_DIR": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=_SECONDS,
        check=True,
    )
    assert "400 Bad Request" in ended.stdout
    assert "403 Forbidden" in ended.stdout
