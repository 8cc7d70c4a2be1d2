r"""A declared problem as mathematics, as a teacher would write it on the board.

Every dimension has a letter, the first of its name that is free; sums, shifts and index fields are printed as such, and
scalar rows that a loop added by an example.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from ..model.problem import Sense
from .families import Family, Loop
from .values import addends

if TYPE_CHECKING:
    from .axes import Axes
    from .constraint import Constraint
    from .declared import Declared
    from .expression import Expression
    from .variables import Variable

_RELATIONS = {"<=": r"\le", ">=": r"\ge", "==": "="}


def latex(problem: Declared) -> str:
    """Return the model in LaTeX, between dollar signs, as notebooks show it."""
    return f"$$\n{body(problem)}\n$$"


def body(problem: Declared) -> str:
    """Return the model in LaTeX, an ``aligned`` environment."""
    return _Printer(problem).model()


class _Printer:
    def __init__(self, problem: Declared) -> None:
        self.m = problem.declaration
        self.symbols = {one.name: one.spec.symbol for one in problem.declared_fields if one.spec.symbol}
        self.single = {one.name for one in problem.declared_fields if not one.spec.dimensions}
        self.letters = self._letters()

    def _letters(self) -> dict[str, str]:
        """One letter for each dimension: the first of its name that is free, else another one."""
        names = dict.fromkeys(axis.name for v in self.m.variables.values() for axis in v.axes)
        names |= dict.fromkeys([*self.m.kinds, *self.m.sizes])
        taken: dict[str, str] = {}
        for name in names:
            free = [c for c in f"{name.lower()}ijklpqstuvw" if c.isalpha() and c not in taken.values()]
            taken[name] = free[0] if free else name[0] + "'"
        return taken

    def letter(self, name: str) -> str:
        """Return the letter of a dimension, also of one that has no name of its own."""
        if name not in self.letters:
            free = [c for c in "ijklpqstuvw" if c not in self.letters.values()]
            self.letters[name] = free[0]
        return self.letters[name]

    def model(self) -> str:
        goal = r"\min" if self.m.sense is Sense.MINIMIZE else r"\max"
        assert self.m.goal is not None  # the problem was built
        lines = [rf"{goal}\quad & {self.tree(self.m.goal, {})}"]
        rows = [self.family(one) for one in self.m.families.values()]
        rows += [self.domain(v) for v in self.m.variables.values()]
        for number, row in enumerate(rows):
            lines.append((r"\text{s.t.}\quad & " if number == 0 else r"& ") + row)
        return "\\begin{aligned}\n" + " \\\\\n".join(lines) + "\n\\end{aligned}"

    def family(self, family: Family | Loop) -> str:
        name = rf"\quad \text{{({family.name.replace('_', ' ')})}}"
        if isinstance(family, Loop):
            return rf"\text{{{family.rows} rows, the first }} {self.first_row(family)}{name}"
        constraint, at = family.constraint, self.at(family.axes)
        text = self.relation(constraint, at)
        if constraint.switch is not None:
            text = rf"{self.tree(constraint.switch, at)} = 1 \Rightarrow {text}"
        where = r",\ \text{where given}" if constraint.mask is not None else ""
        return text + self.forall(family.axes) + where + name

    def relation(self, constraint: Constraint, at: dict[str, str]) -> str:
        left, right = self.tree(constraint.left, at), self.tree(constraint.right, at)
        first = "" if constraint.lower is None else rf"{self.tree(constraint.lower, at)} \le "
        return rf"{first}{left} {_RELATIONS[constraint.relation]} {right}"

    def first_row(self, loop: Loop) -> str:
        parts: list[str] = []
        first = slice(0, loop.ends[0])
        terms = zip(loop.coefficient[first], loop.column[first], loop.factor[first], loop.place[first], strict=True)
        for coefficient, column, field, place in terms:
            factor = "" if field is None else rf"{self.picked(field, place)}\, "
            sign = "-" if coefficient < 0 else "+" if parts else ""
            number = "" if abs(coefficient) == 1 else rf"{abs(coefficient):g}\, "
            parts.append(f"{sign} {number}{factor}{self.entry(column)}")
        bound = [f"{-loop.offsets[0]:g}"] if loop.offsets[0] or not loop.references else []
        for row, coefficient, field, place in loop.references:
            if row == 0:
                sign = "" if coefficient < 0 else "-"
                bound.append(rf"{sign} {abs(coefficient):g}\, {self.picked(field, place)}".replace(r"1\, ", ""))
        return f"{' '.join(parts).strip()} {_RELATIONS[loop.relations[0]]} {' + '.join(bound).strip()}"

    def entry(self, column: int) -> str:
        variable = next(v for v in self.m.variables.values() if v.start <= column < v.start + v.size)
        index = np.unravel_index(column - variable.start, variable.shape) if variable.axes else ()
        return self.indexed(variable.name, [str(int(i)) for i in index])

    def domain(self, variable: Variable) -> str:
        name = self.indexed(variable.name, [self.letter(axis.name) for axis in variable.axes])
        if variable.kind == "binary":
            text = rf"{name} \in \{{0, 1\}}"
        else:
            low, high = (self.tree(side, self.at(variable.axes)) for side in (variable.lower, variable.upper))
            kind = r"\mathbb{Z}" if variable.integral else r"\mathbb{R}"
            text = rf"{name} \in {kind}"
            if low != r"-\infty" and high != r"\infty":
                text = rf"{low} \le {name} \le {high}" + (rf",\ {name} \in {kind}" if variable.integral else "")
            elif low != r"-\infty":
                text = rf"{name} \ge {low}" + (rf",\ {name} \in {kind}" if variable.integral else "")
            elif high != r"\infty":
                text = rf"{name} \le {high}" + (rf",\ {name} \in {kind}" if variable.integral else "")
        where = r",\ \text{where given, else } 0" if variable.mask is not None else ""
        return text + self.forall(variable.axes) + where

    def at(self, axes: Axes) -> dict[str, str]:
        return {axis.name: self.letter(axis.name) for axis in axes}

    def forall(self, axes: Axes) -> str:
        if not axes:
            return ""
        shown = []
        for axis in axes:
            full = self.m.sizes.get(self.m.kinds.get(axis.name, axis.name))
            cut = full is not None and axis.size < full
            shown.append(self.letter(axis.name) + (rf" < {axis.size}" if cut else ""))
        return r"\quad \forall " + ", ".join(shown)

    def word(self, name: str) -> str:
        if name in self.symbols:
            return self.symbols[name]
        return name if len(name) == 1 else rf"\mathit{{{name}}}".replace("_", r"\_")

    def picked(self, field: str, place: int) -> str:
        """Return one entry of a field."""
        return self.word(field) if field in self.single else rf"{self.word(field)}_{{{place}}}"

    def indexed(self, name: str, index: list[str]) -> str:
        return self.word(name) + (f"_{{{','.join(index)}}}" if index else "")

    def tree(self, node: Expression, at: dict[str, str]) -> str:
        """Return an expression with each dimension read at what `at` says."""
        return _PRINTERS[node.kind](self, node, at)

    def in_product(self, node: Expression, at: dict[str, str]) -> str:
        text = self.tree(node, at)
        sums = node.kind == "apply" and node.detail in ("add", "subtract", "negative")
        picked = node.kind == "scalars"
        return rf"\left({text}\right)" if sums or picked or (node.kind == "reduce" and r"\sum" in text) else text


def _leaf(printer: _Printer, node: Expression, at: dict[str, str]) -> str:
    name = node.detail if node.kind == "field" else node.detail.name
    return printer.indexed(name, [at.get(axis.name, printer.letter(axis.name)) for axis in node.axes])


def _constant(printer: _Printer, node: Expression, at: dict[str, str]) -> str:
    values = np.asarray(node.detail)
    if values.ndim == 0 or (values.size and (values == values.flat[0]).all()):
        value = float(values.flat[0])
        return (r"\infty" if value > 0 else r"-\infty") if np.isinf(value) else f"{value:g}"
    return printer.indexed("a", [at.get(axis.name, printer.letter(axis.name)) for axis in node.axes])


def _scalars(printer: _Printer, node: Any, at: dict[str, str]) -> str:
    parts = []
    for coefficient, column, field, place in node.terms:
        factor = "" if field is None else rf"{printer.picked(field, place)}\, "
        number = "" if abs(coefficient) == 1 else rf"{abs(coefficient):g}\, "
        parts.append(("-" if coefficient < 0 else "+", f"{number}{factor}{printer.entry(column)}"))
    for coefficient, field, place in node.references:
        number = "" if abs(coefficient) == 1 else rf"{abs(coefficient):g}\, "
        parts.append(("-" if coefficient < 0 else "+", rf"{number}{printer.picked(field, place)}"))
    if node.offset or not parts:
        parts.append(("-" if node.offset < 0 else "+", f"{abs(node.offset):g}"))
    return _signed(parts)


def _signed(parts: list[tuple[str, str]]) -> str:
    text = " ".join(f"{sign} {part}" for sign, part in parts)
    return text.removeprefix("+ ")


def _apply(printer: _Printer, node: Expression, at: dict[str, str]) -> str:
    name = node.detail
    if name in ("add", "subtract", "negative"):
        parts = []
        for sign, part in addends(node):
            text = printer.tree(part, at)
            if sign < 0 and part.kind == "scalars":
                text = rf"\left({text}\right)"
            parts.append(("+" if sign > 0 else "-", text))
        return _signed(parts)
    if name == "multiply":
        # Numbers come first, whichever side they were written on.
        ordered = sorted(node.operands, key=lambda operand: operand.kind != "constant" or bool(operand.axes))
        return r"\, ".join(printer.in_product(operand, at) for operand in ordered)
    inner = [printer.tree(operand, at) for operand in node.operands]
    if name == "divide":
        return rf"\frac{{{inner[0]}}}{{{inner[1]}}}"
    if name == "power":
        return rf"{{{printer.in_product(node.operands[0], at)}}}^{{{inner[1]}}}"
    if name == "square":
        return rf"{{{printer.in_product(node.operands[0], at)}}}^{{2}}"
    if name == "sqrt":
        return rf"\sqrt{{{inner[0]}}}"
    if name == "absolute":
        return rf"\left|{inner[0]}\right|"
    word = {"maximum": r"\max", "minimum": r"\min", "exp": r"\exp", "log": r"\log", "log2": r"\log_2"}
    called = word.get(name, rf"\mathrm{{{name}}}")
    return rf"{called}\left({', '.join(inner)}\right)"


def _reduce(printer: _Printer, node: Expression, at: dict[str, str]) -> str:
    operation, over = node.detail
    inner_at = dict(at)
    letters = []
    for axis in over:
        letter = printer.letter(axis.name)
        while letter in at.values():  # a sum within a sum over the same dimension
            letter += "'"
        inner_at[axis.name] = letter
        letters.append(letter)
    word = {"sum": r"\sum", "max": r"\max", "min": r"\min"}[operation]
    operand = node.operands[0]
    text = printer.tree(operand, inner_at)
    if operand.kind == "apply" and operand.detail in ("add", "subtract"):
        text = rf"\left({text}\right)"
    return rf"{word}_{{{','.join(letters)}}} {text}"


def _take(printer: _Printer, node: Expression, at: dict[str, str]) -> str:
    name, index, axes, (kind, symbol) = node.detail
    if kind == "position":
        where = str(symbol)
    elif kind == "index" and symbol:
        where = printer.indexed(symbol, [at.get(axis.name, printer.letter(axis.name)) for axis in axes])
    elif kind == "slice" and (symbol.step or 1) == 1:
        start = int(index[0]) if index.size else 0
        where = at.get(name, printer.letter(name)) + (f"+{start}" if start else "")
    else:
        where = at.get(axes[0].name, printer.letter(axes[0].name))
    return printer.tree(node.operands[0], at | {name: where})


def _group(printer: _Printer, node: Expression, at: dict[str, str]) -> str:
    name, _, into, symbol = node.detail
    letter = printer.letter(name)
    target = at.get(into.name, printer.letter(into.name))
    key = rf"{printer.word(symbol)}_{{{letter}}} = {target}" if symbol else rf"{letter} \to {target}"
    text = printer.in_product(node.operands[0], at | {name: letter})
    return rf"\sum_{{{letter}:\, {key}}} {text}"


def _shift(printer: _Printer, node: Expression, at: dict[str, str]) -> str:
    letter = at.get(node.detail, printer.letter(node.detail))
    return printer.tree(node.operands[0], at | {node.detail: f"{letter}-1"})


def _rename(printer: _Printer, node: Expression, at: dict[str, str]) -> str:
    pairs = zip(node.operands[0].axes, node.axes, strict=True)
    return printer.tree(node.operands[0], {old.name: at.get(new.name, printer.letter(new.name)) for old, new in pairs})


_PRINTERS: dict[str, Callable[[_Printer, Any, dict[str, str]], str]] = {
    "field": _leaf,
    "variable": _leaf,
    "constant": _constant,
    "scalars": _scalars,
    "apply": _apply,
    "reduce": _reduce,
    "take": _take,
    "group": _group,
    "shift": _shift,
    "rename": _rename,
}
