# SPDX-License-Identifier: Apache-2.0
"""Who may do what, by default."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from oslo_config import cfg
from oslo_context import context

from climate import policies
from climate.cmd import conf as options
from energybase import service
from energybase.web import errors
from energybase.web import policy

RULES = [rule.name for rule in policies.list_rules()]
OWNER = {"project_id": "p", "user_id": "u"}

ADMIN = {"roles": ["admin"], "project_id": "q"}
SERVICE = {"roles": ["service"], "project_id": "service"}
MEMBER = {"roles": ["member", "reader"], "project_id": "p"}
READER = {"roles": ["reader"], "project_id": "p"}
OTHER = {"roles": ["manager", "member", "reader"], "project_id": "q"}

_READ = {policies.LEASES_LIST, policies.LEASES_GET}
_WRITE = {policies.LEASES_CREATE, policies.LEASES_UPDATE, policies.LEASES_DELETE}
_ASK = {
    policies.HOSTS_LIST,
    policies.HOSTS_GET,
    policies.ALLOWED_HOSTS_GET,
    policies.RANKING_GET,
    policies.PERFORMANCE_UPDATE,
}
MAY: list[tuple[dict[str, Any], set[str]]] = [
    (ADMIN, set(RULES)),
    (SERVICE, _ASK),
    (MEMBER, {*_READ, *_WRITE, policies.HOSTS_LIST}),
    (READER, {*_READ, policies.HOSTS_LIST}),
    (OTHER, {policies.HOSTS_LIST}),
    ({"roles": ["member"], "project_id": "q"}, set()),
    ({"roles": ["admin"], "system_scope": "all"}, set()),
    ({"roles": ["admin", "member"], "domain_id": "d"}, set()),
    ({}, set()),
]


@pytest.fixture
def enforcer(tmp_path: Path) -> policy.Enforcer:
    conf: cfg.ConfigOpts = service.prepare(
        [], "test", register=(options.register_opts,), project="climate", config_files=[]
    )
    return policy.Enforcer(conf, policies.list_rules())


@pytest.mark.parametrize("rule", policies.list_rules(), ids=RULES)
def test_a_rule_says_what_it_is_for(rule: Any) -> None:
    assert rule.description
    assert all(operation["path"].startswith("/v1/") for operation in rule.operations)


@pytest.mark.parametrize("name", RULES)
@pytest.mark.parametrize(("who", "allowed"), MAY)
def test_who_may(
    enforcer: policy.Enforcer, name: str, who: dict[str, Any], allowed: set[str]
) -> None:
    asking = context.RequestContext(**who)
    if name in allowed:
        enforcer.authorize(name, asking, OWNER)
    else:
        with pytest.raises(errors.RequestRefused):
            enforcer.authorize(name, asking, OWNER)


def test_nobodys_things_are_not_for_who_has_no_project(enforcer: policy.Enforcer) -> None:
    """None and None are alike to oslo.policy; the scope of the token is not."""
    asking = context.RequestContext(roles=["member", "reader"], domain_id="d")
    for name in (*_READ, *_WRITE):
        with pytest.raises(errors.RequestRefused):
            enforcer.authorize(name, asking, policy.own_target(asking))
