# SPDX-License-Identifier: Apache-2.0
"""Stands in for the cloud's Keystone at the address that the installation page names.

Run as a program, in the namespace of the network that is to see it.
"""

from __future__ import annotations

import threading

from energybase.web import server
from tests.fakes import keystone

TOKEN = "project:admin"


class OnPage(keystone.Keystone):
    """It, where the page has it."""

    def __init__(self) -> None:
        self._server = server.Server(self._answer, "127.0.0.1", 5000)
        self._server.start()
        self.url = "http://keystone.example.org:5000/v3"


if __name__ == "__main__":
    OnPage()
    threading.Event().wait()
