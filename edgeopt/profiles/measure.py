"""Time the layers of a torch model on this machine, so that a user gets a model of a device of their own.

The captured graph runs once on the real intermediate tensors. Each layer is timed alone when they are there, which it
cannot change: a few warm-up runs, blocks long enough for the clock, and their median, for means follow every
interruption.
What a layer costs on its own is not quite what it costs in a running network, whose caches it shares.
"""

from __future__ import annotations

import copy
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from ..model.errors import InvalidOptionError, InvalidProblemError
from ..model.records import number
from .capture.calls import mapped

if TYPE_CHECKING:
    import pandas as pd
    import torch
    from numpy.typing import NDArray

    from .capture import Capture
    from .device import DeviceModel, Weighting
    from .dnn import LayerTable

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
    word_bits: int | None = None,
    example_kwargs: Mapping[str, Any] | None = None,
) -> pd.DataFrame:
    """Time every layer of a model, in eval mode and without gradients.

    Parameters
    ----------
    model : torch.nn.Module
        Left as it was: weights, mode and place.
    example_input : Any
        One inference, as deployed (batch included); a tuple holds the positional arguments.
    device : str
        A torch device; on another than the CPU a copy of the model is timed, synchronised.
    repeats : int
        Timed blocks for each layer; >= 1.
    warmup : int
        Runs before the first block; >= 0.
    threads : int
        Threads of torch while timing; what was set before is restored.
    word_bits : int, optional
        Bits of a floating-point number, for the table's sizes; those of its own type by default.
    example_kwargs : mapping, optional
        Keyword arguments of the inference.

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
        If a count is out of its range, or the model cannot be captured on this input.
    """
    import torch

    from .capture import capture
    from .dnn import LayerTable

    _check_counts(repeats=(repeats, 1), warmup=(warmup, 0), threads=(threads, 1))
    placed, example = _placed(model, example_input, device)
    captured = capture(placed, example, example_kwargs)
    table = LayerTable.of(captured, word_bits)
    with _threads(threads), torch.no_grad():
        blocks = _times(table, captured, repeats, warmup, threads)
    low, median, high = np.quantile(blocks, (0.25, 0.5, 0.75), axis=1)
    logger.info("timed %d layers on %s: %.3g s in all", len(median), device, median.sum())
    return table.frame().assign(seconds=median, seconds_low=low, seconds_high=high)


def measure_device(
    networks: Sequence[tuple[torch.nn.Module, Any]],
    name: str = "this machine",
    *,
    device: str = "cpu",
    weighting: Weighting = "relative",
    nonnegative: bool = True,
    **options: Any,
) -> DeviceModel:
    """Time the layers of some networks and regress them: a model of this machine for all kinds that they have.

    Table 4.2 of Zuo (2024) has seven kinds of layers; a model of a device of one's own has those of the networks given.

    Parameters
    ----------
    networks : sequence of (model, example input)
        Best several sizes of each kind: a regression of one row is that row.
    name : str
        Of the device.
    device, **options
        As in `measure`.
    weighting, nonnegative
        As in :meth:`~edgeopt.profiles.device.DeviceModel.fit`; every layer counts alike and no time is negative.

    Raises
    ------
    InvalidProblemError
        If there is no network, or one cannot be captured.
    """
    import pandas as pd

    from .device import DeviceModel

    if not networks:
        raise InvalidProblemError("networks is empty; expected at least one (model, example input)")
    tables = [measure(model, example, device, **options) for model, example in networks]
    return DeviceModel.fit(pd.concat(tables), name=name, weighting=weighting, nonnegative=nonnegative)


def _times(table: LayerTable, captured: Capture, repeats: int, warmup: int, threads: int) -> NDArray[np.float64]:
    """Run the graph once and time each layer on the way, on what enters it; return (layers, repeats) seconds a run."""
    from torch import fx

    module = captured.graph.program.module
    last = {nodes[-1]: index for index, nodes in enumerate(table.nodes)}
    found: dict[int, list[float]] = {}

    class Stopwatch(fx.Interpreter):
        def run_node(self, n: fx.Node) -> Any:
            result = super().run_node(n)
            if (layer := last.get(n)) is not None:
                found[layer] = _blocks(self._layer(table.nodes[layer]), repeats, warmup, threads)
            return result

        def _layer(self, nodes: tuple[fx.Node, ...]) -> Callable[[], None]:
            """Return a function that runs a layer's operations on the tensors that the network has at this point."""
            own = set(nodes)
            steps: list[tuple[Any, Any, Any, fx.Node]] = [(n.target, n.args, n.kwargs, n) for n in nodes]
            outside = {s: self.env[s] for n in nodes for s in n.all_input_nodes if s not in own}

            def run() -> None:
                values = dict(outside)
                for target, args, kwargs, node in steps:
                    values[node] = target(
                        *fx.map_arg(args, values.__getitem__), **fx.map_arg(kwargs, values.__getitem__)
                    )

            return run

    Stopwatch(module, garbage_collect_values=False).run(*captured.call.fresh().tensors)
    return np.array([found[layer] for layer in range(len(table.layers))])


def _blocks(run: Callable[[], Any], repeats: int, warmup: int, threads: int) -> list[float]:
    """Return the mean seconds of a run in each block."""
    from torch.utils.benchmark import Timer

    timer = Timer("run()", globals={"run": run}, num_threads=threads)
    for _ in range(warmup):
        run()
    once = timer.timeit(1).mean
    number_of_runs = max(1, int(np.ceil(BLOCK / max(once, 1e-9))))
    return [timer.timeit(number_of_runs).mean for _ in range(repeats)]


def _placed(model: torch.nn.Module, example_input: Any, device: str) -> tuple[torch.nn.Module, Any]:
    """Return the model, or a copy of it, and its example on the device."""
    import torch

    if not isinstance(model, torch.nn.Module):
        raise InvalidProblemError(f"model is a {type(model).__name__}; expected a torch.nn.Module")
    try:
        target = torch.device(device)
        moved = mapped(example_input, lambda _, tensor: tensor.detach().to(target), "example_input")
        home = torch.empty(0, device=target).device
    except (RuntimeError, AssertionError, NotImplementedError, TypeError) as error:
        reason = (str(error).splitlines() or [""])[0]
        raise InvalidOptionError(f"device is {device!r}; expected a torch device that is there ({reason})") from error
    there = all(tensor.device == home for tensor in [*model.parameters(), *model.buffers()])
    return (model if there else copy.deepcopy(model).to(target)), moved


@contextmanager
def _threads(threads: int) -> Iterator[None]:
    """Set the number of torch's threads, and put it back afterwards."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _check_counts(**counts: tuple[int, int]) -> None:
    for name, (value, least) in counts.items():
        if number(value, name, at_least=least) != int(value):
            raise InvalidProblemError(f"{name} is {value}; expected a whole number")
