# SPDX-License-Identifier: Apache-2.0
"""The pages as programs see them: every step in rrd_gabbits/ is one request.

Behind them are the real middleware, real RRD files, and over HTTP as much of
Keystone as the middleware asks for.  Each file names the arrangement it wants;
all its steps are one test, since they follow from each other.
"""

from __future__ import annotations

import os
import pathlib
import shutil
import sys
import tempfile
from collections.abc import Iterable
from typing import Any

import pytest
from gabbi import fixture

from kwapi.pages import static_files
from tests.fakes import keystone
from tests.functional import gabbis
from tests.servers import rack_pages

GABBITS = pathlib.Path(__file__).with_name("rrd_gabbits")
LINK_KEY = "0123456789abcdef0123456789abcdef"


class _Served:
    """The pages of the file that runs; gabbi wants to know them before its fixture has."""

    app: Any = None

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        # Nobody is at the other end of a call: somebody is where a step says.
        environ["REMOTE_ADDR"] = environ.pop("HTTP_X_TEST_ADDRESS", "127.0.0.1")
        return self.app(environ, start_response)  # type: ignore[no-any-return]


_served = _Served()


class Filled(fixture.GabbiFixture):  # type: ignore[misc]
    """Five minutes of the simulated rack, and probes with odd names; Keystone's tokens wanted."""

    text = "auth_strategy = keystone\n"

    def start_fixture(self) -> None:
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="kwapi-gabbi-"))
        self.keystone = keystone.Keystone()
        text = self.text + self.keystone.configure()
        self.pages = rack_pages.Pages(self.folder, text, serve=False)
        self.fill()
        _served.app = self.pages.app
        os.environ["RELEASE"] = static_files.StaticFiles.load().version

    def fill(self) -> None:
        self.pages.write(rack_pages.make_day(seconds=300))
        self.pages.write(rack_pages.make_odd())

    def stop_fixture(self) -> None:
        self.pages.close()
        self.keystone.stop()
        shutil.rmtree(self.folder)


class NoAuth(Filled):
    """For this machine only."""

    text = "auth_strategy = noauth\n"


class Link(Filled):
    """For who has the link."""

    text = f"auth_strategy = link\nlink_key = {LINK_KEY}\n"


class Proxy(Filled):
    """For whom a proxy at 192.0.2.1 lets in, or who has the link."""

    text = (
        "auth_strategy = proxy_header\nproxy_user_header = X-Forwarded-User\n"
        f"trusted_proxies = 192.0.2.1\nlink_key = {LINK_KEY}\n"
    )


class Empty(NoAuth):
    """Nothing was measured yet."""

    def fill(self) -> None:
        pass


class NoRrdtool(Filled):
    """The program that draws is not there."""

    text = "auth_strategy = noauth\nrrdtool = /nowhere/rrdtool\n"


@pytest.mark.parametrize("name", gabbis.names(GABBITS))
def test_gabbit(name: str) -> None:
    """Every step of the file is answered as it says."""
    gabbis.run(GABBITS / f"{name}.yaml", "power.example", sys.modules[__name__], _served)
