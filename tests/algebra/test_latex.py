"""What a declared problem looks like as mathematics: every construct by its line, and all of it typeset."""

from __future__ import annotations

import re
from pathlib import Path

import declared_problems as problems
import numpy as np
import pytest

import edgeopt as eo
from edgeopt.algebra.latex_trees import moved, number, words

ROOT = Path(__file__).parents[2]
QUAD = r" &&\quad "
NOWHERE = " && &&\\quad "


class Rooms(eo.Formulation):
    """Masks, bounds, indicators."""

    reward: eo.Array = eo.data("users", "sites", symbol=r"\rho")
    most: eo.Array = eo.data("sites", finite=False)
    allowed: eo.Mask = eo.data("users", "sites")
    peak: eo.Mask = eo.data("sites")

    def declare(self, m):
        share = m.continuous("share", "users", "sites", upper=1.0, where=self.allowed)
        n = m.integer("n", "sites", lower=-1, upper=self.most)
        z = m.binary("z", "sites", where=np.array([True, False]))
        free = m.continuous("free", lower=-np.inf)
        debt = m.continuous("debt", lower=-np.inf, upper=0.0)
        m.maximize((self.reward * share).sum() - 2 * (n.sum() + z.sum()) - 1e-7 * (debt + free))
        m.subject_to(
            at_peak=(share.sum("users") <= n).where(self.peak),
            some=(share <= n).where(np.array([[True, False], [True, True]])),
            switched_on=(n <= 3).when(z),
            switched_off=(n >= 1).when(1 - z),
            between=(n - free).between(-self.most, self.most),
        )
        m.subject_to("50% & more", 2.0 * (3.0 * n.sum()) >= 1)


class Times(eo.Formulation):
    """Slices, neighbours, reformulations, loops."""

    price: eo.Array = eo.data("time")
    demand: eo.Array = eo.data("time")
    start: float

    def declare(self, m):
        x = m.continuous("x", "time", upper=5.0)
        late = m.absolute("late", x - x.mean())
        cost = m.piecewise("cost", x.sum(), [1.0, 2.0], [0.0, -3.0])
        m.minimize(
            self.price @ x + late.sum() + cost + 0.5 * x[1:].sum() + (np.exp(-self.demand) / self.price * x).sum()
        )
        m.subject_to(
            up=x[1:] - x[:-1] <= self.start,
            balance=x - x.previous("time", first=self.start) == -self.demand,
            last=x[-1] >= 2.0,
            even=x[::2] <= 4.0,
            odd=x[1::2] <= 4.0,
            backwards=x[::-1] <= 3e9,
            picked=x[[0, 2]] >= 1.0,
            many=x[[0, 1, 2, 3, 4]] >= 0.25,
            squares=(self.price - 1) ** 2 * x <= np.sqrt(self.demand),
        )
        for t in range(1, 4):
            m.subject_to("tie", x[t] * self.price[t] - 2.5 * x[t - 1] <= self.demand[t] + 1)


class Pairs(eo.Formulation):
    """Index fields and ragged sums, a dimension twice."""

    gain: eo.Array = eo.data("pairs")
    user: eo.Index = eo.data("pairs", into="users")
    home: eo.Index = eo.data("users", into="sites")
    room: eo.Array = eo.data("sites")
    distance: eo.Array = eo.data("src:sites", "dst:sites")

    def declare(self, m):
        s = m.binary("s", "pairs")  # a name that is no letter of a dimension any more
        opened = m.binary("opened", "sites")
        flow = m.continuous("flow", "src:sites", "dst:sites")
        m.maximize(self.gain @ s - (self.distance * flow).sum())
        m.subject_to(
            per_user=(2 * s + 1).sum_by(self.user) <= 3,
            home=opened[self.home] == 1,
            room=flow.sum("dst") <= (self.room * opened).rename(sites="src"),
        )


def rooms() -> Rooms:
    return Rooms(reward=np.ones((2, 2)), most=[4.0, 6.0], allowed=[[True, False], [True, True]], peak=[True, False])


def times() -> Times:
    return Times(price=np.full(5, 2.0), demand=np.ones(5), start=1.0)


def pairs() -> Pairs:
    return Pairs(gain=np.ones(3), user=[0, 0, 1], home=[1, 0], room=[1.0, 2.0], distance=np.ones((2, 2)))


LINES = {
    problems.caching: (
        r"\min\quad & \sum_{r,m} \mathit{latency}_{r,m}\, \mathit{serves}_{r,m}",
        rf"\sum_{{m}} \mathit{{size}}_{{m}}\, \mathit{{held}}_{{m}} \le \mathit{{memory}}{NOWHERE}\text{{(memory)}}",
        rf"\sum_{{m}} \mathit{{serves}}_{{r,m}} = 1{QUAD}\forall r{QUAD}\text{{(served once)}}",
        rf"\mathit{{serves}}_{{r,m}} \le \mathit{{held}}_{{m}}{QUAD}\forall r, m{QUAD}\text{{(only held)}}",
        rf"\mathit{{held}}_{{m}} \in \{{0, 1\}}{QUAD}\forall m",
    ),
    rooms: (
        r"\max\quad & \sum_{u,s} \rho_{u,s}\, \mathit{share}_{u,s} - 2\, \left(\sum_{s} n_{s} + \sum_{s} z_{s}\right) "
        r"- 10^{-7}\, \left(\mathit{debt} + \mathit{free}\right)",
        rf"\sum_{{u}} \mathit{{share}}_{{u,s}} \le n_{{s}}{QUAD}\forall s : \mathit{{peak}}_{{s}}{QUAD}\text{{(at peak)}}",
        rf"\mathit{{share}}_{{u,s}} \le n_{{s}}{QUAD}\forall u, s\ \text{{(3 of 4)}}{QUAD}\text{{(some)}}",
        rf"z_{{s}} = 1 \Rightarrow n_{{s}} \le 3{QUAD}\forall s{QUAD}\text{{(switched on)}}",
        rf"z_{{s}} = 0 \Rightarrow n_{{s}} \ge 1{QUAD}\forall s{QUAD}\text{{(switched off)}}",
        rf"& {{-}}\mathit{{most}}_{{s}} \le n_{{s}} - \mathit{{free}} \le \mathit{{most}}_{{s}}{QUAD}\forall s{QUAD}",
        rf"6\, \sum_{{s}} n_{{s}} \ge 1{NOWHERE}\text{{(50}}\%\text{{ }}\&\text{{ more)}}",
        rf"0 \le \mathit{{share}}_{{u,s}} \le 1{QUAD}\forall u, s : \mathit{{allowed}}_{{u,s}},\ \text{{else }} 0",
        rf"{{-}}1 \le n_{{s}} \le \mathit{{most}}_{{s}},\ n_{{s}} \in \mathbb{{Z}}{QUAD}\forall s",
        r"\mathit{free} \in \mathbb{R}",
        r"\mathit{debt} \le 0",
    ),
    times: (
        r"\sum_{t < 4} x_{t+1}",
        r"\\"
        + "\n"
        + r"& \quad {} + \sum_{t} \frac{\exp\left(- \mathit{demand}_{t}\right)}{\mathit{price}_{t}}\, x_{t}",
        r"\mathit{late}_{t} \ge x_{t} - \frac{1}{5} \sum_{t'} x_{t'}",
        rf"\mathit{{cost}} \ge \sum_{{t}} x_{{t}}{NOWHERE}",
        rf"\mathit{{cost}} \ge 2\, \sum_{{t}} x_{{t}} - 3{NOWHERE}",
        rf"x_{{t+1}} - x_{{t}} \le \mathit{{start}}{QUAD}\forall t < 4",
        rf"x_{{t}} - x_{{t-1}} = - \mathit{{demand}}_{{t}}{QUAD}\forall t,\ x_{{-1}} = \mathit{{start}}",
        r"x_{4} \ge 2",
        rf"x_{{2t}} \le 4{QUAD}\forall t < 3",
        rf"x_{{2t+1}} \le 4{QUAD}\forall t < 2",
        r"x_{4-t} \le 3 \cdot 10^{9}",
        rf"x_{{(0,2)_{{t}}}} \ge 1{QUAD}\forall t < 2",
        r"x_{(0,1,\ldots,4)_{t}} \ge 0.25",
        r"{\left(\mathit{price}_{t} - 1\right)}^{2}\, x_{t} \le \sqrt{\mathit{demand}_{t}}",
        r"\text{3 rows, the first } \mathit{price}_{1}\, x_{1} - 2.5\, x_{0} \le 1 + \mathit{demand}_{1}",
    ),
    pairs: (
        r"\max\quad & \sum_{p} \mathit{gain}_{p}\, s_{p} - \sum_{r,d} \mathit{distance}_{r,d}\, \mathit{flow}_{r,d}",
        r"\sum_{p:\, \mathit{user}_{p} = u} \left(2\, s_{p} + 1\right) \le 3",
        r"\mathit{opened}_{\mathit{home}_{u}} = 1",
        r"\sum_{d} \mathit{flow}_{r,d} \le \mathit{room}_{r}\, \mathit{opened}_{r}",
    ),
}


@pytest.mark.parametrize("made", LINES, ids=lambda made: made.__name__)
def test_each_construct_is_printed_as_it_is_written_on_a_board(made):
    text = made()._repr_latex_()
    for part in LINES[made]:
        assert part in text


@pytest.mark.parametrize("made", [*LINES, problems.dispatch], ids=lambda made: made.__name__)
def test_the_mathematics_is_typeset(made):
    mathtext = pytest.importorskip("matplotlib.mathtext")
    parser = mathtext.MathTextParser("path")
    lines = made()._repr_latex_().splitlines()[2:-2]
    assert len(lines) >= 5
    for line in lines:
        plain = line.removesuffix(r" \\").replace(r"\&", r"\%").replace("&", "")
        # What mathtext calls by another name.
        for ours, theirs in ((r"\text", r"\mathrm"), (r"\le ", r"\leq "), (r"\ge ", r"\geq "), ("{-}", "-")):
            plain = plain.replace(ours, theirs)
        parser.parse(f"${plain}$")


def test_numbers_indices_and_words():
    assert [number(v) for v in (0.1, 20.0, -1e7, 1e-9, -1e-9, 1.5e12, 1 / 3, np.inf)] == [
        *("0.1", "20", "-10000000", "10^{-9}", "-10^{-9}", r"1.5 \cdot 10^{12}", "0.333333", r"\infty")
    ]
    assert [moved(*at) for at in (("t", 0), ("t", 2), ("t+1", -2), ("-1", -1), ("2t", 1), ("5-t", -1))] == [
        *("t", "t+2", "t-1", "-2", "2t+1", "5-t-1")
    ]
    assert words("a_b {c}") == r"\text{a b }\{\text{c}\}"


def test_the_pages_equations_are_those_that_are_printed():
    page = (ROOT / "docs" / "declare.md").read_text(encoding="utf-8")
    shown = re.findall(r"\$\$\n.*?\$\$", page, re.DOTALL)
    network = {"compute_density": [[1.0]], "link_density": [[0.5]], "compute_capacity": [4.0], "link_capacity": [1.0]}
    for printed in (
        problems.caching(),
        eo.OfflineOffloading([3.0, 1.0, 2.0], [1.0, 1.5, 1.0], min_local_fraction=0.6, transmission_cost=0.1),
        eo.RevenueMaximization(unit_revenue=[3.0], traffic=[5.0], **network),
    ):
        assert printed._repr_latex_() in shown


@pytest.mark.parametrize(
    ("picture", "instance"),
    [
        ("model_caching", "model-caching/generated-small"),
        ("task_assignment", "task-assignment/area-small"),
        ("switching_splits", "switching-splits/generated-small"),
    ],
)
def test_the_pages_pictures_show_what_is_printed(picture, instance):
    image = pytest.importorskip("PIL.Image").open(ROOT / "docs" / "equations" / f"{picture}.png")
    # Where this fails: python benchmarks/declare_pictures.py
    assert image.text["equations"] == eo.instances.load(instance).problem._repr_latex_()
    assert f"(equations/{picture}.png)" in (ROOT / "docs" / "declare.md").read_text(encoding="utf-8")
