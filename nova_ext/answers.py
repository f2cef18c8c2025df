# SPDX-License-Identifier: Apache-2.0
"""A cache of Climate's answers: one call at a time for each question.

Owns how long an answer is reused, that threads with the same question wait for
one call, and that no thread waits longer than the time-out.  The question, and what
becomes of its answer, are arguments.  The only single-flight cache of ours that runs in
Nova's process, hence none of energybase's: nova_ext imports climate.client alone.

A call runs in a thread of its own: a caller can stop waiting for it, also
when the name server hangs or an answer trickles in.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any
from typing import Generic
from typing import NamedTuple
from typing import TypeVar

from oslo_log import log

from climate import client

LOG = log.getLogger(__name__)

_Key = TypeVar("_Key")
_Value = TypeVar("_Value")
#: After a failure everybody is told of it for so long, before it is tried again.
_RETRY_SECONDS = 1.0
#: A call that hangs is given up for another one after so many time-outs.
_HANGING_TIMEOUTS = 10
#: Keys whose answers are kept: a user may think of any number of leases.
_MOST_KEYS = 1000


class Held(NamedTuple, Generic[_Value]):
    """An answer that was understood.

    :ivar asked_at: monotonic seconds; it may be as old as the question.
    """

    value: _Value
    etag: str | None
    asked_at: float
    max_age_seconds: float


class Outage:
    """Logs once that Climate is away, and once that it is back.

    As :class:`energybase.outage.Outage` does, which Nova's scheduler does not load:
    beside Nova stands ``climate.client`` alone.

    :param consequence: what happens meanwhile, as the end of a sentence.
    """

    def __init__(self, consequence: str) -> None:
        self._consequence = consequence
        self._lock = threading.Lock()
        self._away = False

    def begin(self, reason: Exception) -> None:
        """Climate did not answer."""
        with self._lock:
            began, self._away = not self._away, True
        if began:
            LOG.warning("Climate cannot be asked; %s: %s", self._consequence, reason)

    def end(self) -> None:
        """Climate answered."""
        with self._lock:
            ended, self._away = self._away, False
        if ended:
            LOG.info("Climate answers again.")


class _Call(Generic[_Value]):
    """One that is under way, or over; ``held`` or ``error`` is set before ``over``."""

    def __init__(self, started_at: float) -> None:
        self.started_at = started_at
        self.ended_at: float | None = None
        self.held: Held[_Value] | None = None
        self.error: client.ClientError | None = None
        self.over = threading.Event()


class Answers(Generic[_Key, _Value]):
    """Safe for many threads.

    :param ask: given a key and the entity tag of what is held.
    :param understand: what becomes of a body; it runs once per new answer.
    """

    def __init__(
        self,
        ask: Callable[[_Key, str | None], client.Answer],
        understand: Callable[[dict[str, Any]], _Value],
        timeout_seconds: float,
        outage: Outage,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._ask, self._understand, self._outage = ask, understand, outage
        self._timeout_seconds, self._monotonic = timeout_seconds, monotonic
        self._lock = threading.Lock()
        self._held: dict[_Key, Held[_Value]] = {}
        self._calls: dict[_Key, _Call[_Value]] = {}

    def get(self, key: _Key) -> _Value:
        """Return the answer: the one held if it is fresh, else a new one.

        :raises ClientError: there is none in time.
        """
        return self._wait(self._begin(key)).value

    def get_last(self, key: _Key, max_age_seconds: float) -> _Value | None:
        """Return the last answer, fresh or not, unless it is older than that."""
        with self._lock:
            held = self._held.get(key)
        if held is None or self._monotonic() - held.asked_at > max_age_seconds:
            return None
        return held.value

    def _begin(self, key: _Key) -> Held[_Value] | _Call[_Value]:
        """Return the answer, if it is fresh, else the call that brings it."""
        now = self._monotonic()
        with self._lock:
            held = self._held.get(key)
            if held is not None and now - held.asked_at < held.max_age_seconds:
                return held
            call = self._calls.get(key)
            if call is not None and self._is_of_use(call, now):
                return call
            call = self._calls[key] = _Call(now)
            _forget_oldest(self._held)
            _forget_oldest(self._calls)
        threading.Thread(
            target=self._run, args=(key, held, call), name="climate-call", daemon=True
        ).start()
        return call

    def _is_of_use(self, call: _Call[_Value], now: float) -> bool:
        if call.ended_at is None:
            return now - call.started_at < _HANGING_TIMEOUTS * self._timeout_seconds
        return call.error is not None and now - call.ended_at < _RETRY_SECONDS

    def _run(self, key: _Key, held: Held[_Value] | None, call: _Call[_Value]) -> None:
        try:
            call.held = self._fetch(key, held, call.started_at)
        except client.ClientError as exc:
            call.error = exc
        # Whatever goes wrong must not leave anybody waiting, nor reach the scheduler.
        except Exception as exc:
            call.error = client.ClientError(f"{type(exc).__name__}: {exc}")
        with self._lock:
            call.ended_at = self._monotonic()
            if call.held is not None:
                self._keep(key, call.held)
        if call.error is not None:
            self._outage.begin(call.error)
        elif call.ended_at - call.started_at <= self._timeout_seconds:
            self._outage.end()
        call.over.set()

    def _fetch(self, key: _Key, held: Held[_Value] | None, now: float) -> Held[_Value]:
        answer = self._ask(key, held.etag if held is not None else None)
        if answer.body is not None:
            return Held(self._understand(answer.body), answer.etag, now, answer.max_age_seconds)
        if held is None:
            raise client.ClientError("Climate answered 304 to a request without an entity tag.")
        return held._replace(asked_at=now, max_age_seconds=answer.max_age_seconds)

    def _keep(self, key: _Key, held: Held[_Value]) -> None:
        """Hold the newest: a call that hung may come back after the one that replaced it."""
        before = self._held.pop(key, held)
        self._held[key] = max(before, held, key=lambda one: one.asked_at)

    def _wait(self, begun: Held[_Value] | _Call[_Value]) -> Held[_Value]:
        if isinstance(begun, Held):
            return begun
        left_seconds = begun.started_at + self._timeout_seconds - self._monotonic()
        if not begun.over.wait(max(0.0, left_seconds)):
            late = client.ClientError(f"Climate did not answer within {self._timeout_seconds:g} s.")
            self._outage.begin(late)
            raise late
        if begun.held is None:
            raise begun.error or client.ClientError("Climate did not answer.")
        return begun.held


def _forget_oldest(entries: dict[Any, Any]) -> None:
    while len(entries) > _MOST_KEYS:
        del entries[next(iter(entries))]
