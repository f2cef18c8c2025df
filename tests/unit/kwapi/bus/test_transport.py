# SPDX-License-Identifier: Apache-2.0
"""Keys are configured, never assumed."""

from __future__ import annotations

from typing import Any

import pytest
from oslo_config import cfg

from energybase import clock as clocks
from energybase import service
from kwapi import exception
from kwapi.bus import transport as transports
from kwapi.cmd import conf as options


def configured(*lines: str, tmp_path: Any) -> cfg.ConfigOpts:
    path = tmp_path / "kwapi.conf"
    path.write_text("\n".join(["[bus]", *lines]))
    return service.prepare(
        ["--config-file", str(path)], "test", register=(options.register_opts,), project="kwapi"
    )


def test_there_is_no_default_key(conf: cfg.ConfigOpts) -> None:
    with pytest.raises(exception.ConfigurationInvalid, match="no key is set"):
        transports.signer_of(conf)
    with pytest.raises(exception.ConfigurationInvalid, match="no key is set"):
        transports.verifier_of(conf)


def test_the_only_key_signs(tmp_path: Any) -> None:
    conf = configured(f"signing_keys = a:{'x' * 32}", tmp_path=tmp_path)
    now = clocks.Clock().time()
    assert (
        transports.verifier_of(conf).open(transports.signer_of(conf).seal("{}", now), now).body
        == "{}"
    )


def test_which_of_several_keys_signs_must_be_said(tmp_path: Any) -> None:
    keys = f"signing_keys = a:{'x' * 32},b:{'y' * 32}"
    with pytest.raises(exception.ConfigurationInvalid, match="must be one of a, b"):
        transports.signer_of(configured(keys, tmp_path=tmp_path))
    conf = configured(keys, "signing_key_id = b", tmp_path=tmp_path)
    assert transports.signer_of(conf).seal("", 1.0)["key_id"] == "b"
