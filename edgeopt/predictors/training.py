"""Training loops: Lightning's, with early stopping, checkpoints that survive a kill, and weights without pickle."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch.utils.data import DataLoader, TensorDataset

from ..model.errors import ExtraNotInstalledError, InvalidOptionError

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
    devices: int | str = 1,
    strategy: str = "auto",
) -> nn.Module:
    """Train `module` in place by AdamW until the validation score stops to fall; its best weights remain.

    Parameters
    ----------
    module : nn.Module
        What to train; `loss` reads it by itself.
    loss, score : callable
        From the tensors of a batch to a scalar: what is minimised, and what is watched (the loss by default).
    training, validation : sequence of Tensor
        Samples, aligned along their first axis.
    epochs, batch_size, patience : int
        Most epochs, samples a step, epochs without improvement.
    rate, weight_decay : float
        Of AdamW.
    seed : int
        Fixes the order of the samples and whatever `loss` draws.
    folder : path, optional
        Where checkpoints go; training that was killed goes on from the last one when it is called again.
    progress : bool
        Whether to draw a progress bar.
    devices, strategy : int or str, str
        Of Lightning's trainer: how many devices (a GPU where there is one), and how they share the work.

    Raises
    ------
    ExtraNotInstalledError
        If Lightning is not installed.
    """
    lightning = _lightning()
    if not any(parameter.requires_grad for parameter in module.parameters()):
        return module
    loop = _loop(lightning, module, loss, score or loss, rate, weight_decay)
    with _quiet(), torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        order = torch.Generator().manual_seed(seed)
        loaders = (
            DataLoader(TensorDataset(*training), batch_size, shuffle=True, generator=order),
            DataLoader(TensorDataset(*validation), batch_size),
        )
        _run(lightning, loop, module, loaders, epochs, patience, folder, progress, devices, strategy)
    return module


def _run(
    lightning: Any,
    loop: Any,
    module: nn.Module,
    loaders: tuple[Any, Any],
    epochs: int,
    patience: int,
    folder: str | Path | None,
    progress: bool,
    devices: int | str,
    strategy: str,
) -> None:
    from tempfile import TemporaryDirectory

    with TemporaryDirectory() as scratch:
        place = Path(scratch if folder is None else folder)
        callbacks = lightning.pytorch.callbacks
        best = callbacks.ModelCheckpoint(place, "best", monitor="score", enable_version_counter=False, save_last=True)
        trainer = lightning.Trainer(
            max_epochs=epochs,
            callbacks=[best, callbacks.EarlyStopping("score", patience=patience)],
            logger=False,
            enable_progress_bar=progress,
            enable_model_summary=False,
            accelerator="auto",
            devices=devices,
            strategy=strategy,
            num_sanity_val_steps=0,
            default_root_dir=place,
        )
        last = place / "last.ckpt"
        trainer.fit(loop, *loaders, ckpt_path=last if last.is_file() else None, weights_only=True)
        if (place / "best.ckpt").is_file():
            state = torch.load(place / "best.ckpt", weights_only=True)["state_dict"]
            loop.load_state_dict(state)
    module.cpu().eval()  # wherever it was trained, it is asked from arrays


def _loop(lightning: Any, module: nn.Module, loss: Loss, score: Loss, rate: float, weight_decay: float) -> Any:
    class Loop(lightning.LightningModule):  # type: ignore[misc]
        """One loss, one score, one optimiser."""

        def __init__(self) -> None:
            super().__init__()
            self.module = module

        def training_step(self, batch: Sequence[Tensor]) -> Tensor:
            return loss(*batch)

        def validation_step(self, batch: Sequence[Tensor]) -> None:
            self.log("score", score(*batch), batch_size=len(batch[0]))

        def configure_optimizers(self) -> Any:
            # A module may ask for rates of its own for some of its parameters.
            groups = getattr(module, "parameter_groups", lambda _: module.parameters())(rate)
            return torch.optim.AdamW(groups, lr=rate, weight_decay=weight_decay)

    return Loop()


def _lightning() -> Any:
    try:
        import lightning
        import lightning.pytorch.callbacks
    except ImportError as error:
        raise ExtraNotInstalledError("training needs Lightning; install with: pip install 'edgeopt[learn]'") from error
    return lightning


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
