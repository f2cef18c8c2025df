# SPDX-License-Identifier: Apache-2.0
"""How the configured source is found."""

from __future__ import annotations

import pytest
from oslo_config import cfg

from climate.inventory.sources import file
from climate.inventory.sources import source
from energybase import exception


def test_by_its_name(conf: cfg.ConfigOpts) -> None:
    path = f"{conf.state_path}/hosts.yaml"
    with open(path, "w") as opened:
        opened.write("- name: a\n")
    conf.set_override("source", "file", "inventory")
    conf.set_override("file", path, "inventory")
    found = source.load(conf)
    assert isinstance(found, file.File)
    assert [each.name for each in found.list_hosts()] == ["a"]


def test_no_such_source(conf: cfg.ConfigOpts) -> None:
    conf.set_override("source", "tarot", "inventory")
    with pytest.raises(exception.ConfigurationInvalid, match=r"\[inventory\] source: .*'tarot'"):
        source.load(conf)
