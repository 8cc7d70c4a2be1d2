"""What a side constraint may call the parts of a problem: the names that its formulation gives its program's columns.

A formulation says its words in one method, ``words(columns)``, as expressions over the columns of its program. A side
constraint, ``lambda m: m.local.sum() >= 4``, reads them as attributes of `m`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np
from scipy import sparse

from ..model.block_names import BlockNames
from ..model.errors import InvalidProblemError
from ..model.program import IndexedNames
from .axes import Axes, Axis
from .declaration import Declaration
from .expression import Expression, as_expression
from .linear import linear
from .reformulations import extreme
from .variables import Variable

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ..model.problem import HasProgram
    from ..model.program import Program


class SideDeclaration(Declaration):
    """Rows and an objective over the columns of a program, and variables that they define themselves.

    Its first variable is called ``columns`` and is the whole point; blocks of it have names of their own.
    """

    def __init__(self, program: Program) -> None:
        super().__init__({"columns": program.columns}, lambda expression: _no_fields())
        super().variable("columns", "continuous", ("columns",), program.lower, program.upper, None)
        self.blocks: dict[str, Variable] = {}

    def variable(
        self, name: str, kind: str, dimensions: tuple[str, ...], lower: Any, upper: Any, where: Any, epigraph: int = 0
    ) -> Expression:
        """Refuse variables whose values do not follow from the decision."""
        raise InvalidProblemError(
            f"m.{kind}({name!r}): a side constraint has variables whose values follow from the decision alone: "
            "m.minimum, m.maximum, m.absolute, m.piecewise; declare a problem (eo.Formulation) for others"
        )

    def points(self, entries: NDArray[Any]) -> dict[str, NDArray[Any]]:
        """Return the values of each variable and block, by its name."""
        found = super().points(entries)
        return found | {v.name: entries[v.start : v.start + v.size].reshape(v.shape) for v in self.blocks.values()}


def _no_fields() -> NoReturn:
    raise InvalidProblemError("m has no float fields: read the problem's own, m.problem.traffic say, as plain numbers")


@dataclass(frozen=True)
class Columns:
    """The columns of a program, from which a formulation makes its words.

    Attributes
    ----------
    program : Program
        The program.
    declaration : SideDeclaration
        To which the words belong.
    """

    program: Program
    declaration: SideDeclaration

    def block(self, start: int, *, extreme: int = 0, **sizes: int) -> Expression:
        """Return columns one after the other, from `start` on, as an array.

        Parameters
        ----------
        extreme : int
            1 where each stands for the maximum of what lies below it, -1 for the minimum of what lies above.
        **sizes : int
            Dimensions in C order, each by its name; none for a single column.
        """
        axes = self._axes(sizes)
        stop = start + int(np.prod([axis.size for axis in axes], dtype=np.int64))
        # A block called as no variable can be; its bounds are those of the whole point, and are not read.
        name = f"columns[{start}:{stop}]{[*sizes.values()]}"
        zero = as_expression(0.0)
        made = Variable(name, axes, "continuous", zero, zero, None, start, extreme)
        self.declaration.blocks[name] = made
        return Expression("variable", axes=axes, detail=made, owner=self.declaration.owner)

    def linear(self, matrix: Any, *, offset: Any = 0.0, **sizes: int) -> Expression:
        """Return ``matrix @ columns + offset`` as an array.

        Parameters
        ----------
        matrix : (entries, columns) sparse or dense float
            One row for each entry.
        offset : float or array
            Of the shape that `sizes` gives.
        **sizes : int
            Dimensions in C order, each by its name; none for a single number.
        """
        found = linear(matrix, self._axes(sizes), self.declaration.owner)
        return found + offset if np.any(offset) else found

    def named(self) -> dict[str, Any]:
        """Return the words that names of columns give by themselves: blocks ``stem[i,j]`` that are named as such."""
        names = self.program.column_names
        if isinstance(names, IndexedNames):
            return {names.stem: self.block(0, **{names.stem: names.size})} if names.size else {}
        if not isinstance(names, BlockNames):
            return {}
        found, start = {}, 0
        for stem, shape, kept, count in zip(names.stems, names.shapes, names.kept, names.counts, strict=True):
            sizes = {f"axis{place}": size for place, size in enumerate(shape)}
            if kept is None:
                found[stem] = self.block(start, **sizes)
            else:
                found[stem] = self.scattered(np.asarray(kept), start, **sizes)
            start += count
        return found

    def scattered(self, kept: NDArray[np.int64], start: int, **sizes: int) -> Expression:
        """Return an array of which the entries `kept` are columns from `start` on, and the others 0."""
        entries = int(np.prod([*sizes.values()], dtype=np.int64))
        place = (kept, start + np.arange(kept.size))
        shape = (entries, self.program.columns)
        return self.linear(sparse.coo_array((np.ones(kept.size), place), shape=shape), **sizes)

    def _axes(self, sizes: Mapping[str, int]) -> Axes:
        for name, size in sizes.items():
            # Blocks of one dimension may have different lengths: layers of several exits. It is known by the first.
            if name not in self.declaration.sizes:
                self.declaration.dimension(name, size)
                self.declaration.kinds[name] = name
        return tuple(Axis(name, int(size)) for name, size in sizes.items())


class Words:
    """What a side constraint is handed: the problem's words as attributes, ``m.local``.

    ``m.columns`` is the point of the program as one array, ``m["x3"]`` one column or word by its name, ``m.objective``
    the objective and ``m.problem`` the problem itself (of a batch the instance, under side constraints the base), whose
    fields are plain numbers. ``dir(m)`` lists all that there is.
    """

    __slots__ = ("_by_name", "_declaration", "_of_instance", "_problem", "_program", "_words")

    def __init__(self, problem: HasProgram, base: HasProgram | None = None) -> None:
        self._problem, self._program = problem if base is None else base, problem.program()
        self._declaration = SideDeclaration(self._program)
        self._words: dict[str, Any] = dict(problem.words(Columns(self._program, self._declaration)))
        self._by_name: dict[str, int] | None = None
        self._of_instance = False

    # What there is beside the formulation's words.

    @property
    def problem(self) -> HasProgram:
        """The problem, without side constraints that it has already; of a batch the instance at hand."""
        self._of_instance = True
        return self._problem

    @property
    def objective(self) -> Expression:
        """The problem's objective.

        Raises
        ------
        InvalidProblemError
            If it has squares: rows, and objectives that are stated, are linear.
        """
        if self._program.squares is not None:
            raise InvalidProblemError(
                f"m.objective has squares ({self._program.squares.count} of them), and what is stated beside a problem "
                "is linear; state it in a declaration of its own"
            )
        self._of_instance = True
        used = np.flatnonzero(self._program.cost)
        place = (np.zeros(used.size, np.int64), used)
        cost = sparse.coo_array((self._program.cost[used], place), shape=(1, self._program.columns))
        return Columns(self._program, self._declaration).linear(cost, offset=self._program.offset)

    @property
    def columns(self) -> Expression:
        """All columns of the program, one after the other."""
        made = self._declaration.variables["columns"]
        return Expression("variable", axes=made.axes, detail=made, owner=self._declaration.owner)

    def array(self, values: Any, *dimensions: str) -> Expression:
        """Return plain numbers with named dimensions."""
        return self._declaration.array(values, *dimensions)

    def minimum(self, name: str, *expressions: Any) -> Expression:
        """Return the smallest of the expressions, entry by entry, where a large value is an advantage.

        Of a single expression with dimensions it is the smallest of all its entries: ``m.minimum("worst", share)``.

        Raises
        ------
        InvalidProblemError
            If a constraint or the objective gains by a smaller value: that is not convex.
        """
        return self._extreme(name, expressions, -1)

    def maximum(self, name: str, *expressions: Any) -> Expression:
        """Return the largest of the expressions, or of one's entries, where a small value is an advantage."""
        return self._extreme(name, expressions, 1)

    def absolute(self, name: str, expression: Expression) -> Expression:
        """Return ``|expression|``, entry by entry, where a small value is an advantage."""
        return self._declaration.absolute(self._free(name), expression)

    def piecewise(self, name: str, expression: Expression, slopes: Any, intercepts: Any) -> Expression:
        """Return the largest of ``slope * expression + intercept``, entry by entry, where a small value is of use."""
        return self._declaration.piecewise(self._free(name), expression, slopes, intercepts)

    def _extreme(self, name: str, expressions: tuple[Any, ...], side: int) -> Expression:
        return extreme(self._declaration, self._free(name), expressions, side, over_all=len(expressions) == 1)

    def _free(self, name: str) -> str:
        """Return the name of a new variable, which must not hide a word."""
        if name in self._words or name in _ALWAYS:
            raise InvalidProblemError(f"m has {name!r} already; call the variable otherwise")
        return name

    # Words.

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            if name.startswith("__"):
                raise AttributeError(name)
            if name not in self._words:
                raise InvalidProblemError(f"m has no {name!r}; it offers {self._offer()}")
            return self._word(name)

    def _word(self, name: str) -> Any:
        found = self._words[name]
        if not (isinstance(found, Expression) and found.kind == "variable"):
            self._of_instance = True  # coefficients may hold numbers of the instance
        return found

    def __getitem__(self, name: str) -> Any:
        if name in self._words:
            return self._word(name)
        if self._by_name is None:
            self._by_name = {column: j for j, column in enumerate(self._program.column_names)}
        if name not in self._by_name:
            some = ", ".join(map(repr, self._program.column_names[:4]))
            raise InvalidProblemError(
                f"m[{name!r}]: no word or column is called so; words: {self._offer()}; columns: {some}"
                f"{', …' if self._program.columns > 4 else ''}"
            )
        return self.columns[self._by_name[name]]

    def _offer(self) -> str:
        own = [name + "(…)" * isinstance(word, Callable) for name, word in self._words.items()]  # type: ignore[arg-type]
        return ", ".join([*own, *_ALWAYS])

    def __dir__(self) -> list[str]:
        return sorted({*self._words, *_ALWAYS})


_ALWAYS = ("columns", "objective", "problem", "minimum", "maximum", "absolute", "piecewise", "array")
