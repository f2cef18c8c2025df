# SPDX-License-Identifier: Apache-2.0
"""The property language: what it means, and where it says a mistake is."""

from __future__ import annotations

import json
import operator
from collections.abc import Mapping
from typing import Any

import hypothesis
import pytest
from hypothesis import strategies

from climate import exception
from climate.inventory import properties
from tests import depth

HOST: dict[str, Any] = {
    "id": 1,
    "name": "node-1",
    "on": True,
    "status": "up",
    "vcpus": 16,
    "load": 0.5,
    "running_vms": 0,
    "note": None,
    "memory": "4096",
    "cpu_info": {
        "vendor": "Intel",
        "topology": {"cores": 8, "sockets": 2},
        "features": ["avx", "avx2", "10"],
    },
    "aggregate_metadata": {"ssd": "true", "watts": "200.0"},
    "slots": [1, 2, "3"],
}


def parse(text: object) -> properties.Expression:
    """Parse within usual limits."""
    return properties.parse(text, 10_000, 32)


@pytest.mark.parametrize(
    "clause",
    [
        [],
        ["=", "$id", 1],
        ["==", "$id", 1],
        ["=", 1, "$id"],
        ["=", "$id", "1"],
        ["=", "$id", 1.0],
        ["=", "$memory", 4096],
        ["=", "$aggregate_metadata.watts", 200],
        ["<", "$memory", 5000],
        [">", "$vcpus", "9"],
        [">", 17, "$vcpus"],
        ["<=", "$vcpus", 16],
        [">=", "$vcpus", 16],
        [">=", "$cpu_info.topology.cores", "$cpu_info.topology.sockets"],
        ["=", "$on", True],
        ["!=", "$on", False],
        ["!=", "$on", 1],
        ["=", "$cpu_info.vendor", "Intel"],
        ["<", "$cpu_info.vendor", "J"],
        ["!=", "$cpu_info.vendor", "AMD", "ARM"],
        ["!=", "$vcpus", "many"],
        ["<", "$vcpus", 17, 18, "19"],
        ["=", "$id", 1, "1", "$id"],
        ["in", "avx2", "$cpu_info.features"],
        ["in", "$cpu_info.vendor", ["Intel", "AMD"]],
        ["in", "$cpu_info.vendor", "AMD", "Intel"],
        ["in", "$id", [3, "1"]],
        ["in", "$id", [3, "$id"]],
        ["in", "$id", "$slots"],
        ["in", 3, "$slots"],
        ["in", 10, "$cpu_info.features"],
        ["in", "ssd", "$aggregate_metadata"],
        ["in", "node-1", "$name"],
        ["in", "avx2", "$absent", "$cpu_info.features"],
        ["in", "$name", ["and", "or", "node-1"]],
        ["not", ["=", "$absent", 1]],
        ["not", ["!=", "$absent", 1]],
        ["and", ["=", "$id", 1], []],
        ["or", ["=", "$id", 2], ["not", ["=", "$id", 3]]],
        ["=", "$running_vms", 0],
    ],
)
def test_what_a_host_matches(clause: Any) -> None:
    expression = parse(clause)
    assert expression.matches(HOST)
    assert parse(json.dumps(clause, indent=3)).matches(HOST)
    if clause:
        assert not parse(["not", clause]).matches(HOST)


@pytest.mark.parametrize(
    "clause",
    [
        ["=", "$id", 2],
        ["=", "$id", True],
        ["=", "$on", "true"],
        ["=", "$on", 1],
        ["=", "$memory", "4096.0"],
        ["!=", "$id", "1"],
        ["<", "$vcpus", 16],
        ["<", "$vcpus", 17, 16],
        [">", "$vcpus", "many"],
        ["<", "$vcpus", "many"],
        [">", "$on", 0],
        [">", "$cpu_info.features", 0],
        ["=", "$cpu_info.features", "avx"],
        ["=", "$id", 1, 2],
        ["!=", "$cpu_info.vendor", "AMD", "Intel"],
        ["=", "$absent", "$nowhere"],
        ["!=", "$absent", 1],
        ["!=", "$note", 1],
        ["!=", 1, "$absent"],
        ["<", "$absent", 1],
        ["in", "$absent", ["a"]],
        ["in", "$absent", "$nowhere"],
        ["=", "$cpu_info.topology.cores.more", 8],
        ["=", "$cpu_info.absent.more", 8],
        ["=", "$name.more", "node-1"],
        ["in", "avx512", "$cpu_info.features"],
        ["in", "$name", []],
        ["in", True, "$slots"],
        ["in", 4, "$slots"],
        ["and", ["=", "$id", 1], ["=", "$id", 2]],
        ["or", ["=", "$id", 3], ["=", "$id", 2]],
    ],
)
def test_what_a_host_does_not_match(clause: Any) -> None:
    assert not parse(clause).matches(HOST)
    assert parse(["not", clause]).matches(HOST)


@pytest.mark.parametrize("text", ["", " \n", "[]", " [ ] ", []])
def test_nothing_wanted_is_every_host(text: object) -> None:
    expression = parse(text)
    assert expression.matches({})
    assert (expression.text, expression.clauses) == ("[]", ())


@pytest.mark.parametrize(
    ("marked", "reason"),
    [
        ("¶null", "a clause is wanted"),
        ('¶"[]"', "a clause is wanted"),
        ('¶{"a": 1}', "an object has no meaning here"),
        ("¶NaN", "NaN is no JSON"),
        ('["=", "$id", ¶NaN]', "NaN is no JSON"),
        ('["=", "$id", ¶-Infinity]', "a number is wanted"),
        ('["=", "$id", ¶1e999]', "the number is too large"),
        (f'["=", "$id", ¶{"9" * 400}]', "the number is too large"),
        ('["=", "$id", 1¶', "a comma or ] is wanted"),
        ('["=", "$id", 0¶1]', "a comma or ] is wanted"),
        ('["=", "$id",¶', "it ends too soon"),
        ('["=", "$id", ¶]', "a value is wanted"),
        ("['=', \"$id\", 1]".replace("'", "¶'", 1), "a value is wanted"),
        ('["=", ¶"$id', "Unterminated string"),
        ('["=", "$i¶\n", 1]', "Invalid control character"),
        ('["=", "$id", 1] ¶]', "nothing may follow"),
        ('[¶"xor", ["=", "$id", 1]]', '"xor" is no operator'),
        ('[¶"$id", 1]', '"$id" is no operator'),
        ("[¶1]", "1 is no operator"),
        ("[¶[]]", "[] is no operator"),
        ('["and", ["=", "$id", 1], ["or", [¶"is", "$id", 1]]]', '"is" is no operator'),
        ('["and", ["=", "$id", 1], ¶["not"]]', '"not" takes one clause, not 0'),
        ('¶["not", ["=", "$id", 1], ["=", "$id", 2]]', "not 2"),
        ('¶["and"]', '"and" takes 1 operands or more, not 0'),
        ('["or", ¶["=", "$id"]]', '"=" takes 2 operands or more, not 1'),
        ('["or", ¶["in", "$id"]]', '"in" takes 2 operands or more, not 1'),
        ('["and", ["=", "$id", 1], ¶"$on"]', "a clause is wanted"),
        ('["not", ¶1]', "a clause is wanted"),
        ('["=", ¶"id", 1]', "no operand is a property"),
        ('["in", ¶1, [1, 2]]', "no operand is a property"),
        ('["=", "$id", ¶["=", "$id", 1]]', "a list has no meaning here"),
        ('["in", "$id", [1, ¶[2]]]', "a list has no meaning here"),
        ('["in", ¶["$id"], "$slots"]', "a list has no meaning here"),
        ('["=", "$id", ¶null]', "null compares with nothing"),
        ('["in", "$id", [1, ¶null]]', "null compares with nothing"),
        ('["=", ¶"$", 1]', "names no property"),
        ('["=", ¶"$a..b", 1]', "names no property"),
        ('["=", ¶"$a.", 1]', "names no property"),
        ("[" * 32 + "¶[" + "[" * 4000, "nested more than 32 deep"),
        ("[" + " " * 9_999 + "¶]", "longer than 10000 characters"),
    ],
)  # fmt: skip
def test_a_mistake_is_located(marked: str, reason: str) -> None:
    position = marked.index("¶")
    with pytest.raises(exception.PropertiesInvalid) as caught:
        parse(marked.replace("¶", ""))
    assert caught.value.details["position"] == position
    assert reason in caught.value.details["reason"]
    assert caught.value.meta == {"member": "host_properties", "position": position}
    # Crosses RPC, and goes into any log.
    assert str(caught.value).isascii()


@pytest.mark.parametrize("value", [None, 1, b"[]", {"and": []}, ("=", "$id", 1)])
def test_neither_text_nor_list(value: object) -> None:
    with pytest.raises(exception.PropertiesInvalid, match="neither a text nor a list"):
        parse(value)


def test_a_list_without_an_end() -> None:
    endless: list[Any] = ["and"]
    endless.append(endless)
    deep: list[Any] = []
    for _ in range(100_000):
        deep = [deep]
    for value in (endless, deep, ["=", "$id", b"x"]):
        with pytest.raises(exception.PropertiesInvalid, match="what is no JSON"):
            parse(value)


def test_a_list_has_the_limits_of_its_text() -> None:
    with pytest.raises(exception.PropertiesInvalid, match="longer than 100 characters"):
        properties.parse(["=", "$id", "x" * 100], 100, 32)
    with pytest.raises(exception.PropertiesInvalid, match="nested more than 1 deep"):
        properties.parse(["not", ["=", "$id", 1]], 100, 1)


def test_clauses() -> None:
    """What a refusal counts by: the operands of the outermost and."""
    expression = parse('["and",["=","$id",1], ["or", ["<","$vcpus",4], [">","$vcpus",8]]]')
    assert [clause.text for clause in expression.clauses] == [
        '["=", "$id", 1]',
        '["or", ["<", "$vcpus", 4], [">", "$vcpus", 8]]',
    ]
    assert [clause.matches({"id": 1, "vcpus": 6}) for clause in expression.clauses] == [True, False]
    whole = parse(["=", "$id", 1])
    assert [clause.text for clause in whole.clauses] == [whole.text] == ['["=", "$id", 1]']


def test_the_text_is_canonical() -> None:
    written = ' [ "=" ,"$name", "\\u00e9\\ud800\\u0000é", 1.50, 1e2 ]'
    text = parse(written).text
    assert text == '["=", "$name", "\\u00e9\\ud800\\u0000\\u00e9", 1.5, 100.0]'
    assert parse(text).text == text


def test_any_mapping_is_a_host() -> None:
    class Other(Mapping[str, Any]):
        def __getitem__(self, key: str) -> Any:
            return HOST[key]

        def __iter__(self) -> Any:
            return iter(HOST)

        def __len__(self) -> int:
            return len(HOST)

    assert parse(["=", "$cpu_info.vendor", "Intel"]).matches(Other())


VALUES = strategies.one_of(
    strategies.booleans(),
    strategies.integers(-3, 3),
    strategies.sampled_from([0.5, 1.0, -2.0]),
    strategies.sampled_from(["", "1", "1.0", "-2", "a", "b", " 1 ", "1_0", "1e0", "nan", "é"]),
)
PATHS = strategies.sampled_from(["$a", "$b", "$c.d", "$c.e", "$l", "$absent", "$a.b"])
COMPARISONS = strategies.builds(
    lambda name, path, others, at: [name, *others[:at], path, *others[at:]],
    strategies.sampled_from(["=", "==", "!=", "<", ">", "<=", ">=", "in"]),
    PATHS,
    strategies.lists(VALUES | PATHS, min_size=1, max_size=3),
    strategies.integers(0, 3),
)
CLAUSES = strategies.recursive(
    COMPARISONS,
    lambda inner: (
        strategies.builds(lambda clause: ["not", clause], inner)
        | strategies.builds(
            lambda name, clauses: [name, *clauses],
            strategies.sampled_from(["and", "or"]),
            strategies.lists(inner, min_size=1, max_size=3),
        )
    ),
    max_leaves=8,
)
HOSTS = strategies.fixed_dictionaries(
    {},
    optional={
        "a": VALUES | strategies.none(),
        "b": VALUES,
        "c": strategies.dictionaries(strategies.sampled_from("de"), VALUES),
        "l": strategies.lists(VALUES, max_size=3),
    },
)
ORDER = {"<": operator.lt, ">": operator.gt, "<=": operator.le, ">=": operator.ge}


@hypothesis.settings(max_examples=depth.examples(5))
@hypothesis.given(clause=CLAUSES, host=HOSTS)
def test_it_means_what_the_grammar_says(clause: list[Any], host: dict[str, Any]) -> None:
    """Beside the plainest reading of the module's docstring."""
    assert parse(clause).matches(host) is oracle(clause, host)
    assert parse(json.dumps(clause)).matches(host) is oracle(clause, host)


def oracle(clause: list[Any], host: dict[str, Any]) -> bool:
    """Tell whether a host matches, one word of the grammar at a time."""
    name, *operands = clause
    if name == "not":
        return not oracle(operands[0], host)
    if name in ("and", "or"):
        results = [oracle(operand, host) for operand in operands]
        return all(results) if name == "and" else any(results)
    first, *others = [look_up(operand, host) for operand in operands]
    if name == "in":
        spread = [v for other in others for v in (other if isinstance(other, list) else [other])]
        return any(compare("=", first, other) for other in spread)
    return all(compare(name, first, other) for other in others)


def look_up(operand: Any, host: dict[str, Any]) -> Any:
    """Return the value that an operand stands for."""
    if not isinstance(operand, str) or not operand.startswith("$"):
        return operand
    value: Any = host
    for key in operand[1:].split("."):
        value = value.get(key) if isinstance(value, dict) else None
    return value


def compare(name: str, left: Any, right: Any) -> bool:
    """Compare two values."""
    if left is None or right is None:
        return False
    if {type(left), type(right)} & {int, float}:
        left, right = as_number(left), as_number(right)
    if name in ORDER:
        comparable = type(left) is str is type(right) or {type(left), type(right)} <= {int, float}
        return bool(comparable and ORDER[name](left, right))
    numbers = {type(left), type(right)} <= {int, float}
    equal = (numbers or type(left) is type(right)) and left == right
    return not equal if name == "!=" else equal


def as_number(value: Any) -> Any:
    """Return a number for a text that spells one."""
    spelled = {"1": 1, "1.0": 1.0, "-2": -2, " 1 ": 1, "1e0": 1.0}
    return spelled.get(value, value) if isinstance(value, str) else value


@hypothesis.given(text=strategies.text(alphabet='[]",$=and or1.5e-\\u{}\x00é', max_size=60))
@hypothesis.example("[" * 5000)
def test_any_text_is_taken_or_refused(text: str) -> None:
    """It never fails otherwise, and the place is in the text."""
    try:
        expression = parse(text)
    except exception.PropertiesInvalid as exc:
        assert 0 <= exc.details["position"] <= len(text)
    else:
        assert parse(expression.text).text == expression.text


@hypothesis.given(clause=CLAUSES, host=HOSTS, data=strategies.data())
def test_an_unknown_operator_is_found_anywhere(
    clause: list[Any], host: dict[str, Any], data: strategies.DataObject
) -> None:
    """Whatever the space around it."""
    text = json.dumps(["and", clause, ["nor", 1]], indent=data.draw(strategies.integers(0, 4)))
    with pytest.raises(exception.PropertiesInvalid) as caught:
        parse(text)
    assert text[caught.value.details["position"] :].startswith('"nor"')
