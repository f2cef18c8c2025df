# SPDX-License-Identifier: Apache-2.0
"""Expressions over hosts' properties: the grammar of Nova's JSON filter.

Owns its syntax and meaning.  A clause is a list of an operator and operands::

    ["and", [">=", "$cpu_info.topology.cores", 8],
            ["in", "avx2", "$cpu_info.features"],
            ["not", ["=", "$vendor", "Intel"]]]

``and``, ``or``
    of one clause or more.
``not``
    of one clause.  (Nova takes several, and means what nobody expects.)
``=`` or ``==``, ``!=``, ``<``, ``>``, ``<=``, ``>=``
    of two operands or more; as in Nova, the first must compare so with each of
    the others.
``in``
    the first operand is among the others; of one that is a list, or a property
    that is a list, its members count.
``[]`` or an empty text
    every host.

An operand that begins with ``$`` is a property, dots leading into mappings;
every comparison has one.  Anything else stands for itself.

* If one side is a number, the other is taken as a number too: 8 equals "8.0".
  Two texts compare as texts, and true equals only true.
* A property that a host does not have, or that is null, makes its clause
  false, also under ``!=``; ``not`` around it makes that true.

An expression is compiled once, into closures, and then asked for each host.
"""

from __future__ import annotations

import functools
import json
import operator
import re
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any
from typing import NamedTuple

from climate import exception
from climate.inventory import located_json

Host = Mapping[str, Any]
Test = Callable[[Host], bool]
_Value = Callable[[Host], Any]
_Compare = Callable[[Any, Any], bool]
_Nodes = Sequence[located_json.Node]

#: With an order of their own; true and false have none, though Python says so.
_ORDERED = frozenset({str, int, float})
_NUMBER = re.compile(r"\s*[+-]?[0-9]{1,300}(\.[0-9]*)?([eE][+-]?[0-9]{1,3})?\s*", re.ASCII)


class Clause(NamedTuple):
    """A part of an expression.

    :ivar text: it as JSON, in ASCII, the same for any way of writing it.
    :ivar matches: tells whether a host passes it.
    """

    text: str
    matches: Test


class Expression(NamedTuple):
    """What hosts must be like.

    :ivar text: and ``matches``: as a clause's.
    :ivar clauses: operands of the outermost ``and``, else the whole; none if every
        host matches.
    """

    text: str
    matches: Test
    clauses: tuple[Clause, ...]


def parse(text: object, max_length: int, max_depth: int) -> Expression:
    """Return the expression that a text says, or a list that is one already.

    :param max_length: characters; of a list, those of its JSON.
    :param max_depth: lists in lists.
    :raises PropertiesInvalid: what is wrong, and where.
    """
    try:
        written = _write(text)
        if len(written) > max_length:
            raise located_json.Mistake(f"longer than {max_length} characters", max_length)
        root = located_json.parse(written if written.strip() else "[]", max_depth)
        return _express(root)
    except located_json.Mistake as exc:
        mistake = exception.PropertiesInvalid(reason=exc.reason, position=exc.position)
    raise mistake


def _write(text: object) -> str:
    if isinstance(text, str):
        return text
    if not isinstance(text, list):
        raise located_json.Mistake("neither a text nor a list", 0)
    try:
        return json.dumps(text)
    except (TypeError, ValueError, RecursionError):
        raise located_json.Mistake("the list holds what is no JSON", 0) from None


def _express(root: located_json.Node) -> Expression:
    whole = _compile(root)
    parts = [root] if root.value else []
    if parts and root.value[0].value == "and":
        parts = root.value[1:]
    clauses = tuple(Clause(part.text(), _compile(part)) for part in parts)
    return Expression(root.text(), whole, clauses)


def _compile(clause: located_json.Node) -> Test:
    if not isinstance(clause.value, list):
        raise _mistake(clause, 'a clause is wanted, such as ["=", "$id", 1]')
    if not clause.value:
        return lambda _host: True
    name, *operands = clause.value
    build = _OPERATORS.get(name.value) if isinstance(name.value, str) else None
    if build is None:
        known = " ".join(_OPERATORS)
        raise _mistake(name, f"{name.quote()} is no operator; there are {known}")
    return build(clause, operands)


def _all(clause: located_json.Node, operands: _Nodes) -> Test:
    _require_some(clause, operands, 1)
    return _conjunction([_compile(operand) for operand in operands])


def _any(clause: located_json.Node, operands: _Nodes) -> Test:
    _require_some(clause, operands, 1)
    return _disjunction([_compile(operand) for operand in operands])


def _not(clause: located_json.Node, operands: _Nodes) -> Test:
    if len(operands) != 1:
        raise _mistake(clause, f'"not" takes one clause, not {len(operands)}')
    test = _compile(operands[0])
    return lambda host: not test(host)


# Loops take half the time of all() and any(), which need a generator each.
def _conjunction(tests: list[Test]) -> Test:
    def test(host: Host) -> bool:
        for each in tests:  # noqa: SIM110
            if not each(host):
                return False
        return True

    return tests[0] if len(tests) == 1 else test


def _disjunction(tests: list[Test]) -> Test:
    def test(host: Host) -> bool:
        for each in tests:  # noqa: SIM110
            if each(host):
                return True
        return False

    return tests[0] if len(tests) == 1 else test


def _comparing(compare: _Compare, mirrored: _Compare) -> Callable[..., Test]:
    """Return what compiles an operator; ``mirrored`` is it with its sides changed."""

    def build(clause: located_json.Node, operands: _Nodes) -> Test:
        _require_some(clause, operands, 2)
        _require_property(operands)
        first, *others = operands
        return _conjunction([_pair(compare, mirrored, first, other) for other in others])

    return build


def _pair(
    compare: _Compare, mirrored: _Compare, left: located_json.Node, right: located_json.Node
) -> Test:
    if not _is_property(left):
        compare, left, right = mirrored, right, left
    get = _value(left)
    if not _is_property(right):
        literal = _literal(right)
        return lambda host: compare(get(host), literal)
    get_other = _value(right)
    return lambda host: compare(get(host), get_other(host))


def _in(clause: located_json.Node, operands: _Nodes) -> Test:
    _require_some(clause, operands, 2)
    first, *others = operands
    members = [node for other in others for node in _members(other)]
    _require_property([first, *members])
    get = _value(first)
    literals = [_literal(node) for node in members if not _is_property(node)]
    found_in: list[_Value] = [_value(node) for node in members if _is_property(node)]
    if literals:
        found_in.append(lambda _host: literals)
    return _disjunction([_membership(get, get_members) for get_members in found_in])


def _membership(get: _Value, get_members: _Value) -> Test:
    return lambda host: _is_among(get(host), get_members(host))


def _members(node: located_json.Node) -> _Nodes:
    return node.value if isinstance(node.value, list) else [node]


def _require_some(clause: located_json.Node, operands: _Nodes, least: int) -> None:
    if len(operands) < least:
        name = clause.value[0].quote()
        raise _mistake(clause, f"{name} takes {least} operands or more, not {len(operands)}")


def _require_property(operands: _Nodes) -> None:
    # It would be true or false of all hosts: a $ was forgotten.
    if not any(_is_property(operand) for operand in operands):
        raise _mistake(operands[0], "no operand is a property; those are written as $id")


def _is_property(node: located_json.Node) -> bool:
    return isinstance(node.value, str) and node.value.startswith("$")


def _literal(node: located_json.Node) -> Any:
    if isinstance(node.value, list):
        raise _mistake(node, "a list has no meaning here")
    if node.value is None:
        raise _mistake(node, "null compares with nothing")
    return node.value


def _value(node: located_json.Node) -> _Value:
    """Return what gets an operand's value of a host; None is a property it does not have."""
    if not _is_property(node):
        literal = _literal(node)
        return lambda _host: literal
    name, *deeper = node.value[1:].split(".")
    if not name or not all(deeper):
        raise _mistake(node, f"{node.quote()} names no property; one is written as $cpu_info.arch")
    if not deeper:
        return lambda host: host.get(name)

    def get(host: Host) -> Any:
        value = host.get(name)
        for key in deeper:
            if not isinstance(value, dict):
                return None
            value = value.get(key)
        return value

    return get


def _mistake(node: located_json.Node, reason: str) -> located_json.Mistake:
    return located_json.Mistake(reason, node.position)


def _number_of(value: object) -> int | float | None:
    """Return the number that a value is or spells."""
    kind = type(value)
    if kind is int or kind is float:
        return value  # type: ignore[return-value]  # mypy does not see it
    return _read_number(value) if isinstance(value, str) else None


# Thousands of hosts spell the same few.
@functools.lru_cache(maxsize=10_000)
def _read_number(text: str) -> int | float | None:
    match = _NUMBER.fullmatch(text)
    if not match:
        return None
    return int(text) if match[1] is None and match[2] is None else float(text)


def _equal(left: object, right: object) -> bool:
    kind, other = type(left), type(right)
    if kind is other:
        return left is not None and left == right
    if kind is int or kind is float or other is int or other is float:
        number = _number_of(left)
        return number is not None and number == _number_of(right)
    return False


def _differ(left: object, right: object) -> bool:
    return left is not None and right is not None and not _equal(left, right)


def _is_among(wanted: object, members: object) -> bool:
    if wanted is None:
        return False
    if not isinstance(members, list | dict):
        return _equal(wanted, members)
    if isinstance(wanted, str) and _number_of(wanted) is None:
        # Equal to nothing but itself; a list of features is long.
        return wanted in members
    return _has_equal(wanted, members)


def _has_equal(wanted: object, members: Iterable[object]) -> bool:
    return any(_equal(wanted, member) for member in members)


def _ordering(compare: _Compare) -> _Compare:
    """Return the comparison with what has no order being false."""

    def ordered(left: object, right: object) -> bool:
        kind, other = type(left), type(right)
        if kind is other and kind in _ORDERED:
            return compare(left, right)
        if kind is int or kind is float or other is int or other is float:
            one, two = _number_of(left), _number_of(right)
            return one is not None and two is not None and compare(one, two)
        return False

    return ordered


_less, _more = _ordering(operator.lt), _ordering(operator.gt)
_at_most, _at_least = _ordering(operator.le), _ordering(operator.ge)

_OPERATORS: dict[str, Callable[[located_json.Node, _Nodes], Test]] = {
    "=": _comparing(_equal, _equal),
    "==": _comparing(_equal, _equal),
    "!=": _comparing(_differ, _differ),
    "<": _comparing(_less, _more),
    ">": _comparing(_more, _less),
    "<=": _comparing(_at_most, _at_least),
    ">=": _comparing(_at_least, _at_most),
    "in": _in,
    "not": _not,
    "and": _all,
    "or": _any,
}
