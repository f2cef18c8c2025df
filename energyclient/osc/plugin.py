# SPDX-License-Identifier: Apache-2.0
"""The plug-in of OpenStackClient: ``openstack energy ..`` and ``openstack lease ..``.

Owns the options that say where the services are; each noun's commands are a
module of their own.  Every ``openstack`` command loads this one, so it imports
little.
"""

from __future__ import annotations

import argparse
import os
from typing import Any
from typing import NamedTuple

DEFAULT_API_VERSION = "1"
API_VERSION_OPTION = "os_energy_api_version"
API_NAME = "energy"
API_VERSIONS = ("1",)

_SERVICES = ("energy", "lease")


class Clients(NamedTuple):
    """What the commands ask."""

    energy: Any
    leases: Any


def make_client(instance: Any) -> Clients:
    """Return the clients, for OpenStackClient's manager of clients."""
    from energyclient import client

    energy, lease = (_make_adapter(instance, service_type) for service_type in _SERVICES)
    return Clients(client.EnergyClient(energy), client.LeaseClient(lease))


def build_option_parser(parser: argparse.ArgumentParser) -> argparse.ArgumentParser:
    """Add our global options."""
    parser.add_argument(
        "--os-energy-api-version",
        metavar="<energy-api-version>",
        default=os.environ.get("OS_ENERGY_API_VERSION"),
        help=f"Energy API version, default={DEFAULT_API_VERSION} (Env: OS_ENERGY_API_VERSION)",
    )
    for service in _SERVICES:
        variable = f"OS_{service.upper()}_ENDPOINT_OVERRIDE"
        parser.add_argument(
            f"--os-{service}-endpoint-override",
            metavar="<url>",
            dest=f"{service}_endpoint_override",
            default=os.environ.get(variable) or None,
            help=f"Where the {service} service is, if not where the catalog says (Env: {variable})",
        )
    return parser


def _make_adapter(instance: Any, service_type: str) -> Any:
    from keystoneauth1 import adapter

    return adapter.Adapter(
        instance.session,
        service_type=service_type,
        interface=instance.interface,
        region_name=instance.region_name,
        endpoint_override=instance.get_configuration().get(f"{service_type}_endpoint_override"),
    )
