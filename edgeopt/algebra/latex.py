r"""A declared problem as mathematics, as a teacher would write it on the board.

Every dimension has a letter, the first of its name that is free, and counts from 0; sums, shifts and index fields are
printed as such (:mod:`~edgeopt.algebra.latex_trees`), and scalar rows that a loop added by an example.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np

from ..model.problem import Sense
from .families import Family, Loop
from .latex_trees import PRINTERS, At, is_complement, number, signed, sum_parts, words
from .named_array import NamedArray

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .axes import Axes, Axis
    from .constraint import Constraint
    from .declared import Declared
    from .expression import Expression
    from .variables import Variable

_RELATIONS = {"<=": r"\le", ">=": r"\ge", "==": "="}
_WIDTH = 64
"""Visible characters after which the objective goes on in a new line."""


def latex(problem: Declared) -> str:
    """Return the model in LaTeX, between dollar signs, as notebooks show it."""
    return f"$$\n{body(problem)}\n$$"


def body(problem: Declared) -> str:
    """Return the model in LaTeX, an ``aligned`` environment."""
    return Printer(problem).model()


class Printer:
    """What is printed of one problem: the letters of its dimensions, the symbols of its fields."""

    def __init__(self, problem: Declared) -> None:
        self.m = problem.declaration
        self.symbols = {one.name: one.spec.symbol for one in problem.declared_fields if one.spec.symbol}
        self.single = {one.name for one in problem.declared_fields if not one.spec.dimensions}
        self.dimensions = {one.name: one.spec.dimensions for one in problem.declared_fields}
        self.letters = self._letters()
        self.notes: dict[str, None] = {}

    def _letters(self) -> dict[str, str]:
        """One letter for each dimension: the first of its name that is free, else another one."""
        names = dict.fromkeys(axis.name for v in self.m.variables.values() for axis in v.axes)
        names |= dict.fromkeys([*self.m.kinds, *self.m.sizes])
        symbols = {*self.dimensions, *self.m.variables, *self.symbols.values()}
        taken: dict[str, str] = {}
        for name in names:
            used = symbols | set(taken.values())
            free = [c for c in f"{name.lower()}ijklpqstuvw" if c.isalpha() and c not in used]
            taken[name] = free[0] if free else name[0] + "'"
        return taken

    def letter(self, name: str) -> str:
        """Return the letter of a dimension, also of one that has no name of its own."""
        if name not in self.letters:
            free = [c for c in "ijklpqstuvw" if c not in self.letters.values()]
            self.letters[name] = free[0]
        return self.letters[name]

    def indices(self, axes: Axes, at: At) -> list[str]:
        """Return at which index each of these dimensions is read."""
        return [at.get(axis.name, self.letter(axis.name)) for axis in axes]

    def note(self, text: str) -> None:
        """Remember what is to be said of the row that is being printed."""
        self.notes[text] = None

    # The rows of the model.

    def model(self) -> str:
        """Return objective, constraints and domains, a row each, in three columns: formula, for which indices, name."""
        goal = r"\min" if self.m.sense is Sense.MINIMIZE else r"\max"
        rows = [self.objective()]
        rows += [self.family(one) for one in self.m.families.values()]
        rows += [self.domain(v) for v in self.m.variables.values()]
        starts = [rf"{goal}\quad", r"\text{s.t.}\quad"]
        lines = [f"{starts[i]} & {row}" if i < 2 else f"& {row}" for i, row in enumerate(rows)]
        return "\\begin{aligned}\n" + " \\\\\n".join(lines) + "\n\\end{aligned}"

    def row(self, formula: str, where: list[str], name: str = "") -> str:
        """Return one row: its formula, for which indices it holds with what was noted, and its name in brackets."""
        where = [*where, *self.notes]
        self.notes.clear()
        if formula.startswith("-"):  # behind & a minus is spaced as one between two numbers
            formula = "{-}" + formula[1:].lstrip()
        places = [r",\ ".join(where), words(f"({name})") if name else ""]
        while places and not places[-1]:
            places.pop()
        return " &&".join([formula, *(rf"\quad {place}" if place else "" for place in places)])

    def objective(self) -> str:
        """Return the objective, in several lines where it is long."""
        assert self.m.goal is not None  # the problem was built
        lines = [""]
        for part in sum_parts(self, self.m.goal, {}):
            if lines[-1] and _visible(f"{lines[-1]} {part}") > _WIDTH:
                lines.append("")
            lines[-1] += f" {part}" if lines[-1] else part
        return self.row(" \\\\\n& \\quad {} ".join(lines), [])

    def family(self, family: Family | Loop) -> str:
        """Return a constraint."""
        if isinstance(family, Loop):
            return self.row(rf"\text{{{family.rows} rows, the first }} {self.first_row(family)}", [], family.name)
        constraint, at = family.constraint, self.at(family.axes)
        text = self.relation(constraint, at)
        if constraint.switch is not None:
            off = is_complement(constraint.switch)
            switch = self.tree(constraint.switch.operands[1] if off else constraint.switch, at)
            text = rf"{switch} = {0 if off else 1} \Rightarrow {text}"
        return self.row(text, self.forall(family.axes, constraint.mask), family.name)

    def relation(self, constraint: Constraint, at: At) -> str:
        """Return both sides of a constraint, of a range all three."""
        left, right = self.tree(constraint.left, at), self.tree(constraint.right, at)
        first = "" if constraint.lower is None else rf"{self.tree(constraint.lower, at)} \le "
        return rf"{first}{left} {_RELATIONS[constraint.relation]} {right}"

    def first_row(self, loop: Loop) -> str:
        """Return the first of the scalar rows that a loop added."""
        parts = []
        first = slice(0, loop.ends[0])
        terms = zip(loop.coefficient[first], loop.column[first], loop.factor[first], loop.place[first], strict=True)
        for coefficient, column, field, place in terms:
            factor = "" if field is None else rf"{self.picked(field, place)}\, "
            parts.append(self.addend(coefficient, f"{factor}{self.entry(column)}"))
        bound = [self.addend(-loop.offsets[0], "")] if loop.offsets[0] or not loop.references else []
        for row, coefficient, field, place in loop.references:
            if row == 0:
                bound.append(self.addend(-coefficient, self.picked(field, place)))
        return f"{' '.join(signed(parts))} {_RELATIONS[loop.relations[0]]} {' '.join(signed(bound))}"

    def addend(self, coefficient: float, text: str) -> tuple[str, str]:
        """Return sign and text of a number times something, or of the number alone."""
        shown = number(abs(coefficient))
        factor = shown if not text else "" if shown == "1" else rf"{shown}\, "
        return "-" if coefficient < 0 else "+", factor + text

    def entry(self, column: int) -> str:
        """Return one entry of a variable."""
        variable = next(v for v in self.m.variables.values() if v.start <= column < v.start + v.size)
        index = np.unravel_index(column - variable.start, variable.shape) if variable.axes else ()
        return self.indexed(variable.name, [str(int(i)) for i in index])

    def domain(self, variable: Variable) -> str:
        """Return which values a variable takes."""
        at = self.at(variable.axes)
        name = self.indexed(variable.name, self.indices(variable.axes, at))
        whole = rf",\ {name} \in \mathbb{{Z}}" if variable.integral else ""
        if variable.kind == "binary":
            text = rf"{name} \in \{{0, 1\}}"
        else:
            low, high = (self.tree(side, at) for side in (variable.lower, variable.upper))
            if low == r"-\infty" and high == r"\infty":
                text = rf"{name} \in \mathbb{{{'Z' if variable.integral else 'R'}}}"
            elif high == r"\infty":
                text = rf"{name} \ge {low}{whole}"
            else:
                text = ("" if low == r"-\infty" else rf"{low} \le ") + rf"{name} \le {high}{whole}"
        where = self.forall(variable.axes, variable.mask)
        return self.row(text, where if variable.mask is None else [*where, r"\text{else } 0"])

    # Indices and names.

    def at(self, axes: Axes) -> At:
        """Return the letters of dimensions by their names."""
        return {axis.name: self.letter(axis.name) for axis in axes}

    def ranged(self, axis: Axis, letter: str) -> str:
        """Return a letter, and how far it runs where that is less than its whole dimension."""
        full = self.m.sizes.get(self.m.kinds.get(axis.name, axis.name))
        return f"{letter} < {axis.size}" if full is not None and axis.size < full else letter

    def forall(self, axes: Axes, mask: NDArray[np.bool_] | None = None) -> list[str]:
        """Return for which indices a row holds; a mask by its field's name, else by how many entries it keeps."""
        if not axes:
            return []
        text = r"\forall " + ", ".join(self.ranged(axis, self.letter(axis.name)) for axis in axes)
        if isinstance(mask, NamedArray) and mask.name:
            labels = [dimension.partition(":")[0] for dimension in self.dimensions[mask.name]]
            return [rf"{text} : {self.indexed(mask.name, [self.letter(label) for label in labels])}"]
        return [text if mask is None else rf"{text}\ \text{{({np.count_nonzero(mask)} of {mask.size})}}"]

    def word(self, name: str) -> str:
        """Return a name as a symbol."""
        if name in self.symbols:
            return self.symbols[name]
        return name if len(name) == 1 else rf"\mathit{{{name}}}".replace("_", r"\_")

    def picked(self, field: str, place: int) -> str:
        """Return one entry of a field."""
        return self.word(field) if field in self.single else rf"{self.word(field)}_{{{place}}}"

    def indexed(self, name: str, index: list[str]) -> str:
        """Return a symbol with its indices."""
        return self.word(name) + (f"_{{{','.join(index)}}}" if index else "")

    def tree(self, node: Expression, at: At) -> str:
        """Return an expression with each dimension read at what `at` says."""
        return PRINTERS[node.kind](self, node, at)


def _visible(text: str) -> int:
    """Return about how many characters of LaTeX are seen."""
    return len(re.sub(r"\\(?:mathit|left|right|text|quad|,)|[{}_^\\ ]", "", text))
