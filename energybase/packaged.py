# SPDX-License-Identifier: Apache-2.0
"""Reads the YAML files that ship within our packages, such as profiles of wattmeters.

Owns finding them and naming what is wrong in one.  What their keys mean is the
affair of the package that has them.
"""

from __future__ import annotations

import importlib.resources
from collections.abc import Callable
from collections.abc import Iterator
from typing import Any
from typing import TypeVar

import yaml

from energybase import exception

_T = TypeVar("_T")


def read(package: str, name: str) -> dict[str, Any]:
    """Return the document of one file."""
    file = importlib.resources.files(package) / name
    found: dict[str, Any] = yaml.safe_load(file.read_text(encoding="utf-8"))
    return found


def read_each(package: str, folder: str, parse: Callable[[str, str], _T]) -> Iterator[_T]:
    """Yield what each YAML file of a folder holds, by the names of the files.

    :param parse: takes a file's text and, for messages, its name.
    """
    files = (importlib.resources.files(package) / folder).iterdir()
    for file in sorted(files, key=lambda file: file.name):
        if file.name.endswith(".yaml"):
            yield parse(file.read_text(encoding="utf-8"), file.name)


def parse(text: str, where: str, make: Callable[[dict[str, Any]], _T]) -> _T:
    """Return what a YAML text describes.

    :param make: takes the document, and raises what Python does if it is wrong.
    :raises ConfigurationInvalid: the text is wrong; it says where and why.
    """
    try:
        return make(dict(yaml.safe_load(text)))
    except (yaml.YAMLError, AttributeError, KeyError, TypeError, ValueError) as exc:
        reason = f"no {exc}" if isinstance(exc, KeyError) else str(exc)
        raise exception.ConfigurationInvalid(where=where, reason=reason) from exc
