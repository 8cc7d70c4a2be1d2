"""Names that cost no memory until one is read: blocks with several indices, ``serves[0,2]``, and joined sequences."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from math import prod
from typing import TYPE_CHECKING, Any

from .cached import cached_property
from .records import Record, assign

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class BlockNames(Record, Sequence[str]):
    """Names of blocks one after the other.

    Attributes
    ----------
    stems : sequence of str
        Name of each block.
    shapes : sequence of sequences of int
        Sizes of each block's indices; none for a block of a single entry.
    kept : sequence of (entries,) int arrays or None
        Of a block that lacks entries, the positions of those that are there.
    """

    stems: Sequence[str]
    shapes: Sequence[Sequence[int]]
    kept: Sequence[NDArray[Any] | None]

    def __post_init__(self) -> None:
        assign(
            self,
            stems=tuple(self.stems),
            shapes=tuple(tuple(map(int, shape)) for shape in self.shapes),
            kept=tuple(self.kept),
        )

    @cached_property
    def counts(self) -> list[int]:
        """Number of entries of each block."""
        return [prod(shape) if k is None else len(k) for shape, k in zip(self.shapes, self.kept, strict=True)]

    @cached_property
    def _ends(self) -> list[int]:
        return list(accumulate(self.counts))

    def __len__(self) -> int:
        return self._ends[-1] if self._ends else 0

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return [self[i] for i in range(len(self))[index]]
        place = range(len(self))[index]
        block = bisect_right(self._ends, place)
        within = place - (self._ends[block - 1] if block else 0)
        kept = self.kept[block]
        return self.name(block, within if kept is None else int(kept[within]))

    def name(self, block: int, entry: int) -> str:
        """Return the name of an entry of a block, counted among all entries that it could have."""
        shape, indices = self.shapes[block], []
        for size in reversed(shape):
            entry, one = divmod(entry, size)
            indices.append(str(one))
        return f"{self.stems[block]}[{','.join(reversed(indices))}]" if shape else self.stems[block]


@dataclass(frozen=True, eq=False)
class JoinedNames(Record, Sequence[str]):
    """Sequences of names one after the other, each as it is.

    Attributes
    ----------
    parts : sequence of sequences of str
        Names; those that cost no memory cost none here.
    """

    parts: Sequence[Sequence[str]]

    def __post_init__(self) -> None:
        assign(self, parts=tuple(part if isinstance(part, Record) else tuple(part) for part in self.parts))

    @cached_property
    def _ends(self) -> list[int]:
        return list(accumulate(map(len, self.parts)))

    def __len__(self) -> int:
        return self._ends[-1] if self._ends else 0

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return [self[i] for i in range(len(self))[index]]
        place = range(len(self))[index]
        part = bisect_right(self._ends, place)
        return self.parts[part][place - (self._ends[part - 1] if part else 0)]


def stems_of(names: Sequence[str]) -> set[str]:
    """Return what stands before the indices of each name: those of a thousand rows ``window[i]`` have one."""
    if isinstance(names, BlockNames):
        return {stem for stem, count in zip(names.stems, names.counts, strict=True) if count}
    if isinstance(names, JoinedNames):
        return set().union(*map(stems_of, names.parts))
    if isinstance(stem := getattr(names, "stem", None), str):
        return {stem} if len(names) else set()
    return {name.partition("[")[0] for name in names}
