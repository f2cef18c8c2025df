# SPDX-License-Identifier: Apache-2.0
"""The API as its clients see it: every step in gabbits/ is one request.

Behind it are the real middleware, a real store on SQLite, and over HTTP as
much of Keystone as the middleware asks for.  Each file names the arrangement
it wants; all its steps are one test, since they follow from each other.
"""

from __future__ import annotations

import pathlib
import shutil
import sys
import tempfile
from collections.abc import Iterable
from typing import Any

import pytest
from gabbi import fixture

from kwapi.store import store
from tests.fakes import keystone
from tests.functional import gabbis
from tests.servers import apis

GABBITS = pathlib.Path(__file__).with_name("gabbits")


class _Served:
    """The API of the file that runs; gabbi wants to know it before its fixture has made it."""

    app: Any = None

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        return self.app(environ, start_response)  # type: ignore[no-any-return]


_served = _Served()


class Filled(fixture.GabbiFixture):  # type: ignore[misc]
    """Probes and wattmeters as in :mod:`tests.servers.apis`."""

    auth_strategy = "keystone"

    def start_fixture(self) -> None:
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="kwapi-gabbi-"))
        self.keystone = keystone.Keystone()
        section = f"[api]\nauth_strategy = {self.auth_strategy}\n"
        self.conf = apis.configure(self.folder, section + self.keystone.configure())
        self.fill()
        _served.app = apis.build(self.conf)

    def fill(self) -> None:
        apis.fill(store.open_store(self.conf))

    def stop_fixture(self) -> None:
        self.keystone.stop()
        shutil.rmtree(self.folder)


class Empty(Filled):
    """A database nobody wrote to yet."""

    def fill(self) -> None:
        pass


class NoAuth(Filled):
    """For this machine only."""

    auth_strategy = "noauth"


class StoreAway(Filled):
    """The database cannot be read."""

    def fill(self) -> None:
        for path in self.folder.glob("kwapi.sqlite*"):
            path.unlink()
        (self.folder / "kwapi.sqlite").write_bytes(b"this is no database " * 1000)


class KeystoneAway(Filled):
    """Nobody answers at Keystone's address."""

    def fill(self) -> None:
        super().fill()
        self.keystone.stop()

    def stop_fixture(self) -> None:
        shutil.rmtree(self.folder)


@pytest.mark.parametrize("name", gabbis.names(GABBITS))
def test_gabbit(name: str) -> None:
    """Every step of the file is answered as it says."""
    gabbis.run(GABBITS / f"{name}.yaml", "kwapi.example", sys.modules[__name__], _served)
