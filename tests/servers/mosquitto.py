# SPDX-License-Identifier: Apache-2.0
"""A private Mosquitto, and plugs that publish to it.

Owns the broker's process, port and files, all on loopback and under the
temporary directory.
"""

from __future__ import annotations

import contextlib
import getpass
import shutil
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from collections.abc import Mapping
from pathlib import Path

from paho.mqtt import client as paho
from paho.mqtt import enums

from tests import patience

READER, PLUGS = "kwapi", "plugs"
PASSWORDS = {READER: "s3cret-of-the-reader", PLUGS: "plugs"}
_READY_SECONDS = patience.SECONDS
_PATH = "/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin"


class Mosquitto:
    """The broker.  It knows two users; :meth:`set_password` changes their passwords.

    :param tls: certificate and key of the broker, to speak TLS.
    """

    def __init__(self, directory: Path, tls: tuple[Path, Path] | None = None) -> None:
        self._passwords = directory / "passwords"
        self._passwords.touch(0o600)
        for user, password in PASSWORDS.items():
            self._write_password(user, password)
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port: int = free.getsockname()[1]
        lines = [
            f"listener {self.port} 127.0.0.1",
            "allow_anonymous false",
            f"password_file {self._passwords}",
            "persistence false",
            # Started by root it would become another user, who may not read the files.
            f"user {getpass.getuser()}",
        ]
        if tls:
            lines += [f"certfile {tls[0]}", f"keyfile {tls[1]}"]
        configuration = directory / "mosquitto.conf"
        configuration.write_text("\n".join((*lines, "")))
        self._output = directory / "output"
        with open(self._output, "ab") as output:
            self._process = subprocess.Popen(
                [_program("mosquitto"), "-c", str(configuration)],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        self._wait_ready()

    def set_password(self, user: str, password: str) -> None:
        """Take this password of a user, and no other."""
        self._write_password(user, password)
        self._process.send_signal(signal.SIGHUP)
        deadline = time.monotonic() + _READY_SECONDS
        while not self._takes(user, password):
            if time.monotonic() > deadline:
                raise RuntimeError("mosquitto does not take the new password")

    def stop(self) -> None:
        """Stop it."""
        self._process.terminate()
        self._process.wait(60)

    def _write_password(self, user: str, password: str) -> None:
        subprocess.run(
            [_program("mosquitto_passwd"), "-b", str(self._passwords), user, password],
            check=True,
            capture_output=True,
        )

    def _takes(self, user: str, password: str) -> bool:
        client = paho.Client(enums.CallbackAPIVersion.VERSION2, reconnect_on_failure=False)
        client.username_pw_set(user, password)
        answers: list[bool] = []
        client.on_connect = lambda *found: answers.append(not found[3].is_failure)
        client.connect("127.0.0.1", self.port)
        deadline = time.monotonic() + _READY_SECONDS
        while not answers and time.monotonic() < deadline:
            client.loop(0.1)
        client.disconnect()
        return any(answers)

    def _wait_ready(self) -> None:
        deadline = time.monotonic() + _READY_SECONDS
        while time.monotonic() < deadline and self._process.poll() is None:
            with contextlib.suppress(OSError):
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return
            time.sleep(0.05)
        raise RuntimeError(f"mosquitto is not ready:\n{self._output.read_text()}")


def _program(name: str) -> str:
    found = shutil.which(name, path=_PATH)
    if found is None:
        raise RuntimeError(f"{name} is not installed; it is in Debian's package mosquitto")
    return found


class Publisher:
    """Plugs that publish again and again, until told otherwise.

    :ivar payloads: what they say now, by topic.
    """

    def __init__(self, port: int, payloads: Mapping[str, bytes]) -> None:
        self.payloads = dict(payloads)
        self._client = paho.Client(enums.CallbackAPIVersion.VERSION2)
        self._client.username_pw_set(PLUGS, PASSWORDS[PLUGS])
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def retain(self, topic: str, payload: bytes) -> None:
        """Publish for who comes later, too."""
        self._client.publish(topic, payload, qos=1, retain=True).wait_for_publish(60)

    def close(self) -> None:
        """Publish no more."""
        self._stopping.set()
        self._thread.join()
        self._client.disconnect()
        self._client.loop_stop()

    def _run(self) -> None:
        while not self._stopping.wait(0.05):
            for topic, payload in dict(self.payloads).items():
                self._client.publish(topic, payload)


@contextlib.contextmanager
def publishing(port: int, payloads: Mapping[str, bytes]) -> Iterator[Publisher]:
    """Have plugs for a while."""
    found = Publisher(port, payloads)
    try:
        yield found
    finally:
        found.close()
