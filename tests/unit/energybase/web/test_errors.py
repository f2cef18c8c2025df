# SPDX-License-Identifier: Apache-2.0
"""Whatever fails is answered in one shape, and tells nothing of our insides."""

from __future__ import annotations

import logging
from typing import Any

import pytest
import webob
from oslo_context import context
from oslo_middleware import request_id

from energybase import exception
from energybase.web import errors


class ProbeNotFound(exception.EnergyException):
    msg_fmt = "Probe %(probe_id)s is not known."
    code = 404


def ask(app: Any, path: str = "/", **environ: Any) -> webob.Response:
    wrapped = request_id.RequestId(errors.Errors(app, service="kwapi"))
    return webob.Request.blank(path, environ=environ).get_response(wrapped)


def failing(exc: Exception) -> Any:
    def app(environ: Any, start_response: Any) -> Any:
        raise exc

    return app


def the_error(response: webob.Response) -> dict[str, Any]:
    (error,) = response.json["errors"]
    assert error.keys() == {"request_id", "code", "status", "title", "detail"}
    assert error["status"] == response.status_int
    assert error["request_id"] == response.headers["X-OpenStack-Request-ID"]
    assert response.content_type == "application/json"
    return error


def test_an_answer_passes_untouched() -> None:
    response = ask(webob.Response(body=b"x", headers={"ETag": '"1"'}))
    assert (response.status_int, response.body, response.headers["ETag"]) == (200, b"x", '"1"')


def test_our_exceptions_choose_their_status_and_have_a_code_of_their_own() -> None:
    response = ask(failing(ProbeNotFound(probe_id="A")))
    error = the_error(response)
    assert response.status_int == 404
    assert error["code"] == "kwapi.probe_not_found"
    assert error["detail"] == "Probe A is not known."


def test_a_500_tells_its_text_to_the_log_only(caplog: pytest.LogCaptureFixture) -> None:
    response = ask(failing(RuntimeError("password=hunter2")))
    error = the_error(response)
    assert response.status_int == 500
    assert error["code"] is None
    assert b"hunter2" not in response.body
    assert "Traceback" in caplog.text
    assert "hunter2" in caplog.text


def test_a_log_line_of_an_error_carries_the_id_the_client_was_given(
    caplog: pytest.LogCaptureFixture,
) -> None:
    seen = []
    handler = logging.Handler()
    handler.emit = lambda record: seen.append(context.get_current().request_id)  # type: ignore[method-assign]
    errors.LOG.addHandler(handler)
    try:
        response = ask(failing(RuntimeError()))
    finally:
        errors.LOG.removeHandler(handler)
    assert seen == [response.headers["X-OpenStack-Request-ID"]]


@pytest.mark.parametrize("status", [418, "404", None, 200])
def test_an_exception_of_a_library_cannot_choose_its_status(status: Any) -> None:
    exc = OSError("inside")
    exc.code = status  # type: ignore[attr-defined]
    response = ask(failing(exc))
    assert response.status_int == 500
    assert b"inside" not in response.body


def test_our_own_exception_without_a_status_is_a_500_without_its_text() -> None:
    response = ask(failing(exception.EnergyException("secret place")))
    assert response.status_int == 500
    assert the_error(response)["detail"] == "Internal Server Error"


def test_a_503_says_when_to_come_back_but_not_why() -> None:
    response = ask(failing(exception.StoreUnavailable(reason="host db.internal is away")))
    assert response.status_int == 503
    assert int(response.headers["Retry-After"]) > 0
    assert the_error(response)["code"] == "kwapi.store_unavailable"
    assert b"db.internal" not in response.body


def test_the_log_says_why_a_503(caplog: pytest.LogCaptureFixture) -> None:
    ask(failing(exception.StoreUnavailable(reason="host db.internal is away")))
    assert "db.internal" in caplog.text


def test_other_peoples_refusals_get_our_shape_and_keep_their_headers() -> None:
    refusal = webob.Response(
        status=401, body=b"<html>go away</html>", headers={"WWW-Authenticate": "Keystone uri='x'"}
    )
    response = ask(refusal)
    assert the_error(response)["title"] == "Unauthorized"
    assert response.headers["WWW-Authenticate"] == "Keystone uri='x'"
    assert b"html" not in response.body


def test_a_status_without_a_name_is_still_an_error() -> None:
    assert the_error(ask(webob.Response(status="599 Odd")))["title"] == "Error"


def test_a_refusal_sends_its_headers() -> None:
    response = ask(failing(errors.RequestRefused(405, "No.", {"Allow": "GET, HEAD"})))
    assert (response.status_int, response.headers["Allow"]) == (405, "GET, HEAD")
    assert the_error(response)["detail"] == "No."


@pytest.mark.parametrize(
    "environ", [{"PATH_INFO": "/\xff"}, {"QUERY_STRING": "a=%ff"}, {"PATH_INFO": "/\u20ac"}]
)
def test_what_is_not_utf_8_is_a_bad_request(environ: dict[str, str]) -> None:
    assert ask(webob.Response(), **environ).status_int == 400


def test_a_head_request_gets_the_status_without_the_document() -> None:
    response = ask(failing(ProbeNotFound(probe_id="A")), REQUEST_METHOD="HEAD")
    assert (response.status_int, response.body) == (404, b"")


def test_a_path_cannot_forge_a_log_line(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    ask(failing(ProbeNotFound(probe_id="A")), PATH_INFO="/a\nb")
    assert "/a\\nb" in caplog.text


def test_nor_can_a_text_that_is_quoted(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    refusal = errors.RequestRefused(400, "a\r\nb\x85c\u2028d\tä is nothing")
    error = the_error(ask(failing(refusal)))
    assert "a\\r\\nb\\x85c\\u2028d\\tä is nothing" in caplog.text
    # JSON has ways of its own to say so.
    assert error["detail"] == str(refusal)
