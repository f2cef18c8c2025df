# SPDX-License-Identifier: Apache-2.0
"""What a host can compute: measured, and told to Climate."""

from __future__ import annotations

import io
import itertools
import os
import re
from collections.abc import Iterator
from typing import Any

import pytest
import webob

from allinone import benchmark
from allinone import command
from energybase.web import errors
from energybase.web import server
from tests.fakes import nova

RESULT = benchmark.Result(1.5e12, "9 products")


class Api:
    """Takes performances."""

    def __init__(self) -> None:
        self.requests: list[tuple[str, str, str | None, Any]] = []
        self.status, self.body = 204, b""
        self._server = server.Server(self._answer)
        self.url = self._server.url
        self._server.start()

    def stop(self) -> None:
        """End."""
        self._server.stop()

    def _answer(self, environ: Any, start_response: Any) -> Any:
        request = webob.Request(environ)
        token = request.headers.get("X-Auth-Token")
        self.requests.append((request.method, request.path, token, request.json))
        return webob.Response(status=self.status, body=self.body)(environ, start_response)


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> Iterator[Api]:
    """Climate's, asked by who has no account."""
    for name in [name for name in os.environ if name.startswith("OS_")]:
        monkeypatch.delenv(name)
    made = Api()
    yield made
    made.stop()


def test_flops_are_operations_by_time() -> None:
    """Of products in the time that is given, the first of all excepted."""
    clock = itertools.count(0.0, 2.0)
    shown: list[tuple[float, float]] = []
    result = benchmark.measure(
        10, 8.0, lambda share, flops: shown.append((share, flops)), lambda: next(clock)
    )
    # Four products of 2 n^3 operations, each of 2 s.
    assert result.flops == 2 * 10**3 * 4 / 8.0
    assert shown == [(share, 1000.0) for share in (0.25, 0.5, 0.75, 1.0)]
    assert re.match(r"4 products of 10 x 10 doubles in 8\.0 s on \d+ processors", result.detail)


def test_one_product_at_least() -> None:
    assert benchmark.measure(2, 0.0).flops > 0


def test_it_is_a_subcommand(capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["benchmark", "--size", "4", "--seconds", "0"]) == 0
    told = capsys.readouterr()
    assert re.match(r"\S+ flop/s: 1 products of 4 x 4 doubles", told.out)
    assert "100%" in told.err


@pytest.mark.parametrize("argv", [["--size", "0"], ["--seconds", "x"], ["--color"]])
def test_a_command_line_that_is_wrong(argv: list[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        benchmark.main(argv)
    assert caught.value.code == 2


def test_progress_is_one_line_on_a_terminal() -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    terminal, file = Terminal(), io.StringIO()
    for stream in (terminal, file):
        benchmark._show_progress(0.5, 1e9, stream)
        benchmark._show_progress(1.0, 2e9, stream)
    assert terminal.getvalue() == " 50%  1e+09 flop/s\r100%  2e+09 flop/s\n"
    assert file.getvalue() == "100%  2e+09 flop/s\n"


@pytest.mark.parametrize("path", ["", "v1", "v1/"])
def test_it_is_posted_without_a_token(api: Api, path: str) -> None:
    benchmark.post(api.url + path, "node 1", RESULT)
    assert api.requests == [("PUT", "/v1/hosts/node%201/performance/", None, RESULT._asdict())]


def test_it_is_posted_with_a_token_of_the_environment(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    keystone = nova.FakeNova()
    keystone.start()
    for name, value in {
        "OS_AUTH_URL": f"{keystone.url}v3",
        "OS_USERNAME": "climate",
        "OS_PASSWORD": "secret-of-climate",
        "OS_PROJECT_NAME": "service",
        "OS_USER_DOMAIN_ID": "default",
        "OS_PROJECT_DOMAIN_ID": "default",
    }.items():
        monkeypatch.setenv(name, value)
    try:
        benchmark.post(api.url, "node-1", RESULT)
    finally:
        keystone.stop()
    assert [token for _, _, token, _ in api.requests] == ["a-token"]


def test_climate_refuses(api: Api, capsys: pytest.CaptureFixture[str]) -> None:
    api.status = 404
    api.body = errors.encode(None, 404, "Host x is not known.")
    argv = ["--size", "2", "--seconds", "0", "--post", api.url, "--host", "x"]
    assert benchmark.main(argv) == 1
    assert "did not take it: 404 Host x is not known." in capsys.readouterr().err
    api.status, api.body = 502, b"<html>"
    assert benchmark.main(argv) == 1
    assert "did not take it: it answers 502" in capsys.readouterr().err
    api.status, api.body = 204, b""
    assert benchmark.main(argv) == 0
    assert "Recorded for x." in capsys.readouterr().out


def test_nobody_there(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(benchmark.NotPosted, match="did not take it"):
        benchmark.post("http://127.0.0.1:1/", "a", RESULT)
    monkeypatch.setenv("OS_AUTH_TYPE", "nonsense")
    with pytest.raises(benchmark.NotPosted, match="nonsense"):
        benchmark.post(api.url, "a", RESULT)
