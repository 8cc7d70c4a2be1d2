"""What a declared problem holds, as text for a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .families import Loop
from .fields import FieldSpec

if TYPE_CHECKING:
    from .declared import Declared


def summary(problem: Declared) -> str:
    """Return dimensions, fields with units, variables and constraints of a problem, with their sizes."""
    m = problem.declaration
    lines = [f"{problem!r}: {m.sense}"]
    lines += ["dimensions", *(f"  {name}: {size}" for name, size in m.sizes.items())]
    lines.append("fields")
    for one in problem.declared_fields:
        lines.append(f"  {one.name} {_shape(one.spec)}{_unit(one.spec)}: {_range(getattr(problem, one.name))}")
    lines.append("variables")
    for variable in m.variables.values():
        dims = ", ".join(axis.name for axis in variable.axes)
        dropped = "" if variable.mask is None else f", {int(variable.mask.sum())} of them there"
        lines.append(f"  {variable.name} ({dims}): {variable.size} {variable.kind}{dropped}")
    lines.append("constraints")
    for family in m.families.values():
        kind = "in a loop" if isinstance(family, Loop) else f"({', '.join(axis.name for axis in family.axes)})"
        lines.append(f"  {family.name} {kind}: {family.rows} rows")
    return "\n".join(lines)


def _shape(spec: FieldSpec) -> str:
    return f"({', '.join(spec.dimensions)})" if spec.dimensions else "(single)"


def _unit(spec: FieldSpec) -> str:
    return f" [{spec.unit}]" if spec.unit else ""


def _range(value: Any) -> str:
    if hasattr(value, "nnz"):
        stored = f"{value.data.min():g} to {value.data.max():g}" if value.nnz else "all 0"
        return f"{stored}, {value.nnz} of {value.shape[0] * value.shape[1]} stored"
    array = np.asarray(value)
    if array.dtype.kind not in "fiub" or array.ndim == 0 or not array.size:
        return f"{value}" if array.ndim == 0 else "empty" if not array.size else f"{array.size} values"
    if array.dtype.kind == "b":
        return f"{int(array.sum())} of {array.size} true"
    return f"{array.min():g} to {array.max():g}"
