# SPDX-License-Identifier: Apache-2.0
"""What of a body is taken: one JSON object, not too long, read once."""

from __future__ import annotations

import contextlib
import io
import json
from typing import Any

import hypothesis
import pytest
import webob
from hypothesis import strategies

from climate import exception
from climate.api import bodies
from energybase.web import errors

LONGEST = 100


def load(
    data: bytes, environ: dict[str, Any] | None = None, longest: int = LONGEST
) -> dict[str, Any]:
    """Return what the application behind the middleware loads."""
    loaded: list[dict[str, Any]] = []

    def answer(seen: dict[str, Any], start_response: Any) -> list[bytes]:
        assert seen["wsgi.input"].read() == b""
        loaded.append(bodies.load(webob.Request(seen)))
        start_response("200 OK", [])
        return []

    base = webob.Request.blank("/", environ={"REQUEST_METHOD": "POST"}).environ
    base |= {
        "wsgi.input": io.BytesIO(data),
        "CONTENT_LENGTH": str(len(data)),
        "CONTENT_TYPE": "application/json",
    }
    bodies.Bodies(answer, longest)({**base, **(environ or {})}, lambda *_: None)
    return loaded[0]


def test_an_object() -> None:
    assert load('{"a": [1, 2.5, "ä", null, true]}'.encode()) == {"a": [1, 2.5, "ä", None, True]}


@pytest.mark.parametrize(
    "kind",
    ["", "application/json", "Application/JSON; charset=UTF-8", 'application/json;charset="utf-8"'],
)
def test_kinds_of_content_that_are_taken(kind: str) -> None:
    assert load(b"{}", {"CONTENT_TYPE": kind}) == {}


@pytest.mark.parametrize(
    "kind",
    ["text/plain", "application/x-www-form-urlencoded", "application/json; charset=latin-1", ";="],
)
def test_kinds_of_content_that_are_not(kind: str) -> None:
    with pytest.raises(errors.RequestRefused, match=r"application/json") as caught:
        load(b"{}", {"CONTENT_TYPE": kind})
    assert caught.value.code == 415


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "not JSON"),
        (b"{", "not JSON"),
        (b"{} {}", "not JSON"),
        (b"[]", "object"),
        (b"1", "object"),
        (b'"text"', "object"),
        (b"null", "object"),
        (b'{"a": NaN}', "NaN is no number"),
        (b'{"a": -Infinity}', "Infinity is no number"),
        (b'{"a": 1e999}', "too large"),
        (b'{"a": -1e999}', "too large"),
        (b'{"a": 1' + b"0" * 50 + b"}", "too large"),
        (b'{"a": 1, "a": 1}', "twice"),
        (b'{"a": {"b": 1, "b": 2}}', "twice"),
        (b'{"a": "\xff"}', "not UTF-8"),
        (b"\xff\xfe{\x00}\x00", "not UTF-8"),
        (b"\xef\xbb\xbf{}", "not JSON"),
        (b'{"a": "\\ud800"}', "half of a character"),
        (b'{"\\udfff": 1}', "half of a character"),
    ],
)
def test_what_is_no_object_is_refused(data: bytes, reason: str) -> None:
    with pytest.raises(exception.RequestInvalid, match=reason) as caught:
        load(data)
    assert caught.value.meta == {"member": "body"}


@pytest.mark.parametrize("begin", [b"[", b'{"a":'])
def test_nested_without_end(begin: bytes) -> None:
    with pytest.raises(exception.RequestInvalid, match="nested too deep"):
        load(begin * 100_000, longest=1_000_000)


def test_as_long_as_may_be() -> None:
    data = b'{"a": "' + b"x" * (LONGEST - 9) + b'"}'
    assert len(data) == LONGEST
    assert load(data)["a"].startswith("xx")


@pytest.mark.parametrize(
    "environ",
    [{}, {"CONTENT_LENGTH": "9" * 500}, {"CONTENT_LENGTH": "", "wsgi.input_terminated": True}],
)
def test_longer_is_refused(environ: dict[str, Any]) -> None:
    with pytest.raises(errors.RequestRefused, match="100 bytes") as caught:
        load(b"x" * (LONGEST + 1), environ)
    assert caught.value.code == 413


def test_a_length_that_is_told_is_not_read_first() -> None:
    class Closed(io.BytesIO):
        def read(self, *_: Any) -> bytes:
            raise AssertionError("nobody should read")

    with pytest.raises(errors.RequestRefused) as caught:
        load(b"x" * 101, {"wsgi.input": Closed()})
    assert caught.value.code == 413


def test_chunks_without_length_are_read_to_their_end() -> None:
    environ = {"CONTENT_LENGTH": "", "wsgi.input_terminated": True}
    assert load(b'{"a": 1}', environ) == {"a": 1}


def test_a_body_in_pieces() -> None:
    class Slow(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            return super().read(min(size or 0, 3))

    assert load(b'{"a": 1}', {"wsgi.input": Slow(b'{"a": 1}')}) == {"a": 1}


def test_a_connection_that_broke_is_no_short_body() -> None:
    with pytest.raises(errors.RequestRefused, match="shorter") as caught:
        load(b"{}", {"CONTENT_LENGTH": "3"})
    assert caught.value.code == 400


@pytest.mark.parametrize("length", ["-1", "1x", " 1", "٣", "+2"])
def test_a_length_that_is_none(length: str) -> None:
    with pytest.raises(errors.RequestRefused, match="Content-Length") as caught:
        load(b"{}", {"CONTENT_LENGTH": length})
    assert caught.value.code == 400


_JSON = strategies.recursive(
    strategies.none() | strategies.booleans() | strategies.text(max_size=3),
    lambda inner: strategies.lists(inner, max_size=3),
    max_leaves=3,
)


@hypothesis.given(strategies.dictionaries(strategies.text(max_size=3), _JSON, max_size=2))
def test_what_is_written_is_read(document: dict[str, Any]) -> None:
    data = json.dumps(document).encode()
    hypothesis.assume(len(data) <= LONGEST)
    assert load(data) == document


@hypothesis.given(strategies.binary(max_size=120))
def test_any_bytes_are_an_object_or_refused(data: bytes) -> None:
    with contextlib.suppress(errors.RequestRefused, exception.RequestInvalid):
        assert isinstance(load(data), dict)
