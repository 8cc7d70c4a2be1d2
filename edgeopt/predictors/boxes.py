"""Traffic boxes: series that move together become neighbours on a grid, so that a convolution sees them together.

Giannakas et al. (2025, V-A), after Bega et al. (2019): the shape-based distance between all pairs of series, points in
the plane whose distances come close to these (eq. 12), and the assignment of points to a regular grid that moves them
least. What the paper leaves open is chosen so: series are standardised before they are compared (Paparrizos and Gravano
2015), eq. 12 takes the distance (its text says correlation, which would put the likest series farthest apart), and the
grid has the points' mean and mean square.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from ..model.errors import ExtraNotInstalledError, InvalidOptionError, InvalidProblemError

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

_BLOCK = 2**25
"""Most entries of a block of correlations: 128 MB in single precision."""


def shape_distances(series: ArrayLike, *, workers: int = -1) -> NDArray[np.float32]:
    """Return the shape-based distance of all pairs: 1 less the largest normalised cross-correlation over all shifts.

    Parameters
    ----------
    series : (steps, cells) float
        Finite; standardised here.
    workers : int
        Threads of the FFT; all cores by default.

    Returns
    -------
    (cells, cells) float32
        Between 0 (the same shape, perhaps shifted) and 2; symmetric, 0 on the diagonal.

    Raises
    ------
    InvalidProblemError
        If a value is not finite or a series is constant.

    Examples
    --------
    >>> wave = np.sin(np.arange(40.0))
    >>> shape_distances(np.c_[wave, 3 * wave + 1, -wave]).round(2)[0]
    array([0.  , 0.  , 0.08], dtype=float32)
    """
    from scipy import fft

    values = np.asarray(series, dtype=np.float64)
    if values.ndim != 2 or not np.isfinite(values).all():
        raise InvalidProblemError(f"series has shape {values.shape}; expected finite values, (steps, cells)")
    values = values - values.mean(axis=0)
    size = np.linalg.norm(values, axis=0)
    if not (size > 0).all():
        raise InvalidProblemError(f"series[:, {int(np.argmin(size))}] is constant; it has no shape: drop the cell")
    steps, cells = values.shape
    length = fft.next_fast_len(2 * steps - 1, real=True)
    spectra = fft.rfft((values / size).T.astype(np.float32), length, workers=workers)
    distance = np.zeros((cells, cells), dtype=np.float32)
    rows = max(1, _BLOCK // (cells * length))
    for first in range(0, cells, rows):
        # Only pairs at or right of the diagonal: exchanging the two reverses the shifts.
        block = spectra[first : first + rows, None] * spectra[None, first:].conj()
        likeness = fft.irfft(block, length, workers=workers, overwrite_x=True).max(axis=2)
        distance[first : first + rows, first:] = 1.0 - likeness
    upper = np.triu(distance, 1)
    return np.asarray(np.maximum(upper + upper.T, 0.0))


def places(distances: ArrayLike, *, seed: int = 0) -> NDArray[np.float64]:
    """Return points in the plane, (cells, 2), whose distances come close to those given (eq. 12, by SMACOF).

    Raises
    ------
    ExtraNotInstalledError
        If scikit-learn is not installed.
    """
    try:
        from sklearn.manifold import MDS
    except ImportError as error:
        raise ExtraNotInstalledError("placing needs scikit-learn; pip install 'edgeopt[learn]'") from error
    wanted = np.asarray(distances, dtype=np.float64)
    scaling = MDS(2, metric="precomputed", n_init=4, init="random", random_state=seed, normalized_stress=False)
    points: NDArray[np.float64] = scaling.fit_transform(wanted)
    return points


def on_grid(points: ArrayLike, shape: tuple[int, int]) -> NDArray[np.intp]:
    """Return the cell at each place of a regular grid, row by row, so that the points move least (Hungarian method).

    Parameters
    ----------
    points : (cells, 2) float
        As many as the grid has places.
    shape : (int, int)
        Rows and columns.

    Raises
    ------
    InvalidOptionError
        If points and places do not match in number.
    """
    from scipy.optimize import linear_sum_assignment

    found = np.asarray(points, dtype=np.float64)
    if len(found) != shape[0] * shape[1]:
        raise InvalidOptionError(f"{len(found)} cells do not fill a grid of {shape[0]} x {shape[1]}")
    rows, columns = np.divmod(np.arange(len(found)), shape[1])
    grid = np.stack([rows, columns], axis=1).astype(float)
    move = [_standardised(part) for part in (found, grid)]
    costs = ((move[0][:, None] - move[1][None]) ** 2).sum(axis=2)
    cell, place = linear_sum_assignment(costs)
    order = np.empty(len(found), dtype=np.intp)
    order[place] = cell
    return order


def _standardised(points: NDArray[np.float64]) -> NDArray[np.float64]:
    centred = points - points.mean(axis=0)
    size = np.sqrt((centred**2).mean())
    return np.asarray(centred / size) if size > 0 else centred


def box_shape(cells: int) -> tuple[int, int]:
    """Return the rows and columns of the squarest grid with so many places.

    Examples
    --------
    >>> box_shape(49), box_shape(8), box_shape(7)
    ((7, 7), (2, 4), (1, 7))
    """
    if cells < 1:
        raise InvalidOptionError(f"cells is {cells}; expected at least 1")
    rows = next(n for n in range(int(np.sqrt(cells)), 0, -1) if cells % n == 0)
    return rows, cells // rows


@dataclass(frozen=True)
class TrafficBox:
    """Where each cell stands on the grid.

    Attributes
    ----------
    order : (cells,) int
        Cell at each place, row by row.
    shape : (int, int)
        Rows and columns.
    distances : (cells, cells) float
        Shape-based distances that it was made from.
    """

    order: NDArray[np.intp]
    shape: tuple[int, int]
    distances: NDArray[np.float32]

    @classmethod
    def fit(cls, series: ArrayLike, *, seed: int = 0) -> Self:
        """Place the series (steps, cells) of the training period."""
        distances = shape_distances(series)
        shape = box_shape(len(distances))
        order = np.arange(len(distances)) if len(distances) < 3 else on_grid(places(distances, seed=seed), shape)
        return cls(order, shape, distances)

    def neighbour_distance(self) -> float:
        """Mean distance of cells that are neighbours on the grid; lower than that of all pairs, if placing helps."""
        grid = self.order.reshape(self.shape)
        pairs = [(grid[:, :-1], grid[:, 1:]), (grid[:-1], grid[1:])]
        return float(np.concatenate([self.distances[a.ravel(), b.ravel()] for a, b in pairs]).mean())

    def draw(self, names: Any = None) -> Any:
        """Draw the grid with the cells' names, each coloured by its likeness to its neighbours; return the axes."""
        import matplotlib.pyplot as plt

        grid = self.order.reshape(self.shape)
        rows, columns = self.shape
        likeness = np.zeros(self.shape)
        for r, c in np.ndindex(rows, columns):
            around = [(r + 1, c), (r - 1, c), (r, c + 1), (r, c - 1)]
            near = [grid[i, j] for i, j in around if 0 <= i < rows and 0 <= j < columns]
            likeness[r, c] = 1.0 - self.distances[grid[r, c], near].mean() if near else 1.0
        _, axes = plt.subplots(figsize=(1.2 + 0.9 * columns, 1 + 0.8 * rows), layout="constrained")
        image = axes.imshow(likeness, cmap="viridis")
        labels = np.arange(grid.size) if names is None else np.asarray(names)
        middle = (likeness.min() + likeness.max()) / 2
        for r, c in np.ndindex(rows, columns):
            colour = "white" if likeness[r, c] < middle else "black"
            axes.text(c, r, str(labels[grid[r, c]]), ha="center", va="center", fontsize=8, color=colour)
        axes.set(xticks=[], yticks=[], title="traffic box")
        axes.figure.colorbar(image, ax=axes, label="mean correlation with the neighbours")
        return axes
