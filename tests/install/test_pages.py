# SPDX-License-Identifier: Apache-2.0
"""The quick start and the installation, step by step, as their pages have them.

Files are written and commands typed in the order of the page.  What is not as
on the page:

- what installs sees the machine's network; what runs has one of its own, in
  which the page's names are this machine;
- there is no systemd to start units, so their ``ExecStart`` is run as their
  ``User`` is; and the broker and the database are started as their packages would;
- there is no cloud: ``openstack`` is not typed, Keystone is stood in for, Nova is away.
"""

from __future__ import annotations

import configparser
import re
import subprocess
import sys
from pathlib import Path

from tests import answers
from tests import code_blocks
from tests.install import fresh_root
from tests.install import keystone
from tests.servers import scripts

_PASSWORD = "said-by-nobody-else"
_TOKEN = "$(openstack token issue -f value -c id)"
_INSTALLS = ("apt-get install ", "git clone ", "/opt/kwapi/bin/pip install ")


class Follower:
    """One who does what a page says, from top to bottom.

    :ivar typed: what was typed.
    """

    def __init__(self, root: fresh_root.FreshRoot, page: str, logs: Path) -> None:
        self.root, self._page, self._logs = root, page, logs
        self.folder, self.typed, self._key = "/root", [""], ""

    def follow(self) -> None:
        """Do all of it."""
        for block in code_blocks.read(self._page):
            if block.caption:
                self._write(block)
            for command in code_blocks.read_commands(block.text) if not block.caption else ():
                print(f"{self._page}:{block.line}: {command.typed}", flush=True)
                self.type_in(command)
                self.typed.append(command.typed)

    def _write(self, block: code_blocks.Block) -> None:
        name = block.caption if block.caption[0] == "/" else f"{self.folder}/{block.caption}"
        self.root.write(name, self._fill_in(block.text))

    def _fill_in(self, text: str) -> str:
        return text.replace("<password>", _PASSWORD).replace("<key>", self._key)

    def type_in(self, command: code_blocks.Command) -> None:
        """Do what one command is meant to do."""
        typed = self._fill_in(command.typed)
        if typed.startswith("apt-get install "):
            self.root.run("apt-get -q update", network=True)
            quiet = typed.replace("install", "install -qq -y", 1)
            self.root.run(f"DEBIAN_FRONTEND=noninteractive {quiet}", network=True)
            self._start_servers(typed)
        elif typed.startswith("systemctl enable --now "):
            for unit in typed.split()[3:]:
                self._start_unit(unit)
        elif typed.startswith("curl "):
            self._ask(command)
        elif not typed.startswith("openstack "):
            self._run(typed, "root" if command.root else fresh_root.PERSON)

    def _run(self, typed: str, user: str) -> None:
        network = typed.startswith(_INSTALLS)
        printed = self.root.run(typed, user, self.folder, network=network)
        if found := re.search(r"signing_keys = [^:]+:(\w+)", printed):
            self._key = found[1]

    def _ask(self, command: code_blocks.Command) -> None:
        """Ask until the answer is as the page shows it: all has just been started."""
        typed = answers.ask_for_status(command.typed.replace(_TOKEN, keystone.TOKEN))
        seen = ""

        def is_answered() -> bool:
            nonlocal seen
            try:
                seen = self.root.run(typed, fresh_root.PERSON)
                answers.check(command.shown, seen)
            except (AssertionError, ValueError) as exc:
                seen = str(exc)
                return False
            return True

        try:
            scripts.wait_until(is_answered, typed)
        except AssertionError as exc:
            raise AssertionError(f"{seen}\n{self.read_logs()}") from exc

    def _start_unit(self, name: str) -> None:
        """Do as systemd does, without its fences."""
        unit = configparser.ConfigParser(strict=False, interpolation=None)
        unit.optionxform = str  # type: ignore[assignment,method-assign]
        unit.read(self.root.path / f"etc/systemd/system/{name}.service")
        service = unit["Service"]
        groups = f"-g {service['Group']}"
        for more in service.get("SupplementaryGroups", "").split():
            groups += f" -G {more}"
        command = f"runuser -u {service['User']} {groups} -- {service['ExecStart']}"
        self.root.start(command, self._logs / f"{name}.log")

    def _start_servers(self, typed: str) -> None:
        """Start what the packages of Debian would, had it a systemd."""
        if "rabbitmq-server" in typed:
            self.root.start("rabbitmq-server", self._logs / "rabbitmq.log")
        if "mariadb-server" in typed:
            self.root.run("install -d -o mysql /run/mysqld")
            self.root.start("mariadbd --user=mysql", self._logs / "mariadb.log")
            self._wait_for("mariadb-admin --silent ping")
        if "rabbitmq-server" in typed:
            self._wait_for("rabbitmqctl -q await_startup --timeout 60")

    def _wait_for(self, typed: str) -> None:
        def is_up() -> bool:
            command = [*self.root.enter(), "bash", "-c", typed]
            return subprocess.run(command, capture_output=True, timeout=120).returncode == 0

        scripts.wait_until(is_up, typed, 180.0)

    def read_logs(self) -> str:
        """Return the ends of what all processes wrote."""
        logs = sorted(self._logs.glob("*.log"))
        return "\n".join(f"==== {log.name}\n{log.read_text()[-2500:]}" for log in logs)


class Beginner(Follower):
    """One who makes the quick start: with ``make run`` in one terminal, all else in another."""

    def __init__(self, root: fresh_root.FreshRoot, logs: Path) -> None:
        super().__init__(root, "install/quick-start.rst", logs)
        self.folder = f"/home/{fresh_root.PERSON}"
        root.run("install -d /srv")

    def type_in(self, command: code_blocks.Command) -> None:
        """Do what one command is meant to do."""
        if "<this repository>" in command.typed:
            self.root.copy_sources("/srv/clone", fresh_root.PERSON)
            super().type_in(
                command._replace(typed=command.typed.replace("<this repository>", "/srv/clone"))
            )
        elif command.typed.startswith("cd "):
            self.folder += "/" + command.typed[3:]
        elif command.typed.startswith("make run"):
            self._make_run(command.typed)
        else:
            super().type_in(command)

    def _make_run(self, typed: str) -> None:
        log = self._logs / f"run-{len(self.typed)}.log"
        if "make run" in self.typed:
            earlier = next(found for found in self._logs.glob("run-*.log") if found != log)
            self.root.interrupt(earlier)
            scripts.wait_until(lambda: "what was counted is kept" in earlier.read_text(), "its end")
        else:
            # What make run does first, where there is a network.
            first = "make .venv/.runtime"
            self.root.run(first, fresh_root.PERSON, self.folder, network=True)
        command = f"runuser -u {fresh_root.PERSON} -- {typed}"
        self.root.start(command, log, folder=self.folder)
        scripts.wait_until(lambda: "Ctrl-C stops" in log.read_text(), f"{typed} to run")


def test_quick_start(root: fresh_root.FreshRoot, tmp_path: Path) -> None:
    """All of the page, as somebody who is not root; the second run has the page's drivers."""
    beginner = Beginner(root, tmp_path)
    beginner.follow()
    shown = code_blocks.Command(
        "curl http://127.0.0.1:9280/v1/probe-ids/", '{"probe_ids": ["node-1", "node-2"]}', False
    )
    beginner.type_in(shown)
    assert any(typed.startswith("make run ARGS") for typed in beginner.typed)


def test_installation(root: fresh_root.FreshRoot, tmp_path: Path) -> None:
    """All of the page on one machine; at its end both APIs answer, with the page's probes."""
    follower = Follower(root, "install/installation.rst", tmp_path)
    root.copy_sources("/root/kwapi-climate", "root")
    follower.folder = "/root/kwapi-climate"
    enter = ["nsenter", "-t", root.first_process, "--net"]
    program = [sys.executable, "-m", "tests.install.keystone"]
    stand_in = subprocess.Popen([*enter, *program], cwd=code_blocks.TOP)
    try:
        follower.follow()
        shown = '{"probe_ids": ["node-1", "node-2"]}'
        asked = f'curl -H "X-Auth-Token: {_TOKEN}" http://kwapi.example.org:9280/v1/probe-ids/'
        follower.type_in(code_blocks.Command(asked, shown, False))
    finally:
        stand_in.kill()
        stand_in.wait()
