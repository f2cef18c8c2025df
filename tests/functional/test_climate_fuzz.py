# SPDX-License-Identifier: Apache-2.0
"""The lease API answers every generated request as climate-openapi.yaml documents it."""

from __future__ import annotations

import json
import pathlib
import shutil
from collections.abc import Iterator
from typing import Any

import hypothesis
import pytest
import schemathesis
import webob
from hypothesis import strategies
from schemathesis import checks

from tests import depth
from tests.servers import climate_apis

_DOCUMENT = pathlib.Path(__file__).parents[2] / "doc/source/reference/climate-openapi.yaml"


@pytest.fixture(scope="module")
def climate() -> Iterator[climate_apis.Climate]:
    """The API over the real services, asked without RPC in between."""
    served = climate_apis.make("[lease_api]\nauth_strategy = noauth\n", by_rpc=False)
    served.lease("noauth")
    yield served
    served.stop()
    shutil.rmtree(served.conf.state_path)


@pytest.fixture(scope="module")
def app(climate: climate_apis.Climate) -> Any:
    """The application, asked from this machine."""
    # schemathesis does not say where a request comes from; noauth wants to know.
    return lambda environ, *args: climate.app({**environ, "REMOTE_ADDR": "127.0.0.1"}, *args)


_SCHEMA = schemathesis.openapi.from_path(str(_DOCUMENT))
_OPERATIONS = {found.ok().label: found.ok() for found in _SCHEMA.get_all_operations()}


@pytest.mark.parametrize("mode", schemathesis.GenerationMode)
@pytest.mark.parametrize("label", _OPERATIONS)
def test_every_answer_is_as_documented(app: Any, label: str, mode: Any) -> None:
    if not mode.is_positive and not _can_be_wrong(label):
        return

    @hypothesis.settings(
        max_examples=depth.examples(0.4),
        suppress_health_check=[hypothesis.HealthCheck.filter_too_much],
    )
    @hypothesis.given(case=_OPERATIONS[label].as_strategy(generation_mode=mode))
    def ask(case: Any) -> None:
        require_documented(app, case)

    ask()


def _can_be_wrong(label: str) -> bool:
    return any(word in label for word in ("{", "leases", "allowed-hosts", "ranking"))


@pytest.mark.parametrize(
    ("label", "parameters", "status"),
    [
        ("GET /", {}, 200),
        ("GET /v1/", {}, 200),
        ("GET /healthcheck", {}, 200),
        ("GET /v1/leases/", {}, 200),
        ("GET /v1/hosts/", {}, 200),
        ("GET /v1/hosts/{host}/", {"host": "node-1"}, 200),
        ("GET /v1/hosts/{host}/", {"host": "node-9"}, 404),
        ("GET /v1/allowed-hosts/", {}, 200),
        ("GET /v1/ranking/", {}, 200),
    ],
)
def test_so_are_those_that_find_something(
    app: Any, label: str, parameters: dict[str, str], status: int
) -> None:
    case = _OPERATIONS[label].Case(path_parameters=parameters)
    assert require_documented(app, case).status_code == status


def test_so_is_the_life_of_a_lease(app: Any) -> None:
    wish = {"start_time": 36_000, "duration": "PT1H", "confirm": False}
    made = require_documented(app, _OPERATIONS["POST /v1/leases/"].Case(body=wish))
    assert made.status_code == 201
    parameters = {"lease_id": made.json()["id"]}
    path = "/v1/leases/{lease_id}/"
    for change in ({"status": "confirmed"}, {"end_time": 43_200, "name": "longer"}):
        case = _OPERATIONS[f"PUT {path}"].Case(path_parameters=parameters, body=change)
        assert require_documented(app, case).status_code == 200
    for method, status in (("GET", 200), ("DELETE", 204), ("GET", 404)):
        case = _OPERATIONS[f"{method} {path}"].Case(path_parameters=parameters)
        assert require_documented(app, case).status_code == status


def test_so_is_a_performance(app: Any) -> None:
    path, parameters = "/v1/hosts/{host}/performance/", {"host": "node-5"}
    put, delete = _OPERATIONS[f"PUT {path}"], _OPERATIONS[f"DELETE {path}"]
    case = put.Case(path_parameters=parameters, body={"flops": 1e12, "detail": "Linpack"})
    assert require_documented(app, case).status_code == 204
    case = delete.Case(path_parameters=parameters)
    assert require_documented(app, case).status_code == 204


def require_documented(app: Any, case: Any) -> Any:
    """It is answered as the document says; return the answer."""
    # schemathesis asks for gzip, and then does not know what to do with it.
    response = case.call(app=app, headers={"Accept-Encoding": "identity"})
    # This machine may ask without a token here, so what lacks one is not refused;
    # 401 is the gabbits' part. What a schema cannot say, such as a window that is
    # past, is refused though it conforms; and what is unknown is 404, not 400.
    excluded = [
        checks.ignored_auth,
        checks.positive_data_acceptance,
        checks.negative_data_rejection,
        # It follows links of its own making.
        checks.ensure_resource_availability,
        checks.use_after_free,
    ]
    case.validate_response(response, excluded_checks=excluded)
    return response


_LATIN_1 = strategies.text(strategies.characters(max_codepoint=255, exclude_characters="\r\n\0"))
_JSON = strategies.recursive(
    strategies.none()
    | strategies.booleans()
    | strategies.integers()
    | strategies.floats()
    | strategies.text(max_size=5)
    | strategies.sampled_from(["=", "and", "not", "in", "<", "$id", "$name", "$cpu_info", "PT1H"]),
    lambda inner: (
        strategies.lists(inner, max_size=4)
        | strategies.dictionaries(strategies.text(max_size=5), inner, max_size=4)
    ),
    max_leaves=12,
)
_MEMBERS = strategies.sampled_from(
    [
        *("start_time", "end_time", "duration", "quantity", "hosts_max", "host_properties"),
        *("objective", "confirm", "name", "status"),
    ]
)
_BODIES = strategies.one_of(
    strategies.binary(max_size=200),
    _JSON.map(lambda document: json.dumps(document).encode()),
    strategies.dictionaries(_MEMBERS, _JSON, max_size=4).map(
        lambda members: json.dumps({"duration": 60, **members}).encode()
    ),
    _JSON.map(
        lambda expression: json.dumps({"duration": 60, "host_properties": expression}).encode()
    ),
    _JSON.map(
        lambda expression: json.dumps(
            {"duration": 60, "host_properties": json.dumps(expression)}
        ).encode()
    ),
)


@hypothesis.settings(max_examples=depth.examples(4))
@hypothesis.given(
    method=strategies.sampled_from(["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"]),
    path=strategies.one_of(
        strategies.sampled_from(["/v1/leases/", "/v1/hosts/", "/v1/allowed-hosts/", "/v1/leases"]),
        _LATIN_1.map(lambda text: f"/v1/leases/{text}"),
        _LATIN_1.map(lambda text: f"/v1/hosts/{text}"),
    ),
    query=_LATIN_1 | _MEMBERS.flatmap(lambda name: _LATIN_1.map(lambda text: f"{name}={text}")),
    content_type=strategies.sampled_from(["application/json", "", "multipart/form-data; ="]),
    body=_BODIES,
)
def test_bytes_of_any_kind_are_answered(
    app: Any, method: str, path: str, query: str, content_type: str, body: bytes
) -> None:
    """Straight into WSGI, past what an HTTP library would refuse to send."""
    environ = webob.Request.blank("/", method="GET", body=body).environ
    environ |= {
        "REQUEST_METHOD": method,
        "PATH_INFO": path,
        "QUERY_STRING": query,
        "CONTENT_TYPE": content_type,
    }
    require_answer(webob.Request(environ).get_response(app), method)


@hypothesis.settings(max_examples=depth.examples(4))
@hypothesis.given(body=_BODIES)
def test_any_body_is_a_lease_or_refused(app: Any, body: bytes) -> None:
    request = webob.Request.blank("/v1/leases/", method="POST", body=body)
    request.content_type = "application/json"
    require_answer(request.get_response(app), "POST")


def require_answer(response: webob.Response, method: str) -> None:
    """It is no fault of ours, and in the one shape."""
    assert response.status_int < 500, response.text
    if response.status_int >= 400 and method != "HEAD":
        (error,) = json.loads(response.body)["errors"]
        assert error["status"] == response.status_int
