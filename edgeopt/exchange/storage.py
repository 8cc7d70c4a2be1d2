"""``save`` and ``load``: a JSON head that anyone can read, with the arrays in an npz file beside it.

Never pickle: a stored file is data, and loading one runs the same validation as building the object by hand. The head
names its arrays file by content hash and is renamed into place last, so a reader sees the old pair or the new pair, and
never half of one. A head written by hand may hold plain lists where ``save`` would refer to an array.
"""

from __future__ import annotations

import hashlib
import importlib
import io
import json
import math
import pkgutil
import re
from dataclasses import dataclass, fields, is_dataclass, replace
from enum import Enum
from numbers import Real
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import sparse

from ..model.errors import DataFormatError, EdgeOptError
from ..model.records import Record
from .file_limits import check_zip, read
from .trust import chosen, import_trusted, own_module
from .writing import alone_in, part_of, remove_others, replace_files
from .writing import write_atomically as write_atomically

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

FORMAT = 1
_LARGEST = 10**300
"""Size of whole numbers that are stored; larger ones are no float64."""
_SKIPPED = {"Solution": ("problem",), "Explanation": ("members",)}
_OPTIONAL = {"Program": ("squares",), "LinearDual": ("square_dual",)}
"""Fields that are left out where they are None: files and fingerprints of linear programs are older than they are."""


def save(record: Any, path: str | Path) -> None:
    """Write a problem, program, decision, certificate or solution to `path` (JSON) and its arrays beside it (npz).

    The arrays file is called ``NAME.HASH.npz`` after its content; without arrays there is none. A solution is stored
    without its problem (save that on its own) but names it by its fingerprint, which ``verify`` compares.

    Raises
    ------
    DataFormatError
        If `record` holds something that cannot be stored.
    """
    if not isinstance(record, Record) or not is_dataclass(record):
        raise _not_saved(record)
    path = Path(path)
    if (problem := getattr(record, "problem", None)) is not None and hasattr(record, "problem_fingerprint"):
        record = replace(record, problem_fingerprint=fingerprint(problem))
    fields_of, arrays = content(record)
    head = {"edgeopt": FORMAT, "arrays": None, **fields_of}
    packed = io.BytesIO()
    if arrays:
        np.savez(packed, **arrays)
        head["sha256"] = hashlib.sha256(packed.getbuffer()).hexdigest()
        # A name of its own for every content: the arrays of the old head are never written over.
        head["arrays"] = f"{path.name}.{head['sha256'][:16]}.npz"
    _write_pair(path, json.dumps(head, indent=1, allow_nan=False).encode(), head["arrays"], packed.getvalue())


def _not_saved(record: Any) -> DataFormatError:
    """Return the error that says what can be saved, and how to save a model of another package or a list."""
    from .packages.foreign import reading_of  # which reads fingerprints here

    remedy = "expected a problem, decision or solution"
    if (reading := reading_of(record)) is not None:
        remedy = f"call eo.save({reading}, path)"
    elif isinstance(record, (list, tuple)):
        remedy = "call eo.save for each entry, with a path of its own"
    return DataFormatError(f"a {type(record).__name__} cannot be saved; {remedy}")


def _write_pair(path: Path, head: bytes, name: str | None, arrays: bytes) -> None:
    """Write the arrays and the head, then remove what no head refers to any more."""
    files = [(path, part_of(path), head)]
    if name is not None:
        files.insert(0, (path.with_name(name), path.with_name(f".{path.name}.npz.part"), arrays))
    with alone_in(path.parent) as alone:
        used = any(file.exists() for file in (path, part_of(path)))  # before, or by a writer that was killed
        before = _arrays_file(path)
        try:
            replace_files(files, alone)
        except BaseException:
            _discard(None if name is None else files[0][0], unless=before)
            raise
        _discard(before, unless=files[0][0])
        if alone and used:
            remove_others(path, rf"{re.escape(path.name)}\.[0-9a-f]{{16}}\.npz", keep=name)


def content(record: Any) -> tuple[dict[str, Any], dict[str, np.ndarray[Any, Any]]]:
    """Return what :func:`save` would write of `record`: the head, and the arrays that it refers to."""
    arrays: dict[str, np.ndarray[Any, Any]] = {}
    return _encode(record, arrays, ""), arrays


def fingerprint(record: Any) -> str:
    """Return a hash of everything that `record` holds; it depends on no file, time or machine."""
    head, arrays = content(record)
    head = _without_modules(head)
    digest = hashlib.sha256(json.dumps(head, sort_keys=True).encode())
    for name in sorted(arrays):
        array = np.ascontiguousarray(arrays[name])
        # Integers are 32 or 64 bits wide as a platform likes; their values are what counts.
        array = array.astype("<i8" if array.dtype.kind in "iu" else array.dtype.newbyteorder("<"))
        digest.update(f"{name}{array.dtype.str}{array.shape}".encode() + array.tobytes())
    return digest.hexdigest()[:16]


@dataclass(frozen=True)
class _Source:
    """The file that is read, and the modules that it may ask to import."""

    path: Path
    trust: tuple[str, ...]

    def __str__(self) -> str:
        return str(self.path)


def _without_modules(head: Any) -> Any:
    """Return a head without the places of its classes: a script and a module may hold the same one."""
    if isinstance(head, list):
        return [_without_modules(part) for part in head]
    if not isinstance(head, dict):
        return head
    return {key: _without_modules(part) for key, part in head.items() if key != "module" or "type" not in head}


def load(path: str | Path, *, trust: Iterable[str] = ()) -> Any:
    """Read what :func:`save` wrote, or a head written by hand; everything is validated anew.

    Parameters
    ----------
    trust : iterable of str
        Modules that may be imported where the file holds a class of theirs: a formulation of your own, say. Those that
        are imported already, and those that an installed package names in the group ``edgeopt.formulations``, need not
        be listed.

    Raises
    ------
    DataFormatError
        If a file is missing, damaged, of a newer format, or does not describe a known kind of object.
    InvalidProblemError
        If the data themselves are not valid.
    """
    path = Path(path)
    head, arrays = _read_pair(path)
    try:
        return _decode(head, arrays, _Source(path, tuple(trust)))
    except RecursionError as error:
        raise DataFormatError(f"{path}: nested too deeply") from error


def _discard(file: Path | None, *, unless: Path | None) -> None:
    if file is not None and file != unless:
        file.unlink(missing_ok=True)


def _arrays_file(path: Path) -> Path | None:
    """Arrays file of the head that `path` holds now, if it is one of ours."""
    try:
        name = str(_read_head(path).get("arrays"))
    except DataFormatError:
        return None
    return path.with_name(name) if _is_own_name(path, name) else None


def _is_own_name(path: Path, name: str) -> bool:
    return name.startswith(f"{path.name}.") and name.endswith(".npz") and not set(name) & set("/\\\0")


def _encode(value: Any, arrays: dict[str, np.ndarray[Any, Any]], key: str) -> Any:
    if isinstance(value, Record) and is_dataclass(value):
        kind = type(value).__name__
        kept = [f.name for f in fields(value) if f.init and f.name not in _SKIPPED.get(kind, ())]
        kept = [n for n in kept if n not in _OPTIONAL.get(kind, ()) or getattr(value, n) is not None]
        module = own_module(type(value))
        head = {"type": kind} if module is None else {"type": kind, "module": module}
        return {**head, **{name: _encode(getattr(value, name), arrays, f"{key}.{name}") for name in kept}}
    if isinstance(value, np.ndarray):
        if value.dtype.hasobject:
            raise DataFormatError(f"{key.lstrip('.')} holds {value.dtype} values, which cannot be stored")
        arrays[key.lstrip(".")] = value
        return {"array": key.lstrip(".")}
    if sparse.issparse(value):
        csc: Any = sparse.csc_array(value)  # type: ignore[call-overload]
        parts = {name: _encode(getattr(csc, name), arrays, f"{key}.{name}") for name in ("data", "indices", "indptr")}
        return {"sparse": list(csc.shape), **parts}
    return _encode_plain(value, arrays, key)


def _encode_plain(value: Any, arrays: dict[str, np.ndarray[Any, Any]], key: str) -> Any:
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return {"float": repr(value)}
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, dict):
        return {"mapping": {str(k): _encode(v, arrays, f"{key}.{k}") for k, v in value.items()}}
    if isinstance(value, (list, tuple)):
        return [_encode(v, arrays, f"{key}.{i}") for i, v in enumerate(value)]
    raise DataFormatError(f"{key.lstrip('.')} is a {type(value).__name__}, which cannot be stored")


def _read_pair(path: Path) -> tuple[dict[str, Any], Mapping[str, Any]]:
    """Read a head and its arrays; once more where a writer has replaced both in between."""
    while True:
        head = _read_head(path)
        if (name := head.get("arrays")) is None:
            return head, {}
        try:
            return head, _read_arrays(path, name, head.get("sha256"))
        except DataFormatError:
            if _read_head(path).get("arrays") == name:
                raise


def _read_head(path: Path) -> dict[str, Any]:
    raw = read(path)
    try:
        head = json.loads(raw.decode("utf-8"))
    except json.JSONDecodeError as error:
        raise DataFormatError(f"{path}, line {error.lineno}: {error.msg}; expected JSON") from error
    except (UnicodeDecodeError, RecursionError, ValueError) as error:
        raise DataFormatError(f"{path} is not JSON text: {error}") from error
    try:
        json.dumps(head, ensure_ascii=False).encode()
    except (UnicodeEncodeError, RecursionError, ValueError) as error:
        raise DataFormatError(f"{path} holds text that is no Unicode: {error}") from error
    if not isinstance(head, dict) or "edgeopt" not in head or "type" not in head:
        raise DataFormatError(f'{path} is no edgeopt file; expected {{"edgeopt": {FORMAT}, "type": …}}')
    if head["edgeopt"] != FORMAT:
        raise DataFormatError(f"{path} has format {head['edgeopt']!r}; this edgeopt reads format {FORMAT}")
    return head


def _read_arrays(path: Path, name: Any, digest: Any) -> Mapping[str, Any]:
    if not isinstance(name, str) or not _is_own_name(path, name):
        raise DataFormatError(f"{path} refers to arrays {name!r}; expected a file {path.name}.*.npz beside it")
    file = path.with_name(name)
    content = read(file, f"{file}, the arrays of {path},")
    if hashlib.sha256(content).hexdigest() != digest:
        raise DataFormatError(f"{file} is not the file that {path} was saved with (its checksum differs)")
    check_zip(file)
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as archive:
            return {key: archive[key] for key in archive.files}
    except Exception as error:  # zipfile raises a dozen kinds of errors for damaged archives
        raise DataFormatError(f"{file} is no npz archive of plain arrays: {error}") from error


def _decode(value: Any, arrays: Mapping[str, Any], path: _Source) -> Any:
    if isinstance(value, list):
        return [_decode(item, arrays, path) for item in value]
    if not isinstance(value, dict):
        return value
    if "type" in value:
        return _decode_record(value, arrays, path)
    if "array" in value:
        if not isinstance(value["array"], str) or value["array"] not in arrays:
            raise DataFormatError(f"{path} refers to an array {value['array']!r} that its npz file lacks")
        return arrays[value["array"]]
    if "sparse" in value:
        parts = [_decode(value.get(name), arrays, path) for name in ("data", "indices", "indptr")]
        try:
            matrix = sparse.csc_array(tuple(parts), shape=tuple(value["sparse"]))
            matrix.check_format(full_check=True)
        except (TypeError, ValueError, IndexError, OverflowError) as error:
            raise DataFormatError(f"{path} holds a damaged sparse matrix: {error}") from error
        return matrix
    return _decode_mapping(value, arrays, path)


def _decode_mapping(value: dict[str, Any], arrays: Mapping[str, Any], path: _Source) -> Any:
    if value.get("float") in ("inf", "-inf", "nan"):
        return float(value["float"])
    if isinstance(value.get("mapping"), dict):
        return {key: _decode(item, arrays, path) for key, item in value["mapping"].items()}
    raise DataFormatError(f"{path} holds an entry that is no edgeopt value: {str(value)[:80]}")


def _decode_record(value: dict[str, Any], arrays: Mapping[str, Any], path: _Source) -> Any:
    kind, found = value["type"], _class_of(value, path)
    names = {f.name for f in fields(found) if f.init} - set(_SKIPPED.get(kind, ()))
    given = {key: item for key, item in value.items() if key not in ("edgeopt", "type", "module", "arrays", "sha256")}
    if unknown := sorted(set(given) - names):
        raise DataFormatError(f"{path}: {kind} has no field {unknown[0]!r}; its fields: {', '.join(sorted(names))}")
    decoded = {key: _decode(item, arrays, path) for key, item in given.items()}
    if kind == "Solution":
        _check_solution(decoded, path)
        decoded["status"] = _status(decoded.get("status"), path)
    try:
        return found(**decoded)
    except EdgeOptError:
        raise
    except (TypeError, ValueError, AttributeError, OverflowError, MemoryError) as error:
        raise DataFormatError(f"{path}: {kind} cannot be built from these fields: {error}") from error


def _check_solution(decoded: dict[str, Any], path: _Source) -> None:
    expected: dict[type, tuple[str, ...]] = {
        Real: ("objective", "bound", "gap", "claimed_bound", "wall_time", "verify_time", "seed"),
        dict: ("options", "statistics"),
        str: ("message", "solver", "solver_version", "problem_fingerprint"),
    }
    for kind, names in expected.items():
        for name in names:
            value = decoded.get(name)
            optional = name in ("objective", "bound", "gap", "claimed_bound")
            absent = value is None and (name not in decoded or optional)
            batched = optional and isinstance(value, np.ndarray) and value.ndim == 1 and value.dtype.kind == "f"
            if isinstance(value, int) and not isinstance(value, bool) and abs(value) > _LARGEST:
                raise DataFormatError(
                    f"{path}: {name} of the solution has {len(str(abs(value)))} digits; expected a number"
                )
            if not (absent or batched) and (not isinstance(value, kind) or isinstance(value, bool)):
                raise DataFormatError(
                    f"{path}: {name} of the solution is {value!r}; expected a {kind.__name__.lower()}"
                )
    if not isinstance(proved := decoded.get("proved", False), bool):
        raise DataFormatError(f"{path}: proved of the solution is {proved!r}; expected true or false")


def _status(value: Any, path: _Source) -> Any:
    from ..model.outcome import Status

    try:
        return Status(value)
    except ValueError as error:
        raise DataFormatError(f"{path}: status is {value!r}; expected one of {', '.join(Status)}") from error


def _class_of(value: dict[str, Any], path: _Source) -> Any:
    """Return the class that a record of a file is of; its module is imported if that is allowed."""
    kind, module = value["type"], value.get("module")
    known = _record_types()
    if isinstance(kind, str) and (module is None or isinstance(module, str)):
        if (found := chosen(known.get(kind, []), module)) is not None:
            return found
        if module is not None:
            import_trusted(kind, module, path.trust, path)
            if (found := chosen(_record_types().get(kind, []), module)) is not None:
                return found
            raise DataFormatError(f"{path} holds a {kind!r}, which the module {module!r} does not have")
    own = sorted(name for name, kinds in known.items() if chosen(kinds, None) is not None)
    raise DataFormatError(f"{path} holds a {kind!r}; known types: {', '.join(own)}")


def _record_types() -> dict[str, list[type[Any]]]:
    """Every record class by name, in the order of their making; importing the formulations first makes them known."""
    from .. import formulations

    for module in pkgutil.iter_modules(formulations.__path__):
        importlib.import_module(f"{formulations.__name__}.{module.name}")
    from ..algebra import decision  # noqa: F401
    from ..model import certificate, solution  # noqa: F401

    found: dict[str, list[type[Any]]] = {}
    queue: list[type[Any]] = [Record]
    while queue:
        kind = queue.pop()
        queue += kind.__subclasses__()
        if is_dataclass(kind):
            found.setdefault(kind.__name__, []).append(kind)
    return found
