"""From a class body to fields: which of its annotations are arrays, positions, masks, numbers or structure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from ..model.errors import InvalidProblemError
from .fields import Array, Declared, FieldSpec, Index, Mask, _Field

_ARRAYS: dict[str, type[_Field]] = {"Array": Array, "Index": Index, "Mask": Mask}
_NUMBERS = {"float": "f", "int": "i", "bool": "b"}


@dataclass(frozen=True)
class Known:
    """One field of a formulation's class.

    Attributes
    ----------
    name : str
        Its name.
    kind : str
        ``"f"`` real numbers, ``"i"`` whole numbers, ``"b"`` booleans, ``""`` anything else, which is structure.
    spec : FieldSpec
        Its dimensions; none for a plain number.
    array : bool
        Whether it was declared by :func:`data`.
    """

    name: str
    kind: str
    spec: FieldSpec
    array: bool


def install(kind: type) -> None:
    """Put a descriptor in the place of each :func:`data` in the body of `kind`.

    Raises
    ------
    InvalidProblemError
        If a field by :func:`data` is annotated as something else.
    """
    annotations = vars(kind).get("__annotations__", {})
    for name, value in list(vars(kind).items()):
        if not isinstance(value, Declared):
            continue
        word = _word(annotations.get(name))
        if word not in _ARRAYS:
            raise InvalidProblemError(
                f"{kind.__name__}.{name} = data(...) is annotated as {word or 'nothing'}; expected eo.Array (real "
                "numbers), eo.Index (positions) or eo.Mask (booleans)"
            )
        if (word == "Index") != bool(value.spec.into) and word != "Array":
            raise InvalidProblemError(
                f"{kind.__name__}.{name}: an Index needs into='dimension', and nothing else takes it"
            )
        field = _ARRAYS[word](value.spec, value.default)
        setattr(kind, name, field)
        field.__set_name__(kind, name)


def known_fields(kind: type) -> tuple[Known, ...]:
    """Return the fields of a formulation's class, in their order."""
    found = []
    for field in fields(kind):
        place = _descriptor(kind, field.name)
        if place is not None:
            found.append(Known(field.name, place.kind, place.spec, True))
        elif field.init:
            found.append(Known(field.name, _NUMBERS.get(_word(field.type), ""), FieldSpec(()), False))
    return tuple(found)


def described(problem: Any, specs: Mapping[str, FieldSpec]) -> tuple[Known, ...]:
    """Return the fields of a dataclass that validates them itself, as the values say what kind they are.

    Parameters
    ----------
    problem : dataclass
        Its arrays are dense or sparse; numbers are Python's.
    specs : mapping
        Dimensions, unit and symbol of each array, and of numbers that have a unit; what is not listed and no number is
        structure.
    """
    found = []
    for field in fields(problem):
        value, spec = getattr(problem, field.name), specs.get(field.name, FieldSpec(()))
        if spec.dimensions and value is not None:
            found.append(Known(field.name, value.dtype.kind, spec, True))
        else:
            found.append(Known(field.name, _NUMBERS.get(type(value).__name__, ""), spec, False))
    return tuple(found)


def _descriptor(kind: type, name: str) -> _Field | None:
    for base in kind.__mro__:
        if name in vars(base):
            value = vars(base)[name]
            return value if isinstance(value, _Field) else None
    return None


def _word(annotation: Any) -> str:
    """Last word of an annotation, which may be text: ``"eo.Array"`` is ``"Array"``."""
    text = annotation if isinstance(annotation, str) else getattr(annotation, "__name__", str(annotation))
    return text.rpartition(".")[2].strip("'\" ")
