"""Time the layers of a torch model on this machine, so that a user gets a model of a device of their own.

The traced graph runs node by node on the real intermediate tensors. Each node is then timed alone, on copies of its
inputs: a few warm-up runs, blocks long enough for the clock, and their median, for means follow every interruption.
What a layer costs on its own is not quite what it costs in a running network, whose caches it shares.
"""

from __future__ import annotations

import copy
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from ..model.errors import InvalidOptionError, InvalidProblemError
from ..model.records import number

if TYPE_CHECKING:
    import pandas as pd
    import torch
    from numpy.typing import NDArray

    from .trace import Trace

logger = logging.getLogger(__name__)

BLOCK = 1e-3
"""Seconds that one timed block lasts at least: a thousand times what the clock and the call cost."""


def measure(
    model: torch.nn.Module,
    example_input: Any,
    device: str = "cpu",
    *,
    repeats: int = 11,
    warmup: int = 2,
    threads: int = 1,
    word_bits: int = 32,
) -> pd.DataFrame:
    """Time every layer of a model, in eval mode and without gradients.

    Parameters
    ----------
    model : torch.nn.Module
        Left as it was: weights, mode and place.
    example_input : tensor or tuple of tensors
        One inference, as deployed (batch included).
    device : str
        A torch device; on another than the CPU a copy of the model is timed, synchronised.
    repeats : int
        Timed blocks for each layer; >= 1.
    warmup : int
        Runs before the first block; >= 0.
    threads : int
        Threads of torch while timing; what was set before is restored.
    word_bits : int
        Bits of one element, for the table's sizes.

    Returns
    -------
    DataFrame
        The columns of `LayerTable.frame`, in execution order, with ``seconds`` (median of the blocks), ``seconds_low``
        and ``seconds_high`` (their quartiles): ``DeviceModel.fit`` takes it as it is.

    Raises
    ------
    InvalidOptionError
        If the device is unknown or not there.
    InvalidProblemError
        If a count is out of its range, or the model cannot be traced on this input.
    """
    from .dnn import LayerTable
    from .trace import trace

    _check_counts(repeats=(repeats, 1), warmup=(warmup, 0), threads=(threads, 1), word_bits=(word_bits, 1))
    placed, inputs = _placed(model, example_input, device)
    traced = trace(placed, inputs)
    table = LayerTable.of_trace(traced, word_bits)
    with _at_rest(placed, threads):
        blocks = _times(traced, inputs, repeats, warmup, threads)
    low, median, high = np.quantile(blocks, (0.25, 0.5, 0.75), axis=1)
    logger.info("timed %d layers on %s: %.3g s in all", len(median), device, median.sum())
    return table.frame().assign(seconds=median, seconds_low=low, seconds_high=high)


def _times(
    traced: Trace, inputs: tuple[torch.Tensor, ...], repeats: int, warmup: int, threads: int
) -> NDArray[np.float64]:
    """Run the graph once and time each operation on the way; return (operations, repeats) seconds a run."""
    import torch
    from torch import fx

    wanted = set(traced.operations)
    found: dict[fx.Node, list[float]] = {}

    class Stopwatch(fx.Interpreter):
        def run_node(self, n: fx.Node) -> Any:
            if n in wanted:
                args, kwargs = fx.node.map_aggregate(
                    self.fetch_args_kwargs_from_env(n),
                    lambda value: value.clone() if isinstance(value, torch.Tensor) else value,
                )
                operation = getattr(self, n.op)
                found[n] = _blocks(lambda: operation(n.target, args, kwargs), repeats, warmup, threads)
            return super().run_node(n)

    # Copies, for a first layer may work in place.
    Stopwatch(traced.module).run(*(value.clone() for value in inputs))
    return np.array([found[node] for node in traced.operations])


def _blocks(run: Callable[[], Any], repeats: int, warmup: int, threads: int) -> list[float]:
    """Return the mean seconds of a run in each block."""
    from torch.utils.benchmark import Timer

    timer = Timer("run()", globals={"run": run}, num_threads=threads)
    for _ in range(warmup):
        run()
    once = timer.timeit(1).mean
    number_of_runs = max(1, int(np.ceil(BLOCK / max(once, 1e-9))))
    return [timer.timeit(number_of_runs).mean for _ in range(repeats)]


def _placed(
    model: torch.nn.Module, example_input: Any, device: str
) -> tuple[torch.nn.Module, tuple[torch.Tensor, ...]]:
    """Return the model, or a copy of it, and its inputs on the device."""
    import torch

    inputs = example_input if isinstance(example_input, tuple) else (example_input,)
    for index, value in enumerate(inputs):
        if not isinstance(value, torch.Tensor):
            raise InvalidProblemError(f"example_input[{index}] is a {type(value).__name__}; expected a tensor")
    if not isinstance(model, torch.nn.Module):
        raise InvalidProblemError(f"model is a {type(model).__name__}; expected a torch.nn.Module")
    try:
        target = torch.device(device)
        moved = tuple(value.detach().to(target) for value in inputs)
    except (RuntimeError, AssertionError, NotImplementedError, TypeError) as error:
        reason = (str(error).splitlines() or [""])[0]
        raise InvalidOptionError(f"device is {device!r}; expected a torch device that is there ({reason})") from error
    tensors = [*model.parameters(), *model.buffers()]
    there = all(tensor.device == torch.empty(0, device=target).device for tensor in tensors)
    return (model if there else copy.deepcopy(model).to(target)), moved


@contextmanager
def _at_rest(model: torch.nn.Module, threads: int) -> Iterator[None]:
    """Eval mode, no gradients and a set number of threads; everything as before afterwards."""
    import torch

    modes = {module: module.training for module in model.modules()}
    before = torch.get_num_threads()
    model.eval()
    torch.set_num_threads(threads)
    try:
        with torch.no_grad():
            yield
    finally:
        torch.set_num_threads(before)
        for module, training in modes.items():
            module.training = training


def _check_counts(**counts: tuple[int, int]) -> None:
    for name, (value, least) in counts.items():
        if number(value, name, at_least=least) != int(value):
            raise InvalidProblemError(f"{name} is {value}; expected a whole number")
