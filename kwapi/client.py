# SPDX-License-Identifier: Apache-2.0
"""Kwapi's API, as a program asks it.

Owns what of the answers is believed.  How to authenticate is the session's
affair: keystoneauth's, with a token or without.
"""

from __future__ import annotations

import math
from typing import Any
from typing import NamedTuple

import requests
from keystoneauth1 import adapter
from keystoneauth1 import exceptions
from keystoneauth1 import session as sessions

SERVICE_TYPE = "energy"


class ClientError(Exception):
    """Kwapi gave no answer, or none that can be used; a sentence says why."""


class Probe(NamedTuple):
    """What a probe measured last.

    :ivar timestamp: when, epoch seconds.
    """

    timestamp: float
    watts: float


class Client:
    """Asks one Kwapi; for one thread."""

    def __init__(self, session: adapter.Adapter) -> None:
        """Ask through an adapter, whose endpoint ends in ``/v1``."""
        self._session = session
        self._etag: str | None = None
        self._probes: dict[str, Probe] = {}

    def get_probes(self) -> dict[str, Probe]:
        """Return every probe that is listed, by its id; the mapping is not to be changed.

        :raises ClientError: there is no answer, or none that can be used.
        """
        # Nothing crosses the network again that has not changed.
        headers = {"If-None-Match": self._etag} if self._etag else {}
        answer = self._get("/probes/", headers)
        if answer.status_code == 304 and self._etag:
            return self._probes
        if answer.status_code != 200:
            raise ClientError(f"Kwapi answers {answer.status_code} to {answer.url}.")
        self._probes = _parse(answer)
        self._etag = answer.headers.get("ETag")
        return self._probes

    def _get(self, path: str, headers: dict[str, str]) -> requests.Response:
        try:
            answer: requests.Response = self._session.get(
                path, headers={"Accept": "application/json", **headers}, raise_exc=False
            )
        except exceptions.ClientException as exc:
            reason = (str(exc) or type(exc).__name__).splitlines()[0]
        else:
            return answer
        raise ClientError(f"Kwapi does not answer: {reason}")


def open_without_token(url: str, timeout_seconds: float) -> adapter.Adapter:
    """Return what asks a Kwapi that lets everybody in, on this machine.

    :param url: of its API, with ``/v1`` or without.
    """
    endpoint = url.rstrip("/").removesuffix("/v1") + "/v1"
    session = sessions.Session(timeout=timeout_seconds)
    return adapter.Adapter(session, endpoint_override=endpoint)


def _parse(answer: requests.Response) -> dict[str, Probe]:
    try:
        listed = answer.json()["probes"].items()
        # One that is odd is no reason to lose the others.
        return {name: probe for name, told in listed if (probe := _parse_probe(told))}
    except (AttributeError, KeyError, TypeError, ValueError):
        pass
    raise ClientError(f"What {answer.url} answers is no list of probes.")


def _parse_probe(told: Any) -> Probe | None:
    timestamp, watts = told.get("timestamp"), told.get("w")
    if not (_is_number(timestamp) and _is_number(watts)):
        return None
    return Probe(float(timestamp), float(watts))


def _is_number(value: object) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return math.isfinite(value)
