"""Programs to and from model files: names, sense, offset and every bit of every number are kept.

A file appears whole or not at all.
"""

from __future__ import annotations

import gzip
import warnings
import zlib
from pathlib import Path
from typing import TYPE_CHECKING

from ..model.errors import DataFormatError, InvalidOptionError, InvalidProblemError, ModelFileWarning
from .file_limits import gunzip, read
from .modelfiles import lp_reader, lp_writer, mof_reader, mof_writer, mps_reader, mps_writer
from .storage import write_atomically

if TYPE_CHECKING:
    from ..model.program import Program

_FORMATS = {
    ".mps": (mps_reader.parse, mps_writer.spell),
    ".lp": (lp_reader.parse, lp_writer.spell),
    ".mof.json": (mof_reader.parse, mof_writer.spell),
}
_ENDINGS = "expected .mps, .lp or .mof.json"


def read_program(path: str | Path) -> Program:
    """Read an MPS, LP or MathOptFormat file (``.mps``, ``.lp``, ``.mof.json``, each with ``.gz`` behind it or not).

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
    ending = _ending(path, DataFormatError)
    return _parsed(_text(path), ending, str(path))


def read_program_string(text: str, format: str) -> Program:
    """Read what a model file holds, in one of the formats ``"lp"``, ``"mps"`` and ``"mof.json"``.

    Raises
    ------
    InvalidOptionError
        If there is no such format.
    DataFormatError
        As for a file; messages call it "the text".
    """
    if not isinstance(text, str):
        raise DataFormatError(f"the text is a {type(text).__name__}; expected a str (decode bytes first)")
    if (ending := f".{format}".lower()) not in _FORMATS:
        known = " or ".join(repr(ending[1:]) for ending in _FORMATS)
        raise InvalidOptionError(f"format is {format!r}; expected {known}")
    return _parsed(text, ending, "the text")


def _parsed(text: str, ending: str, place: str) -> Program:
    parse, _ = _FORMATS[ending]
    program, remarks = parse(text, place)
    for remark in remarks:
        warnings.warn(remark, ModelFileWarning, stacklevel=4)  # the caller of Program.read or read_string
    return program


def write_program(program: Program, path: str | Path) -> None:
    """Write `program` as free MPS (``.mps``), LP (``.lp``) or MathOptFormat (``.mof.json``), each with ``.gz`` or not.

    HiGHS, SCIP, GLPK and CBC read the same program from MPS and LP. Names at which one of them stumbles are replaced, a
    range of LP is two rows, the offset is the cost of a column fixed at 1, and MPS, in which not all of them can
    maximise, holds the negative of a maximum. Comments in the file say so, and reading gives back the original.
    MathOptFormat needs none of that.

    Raises
    ------
    UnsupportedPairError
        If the objective has squares.
    InvalidProblemError
        If the ending is unknown, or a number is one that the format cannot hold.
    DataFormatError
        If the file cannot be written there.
    """
    path = Path(path)
    program.require_linear("a model file of edgeopt")
    _, spell = _FORMATS[_ending(path, InvalidProblemError)]
    content = "".join(f"{line}\n" for line in spell(program)).encode()
    # Without its time stamp the archive depends on the program alone.
    write_atomically(path, gzip.compress(content, mtime=0) if path.suffix.lower() == ".gz" else content)


def _ending(path: Path, error: type[Exception]) -> str:
    name = path.name.lower().removesuffix(".gz")
    for ending in _FORMATS:
        if name.endswith(ending) and name != ending:
            return ending
    found = Path(name).suffix or "nothing"
    raise error(f"{path} ends in {found!r}; {_ENDINGS} (or one of them with .gz behind it)")


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
