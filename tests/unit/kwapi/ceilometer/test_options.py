# SPDX-License-Identifier: Apache-2.0
"""Section [kwapi] of Ceilometer's configuration."""

from __future__ import annotations

import pathlib

from oslo_config import cfg

from kwapi.ceilometer import options


def load(folder: pathlib.Path, text: str) -> cfg.ConfigOpts:
    """Return a configuration of this text that knows none of our options."""
    path = folder / "ceilometer.conf"
    path.write_text(text)
    conf = cfg.ConfigOpts()
    conf([], default_config_files=[str(path)], default_config_dirs=[])
    return conf


def test_defaults(tmp_path: pathlib.Path) -> None:
    """A probe is called as its host."""
    stale_after_seconds, timeout_seconds, hosts = options.read(load(tmp_path, ""))
    assert (stale_after_seconds, timeout_seconds) == (180.0, 10.0)
    assert hosts.host_of("node-1") == "node-1"


def test_what_is_said(tmp_path: pathlib.Path) -> None:
    """Each pollster reads the same configuration again."""
    conf = load(
        tmp_path,
        "[kwapi]\nstale_after_seconds = 30\ntimeout_seconds = 2\n"
        "host_pattern = rack-(?P<host>.+)\nhost_probes = a:x y,b:10.0.0.1:3\n",
    )
    for _ in range(2):
        stale_after_seconds, timeout_seconds, hosts = options.read(conf)
        assert (stale_after_seconds, timeout_seconds) == (30.0, 2.0)
        named = ("x", "y", "10.0.0.1:3", "rack-c", "c")
        assert list(map(hosts.host_of, named)) == ["a", "a", "b", "c", None]


def test_all_of_them_are_in_the_sample() -> None:
    """As the generator asks for them."""
    ((group, listed),) = options.list_opts()
    assert group == "kwapi"
    assert all(option.help for option in listed)
