# SPDX-License-Identifier: Apache-2.0
"""SNMP agents of others to test against: net-snmp's snmpd and snmpsim.

Owns their configuration, ports and processes, all on loopback.  Both serve the
same recordings, in snmpsim's format: lines of ``OID|tag|value``.
"""

from __future__ import annotations

import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from tests import patience
from tests.servers import ports

SAMPLES = Path(__file__).parents[1] / "unit" / "kwapi" / "drivers" / "snmp" / "samples"

COMMUNITY, USER, AUTH_PASSWORD, PRIV_PASSWORD = "eaton", "kwapi", "authpass1234", "privpass1234"
#: Further users of snmpd: name -> (authentication, privacy), same passwords.
SNMPD_USERS = {
    "md5des": ("MD5", "DES"),
    "sha256aes": ("SHA-256", "AES"),
    "sha512aes256": ("SHA-512", "AES256"),
}

_SNMPD_TYPES = {"2": "integer", "4": "octet_str", "65": "counter", "66": "uinteger"}
_SYSTEM = "1.3.6.1.2.1.1."
_SYS_DESCR, _SYS_OBJECT_ID = "1.3.6.1.2.1.1.1.0", "1.3.6.1.2.1.1.2.0"
_READY_SECONDS = patience.SECONDS


def read_recording(path: Path) -> dict[str, tuple[str, str]]:
    """Return what a recording holds: OID -> (tag, value)."""
    lines = path.read_text(encoding="ascii").splitlines()
    return {oid: (tag, value) for oid, tag, value in (line.split("|", 2) for line in lines)}


class Peer(NamedTuple):
    """An agent that answers: where, and what it serves."""

    name: str
    port: int
    watts: Mapping[int, int]
    watt_hours: Mapping[int, int]


class _Agent:
    """A process that serves a port."""

    def __init__(self, name: str, directory: Path) -> None:
        self.name, self.port, self._directory = name, ports.find_udp(), directory
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it; return when it answers."""
        with (self._directory / "log").open("ab") as log:
            self._process = subprocess.Popen(
                self._command(),
                stdout=log,
                stderr=log,
                cwd=self._directory,
                env=self._environment(),
            )
        deadline = time.monotonic() + _READY_SECONDS
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.stop()
                log_text = (self._directory / "log").read_text(errors="replace")
                raise RuntimeError(f"{self.name} does not start:\n{log_text[-3000:]}")

    def stop(self) -> None:
        """Stop it; return when its port is free."""
        process, self._process = self._process, None
        if process is not None:
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def _answers(self) -> bool:
        """Ask for sysObjectID by SNMPv1, in bytes: no library under test has a part in it."""
        varbind = b"\x30\x0c\x06\x08\x2b\x06\x01\x02\x01\x01\x02\x00\x05\x00"
        pdu = b"\x02\x01\x01\x02\x01\x00\x02\x01\x00" + bytes((0x30, len(varbind))) + varbind
        community = COMMUNITY.encode()
        body = b"\x02\x01\x00\x04" + bytes((len(community),)) + community
        body += bytes((0xA0, len(pdu))) + pdu
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.settimeout(0.3)
            client.connect(("127.0.0.1", self.port))
            try:
                client.send(bytes((0x30, len(body))) + body)
                return bool(client.recv(65535))
            except OSError:
                time.sleep(0.1)
                return False

    def _command(self) -> list[str]:
        raise NotImplementedError

    def _environment(self) -> dict[str, str]:
        return {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "MIBS": "", "HOME": str(self._directory)}


class Snmpd(_Agent):
    """net-snmp's agent, written in C: a second opinion on the protocol."""

    def __init__(self, directory: Path, recording: Path) -> None:
        super().__init__("snmpd", directory)
        (directory / "snmpd.conf").write_text(self._configuration(read_recording(recording)))

    def _configuration(self, recording: Mapping[str, tuple[str, str]]) -> str:
        lines = [
            f"agentaddress udp:127.0.0.1:{self.port}",
            f"rocommunity {COMMUNITY} 127.0.0.1",
            f"createUser {USER} SHA {AUTH_PASSWORD} AES {PRIV_PASSWORD}",
            # Who may read at which level: this user needs no secret.
            f"rouser {USER} noauth",
            f"sysDescr {recording[_SYS_DESCR][1]}",
            f"sysObjectID {recording[_SYS_OBJECT_ID][1]}",
        ]
        for name, (auth, priv) in SNMPD_USERS.items():
            lines += [
                f"createUser {name} {auth} {AUTH_PASSWORD} {priv} {PRIV_PASSWORD}",
                f"rouser {name} priv",
            ]
        for oid, (tag, value) in recording.items():
            if not oid.startswith(_SYSTEM):
                text = f'"{value}"' if tag == "4" else value
                lines.append(f"override .{oid} {_SNMPD_TYPES[tag]} {text}")
        return "\n".join(lines) + "\n"

    def _command(self) -> list[str]:
        program = shutil.which("snmpd", path="/usr/sbin:/usr/bin:/usr/local/sbin")
        if program is None:
            raise RuntimeError("snmpd is not installed; it is in Debian's package snmpd")
        conf = self._directory / "snmpd.conf"
        # No module but the recording: the host's own objects are of no use here.
        return [program, "-f", "-Lo", "-C", "-c", str(conf), "-p", str(self._directory / "pid")]

    def _environment(self) -> dict[str, str]:
        return {**super()._environment(), "SNMP_PERSISTENT_DIR": str(self._directory)}


class Snmpsim(_Agent):
    """snmpsim's command responder."""

    def __init__(self, directory: Path, recording: Path) -> None:
        super().__init__("snmpsim", directory)
        data = directory / "data"
        data.mkdir()
        shutil.copy(recording, data / f"{COMMUNITY}.snmprec")
        # What SNMPv3 finds without a context name.
        shutil.copy(recording, data / "self.snmprec")

    def _command(self) -> list[str]:
        program = Path(sys.executable).with_name("snmpsim-command-responder")
        if not program.exists():
            raise RuntimeError(
                f"{program} is missing: pip install snmpsim pysmi cryptography "
                "(it imports the latter two without requiring them)"
            )
        return [
            str(program),
            "--process-user=root",
            "--process-group=root",
            f"--cache-dir={self._directory / 'cache'}",
            "--logging-method=null",
            "--v3-engine-id=auto",
            f"--data-dir={self._directory / 'data'}",
            f"--agent-udpv4-endpoint=127.0.0.1:{self.port}",
            f"--v3-user={USER}",
            f"--v3-auth-key={AUTH_PASSWORD}",
            "--v3-auth-proto=SHA",
            f"--v3-priv-key={PRIV_PASSWORD}",
            "--v3-priv-proto=AES",
        ]


class Relay:
    """Stands between a client and an agent, and spoils what comes back.

    :param spoil: takes an answer and the number of answers before it; returns
        the datagrams to send instead.
    """

    def __init__(self, port: int, spoil: Callable[[bytes, int], list[bytes]]) -> None:
        self._agent, self._spoil = ("127.0.0.1", port), spoil

    def __enter__(self) -> int:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        port: int = self._socket.getsockname()[1]
        return port

    def _run(self) -> None:
        client, answers = None, 0
        while True:
            datagram, sender = self._socket.recvfrom(65535)
            if not datagram:
                return
            if sender != self._agent:
                client = sender
                self._socket.sendto(datagram, self._agent)
            elif client:
                for spoilt in self._spoil(datagram, answers):
                    self._socket.sendto(spoilt, client)
                answers += 1

    def __exit__(self, *_: object) -> None:
        self._socket.sendto(b"", self._socket.getsockname())
        self._thread.join()
        self._socket.close()


class SilentPort:
    """A port that takes requests and answers none."""

    def __enter__(self) -> int:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        port: int = self._socket.getsockname()[1]
        return port

    def __exit__(self, *_: object) -> None:
        self._socket.close()
