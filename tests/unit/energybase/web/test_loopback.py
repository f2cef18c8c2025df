# SPDX-License-Identifier: Apache-2.0
"""Without authentication nobody else's request is answered."""

from __future__ import annotations

from typing import Any

import pytest
import webob

from energybase.web import errors
from energybase.web import loopback


def ask(**environ: Any) -> int:
    app = errors.Errors(loopback.LoopbackOnly(webob.Response(status=200)), service="kwapi")
    return webob.Request.blank("/", environ=environ).get_response(app).status_int


@pytest.mark.parametrize("address", ["192.0.2.1", "::", "2001:db8::1", "", "unix", "127.0.0.1.a"])
def test_other_machines_are_refused(address: str) -> None:
    assert ask(REMOTE_ADDR=address) == 403


def test_who_does_not_say_where_from_is_refused() -> None:
    assert ask() == 403


@pytest.mark.parametrize("header", ["HTTP_FORWARDED", "HTTP_X_FORWARDED_FOR"])
def test_a_proxy_on_this_machine_is_refused(header: str) -> None:
    assert ask(REMOTE_ADDR="127.0.0.1", **{header: "127.0.0.1"}) == 403


@pytest.mark.parametrize("address", ["127.0.0.1", "127.8.8.8", "::1"])
def test_this_machine_is_answered(address: str) -> None:
    assert ask(REMOTE_ADDR=address) == 200


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1", "127.1.2.3"])
def test_a_loopback_address_is_known(host: str) -> None:
    assert loopback.is_loopback(host)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "no such name", "x" * 300])
def test_any_other_is_not(host: str) -> None:
    assert not loopback.is_loopback(host)
