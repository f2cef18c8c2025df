# SPDX-License-Identifier: Apache-2.0
"""The kinds of ranking: what hosts are compared by.

Owns their names, which operators configure and clients ask for.  How each is
computed is :mod:`climate.ranking.efficiency`.
"""

from __future__ import annotations

#: Flop/W of one more vCPU; at the present load; of the whole host at its most.
MARGINAL, LOAD, PEAK = "marginal", "load", "peak"
#: All of them; the first by default.
KINDS = (MARGINAL, LOAD, PEAK)
