# SPDX-License-Identifier: Apache-2.0
"""The life of a lease, as a table.

::

    proposed --confirm--> confirmed --its start--> active --its end--> ended
        |                     |                       `--cancel: ends now--^
        |                     `--cancel--> cancelled
        |--cancel--> cancelled
        `--not confirmed in time--> expired

Only the first three hold hosts in times to come.
"""

from __future__ import annotations

PROPOSED = "proposed"
CONFIRMED = "confirmed"
ACTIVE = "active"
ENDED = "ended"
CANCELLED = "cancelled"
EXPIRED = "expired"

ALL = (PROPOSED, CONFIRMED, ACTIVE, ENDED, CANCELLED, EXPIRED)
#: Those in which a lease holds its hosts.
HOLDING = (PROPOSED, CONFIRMED, ACTIVE)
#: Those which owners of leases are not shown: nothing was ever held for them.
HIDDEN = (CANCELLED, EXPIRED)

_NEXT = {
    PROPOSED: {CONFIRMED, CANCELLED, EXPIRED},
    CONFIRMED: {ACTIVE, CANCELLED},
    ACTIVE: {ENDED},
}


def may_become(status: str, wanted: str) -> bool:
    """Return whether a lease may go from one status to another."""
    return wanted in _NEXT.get(status, ())
