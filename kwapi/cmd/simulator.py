# SPDX-License-Identifier: Apache-2.0
"""The console script ``kwapi-simulator``: a rack to try Kwapi on, without hardware.

Owns its command line and telling how to use the rack; the rack itself is
:mod:`kwapi.simulator`'s.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from collections.abc import Sequence

from kwapi import exception
from kwapi import service
from kwapi.simulator import agent
from kwapi.simulator import rack


def main(argv: Sequence[str] | None = None) -> int:
    """Run until SIGINT or SIGTERM; return the exit status."""
    options = _parser().parse_args(argv)
    now = _faster(options.speed) if options.speed != 1 else time.time
    pdu = agent.Agent(
        rack.Rack(options.seed, now()),
        host=options.host,
        port=options.port,
        community=options.community,
        now=now,
    )
    try:
        service.run(pdu, _Introduction(pdu, options.community))
    except exception.ConfigurationInvalid as exc:
        sys.stderr.write(f"{exc}\n")
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="kwapi-simulator",
        description="A simulated rack: eight servers behind an Eaton ePDU that speaks SNMP.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on")
    parser.add_argument("--port", type=int, default=17161, help="UDP port; 0 takes any free one")
    parser.add_argument("--community", default="public", help="SNMP community")
    parser.add_argument("--seed", type=int, default=1, help="the same seed gives the same loads")
    parser.add_argument(
        "--speed", type=float, default=1, help="how much faster than the clock its time runs"
    )
    return parser


def _faster(speed: float) -> Callable[[], float]:
    start, begun = time.time(), time.monotonic()
    return lambda: start + speed * (time.monotonic() - begun)


class _Introduction:
    """Tells how to use the PDU once its port is known."""

    def __init__(self, pdu: agent.Agent, community: str) -> None:
        self._pdu, self._community = pdu, community

    def start(self) -> None:
        pdu = self._pdu
        sys.stdout.write(
            f"# The rack's PDU answers at {pdu.host}, UDP port {pdu.port}.  Try:\n"
            f"#   snmpwalk -v2c -c {self._community} {pdu.host}:{pdu.port} 1.3.6.1.4.1.534.6.6.7\n"
            "# Read it with this section in drivers.conf:\n\n"
            f"{pdu.drivers_conf()}"
        )
        sys.stdout.flush()

    def stop(self) -> None:
        """Nothing to end."""

    def reload(self) -> None:
        """Nothing can change."""


if __name__ == "__main__":
    sys.exit(main())
