# SPDX-License-Identifier: Apache-2.0
"""Documents as the next release may send them: with members that nobody here knows.

Owns the walk over a document.  A *place* is the path to one of its objects, as
keys and indexes.  A mapping whose keys are data, such as probes by their ids,
is no object: nothing may be added to it but another probe.
"""

from __future__ import annotations

import copy
from collections.abc import Collection
from collections.abc import Iterator
from typing import Any

from hypothesis import strategies as st

#: No release will use it.
UNKNOWN = "member_of_the_next_release"
#: What an unknown member may hold: anything.
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner),
    max_leaves=5,
)

Place = tuple[str | int, ...]


def list_places(document: Any, maps: Collection[str] = (), place: Place = ()) -> Iterator[Place]:
    """Yield the place of each object in a document, the outermost first.

    :param maps: keys under which there is a mapping of data to objects.
    """
    if isinstance(document, dict):
        if not place or place[-1] not in maps:
            yield place
        for key, value in document.items():
            yield from list_places(value, maps, (*place, key))
    elif isinstance(document, list):
        for index, value in enumerate(document):
            yield from list_places(value, maps, (*place, index))


def widen(document: Any, place: Place, value: Any = "new") -> Any:
    """Return a copy of a document with an unknown member in the object at a place."""
    widened = copy.deepcopy(document)
    find(widened, place)[UNKNOWN] = value
    return widened


def widen_all(document: Any, maps: Collection[str] = (), value: Any = "new") -> Any:
    """Return a copy of a document with an unknown member in each of its objects."""
    widened = copy.deepcopy(document)
    for place in list_places(document, maps):
        find(widened, place)[UNKNOWN] = value
    return widened


def without(document: Any, place: Place, key: str) -> Any:
    """Return a copy of a document without one member of the object at a place."""
    narrowed = copy.deepcopy(document)
    del find(narrowed, place)[key]
    return narrowed


def find(document: Any, place: Place) -> Any:
    """Return what is at a place."""
    for step in place:
        document = document[step]
    return document
