# SPDX-License-Identifier: Apache-2.0
"""Reads the parameters of a URL.

Owns their names, bounds and defaults; every mistake names its parameter.
"""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Collection
from collections.abc import Mapping
from typing import Any
from typing import NamedTuple
from urllib import parse

import webob

from climate import exception
from climate import kinds
from climate import lease as leases
from climate import states
from climate.api import texts
from climate.api import times

#: That a server may be placed in one of.
_MOST_LEASES = 8
_FLAGS = {"true": True, "1": True, "false": False, "0": False}

_LISTING = (
    *("limit", "marker", "status", "name", "host", "starts_before", "ends_after"),
    *("all_projects", "project_id"),
)
_ALLOWED_HOSTS = ("lease_id", "project_id")
_RANKING = ("by", "host")


class PageSizes(NamedTuple):
    """Of a list: unless asked for, and at most."""

    default: int
    most: int


class Listing(NamedTuple):
    """Which page of which leases.

    :ivar all_projects: whether leases of other projects are asked for, too.
    """

    filters: leases.Filters
    limit: int
    marker: str | None
    all_projects: bool


class RankingWish(NamedTuple):
    """Which hosts in which order; None is all of them, and what the operator chose."""

    by: str | None
    hosts: list[str] | None


class Placement(NamedTuple):
    """A server to be placed: in one of these leases of a project, or, without any, in none."""

    lease_ids: tuple[str, ...]
    project_id: str | None


def parse_listing(request: webob.Request, sizes: PageSizes, now: int) -> Listing:
    """Return which leases are asked for.

    :param now: epoch seconds.
    :raises RequestInvalid: a parameter is wrong; which, and why.
    """
    given = _read(request, _LISTING)
    limit, marker = _parse_limit(given, sizes), _parse_marker(given)
    filters = leases.Filters(
        given.get("project_id"),
        _parse_choice(given, "status", states.ALL),
        given.get("name"),
        given.get("host"),
        _parse_time(given, "starts_before", now),
        _parse_time(given, "ends_after", now),
    )
    all_projects = _FLAGS[_parse_choice(given, "all_projects", _FLAGS) or "false"]
    return Listing(filters, limit, marker, all_projects)


def parse_placement(request: webob.Request) -> Placement:
    """Return the server that hosts are asked for.

    :raises RequestInvalid: only one of leases and project is given, or too many leases.
    """
    given = _read(request, _ALLOWED_HOSTS, repeatable=("lease_id",))
    for name, other in (_ALLOWED_HOSTS, _ALLOWED_HOSTS[::-1]):
        if name in given and other not in given:
            raise _invalid(other, f"is required with {name}")
    lease_ids = tuple(dict.fromkeys(request.GET.getall("lease_id")))
    if len(lease_ids) > _MOST_LEASES:
        raise _invalid("lease_id", f"is given {len(lease_ids)} times; {_MOST_LEASES} are the most")
    return Placement(lease_ids, given.get("project_id"))


def parse_ranking(request: webob.Request) -> RankingWish:
    """Return which ranking is asked for.

    :raises RequestInvalid: a parameter is wrong; which, and why.
    """
    given = _read(request, _RANKING, repeatable=("host",))
    hosts = [_convert("host", texts.require_line, text) for text in request.GET.getall("host")]
    return RankingWish(_parse_choice(given, "by", kinds.KINDS), hosts or None)


def require_none(request: webob.Request) -> None:
    """Refuse parameters where none means anything.

    :raises RequestInvalid: there is one.
    """
    _read(request, ())


def make_next_url(request: webob.Request, marker: str) -> str:
    """Return the URL of the page after this one."""
    given = {**request.GET, "marker": marker}
    return f"{request.path_url}?{parse.urlencode(given)}"


def _read(
    request: webob.Request, known: Collection[str], repeatable: Collection[str] = ()
) -> dict[str, str]:
    """Return the parameters; a parameter without a value is a mistake, not a wish for all."""
    given: dict[str, str] = {}
    for name, value in request.GET.items():
        if name not in known:
            told = f"known are {', '.join(known)}" if known else "there are none"
            raise _invalid(texts.quote(name), f"is no parameter here; {told}")
        if name in given and name not in repeatable:
            raise _invalid(name, "is given twice")
        given[name] = _convert(name, texts.require_line, value)
    return given


def _parse_limit(given: Mapping[str, str], sizes: PageSizes) -> int:
    text = given.get("limit")
    if text is None:
        return min(sizes.default, sizes.most)
    if not (text.isascii() and text.isdecimal() and len(text) < 10 and int(text) > 0):
        raise _invalid("limit", "must be a whole number, 1 at least")
    return min(int(text), sizes.most)


def _parse_marker(given: Mapping[str, str]) -> str | None:
    marker = given.get("marker")
    if marker is not None and not leases.is_id(marker):
        raise _invalid("marker", "must be the id of a lease")
    return marker


def _parse_choice(given: Mapping[str, str], name: str, known: Collection[str]) -> str | None:
    value = given.get(name)
    if value is not None and value not in known:
        raise _invalid(name, f"must be one of {', '.join(known)}")
    return value


def _parse_time(given: Mapping[str, str], name: str, now: int) -> int | None:
    if name not in given:
        return None
    seconds: int = _convert(name, lambda text: times.parse_time_text(text, now), given[name])
    return seconds


def _convert(name: str, convert: Callable[[str], Any], text: str) -> Any:
    try:
        return convert(text)
    except ValueError as exc:
        reason = str(exc)
    raise _invalid(name, reason)


def _invalid(where: str, reason: str) -> exception.RequestInvalid:
    return exception.RequestInvalid(where=where, reason=reason)
