"""Parts as files: written by :func:`torch.export.save`, read here or where only torch is installed."""

from __future__ import annotations

import io
import json
from collections.abc import Collection, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...exchange.writing import write_atomically
from ...model.errors import DataFormatError, InvalidOptionError
from ..capture.ports import EntryCheck, Port
from ..capture.routes import quiet
from .archive import DESCRIPTION, read_description
from .program import exported

if TYPE_CHECKING:
    from torch import fx

    from ..partition import Part

FORMAT = 1
"""Version of the description that a file carries."""


def save_part(part: Part, path: str | Path) -> None:
    """Write a part as ``torch.export.save`` does, with a description of what it takes and gives.

    Parameters
    ----------
    part : Part
        Of :func:`~edgeopt.profiles.partition.split_module`.
    path : str or Path
        Ends in ``.pt2``. Buffers are written as they are now.

    Raises
    ------
    InvalidOptionError
        If the name ends otherwise.
    InvalidProblemError
        If torch cannot export the part, or the exported program gives something else.
    DataFormatError
        If the file cannot be written.
    """
    import torch

    path = Path(path)
    if path.suffix != ".pt2":
        raise InvalidOptionError(f"path is {str(path)!r}; torch reads exported programs from names that end in .pt2")
    content = io.BytesIO()
    torch.export.save(exported(part), content, extra_files={DESCRIPTION: json.dumps(described(part))})
    write_atomically(path, content.getvalue())


def described(part: Part) -> dict[str, Any]:
    """Return what a file says of its part: names, shapes, types and bits of what it takes and gives."""
    return {
        "format": FORMAT,
        "tier": part.tier,
        "units": part.units,
        "inputs": [_written(port) for port in part.inputs],
        "outputs": [_written(port) for port in part.outputs],
    }


def load_part(path: str | Path, *, namespaces: Collection[str] = ()) -> Part:
    """Read what `save_part` wrote; nothing in the file is run while it is read.

    Parameters
    ----------
    path : str or Path
        The file.
    namespaces : collection of str
        Libraries of operations besides torch's own (``torch.ops.<namespace>``) that the part may call; they must have
        been imported.

    Raises
    ------
    DataFormatError
        If the file is cut, is no part, holds what would be run, or was written by a version of torch that this one
        cannot read.
    """
    import torch

    from ..partition import Part

    path = Path(path)
    found = read_description(path, namespaces)
    tier, units, inputs, outputs = _read(path, found)
    try:
        with quiet():
            module = _plain(torch.export.load(path).module())
    except Exception as error:  # whatever torch raises
        raise DataFormatError(
            f"torch {torch.__version__} cannot read {path}, which torch {found['saved_by']} wrote"
        ) from error
    module.register_forward_pre_hook(EntryCheck(inputs))
    return Part(module, tier, units, inputs, outputs)


def _plain(module: fx.GraphModule) -> fx.GraphModule:
    """Return an exported module without torch's own checks of its inputs, which cost a tenth of a millisecond."""
    import torch
    from torch import fx

    graph, copies = fx.Graph(), dict[fx.Node, fx.Node]()
    graph.graph_copy(module.graph, copies)
    results = [copies[node] for node in _given(module.graph)]
    graph.output(results[0] if len(results) == 1 else tuple(results))
    for node in list(graph.nodes):
        checks = node.target == "_guards_fn" or node.target is torch.ops.aten._assert_tensor_metadata.default
        if checks and not node.users:
            graph.erase_node(node)
    plain = fx.GraphModule(module, graph)
    plain.eval()
    return plain


def _given(graph: fx.Graph) -> list[fx.Node]:
    """Return the nodes of a graph's results, in their order; one may occur several times."""
    import torch

    found: list[fx.Node] = []
    torch.fx.map_arg(graph.output_node().args, found.append)
    return found


def _written(port: Port) -> dict[str, Any]:
    return asdict(port) | {"dtype": None if port.dtype is None else str(port.dtype).removeprefix("torch.")}


def _read(path: Path, found: dict[str, Any]) -> tuple[int, tuple[str, ...], tuple[Port, ...], tuple[Port, ...]]:
    if found.get("format") != FORMAT:
        raise DataFormatError(f"{path} has format {found.get('format')!r}; this edgeopt reads {FORMAT}")
    try:
        ports = [tuple(_port(entry) for entry in found[side]) for side in ("inputs", "outputs")]
        return int(found["tier"]), tuple(map(str, found["units"])), ports[0], ports[1]
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise DataFormatError(f"{path}: {DESCRIPTION} does not describe a part: {error!r}") from error


def _port(entry: dict[str, Any]) -> Port:
    import torch

    kind = entry["dtype"]
    dtype = None if kind is None else getattr(torch, kind)
    if dtype is not None and not isinstance(dtype, torch.dtype):
        raise ValueError(f"{kind!r} is no type of tensors")
    shape, result = (tuple(int(size) for size in _sequence(entry[name])) for name in ("shape", "result"))
    sides = tuple(side if isinstance(side, int) else str(side) for side in _sequence(entry["sides"]))
    return Port(str(entry["name"]), shape, dtype, int(entry["bits"]), sides, result)


def _sequence(value: Any) -> Sequence[Any]:
    if not isinstance(value, list):
        raise TypeError(f"{value!r} is no list")
    return value
