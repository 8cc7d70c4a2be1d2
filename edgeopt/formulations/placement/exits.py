"""Exits: the chains of layers among which a task's required accuracy chooses.

A network with early exits (BranchyNet) is declared as one chain for each exit, from the raw input to that exit's
result, whether or not the chains share their beginnings.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ...model.errors import InvalidProblemError
from ...model.records import Record, assign, float_array, number, record, require
from .data_flow import exec_times

if TYPE_CHECKING:
    from ...model.kept import Floats, Names


@record
class Exit(Record):
    """One exit of a network: the chain of layers from the raw input to its result.

    Attributes
    ----------
    accuracy : float
        Accuracy of the exit's answers.
    exec_time : (layers, tiers) float
        Execution time of each layer on each tier, seconds, >= 0; inf where a tier cannot run a layer.
    output_bits : (layers + 1,) float
        Bits of the raw input, then of each layer's output; the last is the result.
    names : tuple of str, optional
        Names of the layers; with a shared trunk, equal beginnings of the names are the trunk.
    fixed_time : float
        Seconds that every inference of this exit takes besides, wherever its layers run (model loading, parsing).

    Raises
    ------
    InvalidProblemError
        If shapes disagree, a time or size is negative or nan, or a layer can run nowhere.
    """

    accuracy: float
    exec_time: Floats
    output_bits: Floats
    names: Names = ()  # type: ignore[assignment]
    fixed_time: float = 0.0

    def __post_init__(self) -> None:
        times = exec_times(self.exec_time)
        bits = float_array(self.output_bits, "output_bits")
        if bits.shape != (times.shape[0] + 1,):
            raise InvalidProblemError(
                f"output_bits has shape {bits.shape}; expected ({times.shape[0] + 1},): the raw input, then each "
                "layer's output"
            )
        require("output_bits", bits, bits >= 0, "must be a number of bits, >= 0")
        names = tuple(str(name) for name in self.names)
        if names and len(names) != times.shape[0]:
            raise InvalidProblemError(f"names has {len(names)} entries; expected {times.shape[0]}, one for each layer")
        assign(
            self,
            accuracy=number(self.accuracy, "accuracy"),
            exec_time=times,
            output_bits=bits,
            names=names,
            fixed_time=number(self.fixed_time, "fixed_time", at_least=0.0),
        )

    @classmethod
    def of(cls, chain: Any, devices: Sequence[Any], accuracy: float = 1.0, **rest: Any) -> Exit:
        """Return the exit of a network's chain of units, their times predicted by one device model for each tier.

        Parameters
        ----------
        chain : Chain
            One of ``LayerTable.exits()``, or ``LayerTable.chain()``.
        devices : sequence of DeviceModel
            One for each tier, the device first; each predicts seconds from the chain's frame.
        accuracy, **rest
            The other fields.

        Raises
        ------
        InvalidProblemError
            If the work of an operation in the chain is not known, or a device model has nothing for a kind of layer.
        """
        chain.table.require_counted()
        layers = chain.frame()
        times = [chain.total(device.predict(layers).seconds) for device in devices]
        return cls(accuracy, np.stack(times, axis=1), chain.output_bits, tuple(chain.names), **rest)

    @property
    def layers(self) -> int:
        """Number of layers."""
        return int(self.exec_time.shape[0])

    @property
    def tiers(self) -> int:
        """Number of tiers."""
        return int(self.exec_time.shape[1])


def checked_exits(exits: Any) -> tuple[Exit, ...]:
    """Return `exits` as a tuple, or say which of them is no exit or has other tiers than the first."""
    if not isinstance(exits, Sequence) or not exits:
        raise InvalidProblemError(f"exits is {exits!r}; expected a sequence of at least one Exit")
    for k, entry in enumerate(exits):
        if not isinstance(entry, Exit):
            raise InvalidProblemError(f"exits[{k}] is a {type(entry).__name__}; expected an Exit")
        if entry.tiers != exits[0].tiers:
            raise InvalidProblemError(f"exits[{k}] has {entry.tiers} tiers, exits[0] has {exits[0].tiers}")
    return tuple(exits)
