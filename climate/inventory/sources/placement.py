# SPDX-License-Identifier: Apache-2.0
"""Reads the traits of Nova's hypervisors from Placement.

Owns the number of requests: Placement returns traits of one resource provider per
request, but the generations of all in one; only a provider whose generation has
changed is read again.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent import futures
from typing import Any
from typing import NamedTuple

from keystoneauth1 import adapter
from keystoneauth1 import exceptions
from keystoneauth1 import session as sessions

#: The first with traits.
_MICROVERSION = "1.6"


class _Known(NamedTuple):
    generation: int
    traits: list[str]


class Traits:
    """Traits by resource provider."""

    def __init__(self, session: sessions.Session, place: dict[str, Any], threads: int) -> None:
        """Prepare.

        :param place: region and interface, as keystoneauth's Adapter takes them.
        """
        self._adapter = adapter.Adapter(
            session, service_type="placement", default_microversion=_MICROVERSION, **place
        )
        self._threads = threads
        self._known: dict[str, _Known] = {}

    def fetch(self, uuids: Sequence[str]) -> dict[str, list[str]]:
        """Return the traits of resource providers; of one that is not there, none."""
        generations = self._list_generations()
        wanted = [uuid for uuid in uuids if uuid in generations]
        stale = [uuid for uuid in wanted if self._is_stale(uuid, generations[uuid])]
        with futures.ThreadPoolExecutor(self._threads, "traits") as pool:
            fetched = dict(zip(stale, pool.map(self._fetch_one, stale), strict=True))
        known = self._known | fetched
        self._known = {uuid: known[uuid] for uuid in wanted}
        return {uuid: found.traits for uuid, found in self._known.items()}

    def _list_generations(self) -> dict[str, int]:
        listed = self._adapter.get("/resource_providers").json()["resource_providers"]
        return {provider["uuid"]: provider["generation"] for provider in listed}

    def _is_stale(self, uuid: str, generation: int) -> bool:
        known = self._known.get(uuid)
        return known is None or known.generation != generation

    def _fetch_one(self, uuid: str) -> _Known:
        try:
            answer = self._adapter.get(f"/resource_providers/{uuid}/traits").json()
        except exceptions.NotFound:
            # Gone since they were listed.
            return _Known(-1, [])
        return _Known(answer["resource_provider_generation"], sorted(answer["traits"]))
