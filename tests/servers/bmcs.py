# SPDX-License-Identifier: Apache-2.0
"""BMCs of others to test against: OpenIPMI's ipmi_sim, and one with DCMI on pyghmi's server.

Owns their configuration, ports and processes, all on loopback.  ipmi_sim knows
sensors and no DCMI; pyghmi's server knows nothing but log-in, to which this
module adds DCMI.  Run as a program, the module is that server.
"""

from __future__ import annotations

import argparse
import contextlib
import enum
import json
import shutil
import socket
import struct
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any
from typing import ClassVar

from pyghmi.ipmi import bmc
from pyghmi.ipmi.private import serversession
from pyghmi.ipmi.private import session

from tests import patience
from tests.servers import ports

USERNAME, PASSWORD = "kwapi", "kwapi-secret-1"
_READY_SECONDS = patience.SECONDS
_PROGRAMS = "/usr/sbin:/usr/bin:/sbin:/bin"

#: name, number, entity, m, b, r_exponent, unit, and whether it is ever scanned.
SensorRow = tuple[str, int, str, int, int, int, str, bool]

#: Laid out as in an iDRAC6: watts in steps of 7, which the M of the record says.
IDRAC6: tuple[SensorRow, ...] = (
    ("System Level", 1, "system_board 1", 7, 0, 0, "Watts", True),
    ("Ambient Temp", 2, "system_board 1", 1, -128, 0, "degrees_C", True),
    ("PSU1 Power", 3, "power_supply 1", 4, 0, 0, "Watts", False),
)


class Fault(enum.Enum):
    """How a relay spoils answers."""

    NONE = "none"
    SILENT = "silent"
    GARBLE = "garble"
    CUT = "cut"


class Relay:
    """Stands before a BMC on the network: takes its time, and spoils answers when told to.

    Loopback answers in a tenth of a millisecond, BMCs take ten; pyghmi's server
    misses requests that come faster than that.
    """

    def __init__(self, port: int, delay_seconds: float = 0.002) -> None:
        self._bmc, self._delay_seconds = ("127.0.0.1", port), delay_seconds
        self.fault = Fault.NONE
        self._front = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._front.bind(("127.0.0.1", 0))
        self.port: int = self._front.getsockname()[1]
        self._backs: dict[Any, socket.socket] = {}
        threading.Thread(target=self._take_requests, daemon=True).start()

    def stop(self) -> None:
        """Close every socket."""
        self.fault = Fault.SILENT
        for each in (*self._backs.values(), self._front):
            # Closing alone does not wake who waits.
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()

    def _take_requests(self) -> None:
        while True:
            try:
                datagram, client = self._front.recvfrom(65535)
            except OSError:
                return
            if client not in self._backs:
                self._backs[client] = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
                self._backs[client].bind(("127.0.0.1", 0))
                threading.Thread(
                    target=self._bring_answers, args=(client, self._backs[client]), daemon=True
                ).start()
            time.sleep(self._delay_seconds)
            if self.fault is not Fault.SILENT:
                self._backs[client].sendto(datagram, self._bmc)

    def _bring_answers(self, client: Any, back: socket.socket) -> None:
        while True:
            try:
                datagram = back.recv(65535)
                time.sleep(self._delay_seconds)
                if self.fault is not Fault.SILENT and datagram:
                    self._front.sendto(spoil(datagram, self.fault), client)
            except OSError:
                return


def spoil(datagram: bytes, fault: Fault) -> bytes:
    """Return what is left of an answer."""
    if fault is Fault.GARBLE:
        return b"HTTP/1.1 400 Bad Request\r\n\r\n"
    return datagram[: len(datagram) // 2] if fault is Fault.CUT else datagram


class IpmiSim:
    """OpenIPMI's simulator, written in C: a second opinion on the protocol.

    :ivar watts: what its scanned sensors of watts show, after a moment.
    """

    def __init__(
        self,
        directory: Path,
        sensors: tuple[SensorRow, ...] = IDRAC6,
        watts: int = 245,
        look_milliseconds: int = 100,
    ) -> None:
        """Prepare.

        :param look_milliseconds: how often it looks what its sensors should show.
        """
        self.port, self._directory = ports.find_udp(), directory
        self._process: subprocess.Popen[bytes] | None = None
        self._watts_path = directory / "watts"
        self.set_watts(watts)
        (directory / "lan.conf").write_text(_lan(self.port))
        (directory / "bmc.emu").write_text(_emulation(sensors, self._watts_path, look_milliseconds))
        (directory / "bmc.sdrs").write_text("\n".join(map(_record, sensors)))
        state = directory / "ipmi_sim" / "bmc"
        state.mkdir(parents=True)
        compiled = subprocess.run(
            [program("sdrcomp"), str(directory / "bmc.sdrs")], capture_output=True, check=True
        )
        (state / "sdr.20.main").write_bytes(compiled.stdout)

    def set_watts(self, watts: int) -> None:
        """Let its sensors show something else, when they look again."""
        beside = self._watts_path.with_suffix(".new")
        beside.write_text(f"{watts}\n")
        beside.replace(self._watts_path)

    def start(self) -> None:
        """Start it; return when it answers."""
        with (self._directory / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [
                    program("ipmi_sim"),
                    "-n",
                    *("-c", str(self._directory / "lan.conf")),
                    *("-f", str(self._directory / "bmc.emu")),
                    *("-s", str(self._directory)),
                ],
                # It ends when its console does.
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                cwd=self._directory,
            )
        wait_for_bmc(self.port, self._process)

    def stop(self) -> None:
        """Stop it; return when its port is free."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait()
            if process.stdin:
                process.stdin.close()


def program(name: str) -> str:
    """Return where a program is."""
    found = shutil.which(name, path=_PROGRAMS)
    if found is None:
        raise RuntimeError(f"{name} is not installed; openipmi and ipmitool are Debian's packages")
    return found


def wait_for_bmc(port: int, process: subprocess.Popen[bytes]) -> None:
    """Ask who is there, in bytes: no library under test has a part in it."""
    # RMCP, no session: Get Channel Authentication Capabilities.
    request = bytes.fromhex("0600ff07000000000000000000092018c88100388e04b5")
    deadline = time.monotonic() + _READY_SECONDS
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(0.2)
        while True:
            client.sendto(request, ("127.0.0.1", port))
            try:
                client.recv(65535)
                return
            except OSError:
                if process.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError(f"the BMC on port {port} does not start") from None


def _lan(port: int) -> str:
    return f"""name "bmc"
set_working_mc 0x20
  startlan 1
    addr 127.0.0.1 {port}
    priv_limit admin
    allowed_auths_callback none md2 md5 straight
    allowed_auths_user none md2 md5 straight
    allowed_auths_operator none md2 md5 straight
    allowed_auths_admin none md2 md5 straight
    guid 0102030405060708090a0b0c0d0e0f10
  endlan
  user 1 true "" "nobody" user 10 none md2 md5 straight
  user 2 true "{USERNAME}" "{PASSWORD}" admin 10 none md2 md5 straight
"""


def _emulation(sensors: tuple[SensorRow, ...], watts_path: Path, look_milliseconds: int) -> str:
    lines = ["mc_setbmc 0x20"]
    # Of Dell's enterprise number, 674.
    lines += ["mc_add 0x20 0 no-device-sdrs 0x23 2 0x90 0x9f 0x0002a2 0x0100 persist_sdr"]
    lines += ["sel_enable 0x20 1000 0x0a"]
    none = "0" * 15
    for _, number, _, m, _, _, unit, scanned in sensors:
        source = ""
        if unit == "Watts" and scanned:
            source = f' poll {look_milliseconds} file "{watts_path}" div={m}'
        lines += [f"sensor_add 0x20 0 {number} {'0x0b' if unit == 'Watts' else '0x01'} 1{source}"]
        if scanned:
            if not source:
                lines += [f"sensor_set_value 0x20 0 {number} 150 0"]
            lines += [
                f"sensor_set_event_support 0x20 0 {number} enable scanning per-state "
                f"{none} {none} {none} {none}"
            ]
    return "\n".join([*lines, "mc_enable 0x20", ""])


def _record(sensor: SensorRow) -> str:
    name, number, entity, m, b, r_exponent, unit, _ = sensor
    kind, instance = entity.split()
    fields = {
        "sensor_owner_id": "0x20",
        "sensor_owner_lun": 0,
        "channel_number": 0,
        "sensor_number": number,
        "entity_id": kind,
        "entity_instance": instance,
        "sensor_type": "Other_Units_Based_Sensor" if unit == "Watts" else "Temperature",
        "event_reading_type_code": 1,
        "analog_data_format": "unsigned",
        "rate_unit": "none",
        "modifier_unit": "none",
        "percentage": "false",
        "base_unit": unit,
        "linearization": "linear",
        "m": m,
        "b": b,
        "r_exp": r_exponent,
        "b_exp": 0,
        "sensor_maximum": 255,
        "sensor_minimum": 0,
        "id_string": f'"{name}"',
    }
    lines = [f"\t{field}\t{value}" for field, value in fields.items()]
    return "\n".join(["sdr type 1", *lines, "endsdr", ""])


class DcmiBmc:
    """A BMC that speaks DCMI, in a process of its own; see ``serve``."""

    def __init__(self, directory: Path) -> None:
        self.port, self._directory = ports.find_udp(), directory
        self._process: subprocess.Popen[bytes] | None = None
        self.show()

    def show(self, watts: int = 231, active: bool = True, code: int = 0) -> None:
        """Tell what it answers to Get Power Reading."""
        beside = self._directory / "new"
        beside.write_text(json.dumps({"watts": watts, "active": active, "code": code}))
        beside.replace(self._directory / "shows")

    def count_sessions(self) -> int:
        """Return how many sessions are open."""
        path = self._directory / "sessions"
        return int(path.read_text()) if path.exists() else 0

    def start(self) -> None:
        """Start it; return when it answers."""
        with (self._directory / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.servers.bmcs"]
                + [str(self.port), str(self._directory)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=Path(__file__).parents[2],
            )
        wait_for_bmc(self.port, self._process)

    def stop(self) -> None:
        """Stop it."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait()


class _Counted(serversession.ServerSession):  # type: ignore[misc]
    """Tells how many sessions are open."""

    opened: ClassVar[set[bytes]] = set()
    noted: ClassVar[Path]

    @classmethod
    def note(cls) -> None:
        beside = cls.noted.with_suffix(".new")
        beside.write_text(str(len(cls.opened)))
        beside.replace(cls.noted)

    def _send_rakp4(self, *args: Any) -> None:
        self.opened.add(bytes(self.managedsessionid))
        self.note()
        super()._send_rakp4(*args)

    def close_server_session(self) -> None:
        self.opened.discard(bytes(self.managedsessionid))
        self.note()


class _Dcmi(bmc.Bmc):  # type: ignore[misc]
    """Answers Get Device ID and Get Power Reading."""

    shows: Path

    def sessionless_data(self, data: bytes, sender: Any) -> None:
        head = bytes(data)
        # It would take any cipher suite and speak suite 3: refuse the others, as BMCs do.
        if len(head) > 28 and head[4:6] == b"\x06\x10" and head[28] != 1:
            refusal = bytes((head[16], 0x11, 0, 0)) + head[20:24]
            frame = b"\x06\x00\xff\x07\x06\x11" + bytes(8) + struct.pack("<H", len(refusal))
            self.serversocket.sendto(frame + refusal, sender)
        else:
            super().sessionless_data(data, sender)

    def handle_raw_request(self, request: Any, client: Any) -> None:
        asked = (request["netfn"], request["command"])
        if asked == (0x06, 0x01):
            client.send_ipmi_response(
                data=[0x20, 1, 1, 0x15, 2, 0, 0xA2, 0x02, 0, 0, 1, 0, 0, 0, 0]
            )
        elif asked == (0x2C, 0x02) and bytes(request["data"])[:2] == b"\xdc\x01":
            self._tell_power(client)
        else:
            client.send_ipmi_response(code=0xC1)

    def _tell_power(self, client: Any) -> None:
        shows = json.loads(self.shows.read_text())
        watts, state = shows["watts"], 0x40 if shows["active"] else 0
        power = struct.pack("<BHHHHIIB", 0xDC, watts, 0, 900, watts, int(time.time()), 1000, state)
        client.send_ipmi_response(code=shows["code"], data=[] if shows["code"] else list(power))


def serve(port: int, directory: Path) -> None:
    """Be the BMC, for ever."""
    # pyghmi's thread is woken by a datagram to itself, at an address where we listen.
    session.myself = "::ffff:127.0.0.1"
    _Counted.noted, _Dcmi.shows = directory / "sessions", directory / "shows"
    serversession.ServerSession = _Counted
    served = _Dcmi({USERNAME: PASSWORD}, port=port, address="::ffff:127.0.0.1")
    # Not long: it may miss a request that comes while it makes ready to wait.
    served.listen(timeout=0.1)


def main() -> None:
    """Run the BMC with DCMI."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("port", type=int)
    parser.add_argument("directory", type=Path)
    options = parser.parse_args()
    serve(options.port, options.directory)


if __name__ == "__main__":
    main()
