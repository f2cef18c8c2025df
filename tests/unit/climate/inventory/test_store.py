# SPDX-License-Identifier: Apache-2.0
"""The inventory's store on SQLite."""

from __future__ import annotations

from pathlib import Path

import pytest
from oslo_config import cfg

from climate.inventory import store
from energybase import exception
from energybase.db import transaction
from tests.contracts import inventory


class TestSqlite(inventory.StoreContract):
    """The contract, on a file."""


def test_no_database(conf: cfg.ConfigOpts, tmp_path: Path) -> None:
    conf.set_override("state_path", str(tmp_path / "absent"))
    absent = store.Store(transaction.build(conf, "climate.sqlite"))
    with pytest.raises(exception.StoreUnavailable):
        absent.load()
    with pytest.raises(exception.StoreUnavailable):
        absent.replace([], 0)
