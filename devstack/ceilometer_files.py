# SPDX-License-Identifier: Apache-2.0
"""Makes room for Kwapi's meters in Ceilometer's files: DIRECTORY WAY PERIOD_SECONDS.

Owns what is changed in polling.yaml and pipeline.yaml, which Ceilometer's own
devstack plugin has made.  What is not Kwapi's stays as it is; to do it again
changes nothing.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import yaml

_METERS = ["energy", "power", "hardware.ipmi.node.power"]
_SOURCE, _SINK, _POLLED = "energy_source", "energy_sink", "kwapi"

_File = dict[str, Any]


def poll(file: _File, way: str, period_seconds: int) -> None:
    """Have the central agent poll our meters if ``pollsters`` is the way, else not.

    They are installed beside Ceilometer in any case, and its own source takes
    whatever there is: with the publisher every value would arrive twice.
    """
    sources = _without_ours(file, "sources", _POLLED)
    if way == "pollsters":
        sources.append({"name": _POLLED, "interval": period_seconds, "meters": list(_METERS)})
    file["sources"] = sources


def publish(file: _File, definitions: Path) -> None:
    """Have Gnocchi keep our meters by definitions of their own; other publishers take them too."""
    sources, sinks = _without_ours(file, "sources", _SOURCE), _without_ours(file, "sinks", _SINK)
    there = dict.fromkeys(way for sink in sinks for way in sink["publishers"])
    ours = dict.fromkeys(
        f"gnocchi://?resources_definition_file={definitions}"
        if way.startswith("gnocchi://")
        else way
        for way in there
    )
    sources.append({"name": _SOURCE, "meters": list(_METERS), "sinks": [_SINK]})
    file["sources"] = sources
    file["sinks"] = [*sinks, {"name": _SINK, "publishers": list(ours)}]


def _without_ours(file: _File, kind: str, name: str) -> list[_File]:
    """Return sources or sinks but ours; those that take every meter leave ours out."""
    found = [entry for entry in file[kind] if entry["name"] != name]
    for entry in found:
        meters = entry.get("meters", [])
        if "*" in meters:
            meters += [f"!{meter}" for meter in _METERS if f"!{meter}" not in meters]
    return found


def main(directory: Path, way: str, period_seconds: int) -> None:
    """Change the two files."""
    for name in ("polling.yaml", "pipeline.yaml"):
        path = directory / name
        file = yaml.safe_load(path.read_text())
        if name == "polling.yaml":
            poll(file, way, period_seconds)
        else:
            publish(file, directory / "kwapi_gnocchi_resources.yaml")
        path.write_text(yaml.safe_dump(file, sort_keys=False))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], round(float(sys.argv[3])))
