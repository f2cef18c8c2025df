# SPDX-License-Identifier: Apache-2.0
"""The driver sql on real databases: a MariaDB as a gateway fills it, and a PostgreSQL."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest
import sqlalchemy as sa

from kwapi import exception
from kwapi import measurement
from kwapi.drivers.sql import driver as sql
from tests.contracts import driver as driver_contract
from tests.fakes import tcp_relay
from tests.servers import databases
from tests.unit.kwapi.drivers.sql import peer

# ``peer`` asks for servers by name, which nobody sees beforehand.
pytestmark = pytest.mark.xdist_group("test_sql")

USER, PASSWORD = "meter_reader", "s3cret-of-the-reader"


class ServedGateway(peer.Gateway):
    """The gateway's rows on a server, with an account that may only read."""

    secrets = (PASSWORD,)

    def __init__(self, relay: tcp_relay.TcpRelay, admin_url: str, key: str) -> None:
        self.relay = relay
        super().__init__(admin_url, key)

    def fill(self) -> None:
        super().fill()
        self.execute(*self.grants(PASSWORD))

    def grants(self, password: str) -> tuple[str, ...]:
        """Return what lets the account in, with this password and no other."""
        raise NotImplementedError

    def vanish(self) -> None:
        self.relay.vanish()

    def come_back(self) -> None:
        self.relay.come_back()
        super().come_back()

    def garble(self) -> None:
        super().garble()
        self.execute(*self.grants(PASSWORD))

    def refuse(self) -> None:
        self.execute(*self.grants("another-one"))

    def count_sessions(self) -> int:
        return self.relay.count()


class MariaGateway(ServedGateway):
    """On MariaDB, as the driver's own parameters name it."""

    def __init__(self, relay: tcp_relay.TcpRelay, admin_url: str) -> None:
        super().__init__(relay, admin_url, "CONCAT(unit, '.', outlet)")
        self.parameters = {
            **self.parameters,
            "host": "127.0.0.1",
            "port": relay.port,
            "database": sa.make_url(admin_url).database,
            "user": USER,
            "password": PASSWORD,
        }

    def grants(self, password: str) -> tuple[str, ...]:
        return (
            f"CREATE OR REPLACE USER '{USER}'@'127.0.0.1' IDENTIFIED BY '{password}'",
            f"GRANT SELECT ON {sa.make_url(str(self.admin.url)).database}.* "
            f"TO '{USER}'@'127.0.0.1'",
        )


class PostgresGateway(ServedGateway):
    """On PostgreSQL, by SQLAlchemy's URL."""

    def __init__(self, relay: tcp_relay.TcpRelay, admin_url: str) -> None:
        super().__init__(relay, admin_url, "unit || '.' || outlet")
        name = sa.make_url(admin_url).database
        self.parameters = {
            **self.parameters,
            "url": f"postgresql+psycopg2://127.0.0.1:{relay.port}/{name}",
            "user": USER,
            "password": PASSWORD,
        }
        # The server trusts everybody; a role that may not log in is refused all the same.

    def grants(self, password: str) -> tuple[str, ...]:
        login = "LOGIN" if password == PASSWORD else "NOLOGIN"
        return (
            f"DO $$ BEGIN CREATE ROLE {USER}; EXCEPTION WHEN duplicate_object THEN NULL; END $$",
            f"ALTER ROLE {USER} {login} PASSWORD '{password}'",
            f"GRANT SELECT ON outlet_now TO {USER}",
        )


def _serve(name: str) -> Iterator[tuple[tcp_relay.TcpRelay, str]]:
    with databases.running(name) as server:
        relay = tcp_relay.TcpRelay(server.port)
        with server.database() as url:
            yield relay, url
        relay.close()


@pytest.fixture(scope="module")
def mariadb() -> Iterator[tuple[tcp_relay.TcpRelay, str]]:
    """A MariaDB, and the way there."""
    yield from _serve("mariadb")


@pytest.fixture(scope="module")
def postgresql() -> Iterator[tuple[tcp_relay.TcpRelay, str]]:
    """A PostgreSQL, and the way there."""
    yield from _serve("postgresql")


class TestMariaDB(driver_contract.DriverContract):
    """The contract, on MariaDB."""

    driver_name = "sql"

    @pytest.fixture
    def device(self, mariadb: tuple[tcp_relay.TcpRelay, str]) -> Iterator[MariaGateway]:
        found = MariaGateway(*mariadb)
        yield found
        found.come_back()


class TestPostgreSQL(driver_contract.DriverContract):
    """The contract, on PostgreSQL."""

    driver_name = "sql"

    @pytest.fixture
    def device(self, postgresql: tuple[tcp_relay.TcpRelay, str]) -> Iterator[PostgresGateway]:
        found = PostgresGateway(*postgresql)
        yield found
        found.come_back()


def make(device: ServedGateway, probes: Any = ("a",), **parameters: Any) -> sql.Sql:
    """Return a driver that was opened, for whom no right is missing."""
    given = {"keys": None, "preset": None, **parameters}
    driver = sql.Sql("m", probes, lambda _: None, **{**device.parameters, **given})
    driver.open()
    return driver


@pytest.fixture(params=("mariadb", "postgresql"))
def gateway(request: pytest.FixtureRequest) -> ServedGateway:
    """Each of them."""
    kind = {"mariadb": MariaGateway, "postgresql": PostgresGateway}[request.param]
    return kind(*request.getfixturevalue(request.param))


def test_each_read_sees_what_was_written_since(gateway: ServedGateway) -> None:
    """No transaction stays open over it."""
    driver = make(gateway, ("210.1",))
    assert driver.read()["210.1"].kwh == 101.0
    gateway.execute("UPDATE outlet_now SET kwh = 111 WHERE unit = 210 AND outlet = 1")
    assert driver.read()["210.1"].kwh == 111.0
    driver.close()


def test_a_log_of_dates_in_a_stated_zone(gateway: ServedGateway) -> None:
    """The server's own date type; decimals; the newest row of several."""
    moment = int(time.time())
    local = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(moment))
    gateway.execute(
        "DROP TABLE IF EXISTS outlet_log",
        "CREATE TABLE outlet_log (outlet INTEGER, t TIMESTAMP, watts DECIMAL(8,2))",
        f"INSERT INTO outlet_log VALUES (1, '{local}', 80.25), (1, '2023-11-14 22:13:20', 7)",
        f"GRANT SELECT ON outlet_log TO {USER}"
        + ("@'127.0.0.1'" if isinstance(gateway, MariaGateway) else ""),
    )
    query = "SELECT outlet AS probe, watts, t AS time FROM outlet_log"
    driver = make(gateway, query=query, time_zone="UTC", keys={"a": 1})
    assert driver.read() == {"a": measurement.Measurement(80.25, None, float(moment))}
    driver.close()


def test_a_query_cannot_write(gateway: ServedGateway) -> None:
    """Not even for an account that may."""
    if isinstance(gateway, MariaGateway):
        gateway.execute(f"GRANT ALL ON *.* TO '{USER}'@'127.0.0.1'")
    else:
        gateway.execute(f"GRANT ALL ON outlet_now TO {USER}")
    driver = make(gateway, query="DELETE FROM outlet_now")
    with pytest.raises(exception.MalformedAnswer, match="(?i)read.only"):
        driver.read()
    driver.close()


def test_an_account_that_may_not_read_is_refused(gateway: ServedGateway) -> None:
    """It may log in; the table is another's."""
    gateway.execute("DROP TABLE IF EXISTS hidden", "CREATE TABLE hidden (id INTEGER)")
    if isinstance(gateway, MariaGateway):
        gateway.execute(f"REVOKE ALL PRIVILEGES, GRANT OPTION FROM '{USER}'@'127.0.0.1'")
        name = sa.make_url(str(gateway.admin.url)).database
        gateway.execute(f"GRANT SELECT ON {name}.outlet_now TO '{USER}'@'127.0.0.1'")
    driver = make(gateway, query="SELECT * FROM hidden")
    with pytest.raises(exception.WattmeterRefused, match="denied"):
        driver.read()
    driver.close()


@pytest.mark.parametrize("query", ("SELECT * FROM nowhere", "SELEKT 1", "SELECT a FROM outlet_now"))
def test_a_wrong_query_is_told(gateway: ServedGateway, query: str) -> None:
    driver = make(gateway, query=query)
    with pytest.raises(exception.MalformedAnswer, match="the query fails"):
        driver.read()
    driver.close()


def test_a_slow_query_is_given_up(gateway: ServedGateway) -> None:
    """The time-out is for the answer, too."""
    function = "SLEEP" if isinstance(gateway, MariaGateway) else "pg_sleep"
    driver = make(gateway, query=f"SELECT {function}(60)")
    with pytest.raises(exception.WattmeterUnreachable):
        driver.read()
    driver.close()
