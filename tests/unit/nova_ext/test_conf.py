# SPDX-License-Identifier: Apache-2.0
"""Group [climate] of Nova's configuration."""

from __future__ import annotations

import configparser
from collections.abc import Iterator
from pathlib import Path

import pytest
from keystoneauth1 import session
from oslo_config import cfg

from nova_ext import conf
from tests.fakes import climate as fake_climate

TOP = Path(__file__).resolve().parents[3]


@pytest.fixture
def climate() -> Iterator[fake_climate.FakeClimate]:
    server = fake_climate.FakeClimate()
    server.start()
    yield server
    server.stop()


def load(tmp_path: Path, text: str) -> cfg.ConfigOpts:
    path = tmp_path / "nova.conf"
    path.write_text(f"[climate]\n{text}\n")
    opened = cfg.ConfigOpts()
    opened([], default_config_files=[str(path)])
    conf.register_opts(opened)
    return opened


def test_defaults(tmp_path: Path) -> None:
    options = load(tmp_path, "").climate
    assert options.timeout_seconds == 2.0
    assert options.on_error == "last_known"
    assert options.last_known_max_age_seconds == 300.0
    assert options.efficiency_weight_multiplier == 1.0
    assert options.service_type == "lease"
    assert options.valid_interfaces == ["internal", "public"]


def test_registered_twice(tmp_path: Path) -> None:
    """By the filter, and by the weigher."""
    conf.register_opts(load(tmp_path, ""))


def test_endpoint_without_a_token(tmp_path: Path, climate: fake_climate.FakeClimate) -> None:
    """For a Climate that asks for none."""
    text = f"endpoint_override = {climate.url}"
    opened = load(tmp_path, text)
    conf.open_client(opened).get_ranking()
    assert "X-Auth-Token" not in climate.requests[0][1]


def test_token(tmp_path: Path, climate: fake_climate.FakeClimate) -> None:
    text = f"auth_type = admin_token\nendpoint = {climate.url}\ntoken = a-token"
    conf.open_client(load(tmp_path, text)).get_ranking()
    assert climate.requests[0][1]["X-Auth-Token"] == "a-token"


def test_no_way_to_log_in(tmp_path: Path) -> None:
    with pytest.raises(cfg.RequiredOptError, match=r"auth_type in group \[climate\]"):
        conf.open_client(load(tmp_path, ""))


@pytest.mark.parametrize(("text", "seconds"), [("", 1.5), ("timeout = 7", 7.0)])
def test_keystone_is_not_waited_for_either(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, seconds: float
) -> None:
    made: list[session.Session] = []
    load_session = conf.loading.load_session_from_conf_options
    monkeypatch.setattr(
        conf.loading,
        "load_session_from_conf_options",
        lambda *args, **kwargs: made.append(load_session(*args, **kwargs)) or made[-1],
    )
    text = f"endpoint_override = http://127.0.0.1:1\ntimeout_seconds = 1.5\n{text}"
    conf.open_client(load(tmp_path, text))
    assert made[0].timeout == seconds


@pytest.mark.parametrize("opt", conf.OPTS, ids=lambda opt: opt.name)
def test_option_is_explained(opt: cfg.Opt) -> None:
    assert opt.help and opt.help.endswith(".")


def test_sample_shows_how_to_log_in() -> None:
    [(group, opts)] = conf.list_opts()
    assert group == "climate"
    names = [opt.dest for opt in opts]
    assert {"on_error", "auth_type", "password", "endpoint_override", "cafile"} <= set(names)
    assert not {"version", "min_version", "max_version"} & set(names)
    assert len(names) == len(set(names))


def test_generator_writes_beside_itself() -> None:
    generator = configparser.ConfigParser()
    generator.read(TOP / "etc/nova/config-generator.conf")
    assert generator["DEFAULT"]["output_file"] == "etc/nova/nova.conf.sample"
