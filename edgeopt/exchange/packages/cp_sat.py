"""CP-SAT models of OR-Tools: the part of them that is linear, clauses and enforced rows included.

A clause over literals is a row, and a row that holds only where literals are true is one too once the bounds of its
variables give a constant (:mod:`indicators`); every variable of CP-SAT has bounds.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ...model.problem import Sense
from ...model.program import Program
from .indicators import EXACT, Literal, add_indicator
from .shared import Columns, Rows, collected, distinct, refused

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .answer import Answer

_NONE = 2**61
"""Sides of this size and more are CP-SAT's way of saying that there is none."""
_CLAUSES = {"bool_or": (1, None), "at_most_one": (None, 1), "exactly_one": (1, 1)}
"""How many literals of each kind of clause may be true."""
_KINDS = (
    "linear",
    "bool_or",
    "bool_and",
    "at_most_one",
    "exactly_one",
    "bool_xor",
    "all_diff",
    "automaton",
    "circuit",
    "cumulative",
    "element",
    "int_div",
    "int_mod",
    "int_prod",
    "interval",
    "inverse",
    "lin_max",
    "no_overlap",
    "no_overlap_2d",
    "reservoir",
    "routes",
    "table",
)


def from_cp_sat(model: Any) -> Program:
    """Read a ``CpModel``; see :func:`edgeopt.from_ortools`."""
    proto = model.Proto()
    if len(proto.assumptions):
        raise refused("the CP-SAT model", "has assumptions", "call model.clear_assumptions(), or add them as rows")
    columns, rows = Columns(), Rows()
    names = _names(proto)
    for name, variable in zip(names, proto.variables, strict=True):
        lower, upper = _interval(f"variable {name!r}", list(variable.domain))
        columns.add(name, lower, upper, True)
    for i, constraint in enumerate(proto.constraints):
        _read(columns, rows, constraint, constraint.name or f"row[{i}]")
    cost, offset, sense = _objective(proto)
    return collected(columns, rows, cost, offset=offset, sense=sense, name=proto.name)


def assign_cp_sat(model: Any, answer: Answer) -> None:
    """Hand the values over as the model's hint: CP-SAT's models hold no values, and start from their hint."""
    ordered = answer.values(_names(model.Proto()), "ortools")
    model.clear_hints()
    for place, value in enumerate(ordered.tolist()):
        model.add_hint(model.get_int_var_from_proto_index(place), round(value))


def _names(proto: Any) -> list[str]:
    return distinct([variable.name for variable in proto.variables], "x")


def _interval(what: str, domain: Sequence[int]) -> tuple[float | None, float | None]:
    """Return the ends of a domain, None for one that is not there."""
    if len(domain) != 2:
        gaps = f"has a domain of {len(domain) // 2} intervals: {_spelled(domain)}"
        raise refused(what, gaps, "write the gaps with a Boolean variable for each interval")
    ends = [None if abs(end) >= _NONE else end for end in domain]
    for end in ends:
        if end is not None and abs(end) > EXACT:
            raise refused(what, f"has the bound {end}, which float64 does not hold", "give it smaller bounds")
    return ends[0], ends[1]


def _spelled(domain: Sequence[int]) -> str:
    pairs = zip(domain[::2], domain[1::2], strict=True)
    text = " ".join(f"[{low}, {high}]" for low, high in pairs)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _read(columns: Columns, rows: Rows, constraint: Any, name: str) -> None:
    what = f"constraint {name!r}"
    kind = next((kind for kind in _KINDS if getattr(constraint, f"has_{kind}", bool)()), None)
    literals = [_literal(literal) for literal in constraint.enforcement_literal]
    if kind is None:
        return
    if kind == "linear":
        places, values = list(constraint.linear.vars), list(constraint.linear.coeffs)
        lower, upper = _interval(what, list(constraint.linear.domain))
    elif kind in _CLAUSES:
        lower, upper = _CLAUSES[kind]
        places, values, lower, upper = _count(list(getattr(constraint, kind).literals), lower, upper)
    elif kind == "bool_and":
        given = list(constraint.bool_and.literals)
        places, values, lower, upper = _count(given, len(given), None)
    else:
        raise refused(
            what,
            f"of the CP-SAT model is of the kind {kind}, which no linear program holds",
            "write it with linear constraints, or solve it with CP-SAT itself",
        )
    if any(abs(value) > EXACT for value in values):
        raise refused(what, "has a coefficient that float64 does not hold", "scale the row")
    if literals:
        sides = (-np.inf if lower is None else lower, np.inf if upper is None else upper)
        add_indicator(columns, rows, name, places, values, sides, literals)
    else:
        rows.add(name, places, values, lower, upper)


def _literal(literal: int) -> Literal:
    """Column of a literal, and whether it is true at 1; CP-SAT writes ``-1 - j`` for not j."""
    return (literal, True) if literal >= 0 else (-1 - literal, False)


def _count(
    literals: Sequence[int], lower: float | None, upper: float | None
) -> tuple[list[int], list[float], float | None, float | None]:
    """Row that says how many of the literals are true."""
    pairs = [_literal(literal) for literal in literals]
    negated = sum(not true for _, true in pairs)
    low, high = (side if side is None else side - negated for side in (lower, upper))
    return [j for j, _ in pairs], [1.0 if true else -1.0 for _, true in pairs], low, high


def _objective(proto: Any) -> tuple[NDArray[np.float64], float, Sense]:
    cost = np.zeros(len(proto.variables))
    if proto.has_floating_point_objective():
        goal = proto.floating_point_objective
        np.add.at(cost, list(goal.vars), list(goal.coeffs))
        return cost, float(goal.offset), Sense.MAXIMIZE if goal.maximize else Sense.MINIMIZE
    if not proto.has_objective():
        return cost, 0.0, Sense.MINIMIZE
    goal = proto.objective
    if len(goal.domain):
        raise refused("the objective of the CP-SAT model", "has a domain", "write it as a linear constraint")
    # CP-SAT minimises whole numbers; its objective is scaling_factor * (terms + offset), negative when it maximises.
    factor = float(goal.scaling_factor) or 1.0
    for j, value in zip(goal.vars, goal.coeffs, strict=True):
        if abs(value) > EXACT:
            raise refused("the objective of the CP-SAT model", f"has the coefficient {value}", "scale it down")
        if j < 0:
            raise refused("the objective of the CP-SAT model", "names a negated variable", "write it with 1 - x")
        cost[j] += factor * value
    return cost + 0.0, factor * float(goal.offset) + 0.0, Sense.MAXIMIZE if factor < 0 else Sense.MINIMIZE
