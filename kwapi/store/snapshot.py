# SPDX-License-Identifier: Apache-2.0
"""The ready-made body of ``GET /v1/probes/``, kept up to date record by record.

Owns the JSON of a record; its keys are those of :mod:`kwapi.meters`.  A body of
10,000 probes is requested far more often than it is worth building, so each
record's text is made when the record changes, and the body is a join.
"""

from __future__ import annotations

import json
import operator
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Sequence
from typing import Any

from kwapi import meters
from kwapi.store import record


class Snapshot:
    """The documents of all listed probes, ordered by id."""

    def __init__(self, table: Sequence[meters.Meter] = meters.METERS) -> None:
        self._documents: dict[str, str] = {}
        #: By probe id: all of its document but the values of its meters.
        self._frames: dict[str, str] = {}
        self._meters = ",".join(map(_placeholder, table))
        self._read = _reader(table)

    def update(self, records: Iterable[record.Record]) -> bool:
        """Take up what changed; return whether probes were added."""
        known = len(self._documents)
        frames, documents, read = self._frames, self._documents, self._read
        for of in records:
            probe_id = of.probe_id
            # By hand: a tenth of json.dumps's time, and that ten thousand
            # times a second. A record's floats are finite. Milliseconds and
            # micro-Wh are as fine as any meter; all digits would cost twice as much.
            documents[probe_id] = (frames.get(probe_id) or self._frame(of)) % read(of)
        added = len(documents) > known
        if added:
            self._documents = dict(sorted(documents.items()))
        return added

    def relabel(self, probe_ids: Iterable[str]) -> None:
        """Take note that these probes' wattmeter, period or resolution changed."""
        for probe_id in probe_ids:
            self._frames.pop(probe_id, None)

    def remove(self, probe_ids: Iterable[str]) -> None:
        """Take probes off the list."""
        for probe_id in probe_ids:
            self._documents.pop(probe_id, None)

    def probes_body(self) -> bytes:
        """Return the body of ``GET /v1/probes/``."""
        return ('{"probes":{' + ",".join(self._documents.values()) + "}}").encode()

    def _frame(self, of: record.Record) -> str:
        before = f"{_quote(of.probe_id)}:{{"
        after = (
            f',"wattmeter":{_quote(of.wattmeter)},"period_seconds":{_number(of.period_seconds)},'
            f'"resolution_watts":{_number(of.resolution_watts)}}}'
        )
        frame = before.replace("%", "%%") + self._meters + after.replace("%", "%%")
        self._frames[of.probe_id] = frame
        return frame

    def probe_ids_body(self) -> bytes:
        """Return the body of ``GET /v1/probe-ids/``."""
        return json.dumps({"probe_ids": list(self._documents)}, separators=(",", ":")).encode()


def _placeholder(meter: meters.Meter) -> str:
    return f'"{meter.key}":%{"s" if meter.places is None else f".{meter.places}f"}'


def _reader(table: Sequence[meters.Meter]) -> Callable[[record.Record], tuple[Any, ...]]:
    """Return what reads the values of the meters from a record."""
    read = operator.attrgetter(*(meter.field for meter in table))
    if not any(meter.is_optional for meter in table):
        return read
    return lambda of: tuple("null" if value is None else value for value in read(of))


def _number(value: float | None) -> str:
    return "null" if value is None else repr(value)


_quote = json.encoder.encode_basestring_ascii
