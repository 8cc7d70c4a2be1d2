"""Parts as ONNX models, compared with the parts in onnxruntime before they are written."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ...exchange.writing import write_atomically
from ...model.errors import ExtraNotInstalledError, InvalidProblemError
from ..capture.comparison import difference
from ..capture.reasons import first_line
from .files import described
from .program import calls_of, exported, name_of, writes_buffers

if TYPE_CHECKING:
    import torch

    from ..partition import Part

DESCRIPTION = "edgeopt"
"""Key of the model's metadata that holds the description which a part's file has, too."""


@dataclass(frozen=True)
class OnnxNames:
    """What an ONNX model calls the ports of its part.

    Attributes
    ----------
    inputs, outputs : dict
        The model's names by the ports'. An input on which no result depends is not in the model.
    """

    inputs: dict[str, str]
    outputs: dict[str, str]


def save_onnx(part: Part, path: str | Path) -> OnnxNames:
    """Write a part as an ONNX model that takes every size that the part takes.

    Parameters
    ----------
    part : Part
        Of :func:`~edgeopt.profiles.partition.split_module`.
    path : str or Path
        Where to.

    Returns
    -------
    OnnxNames
        What the model calls the part's inputs and outputs.

    Raises
    ------
    ExtraNotInstalledError
        If onnx, onnxscript or onnxruntime are not installed.
    InvalidProblemError
        If the part takes or gives complex or bfloat16 numbers or changes a buffer, torch cannot export it, or
        onnxruntime gives something else.
    DataFormatError
        If the file cannot be written.
    """
    runtime = _runtime()
    import torch

    for port in (*part.inputs, *part.outputs):
        if port.dtype is not None and (port.dtype.is_complex or port.dtype is torch.bfloat16):
            raise InvalidProblemError(f"{port.name} is {port.dtype}, which onnxruntime does not take; cut elsewhere")
    if writes_buffers(part):
        raise InvalidProblemError(f"the part {name_of(part)} changes a buffer; an ONNX model has none: part.save")
    program = exported(part, checked=False)
    try:
        with _quiet():
            proto = torch.onnx.export(program, dynamo=True, verbose=False).model_proto  # type: ignore[union-attr]
    except Exception as error:  # whatever torch raises
        why = first_line(error.__cause__ or error)
        raise InvalidProblemError(f"the part {name_of(part)} cannot be exported to ONNX: {why}") from error
    names = _names(part, program, proto)
    proto.metadata_props.add(key=DESCRIPTION, value=json.dumps(described(part) | {"names": asdict(names)}))
    content = proto.SerializeToString()
    _compare(part, content, names, runtime)
    write_atomically(Path(path), content)
    return names


def _runtime() -> Any:
    try:
        import onnx  # noqa: F401
        import onnxruntime
        import onnxscript  # noqa: F401
    except ImportError as error:
        raise ExtraNotInstalledError(f"ONNX needs {error.name}: pip install 'edgeopt[onnx]'") from error
    return onnxruntime


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep back the steps of the export, which torch and onnxscript write as warnings."""
    import warnings

    level = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(level)


def _names(part: Part, program: torch.export.ExportedProgram, proto: Any) -> OnnxNames:
    """Match ports with the model's inputs and outputs: inputs by name, for those without use are gone."""
    given = {value.name for value in proto.graph.input}
    called = zip(part.inputs, program.graph_signature.user_inputs, strict=True)
    inputs = {port.name: str(name) for port, name in called if str(name) in given}
    if missing := given - set(inputs.values()):
        raise InvalidProblemError(f"the ONNX model takes {sorted(missing)}, which the part does not know")
    outputs = [value.name for value in proto.graph.output]
    if len(outputs) != len(part.outputs):
        raise InvalidProblemError(f"the ONNX model gives {len(outputs)} tensors; the part gives {len(part.outputs)}")
    # The results of a graph have an order, which the exporter keeps; their names it may change.
    return OnnxNames(inputs, {port.name: name for port, name in zip(part.outputs, outputs, strict=True)})


def _compare(part: Part, content: bytes, names: OnnxNames, runtime: Any) -> None:
    import torch

    from ..capture.state import at_rest

    options = runtime.SessionOptions()
    options.log_severity_level = 3
    try:
        session = runtime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's own classes derive from Exception
        raise InvalidProblemError(f"onnxruntime does not take the part {name_of(part)}: {error}") from error
    for given in calls_of(part):
        with at_rest():
            theirs = part.module(*given)
        feed = {
            names.inputs[port.name]: value.numpy() if isinstance(value, torch.Tensor) else np.array(value)
            for port, value in zip(part.inputs, given, strict=True)
            if port.name in names.inputs
        }
        found = session.run(None, feed)
        for port, a, b in zip(part.outputs, found, theirs if len(part.outputs) > 1 else (theirs,), strict=True):
            gap = difference(torch.from_numpy(np.array(a)), torch.as_tensor(b))
            if gap is not None:
                raise InvalidProblemError(f"the ONNX model of {name_of(part)} differs: {port.name} by {gap}")
