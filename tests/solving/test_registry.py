"""The registry fills itself, from the folder and from plug-ins that are really installed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import numpy as np
import pytest

import edgeopt as eo
from edgeopt import solvers as room
from edgeopt.model.solver import STANDARD_OPTIONS, Columns, Solver
from edgeopt.solving.registry import find, solvers

PLUGINS = Path(__file__).parents[1] / "plugins"


def wheel(source: Path, folder: Path) -> Path:
    """Build the wheel that a build tool would make of the plug-in in `source`."""
    project = tomllib.loads((source / "pyproject.toml").read_text())["project"]
    name, version = project["name"], project["version"]
    points = project["entry-points"]["edgeopt.solvers"]
    info = f"{name}-{version}.dist-info"
    files = {str(file.relative_to(source)): file.read_text() for file in source.rglob("*.py")}
    files[f"{info}/METADATA"] = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
    files[f"{info}/WHEEL"] = "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    files[f"{info}/entry_points.txt"] = "\n".join(["[edgeopt.solvers]", *(f"{k} = {v}" for k, v in points.items()), ""])
    files[f"{info}/RECORD"] = "".join(f"{file},,\n" for file in [*files, f"{info}/RECORD"])
    path = folder / f"{name}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for file, text in files.items():
            archive.writestr(file, text)
    return path


def install(source: Path, folder: Path) -> Path:
    """Install the plug-in in `source` into `folder` with pip."""
    target = folder / "site"
    command = [
        sys.executable,
        "-m",
        "pip",
        "install",
        "--quiet",
        "--no-index",
        "--no-deps",
        "--no-compile",
        "--disable-pip-version-check",
        "--target",
        str(target),
        str(wheel(source, folder)),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return target


def plugin(folder: Path, code: str, points: str) -> Path:
    """Write a plug-in called ``bad`` with `code` and the entry `points`."""
    (folder / "bad").mkdir()
    (folder / "bad" / "bad_solver.py").write_text(code)
    (folder / "bad" / "pyproject.toml").write_text(
        f'[project]\nname = "bad"\nversion = "1.0"\n[project.entry-points."edgeopt.solvers"]\n{points}\n'
    )
    return install(folder / "bad", folder)


def run(code: str, *folders: Path) -> subprocess.CompletedProcess[str]:
    """Run `code` in a fresh interpreter that sees what is installed in `folders`."""
    paths = os.pathsep.join([*map(str, folders), os.environ.get("PYTHONPATH", ""), *filter(None, sys.path)])
    environment = {**os.environ, "PYTHONPATH": paths}
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, env=environment)


def test_an_installed_plug_in_solves_like_any_other(tmp_path):
    code = """
import json
import edgeopt as eo
problem = eo.OfflineOffloading([3.0, 1.0, 2.0], [1.0, 1.5, 1.0], 0.6)
solutions = [eo.solve(problem, "acme-coin", seed=1, bias=0.9, isolate=isolate) for isolate in (False, True)]
try:
    eo.solve(problem, "acme-coin", colour=1)
except eo.InvalidOptionError as error:
    refused = str(error)
able = eo.solvers_for(problem)
print(json.dumps([[s.status for s in solutions], [s.objective for s in solutions], refused, list(able["solver"])]))
"""
    done = run(code, install(PLUGINS / "acme", tmp_path))
    assert done.returncode == 0, done.stderr
    statuses, objectives, refused, available = json.loads(done.stdout)
    assert statuses == ["feasible", "feasible"]
    assert objectives[0] == objectives[1] >= 4 / 3
    assert "its own options: bias" in refused
    assert "acme-coin" in available


def test_a_name_that_is_taken_costs_the_plug_in_only(tmp_path):
    code = "import edgeopt as eo\n@eo.solver('highs', solves=eo.Program, exact=True)\ndef mine(p, o): ..."
    done = run(
        "import edgeopt.solving.registry as r; print(r.solvers()['highs'].function.__module__)",
        plugin(tmp_path, code, 'mine = "bad_solver:mine"'),
    )
    assert done.stdout.strip() == "edgeopt.solvers.highs"
    assert "adds 'highs', a name that is taken; rename it" in done.stderr


@pytest.mark.parametrize("code", ["import no_such_package", "1 / 0", "def syntax error"])
def test_a_broken_plug_in_costs_its_own_solvers_only(tmp_path, code):
    done = run(
        "import edgeopt.solving.registry as r; print(len(r.solvers()))", plugin(tmp_path, code, 'mine = "bad_solver"')
    )
    assert int(done.stdout) == len(solvers())
    assert "the plug-in 'mine' (bad_solver) cannot be loaded" in done.stderr


def test_every_module_of_the_room_is_found_under_its_own_name():
    for file in Path(room.__path__[0]).glob("*.py"):
        text = file.read_text()
        if "\n@solver(" in text:
            assert file.stem.replace("_", "-") in solvers()


@pytest.mark.parametrize("entry", solvers().values(), ids=solvers().keys())
def test_every_solver_says_what_it_is(entry):
    assert entry.kind == ("exact" if entry.exact else "heuristic")
    assert set(entry.options) <= set(STANDARD_OPTIONS)
    assert entry.function.__doc__
    assert entry.function.__module__ == f"edgeopt.solvers.{entry.name.replace('-', '_')}"
    assert all(package not in ("numpy",) for package in entry.requires)
    assert bool(entry.install) == bool(entry.requires)
    assert entry.installed
    assert entry.version != "unknown"


def test_exact_solvers_come_first_in_the_order_of_their_ranks():
    listed = list(solvers().values())
    assert listed == sorted(listed, key=lambda s: (not s.exact, s.rank, s.name))
    with pytest.raises(TypeError):
        solvers()["mine"] = listed[0]


def test_variants_belong_to_those_that_have_them():
    assert find("pyomo:highs")[1] == "highs"
    assert find("pyomo") == (solvers()["pyomo"], None)
    assert find("selection:")[1] is None


def test_a_solver_for_integers_only_refuses_continuous_columns():
    entry = Solver("whole", lambda p, o: None, eo.Program, True, columns=Columns.INTEGER)
    assert "takes integer columns only" in str(entry.refusal(eo.Program(np.ones(2), integrality=[True, False])))
    assert entry.refusal(eo.Program(np.ones(2), integrality=True)) is None


def test_a_solver_may_be_made_for_several_formulations():
    entry = Solver("both", lambda p, o: None, (eo.OfflineOffloading, eo.Program), True)
    assert not entry.general
    assert entry.refusal(eo.OfflineOffloading([1.0], [1.0])) is None
    assert "solves OfflineOffloading" in str(
        Solver("one", lambda p, o: None, (eo.OfflineOffloading,), True).refusal(eo.Program([1.0]))
    )


def test_nothing_able_is_an_error_of_its_own(monkeypatch):
    monkeypatch.setattr("edgeopt.solving.registry.solvers", lambda: {})
    with pytest.raises(eo.UnsupportedPairError, match="no installed exact solver takes this Program"):
        eo.solve(eo.Program([1.0]))


@pytest.mark.parametrize(("resources", "expected"), [(40, "simplex"), (320, "highs")])
def test_auto_takes_the_solver_that_is_faster_at_the_size(resources, expected):
    rng = np.random.default_rng(0)
    services = 2 * resources
    problem = eo.RevenueMaximization(
        rng.uniform(1.0, 3.0, services),
        np.eye(resources // 2, services) + np.eye(resources // 2, services, resources),
        np.eye(resources - resources // 2, services, 3),
        np.ones(resources // 2),
        np.ones(resources - resources // 2),
        np.ones(services),
    )
    assert eo.solve(problem).solver == expected
    assert eo.solve(problem, "simplex").status == "optimal"  # it is still there for who asks for it
