# SPDX-License-Identifier: Apache-2.0
"""Decodes the packets of a Watts Up? meter.

``#`` command ``,`` sub-command ``,`` count ``,`` arguments ``;`` in ASCII,
anything between packets is noise.  By the vendor's protocol, version 4.4.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

#: Packets are 100 bytes or so; what is longer has lost its end.
_LONGEST = 512
_DIGITS = re.compile(r"\d{1,10}", re.ASCII)
_WATTS, _WH = {"w", "watts"}, {"wh", "watthrs", "watt hrs", "watthours"}
_KWH_PER_TENTH_WH = 1e-4


class Packet(NamedTuple):
    """One packet, its count checked: ``d`` holds a sample, ``h`` the names of its fields."""

    command: str
    arguments: tuple[str, ...]


class Fields(NamedTuple):
    """Where in a sample which value stands; None where it is not told at all."""

    watts: int | None = 0
    wh: int | None = 3


class Decoder:
    """Finds packets in a stream of bytes; ``dropped`` counts those that were broken."""

    def __init__(self) -> None:
        self._rest = b""
        self.dropped = 0

    def feed(self, data: bytes) -> list[Packet]:
        """Return the packets that these bytes complete."""
        *ended, self._rest = (self._rest + data).split(b";")
        self._rest = self._rest[-_LONGEST:]
        packets = [packet for text in ended for packet in self._decode(text)]
        return packets

    def _decode(self, text: bytes) -> list[Packet]:
        # From the last mark: one before it has lost its end.
        noise, mark, body = text.rpartition(b"#")
        packet = decode(body) if mark else None
        self.dropped += noise.count(b"#") + (packet is None)
        return [] if packet is None else [packet]


def decode(body: bytes) -> Packet | None:
    """Return the packet between ``#`` and ``;``; None if it is not whole."""
    try:
        command, _, count, *arguments = body.decode("ascii").split(",")
    except ValueError:  # not ASCII, or too few fields
        return None
    if len(command) != 1 or not _DIGITS.fullmatch(count) or int(count) != len(arguments):
        return None
    return Packet(command, tuple(argument.strip() for argument in arguments))


def find_fields(names: Sequence[str]) -> Fields:
    """Return where the header says that values stand."""

    def find(aliases: set[str]) -> int | None:
        return next((i for i, name in enumerate(names) if name.strip().lower() in aliases), None)

    return Fields(find(_WATTS), find(_WH))


def watts(arguments: Sequence[str], fields: Fields) -> float | None:
    """Return a sample's watts; None if it does not tell."""
    tenths = _number(arguments, fields.watts)
    return None if tenths is None else tenths / 10


def kwh(arguments: Sequence[str], fields: Fields) -> float | None:
    """Return a sample's energy counter, kWh; None if it does not tell."""
    tenths = _number(arguments, fields.wh)
    return None if tenths is None else tenths * _KWH_PER_TENTH_WH


def _number(arguments: Sequence[str], place: int | None) -> int | None:
    if place is None or place >= len(arguments) or not _DIGITS.fullmatch(arguments[place]):
        return None
    return int(arguments[place])
