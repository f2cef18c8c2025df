# SPDX-License-Identifier: Apache-2.0
"""What every route of an API must have: a policy rule, a description, an example.

:func:`find_gaps` walks an API's tree of resources, and asks for each method of each URL

- a policy rule that names exactly this URL and method, or that the URL is public;
- an operation in the OpenAPI document, if the API has one;
- an entry in its page for users: a definition that begins with ````GET /the/url````;
- a step in a gabbit that is answered well.

The reverse, too: no rule, operation or entry is about a route that is not there.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from typing import NamedTuple

import yaml
from oslo_policy import policy

from energybase.web import resource

#: Deeper is no tree of ours, but a circle.
_MOST_DEPTH = 8
_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
_TERM = re.compile(rf"(?:(?P<method>{'|'.join(_METHODS)}) )?(?P<path>/.*)")
_LOCATION = re.compile(r"(?:\$HISTORY\['(?P<name>[^']+)'\]\.)?\$LOCATION")


class Route(NamedTuple):
    """One method of one URL.

    :ivar path: with its parameters by name, as ``/v1/hosts/{host}/``.
    :ivar url: the same with values, without the slash at its end.
    :ivar rule: policy rule; None lets everybody.
    """

    method: str
    path: str
    url: str
    rule: str | None

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


class Api(NamedTuple):
    """An API, and the places where its routes are described.

    :ivar beside: URLs that middleware answers to GET, not the tree.
    :ivar examples: a value of each parameter.
    :ivar public: URLs that need no token, without the slash at their end.
    :ivar openapi: the OpenAPI document, if it has one.
    :ivar page: for users.
    :ivar gabbits: folder of its gabbits.
    """

    tree: resource.Resource
    beside: tuple[str, ...]
    examples: Mapping[str, str]
    public: Iterable[str]
    rules: Iterable[policy.DocumentedRuleDefault]
    openapi: Path | None
    page: Path
    gabbits: Path


def find_gaps(api: Api) -> list[str]:
    """Return what is missing, a sentence each; nothing if all is described."""
    routes = list_routes(api)
    rules = {rule.name: _operations(rule) for rule in api.rules}
    entries = set(read_entries(api.page.read_text("utf-8")))
    steps = {step for path in sorted(api.gabbits.glob("*.yaml")) for step in read_steps(path)}
    public = {path.rstrip("/") for path in api.public}
    gaps = [gap for route in routes for gap in _find_rule_gaps(route, rules, public)]
    if api.openapi is not None:
        operations = set(read_openapi(api.openapi.read_text("utf-8")))
        gaps += _compare("OpenAPI operation", routes, operations)
    gaps += _compare("entry in its page", routes, entries, are_named=False)
    gaps += [f"{route} has no gabbit" for route in routes if not _is_tried(route, steps)]
    known = {(route.method, route.path.rstrip("/")) for route in routes}
    for name, operations in rules.items():
        stale = {(method, path) for method, path in operations if method != "HEAD"} - known
        gaps += [f"{name} names {method} {path}, which is no route" for method, path in stale]
    return gaps


def list_routes(api: Api) -> list[Route]:
    """Return every method of every URL of an API."""
    beside = [Route("GET", url, url, None) for url in api.beside]
    return [*walk(api.tree, api.examples), *beside]


def walk(tree: resource.Resource, examples: Mapping[str, str]) -> Iterator[Route]:
    """Yield every method of every URL of a tree.

    :raises AssertionError: a resource has children that cannot be named.
    """
    yield from _walk(tree, "", "", examples)


def read_openapi(text: str) -> Iterator[tuple[str, str]]:
    """Yield method and path of each operation of an OpenAPI document."""
    for path, item in yaml.safe_load(text)["paths"].items():
        yield from ((key.upper(), path.rstrip("/")) for key in item if key.upper() in _METHODS)


def read_entries(text: str) -> Iterator[tuple[str, str]]:
    """Yield method and path of each route that a page defines.

    ````GET /a/````, ````PUT````, ````DELETE /a/<b>```` and, as GET, ````/a/```` at the
    beginning of a line.
    """
    for line in text.splitlines():
        waiting: list[str] = []
        for term in re.findall(r"``([^`]+)``", line) if line.startswith("``") else ():
            if term in _METHODS:
                waiting.append(term)
            elif found := _TERM.fullmatch(term):
                methods = [*waiting, found["method"] or "GET"]
                yield from ((method, found["path"].rstrip("/")) for method in methods)
                waiting = []


def read_steps(path: Path) -> Iterator[tuple[str, str]]:
    """Yield method and path of each step of a gabbit that is answered well."""
    document = yaml.safe_load(path.read_text("utf-8"))
    urls: dict[str, str] = {}
    last = ""
    for step in document["tests"]:
        for method in _METHODS:
            if method in step:
                url = _resolve(step[method], urls, last)
                urls[step["name"]] = last = url
                if str(step.get("status", 200))[0] in "23":
                    yield method, url.partition("?")[0].rstrip("/")


def _resolve(url: str, urls: Mapping[str, str], last: str) -> str:
    """Return a step's URL; what is below the URL that was posted to is called ``made``."""

    def find(found: re.Match[str]) -> str:
        posted = urls[found["name"]] if found["name"] else last
        return f"{posted.partition('?')[0].rstrip('/')}/made/"

    return _LOCATION.sub(find, url)


def _walk(
    node: resource.Resource, path: str, url: str, examples: Mapping[str, str]
) -> Iterator[Route]:
    assert path.count("/") <= _MOST_DEPTH, f"{path} is deeper than any tree of ours"
    yield from (Route(method, f"{path}/", url, rule) for method, rule in node.rules.items())
    named = _find_named(node, path, examples)
    for segment, below in node.children.items():
        if named is None or not _are_alike(below, named):
            yield from _walk(below, f"{path}/{segment}", f"{url}/{segment}", examples)
    if named is not None:
        example = examples[node.parameter or ""]
        yield from _walk(named, f"{path}/{{{node.parameter}}}", f"{url}/{example}", examples)


def _find_named(
    node: resource.Resource, path: str, examples: Mapping[str, str]
) -> resource.Resource | None:
    """Return the resource below whose segment is a parameter's value, if there is one."""
    finds_others = type(node).find_child is not resource.Resource.find_child
    if node.parameter is None:
        assert not finds_others, f"{path}/ has children, but names no parameter for them"
        return None
    assert node.parameter in examples, f"{path}/{{{node.parameter}}}/ has no example"
    named = node.find_child(examples[node.parameter])
    assert named is not None, f"{path}/{{{node.parameter}}}/ is not there for the example"
    return named


def _are_alike(one: resource.Resource, other: resource.Resource) -> bool:
    return type(one) is type(other) and one.rules == other.rules


def _operations(rule: policy.DocumentedRuleDefault) -> set[tuple[str, str]]:
    return {(each["method"], each["path"].rstrip("/")) for each in rule.operations}


def _find_rule_gaps(
    route: Route, rules: Mapping[str, set[tuple[str, str]]], public: set[str]
) -> Iterator[str]:
    if route.rule is None:
        if route.url.rstrip("/") not in public:
            yield f"{route} has no policy rule, and is not public"
        return
    path = route.path.rstrip("/")
    for method in (route.method, *(["HEAD"] if route.method == "GET" else [])):
        if (method, path) not in rules.get(route.rule, set()):
            yield f"{route}: {route.rule} does not name {method} {route.path}"


def _compare(
    what: str, routes: Iterable[Route], described: set[tuple[str, str]], *, are_named: bool = True
) -> Iterator[str]:
    """Yield the routes that are not described, and the descriptions of none.

    :param are_named: parameters have the same names in both.
    """
    normal = (lambda path: path) if are_named else _forget_names
    known = {(route.method, normal(route.path.rstrip("/"))): route for route in routes}
    found = {(method, normal(path)) for method, path in described}
    yield from (f"{route} has no {what}" for key, route in known.items() if key not in found)
    yield from (f"{what} of {method} {path}/, no route" for method, path in found - set(known))


def _forget_names(path: str) -> str:
    return re.sub(r"\{[^}]*\}|<[^>]*>", "{}", path)


def _is_tried(route: Route, steps: set[tuple[str, str]]) -> bool:
    segments = route.path.rstrip("/").split("/")
    return any(
        method == route.method and _matches(segments, path.split("/")) for method, path in steps
    )


def _matches(wanted: list[str], given: list[Any]) -> bool:
    return len(wanted) == len(given) and all(
        one == other or one.startswith("{") for one, other in zip(wanted, given)
    )
