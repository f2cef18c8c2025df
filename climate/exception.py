# SPDX-License-Identifier: Apache-2.0
"""What can go wrong, named for its cause.

::

    kwapi.exception.EnergyException
    |-- ConfigurationInvalid, SchemaOutdated, StoreUnavailable, NotStorable    as in Kwapi
    `-- ClimateException
        |-- RequestInvalid             400  a value of the request: which, and why
        |   `-- PropertiesInvalid      400  a property expression: what is wrong, and where
        |-- QuotaExceeded              403  the project would hold more than it may
        |-- LeaseNotFound              404  unknown, or another project's
        |-- HostNotFound               404
        |-- NoHostMatches              409  no host has the properties; why
        |-- NotEnoughHosts             409  too few are free together; what would work
        |-- LeaseNotChangeable         409  its status, or who holds the time behind it, forbids it
        |-- Conflict                   409  others were faster, again and again; try again
        |-- SourceUnavailable          503  Nova, or a file, cannot be read just now
        `-- ServiceUnavailable         503  a service behind the API does not answer
            `-- ServiceOutdated        503  it is of a release without what is asked of it

``code`` is the HTTP status where the API answers with it, ``meta`` what a
program may want of the reason.  All of it crosses RPC: details are values that
JSON knows.
"""

from __future__ import annotations

from typing import Any

from energybase import exception


class ClimateException(exception.EnergyException):
    """Root of the tree: formats ``msg_fmt`` with its keyword arguments."""

    @property
    def kwargs(self) -> dict[str, Any]:
        """The details, under the name by which oslo.messaging carries them."""
        return self.details

    @property
    def meta(self) -> dict[str, Any] | None:
        """What the answer says to programs."""
        return None


class RequestInvalid(ClimateException):
    """``where``: a member of the request, such as ``quantity``."""

    msg_fmt = "%(where)s: %(reason)s"
    code = 400

    @property
    def meta(self) -> dict[str, Any]:
        """The member at fault."""
        return {"member": self.details.get("where")}


class PropertiesInvalid(RequestInvalid):
    """``position``: characters before the mistake, in the text that was sent."""

    msg_fmt = "host_properties: %(reason)s, at position %(position)s"

    @property
    def meta(self) -> dict[str, Any]:
        """Where the mistake is."""
        return {"member": "host_properties", "position": self.details.get("position")}


class QuotaExceeded(ClimateException):
    """``resource``: ``hosts`` or ``host_hours``."""

    msg_fmt = (
        "The project may hold %(limit)s %(resource)s ahead; with this lease it would hold "
        "%(wanted)s."
    )
    code = 403

    @property
    def meta(self) -> dict[str, Any]:
        """The limit, and what was wanted."""
        return {key: self.details.get(key) for key in ("resource", "limit", "wanted")}


class LeaseNotFound(ClimateException):
    msg_fmt = "Lease %(lease_id)s is not known."
    code = 404


class HostNotFound(ClimateException):
    msg_fmt = "Host %(host_id)s is not known."
    code = 404


class NoHostMatches(ClimateException):
    """``known``: how many hosts there are; ``excluded``: ``[{"clause": "..", "hosts": 3}, ..]``."""

    msg_fmt = "None of the %(known)s hosts has these properties: %(reason)s"
    code = 409

    @property
    def meta(self) -> dict[str, Any]:
        """How many hosts each clause excluded."""
        return {"hosts_known": self.details.get("known"), "excluded": self.details.get("excluded")}


class NotEnoughHosts(ClimateException):
    """``earliest_start_time``: epoch seconds or None; ``largest_quantity``: in the window."""

    msg_fmt = "%(reason)s"
    code = 409

    @property
    def meta(self) -> dict[str, Any]:
        """What would work."""
        keys = ("hosts_matching", "largest_quantity", "earliest_start_time", "earliest_end_time")
        return {key: self.details.get(key) for key in keys}


class LeaseNotChangeable(ClimateException):
    msg_fmt = "Lease %(lease_id)s cannot be changed so: %(reason)s"
    code = 409

    @property
    def meta(self) -> dict[str, Any] | None:
        """Until when it could be extended, if that was asked."""
        latest = self.details.get("latest_end_time")
        return None if latest is None else {"latest_end_time": latest}


class Conflict(ClimateException):
    msg_fmt = "Others reserve the same hosts at this moment; try again."
    code = 409


class SourceUnavailable(ClimateException):
    """``reason`` is for the log."""

    msg_fmt = "The source of hosts cannot be read just now: %(reason)s"
    code = 503


class ServiceUnavailable(ClimateException):
    """``service``: its name, such as ``climate-planning``; ``reason`` is for the log."""

    msg_fmt = "%(service)s does not answer: %(reason)s"
    code = 503


class ServiceOutdated(ServiceUnavailable):
    """``found`` and ``wanted``: versions of the service's RPC."""

    msg_fmt = (
        "%(service)s is too old: its RPC has version %(found)s, this call needs %(wanted)s; "
        "upgrade %(service)s first."
    )
