# SPDX-License-Identifier: Apache-2.0
"""Prints the URLs to open, and every few seconds the totals of all probes."""

from __future__ import annotations

import json
import time

from energybase import clock as clocks
from energybase import exception
from energybase import repeat
from kwapi.store import store as stores

_TICK_SECONDS = 10.0
#: Sooner at first: a newcomer looks at the screen now.
_FIRST_TICK_SECONDS = 3.0


class Introduction:
    """The last component of the one process: all that it tells of runs already.

    :param pages: URL of the web pages, or why there are none.
    :param leases_url: of the lease API; None if no leases are served.
    """

    def __init__(
        self,
        state_path: str,
        store: stores.Store,
        *,
        energy_url: str,
        pages: str,
        leases_url: str | None,
        simulated: bool,
    ) -> None:
        self._state_path, self._store = state_path, store
        self._energy_url, self._pages, self._leases_url = energy_url, pages, leases_url
        self._simulated = simulated
        self._repeater = repeat.Repeater(
            "introduction",
            self._tell_totals,
            clocks.Backoff(_TICK_SECONDS, _TICK_SECONDS),
            first_seconds=_FIRST_TICK_SECONDS,
        )

    def start(self) -> None:
        """Print what to look at."""
        what = "a simulated rack" if self._simulated else "the configured wattmeters"
        _say(
            f"\nKwapi measures {what}.  Look at\n\n"
            f"  the web pages  {self._pages}\n"
            f"  all probes     {self._energy_url}v1/probes/\n"
            f"  the drivers    {self._energy_url}v1/drivers/\n"
            f"  Prometheus     {self._energy_url}metrics\n\n"
            f"or try\n\n"
            f"  curl -s {self._energy_url}v1/probes/ | python3 -m json.tool\n\n"
            f"{self._tell_leases()}\n"
            f"Records are kept in {self._state_path}.  Ctrl-C stops.\n"
        )
        self._repeater.start()

    def stop(self) -> None:
        """Say so."""
        self._repeater.stop()
        _say("Stopping; what was counted is kept.")

    def reload(self) -> None:
        """Nothing to take up."""

    def _tell_leases(self) -> str:
        if self._leases_url is None:
            return "Climate serves no leases: [inventory] file is not set.\n"
        body = (
            '{"duration": 3600, "quantity": 2, "host_properties": [">=", "$vcpus", 16]}'
            if self._simulated
            else '{"duration": 3600, "quantity": 1}'
        )
        return (
            f"Climate leases hosts.  Look at\n\n"
            f"  hosts          {self._leases_url}v1/hosts/\n"
            f"  leases         {self._leases_url}v1/leases/\n"
            f"  by efficiency  {self._leases_url}v1/ranking/\n\n"
            f"and lease some for an hour\n\n"
            f"  curl -s {self._leases_url}v1/leases/ -H 'Content-Type: application/json' \\\n"
            f"    -d '{body}' | python3 -m json.tool\n"
        )

    def _tell_totals(self) -> float:
        _say(self._totals())
        return _TICK_SECONDS

    def _totals(self) -> str:
        try:
            probes = json.loads(self._store.get_probes_body()[1])["probes"].values()
        except exception.StoreUnavailable as exc:
            return str(exc)
        watts, kwh = sum(p["w"] for p in probes), sum(p["kwh"] for p in probes)
        return (
            f"{time.strftime('%H:%M:%S')}  {len(probes)} probes  {watts:9,.1f} W  {kwh:12.6f} kWh"
        )


def _say(text: str) -> None:
    print(text, flush=True)
