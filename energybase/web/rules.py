# SPDX-License-Identifier: Apache-2.0
"""Makes rules of policy, documented for ``oslopolicy-sample-generator``.

Owns that whoever may GET may HEAD.  Which rules there are is each service's;
:mod:`energybase.web.policy` enforces them.
"""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Sequence

from oslo_policy import policy


def make_rule(
    name: str,
    check: str,
    description: str,
    operations: Iterable[tuple[str, str]],
    scope_types: Sequence[str],
) -> policy.DocumentedRuleDefault:
    """Return a rule.

    :param check: who passes by default, in oslo.policy's language.
    :param operations: method and path of each.
    :param scope_types: of the tokens that it takes.
    """
    return policy.DocumentedRuleDefault(
        name=name,
        check_str=check,
        description=description,
        operations=[
            {"path": path, "method": each}
            for method, path in operations
            for each in (("GET", "HEAD") if method == "GET" else (method,))
        ],
        scope_types=list(scope_types),
    )
