"""How the constants of ``edgeopt.data.synthetic`` were fitted; run it with the 25-cell file of Milano to print them.

    python tests/data/fit_synthetic.py milano_internet_25cells_10min.csv.gz

Every step is an average or a least-squares fit, so that the test beside this file can demand the same numbers.
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
from scipy import optimize

from edgeopt.data import milano, synthetic

BURST = 4.0  # a residual of more robust standard deviations than this is an event, not noise
SHORT = 6  # events of up to an hour are bursts, longer ones surges
LAGS = np.array([1, 2, 3, 4, 6, 9, 12, 18, 24, 36, 48, 72, 108, 144])


def fit(path: str) -> dict[str, Any]:
    frame = milano.read_25_cells(path)
    # All Saints' Day, a Friday, looks like a Sunday in this set.
    free = synthetic.is_free_day(frame.index) | ((frame.index.month == 11) & (frame.index.day == 1))
    level = np.log(frame.to_numpy())
    design = np.column_stack([np.ones(len(frame)), synthetic.day_shapes(frame.index, free)])
    coefficients = np.linalg.lstsq(design, level, rcond=None)[0]
    residual = level - design @ coefficients
    spread = 1.4826 * np.median(np.abs(residual - np.median(residual, axis=0)), axis=0)
    score = (residual - np.median(residual, axis=0)) / spread
    mean_level = np.log(frame.mean().to_numpy())
    return {
        "LEVEL": (mean_level.mean(), mean_level.std()),
        "SHAPES": shapes(coefficients[1:]),
        "SPREAD": (np.log(spread).mean(), np.log(spread).std()),
        "MEMORY": memory(np.clip(score, -3, 3)),
        "NEIGHBOURS": neighbours(np.clip(score, -3, 3), frame.columns.to_numpy()),
        "EVENTS": events(score, spread),
    }


def shapes(coefficients: np.ndarray) -> np.ndarray:
    """Mean day shape over cells, and the two directions in which cells differ most (in standard deviations)."""
    mean = coefficients.mean(axis=1)
    left, singular, _ = np.linalg.svd(coefficients - mean[:, None], full_matrices=False)
    directions = left[:, :2] * singular[:2] / np.sqrt(coefficients.shape[1])
    signs = np.sign(directions[np.abs(directions).argmax(axis=0), [0, 1]])
    return np.vstack([mean, (directions * signs).T])


def memory(score: np.ndarray) -> np.ndarray:
    """Weights and time constants (slots) of two exponentials that follow the autocorrelation; the rest is white."""
    centred = score - score.mean(axis=0)
    observed = [np.mean((centred[lag:] * centred[:-lag]).mean(axis=0) / centred.var(axis=0)) for lag in LAGS]

    def misfit(parameters: np.ndarray) -> np.ndarray:
        fast, slow, fast_time, slow_time = parameters
        return fast * np.exp(-LAGS / fast_time) + slow * np.exp(-LAGS / slow_time) - observed

    return optimize.least_squares(misfit, [0.3, 0.4, 5.0, 90.0], bounds=([0, 0, 1, 10], [1, 1, 20, 400])).x


def neighbours(score: np.ndarray, squares: np.ndarray) -> np.ndarray:
    """City-wide share and reach (squares) of: correlation = share + (1 - share) exp(-(distance / reach)^2)."""
    row, column = (squares - 1) // 100, (squares - 1) % 100
    distance = np.hypot(row[:, None] - row, column[:, None] - column)
    correlation = np.corrcoef(score.T)
    pairs = np.triu_indices(len(squares), 1)

    def misfit(parameters: np.ndarray) -> np.ndarray:
        share, reach = parameters
        return share + (1 - share) * np.exp(-((distance[pairs] / reach) ** 2)) - correlation[pairs]

    return optimize.least_squares(misfit, [0.1, 1.2]).x


def events(score: np.ndarray, spread: np.ndarray) -> dict[str, Any]:
    """Rates per cell and day, mean durations in slots, and mean and spread of the logarithm of the heights.

    A height is the largest residual of the event: 0.7 doubles the traffic.
    """
    found = [
        (slots, np.log(height * scale), sign)
        for cell, scale in zip(score.T, spread, strict=True)
        for sign in (1, -1)
        for slots, height in runs(sign * cell)
    ]
    days = score.shape[1] * len(score) / 144
    short = [event for event in found if event[0] <= SHORT]
    # Only rises count as surges: the long dips of this set are the holidays of two office squares.
    long = [event for event in found if event[0] > SHORT and event[2] > 0]
    return {
        "burst_rate": len(short) / days,
        "burst_slots": np.mean([slots for slots, _, _ in short]),
        "burst_height": (np.mean([height for _, height, _ in short]), np.std([height for _, height, _ in short])),
        "burst_rising": np.mean([sign > 0 for _, _, sign in short]),
        "surge_rate": len(long) / days,
        "surge_slots": np.mean([slots for slots, _, _ in long]),
        "surge_height": (np.mean([height for _, height, _ in long]), np.std([height for _, height, _ in long])),
    }


def runs(score: np.ndarray) -> list[tuple[int, float]]:
    """Durations and peaks of the stretches above the threshold."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], score > BURST, [0]])))
    return [(int(end - start), float(score[start:end].max())) for start, end in edges.reshape(-1, 2)]


if __name__ == "__main__":
    with np.printoptions(precision=3, suppress=True, linewidth=110):
        for name, value in fit(sys.argv[1]).items():
            sys.stdout.write(f"{name} = {value!r}\n")
