# SPDX-License-Identifier: Apache-2.0
"""Copies the hosts of the source into the database at regular intervals.

Owns when it is read, and what an operator is told of it.  Any number of
services may do so at once; the store orders them.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Sequence
from typing import Protocol

from climate import exception as climate_exception
from climate.inventory import host
from climate.inventory import options
from climate.inventory import store as stores
from climate.inventory.sources import source as sources
from energybase import clock as clocks
from energybase import exception
from energybase import repeat

LOG = logging.getLogger(__name__)

#: Sooner than the next turn: at start, everything may start.
_FIRST_RETRY_SECONDS = 5.0
#: Hosts named in one message.
_MOST_NAMES = 20
#: Told by us, with what is to be known; anything else is a fault, of a plug-in perhaps.
_EXPECTED = (
    climate_exception.SourceUnavailable,
    exception.ConfigurationInvalid,
    exception.NotStorable,
    exception.StoreUnavailable,
)


class Ranked(Protocol):
    """What the ranking knows of hosts, as it last said."""

    def ask(self) -> bool:
        """Ask anew; return whether the answer is another one."""

    def fill(self, hosts: Iterable[host.Host]) -> list[host.Host]:
        """Return the hosts with what is known of them."""


class Worker:
    """Reads the source in a thread of its own."""

    def __init__(
        self,
        load_source: Callable[[], sources.Source],
        store: stores.Store,
        pace: options.Pace,
        clock: clocks.Clock | None = None,
        refreshed: Callable[[], None] = lambda: None,
        ranked: Ranked | None = None,
    ) -> None:
        """Prepare.

        :param load_source: returns the source as it is configured now.
        :param refreshed: is called after the hosts were stored.
        :param ranked: fills in what the ranking knows of hosts.
        :raises ConfigurationInvalid: there is no such source.
        """
        self._load_source, self._source = load_source, load_source()
        self._store, self._refreshed, self._ranked = store, refreshed, ranked
        self._clock = clock or clocks.Clock()
        self._pace, self._backoff = pace, _backoff_of(pace)
        self._away: type[Exception] | None = None
        self._complaints: set[str] = set()
        self._repeater = repeat.Repeater(
            "inventory", self.refresh, _backoff_of(pace), clock=self._clock
        )

    def start(self) -> None:
        """Read the source from now on."""
        self._repeater.start()

    def stop(self) -> None:
        """End; a reading that hangs is left behind."""
        self._repeater.stop()

    def reload(self, pace: options.Pace | None = None) -> None:
        """Read the source at once, as it is configured now.

        :param pace: to go on at; by default as before.
        :raises ConfigurationInvalid: it is wrong; the one before is read on.
        """
        self._source = self._load_source()
        if pace is not None:
            self._pace, self._backoff = pace, _backoff_of(pace)
        self._away = None
        self._repeater.wake()

    def refresh(self) -> float:
        """Read the source and store what it tells; return the seconds until the next time."""
        failure: Exception | None = None
        try:
            self._refresh()
        except Exception as exc:  # a plug-in may fail in any way, and the thread lives on
            failure = exc
        if failure is None:
            self._tell_back()
            return self._pace.refresh_seconds
        seconds = self._backoff.next()
        self._tell_away(failure, seconds)
        return seconds

    def _refresh(self) -> None:
        hosts = self._source.list_hosts()
        self._keep(hosts)
        # Asked when everything is stored: nobody waits for it.
        if self._ranked is not None and self._ranked.ask():
            self._keep(hosts)

    def _keep(self, hosts: list[host.Host]) -> None:
        entries, complaints = host.encode(
            hosts if self._ranked is None else self._ranked.fill(hosts)
        )
        for complaint in set(complaints) - self._complaints:
            LOG.warning("The source of hosts: %s", complaint)
        self._complaints = set(complaints)
        changes = self._store.replace(entries, int(self._clock.time()))
        _tell_changes(changes, len(entries))
        self._refreshed()

    def _tell_back(self) -> None:
        self._backoff.reset()
        if self._away is not None:
            LOG.info("Hosts are read and stored again")
        self._away = None

    def _tell_away(self, failure: Exception, seconds: float) -> None:
        # By kind: texts differ from one try to the next, by request ids for instance.
        level = logging.DEBUG if type(failure) is self._away else logging.ERROR
        self._away = type(failure)
        reason = getattr(failure, "details", {}).get("reason", "")
        told = str(failure) if str(reason) in str(failure) else f"{failure} ({reason})"
        LOG.log(
            level,
            "Hosts cannot be read or stored: %s; going on with those known, next try in %.0f s",
            told,
            seconds,
            exc_info=None if isinstance(failure, _EXPECTED) else failure,
        )


def _backoff_of(pace: options.Pace) -> clocks.Backoff:
    first_seconds = min(_FIRST_RETRY_SECONDS, pace.refresh_seconds)
    return clocks.Backoff(first_seconds, max(pace.max_refresh_seconds, first_seconds))


def _tell_changes(changes: stores.Changes, known: int) -> None:
    if changes.missing and not known:
        LOG.error("The source knows no host any more; all %s are missing", len(changes.missing))
    elif changes.missing:
        LOG.warning("Missing from the source: %s", _list(changes.missing))
    if changes.returned:
        LOG.warning("Back in the source: %s", _list(changes.returned))
    if changes.added:
        LOG.info("New in the source: %s", _list(changes.added))


def _list(names: Sequence[str]) -> str:
    more = len(names) - _MOST_NAMES
    return ", ".join(names[:_MOST_NAMES]) + (f" and {more} more" if more > 0 else "")
