# SPDX-License-Identifier: Apache-2.0
"""What single lines of a file are judged by."""

from __future__ import annotations

from pathlib import Path

import pytest
from oslo_config import cfg
from oslo_config import types

from energybase.cli import inifile
from energybase.cli import options


def judge(folder: Path, text: str, **groups: list[cfg.Opt]) -> list[str]:
    """Return what is said of a file, its path and the brackets of lines left out."""
    path = folder / "some.conf"
    path.write_text(text)
    known: options.Known = {}
    for group, opts in groups.items():
        options.add(known, group, opts)
    found = options.judge(inifile.read(str(path)).entries, known)
    return [f"{mistake.line} {mistake.reason}" for mistake in found]


def test_names_are_those_of_oslo_config(tmp_path: Path) -> None:
    """Of groups case does not count; an older name is still taken; a dash is none."""
    opts = [cfg.IntOpt("new-name", deprecated_name="old", deprecated_group="past")]
    assert judge(tmp_path, "[Here]\nnew_name = 1\n[past]\nold = 2\n", here=opts) == []
    assert judge(tmp_path, "[here]\nnew-name = 1\n", here=opts) == [
        "2 [here] has no option 'new-name'; did you mean new_name?"
    ]


def test_every_value_of_an_option_is_looked_at(tmp_path: Path) -> None:
    """Also one that another line takes the place of: it may be the right one."""
    told = judge(tmp_path, "[a]\nn = x\nn = 1\n", a=[cfg.IntOpt("n")])
    assert [line.partition(" ")[0] for line in told] == ["2"]


def test_what_a_reference_stands_for_is_judged(tmp_path: Path) -> None:
    opts = [cfg.IntOpt("n", max=5), cfg.StrOpt("text")]
    assert judge(tmp_path, "[a]\nn = ${a.text}\ntext = 3\n", a=opts) == []
    assert "5" in judge(tmp_path, "[a]\nn = ${a.text}\ntext = 9\n", a=opts)[0]
    assert judge(tmp_path, "[a]\ntext = $$3\n", a=opts) == []


@pytest.mark.parametrize("kind", [types.Integer(), types.Dict(types.String()), types.Boolean()])
def test_a_secret_is_not_repeated(kind: types.ConfigType, tmp_path: Path) -> None:
    [told] = judge(tmp_path, "[a]\nn = hunter2\n", a=[cfg.Opt("n", kind, secret=True)])
    assert told.startswith("2 [a] n: must be a ")
    assert "hunter2" not in told


def test_options_of_an_authentication_are_known_by_its_name(tmp_path: Path) -> None:
    """Also those of a section that another one refers to."""
    opts = [cfg.StrOpt("auth_type"), cfg.StrOpt("auth_section")]
    text = "[a]\nauth_type = v3token\ntoken = x\npassword = y\n"
    assert judge(tmp_path, text, a=opts) == ["4 [a] has no option 'password'"]
    text = "[a]\nauth_section = b\n[b]\nauth_type = password\npassword = y\ninsecure = true\n"
    assert judge(tmp_path, text, a=opts) == []


def test_our_options_and_those_of_libraries_are_known() -> None:
    known = options.list_known(["kwapi", "climate.inventory.nova"])
    assert {"bus", "database", "keystone_authtoken", "nova", "simulator"} <= known.keys()
    assert "planning" not in known
    assert "amqp_durable_queues" in known["oslo_messaging_rabbit"]
