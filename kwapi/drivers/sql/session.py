# SPDX-License-Identifier: Apache-2.0
"""Queries a database by a session that can only read, and explains failures.

Owns the connection, its time-outs, and what the errors of each database mean.
What rows say is :mod:`kwapi.drivers.sql.driver`'s.

MariaDB and MySQL, PostgreSQL and SQLite are known; others work as far as
SQLAlchemy has a driver for them, but have no time-out of ours.
"""

from __future__ import annotations

import dataclasses
import math
import re
from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from kwapi import exception
from kwapi.drivers import parameters

#: Errors of MariaDB and MySQL that mean: not you, or not this.
_MYSQL_REFUSED = {1044, 1045, 1142, 1143, 1227, 1370, 1698, 4151}
#: Those that mean that it is there, and does not like the query.
_MYSQL_QUERY = {1046, 1049, 1052, 1054, 1055, 1064, 1146, 1305, 1792}
#: What PostgreSQL says before a connection is one; there is no code then.
_POSTGRESQL_REFUSED = (
    "authentication failed",
    "no pg_hba.conf entry",
    "not permitted to log in",
    "permission denied",
)
_SQLITE_AWAY = ("unable to open", "locked", "disk i/o")
_SECRETS = re.compile(r"(?i)(password|passwd|secret)\S*\s*[=:]\s*\S+")


@dataclasses.dataclass(frozen=True)
class Database:
    """A database and who we are there.

    :ivar address: what it is called in messages.
    """

    url: sa.URL = dataclasses.field(repr=False)
    address: str
    timeout_seconds: float

    @property
    def kind(self) -> str:
        """``mysql``, ``postgresql``, ``sqlite`` or another of SQLAlchemy's."""
        return self.url.get_backend_name().replace("mariadb", "mysql")


def find_database(own: Mapping[str, Any]) -> Database:
    """Return the database that parameters describe."""
    if (own["url"] is None) == (own["host"] is None):
        raise parameters.invalid("url or host must say where the database is; give one of them")
    made = _network_url(own) if own["url"] is None else _parse(own)
    if own["username"] is not None:
        made = made.set(username=own["username"])
    if own["password"] is not None:
        made = made.set(password=own["password"])
    where = f"{made.host}:{made.port}/{made.database}" if made.host else made.database
    address = f"{made.get_backend_name()} {where}"
    try:
        made.get_dialect().import_dbapi()
    except (ImportError, sa.exc.SQLAlchemyError) as exc:
        raise parameters.invalid(f"{made.drivername} is not installed") from exc
    return Database(made, address, own["timeout_seconds"])


def _network_url(own: Mapping[str, Any]) -> sa.URL:
    return sa.URL.create(
        "mysql+pymysql",
        host=own["host"],
        port=own["port"] or 3306,
        database=parameters.text("database", own["database"]),
    )


def _parse(own: Mapping[str, Any]) -> sa.URL:
    if own["port"] is not None or own["database"] is not None:
        raise parameters.invalid("port and database go with host; a url has its own")
    try:
        made = sa.make_url(own["url"])
        made.get_dialect()
    except (sa.exc.SQLAlchemyError, ValueError):
        # Not even as the cause: its text is the URL, which may hold a password.
        raise parameters.invalid(
            "url must be one of SQLAlchemy's, such as 'mysql+pymysql://192.0.2.1/meters'"
        ) from None
    if made.password is not None:
        raise parameters.invalid("url holds a password: the parameter password is its place")
    return made


class Session:
    """A connection that only reads; used by one thread."""

    def __init__(self, target: Database) -> None:
        self._target = target
        self._connection: sa.Connection | None = None
        self._engine: sa.Engine | None = None

    def open(self) -> None:
        """Connect.

        :raises WattmeterUnreachable: it does not answer.
        :raises WattmeterRefused: it does not take our credentials.
        """
        target = self._target
        try:
            self._engine = sa.create_engine(
                target.url,
                poolclass=sa.pool.NullPool,
                connect_args=_connect_args(target.kind, target.timeout_seconds),
                # Each query sees what is there now, not what was there at the first.
                isolation_level="AUTOCOMMIT",
                hide_parameters=True,
            )
            # Without parameters a % in the query is a %, in every database.
            self._connection = self._engine.connect().execution_options(no_parameters=True)
            for statement in _READ_ONLY.get(target.kind, ()):
                self._connection.exec_driver_sql(statement)
        except (sa.exc.SQLAlchemyError, OSError) as exc:
            raise self._error(exc) from None

    def select(self, query: str) -> tuple[list[str], list[tuple[Any, ...]]]:
        """Return the names of the columns, and the rows.

        :raises WattmeterError: the answer is none; a clear one is said.
        """
        if self._connection is None:
            raise exception.WattmeterUnreachable(
                address=self._target.address, reason="the session is closed"
            )
        try:
            result = self._connection.exec_driver_sql(query)
            if not result.returns_rows:
                raise self._malformed("the query returns no rows; it must be a SELECT")
            return list(result.keys()), [tuple(row) for row in result.all()]
        except (sa.exc.SQLAlchemyError, OSError, ValueError) as exc:
            raise self._error(exc) from None

    def close(self) -> None:
        """Disconnect; may be called twice."""
        connection, self._connection = self._connection, None
        if connection is not None:
            # Not returned, thrown away: a lost one would be asked to roll back.
            connection.invalidate()
            connection.close()
        engine, self._engine = self._engine, None
        if engine is not None:
            engine.dispose()

    def _error(self, exc: Exception) -> exception.WattmeterError:
        """Return what an error means; its own text may hold the query and our secrets."""
        origin = getattr(exc, "orig", None) or exc
        refused, away = _CLASSIFY.get(self._target.kind, _classify_other)(origin)
        reason = _say(origin)
        if refused:
            return exception.WattmeterRefused(address=self._target.address, reason=reason)
        if away:
            return exception.WattmeterUnreachable(address=self._target.address, reason=reason)
        return self._malformed(f"the query fails: {reason}")

    def _malformed(self, reason: str) -> exception.MalformedAnswer:
        return exception.MalformedAnswer(address=self._target.address, reason=reason)


def _connect_args(kind: str, timeout_seconds: float) -> dict[str, Any]:
    whole = math.ceil(timeout_seconds)
    if kind == "mysql":
        return {"connect_timeout": whole, "read_timeout": whole, "write_timeout": whole}
    if kind == "postgresql":
        milliseconds = round(timeout_seconds * 1000)
        return {
            "connect_timeout": max(2, whole),  # libpq takes 1 for 2
            "options": f"-c statement_timeout={milliseconds}",
            "tcp_user_timeout": milliseconds,
        }
    if kind == "sqlite":
        # The manager gives up a hung driver from another thread.
        return {"timeout": timeout_seconds, "check_same_thread": False}
    return {}


#: What keeps a wrong query from writing, beside an account that may not.
_READ_ONLY = {
    "mysql": ("SET SESSION TRANSACTION READ ONLY",),
    "postgresql": ("SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY",),
    "sqlite": ("PRAGMA query_only = ON",),
}


def _classify_mysql(exc: Exception) -> tuple[bool, bool]:
    code = exc.args[0] if exc.args and isinstance(exc.args[0], int) else None
    if code is None:
        return False, type(exc).__name__ in ("OperationalError", "InterfaceError")
    # Codes from 2000 are the client's own: no connection, or lost.
    return code in _MYSQL_REFUSED, code not in _MYSQL_QUERY and not 1051 <= code < 1300


def _classify_postgresql(exc: Exception) -> tuple[bool, bool]:
    state = getattr(exc, "pgcode", None)
    if state is None:  # not even connected; only the text tells
        return any(refusal in str(exc) for refusal in _POSTGRESQL_REFUSED), True
    return state.startswith("28") or state == "42501", not state.startswith(
        ("22", "25", "42", "3D")
    )


def _classify_sqlite(exc: Exception) -> tuple[bool, bool]:
    text = str(exc).lower()
    return False, any(away in text for away in _SQLITE_AWAY)


def _classify_other(exc: Exception) -> tuple[bool, bool]:
    return False, type(exc).__name__ in ("OperationalError", "InterfaceError", "OSError")


#: Of each kind: whether an error means refused, else whether it means away, else the query.
_CLASSIFY = {
    "mysql": _classify_mysql,
    "postgresql": _classify_postgresql,
    "sqlite": _classify_sqlite,
}


def _say(exc: Exception) -> str:
    text = str(exc.args[-1]) if exc.args else type(exc).__name__
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return _SECRETS.sub(r"\1 (not shown)", lines[0])[:200] if lines else type(exc).__name__
