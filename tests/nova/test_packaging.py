# SPDX-License-Identifier: Apache-2.0
"""This distribution beside Nova: all there, and nothing changed (see run)."""

from __future__ import annotations

import importlib.metadata
import pathlib
import subprocess
import sys

import pytest

OURS = "kwapi-climate"
PREFIX = pathlib.Path(sys.prefix)


def test_no_version_changed() -> None:
    """Frozen before and after it was installed without extras."""
    before, after = (
        {line for line in (PREFIX / name).read_text().splitlines() if line}
        for name in ("before.txt", "after.txt")
    )
    assert any(line.startswith("nova==") for line in before)
    assert before == after
    installed = {f"{found.name}=={found.version}".lower() for found in found_distributions()}
    frozen = {line.lower() for line in after}
    assert installed - {"pip", "setuptools"} >= frozen


def found_distributions() -> list[importlib.metadata.Distribution]:
    return list(importlib.metadata.distributions())


def test_nova_asks_for_all_that_we_ask_for() -> None:
    """Without extras, our requirements are among what Nova brings."""
    wanted = importlib.metadata.requires(OURS) or []
    plain = [line for line in wanted if "extra ==" not in line]
    assert plain
    for line in plain:
        name = line.split(";")[0].split(">")[0].split("=")[0].split("!")[0].strip()
        assert importlib.metadata.version(name)


@pytest.mark.parametrize("module", ["nova_ext.filters", "nova_ext.weights", "climate.client"])
def test_installed_module_imports(module: str, tmp_path: pathlib.Path) -> None:
    """From the environment, not from the sources beside the tests."""
    script = f"import {module}; print({module}.__file__)"
    command = [sys.executable, "-I", "-c", script]
    loaded = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert loaded.stdout.strip().startswith(str(PREFIX))


def test_scheduler_loads_no_other_part_of_ours(tmp_path: pathlib.Path) -> None:
    script = "import sys, nova_ext.filters, nova_ext.weights; print(*sys.modules)"
    command = [sys.executable, "-I", "-c", script]
    loaded = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    ours = {
        name
        for name in loaded.stdout.split()
        if name.startswith(("allinone", "climate", "energybase", "kwapi"))
    }
    assert ours == {"climate", "climate.client"}


def test_sample_is_generated(tmp_path: pathlib.Path) -> None:
    """As `make samples` does, by the entry point."""
    path = tmp_path / "nova.conf.sample"
    subprocess.run(
        [PREFIX / "bin/oslo-config-generator", "--namespace", "nova_ext", "--output-file", path],
        check=True,
        capture_output=True,
    )
    text = path.read_text()
    for line in ("[climate]", "#on_error = last_known", "#timeout_seconds = 2.0", "#auth_type ="):
        assert line in text
