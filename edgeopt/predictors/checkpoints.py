"""Checkpoints of a training: one file that holds all it needs to go on, and what it is a training of.

A folder alone does not say which training it belongs to. Its checkpoint therefore carries a record of the model, its
weights at the start, the data, the loss and the options; a training that differs in one of them is refused, and names
which. A loss is any function, so it is recorded by its name and by what it gives on the first samples.
"""

from __future__ import annotations

import hashlib
import io
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from ..exchange.writing import write_atomically
from ..model.errors import DataFormatError, InvalidOptionError
from . import streams

if TYPE_CHECKING:
    from torch import Tensor, nn

FORMAT = "edgeopt training 1"
NAME = "last.ckpt"
_KEYS = {"record", "epochs", "start", "best", "score", "weights", "optimizer", "stopping", "streams", "order"}
_ANEW = "delete it to train anew, or take another folder"


def weights_of(module: nn.Module) -> dict[str, Tensor]:
    """Return a copy of all parameters and buffers, on the CPU."""
    return {name: value.detach().cpu().clone() for name, value in module.state_dict().items()}


@dataclass
class Journal:
    """What a training is, where it is written down, and how far it was when it was last written.

    Attributes
    ----------
    folder : Path, optional
        Of the checkpoint; nothing is written without.
    record : dict
        As :func:`record` returns it.
    start : dict of Tensor
        Weights with which the training began.
    resumed : dict, optional
        The checkpoint that it goes on from.
    """

    folder: Path | None
    record: dict[str, Any]
    start: dict[str, Tensor]
    resumed: dict[str, Any] | None = None

    @property
    def done(self) -> int:
        """Epochs that are done."""
        return int(self.resumed["epochs"]) if self.resumed else 0

    def finished(self, epochs: int, patience: int) -> bool:
        """Whether there are as many epochs as asked for, or the training was stopped early."""
        stopped = self.resumed is not None and self.resumed["stopping"]["wait_count"] >= patience
        return stopped or self.done >= epochs


def journal(
    folder: str | Path | None,
    module: nn.Module,
    losses: dict[str, Callable[..., Tensor]],
    parts: Mapping[str, Sequence[Tensor]],
    options: dict[str, Any],
    epochs: int,
) -> Journal:
    """Open the journal of a training; where its folder has a checkpoint, the module gets the best weights of that.

    Raises
    ------
    DataFormatError, InvalidOptionError
        If the checkpoint is damaged, or is of another training.
    """
    if folder is None:
        return Journal(None, {}, weights_of(module))
    folder = Path(folder)
    if folder.exists() and not folder.is_dir():
        raise InvalidOptionError(f"folder {folder} is a file; take a folder for checkpoints")
    found = read(folder)
    if found is None:
        return Journal(folder, record(module, losses, parts, options), weights_of(module))
    _check_start(folder, found, module)
    now = weights_of(module)
    module.load_state_dict(found["start"])
    try:
        _check_record(folder, found, record(module, losses, parts, options), epochs)
    except InvalidOptionError:
        module.load_state_dict(now)  # a refused training leaves the module as it was
        raise
    module.load_state_dict(found["best"])
    return Journal(folder, found["record"], found["start"], found)


def record(
    module: nn.Module,
    losses: dict[str, Callable[..., Tensor]],
    parts: Mapping[str, Sequence[Tensor]],
    options: dict[str, Any],
) -> dict[str, Any]:
    """Return what a training is, by name: its model, its losses, its data (digests) and its options.

    Parameters
    ----------
    losses : dict
        What is minimised, ``"loss"``, and what is watched, ``"score"``.
    parts : dict
        Tensors of ``"training"`` and ``"validation"``.
    options : dict
        Numbers and words.
    """
    shapes = [(k, tuple(v.shape), str(v.dtype)) for k, v in module.state_dict().items()]
    trained = [name for name, value in module.named_parameters() if value.requires_grad]
    # Options that are no weights, a share of dropout say, stand in what torch prints of a module.
    printed = re.sub(r"0x[0-9a-f]+", "", repr(module))
    found: dict[str, Any] = {"model": _digest(f"{type(module).__qualname__}{shapes}{trained}{printed}".encode())}
    for name, tensors in parts.items():
        found[f"{name} samples"] = _digest(*(chunk for tensor in tensors for chunk in _bytes(tensor)))
    for (name, loss), tensors in zip(losses.items(), parts.values(), strict=True):
        found[name] = [_name(loss), *_probe(module, loss, tensors, options["batch_size"], options["seed"])]
    return found | options


def _bytes(tensor: Tensor) -> tuple[bytes, bytes]:
    values = tensor.detach().cpu().contiguous().view(-1).view(torch.uint8) if tensor.numel() else tensor
    return f"{tuple(tensor.shape)}{tensor.dtype}".encode(), values.numpy().tobytes()


def _digest(*chunks: bytes) -> str:
    digest = hashlib.sha256()
    for chunk in chunks:
        digest.update(chunk)
    return digest.hexdigest()


def _name(loss: Any) -> str:
    """Return the name of a loss, with the numbers and words that a `partial` of it binds."""
    if isinstance(loss, partial):
        bound = [*loss.args, *loss.keywords.items()]
        plain = [value for value in bound if isinstance(value, (bool, int, float, str))]
        return f"{_name(loss.func)}{plain}"
    return str(getattr(loss, "__qualname__", type(loss).__qualname__))


def _probe(module: nn.Module, loss: Any, tensors: Sequence[Tensor], count: int, seed: int) -> list[float]:
    """Return the loss of the first samples and the norm of its gradient; the module stays as it is."""
    before, modes = weights_of(module), {part: part.training for part in module.modules()}
    weights = [parameter for parameter in module.parameters() if parameter.requires_grad]
    try:
        module.train()  # shares of dropout and the like belong to the loss
        with streams.seeded(seed), torch.enable_grad():
            value = loss(*(tensor[:count].to(weights[0].device) for tensor in tensors))
            slopes = torch.autograd.grad(value, weights, allow_unused=True) if value.requires_grad else []
        norms = [float(slope.double().norm()) for slope in slopes if slope is not None]
        return [float(value), math.hypot(*norms)]
    except Exception:  # what is wrong with the loss or the samples is for the training to say
        return []
    finally:
        module.load_state_dict(before)
        for part, training in modes.items():
            part.training = training


def read(folder: Path) -> dict[str, Any] | None:
    """Return the checkpoint of a folder, or None where there is none.

    Raises
    ------
    DataFormatError
        If the file is damaged, or is not one of :func:`write`.
    """
    path = folder / NAME
    if not path.is_file():
        return None
    try:
        found = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises whatever its readers do: EOFError, RuntimeError, UnpicklingError, …
        said = (str(error) or type(error).__name__).splitlines()[0]
        raise DataFormatError(
            f"{path} cannot be read as a checkpoint, it is cut or damaged ({said}); {_ANEW}"
        ) from None
    if not isinstance(found, dict) or found.get("format") != FORMAT or _KEYS - found.keys():
        raise DataFormatError(f"{path} is a checkpoint of another program or version of edgeopt; {_ANEW}")
    return found


def write(folder: Path, content: dict[str, Any]) -> None:
    """Write the checkpoint of a folder; it appears whole or not at all."""
    buffer = io.BytesIO()
    torch.save({"format": FORMAT, **content}, buffer)
    folder.mkdir(parents=True, exist_ok=True)
    write_atomically(folder / NAME, buffer.getvalue())


def _check_start(folder: Path, found: dict[str, Any], module: nn.Module) -> None:
    """Make sure that the module has the weights with which a training began, or those that the training gave it."""
    own = weights_of(module)
    shapes = {name: tuple(value.shape) for name, value in own.items()}
    other = {name: tuple(value.shape) for name, value in found["start"].items()}
    if shapes != other:
        name = next(n for n in [*shapes, *other] if shapes.get(n) != other.get(n))
        raise InvalidOptionError(
            f"{folder / NAME} is of another model: {name} has shape {other.get(name, 'none')} there and "
            f"{shapes.get(name, 'none')} here; {_ANEW}"
        )
    if not any(all(own[n].equal(found[kept][n]) for n in own) for kept in ("start", "best")):
        raise InvalidOptionError(
            f"{folder / NAME} is of a training that began with other weights; make the model as it was made then (the "
            f"same torch.manual_seed before; of a SliceAllocator the same cost, budget and seed), or {_ANEW}"
        )


def _check_record(folder: Path, found: dict[str, Any], own: dict[str, Any], epochs: int) -> None:
    """Make sure that a checkpoint is of this very training, and no further than asked for."""
    path, old = folder / NAME, found["record"]
    differ = [name for name in {**old, **own} if not _same(old.get(name), own.get(name))]
    if differ:
        said = [f"{n} ({old[n]} there, {own[n]} here)" if _plain(old, own, n) else n for n in differ]
        raise InvalidOptionError(f"{path} is of another training, which differs in: {', '.join(said)}; {_ANEW}")
    if found["epochs"] > epochs:
        raise InvalidOptionError(
            f"epochs is {epochs}; {path} holds {found['epochs']} epochs already: ask for at least as many, or {_ANEW}"
        )


def _same(one: Any, other: Any) -> bool:
    """Whether two entries of a record agree; numbers of a probe up to what another machine rounds differently."""
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_same, one, other))
    if isinstance(one, float) and isinstance(other, float):
        return math.isclose(one, other, rel_tol=1e-3, abs_tol=1e-9) or (math.isnan(one) and math.isnan(other))
    return bool(one == other)


def _plain(old: dict[str, Any], own: dict[str, Any], name: str) -> bool:
    """Whether an entry is an option, to be told by its value; digests and probes say nothing to a reader."""
    return all(isinstance(side.get(name), (int, float)) for side in (old, own))
