# SPDX-License-Identifier: Apache-2.0
"""A filter of Nova's scheduler from outside of Nova: the smallest that obeys a hint."""

from __future__ import annotations

from typing import Any

import nova.conf
from nova.scheduler import filters
from oslo_config import cfg
from oslo_log import log

LOG = log.getLogger(__name__)


class NamedHostFilter(filters.BaseHostFilter):
    """With the hint ``named_host``, or else [named_host] default, a server goes to that host."""

    def __init__(self) -> None:
        super().__init__()
        nova.conf.CONF.register_opts([cfg.StrOpt("default")], group="named_host")

    def host_passes(self, host_state: Any, spec_obj: Any) -> bool:
        wanted = spec_obj.get_scheduler_hint("named_host") or nova.conf.CONF.named_host.default
        LOG.info("%s is wanted, %s is asked", wanted, host_state.host)
        return wanted is None or wanted == host_state.host
