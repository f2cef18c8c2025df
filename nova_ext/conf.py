# SPDX-License-Identifier: Apache-2.0
"""Group [climate] of Nova's configuration, and the client it describes.

Registered when a plug-in is built, not at import.
"""

from __future__ import annotations

from typing import Any

from keystoneauth1 import loading
from oslo_config import cfg

from climate import client

GROUP = "climate"

OPTS = [
    cfg.FloatOpt(
        "timeout_seconds",
        default=2.0,
        min=0.1,
        help="How long a scheduling request waits for Climate's answer, getting a token included.",
    ),
    cfg.StrOpt(
        "on_error",
        default="last_known",
        choices=[
            ("deny", "they find no valid host"),
            ("allow", "they may land on any host, reserved ones too"),
            (
                "last_known",
                "they avoid the hosts reserved by Climate's last answer; if that is older than "
                "last_known_max_age_seconds, or there was none, they find no valid host",
            ),
        ],
        help="What becomes of scheduling requests without a lease when Climate cannot be asked. "
        "Those with a lease find no valid host then.",
    ),
    cfg.FloatOpt(
        "last_known_max_age_seconds",
        default=300.0,
        min=0.0,
        help="For how long Climate's last answer serves with on_error = last_known.",
    ),
    cfg.FloatOpt(
        "efficiency_weight_multiplier",
        default=1.0,
        help="How much the EfficiencyWeigher counts beside Nova's other weighers. The metadata "
        "efficiency_weight_multiplier of an aggregate overrides it for the hosts therein. "
        "A negative value prefers the least efficient hosts; 0 has no effect.",
    ),
]

#: Climate's endpoint has one version; which, the client knows.
_VERSIONS = ("version", "min_version", "max_version")
#: Showing those of one way to log in is enough, as for Nova's other services.
_SHOWN_PLUGIN = "password"


def register_opts(conf: cfg.ConfigOpts) -> None:
    """Register the group; again does no harm."""
    conf.register_opts(OPTS, group=GROUP)
    loading.register_session_conf_options(conf, GROUP)
    loading.register_auth_conf_options(conf, GROUP)
    conf.register_opts(_list_adapter_opts(), group=GROUP)


def list_opts() -> list[tuple[str, list[Any]]]:
    """Return every option for ``oslo-config-generator``."""
    shown = [opt for opt in _list_adapter_opts() if opt.dest not in _VERSIONS]
    opts = [
        *OPTS,
        *loading.get_session_conf_options(),
        *loading.get_auth_common_conf_options(),
        *loading.get_auth_plugin_conf_options(_SHOWN_PLUGIN),
        *shown,
    ]
    return [(GROUP, opts)]


def open_client(conf: cfg.ConfigOpts) -> client.Client:
    """Return a client with connections of its own; nothing is sent yet.

    :param conf: with the group registered.
    :raises RequiredOptError: it is not said how to log in, or where.
    """
    options = conf[GROUP]
    auth = loading.load_auth_from_conf_options(conf, GROUP)
    if auth is None and not options.endpoint_override:
        raise cfg.RequiredOptError("auth_type", cfg.OptGroup(GROUP))
    session = loading.load_session_from_conf_options(conf, GROUP, auth=auth)
    if session.timeout is None:
        # Keystone is asked by the session, which has no bound of its own.
        session.timeout = options.timeout_seconds
    adapter = loading.load_adapter_from_conf_options(conf, GROUP, session=session, auth=auth)
    return client.Client(adapter, options.timeout_seconds)


def _list_adapter_opts() -> list[Any]:
    opts = loading.get_adapter_conf_options(include_deprecated=False)
    cfg.set_defaults(opts, valid_interfaces=["internal", "public"], service_type="lease")
    return list(opts)
