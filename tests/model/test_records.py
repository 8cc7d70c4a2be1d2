"""Data are checked once, where they enter: the message names the field, the place, the value and what was expected."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from scipy import sparse

import edgeopt as eo
from edgeopt.verification.infeasibility import FarkasRay
from edgeopt.verification.linear_dual import LinearDual
from edgeopt.verification.unboundedness import PrimalRay


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"local_cost": [1.0, np.nan, 2.0]}, r"local_cost\[1\] is nan; every entry must be finite \(drop the sample"),
        ({"remote_cost": [1.0, 2.0, -np.inf]}, r"remote_cost\[2\] is -inf"),
        ({"local_cost": [np.nan, np.inf, 2.0]}, r"local_cost\[0\] is nan \(1 more like it\)"),
        ({"local_cost": [[1.0, 2.0], [3.0, np.inf], [5.0, 6.0]]}, r"local_cost\[1, 1\] is inf"),
        ({"local_cost": ["a", "b", "c"]}, "local_cost holds <U1 values; expected real numbers"),
        ({"local_cost": [1j, 2j, 3j]}, "local_cost holds complex128 values"),
        ({"local_cost": [None, 1.0, 2.0]}, "local_cost holds object values"),
        ({"local_cost": [[1.0], [2.0, 3.0]]}, "local_cost is no rectangular array of numbers"),
        ({"local_cost": np.ma.array([1.0, 2.0, 3.0], mask=[0, 1, 0])}, "local_cost has masked entries"),
        ({"local_cost": 1.0}, r"local_cost has shape \(\); expected an array of 1 or 2 dimension"),
        ({"local_cost": []}, r"remote_cost has shape \(3,\); expected \(0,\)"),
        ({"local_cost": [], "remote_cost": []}, "local_cost is empty; a problem needs at least one sample"),
        ({"remote_cost": [1.0, 2.0]}, r"remote_cost has shape \(2,\); expected \(3,\)"),
        ({"min_local_fraction": 1.5}, "min_local_fraction is 1.5; expected a number between 0 and 1"),
        ({"min_local_fraction": -0.1}, "min_local_fraction is -0.1"),
        ({"min_local_fraction": np.nan}, "min_local_fraction is nan"),
        ({"min_local_fraction": "half"}, "min_local_fraction is 'half'; expected a real number"),
        ({"min_local_fraction": True}, "min_local_fraction is True; expected a real number"),
        ({"min_local_fraction": 10**400}, "min_local_fraction is inf"),
        ({"transmission_cost": -np.inf}, "transmission_cost is -inf; expected a finite number"),
        ({"local_available": [1, 0, 1]}, r"local_available is int64 of shape \(3,\); expected bool of shape \(3,\)"),
        ({"local_available": [True]}, r"local_available is bool of shape \(1,\)"),
        ({"independent_sites": True}, r"local_cost has shape \(3,\); independent_sites needs \(samples, sites\)"),
        ({"local_cost": [1.7e308] * 3}, "so large that their sum overflows float64; scale all costs down"),
    ],
)
def test_offloading_refuses_and_says_why(change, words):
    good = {"local_cost": [1.0, 2.0, 3.0], "remote_cost": [1.0, 1.0, 1.0]}
    with pytest.raises(eo.InvalidProblemError, match=words):
        eo.OfflineOffloading(**{**good, **change})


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"cost": [np.nan, 1.0]}, r"cost\[0\] is nan"),
        ({"cost": [[1.0, 1.0]]}, r"cost has shape \(1, 2\); expected an array of 1 dimension"),
        ({"matrix": [[1.0, np.inf]]}, r"matrix.data\[1\] is inf"),
        ({"matrix": [[1.0]]}, r"matrix has shape \(1, 1\); expected \(rows, 2\) to fit cost"),
        ({"matrix": [[1j, 2.0]]}, "matrix holds complex values"),
        ({"matrix": [["a", "b"]]}, "matrix is no .* matrix of numbers"),
        ({"row_lower": [np.nan]}, r"row_lower\[0\] is nan; every entry must not be nan"),
        ({"row_upper": [1.0, 2.0]}, r"row_upper has shape \(2,\); expected \(1,\)"),
        ({"lower": [0.0]}, r"lower has shape \(1,\); expected \(2,\)"),
        ({"upper": np.nan}, "upper is nan"),
        ({"integrality": [True]}, r"integrality is bool of shape \(1,\)"),
        ({"integrality": [0.5, 1.0]}, "expected .* booleans"),
        ({"sense": "up"}, "sense is 'up'; expected 'minimize' or 'maximize'"),
        ({"offset": np.inf}, "offset is inf"),
        ({"column_names": ["a"]}, "column_names has 1 names; expected 2"),
        ({"column_names": ["a", "a"]}, "column_names holds 'a' twice; names must be unique"),
    ],
)
def test_programs_refuse_and_say_why(change, words):
    good = {"cost": [1.0, 2.0], "matrix": [[1.0, 1.0]], "row_lower": [1.0]}
    with pytest.raises(eo.InvalidProblemError, match=words):
        eo.Program(**{**good, **change})


def test_inputs_stay_untouched_unlocked_and_unshared():
    local, remote = np.array([3.0, 1.0]), np.array([1.0, 2.0])
    available = np.array([True, True])
    matrix = sparse.csc_array(np.array([[1.0, 2.0]]))
    problem = eo.OfflineOffloading(local, remote, 0.5, local_available=available)
    program = eo.Program(local, matrix, integrality=available)
    decision, point = eo.OffloadingDecision(available), eo.Point(local)
    local[0], remote[0], available[0], matrix.data[0] = 9.0, 9.0, False, 9.0
    assert problem.local_cost[0] == program.cost[0] == point.values[0] == 3.0
    assert problem.remote_cost[0] == program.matrix.data[0] == 1.0
    assert problem.local_available[0]
    assert program.integrality[0]
    assert decision.local[0]


def test_records_are_immutable():
    problem = eo.OfflineOffloading([[3.0, 1.0], [1.0, 1.0]], [1.0, 2.0], 0.5, 0.25)
    program = problem.program()
    with pytest.raises(dataclasses.FrozenInstanceError):
        problem.min_local_fraction = 0.1
    for array in (
        problem.local_cost,
        problem.remote_cost,
        problem.local_totals,
        problem.remote_totals,
        problem.benefit,
        program.cost,
        program.matrix.data,
        program.row_lower,
        program.lower,
        program.integrality,
        eo.Point([1.0]).values,
        eo.OffloadingDecision([True]).local,
        LinearDual(np.ones(1)).row_dual,
        FarkasRay(np.ones(1)).row_multiplier,
        PrimalRay(np.ones(1), np.ones(1)).direction,
    ):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 7


def test_numbers_may_come_in_numpys_own_types():
    problem = eo.OfflineOffloading(np.array([1, 2], np.uint8), [True, False], np.float32(0.5), np.array(1))
    assert problem.local_cost.dtype == problem.remote_cost.dtype == np.float64
    assert (problem.min_local_fraction, problem.transmission_cost) == (0.5, 1.0)


def test_a_certificate_of_no_numbers_is_refused():
    with pytest.raises(eo.InvalidProblemError, match="row_dual is no array of numbers"):
        LinearDual(["x"])


def test_arrays_that_nobody_can_change_are_not_copied_into_a_program():
    import edgeopt as eo

    mine, theirs = np.ones(3), np.ones(3)
    mine.flags.writeable = False
    assert eo.Program(mine).cost.base is mine
    program = eo.Program(theirs)
    theirs[0] = 7.0
    assert program.cost[0] == 1.0
    view = np.ones(6)[:3]
    view.flags.writeable = False  # somebody may hold what it is a view of
    assert not np.shares_memory(eo.Program(view).cost, view)
