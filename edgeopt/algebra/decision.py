"""The answer to a declared problem: its variables by name, as arrays."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from ..model.errors import InvalidProblemError
from ..model.problem import Decision
from ..model.records import plain, read_only

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class NamedDecision(Decision):
    """Values of variables by name; ``decision.held`` reads one.

    Attributes
    ----------
    values : mapping of str to array
        One for each variable: bool for binaries, int64 for whole numbers, float64 for real ones; entries that a mask
        drops are 0.
    dimensions : mapping of str to sequence of str
        Names of each variable's dimensions.
    labels : mapping of str to sequence
        What the positions of a dimension are called, where a field said so.
    """

    values: Mapping[str, NDArray[Any]]
    dimensions: Mapping[str, Any] = field(default_factory=dict)
    labels: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not isinstance(self.values, Mapping):
            raise InvalidProblemError(f"values is a {type(self.values).__name__}; expected arrays by name")
        found = {}
        for name, value in self.values.items():
            found[str(name)] = read_only(np.array(plain(value, name)))
        object.__setattr__(self, "values", found)

    def __getattr__(self, name: str) -> NDArray[Any]:
        arrays = self.__dict__.get("values", {})
        if name in arrays:
            found: NDArray[Any] = arrays[name]
            return found
        raise AttributeError(f"the decision has no variable {name!r}; its variables: {', '.join(arrays) or 'none'}")

    def __getitem__(self, name: str) -> NDArray[Any]:
        """Return the array of a variable, whatever it is called."""
        return self.values[name]

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *self.values]

    def to_pandas(self, name: str | None = None) -> Any:
        """Return a variable as a Series or DataFrame with the labels of its dimensions; all of them by name if none.

        Parameters
        ----------
        name : str, optional
            The variable; of three and more dimensions it is a Series with a MultiIndex.
        """
        if name is None:
            return {one: self.to_pandas(one) for one in self.values}
        import pandas as pd

        array = self.values[name]
        dims = list(self.dimensions.get(name, [f"dim_{i}" for i in range(array.ndim)]))
        index = [self._labels(dim, size) for dim, size in zip(dims, array.shape, strict=True)]
        if array.ndim == 0:
            return array.item()
        if array.ndim == 1:
            return pd.Series(array, index=index[0], name=name)
        if array.ndim == 2:
            return pd.DataFrame(array, index=index[0], columns=index[1])
        return pd.Series(array.ravel(), index=pd.MultiIndex.from_product(index, names=dims), name=name)

    def _labels(self, dimension: str, size: int) -> pd.Index:
        import pandas as pd

        labels = self.labels.get(dimension)
        return pd.Index(range(size) if labels is None or len(labels) != size else labels, name=dimension)

    def __repr__(self) -> str:
        parts = [f"{name}={np.array2string(array, threshold=12)}" for name, array in self.values.items()]
        return f"NamedDecision({', '.join(parts)})"
