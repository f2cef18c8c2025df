# SPDX-License-Identifier: Apache-2.0
"""The exceptions of the client, named for their causes.

::

    ClientError
    |-- Unreachable     nobody answers there, or it is not known where
    |-- Odd             what was answered is not what the service is known to say
    |-- Ambiguous       several leases have the name
    `-- Refused         the service says no; why
        |-- Unauthorized    401, or Keystone gives no token
        |-- Forbidden       403
        |-- NotFound        404
        |-- Conflict        409, and what would work
        `-- Unavailable     503: try again

The message of each is a sentence for people.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from typing import NamedTuple


class ClientError(Exception):
    """Root of the tree."""


class Unreachable(ClientError):
    """Nobody answers.

    :ivar maybe_done: the request may have been carried out nevertheless.
    """

    def __init__(self, message: str, *, maybe_done: bool = False) -> None:
        super().__init__(message)
        self.maybe_done = maybe_done


class Odd(ClientError):
    """The answer cannot be used."""


class Ambiguous(ClientError):
    """Several have the name."""


class Refused(ClientError):
    """The service answers with an error.

    :ivar status: of HTTP.
    :ivar code: for programs, such as ``climate.not_enough_hosts``; or None.
    :ivar meta: what else a program may want of the reason.
    :ivar request_id: by which the service's log knows it; or None.
    """

    def __init__(
        self,
        message: str,
        status: int,
        code: str | None = None,
        meta: Mapping[str, Any] | None = None,
        request_id: str | None = None,
    ) -> None:
        super().__init__(message)
        self.status, self.code, self.request_id = status, code, request_id
        self.meta = dict(meta or {})


class Unauthorized(Refused):
    """There is no token, or it does not count."""


class Forbidden(Refused):
    """Policy or a quota forbids it."""


class NotFound(Refused):
    """There is no such thing, or it is not for this project to know."""


class Proposal(NamedTuple):
    """What would work instead; None is not known, or would not.

    :ivar largest_quantity: hosts that are free together in the window that was asked for.
    :ivar start_time: epoch seconds, when as many as were wanted are free first.
    :ivar end_time: of the lease, if it starts then.
    :ivar latest_end_time: until when a lease could be extended.
    """

    largest_quantity: int | None = None
    start_time: int | None = None
    end_time: int | None = None
    latest_end_time: int | None = None


class Conflict(Refused):
    """It cannot be as things are; ``proposal`` could."""

    @property
    def proposal(self) -> Proposal:
        """What would work instead."""
        return Proposal(
            *map(
                self._get_number,
                (
                    "largest_quantity",
                    "earliest_start_time",
                    "earliest_end_time",
                    "latest_end_time",
                ),
            )
        )

    def _get_number(self, key: str) -> int | None:
        value = self.meta.get(key)
        return value if isinstance(value, int) and not isinstance(value, bool) else None


class Unavailable(Refused):
    """Not just now."""


#: What is raised for a status; any other is :class:`Refused`.
BY_STATUS: Mapping[int, type[Refused]] = {
    401: Unauthorized,
    403: Forbidden,
    404: NotFound,
    409: Conflict,
    503: Unavailable,
}
