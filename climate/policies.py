# SPDX-License-Identifier: Apache-2.0
"""Rules of Climate's policy: who may do what by default; policy.yaml overrides them.

Leases belong to a project: its members make and change them, its readers see
them, administrators do all of that for everybody.  Which hosts an outsider may
use is for Nova's scheduler to ask, hence for services.
"""

from __future__ import annotations

from oslo_policy import policy

from energybase.web import rules

_ADMIN = "role:admin"
_MEMBER = "role:admin or (role:member and project_id:%(project_id)s)"
_READER = "role:admin or (role:reader and project_id:%(project_id)s)"
_ANYBODY = "role:admin or role:service or role:reader"
_SERVICE = "role:admin or role:service"

LEASES_CREATE = "climate:leases:create"
LEASES_LIST = "climate:leases:list"
LEASES_LIST_ALL = "climate:leases:list_all"
LEASES_GET = "climate:leases:get"
LEASES_UPDATE = "climate:leases:update"
LEASES_DELETE = "climate:leases:delete"
HOSTS_LIST = "climate:hosts:list"
HOSTS_GET = "climate:hosts:get"
ALLOWED_HOSTS_GET = "climate:allowed_hosts:get"
RANKING_GET = "climate:ranking:get"
PERFORMANCE_UPDATE = "climate:performance:update"


def list_rules() -> list[policy.DocumentedRuleDefault]:
    """Return every rule, for the enforcer and for ``oslopolicy-sample-generator``."""
    leases, lease = "/v1/leases/", "/v1/leases/{lease_id}/"
    performance = "/v1/hosts/{host}/performance/"
    return [
        _rule(LEASES_CREATE, _MEMBER, "Reserve hosts.", "POST", leases),
        _rule(LEASES_LIST, _READER, "List the project's leases.", "GET", leases),
        _rule(LEASES_LIST_ALL, _ADMIN, "List the leases of other projects.", "GET", leases),
        _rule(LEASES_GET, _READER, "See a lease. Who may not is told it is unknown.", "GET", lease),
        _rule(LEASES_UPDATE, _MEMBER, "Confirm, extend, shorten or rename one.", "PUT", lease),
        _rule(LEASES_DELETE, _MEMBER, "Cancel a lease, or end it now.", "DELETE", lease),
        _rule(HOSTS_LIST, _ANYBODY, "List hosts by name and status.", "GET", "/v1/hosts/"),
        _rule(HOSTS_GET, _SERVICE, "See all of a host's properties.", "GET", "/v1/hosts/{host}/"),
        _rule(
            ALLOWED_HOSTS_GET,
            _SERVICE,
            "Ask which hosts a server may be placed on.",
            "GET",
            "/v1/allowed-hosts/",
        ),
        _rule(RANKING_GET, _SERVICE, "See hosts in order of flop/W.", "GET", "/v1/ranking/"),
        _rule(
            PERFORMANCE_UPDATE,
            _SERVICE,
            "Record or forget what a host can compute.",
            "PUT",
            performance,
            "DELETE",
        ),
    ]


def _rule(
    name: str, check: str, description: str, method: str, path: str, *more: str
) -> policy.DocumentedRuleDefault:
    operations = [(each, path) for each in (method, *more)]
    # A token for a domain or the whole system has no project whose the lease would be.
    return rules.make_rule(name, check, description, operations, ["project"])
