# SPDX-License-Identifier: Apache-2.0
"""kwapi-climate as README's ``make run`` starts it: everything in one process, a simulated rack.

What README says to type is taken from README, and typed.
"""

from __future__ import annotations

import json
import re
import shlex
import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from climate import states
from tests import patience
from tests.servers import ports
from tests.servers import scripts

ROOT = Path(__file__).resolve().parents[2]
SERVERS = [f"server-{number}" for number in range(1, 9)]
#: As the technical workshop of 25 June 2013 printed it, with the brace it forgot.
WORKSHOP = (
    '{"start_time":10, "end_time":100, "duration": 5, "quantity":1, '
    '"host_properties": "[\\"=\\", \\"$id\\", 1]"}'
)


class OneProcess:
    """It, on free ports, with a directory of its own for all that it writes; not started."""

    def __init__(self, folder: Path) -> None:
        self.port, self.leases_port, self.pages_port = ports.find_tcp(3)
        path, self.state_path = folder / "climate.conf", folder / "state"
        path.write_text(
            f"[api]\nport = {self.port}\n[lease_api]\nport = {self.leases_port}\n"
            f"[rrd]\nport = {self.pages_port}\n"
            "[simulator]\nport = 0\n[collector]\nflush_seconds = 0.3\n"
            "[ranking]\nsample_seconds = 1\n"
        )
        self.arguments = ["--config-file", str(path), "--state-path", str(self.state_path)]
        self.script = scripts.Script("kwapi-climate", self.arguments, folder / "climate.log")
        self._starts = 0

    def start(self) -> None:
        """Start it, and return when it says that all runs."""
        self._starts += 1
        self.script.start()
        self.script.wait_for_log(r"Ctrl-C stops\.", self._starts)

    def get(self, path: str) -> Any:
        """Return what the lease API answers well."""
        answer = requests.get(
            f"http://127.0.0.1:{self.leases_port}{path}", timeout=patience.SECONDS
        )
        assert answer.status_code == 200, answer.text
        return answer.json()

    def lease(self, body: Any) -> requests.Response:
        """Ask for a lease.

        :param body: its JSON, as text or not yet.
        """
        text = body if isinstance(body, str) else json.dumps(body)
        return requests.post(
            f"http://127.0.0.1:{self.leases_port}/v1/leases/",
            data=text,
            headers={"Content-Type": "application/json"},
            timeout=patience.SECONDS,
        )

    def get_kwh(self) -> dict[str, float]:
        """Return the energy of each probe."""
        answer = requests.get(f"http://127.0.0.1:{self.port}/v1/probes/", timeout=patience.SECONDS)
        return {name: probe["kwh"] for name, probe in answer.json()["probes"].items()}

    def wait_until_measured(self) -> None:
        """Return when there is a probe for each server."""
        scripts.wait_until(lambda: sorted(self.get_kwh()) == SERVERS, "probes of all servers")

    def type_in(self, command: str) -> Any:
        """Return what a command of README prints, of the ports that are ours."""
        for default, own in ((":9280/", self.port), (":1234/", self.leases_port)):
            command = command.replace(default, f":{own}/")
        done = subprocess.run(
            ["bash", "-c", command],
            capture_output=True,
            text=True,
            timeout=patience.SECONDS,
            check=True,
        )
        return json.loads(done.stdout)


@pytest.fixture
def climate(tmp_path: Path) -> Iterator[OneProcess]:
    """It, not started."""
    made = OneProcess(tmp_path)
    yield made
    made.script.kill()


def read_commands() -> list[str]:
    """Return the commands that README.rst has after a ``$``, each on one line."""
    text = (ROOT / "README.rst").read_text().replace("\\\n", " ")
    return re.findall(r"^    \$ (.*)$", text, re.MULTILINE)


# ---- what README says


def test_make_run_is_this_command() -> None:
    """And its ARGS are passed on."""
    # A file that is there, so that nothing is installed.
    wanted = ["RUNTIME=Makefile", "BIN=bin", "ARGS=--config-file drivers.conf"]
    done = subprocess.run(
        ["make", "--dry-run", "run", *wanted], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert shlex.split(done.stdout) == [
        "exec",
        "bin/kwapi-climate",
        "--config-file",
        "drivers.conf",
    ]


def test_what_readme_says_to_try(climate: OneProcess) -> None:
    """Each curl command is answered as README shows; kwh grows."""
    see, lease = read_commands()
    assert see.startswith("curl ") and lease.startswith("curl ")
    climate.start()
    climate.wait_until_measured()
    first = climate.type_in(see)["probes"]["server-1"]
    assert first.keys() >= {"timestamp", "kwh", "w"}
    assert first["w"] > 0

    def has_grown() -> bool:
        now = climate.type_in(see)["probes"]
        return any(now[name]["kwh"] > kwh for name, kwh in before.items())

    before = climate.get_kwh()
    # Not of all: a counter of Wh stands still for a minute.
    scripts.wait_until(has_grown, "more energy")

    made = climate.type_in(lease)
    assert made["status"] == states.CONFIRMED
    assert made["end_time"] - made["start_time"] == 3600
    vcpus = [
        climate.get(f"/v1/hosts/{host['name']}")["properties"]["vcpus"] for host in made["hosts"]
    ]
    assert len(vcpus) == 2 and min(vcpus) >= 16
    assert {host["status"] for host in made["hosts"]} == {"up"}

    too_many = climate.type_in(lease.replace('"quantity": 2', '"quantity": 8'))
    assert too_many["errors"][0]["code"] == "climate.not_enough_hosts"
    assert too_many["errors"][0]["meta"]["earliest_start_time"] == made["end_time"]
    too_big = climate.type_in(lease.replace("16]", "1600]"))
    assert too_big["errors"][0]["code"] == "climate.no_host_matches"
    assert too_big["errors"][0]["meta"]["hosts_known"] == len(SERVERS)


def test_the_simulated_rack_is_ranked(climate: OneProcess) -> None:
    """By what it is measured to use, best first; leases prefer it so."""
    climate.start()

    def rank() -> dict[str, Any]:
        ranked = climate.get("/v1/ranking/")["hosts"]
        all_known = len(ranked) == len(SERVERS) and all(each["score"] for each in ranked)
        return {each["host"]: each for each in ranked} if all_known else {}

    found = scripts.wait_until(rank, "a score of each server")
    assert sorted(found) == SERVERS
    scores = [each["score"] for each in found.values()]
    assert scores == sorted(scores, reverse=True)
    for each in found.values():
        assert each["watts_source"] == "kwapi" and each["watts_now"] > 0
        assert each["flops"] > 0 and each["on"]


def test_the_workshops_example(climate: OneProcess) -> None:
    """The lease of the technical workshop: it is made, starts and ends by itself."""
    climate.start()
    answer = climate.lease(WORKSHOP)
    assert answer.status_code == 201, answer.text
    lease = answer.json()
    assert [host["name"] for host in lease["hosts"]] == ["server-1"]
    assert lease["end_time"] - lease["start_time"] == lease["duration"] == 5
    shown = f"/v1/leases/{lease['id']}/"
    assert climate.get(shown)["status"] == states.CONFIRMED
    scripts.wait_until(lambda: climate.get(shown)["status"] == states.ENDED, "its end")
    # What it does not have to be: again.
    again = climate.lease(WORKSHOP).json()
    path = f"http://127.0.0.1:{climate.leases_port}/v1/leases/{again['id']}/"
    assert requests.delete(path, timeout=patience.SECONDS).status_code == 204
    assert requests.get(path, timeout=patience.SECONDS).status_code == 404


# ---- it is killed, and ended


def test_energy_and_leases_survive_crashes(climate: OneProcess) -> None:
    """The energy shown only ever grows and no lease is lost, kill -9 or not; Ctrl-C ends it."""
    seen: dict[str, float] = {}
    leased: dict[str, list[str]] = {}

    def has_grown() -> bool:
        now = climate.get_kwh()
        assert all(now[name] >= kwh for name, kwh in seen.items())
        # Not of all: a counter of Wh stands still for a minute.
        return any(kwh > seen.get(name, 0.0) for name, kwh in now.items())

    def list_leases() -> dict[str, list[str]]:
        shown = climate.get("/v1/leases/")["leases"]
        assert {lease["status"] for lease in shown} <= {states.CONFIRMED, states.ACTIVE}
        return {lease["id"]: [host["name"] for host in lease["hosts"]] for lease in shown}

    for run in (1, 2, 3):
        climate.start()
        assert list_leases() == leased
        made = climate.lease({"duration": 3600, "quantity": 2})
        assert made.status_code == 201, made.text
        leased = list_leases()
        assert made.json()["id"] in leased and len(leased) == run
        for _ in range(2):
            scripts.wait_until(has_grown, "more energy")
            seen = climate.get_kwh()
        if run < 3:
            climate.script.kill()
    held = [name for names in leased.values() for name in names]
    assert len(held) == len(set(held)) == 6
    assert climate.script.stop(signal.SIGINT) == 0
    assert "Stopping; what was counted is kept." in climate.script.log
    assert "Traceback" not in climate.script.log


def test_ctrl_c_at_once(climate: OneProcess) -> None:
    """Whatever of it runs by then."""
    climate.script.start()
    climate.script.wait_for_log("New in the source|Kwapi measures")
    assert climate.script.stop(signal.SIGINT) == 0
    assert "Traceback" not in climate.script.log


@pytest.mark.parametrize("taken", ["port", "leases_port"])
def test_a_port_that_is_taken_is_told_in_one_line(climate: OneProcess, taken: str) -> None:
    port = getattr(climate, taken)
    with socket.create_server(("127.0.0.1", port)):
        assert climate.script.run() == 2
    log = climate.script.log
    (line,) = [line for line in log.splitlines() if line.startswith("kwapi-climate: ")]
    assert str(port) in line
    assert "Traceback" not in log


def test_everything_it_writes_is_in_its_state_path(climate: OneProcess) -> None:
    climate.start()
    climate.wait_until_measured()
    assert climate.script.stop() == 0
    assert {path.name for path in climate.state_path.iterdir()} >= {
        "kwapi.sqlite",
        "climate.sqlite",
    }
    beside = {path.name for path in climate.state_path.parent.iterdir()}
    assert beside == {"climate.conf", "climate.log", "state"}
