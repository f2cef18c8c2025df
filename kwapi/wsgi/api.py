# SPDX-License-Identifier: Apache-2.0
"""The API for any WSGI server: ``kwapi.wsgi.api:application``.

Its configuration is ``kwapi.conf`` in the directory that OS_KWAPI_CONFIG_DIR
names, else in /etc/kwapi.
"""

from __future__ import annotations

from energybase.web import lazy
from kwapi.cmd import api

application = lazy.Application(api.PROGRAM, "OS_KWAPI_CONFIG_DIR", "kwapi.conf")
