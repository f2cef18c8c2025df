# SPDX-License-Identifier: Apache-2.0
"""What an API refuses to start with, and where it listens."""

from __future__ import annotations

import socket
from collections.abc import Iterable
from typing import Any

import pytest
import requests
from oslo_config import cfg

from energybase import exception
from energybase.web import workers


def configure(**values: Any) -> cfg.ConfigOpts:
    """Return a configuration with a group ``web`` as every API has one."""
    conf = cfg.ConfigOpts()
    opts = [
        cfg.HostAddressOpt("host", default="127.0.0.1"),
        cfg.PortOpt("port", default=0),
        cfg.IntOpt("threads", default=1),
        cfg.StrOpt("auth_strategy", default="keystone"),
    ]
    conf.register_opts(opts, "web")
    conf([])
    for name, value in values.items():
        conf.set_override(name, value, "web")
    return conf


def answer(_environ: Any, start_response: Any) -> Iterable[bytes]:
    """Say yes to whatever is asked."""
    start_response("200 OK", [("Content-Length", "3")])
    return [b"yes"]


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1"])
def test_noauth_on_an_address_that_others_reach_is_unsafe(host: str) -> None:
    """The refusal names the group that is wrong."""
    conf = configure(auth_strategy="noauth", host=host)
    with pytest.raises(exception.ConfigurationInvalid, match=r"\[web\] host.*loopback"):
        workers.require_safe(conf, "web")


@pytest.mark.parametrize(
    ("auth_strategy", "host"), [("noauth", "127.0.0.1"), ("noauth", "::1"), ("keystone", "0.0.0.0")]
)
def test_who_asks_who_it_is_may_listen_anywhere(auth_strategy: str, host: str) -> None:
    """And noauth may on loopback."""
    workers.require_safe(configure(auth_strategy=auth_strategy, host=host), "web")


def test_it_serves_where_the_group_says() -> None:
    """Port 0 is any free one."""
    serving = workers.build_server(answer, configure(), "web")
    serving.start()
    try:
        assert requests.get(serving.url, timeout=30).text == "yes"
    finally:
        serving.stop()


def test_a_port_in_use_is_named() -> None:
    """As a mistake in the configuration, with its group."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        told = rf"\[web\] host, port: cannot listen on 127.0.0.1, port {port}: .*in use"
        with pytest.raises(exception.ConfigurationInvalid, match=told):
            workers.build_server(answer, configure(port=port), "web")
