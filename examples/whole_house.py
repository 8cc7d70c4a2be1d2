"""One problem through the whole house: traffic, predictor, formulation, three solvers, certificate, layer, rule.

A network with an exit at the edge and one in the cloud forecasts the demand of some cells. Which of its decisions
should the edge keep? The exact answer, its proof, its derivative, and a rule that has to decide without knowing the
costs. Milano's cells where they are at hand (``--data``, ``EDGEOPT_DATA``), generated ones otherwise.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch

import edgeopt as eo
from edgeopt.data.folder import data_folder
from edgeopt.layers import LinearProgramLayer
from edgeopt.predictors.ddnn import DDNN
from edgeopt.predictors.exits import ExitSamples
from edgeopt.predictors.joint import train_jointly
from edgeopt.predictors.rules import OptimizedRule
from edgeopt.predictors.samples import MinMax, chronological, windows
from edgeopt.profiles.costs import AllocationCost
from edgeopt.studies.early_exit import traffic


def main() -> None:
    """Walk through the rooms in the order of the data."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, help="folder of the data sets")
    parser.add_argument("--share", type=float, default=0.7, help="least share of local decisions")
    parser.add_argument("--quick", action="store_true", help="two weeks of traffic, few epochs")
    arguments = parser.parse_args()

    # data: a frame of time x cell
    frame, source = traffic(data_folder(arguments.data), arguments.quick, 25)
    print(f"1. Traffic: {source}, {frame.shape[0]} slots of {frame.shape[1]} cells")

    # predictors: both exits trained together, then what each of them costs on slots that neither has seen
    series = frame.to_numpy(float)
    past, demand = windows(MinMax.fit(series[: round(0.6 * len(series))]).normalise(series), window=6)
    split = chronological(len(demand))
    parts = [(past[rows], demand[rows]) for rows in (split.train, split.validation, split.test)]
    cost = AllocationCost(under=1.0)
    torch.manual_seed(0)
    model = DDNN("conv3d", series=25, window=6)
    train_jointly(model, parts[0], parts[1], cost, local_weight=0.2, epochs=2 if arguments.quick else 15)
    training, test = (ExitSamples.of(model, *parts[i], cost) for i in (0, 2))
    print(
        f"2. Predictor: a forecast of the edge costs {test.cost(np.ones(len(test), bool)):.3f} a slot, "
        f"one of the cloud {test.cost(np.zeros(len(test), bool)):.3f}"
    )

    # formulation: declared once, validated once
    problem = test.problem(min_local_fraction=arguments.share)
    print(f"3. Formulation: {problem}")

    # solvers: interchangeable, and none of them believed
    table = eo.compare(problem, ["selection", "highs", "lagrangian"])
    print("4. Solvers:")
    print(table[["solver", "kind", "status", "objective", "gap", "wall_time"]].to_string(index=False))

    # certificate: a witness that a few lines check
    solution = eo.solve(problem)
    print(f"5. Certificate: {solution.certificate}; it holds: {eo.verify(problem, solution).holds}")

    # layer: the same optimum as a differentiable function of what is demanded
    program = problem.program().relaxation()
    layer = LinearProgramLayer(program, parameters=("row_lower",))
    demanded = torch.tensor(np.array(program.row_lower), requires_grad=True)
    (layer(demanded) @ torch.tensor(np.array(program.cost))).sum().backward()
    price = float(demanded.grad.sum())
    print(
        f"6. Layer: one more local decision demanded raises the mean cost by {price:.3g}, "
        f"{price * problem.samples:.4g} for that decision: the certificate's multiplier"
    )

    # rule: decides from what the edge sees
    rule = OptimizedRule(arguments.share, weighted=True).fit(training)
    local = rule.decide(test)
    more = test.cost(local) / solution.objective - 1
    print(
        f"7. Rule: keeps {local.mean():.0%} local at {test.cost(local):.3f} a slot; not knowing the costs, it pays "
        f"{more:.1%} more than the optimum"
    )


if __name__ == "__main__":
    main()
