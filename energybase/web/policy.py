# SPDX-License-Identifier: Apache-2.0
"""Authorizes a request by oslo.policy.

Owns the enforcer; the rules are each service's own.
"""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

import yaml
from oslo_config import cfg
from oslo_context import context
from oslo_policy import policy

from energybase.web import errors


def own_target(who: context.RequestContext) -> dict[str, str | None]:
    """Return what belongs to the one who asks, as a target for rules that compare owners."""
    return {"project_id": who.project_id, "user_id": who.user_id}


class Enforcer:
    """Answers whether policy allows a request.

    :param rules: defaults of the service; an operator's policy file overrides them.
    :raises ConfigFileValueError: that file cannot be read.
    """

    def __init__(self, conf: cfg.ConfigOpts, rules: Sequence[policy.RuleDefault]) -> None:
        self._enforcer = policy.Enforcer(conf)
        self._enforcer.register_defaults(rules)
        # A policy file that cannot be read stops the start, not the first request.
        try:
            self._enforcer.load_rules()
        except (ValueError, yaml.YAMLError, OSError) as exc:
            path = conf.oslo_policy.policy_file
            raise cfg.ConfigFileValueError(f"The policy file {path} cannot be read: {exc}") from exc

    def authorize(
        self, rule: str, who: context.RequestContext, target: Mapping[str, Any] | None = None
    ) -> None:
        """Return if policy allows it.

        :param target: attributes of what is acted upon, for rules that compare them.
        :raises RequestRefused: 403.
        """
        if not self._enforcer.authorize(rule, dict(target or {}), who):
            raise errors.RequestRefused(403, f"Policy does not allow {rule} with this token.")
