# SPDX-License-Identifier: Apache-2.0
"""The root of every exception of ours, and those that the floor itself raises.

::

    EnergyException
    |-- ConfigurationInvalid    a section, option or file is wrong: which, where, why
    |-- SchemaOutdated          the database wants its service's ``db upgrade``
    |-- NotStorable             the database has no room for a value
    `-- StoreUnavailable        503, the database is away or refuses

``code`` is the HTTP status where an API answers with it;
:mod:`energybase.web.errors` translates by that attribute alone.
"""

from __future__ import annotations

from typing import Any


class EnergyException(Exception):
    """Root of the tree: formats ``msg_fmt`` with its keyword arguments."""

    msg_fmt = "An unknown error occurred."
    code = 500

    def __init__(self, message: str | None = None, **details: Any) -> None:
        super().__init__(message or self.msg_fmt % details)
        self.details = details


class ConfigurationInvalid(EnergyException):
    msg_fmt = "%(where)s: %(reason)s"


class SchemaOutdated(EnergyException):
    msg_fmt = "The database schema is %(found)s, this release needs %(wanted)s: run `%(command)s`."


class NotStorable(EnergyException, ValueError):
    """A ValueError too: a second try cannot help, the value is at fault."""

    msg_fmt = "The database cannot hold it: %(reason)s"


class StoreUnavailable(EnergyException):
    msg_fmt = "The store cannot be read just now; try again."
    code = 503
