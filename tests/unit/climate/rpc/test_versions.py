# SPDX-License-Identifier: Apache-2.0
"""Calls between releases: versions, arguments that one side does not know, errors' names."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import oslo_messaging
import pytest
from oslo_context import context
from oslo_messaging._drivers import common as rpc_common

import climate
from climate import exception
from climate.inventory import manager as inventory_manager
from climate.planning import manager as planning_manager
from climate.ranking import manager as ranking_manager
from climate.rpc import inventory
from climate.rpc import planning
from climate.rpc import ranking
from climate.rpc import transport as transports
from energybase import exception as floor
from energybase import messaging
from tests.unit.climate.planning import planners

WHO = context.RequestContext(project_id="project")
#: Each service's class, its endpoint, and its version.
SERVICES = [
    (inventory.InventoryAPI, inventory_manager.Endpoint, inventory.VERSION),
    (planning.PlanningAPI, planning_manager.Endpoint, planning.VERSION),
    (ranking.RankingAPI, ranking_manager.Endpoint, ranking.VERSION),
]
#: Memory in place of a broker, but all of oslo.messaging's driver for one: whatever
#: crosses becomes bytes.
MEMORY = "kombu+memory:////"


class Endpoint:
    """Of a release whose RPC has version 1.0."""

    target = transports.endpoint_target("1.0")

    @transports.expected
    def tell(self, _who: context.RequestContext, what: str, how: str = "plainly") -> str:
        return f"{what}, {how}"

    @transports.expected
    def refuse(self, _who: context.RequestContext, kind: str) -> None:
        raise _make(kind)


def _make(kind: str) -> floor.EnergyException:
    for module in (exception, floor):
        if found := getattr(module, kind, None):
            return found("a reason")  # type: ignore[no-any-return]  # all of them are ours
    raise AssertionError(kind)


def list_kinds(module: Any) -> list[str]:
    """Return the names of the exceptions that a module defines."""
    return [
        name
        for name, kind in vars(module).items()
        if inspect.isclass(kind) and kind.__module__ == module.__name__
        if issubclass(kind, floor.EnergyException)
    ]


@pytest.fixture(params=["fake://", MEMORY])
def transport(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    """A transport without a broker, with an exchange of its own."""
    conf = planners.configure(tmp_path)
    messaging.register_opts(conf)
    conf.set_override("control_exchange", tmp_path.name)
    return transports.get_transport(conf, request.param)


def client(transport: Any, version: str = "1.0") -> transports.Client:
    return transports.Client(transport, "climate.test", version, "climate-test", 60.0)


@pytest.fixture
def served(transport: Any) -> Iterator[transports.Client]:
    """A client of a running service of version 1.0."""
    server = transports.Server(transport, "climate.test", "here", Endpoint())
    server.start()
    # Memory keeps nothing for a queue that is not there yet, as a broker would say.
    server._thread.join()
    yield client(transport)
    server.stop()


@pytest.mark.parametrize(("api", "endpoint", "version"), SERVICES)
def test_every_endpoint_says_its_version(api: Any, endpoint: Any, version: str) -> None:
    assert endpoint.target.version == version


def test_these_are_all_endpoints() -> None:
    found = {
        value
        for module in pkgutil.walk_packages(climate.__path__, "climate.")
        if not module.name.startswith(("climate.wsgi.", "climate.db.alembic"))
        for name, value in vars(importlib.import_module(module.name)).items()
        if inspect.isclass(value) and name.endswith("Endpoint")
    }
    assert found == {endpoint for _, endpoint, _ in SERVICES}


def test_an_endpoint_without_a_version_is_not_served(transport: Any) -> None:
    with pytest.raises(AttributeError, match="target"):
        transports.Server(transport, "climate.test", "here", object())


@pytest.mark.parametrize(("api", "endpoint", "version"), SERVICES)
def test_every_call_has_a_method(api: Any, endpoint: Any, version: str) -> None:
    """And there is none that nobody calls."""
    assert _list_methods(api) == _list_methods(endpoint)


def _list_methods(kind: Any) -> set[str]:
    return {name for name, _ in inspect.getmembers(kind, inspect.isfunction) if name[0] != "_"}


def test_unknown_arguments_are_passed_over(served: transports.Client) -> None:
    assert served.call(WHO, "tell", what="news", since="the next release") == "news, plainly"


def test_a_call_that_needs_a_newer_version_is_refused_with_both(
    served: transports.Client, transport: Any
) -> None:
    message = (
        "climate-test is too old: its RPC has version 1.0, this call needs 1.1; "
        "upgrade climate-test first."
    )
    with pytest.raises(exception.ServiceOutdated) as refused:
        served.call(WHO, "tell", needs_version="1.1", what="news")
    assert str(refused.value) == message
    with pytest.raises(exception.ServiceOutdated) as refused:
        client(transport, "1.1").call(WHO, "tell", what="news")
    assert str(refused.value) == message
    # Others go on as before.
    assert served.call(WHO, "tell", what="news") == "news, plainly"


def test_a_refusal_is_no_fault_of_the_service(
    served: transports.Client, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(exception.ServiceOutdated):
        served.call(WHO, "tell", needs_version="1.1", what="news")
    assert "Traceback" not in caplog.text


@pytest.mark.parametrize("kind", [*list_kinds(exception), *list_kinds(floor)])
def test_every_exception_crosses_as_itself(served: transports.Client, kind: str) -> None:
    with pytest.raises(floor.EnergyException) as refused:
        served.call(WHO, "refuse", kind=kind)
    assert type(refused.value) is type(_make(kind))
    assert str(refused.value) == "a reason"


@pytest.mark.parametrize("module", ["kwapi.exception", "energybase.exception"])
@pytest.mark.parametrize("kind", list_kinds(floor))
def test_both_names_of_the_floors_exceptions_are_taken(
    tmp_path: Path, module: str, kind: str
) -> None:
    """The release before sends the first, the next may send the second."""
    try:
        raise getattr(floor, kind)("a reason")
    except floor.EnergyException:
        text = rpc_common.serialize_remote_exception(sys.exc_info())
    text = text.replace('"energybase.exception"', f'"{module}"')
    transport = transports.get_transport(planners.configure(tmp_path), MEMORY)
    allowed = transport._driver._allowed_remote_exmods
    made = rpc_common.deserialize_remote_exception(text, allowed)
    assert isinstance(made, getattr(floor, kind))


def test_what_the_next_release_may_raise_is_told(
    transport: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """Of an exception that is not known here no more can be made than that it was raised."""
    unknown = oslo_messaging.RemoteError("LeaseFrozen", "Lease 7 is frozen.", [])
    told = client(transport)._translate(unknown, "tell", None)
    assert str(told) == "climate-test does not answer: it failed with LeaseFrozen"
    assert "Lease 7 is frozen." in caplog.text
