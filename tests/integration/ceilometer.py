# SPDX-License-Identifier: Apache-2.0
"""A real Ceilometer: the polling agent and the notification agent.

Owns their configuration and processes, and what of this distribution is put
into their environment.  What the project ships for Ceilometer is used as it
is shipped, but for paths and for how often.
"""

from __future__ import annotations

import configparser
import contextlib
import datetime
import json
import pathlib
import shutil
from collections.abc import Iterator
from typing import Any

import yaml

from tests.functional import audit
from tests.integration import daemon
from tests.integration import ground as grounds

_ROOT = pathlib.Path(__file__).parents[2]
SHIPPED = _ROOT / "etc" / "ceilometer"
#: Its account; others test what the one named ceilometer may do with a role less.
USER = "telemetry"
PYTHON, DYNAMIC = "python", "dynamic"
#: Not as shipped: a test does not wait for minutes.
POLLING_SECONDS = 2
#: On a machine that has much else to do a poll takes its time.
PATIENCE_SECONDS = 60.0
_CONFIGURATION = """\
[DEFAULT]
transport_url = {transport_url}
host = control
pipeline_cfg_file = {folder}/pipeline.yaml
pollsters_definitions_dirs = {folder}/{definitions}
[polling]
cfg_file = {folder}/polling.yaml
[notification]
workers = 1
pipelines = meter
# Nova, which may be about, declares its own otherwise.
notification_control_exchanges = ceilometer
[meter]
meter_definitions_dirs = {folder}/meters.d
[oslo_messaging_rabbit]
amqp_durable_queues = true
[service_credentials]
interface = public
{credentials}
"""


class Ceilometer:
    """Both agents, which may be stopped, killed and started again.

    :ivar polling: not started with the other: a test says first what it polls.
    :ivar folder: where all of its configuration is.
    """

    def __init__(self, ground: grounds.Ground) -> None:
        self._ground = ground
        self.folder = ground.folder / "ceilometer"
        self._samples = self.folder / "samples.json"
        programs, conf = ground.venv / "bin", f"--config-file={self.folder}/ceilometer.conf"
        self.notification = _Notification(ground.transport_url, programs, conf, ground.folder)
        self.polling = daemon.Daemon(
            "ceilometer-polling",
            [programs / "ceilometer-polling", conf, "--polling-namespaces", "central"],
            ground.folder,
            ready_pattern="ceilometer.polling.manager",
        )

    def create(self) -> None:
        """Make configuration and account."""
        for name in ("meters.d", "pollsters.d", "python", "nothing"):
            (self.folder / name).mkdir(parents=True)
        self._ground.add_account(USER)
        self.configure()
        self._put_in_place()
        install(self.folder / "python")

    def upgrade(self) -> None:
        """Make in Gnocchi what Ceilometer wants there."""
        self._ground.run("ceilometer-upgrade", "--config-file", self._conf_path)

    def configure(self, user: str = USER, project: str = "service", way: str = PYTHON) -> None:
        """Say who the agents are from their next start on, and how the one polls.

        :param way: by Python, or by definitions without Python.
        """
        self._conf_path.write_text(
            _CONFIGURATION.format(
                transport_url=self._ground.transport_url,
                folder=self.folder,
                definitions="pollsters.d" if way == DYNAMIC else "nothing",
                credentials=self._ground.keystone.credentials(user, project),
            )
        )
        path = self.folder / "python" if way == PYTHON else ""
        self.polling.environ["PYTHONPATH"] = str(path)

    @contextlib.contextmanager
    def polls(
        self, user: str = USER, project: str = "service", way: str = PYTHON
    ) -> Iterator[daemon.Daemon]:
        """Have the polling agent poll for a while; gives it."""
        self.configure(user, project, way)
        self.polling.start()
        try:
            yield self.polling
        finally:
            self.polling.stop()
            self.configure()

    def samples(self) -> list[dict[str, Any]]:
        """Return all that came out of the notification agent, in its order."""
        if not self._samples.exists():
            return []
        # The last line may not be whole yet.
        lines = self._samples.read_text().split("\n")[:-1]
        return [json.loads(line) for line in lines]

    def kill(self) -> None:
        """End both at once."""
        self.polling.kill()
        self.notification.kill()

    @property
    def _conf_path(self) -> pathlib.Path:
        return self.folder / "ceilometer.conf"

    def _put_in_place(self) -> None:
        """Take what is shipped; each sink writes into a file, too."""
        for path in SHIPPED.rglob("*.yaml"):
            target = self.folder / path.relative_to(SHIPPED)
            target.parent.mkdir(exist_ok=True)
            shutil.copy(path, target)
        path = self.folder / "polling.yaml"
        polling = yaml.safe_load(path.read_text())
        for source in polling["sources"]:
            source["interval"] = POLLING_SECONDS
        path.write_text(yaml.safe_dump(polling))
        path = self.folder / "pipeline.yaml"
        pipeline = yaml.safe_load(path.read_text().replace("/etc/ceilometer", str(self.folder)))
        for sink in pipeline["sinks"]:
            sink["publishers"].append(f"file://{self._samples}?json")
        path.write_text(yaml.safe_dump(pipeline))


class _Notification(daemon.Daemon):
    """It is ready when it listens."""

    def __init__(
        self, transport_url: str, programs: pathlib.Path, conf: str, folder: pathlib.Path
    ) -> None:
        name = "ceilometer-agent-notification"
        super().__init__(name, [programs / name, conf], folder)
        self._transport_url = transport_url

    def _is_ready(self) -> bool:
        return audit.has_consumer(self._transport_url, "notifications.info")


def time_of(sample: dict[str, Any]) -> float:
    """Return a sample's timestamp, epoch seconds."""
    return to_epoch(sample["timestamp"])


def to_epoch(text: str) -> float:
    """Return epoch seconds of ISO 8601; what names no zone is UTC."""
    moment = datetime.datetime.fromisoformat(text)
    return (moment if moment.tzinfo else moment.replace(tzinfo=datetime.UTC)).timestamp()


def install(folder: pathlib.Path) -> None:
    """Make a folder in which Python finds Kwapi and its pollsters, and nothing it requires."""
    for name in ("energybase", "kwapi"):
        (folder / name).symlink_to(_ROOT / name)
    setup = configparser.ConfigParser(delimiters=("=",), interpolation=None)
    setup.read(_ROOT / "setup.cfg")
    groups = setup["entry_points"]
    info = folder / "kwapi_climate-0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: kwapi-climate\nVersion: 0\n")
    text = "".join(
        f"[{name}]\n{lines.strip()}\n" for name, lines in groups.items() if "ceilometer." in name
    )
    (info / "entry_points.txt").write_text(text)
