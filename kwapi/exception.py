# SPDX-License-Identifier: Apache-2.0
"""What can go wrong, named for its cause.

::

    KwapiException
    |-- ConfigurationInvalid         a section, option or file is wrong: which, where, why
    |-- WattmeterError               a device could not be read; the driver backs off
    |   |-- WattmeterUnreachable     it does not answer
    |   |-- WattmeterRefused         it answers, but not to these credentials
    |   `-- MalformedAnswer          it answers what its protocol does not know
    |-- MessageRefused               a message from the bus is not taken
    |   |-- MalformedMessage         its members or text are wrong
    |   |-- BadSignature             unknown key, or altered on the way
    |   |-- StaleMessage             too old, or from the future
    |   `-- ReplayedMessage          its sequence number was taken already
    |-- ConcurrentUpdate             another collector wrote to the store meanwhile
    |-- SchemaOutdated               the database wants ``kwapi-manage db upgrade``, or climate's
    |-- ProbeNotFound                404
    |-- MeterNotFound                404
    |-- PeriodNotFound               404
    |-- GraphUnavailable             503, rrdtool is away or refuses the files
    |-- NotStorable                  a value that the database has no room for
    `-- StoreUnavailable             503

``code`` is the HTTP status where the API answers with it;
:mod:`energybase.web.errors` translates by that attribute alone.
"""

from __future__ import annotations

from typing import Any


class KwapiException(Exception):
    """Root of the tree: formats ``msg_fmt`` with its keyword arguments."""

    msg_fmt = "An unknown error occurred."
    code = 500

    def __init__(self, message: str | None = None, **details: Any) -> None:
        super().__init__(message or self.msg_fmt % details)
        self.details = details


class ConfigurationInvalid(KwapiException):
    msg_fmt = "%(where)s: %(reason)s"


class WattmeterError(KwapiException):
    msg_fmt = "%(reason)s"


class WattmeterUnreachable(WattmeterError):
    msg_fmt = "%(address)s does not answer: %(reason)s"


class WattmeterRefused(WattmeterError):
    msg_fmt = "%(address)s refuses our credentials: %(reason)s"


class MalformedAnswer(WattmeterError):
    msg_fmt = "%(address)s gave an answer that cannot be read: %(reason)s"


class MessageRefused(KwapiException):
    """A message from the bus is not taken; ``counter`` names the tally it goes to."""

    msg_fmt = "Message refused: %(reason)s"
    counter = "malformed"


class MalformedMessage(MessageRefused):
    msg_fmt = "Malformed message: %(reason)s"
    counter = "malformed"


class BadSignature(MessageRefused):
    msg_fmt = "Bad signature: %(reason)s"
    counter = "forged"


class StaleMessage(MessageRefused):
    msg_fmt = "Stale message: %(reason)s"
    counter = "stale"


class ReplayedMessage(MessageRefused):
    msg_fmt = "Repeated message: %(reason)s"
    counter = "repeated"


class ConcurrentUpdate(KwapiException):
    msg_fmt = "Another collector wrote to the store; its state is read anew."


class SchemaOutdated(KwapiException):
    msg_fmt = "The database schema is %(found)s, this release needs %(wanted)s: run `%(command)s`."


class ProbeNotFound(KwapiException):
    msg_fmt = "Probe %(probe_id)s is not known."
    code = 404


class MeterNotFound(KwapiException):
    msg_fmt = "Probe %(probe_id)s has no meter %(meter)s; it has %(meters)s."
    code = 404


class PeriodNotFound(KwapiException):
    msg_fmt = "There is no period %(period)s; there are %(periods)s."
    code = 404


class GraphUnavailable(KwapiException):
    """What rrdtool said is in the log: it may name files."""

    msg_fmt = "There are no graphs just now; try again."
    code = 503


class NotStorable(KwapiException, ValueError):
    """A ValueError too: to try again is of no use, the value is at fault."""

    msg_fmt = "The database cannot hold it: %(reason)s"


class StoreUnavailable(KwapiException):
    msg_fmt = "The store cannot be read just now; try again."
    code = 503
