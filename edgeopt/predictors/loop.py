"""The loop of a training in Lightning's terms; imported where Lightning is known to be installed.

Resuming is not left to Lightning: the generator of the samples' order is not part of its checkpoints, and its early
stopping is written an epoch behind. A training that goes on is a new run over the epochs that are left, with weights,
optimiser, early stopping and all random streams as they were at the end of the last epoch.
"""

from __future__ import annotations

import copy
import multiprocessing
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import lightning
import numpy as np
import torch
import torch.distributed
from lightning.pytorch.callbacks import Checkpoint, EarlyStopping
from lightning.pytorch.utilities.exceptions import SIGTERMException
from torch.multiprocessing.spawn import ProcessRaisedException
from torch.utils.data import DataLoader, DistributedSampler, RandomSampler, Subset, TensorDataset

from ..model.errors import EdgeOptError, InvalidProblemError
from . import checkpoints, streams

if TYPE_CHECKING:
    from torch import Tensor, nn

_PART = {"loss": "training", "score": "validation"}


class Loop(lightning.LightningModule):
    """One loss, one score, one optimiser, and the samples of both parts, each with its index in front.

    Parameters
    ----------
    losses : dict
        ``"loss"`` and ``"score"``.
    parts : dict
        Tensors of ``"training"`` and ``"validation"``.
    options : dict
        ``batch_size``, ``rate``, ``weight_decay`` and ``seed``.
    book : Journal
        Where the training begins or goes on, and is written down.
    faults : Path
        Folder by which other processes tell the first why they stopped.
    """

    def __init__(
        self,
        module: nn.Module,
        losses: dict[str, Callable[..., Tensor]],
        parts: Mapping[str, Sequence[Tensor]],
        options: dict[str, Any],
        book: checkpoints.Journal,
        faults: Path,
    ) -> None:
        super().__init__()
        self.module, self.losses, self.options, self.book, self.faults = module, losses, options, book, faults
        self.parts = {n: TensorDataset(torch.arange(len(t[0])), *t) for n, t in parts.items()}
        self.order: torch.Generator | None = None
        self._seen: tuple[Tensor, Sequence[Tensor]] | None = None

    def train_dataloader(self) -> Any:
        """Return the training samples in an order that depends on the seed and the epoch alone."""
        samples, size, seed = self.parts["training"], self.options["batch_size"], self.options["seed"]
        sampler: Any
        if self.trainer.world_size > 1:
            sampler = _SharedOrder(self.trainer.world_size, self.trainer.global_rank, samples, seed, self.book.done)
        else:
            self.order = torch.Generator().manual_seed(seed)
            sampler = _Order(samples, generator=self.order)
        # The loader draws from its own generator whenever it is asked for an iterator: this one is read by nobody.
        return DataLoader(samples, size, sampler=sampler, generator=torch.Generator())

    def val_dataloader(self) -> Any:
        """Return the validation samples, each of them in one process only."""
        samples, trainer = self.parts["validation"], self.trainer
        own = Subset(samples, range(trainer.global_rank, len(samples), trainer.world_size))
        return DataLoader(own if trainer.world_size > 1 else samples, self.options["batch_size"])

    def training_step(self, batch: Sequence[Tensor]) -> Tensor:
        """Return the loss of a batch."""
        loss = self._asked("loss", batch)
        self._seen = loss.detach(), batch
        return loss

    def on_before_optimizer_step(self, optimizer: torch.optim.Optimizer) -> None:
        """Stop before a step that would poison the weights: all processes see the same gradient, and stop together."""
        assert self._seen is not None
        loss, batch = self._seen
        sound = bool(loss.isfinite()) and _finite(self.module)
        if self.trainer.world_size > 1:
            sound = self.trainer.strategy.reduce_boolean_decision(sound, all=True)
        if not sound:
            what = "the gradient is not finite" if loss.isfinite() else f"the loss is {float(loss)}"
            self._stop("loss", batch, what, together=True)

    def validation_step(self, batch: Sequence[Tensor]) -> None:
        """Watch the score of a batch."""
        score = self._asked("score", batch)
        if not score.isfinite():
            self._stop("score", batch, f"the score is {float(score)}")
        self._scores.append(torch.stack([score * len(batch[0]), score.new_tensor(len(batch[0]))]))

    def on_validation_epoch_start(self) -> None:
        """Begin a new mean."""
        self._scores: list[Tensor] = []

    def on_validation_epoch_end(self) -> None:
        """Log the mean over the samples of all processes, which may have different numbers of them."""
        total = torch.stack(self._scores).sum(dim=0)
        if self.trainer.world_size > 1:
            total = self.trainer.strategy.reduce(total, reduce_op="sum")
        self.log("score", total[0] / total[1])

    def teardown(self, stage: str) -> None:
        """Leave the group of processes together: one that ends with an open group may be aborted."""
        if self.trainer.world_size > 1 and multiprocessing.parent_process() is not None:
            torch.distributed.barrier()
            torch.distributed.destroy_process_group()

    def configure_optimizers(self) -> Any:
        """Return AdamW over the module's groups, or over all of its parameters."""
        # A module may ask for rates of its own for some of its parameters.
        rate = self.options["rate"]
        groups = getattr(self.module, "parameter_groups", lambda _: self.module.parameters())(rate)
        optimizer = torch.optim.AdamW(groups, lr=rate, weight_decay=self.options["weight_decay"])
        if self.book.resumed:
            # A copy: what is handed to spawned processes is one piece of memory for all of them.
            optimizer.load_state_dict(copy.deepcopy(self.book.resumed["optimizer"]))
        return optimizer

    def _asked(self, kind: str, batch: Sequence[Tensor]) -> Tensor:
        try:
            return self.losses[kind](*batch[1:])
        except Exception as error:
            if self._blamed(kind, batch):  # a layer may refuse what is not finite before there is a loss
                self._stop(kind, batch, f"{type(error).__name__}: {error}")
            if isinstance(error, EdgeOptError):
                error.add_note(f"met in {self._place(kind)}; the model keeps the best weights so far")
            raise

    def _stop(self, kind: str, batch: Sequence[Tensor], what: str, together: bool = False) -> NoReturn:
        """End the training, naming the samples that are to blame, or the epoch and the batch where none is."""
        blamed = self._blamed(kind, batch)
        if together:
            blamed = sorted({i for found in _gathered(blamed, self.trainer.world_size) for i in found})
        if blamed:
            some = ", ".join(map(str, blamed[:10])) + (", …" if len(blamed) > 10 else "")
            samples = f"sample{'s' * (len(blamed) > 1)} {some} of {_PART[kind]}"
            why = f"to blame: {samples}; drop what is not finite there, or fill it"
        else:
            why = "no sample alone is to blame; lower the rate, or look at what the loss divides by"
        message = f"{what} in {self._place(kind)}; {why} (the model keeps its best weights so far)"
        # A spawned process can only tell the one that waits for it by a file.
        told = {"message": message, "best": self._keeper().best}
        torch.save(told, self.faults / f"{self.trainer.global_rank}.pt")
        raise InvalidProblemError(message)

    def _keeper(self) -> Keeper:
        return next(callback for callback in self.trainer.checkpoint_callbacks if isinstance(callback, Keeper))

    def _place(self, kind: str) -> str:
        epoch = f"epoch {self.book.done + self.trainer.current_epoch + 1}"
        return (
            f"the validation of {epoch}" if kind == "score" else f"{epoch}, batch {self.trainer.fit_loop.batch_idx + 1}"
        )

    def _blamed(self, kind: str, batch: Sequence[Tensor]) -> list[int]:
        """Return indices of samples that hold, or whose loss alone is, a value that is not finite; none if all do.

        The training ends in any case: samples are asked with the best weights, those of now may be spoiled themselves.
        """
        index, *tensors = batch
        bad = torch.zeros(len(index), dtype=torch.bool, device=index.device)
        for tensor in tensors:
            bad |= ~tensor.reshape(len(index), -1).isfinite().all(dim=1)
        if not bad.any():
            self._keeper().give(self.module)
            self.module.eval()  # where a batch of one sample is allowed
            with torch.no_grad():
                bad = torch.tensor([self._spoils(kind, [t[i : i + 1] for t in tensors]) for i in range(len(index))])
            if bad.all():  # then it is the weights, not the samples
                return []
        return [int(i) for i in index[bad.to(index.device)]]

    def _spoils(self, kind: str, sample: Sequence[Tensor]) -> bool:
        try:
            return not bool(self.losses[kind](*sample).isfinite())
        except Exception:  # a loss need not be able to take one sample
            return False


_TERMINATED = 128 + 15
"""Exit code of a process that SIGTERM has ended."""


def run(loop: Loop, epochs: int, watch: Callable[[int], None] | None = None, **options: Any) -> None:
    """Train until there are `epochs` in all; the module ends with its best weights, after an error too.

    Parameters
    ----------
    watch : callable, optional
        Called after each epoch, with its number.
    options
        Of Lightning's trainer.

    Raises
    ------
    InvalidProblemError
        If something is not finite.
    KeyboardInterrupt
        After Ctrl-C; Lightning would end the whole process.
    SystemExit
        With code 143 where the system asks the process to end (SIGTERM); Lightning's own says 0, as if all were done.
    """
    book = loop.book
    if book.resumed:
        loop.module.load_state_dict(book.resumed["weights"])
    loop.module.train()  # Lightning takes a module as it comes, and one that was asked before comes without dropout
    stopping = EarlyStopping("score", patience=loop.options["patience"], check_finite=False)
    trainer = lightning.Trainer(
        max_epochs=epochs - book.done,
        callbacks=[stopping, Keeper(book, stopping), *([_Watcher(watch, book.done)] if watch else [])],
        logger=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
        use_distributed_sampler=False,
        **options,
    )
    try:
        trainer.fit(loop)
    except SIGTERMException:
        raise SystemExit(_TERMINATED) from None
    except SystemExit as stop:
        if isinstance(stop.__context__, KeyboardInterrupt):
            raise stop.__context__ from None
        raise
    except ProcessRaisedException:
        told = next(loop.faults.glob("*.pt"), None)
        if told is None:
            raise
        fault = torch.load(told, weights_only=True)
        loop.module.load_state_dict(fault["best"])
        raise InvalidProblemError(fault["message"]) from None


class Keeper(Checkpoint):
    """Keep the best weights, end with them whatever happens, and write the checkpoint where there is a folder."""

    def __init__(self, book: checkpoints.Journal, stopping: EarlyStopping) -> None:
        self.book, self.stopping = book, stopping
        self.best = book.resumed["best"] if book.resumed else book.start
        self.score = book.resumed["score"] if book.resumed else float("inf")
        if book.resumed:
            stopping.load_state_dict(book.resumed["stopping"])

    def give(self, module: nn.Module) -> None:
        """Give the module the best weights."""
        module.load_state_dict(self.best)

    def on_train_start(self, trainer: Any, pl_module: Any) -> None:
        """Give every process a stream of its own."""
        if trainer.global_rank:
            streams.start(pl_module.options["seed"], trainer.global_rank)

    def on_train_epoch_start(self, trainer: Any, pl_module: Any) -> None:
        """Go on with the streams of the checkpoint, at the very place where they were taken."""
        resumed = self.book.resumed
        if resumed and trainer.current_epoch == 0:
            streams.restore(resumed["streams"][trainer.global_rank])
            if pl_module.order is not None:
                pl_module.order.set_state(resumed["order"])

    def on_train_epoch_end(self, trainer: Any, pl_module: Any) -> None:
        """Compare, keep, write; Lightning runs this behind early stopping, whose state belongs to the same epoch."""
        score = float(trainer.callback_metrics["score"])
        if score < self.score:
            self.score, self.best = score, checkpoints.weights_of(pl_module.module)
        if self.book.folder is None:
            return
        drawn = _gathered(streams.collect(), trainer.world_size)
        if trainer.is_global_zero:
            content = {
                "record": self.book.record,
                "epochs": self.book.done + trainer.current_epoch + 1,
                "start": self.book.start,
                "best": self.best,
                "score": self.score,
                "weights": checkpoints.weights_of(pl_module.module),
                "optimizer": trainer.optimizers[0].state_dict(),
                "stopping": self.stopping.state_dict(),
                "streams": drawn,
                "order": None if pl_module.order is None else pl_module.order.get_state(),
            }
            checkpoints.write(self.book.folder, content)

    def on_train_end(self, trainer: Any, pl_module: Any) -> None:
        """End with the best weights."""
        self.give(pl_module.module)

    def on_exception(self, trainer: Any, pl_module: Any, exception: BaseException) -> None:
        """End with the best weights here too."""
        self.give(pl_module.module)


class _Watcher(lightning.Callback):
    """Tell somebody that an epoch is over."""

    def __init__(self, watch: Callable[[int], None], done: int) -> None:
        self.watch, self.done = watch, done

    def on_train_epoch_end(self, trainer: Any, pl_module: Any) -> None:
        pl_module.module.eval()
        try:
            self.watch(self.done + trainer.current_epoch + 1)
        finally:
            pl_module.module.train()


class _Order(RandomSampler):
    """A new random order each epoch from one generator, which is all that there is to save."""

    def __iter__(self) -> Iterator[int]:
        torch.empty((), dtype=torch.int64).random_(generator=self.generator)  # as a loader with this generator does
        yield from super().__iter__()


class _SharedOrder(DistributedSampler[Any]):
    """The part of one process in an order of all processes, which counts epochs from the start of the training."""

    def __init__(self, processes: int, process: int, samples: Any, seed: int, done: int) -> None:
        # Torch adds the epoch to the seed: without mixing, seed 1 would repeat what seed 0 did an epoch later.
        mixed = int(np.random.SeedSequence(seed).generate_state(1)[0])
        super().__init__(samples, processes, process, shuffle=True, seed=mixed)
        self.done = done

    def set_epoch(self, epoch: int) -> None:
        super().set_epoch(epoch + self.done)


def _finite(module: nn.Module) -> bool:
    """Whether all gradients are finite; their norm says so at once, unless it overflows."""
    slopes = [p.grad for p in module.parameters() if p.grad is not None]
    return bool(torch.nn.utils.get_total_norm(slopes).isfinite()) or all(bool(s.isfinite().all()) for s in slopes)


def _gathered(value: Any, processes: int) -> list[Any]:
    """Return the values of all processes, in their order."""
    if processes == 1:
        return [value]
    found: list[Any] = [None] * processes
    torch.distributed.all_gather_object(found, value)
    return found
