"""Slices on this machine: budgets (time, and what training under one is worth), and what remote decisions send.

    python benchmarks/slices.py [--quick] [--data FOLDER]

Milano's 25 cells where they are at hand, generated ones otherwise. A budget is timed against the same nearest point
from a quadratically smoothed program, in one run. A network that is trained under a budget is set beside the same one
that is cut to it afterwards; one slice has a shortfall that costs 20 times as much as the others'.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch
from record import median, note

from edgeopt.data.folder import data_folder
from edgeopt.layers import LinearProgramLayer
from edgeopt.model.program import Program
from edgeopt.predictors.boxes import TrafficBox
from edgeopt.predictors.budgets import Budget
from edgeopt.predictors.ddnn import DDNN
from edgeopt.predictors.exits import answers, provisioning
from edgeopt.predictors.joint import train_jointly
from edgeopt.predictors.payloads import payload_table, payloads
from edgeopt.predictors.provisioning import Provisioning
from edgeopt.predictors.samples import MinMax, chronological, windows
from edgeopt.profiles.costs import AllocationCost
from edgeopt.profiles.latency import GIANNAKAS2025
from edgeopt.studies.early_exit import traffic

CELLS, WINDOW = 25, 6


def projection_time(repeats: int) -> None:
    """Time a batch of 128 allocations and its gradient, on one budget and one thread."""
    torch.set_num_threads(1)
    limit = 5.0
    program = Program(np.zeros(CELLS), np.ones((1, CELLS)), row_upper=[limit], lower=0.0)
    drawn = torch.rand(128, CELLS, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    point = drawn.requires_grad_()
    seconds = {}
    layer = LinearProgramLayer(program, ("cost",), smoothing="quadratic", strength=1.0)
    budget = Budget(limit, [range(CELLS)])
    for name, nearest in (("Budget", budget), ("program", lambda asked: layer(-asked))):
        nearest(point).square().sum().backward()
        seconds[name] = median(lambda: nearest(point).square().sum().backward(), repeats)  # noqa: B023
    ratio = seconds["program"] / seconds["Budget"]
    print(f"128 allocations of {CELLS} cells with gradient: {1e3 * seconds['Budget']:.2f} ms, {ratio:.0f} x a program")
    note(
        "128 x 25 allocations, one budget",
        "Budget",
        128 / seconds["Budget"],
        "allocations/s",
        ratio,
        "a smoothed program",
    )


def budgets(parts: list[tuple[np.ndarray, np.ndarray]], epochs: int) -> None:
    """Compare training under a budget with cutting afterwards, at two limits."""
    under = np.ones(CELLS)
    under[0] = 20.0
    cost, test = AllocationCost(under), parts[2]
    free = trained(parts, cost, epochs, None)
    for share in (0.5, 0.9):
        limit = float(np.quantile(parts[0][1].sum(axis=1), share))
        budget = Budget(limit, [range(CELLS)])
        own = provisioning(trained(parts, cost, epochs, budget), *test, cost)
        for name, answer in answers(free, torch.tensor(test[0], dtype=torch.float32)):
            late = Provisioning.of(budget(answer).numpy(), test[1], cost)
            saved = 1 - own[name].cost.sum() / late.cost.sum()
            print(
                f"budget at the {share:.0%} quantile of the total demand, {name} exit: trained under it "
                f"{own[name].cost.sum():.3f}, cut afterwards {late.cost.sum():.3f} ({saved:.1%} less); the dear slice "
                f"is short in {own[name].violation_rate[0]:.1%} and {late.violation_rate[0]:.1%} of the slots"
            )


def trained(
    parts: list[tuple[np.ndarray, np.ndarray]], cost: AllocationCost, epochs: int, within: Budget | None
) -> DDNN:
    """Train a network, always from the same start."""
    torch.manual_seed(0)
    model = DDNN("conv3d", CELLS, WINDOW, within=within)
    return train_jointly(model, parts[0], parts[1], cost, local_weight=0.2, epochs=epochs, max_shortfall=1.0)


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, help="folder of the data sets")
    parser.add_argument("--quick", action="store_true", help="two weeks of traffic, few epochs")
    arguments = parser.parse_args()
    projection_time(5 if arguments.quick else 31)
    frame, source = traffic(data_folder(arguments.data), arguments.quick, CELLS)
    print(f"Traffic: {source}")
    series = frame.to_numpy(float)
    known = series[: round(0.6 * len(series)) - WINDOW]
    past, demand = windows(MinMax.fit(known).normalise(series)[:, TrafficBox.fit(known).order], WINDOW)
    split = chronological(len(demand))
    parts = [(past[rows], demand[rows]) for rows in (split.train, split.validation, split.test)]
    epochs = 2 if arguments.quick else 12
    budgets(parts, epochs)
    cost = AllocationCost(under=1.0)
    for exit in ("residual", "printed"):
        torch.manual_seed(0)
        model = DDNN("conv3d", CELLS, WINDOW, exit=exit)
        train_jointly(model, parts[0], parts[1], cost, local_weight=0.2, epochs=epochs, max_shortfall=1.0)
        table = payload_table(payloads(model, *parts[2], cost), GIANNAKAS2025, 1e6, local_fraction=0.5)
        print(f"\n{exit} exits, 1 Mbit/s, half of the decisions local")
        print(table.to_string(float_format=lambda value: f"{value:.5g}"))


if __name__ == "__main__":
    main()
