"""Programs to and from model files, and into the modelling languages that their users know.

``read_program`` and ``write_program`` keep names, sense, offset and every bit of every number; a file appears whole or
not at all. ``to_pyomo`` and ``to_cvxpy`` give real, named models that their users can edit and solve in their own way.
"""

from __future__ import annotations

import gzip
import warnings
import zlib
from pathlib import Path
from typing import TYPE_CHECKING

from ..model.errors import DataFormatError, InvalidProblemError, ModelFileWarning
from .file_limits import gunzip, read
from .modelfiles import lp_reader, lp_writer, mps_reader, mps_writer
from .storage import write_atomically

if TYPE_CHECKING:
    from ..model.program import Program

_FORMATS = {".mps": (mps_reader.parse, mps_writer.spell), ".lp": (lp_reader.parse, lp_writer.spell)}


def read_program(path: str | Path) -> Program:
    """Read an MPS or LP file (``.mps``, ``.lp``, either with ``.gz`` behind it).

    Where readers take a file in two ways, a warning says which one this is: a second set of bounds or right-hand sides
    in MPS does not count, PuLP's comment ``*SENSE:Maximize`` does, a column of LP may stand in the bounds alone.

    Warns
    -----
    ModelFileWarning
        If the file can be read in two ways.

    Raises
    ------
    DataFormatError
        If the file is missing or malformed (with its line where there is one), or holds what a mixed-integer linear
        program cannot: quadratic terms, semi-continuous columns, special ordered sets.
    """
    path = Path(path)
    parse, _ = _FORMATS[_ending(path, DataFormatError)]
    program, remarks = parse(_text(path), str(path))
    for remark in remarks:
        warnings.warn(remark, ModelFileWarning, stacklevel=3)
    return program


def write_program(program: Program, path: str | Path) -> None:
    """Write `program` as free MPS (``.mps``) or LP (``.lp``), either with ``.gz`` behind it.

    HiGHS, SCIP, GLPK and CBC read the same program from it. Names at which one of them stumbles are replaced, a range
    of LP is two rows, the offset is the cost of a column fixed at 1, and MPS, in which not all of them can maximise,
    holds the negative of a maximum. Comments in the file say so, and reading gives back the original.

    Raises
    ------
    InvalidProblemError
        If the ending is unknown, or a number is one that the format cannot hold.
    DataFormatError
        If the file cannot be written there.
    """
    path = Path(path)
    _, spell = _FORMATS[_ending(path, InvalidProblemError)]
    content = "".join(f"{line}\n" for line in spell(program)).encode()
    # Without its time stamp the archive depends on the program alone.
    write_atomically(path, gzip.compress(content, mtime=0) if path.suffix.lower() == ".gz" else content)


def _ending(path: Path, error: type[Exception]) -> str:
    endings = [ending.lower() for ending in path.suffixes] or [""]
    ending = endings[-2] if endings[-1] == ".gz" and len(endings) > 1 else endings[-1]
    if ending not in _FORMATS:
        raise error(f"{path} ends in {ending or 'nothing'!r}; expected .mps or .lp (or either with .gz behind it)")
    return ending


def _text(path: Path) -> str:
    try:
        raw = read(path)
        raw = gunzip(path, raw) if path.suffix.lower() == ".gz" else raw
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise DataFormatError(f"{path}, line {line}: no UTF-8 text; expected a model file, saved as UTF-8") from error
    except (EOFError, zlib.error) as error:
        raise DataFormatError(f"{path} is no whole gzip file ({error}); fetch or compress it again") from error
