# SPDX-License-Identifier: Apache-2.0
"""``LeaseFilter`` for Nova's scheduler: a lease's hosts, or the hosts without a lease.

Owns what the filter returns and logs; :mod:`nova_ext.reservations` reads Climate's
answers.  A host of Climate is a node of Nova (``hypervisor_hostname``).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import nova.conf
from nova.scheduler import filters
from nova.scheduler import utils
from oslo_log import log

from nova_ext import conf
from nova_ext import reservations

LOG = log.getLogger(__name__)


class LeaseFilter(filters.BaseHostFilter):  # type: ignore[misc]
    """Passes the hosts that Climate allows a server.

    With the hint ``lease_id``: those of the lease, or leases, while active, for
    the project that owns them.  Without: those that no lease holds now or
    within the lead time; a host that Climate does not know is nobody's.
    """

    #: The server stays where it is.
    RUN_ON_REBUILD = False
    #: What is left for the first server of a request is left for the second.
    run_filter_once_per_request = True

    def __init__(self) -> None:
        super().__init__()
        conf.register_opts(nova.conf.CONF)
        options = nova.conf.CONF.climate
        self._reservations = reservations.Reservations(
            conf.open_client(nova.conf.CONF),
            reservations.Options(
                options.timeout_seconds, options.on_error, options.last_known_max_age_seconds
            ),
        )

    def filter_all(self, filter_obj_list: Iterable[Any], spec_obj: Any) -> list[Any]:
        """Return the hosts that pass; Climate is asked once, if at all."""
        hosts = list(filter_obj_list)
        if not hosts or _is_rebuild(spec_obj):
            return hosts
        allowed = self._find_allowed(spec_obj)
        if allowed.only is not None:
            passing = [host for host in hosts if host.nodename in allowed.only]
        else:
            passing = [host for host in hosts if host.nodename not in allowed.never]
        if not passing:
            _explain(spec_obj, len(hosts), allowed.reason)
        return passing

    def host_passes(self, host_state: Any, spec_obj: Any) -> bool:
        """Return whether one host passes."""
        return bool(self.filter_all([host_state], spec_obj))

    def _find_allowed(self, spec_obj: Any) -> reservations.Allowed:
        hint = spec_obj.get_scheduler_hint(reservations.HINT)
        if hint is None:
            return self._reservations.find_outside()
        return self._reservations.find_inside(hint, _get_project(spec_obj))


def _is_rebuild(spec_obj: Any) -> bool:
    # Nova's own looks into hints that may be None.
    hinted = "scheduler_hints" in spec_obj and spec_obj.scheduler_hints
    return bool(hinted and utils.request_is_rebuild(spec_obj))


def _get_project(spec_obj: Any) -> str:
    # A field that was never set cannot be read; no lease is the project's of that name.
    found = spec_obj.project_id if "project_id" in spec_obj else None
    return found or "-"


def _explain(spec_obj: Any, hosts: int, reason: str) -> None:
    """Log why no host passes, beside Nova's own "returned 0 hosts"."""
    LOG.info(
        "No valid host by the LeaseFilter for instance %(instance)s of project %(project)s: "
        "it refused all %(hosts)d hosts that it was given. %(reason)s",
        {
            "instance": spec_obj.instance_uuid,
            "project": _get_project(spec_obj),
            "hosts": hosts,
            "reason": reason,
        },
    )
