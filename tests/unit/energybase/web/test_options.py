# SPDX-License-Identifier: Apache-2.0
"""A service's own words, defaults and bounds are in the options that all services share."""

from __future__ import annotations

import pytest
from oslo_config import cfg

from energybase.web import options


def register(*opts: cfg.Opt) -> cfg.ConfigOpts:
    conf = cfg.ConfigOpts()
    conf([])
    conf.register_opts(opts, "site")
    return conf


def test_a_service_says_its_port_and_nothing_more() -> None:
    conf = register(*options.make_server_opts(9280))
    site = conf.site
    assert (site.host, site.port, site.workers, site.threads) == ("127.0.0.1", 9280, None, 4)


def test_another_has_words_and_bounds_of_its_own() -> None:
    opts = options.make_server_opts(1, threads=8, min_workers=0, help_texts={"host": "Here."})
    conf = register(*opts)
    conf.set_override("workers", 0, "site")
    assert (conf.site.threads, conf.site.workers) == (8, 0)
    assert [opt.help for opt in opts][:2] == ["Here.", "Port to listen on."]


def test_only_its_strategies_are_taken() -> None:
    conf = register(options.make_auth_opt([options.KEYSTONE, ("noauth", "everybody")]))
    assert conf.site.auth_strategy == "keystone"
    conf.set_override("auth_strategy", "noauth", "site")
    with pytest.raises(ValueError, match="link"):
        conf.set_override("auth_strategy", "link", "site")
