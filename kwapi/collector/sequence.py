# SPDX-License-Identifier: Apache-2.0
"""Knows by sequence numbers which messages of a sender were received.

Pure.  A number above the highest so far is new, and what it skips is missing;
a missing one may still come, late; any other was taken before.
"""

from __future__ import annotations

from typing import NamedTuple

from kwapi import exception
from kwapi import signing
from kwapi.store import state

#: So many missing numbers are remembered; older ones are given up as lost.
MOST_MISSING = 1000


class Taken(NamedTuple):
    """A message that is new.

    :ivar sender: what is known of its sender now.
    :ivar in_order: it came after all that its sender sent before it.
    :ivar lost: how many more messages are missing now; -1 when this was one.
    """

    sender: state.Sender
    in_order: bool
    lost: int


def take(known: state.Sender | None, envelope: signing.Envelope, dropped: int) -> Taken:
    """Return what a message makes of its sender.

    :param known: the sender so far; None for its first message, whatever its number.
    :param dropped: measurements that the sender says it had to drop.
    :raises ReplayedMessage: it was taken before.
    """
    number = envelope.sequence
    if known is None:
        return Taken(_sender(envelope, number, (), dropped), True, 0)
    if number in known.missing:
        missing = tuple(n for n in known.missing if n != number)
        return Taken(known._replace(missing=missing), False, -1)
    if number <= known.sequence:
        raise exception.ReplayedMessage(
            reason=f"{number} of {envelope.sender!r}, run {envelope.instance}, was taken before"
        )
    skipped = number - known.sequence - 1
    newly = range(max(known.sequence + 1, number - MOST_MISSING), number)
    missing = (*known.missing, *newly)[-MOST_MISSING:]
    return Taken(_sender(envelope, number, missing, dropped), True, skipped)


def _sender(
    envelope: signing.Envelope, number: int, missing: tuple[int, ...], dropped: int
) -> state.Sender:
    return state.Sender(
        instance=envelope.instance,
        sender=envelope.sender,
        sequence=number,
        missing=missing,
        timestamp=envelope.timestamp,
        dropped=dropped,
    )
