# SPDX-License-Identifier: Apache-2.0
"""Every command of ours as ``openstack`` runs it, on kwapi-climate with its simulated rack."""

from __future__ import annotations

import contextlib
import csv
import datetime
import io
import os
import pty
import re
import select
import shlex
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from typing import NamedTuple

import pytest
import requests
import yaml

from tests import patience
from tests.servers import openstack_shell
from tests.servers import ports
from tests.servers import scripts

SERVERS = [f"server-{number}" for number in range(1, 9)]
OPENSTACK = Path(sys.executable).with_name("openstack")
CLI_PAGE = Path(__file__).resolve().parents[2] / "doc/source/user/cli.rst"
_ISO = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")


class Rack(NamedTuple):
    """A running kwapi-climate."""

    energy_url: str
    lease_url: str
    environ: dict[str, str]


@pytest.fixture(scope="module")
def rack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rack]:
    """It, when all of its servers are measured and ranked."""
    folder = tmp_path_factory.mktemp("rack")
    script, energy_url, lease_url = make_climate(folder)
    environ = openstack_shell.make_environ(
        OS_AUTH_TYPE="none",
        OS_ENERGY_ENDPOINT_OVERRIDE=energy_url,
        OS_LEASE_ENDPOINT_OVERRIDE=lease_url,
    )
    try:
        script.start()
        script.wait_for_log(r"Ctrl-C stops\.")
        scripts.wait_until(lambda: _is_ready(energy_url, lease_url), "servers measured and ranked")
        yield Rack(energy_url, lease_url, environ)
    finally:
        script.clear()


def make_climate(folder: Path) -> tuple[scripts.Script, str, str]:
    """Return kwapi-climate, not started, and where its two services will be."""
    energy_port, lease_port = ports.find_tcp(2)
    (folder / "climate.conf").write_text(
        f"[api]\nport = {energy_port}\n[lease_api]\nport = {lease_port}\ndefault_page_size = 2\n"
        "[simulator]\nport = 0\n[collector]\nflush_seconds = 0.3\n[ranking]\nsample_seconds = 1\n"
        "[rrd]\nworkers = 0\n"
    )
    arguments = ["--config-file", f"{folder}/climate.conf", "--state-path", f"{folder}/state"]
    script = scripts.Script("kwapi-climate", arguments, folder / "log")
    return script, *(f"http://127.0.0.1:{port}/v1" for port in (energy_port, lease_port))


def _is_ready(energy_url: str, lease_url: str) -> bool:
    probes = requests.get(f"{energy_url}/probes/", timeout=patience.SECONDS).json()["probes"]
    ranked = requests.get(f"{lease_url}/ranking/", timeout=patience.SECONDS).json()["hosts"]
    scored = [each for each in ranked if each["score"]]
    return sorted(probes) == SERVERS and len(scored) == len(SERVERS)


@pytest.fixture(scope="module")
def shell(rack: Rack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    """Runs a command line after ``openstack``."""
    running = openstack_shell.Shell(tmp_path_factory.mktemp("shell"), rack.environ)
    yield lambda command: running.run(*shlex.split(command))
    running.close()


Run = Callable[[str], openstack_shell.Result]


@pytest.fixture(autouse=True)
def no_leases_left(rack: Rack) -> Iterator[None]:
    """Each test has the rack for itself."""
    yield
    for status in ("active", "confirmed", "proposed"):
        answer = requests.get(
            f"{rack.lease_url}/leases/?limit=100&status={status}", timeout=patience.SECONDS
        )
        for lease in answer.json()["leases"]:
            requests.delete(f"{rack.lease_url}/leases/{lease['id']}/", timeout=patience.SECONDS)


def create(shell: Run, options: str) -> dict[str, Any]:
    """Return a lease that was made."""
    lease: dict[str, Any] = shell(f"lease create -f json {options}").document
    return lease


def require_refused(result: openstack_shell.Result, *told: str) -> None:
    """It failed, said why in one line, and showed nothing."""
    assert result.status == 1, result
    assert not result.out
    (line,) = result.err.splitlines()
    for text in told:
        assert text in line, result.err


# ---- openstack energy


def test_probes(shell: Run) -> None:
    listed = shell("energy probe list -f json").document
    assert [probe["Probe"] for probe in listed] == SERVERS
    assert all(probe["W"] > 0 and probe["Wattmeter"] == "rack-1-pdu" for probe in listed)
    assert all(_ISO.fullmatch(probe["Measured At"]) for probe in listed)
    watts = [probe["W"] for probe in shell("energy probe list --by watts -f json").document]
    assert watts == sorted(watts, reverse=True)
    assert shell("energy probe list --long -f json").document[0]["Period Seconds"] > 0


def test_a_probe(shell: Run) -> None:
    shown = shell("energy probe show server-1 -f json").document
    assert shown["id"] == "server-1" and shown["w"] > 0 and shown["kwh"] >= 0
    assert float(shell("energy probe show server-1 -f value -c w").out) > 0
    require_refused(shell("energy probe show server-9"), "Probe server-9 is not known.")


def test_drivers(shell: Run) -> None:
    (driver,) = shell("energy driver list --long -f json").document
    assert driver["Wattmeter"] == "rack-1-pdu" and driver["State"] == "running"
    assert driver["Probes"] == len(SERVERS) and driver["Missing"] == []


def test_ranking(shell: Run) -> None:
    ranked = shell("energy ranking list -f json").document
    scores = [host["Flop Per Watt"] for host in ranked]
    assert sorted(host["Host"] for host in ranked) == SERVERS
    assert scores == sorted(scores, reverse=True)
    wanted = "energy ranking list --by peak --host server-2 --host server-1 --long -f json"
    peak = shell(wanted).document
    assert {host["Host"] for host in peak} == {"server-1", "server-2"}
    assert {host["Ranked By"] for host in peak} == {"peak"}


def test_top_elsewhere_than_on_a_terminal(shell: Run) -> None:
    """So many frames, no codes."""
    result = shell("energy top --count 2 --interval 0.5")
    assert result.status == 0 and "\x1b" not in result.out
    first, second = result.out.split("\n\n8 probes")
    assert first.startswith("8 probes")
    for frame in (first, second):
        assert sorted(re.findall(r"^server-\d", frame, re.MULTILINE)) == SERVERS


# ---- openstack lease


def test_hosts(shell: Run) -> None:
    listed = shell("lease host list -f json").document
    assert sorted(host["Name"] for host in listed) == SERVERS
    assert {host["Status"] for host in listed} == {"up"}
    assert shell("lease host list --status down -f json").document == []


def test_the_life_of_a_lease(shell: Run) -> None:
    """Made and waited for, listed, shown by name, extended, given back."""
    result = shell(
        "lease create --duration 1h --quantity 2 --property 'vcpus>=16' --name mine --wait -f json"
    )
    lease = result.document
    assert lease["status"] == "active" and len(lease["hosts"]) == 2
    assert lease["host_properties"] == [">=", "$vcpus", 16] and lease["duration"] == 3600
    assert f"Lease {lease['id']} is active.\n" in result.err
    (row,) = shell("lease list --status active -f json").document
    assert row["ID"] == lease["id"] and row["Hosts"] == lease["hosts"]
    assert shell("lease show mine -f json").document == lease
    longer = shell("lease extend mine --by 1h30m -f json").document
    assert longer["duration"] == 9000
    shorter = shell(f"lease extend mine --to {lease['end_time']} -f json").document
    assert shorter["end_time"] == lease["end_time"]
    deleted = shell("lease delete mine")
    assert deleted == openstack_shell.Result(0, "", "")
    assert shell("lease show mine -f value -c status").out == "ended\n"


def test_a_proposal(shell: Run) -> None:
    """Held until confirmed; --wait then waits for the start."""
    proposed = create(shell, "--duration 1h --propose")
    assert proposed["status"] == "proposed" and proposed["expires_at"]
    confirmed = shell(f"lease confirm {proposed['id']} --wait -f json")
    assert confirmed.document["status"] == "active"
    require_refused(shell("lease create --duration 1h --propose --wait"), "A proposal does not")


def test_times_as_people_write_them(shell: Run) -> None:
    """In the time zone of who types; shown in it too, but to programs in UTC."""
    eve = f"{datetime.date.today().year + 1}-12-24"
    lease = create(shell, f"--start '{eve} 08:00' --end {eve}T18:00 --name eve")
    assert lease["start_time"] == f"{eve}T07:00:00Z"
    assert lease["end_time"] == f"{eve}T17:00:00Z"
    table = shell("lease show eve").out
    assert f"{eve} 08:00:00 CET" in table and "| 10h " in table
    soon = create(shell, "--start 'tomorrow 08:00' --duration 2h --end +4d")
    assert soon["duration"] == 7200


def test_lists(shell: Run) -> None:
    """All pages, of which one has two; and what can be chosen."""
    for number in range(5):
        create(shell, f"--start +{number + 1}h --duration 30m --name n{number}")
    mine = "lease list --ends-after now -f json"
    assert len(shell(mine).document) == 5
    assert len(shell(f"{mine} --limit 3").document) == 3
    assert [row["Name"] for row in shell(f"{mine} --name n3").document] == ["n3"]
    early = shell(f"{mine} --starts-before +150m --all-projects --long").document
    assert {row["Name"] for row in early} == {"n0", "n1"}
    assert {row["Project ID"] for row in early} == {"noauth"}
    host = early[0]["Hosts"][0]
    assert all(host in row["Hosts"] for row in shell(f"{mine} --host {host}").document)
    assert shell(f"{mine} --project another").document == []
    shell("lease delete n0 n1")
    gone = shell("lease list --status cancelled -f json").document
    assert {"n0", "n1"} <= {row["Name"] for row in gone}


def test_what_would_work_instead(shell: Run) -> None:
    """As it may be typed; and typed so, it works."""
    create(shell, "--duration 1h --quantity 3")
    refused = shell("lease create --duration 1h --quantity 8")
    require_refused(refused, "8 are wanted", "Try --quantity 5, or --start ")
    later = re.search(r"or (--start .*)\.\n", refused.err)
    assert later
    assert len(create(shell, f"--quantity 8 {later[1]}")["hosts"]) == 8
    too_big = shell("lease create --duration 1h --property 'vcpus>=1600'")
    require_refused(too_big, "None of the 8 hosts", "excludes 8.")


def test_until_when_a_lease_could_be_extended(shell: Run) -> None:
    first = create(shell, "--duration 1h --quantity 8")
    create(shell, f"--start {first['end_time']} --duration 1h --quantity 8")
    refused = shell(f"lease extend {first['id']} --by 1h")
    require_refused(refused, f"Try --to {first['end_time']}.")


def test_mistakes(shell: Run) -> None:
    """Each is one line, and the other leases of a list are deleted all the same."""
    require_refused(shell("lease create"), "Say how long: --duration 2h for example")
    require_refused(shell("lease show nobody"), "No lease of yours has the id or name nobody.")
    require_refused(shell("lease confirm nobody"), "Lease nobody is not known.")
    require_refused(
        shell("lease create --duration 1h --quantity 2 --max-hosts 1"), "hosts_max: must be"
    )
    create(shell, "--duration 1h --name good")
    require_refused(shell("lease delete nobody good"), "nobody")
    assert shell("lease list --status active -f json").document == []
    for twin in range(2):
        create(shell, f"--start +{twin + 1}h --duration 10m --name twin")
    require_refused(shell("lease show twin"), "2 leases have the name twin: use an id.")
    for wrong in ("--duration 90", "--start tomorrow", "--property vcpus"):
        result = shell(f"lease create {wrong}")
        assert result.status == 2 and "error: argument" in result.err.splitlines()[-1]


def test_services_that_are_not_there(rack: Rack, shell: Run) -> None:
    """Refused, elsewhere, or not known where."""
    (port,) = ports.find_tcp(1)
    away = f"--os-lease-endpoint-override http://127.0.0.1:{port}/v1"
    require_refused(shell(f"{away} lease list"), "connection is refused", f":{port}/v1/leases/")
    wrong = f"--os-energy-endpoint-override {rack.lease_url}"
    require_refused(shell(f"{wrong} energy top"), "The energy service is not at http://")


def test_an_answer_that_is_lost(shell: Run) -> None:
    """Whoever asked for a lease may have it now, and is told to look."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def hang_up() -> None:
            connection, _ = listening.accept()
            connection.recv(65536)
            connection.close()

        threading.Thread(target=hang_up, daemon=True).start()
        url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        refused = shell(f"--os-lease-endpoint-override {url} lease create --duration 1h")
    require_refused(refused, "is not known. Look at 'openstack lease list' before you try again.")


# ---- formatters, help


@pytest.mark.parametrize(
    "command",
    [
        "energy probe list",
        "energy driver list --long",
        "energy ranking list",
        "lease list --long",
        "lease host list",
    ],
)
def test_formatters_of_a_list(shell: Run, command: str) -> None:
    """All say the same."""
    create(shell, "--duration 1h --name formatted")
    rows = shell(f"{command} -f json").document
    assert rows
    assert len(yaml.safe_load(shell(f"{command} -f yaml").out)) == len(rows)
    read = list(csv.DictReader(io.StringIO(shell(f"{command} -f csv").out)))
    assert [set(row) for row in read] == [set(row) for row in rows]
    assert len(shell(f"{command} -f value").out.splitlines()) == len(rows)
    table = shell(command).out
    assert "\x1b" not in table and table.count("\n") == len(rows) + 4


@pytest.mark.parametrize("command", ["energy probe show server-2", "lease show formatted"])
def test_formatters_of_one_thing(shell: Run, command: str) -> None:
    create(shell, "--start +1h --duration 1h --name formatted")
    shown = shell(f"{command} -f json").document
    assert set(yaml.safe_load(shell(f"{command} -f yaml").out)) == set(shown)
    assert len(shell(f"{command} -f value").out.splitlines()) == len(shown)
    assert f'id="{shown["id"]}"' in shell(f"{command} -f shell").out
    assert shown["id"] in shell(command).out


def test_help_is_enough_for_a_newcomer(shell: Run) -> None:
    """Who reads it and types its first example has a lease."""
    text = shell("lease create --help").out
    for needed in ("--duration", "--start", "tomorrow 08:00", "vcpus>=16", "--wait", "--hint"):
        assert needed in text
    example = next(line for line in text.splitlines() if line.startswith("  openstack lease"))
    words = example.removeprefix("  openstack ")
    assert shell(f"{words} -f json").document["status"] == "confirmed"
    listed = shell("--help").out
    assert "lease create" in listed and "--os-lease-endpoint-override" in listed


def test_the_page_about_the_commands(shell: Run) -> None:
    """Each command of doc/source/user/cli.rst does what the page says, in its order."""
    text = CLI_PAGE.read_text().replace("\\\n", " ")
    commands = re.findall(r"^   \$ openstack (?:--os-cloud rack )?(.*)$", text, re.MULTILINE)
    assert len(commands) > 10
    for command in commands:
        if "server create" in command or "<id>" in command:
            continue
        ending = " --count 1" if command == "energy top" else ""
        result = shell(command + ending)
        assert result.status == 0, (command, result)


# ---- as processes, on a terminal and not


def test_a_process(rack: Rack) -> None:
    """The console script itself; a pipe that closes early is no drama."""
    done = subprocess.run(
        ["bash", "-c", f"{OPENSTACK} energy top --interval 0.5 | head -n 5"],
        capture_output=True,
        text=True,
        timeout=scripts.PATIENCE_SECONDS,
        env=rack.environ,
    )
    assert done.stdout.startswith("8 probes")
    assert "Traceback" not in done.stderr


def test_a_cloud_of_clouds_yaml(rack: Rack, tmp_path: Path) -> None:
    """Without any variable: endpoints stand in the file, too."""
    (tmp_path / "clouds.yaml").write_text(
        f"clouds:\n  rack:\n    auth_type: none\n    lease_endpoint_override: {rack.lease_url}\n"
    )
    done = subprocess.run(
        [OPENSTACK, "--os-cloud", "rack", "lease", "host", "list", "-f", "value", "-c", "Name"],
        capture_output=True,
        text=True,
        timeout=scripts.PATIENCE_SECONDS,
        env=openstack_shell.make_environ(),
        cwd=tmp_path,
        check=True,
    )
    assert sorted(done.stdout.split()) == SERVERS


class Terminal:
    """A process on a terminal of ours, as somebody sits before it."""

    def __init__(self, environ: dict[str, str], *words: str) -> None:
        self._master, slave = pty.openpty()
        self.shown = ""
        self._process = subprocess.Popen(
            [OPENSTACK, *words],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            env={**environ, "TERM": "xterm"},
            start_new_session=True,
        )
        os.close(slave)

    def wait_for(self, text: str) -> None:
        """Return when that is shown."""
        scripts.wait_until(lambda: self._read() and text in self.shown, f"{text!r} is shown")

    def interrupt(self) -> int:
        """Press Ctrl-C; return the exit status when all is shown."""
        self._process.send_signal(signal.SIGINT)
        scripts.wait_until(self._has_ended, "its end")
        return self._process.returncode

    def close(self) -> None:
        """Leave nothing behind."""
        self._process.kill()
        self._process.wait()
        os.close(self._master)

    def _has_ended(self) -> bool:
        ended = self._process.poll() is not None
        return self._read() and ended

    def _read(self) -> bool:
        """Take what there is to be seen."""
        with contextlib.suppress(OSError):
            while select.select([self._master], [], [], 0.05)[0]:
                data = os.read(self._master, 65536)
                if not data:
                    break
                self.shown += data.decode(errors="replace")
        return True


@pytest.fixture
def terminal(rack: Rack) -> Iterator[Callable[..., Terminal]]:
    """Starts a command on a terminal."""
    with contextlib.ExitStack() as stack:

        def start(*words: str) -> Terminal:
            made = Terminal(rack.environ, *words)
            stack.callback(made.close)
            return made

        yield start


def test_ctrl_c_ends_top(terminal: Callable[..., Terminal]) -> None:
    """The terminal is as it was, and all is well."""
    top = terminal("energy", "top", "--interval", "0.5")
    top.wait_for("rack-1-pdu")
    assert "\x1b[?1049h" in top.shown
    assert top.interrupt() == 0
    assert top.shown.endswith("\x1b[?25h\x1b[?1049l")
    assert "Traceback" not in top.shown


def test_ctrl_c_ends_the_waiting_only(shell: Run, terminal: Callable[..., Terminal]) -> None:
    """The lease stays, and it is said so."""
    command = "lease create --start +1h --duration 1h --name waiting --wait"
    waiting = terminal(*command.split())
    waiting.wait_for(" and starts in ")
    assert waiting.interrupt() == 130
    assert "stays; 'openstack lease show' tells how it fares" in waiting.shown
    assert "Traceback" not in waiting.shown and "\x1b" not in waiting.shown
    assert shell("lease show waiting -f value -c status").out == "confirmed\n"


def test_top_outlives_an_outage(tmp_path: Path, rack: Rack) -> None:
    """It tells that the service is away, and goes on when it is back."""
    script, energy_url, _ = make_climate(tmp_path)
    environ = rack.environ | {"OS_ENERGY_ENDPOINT_OVERRIDE": energy_url}
    shown = None
    try:
        script.start()
        script.wait_for_log(r"Ctrl-C stops\.")
        shown = Terminal(environ, "energy", "top", "--interval", "0.5")
        shown.wait_for(" probes ")
        script.kill()
        shown.wait_for("The energy service does not answer")
        script.start()
        script.wait_for_log(r"Ctrl-C stops\.", 2)
        shown.shown = ""
        shown.wait_for("rack-1-pdu")
        assert shown.interrupt() == 0
    finally:
        script.clear()
        if shown:
            shown.close()
