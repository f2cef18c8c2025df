# SPDX-License-Identifier: Apache-2.0
"""The API for any WSGI server: ``climate.wsgi.api:application``.

Its configuration is ``climate.conf`` in the directory that
OS_CLIMATE_CONFIG_DIR names, else in /etc/climate.
"""

from __future__ import annotations

from climate.cmd import api
from energybase.web import lazy

application = lazy.Application(api.PROGRAM, "OS_CLIMATE_CONFIG_DIR", "climate.conf")
