# SPDX-License-Identifier: Apache-2.0
"""Components of a service start in order, stop in reverse, and reload all or nothing."""

from __future__ import annotations

from pathlib import Path

import pytest
from oslo_config import cfg

from energybase import exception
from energybase import service


class Part:
    """A component that says what is done to it."""

    def __init__(self, name: str, said: list[str], fault: Exception | None = None) -> None:
        self._name, self._said, self._fault = name, said, fault

    def start(self) -> None:
        if self._fault is not None:
            raise self._fault
        self._said.append(f"start {self._name}")

    def stop(self) -> None:
        self._said.append(f"stop {self._name}")

    def reload(self) -> None:
        self._said.append(f"reload {self._name}")


class Service(service.Group):
    """Takes up one option, and refuses some of what it may be."""

    def __init__(self, conf: cfg.ConfigOpts, *components: service.Component) -> None:
        super().__init__(conf, *components)
        self.seconds = conf.seconds

    def configure(self, conf: cfg.ConfigOpts) -> None:
        if conf.seconds > 100:
            raise exception.ConfigurationInvalid(where="seconds", reason="too many")
        self.seconds = conf.seconds


@pytest.fixture
def path(tmp_path: Path) -> Path:
    made = tmp_path / "test.conf"
    made.write_text("[DEFAULT]\nseconds = 1\n")
    return made


@pytest.fixture
def conf(path: Path) -> cfg.ConfigOpts:
    made = cfg.ConfigOpts()
    made.register_opts([cfg.IntOpt("seconds")])
    made(["--config-file", str(path)])
    return made


def test_the_last_one_started_is_stopped_first(conf: cfg.ConfigOpts) -> None:
    said: list[str] = []
    group = service.Group(conf, Part("a", said), Part("b", said), Part("c", said))
    group.start()
    group.stop()
    assert said == ["start a", "start b", "start c", "stop c", "stop b", "stop a"]


def test_if_one_cannot_start_those_before_it_stop(conf: cfg.ConfigOpts) -> None:
    """None is left behind when the process ends over it."""
    said: list[str] = []
    broken = Part("c", said, OSError("port in use"))
    group = service.Group(conf, Part("a", said), Part("b", said), broken, Part("d", said))
    with pytest.raises(OSError, match="port in use"):
        group.start()
    assert said == ["start a", "start b", "stop b", "stop a"]


def test_a_reload_takes_up_what_the_files_say(conf: cfg.ConfigOpts, path: Path) -> None:
    made = Service(conf)
    path.write_text("[DEFAULT]\nseconds = 2\n")
    made.reload()
    assert made.seconds == 2


@pytest.mark.parametrize("text", ["[DEFAULT]\nseconds = 101\n", "no section: s3cret\n"])
def test_a_wrong_file_at_a_reload_changes_nothing(
    conf: cfg.ConfigOpts, path: Path, text: str
) -> None:
    made = Service(conf)
    path.write_text(text)
    with pytest.raises(exception.ConfigurationInvalid) as caught:
        made.reload()
    assert "s3cret" not in str(caught.value)
    assert made.seconds == 1


def test_a_service_need_not_take_up_anything(conf: cfg.ConfigOpts) -> None:
    """Nor is a component asked by itself: the service knows what belongs together."""
    said: list[str] = []
    service.Group(conf, Part("a", said)).reload()
    assert said == []
