# SPDX-License-Identifier: Apache-2.0
"""Sends requests to one service's REST API; turns failures into exceptions.

Owns the URL, the timeout, and the message of each failure.  The documents' meaning
is :mod:`energyclient.records`'.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from typing import NamedTuple
from typing import NoReturn

from keystoneauth1 import adapter as adapters
from keystoneauth1 import exceptions

from energyclient import errors

_TIMEOUT_SECONDS = 60.0
_MOST_CHARACTERS = 600
_SAFE_METHODS = ("GET", "HEAD")


class Answer(NamedTuple):
    """What was answered.

    :ivar document: the JSON object; None with 204, and with 304: it is still what it was.
    """

    document: dict[str, Any] | None
    etag: str | None


class Rest:
    """Asks one service; as many threads may use it as may use its session.

    :param adapter: knows where the service is, and how to get a token.
    :param timeout_seconds: for connecting, and for each pause in an answer.
    """

    def __init__(self, adapter: adapters.Adapter, timeout_seconds: float | None = None) -> None:
        self._adapter = adapter
        self._timeout_seconds = timeout_seconds or _TIMEOUT_SECONDS
        self._service = f"The {adapter.service_type or ''} service".replace("  ", " ")

    def ask(
        self,
        method: str,
        path: str,
        *,
        parameters: Mapping[str, Any] | None = None,
        body: Mapping[str, Any] | None = None,
        etag: str | None = None,
    ) -> Answer:
        """Return what is answered.

        :param path: below the version, such as ``leases/``.
        :param parameters: of the URL; what is None is left out.
        :param etag: of what is known; if it still is so, the answer has no document.
        :raises ClientError: there is no answer, or it is an error, or none that can be used.
        """
        response = self._send(
            method,
            path,
            params={key: value for key, value in (parameters or {}).items() if value is not None},
            headers={"Accept": "application/json", **({"If-None-Match": etag} if etag else {})},
            **({} if body is None else {"json": dict(body)}),
        )
        if response.status_code == 304 and etag:
            return Answer(None, etag)
        if response.status_code >= 300:
            raise _translate(response, self._service)
        if response.status_code == 204:
            return Answer(None, None)
        return Answer(self._read(response), response.headers.get("ETag"))

    def get(self, path: str, **parameters: Any) -> dict[str, Any]:
        """Return the document at a path.

        :raises ClientError: as :meth:`ask`.
        """
        return self.ask("GET", path, parameters=parameters).document or {}

    def _send(self, method: str, path: str, **kwargs: Any) -> Any:
        url = self._locate(path)
        safe = method in _SAFE_METHODS
        try:
            return self._adapter.request(
                url, method, raise_exc=False, timeout=self._timeout_seconds, **kwargs
            )
        except exceptions.HttpError as exc:
            # The service's own answers do not raise: this was the request for a token.
            failure: errors.ClientError = errors.Unauthorized(
                f"Keystone gives no token: {_end(str(exc))}", exc.http_status or 401
            )
        except exceptions.ConnectionError as exc:
            failure = self._describe(url, exc, maybe_done=not safe and not _is_refusal(exc))
        except exceptions.ClientException as exc:
            failure = errors.Unreachable(f"{self._service} cannot be asked: {_end(str(exc))}")
        # Not of the exception, which may quote what was sent.
        raise failure

    def _locate(self, path: str) -> str:
        """Return the URL of a path; an endpoint may be named with its version or without.

        :raises Unreachable: nobody knows where the service is.
        :raises Unauthorized: Keystone gives no token to ask for that.
        """
        try:
            # Here, so that what fails is known to be Keystone; the token is kept.
            if self._adapter.auth or self._adapter.session.auth:
                self._adapter.session.get_auth_headers(self._adapter.auth)
            endpoint = self._adapter.get_endpoint()
        except exceptions.HttpError as exc:
            status, reason = exc.http_status or 401, _end(str(exc))
        except exceptions.CatalogException:
            self._refuse_nowhere()
        except exceptions.ClientException as exc:
            status, reason = 0, _end(str(exc))
        else:
            if endpoint:
                return f"{endpoint.rstrip('/').removesuffix('/v1')}/v1/{path}"
            self._refuse_nowhere()
        if status:
            raise errors.Unauthorized(f"Keystone gives no token: {reason}", status)
        raise errors.Unreachable(f"Keystone cannot be asked: {reason}")

    def _refuse_nowhere(self) -> NoReturn:
        raise errors.Unreachable(
            f"{self._service} is not in the catalog: name its endpoint (endpoint_override)."
        )

    def _describe(self, url: str, exc: Exception, *, maybe_done: bool) -> errors.Unreachable:
        """Return the error for a service that does not answer."""
        place = url.partition("?")[0]
        if _is_refusal(exc):
            reason = "the connection is refused"
        elif isinstance(exc, exceptions.ConnectTimeout):
            reason = f"there was no answer within {self._timeout_seconds:g} s"
        else:
            reason = one_line(str(exc)).removeprefix(f"Unable to establish connection to {url}: ")
        rest = "; whether it was done all the same is not known" if maybe_done else ""
        message = f"{self._service} does not answer at {place}: {reason.rstrip('.')}{rest}."
        return errors.Unreachable(message, maybe_done=maybe_done)

    def _read(self, response: Any) -> dict[str, Any]:
        try:
            document = response.json()
        except (ValueError, RecursionError):
            document = None
        if not isinstance(document, dict):
            place = one_line(str(response.url)).partition("?")[0]
            raise errors.Odd(f"The answer of {self._service} at {place} is not a JSON object.")
        return document


def one_line(text: str) -> str:
    """Return a text that others wrote as one line, without what a terminal would obey."""
    line = " ".join(text.split())
    shown = "".join(each if each.isprintable() else "?" for each in line)
    return shown if len(shown) <= _MOST_CHARACTERS else f"{shown[:_MOST_CHARACTERS]}..."


def _end(text: str) -> str:
    """Return a text that others wrote as the end of a sentence."""
    return f"{one_line(text).rstrip('.')}."


def _translate(response: Any, service: str) -> errors.Refused:
    """Return the error that an answer is."""
    status: int = response.status_code
    told = _read_error(response)
    detail = told.get("detail") or told.get("title")
    request_id = told.get("request_id")
    place = one_line(str(response.url)).partition("?")[0]
    if status == 401:
        message = f"{service} wants a valid token, and got none that it accepts."
    elif isinstance(detail, str) and detail:
        message = _end(detail)
    else:
        message = f"{service} answers {status} {one_line(str(response.reason))}".rstrip() + "."
    if status == 404 and not told.get("code"):
        # Nothing of ours is missing there, rather all of it is elsewhere.
        message = f"{service} is not at {place}: {message}"
    if status >= 500 and isinstance(request_id, str):
        # Whoever keeps the service finds the reason by it.
        message = f"{message.rstrip('.')} ({one_line(request_id)})."
    code, meta = told.get("code"), told.get("meta")
    return errors.BY_STATUS.get(status, errors.Refused)(
        message,
        status,
        code if isinstance(code, str) else None,
        meta if isinstance(meta, dict) else None,
        request_id if isinstance(request_id, str) else None,
    )


def _read_error(response: Any) -> dict[str, Any]:
    try:
        told = json.loads(response.content)["errors"][0]
    except (ValueError, LookupError, TypeError, RecursionError):
        return {}
    return told if isinstance(told, dict) else {}


def _is_refusal(exc: Exception) -> bool:
    return "Connection refused" in str(exc)
