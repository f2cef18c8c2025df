# SPDX-License-Identifier: Apache-2.0
"""A product's options and how its processes load them, on a product of the tests' own."""

from __future__ import annotations

from pathlib import Path

import pytest
from oslo_config import cfg

from energybase import product

SOLAR = product.Product(
    "solar",
    title="Solar",
    options=(
        ("panel", [cfg.IntOpt("tilt", default=30)]),
        ("grid", [cfg.BoolOpt("feed", default=False)]),
        ("panel", [cfg.IntOpt("azimuth", default=180)]),
    ),
    log_levels=("panels=WARN",),
    cors_methods=("GET",),
)


def test_a_group_named_twice_is_listed_once_in_the_order_given() -> None:
    listed = [(group, [opt.dest for opt in opts]) for group, opts in SOLAR.list_opts()]
    assert listed == [
        (None, ["state_path"]),
        ("panel", ["tilt", "azimuth"]),
        ("grid", ["feed"]),
    ]


def test_files_are_read_and_the_command_line_counts_more(tmp_path: Path) -> None:
    path = tmp_path / "solar.conf"
    path.write_text("[DEFAULT]\nstate_path = /ignored\n[panel]\ntilt = 45\n")
    conf = SOLAR.load(["--config-file", str(path), "--state-path", str(tmp_path)], "solar-api")
    assert (conf.state_path, conf.panel.tilt, conf.panel.azimuth) == (str(tmp_path), 45, 180)


def test_a_product_without_files_has_its_defaults() -> None:
    """None of /etc/solar exists, and files of other programs are not looked for."""
    conf = SOLAR.load([], "solar-api", files=("solar.conf", "panels.conf"))
    assert conf.config_file == []
    assert conf.state_path == "/var/lib/solar"


def test_talkative_libraries_are_quiet() -> None:
    conf = SOLAR.load([], "solar-api")
    assert {"kombu=WARN", "waitress=WARN", "panels=WARN"} <= set(conf.default_log_levels)


def test_options_may_be_registered_twice() -> None:
    conf = cfg.ConfigOpts()
    SOLAR.register_opts(conf)
    SOLAR.register_opts(conf)
    conf([], default_config_files=[])
    assert conf.grid.feed is False


@pytest.mark.parametrize("option", ["--tilt", "--grid-feed"])
def test_options_of_a_group_are_none_of_the_command_line(option: str) -> None:
    with pytest.raises(SystemExit):
        SOLAR.load([option, "1"], "solar-api")
