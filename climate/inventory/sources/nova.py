# SPDX-License-Identifier: Apache-2.0
"""A source of hosts: Nova's hypervisors, by python-novaclient.

Owns which of Nova's answers become which properties, and the options of group
[nova].  A host is named as Nova's hypervisor (``hypervisor_hostname``), has
Nova's own names for what Nova says of it (``vcpus``, ``memory_mb``,
``running_vms``, ``cpu_info``, ...), and beside that

* ``uuid``: the hypervisor's, which is its resource provider's in Placement;
* ``service``: of nova-compute: ``host``, ``state``, ``status``, ``zone``, ...;
* ``aggregates``: names of those it is in; ``aggregate_metadata``: theirs, a key
  with several values having a list of them;
* ``traits``: Placement's, if ``[nova] traits`` says so.

It is up when nova-compute is up and enabled.

The microversion is pinned: from 2.88 on, Nova tells neither CPUs nor servers of
a hypervisor.
"""

from __future__ import annotations

import contextlib
import json
from collections import defaultdict
from collections.abc import Iterable
from collections.abc import Iterator
from typing import Any

import keystoneauth1.exceptions
from keystoneauth1 import loading
from keystoneauth1 import session as sessions
from novaclient import client
from novaclient import exceptions as nova_exceptions
from oslo_config import cfg

from climate import exception as climate_exception
from climate.inventory import host
from climate.inventory.sources import placement
from energybase import exception

GROUP = "nova"
MICROVERSION = "2.87"
_TIMEOUT_SECONDS = 60

OPTS = [
    cfg.StrOpt("region_name", help="Region of Nova and Placement; by default the only one."),
    cfg.ListOpt(
        "valid_interfaces",
        default=["internal", "public"],
        help="Interfaces of their endpoints, the first one there is being taken.",
    ),
    cfg.StrOpt("endpoint_override", help="Nova's endpoint, if not the catalog's."),
    cfg.IntOpt(
        "page_size",
        default=1000,
        min=1,
        help="Hypervisors in one answer; Nova's own [api] max_limit bounds it too.",
    ),
    cfg.BoolOpt(
        "traits",
        default=False,
        help="Whether hosts have their traits too. Placement tells them by a request for each "
        "host; only hosts that changed there are asked for again, but the first time 10,000 hosts "
        "take a minute.",
    ),
    cfg.IntOpt(
        "traits_threads", default=8, min=1, max=100, help="Requests for traits at the same time."
    ),
]
#: Of a hypervisor: told elsewhere, in other words, or by Climate.
_LEFT_OUT = {"id", "hypervisor_hostname", "state", "status", "service", "servers", "links"}
#: Of a service.  Not updated_at: every host would be another one at each reading.
_OF_SERVICE = ("host", "zone", "state", "status", "disabled_reason", "forced_down")
#: What an answer of another shape makes of our reading it.
_MALFORMED = (AttributeError, LookupError, TypeError, ValueError)

_Described = dict[str, Any]


class Nova:
    """The source named ``nova``."""

    def __init__(self, conf: cfg.ConfigOpts) -> None:
        """Prepare; connects to nothing yet.

        :raises ConfigurationInvalid: [nova] does not say how to authenticate.
        """
        register_opts(conf)
        options = conf[GROUP]
        session = _open_session(conf)
        place = {"region_name": options.region_name, "interface": options.valid_interfaces}
        self._page_size = options.page_size
        self._client = client.Client(
            MICROVERSION,
            session=session,
            endpoint_type=place["interface"],
            region_name=place["region_name"],
            endpoint_override=options.endpoint_override,
        )
        self._traits = None
        if options.traits:
            self._traits = placement.Traits(session, place, options.traits_threads)

    def list_hosts(self) -> list[host.Host]:
        """Return a host for each hypervisor.

        :raises SourceUnavailable: Keystone, Nova or Placement do not answer, refuse, or
            answer what nobody can read.
        """
        with _translated_errors():
            services = {service.host: service for service in self._list_services()}
            groups = _by_host(aggregate.to_dict() for aggregate in self._client.aggregates.list())
            hosts = [
                _make(described, services.get(described["service"]["host"]), groups)
                for described in self._list_hypervisors()
            ]
            if self._traits:
                self._add_traits(self._traits, hosts)
        return hosts

    def _list_services(self) -> Any:
        return self._client.services.list(binary="nova-compute")

    def _list_hypervisors(self) -> Iterator[_Described]:
        marker, seen = None, set()
        while page := self._client.hypervisors.list(marker=marker, limit=self._page_size):
            marker = page[-1].id
            if marker in seen:
                raise ValueError("Nova gives the same page of hypervisors again")
            seen.add(marker)
            for hypervisor in page:
                yield hypervisor.to_dict()

    @staticmethod
    def _add_traits(traits: placement.Traits, hosts: list[host.Host]) -> None:
        found = traits.fetch([each.properties["uuid"] for each in hosts])
        for each in hosts:
            each.properties["traits"] = found.get(each.properties["uuid"], [])


def register_opts(conf: cfg.ConfigOpts) -> None:
    """Register the options of [nova], but for those of the kind of authentication it names."""
    loading.register_session_conf_options(conf, GROUP)
    loading.register_auth_conf_options(conf, GROUP)
    conf.register_opts(OPTS, GROUP)
    conf.set_default("timeout", _TIMEOUT_SECONDS, GROUP)


def list_opts() -> list[tuple[str, list[Any]]]:
    """Return the options of [nova] for ``oslo-config-generator``, with a password's."""
    listed = [
        *OPTS,
        *loading.get_auth_common_conf_options(),
        *loading.get_auth_plugin_conf_options("password"),
        *loading.get_session_conf_options(),
    ]
    return [(GROUP, listed)]


def _open_session(conf: cfg.ConfigOpts) -> sessions.Session:
    try:
        auth = loading.load_auth_from_conf_options(conf, GROUP)
    except keystoneauth1.exceptions.ClientException as exc:
        raise exception.ConfigurationInvalid(where=f"[{GROUP}]", reason=exc) from exc
    if auth is None:
        raise exception.ConfigurationInvalid(
            where=f"[{GROUP}] auth_type", reason="is not set; password is the usual one"
        )
    return loading.load_session_from_conf_options(conf, GROUP, auth=auth)


@contextlib.contextmanager
def _translated_errors() -> Iterator[None]:
    try:
        yield
    except (keystoneauth1.exceptions.ClientException, nova_exceptions.ClientException) as exc:
        raise climate_exception.SourceUnavailable(reason=_say(exc)) from exc
    except _MALFORMED as exc:
        reason = f"an answer cannot be read: {_say(exc)}"
        raise climate_exception.SourceUnavailable(reason=reason) from exc


def _say(exc: Exception) -> str:
    lines = str(exc).splitlines() or [""]
    return f"{type(exc).__name__}: {lines[0]}"


def _by_host(aggregates: Iterable[_Described]) -> dict[str, list[_Described]]:
    groups: dict[str, list[_Described]] = defaultdict(list)
    for aggregate in aggregates:
        for name in aggregate["hosts"]:
            groups[name].append(aggregate)
    return groups


def _make(
    described: _Described, service: Any | None, groups: dict[str, list[_Described]]
) -> host.Host:
    service_host = described["service"]["host"]
    properties = {key: value for key, value in described.items() if key not in _LEFT_OUT}
    properties["uuid"] = described["id"]
    properties["cpu_info"] = _cpu_info(described.get("cpu_info"))
    properties["service"] = dict(described["service"])
    if service is not None:
        told = service.to_dict()
        properties["service"] |= {key: told[key] for key in _OF_SERVICE if key in told}
    joined = groups.get(service_host, [])
    properties["aggregates"] = sorted(aggregate["name"] for aggregate in joined)
    properties["aggregate_metadata"] = _merge(aggregate["metadata"] for aggregate in joined)
    up = described["state"] == "up" and described["status"] == "enabled"
    return host.Host(described["hypervisor_hostname"], up, properties)


def _cpu_info(told: Any) -> Any:
    # A mapping since microversion 2.28; some drivers give an empty text all the same.
    return json.loads(told or "{}") if isinstance(told, str) else told or {}


def _merge(metadata: Iterable[dict[str, str]]) -> dict[str, str | list[str]]:
    values: dict[str, set[str]] = defaultdict(set)
    for each in metadata:
        for key, value in each.items():
            values[key].add(value)
    ordered = {key: sorted(several) for key, several in values.items()}
    return {key: several if len(several) > 1 else several[0] for key, several in ordered.items()}
