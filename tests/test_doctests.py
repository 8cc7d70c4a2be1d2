"""The examples in the docstrings are true."""

from __future__ import annotations

import doctest
import importlib
import pkgutil

import pytest

import edgeopt

MODULES = [
    module.name
    for module in pkgutil.walk_packages(edgeopt.__path__, "edgeopt.")
    if module.name not in ("edgeopt.solving.worker", "edgeopt.__main__")
]


@pytest.mark.parametrize("name", ["edgeopt", *MODULES])
def test_docstring_examples(name):
    result = doctest.testmod(importlib.import_module(name), optionflags=doctest.NORMALIZE_WHITESPACE)
    assert result.failed == 0
