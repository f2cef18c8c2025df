# SPDX-License-Identifier: Apache-2.0
"""Decodes the frames of an OmegaWatt box.

All little-endian.  A mark of four bytes; the length of the body; the body: a
number, the age of the window, its count of samples, three sums for voltages,
then for each module of six sockets six sums for currents and six for powers;
and a check byte, the XOR of length and body.  What is a sum becomes a mean
when divided by the count.
"""

from __future__ import annotations

import collections
import math
import struct
from collections.abc import Iterable
from collections.abc import Sequence
from typing import NamedTuple

MARK = b"\xfe\xfd\xfc\xfb"
_LENGTH = struct.Struct("<H")
_HEAD = struct.Struct("<HII3f")
_MODULE = struct.Struct("<12f")
_SOCKETS = 6
#: The largest known box has 42 sockets; a longer frame is a broken length.
_MOST_MODULES = 16
_AGES_PER_SECOND = 2**32
#: A current sensor's noise about zero; what is farther below is no measurement.
_NOISE_WATTS = 1.0


class Frame(NamedTuple):
    """One window of the box.

    :ivar number: of the frame; wraps.
    :ivar age_seconds: from the window to the sending of the frame.
    :ivar samples: how many the sums are of.
    :ivar powers: a sum for each socket, W times ``samples``.
    """

    number: int
    age_seconds: float
    samples: int
    powers: tuple[float, ...]


class Decoder:
    """Finds frames in a stream of bytes; ``dropped`` counts those that were broken."""

    def __init__(self) -> None:
        self._rest = b""
        self.dropped = 0

    def feed(self, data: bytes) -> list[Frame]:
        """Return the frames that these bytes complete."""
        self._rest += data
        frames = []
        while (size := self._find()) is not None:
            frame = decode(self._rest[len(MARK) : size])
            if frame is None:
                self._skip()
            else:
                frames.append(frame)
                self._rest = self._rest[size:]
        return frames

    def _find(self) -> int | None:
        """Move to the next mark; return the frame's size once it is all there."""
        while True:
            start = self._rest.find(MARK)
            if start < 0:
                # The mark may have come in part.
                self._rest = self._rest[-(len(MARK) - 1) :]
                return None
            self._rest = self._rest[start:]
            if len(self._rest) < len(MARK) + _LENGTH.size:
                return None
            (length,) = _LENGTH.unpack_from(self._rest, len(MARK))
            if _is_length(length):
                size = len(MARK) + _LENGTH.size + int(length) + 1
                return size if len(self._rest) >= size else None
            self._skip()

    def _skip(self) -> None:
        """Give up this mark: the next may stand within what it claimed."""
        self.dropped += 1
        self._rest = self._rest[1:]


def decode(text: bytes) -> Frame | None:
    """Return the frame of a length, a body and a check byte; None if it is broken."""
    *covered, check = text
    if len(text) < _LENGTH.size + _HEAD.size + 1 or _xor(covered) != check:
        return None
    (length,) = _LENGTH.unpack_from(text)
    if not _is_length(length) or len(text) != _LENGTH.size + length + 1:
        return None
    number, age, count, *_ = _HEAD.unpack_from(text, _LENGTH.size)
    modules = _MODULE.iter_unpack(text[_LENGTH.size + _HEAD.size : -1])
    powers = tuple(power for sums in modules for power in sums[_SOCKETS:])
    return Frame(number, age / _AGES_PER_SECOND, count, powers)


def mean_watts(frames: Sequence[Frame]) -> dict[int, float]:
    """Return the mean power over some windows of each socket that was measured, from 1."""
    sums: collections.defaultdict[int, list[float]] = collections.defaultdict(list)
    counts: collections.Counter[int] = collections.Counter()
    for frame in frames:
        for socket, power in enumerate(frame.powers if frame.samples else (), start=1):
            if math.isfinite(power):
                sums[socket].append(power)
                counts[socket] += frame.samples
    means = {socket: math.fsum(powers) / counts[socket] for socket, powers in sums.items()}
    return {socket: max(0.0, mean) for socket, mean in means.items() if mean >= -_NOISE_WATTS}


def _is_length(length: int) -> bool:
    modules, rest = divmod(length - _HEAD.size, _MODULE.size)
    return rest == 0 and 1 <= modules <= _MOST_MODULES


def _xor(data: Iterable[int]) -> int:
    check = 0
    for byte in data:
        check ^= byte
    return check
