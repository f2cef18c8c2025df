# SPDX-License-Identifier: Apache-2.0
"""The console script ``kwapi-simulator``: a rack to try Kwapi on, without hardware.

Owns its command line and telling how to use the rack; the rack itself is
:mod:`allinone.simulator`'s.
"""

from __future__ import annotations

import argparse
import math
import sys
import time
from collections.abc import Callable
from collections.abc import Sequence
from typing import NamedTuple

from allinone.simulator import account
from allinone.simulator import agent
from allinone.simulator import bmc
from allinone.simulator import power
from allinone.simulator import rack
from allinone.simulator import redfish
from allinone.simulator import serial_meter
from energybase import service
from kwapi import exception


def main(argv: Sequence[str] | None = None) -> int:
    """Run until SIGINT or SIGTERM; return the exit status."""
    options = _parser().parse_args(argv)
    try:
        meters = _build(options)
        service.run(*meters.all(), _Introduction(meters, options.community))
    except exception.ConfigurationInvalid as exc:
        sys.stderr.write(f"{exc}\n")
        return 1
    return 0


class _Meters(NamedTuple):
    """The ways in which the rack can be read; None is not asked for."""

    pdu: agent.Agent
    bmcs: bmc.Bmcs | None
    redfish: redfish.Redfish | None
    serial: serial_meter.SerialMeter | None

    def all(self) -> list[service.Component]:
        """Return those that are asked for."""
        return [meter for meter in self if meter is not None]


def _build(options: argparse.Namespace) -> _Meters:
    now = _faster(options.speed) if options.speed != 1 else time.time
    pace = power.Pace(boot_seconds=options.boot_seconds)
    simulated = rack.Rack(options.seed, now(), pace=pace)
    host = options.host
    return _Meters(
        agent.Agent(simulated, host=host, port=options.port, community=options.community, now=now),
        bmc.Bmcs(simulated, host=host, port=options.bmc_port, now=now) if options.bmc else None,
        redfish.Redfish(simulated, host=host, port=options.redfish_port, now=now)
        if options.redfish
        else None,
        serial_meter.SerialMeter(simulated, simulated.servers[0].name, now=now)
        if options.serial
        else None,
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="kwapi-simulator",
        description="A simulated rack: eight servers behind an Eaton ePDU that speaks SNMP. "
        "Each server has a BMC that speaks IPMI and Redfish, the first one a Watts Up? PRO on a "
        "pseudo-terminal. All show the same watts.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on")
    add = parser.add_argument
    add("--port", type=int, default=17161, help="UDP port of the ePDU; 0 takes any free one")
    add("--community", default="public", help="SNMP community")
    add(
        "--bmc-port",
        type=_first_port,
        default=17623,
        help="UDP port of the first server's BMC, the others follow; 0 takes any free ones",
    )
    add(
        "--redfish-port",
        type=int,
        default=17443,
        help="TCP port of Redfish (HTTP); 0 takes any free one",
    )
    for name, what in (("bmc", "BMCs"), ("redfish", "Redfish"), ("serial", "serial meter")):
        add(f"--no-{name}", dest=name, action="store_false", help=f"without {what}")
    add("--seed", type=int, default=1, help="the same seed gives the same loads")
    add("--speed", type=float, default=1, help="how much faster than the clock its time runs")
    add("--boot-seconds", type=_seconds, default=60.0, help="how long servers boot, its time")
    return parser


def _first_port(text: str) -> int:
    port, most = int(text), 65_536 - len(rack.SERVERS)
    if not 0 <= port <= most:
        raise argparse.ArgumentTypeError(f"{port} is not between 0 and {most}")
    return port


def _seconds(text: str) -> float:
    seconds = float(text)
    if not 0 <= seconds < math.inf:
        raise argparse.ArgumentTypeError(f"{text} is no time to boot")
    return seconds


def _faster(speed: float) -> Callable[[], float]:
    start, begun = time.time(), time.monotonic()
    return lambda: start + speed * (time.monotonic() - begun)


class _Introduction:
    """Tells how to use the rack once its ports are known."""

    def __init__(self, meters: _Meters, community: str) -> None:
        self._meters, self._community = meters, community

    def start(self) -> None:
        sys.stdout.write("\n".join((*self._telling(), *self._sections())))
        sys.stdout.flush()

    def stop(self) -> None:
        """Nothing to end."""

    def reload(self) -> None:
        """Nothing can change."""

    def _telling(self) -> list[str]:
        pdu, bmcs, web, serial = self._meters
        user, password = account.USERNAME, account.PASSWORD
        told = [
            f"# The rack's PDU answers at {pdu.host}, UDP port {pdu.port}.  Try:",
            f"#   snmpwalk -v2c -c {self._community} {pdu.host}:{pdu.port} 1.3.6.1.4.1.534.6.6.7",
        ]
        if bmcs or web:
            told += [f"# BMCs take user {user}, password {password}."]
        for name, port in list(bmcs.ports.items())[:1] if bmcs else ():
            tool = f"ipmitool -I lanplus -H {pdu.host} -p {port} -U {user} -P {password}"
            told += [f"# {name}'s BMC is at UDP port {port}, the others' are below.  Try:"]
            told += [f"#   {tool} {what}" for what in ("dcmi power reading", "chassis power off")]
        if web:
            name = rack.SERVERS[0].name
            told += ["# The servers by Redfish.  Try:"]
            told += [f"#   curl -s -u {user}:{password} {web.url}/redfish/v1/Chassis/{name}/Power"]
        if serial:
            told += [f"# {rack.SERVERS[0].name} has a Watts Up? PRO, too, at {serial.device}."]
        return [*told, "# Read all with these sections in drivers.conf:", ""]

    def _sections(self) -> list[str]:
        readable = (meter for meter in self._meters if meter is not None)
        return [meter.drivers_conf() for meter in readable]


if __name__ == "__main__":
    sys.exit(main())
