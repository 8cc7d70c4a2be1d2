"""The lazy tree: an expression over named dimensions, of data and, at most linearly, of variables.

One class stands for every node; its `kind` says which, and each reader (values, rows of a program, LaTeX) has one
function a kind. Nothing is computed while an expression is written, but its dimensions are checked at once, so that an
error shows the line that made it.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, NoReturn, Union

import numpy as np

from ..model.errors import InvalidProblemError
from ..model.records import read_only
from . import axes as named
from .axes import Axes, Axis
from .constraint import Constraint, of_no_variable, truth_of
from .elementwise import by_ufunc, in_words
from .named_array import NamedArray

if TYPE_CHECKING:
    from numpy.typing import NDArray

Operand = Union["Expression", float, "NDArray[Any]"]
"""What an expression is added to or compared with: another, a number, or an array of exactly its shape."""


class Expression:
    """A node of the tree; made by operators, never by hand.

    Attributes
    ----------
    kind : str
        ``"field"``, ``"constant"``, ``"variable"``, ``"scalars"``, ``"linear"`` (leaves); ``"apply"``, ``"reduce"``,
        ``"take"``, ``"group"``, ``"shift"``, ``"rename"``.
    operands : tuple of Expression
        What it is made of.
    axes : tuple of Axis
        Its dimensions, in the order in which they first appear.
    detail : object
        What the kind needs beside the operands.
    owner : object
        The declaration whose variables it holds; None for data.
    curved : bool
        Whether it holds a square of variables, which objectives may.
    """

    __slots__ = ("axes", "curved", "detail", "kind", "operands", "owner")

    kind: str
    operands: tuple[Expression, ...]
    axes: Axes
    detail: Any
    owner: Any
    curved: bool

    if not TYPE_CHECKING:
        # pandas hands comparisons and products over to us; numpy does through __array_ufunc__.
        __pandas_priority__ = 5000
        __array_priority__ = 1000

    def __init__(
        self,
        kind: str,
        operands: tuple[Expression, ...] = (),
        axes: Axes = (),
        detail: Any = None,
        owner: Any = None,
    ) -> None:
        self.kind = kind
        self.operands = operands
        self.axes = axes
        self.detail = detail
        self.curved = False
        for operand in operands:
            if operand.curved:
                self.curved = True
            if operand.owner is not None and operand.owner is not owner:
                if owner is not None:
                    raise InvalidProblemError("the expression mixes variables of two declarations; use one of them")
                owner = operand.owner
        self.owner = owner

    # What users of arrays ask for.

    @property
    def shape(self) -> tuple[int, ...]:
        """Sizes of the dimensions."""
        return named.shape(self.axes)

    @property
    def ndim(self) -> int:
        """Number of dimensions."""
        return len(self.axes)

    @property
    def size(self) -> int:
        """Number of entries."""
        return int(np.prod(self.shape, dtype=np.int64))

    @property
    def dims(self) -> tuple[str, ...]:
        """Names of the dimensions."""
        return named.names(self.axes)

    def __len__(self) -> int:
        if not self.axes:
            raise TypeError("this expression is a single number and has no length")
        return self.axes[0].size

    @property
    def T(self) -> Expression:  # noqa: N802 (numpy's name)
        """The expression itself: dimensions align by name, so there is nothing to transpose."""
        return self

    # Arithmetic.

    def __add__(self, other: Operand) -> Expression:
        return apply("add", self, other)

    def __radd__(self, other: Operand) -> Expression:
        # sum([...]) starts from 0: that zero is left out.
        return self if type(other) is int and other == 0 else apply("add", other, self)

    def __sub__(self, other: Operand) -> Expression:
        return apply("subtract", self, other)

    def __rsub__(self, other: Operand) -> Expression:
        return apply("subtract", other, self)

    def __mul__(self, other: Operand) -> Expression:
        return apply("multiply", self, other)

    def __rmul__(self, other: Operand) -> Expression:
        return apply("multiply", other, self)

    def __truediv__(self, other: Operand) -> Expression:
        return apply("divide", self, other)

    def __rtruediv__(self, other: Operand) -> Expression:
        return apply("divide", other, self)

    def __neg__(self) -> Expression:
        return apply("negative", self)

    def __pos__(self) -> Expression:
        return self

    def __pow__(self, other: Operand) -> Expression:
        return apply("power", self, other)

    def __rpow__(self, other: Operand) -> Expression:
        return apply("power", other, self)

    def __abs__(self) -> Expression:
        return apply("absolute", self)

    def __matmul__(self, other: Any) -> Expression:
        from .products import matmul

        return matmul(self, other)

    def __rmatmul__(self, other: Any) -> Expression:
        from .products import matmul

        return matmul(other, self)

    # Reductions and selections.

    def sum(self, *dimensions: str) -> Expression:
        """Sum over dimensions, or over all of them; a dimension that an addend lacks multiplies it by its size."""
        return reduce("sum", self, dimensions)

    def mean(self, *dimensions: str) -> Expression:
        """Mean over dimensions, or over all of them."""
        found = reduce("sum", self, dimensions)
        return found / (self.size / max(1, found.size))

    def max(self, *dimensions: str) -> Expression:
        """Largest entry of data over dimensions, or over all of them."""
        return reduce("max", self, dimensions)

    def min(self, *dimensions: str) -> Expression:
        """Smallest entry of data over dimensions, or over all of them."""
        return reduce("min", self, dimensions)

    def sum_by(self, group: Any, into: str | None = None) -> Expression:
        """Sum the entries of one dimension that belong to the same position of another: ragged sums.

        Parameters
        ----------
        group : Index field
            For each position of one dimension (pairs, say) a position of another (users, say).
        into : str, optional
            That other dimension; the one that the index field points into by default.
        """
        return _selections.grouped(self, group, into)

    def previous(self, dimension: str, first: Operand) -> Expression:
        """Return the value at the position before along a dimension; `first` stands before the first one."""
        return _selections.shifted(self, dimension, first)

    def rename(self, **names: str) -> Expression:
        """Return the same with other names of dimensions: ``demand.rename(nodes="src")``."""
        axes = tuple(Axis(names.get(axis.name, axis.name), axis.size) for axis in self.axes)
        for name in names:
            named.position(self.axes, name, "rename")
        named.check_distinct(named.names(axes), "the renamed expression")
        return Expression("rename", (self,), axes)

    def __getitem__(self, key: Any) -> Expression:
        if type(key) is int and len(self.axes) == 1 and self.kind in ("variable", "field"):
            return _scalars.picked_one(self, key)
        return _selections.taken(self, key)

    # Constraints.

    def __le__(self, other: Operand) -> Constraint:  # type: ignore[misc]
        return Constraint(self, "<=", as_expression(other, self))

    def __ge__(self, other: Operand) -> Constraint:  # type: ignore[misc]
        return Constraint(self, ">=", as_expression(other, self))

    def __eq__(self, other: object) -> Constraint:  # type: ignore[override]
        return Constraint(self, "==", as_expression(other, self))

    def between(self, lower: Operand, upper: Operand) -> Constraint:
        """Return the constraint ``lower <= self <= upper``, one row an entry."""
        return Constraint(self, "<=", as_expression(upper, self), lower=as_expression(lower, self))

    def __hash__(self) -> int:
        return id(self)

    # What would go wrong silently.

    def __bool__(self) -> bool:
        raise TypeError(truth_of(self.owner is not None))

    def __ne__(self, other: object) -> NoReturn:
        raise TypeError("!= is no linear constraint; write <=, >= or ==")

    def __lt__(self, other: object) -> NoReturn:
        raise TypeError("< is no closed constraint; write <=")

    def __gt__(self, other: object) -> NoReturn:
        raise TypeError("> is no closed constraint; write >=; of variables, max(x, y) is m.maximum('name', x, y)")

    def __float__(self) -> float:
        raise TypeError(_NO_VALUE)

    def __int__(self) -> int:
        raise TypeError(_NO_VALUE)

    def __iter__(self) -> Iterator[Any]:
        raise TypeError("an expression is not iterated over; write it over a dimension, or loop over range(len(x))")

    def __contains__(self, item: object) -> bool:
        raise TypeError("whether an expression is 'in' another has no value while the problem is declared")

    def __copy__(self) -> Expression:
        return self

    def __deepcopy__(self, memo: Any) -> Expression:
        return self

    def __reduce__(self) -> NoReturn:
        raise TypeError("an expression is not pickled; pickle the problem, whose fields say everything")

    if not TYPE_CHECKING:  # else type checkers would find any attribute, and take it for a sequence of numbers

        def __getattr__(self, name: str) -> NoReturn:
            if name.startswith("__"):
                raise AttributeError(name)
            raise AttributeError(
                f"an expression has no {name!r}; m.constant(field) gives plain numbers, without a gradient"
            )

        def __array__(self, *args: Any, **options: Any) -> Any:
            # scipy's matrices look at the right side of @ this way, and leave the product to it if it is an object.
            if sys._getframe(1).f_globals.get("__name__", "").startswith("scipy.sparse"):
                found = np.empty((), object)
                found[()] = self
                return found
            raise TypeError(_NO_VALUE)

        def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **options: Any) -> Any:
            return by_ufunc(apply, ufunc, method, inputs, options)

        def __array_function__(self, function: Any, types: Any, args: Any, options: Any) -> Any:
            from .array_functions import by_function

            return by_function(function, args, options)

    def __repr__(self) -> str:
        role = "variables" if self.owner is not None else "data"
        return f"<expression of {role} over {named.shown(self.axes)}>"


_NO_VALUE = (
    "a field or variable has no value while the problem is declared; for the plain numbers of a field, without a "
    "gradient, write m.constant(self.field); a pandas object on the left of @ goes in as its .to_numpy()"
)


def as_expression(value: Any, like: Expression | None = None) -> Expression:
    """Return `value` as an expression; a plain array must have exactly the shape of `like`, whose dimensions it takes.

    Raises
    ------
    InvalidProblemError
        If it is no number or array of them, or its dimensions are not known.
    """
    if isinstance(value, Expression):
        return value
    if isinstance(value, (bool, str)) or value is None:
        raise InvalidProblemError(f"{value!r} stands in an expression; expected a number, an array or an expression")
    if isinstance(value, (int, float)):
        array: NDArray[Any] = np.asarray(value, dtype=np.float64)
    elif isinstance(value, NamedArray) and value.axes is not None:
        return Expression("constant", axes=value.axes, detail=_numbers(np.asarray(value)))
    else:
        array = plain_array(value)
    axes: Axes = ()
    if array.ndim:
        if like is None or array.shape != like.shape:
            wanted = "" if like is None else f"; the other side has {named.shown(like.axes)}"
            raise InvalidProblemError(
                f"an array of shape {array.shape} has no named dimensions{wanted}; name them: m.array(values, 'models')"
            )
        axes = like.axes
    return Expression("constant", axes=axes, detail=_numbers(array))


def plain_array(value: Any) -> NDArray[Any]:
    """Return what is no expression as an array.

    Raises
    ------
    InvalidProblemError
        If it is a tensor, a sparse matrix, or no array of numbers.
    """
    if hasattr(value, "detach"):
        raise InvalidProblemError("a tensor stands in the declaration; make it a field, whose gradient is then known")
    if hasattr(value, "tocoo"):
        raise InvalidProblemError("a sparse matrix multiplies an expression from the left only: matrix @ x")
    try:
        return np.asarray(value)
    except (TypeError, ValueError) as error:
        raise InvalidProblemError(f"{type(value).__name__} in an expression is no array of numbers: {error}") from error


def _numbers(array: NDArray[Any]) -> NDArray[np.float64]:
    if array.dtype.kind not in "fiub":
        raise InvalidProblemError(f"an array of {array.dtype} stands in an expression; expected real numbers")
    numbers = np.array(array, dtype=np.float64)
    if np.isnan(numbers).any():
        if not numbers.ndim:
            raise InvalidProblemError("a number in an expression is nan")
        place = tuple(int(i) for i in np.argwhere(np.isnan(numbers))[0])
        raise InvalidProblemError(f"an array in an expression is nan at {list(place)}; every entry must be a number")
    return read_only(numbers)


_LINEAR: dict[str, Callable[[list[bool]], bool]] = {
    "add": lambda free: True,
    "subtract": lambda free: True,
    "negative": lambda free: True,
    "multiply": lambda free: not all(free),
    "divide": lambda free: not free[1],
}
"""Which operations stay linear, given which operands hold variables."""


def apply(operation: str, *values: Any) -> Expression:
    """Return an operation entry by entry.

    Raises
    ------
    InvalidProblemError
        If it is not linear in the variables, or dimensions of one name differ in size.
    """
    like = next((value for value in values if isinstance(value, Expression)), None)
    operands = tuple(as_expression(value, like) for value in values)
    free = [operand.owner is not None for operand in operands]
    if any(free) and not (operation in _LINEAR and _LINEAR[operation](free)):
        return _squared(operation, operands)
    axes = operands[0].axes
    if len(operands) > 1 and any(operand.axes != axes for operand in operands):
        axes = named.union((operand.axes for operand in operands), operation)
    return Expression("apply", operands, axes, operation)


def _squared(operation: str, operands: tuple[Expression, ...]) -> Expression:
    """Return the square of variables that an operation is: ``x ** 2``, ``np.square(x)``, or ``x * x`` of one object.

    Raises
    ------
    InvalidProblemError
        If it is another function of variables, or what is squared holds a square already.
    """
    base = operands[0]
    if operation == "multiply":
        square = base is operands[1]
    elif operation == "power":
        square = operands[1].kind == "constant" and bool((operands[1].detail == 2.0).all())
    else:
        square = operation == "square"
    if not square or base.curved:
        raise InvalidProblemError(in_words(operation, curved=any(operand.curved for operand in operands)))
    found = Expression("apply", (base,), base.axes, "square")
    found.curved = True
    return found


def reduce(operation: str, operand: Expression, dimensions: tuple[str, ...]) -> Expression:
    """Return a sum, or the extreme of data, over `dimensions`; over all of them if none is named."""
    if operation != "sum" and operand.owner is not None:
        raise InvalidProblemError(of_no_variable(operation))
    for dimension in dimensions:
        if not isinstance(dimension, str):
            raise InvalidProblemError(f"{operation}({dimension!r}): dimensions are named, as {operation}('models')")
        named.position(operand.axes, dimension, operation)
    over = dimensions or named.names(operand.axes)
    axes = tuple(axis for axis in operand.axes if axis.name not in over)
    return Expression("reduce", (operand,), axes, (operation, tuple(a for a in operand.axes if a.name in over)))


# Selections make expressions, and expressions are selected from; a loop picks entries too often to import it each time.
from . import scalars as _scalars  # noqa: E402
from . import selections as _selections  # noqa: E402
