"""The layer on a GPU: vertices found and finished on the device, beside the way over the CPU and back.

    python benchmarks/lp_layer_gpu.py [--size 97x100 400x1000] [--batch 32 256 2048]

Revenue programs by resources and services; traffic and capacities lie on the GPU, so do optimum and gradients.
"""

from __future__ import annotations

import argparse
import warnings

import numpy as np
import pandas as pd
import torch
from lp_layer import ours
from lp_scale import instance
from record import median, note

BACKENDS = ("simplex", "highs", "batched")


def measure(resources: int, services: int, batch: int, repeats: int) -> pd.DataFrame:
    problem = instance(services, resources // 4, resources - resources // 4)
    rng = np.random.default_rng(1)
    traffic = torch.tensor(problem.traffic * rng.gamma(4.0, 0.25, (batch, services)), device="cuda")
    capacity = torch.tensor(np.tile(problem.capacity, (batch, 1)), device="cuda")
    rows, reference = [], None
    for backend in BACKENDS:
        layer = ours(problem, backend=backend)
        given = traffic.requires_grad_(), capacity.requires_grad_()

        def forward() -> torch.Tensor:
            point = layer(*given)  # noqa: B023
            torch.cuda.synchronize()
            return point

        point = forward()
        reference = point.detach() if reference is None else reference
        solve = median(forward, repeats)
        both = median(lambda: forward().sum().backward(), repeats)
        [(_, found)] = layer._solved()
        done = (found.iterations == 0).mean()
        error = float((point.detach() - reference).abs().max())
        rows.append((resources, services, batch, backend, batch / solve, batch / both, done, error))
    columns = [
        "resources",
        "services",
        "batch",
        "backend",
        "forward_per_s",
        "both_per_s",
        "no_iterations",
        "difference",
    ]
    return pd.DataFrame(rows, columns=columns)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", nargs="+", default=["97x100", "97x500", "200x1000", "400x1000"])
    parser.add_argument("--batch", type=int, nargs="+", default=[32, 256])
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--quick", action="store_true", help="one small size")
    options = parser.parse_args()
    if options.quick:
        options.size, options.batch = ["97x100"], [32]
    if not torch.cuda.is_available():
        parser.exit(message="no GPU is here; nothing is measured\n")
    warnings.filterwarnings("ignore")
    print(f"{torch.cuda.get_device_name()}, {torch.get_num_threads()} threads of the CPU")
    for resources, services in (map(int, size.split("x")) for size in options.size):
        for batch in options.batch:
            table = measure(resources, services, batch, options.repeats)
            print(table.to_string(index=False, float_format=lambda v: f"{v:.3g}"), flush=True)
            reference = table.both_per_s.iloc[0]
            for row in table.to_dict("records"):
                case = f"on a GPU, forward and backward, {resources} resources, {services} services, batch {batch}"
                note(case, row["backend"], row["both_per_s"], "instances/s", row["both_per_s"] / reference, "simplex")


if __name__ == "__main__":
    main()
