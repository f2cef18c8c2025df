# SPDX-License-Identifier: Apache-2.0
"""What it costs to save 10,000 records, beside what others would take for the same rows.

Baselines, on SQLite files in WAL mode with synchronous=FULL, all in this run
and in turns: the sqlite3 module alone (executemany of the same upsert), and
SQLAlchemy's ORM (one merge for each record).  Every way writes the same columns.
With ``--mariadb`` and ``--postgresql`` our save runs on private servers too,
beside their drivers' own executemany.

    python benchmarks/store_save.py [--records N] [--rounds N] [--mariadb] [--postgresql]
"""

from __future__ import annotations

import argparse
import contextlib
import functools
import operator
import random
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import orm

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from energybase.db import migration  # noqa: E402
from kwapi.store import record  # noqa: E402
from kwapi.store import state  # noqa: E402
from kwapi.store import tables  # noqa: E402
from tests.contracts import store as store_contract  # noqa: E402
from tests.servers import databases  # noqa: E402

_NAMES = tables.RECORDS.columns.keys()
_INSERT = f"INSERT INTO records ({', '.join(_NAMES)}) VALUES"
_UPDATES = ", ".join(f"{name} = excluded.{name}" for name in _NAMES[1:])
_ON_CONFLICT = f"ON CONFLICT (probe_id) DO UPDATE SET {_UPDATES}"
_ON_DUPLICATE = "ON DUPLICATE KEY UPDATE " + ", ".join(f"{n} = VALUES({n})" for n in _NAMES[1:])

_values_of = operator.attrgetter(*_NAMES[:-1])

Rows = list[tuple[Any, ...]]
#: Saves records, given with the rows that they make: baselines need not make them.
Save = Callable[[list[record.Record], Rows], None]


class Mapped:
    """A record as the ORM sees it."""


def main(argv: Sequence[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--records", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=5)
    for name in databases.SERVERS:
        parser.add_argument(f"--{name}", action="store_true")
    arguments = parser.parse_args(argv)
    print(f"{arguments.records} records, medians of {arguments.rounds} rounds")
    with tempfile.TemporaryDirectory() as directory:
        compare(arguments, "SQLite", sqlite_ways(Path(directory)))
        measure_reads(Path(directory))
    for name in databases.SERVERS:
        if getattr(arguments, name):
            with databases.running(name) as server, server.database() as url:
                compare(arguments, name, server_ways(url))


def compare(arguments: argparse.Namespace, title: str, ways: dict[str, Save]) -> None:
    """Run all ways in turns, and print each one's time and its ratio to ours."""
    seconds: dict[str, list[tuple[float, float]]] = {name: [] for name in ways}
    # Rounds, not one way after the other: the neighbours' load meets all alike.
    for _ in range(arguments.rounds + 1):
        records = make(arguments.records)
        rows = [(*_values_of(known), True) for known in records]
        for name, save in ways.items():
            seconds[name].append(clock(functools.partial(save, records, rows)))
    medians = {}
    for name, taken in seconds.items():
        # The first inserts, and connects; the others update, as a collector does.
        medians[name] = tuple(map(statistics.median, zip(*taken[1:], strict=True)))
    ours = next(iter(medians.values()))
    for name, (wall, cpu) in medians.items():
        print(
            f"{title:10} {name:34} {wall * 1000:7.1f} ms {cpu * 1000:7.1f} ms of our CPU"
            f"   x {wall / ours[0]:.2f}"
        )


def clock(work: Callable[[], object]) -> tuple[float, float]:
    """Return wall and CPU seconds."""
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - wall, time.process_time() - cpu


def make(count: int) -> list[record.Record]:
    """Return records as they are after a round of measurements."""
    now = time.time()
    return [
        record.Record(
            f"lyon.taurus-{i}", now + random.random(), random.uniform(80, 300),
            random.uniform(0, 1e5), f"pdu-{i // 24}", "0123456789abcdef", 1.0, 0.1,
        )
        for i in range(count)
    ]  # fmt: skip


def ours(url: str) -> Save:
    """Return our way: rows, version and body in one transaction."""
    database = store_contract.Database(url)
    migration.upgrade(database.engine(), tables.SCHEMA)
    kept, body = database.open(), b"x" * 1_300_000

    def save(records: list[record.Record], _rows: Rows) -> None:
        kept.save(state.Changes(kept.get_version(), records, probes_body=body))

    return save


def sqlite_ways(directory: Path) -> dict[str, Save]:
    """Return ours, sqlite3 alone, and the ORM."""
    names = ("ours", "raw", "orm")
    urls = {name: f"sqlite:///{directory}/{name}.sqlite" for name in names}
    for url in urls.values():
        migration.upgrade(store_contract.Database(url).engine(), tables.SCHEMA)
    raw = sqlite3.connect(directory / "raw.sqlite", isolation_level=None)
    raw.execute("PRAGMA synchronous = FULL")
    marks = ", ".join("?" for _ in _NAMES)

    def save_raw(_records: list[record.Record], rows: Rows) -> None:
        raw.execute("BEGIN")
        raw.executemany(f"{_INSERT} ({marks}) {_ON_CONFLICT}", rows)
        raw.execute("COMMIT")

    orm.registry().map_imperatively(Mapped, tables.RECORDS)
    engine = store_contract.Database(urls["orm"]).engine()

    def save_orm(_records: list[record.Record], rows: Rows) -> None:
        with orm.Session(engine) as session, session.begin():
            for row in rows:
                session.merge(Mapped(**dict(zip(_NAMES, row, strict=True))))

    return {
        "ours, with a body of 1.3 MB": ours(urls["ours"]),
        "sqlite3 executemany, no body": save_raw,
        "SQLAlchemy ORM merge, no body": save_orm,
    }


def server_ways(url: str) -> dict[str, Save]:
    """Return ours, and the driver's executemany."""
    save = ours(url)
    engine = store_contract.Database(url).engine()
    marks = ", ".join("%s" for _ in _NAMES)
    ending = _ON_CONFLICT if engine.dialect.name == "postgresql" else _ON_DUPLICATE

    def save_many(_records: list[record.Record], rows: Rows) -> None:
        with contextlib.closing(engine.raw_connection()) as connection:
            cursor = connection.cursor()
            cursor.executemany(f"{_INSERT} ({marks}) {ending}", rows)
            connection.commit()

    return {
        "ours, with a body of 1.3 MB": save,
        f"{engine.dialect.driver} executemany, no body": save_many,
    }


def measure_reads(directory: Path) -> None:
    """Print what the API's questions cost, on what was just saved."""
    kept = store_contract.Database(f"sqlite:///{directory}/ours.sqlite").open()
    questions: dict[str, Callable[[], object]] = {
        "get_version": kept.get_version,
        "get_probes_body": kept.get_probes_body,
        "get_record": lambda: kept.get_record("lyon.taurus-7"),
        "sqlite3, file opened anew, body": lambda: read_raw(directory),
        "load": kept.load,
    }
    for name, question in questions.items():
        walls = [clock(question)[0] for _ in range(20 if name == "load" else 300)]
        print(f"{'SQLite':10} {name:34} {statistics.median(walls) * 1000:7.2f} ms")


def read_raw(directory: Path) -> object:
    """Return the body, read without any library."""
    with contextlib.closing(sqlite3.connect(directory / "ours.sqlite")) as connection:
        return connection.execute("SELECT version, probes_body FROM snapshot").fetchone()


if __name__ == "__main__":
    main()
