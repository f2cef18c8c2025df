# SPDX-License-Identifier: Apache-2.0
"""What ranking is configured by, and what is wrong with it."""

from __future__ import annotations

from pathlib import Path

import pytest
from oslo_config import cfg

from climate.ranking import options
from energybase import exception


def test_defaults_are_those_of_the_configuration(conf: cfg.ConfigOpts) -> None:
    assert options.options_of(conf) == options.Options()


def test_probes_of_hosts(conf: cfg.ConfigOpts) -> None:
    conf.set_override("probes", {"a": "pdu.1 pdu.2", "b": "x:y"}, "ranking")
    assert options.options_of(conf).probes == {"a": ("pdu.1", "pdu.2"), "b": ("x:y",)}


@pytest.mark.parametrize("text", ["", "  ", "p p"])
def test_a_host_without_probes(conf: cfg.ConfigOpts, text: str) -> None:
    conf.set_override("probes", {"a": text}, "ranking")
    with pytest.raises(exception.ConfigurationInvalid, match=r"\[ranking\] probes: host a"):
        options.options_of(conf)


def test_performances(conf: cfg.ConfigOpts, tmp_path: Path) -> None:
    path = tmp_path / "performances.yaml"
    path.write_text("a: 1e12\n")
    conf.set_override("performances_file", str(path), "ranking")
    assert options.options_of(conf).performances["a"].flops == 1e12


def test_where_is_kwapi(conf: cfg.ConfigOpts) -> None:
    with pytest.raises(exception.ConfigurationInvalid, match=r"\[ranking\].*how to reach Kwapi"):
        options.open_kwapi(conf)


@pytest.mark.parametrize("auth_type", ["password", "nonsense"])
def test_a_token_wants_an_account(conf: cfg.ConfigOpts, auth_type: str) -> None:
    options.register_opts(conf)
    conf.set_override("auth_type", auth_type, "ranking")
    with pytest.raises(exception.ConfigurationInvalid, match=r"\[ranking\]"):
        options.open_kwapi(conf)


def test_options_for_the_sample_have_defaults_of_ours(conf: cfg.ConfigOpts) -> None:
    options.register_opts(conf)
    assert conf.ranking.service_type == "energy"
    assert conf.ranking.valid_interfaces == ["internal", "public"]
    [(group, listed)] = options.list_opts()
    assert group == "ranking"
    assert {"auth_type", "username", "timeout", "endpoint_override"} <= {o.dest for o in listed}
