"""What an import costs: the public face is light, and every heavy package waits for the room that needs it."""

from __future__ import annotations

import ast
import importlib
import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import pytest

import edgeopt

ROOT = Path(__file__).resolve().parents[1]
SCRIPTS = sorted(
    path.relative_to(ROOT).as_posix() for part in ("benchmarks", "examples") for path in (ROOT / part).glob("*.py")
)
HEAVY = ("torch", "pandas", "pyomo", "cvxpy", "ortools", "highspy", "scipy", "numpy", "typer", "rich", "matplotlib")


def modules_after(code: str) -> set[str]:
    """Names of the modules that a fresh interpreter has loaded after `code`."""
    script = f"{code}\nimport json, sys; print(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return set(json.loads(done.stdout.splitlines()[-1]))


def test_a_bare_import_loads_no_heavy_package_and_few_modules():
    added = modules_after("import edgeopt") - modules_after("import importlib, typing")
    assert not {name.partition(".")[0] for name in added} & set(HEAVY)
    assert len(added) <= 5


@pytest.mark.parametrize("package", ["torch", "pandas", "pyomo", "cvxpy", "ortools", "typer", "matplotlib"])
def test_solving_with_edgeopts_own_solver_needs_numpy_and_scipy_only(package):
    code = "import edgeopt as eo; eo.solve(eo.OfflineOffloading([1.0, 2.0], [2.0, 1.0], 0.5))"
    assert package not in modules_after(code)


def test_every_public_name_is_there():
    for name in edgeopt.__all__:
        assert getattr(edgeopt, name) is not None
    assert set(dir(edgeopt)) >= set(edgeopt.__all__) - {"__version__"}
    assert {"solve", "verify", "explain", "instances", "OfflineOffloading"} <= set(edgeopt.__all__)


@pytest.mark.parametrize("room", ["analysis", "layers", "predictors"])
def test_a_room_lists_its_public_names(room):
    module = importlib.import_module(f"edgeopt.{room}")
    assert module.__all__
    assert set(dir(module)) >= set(module.__all__)
    for name in module.__all__:
        assert callable(getattr(module, name))


def test_instances_are_a_module_of_their_own():
    assert "edgeopt.instances" in modules_after("import edgeopt.instances")


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no_such_name"):
        _ = edgeopt.no_such_name


@pytest.mark.parametrize("script", SCRIPTS)
def test_scripts_import_only_what_is_there(script):
    """Benchmarks run for minutes and by hand, so that nothing else tells that a name has moved."""
    for node in ast.walk(ast.parse((ROOT / script).read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] == "edgeopt":
            module = importlib.import_module(node.module)
            for name in node.names:
                inside = importlib.util.find_spec(f"{node.module}.{name.name}") if hasattr(module, "__path__") else None
                assert hasattr(module, name.name) or inside, f"{node.module} has no {name.name}"
