# SPDX-License-Identifier: Apache-2.0
"""The real WSGI applications of Kwapi and Climate behind a real HTTP server."""

from __future__ import annotations

import pathlib
from collections.abc import Callable
from collections.abc import Iterator
from typing import Any

import pytest
from keystoneauth1 import adapter as adapters
from keystoneauth1 import noauth
from keystoneauth1 import session
from keystoneauth1 import token_endpoint

from energybase.web import server
from kwapi.store import store
from tests.servers import apis
from tests.servers import climate_apis

MakeAdapter = Callable[..., adapters.Adapter]


def make_adapter(url: str, service_type: str, token: str | None = None) -> adapters.Adapter:
    """Return a way to a service, with a token or without."""
    auth = token_endpoint.Token(url, token) if token else noauth.NoAuth(endpoint=url)
    return adapters.Adapter(session.Session(auth=auth), service_type=service_type)


def serve(app: Any) -> Iterator[str]:
    """Yield the URL of an application, below which its versions are."""
    serving = server.Server(app)
    serving.start()
    yield serving.url
    serving.stop()


@pytest.fixture(scope="session")
def kwapi_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Where Kwapi's API is, with what :mod:`tests.servers.apis` lays down."""
    conf = apis.configure(tmp_path_factory.mktemp("kwapi"), "[api]\nauth_strategy = noauth\n")
    apis.fill(store.open_store(conf))
    yield from serve(apis.build(conf))


@pytest.fixture
def climate(tmp_path: pathlib.Path) -> Iterator[climate_apis.Climate]:
    """Climate with six hosts, whose services answer in this process."""
    text = "[lease_api]\nauth_strategy = noauth\ndefault_page_size = 2\n"
    made = climate_apis.make(text, by_rpc=False)
    yield made
    made.stop()


@pytest.fixture
def climate_url(climate: climate_apis.Climate) -> Iterator[str]:
    """Where its API is."""
    yield from serve(climate.app)
