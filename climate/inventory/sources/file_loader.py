# SPDX-License-Identifier: Apache-2.0
"""Loads YAML as values that JSON knows; an error names its line.

Owns the differences to YAML 1.1: keys are texts, dates too, and a repeated key, a
number that is not finite, or a tag is an error.
"""

from __future__ import annotations

import math
from typing import Any

import yaml

#: ``on``, ``yes`` and 1 are keys as good as any.
_TEXT_TAG = "tag:yaml.org,2002:str"
_MERGE_TAG = "tag:yaml.org,2002:merge"


class Mistake(Exception):
    """``line``: counted from 1."""

    def __init__(self, line: int, reason: str) -> None:
        super().__init__(reason)
        self.line, self.reason = line, reason


def load(content: bytes) -> Any:
    """Return what the text says; of a list outermost, pairs of line and value.

    :raises Mistake: it cannot be read.
    """
    try:
        loader = _Loader(content)
        try:
            root = loader.get_single_node()
            if not isinstance(root, yaml.SequenceNode):
                return None
            values = loader.construct_document(root)
        finally:
            loader.dispose()
    except yaml.MarkedYAMLError as exc:
        mark = exc.problem_mark or exc.context_mark
        raise Mistake(mark.line + 1 if mark else 1, exc.problem or "is no YAML") from None
    except yaml.reader.ReaderError as exc:
        line = content[: exc.position].count(b"\n") + 1
        raise Mistake(line, f"is no YAML: {exc.reason}") from None
    except RecursionError:
        raise Mistake(1, "is nested too deep") from None
    return [(node.start_mark.line + 1, value) for node, value in zip(root.value, values)]


# libyaml reads ten times as fast, where PyYAML was built with it.
_Base: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _Loader(_Base):  # type: ignore[misc]  # one of two
    def __init__(self, content: bytes) -> None:
        super().__init__(content)
        self._looked_through: set[int] = set()

    def flatten_mapping(self, node: yaml.MappingNode) -> None:
        """Take in what ``<<`` names; before that, no key may be there twice."""
        # By then it has the merged keys, which its own ones override.
        if id(node) not in self._looked_through:
            self._looked_through.add(id(node))
            _require_distinct_keys(node)
        super().flatten_mapping(node)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[str, Any]:
        self.flatten_mapping(node)
        return {key.value: self.construct_object(value, deep=True) for key, value in node.value}

    def construct_finite(self, node: yaml.ScalarNode) -> float:
        value: float = self.construct_yaml_float(node)
        if not math.isfinite(value):
            raise _error(node, f"{node.value} is no number")
        return value


_Loader.add_constructor("tag:yaml.org,2002:float", _Loader.construct_finite)
_Loader.add_constructor("tag:yaml.org,2002:timestamp", _Loader.construct_yaml_str)
for _tag in ("binary", "omap", "pairs", "set"):
    _Loader.add_constructor(f"tag:yaml.org,2002:{_tag}", _Loader.construct_undefined)


def _require_distinct_keys(node: yaml.MappingNode) -> None:
    seen: set[str] = set()
    for key, _ in node.value:
        if not isinstance(key, yaml.ScalarNode):
            raise _error(key, "a key is a text")
        if key.tag == _MERGE_TAG:
            continue
        if key.value in seen:
            raise _error(key, f"{key.value!r} is said twice")
        seen.add(key.value)


def _error(node: yaml.Node, reason: str) -> yaml.constructor.ConstructorError:
    return yaml.constructor.ConstructorError(None, None, reason, node.start_mark)
