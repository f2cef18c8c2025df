# SPDX-License-Identifier: Apache-2.0
"""A configuration of Climate's, and a database of its own for each test, on SQLite."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from oslo_config import cfg

from climate.cmd import conf as climate_conf
from energybase import service
from tests.contracts import inventory


@pytest.fixture
def conf(tmp_path: Path) -> cfg.ConfigOpts:
    """All of Climate's options at their defaults; what is written goes to the test's directory."""
    options = service.prepare(
        [], "test", register=(climate_conf.register_opts,), project="climate", config_files=[]
    )
    options.set_override("state_path", str(tmp_path))
    return options


@pytest.fixture(scope="session")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An SQLite file with empty tables, not to be written to."""
    path = tmp_path_factory.mktemp("climate") / "climate.sqlite"
    made = inventory.Database(f"sqlite:///{path}")
    made.upgrade()
    made.build().writer.get_engine().dispose()
    return path


@pytest.fixture
def database(empty: Path, tmp_path: Path) -> inventory.Database:
    """A database with empty tables; a copy, which takes less time than a migration."""
    path = tmp_path / "climate.sqlite"
    source, target = sqlite3.connect(empty), sqlite3.connect(path)
    source.backup(target)
    source.close()
    target.close()
    return inventory.Database(f"sqlite:///{path}")
