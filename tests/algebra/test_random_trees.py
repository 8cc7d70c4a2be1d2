"""Random trees against xarray: values by the judge's reader, rows by the compiler, in equal and unequal sizes."""

from __future__ import annotations

import numpy as np
import pytest

import edgeopt as eo
from edgeopt.algebra.arithmetic import Torch
from edgeopt.algebra.judging import rational_values
from edgeopt.algebra.values import Values

xarray = pytest.importorskip("xarray")


class Box(eo.Formulation):
    """Fields over three dimensions; the expression is set from outside."""

    a: eo.Array = eo.data("r")
    b: eo.Array = eo.data("m", "r")
    c: eo.Array = eo.data("m")
    scalar: float
    model_of: eo.Index = eo.data("r", into="m")
    group_of: eo.Index = eo.data("m", into="g")
    kept: eo.Mask = eo.data("m")
    groups: int
    seed: int

    def declare(self, m: eo.Declaration) -> None:
        m.dimension("g", self.groups)
        x = m.continuous("x", "r", "m", lower=-5.0, upper=5.0, where=self.there if self.seed % 3 == 0 else None)
        y = m.continuous("y", "m", lower=-np.inf)
        z = m.continuous("z", lower=-np.inf)
        grow = Grower(self, np.random.default_rng(self.seed), {"x": x, "y": y, "z": z})
        for number in range(3):
            expression, other = grow.linear(3), grow.data(2)
            if number == 2 and not set(other.axes) - set(expression.axes):
                m.subject_to(**{f"row_{number}": expression.between(other - 1.0, other + 2.0)})
            else:
                pair = [expression <= other, expression >= other, expression == other][number]
                m.subject_to(**{f"row_{number}": pair})
        m.minimize(grow.linear(3).sum() + grow.data(1).sum())

    @property
    def there(self):
        return (np.arange(self.a.size)[:, None] + np.arange(self.c.size)) % 3 > 0


class Grower:
    """Grows one tree in whatever arithmetic its leaves have: expressions, or xarray at a point."""

    def __init__(self, fields, rng, variables):
        self.f, self.rng, self.v = fields, rng, variables

    def pick(self, count):
        return int(self.rng.integers(count))

    def data(self, depth):
        choice = self.pick(7 if depth else 4)
        if choice < 4:
            return [self.f.a, self.f.b, self.f.c, self.f.scalar * 1.0][choice]
        inner = self.data(depth - 1)
        if choice == 4:
            return inner * self.data(depth - 1)
        if choice == 5:
            return inner - self.data(depth - 1) / 3.0
        return self.unary(inner)

    def linear(self, depth):
        choice = self.pick(9) if depth else self.pick(3)
        if choice < 3:
            return self.v["xyz"[choice]] * 1.0
        inner = self.linear(depth - 1)
        if choice == 3:
            return self.data(1) * inner
        if choice == 4:
            return inner + self.linear(depth - 1)
        if choice == 5:
            return self.data(1) - inner
        if choice == 6:
            return inner / (self.data(1) * 0.0 + 2.0)
        return self.unary(self.unary(inner))

    def unary(self, e):
        dims = [d for d in e.dims if d in ("r", "m")]
        if not dims:
            return -e
        dim = dims[self.pick(len(dims))]
        choice = self.pick(8)
        full = self.size(e, dim) == self.total(dim)
        if choice == 0:
            return self.total_of(e, dim)
        if choice == 1 and dim == "m" and full:
            return self.gather(e)
        if choice == 2 and dim == "m" and full and "g" not in e.dims:
            return self.group(e)
        if choice == 3 and self.size(e, dim) > 1:
            return self.total_of(self.cut(e, dim) + self.other_cut(e, dim) * 2.0, dim)
        if choice == 4 and full:
            return self.before(e, dim)
        if choice == 5:
            return self.at(e, dim, self.pick(self.size(e, dim)))
        if choice == 6 and dim == "m" and full:
            return self.total_of(self.mask(e), "m")
        return e * 2.0 - e

    # The operations that differ between the two; here those of expressions.

    def size(self, e, dim):
        return dict(e.axes)[dim]

    def total(self, dim):
        return dict(self.f.b.axes)[dim]

    def total_of(self, e, dim):
        return e.sum(dim)

    def _key(self, e, dim, key):
        return e[tuple(key if d == dim else slice(None) for d in e.dims)]

    def gather(self, e):
        return self._key(e, "m", self.f.model_of)

    def group(self, e):
        return e.sum_by(self.f.group_of)

    def cut(self, e, dim):
        return self._key(e, dim, slice(1, None))

    def other_cut(self, e, dim):
        return self._key(e, dim, slice(None, -1))

    def before(self, e, dim):
        return e.previous(dim, first=self.f.scalar)

    def at(self, e, dim, place):
        return self._key(e, dim, place)

    def mask(self, e):
        return self._key(e, "m", np.asarray(self.f.kept))


class Oracle(Grower):
    """The same by xarray."""

    def size(self, e, dim):
        return e.sizes[dim]

    def total(self, dim):
        return self.f.b.sizes[dim]

    def gather(self, e):
        return e.isel(m=self.f.model_of)

    def group(self, e):
        parts = [e.isel(m=np.flatnonzero(self.f.group_of.values == g)).sum("m") for g in range(self.f.groups)]
        return xarray.concat(parts, "g", coords="minimal", compat="override") if parts else e.sum("m")

    def total_of(self, e, dim):
        return e.sum(dim)

    def cut(self, e, dim):
        return e.isel({dim: slice(1, None)})

    def other_cut(self, e, dim):
        return e.isel({dim: slice(None, -1)})

    def before(self, e, dim):
        return e.shift({dim: 1}, fill_value=0.0) + xarray.where(
            xarray.DataArray(np.arange(e.sizes[dim]), dims=dim) == 0, self.f.scalar, 0.0
        )

    def at(self, e, dim, place):
        return e.isel({dim: place})

    def mask(self, e):
        return e.isel(m=np.flatnonzero(self.f.kept.values))


class Named:
    """The fields of a problem as xarray."""

    def __init__(self, problem):
        def named(array, *dims):
            return xarray.DataArray(np.asarray(array), dims=dims)

        self.a, self.b, self.c = named(problem.a, "r"), named(problem.b, "m", "r"), named(problem.c, "m")
        self.scalar, self.groups = xarray.DataArray(problem.scalar), problem.groups
        self.model_of, self.group_of = named(problem.model_of, "r"), named(problem.group_of, "m")
        self.kept = named(problem.kept, "m")


def problem_of(seed):
    rng = np.random.default_rng(1000 + seed)
    r, m = (3, 3) if seed % 2 else (int(rng.integers(1, 5)), int(rng.integers(1, 5)))
    groups = int(rng.integers(1, 4))
    return Box(
        a=rng.uniform(1, 2, r),
        b=rng.uniform(1, 2, (m, r)),
        c=rng.uniform(1, 2, m),
        scalar=float(rng.uniform(1, 2)),
        model_of=rng.integers(0, m, r),
        group_of=rng.integers(0, groups, m),
        kept=rng.random(m) < 0.6,
        groups=groups,
        seed=seed,
    )


@pytest.mark.parametrize("block", range(8))
def test_values_and_rows_of_random_trees_are_those_of_xarray(block):
    for seed in range(60 * block, 60 * block + 60):
        problem = problem_of(seed)
        m, program = problem.declaration, problem.program()
        rng = np.random.default_rng(seed)
        points = {v.name: rng.normal(size=v.shape) for v in m.variables.values()}
        if (mask := m.variables["x"].mask) is not None:
            points["x"] = np.where(mask, points["x"], 0.0)
        decision = problem.decide(**points)
        x = problem.encode(decision)
        oracle = Oracle(Named(problem), np.random.default_rng(seed), {})
        axes = {v.name: [axis.name for axis in v.axes] for v in m.variables.values()}
        oracle.v = {name: xarray.DataArray(array, dims=axes[name]) for name, array in points.items()}
        activity = program.matrix @ x
        for number in range(3):
            wanted, bound = oracle.linear(3), oracle.data(2)
            family, block_ = m.families[f"row_{number}"], problem._compiled.blocks[f"row_{number}"]
            dims = [axis.name for axis in family.axes]
            # Python lets a picked entry on the right compare first, which turns both sides around.
            turned = family.relation != ["<=", ">=", "=="][number] and family.lower_bound is None
            turned |= number == 2 and family.constraint.left.owner is None
            difference = np.asarray((wanted - bound).transpose(*dims)) * (-1.0 if turned else 1.0)
            high = program.row_lower[block_.here] if family.relation == ">=" else program.row_upper[block_.here]
            shift = 2.0 if family.lower_bound is not None else 0.0
            got = (activity[block_.here] - high + shift).reshape([axis.size for axis in family.axes])
            np.testing.assert_allclose(got, difference, rtol=1e-9, atol=1e-9, err_msg=f"seed {seed}, row {number}")
            values = Values(problem._field_arrays(), points)
            tree = values.full(family.difference, family.axes)
            if family.lower_bound is not None:
                tree = tree - values.full(family.bound, family.axes) + 2.0
            if family.lower_bound is None:
                np.testing.assert_allclose(tree, difference, rtol=1e-9, atol=1e-9, err_msg=f"seed {seed}")
        objective = float(oracle.linear(3).sum() + oracle.data(1).sum())
        assert problem.objective(decision) == pytest.approx(objective, rel=1e-9)
        assert program.objective(eo.Point(x)) == pytest.approx(objective, rel=1e-9)
        assert problem.magnitude(decision) >= abs(objective) * (1 - 1e-12)


def test_rational_and_torch_values_are_those_of_float64():
    torch_ = Torch()
    for seed in range(40):
        problem = problem_of(seed)
        m = problem.declaration
        points = {v.name: np.random.default_rng(seed).normal(size=v.shape) for v in m.variables.values()}
        fields = problem._field_arrays()
        wanted = Values(fields, points)
        tensors = [{k: torch_.constant(v) for k, v in part.items()} for part in (fields, points)]
        under_torch = Values(*tensors, torch_)
        for family in m.families.values():
            np.testing.assert_allclose(
                under_torch.full(family.difference, family.axes).numpy(),
                wanted.full(family.difference, family.axes),
                rtol=1e-12,
                atol=1e-12,
            )
        objective = rational_values(fields, points).of(m.goal)[()]
        assert float(objective) == pytest.approx(float(wanted.of(m.goal)), rel=1e-12)


def test_a_batch_reads_as_its_instances_do():
    for seed in range(1, 40, 3):
        one = problem_of(seed)
        rng = np.random.default_rng(seed)
        many = {"b": rng.uniform(1, 2, (4, *one.b.shape)), "scalar": rng.uniform(1, 2, 4)}
        from dataclasses import replace

        batch = replace(one, **many)
        assert batch.batch == 4
        decisions = [
            one.decide(**{v.name: rng.normal(size=v.shape) for v in one.declaration.variables.values()})
            for _ in range(4)
        ]
        together = batch.stack(decisions)
        batch.check(together)
        objectives, magnitudes = batch.objective(together), batch.magnitude(together)
        worst: dict[str, float] = {}
        for i, decision in enumerate(decisions):
            single = batch.instance(i)
            assert objectives[i] == pytest.approx(single.objective(decision), rel=1e-12)
            assert magnitudes[i] == pytest.approx(single.magnitude(decision), rel=1e-12)
            for name, v in single.violations(decision).items():
                stem = name.partition("[")[0]
                worst[stem] = max(worst.get(stem, 0.0), v)
        found = {name.partition("[")[0]: v for name, v in batch.violations(together).items()}
        assert found == pytest.approx(worst, rel=1e-9)
