"""How the fields of a record look to type checkers: what may be given is wider than what is kept.

A record takes lists, numbers and arrays, and keeps read-only arrays. An annotation can say only one of both, so these
are the types of descriptors: type checkers take what ``__set__`` takes for the argument of the constructor, and what
``__get__`` returns for the value of the field. They follow descriptors in classes that are made by
:func:`~edgeopt.model.records.record`. There is no object of these types: fields are plain attributes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol, Self, TypeAlias, TypeVar, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import sparse

Read = TypeVar("Read", covariant=True)
Given = TypeVar("Given", contravariant=True)


class Kept(Protocol[Read, Given]):
    """A field that is given as one type and read as another."""

    @overload
    def __get__(self, instance: None, owner: type) -> Self: ...
    @overload
    def __get__(self, instance: object, owner: type) -> Read: ...
    def __set__(self, instance: Any, value: Given) -> None: ...


Floats: TypeAlias = Kept[NDArray[np.float64], ArrayLike]
"""Real numbers."""
OptionalFloats: TypeAlias = Kept[NDArray[np.float64] | None, ArrayLike | None]
"""Real numbers, or None."""
DefaultFloats: TypeAlias = Kept[NDArray[np.float64], ArrayLike | None]
"""Real numbers; None stands for a default and is never read."""
Booleans: TypeAlias = Kept[NDArray[np.bool_], ArrayLike]
"""Booleans."""
OptionalBooleans: TypeAlias = Kept[NDArray[np.bool_] | None, ArrayLike | None]
"""Booleans, or None."""
DefaultBooleans: TypeAlias = Kept[NDArray[np.bool_], ArrayLike | None]
"""Booleans; None stands for a default and is never read."""
Integers: TypeAlias = Kept[NDArray[np.integer[Any]], ArrayLike]
"""Whole numbers of any width."""
IntegerArrays: TypeAlias = Kept[tuple[NDArray[np.integer[Any]], ...], Sequence[ArrayLike]]
"""Several arrays of whole numbers."""
Matrix: TypeAlias = Kept[sparse.csc_array, ArrayLike | sparse.sparray | sparse.spmatrix]
"""A matrix, dense or sparse."""
DefaultMatrix: TypeAlias = Kept[sparse.csc_array, ArrayLike | sparse.sparray | sparse.spmatrix | None]
"""A matrix, dense or sparse; None stands for a default and is never read."""
Numbers: TypeAlias = Kept[tuple[float, ...], Sequence[float]]
"""A few real numbers, kept as a tuple."""
OptionalNumbers: TypeAlias = Kept[tuple[float, ...] | None, Sequence[float] | None]
"""A few real numbers, kept as a tuple, or None."""
Names: TypeAlias = Kept[tuple[str, ...], Sequence[str]]
"""Names."""
DefaultNames: TypeAlias = Kept[Sequence[str], Sequence[str] | None]
"""Names; None stands for a default and is never read."""
