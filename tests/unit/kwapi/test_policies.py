# SPDX-License-Identifier: Apache-2.0
"""Every rule says what it is for, and by default the same few may read."""

from __future__ import annotations

import pytest
from oslo_config import cfg
from oslo_context import context

from energybase.web import errors
from energybase.web import policy
from kwapi import policies

RULES = [rule.name for rule in policies.list_rules()]


@pytest.mark.parametrize("rule", policies.list_rules(), ids=RULES)
def test_a_rule_names_its_urls(rule: object) -> None:
    assert rule.description  # type: ignore[attr-defined]
    assert {operation["method"] for operation in rule.operations} == {"GET", "HEAD"}  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", RULES)
@pytest.mark.parametrize(
    "who",
    [
        {},
        {"roles": ["member"], "project_id": "p"},
        {"roles": ["reader"], "project_id": "p"},
        {"roles": ["manager"], "project_id": "p"},
        {"roles": ["member"], "system_scope": "all"},
        {"roles": ["admin"], "domain_id": "d"},
    ],
)
def test_others_are_refused(conf: cfg.ConfigOpts, name: str, who: dict[str, object]) -> None:
    enforcer = policy.Enforcer(conf, policies.list_rules())
    with pytest.raises(errors.RequestRefused):
        enforcer.authorize(name, context.RequestContext(**who))


@pytest.mark.parametrize("name", RULES)
@pytest.mark.parametrize(
    "who",
    [
        {"roles": ["admin"], "project_id": "p"},
        {"roles": ["admin"], "system_scope": "all"},
        {"roles": ["service"], "project_id": "p"},
        {"roles": ["reader"], "system_scope": "all"},
    ],
)
def test_readers_may(conf: cfg.ConfigOpts, name: str, who: dict[str, object]) -> None:
    policy.Enforcer(conf, policies.list_rules()).authorize(name, context.RequestContext(**who))
