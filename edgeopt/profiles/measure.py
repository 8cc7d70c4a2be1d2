"""Time the layers of a torch model on this machine, so that a user gets a model of a device of their own.

The captured graph runs again and again from its inputs to its results, and a clock is read between its layers. A layer
that is timed alone, again and again on the same tensors, costs less than in a running network: its weights and tensors
stay in the cache, and the processor learns the branches that the data takes (max pooling is up to twice as fast).
"""

from __future__ import annotations

import copy
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import pairwise
from time import perf_counter, sleep
from typing import TYPE_CHECKING, Any

import numpy as np

from ..model.errors import InvalidOptionError, InvalidProblemError
from ..model.records import number
from .capture.calls import mapped

if TYPE_CHECKING:
    import pandas as pd
    import torch
    from numpy.typing import NDArray
    from torch import fx

    from .capture import Capture
    from .device import DeviceModel, Weighting
    from .dnn import LayerTable

logger = logging.getLogger(__name__)


def measure(
    model: torch.nn.Module,
    example_input: Any,
    device: str = "cpu",
    *,
    repeats: int = 31,
    warmup: int = 2,
    threads: int = 1,
    pause: float = 0.0,
    word_bits: int | None = None,
    example_kwargs: Mapping[str, Any] | None = None,
) -> pd.DataFrame:
    """Time every layer of a model as it runs in the network, in eval mode and without gradients.

    Parameters
    ----------
    model : torch.nn.Module
        Left as it was: weights, mode and place.
    example_input : Any
        One inference, as deployed (batch included); a tuple holds the positional arguments. Values count: some kernels
        are faster on zeros than on images.
    device : str
        A torch device; on another than the CPU a copy of the model is timed, by events of the device.
    repeats : int
        Timed runs of the network; >= 1.
    warmup : int
        Runs before; >= 0.
    threads : int
        Threads of torch while timing; what was set before is restored.
    pause : float
        Seconds of sleep before each run; >= 0. Where inferences come one by one, the first run after a wait finds cold
        caches; without a pause the times are those of inferences that follow each other.
    word_bits : int, optional
        Bits of a floating-point number, for the table's sizes; those of its own type by default.
    example_kwargs : mapping, optional
        Keyword arguments of the inference.

    Returns
    -------
    DataFrame
        The columns of `LayerTable.frame`, in execution order, with ``seconds`` (median of the runs), ``seconds_low``
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
    number(pause, "pause", at_least=0.0)
    placed, example = _placed(model, example_input, device)
    captured = capture(placed, example, example_kwargs)
    table = LayerTable.of(captured, word_bits)
    with _threads(threads), torch.inference_mode():
        runs = _times(table, captured, repeats, warmup, pause, device)
    low, median, high = np.quantile(runs, (0.25, 0.5, 0.75), axis=1)
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


def _times(
    table: LayerTable, captured: Capture, repeats: int, warmup: int, pause: float, device: str
) -> NDArray[np.float64]:
    """Run the network again and again with a clock between its layers; return (layers, repeats) seconds."""
    read, elapsed = _clock(device)
    module, owners = _with_clock(captured.graph.program.module, table.nodes, read)
    tensors = captured.call.fresh().tensors
    found = np.zeros((len(table.layers), repeats))
    for turn in range(-warmup, repeats):
        sleep(pause)
        marks = module(*tensors)[1]
        if turn >= 0:
            np.add.at(found[:, turn], owners, elapsed(marks))
    return found


def _with_clock(
    module: fx.GraphModule, layers: Sequence[Sequence[fx.Node]], read: Callable[[], Any]
) -> tuple[fx.GraphModule, list[int]]:
    """Return a graph that also gives readings of the clock, and the layer that runs from each reading to the next.

    What belongs to no layer (a size, a view) counts with the layer behind it. A parameter is fetched where it is used,
    not by the first layer.
    """
    from torch import fx

    layer_of = {node: index for index, nodes in enumerate(layers) for node in nodes}
    graph, copies, marks, owners = fx.Graph(), dict[fx.Node, fx.Node](), list[fx.Node](), list[int]()

    def copied(node: fx.Node) -> fx.Node:
        if node not in copies:
            copies[node] = graph.node_copy(node, copied)
        return copies[node]

    for node in module.graph.nodes:
        if node.op == "call_function":
            if not marks:
                marks.append(graph.call_function(read))
            copied(node)
            if (layer := layer_of.get(node)) is not None:
                marks.append(graph.call_function(read))
                owners.append(layer)
        elif node.op == "placeholder":
            copied(node)
    results = fx.map_arg(module.graph.output_node().args[0], copied)
    graph.output((results, tuple(marks)))
    return fx.GraphModule(module, graph), owners


def _clock(device: str) -> tuple[Callable[[], Any], Callable[[Sequence[Any]], list[float]]]:
    """Return how to read a clock of the device, and the seconds from each reading to the next."""
    import torch

    if torch.device(device).type == "cpu":
        return perf_counter, lambda marks: [after - before for before, after in pairwise(marks)]

    def read() -> Any:
        event = torch.Event(device, enable_timing=True)
        event.record()
        return event

    def elapsed(marks: Sequence[Any]) -> list[float]:
        marks[-1].synchronize()
        return [before.elapsed_time(after) / 1e3 for before, after in pairwise(marks)]

    return read, elapsed


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
