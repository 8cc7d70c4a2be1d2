"""The equations of docs/declare.md are those of the programs: names agree, and rows written from the page are the rows."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

import edgeopt as eo

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "declare.md").read_text(encoding="utf-8")


def written(head: str) -> tuple[set[str], set[str]]:
    """Return the names of variables and constraints in the equations after `head`."""
    block = PAGE.split(f"**{head}**")[1].split("$$")[1]
    return set(re.findall(r"\\mathit\{(\w+)\}", block)), set(re.findall(r"\\text\{\((\w+)\)\}", block))


def stems(names) -> set[str]:
    return {name.partition("[")[0] for name in names}


def rows_of(program):
    """Return the rows by name as ({column: coefficient}, lower, upper), without what is 0."""
    matrix = program.matrix.tocsr()
    found = {}
    for i, name in enumerate(program.row_names):
        part = slice(matrix.indptr[i], matrix.indptr[i + 1])
        columns = [program.column_names[j] for j in matrix.indices[part]]
        terms = dict(zip(columns, matrix.data[part].tolist(), strict=True))
        found[name] = (terms, program.row_lower[i], program.row_upper[i])
    assert len(found) == program.rows
    return found


def exits():
    early = eo.Exit(0.6, exec_time=[[0.02, 0.002, 0.001]], output_bits=[1e5, 1e3])
    final = eo.Exit(0.8, exec_time=[[0.02, 0.002, 0.001], [np.inf, 0.01, 0.003]], output_bits=[1e5, 1e4, 1e3])
    return [early, final]


@pytest.mark.parametrize("shared", [False, True], ids=["apart", "shared"])
def test_the_flow_of_a_split_is_what_the_page_writes(shared):
    problem = eo.StochasticSplit(exits(), [0.7, 0.3], 1e6, backhaul_rate=[5e6], link_delay=1e-3, shared_trunk=shared)
    program = problem.program()
    variables, constraints = written("StochasticSplit")
    assert stems(program.column_names) == variables
    assert stems(program.row_names) == constraints
    parent = problem.costs.tree.parent
    tiers = range(problem.tiers)
    expected = {}
    for n, before in enumerate(parent.tolist()):
        for a in tiers if before >= 0 else (0,):
            terms = {f"move[{n},{a},{b}]": 1.0 for b in tiers}
            if before >= 0:
                sources = tiers if parent[before] >= 0 else (0,)
                terms |= {f"move[{before},{b},{a}]": -1.0 for b in sources}
            right = 0.0 if before >= 0 else 1.0
            expected[f"flow[{n},{a}]"] = (terms, right, right)
    assert rows_of(program) == expected
    assert program.integrality.all()


GRAPHS = {
    "diamond": ([(-1, 0), (0, 1), (0, 2), (1, 3), (2, 3)], 2, None),
    "three tiers": ([(-1, 0), (-1, 1), (0, 2), (1, 2), (2, 3), (0, 3)], 3, None),
    "two results": ([(-1, 0), (0, 1), (0, 2), (1, 3)], 3, [1, 2, 3]),
}


def graph(name: str) -> eo.GraphSplit:
    edges, tiers, outputs = GRAPHS[name]
    rng = np.random.default_rng(0)
    times = rng.uniform(1, 9, (4, tiers))
    times[1, 0] = np.inf
    backhaul = None if tiers == 2 else [3.0]
    return eo.GraphSplit(times, edges, 9, [2, 1, 1, 1], 1.5, backhaul, link_delay=0.1, outputs=outputs)


class Cut:
    """Rows and costs written from the page, term by term."""

    def __init__(self, problem: eo.GraphSplit) -> None:
        self.problem, self.links = problem, problem.tiers - 1
        self.rows: dict[str, tuple[dict[str, float], float, float]] = {}
        self.cost: dict[str, float] = {}

    def beyond(self, n: int, link: int) -> str | float:
        """Return the column, or the number that stands in its place; the input stands as -1."""
        if n == -1 or link >= self.links:
            return 0.0
        return 1.0 if link < 0 else f"beyond[{n},{link}]"

    def row(self, label: str, *sides: tuple[float, str | float]) -> None:
        """Take a sum of columns and numbers, each with its factor, as at most 0."""
        terms: dict[str, float] = {}
        constant = 0.0
        for factor, part in sides:
            if isinstance(part, str):
                terms[part] = terms.get(part, 0.0) + factor
            else:
                constant += factor * part
        self.rows[label] = (terms, -np.inf, 0.0 - constant)

    def place(self, n: int) -> None:
        """Write where a layer runs."""
        for b, seconds in enumerate(self.problem.exec_time[n].tolist()):
            runs = f"runs[{n},{b}]"
            cut = [(-1.0, runs)] if np.isfinite(seconds) else []
            self.cost |= {runs: seconds} if cut else {}
            self.row(f"place[{n},{b}]", (1.0, self.beyond(n, b - 1)), (-1.0, self.beyond(n, b)), *cut)
        for link in range(1, self.links):
            self.row(f"order[{n},{link}]", (1.0, self.beyond(n, link)), (-1.0, self.beyond(n, link - 1)))

    def away(self, k: int, consumers: list[int]) -> None:
        """Write the way of a tensor away from the device."""
        shown = "input" if k < 0 else str(k)
        for link, seconds in enumerate(self.problem.crossing(k)[0].tolist()):
            at = f"[{shown},{link}]"
            self.cost[f"up{at}"] = seconds
            for n in consumers:
                self.row(f"read[{shown},{n},{link}]", (1.0, self.beyond(n, link)), (-1.0, f"needed{at}"))
            self.row(f"send{at}", (1.0, f"needed{at}"), (-1.0, self.beyond(k, link)), (-1.0, f"up{at}"))

    def back(self, k: int, consumers: list[int]) -> None:
        """Write the way of a layer's tensor back to the device."""
        for link, seconds in enumerate(self.problem.crossing(k)[1].tolist()):
            at = f"[{k},{link}]"
            self.cost[f"down{at}"] = seconds
            self.row(f"fetch{at}", (1.0, self.beyond(k, link)), (-1.0, f"held{at}"), (-1.0, f"down{at}"))
            for n in consumers:
                self.row(f"hold[{k},{n},{link}]", (1.0, f"held{at}"), (-1.0, self.beyond(n, link)))
            if k in self.problem.outputs:
                self.row(f"result{at}", (1.0, f"held{at}"))


@pytest.mark.parametrize("name", GRAPHS)
def test_the_cut_of_a_graph_is_what_the_page_writes(name):
    problem = graph(name)
    program = problem.program()
    variables, constraints = written("GraphSplit")
    assert stems(program.column_names) == variables
    # Between two tiers there is nothing to order.
    assert stems(program.row_names) == constraints - ({"order"} if problem.tiers == 2 else set())
    cut = Cut(problem)
    for n in range(problem.layers):
        cut.place(n)
    for k in range(-1, problem.layers):
        consumers = [c for p, c in problem.edges.tolist() if p == k]
        if consumers or k in problem.outputs:
            cut.away(k, consumers)
            if k >= 0:
                cut.back(k, consumers)
    assert rows_of(program) == cut.rows
    assert {n: c for n, c in zip(program.column_names, program.cost, strict=True) if c} == cut.cost


@pytest.mark.parametrize("name", GRAPHS)
def test_the_names_survive_a_model_file(name, tmp_path):
    program = graph(name).program()
    for suffix in ("mps", "lp", "mof.json"):
        program.write(tmp_path / f"cut.{suffix}")
        again = eo.Program.read(tmp_path / f"cut.{suffix}")
        assert sorted(again.column_names) == sorted(program.column_names)
        assert sorted(again.row_names) == sorted(program.row_names)


def test_the_page_prints_the_declarations_of_the_papers_problems():
    offloading = eo.OfflineOffloading([3.0, 1.0, 2.0], [1.0, 1.5, 1.0], 0.6, transmission_cost=0.1)
    network = eo.RevenueMaximization(
        [3.0, 2.0], [[1.0, 1.0]], [[0.5, 0.0], [0.0, 2.0]], [4.0], [1.0, 3.0], [5.0, 2.0], compute_price=0.1
    )
    for problem in (offloading, network):
        assert problem._repr_latex_() in PAGE
