# SPDX-License-Identifier: Apache-2.0
"""Checks that a service is configured to validate tokens with Keystone.

``keystonemiddleware`` itself complains only at the first request.
"""

from __future__ import annotations

import keystoneauth1.exceptions
from keystoneauth1 import loading
from oslo_config import cfg

from energybase import exception

GROUP = "keystone_authtoken"


def require(conf: cfg.ConfigOpts, group: str) -> None:
    """Pass if an API has all it needs to ask Keystone, or need not ask.

    :param group: whose option ``auth_strategy`` says that.
    :raises ConfigurationInvalid: something is missing, or wrong.
    """
    if conf[group].auth_strategy != "keystone":
        return
    loading.register_auth_conf_options(conf, GROUP)
    if not (conf[GROUP].auth_type or conf[GROUP].auth_section):
        raise exception.ConfigurationInvalid(
            where=f"[{GROUP}] auth_type",
            reason=f"is not set, and [{group}] auth_strategy = keystone needs it",
        )
    where = f"[{GROUP}]"
    try:
        loading.load_auth_from_conf_options(conf, GROUP)
    except keystoneauth1.exceptions.NoMatchingPlugin as exc:
        raise exception.ConfigurationInvalid(where=f"{where} auth_type", reason=exc) from exc
    except keystoneauth1.exceptions.ClientException as exc:
        raise exception.ConfigurationInvalid(where=where, reason=exc) from exc
