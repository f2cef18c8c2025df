# SPDX-License-Identifier: Apache-2.0
"""Watcher's own code reads from a real Gnocchi what a host draws, by Kwapi's word."""

from __future__ import annotations

import json
import pathlib
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest

from tests.integration import keystone as keystones
from tests.integration import measuring as measurings
from tests.integration import nova as novas
from tests.integration import telemetry as telemetries
from tests.servers import scripts

HOST, PROBES, WATTS = "compute-1", ["pdu-1.7", "pdu-2.7"], 137
OPTIONS = f"""
[ceilometer]
period_seconds = 1
flush_seconds = 0.5
durable_queues = true
meters = hardware.ipmi.node.power
host_probes = {HOST}:{" ".join(PROBES)}
pool = kwapi-ceilometer-for-watcher
"""
CONFIGURATION = """\
[gnocchi_client]
endpoint_type = public
region_name = {region}
[watcher_datasources]
query_max_retries = 1
[watcher_clients_auth]
{credentials}
"""


@pytest.fixture(scope="module")
def measured(
    telemetry: telemetries.Telemetry, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[None]:
    """A host with two supplies is measured, and its power in Gnocchi."""
    folder = tmp_path_factory.mktemp("kwapi")
    kwapi = measurings.Measuring(folder, telemetry.ground.transport_url, OPTIONS)
    publisher = kwapi.site.script("kwapi-ceilometer")
    try:
        publisher.start()
        kwapi.start(measurings.dummy("supplies", PROBES, WATTS, WATTS), servers="rack")
        name, meter = f"{HOST}_{HOST}", "hardware.ipmi.node.power"
        scripts.wait_until(
            lambda: telemetry.measures.get(name, meter, "mean", 300), "the host's power in Gnocchi"
        )
        yield
    finally:
        kwapi.stop()


def test_watcher_reads_what_a_host_draws(
    telemetry: telemetries.Telemetry, measured: None, tmp_path: pathlib.Path
) -> None:
    """As its strategies ask, by the host's name: the sum of both supplies."""
    answer = ask(telemetry, tmp_path, HOST)
    assert answer == {"availability": "available", "is_listed": True, "watts": 2.0 * WATTS}


def test_watcher_hears_nothing_of_a_host_without_wattmeter(
    telemetry: telemetries.Telemetry, measured: None, tmp_path: pathlib.Path
) -> None:
    assert ask(telemetry, tmp_path, "compute-2")["watts"] is None


def ask(telemetry: telemetries.Telemetry, folder: pathlib.Path, host: str) -> dict[str, Any]:
    """Return what Watcher's data source says of a host."""
    ground = telemetry.ground
    path = folder / "watcher.conf"
    credentials = ground.keystone.credentials("watcher")
    path.write_text(CONFIGURATION.format(region=keystones.REGION, credentials=credentials))
    ground.add_account("watcher")
    script = novas.PLUGINS / "ask_watcher.py"
    done = subprocess.run(
        [ground.venv / "bin" / "python", script, path, host],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer
