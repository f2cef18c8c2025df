# SPDX-License-Identifier: Apache-2.0
"""An application is built when it is first asked, once, by the configuration it finds then."""

from __future__ import annotations

import os
import pathlib
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Sequence
from typing import Any

import pytest
import webob
from oslo_config import cfg

from energybase.web import lazy
from energybase.web import workers

_VARIABLE = "OS_KWAPI_TEST_CONFIG_DIR"


@pytest.fixture
def folder(tmp_path: pathlib.Path) -> Iterator[pathlib.Path]:
    os.environ[_VARIABLE] = str(tmp_path)
    yield tmp_path
    os.environ.pop(_VARIABLE, None)


class Builder:
    """Remembers which configurations an application was built from."""

    def __init__(self, failures: int = 0) -> None:
        self.command_lines: list[Sequence[str]] = []
        self._failures = failures
        self.program = workers.Program("kwapi-test", "web", self.load, self.build)

    def load(self, argv: Sequence[str] | None, name: str) -> cfg.ConfigOpts:
        assert name == "kwapi-test"
        self.command_lines.append(argv or [])
        return cfg.ConfigOpts()

    def build(self, _conf: cfg.ConfigOpts) -> Any:
        if len(self.command_lines) <= self._failures:
            raise ValueError("not yet")
        return self.answer

    def answer(self, _environ: Any, start_response: Any) -> Iterable[bytes]:
        start_response("200 OK", [])
        return [b"yes"]


def ask(application: lazy.Application) -> str:
    """Return what it answers."""
    return str(webob.Request.blank("/").get_response(application).text)


def test_the_first_request_builds_it(folder: pathlib.Path) -> None:
    """From the file in the directory of the environment; the second one has it."""
    builder = Builder()
    application = lazy.Application(builder.program, _VARIABLE, "kwapi.conf")
    assert builder.command_lines == []
    assert ask(application) == ask(application) == "yes"
    assert builder.command_lines == [["--config-file", str(folder / "kwapi.conf")]]


def test_without_the_variable_the_program_looks_where_it_does() -> None:
    """Nothing is on its command line then, not even the server's own."""
    builder = Builder()
    assert ask(lazy.Application(builder.program, _VARIABLE, "kwapi.conf")) == "yes"
    assert builder.command_lines == [[]]


def test_what_cannot_be_built_is_tried_again() -> None:
    """By the next request: somebody may have mended the configuration."""
    application = lazy.Application(Builder(failures=1).program, _VARIABLE, "kwapi.conf")
    with pytest.raises(ValueError, match="not yet"):
        ask(application)
    assert ask(application) == "yes"
