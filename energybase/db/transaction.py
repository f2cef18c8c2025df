# SPDX-License-Identifier: Apache-2.0
"""Opens the database: engine, transactions, and our names for their errors.

Owns every setting of a connection.  Tables, and what is read and written in a
transaction, are each service's.
"""

from __future__ import annotations

import contextlib
import sqlite3
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING
from typing import Any

import sqlalchemy
from oslo_config import cfg
from oslo_db import exception as oslo_exception
from oslo_db import options
from oslo_db.sqlalchemy import enginefacade
from sqlalchemy import event
from sqlalchemy import pool
from sqlalchemy.dialects import plugins

from energybase import exception

if TYPE_CHECKING:
    from sqlalchemy.engine.interfaces import DBAPIConnection
    from sqlalchemy.engine.interfaces import DBAPICursor

#: What :func:`build` returns; oslo.db has no public name for it.
TransactionContext = Any

#: Under this name SQLAlchemy finds :class:`SqliteFile` in a URL.
_SQLITE_PLUGIN = "energybase_sqlite"
#: Added to the URL unless it says otherwise.  Timeouts: a server that the network
#: cuts off would else hang a thread for as long as TCP likes, and a client that
#: loses power in a transaction would hold its locks.  Character set: oslo.db's
#: default has three bytes a character, not four.
_LIBPQ = {
    "connect_timeout": "10",
    "keepalives_idle": "30",
    "keepalives_interval": "10",
    "keepalives_count": "3",
    "tcp_user_timeout": "60000",
    "options": "-c idle_in_transaction_session_timeout=60000",
}
_URL_DEFAULTS = {
    "pymysql": {
        "charset": "utf8mb4",
        "connect_timeout": "10",
        "read_timeout": "60",
        "write_timeout": "60",
        "init_command": "SET SESSION idle_write_transaction_timeout = 60",
    },
    "psycopg": _LIBPQ,
    "psycopg2": _LIBPQ,
    "pysqlite": {"plugin": _SQLITE_PLUGIN},
}
#: How long SQLite waits for another writer: longer than any save takes.
_SQLITE_BUSY_SECONDS = 20


@enginefacade.transaction_context_provider
class Context:
    """One unit of work; enginefacade hangs its transaction on it."""


class SqliteFile(sqlalchemy.CreateEnginePlugin):
    """Makes an SQLite file serve several processes, and lose nothing.

    WAL: readers neither wait for the writer nor hold it up.

    synchronous=FULL: in WAL mode a commit survives kill -9 with NORMAL too,
    since the log is in the kernel's hands by then.  But NORMAL leaves it to
    the next checkpoint to reach the disk, so a power cut takes back commits
    of the last seconds: messages that were acknowledged because of them are
    nowhere any more.  FULL is one fdatasync a commit, 0.2 ms on a disk that
    has its own memory, and one commit a second is what the collector makes.

    A pool: oslo.db opens the file anew for each transaction.  That is ten
    times the cost of a small read, and whoever closes the file last also
    empties and removes the log.
    """

    def __init__(self, url: sqlalchemy.URL, kwargs: dict[str, Any]) -> None:
        kwargs.update(poolclass=pool.QueuePool, max_overflow=50, pool_pre_ping=False)

    def update_url(self, url: sqlalchemy.URL) -> sqlalchemy.URL:
        """Return the URL as it is."""
        return url

    def engine_created(self, engine: sqlalchemy.Engine) -> None:
        """Have each new connection set up."""
        event.listen(engine, "connect", self._connect)

    @staticmethod
    def _connect(connection: DBAPIConnection, _record: object) -> None:
        cursor = connection.cursor()
        cursor.execute(f"PRAGMA busy_timeout = {_SQLITE_BUSY_SECONDS * 1000}")
        _switch_to_wal(cursor)
        cursor.execute("PRAGMA synchronous")
        # (0,) is OFF, what the operator asked oslo.db for.
        if cursor.fetchone() != (0,):
            cursor.execute("PRAGMA synchronous = FULL")
        cursor.close()


def _switch_to_wal(cursor: DBAPICursor) -> None:
    """Have the file in WAL mode, which all but the first who open it find it in."""
    give_up = time.monotonic() + _SQLITE_BUSY_SECONDS
    while True:
        try:
            cursor.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as exc:
            # For this statement SQLite does not keep to its busy_timeout.
            if exc.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > give_up:
                raise
            time.sleep(0.01)
        else:
            return


def register_opts(conf: cfg.ConfigOpts) -> None:
    """Register oslo.db's options, in the group [database]."""
    conf.register_opts(options.database_opts, "database")
    # oslo.db would try for 100 s to connect before it gives the first answer,
    # every thread waiting.  Here who needs the database tries again by itself,
    # and stops when told to.
    conf.set_default("max_retries", 0, "database")


def build(conf: cfg.ConfigOpts, sqlite_file: str, group: str = "database") -> TransactionContext:
    """Return the transactions of the configured database; connects to nothing yet.

    :param sqlite_file: the database without a ``connection``, in ``state_path``.
    :param group: whose option ``connection`` names the database; how one is
        used is always said in [database].
    :raises ConfigurationInvalid: the URL is none, or its driver is not installed.
    """
    register_opts(conf)
    # Every value is given, since enginefacade takes the others from the global CONF.
    settings = {opt.dest: conf.database[opt.dest] for opt in options.database_opts}
    settings["connection"] = _complete(_url_of(conf, sqlite_file, group))
    if group != "database":
        # That is a copy of another database.
        settings["slave_connection"] = None
    context = enginefacade.transaction_context()
    context.configure(**settings, logging_name=None, sqlite_fk=False, thread_checkin=False)
    context.append_on_engine_create(_hide_parameters)
    return context


@contextlib.contextmanager
def reading(transactions: TransactionContext) -> Iterator[sqlalchemy.Connection]:
    """Give a connection to read by, in a transaction of its own.

    :raises StoreUnavailable: the database cannot be reached, or refuses.
    """
    context = transactions.reader.connection.using(Context())
    with translated_errors(), context as connection:
        yield connection


@contextlib.contextmanager
def writing(transactions: TransactionContext) -> Iterator[sqlalchemy.Connection]:
    """Give a connection to write by, in a transaction of its own, committed at the end.

    :raises NotStorable: a value is at fault, not the database.
    :raises StoreUnavailable: the database cannot be reached, or refuses.
    """
    with translated_errors(), begin(transactions) as connection:
        yield connection


def begin(
    transactions: TransactionContext,
) -> contextlib.AbstractContextManager[sqlalchemy.Connection]:
    """Return a transaction to write in whose errors are oslo.db's, for whoever tries again."""
    context: contextlib.AbstractContextManager[sqlalchemy.Connection] = (
        transactions.writer.connection.using(Context())
    )
    return context


@contextlib.contextmanager
def translated_errors() -> Iterator[None]:
    """Call every failure of the database by our own name.

    :raises NotStorable: a value is at fault, not the database.
    :raises StoreUnavailable: whatever else it was; ``details["reason"]`` says
        it for the log, in one line without SQL.
    """
    try:
        yield
    except (
        oslo_exception.DBError,
        oslo_exception.DBInvalidUnicodeParameter,
        sqlalchemy.exc.SQLAlchemyError,
    ) as exc:
        kind = exception.NotStorable if _is_data_error(exc) else exception.StoreUnavailable
        raise kind(reason=_reason_of(exc)) from exc


def _url_of(conf: cfg.ConfigOpts, sqlite_file: str, group: str) -> sqlalchemy.URL:
    text = conf[group].connection or f"sqlite:///{conf.state_path}/{sqlite_file}"
    try:
        url = sqlalchemy.make_url(text)
        url.get_dialect().import_dbapi()
    except (sqlalchemy.exc.ArgumentError, ValueError):
        # Not from exc: SQLAlchemy quotes the URL, password and all.
        reason = "is no database URL; one looks like mysql+pymysql://user:password@host/database"
        raise _invalid(group, reason) from None
    except ImportError as exc:
        reason = f"the driver of {url.drivername} cannot be loaded: {exc}"
        raise _invalid(group, reason) from exc
    return url


def _complete(url: sqlalchemy.URL) -> sqlalchemy.URL:
    # Found under this name when an engine is made, without an entry point.
    plugins.register(_SQLITE_PLUGIN, __name__, SqliteFile.__name__)
    defaults = _URL_DEFAULTS.get(url.get_dialect().driver, {})
    return url.update_query_dict({k: v for k, v in defaults.items() if k not in url.query})


def _hide_parameters(engine: sqlalchemy.Engine) -> None:
    # A failed statement would else bring thousands of rows into the log.
    engine.hide_parameters = True


def _invalid(group: str, reason: str) -> exception.ConfigurationInvalid:
    return exception.ConfigurationInvalid(where=f"[{group}] connection", reason=reason)


def _is_data_error(exc: BaseException) -> bool:
    """Tell whether a value was at fault: what every driver calls DataError (PEP 249)."""
    cause = _cause_of(exc)
    # SQLite's driver has no such error for a whole number of more than 64 bits.
    return isinstance(cause, OverflowError) or "DataError" in {
        kind.__name__ for kind in type(cause).__mro__
    }


def _cause_of(exc: BaseException) -> BaseException:
    cause = getattr(exc, "inner_exception", None) or exc
    return getattr(cause, "orig", None) or cause


def _reason_of(exc: BaseException) -> str:
    """Return what the driver said, without what SQLAlchemy adds."""
    cause = _cause_of(exc)
    return (str(cause).strip() or type(cause).__name__).splitlines()[0]
