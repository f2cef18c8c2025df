# SPDX-License-Identifier: Apache-2.0
"""What the API asks of the store: as little as will do.

What it answers is told by the gabbits.
"""

from __future__ import annotations

from typing import Any

import pytest
import webob
from oslo_config import cfg
from oslo_middleware.healthcheck import opts

from kwapi import exception
from kwapi.api import app
from kwapi.store import record


class Store:
    """One probe in memory, and a note of every question."""

    def __init__(self) -> None:
        self.version = 1
        self.asked: list[str] = []

    def get_version(self) -> int:
        self.asked.append("version")
        return self.version

    def get_probes_body(self) -> tuple[int, bytes]:
        self.asked.append("probes")
        document = '{"probes":{"A":{"timestamp":1.0,"kwh":%d,"w":2.0,"wattmeter":"rack"}}}'
        return self.version, (document % self.version).encode()

    def get_probe_ids(self) -> tuple[int, bytes]:
        self.asked.append("ids")
        return self.version, b'{"probe_ids":["A"]}'

    def get_record(self, probe_id: str) -> record.Record:
        self.asked.append("record")
        if probe_id != "A":
            raise exception.ProbeNotFound(probe_id=probe_id)
        return record.Record("A", 1.0, 2.0)

    def list_drivers(self) -> list[Any]:
        self.asked.append("drivers")
        return []

    def get_tallies(self) -> dict[str, int]:
        self.asked.append("tallies")
        return {}


@pytest.fixture
def store() -> Store:
    return Store()


@pytest.fixture
def api(conf: cfg.ConfigOpts, store: Store) -> Any:
    conf.set_override("auth_strategy", "noauth", "api")
    return app.build_app(conf, store)  # type: ignore[arg-type]


def ask(api: Any, path: str, **headers: str) -> webob.Response:
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    request = webob.Request.blank(path, headers=names, environ={"REMOTE_ADDR": "127.0.0.1"})
    return request.get_response(api)


@pytest.mark.parametrize(("path", "loads"), [("/v1/probes/", "probes"), ("/v1/probe-ids/", "ids")])
def test_a_body_is_read_once_for_each_version(
    api: Any, store: Store, path: str, loads: str
) -> None:
    bodies = {ask(api, path).body for _ in range(3)}
    assert len(bodies) == 1
    assert store.asked == ["version", loads, "version", "version"]
    store.version = 2
    ask(api, path)
    assert store.asked[4:] == ["version", loads]


def test_a_new_version_is_shown_at_once(api: Any, store: Store) -> None:
    before = ask(api, "/v1/probes/")
    store.version = 2
    after = ask(api, "/v1/probes/", If_None_Match=before.headers["ETag"])
    assert (after.status_int, after.json["probes"]["A"]["kwh"]) == (200, 2)


def test_304_reads_the_version_and_nothing_else(api: Any, store: Store) -> None:
    tag = ask(api, "/v1/probes/").headers["ETag"]
    store.asked.clear()
    assert ask(api, "/v1/probes/", If_None_Match=tag).status_int == 304
    assert store.asked == ["version"]


def test_metrics_of_the_probes_are_made_once_for_each_version(api: Any, store: Store) -> None:
    bodies = {ask(api, "/metrics").body for _ in range(3)}
    assert len(bodies) == 1
    assert store.asked.count("probes") == 1
    assert store.asked.count("tallies") == 3


def test_who_is_refused_costs_the_store_nothing(api: Any, store: Store) -> None:
    request = webob.Request.blank("/v1/probes/", environ={"REMOTE_ADDR": "192.0.2.1"})
    assert request.get_response(api).status_int == 403
    assert ask(api, "/v1/nothing").status_int == 404
    assert store.asked == []


@pytest.mark.parametrize("path", ["/", "/v1/"])
def test_versions_need_no_store(api: Any, store: Store, path: str) -> None:
    assert ask(api, path).status_int == 200
    assert store.asked == []


def test_links_follow_where_the_application_is_mounted(api: Any) -> None:
    environ = {"REMOTE_ADDR": "127.0.0.1", "SCRIPT_NAME": "/energy", "HTTP_HOST": "cloud.example"}
    response = webob.Request.blank("/", environ=environ).get_response(api)
    assert response.json["versions"][0]["links"][0]["href"] == "http://cloud.example/energy/v1/"


def test_healthcheck_asks_the_store_for_its_version_only(api: Any, store: Store) -> None:
    assert ask(api, "/healthcheck").status_int == 200
    assert store.asked == ["version"]


def test_healthcheck_can_be_switched_off_by_a_file(
    conf: cfg.ConfigOpts, store: Store, tmp_path: Any
) -> None:
    conf.set_override("auth_strategy", "noauth", "api")
    conf.register_opts([*opts.HEALTHCHECK_OPTS, *opts.DISABLE_BY_FILE_OPTS], "healthcheck")
    conf.set_override("backends", ["disable_by_file"], "healthcheck")
    conf.set_override("disable_by_file_path", str(tmp_path / "off"), "healthcheck")
    api = app.build_app(conf, store)  # type: ignore[arg-type]
    assert ask(api, "/healthcheck").status_int == 200
    (tmp_path / "off").touch()
    assert ask(api, "/healthcheck").status_int == 503


def test_healthcheck_is_nothing_to_addresses_not_allowed(
    conf: cfg.ConfigOpts, store: Store
) -> None:
    conf.set_override("auth_strategy", "noauth", "api")
    conf.register_opts(opts.HEALTHCHECK_OPTS, "healthcheck")
    conf.set_override("allowed_source_ranges", ["192.0.2.0/24"], "healthcheck")
    assert ask(app.build_app(conf, store), "/healthcheck").status_int == 404  # type: ignore[arg-type]
