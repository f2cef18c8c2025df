# SPDX-License-Identifier: Apache-2.0
"""What a planner remembers of hosts: the store knows them by the name that was told last."""

from __future__ import annotations

from pathlib import Path

import pytest
import sqlalchemy as sa

from climate.db import models
from climate.planning import memory
from energybase.db import transaction
from tests.unit.climate.planning import planners


class Given:
    """A memory, and what its store has."""

    def __init__(self, folder: Path) -> None:
        conf = planners.configure(folder)
        self.memory = memory.Memory(planners.open_store(conf))
        built = transaction.build(conf, models.SCHEMA.sqlite_file)
        self.engine: sa.Engine = built.writer.get_engine()

    def names(self) -> dict[int, str]:
        """Return the names of all hosts, by id."""
        table = models.CALENDARS
        with self.engine.connect() as connection:
            return dict(connection.execute(sa.select(table.c.host_id, table.c.host_name)).all())


@pytest.fixture
def given(tmp_path: Path) -> Given:
    """With no host yet."""
    return Given(tmp_path)


def test_a_name_that_comes_back_is_told_again(given: Given) -> None:
    """Also in the same mapping as before, which two threads may share."""
    before, after = {1: "a", 2: "b"}, {1: "c"}
    for told, names in (
        (before, {1: "a", 2: "b"}),
        (before, {1: "a", 2: "b"}),
        (after, {1: "c", 2: "b"}),
        (before, {1: "a", 2: "b"}),
        (after, {1: "c", 2: "b"}),
    ):
        given.memory.learn(told)
        given.memory.learn(told)
        assert given.names() == names


def test_after_a_backup_was_restored_all_is_told_again(given: Given) -> None:
    """In which a host is missing that was learnt since."""
    hosts = {1: "a"}
    given.memory.learn(hosts)
    given.memory.learn(hosts)
    given.memory.refresh()
    with given.engine.begin() as connection:
        connection.execute(sa.delete(models.CALENDARS))
        connection.execute(sa.delete(models.FREE_PERIODS))
        connection.execute(sa.update(models.PLANNING).values(version=0))
    given.memory.refresh()
    given.memory.learn(hosts)
    assert given.names() == hosts
