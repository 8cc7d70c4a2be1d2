r"""Expressions as mathematics: what the printer of :mod:`~edgeopt.algebra.latex` writes for each kind of node.

Each function takes the printer, a node, and at which index every dimension is read: a letter, ``t+1``, a number.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from .values import addends

if TYPE_CHECKING:
    from .expression import Expression
    from .latex import Printer

At = dict[str, str]
"""Index at which each dimension is read, by its name."""

_SHOWN = 4
"""Positions up to which a list of them is printed whole."""
_SPECIAL = {"%": r"\%", "&": r"\&", "#": r"\#", "$": r"\$", "{": r"\{", "}": r"\}", "\\": r"\backslash "}
_SPECIAL |= {"^": r"\wedge ", "~": r"\sim "}


def number(value: float) -> str:
    r"""Return a number as it is read: up to nine characters exactly, then six digits and a power of ten.

    >>> number(20.0), number(1e-07), number(1.5e12), number(float("inf"))
    ('20', '10^{-7}', '1.5 \\cdot 10^{12}', '\\infty')
    """
    if np.isinf(value):
        return r"\infty" if value > 0 else r"-\infty"
    exact = f"{value:.12g}"
    mantissa, _, exponent = (exact if len(exact) <= 9 else f"{value:g}").partition("e")
    if not exponent:
        return mantissa
    power = rf"10^{{{int(exponent)}}}"
    return {"1": power, "-1": f"-{power}"}.get(mantissa, rf"{mantissa} \cdot {power}")


def words(text: str) -> str:
    r"""Return text for mathematics: what LaTeX or Markdown would take for a command stands outside of ``\text``.

    >>> words("50% of_all")
    '\\text{50}\\%\\text{ of all}'
    """
    parts = re.split(r"([%&#$^~{}\\])", text.replace("_", " "))
    return "".join(_SPECIAL.get(part, rf"\text{{{part}}}") for part in parts if part)


def signed(parts: list[tuple[str, str]]) -> list[str]:
    """Return addends with their signs, the first without a plus; a minus of their own turns the sign."""
    turned = [("-" if sign == "+" else "+", text[1:]) if text.startswith("-") else (sign, text) for sign, text in parts]
    return [f"{sign} {text}" if i or sign == "-" else text for i, (sign, text) in enumerate(turned)]


def moved(index: str, by: int) -> str:
    """Return an index `by` positions further.

    >>> moved("t", 1), moved("t+1", -1), moved("-1", -1)
    ('t+1', 't', '-2')
    """
    found = re.fullmatch(r"(.*?)([+-]?\d+)?", index)
    assert found is not None  # both parts may be empty
    base, offset = found[1], int(found[2] or 0) + by
    return str(offset) if not base else f"{base}{offset:+d}" if offset else base


def sum_parts(printer: Printer, node: Expression, at: At) -> list[str]:
    """Return the addends of an expression with their signs; those that are the number 0 are left out."""
    parts = []
    for sign, part in addends(node):
        text = printer.tree(part, at)
        if part.kind == "scalars" and sign < 0:
            text = rf"\left({text}\right)"
        parts.append(("+" if sign > 0 else "-", text))
    return signed([part for part in parts if part[1] != "0"] or parts[:1])


def _number_of(node: Expression) -> float | None:
    """Return the value of a plain number, or of an array of the same number everywhere."""
    if node.kind != "constant":
        return None
    values = np.asarray(node.detail)
    same = values.size > 0 and bool((values == values.flat[0]).all())
    return float(values.flat[0]) if same else None


def is_complement(node: Expression) -> bool:
    """Whether it is ``1 - y``."""
    return node.kind == "apply" and node.detail == "subtract" and _number_of(node.operands[0]) == 1.0


def _leaf(printer: Printer, node: Expression, at: At) -> str:
    name = node.detail if node.kind == "field" else node.detail.name
    return printer.indexed(name, printer.indices(node.axes, at))


def _constant(printer: Printer, node: Expression, at: At) -> str:
    value = _number_of(node)
    return number(value) if value is not None else printer.indexed("a", printer.indices(node.axes, at))


def _scalars(printer: Printer, node: Any, at: At) -> str:
    parts = []
    for coefficient, column, field, place in node.terms:
        factor = "" if field is None else rf"{printer.picked(field, place)}\, "
        parts.append(("-" if coefficient < 0 else "+", f"{_times(coefficient)}{factor}{printer.entry(column)}"))
    for coefficient, field, place in node.references:
        parts.append(("-" if coefficient < 0 else "+", f"{_times(coefficient)}{printer.picked(field, place)}"))
    if node.offset or not parts:
        parts.append(("-" if node.offset < 0 else "+", number(abs(node.offset))))
    return " ".join(signed(parts))


def _times(coefficient: float) -> str:
    """Return a factor's absolute value before what it multiplies."""
    return "" if abs(coefficient) == 1 else rf"{number(abs(coefficient))}\, "


def _apply(printer: Printer, node: Expression, at: At) -> str:
    name = node.detail
    if name in ("add", "subtract", "negative"):
        return " ".join(sum_parts(printer, node, at))
    if name == "multiply":
        return _product(printer, node, at)
    if name == "divide" and _is_mean(node):
        return rf"\frac{{1}}{{{printer.tree(node.operands[1], at)}}} {printer.tree(node.operands[0], at)}"
    if name in ("power", "square"):
        power = printer.tree(node.operands[1], at) if name == "power" else "2"
        return rf"{{{_factor(printer, node.operands[0], at, last=False)}}}^{{{power}}}"
    inner = [printer.tree(operand, at) for operand in node.operands]
    if name == "divide":
        return rf"\frac{{{inner[0]}}}{{{inner[1]}}}"
    if name == "sqrt":
        return rf"\sqrt{{{inner[0]}}}"
    if name == "absolute":
        return rf"\left|{inner[0]}\right|"
    word = {"maximum": r"\max", "minimum": r"\min", "exp": r"\exp", "log": r"\log", "log2": r"\log_2"}
    called = word.get(name, rf"\mathrm{{{name}}}")
    return rf"{called}\left({', '.join(inner)}\right)"


def _is_mean(node: Expression) -> bool:
    """Whether it is a sum divided by a number."""
    return node.operands[0].kind in ("reduce", "group") and _number_of(node.operands[1]) is not None


def _factors(node: Expression) -> list[Expression]:
    if node.kind == "apply" and node.detail == "multiply":
        return [factor for operand in node.operands for factor in _factors(operand)]
    return [node]


def _product(printer: Printer, node: Expression, at: At) -> str:
    """Print a product: its numbers as one in front, whichever side they were written on."""
    coefficient, factors = 1.0, []
    for factor in _factors(node):
        value = _number_of(factor)
        if value is None:
            factors.append(factor)
        else:
            coefficient *= value
    if not factors:
        return number(coefficient)
    texts = [_factor(printer, factor, at, last=factor is factors[-1]) for factor in factors]
    return f"{'-' if coefficient < 0 else ''}{_times(coefficient)}" + r"\, ".join(texts)


def _factor(printer: Printer, node: Expression, at: At, *, last: bool) -> str:
    """Print a factor, within brackets where it would otherwise end too early, or not at all."""
    text = printer.tree(node, at)
    added = node.kind == "scalars" or (node.kind == "apply" and node.detail in ("add", "subtract", "negative"))
    open_end = node.kind in ("reduce", "group") or (node.kind == "apply" and node.detail == "divide" and _is_mean(node))
    return rf"\left({text}\right)" if added or (open_end and not last) else text


def _reduce(printer: Printer, node: Expression, at: At) -> str:
    operation, over = node.detail
    inner_at = dict(at)
    ranges = []
    for axis in over:
        letter = printer.letter(axis.name)
        while letter in at.values():  # a sum within a sum over the same dimension
            letter += "'"
        inner_at[axis.name] = letter
        ranges.append(printer.ranged(axis, letter))
    word = {"sum": r"\sum", "max": r"\max", "min": r"\min"}[operation]
    return rf"{word}_{{{','.join(ranges)}}} {_factor(printer, node.operands[0], inner_at, last=True)}"


def _take(printer: Printer, node: Expression, at: At) -> str:
    name, index, axes, (kind, symbol) = node.detail
    letters = printer.indices(axes, at)
    if kind == "position":
        where = str(symbol)
    elif kind == "index" and symbol:
        where = printer.indexed(symbol, letters)
    elif kind == "slice":
        where = _sliced(index, letters[0])
    else:
        shown = [str(int(place)) for place in np.ravel(index)]
        if len(shown) > _SHOWN:
            shown = [*shown[:2], r"\ldots", shown[-1]]
        where = rf"({','.join(shown)})_{{{','.join(letters)}}}"
    return printer.tree(node.operands[0], at | {name: where})


def _sliced(index: Any, letter: str) -> str:
    """Return the position that a slice reads at a letter: ``t+1``, ``2t``, ``5-t``."""
    start = int(index[0]) if index.size else 0
    step = int(index[1] - index[0]) if index.size > 1 else 1
    if step == 1:
        return moved(letter, start)
    letter = f"({letter})" if re.search("[+-]", letter) else letter
    return f"{start}-{'' if step == -1 else -step}{letter}" if step < 0 else moved(f"{step}{letter}", start)


def _group(printer: Printer, node: Expression, at: At) -> str:
    name, _, into, symbol = node.detail
    letter = printer.letter(name)
    target = at.get(into.name, printer.letter(into.name))
    key = rf"{printer.word(symbol)}_{{{letter}}} = {target}" if symbol else rf"{letter} \to {target}"
    return rf"\sum_{{{letter}:\, {key}}} {_factor(printer, node.operands[0], at | {name: letter}, last=True)}"


def _shift(printer: Printer, node: Expression, at: At) -> str:
    """Print the position before, and note what stands before the first."""
    operand, first = node.operands
    before = printer.tree(operand, at | {node.detail: "-1"})
    printer.note(rf"{before} = {printer.tree(first, at)}")
    return printer.tree(operand, at | {node.detail: moved(at.get(node.detail, printer.letter(node.detail)), -1)})


def _rename(printer: Printer, node: Expression, at: At) -> str:
    pairs = zip(node.operands[0].axes, printer.indices(node.axes, at), strict=True)
    return printer.tree(node.operands[0], {old.name: index for old, index in pairs})


PRINTERS: dict[str, Callable[[Printer, Any, At], str]] = {
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
