# SPDX-License-Identifier: Apache-2.0
"""Writes the tables of parameters that the wattmeters' pages include, from what drivers declare.

``make samples`` runs it; ``tests/unit/kwapi/drivers/test_pages.py`` compares.
"""

from __future__ import annotations

import importlib.metadata
import sys
import textwrap
from collections.abc import Iterable
from pathlib import Path

from kwapi.drivers import driver
from kwapi.drivers import parameters
from kwapi.drivers import plugin

FOLDER = Path(__file__).resolve().parents[1] / "doc/source/wattmeters/parameters"
_NAME_WIDTH, _TEXT_WIDTH = 20, 66


def tables() -> dict[str, str]:
    """Return the text of each file, by its name; of every driver in this distribution."""
    common = parameters.declared(driver.Driver)
    made = {"every.inc": render(common.values())}
    for point in importlib.metadata.entry_points(group=plugin.NAMESPACE):
        if point.value.startswith("kwapi."):
            own = parameters.declared(point.load())
            made[f"{point.name}.inc"] = render(p for n, p in own.items() if n not in common)
    return made


def render(declared: Iterable[parameters.Parameter]) -> str:
    """Return a table in reStructuredText."""
    rows = [(f"``{parameter.name}``", _describe(parameter)) for parameter in declared]
    width = max([_NAME_WIDTH, *(len(name) for name, _ in rows)])
    rule = f"{'=' * width}  {'=' * _TEXT_WIDTH}"
    lines = [".. Made by tools/driver_tables.py from what the driver declares.", "", rule]
    for name, text in rows:
        first, *rest = textwrap.wrap(text, _TEXT_WIDTH, break_long_words=False)
        lines += [f"{name:{width}}  {first}", *(f"{'':{width}}  {line}" for line in rest)]
    return "\n".join([*lines, rule, ""])


def _describe(parameter: parameters.Parameter) -> str:
    text = parameter.help[0].upper() + parameter.help[1:]
    if parameter.default is parameters.REQUIRED:
        text += ".  Required"
    elif parameter.default not in (None, {}, b"", False):
        text += f".  Default: {_show(parameter.default)}"
    if parameter.aliases:
        text += f".  Earlier name: {', '.join(f'``{name}``' for name in parameter.aliases)}"
    return text


def _show(default: object) -> str:
    shown = default.decode() if isinstance(default, bytes) else default
    return f"``{shown:g}``" if isinstance(shown, float) else f"``{shown!r}``"


def main() -> None:
    """Write the files."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER
    folder.mkdir(exist_ok=True)
    for name, text in tables().items():
        (folder / name).write_text(text)


if __name__ == "__main__":
    main()
