"""``edgeopt profile``: what a torch model costs layer by layer, and where it can be cut."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..model.errors import InvalidOptionError
from .printing import show

if TYPE_CHECKING:
    import torch

    from ..profiles.dnn import LayerTable


def profile(
    model: Annotated[
        str, typer.Argument(help="A network of edgeopt's zoo (resnet18, …), or MODULE:NAME of a torch model of yours.")
    ],
    inputs: Annotated[
        list[str] | None,
        typer.Option(
            "--input",
            help="An input, batch included: 1,3,224,224 or 1,128:int64, with the largest number after a slash "
            "(1,128:int64/30522), or a keyword one: mask=1,128:bool. Once for each input. Known for the zoo.",
        ),
    ] = None,
    units: Annotated[bool, typer.Option("--units", help="One row for each unit between two possible cuts.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for machines.")] = False,
) -> None:
    """Print the layers of a torch model: sizes, parameters, MACs, FLOPs, and where it can be cut.

    \b
    Examples:
      edgeopt profile branchy_alexnet --units
      edgeopt profile mypackage.models:build --input 1,3,64,64 --json
      edgeopt profile mypackage.models:bert --input 1,128:int64/30522 --input attention_mask=1,128:int64/2
    """
    from ..profiles.dnn import LayerTable

    network, example, keywords = _model(model, inputs or [])
    table = LayerTable.from_module(network, example, example_kwargs=keywords)
    rows = _units(table) if units else _layers(table)
    show(rows, as_json, f"{model}: {'units, with a possible cut behind each' if units else 'layers'}")


def _layers(table: LayerTable) -> list[dict[str, Any]]:
    """One row for each layer, and their sums."""
    rows = [
        {
            "layer": layer.name,
            "kind": layer.kind,
            "output": "x".join(map(str, layer.output_shape)),
            "output_bits": layer.output_bits,
            "parameters": layer.parameters,
            "macs": layer.macs,
            "flops": layer.flops,
        }
        for layer in table.layers
    ]
    total = {"layer": "total", "kind": "", "output": "", "output_bits": float(table.layers[-1].output_bits)}
    return [*rows, total | {name: getattr(table, name) for name in ("parameters", "macs", "flops")}]


def _units(table: LayerTable) -> list[dict[str, Any]]:
    """One row for each unit of each exit."""
    return [
        {
            "exit": place,
            "unit": name,
            "layers": len(layers),
            "output_bits": float(bits),
            "parameters": sum(layer.parameters for layer in layers),
            "macs": sum(layer.macs for layer in layers),
        }
        for place, chain in enumerate(table.exits())
        for name, layers, bits in zip(
            chain.names, (chain.table.layers[part] for part in chain.parts()), chain.output_bits[1:], strict=True
        )
    ]


def _model(name: str, inputs: list[str]) -> tuple[torch.nn.Module, Any, dict[str, torch.Tensor]]:
    """Model, positional and keyword inputs of a name."""
    from ..profiles import zoo
    from .example_inputs import example_inputs

    positional, keywords = example_inputs(inputs)
    if ":" not in name:
        return zoo.build(name), positional or zoo.example_input(name), keywords
    if not inputs:
        raise InvalidOptionError(f"{name} is a model of yours; give the shape of an input: --input 1,3,224,224")
    return _own_model(name), positional or None, keywords


def _own_model(name: str) -> torch.nn.Module:
    """Import or build a model of the user's."""
    import torch

    module, _, attribute = name.partition(":")
    sys.path.insert(0, str(Path.cwd()))
    try:
        found = getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError, ValueError) as error:
        raise InvalidOptionError(f"{name} cannot be imported: {error}") from error
    finally:
        sys.path.pop(0)
    try:
        built = found() if callable(found) and not isinstance(found, torch.nn.Module) else found
    except Exception as error:  # it is the user's own code
        raise InvalidOptionError(f"{name} cannot be built: {type(error).__name__}: {error}") from error
    if not isinstance(built, torch.nn.Module):
        raise InvalidOptionError(f"{name} gives a {type(built).__name__}; expected a torch.nn.Module")
    return built.eval()
