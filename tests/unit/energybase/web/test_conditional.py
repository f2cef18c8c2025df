# SPDX-License-Identifier: Apache-2.0
"""A client that has the newest bytes is told so, and gets nothing else."""

from __future__ import annotations

import gzip
import threading

import hypothesis
import pytest
import webob
from hypothesis import strategies

from energybase.web import conditional

BODY = b"x" * 5000


def ask(shown: conditional.Representation, **headers: str) -> webob.Response:
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    return shown.respond(webob.Request.blank("/", headers=names))


@pytest.mark.parametrize("sent", ['"t-1"', 'W/"t-1"', '"other", "t-1"', "*"])
def test_who_has_it_gets_304_without_a_body(sent: str) -> None:
    response = ask(conditional.Representation("t-1", BODY), If_None_Match=sent)
    assert (response.status_int, response.body) == (304, b"")
    assert response.headers["ETag"] == '"t-1"'
    assert "Content-Type" not in response.headers


@pytest.mark.parametrize("sent", ['"t-2"', 'W/"t-2"', '"t-1', "t", '""', ","])
def test_who_has_another_gets_it_all(sent: str) -> None:
    response = ask(conditional.Representation("t-1", BODY), If_None_Match=sent)
    assert (response.status_int, response.body) == (200, BODY)


def test_every_answer_says_that_it_is_private_and_to_be_asked_for_again() -> None:
    for headers in ({}, {"If_None_Match": "*"}):
        response = ask(conditional.Representation("t", BODY), **headers)
        assert response.headers["Cache-Control"] == "no-cache, private"
        assert response.headers["Vary"] == "X-Auth-Token, Accept-Encoding"


@pytest.mark.parametrize("accepted", ["gzip", "gzip, deflate, br", "gzip;q=0.5, identity;q=0.1"])
def test_a_large_body_is_compressed_for_who_asks(accepted: str) -> None:
    response = ask(conditional.Representation("t", BODY), Accept_Encoding=accepted)
    assert response.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(response.body) == BODY
    assert int(response.headers["Content-Length"]) == len(response.body) < len(BODY)


@pytest.mark.parametrize("accepted", ["", "identity", "gzip;q=0", "br", "identity, gzip;q=0.1"])
def test_a_body_is_plain_for_who_does_not(accepted: str) -> None:
    response = ask(conditional.Representation("t", BODY), Accept_Encoding=accepted)
    assert response.body == BODY
    assert "Content-Encoding" not in response.headers


def test_a_small_body_is_never_compressed() -> None:
    response = ask(conditional.Representation("t", b"small"), Accept_Encoding="gzip")
    assert response.body == b"small"


def test_other_bytes_have_another_tag() -> None:
    shown = conditional.Representation("t", BODY)
    plain, compressed = ask(shown), ask(shown, Accept_Encoding="gzip")
    assert plain.headers["ETag"] != compressed.headers["ETag"]
    again = ask(shown, Accept_Encoding="gzip", If_None_Match=compressed.headers["ETag"])
    assert again.status_int == 304


def test_it_is_compressed_once() -> None:
    shown = conditional.Representation("t", BODY)
    bodies = [ask(shown, Accept_Encoding="gzip").body for _ in range(2)]
    assert bodies[0] is bodies[1]


@hypothesis.given(strategies.binary(), strategies.binary())
def test_the_tag_of_a_small_document_tells_its_bytes_apart(one: bytes, other: bytes) -> None:
    tags = [conditional.Representation.of(body).tag for body in (one, other)]
    assert (tags[0] == tags[1]) == (one == other)


class Source:
    """A document with versions, that counts how often it is read."""

    def __init__(self) -> None:
        self.version = 0
        self.loads = 0

    def get_version(self) -> int:
        return self.version

    def load(self) -> tuple[int, bytes]:
        self.loads += 1
        return self.version, f"body {self.version}".encode()


def test_a_version_is_loaded_once() -> None:
    source = Source()
    latest = conditional.Latest("name", source.get_version, source.load)
    assert [latest.get().body for _ in range(3)] == [b"body 0"] * 3
    assert source.loads == 1


@pytest.mark.parametrize("version", [1, -1])
def test_another_version_is_loaded_anew(version: int) -> None:
    """A lower one too: the database may have been made anew."""
    source = Source()
    latest = conditional.Latest("name", source.get_version, source.load)
    before = latest.get()
    source.version = version
    after = latest.get()
    assert after.body == f"body {version}".encode()
    assert before.tag != after.tag


def test_threads_that_ask_at_once_load_once() -> None:
    source = Source()
    meet = threading.Barrier(8)

    def get_version() -> int:
        meet.wait(10)
        return 0

    latest = conditional.Latest("name", get_version, source.load)
    threads = [threading.Thread(target=latest.get) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert source.loads == 1


def test_a_load_that_fails_is_tried_again() -> None:
    source = Source()
    failures = [OSError()]

    def load() -> tuple[int, bytes]:
        if failures:
            raise failures.pop()
        return source.load()

    latest = conditional.Latest("name", source.get_version, load)
    with pytest.raises(OSError):
        latest.get()
    assert latest.get().body == b"body 0"
