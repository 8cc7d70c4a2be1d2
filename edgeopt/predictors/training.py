"""Training loops: Lightning's, with early stopping, checkpoints that survive a kill, and weights without pickle."""

from __future__ import annotations

import logging
import pickle
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from ..model.errors import ExtraNotInstalledError, InvalidOptionError, InvalidProblemError
from . import checkpoints, streams

if TYPE_CHECKING:
    from torch import Tensor, nn

Loss = Callable[..., "Tensor"]


def train(
    module: nn.Module,
    loss: Loss,
    training: Sequence[Tensor],
    validation: Sequence[Tensor],
    *,
    score: Loss | None = None,
    epochs: int = 20,
    batch_size: int = 64,
    rate: float = 1e-3,
    weight_decay: float = 1e-4,
    patience: int = 5,
    seed: int = 0,
    folder: str | Path | None = None,
    progress: bool = False,
    watch: Callable[[int], None] | None = None,
    devices: int | str = 1,
    strategy: str = "auto",
    accelerator: str = "auto",
) -> nn.Module:
    """Train `module` in place by AdamW until the validation score stops to fall; its best weights remain.

    Parameters
    ----------
    module : nn.Module
        What to train; `loss` reads it by itself. All of it is in training mode meanwhile, and in evaluation mode after.
    loss, score : callable
        From the tensors of a batch to a scalar: what is minimised, and what is watched (the loss by default).
    training, validation : sequence of Tensor
        Samples, aligned along their first axis.
    epochs, batch_size, patience : int
        Most epochs, samples a step (of each process), epochs without improvement.
    rate, weight_decay : float
        Of AdamW.
    seed : int
        Fixes the order of the samples and whatever `loss` draws from the global generators of torch, numpy and Python.
    folder : path, optional
        Where the checkpoint ``last.ckpt`` goes. The same call goes on from it, after a kill or for more epochs, and
        ends with the very weights that it would have had without a stop. It belongs to one training: another model or
        start, other samples, losses or options are refused.
    progress : bool
        Whether to draw a progress bar.
    watch : callable, optional
        Called after each epoch with its number, 1 for the first, while the module is in evaluation mode: to follow what
        the training makes of other samples. It must draw no random numbers.
    devices, strategy, accelerator : int or str, str, str
        Of Lightning's trainer: how many devices, how they share the work, and of which kind they are: GPUs where there
        are any, unless `accelerator` is ``"cpu"``. ``"ddp_spawn"`` trains in several processes on CPUs too; `loss` then
        has to be a function that pickle takes. Wherever it is trained, the module is on the CPU afterwards.

    Raises
    ------
    ExtraNotInstalledError
        If Lightning is not installed.
    InvalidProblemError
        If the loss, its gradient or the score is not finite: names the samples that are to blame, or epoch and batch.
        The module then has the best weights so far.
    InvalidOptionError
        If the folder is of another training, or holds more epochs than asked for; if there are fewer GPUs than devices.
    DataFormatError
        If its checkpoint is damaged or not edgeopt's.
    """
    _need_lightning()
    for name, least, value in (("epochs", 0, epochs), ("batch_size", 1, batch_size), ("patience", 1, patience)):
        if value < least:
            raise InvalidOptionError(f"{name} is {value}; expected at least {least}")
    parts = {"training": _aligned("training", training), "validation": _aligned("validation", validation)}
    if not any(parameter.requires_grad for parameter in module.parameters()):
        return module
    _check_weights(module)
    losses = {"loss": loss, "score": score or loss}
    options = {
        "batch_size": batch_size,
        "rate": rate,
        "weight_decay": weight_decay,
        "patience": patience,
        "seed": seed,
        "devices": devices,
    }
    where = {"devices": devices, "strategy": strategy, "accelerator": accelerator}
    _check_gpus(devices, accelerator)
    if "spawn" in strategy:
        _check_pickles(losses, strategy)
    with _quiet(), streams.seeded(seed), TemporaryDirectory() as faults:
        from .loop import Loop, run

        try:
            book = checkpoints.journal(folder, module, losses, parts, options, epochs)
            if not book.finished(epochs, patience):
                loop = Loop(module, losses, parts, options, book, Path(faults))
                run(loop, epochs, watch, **where, enable_progress_bar=progress)
        finally:
            module.cpu().eval()  # wherever it was trained, it is asked from arrays
    return module


def _check_gpus(devices: int | str, accelerator: str) -> None:
    import torch

    there = torch.cuda.device_count() if accelerator in ("auto", "gpu", "cuda") else 0
    if isinstance(devices, int) and devices > there > 0:
        raise InvalidOptionError(
            f"devices is {devices}, and the GPUs here are {there}; take at most these, or accelerator='cpu'"
        )


def _aligned(part: str, tensors: Sequence[Tensor]) -> list[Tensor]:
    """Return the tensors of a part, which hold the same number of samples, and at least one."""
    counts = [len(tensor) for tensor in tensors]
    if not counts or min(counts) < 1 or len(set(counts)) > 1:
        raise InvalidProblemError(f"{part} holds tensors of {counts} samples; expected as many in each, at least one")
    return list(tensors)


def _check_pickles(losses: dict[str, Loss], strategy: str) -> None:
    """Make sure that other processes can be given the losses, and with them the module that they read."""
    for name, loss in losses.items():
        try:
            pickle.dumps(loss)
        except Exception as error:  # pickle raises AttributeError, TypeError and errors of its own
            raise InvalidOptionError(
                f"strategy {strategy!r} sends the {name} to other processes, which pickle cannot ({error}); write it "
                "as a function at module level, and bind the module by functools.partial"
            ) from error


def _check_weights(module: nn.Module) -> None:
    for name, value in module.named_parameters():
        if not bool(value.isfinite().all()):
            place = value.detach().isfinite().logical_not().nonzero()[0].tolist()
            raise InvalidProblemError(
                f"{name}{place} is {float(value[tuple(place)])} before training; load or initialise the module anew"
            )


def _need_lightning() -> None:
    try:
        import lightning.pytorch  # noqa: F401
    except ImportError as error:
        raise ExtraNotInstalledError("training needs Lightning; install with: pip install 'edgeopt[learn]'") from error


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep Lightning's advertisements and advice for other uses out of the caller's log."""
    loggers = [logging.getLogger(name) for name in ("lightning.pytorch", "lightning.fabric", "lightning")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


def save_weights(module: nn.Module, path: str | Path) -> None:
    """Write the weights of `module` as safetensors; the file appears whole or not at all.

    Raises
    ------
    ExtraNotInstalledError
        If safetensors is not installed.
    """
    path = Path(path)
    unfinished = path.with_name(f".{path.name}.part")
    _safetensors().save_model(module, str(unfinished))
    unfinished.replace(path)


def load_weights(module: nn.Module, path: str | Path) -> None:
    """Read the weights of `module` from a file of :func:`save_weights`.

    Raises
    ------
    InvalidOptionError
        If the file holds weights of another shape or name.
    """
    try:
        _safetensors().load_model(module, str(path))
    except RuntimeError as error:
        raise InvalidOptionError(f"{path} does not hold the weights of this module: {error}") from error


def _safetensors() -> Any:
    try:
        import safetensors.torch
    except ImportError as error:
        raise ExtraNotInstalledError("weights need safetensors; install with: pip install 'edgeopt[learn]'") from error
    return safetensors.torch
