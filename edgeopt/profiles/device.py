r"""How long a layer takes on a device: one linear regression for each kind of layer.

A network has few kinds of layers, and within a kind the time grows with a few sizes that the architecture already
tells: Li et al. (2018, Edgent) and after them Zuo (2024, Tables 4.1 and 4.2) regress it on the input and output sizes,
and for a convolution on the number of input feature maps and :math:`(K / S)^2 \cdot N \cdot C` (kernel, stride,
filters, channels of a filter). Nothing is run to predict: a table of layers is enough.

The variables are columns of a table of layers, except two: ``feature_maps``, the number of a convolution's input
feature maps, and ``filter_size``, its :math:`(K / S)^2 N C`. Sizes are in bits and times in seconds here.

A linear form knows no physics. Table 4.2 has negative intercepts and slopes, so small layers would end before they
begin; `DeviceModel.predict` floors such a time at zero and says for which layers it did.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np

from ..exchange.storage import load, save
from ..model.cached import cached_property
from ..model.errors import DataFormatError, InvalidOptionError, InvalidProblemError
from ..model.records import Record, assign, number, read_only
from .layer_regression import LayerRegression, published
from .layer_variables import column, frame_of, measured_seconds, names_of, variables_of
from .relative_errors import goodness

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

logger = logging.getLogger(__name__)

Device = Literal["mobile", "edge"]
Weighting = Literal["absolute", "relative"]

FORMS: Mapping[str, tuple[str, ...]] = {
    "conv": ("feature_maps", "filter_size"),
    "depthwise_conv": ("feature_maps", "filter_size"),
    "linear": ("input_bits", "output_bits"),
    "pooling": ("input_bits", "output_bits"),
    "maxpool": ("input_bits", "output_bits"),
    "avgpool": ("input_bits", "output_bits"),
}
"""Variables of each kind (Zuo 2024, Table 4.1); every other kind is regressed on ``input_bits`` alone."""

SUBSTITUTES: Mapping[str, str] = {
    **dict.fromkeys(("activation", "relu6", "gelu", "silu", "sigmoid", "tanh", "hardswish", "softmax"), "relu"),
    **dict.fromkeys(("maxpool", "avgpool"), "pooling"),
    "batchnorm": "lrn",
    "depthwise_conv": "conv",
}
"""Which kind stands in for one that a model has no regression of, unless the user says otherwise.

An activation passes over its input once as ReLU does, batch normalisation as local response normalisation does; a
depthwise convolution is a convolution whose filters have one channel. Addition, concatenation, attention and layer
normalisation have no relative in Table 4.2: they need a word from the user.
"""

FREE = frozenset({"flatten", "reshape", "identity", "input", "output"})
"""Kinds that move no data and take no time."""


@dataclass(frozen=True, eq=False)
class Prediction(Record):
    """Times of layers, and how far to believe them.

    Attributes
    ----------
    names : tuple of str
        The layers, in the order of the table.
    seconds : (layers,) float
        Never negative.
    floored : (layers,) bool
        Whether the regression gave a negative time, which was set to zero.
    extrapolated : (layers,) bool
        Whether a variable lies outside the values that the regression was fitted to. False where that range is not
        known: the paper does not give it for Table 4.2.
    """

    names: tuple[str, ...]
    seconds: NDArray[np.float64]
    floored: NDArray[np.bool_]
    extrapolated: NDArray[np.bool_]

    def __post_init__(self) -> None:
        for array in (self.seconds, self.floored, self.extrapolated):
            read_only(array)

    @cached_property
    def total(self) -> float:
        """Seconds of all layers together."""
        return float(self.seconds.sum())

    @property
    def floored_names(self) -> tuple[str, ...]:
        """The layers whose time was floored at zero."""
        return tuple(name for name, floored in zip(self.names, self.floored, strict=True) if floored)

    def __str__(self) -> str:
        return (
            f"{self.total:.6g} s in {len(self.names)} layers; {int(self.floored.sum())} floored at zero, "
            f"{int(self.extrapolated.sum())} beyond the fitted range"
        )


@dataclass(frozen=True, eq=False)
class DeviceModel(Record):
    """Times of layers on one device, by kind (Zuo 2024, eq. 4.3).

    Attributes
    ----------
    name : str
        Which device.
    regressions : dict of str to LayerRegression
        By kind of layer.
    substitute : dict of str to str
        Kind that stands in for a kind without a regression; followed until one has a regression.
    loading, parsing : LayerRegression, optional
        Time to load the model and to parse its result, in ``model_bits``.
    source : str
        Where the coefficients come from.

    Raises
    ------
    InvalidProblemError
        If there is no regression at all, or a field is of the wrong type.

    Examples
    --------
    >>> layers = {"name": ["relu1"], "kind": ["relu"], "input_bits": [8e6]}
    >>> round(DeviceModel.table_4_2("edge").predict(layers).total, 7)
    0.0056569
    """

    name: str
    regressions: dict[str, LayerRegression]
    substitute: dict[str, str] = field(default_factory=lambda: dict(SUBSTITUTES))
    loading: LayerRegression | None = None
    parsing: LayerRegression | None = None
    source: str = ""

    def __post_init__(self) -> None:
        for name, kind in (("regressions", LayerRegression), ("substitute", str)):
            given = getattr(self, name)
            if not isinstance(given, Mapping) or not all(isinstance(item, kind) for item in given.values()):
                raise InvalidProblemError(f"{name} is {given!r}; expected a {kind.__name__} for each kind of layer")
            assign(self, **{name: dict(given)})
        if not self.regressions:
            raise InvalidProblemError("regressions is empty; expected at least one kind of layer")
        for name in ("loading", "parsing"):
            given = getattr(self, name)
            if given is not None and not (isinstance(given, LayerRegression) and given.variables == ("model_bits",)):
                raise InvalidProblemError(f"{name} is {given!r}; expected a LayerRegression in model_bits, or None")

    @classmethod
    def table_4_2(cls, device: Device, *, substitute: Mapping[str, str] | None = None) -> DeviceModel:
        """Return the paper's own coefficients (Zuo 2024, Table 4.2), in bits and seconds.

        The "amount of input feature maps" of a convolution is read as their number (the input channels), as in Edgent
        (Li et al. 2018), from which the table stems; it is not their size in bytes.

        Parameters
        ----------
        device : {"mobile", "edge"}
            Raspberry Pi 3B or the laptop that plays the edge server.
        substitute : mapping of str to str, optional
            Kinds that stand in for others, on top of `SUBSTITUTES`: ``{"add": "relu"}``.

        Raises
        ------
        InvalidOptionError
            If there is no such device.
        """
        if device not in get_args(Device):
            raise InvalidOptionError(f"device is {device!r}; Table 4.2 has {' and '.join(get_args(Device))}")
        table = {kind: published(*row) for kind, row in _TABLE_4_2[device].items()}
        extras = {name: table.pop(name, None) for name in ("loading", "parsing")}
        return cls(device, table, {**SUBSTITUTES, **(substitute or {})}, **extras, source="Zuo (2024, Table 4.2)")

    @classmethod
    def fit(
        cls,
        measurements: Any,
        *,
        name: str = "measured",
        forms: Mapping[str, tuple[str, ...]] | None = None,
        weighting: Weighting = "absolute",
        nonnegative: bool = False,
        substitute: Mapping[str, str] | None = None,
    ) -> DeviceModel:
        """Regress measured times on the variables of Table 4.1, kind by kind, by least squares.

        With fewer (or fewer different) rows of a kind than coefficients, the smallest coefficients that fit are taken.

        Parameters
        ----------
        measurements : DataFrame
            A row for each measured layer: ``name`` (optional), ``kind``, ``seconds`` and the variables' columns; what
            `edgeopt.profiles.measure.measure` and `edgeopt.data.layer_timings.read_layer_timings` return.
        name : str
            Of the device.
        forms : mapping of str to tuple of str, optional
            Variables by kind, on top of `FORMS`: any numeric column (``{"conv": ("macs",)}``), ``feature_maps`` or
            ``filter_size``.
        weighting : {"absolute", "relative"}
            Whether the squared errors in seconds are summed (the paper's), or the squared relative errors: the former
            serves the large layers, the latter all alike.
        nonnegative : bool
            Keep every coefficient and intercept at or above zero, so that no time needs a floor.
        substitute : mapping of str to str, optional
            Kinds that stand in for others, on top of `SUBSTITUTES`.

        Raises
        ------
        InvalidOptionError
            If `weighting` is unknown.
        InvalidProblemError
            If there is no row, a column is missing, or a value is negative, nan or infinite.
        """
        if weighting not in get_args(Weighting):
            raise InvalidOptionError(f"weighting is {weighting!r}; choose from {', '.join(get_args(Weighting))}")
        table = frame_of(measurements)
        kinds, seconds = column(table, "kind").astype(str), measured_seconds(table)
        if not len(kinds):
            raise InvalidProblemError("measurements has no row; expected at least one measured layer")
        regressions = {}
        for kind in dict.fromkeys(kinds.tolist()):
            rows = np.flatnonzero(kinds == kind)
            variables = {**FORMS, **(forms or {})}.get(kind, ("input_bits",))
            values = variables_of(table, variables, rows)
            regressions[kind] = LayerRegression.fit(
                variables, values, seconds[rows], relative=weighting == "relative", nonnegative=nonnegative
            )
        return cls(name, regressions, {**SUBSTITUTES, **(substitute or {})}, source=f"{len(kinds)} measured layers")

    def predict(self, layers: Any) -> Prediction:
        """Predict the time of every layer.

        Parameters
        ----------
        layers : DataFrame, mapping of columns, or LayerTable
            ``kind`` and the columns that the kind's regression needs: ``input_bits``, ``output_bits``; for a
            convolution ``in_channels``, ``out_channels``, ``kernel``, ``stride`` and (1 if absent) ``groups``.

        Returns
        -------
        Prediction
            Seconds, and which of them were floored at zero (logged as a warning) or extrapolated.

        Raises
        ------
        InvalidProblemError
            If nothing is known about a kind, a column is missing, or a value that is needed is not a finite number.
        """
        table = frame_of(layers)
        kinds, names = column(table, "kind").astype(str), names_of(table)
        seconds = np.zeros(len(kinds))
        extrapolated = np.zeros(len(kinds), dtype=bool)
        for kind in dict.fromkeys(kinds.tolist()):
            rows = np.flatnonzero(kinds == kind)
            regression = self.regression(kind, layer=names[rows[0]])
            if regression is not None:
                values = variables_of(table, regression.variables, rows)
                seconds[rows] = regression.times(values)
                extrapolated[rows] = regression.extrapolates(values)
        prediction = Prediction(names, np.maximum(seconds, 0.0), seconds < 0, extrapolated)
        if prediction.floored.any():
            shown = ", ".join(prediction.floored_names[:5]) + (", …" if prediction.floored.sum() > 5 else "")
            logger.warning("%s: %d time(s) floored at zero: %s", self.name, prediction.floored.sum(), shown)
        return prediction

    def regression(self, kind: str, *, layer: str = "") -> LayerRegression | None:
        """Return the regression that serves a kind, or None for a kind that takes no time.

        Raises
        ------
        InvalidProblemError
            If the kind is unknown to the model and nothing stands in for it; names `layer` if it is given.
        """
        seen = [kind]
        while seen[-1] not in self.regressions:
            if seen[-1] in FREE:
                return None
            following = self.substitute.get(seen[-1])
            if following is None or following in seen:
                where = f" (layer {layer})" if layer else ""
                raise InvalidProblemError(
                    f"no regression for layers of kind {' -> '.join(seen)}{where} on {self.name!r}; it has "
                    f"{', '.join(self.regressions)}. Say what stands in for it, for example "
                    f"substitute={{{kind!r}: 'relu'}}"
                )
            seen.append(following)
        return self.regressions[seen[-1]]

    def with_substitute(self, substitute: Mapping[str, str]) -> DeviceModel:
        """Return the same model with further kinds that stand in for others."""
        return replace(self, substitute={**self.substitute, **substitute})

    def loading_time(self, model_bits: float) -> float:
        """Seconds to load a model of `model_bits` bits (its parameters) into memory.

        Raises
        ------
        InvalidProblemError
            If the model has no regression of it, or the size is negative.
        """
        return self._of_model("loading", model_bits)

    def parsing_time(self, model_bits: float) -> float:
        """Seconds to parse the result of a model of `model_bits` bits; Table 4.2 has it for the mobile device only.

        Raises
        ------
        InvalidProblemError
            If the model has no regression of it, or the size is negative.
        """
        return self._of_model("parsing", model_bits)

    def residuals(self, measurements: Any) -> NDArray[np.float64]:
        """Measured minus predicted time of every row, seconds (rows,)."""
        table = frame_of(measurements)
        return measured_seconds(table) - self.predict(table).seconds

    def errors(self, measurements: Any) -> pd.DataFrame:
        """Return how well measured rows, best those held out of the fit, are predicted.

        Returns
        -------
        DataFrame
            A row for each kind: ``rows``, ``median_ape`` and ``mean_ape`` (absolute relative error, 1 = 100 %), ``r2``
            (nan for fewer than two different times) and ``floored`` (rows).

        Raises
        ------
        InvalidProblemError
            If a measured time is zero.
        """
        import pandas as pd

        table = frame_of(measurements)
        kinds, seconds, prediction = column(table, "kind").astype(str), measured_seconds(table), self.predict(table)
        found = {}
        for kind in dict.fromkeys(kinds.tolist()):
            rows = kinds == kind
            floored = {"floored": int(prediction.floored[rows].sum())}
            found[kind] = goodness(seconds[rows], prediction.seconds[rows]) | floored
        return pd.DataFrame.from_dict(found, orient="index").rename_axis("kind")

    def to_json(self, path: str | Path) -> None:
        """Write the model to `path` as JSON, whole or not at all.

        Raises
        ------
        DataFormatError
            If the file cannot be written.
        """
        save(self, path)

    @classmethod
    def from_json(cls, path: str | Path) -> DeviceModel:
        """Read what `to_json` wrote; everything is validated anew.

        Raises
        ------
        DataFormatError
            If the file is missing, damaged, or no device model.
        InvalidProblemError
            If a coefficient is no finite number.
        """
        record = load(path)
        if not isinstance(record, cls):
            raise DataFormatError(f"{path} holds a {type(record).__name__}; expected a DeviceModel")
        return record

    def _of_model(self, what: str, model_bits: float) -> float:
        regression: LayerRegression | None = getattr(self, what)
        if regression is None:
            raise InvalidProblemError(f"device model {self.name!r} has no regression of the {what} time")
        size = number(model_bits, "model_bits", at_least=0.0)
        seconds = float(regression.times(np.array([[size]]))[0])
        if seconds < 0:
            logger.warning("%s: the %s time of %g bits is floored at zero", self.name, what, size)
        return max(0.0, seconds)


# (variables, slopes per byte or per unit, intercept), all in milliseconds as printed.
_TABLE_4_2: Mapping[str, Mapping[str, tuple[tuple[str, ...], tuple[float, ...], float]]] = {
    "edge": {
        "conv": (("feature_maps", "filter_size"), (6.03e-5, 1.24e-4), 1.89e-1),
        "relu": (("input_bits",), (5.6e-6,), 5.69e-2),
        "pooling": (("input_bits", "output_bits"), (1.63e-5, 4.07e-6), 2.11e-1),
        "lrn": (("input_bits",), (6.59e-5,), 7.80e-2),
        "dropout": (("input_bits",), (5.23e-6,), 4.64e-3),
        "linear": (("input_bits", "output_bits"), (1.07e-4, -1.83e-4), 1.64e-1),
        "loading": (("model_bits",), (1.33e-6,), 2.182),
    },
    "mobile": {
        "conv": (("feature_maps", "filter_size"), (6.13e-3, 2.67e-2), -9.909),
        "relu": (("input_bits",), (1.5e-5,), 4.88e-1),
        "pooling": (("input_bits", "output_bits"), (1.33e-4, 3.31e-5), 1.657),
        "lrn": (("input_bits",), (5.19e-4,), 5.89e-1),
        "dropout": (("input_bits",), (6.59e-5,), 5.25e-2),
        "linear": (("input_bits", "output_bits"), (9.18e-4, 3.99e-3), 1.169),
        "loading": (("model_bits",), (4.49e-6,), 82.136),
        "parsing": (("model_bits",), (3.48e-6,), 4.253),
    },
}
