# SPDX-License-Identifier: Apache-2.0
"""A lasting session with a Redfish service.

Owns the session's life, and telling silence, refusal and garbage apart.  sushy
logs in and speaks HTTP; what the documents mean is
:mod:`kwapi.drivers.redfish.power`'s.
"""

from __future__ import annotations

import contextlib
import http.client
from collections.abc import Callable
from typing import Any
from typing import NamedTuple
from typing import NoReturn
from typing import TypeVar

import requests
import sushy
from sushy import auth as sushy_auth
from sushy import connector as sushy_connector
from sushy import exceptions as sushy_exceptions

from kwapi import exception
from kwapi.drivers.redfish import power

_T = TypeVar("_T")

#: What sushy and requests raise at documents that are none, or others than they think.
_UNREADABLE = (AttributeError, KeyError, TypeError, ValueError)
_CUT = (
    requests.exceptions.ChunkedEncodingError,
    requests.exceptions.ContentDecodingError,
    requests.exceptions.InvalidHeader,
)


class Service(NamedTuple):
    """Where a service is, and who we are to it.

    :ivar verify: True, a file of certificates to trust, or False to trust anybody.
    """

    url: str
    username: str
    password: str
    verify: bool | str
    timeout_seconds: float

    def __repr__(self) -> str:
        return f"<Service {self.url}>"


class Client:
    """Gets documents from one service."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._connector: Any = None
        self._auth: Any = None
        self.root: power.Document = {}

    def open(self) -> None:
        """Log in.

        :raises WattmeterUnreachable: nobody answers.
        :raises WattmeterRefused: name or password are not taken.
        :raises MalformedAnswer: what answers speaks no Redfish.
        """
        service = self._service
        # One try for each request: sushy sleeps between tries, the driver knows better.
        self._connector = sushy_connector.Connector(
            service.url,
            verify=service.verify,
            server_side_retries=1,
            default_request_timeout=service.timeout_seconds,
        )
        self._auth = sushy_auth.SessionOrBasicAuth(service.username, service.password)
        root = self._guarded(
            lambda: sushy.Sushy(
                service.url, auth=self._auth, connector=self._connector, verify=service.verify
            )
        )
        self.root = self._document("/redfish/v1/", lambda: root.json)

    def get(self, path: str) -> power.Document | None:
        """Return the document at a path; None when there is none.

        :raises WattmeterError: as :meth:`open` does.
        """
        if not path.startswith("/") or path.startswith("//"):
            # Our token is for this service only.
            raise self._malformed(f"it sends us to {path[:80]!r}, which is not its own")
        try:
            answer = self._guarded(lambda: self._connector.get(path, allow_redirects=False))
        except sushy_exceptions.ResourceNotFoundError:
            return None
        return self._document(path, answer.json)

    def close(self) -> None:
        """Delete the session, so that the service need not remember us; never raises."""
        auth, self._auth = self._auth, None
        connector, self._connector = self._connector, None
        if auth is not None and connector is not None:
            with contextlib.suppress(sushy_exceptions.SushyError, *_UNREADABLE):
                auth.close()
        if connector is not None:
            connector.close()

    def _document(self, path: str, read: Callable[[], Any]) -> power.Document:
        document = self._guarded(read)
        if not isinstance(document, dict):
            raise self._malformed(f"{path} is a {type(document).__name__}, not an object")
        return document

    def _guarded(self, call: Callable[[], _T]) -> _T:
        try:
            return call()
        except sushy_exceptions.ResourceNotFoundError:
            raise
        except sushy_exceptions.AccessError as exc:
            raise exception.WattmeterRefused(
                address=self._service.url,
                reason=f"HTTP status {exc.status_code}, user {self._service.username!r}",
            ) from None
        except sushy_exceptions.HTTPError as exc:
            raise exception.WattmeterError(
                reason=f"{self._service.url} answers with HTTP status {exc.status_code}"
            ) from None
        except sushy_exceptions.ConnectionError as exc:
            self._lose(exc.__context__ or exc)
        except sushy_exceptions.SushyError as exc:
            raise self._malformed(_line(exc)) from None
        except _UNREADABLE as exc:
            raise self._malformed(f"a document is not JSON, or is cut: {_line(exc)}") from None

    def _lose(self, cause: BaseException) -> NoReturn:
        """Raise what a lost connection means."""
        if isinstance(cause, requests.exceptions.SSLError):
            raise exception.WattmeterError(
                reason=f"{self._service.url} cannot be trusted: {_line(cause)}; parameter "
                "'ca_file' names the certificates to trust"
            ) from None
        if isinstance(cause, _CUT) or _has_bad_status(cause):
            raise self._malformed(_line(cause)) from None
        raise exception.WattmeterUnreachable(
            address=self._service.url, reason=_line(cause)
        ) from None

    def _malformed(self, reason: str) -> exception.MalformedAnswer:
        return exception.MalformedAnswer(address=self._service.url, reason=reason)


def _has_bad_status(cause: BaseException) -> bool:
    """Tell whether something answered that speaks no HTTP."""
    wrapped = cause.args[0] if cause.args else None
    for inner in getattr(wrapped, "args", ()):
        if isinstance(inner, http.client.HTTPException):
            return not isinstance(inner, http.client.RemoteDisconnected)
    return False


def _line(exc: BaseException) -> str:
    """Return what an exception says, in a line that is not too long."""
    said = " ".join(str(exc).split())
    return said if len(said) <= 160 else f"{said[:157]}..."
