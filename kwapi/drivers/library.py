# SPDX-License-Identifier: Apache-2.0
"""Reads profiles and presets: what Kwapi knows of devices and programs beforehand.

Owns reading them.  There are two kinds, by the parameters that name them: a
*profile* says where a device keeps its values, a file for each in
``profiles``; a *preset* says what a program calls them, all of a family's in
``presets.yaml``.  What their keys mean is the family's.
"""

from __future__ import annotations

import functools
import importlib.resources
from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Mapping
from typing import Any
from typing import TypeVar

import yaml

from kwapi import exception
from kwapi.drivers import parameters

_T = TypeVar("_T")

_Presets = Mapping[str, Mapping[str, Any]]


def read_profiles(family: str, parse: Callable[[str, str], _T]) -> Iterator[_T]:
    """Yield every profile of a family, by the names of their files.

    :param parse: returns the profile of a text, and takes the file's name for messages.
    """
    folder = importlib.resources.files(f"kwapi.drivers.{family}") / "profiles"
    for file in sorted(folder.iterdir(), key=lambda file: file.name):
        if file.name.endswith(".yaml"):
            yield parse(file.read_text(encoding="utf-8"), file.name)


def parse_profile(text: str, where: str, make: Callable[[dict[str, Any]], _T]) -> _T:
    """Return the profile that a YAML text describes.

    :param make: returns the profile of a document, or raises what Python does.
    :raises ConfigurationInvalid: the text is wrong; it says where and why.
    """
    try:
        return make(dict(yaml.safe_load(text)))
    except (yaml.YAMLError, AttributeError, KeyError, TypeError, ValueError) as exc:
        reason = f"no {exc}" if isinstance(exc, KeyError) else str(exc)
        raise exception.ConfigurationInvalid(where=where, reason=reason) from exc


@functools.cache
def load_presets(family: str) -> _Presets:
    """Return the presets of a family, by name."""
    file = importlib.resources.files(f"kwapi.drivers.{family}") / "presets.yaml"
    found: dict[str, dict[str, Any]] = yaml.safe_load(file.read_text(encoding="utf-8"))
    return found


def names(family: str) -> str:
    """Return a list of the presets for messages."""
    return f"presets are {', '.join(sorted(load_presets(family)))}"


def preset(family: str) -> parameters.Check:
    """Return a check for the name of a preset, which returns the preset."""

    def find(name: str, value: Any) -> Mapping[str, Any]:
        presets = load_presets(family)
        return presets[parameters.one_of(name, value, sorted(presets))]

    return find
