# SPDX-License-Identifier: Apache-2.0
"""A client of Kwapi's API.

Owns which parts of an answer are believed.  The session authenticates: it is
keystoneauth's, with a token or without.
"""

from __future__ import annotations

import math
from typing import Any

import requests
from keystoneauth1 import adapter
from keystoneauth1 import exceptions
from keystoneauth1 import session as sessions

from kwapi import meters

SERVICE_TYPE = "energy"
#: A probe without one of these meters cannot be used.
_NEEDED = tuple(m.field for m in meters.METERS if m.field not in meters.Probe._field_defaults)


class ClientError(Exception):
    """Kwapi gave no answer, or none that can be used; a sentence says why.

    :ivar status: of the answer, if it is that which cannot be used.
    """

    def __init__(self, reason: str, status: int | None = None) -> None:
        super().__init__(reason)
        self.status = status


Probe = meters.Probe


class Client:
    """Asks one Kwapi; for one thread.

    :ivar odd: how many probes of the last list were left out, since what is
        said of them cannot be.
    """

    def __init__(self, session: adapter.Adapter, timeout_seconds: float | None = None) -> None:
        """Ask through an adapter, whose endpoint ends in ``/v1``.

        :param timeout_seconds: as long as an answer may take; None leaves that
            to the session.
        """
        self._session = session
        self._limit = {} if timeout_seconds is None else {"timeout": timeout_seconds}
        self._etag: str | None = None
        self._probes: dict[str, Probe] = {}
        self.odd = 0

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
            reason = f"Kwapi answers {answer.status_code} to {answer.url}."
            raise ClientError(reason, answer.status_code)
        listed = _list(answer)
        # One that is odd is no reason to lose the others.
        parsed = ((name, _parse_probe(name, told)) for name, told in listed)
        self._probes = {name: probe for name, probe in parsed if probe is not None}
        self.odd = len(listed) - len(self._probes)
        self._etag = answer.headers.get("ETag")
        return self._probes

    def _get(self, path: str, headers: dict[str, str]) -> requests.Response:
        try:
            answer: requests.Response = self._session.get(
                path,
                headers={"Accept": "application/json", **headers},
                raise_exc=False,
                **self._limit,
            )
        except exceptions.HttpError as exc:
            # Kwapi's own answers do not raise: this was the request for a token.
            reason = f"Keystone issues no token for Kwapi: {_first_line(exc)}"
        except exceptions.ClientException as exc:
            reason = f"Kwapi does not answer: {_first_line(exc)}"
        else:
            return answer
        raise ClientError(reason)


def open_without_token(url: str, timeout_seconds: float) -> adapter.Adapter:
    """Return what asks a Kwapi that lets everybody in, on this machine.

    :param url: of its API, with ``/v1`` or without.
    """
    session = sessions.Session(timeout=timeout_seconds)
    return adapter.Adapter(session, endpoint_override=to_endpoint(url))


def to_endpoint(url: str) -> str:
    """Return a URL of Kwapi's API as one that ends in ``/v1``."""
    return url.rstrip("/").removesuffix("/v1") + "/v1"


def _list(answer: requests.Response) -> list[tuple[str, Any]]:
    try:
        listed = answer.json()["probes"]
        if all(isinstance(told, dict) for told in listed.values()):
            return list(listed.items())
    except (AttributeError, KeyError, RecursionError, TypeError, ValueError):
        pass
    raise ClientError(f"The answer of {answer.url} is not a list of probes.", answer.status_code)


def _parse_probe(probe_id: str, told: dict[str, Any]) -> Probe | None:
    values: dict[str, Any] = {m.field: _to_number(told.get(m.key)) for m in meters.METERS}
    if any(values[name] is None for name in _NEEDED):
        return None
    wattmeter = told.get("wattmeter")
    return Probe(
        probe_id,
        wattmeter=wattmeter if wattmeter and isinstance(wattmeter, str) else None,
        period_seconds=_to_number(told.get("period_seconds")),
        resolution_watts=_to_number(told.get("resolution_watts")),
        **values,
    )


def _to_number(value: object) -> float | None:
    """Return a finite number of JSON as such; None if it is anything else."""
    if not isinstance(value, int | float) or isinstance(value, bool):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


def _first_line(exc: Exception) -> str:
    return (str(exc) or type(exc).__name__).splitlines()[0]
