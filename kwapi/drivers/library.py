# SPDX-License-Identifier: Apache-2.0
"""What known devices and programs call their power: ``presets.yaml`` in each family's folder.

Owns finding a preset; its keys are those of the driver that it is for.
"""

from __future__ import annotations

import functools
import importlib.resources
from collections.abc import Mapping
from typing import Any

import yaml

from kwapi.drivers import parameters


@functools.cache
def load(driver: str) -> Mapping[str, Mapping[str, Any]]:
    """Return the presets of a driver, by name."""
    file = importlib.resources.files(f"kwapi.drivers.{driver}") / "presets.yaml"
    found: dict[str, dict[str, Any]] = yaml.safe_load(file.read_text(encoding="utf-8"))
    return found


def names(driver: str) -> str:
    """Return a list of them for messages."""
    return f"presets are {', '.join(sorted(load(driver)))}"


def choose(driver: str, name: Any) -> Mapping[str, Any]:
    """Return the preset of that name; an empty one without a name.

    :raises ConfigurationInvalid: there is none.
    """
    if name is None:
        return {}
    return load(driver)[parameters.one_of("preset", name, sorted(load(driver)))]
