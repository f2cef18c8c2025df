# SPDX-License-Identifier: Apache-2.0
"""Reads Kwapi for the pollsters: one GET for all meters of a cycle.

Owns how often Kwapi is asked, which probes of an answer are stale, and what the
agent's log says of both.  Knows nothing of Ceilometer.
"""

from __future__ import annotations

import logging
import math
import threading
from collections.abc import Callable
from collections.abc import Iterator
from typing import Any
from typing import NamedTuple

from keystoneauth1 import adapter
from keystoneauth1 import exceptions
from keystoneauth1 import session as sessions

from energybase import clock as clocks
from kwapi import client
from kwapi.ceilometer import samples

LOG = logging.getLogger(__name__)

#: Returns the agent's session of this cycle, or raises keystoneauth's ClientException.
OpenSession = Callable[[], sessions.Session]

#: Of many probes, so many are named.
_NAMED = 5
#: The year 10000, of which ISO 8601 as Python writes it knows nothing.
_END_OF_TIME = 253_402_300_800.0
#: By HTTP status.
_ADVICE = {
    "401": (
        "The token of the agent's [service_credentials] is not taken: Kwapi and Ceilometer have"
        " to use the same Keystone."
    ),
    "403": (
        "The user of the agent's [service_credentials] needs the role service or admin, or the"
        " role reader and a token for the whole system (system_scope = all); Kwapi's policy rule"
        " kwapi:probes:list decides."
    ),
    "404": (
        "In Keystone's catalogue, the endpoint of the service type energy has to be the URL of"
        " Kwapi's API, ending in /v1."
    ),
}


class Options(NamedTuple):
    """What an operator decides."""

    stale_after_seconds: float
    timeout_seconds: float
    hosts: samples.Hosts


class Reading(NamedTuple):
    """What one Kwapi said of its probes in one cycle.

    :ivar fresh: probes whose power is still their power.
    :ivar described: the metadata of each of these, by id.
    :ivar unknown_hosts: those of which some probe is not fresh.
    """

    fresh: list[client.Probe]
    described: dict[str, dict[str, Any]]
    unknown_hosts: set[str | None]
    hosts: samples.Hosts

    def samples_of(self, meter: str) -> Iterator[samples.Sample]:
        """Yield the samples of a meter."""
        described = self.described
        if meter != samples.HOST_POWER:
            for probe in self.fresh:
                if sample := samples.sample_of(probe, meter, described[probe.probe_id]):
                    yield sample
            return
        unknown = self.unknown_hosts
        whole = (p for p in self.fresh if described[p.probe_id].get("host") not in unknown)
        yield from samples.host_samples(whole, self.hosts, -math.inf, described)


class Kwapi:
    """One Kwapi, over many cycles; for any thread."""

    def __init__(self, url: str, options: Options, clock: clocks.Clock) -> None:
        self._url = client.to_endpoint(url)
        self._options, self._clock = options, clock
        # The agent has a new session for every cycle; the client holds the last
        # answer and its tag, whichever session asks.
        self._adapter = adapter.Adapter(sessions.Session(), endpoint_override=self._url)
        self._client = client.Client(self._adapter, options.timeout_seconds)
        self._lock = threading.Lock()
        self._diary = _Diary(self._url, options.stale_after_seconds)

    def read(self, open_session: OpenSession) -> Reading | None:
        """Ask; None if that failed, which the log says."""
        with self._lock:
            try:
                self._adapter.session = session = open_session()
                if session.auth:
                    # Else a Keystone that is away would look like a Kwapi that is.
                    session.get_token()
                told = self._client.get_probes()
            except client.ClientError as exc:
                kind, reason = str(exc.status), str(exc)
            except exceptions.ClientException as exc:
                kind, reason = "Keystone", f"Keystone does not let the agent in: {exc}"
            else:
                return self._take(told)
            self._diary.note_failure(kind, f"{reason} {_ADVICE.get(kind, '')}".rstrip())
            return None

    def _take(self, told: dict[str, client.Probe]) -> Reading:
        probes = [probe for probe in told.values() if _is_sound(probe)]
        now, (stale_after_seconds, _, hosts) = self._clock.time(), self._options
        fresh: list[client.Probe] = []
        stale: list[client.Probe] = []
        for probe in probes:
            is_fresh = samples.is_fresh(probe, now, stale_after_seconds)
            (fresh if is_fresh else stale).append(probe)
        stale_ids = [probe.probe_id for probe in stale]
        odd = self._client.odd + len(told) - len(probes)
        self._diary.note_answer(len(told) + self._client.odd, stale_ids, odd)
        described = {p.probe_id: samples.describe(p, hosts.host_of(p.probe_id)) for p in fresh}
        return Reading(fresh, described, set(map(hosts.host_of, stale_ids)), hosts)


class Agent:
    """Every Kwapi that one agent polls; for any thread."""

    def __init__(self, options: Options, clock: clocks.Clock | None = None) -> None:
        self._options, self._clock = options, clock or clocks.Clock()
        self._kwapis: dict[str, Kwapi] = {}
        self._lock = threading.Lock()

    def find(self, url: str) -> Kwapi:
        """Return the Kwapi at this URL."""
        with self._lock:
            if url not in self._kwapis:
                self._kwapis[url] = Kwapi(url, self._options, self._clock)
            return self._kwapis[url]


class Cycle:
    """What was read in one polling cycle, so that it is read once; for any thread."""

    def __init__(self, agent: Agent) -> None:
        self._agent = agent
        self._readings: dict[str, Reading | None] = {}
        self._lock = threading.Lock()

    def read(self, url: str, open_session: OpenSession) -> Reading | None:
        """Return what this cycle's one GET brought; None if it failed."""
        with self._lock:
            if url not in self._readings:
                self._readings[url] = self._agent.find(url).read(open_session)
            return self._readings[url]


class _Diary:
    """What the log has been told of one Kwapi: each thing once, when it changes."""

    def __init__(self, url: str, stale_after_seconds: float) -> None:
        self._url, self._stale_after_seconds = url, stale_after_seconds
        self._failure: str | None = None
        self._stale: set[str] = set()
        self._odd = 0

    def note_failure(self, kind: str, reason: str) -> None:
        # Of the same kind, reasons may still differ in the number of a request.
        if kind != self._failure:
            LOG.error("No samples of %s: %s", self._url, reason)
        self._failure = kind

    def note_answer(self, known: int, stale: list[str], odd: int) -> None:
        if self._failure:
            LOG.info("%s answers again.", self._url)
            self._failure = None
        if set(stale) != self._stale:
            self._note_stale(known, stale)
        if odd != self._odd:
            LOG.warning(
                "%s answers impossible values for %d probes; they are left out.", self._url, odd
            )
        self._stale, self._odd = set(stale), odd

    def _note_stale(self, known: int, stale: list[str]) -> None:
        if not stale:
            LOG.info("None of the %d probes of %s is stale any more.", known, self._url)
            return
        others = len(stale) - _NAMED
        LOG.warning(
            "%d of %d probes of %s were not measured for %g s, nor for three of their own periods;"
            " they give no samples: %s%s.",
            len(stale),
            known,
            self._url,
            self._stale_after_seconds,
            ", ".join(stale[:_NAMED]),
            f" and {others} more" if others > 0 else "",
        )


def _is_sound(probe: client.Probe) -> bool:
    return probe.kwh is not None and 0 <= probe.timestamp < _END_OF_TIME
