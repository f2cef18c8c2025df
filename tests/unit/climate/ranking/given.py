# SPDX-License-Identifier: Apache-2.0
"""What the ranking's service asks, in memory."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

import numpy as np
from oslo_context import context

from climate import exception
from climate.ranking import board
from climate.ranking import observed as observations
from climate.ranking import power_model
from climate.rpc import inventory as inventories
from kwapi import client
from tests import conftest

#: 8 cores of 16 flop per cycle at 2.5 GHz: 320 Gflop/s.
CPU: dict[str, Any] = {
    "arch": "x86_64",
    "vendor": "Intel",
    "model": "nobody's",
    "mhz": 2500,
    "topology": {"sockets": 1, "cores": 8, "threads": 2},
    "features": ["avx2", "fma"],
}


def capacities(
    names: Sequence[str],
    used: Sequence[float | None] | None = None,
    off: Sequence[str] = (),
    vcpus: int | None = 16,
) -> inventories.Capacities:
    """Return hosts of one kind, by name; ``used`` of their vCPUs are in use."""
    return {
        "ids": list(range(1, len(names) + 1)),
        "names": list(names),
        "on": [name not in off for name in names],
        "vcpus": [vcpus] * len(names),
        "vcpus_used": list(used) if used is not None else [4.0] * len(names),
        "cpu": [0] * len(names),
        "cpus": [CPU] if names else [],
    }


def seen(
    told: inventories.Capacities,
    samples: Mapping[str, Sequence[tuple[float, float]]],
    watts: Mapping[str, float] | None = None,
    as_of: int = 1000,
) -> board.Seen:
    """Return what was seen: of hosts samples (load, watts), each in an hour of its own."""
    rows = [
        power_model.Statistics.of(*zip(*samples.get(name, [(0.0, 0.0)]))) for name in told["names"]
    ]
    known = [name in samples for name in told["names"]]
    of_known = [row for row, is_known in zip(rows, known) if is_known]
    observed = observations.Observed(
        tuple(name for name in told["names"] if name in samples),
        power_model.Statistics(*np.array(of_known, dtype=float).reshape(-1, 8).T),
        np.array([len(samples[name]) for name in told["names"] if name in samples], dtype=float),
    )
    now = [(watts or {}).get(name, np.nan) for name in told["names"]]
    return board.Seen(as_of, told, np.array(now, dtype=float), observed.align(told["names"]))


class Inventory(inventories.InventoryAPI):
    """Hosts as the test says."""

    def __init__(self, told: inventories.Capacities) -> None:
        self.told = told
        self.away = False

    def list_capacities(self, who: context.RequestContext) -> inventories.Capacities:
        if self.away:
            raise exception.ServiceUnavailable(service="climate-inventory", reason="test")
        return self.told


class Kwapi(client.Client):
    """Measures everything just now, but for what the test says.

    :ivar measured_at: by probe, epoch seconds.
    """

    def __init__(self, clock: conftest.FakeClock, **watts: float) -> None:
        self.watts = dict(watts)
        self.measured_at: dict[str, float] = {}
        self.away = False
        self._clock = clock

    def get_probes(self) -> dict[str, client.Probe]:
        if self.away:
            raise client.ClientError("Kwapi is at lunch.")
        now = self._clock.time()
        return {
            name: client.Probe(name, self.measured_at.get(name, now), watts)
            for name, watts in self.watts.items()
        }
