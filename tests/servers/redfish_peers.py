# SPDX-License-Identifier: Apache-2.0
"""Redfish services to test against: sushy-tools' emulator, and one that misbehaves.

sushy-static serves documents as they are and knows no sessions.  The other one
is ours: it serves the same documents with log-in, sessions, TLS and faults.
"""

from __future__ import annotations

import base64
import enum
import http.server
import itertools
import json
import ssl
import subprocess
import sys
import threading
import time
import urllib.request
from pathlib import Path
from typing import Any

from tests import patience

ROOT = "/redfish/v1"
USERNAME, PASSWORD = "kwapi", "redfish-secret-1"
_SESSIONS = f"{ROOT}/SessionService/Sessions"
_READY_SECONDS = patience.SECONDS

_TOKENS = itertools.count(1)

Documents = dict[str, dict[str, Any]]


def rack(watts: float | None = 231.0) -> Documents:
    """Return a service with a chassis of each age; all show the same watts."""
    chassis = ("old", "new", "sensed", "off")
    documents: Documents = {
        "": {
            "Id": "RootService",
            "Name": "Root",
            "RedfishVersion": "1.15.0",
            "Vendor": "Contoso",
            "Product": "BMC 9",
            "Chassis": {"@odata.id": f"{ROOT}/Chassis"},
            "Links": {"Sessions": {"@odata.id": _SESSIONS}},
        },
        "/Chassis": {
            "Name": "Chassis",
            "Members": [{"@odata.id": f"{ROOT}/Chassis/{name}"} for name in (*chassis, "shelf")],
        },
        "/Chassis/shelf": {"Id": "shelf", "Name": "A shelf without power"},
    }
    for name, member in zip(chassis, ("Power", "EnvironmentMetrics", "Sensors", "Power")):
        documents[f"/Chassis/{name}"] = {
            "Id": name,
            "Name": f"Chassis {name}",
            member: {"@odata.id": f"{ROOT}/Chassis/{name}/{member}"},
        }
    documents["/Chassis/old/Power"] = _power(watts)
    documents["/Chassis/off/Power"] = _power(None)
    documents["/Chassis/new/EnvironmentMetrics"] = {
        "PowerWatts": {"Reading": watts, "DataSourceUri": "elsewhere"},
        "EnergykWh": {"Reading": 1234.5},
    }
    documents["/Chassis/sensed/Sensors"] = {
        "Members": [
            {"@odata.id": f"{ROOT}/Chassis/sensed/Sensors/{name}"} for name in ("Inlet", "Total")
        ]
    }
    documents["/Chassis/sensed/Sensors/Inlet"] = {"Reading": 22.5, "ReadingUnits": "Cel"}
    documents["/Chassis/sensed/Sensors/Total"] = {"Reading": watts, "ReadingUnits": "W"}
    return documents


def _power(watts: float | None) -> dict[str, Any]:
    return {
        "PowerControl": [
            {"MemberId": "0", "PowerConsumedWatts": watts, "PowerCapacityWatts": 800},
            {"MemberId": "1", "Name": "CPU subsystem", "PowerConsumedWatts": 90},
        ]
    }


class SushyStatic:
    """sushy-tools' server of documents."""

    def __init__(self, directory: Path, documents: Documents, port: int) -> None:
        self._directory, self._port = directory, port
        self.url = f"http://127.0.0.1:{port}"
        for path, document in documents.items():
            self.put(path, document)

    def put(self, path: str, document: dict[str, Any]) -> None:
        """Serve a document from now on."""
        target = self._directory / path.strip("/") / "index.json"
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(json.dumps({"@odata.id": ROOT + path, **document}))

    def start(self) -> None:
        """Start it; return when it answers."""
        program = Path(sys.executable).with_name("sushy-static")
        self._process = subprocess.Popen(
            [str(program), "-m", str(self._directory), "-i", "127.0.0.1", "-p", str(self._port)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        deadline = time.monotonic() + _READY_SECONDS
        while True:
            try:
                urllib.request.urlopen(f"{self.url}{ROOT}/", timeout=5).close()
                return
            except OSError:
                if self._process.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError("sushy-static does not start") from None
                time.sleep(0.1)

    def stop(self) -> None:
        """Stop it."""
        self._process.kill()
        self._process.wait()


class Fault(enum.Enum):
    """How a service misbehaves."""

    NONE = "none"
    SILENT = "silent"
    GARBLE = "garble"
    CUT = "cut"
    BROKEN = "broken"


class Service:
    """A Redfish service that knows sessions, TLS and faults.

    :ivar sessions: the tokens of those that are open.
    """

    def __init__(
        self, documents: Documents, certificate: Path | None = None, port: int = 0
    ) -> None:
        self.documents, self.fault = documents, Fault.NONE
        self.password = PASSWORD
        self.sessions: dict[str, str] = {}
        self.requests: list[str] = []
        self._server = _Server(port, self)
        scheme = "http"
        if certificate is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
            scheme = "https"
        self.port: int = self._server.server_address[1]
        self.url = f"{scheme}://127.0.0.1:{self.port}"
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def stop(self) -> None:
        """Close its port."""
        self._server.shutdown()
        self._server.server_close()

    def admits(self, headers: Any) -> bool:
        """Tell whether a request is from somebody we know."""
        basic = base64.b64encode(f"{USERNAME}:{self.password}".encode()).decode()
        known = headers.get("X-Auth-Token") in self.sessions
        return known or headers.get("Authorization") == f"Basic {basic}"


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, port: int, service: Service) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.service = service

    def handle_error(self, *_: Any) -> None:
        """Clients that give up are what the tests are about."""


class _Handler(http.server.BaseHTTPRequestHandler):
    server: _Server

    def log_message(self, *_: Any) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        service, path = self.server.service, self.path.removeprefix(ROOT).rstrip("/")
        service.requests.append(path)
        if path and not service.admits(self.headers):
            return self._answer(401, {"error": {"code": "Base.1.0.AccessDenied"}})
        document = service.documents.get(path)
        return self._answer(404 if document is None else 200, document or {})

    def do_POST(self) -> None:
        service = self.server.service
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if (body["UserName"], body["Password"]) != (USERNAME, service.password):
            return self._answer(401, {"error": {"code": "Base.1.0.AccessDenied"}})
        token = f"token-{next(_TOKENS)}"
        service.sessions[token] = f"{_SESSIONS}/{token}"
        headers = {"X-Auth-Token": token, "Location": service.sessions[token]}
        return self._answer(201, {}, headers)

    def do_DELETE(self) -> None:
        self.server.service.sessions.pop(self.path.rpartition("/")[2], None)
        self._answer(200, {})

    def _answer(
        self, status: int, document: dict[str, Any], headers: dict[str, str] | None = None
    ) -> None:
        fault, body = self.server.service.fault, json.dumps(document).encode()
        if fault is Fault.SILENT:
            time.sleep(2)
            self.close_connection = True
            return
        if fault is Fault.GARBLE:
            self.wfile.write(b"220 mail.example.org ESMTP ready\r\n")
            return
        if fault is Fault.BROKEN:
            status, body = 503, b"<html>restarting</html>"
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body[: len(body) // 2] if fault is Fault.CUT else body)


def make_certificate(directory: Path) -> Path:
    """Return a new certificate for 127.0.0.1, with its key, that nobody has signed."""
    path = directory / "certificate.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"]
        + ["-nodes", "-days", "2", "-subj", "/CN=127.0.0.1"]
        + ["-addext", "subjectAltName=IP:127.0.0.1"]
        + ["-keyout", str(path), "-out", str(directory / "public.pem")],
        capture_output=True,
        check=True,
    )
    with path.open("a") as bundle:
        bundle.write((directory / "public.pem").read_text())
    return path
