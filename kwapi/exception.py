# SPDX-License-Identifier: Apache-2.0
"""What can go wrong, named for its cause.

::

    energybase.exception.EnergyException
    |-- ConfigurationInvalid, SchemaOutdated, NotStorable, StoreUnavailable    the floor's
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
    |-- ProbeNotFound                404
    |-- MeterNotFound                404
    |-- PeriodNotFound               404
    `-- GraphUnavailable             503, rrdtool is away or refuses the files

``code`` is the HTTP status where the API answers with it;
:mod:`energybase.web.errors` translates by that attribute alone.
"""

from __future__ import annotations

from energybase import exception

# What the floor raises belongs to the tree: wattmeter drivers of other makers import it from here.
EnergyException = exception.EnergyException
ConfigurationInvalid = exception.ConfigurationInvalid
NotStorable = exception.NotStorable
SchemaOutdated = exception.SchemaOutdated
StoreUnavailable = exception.StoreUnavailable
#: The root's name before it was shared with Climate.
KwapiException = EnergyException


class WattmeterError(exception.EnergyException):
    msg_fmt = "%(reason)s"


class WattmeterUnreachable(WattmeterError):
    msg_fmt = "%(address)s does not answer: %(reason)s"


class WattmeterRefused(WattmeterError):
    msg_fmt = "%(address)s refuses our credentials: %(reason)s"


class MalformedAnswer(WattmeterError):
    msg_fmt = "%(address)s gave an answer that cannot be read: %(reason)s"


class MessageRefused(exception.EnergyException):
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


class ConcurrentUpdate(exception.EnergyException):
    msg_fmt = "Another collector wrote to the store; its state is read anew."


class ProbeNotFound(exception.EnergyException):
    msg_fmt = "Probe %(probe_id)s is not known."
    code = 404


class MeterNotFound(exception.EnergyException):
    msg_fmt = "Probe %(probe_id)s has no meter %(meter)s; it has %(meters)s."
    code = 404


class PeriodNotFound(exception.EnergyException):
    msg_fmt = "There is no period %(period)s; there are %(periods)s."
    code = 404


class GraphUnavailable(exception.EnergyException):
    """What rrdtool said is in the log: it may name files."""

    msg_fmt = "There are no graphs just now; try again."
    code = 503
