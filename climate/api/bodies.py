# SPDX-License-Identifier: Apache-2.0
"""Reads the body of a request: one JSON object, of bounded size.

Owns reading it once, before anything else looks for parameters in it; and what JSON
leaves open: no repeated member, no infinite number, no lone surrogate.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterable
from typing import Any
from typing import NamedTuple
from typing import NoReturn
from wsgiref.types import StartResponse
from wsgiref.types import WSGIApplication
from wsgiref.types import WSGIEnvironment

import webob

from climate import exception
from energybase.web import conditional
from energybase.web import errors

_BODY = "climate.api.body"


class _Body(NamedTuple):
    content_type: str
    data: bytes


class Bodies:
    """Middleware that reads the body and leaves none: 413 if it is too long."""

    def __init__(self, app: WSGIApplication, max_bytes: int) -> None:
        self._app = app
        self._max_bytes = max_bytes

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        data = self._read(environ)
        environ[_BODY] = _Body(environ.pop("CONTENT_TYPE", ""), data)
        environ["wsgi.input"] = io.BytesIO()
        environ["CONTENT_LENGTH"] = "0"
        return self._app(environ, start_response)

    def _read(self, environ: WSGIEnvironment) -> bytes:
        told = environ.get("CONTENT_LENGTH") or ""
        if told and not (told.isascii() and told.isdecimal()):
            raise errors.RequestRefused(400, "The header Content-Length is no number.")
        # Without it there is no body, unless the server says where it ends.
        length = int(told[:20]) if told else None
        if length is None and not environ.get("wsgi.input_terminated"):
            return b""
        if length is not None and length > self._max_bytes:
            self._refuse()
        # One byte more than may be shows that there are too many.
        wanted = self._max_bytes + 1 if length is None else length
        data: bytes = _read_all(environ["wsgi.input"], wanted)
        if len(data) > self._max_bytes:
            self._refuse()
        if length is not None and len(data) < length:
            raise errors.RequestRefused(400, "The body is shorter than was announced.")
        return data

    def _refuse(self) -> NoReturn:
        raise errors.RequestRefused(413, f"A body may have {self._max_bytes} bytes at most.")


def load(request: webob.Request) -> dict[str, Any]:
    """Return the JSON object that the request brings.

    :raises RequestRefused: 415.
    :raises RequestInvalid: it is none; why.
    """
    body: _Body = request.environ[_BODY]
    _require_json(body.content_type)
    try:
        document = _parse(body.data)
    except json.JSONDecodeError as exc:
        reason = f"is not JSON: {exc.msg} at character {exc.pos}"
    except UnicodeDecodeError:
        reason = "is not UTF-8"
    except UnicodeEncodeError:
        reason = "holds half of a character, a lone surrogate"
    except RecursionError:
        reason = "is nested too deep"
    except ValueError as exc:
        reason = str(exc)
    else:
        return document
    raise exception.RequestInvalid(where="body", reason=reason)


def _read_all(stream: Any, length: int) -> bytes:
    """Return so many bytes, or all there are: a server may hand them out in pieces."""
    pieces = []
    while length > 0 and (piece := stream.read(length)):
        pieces.append(piece)
        length -= len(piece)
    return b"".join(pieces)


def _require_json(content_type: str) -> None:
    kind, _, parameters = content_type.lower().partition(";")
    charset = parameters.strip().removeprefix("charset=").strip('"')
    if kind.strip() not in ("", conditional.JSON) or charset not in ("", "utf-8"):
        raise errors.RequestRefused(415, "The body must be application/json, in UTF-8.")


def _parse(data: bytes) -> dict[str, Any]:
    document = json.loads(
        data.decode(),
        object_pairs_hook=_make_object,
        parse_constant=_refuse_constant,
        parse_float=_parse_float,
        parse_int=_parse_int,
    )
    if not isinstance(document, dict):
        raise ValueError("must be a JSON object")
    # What cannot be written could not be kept either.
    json.dumps(document, ensure_ascii=False).encode()
    return document


def _make_object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) < len(pairs):
        raise ValueError("has a member twice")
    return made


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"is not JSON: {name} is no number")


def _parse_float(text: str) -> float:
    number = float(text)
    if abs(number) == float("inf"):
        raise ValueError("has a number that is too large")
    return number


def _parse_int(text: str) -> int:
    # What goes into 64 bits has 19 digits at most, and a sign.
    if len(text) > 20:
        raise ValueError("has a number that is too large")
    return int(text)
