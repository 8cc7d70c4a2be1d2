"""One leading axis for many instances: the fields of a formulation that may carry it, and what follows from that."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar, Self

from .cached import cached_property
from .errors import InvalidProblemError
from .problem import DecisionT, Problem


class BatchAxis(Problem[DecisionT]):
    """A problem whose fields named in `batched_fields` may carry one leading axis of instances."""

    batched_fields: ClassVar[Mapping[str, int]]
    """Dimensions of each such field in a single instance; one more makes it a batch."""

    def check_batch(self) -> None:
        """Raise unless the batch axes agree.

        Raises
        ------
        InvalidProblemError
            If two fields have batch axes of different lengths, or one is empty.
        """
        sizes = {name: value.shape[0] for name, value in self._batched().items()}
        if len(set(sizes.values())) > 1:
            raise InvalidProblemError(f"the leading batch axes disagree: {sizes}; give each field the same, or none")
        if 0 in sizes.values():
            raise InvalidProblemError(f"the batch is empty: {sizes}; a batch needs at least one instance")

    def _batched(self) -> dict[str, Any]:
        """Return the fields that carry the axis."""
        fields = {name: (getattr(self, name), single) for name, single in self.batched_fields.items()}
        return {name: v for name, (v, single) in fields.items() if v is not None and v.ndim > single}

    @cached_property
    def batch(self) -> int | None:
        """Number of instances, or None for a problem without a batch axis."""
        return next((int(value.shape[0]) for value in self._batched().values()), None)

    @abstractmethod
    def pick(self, decision: DecisionT, index: int) -> DecisionT:
        """Decision of one instance from that of the batch."""

    @abstractmethod
    def stack(self, decisions: Sequence[DecisionT]) -> DecisionT:
        """Decision of the batch from those of its instances."""

    def instance(self, index: int) -> Self:
        """Return one problem of the batch."""
        return replace(self, **{name: value[index] for name, value in self._batched().items()})  # type: ignore[type-var]


def batch_of(problem: object) -> int | None:
    """Return the number of instances of a batch, or None for a single problem."""
    return problem.batch if isinstance(problem, BatchAxis) else None
