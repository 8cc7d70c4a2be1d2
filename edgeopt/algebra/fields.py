"""Fields of a declared problem: arrays with named dimensions, validated once, where they enter.

Float fields are values: while the problem is declared they stand as symbols, with names, dimensions and gradients.
Whole-number and boolean fields are structure: positions, masks, sizes, which a declaration may branch on.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, overload

from . import axes as named

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import ArrayLike, NDArray

_REQUIRED = object()


@dataclass(frozen=True)
class FieldSpec:
    """What :func:`data` says of a field.

    Attributes
    ----------
    dimensions : tuple of str
        Its dimensions; ``"label:dimension"`` where one stands twice.
    unit : str
        Unit of its entries, for summaries and prices.
    nonnegative : bool
        Whether entries below 0 are refused.
    finite : bool
        Whether infinite entries are refused.
    into : str
        For positions: the dimension that they point into.
    symbol : str
        How it is printed as mathematics; its name by default.
    """

    dimensions: tuple[str, ...]
    unit: str = ""
    nonnegative: bool = False
    finite: bool = True
    into: str = ""
    symbol: str = ""


class _Field:
    """A field's place in its class: reads and writes the problem's own dictionary, so that dataclasses see a field."""

    kind = "f"

    def __init__(self, spec: FieldSpec, default: Any = _REQUIRED) -> None:
        self.spec, self.default = spec, default

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    def __set__(self, instance: Any, value: Any) -> None:
        instance.__dict__[self.name] = value

    def _read(self, instance: Any) -> Any:
        if instance is None:
            if self.default is _REQUIRED:
                # Which tells dataclasses that the field has no default.
                raise AttributeError(self.name)
            return self.default
        return instance.__dict__[self.name]


class Array(_Field):
    """A field of real numbers with named dimensions; declared by :func:`data`."""

    @overload
    def __get__(self, instance: None, owner: type) -> Array: ...
    @overload
    def __get__(self, instance: object, owner: type) -> NDArray[np.float64]: ...
    def __get__(self, instance: object | None, owner: type) -> Any:
        return self._read(instance)

    if TYPE_CHECKING:

        def __set__(self, instance: Any, value: ArrayLike) -> None: ...


class Index(_Field):
    """A field of positions in another dimension (``into=``); declared by :func:`data`."""

    kind = "i"

    @overload
    def __get__(self, instance: None, owner: type) -> Index: ...
    @overload
    def __get__(self, instance: object, owner: type) -> NDArray[np.int64]: ...
    def __get__(self, instance: object | None, owner: type) -> Any:
        return self._read(instance)

    if TYPE_CHECKING:

        def __set__(self, instance: Any, value: ArrayLike) -> None: ...


class Mask(_Field):
    """A field of booleans with named dimensions: which entries there are; declared by :func:`data`."""

    kind = "b"

    @overload
    def __get__(self, instance: None, owner: type) -> Mask: ...
    @overload
    def __get__(self, instance: object, owner: type) -> NDArray[np.bool_]: ...
    def __get__(self, instance: object | None, owner: type) -> Any:
        return self._read(instance)

    if TYPE_CHECKING:

        def __set__(self, instance: Any, value: ArrayLike) -> None: ...


@dataclass(frozen=True)
class Declared:
    """What :func:`data` returns until its class is made, which knows from the annotation what kind of field it is."""

    spec: FieldSpec
    default: Any


def data(
    *dimensions: str,
    unit: str = "",
    nonnegative: bool = False,
    finite: bool = True,
    into: str = "",
    symbol: str = "",
    default: Any = _REQUIRED,
) -> Any:
    """Declare a field with named dimensions; the annotation says what it holds.

    ``size: eo.Array = eo.data("models", unit="bytes")`` holds real numbers, ``model: eo.Index = eo.data("requests",
    into="models")`` positions, ``allowed: eo.Mask = eo.data("requests", "models")`` booleans.

    Parameters
    ----------
    *dimensions : str
        Names of the dimensions; ``"src:nodes", "dst:nodes"`` where one stands twice.
    unit : str
        Unit of the entries, for summaries and prices.
    nonnegative : bool
        Refuse entries below 0.
    finite : bool
        Refuse infinite entries; False for bounds that may be unlimited.
    into : str
        For positions: the dimension that they point into.
    symbol : str
        How the field is printed as mathematics.
    default : array_like, optional
        Value where none is given.

    Raises
    ------
    InvalidProblemError
        If a dimension stands twice without labels.
    """
    named.check_distinct(dimensions, "data()")
    return Declared(FieldSpec(dimensions, unit, nonnegative, finite, into, symbol), _frozen(default))


def _frozen(default: Any) -> Any:
    """Return a default as nested tuples: dataclasses refuse what could be changed in all objects at once."""
    if hasattr(default, "tolist"):
        default = default.tolist()
    return tuple(map(_frozen, default)) if isinstance(default, (list, tuple)) else default
