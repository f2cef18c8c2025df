# SPDX-License-Identifier: Apache-2.0
"""Arguments that a caller of any release may send."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import hypothesis
import pytest
from hypothesis import strategies as st

from climate import exception
from climate.rpc import arguments

_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
_CHECKS: dict[str, Callable[[Any], Any]] = {
    "whole": lambda value: arguments.whole("x", value, 1, 9),
    "text": lambda value: arguments.text("x", value),
    "line": lambda value: arguments.line("x", value),
    "texts": lambda value: arguments.texts("x", value),
    "wholes": lambda value: arguments.wholes("x", value),
    "one_of": lambda value: arguments.one_of("x", value, ("a", "b")),
}


def _refuse(check: Callable[[], Any]) -> str:
    with pytest.raises(exception.RequestInvalid) as caught:
        check()
    return str(caught.value)


@pytest.mark.parametrize(
    ("name", "good", "bad"),
    [
        ("whole", [1, 9], [0, 10, True, 1.0, "1", None]),
        ("text", ["", "ä\n", "x" * 255], ["x" * 256, "\0", "\ud800", 1, None]),
        ("line", ["a", "ä b"], ["", "a\n", "x" * 256, 1, None]),
        ("texts", [[], ["a", ""]], ["a", [1], [None], ("a",), {}]),
        ("wholes", [[], [0, -1]], [1, ["1"], [True], [1.0], {}]),
        ("one_of", ["a", "b"], ["c", "", None, ["a"]]),
    ],
)
def test_checks(name: str, good: list[Any], bad: list[Any]) -> None:
    check = _CHECKS[name]
    for value in good:
        assert check(value) == value
    for value in bad:
        assert _refuse(lambda value=value: check(value)).startswith("x: must ")


@hypothesis.given(st.sampled_from(sorted(_CHECKS)), _VALUES)
def test_whatever_is_sent_is_returned_or_refused(name: str, value: Any) -> None:
    try:
        assert _CHECKS[name](value) is value
    except exception.RequestInvalid as exc:
        assert exc.meta == {"member": "x"}  # noqa: PT017


def test_none_may_be_an_answer() -> None:
    assert arguments.optional(arguments.whole, "x", None, 1) is None
    assert arguments.optional(arguments.whole, "x", 1, 1) == 1


def test_unknown_arguments_are_passed_over_a_missing_one_is_refused() -> None:
    def function(a: int, *, b: int = 2) -> int:
        return a + b

    assert arguments.call(function, 1, b=1) == 2
    assert arguments.call(function, 1, a=3, c=4, function=5) == 3
    assert _refuse(lambda: arguments.call(function, c=4)).startswith("arguments: ")


def test_a_mistake_of_ours_is_not_the_callers() -> None:
    def function() -> None:
        raise TypeError("ours")

    with pytest.raises(TypeError, match="ours"):
        arguments.call(function)
