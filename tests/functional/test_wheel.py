# SPDX-License-Identifier: Apache-2.0
"""A wheel contains all files of the packages: pages, profiles and templates, too."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile

import pytest

from tests.functional import distributions

PACKAGES = ("allinone", "climate", "energybase", "energyclient", "kwapi", "nova_ext")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """The names in a wheel of the tree as it is, committed or not."""
    tree, made = tmp_path_factory.mktemp("tree"), tmp_path_factory.mktemp("wheel")
    for name in distributions.list_sources():
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(distributions.TOP / name, tree / name)
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


def test_a_wheel_has_all_that_is_in_the_packages(wheel: set[str]) -> None:
    wanted = {name for name in distributions.list_sources() if name.split("/")[0] in PACKAGES}
    assert wanted - wheel == set()


@pytest.mark.parametrize(
    "name", ["static/pages.js", "static/uPlot.iife.min.js", "static/uPlot-LICENSE.txt",
             "templates/last.html"]
)  # fmt: skip
def test_a_wheel_has_the_pages(wheel: set[str], name: str) -> None:
    assert f"kwapi/pages/{name}" in wheel
