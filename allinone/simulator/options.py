# SPDX-License-Identifier: Apache-2.0
"""Options of group [simulator]: the rack that is measured when no wattmeter is configured."""

from __future__ import annotations

from oslo_config import cfg

GROUP = "simulator"

OPTS = [
    cfg.PortOpt("port", default=17161, help="UDP port of the simulated PDU; 0 takes any free one."),
    cfg.IntOpt("seed", default=1, help="The same seed gives the same loads."),
]
