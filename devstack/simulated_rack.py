# SPDX-License-Identifier: Apache-2.0
"""Prints the section of drivers.conf that reads the simulated rack: PORT HOST.

Owns that one of its servers is called as this machine, so that the host of a
devstack has watts.  Running the rack is kwapi-simulator's affair.
"""

from __future__ import annotations

import sys

from allinone.simulator import agent
from allinone.simulator import rack


def describe(port: int, host: str) -> str:
    """Return the section; the first server's probe is named as the host."""
    first, *others = rack.SERVERS
    servers = (first._replace(name=host), *others)
    pdu = agent.Agent(rack.Rack(1, 0.0, servers), port=port)
    return pdu.drivers_conf("simulated-rack")


if __name__ == "__main__":
    sys.stdout.write(describe(int(sys.argv[1]), sys.argv[2]))
