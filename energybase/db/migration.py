# SPDX-License-Identifier: Apache-2.0
"""Upgrades a database's schema, and checks that it is this release's.

Owns alembic.  What a revision does is in each service's ``alembic/versions``.
There is no downgrade: restore a backup instead.
"""

from __future__ import annotations

import contextlib
import logging
import pathlib
from collections.abc import Iterator
from typing import NamedTuple

import alembic.command
import alembic.config
import alembic.migration
import alembic.script
import alembic.util
import sqlalchemy as sa
from oslo_config import cfg

from energybase import exception
from energybase.db import transaction

LOG = logging.getLogger(__name__)


class Schema(NamedTuple):
    """A service's tables.

    :ivar folder: where alembic finds ``env.py`` and ``versions``.
    :ivar version_table: keeps the revision; two services may share a database.
    :ivar command: what an operator types to upgrade.
    :ivar sqlite_file: see :func:`energybase.db.transaction.build`.
    """

    folder: pathlib.Path
    version_table: str
    command: str
    sqlite_file: str


#: Locks of an upgrade.  Any number and name will do that no other program locks; they
#: stay as they are, since two releases may upgrade one database at once.
_POSTGRESQL_LOCK = 0x6B77617069
_MARIADB_LOCK = "kwapi."
#: Less than the time after which PyMySQL gives up an answer.
_MARIADB_LOCK_SECONDS = 50


def upgrade(engine: sa.Engine, schema: Schema, revision: str = "head") -> None:
    """Bring the schema to a revision, by default the newest; whoever comes second waits.

    :raises ConfigurationInvalid: no such revision, or a database that will not do.
    :raises StoreUnavailable: the database cannot be reached, or refuses.
    """
    _make_directory(engine.url)
    with transaction.translated_errors(), engine.connect() as connection:
        _require_mariadb(connection)
        with connection.begin(), _exclusive(connection), _named_revision(revision):
            alembic.command.upgrade(_config(schema, connection), revision)


def get_revision(engine: sa.Engine, schema: Schema) -> str | None:
    """Return the revision of the schema; None of an empty database.

    :raises StoreUnavailable: the database cannot be reached.
    """
    with transaction.translated_errors(), engine.connect() as connection:
        context = alembic.migration.MigrationContext.configure(
            connection, opts={"version_table": schema.version_table}
        )
        return context.get_current_revision()


def get_newest_revision(schema: Schema) -> str:
    """Return the revision this release works with."""
    newest = alembic.script.ScriptDirectory.from_config(_config(schema)).get_current_head()
    return str(newest)


def check(engine: sa.Engine, schema: Schema) -> None:
    """Pass if the schema is the one this release works with.

    :raises SchemaOutdated: it is another one, or there is none.
    :raises StoreUnavailable: the database cannot be reached.
    """
    found, wanted = get_revision(engine, schema), get_newest_revision(schema)
    if found != wanted:
        raise exception.SchemaOutdated(
            found=found or "empty", wanted=wanted, command=schema.command
        )


def require(conf: cfg.ConfigOpts, schema: Schema) -> None:
    """Pass if the configured database's schema is right, or the database cannot be reached now.

    :raises SchemaOutdated: it is another one.
    :raises ConfigurationInvalid: there is no such database.
    """
    engine = transaction.build(conf, schema.sqlite_file).writer.get_engine()
    try:
        check(engine, schema)
    except exception.StoreUnavailable as exc:
        LOG.warning("The database cannot be reached now: %s", exc.details.get("reason", exc))
    finally:
        # No connection may be shared with a process that is forked from here.
        engine.dispose()


def _config(schema: Schema, connection: sa.Connection | None = None) -> alembic.config.Config:
    config = alembic.config.Config()
    # The file format knows %(here)s, hence the doubling.
    config.set_main_option("script_location", str(schema.folder).replace("%", "%%"))
    config.attributes["connection"] = connection
    config.attributes["version_table"] = schema.version_table
    return config


def _make_directory(url: sa.URL) -> None:
    if url.get_backend_name() == "sqlite" and url.database:
        pathlib.Path(url.database).parent.mkdir(parents=True, exist_ok=True)


def _require_mariadb(connection: sa.Connection) -> None:
    dialect = connection.dialect
    if dialect.name == "mysql" and not getattr(dialect, "is_mariadb", False):
        raise exception.ConfigurationInvalid(
            where="[database] connection",
            reason="MySQL is not supported, since its utf8mb4_bin takes `a` and `a ` for one name; "
            "use MariaDB, PostgreSQL or SQLite",
        )


@contextlib.contextmanager
def _exclusive(connection: sa.Connection) -> Iterator[None]:
    """Let no other process upgrade meanwhile.

    SQLite and PostgreSQL release the lock with the transaction that all of an
    upgrade is; MariaDB has no transactions around tables, hence a lock of the session.
    """
    if connection.dialect.name == "sqlite":
        # A write, and the first thing done: nothing read before it can be stale.
        connection.exec_driver_sql("PRAGMA user_version = 0")
        yield
    elif connection.dialect.name == "postgresql":
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_POSTGRESQL_LOCK)))
        yield
    else:
        with _mariadb_lock(connection):
            yield


@contextlib.contextmanager
def _mariadb_lock(connection: sa.Connection) -> Iterator[None]:
    # Locks are of the whole server, one name for each database in it.
    name = sa.func.concat(_MARIADB_LOCK, sa.func.sha1(sa.func.database()))
    if not connection.scalar(sa.select(sa.func.get_lock(name, _MARIADB_LOCK_SECONDS))):
        raise exception.StoreUnavailable(reason="another process is upgrading the schema")
    try:
        yield
    finally:
        connection.execute(sa.select(sa.func.release_lock(name)))


@contextlib.contextmanager
def _named_revision(revision: str) -> Iterator[None]:
    try:
        yield
    except alembic.util.CommandError as exc:
        raise exception.ConfigurationInvalid(where=f"revision {revision}", reason=exc) from exc
