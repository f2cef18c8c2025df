# SPDX-License-Identifier: Apache-2.0
"""kwapi-api as a process: wrong configurations, serving, reload and stop."""

from __future__ import annotations

import os
import pathlib
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from collections.abc import Iterator

import pytest
import requests

from tests import patience
from tests.servers import apis
from tests.servers import processes

_NOAUTH = "[api]\nport = 0\nauth_strategy = noauth\nworkers = 2\n"


@pytest.fixture
def api(tmp_path: pathlib.Path) -> Iterator[processes.ApiProcess]:
    process = processes.ApiProcess(tmp_path, _NOAUTH)
    try:
        yield process
    finally:
        process.stop()


def start(folder: pathlib.Path, text: str) -> subprocess.CompletedProcess[str]:
    """Return how a kwapi-api ended that was not to start."""
    path = folder / "kwapi.conf"
    path.write_text(f"[DEFAULT]\nstate_path = {folder}\n{text}")
    command = [sys.executable, "-m", "kwapi.cmd.api", "--config-file", str(path)]
    return subprocess.run(command, capture_output=True, text=True, timeout=patience.SECONDS)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1"])
def test_noauth_on_an_address_that_others_reach_is_refused(
    tmp_path: pathlib.Path, host: str
) -> None:
    ended = start(tmp_path, f"{_NOAUTH}host = {host}\n")
    assert ended.returncode == 2
    assert "[api] host" in ended.stderr
    assert "loopback" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_database_of_another_release_is_refused(tmp_path: pathlib.Path) -> None:
    (tmp_path / "kwapi.sqlite").touch()
    ended = start(tmp_path, _NOAUTH)
    assert ended.returncode == 2
    assert "kwapi-manage db upgrade" in ended.stderr


def test_an_address_in_use_is_refused(tmp_path: pathlib.Path) -> None:
    apis.configure(tmp_path, "")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        ended = start(tmp_path, f"[api]\nauth_strategy = noauth\nport = {taken.getsockname()[1]}\n")
    assert ended.returncode == 2
    assert "in use" in ended.stderr


def test_a_policy_file_that_cannot_be_read_is_refused(tmp_path: pathlib.Path) -> None:
    apis.configure(tmp_path, "")
    (tmp_path / "policy.yaml").write_text("kwapi:probes:list: [")
    ended = start(tmp_path, _NOAUTH)
    assert ended.returncode == 2
    assert "policy.yaml" in ended.stderr


def test_it_serves_and_stops_on_sigterm(api: processes.ApiProcess) -> None:
    assert requests.get(f"{api.url}v1/probes/A/w", timeout=patience.SECONDS).json() == {
        "A": {"w": 107.3}
    }
    assert api.stop() == 0
    with pytest.raises(requests.ConnectionError):
        requests.get(api.url, timeout=patience.SECONDS)


def test_the_answers_request_id_is_in_the_log(api: processes.ApiProcess) -> None:
    answer = requests.get(f"{api.url}v1/probes/nobody", timeout=patience.SECONDS)
    lines = api.log.read_text().splitlines()
    told = [line for line in lines if answer.headers["X-OpenStack-Request-ID"] in line]
    assert any("energybase.web.errors" in line and "404" in line for line in told), lines


def test_a_process_that_is_killed_is_replaced(api: processes.ApiProcess) -> None:
    wait_until(lambda: len(workers_of(api)) == 2)
    before = workers_of(api)
    os.kill(min(before), signal.SIGKILL)
    wait_until(lambda: len(workers_of(api)) == 2 and workers_of(api) != before)
    assert requests.get(api.url, timeout=patience.SECONDS).ok


def test_sighup_takes_up_the_configuration(api: processes.ApiProcess) -> None:
    """Other processes take over; the address stays."""
    wait_until(lambda: len(workers_of(api)) == 2)
    before = workers_of(api)
    text = api.path.read_text().replace("noauth", "keystone")
    section = "[keystone_authtoken]\nwww_authenticate_uri = http://127.0.0.1:9/v3\n"
    api.path.write_text(text + section)
    api.process.send_signal(signal.SIGHUP)
    wait_until(lambda: len(workers_of(api)) == 2 and not workers_of(api) & before)
    wait_until(
        lambda: requests.get(f"{api.url}v1/probes", timeout=patience.SECONDS).status_code == 401
    )


def test_the_wsgi_module_reads_its_own_directory(tmp_path: pathlib.Path) -> None:
    apis.configure(tmp_path, "[api]\nauth_strategy = noauth\n")
    ask = """
import webob
from kwapi.wsgi import api
request = webob.Request.blank("/v1/probes", environ={"REMOTE_ADDR": "127.0.0.1"})
print(request.get_response(api.application).text)
request.environ["REMOTE_ADDR"] = "192.0.2.1"
print(request.get_response(api.application).status)
"""
    ended = subprocess.run(
        [sys.executable, "-c", ask],
        env={**os.environ, "OS_KWAPI_CONFIG_DIR": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=patience.SECONDS,
        check=True,
    )
    assert '{"probes": {}}' in ended.stdout
    assert "403 Forbidden" in ended.stdout


def workers_of(api: processes.ApiProcess) -> set[int]:
    """Return the ids of the processes that answer."""
    tasks = pathlib.Path(f"/proc/{api.process.pid}/task").glob("*/children")
    children = {int(pid) for path in tasks for pid in path.read_text().split()}
    return {pid for pid in children if b"worker" in _title(pid)}


def _title(pid: int) -> bytes:
    try:
        return pathlib.Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def wait_until(holds: Callable[[], bool]) -> None:
    """Return when it holds; fail if it never does."""
    deadline = time.monotonic() + patience.SECONDS
    while True:
        try:
            if holds():
                return
        except requests.ConnectionError:
            pass
        assert time.monotonic() < deadline
        time.sleep(0.1)
