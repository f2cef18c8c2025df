# SPDX-License-Identifier: Apache-2.0
"""Clients of Kwapi and of Climate, for people's own programs.

Owns the requests; a keystoneauth adapter knows how to log in and where the
service is::

    session = ...                                   # keystoneauth1, or openstacksdk's
    energy = client.EnergyClient(adapter.Adapter(session, service_type="energy"))
    leases = client.LeaseClient(adapter.Adapter(session, service_type="lease"))
    watts = sum(probe.watts for probe in energy.list_probes())
    lease = leases.create(duration_seconds=3600, quantity=2)

Every method may raise :class:`energyclient.errors.ClientError`, which says in a
sentence what is wrong; methods name the subclasses that a caller should expect.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from collections.abc import Iterator
from typing import Any
from typing import Unpack
from urllib import parse

from keystoneauth1 import adapter as adapters

from energyclient import errors
from energyclient import records
from energyclient import rest
from energyclient import wishes

_LEASE_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII)
#: In these a lease is over.
OVER = records.STATUSES[3:]


class EnergyClient:
    """Kwapi: what probes measure, and the state of drivers.

    :param timeout_seconds: how long an answer may take; by default a minute.
    """

    def __init__(self, adapter: adapters.Adapter, timeout_seconds: float | None = None) -> None:
        self._rest = rest.Rest(adapter, timeout_seconds)
        self._etag: str | None = None
        self._probes: tuple[records.Probe, ...] = ()

    def list_probes(self) -> tuple[records.Probe, ...]:
        """Return all probes that are heard of, in order of their ids.

        To ask again is cheap: what has not changed does not cross the network again.
        """
        answer = self._rest.ask("GET", "probes/", etag=self._etag)
        if answer.document is not None:
            told = records.need_map(answer.document, "probes")
            self._probes = tuple(records.parse_probe(name, told[name]) for name in sorted(told))
            self._etag = answer.etag
        return self._probes

    def get_probe(self, probe_id: str) -> records.Probe:
        """Return one probe.

        :raises NotFound: it is not known, or silent.
        """
        told = self._rest.get(f"probes/{_segment(probe_id)}/")
        return records.parse_probe(probe_id, told.get(probe_id))

    def list_drivers(self) -> tuple[records.Driver, ...]:
        """Return the state of every wattmeter's driver, in order of the wattmeters' names."""
        told = records.need_map(self._rest.get("drivers/"), "drivers")
        return tuple(records.parse_driver(name, told[name]) for name in sorted(told))


class LeaseClient:
    """Climate: leases of hosts, the hosts, and which compute most for a watt.

    :param timeout_seconds: how long an answer may take; by default a minute.
    """

    def __init__(self, adapter: adapters.Adapter, timeout_seconds: float | None = None) -> None:
        self._rest = rest.Rest(adapter, timeout_seconds)

    def create(self, *, confirm: bool = True, **wish: Unpack[wishes.Wish]) -> records.Lease:
        """Lease hosts, or with ``confirm=False`` only propose to: it must be confirmed in time.

        :param wish: the keywords are those of :class:`energyclient.wishes.Wish`.
        :raises Conflict: there is no such time; ``proposal`` says what would work.
        :raises Forbidden: by policy, or the project would hold too much.
        """
        body = {"confirm": confirm, **wishes.make_body(wish)}
        return records.parse_lease(self._rest.ask("POST", "leases/", body=body).document)

    def list_leases(
        self, *, limit: int | None = None, **filters: Unpack[wishes.Filters]
    ) -> Iterator[records.Lease]:
        """Return leases, newest first, page by page as they are taken.

        :param limit: of leases in all; None is all of them.
        :param filters: the keywords are those of :class:`energyclient.wishes.Filters`.
        :raises Forbidden: others' are for administrators.
        """
        return self._list_pages(wishes.make_parameters(filters), limit)

    def _list_pages(self, parameters: dict[str, Any], left: int | None) -> Iterator[records.Lease]:
        while left is None or left > 0:
            page = self._rest.get("leases/", **parameters, limit=left)
            told = records.need_list(page, "leases")[:left]
            yield from map(records.parse_lease, told)
            left = None if left is None else left - len(told)
            marker = _find_marker(page)
            if not marker or not told:
                return
            parameters["marker"] = marker

    def get(self, lease_id: str) -> records.Lease:
        """Return one lease.

        :raises NotFound: it is not known, or another project's, or was never confirmed.
        """
        return records.parse_lease(self._rest.get(_path(lease_id)))

    def find(self, name_or_id: str) -> records.Lease:
        """Return the lease of an id, or the one of a name; of several, the one that is not over.

        :raises NotFound: there is none.
        :raises Ambiguous: there are several.
        """
        if _LEASE_ID.fullmatch(name_or_id):
            return self.get(name_or_id)
        named = list(self.list_leases(name=name_or_id)) if _may_be_name(name_or_id) else []
        found = [lease for lease in named if lease.status not in OVER] or named
        shown = rest.one_line(name_or_id)
        if not found:
            raise errors.NotFound(f"No lease of yours has the id or name {shown}.", 404)
        if len(found) > 1:
            raise errors.Ambiguous(f"{len(found)} leases have the name {shown}: use an id.")
        return found[0]

    def confirm(self, lease_id: str) -> records.Lease:
        """Make a proposal a lease; done once, it may be repeated.

        :raises Conflict: it expired, or was cancelled.
        """
        return self._change(lease_id, {"status": "confirmed"})

    def extend(self, lease_id: str, end_time: int) -> records.Lease:
        """Have a lease end at another time, later or sooner.

        :param end_time: epoch seconds.
        :raises Conflict: others hold its hosts by then; ``proposal.latest_end_time`` would do.
        """
        return self._change(lease_id, {"end_time": end_time})

    def rename(self, lease_id: str, name: str) -> records.Lease:
        """Give a lease another name."""
        return self._change(lease_id, {"name": name})

    def delete(self, lease_id: str) -> None:
        """Cancel a lease that has not started, or end an active one now.

        :raises NotFound: as :meth:`get`.
        :raises Conflict: it is over.
        """
        self._rest.ask("DELETE", _path(lease_id))

    def list_hosts(self) -> tuple[records.Host, ...]:
        """Return all hosts by name and status."""
        told = records.need_list(self._rest.get("hosts/"), "hosts")
        return tuple(map(records.parse_host, told))

    def get_ranking(self, by: str | None = None, hosts: Iterable[str] = ()) -> records.Ranking:
        """Return hosts in order of what they compute for a watt.

        :param by: one of :data:`energyclient.records.KINDS`; None is what the operator chose.
        :param hosts: names; none is all.
        :raises Forbidden: it is for administrators.
        """
        told = self._rest.get("ranking/", by=by, host=tuple(hosts) or None)
        return records.parse_ranking(told)

    def _change(self, lease_id: str, body: dict[str, Any]) -> records.Lease:
        return records.parse_lease(self._rest.ask("PUT", _path(lease_id), body=body).document)


def _path(lease_id: str) -> str:
    return f"leases/{_segment(lease_id)}/"


def _segment(text: str) -> str:
    """Return a text as one part of a path."""
    return parse.quote(text, safe="")


def _may_be_name(text: str) -> bool:
    return 1 <= len(text) <= 255 and text.isprintable()


def _find_marker(page: dict[str, Any]) -> str | None:
    """Return where the next page begins; None if this is the last.

    The link's own host is not followed: behind a proxy it may be another.
    """
    for link in page.get("leases_links") or ():
        if isinstance(link, dict) and link.get("rel") == "next":
            query = parse.parse_qs(parse.urlsplit(str(link.get("href"))).query)
            return query.get("marker", [None])[0]
    return None
