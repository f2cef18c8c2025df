# SPDX-License-Identifier: Apache-2.0
"""The API for any WSGI server: ``kwapi.wsgi.api:application``.

Its configuration is ``kwapi.conf`` in the directory that OS_KWAPI_CONFIG_DIR
names, else in /etc/kwapi.
"""

from __future__ import annotations

from kwapi.cmd import api
from kwapi.web import lazy

application = lazy.Application(api.PROGRAM, "OS_KWAPI_CONFIG_DIR", "kwapi.conf")
