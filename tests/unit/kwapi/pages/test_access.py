# SPDX-License-Identifier: Apache-2.0
"""Who may look at the pages, and who is turned away."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest
from keystonemiddleware import auth_token
from oslo_config import cfg

from kwapi import exception
from kwapi.pages import access
from tests.unit.kwapi.pages import page_standins

KEY = "k/+=&%" * 6
QUOTED = "k%2F%2B%3D%26%25" * 6
STRANGER = "192.0.2.1"


@pytest.fixture
def pages(conf: cfg.ConfigOpts, tmp_path: Path) -> page_standins.Pages:
    made = page_standins.Pages(conf, tmp_path)
    made.write("A")
    return made


@pytest.fixture
def linked(conf: cfg.ConfigOpts, pages: page_standins.Pages) -> page_standins.Pages:
    """Pages that open by a shared link only."""
    conf.set_override("auth_strategy", "link", "rrd")
    conf.set_override("link_key", KEY, "rrd")
    return pages


@pytest.fixture
def proxied(conf: cfg.ConfigOpts, pages: page_standins.Pages) -> page_standins.Pages:
    """Pages that a reverse proxy lets people in to."""
    conf.set_override("auth_strategy", "proxy_header", "rrd")
    conf.set_override("trusted_proxies", ["192.0.2.0/28", "2001:db8::5"], "rrd")
    return pages


def test_by_default_only_this_machine_may_look(pages: page_standins.Pages) -> None:
    assert pages.ask("/last/minute/").status_int == 200
    for path in ("/last/minute/", "/probe/A/", "/graph/day/", "/series/day/A/", "/totals/", "/"):
        assert pages.ask(path, STRANGER).status_int == 403


def test_by_default_a_proxy_on_this_machine_opens_nothing(pages: page_standins.Pages) -> None:
    assert pages.ask("/last/minute/", X_Forwarded_For=STRANGER).status_int == 403


@pytest.mark.parametrize(
    "path",
    ["/last/minute/", "/probe/A/", "/probe/none/", "/graph/day/", "/graph/day/A/", "/list/day/",
     "/series/day/", "/series/day/A/", "/totals/", "/nothing/"],
)  # fmt: skip
def test_without_the_link_nothing_is_told(linked: page_standins.Pages, path: str) -> None:
    assert linked.ask(path).status_int == 401
    assert linked.ask(path, Cookie="kwapi_link=").status_int == 401
    assert linked.ask(path, Cookie=f"kwapi_link={QUOTED}").status_int == 401
    assert (linked.grapher.drawn, linked.series.asked) == (0, 0)


def test_the_link_becomes_a_cookie(linked: page_standins.Pages) -> None:
    """The key leaves the address, and is not in the cookie."""
    answer = linked.ask(f"/last/minute/?sort=watts&key={QUOTED}&q=a%20b", STRANGER)
    assert answer.status_int == 303
    assert answer.headers["Location"] == "./?sort=watts&q=a+b"
    cookie = answer.headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    assert KEY not in cookie
    assert answer.headers["Cache-Control"] == "no-store"
    shown = linked.ask("/last/minute/", STRANGER, Cookie=cookie.partition(";")[0])
    assert shown.status_int == 200


def test_over_tls_the_cookie_stays_there(linked: page_standins.Pages) -> None:
    assert "secure" in linked.ask(f"https://x/?key={QUOTED}").headers["Set-Cookie"].lower()
    assert "secure" not in linked.ask(f"http://x/?key={QUOTED}").headers["Set-Cookie"].lower()


@pytest.mark.parametrize(
    ("path", "location"),
    [
        ("/?key={}", "./"),
        ("/last/hour?key={}", "./hour"),
        ("//evil.example/?key={}", "./"),
        ("//evil.example?key={}", "./evil.example"),
        ("/a%0d%0aX:%20y?key={}", "./a%0D%0AX%3A%20y"),
    ],
)
def test_the_link_leads_nowhere_else(linked: page_standins.Pages, path: str, location: str) -> None:
    assert linked.ask(path.format(QUOTED)).headers["Location"] == location


@pytest.mark.parametrize("key", ["", "zz9", QUOTED[:-3], QUOTED + "x", "%ff%fe", "ä" * 36])
def test_a_wrong_key_opens_nothing(
    linked: page_standins.Pages, key: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Nor is it logged: it may be an old one, or the right one with a letter missing."""
    caplog.set_level(logging.DEBUG)
    answer = linked.ask(f"/last/minute/?key={key}")
    assert answer.status_int in (400, 401)
    assert "Set-Cookie" not in answer.headers
    assert not key or key not in caplog.text


def test_the_right_key_is_not_logged(
    linked: page_standins.Pages, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    linked.ask(f"/last/minute/?key={QUOTED}")
    linked.ask(f"/nothing/?key={QUOTED}")
    assert KEY not in caplog.text
    assert QUOTED not in caplog.text


def test_who_has_no_link_reads_how_to_get_one(linked: page_standins.Pages) -> None:
    answer = linked.browse("/last/minute/")
    assert answer.status_int == 401
    assert "shared link" in answer.text
    assert "A valid token" not in answer.text


@pytest.mark.parametrize(
    ("key", "strategy"), [(None, "link"), ("short", "link"), ("x", "keystone")]
)
def test_a_key_that_can_be_guessed_stops_the_start(
    conf: cfg.ConfigOpts, key: str | None, strategy: str
) -> None:
    conf.set_override("auth_strategy", strategy, "rrd")
    conf.set_override("link_key", key, "rrd")
    with pytest.raises(exception.ConfigurationInvalid, match="link_key.*32 characters"):
        access.make_doors(conf)


@pytest.mark.parametrize("address", ["192.0.2.1", "::ffff:192.0.2.1", "2001:db8::5"])
def test_whom_a_trusted_proxy_names_may_look(proxied: page_standins.Pages, address: str) -> None:
    assert proxied.ask("/last/minute/", address, X_Remote_User="ada").status_int == 200


@pytest.mark.parametrize("address", ["127.0.0.1", "192.0.2.16", "2001:db8::6", "", "x"])
def test_anybody_elses_header_counts_for_nothing(
    proxied: page_standins.Pages, address: str
) -> None:
    assert proxied.ask("/last/minute/", address, X_Remote_User="ada").status_int == 401


@pytest.mark.parametrize("user", ["", " ", "a\x00b", "x" * 256])
def test_a_proxy_must_name_somebody(proxied: page_standins.Pages, user: str) -> None:
    assert proxied.ask("/last/minute/", STRANGER, X_Remote_User=user).status_int == 401
    assert proxied.ask("/last/minute/", STRANGER).status_int == 401


def test_a_forwarded_address_does_not_make_a_trusted_proxy(
    conf: cfg.ConfigOpts, proxied: page_standins.Pages
) -> None:
    """Only the socket tells where a request comes from, even if headers are parsed."""
    proxied.ask("/")  # registers the options of the middleware
    conf.set_override("enable_proxy_headers_parsing", True, "oslo_middleware")
    again = page_standins.Pages(conf, Path(conf.state_path))
    headers = {"X_Remote_User": "ada", "X_Forwarded_For": STRANGER}
    assert again.ask("/last/minute/", "198.51.100.9", **headers).status_int == 401


@pytest.mark.parametrize("text", ["proxy.example", "192.0.2.0/33", "*"])
def test_a_proxys_address_must_be_one(conf: cfg.ConfigOpts, text: str) -> None:
    conf.set_override("auth_strategy", "proxy_header", "rrd")
    conf.set_override("trusted_proxies", [text], "rrd")
    with pytest.raises(exception.ConfigurationInvalid, match="trusted_proxies"):
        access.make_doors(conf)


def test_a_link_works_beside_tokens(conf: cfg.ConfigOpts, pages: page_standins.Pages) -> None:
    for group, options in auth_token.list_opts():
        conf.register_opts(options, group)
    conf.set_override("www_authenticate_uri", "http://127.0.0.1:9/v3", "keystone_authtoken")
    conf.set_override("auth_strategy", "keystone", "rrd")
    conf.set_override("link_key", KEY, "rrd")
    assert pages.ask("/last/minute/").status_int == 401
    cookie = pages.ask(f"/?key={QUOTED}").headers["Set-Cookie"].partition(";")[0]
    assert pages.ask("/last/minute/", Cookie=cookie).status_int == 200


def test_styles_and_health_are_for_everybody(linked: page_standins.Pages) -> None:
    page = linked.browse("/last/minute/").text
    style = page.partition('rel="stylesheet" href="')[2].partition('"')[0]
    assert linked.ask(style).status_int == 200
    assert linked.ask("/healthcheck").status_int == 200
