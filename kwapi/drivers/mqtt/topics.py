# SPDX-License-Identifier: Apache-2.0
"""The topics of a plug, and the number in a payload.

Owns topic templates and payloads; pure.  What known plugs publish is in
``presets.yaml``, listening is :mod:`kwapi.drivers.mqtt.driver`'s.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any
from typing import NamedTuple

from energybase import numbers
from kwapi.drivers import parameters

_KEYS = {
    "watts": {"topic", "path", "scale"},
    "kwh": {"topic", "path", "scale"},
    "online": {"topic", "alive"},
}


class Plug(NamedTuple):
    """A plug as its topics name it."""

    device: str
    channel: int = 0


class Source(NamedTuple):
    """Where a number is, or whether its plug is alive.

    :ivar path: keys that lead to it in a JSON payload; none: the payload is the number.
    :ivar channel: which number, where a plug with several sends a list.
    :ivar alive: what is said there of a plug that is; None where numbers are.
    """

    topic: str
    path: tuple[str, ...] = ()
    scale: float = 1.0
    channel: int = 0
    alive: str | None = None

    def read(self, payload: bytes) -> float | None:
        """Return the number, None where the payload says nothing of it.

        :raises ValueError: it is none, or the payload no JSON.
        """
        try:
            value = json.loads(payload)
        except (ValueError, RecursionError) as exc:
            raise ValueError(f"{_show(payload)} is not JSON") from exc
        for key in self.path:
            if not isinstance(value, Mapping):
                raise ValueError(f"{_show(payload)} has no {'.'.join(self.path)}")
            value = value.get(key)
            if value is None:
                return None
        if isinstance(value, list):
            value = value[self.channel] if self.channel < len(value) else None
        return None if value is None else self._scaled(value)

    def _scaled(self, value: Any) -> float | None:
        if not numbers.is_number(value):
            raise ValueError(f"{str(value)[:40]!r} is not a number")
        try:
            number = float(value) * self.scale
        except OverflowError as exc:
            raise ValueError("it is out of range") from exc
        return number if math.isfinite(number) else None


class Sources(NamedTuple):
    """All that one plug publishes of interest."""

    watts: Source
    kwh: Source | None
    online: Source | None


class Templates(NamedTuple):
    """The same for any plug, as the configuration or a preset says."""

    watts: Mapping[str, Any]
    kwh: Mapping[str, Any]
    online: Mapping[str, Any]

    def of(self, plug: Plug) -> Sources:
        """Return the sources of a plug."""
        watts = _source(self.watts, plug)
        return Sources(
            watts,
            _source(self.kwh, plug) if self.kwh else None,
            _source(self.online, plug) if self.online else None,
        )


def templates(known: Mapping[str, Any], own: Mapping[str, Any], hint: str) -> Templates:
    """Return the templates; the configuration's own come before the preset's.

    :raises ConfigurationInvalid: one of them is wrong.
    """
    given = {name: own[name] if own[name] is not None else known.get(name) for name in _KEYS}
    if given["watts"] is None:
        raise parameters.invalid(f"preset or watts must say where the watts are; {hint}")
    found = Templates(**{name: _template(name, value) for name, value in given.items()})
    try:
        found.of(Plug("device"))
    except (AttributeError, IndexError, KeyError, ValueError) as exc:
        raise parameters.invalid(
            f"topic: unknown placeholder {exc}; known are {{device}} and {{channel}}"
        ) from exc
    return found


def plug(value: Any) -> Plug:
    """Return the plug that the configuration names.

    :raises ValueError: it names none.
    """
    if isinstance(value, Mapping):
        found = Plug(**value)
    else:
        found = Plug(value)
    is_channel = numbers.is_whole(found.channel) and found.channel >= 0
    if not isinstance(found.device, str) or not found.device or not is_channel:
        raise ValueError(
            f"a plug must be a name, or such as {{'device': 'strip', 'channel': 1}}, not {value!r}"
        )
    if set(found.device) & set("+#"):
        raise ValueError(f"{found.device!r} matches many plugs; name one")
    return found


def _template(name: str, value: Any) -> dict[str, Any]:
    template = parameters.mapping(name, value)
    if not template:
        return template
    if unknown := sorted(template.keys() - _KEYS[name]):
        raise parameters.invalid(
            f"{name} has no {unknown[0]!r}; it takes {', '.join(sorted(_KEYS[name]))}"
        )
    parameters.text(f"topic of {name}", template.get("topic"))
    if name == "online":
        parameters.text("alive of online", template.get("alive"))
    else:
        parameters.positive(f"scale of {name}", template.get("scale", 1.0))
        parameters.optional_text(f"path of {name}", template.get("path"))
    return template


def _source(template: Mapping[str, Any], plug: Plug) -> Source:
    path = template.get("path")
    return Source(
        template["topic"].format(device=plug.device, channel=plug.channel),
        tuple(path.split(".")) if path else (),
        float(template.get("scale", 1.0)),
        plug.channel,
        template.get("alive"),
    )


def _show(payload: bytes) -> str:
    shown = repr(payload[:40])[1:]
    return f"{shown}{'...' if len(payload) > 40 else ''}"
