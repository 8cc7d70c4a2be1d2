"""``declare`` runs once, on a stand-in for the problem whose float fields are symbols."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..model.batch_axis import batch_of
from ..model.errors import InvalidProblemError
from . import axes as named
from .axes import Axis
from .declaration import Declaration
from .expression import Expression
from .named_array import named_array
from .values import Values

if TYPE_CHECKING:
    from .classes import Known
    from .declared import Declared
    from .validation import Sizes


def traced(problem: Declared, known: tuple[Known, ...], sizes: Sizes) -> Declaration:
    """Return what `problem` declares.

    Raises
    ------
    InvalidProblemError
        As the declaration says.
    """
    lengths = {kind: size for kind, (size, _) in sizes.items()}

    def value_of(expression: Expression) -> Any:
        if batch_of(problem) is not None:
            raise InvalidProblemError(
                "declare reads plain numbers by m.constant, which differ within a batch; build one problem for each"
            )
        return np.array(Values(problem._field_arrays(), {}).full(expression, expression.axes), dtype=np.float64)

    m = Declaration(lengths, value_of)
    stand_in = object.__new__(type(problem))
    for one in known:
        stand_in.__dict__[one.name] = _symbol(problem.__dict__[one.name], one, m)
    stand_in.declare(m)
    m.close()
    return m


def _symbol(value: Any, one: Known, m: Declaration) -> Any:
    if not one.array:
        return Expression("field", detail=one.name) if one.kind == "f" else value
    axes = []
    for dimension in one.spec.dimensions:
        label, kind = named.parse(dimension)
        m.kinds[label] = kind
        axes.append(Axis(label, m.sizes[kind]))
    if one.kind == "f":
        return Expression("field", axes=tuple(axes), detail=one.name)
    return named_array(value, tuple(axes), one.name, one.spec.into, m.sizes)
