# SPDX-License-Identifier: Apache-2.0
"""Fetches a page of metrics over HTTP, and explains failures.

Owns the connection, its time-outs and credentials.  What is on the page is
:mod:`kwapi.drivers.prometheus.series`'s.
"""

from __future__ import annotations

from urllib import parse as urls

import requests

from energybase import clock as clocks
from kwapi import exception
from kwapi.drivers import parameters

_CHUNK_BYTES = 65536
#: Nobody's page of metrics is as long; something else answers.
_MOST_BYTES = 64 << 20
_SCHEMES = ("http", "https")


class Page:
    """A page that can be fetched again and again.

    :ivar address: what it is called in messages.
    """

    def __init__(
        self,
        url: str,
        auth: Auth,
        ca_file: str | None,
        timeout_seconds: float,
        clock: clocks.Clock,
    ) -> None:
        """Prepare; the server is first asked by :meth:`fetch`.

        :param timeout_seconds: for the whole page.
        :raises ConfigurationInvalid: a parameter is wrong.
        """
        self._url, self.address = _location(url)
        self._auth, self._clock = auth, clock
        self._ca_file, self._timeout_seconds = ca_file, timeout_seconds
        self._session: requests.Session | None = None

    def open(self) -> None:
        """Start a session."""
        self._session = session = requests.Session()
        # No proxy, .netrc or certificates of whoever runs us: what counts is in the section.
        session.trust_env = False
        session.auth = self._auth
        session.headers["Accept"] = "text/plain;version=0.0.4"
        if self._ca_file is not None:
            session.verify = self._ca_file

    def close(self) -> None:
        """Disconnect; may be called twice."""
        session, self._session = self._session, None
        if session is not None:
            session.close()

    def fetch(self) -> str:
        """Return the page.

        :raises WattmeterUnreachable: it cannot be had.
        :raises WattmeterRefused: not with these credentials.
        :raises MalformedAnswer: it is not whole.
        """
        if self._session is None:
            raise exception.WattmeterError(reason=f"{self.address} is not open")
        try:
            with self._session.get(
                self._url, stream=True, timeout=self._timeout_seconds
            ) as response:
                self._require_success(response.status_code)
                body = self._read_body(response)
        except requests.exceptions.SSLError as exc:
            raise self._unreachable("its certificate is not to be trusted; see ca_file") from exc
        except requests.exceptions.ChunkedEncodingError as exc:
            raise self.malformed("it ends before its end") from exc
        except requests.exceptions.ContentDecodingError as exc:
            raise self.malformed("its encoding is broken") from exc
        except (requests.exceptions.RequestException, OSError) as exc:
            raise self._unreachable(_say(exc)) from exc
        # Each line of the format ends in one: the last may be half a number.
        if not body.endswith(b"\n"):
            raise self.malformed("it ends within a line")
        return body.decode(errors="replace")

    def _read_body(self, response: requests.Response) -> bytes:
        # The time-out of requests is for each packet; a page that trickles needs this one.
        deadline = self._clock.monotonic() + self._timeout_seconds
        body = bytearray()
        for chunk in response.iter_content(_CHUNK_BYTES):
            body += chunk
            if len(body) > _MOST_BYTES:
                raise self.malformed(f"it is longer than {_MOST_BYTES >> 20} MiB")
            if self._clock.monotonic() > deadline:
                raise self._unreachable(f"no whole page within {self._timeout_seconds:g} s")
        return bytes(body)

    def _require_success(self, status: int) -> None:
        if status in (401, 403):
            raise exception.WattmeterRefused(
                address=self.address, reason=f"HTTP {status}; see username and password, or token"
            )
        if status >= 500:
            raise self._unreachable(f"HTTP {status}")
        if status != 200:
            raise self.malformed(f"HTTP {status}; is the url right?")

    def _unreachable(self, reason: str) -> exception.WattmeterUnreachable:
        return exception.WattmeterUnreachable(address=self.address, reason=reason)

    def malformed(self, reason: str) -> exception.MalformedAnswer:
        """Return the complaint about what the page says."""
        return exception.MalformedAnswer(address=self.address, reason=reason)


class Auth(requests.auth.AuthBase):
    """Our credentials; its repr does not show them."""

    def __init__(self, username: str | None, password: str | None, token: str | None) -> None:
        self._basic: requests.auth.HTTPBasicAuth | None = None
        self._token = token
        if (username is None) != (password is None):
            raise parameters.invalid("username and password go together")
        if username is not None and password is not None:
            if token is not None:
                raise parameters.invalid("token and password both say who we are; give one of them")
            self._basic = requests.auth.HTTPBasicAuth(username.encode(), password.encode())

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        if self._token is not None:
            request.headers["Authorization"] = f"Bearer {self._token}"
        return self._basic(request) if self._basic is not None else request


def _location(url: str) -> tuple[str, str]:
    """Return the URL, and what it is called in messages: without its query, which may be secret."""
    try:
        split = urls.urlsplit(url)
        complete = split.scheme in _SCHEMES and split.hostname and split.port != 0
    except ValueError:
        complete = False
    if not complete:
        raise parameters.invalid("url must be a URL, such as 'http://192.0.2.1:9100/metrics'")
    if "@" in split.netloc:
        raise parameters.invalid(
            "url must be without username and password: they are parameters of their own"
        )
    return url, f"{split.scheme}://{split.netloc}{split.path}"


def _say(exc: BaseException) -> str:
    # The exception's own text has the whole URL in it.
    if isinstance(exc, requests.exceptions.Timeout):
        return "no answer in time"
    if isinstance(exc, requests.exceptions.ConnectionError):
        return "no connection, or it fell silent"
    return type(exc).__name__
