# SPDX-License-Identifier: Apache-2.0
"""Options of group [ranking], and the values they make, the performances file's among them.

Owns what is refused in them, and how Kwapi is reached: by keystoneauth's own
options in the same group, unless Kwapi needs no token.
"""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any
from typing import NamedTuple

import keystoneauth1.exceptions
from keystoneauth1 import adapter
from keystoneauth1 import loading
from oslo_config import cfg

from climate import kinds
from climate.ranking import performance
from climate.ranking import recorded
from energybase import exception
from kwapi import client

GROUP = "ranking"
_TIMEOUT_SECONDS = 30

OPTS = [
    cfg.StrOpt(
        "by",
        default=kinds.MARGINAL,
        choices=[
            (
                kinds.MARGINAL,
                "flop/W of one more vCPU: a host that is on costs little more, waking one "
                "costs its idle watts",
            ),
            (kinds.LOAD, "flop/W at the present load"),
            (kinds.PEAK, "flop/W of the whole host, at the most watts it was seen to use"),
        ],
        help="What hosts are ranked by, unless the one who asks says otherwise.",
    ),
    cfg.IntOpt(
        "sample_seconds",
        default=60,
        min=1,
        help="How often watts and load of every host are looked at, and counted once, however "
        "many climate-ranking there are.",
    ),
    cfg.IntOpt(
        "window_hours",
        default=168,
        min=1,
        help="Watts are judged by what was observed in so many hours; older observations are "
        "removed.",
    ),
    cfg.IntOpt(
        "max_age_seconds",
        default=30,
        min=0,
        help="For how long a client of the API, such as Nova's scheduler, may reuse a ranking.",
    ),
    cfg.FloatOpt(
        "max_probe_age_seconds",
        default=180.0,
        min=1.0,
        help="What a probe measured longer ago is neither shown nor counted.",
    ),
    cfg.StrOpt(
        "kwapi_url",
        help="URL of Kwapi's API where it needs no token, such as http://127.0.0.1:9280. Else "
        "auth_type and its options say how to get a token, and the catalog where Kwapi is.",
    ),
    cfg.DictOpt(
        "probes",
        default={},
        help="Which probes measure a host, as host:probe, comma separated; several probes of a "
        "host have a space between them, and are added up. A host that is not named here is "
        "measured by the probe of the same name, or of its name up to the first dot.",
    ),
    cfg.StrOpt(
        "performances_file",
        help="YAML mapping of what hosts can compute, in double-precision flop/s, such as "
        "`node-1: 1.2e12`. What was recorded by way of the API counts more, what is "
        "deduced from a host's processors less.",
    ),
]


class Options(NamedTuple):
    """How hosts are ranked.

    ``probes``: by host.  ``performances``: those of the file, by host.
    """

    by: str = kinds.MARGINAL
    sample_seconds: int = 60
    window_hours: int = 168
    max_probe_age_seconds: float = 180.0
    probes: Mapping[str, Sequence[str]] = {}
    performances: Mapping[str, performance.Performance] = {}


def options_of(conf: cfg.ConfigOpts) -> Options:
    """Return what is configured; reads the performances file.

    :raises ConfigurationInvalid: a host has no probes, or the file is wrong.
    """
    group = conf[GROUP]
    path = group.performances_file
    return Options(
        group.by,
        group.sample_seconds,
        group.window_hours,
        group.max_probe_age_seconds,
        {host: _parse_probes(host, text) for host, text in group.probes.items()},
        recorded.read(path) if path else {},
    )


def open_kwapi(conf: cfg.ConfigOpts) -> client.Client:
    """Return the configured Kwapi; connects to nothing yet.

    :raises ConfigurationInvalid: [ranking] does not say how to reach it.
    """
    register_opts(conf)
    if conf[GROUP].auth_type:
        return client.Client(_open_with_token(conf))
    if conf[GROUP].kwapi_url:
        return client.Client(client.open_without_token(conf[GROUP].kwapi_url, conf[GROUP].timeout))
    raise exception.ConfigurationInvalid(
        where=f"[{GROUP}]",
        reason="does not say how to reach Kwapi: set auth_type and its options to find it in "
        "Keystone's catalog, or kwapi_url to one that needs no token",
    )


def register_opts(conf: cfg.ConfigOpts) -> None:
    """Register keystoneauth's options, but for those of the kind of authentication it names."""
    loading.register_session_conf_options(conf, GROUP)
    loading.register_auth_conf_options(conf, GROUP)
    loading.register_adapter_conf_options(conf, GROUP)
    conf.set_default("timeout", _TIMEOUT_SECONDS, GROUP)
    conf.set_default("service_type", client.SERVICE_TYPE, GROUP)
    conf.set_default("valid_interfaces", ["internal", "public"], GROUP)


def list_opts() -> list[tuple[str, list[Any]]]:
    """Return keystoneauth's options for ``oslo-config-generator``, with a password's."""
    listed = [
        *loading.get_auth_common_conf_options(),
        *loading.get_auth_plugin_conf_options("password"),
        *loading.get_session_conf_options(),
        *loading.get_adapter_conf_options(include_deprecated=False),
    ]
    return [(GROUP, listed)]


def _open_with_token(conf: cfg.ConfigOpts) -> adapter.Adapter:
    try:
        auth = loading.load_auth_from_conf_options(conf, GROUP)
        session = loading.load_session_from_conf_options(conf, GROUP, auth=auth)
        return loading.load_adapter_from_conf_options(conf, GROUP, session=session)
    except keystoneauth1.exceptions.ClientException as exc:
        raise exception.ConfigurationInvalid(where=f"[{GROUP}]", reason=exc) from exc


def _parse_probes(host: str, text: str) -> tuple[str, ...]:
    names = tuple(text.split())
    if not names or len(set(names)) < len(names):
        raise exception.ConfigurationInvalid(
            where=f"[{GROUP}] probes",
            reason=f"host {host} needs one or more different probes, with a space between two",
        )
    return names
