# SPDX-License-Identifier: Apache-2.0
"""What planning is configured by, and what is wrong with it."""

from __future__ import annotations

from pathlib import Path

import pytest

from climate.planning import options
from climate.planning import quotas
from energybase import exception
from tests.unit.climate.planning import planners


def test_values_in_seconds(tmp_path: Path) -> None:
    conf = planners.configure(tmp_path)
    conf.set_override("proposal_seconds", 1.5, "planning")
    conf.set_override("max_ahead_days", 2, "planning")
    made = options.options_of(conf)
    assert made.proposal_seconds == 2
    assert made.max_ahead_seconds == 2 * planners.DAY
    assert made.energy_prices.integral(0, 10) == 10


def test_defaults_are_those_of_the_configuration(tmp_path: Path) -> None:
    made, default = options.options_of(planners.configure(tmp_path)), options.Options()
    assert made._replace(energy_prices=default.energy_prices) == default


def test_quotas_of_single_projects(tmp_path: Path) -> None:
    conf = planners.configure(tmp_path)
    conf.set_override("hosts", 3, "quota")
    conf.set_override("project_hosts", {"big": "-1"}, "quota")
    conf.set_override("project_host_hours", {"big": "100"}, "quota")
    limits = options.options_of(conf).quotas
    assert limits.of("small") == quotas.Quota(3, -1)
    assert limits.of("big") == quotas.Quota(-1, 100)


@pytest.mark.parametrize("name", ["project_hosts", "project_host_hours"])
@pytest.mark.parametrize("text", ["many", "", "-2", "1.5"])
def test_a_quota_that_is_no_number(tmp_path: Path, name: str, text: str) -> None:
    conf = planners.configure(tmp_path)
    conf.set_override(name, {"project": text}, "quota")
    with pytest.raises(exception.ConfigurationInvalid, match=rf"\[quota\] {name}: must be"):
        options.options_of(conf)


def test_prices_are_read(tmp_path: Path) -> None:
    path = tmp_path / "prices.csv"
    path.write_text("time,value\n0,2\n")
    conf = planners.configure(tmp_path)
    conf.set_override("prices_file", str(path), "planning")
    assert options.options_of(conf).energy_prices.integral(0, 10) == 20


@pytest.mark.parametrize(
    ("content", "words"),
    [(None, "No such file"), (b"\xff\xfe", "not UTF-8"), (b"0,x\n0,y", "line")],
)
def test_prices_that_cannot_be_read(tmp_path: Path, content: bytes | None, words: str) -> None:
    path = tmp_path / "prices.csv"
    if content is not None:
        path.write_bytes(content)
    conf = planners.configure(tmp_path)
    conf.set_override("prices_file", str(path), "planning")
    with pytest.raises(exception.ConfigurationInvalid, match=f"prices.csv.*{words}"):
        options.options_of(conf)
