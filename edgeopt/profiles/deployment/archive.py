"""What the file of a part may hold: tensors and operations of torch, and nothing that is run while it is read.

``torch.export.load`` unpickles what a file marks as pickled, evaluates the text of sizes as Python by sympy, looks up
operations by any name in ``torch``, and loads compiled libraries that a file brings. A file from elsewhere can run what
it likes by each of these. Here it is read as a zip archive first, by Python's own zip and JSON; what is not one of the
few things that a part consists of is refused before torch sees it.
"""

from __future__ import annotations

import ast
import io
import json
import re
import zipfile
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

from ...model.errors import DataFormatError

DESCRIPTION = "edgeopt.json"
"""Name of the extra file that says what the part takes and gives."""

_RECORDS = re.compile(
    r"archive_format|archive_version|version|byteorder|\.data/\w+|\.format_version|\.storage_alignment"
    r"|models/model\.json|data/sample_inputs/model\.pt|data/(weights|constants)/[\w.]+|extra/edgeopt\.json"
)
_FUNCTIONS = "Symbol Integer Mul Add Pow FloorDiv CeilDiv CleanDiv Mod PythonMod Max Min ModularIndexing"
_SIZES = frozenset(_FUNCTIONS.split())
_OPERATORS = "add sub mul floordiv mod truediv neg pow getitem eq ne lt le gt ge and_ or_ not_"
_ARITHMETIC = frozenset(_OPERATORS.split())
_FILES = frozenset({"from_file", "save"})  # operations of aten that open files
_OWN = ("aten", "quantized", "prims", "higher_order")


def read_description(path: Path, namespaces: Collection[str] = ()) -> dict[str, Any]:
    """Return the description in a part's file, if torch may read the file.

    Parameters
    ----------
    path : Path
        The file.
    namespaces : collection of str
        Libraries of operations, besides torch's own, that the file may call.

    Raises
    ------
    DataFormatError
        If it is cut or damaged, is no part, or holds what would be run; says where.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            if (damaged := archive.testzip()) is not None:
                raise DataFormatError(f"{path}: {damaged} is damaged; save the part again")
            records = {name.partition("/")[2]: name for name in archive.namelist()}
            for name in records:
                if not _RECORDS.fullmatch(name):
                    raise DataFormatError(f"{path} holds {name}, which no part has; it was not loaded")
            graph, described = (_json(archive, records, f) for f in ("models/model.json", f"extra/{DESCRIPTION}"))
            _check_pickles(path, archive, records)
    except (zipfile.BadZipFile, OSError, EOFError, NotImplementedError, RuntimeError, ValueError) as error:
        if isinstance(error, DataFormatError):
            raise
        raise DataFormatError(f"{path} is no whole file of a part: {error}") from error
    except KeyError as error:
        raise DataFormatError(f"{path} is no part that edgeopt saved: it has no {error.args[0]}") from error
    for what, value in _texts(graph):
        _check_text(path, what, value, namespaces)
    if not isinstance(described, dict):
        raise DataFormatError(f"{path}: {DESCRIPTION} is a {type(described).__name__}; expected an object")
    return described | {"saved_by": str(graph.get("torch_version", "an unknown version"))}


def _json(archive: zipfile.ZipFile, records: dict[str, str], name: str) -> Any:
    return json.loads(archive.read(records[name]))


def _check_pickles(path: Path, archive: zipfile.ZipFile, records: dict[str, str]) -> None:
    """Raise unless all that is pickled are tensors: torch's restricted reader takes nothing else."""
    import torch

    pickled = ["data/sample_inputs/model.pt"]
    for kind in ("weights", "constants"):
        for entry in _json(archive, records, f"data/{kind}/model_{kind}_config.json")["config"].values():
            name = str(entry["path_name"])
            if not re.fullmatch(r"(weight|tensor)_\d+", name):
                raise DataFormatError(f"{path} holds the object {name}, whose reading may run code; it was not loaded")
            if entry["use_pickle"]:
                pickled.append(f"data/{kind}/{name}")
    for name in pickled:
        if content := archive.read(records[name]):
            try:
                torch.load(io.BytesIO(content), weights_only=True)
            except Exception as error:
                raise DataFormatError(f"{path}: {name} holds more than tensors; it was not loaded") from error


def _texts(value: Any) -> Iterator[tuple[str, str]]:
    """Yield all texts of a serialised graph that torch looks up or evaluates, and what they are."""
    stack = [value]
    while stack:
        value = stack.pop()
        if isinstance(value, dict):
            for key, item in value.items():
                if key in ("target", "as_operator", "expr_str") and isinstance(item, str):
                    yield ("expression" if key == "expr_str" else "operation"), item
                elif key == "range_constraints":
                    yield from (("symbol", name) for name in item)
                elif key == "guards_code":
                    yield from (("guard", text) for text in item)
                stack.append(item)
        elif isinstance(value, list):
            stack += value


def _check_text(path: Path, what: str, text: str, namespaces: Collection[str]) -> None:
    # What edgeopt saves has no guards.
    good = {"operation": _is_operation(text, (*_OWN, *namespaces)), "guard": False}.get(what, _is_size(text))
    if not good:
        advice = ""
        if what == "operation" and (library := re.fullmatch(r"torch\.ops\.(\w+)\.\w+\.\w+", text)):
            advice = f"; where you trust that library, load_part(…, namespaces=[{library[1]!r}])"
        raise DataFormatError(f"{path} names the {what} {text[:80]!r}, which no part has; it was not loaded{advice}")


def _is_operation(text: str, namespaces: Collection[str]) -> bool:
    parts = text.split(".")
    if len(parts) == 1:  # the name of a result or of an input
        return text.isidentifier()
    if parts[0] in ("_operator", "math"):
        return len(parts) == 2 and (parts[0] == "math" or parts[1] in _ARITHMETIC)
    if re.fullmatch(r"torch\.sym_\w+", text):
        return True
    known = parts[:2] == ["torch", "ops"] and 4 <= len(parts) <= 5 and parts[2] in namespaces
    return known and parts[3] not in _FILES and all(part.isidentifier() and "__" not in part for part in parts[3:])


def _is_size(text: str) -> bool:
    """Whether a text is a size as torch writes it: symbols, whole numbers and arithmetic, no other call."""
    try:
        tree = ast.parse(text, mode="eval")
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        return False
    arithmetic = (ast.Expression, ast.BinOp, ast.UnaryOp, ast.operator, ast.unaryop, ast.Name, ast.expr_context)
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            if not (isinstance(node.func, ast.Name) and node.func.id in _SIZES):
                return False
        elif isinstance(node, ast.Constant):
            # sympify reads a text inside a call as an expression of its own
            if isinstance(node.value, str) and not re.fullmatch(r"[A-Za-z]\w*", node.value):
                return False
        elif not isinstance(node, (*arithmetic, ast.keyword)) or isinstance(node, ast.Pow):
            return False
    return True
