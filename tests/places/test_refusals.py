"""What other libraries would say in their own words is said in ours: field, value, remedy."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy import sparse
from typer.testing import CliRunner

import edgeopt as eo
from edgeopt.cli import app
from edgeopt.control import DriftPlusPenalty, Environment, simulate
from edgeopt.layers import LinearProgramLayer

ROOT = Path(__file__).resolve().parents[2]

TENSORS = {
    "requires grad": lambda array: torch.tensor(array, requires_grad=True),
    "bfloat16": lambda array: torch.tensor(array, dtype=torch.bfloat16),
    "meta": lambda array: torch.empty(array.shape, device="meta"),
}

PROBLEMS = {
    name: eo.instances.load(name).problem
    for name in (
        "offloading/generated-small",
        "split/generated-small",
        "graph-split/generated-small",
        "revenue/generated-small",
        "slot/labriji2023-typical",
        "shared-slot/crowd-two",
        "program/assignment-tiny",
    )
}


def arrays_of(problem: eo.Problem) -> dict[str, np.ndarray]:
    """Fields that hold arrays of numbers, dense."""
    found = {f.name: getattr(problem, f.name) for f in fields(problem) if f.init}
    dense = {name: value.toarray() if sparse.issparse(value) else value for name, value in found.items()}
    return {name: value for name, value in dense.items() if isinstance(value, np.ndarray)}


@pytest.mark.parametrize("kind", TENSORS)
@pytest.mark.parametrize("name", PROBLEMS)
def test_a_tensor_that_numpy_cannot_read_is_refused_by_field(name, kind):
    problem = PROBLEMS[name]
    for field, array in arrays_of(problem).items():
        if kind == "requires grad" and array.dtype.kind != "f":
            continue
        with pytest.raises(eo.InvalidProblemError) as caught:
            replace(problem, **{field: TENSORS[kind](np.array(array))})
        assert str(caught.value).startswith(f"{field} is a tensor of torch.")
        assert "tensor.detach().cpu().double().numpy()" in str(caught.value)


@pytest.mark.parametrize("kind", TENSORS)
def test_a_decision_of_such_tensors_is_refused_too(kind):
    tensor = TENSORS[kind](np.ones(3))
    for build in (
        eo.Point,
        eo.OffloadingDecision,
        eo.AdmissionDecision,
        lambda tiers: eo.SplitDecision((tiers,)),
        eo.GraphSplitDecision,
        lambda local: eo.OfflineOffloading([1.0] * 3, [2.0] * 3, local_available=local),
        lambda whole: eo.Program([1.0] * 3, integrality=whole),
        lambda time: eo.Exit(0.5, time[:, None], np.ones(4)),
        lambda bits: eo.Exit(0.5, np.ones((2, 2)), bits),
    ):
        with pytest.raises(eo.InvalidProblemError, match="which NumPy cannot read"):
            build(tensor)


def test_plain_tensors_are_data():
    costs = torch.tensor([1.0, 2.0], dtype=torch.float32)
    assert eo.OfflineOffloading(costs, costs).local_cost.tolist() == [1.0, 2.0]


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (torch.ones(1, dtype=torch.int8), r"row_upper is torch.int8; expected float32 or float64"),
        (torch.ones(1, device="meta"), "row_upper is a meta tensor, which has no values"),
        (torch.ones(1, dtype=torch.complex64), "row_upper is torch.complex64"),
    ],
)
def test_a_layer_refuses_them_by_parameter(value, words):
    layer = LinearProgramLayer(eo.Program([-2.0, -1.0], [[1.0, 1.0]], upper=2.0), ("row_upper",))
    with pytest.raises(eo.InvalidProblemError, match=words):
        layer(value)


@pytest.mark.parametrize("warm_up", ["a", -1, -0.5, float("nan"), None, True, [1.0], 1j])
def test_a_warm_up_is_a_time(warm_up):
    with pytest.raises(eo.InvalidOptionError, match=r"warm_up is .*; expected seconds >= 0"):
        eo.solve(PROBLEMS["offloading/generated-small"], warm_up=warm_up)


@pytest.mark.parametrize("name", ["slots", "warm_up"])
def test_a_simulation_counts_in_slots(name):
    controller = DriftPlusPenalty(average_delay=0.05, max_delay=0.1, outage=0.01, rule="two-regime")
    for value in ("a", 1.5, None, True):
        with pytest.raises(eo.InvalidOptionError, match=f"{name} is .*; expected a whole number of slots"):
            simulate(controller, Environment(), **{"slots": 100, "warm_up": 10, name: value})
    with pytest.raises(eo.InvalidOptionError, match="warm_up is -1"):
        simulate(controller, Environment(), 100, warm_up=-1)


@pytest.mark.parametrize("limit", ["a", -1, 0, float("nan")])
def test_a_memory_limit_is_a_number_of_bytes(limit):
    with pytest.raises(eo.InvalidOptionError, match=r"memory_limit is .*; expected bytes > 0"):
        eo.solve(PROBLEMS["offloading/generated-small"], isolate=True, memory_limit=limit)


@pytest.mark.parametrize("solvers", [",", "", " , ,"])
@pytest.mark.parametrize("command", [("compare",), ("bench", "run")])
def test_a_list_of_no_solvers_is_refused(command, solvers, tmp_path):
    out = ("--out", str(tmp_path)) if command[0] == "bench" else ()
    done = CliRunner().invoke(app, [*command, "offloading/generated-small", "--solvers", solvers, *out])
    assert isinstance(done.exception, eo.InvalidOptionError)
    assert f"--solvers is {solvers!r} and names no solver" in str(done.exception)


DENSE_ROW = """
    import numpy as np
    import edgeopt as eo

    wide = eo.Program(np.linspace(1, 2, 40), np.ones((1, 40)), 0.5, np.inf, 0, 5)
    narrow = eo.Program([3, 2, 1, 1e6], [[1, 1, 1, 1]], 1, np.inf, 0, [1, 1, 1, np.inf])
    far = eo.Program([1e-150, 1], [[1e-150, 1e150]], 1, 10, 0, 1e30)
    for program in (wide, narrow, far):
        for options in ({}, {"threads": 8}, {"threads": 2}, {"warm_start": eo.Point(np.zeros(program.columns))}):
            for name in ("pdlp", "glop"):
                if name == "pdlp" or "warm_start" not in options:
                    eo.solve(program, name, time_limit=5.0, **options)
"""


def test_linear_solvers_print_nothing_without_a_log(tmp_path):
    import textwrap

    (tmp_path / "script.py").write_text(textwrap.dedent(DENSE_ROW))
    done = subprocess.run(
        [sys.executable, "-W", "ignore", str(tmp_path / "script.py")],
        capture_output=True,
        text=True,
        timeout=300,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


EMPTY_ROWS = {
    "an equation": eo.Program([-11, 8], [[0, 0], [-1, 0]], [0, 2], [0, 2], [-10, 0], 10),
    "beside a range": eo.Program([1.0, 8.0], [[1, 1], [0, 0], [-1, 0]], [1, -1, -5], [3, 4, 2], [-10, 0], 10),
    "an upper side": eo.Program([1.0, 8.0], [[0, 0], [1, 1]], [-np.inf, 1], [4, 3], [-10, 0], 10),
    "alone": eo.Program([1.0, 8.0], [[0, 0]], [0], [0], [-10, 0], 10),
    "stored zeros": eo.Program(
        [1.0, 8.0], sparse.csc_array(([0.0, 1.0, 1.0], ([0, 1, 1], [0, 0, 1]))), [-1, 1], [0, 9], [-10, 0], 10
    ),
}


@pytest.mark.parametrize("program", EMPTY_ROWS.values(), ids=EMPTY_ROWS.keys())
@pytest.mark.parametrize("backend", ["SCIP", "HIGHS", "CLARABEL", "SCIPY"])
def test_rows_without_entries_do_not_break_cvxpy(program, backend):
    if backend == "SCIP":
        pytest.importorskip("pyscipopt")
    found = eo.solve(program, f"cvxpy:{backend}")
    assert found.status in ("optimal", "feasible")
    assert found.objective == pytest.approx(eo.solve(program, "highs").objective, abs=1e-6)


def test_a_row_without_entries_that_no_point_satisfies_is_kept():
    model = eo.Program([1.0], [[0.0]], [1.0], [2.0], 0, 1).to_cvxpy()
    assert model.solve(solver="CLARABEL") == np.inf
