# SPDX-License-Identifier: Apache-2.0
"""Conditional responses: entity tags, 304, compression.

Owns what HTTP says about a body (RFC 9110, sections 8.8 and 13), never what is
in it.  A body is compressed at most once, and not at all if nobody asks.
"""

from __future__ import annotations

import gzip
import hashlib
import threading
from collections.abc import Callable

import webob

JSON = "application/json"
#: Below this a compressed body saves nothing: it fits into one packet anyway.
_COMPRESS_FROM_BYTES = 1024


class Representation:
    """A body under a strong entity tag; immutable, shared by threads.

    :param tag: differs whenever the body does; without quotes.
    """

    def __init__(self, tag: str, body: bytes, content_type: str = JSON) -> None:
        self.tag = tag
        self.body = body
        self._content_type = content_type
        self._compressed: bytes | None = None
        self._lock = threading.Lock()

    @classmethod
    def of(cls, body: bytes) -> Representation:
        """Return a small body under the digest of its bytes."""
        return cls(hashlib.blake2b(body, digest_size=12).hexdigest(), body)

    def respond(self, request: webob.Request) -> webob.Response:
        """Return 200 with the body, or 304 to who has it already."""
        compress = len(self.body) >= _COMPRESS_FROM_BYTES and _wants_gzip(request)
        # A strong tag stands for bytes, hence the encodings need different
        # ones; but who has this version in the other encoding has it, too.
        plain, compressed = self.tag, f"{self.tag}-gzip"
        tag = compressed if compress else plain
        held = next((t for t in (tag, plain, compressed) if t in request.if_none_match), None)
        if held is not None:
            response = webob.Response(status=304, etag=held)
        else:
            body = self._compress() if compress else self.body
            response = webob.Response(body=body, etag=tag, content_type=self._content_type)
            if compress:
                response.content_encoding = "gzip"
        response.headers["Cache-Control"] = "no-cache, private"
        response.headers["Vary"] = "X-Auth-Token, Accept-Encoding"
        return response

    def _compress(self) -> bytes:
        with self._lock:
            if self._compressed is None:
                self._compressed = gzip.compress(self.body, compresslevel=1, mtime=0)
            return self._compressed


class Latest:
    """The newest version of a document, held by this process until a newer one is there.

    :param get_version: cheap; asked for every request.
    :param load: version and body; asked once per version.
    """

    def __init__(
        self, name: str, get_version: Callable[[], int], load: Callable[[], tuple[int, bytes]]
    ) -> None:
        self._name = name
        self._get_version = get_version
        self._load = load
        self._lock = threading.Lock()
        self._held: tuple[int, Representation] | None = None

    def get(self) -> Representation:
        """Return the document, at least as new as when it was asked for."""
        version = self._get_version()
        if held := self._find(version):
            return held
        with self._lock:
            # Another thread may have loaded it while this one waited.
            return self._find(version) or self._reload()

    def _find(self, version: int) -> Representation | None:
        held = self._held
        return held[1] if held is not None and held[0] == version else None

    def _reload(self) -> Representation:
        version, body = self._load()
        representation = Representation(f"{self._name}-{version}", body)
        self._held = (version, representation)
        return representation


def _wants_gzip(request: webob.Request) -> bool:
    # Without the header every encoding is acceptable, but plain is expected.
    if "gzip" not in request.environ.get("HTTP_ACCEPT_ENCODING", ""):
        return False
    offers = request.accept_encoding.acceptable_offers(["gzip", "identity"])
    return bool(offers) and offers[0][0] == "gzip"
