# SPDX-License-Identifier: Apache-2.0
"""A batch of verified messages, as a listener hands it to its handler.

Owns no transport: whoever counts measurements need not know one.
"""

from __future__ import annotations

import collections
from collections.abc import Sequence
from typing import NamedTuple

from kwapi import measurement
from kwapi import signing


class Message(NamedTuple):
    """A verified and parsed message."""

    envelope: signing.Envelope
    body: measurement.Body


class Batch(NamedTuple):
    """Messages to be handled together.

    :ivar refused: how many were refused, by the reason's name.
    """

    messages: Sequence[Message]
    refused: collections.Counter[str]


class Stopping(Exception):
    """Raised by a handler that cannot finish before the process ends: the batch is sent again."""
