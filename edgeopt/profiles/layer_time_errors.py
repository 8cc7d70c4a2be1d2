"""How well layer times can be predicted: the paper's linear forms against gradient boosting, on rows held out.

With the number of feature maps, Table 4.1 gives a convolution no spatial size: the same filters on a 7 x 7 and on a 224
x 224 image get the same time. A linear form in MACs and sizes mends that much, but follows no caches, vector widths or
dispatch costs. Trees on the logarithm of the time do, where there are measurements enough; the few dozen layers of a
user's own device cannot train them. The study says what each brings on the published measurements, kind by kind.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..model.errors import ExtraNotInstalledError, InvalidProblemError
from ..model.records import number, require
from .device import DeviceModel
from .relative_errors import determination, goodness

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

SHARE = 0.2
"""Part of the rows that is held out."""

FEATURES = ("input_bits", "output_bits", "macs", "kernel", "stride", "in_channels", "out_channels", "input_size")
"""What the trees may look at."""

WORK = ("macs", "input_bits", "output_bits")
"""Variables of the linear form that knows how much there is to compute."""

_LINEAR: dict[str, dict[str, Any]] = {
    "Table 4.1": {},
    "Table 4.1, relative errors": {"weighting": "relative"},
    "MACs and sizes, relative errors": {"weighting": "relative", "nonnegative": True, "work": True},
}
BOOSTED = "gradient boosting"


def layer_time_study(frame: pd.DataFrame, *, seed: int = 0, share: float = SHARE) -> pd.DataFrame:
    """Compare regressors of layer times by machine and kind, on held-out rows.

    Rows that measure the same layer on the same machine stay on one side of the split, or the trees would have seen
    what they are asked.

    Parameters
    ----------
    frame : DataFrame
        Measurements with ``machine``, ``kind``, ``seconds`` and `FEATURES`, as
        `edgeopt.data.layer_timings.read_layer_timings` returns them.
    seed : int
        Of the split and the trees.
    share : float
        Part of the layers that is held out, between 0 and 1.

    Returns
    -------
    DataFrame
        Index machine, kind, regressor (the paper's linear form by least squares, the same with relative errors, a
        linear form in MACs and sizes without negative coefficients, gradient boosting on log time); columns ``fitted``
        and ``rows`` (held out), ``median_ape``, ``mean_ape``, ``r2`` in seconds, ``r2_log`` in log seconds (without the
        floored times) and ``floored``.

    Raises
    ------
    ExtraNotInstalledError
        If scikit-learn is missing.
    InvalidProblemError
        If a column is missing, a time is not above zero, or a kind has too few layers to split.
    """
    import pandas as pd

    regressor = _boosting()
    missing = [name for name in ("machine", "kind", "seconds", *FEATURES) if name not in frame]
    if missing:
        raise InvalidProblemError(
            f"the measurements have no column {missing[0]!r}; expected those of read_layer_timings"
        )
    found: dict[tuple[str, str, str], dict[str, float]] = {}
    rng = np.random.default_rng(seed)
    for (machine, kind), group in frame.groupby(["machine", "kind"], sort=True):
        times = group["seconds"].to_numpy(np.float64)
        require(f"seconds of {machine}, {kind}", times, times > 0, "must be above 0 for a relative error")
        held = held_out(group, rng, share)
        fitted, tested = group[~held], group[held]
        for name, options in _LINEAR.items():
            found[str(machine), str(kind), name] = _linear_row(fitted, tested, str(kind), **options)
        trees = regressor(random_state=seed).fit(_features(fitted), np.log(fitted["seconds"].to_numpy(np.float64)))
        predicted = np.exp(trees.predict(_features(tested)))
        found[str(machine), str(kind), BOOSTED] = _row(fitted, tested, predicted, floored=0)
    index = pd.MultiIndex.from_tuples(list(found), names=["machine", "kind", "regressor"])
    return pd.DataFrame(list(found.values()), index=index)


def held_out(group: pd.DataFrame, rng: np.random.Generator, share: float = SHARE) -> NDArray[np.bool_]:
    """Choose rows to hold out, all rows of equal layers together.

    Parameters
    ----------
    group : DataFrame
        Rows of one machine and kind.
    rng : Generator
        Draws the layers.
    share : float
        Part of the different layers that is held out, between 0 and 1.

    Returns
    -------
    (rows,) bool

    Raises
    ------
    InvalidProblemError
        If either side would be empty.
    """
    share = number(share, "share", at_least=0.0, at_most=1.0)
    layer = group.groupby(list(FEATURES), dropna=False).ngroup().to_numpy()
    layers = int(layer.max()) + 1 if len(layer) else 0
    count = round(share * layers)
    if not 0 < count < layers:
        raise InvalidProblemError(f"share {share} of {layers} different layers leaves nothing to fit or to test")
    chosen: NDArray[np.bool_] = np.isin(layer, rng.choice(layers, count, replace=False))
    return chosen


def _linear_row(
    fitted: pd.DataFrame, tested: pd.DataFrame, kind: str, *, work: bool = False, **options: Any
) -> dict[str, float]:
    forms = {kind: WORK} if work else None
    prediction = DeviceModel.fit(fitted, forms=forms, **options).predict(tested)
    return _row(fitted, tested, prediction.seconds, int(prediction.floored.sum()))


def _row(fitted: pd.DataFrame, tested: pd.DataFrame, predicted: NDArray[np.float64], floored: int) -> dict[str, float]:
    seconds, above = tested["seconds"].to_numpy(np.float64), predicted > 0
    logarithmic = determination(np.log(seconds[above]), np.log(predicted[above]))
    return {"fitted": len(fitted), **goodness(seconds, predicted), "r2_log": logarithmic, "floored": floored}


def _features(frame: pd.DataFrame) -> NDArray[np.float64]:
    return frame[list(FEATURES)].to_numpy(np.float64)


def _boosting() -> Any:
    try:
        from sklearn.ensemble import HistGradientBoostingRegressor
    except ImportError as error:
        raise ExtraNotInstalledError("gradient boosting needs scikit-learn: pip install 'edgeopt[learn]'") from error
    return HistGradientBoostingRegressor
