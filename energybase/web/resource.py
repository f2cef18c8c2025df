# SPDX-License-Identifier: Apache-2.0
"""Resources, the tree of their URLs, and how Pecan walks it.

Owns routing, allowed methods and the order of questions: does the URL exist
(404), does it know the method (405), may this client (403).  What an URL
answers is each service's own.

Pecan walks by attribute names unless told otherwise; a resource called
``index`` or ``get`` would then be taken for code.  So it is told otherwise.
"""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

import pecan
import webob
from pecan import core

from energybase.web import conditional
from energybase.web import errors
from energybase.web import pipeline
from energybase.web import policy

_RESOURCE = "energybase.web.resource"


class Resource:
    """What one URL stands for.

    A subclass has a method ``get``, ``post``.. for each method in ``rules``.

    :cvar rules: policy rule by HTTP method; None lets everybody. What is not
        named here is not allowed, so no method can be left open by oversight.
    :cvar parameter: what a segment below stands for that is no fixed word, as policy and
        OpenAPI name it, such as ``host``; None if there is no such segment.
    :ivar children: resources below, by path segment.
    """

    rules: Mapping[str, str | None] = {}
    parameter: str | None = None

    def __init__(self, children: Mapping[str, Resource] | None = None) -> None:
        self.children = dict(children or {})

    def find_child(self, segment: str) -> Resource | None:
        """Return the resource below, or None: 404.

        A subclass whose children have other names than fixed words returns these here,
        and says in ``parameter`` what the names are.
        """
        return self.children.get(segment)


class Document(Resource):
    """A resource whose only content is one body, ready-made and versioned."""

    def __init__(self, rule: str, latest: conditional.Latest, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.rules = {"GET": rule}
        self._latest = latest

    def get(self, request: webob.Request) -> webob.Response:
        """Hand out the bytes."""
        return self._latest.get().respond(request)


class Application(core.ExplicitPecan):  # type: ignore[misc]  # Pecan comes without types
    """Pecan over a tree of resources: a WSGI application."""

    def __init__(self, tree: Resource, enforcer: policy.Enforcer) -> None:
        super().__init__(
            tree,
            force_canonical=False,
            # "rack.1" is a name, not a file of type 1.
            guess_content_type_from_ext=False,
        )
        self._enforcer = enforcer

    def route(self, req: webob.Request, node: Resource, path: str) -> tuple[Any, list[str]]:
        """Return what answers for this path, for Pecan to call."""
        resource = _find(node, path.split("/")[1:])
        _require_method(resource, req.method)
        req.environ[_RESOURCE] = resource
        # One representation each: what the client accepts is not negotiated,
        # and Pecan need not look into a body that means nothing.
        req.pecan["content_type"] = conditional.JSON
        if req.method == "HEAD":
            req.environ.pop("CONTENT_TYPE", None)
        return self.answer, []

    @pecan.expose(content_type=conditional.JSON)  # type: ignore[untyped-decorator]
    def answer(self, req: webob.Request, resp: webob.Response) -> webob.Response:
        """Ask policy, then the resource."""
        resource, method = req.environ[_RESOURCE], _method(req.method)
        if rule := resource.rules[method]:
            who = req.environ[pipeline.CONTEXT]
            self._enforcer.authorize(rule, who, policy.own_target(who))
        return getattr(resource, method.lower())(req)

    def invoke_controller(self, controller: Any, args: Any, kwargs: Any, state: Any) -> None:
        """Take the response as it is: there is no template to look for."""
        state.response = controller(*args, **kwargs)


def _find(tree: Resource, segments: Sequence[str]) -> Resource:
    # With a trailing slash the last segment is empty, and changes nothing.
    walked = segments[:-1] if segments and not segments[-1] else segments
    resource: Resource | None = tree
    for segment in walked:
        resource = resource.find_child(segment) if resource and segment else None
    if resource is None:
        raise errors.RequestRefused(404, "There is nothing at this URL.")
    return resource


def _require_method(resource: Resource, method: str) -> None:
    if _method(method) in resource.rules:
        return
    allowed = sorted({*resource.rules, *(["HEAD"] if "GET" in resource.rules else [])})
    if not allowed:
        raise errors.RequestRefused(404, "There is nothing at this URL.")
    raise errors.RequestRefused(
        405,
        f"This URL answers {' and '.join(allowed)} only.",
        {"Allow": ", ".join(allowed)},
    )


def _method(method: str) -> str:
    return "GET" if method == "HEAD" else method
