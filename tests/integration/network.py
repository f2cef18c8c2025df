# SPDX-License-Identifier: Apache-2.0
"""As much of Neutron as Nova needs for servers without a network: nothing, in order.

Nova asks for a server's ports whenever it shows, lists or deletes one, even if
it was booted with none.  Owns a thread of the tests' own process.
"""

from __future__ import annotations

import http.server
import json
import threading
from typing import Any

from tests.integration import ground as grounds


class Network:
    """Answers every listing with an empty one."""

    def __init__(self, ground: grounds.Ground) -> None:
        self._ground = ground
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def start(self) -> None:
        """Serve in the background, and have the catalog tell of it."""
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        self._ground.add_endpoint("neutron", "network", self.url)

    def stop(self) -> None:
        """Serve no more."""
        self._server.shutdown()
        self._server.server_close()


class _Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        body = json.dumps(self._answer()).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Keep still."""

    def _answer(self) -> dict[str, list[Any]]:
        # /v2.0/ports?device_id=... has the ports, and so on.
        collection = self.path.partition("?")[0].rstrip("/").rpartition("/")[2]
        return {collection.replace("-", "_"): []}
