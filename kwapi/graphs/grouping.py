# SPDX-License-Identifier: Apache-2.0
"""Groups many probes into a few bands, so that a stack of them can be read.

Pure.  Few probes stay single.  More are grouped as their operator thinks of
them: by wattmeter; else by how their names begin; else the largest alone and
all others together.
"""

from __future__ import annotations

import functools
import math
import re
from collections import defaultdict
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from typing import NamedTuple

from kwapi.history import index

OTHERS = "others"

#: A name ends where these begin, or at a number: rack-a of rack-a.node-12.
_PARTS = re.compile(r"[0-9]+|[^0-9._:@+~,=-]+|[._:@+~,=-]+")
_SEPARATORS = "._:@+~,=-"
_MOST_PARTS = 8
#: Watts within so much count as equal, lest two groups change places all the time.
_ALIKE = 1.25


class Group(NamedTuple):
    """A band of the stack.

    :ivar name: of the probe, the wattmeter, or what the names begin with.
    :ivar probe_ids: at least one.
    :ivar is_single: it is a probe, not a group of such.
    :ivar is_rest: it is all that have no group of their own.
    """

    name: str
    probe_ids: tuple[str, ...]
    is_single: bool = False
    is_rest: bool = False


def group(probes: Iterable[index.ProbeState], most: int) -> tuple[Group, ...]:
    """Return the probes in at most so many groups, in the order of their names."""
    probes = sorted(probes, key=lambda probe: order(probe.probe_id))
    if len(probes) <= most:
        return tuple(Group(probe.probe_id, (probe.probe_id,), True) for probe in probes)
    wattmeters = _split(probes, lambda probe: probe.wattmeter or "")
    if 1 < len(wattmeters) <= most:
        return _make(wattmeters)
    few = [groups for groups in _split_by_beginning(probes) if 1 < len(groups) <= most]
    if few:
        return _make(max(few, key=len))
    if len(wattmeters) == 1:
        return _keep_largest({probe.probe_id: [probe] for probe in probes}, most)
    return _keep_largest(wattmeters, most)


def order(name: str) -> tuple[tuple[int, int, str], ...]:
    """Return what sorts names as people do: node-2 before node-10."""
    parts = re.findall(r"[0-9]+|[^0-9]+", name)
    return tuple((0, int(part), "") if part.isdecimal() else (1, 0, part) for part in parts)


_Groups = Mapping[str, Sequence[index.ProbeState]]


def _split(
    probes: Iterable[index.ProbeState], key: Callable[[index.ProbeState], str]
) -> dict[str, list[index.ProbeState]]:
    groups: dict[str, list[index.ProbeState]] = defaultdict(list)
    for probe in probes:
        groups[key(probe)].append(probe)
    return groups


def _split_by_beginning(probes: Sequence[index.ProbeState]) -> Iterator[_Groups]:
    """Yield groups by the first parts of the names, by fewest parts first."""
    parts = {probe.probe_id: _PARTS.findall(probe.probe_id) for probe in probes}

    def begin(probe: index.ProbeState, count: int) -> str:
        return "".join(parts[probe.probe_id][:count]).rstrip(_SEPARATORS)

    for count in range(1, _MOST_PARTS + 1):
        yield _split(probes, functools.partial(begin, count=count))


def _keep_largest(groups: _Groups, most: int) -> tuple[Group, ...]:
    """Return the largest groups, and one of all others."""
    by_size = sorted(groups, key=lambda name: (-_size(groups[name]), order(name)))
    kept = {name: groups[name] for name in by_size[: most - 1]}
    rest = [probe for name in by_size[most - 1 :] for probe in groups[name]]
    return (*_make(kept), _name(OTHERS, rest)._replace(is_single=False, is_rest=True))


def _size(probes: Sequence[index.ProbeState]) -> int:
    """Return a number that grows with the watts, in steps."""
    watts = math.fsum(max(0.0, probe.watts) for probe in probes)
    return round(math.log(watts + 1.0, _ALIKE))


def _make(groups: _Groups) -> tuple[Group, ...]:
    return tuple(_name(name, groups[name]) for name in sorted(groups, key=order))


def _name(name: str, probes: Sequence[index.ProbeState]) -> Group:
    ids = tuple(probe.probe_id for probe in probes)
    return Group(name, ids, ids == (name,))
