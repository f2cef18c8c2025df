# SPDX-License-Identifier: Apache-2.0
"""Policy decides, by code and by the operator's file; in doubt it refuses."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import yaml
from oslo_config import cfg
from oslo_context import context
from oslo_policy import policy as oslo_policy

from energybase.web import errors
from energybase.web import policy

RULES = [oslo_policy.RuleDefault("thing:get", "role:reader", scope_types=["system", "project"])]


def may(enforcer: policy.Enforcer, **who: object) -> bool:
    try:
        enforcer.authorize("thing:get", context.RequestContext(**who))
    except errors.RequestRefused as exc:
        assert exc.code == 403
        return False
    return True


def test_without_the_role_it_refuses(conf: cfg.ConfigOpts) -> None:
    enforcer = policy.Enforcer(conf, RULES)
    assert not may(enforcer)
    assert not may(enforcer, roles=["member"])


def test_with_the_role_it_allows(conf: cfg.ConfigOpts) -> None:
    assert may(policy.Enforcer(conf, RULES), roles=["reader"], project_id="p")


def test_a_scope_that_does_not_count_is_refused_like_a_missing_role(conf: cfg.ConfigOpts) -> None:
    assert not may(policy.Enforcer(conf, RULES), roles=["reader"], domain_id="d")


def test_the_operators_file_overrides_and_is_read_again(
    conf: cfg.ConfigOpts, tmp_path: Path
) -> None:
    path = tmp_path / "policy.yaml"
    path.write_text(yaml.safe_dump({"thing:get": "role:auditor"}))
    enforcer_conf = conf
    oslo_policy.Enforcer(conf)
    enforcer_conf.set_override("policy_file", str(path), "oslo_policy")
    enforcer = policy.Enforcer(enforcer_conf, RULES)
    assert may(enforcer, roles=["auditor"], project_id="p")
    assert not may(enforcer, roles=["reader"], project_id="p")
    path.write_text(yaml.safe_dump({"thing:get": "!"}))
    os.utime(path, (2_000_000_000, 2_000_000_000))
    assert not may(enforcer, roles=["auditor"], project_id="p")


def test_a_file_that_cannot_be_read_stops_the_start(conf: cfg.ConfigOpts, tmp_path: Path) -> None:
    path = tmp_path / "policy.yaml"
    path.write_text("thing:get: [")
    oslo_policy.Enforcer(conf)
    conf.set_override("policy_file", str(path), "oslo_policy")
    with pytest.raises(cfg.ConfigFileValueError, match="policy.yaml cannot be read"):
        policy.Enforcer(conf, RULES)
