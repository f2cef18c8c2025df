# SPDX-License-Identifier: Apache-2.0
"""The web pages for any WSGI server: ``kwapi.wsgi.rrd:application``.

Its configuration is ``kwapi.conf`` in the directory that OS_KWAPI_CONFIG_DIR
names, else in /etc/kwapi.
"""

from __future__ import annotations

from energybase.web import lazy
from kwapi.cmd import rrd

application = lazy.Application(rrd.PROGRAM, "OS_KWAPI_CONFIG_DIR", "kwapi.conf")
