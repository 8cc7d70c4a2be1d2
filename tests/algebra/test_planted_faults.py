"""Eleven faults planted in the compiler, each caught when a problem is compiled: see the study of the layer, section 6."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import edgeopt as eo
from edgeopt.algebra import compiled as compiler
from edgeopt.algebra import entries, terms
from edgeopt.algebra.compile_check import CompilerFaultError


class Wide(eo.Formulation):
    """Uses what the faults touch: gathers, groups, shifts, masks, transposes, sums over what a term lacks, switches."""

    a: eo.Array = eo.data("r")
    ct: eo.Array = eo.data("m", "r")
    to: eo.Index = eo.data("r", into="m")

    def declare(self, m):
        x = m.continuous("x", "r", "m", upper=4.0)
        y = m.continuous("y", "r", upper=3.0)
        on = m.binary("on", "m")
        m.minimize((self.ct * x).sum() + (y + x).sum() + (self.a - 1.0).sum())
        m.subject_to(
            gathered=y <= on[self.to] * 3.0,
            grouped=y.sum_by(self.to) >= 0.5 * on,
            moved=x - x.previous("r", first=1.0) <= self.ct,
            cut=x[1:] - x[:-1] >= -2.0,
            range=(x.sum("m") + 1.0).between(self.a - 1.0, self.a + 40.0),
            equal=x.sum("r") == on + self.a.sum(),
            switched=(x <= self.a).when(on),
        )
        m.subject_to("loop", y[0] * self.a[1] - y[1] <= self.a[0], y[1] >= 0.1)


def problem():
    rng = np.random.default_rng(0)
    return Wide(a=rng.uniform(1, 2, 3), ct=rng.uniform(1, 2, (3, 3)), to=[0, 2, 2])


def lowerer(kind, change):
    """Plant a change of the terms of one kind of node."""

    def plant(monkeypatch):
        original = terms._LOWERERS[kind]
        monkeypatch.setitem(terms._LOWERERS, kind, lambda node, values: change(node, original(node, values)))

    return plant


def patched(module, name, make):
    def plant(monkeypatch):
        monkeypatch.setattr(module, name, make(getattr(module, name)))

    return plant


def swapped_rows(original):
    """Use the sizes of the axes in the wrong order for the strides of rows."""

    def parts(term, missing, axes):
        return original(term, missing, tuple(reversed(axes)) if len(axes) == 2 else axes)

    return parts


def swapped_sides(original):
    def write(family, values, inner, sides):
        original(family, values, inner, sides[::-1])
        sides[0][...], sides[1][...] = (
            np.where(np.isinf(sides[0]), -np.inf, sides[0]),
            np.where(np.isinf(sides[1]), np.inf, sides[1]),
        )

    return write


def wrong_sign(node, found):
    return [replace(term, scale=-term.scale) for term in found]


def no_factor(node, found):
    return [replace(term, factors=()) for term in found]


def first_column(node, found):
    return [replace(term, base=term.base + (node.detail.name == "y")) for term in found]


def dropped_term(node, found):
    return found[1:]


def neighbours(node, found):
    moved = []
    for term in found:
        columns = tuple((axes, np.roll(array, 1)) for axes, array in term.columns)
        moved.append(replace(term, columns=columns))
    return moved


def lacking_not_multiplied(node, found):
    return [replace(term, scale=1.0 if abs(term.scale) > 1 else term.scale) for term in found]


FAULTS = {
    "a sign is lost": lowerer("shift", wrong_sign),
    "a coefficient is left out": lowerer("apply", no_factor),
    "columns are off by one": lowerer("variable", first_column),
    "a term is dropped": lowerer("shift", dropped_term),
    "an index picks its neighbour": lowerer("take", neighbours),
    "a sum over what a term lacks is not multiplied": lowerer("reduce", lacking_not_multiplied),
    "rows are transposed": patched(entries, "_row_parts", swapped_rows),
    "sides are swapped": patched(compiler, "_write_sides", swapped_sides),
    "a constant is dropped": patched(compiler, "constant_part", lambda original: lambda node: None),
    "costs are those of another column": patched(
        compiler, "_cost", lambda original: lambda *args: np.roll(original(*args), 1)
    ),
    "a bound is halved": patched(
        compiler,
        "_loop",
        lambda original: lambda family, values, sides: (original(family, values, sides), sides[1].__imul__(0.5))[0],
    ),
}


def test_the_program_without_a_fault_passes():
    assert problem().program().rows > 0


@pytest.mark.parametrize("fault", FAULTS)
def test_a_planted_fault_is_caught_when_the_problem_is_compiled(fault, monkeypatch):
    FAULTS[fault](monkeypatch)
    with pytest.raises(CompilerFaultError):
        problem().program()


def test_there_are_eleven():
    assert len(FAULTS) == 11
