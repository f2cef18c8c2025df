# SPDX-License-Identifier: Apache-2.0
"""A gateway's database, in whatever database there is, that can be told to misbehave."""

from __future__ import annotations

import contextlib
import time
from pathlib import Path

import sqlalchemy as sa

from kwapi import measurement
from tests.contracts import driver as driver_contract

_TABLE = Path(__file__).with_name("samples") / "outlet_now.sql"
QUERY = "SELECT {key} AS probe, {watts} AS watts, updated AS time, kwh FROM outlet_now"
WATTS = "amps / 100.0 * volts / 100.0 * pf / 10000.0"
#: Well within what a test takes, and beyond what is old here.
MAX_AGE_SECONDS, OLD_SECONDS = 3600, 7200


class Gateway(driver_contract.Device):
    """A database with the rows of samples/outlet_now.sql, freshly written.

    :param admin_url: who may do anything there.
    :param key: an SQL expression for the column probe.
    """

    # Missing: without current, too old, and not there at all.
    probes = ("one", None, "both", "no-current", "old", "absent")
    period_seconds = 3.0
    resolution_watts = 2.3

    def __init__(self, admin_url: str, key: str) -> None:
        self.timestamp = int(time.time())
        self.expected = {
            "one": measurement.Measurement(0.59 * 229 * 0.95, 101.0, self.timestamp),
            "both": measurement.Measurement((1.06 + 0.35) * 229 * 0.95, 207.0, self.timestamp),
        }
        self.parameters = {
            "query": QUERY.format(key=key, watts=WATTS),
            "preset": "schleifenbauer-gateway",
            "max_age_seconds": MAX_AGE_SECONDS,
            "keys": {
                "one": "210.1",
                "both": ["210.2", "211.1"],
                "no-current": "210.3",
                "old": "210.4",
                "absent": "212.1",
            },
            "timeout_seconds": 1.0,
        }
        self.admin = sa.create_engine(admin_url, isolation_level="AUTOCOMMIT",
                                      poolclass=sa.pool.NullPool)  # fmt: skip
        self.fill()

    def fill(self) -> None:
        """Write the table anew."""
        now = self.timestamp
        text = _TABLE.read_text().format(now=now, old=now - OLD_SECONDS)
        self.execute("DROP TABLE IF EXISTS outlet_now", *text.strip().rstrip(";").split(";"))

    def execute(self, *statements: str) -> None:
        """Run statements as who may."""
        with contextlib.closing(self.admin.connect()) as connection:
            for statement in statements:
                connection.exec_driver_sql(statement)

    def come_back(self) -> None:
        self.fill()

    def garble(self) -> None:
        self.execute(
            "DROP TABLE outlet_now",
            "CREATE TABLE outlet_now (unit INTEGER, outlet INTEGER, updated VARCHAR(40), "
            "amps INTEGER, volts INTEGER, pf INTEGER, kwh INTEGER)",
            "INSERT INTO outlet_now VALUES (210, 1, 'the day before', 59, 22900, 9500, 101)",
        )

    def cut(self) -> None:
        self.execute("ALTER TABLE outlet_now DROP COLUMN pf")
