# SPDX-License-Identifier: Apache-2.0
"""Selects the probes that a URL asks for: chosen ones, those a text finds, one page of these.

Owns the meaning of ``probes``, ``q``, ``sort`` and ``page`` in a query;
what is then shown of the probes is others'.
"""

from __future__ import annotations

import functools
from collections.abc import Collection
from collections.abc import Iterable
from collections.abc import Mapping
from collections.abc import Sequence
from typing import NamedTuple

from energybase.web import errors
from kwapi.graphs import views

#: Probes on one page of a list.
PAGE_SIZE = 24
#: Chosen probes; an URL has room for more, a graph has not.
MOST_CHOSEN = 500
ORDERS = ("name", "watts")

_LONGEST_ID = 255
_LONGEST_TEXT = 255
#: As people sort names, and as a graph has its bands; of each name once.
_order = functools.lru_cache(maxsize=16_384)(views.order)


class Choice(NamedTuple):
    """The probes that ``probes`` names.

    :ivar probe_ids: those that are known, in natural order, each once; empty
        means that all are shown.
    :ivar unknown: how many names no probe has.
    """

    probe_ids: tuple[str, ...]
    unknown: int


class Wish(NamedTuple):
    """What a list is asked for: probes with this text in name or wattmeter, in this order."""

    text: str = ""
    order: str = "name"
    page: int = 1


class Listing(NamedTuple):
    """One page of a list.

    :ivar found: probes on all pages.
    """

    probes: tuple[views.ProbeState, ...]
    found: int
    page: int
    pages: int


def choose(values: Iterable[str], known: Collection[str]) -> Choice:
    """Return the probes that a query's values name, several in one value separated by commas.

    :raises RequestRefused: 400, there are too many.
    """
    names = [name for value in values for name in _split(value, known) if name]
    if len(names) > MOST_CHOSEN:
        raise errors.RequestRefused(
            400, f"{len(names)} probes are chosen; at most {MOST_CHOSEN} can be."
        )
    chosen = {name for name in names if name in known}
    unknown = len(set(names) - chosen)
    return Choice(tuple(sorted(chosen, key=_order)), unknown)


def read_wish(params: Mapping[str, str]) -> Wish:
    """Return what a query asks a list for.

    :raises RequestRefused: 400, it says which parameter is wrong.
    """
    text, order = params.get("q", "").strip(), params.get("sort", "name")
    if len(text) > _LONGEST_TEXT:
        raise errors.RequestRefused(400, f"q may have {_LONGEST_TEXT} characters at most.")
    if order not in ORDERS:
        raise errors.RequestRefused(400, f"sort must be one of {', '.join(ORDERS)}.")
    return Wish(text, order, _read_page(params.get("page", "1")))


def list_probes(known: Mapping[str, views.ProbeState], wish: Wish) -> Listing:
    """Return the page that is asked for, or the last one if there are not so many."""
    found = _sort(_find(known.values(), wish.text.casefold()), wish.order)
    pages = max(1, -(-len(found) // PAGE_SIZE))
    page = min(wish.page, pages)
    start = (page - 1) * PAGE_SIZE
    return Listing(tuple(found[start : start + PAGE_SIZE]), len(found), page, pages)


def _find(states: Iterable[views.ProbeState], text: str) -> list[views.ProbeState]:
    return [
        state
        for state in states
        if text in state.probe_id.casefold() or text in (state.wattmeter or "").casefold()
    ]


def _sort(states: list[views.ProbeState], order: str) -> list[views.ProbeState]:
    by_name = sorted(states, key=lambda state: _order(state.probe_id))
    return sorted(by_name, key=lambda state: -state.watts) if order == "watts" else by_name


def _read_page(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 0 < int(text[:9]) == int(text)):
        raise errors.RequestRefused(400, "page must be a whole number, 1 at least.")
    return int(text)


def _split(value: str, known: Collection[str]) -> list[str]:
    """Return the names in a value.  A name may contain commas: the longest known one counts."""
    parts = value.split(",")
    names, start = [], 0
    while start < len(parts):
        end = _find_end(parts, start, known)
        names.append(",".join(parts[start:end]))
        start = end
    return names


def _find_end(parts: Sequence[str], start: int, known: Collection[str]) -> int:
    best, length = start + 1, -1
    for end in range(start + 1, len(parts) + 1):
        length += len(parts[end - 1]) + 1
        if length > _LONGEST_ID:
            break
        if ",".join(parts[start:end]) in known:
            best = end
    return best
