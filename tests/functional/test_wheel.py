# SPDX-License-Identifier: Apache-2.0
"""What is installed has more than Python in it: pages, profiles, tables."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

TOP = Path(__file__).resolve().parents[2]
PACKAGES = ("allinone", "climate", "energybase", "energyclient", "kwapi", "nova_ext")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """The names in a wheel of the tree as it is, committed or not."""
    tree, made = tmp_path_factory.mktemp("tree"), tmp_path_factory.mktemp("wheel")
    for name in list_sources():
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(TOP / name, tree / name)
    # pbr takes what git knows.
    for command in (["git", "init", "-q"], ["git", "add", "-A"]):
        subprocess.run(command, cwd=tree, check=True)
    pip = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation"]
    subprocess.run(
        [*pip, "--wheel-dir", str(made), "."],
        cwd=tree,
        env={**os.environ, "PBR_VERSION": "0.0.0"},
        check=True,
    )
    [path] = made.glob("*.whl")
    return set(zipfile.ZipFile(path).namelist())


def list_sources() -> list[str]:
    """Return what git has, or would have if all were committed now."""
    command = ["git", "ls-files", "-co", "--exclude-standard", "-z"]
    found = subprocess.run(command, cwd=TOP, capture_output=True, check=True).stdout
    return [name for name in found.decode().split("\0") if name and (TOP / name).is_file()]


def test_a_wheel_has_all_that_is_in_the_packages(wheel: set[str]) -> None:
    wanted = {name for name in list_sources() if name.split("/")[0] in PACKAGES}
    assert wanted - wheel == set()


@pytest.mark.parametrize(
    "name", ["static/pages.js", "static/uPlot.iife.min.js", "static/uPlot-LICENSE.txt",
             "templates/last.html"]
)  # fmt: skip
def test_a_wheel_has_the_pages(wheel: set[str], name: str) -> None:
    assert f"kwapi/pages/{name}" in wheel
