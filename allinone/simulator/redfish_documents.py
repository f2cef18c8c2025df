# SPDX-License-Identifier: Apache-2.0
"""What the simulated Redfish service says and does (DSP0266, DSP0268).

Owns the documents and the reset of systems; HTTP and log-in are
:mod:`allinone.simulator.redfish`'s.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Mapping
from typing import Any

from allinone.simulator import power
from allinone.simulator import rack as racks

Document = dict[str, Any]

ROOT = "/redfish/v1"
SESSIONS = f"{ROOT}/SessionService/Sessions"
#: What may be read without log-in.
PUBLIC = ("/redfish", ROOT)

_RESET = "Actions/ComputerSystem.Reset"
_RESETS = {
    "On": power.Action.ON,
    "ForceOn": power.Action.ON,
    "ForceOff": power.Action.OFF,
    "GracefulShutdown": power.Action.SOFT_OFF,
    "PowerCycle": power.Action.CYCLE,
    "ForceRestart": power.Action.RESET,
    "GracefulRestart": power.Action.RESET,
}


class Service:
    """The documents of one rack."""

    def __init__(self, rack: racks.Rack, now: Callable[[], float]) -> None:
        self._rack, self._now = rack, now
        self._names = [server.name for server in rack.servers]
        self._makers: dict[str, Callable[[], Document]] = dict(self._every_path())

    def get(self, path: str) -> Document | None:
        """Return the document at a path; None when there is none."""
        maker = self._makers.get(path)
        return None if maker is None else {"@odata.id": path, **maker()}

    def post(self, path: str, body: Mapping[str, Any]) -> bool:
        """Do what a path stands for; return whether it stands for anything.

        :raises ValueError: the body asks for something else.
        """
        for name in self._names:
            if path == f"{ROOT}/Systems/{name}/{_RESET}":
                kind = body.get("ResetType", "On")
                if not isinstance(kind, str) or kind not in _RESETS:
                    raise ValueError(f"ResetType is none of {', '.join(_RESETS)}")
                self._rack.switch(name, _RESETS[kind], self._now())
                return True
        return False

    def _every_path(self) -> Iterator[tuple[str, Callable[[], Document]]]:
        yield "/redfish", lambda: {"v1": f"{ROOT}/"}
        yield ROOT, _root
        yield f"{ROOT}/SessionService", lambda: {**_named("SessionService"), "Sessions": _to()}
        yield SESSIONS, lambda: {**_named("Sessions"), "Members": []}
        for collection in ("Systems", "Chassis"):
            yield f"{ROOT}/{collection}", functools.partial(self._members, collection)
        for name in self._names:
            chassis = f"{ROOT}/Chassis/{name}"
            yield f"{ROOT}/Systems/{name}", functools.partial(self._system, name)
            yield chassis, functools.partial(self._chassis, name)
            yield f"{chassis}/Power", functools.partial(self._power, name)
            yield f"{chassis}/EnvironmentMetrics", functools.partial(self._metrics, name)

    def _members(self, collection: str) -> Document:
        members = [_to(f"{ROOT}/{collection}/{name}") for name in self._names]
        return {
            "Name": collection,
            "Members@odata.count": len(members),
            "Members": members,
        }

    def _system(self, name: str) -> Document:
        path = f"{ROOT}/Systems/{name}"
        reset = {"target": f"{path}/{_RESET}", "ResetType@Redfish.AllowableValues": list(_RESETS)}
        return {
            **_named(name),
            "SystemType": "Physical",
            "Manufacturer": "Kwapi",
            "Model": "Simulated server",
            "PowerState": self._power_state(name),
            "Status": {"State": "Enabled", "Health": "OK"},
            "Actions": {"#ComputerSystem.Reset": reset},
            "Links": {"Chassis": [_to(f"{ROOT}/Chassis/{name}")]},
        }

    def _chassis(self, name: str) -> Document:
        path = f"{ROOT}/Chassis/{name}"
        return {
            **_named(name),
            "ChassisType": "RackMount",
            "PowerState": self._power_state(name),
            "Power": _to(f"{path}/Power"),
            "EnvironmentMetrics": _to(f"{path}/EnvironmentMetrics"),
            "Links": {"ComputerSystems": [_to(f"{ROOT}/Systems/{name}")]},
        }

    def _power(self, name: str) -> Document:
        control = {
            "@odata.id": f"{ROOT}/Chassis/{name}/Power#/PowerControl/0",
            "MemberId": "0",
            "Name": "System Power Control",
            "PowerConsumedWatts": self._show(name).watts,
        }
        return {**_named("Power"), "PowerControl": [control]}

    def _metrics(self, name: str) -> Document:
        shown = self._show(name)
        return {
            **_named("EnvironmentMetrics"),
            "PowerWatts": {"Reading": shown.watts},
            "EnergykWh": {"Reading": round(shown.watt_hours / 1000, 6)},
        }

    def _power_state(self, name: str) -> str:
        return "On" if self._show(name).is_on else "Off"

    def _show(self, name: str) -> racks.Shown:
        return self._rack.show(name, self._now())


def _root() -> Document:
    return {
        **_named("RootService"),
        "RedfishVersion": "1.15.0",
        "Vendor": "Kwapi",
        "Product": "simulated BMC",
        "Systems": _to(f"{ROOT}/Systems"),
        "Chassis": _to(f"{ROOT}/Chassis"),
        "SessionService": _to(f"{ROOT}/SessionService"),
        "Links": {"Sessions": _to()},
    }


def _named(name: str) -> Document:
    return {"Id": name, "Name": name}


def _to(path: str = SESSIONS) -> Document:
    return {"@odata.id": path}
