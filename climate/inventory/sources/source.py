# SPDX-License-Identifier: Apache-2.0
"""The contract of a source of hosts, and the loader of the configured one.

Any package may bring one: a class under an entry point in the namespace
``climate.inventory.sources``, made with the configuration as its argument.
"""

from __future__ import annotations

from typing import Any
from typing import Protocol

from oslo_config import cfg
from stevedore import driver
from stevedore import exception as stevedore_exception

from climate.inventory import host
from energybase import exception

NAMESPACE = "climate.inventory.sources"


class Source(Protocol):
    """Tells which hosts there are."""

    def list_hosts(self) -> list[host.Host]:
        """Return all hosts there are now; may take minutes, and is asked by one thread.

        :raises SourceUnavailable: they cannot be read just now.
        :raises ConfigurationInvalid: nor will they be, until somebody mends that.
        """


def load(conf: cfg.ConfigOpts) -> Source:
    """Return the configured source.

    :raises ConfigurationInvalid: there is none of this name, or its options are wrong.
    """
    name = conf.inventory.source
    try:
        found: Any = driver.DriverManager(NAMESPACE, name)
    except stevedore_exception.NoMatches as exc:
        raise exception.ConfigurationInvalid(
            where="[inventory] source", reason=f"no source {name!r} is installed: {exc}"
        ) from exc
    source: Source = found.driver(conf)
    return source
