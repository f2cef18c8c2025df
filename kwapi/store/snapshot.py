# SPDX-License-Identifier: Apache-2.0
"""The ready-made body of ``GET /v1/probes/``, kept up to date record by record.

Owns the JSON of a record.  A body of 10,000 probes is asked for far more often
than it can be worth building, so each record's text is made when the record
changes, and the body is a join.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import NamedTuple

from kwapi.store import record


class Snapshot:
    """The documents of all listed probes, ordered by id."""

    def __init__(self) -> None:
        self._documents: dict[str, str] = {}
        self._frames: dict[str, _Frame] = {}

    def update(self, records: Iterable[record.Record]) -> bool:
        """Take up what changed; return whether probes were added."""
        known = len(self._documents)
        frames, documents = self._frames, self._documents
        for of in records:
            probe_id = of.probe_id
            before, after = frames.get(probe_id) or self._frame(of)
            # By hand: a tenth of json.dumps's time, and that ten thousand
            # times a second. A record's floats are finite. Milliseconds and
            # micro-Wh are as fine as any meter; all digits would cost twice as much.
            documents[probe_id] = (
                f'{before}{of.timestamp:.3f},"kwh":{of.kwh:.9f},"w":{of.watts!r}{after}'
            )
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

    def _frame(self, of: record.Record) -> _Frame:
        frame = self._frames[of.probe_id] = _Frame(
            f'{_quote(of.probe_id)}:{{"timestamp":',
            f',"wattmeter":{_quote(of.wattmeter)},"period_seconds":{_number(of.period_seconds)},'
            f'"resolution_watts":{_number(of.resolution_watts)}}}',
        )
        return frame

    def probe_ids_body(self) -> bytes:
        """Return the body of ``GET /v1/probe-ids/``."""
        return json.dumps({"probe_ids": list(self._documents)}, separators=(",", ":")).encode()


class _Frame(NamedTuple):
    """The text of a record's document that seldom changes."""

    before: str
    after: str


def _number(value: float | None) -> str:
    return "null" if value is None else repr(value)


_quote = json.encoder.encode_basestring_ascii
