"""A compressed split that runs: where a small classifier is cut, and in which precision its tensors cross a slow link.

A network for handwritten digits is trained, and what its accuracy loses is measured for every cut and precision on
digits that it has not seen. Layers are timed on this machine; the "device" is slower: after each of its parts it waits
a multiple of the time that the part took. The exact split is deployed over two processes with a throttled pipe between
them, quantisers included, and its latency and accuracy are measured beside what was predicted.
"""

from __future__ import annotations

import argparse
import multiprocessing
import time
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import nn

import edgeopt as eo
from edgeopt.profiles.compression import Compression, compressed_parts, measure_losses
from edgeopt.profiles.dnn import LayerTable
from edgeopt.profiles.measure import measure

WAYS = ("float32", "float16", "int8", "top-k:0.1")
PATIENCE = 60.0


def network() -> nn.Module:
    """Return the untrained classifier."""
    torch.manual_seed(0)
    first = [nn.Conv2d(1, 16, 5, 1, 2), nn.ReLU(), nn.Conv2d(16, 32, 3, 2, 1), nn.ReLU(), nn.Conv2d(32, 64, 3, 1, 1)]
    second = [nn.ReLU(), nn.Conv2d(64, 64, 3, 2, 1), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(1024, 10)]
    return nn.Sequential(*first, *second)


def digits() -> tuple[torch.Tensor, torch.Tensor]:
    """Return (samples, 1, 32, 32) images and their labels."""
    from sklearn.datasets import load_digits

    images, labels = load_digits(return_X_y=True)
    small = torch.tensor(images, dtype=torch.float32).reshape(-1, 1, 8, 8) / 16.0
    return nn.functional.interpolate(small, size=(32, 32)), torch.tensor(labels)


def trained(inputs: torch.Tensor, labels: torch.Tensor, epochs: int) -> nn.Module:
    """Return the classifier after some epochs."""
    model = network().train()
    optimiser = torch.optim.Adam(model.parameters(), 2e-3)
    for _ in range(epochs):
        for part in torch.randperm(len(inputs)).split(64):
            optimiser.zero_grad()
            nn.functional.cross_entropy(model(inputs[part]), labels[part]).backward()
            optimiser.step()
    return model.eval()


def size(value: Any) -> int:
    """Bytes of the tensors that are sent."""
    return sum(tensor.element_size() * tensor.numel() for tensor in value)


def computed(part: Any, value: Any, slow: float) -> tuple[torch.Tensor, ...]:
    """Run a part on a tier that is `slow` times as slow as this machine; return what it sends, as a tuple."""
    started = time.thread_time()  # other processes of this machine do not count
    with torch.no_grad():
        result = part.module(*value)
    time.sleep((slow - 1.0) * (time.thread_time() - started))
    return result if isinstance(result, tuple) else (result,)


def server(pipe: Any, parts: Any, rate: float) -> None:
    """Serve the parts of the edge: take tensors, send tensors, at the rate of the link."""
    torch.set_num_threads(1)
    while (message := pipe.recv()) is not None:
        index, value = message
        result = computed(parts[index], tuple(torch.from_numpy(array) for array in value), 1)
        time.sleep(8 * size(result) / rate)
        pipe.send([tensor.numpy() for tensor in result])


def infer(parts: Any, pipe: Any, value: torch.Tensor, slow: int, rate: float) -> torch.Tensor:
    """Run one inference: the device's parts here, the edge's over the pipe."""
    given: tuple[torch.Tensor, ...] = (value,)
    for index, part in enumerate(parts):
        if part.tier == 0:
            # The device only encodes or decodes where it has no unit.
            given = computed(part, given, slow)
            continue
        time.sleep(8 * size(given) / rate)
        pipe.send((index, [tensor.numpy() for tensor in given]))
        if not pipe.poll(PATIENCE):
            raise TimeoutError("the edge server does not answer")
        given = tuple(torch.from_numpy(array) for array in pipe.recv())
    return given[0]


def deploy(parts: Any, inputs: torch.Tensor, labels: torch.Tensor, slow: int, rate: float) -> tuple[float, float]:
    """Return the median latency in seconds, and the accuracy, of a deployed split."""
    context = multiprocessing.get_context("spawn")
    near, far = context.Pipe()
    process = context.Process(target=server, args=(far, parts, rate), daemon=True)
    process.start()
    try:
        infer(parts, near, inputs[:1], slow, rate)  # once before anyone measures
        times, right = [], 0
        for value, label in zip(inputs, labels, strict=True):
            started = time.perf_counter()
            result = infer(parts, near, value[None], slow, rate)
            times.append(time.perf_counter() - started)
            right += int(result.argmax() == label)
        near.send(None)
        return float(np.median(times)), right / len(inputs)
    finally:
        process.join(5.0)
        process.kill()


def declared(
    model: nn.Module, sample: torch.Tensor, losses: Compression, slow: int, rate: float, floor: float
) -> eo.CompressedSplit:
    """Return the problem: layers timed here on a digit, the device `slow` times as long, losses as measured."""
    chain = LayerTable.from_module(model, sample).chain()
    measured = measure(model, sample, threads=1)
    edge = chain.total(measured.set_index("name").seconds.loc[list(chain.table.names)].to_numpy())
    return eo.CompressedSplit(
        np.stack([slow * edge, edge], axis=1),
        losses.sent_bits,
        losses.loss,
        rate,
        accuracy=losses.accuracy,
        accuracy_floor=losses.accuracy - floor,
        precisions=losses.precisions,
        names=chain.names,
        **losses.coding_times([slow, 1.0]),
    )


def main() -> None:
    """Train, measure, solve, deploy, compare."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rate", type=float, default=1e6, help="rate of the link, bit/s")
    parser.add_argument("--slow", type=int, default=60, help="how many times as long as this machine the device takes")
    parser.add_argument("--floor", type=float, default=0.01, help="accuracy that may be lost")
    parser.add_argument("--quick", action="store_true", help="fewer epochs, samples and deployments")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    inputs, labels = digits()
    model = trained(inputs[:1200], labels[:1200], 2 if arguments.quick else 8)
    held, truth = (all_of[1200 : 1350 if arguments.quick else None] for all_of in (inputs, labels))
    losses = measure_losses(model, inputs[:1], held, truth, precisions=WAYS)
    problem = declared(model, inputs[:1], losses, arguments.slow, arguments.rate, arguments.floor)
    print(f"accuracy {losses.accuracy:.3f} of {len(held)} digits; at most {arguments.floor:g} of it may be lost")
    print(f"two tensors lose at most {losses.additivity(10):.3f} more together than each alone")
    plain = replace(problem, loss=np.where(np.arange(len(WAYS)) > 0, np.inf, problem.loss))
    splits = {"compressed": eo.solve(problem).decision, "uncompressed": eo.solve(plain).decision}
    if not arguments.quick:
        splits["all on the device"] = eo.CompressedSplitDecision([0] * problem.layers, [-1] * (problem.layers + 1))
    count = 30 if arguments.quick else len(held)
    for name, decision in splits.items():
        parts = compressed_parts(model, decision, WAYS, inputs[:1])
        latency, accuracy = deploy(parts, held[:count], truth[:count], arguments.slow, arguments.rate)
        crossing = [
            f"{'input' if tensor == 0 else problem.names[tensor - 1]} in {WAYS[q]}"
            for tensor, q in enumerate(decision.precision)
            if q >= 0
        ]
        print(
            f"{name:18s} predicted {1e3 * problem.latency(decision):6.1f} ms, measured {1e3 * latency:6.1f} ms; "
            f"accuracy predicted {problem.accuracy_of(decision):.3f}, on all held digits "
            f"{losses.accuracy - losses.measured_loss(decision):.3f}, deployed on {count} {accuracy:.3f}; "
            f"crossing: {', '.join(crossing) or 'nothing'}"
        )


if __name__ == "__main__":
    main()
