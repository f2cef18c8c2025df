# SPDX-License-Identifier: Apache-2.0
"""The floor names no product: every name and default of one is an argument."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

import energybase

_PRODUCTS = re.compile(r"kwapi|climate", re.IGNORECASE)
#: The distribution that the floor is in, and a lock that two releases share.
_ALLOWED = {"kwapi-climate", "kwapi."}
_FOLDER = Path(energybase.__file__).parent


def list_products(source: str) -> set[str]:
    """Return the texts and names in a program that name a product; not its docstrings."""
    tree = ast.parse(source)
    found = set()
    for node in ast.walk(tree):
        for child in ast.iter_child_nodes(node):
            is_text = isinstance(child, ast.Constant) and isinstance(child.value, str)
            if is_text and not isinstance(node, ast.Expr):
                found.add(child.value)
            elif isinstance(child, ast.Name):
                found.add(child.id)
    return {text for text in found if _PRODUCTS.search(text)}


@pytest.mark.parametrize("path", sorted(_FOLDER.rglob("*.py")), ids=lambda path: path.stem)
def test_no_product_is_named(path: Path) -> None:
    assert list_products(path.read_text()) <= _ALLOWED


def test_a_product_that_is_named_is_found() -> None:
    source = '"""Of kwapi."""\ndef load(schema: object = KWAPI, path: str = "/etc/climate"): ...\n'
    assert list_products(source) == {"KWAPI", "/etc/climate"}
