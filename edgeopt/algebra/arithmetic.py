"""What the reader of values needs of arrays: float64, rational numbers, or torch, each with the same few operations."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
from scipy import sparse

from ..model.errors import NoSolutionError

_LINEAR = ("add", "subtract", "multiply", "divide", "negative", "maximum", "minimum", "absolute", "power", "square")


class Arithmetic:
    """Arrays of float64, by numpy."""

    def constant(self, values: Any) -> Any:
        """Return numbers as an array of this arithmetic."""
        return np.asarray(values)

    def apply(self, operation: str, *arrays: Any) -> Any:
        """Return an operation entry by entry."""
        if operation == "where":
            return np.where(arrays[0] != 0, arrays[1], arrays[2])
        with np.errstate(all="ignore"):  # what is not finite is refused where the program is made
            return getattr(np, operation)(*arrays)

    def as_array(self, value: Any) -> Any:
        """Return what was computed as an array."""
        return value

    def total(self, array: Any, places: tuple[int, ...]) -> Any:
        """Return the sum over axes."""
        return array.sum(axis=places)

    def extreme(self, operation: str, array: Any, places: tuple[int, ...]) -> Any:
        """Return the largest (``"max"``) or smallest entry over axes."""
        return getattr(np, operation)(array, axis=places)

    def grouped(self, array: Any, index: Any, place: int, size: int) -> Any:
        """Return the sums over the positions of an axis that `index` puts to the same position."""
        if array.ndim == 1:
            return np.bincount(index, weights=array, minlength=size)
        front = np.moveaxis(array, place, 0)
        flat = front.reshape(front.shape[0], -1)
        gather = sparse.csr_array((np.ones(index.size), (index, np.arange(index.size))), shape=(size, index.size))
        return np.moveaxis((gather @ flat).reshape(size, *front.shape[1:]), 0, place)

    def joined(self, arrays: list[Any], place: int) -> Any:
        """Return arrays one after the other along an axis."""
        return np.concatenate(arrays, axis=place)

    def moved(self, array: Any, order: list[int]) -> Any:
        """Return the axes in another order."""
        return array.transpose(order)

    def spread(self, array: Any, shape: tuple[int, ...]) -> Any:
        """Return the array broadcast to a shape."""
        return np.broadcast_to(array, shape)


class Rational(Arithmetic):
    """Arrays of fractions: every float64 is one, so nothing is rounded."""

    def constant(self, values: Any) -> Any:
        """Return numbers as fractions; infinite ones stay as they are."""
        given = np.asarray(values)
        if given.dtype == object:
            return given
        found = np.empty(given.shape, object)
        flat = [Fraction(v) if np.isfinite(v) else v for v in given.ravel().tolist()]
        found[...] = np.array([*flat, None], object)[:-1].reshape(given.shape)
        return found

    def apply(self, operation: str, *arrays: Any) -> Any:
        """Return an operation entry by entry.

        Raises
        ------
        NoSolutionError
            If it leaves the rational numbers.
        """
        if operation != "where" and operation not in _LINEAR:
            raise NoSolutionError(f"{operation} of a field is no rational number, so there is no exact check")
        return super().apply(operation, *(np.asarray(array, dtype=object) for array in arrays))

    def as_array(self, value: Any) -> Any:
        """Return what was computed as an array: numpy gives the bare object where there are no axes."""
        return value if isinstance(value, np.ndarray) else np.array(value, object)

    def grouped(self, array: Any, index: Any, place: int, size: int) -> Any:
        """Return the sums over the positions of an axis that `index` puts to the same position."""
        front = np.moveaxis(array, place, 0)
        found = np.full((size, *front.shape[1:]), Fraction(0), object)
        np.add.at(found, index, front)
        return np.moveaxis(found, 0, place)


class Torch(Arithmetic):
    """Tensors of float64, whose gradients torch keeps."""

    def __init__(self) -> None:
        import torch

        self.torch: Any = torch

    def constant(self, values: Any) -> Any:
        """Return numbers as a tensor."""
        return values if self.torch.is_tensor(values) else self.torch.tensor(np.asarray(values, np.float64))

    def apply(self, operation: str, *arrays: Any) -> Any:
        """Return an operation entry by entry."""
        if operation == "where":
            return self.torch.where(arrays[0] != 0, arrays[1], arrays[2])
        return getattr(self.torch, "pow" if operation == "power" else operation)(*arrays)

    def total(self, array: Any, places: tuple[int, ...]) -> Any:
        """Return the sum over axes."""
        return array.sum(dim=places) if places else array

    def extreme(self, operation: str, array: Any, places: tuple[int, ...]) -> Any:
        """Return the largest or smallest entry over axes."""
        return getattr(self.torch, f"a{operation}")(array, dim=places) if places else array

    def grouped(self, array: Any, index: Any, place: int, size: int) -> Any:
        """Return the sums over the positions of an axis that `index` puts to the same position."""
        shape = list(array.shape)
        shape[place] = size
        return self.torch.zeros(shape, dtype=array.dtype).index_add(place, self.torch.as_tensor(index), array)

    def joined(self, arrays: list[Any], place: int) -> Any:
        """Return arrays one after the other along an axis."""
        return self.torch.cat(arrays, dim=place)

    def moved(self, array: Any, order: list[int]) -> Any:
        """Return the axes in another order."""
        return array.permute(order)

    def spread(self, array: Any, shape: tuple[int, ...]) -> Any:
        """Return the array broadcast to a shape."""
        return array.broadcast_to(shape)
