# SPDX-License-Identifier: Apache-2.0
"""Every option of the one-process product: Kwapi's, and the simulated rack's.

``oslo-config-generator`` and ``kwapi-manage config check`` find both here, as one
file has both.  Climate's are listed by themselves.
"""

from __future__ import annotations

from typing import Any

from allinone.simulator import options as simulator
from kwapi.cmd import conf as kwapi_conf


def list_opts() -> list[tuple[str | None, list[Any]]]:
    """Return every option for ``oslo-config-generator``."""
    return [*kwapi_conf.list_opts(), (simulator.GROUP, list(simulator.OPTS))]
