# SPDX-License-Identifier: Apache-2.0
"""A private RabbitMQ that a test may stop, kill and start again.

Owns one broker node and its epmd: their ports, files and processes, all on
loopback.  Debian's wrapper in /usr/sbin changes the user and drops the
environment, so the programs behind it are run directly.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import kombu

from tests import patience
from tests.servers import ports

PROGRAMS = Path("/usr/lib/rabbitmq/bin")
_READY_SECONDS = patience.SECONDS
_STOP_SECONDS = patience.SECONDS
_CONFIGURATION = """\
listeners.tcp.1 = 127.0.0.1:{port}
disk_free_limit.absolute = 50MB
log.file.level = info
"""
# As few threads as the machine has cores, none of them spinning while idle,
# and the distribution port on loopback.
_ERLANG = (
    "+S 2:2 +sbwt none +sbwtdcpu none +sbwtdio none -kernel inet_dist_use_interface {127,0,0,1}"
)


class RabbitMQ:
    """One broker; its durable queues and messages survive stop, kill and restart.

    :param directory: empty and short-lived; everything the broker writes is in it.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._port, self._dist_port, self._epmd_port = ports.find_tcp(3)
        self._epmd: subprocess.Popen[bytes] | None = None
        self._server: subprocess.Popen[bytes] | None = None
        self._write_configuration()

    @property
    def url(self) -> str:
        """The transport URL, as ``[DEFAULT] transport_url`` wants it."""
        return f"rabbit://guest:guest@127.0.0.1:{self._port}/"

    @property
    def port(self) -> int:
        """The port of AMQP."""
        return self._port

    def start(self) -> None:
        """Start the broker and return when it takes connections."""
        self.start_in_background()
        self.wait_ready()

    def start_in_background(self) -> None:
        """Start the broker and return at once."""
        if self._epmd is None:
            epmd = require_program("epmd")
            self._epmd = self._spawn(epmd, "-port", str(self._epmd_port), "-address", "127.0.0.1")
        self._server = self._spawn(require_program(PROGRAMS / "rabbitmq-server"))

    def wait_ready(self) -> None:
        """Return when the broker takes connections; fail with its log if it never does."""
        give_up = time.monotonic() + _READY_SECONDS
        while time.monotonic() < give_up:
            if self._server is None or self._server.poll() is not None:
                raise RuntimeError(f"RabbitMQ ended before it was ready:\n{self._log_end()}")
            if self._answers():
                return
            time.sleep(0.2)
        raise RuntimeError(f"RabbitMQ not ready after {_READY_SECONDS} s:\n{self._log_end()}")

    def stop(self) -> None:
        """Stop the broker in order, as a package upgrade does."""
        self._end_server(signal.SIGTERM)

    def kill(self) -> None:
        """End the broker as a power cut does: without a last word."""
        self._end_server(signal.SIGKILL)

    def restart(self) -> None:
        """Stop in order, then start and wait."""
        self.stop()
        self.start()

    def close(self) -> None:
        """End everything this object started."""
        self.stop()
        if self._epmd is not None:
            _end_group(self._epmd, signal.SIGTERM)
            self._epmd = None

    def list_queues(self) -> dict[str, int]:
        """Return how many messages each queue holds, waiting and unacknowledged."""
        text = self.control("-q", "list_queues", "name", "messages", "--formatter", "json")
        return {queue["name"]: queue["messages"] for queue in json.loads(text)}

    def describe_queues(self) -> list[dict[str, Any]]:
        """Return name, durability, messages and consumers of each queue."""
        columns = ("name", "durable", "messages", "consumers", "arguments")
        text = self.control("-q", "list_queues", *columns, "--formatter", "json")
        queues: list[dict[str, Any]] = json.loads(text)
        return queues

    def control(self, *arguments: str) -> str:
        """Return what ``rabbitmqctl`` says; it takes seconds to start."""
        done = subprocess.run(
            [require_program(PROGRAMS / "rabbitmqctl"), *arguments],
            env=self._environment(),
            capture_output=True,
            text=True,
            timeout=_READY_SECONDS,
            check=False,
        )
        if done.returncode:
            raise RuntimeError(f"rabbitmqctl {' '.join(arguments)}: {done.stdout}{done.stderr}")
        return done.stdout

    def _write_configuration(self) -> None:
        self._directory.mkdir(parents=True, exist_ok=True)
        (self._directory / "rabbitmq.conf").write_text(_CONFIGURATION.format(port=self._port))
        (self._directory / "enabled_plugins").write_text("[].\n")

    def _environment(self) -> dict[str, str]:
        here = self._directory
        return os.environ | {
            # The cookie that lets rabbitmqctl talk to the node is written here.
            "HOME": str(here),
            "ERL_EPMD_PORT": str(self._epmd_port),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODENAME": f"kwapi-{self._port}@localhost",
            "RABBITMQ_DIST_PORT": str(self._dist_port),
            "RABBITMQ_MNESIA_BASE": str(here / "mnesia"),
            "RABBITMQ_LOG_BASE": str(here / "log"),
            "RABBITMQ_PID_FILE": str(here / "pid"),
            "RABBITMQ_CONFIG_FILE": str(here / "rabbitmq"),
            "RABBITMQ_CONF_ENV_FILE": str(here / "absent.conf"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(here / "enabled_plugins"),
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": _ERLANG,
        }

    def _spawn(self, *command: str) -> subprocess.Popen[bytes]:
        with open(self._directory / "output", "ab") as output:
            return subprocess.Popen(
                command,
                env=self._environment(),
                cwd=self._directory,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def _answers(self) -> bool:
        try:
            # kombu speaks the protocol: an open port alone is no broker yet.
            with kombu.Connection(self.url.replace("rabbit:", "amqp:"), connect_timeout=2) as link:
                link.connect()
                return True
        except OSError:
            return False

    def _end_server(self, how: signal.Signals) -> None:
        if self._server is not None:
            _end_group(self._server, how)
            self._server = None

    def _log_end(self) -> str:
        return (self._directory / "output").read_text(errors="replace")[-4000:]


def require_program(name: str | Path) -> str:
    """Return a program's path; say how to get it where it is missing."""
    path = shutil.which(name)
    if path is None:
        raise RuntimeError(
            f"{name} is missing: functional tests run a real RabbitMQ of their own. "
            "`make functional` installs it (Debian package rabbitmq-server)."
        )
    return path


def _end_group(process: subprocess.Popen[bytes], how: signal.Signals) -> None:
    """Signal a process and its children, wait for it, and leave none behind."""
    for number in (how, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(_STOP_SECONDS)
