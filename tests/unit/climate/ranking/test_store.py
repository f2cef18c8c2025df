# SPDX-License-Identifier: Apache-2.0
"""The ranking's store on SQLite."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from climate.ranking import observed as observations
from climate.ranking import power_model
from energybase import exception
from tests.contracts import inventory
from tests.contracts import ranking


class TestSqlite(ranking.StoreContract):
    """The contract, on a file."""


def test_without_a_database(tmp_path: Path) -> None:
    kept = ranking.open_store(inventory.Database(f"sqlite:///{tmp_path}/none/none.sqlite"))
    with pytest.raises(exception.StoreUnavailable):
        kept.add(0, {})
    with pytest.raises(exception.StoreUnavailable):
        kept.sum_up(0, 1)


def test_nothing_is_observed_of_a_host_that_is_unknown() -> None:
    one = power_model.Statistics.of(0.5, 100)
    observed = observations.Observed(("a",), power_model.Statistics(*np.array([one]).T), np.ones(1))
    aligned = observed.align(["b", "a", "c"])
    assert aligned.hosts == ("b", "a", "c")
    assert aligned.statistics.n.tolist() == [0, 1, 0]
    assert aligned.statistics.min_watts.tolist() == [np.inf, 100, np.inf]
    assert aligned.hours.tolist() == [0, 1, 0]
    assert observations.Observed().align(["a"]).statistics.max_watts.tolist() == [-np.inf]
    assert observed.align([]).statistics.n.tolist() == []
