# SPDX-License-Identifier: Apache-2.0
"""Runs the commands of the pages ``user/api.rst`` and ``user/leases.rst``.

Each page is gone through from top to bottom, against one process on its
simulated rack.  An answer must have the status and the shape that the page
shows: the same members, of the same kinds.  Numbers and names may differ.
"""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from tests import answers
from tests import code_blocks
from tests import patience
from tests.functional import test_one_process as one_process
from tests.servers import scripts


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[one_process.OneProcess]:
    """All in one process, measured and ranked already."""
    made = one_process.OneProcess(tmp_path_factory.mktemp("system"))
    made.start()
    try:
        made.wait_until_measured()
        scripts.wait_until(lambda: is_reported(made), "how the driver fares")
        scripts.wait_until(lambda: is_ranked(made), "a score of server-3")
        yield made
    finally:
        made.script.kill()


def is_reported(system: one_process.OneProcess) -> bool:
    """Tell whether the API knows the rack's driver."""
    answer = requests.get(f"http://127.0.0.1:{system.port}/v1/drivers/", timeout=patience.SECONDS)
    return bool(answer.json()["drivers"])


def is_ranked(system: one_process.OneProcess) -> bool:
    """Tell whether the ranking knows all that the page shows of a host."""
    hosts = system.get("/v1/ranking/?host=server-3")["hosts"]
    return bool(hosts and hosts[0]["score"] and hosts[0]["marginal_watts"])


class Reader:
    """One who goes through a page, and types.

    :ivar etag: the last that was seen.
    :ivar leases: ids of those that were made and not deleted, the latest last.
    """

    def __init__(self, system: one_process.OneProcess) -> None:
        self._ports = {":9280/": f":{system.port}/", ":1234/": f":{system.leases_port}/"}
        self.etag = ""
        self.leases: list[str] = []

    def type_in(self, command: code_blocks.Command) -> str:
        """Return what a command prints, with the status at its end if it is a bare curl."""
        typed = command.typed.replace("<that>", self.etag)
        if "<id>" in typed:
            typed = typed.replace("<id>", self.leases[-1])
        for default, own in self._ports.items():
            typed = typed.replace(default, own)
        typed = answers.ask_for_status(typed)
        done = subprocess.run(
            ["bash", "-c", typed],
            capture_output=True,
            text=True,
            timeout=patience.SECONDS,
            check=True,
        )
        self._remember(command.typed, done.stdout)
        return done.stdout

    def _remember(self, typed: str, answer: str) -> None:
        if found := re.search(r'etag: ("[\w-]+")', answer, re.IGNORECASE):
            self.etag = found[1]
        if " -X DELETE" in typed and "/v1/leases/" in typed:
            self.leases.pop()
        elif "/v1/leases/ " in typed and " -d " in typed:
            made = json.loads(answer.rpartition(answers.STATUS)[0])
            self.leases += [made["id"]] if "id" in made else []


@pytest.mark.parametrize("page", ["user/api.rst", "user/leases.rst"])
def test_what_the_page_says_to_type(system: one_process.OneProcess, page: str) -> None:
    """Each answer has the status and the shape that the page shows."""
    reader = Reader(system)
    blocks = [block for block in code_blocks.read(page) if block.language == "console"]
    typed = 0
    for block in blocks:
        for command in code_blocks.read_commands(block.text):
            if command.typed.startswith("openstack "):
                continue  # tests/integration's
            answer = reader.type_in(command)
            try:
                answers.check(command.shown, answer)
            except (AssertionError, ValueError) as exc:
                pytest.fail(f"{page}:{block.line}: {command.typed}: {exc}")
            typed += 1
    assert typed > 10


@pytest.mark.parametrize("page", ["user/api.rst", "user/leases.rst"])
def test_every_answer_on_the_page_is_of_a_request(page: str) -> None:
    """JSON stands on these pages below the request that it answers, where it is tried."""
    assert not [block.line for block in code_blocks.read(page) if block.language == "json"]


@pytest.mark.parametrize(
    ("shown", "got"),
    [
        ({"w": 1.0}, {}),
        ({"w": 1.0}, {"w": 1.0, "more": 1}),
        ({"w": 1.0}, {"w": "1.0"}),
        ({"w": 1.0}, {"w": None}),
        ({"hosts": [{"id": 1}]}, {"hosts": []}),
        ({"hosts": [{"id": 1}]}, {"hosts": [{"id": 1}, {"name": "a"}]}),
        ({"errors": [{"code": "a"}]}, {"errors": [{"code": "b"}]}),
        ({"server-1": {"w": 1.0}}, {"server-2": {"w": 1.0}}),
    ],
)
def test_another_shape_is_seen(shown: Any, got: Any) -> None:
    with pytest.raises(AssertionError):
        answers.check_shape(shown, got)


def test_more_things_of_a_kind_are_no_other_shape() -> None:
    answers.check_shape(
        {"probes": {"server-1": {"w": 1}}}, {"probes": {"a": {}, "server-1": {"w": 2.5}}}
    )
