"""Whether a solver left the problem as it was: it gets the problem itself, and its judge reads the same arrays.

The arrays are read-only, but whoever has one can unlock it, write to it, or put another in its place; the judge would
then praise an answer to another problem. What is cheap to see is compared before and after a solve: which objects the
fields hold, whether arrays are locked, all numbers of small arrays and a sample of those of large ones. A large array
that is unlocked, written to and locked again escapes where the sample misses the place; ``isolate=True``, which hands a
solver a copy, leaves nothing to escape by.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import sparse

from ..model.cached import cached_property
from ..model.records import Record

if TYPE_CHECKING:
    from numpy.typing import NDArray

SMALL = 2048
"""Numbers up to which all of an array are compared; of a larger one as many are sampled, evenly."""
_PARTS = ("data", "indices", "indptr")


class Watch:
    """What a problem's arrays are now.

    Parameters
    ----------
    problem : Record
        What is handed to a solver.
    """

    def __init__(self, problem: Any) -> None:
        self._owners: list[Any] = []
        self._held: list[tuple[Any, str, Any, str]] = []
        self._arrays: list[tuple[NDArray[Any], str, bool, bytes]] = []
        self._see(problem, "")

    def _see(self, owner: Any, path: str) -> None:
        self._owners.append(owner)
        for name, value in _parts_of(owner):
            where = f"{path}.{name}" if path else name
            self._held.append((owner, name, value, where))
            self._look(value, where)

    def _look(self, value: Any, where: str) -> None:
        if isinstance(value, np.ndarray):
            self._arrays.append((value, where, value.flags.writeable, _content(value)))
        elif isinstance(value, Record) or sparse.issparse(value):
            self._see(value, where)
        elif isinstance(value, tuple):
            for place, one in enumerate(value):
                if not isinstance(one, (str, int, float)):
                    self._look(one, f"{where}[{place}]")

    def fault(self) -> str:
        """Say what was changed, and put back what can be; empty if nothing was."""
        faults = [*self._replaced(), *self._added(), *self._written()]
        if not faults:
            return ""
        more = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
        return f"the solver changed the problem: {faults[0]}{more}; its answer is to another problem"

    def forget_derived(self) -> None:
        """Drop what the records only remember (sums, costs sorted, …): a solver could have written that as well."""
        for owner in self._owners:
            for name in [name for name in _own(owner) if _is_derived(owner, name)]:
                vars(owner).pop(name, None)

    def _replaced(self) -> Iterator[str]:
        for owner, name, value, where in self._held:
            if getattr(owner, name, None) is not value:
                object.__setattr__(owner, name, value)
                yield f"{where} was replaced"

    def _added(self) -> Iterator[str]:
        """Remove what was hung on the records: a function there would judge in the place of the problem's own."""
        for owner in self._owners:
            if not isinstance(owner, Record) or not hasattr(owner, "__dict__"):
                continue
            known = {name for holder, name, _, _ in self._held if holder is owner}
            for name in [name for name in vars(owner) if name not in known and not _is_derived(owner, name)]:
                vars(owner).pop(name)
                yield f"{type(owner).__name__}.{name} was added"

    def _written(self) -> Iterator[str]:
        for array, where, writeable, content in self._arrays:
            locked = array.flags.writeable and not writeable
            if _content(array) != content:
                yield f"{where} was written to{_restored(array, content)}"
            elif locked:
                yield f"{where} was unlocked"
            if locked:
                array.flags.writeable = False


def _parts_of(owner: Any) -> Iterator[tuple[str, Any]]:
    """Yield what is compared of a record or a sparse matrix; what a record only remembers is not."""
    if sparse.issparse(owner):
        yield from ((name, getattr(owner, name)) for name in _PARTS if hasattr(owner, name))
    else:
        yield from ((name, value) for name, value in list(_own(owner).items()) if not _is_derived(owner, name))


def _own(owner: Any) -> dict[str, Any]:
    """Return what a record holds, whether declared, set when it was built, or derived since."""
    if hasattr(owner, "__dict__") and not sparse.issparse(owner):
        held: dict[str, Any] = vars(owner)
        return held
    return {field.name: getattr(owner, field.name) for field in fields(owner)} if is_dataclass(owner) else {}


def _is_derived(owner: Any, name: str) -> bool:
    return isinstance(getattr(type(owner), name, None), cached_property)


def _content(array: NDArray[Any]) -> bytes:
    if array.size <= SMALL or not array.flags.c_contiguous:
        return array.tobytes() if array.size <= SMALL else b""
    return array.reshape(-1)[:: -(-array.size // SMALL)].tobytes()


def _restored(array: NDArray[Any], content: bytes) -> str:
    """Write the old numbers back where all of them are known; else say that they are not."""
    if array.size > SMALL or not array.flags.c_contiguous:
        return " and cannot be put back: build the problem anew"
    before = array.flags.writeable
    try:
        array.flags.writeable = True
    except ValueError:
        return " and cannot be put back: build the problem anew"
    array[...] = np.frombuffer(content, array.dtype).reshape(array.shape)
    array.flags.writeable = before
    return ""
