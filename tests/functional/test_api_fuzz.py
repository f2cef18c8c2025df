# SPDX-License-Identifier: Apache-2.0
"""The API answers every generated request as openapi.yaml documents it, and never with 500."""

from __future__ import annotations

import json
import pathlib
from typing import Any

import hypothesis
import pytest
import schemathesis
import webob
from hypothesis import strategies
from schemathesis import checks

from kwapi.store import store
from tests import depth
from tests.servers import apis

_DOCUMENT = pathlib.Path(__file__).parents[2] / "doc/source/reference/openapi.yaml"


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The API over a store that shows something."""
    conf = apis.configure(tmp_path_factory.mktemp("fuzz"), "[api]\nauth_strategy = noauth\n")
    apis.fill(store.open_store(conf))
    built = apis.build(conf)
    # schemathesis does not say where a request comes from; noauth wants to know.
    return lambda environ, *args: built({**environ, "REMOTE_ADDR": "127.0.0.1"}, *args)


_SCHEMA = schemathesis.openapi.from_path(str(_DOCUMENT))
_OPERATIONS = {found.ok().label: found.ok() for found in _SCHEMA.get_all_operations()}


_MODES = [
    (label, mode)
    for label in _OPERATIONS
    for mode in schemathesis.GenerationMode
    # Without parameters nothing can be made wrong.
    if mode.is_positive or "{" in label
]


@pytest.mark.parametrize(("label", "mode"), _MODES)
def test_every_answer_is_as_documented(app: Any, label: str, mode: Any) -> None:
    @hypothesis.settings(max_examples=depth.examples(0.25))
    @hypothesis.given(case=_OPERATIONS[label].as_strategy(generation_mode=mode))
    def ask(case: Any) -> None:
        require_documented(app, case)

    ask()


@pytest.mark.parametrize("label", _OPERATIONS)
def test_so_are_those_that_find_something(app: Any, label: str) -> None:
    parameters = {"probe_id": "A", "meter": "kwh"} if "{" in label else {}
    response = require_documented(app, _OPERATIONS[label].Case(path_parameters=parameters))
    assert response.status_code == 200


def require_documented(app: Any, case: Any) -> Any:
    """It is answered as the document says; return the answer."""
    # schemathesis asks for gzip, and then does not know what to do with it.
    response = case.call(app=app, headers={"Accept-Encoding": "identity"})
    # This machine may ask without a token here, so what lacks one is not refused;
    # 401 is the gabbits' part.
    unauthenticated = [checks.ignored_auth, checks.negative_data_rejection]
    case.validate_response(response, excluded_checks=unauthenticated)
    return response


_LATIN_1 = strategies.text(strategies.characters(max_codepoint=255, exclude_characters="\r\n\0"))


@hypothesis.given(
    method=strategies.sampled_from(
        ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", "X"]
    ),
    path=strategies.one_of(
        _LATIN_1.map(lambda text: f"/v1/probes/{text}"),
        _LATIN_1.map(lambda text: f"/v1/probes/A/{text}"),
        _LATIN_1.map(lambda text: f"/{text}"),
        strategies.sampled_from(["/v1/probes/", "/metrics", "/v1/drivers", "/healthcheck", ""]),
    ),
    query=_LATIN_1,
    headers=strategies.dictionaries(
        strategies.sampled_from(
            [
                "ACCEPT",
                "ACCEPT_ENCODING",
                "IF_NONE_MATCH",
                "IF_MODIFIED_SINCE",
                "RANGE",
                "X_AUTH_TOKEN",
                "X_OPENSTACK_REQUEST_ID",
                "ORIGIN",
                "HOST",
                "COOKIE",
            ]
        ),
        _LATIN_1,
    ),
    content_type=strategies.sampled_from(
        ["", "application/json", "application/x-www-form-urlencoded", "multipart/form-data; ="]
    ),
    body=strategies.binary(max_size=200),
)
def test_bytes_of_any_kind_are_answered(
    app: Any,
    method: str,
    path: str,
    query: str,
    headers: dict[str, str],
    content_type: str,
    body: bytes,
) -> None:
    """Straight into WSGI, past what an HTTP library would refuse to send."""
    environ = webob.Request.blank("/", method="GET", body=body).environ
    environ |= {
        "REQUEST_METHOD": method,
        "PATH_INFO": path,
        "QUERY_STRING": query,
        "CONTENT_TYPE": content_type,
    }
    environ |= {f"HTTP_{name}": value for name, value in headers.items()}
    response = webob.Request(environ).get_response(app)
    assert response.status_int < 500
    if response.status_int >= 400 and method != "HEAD":
        (error,) = json.loads(response.body)["errors"]
        assert error["status"] == response.status_int
