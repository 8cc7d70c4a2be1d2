"""One call of a model: its tensors, wherever they are in its arguments or its results, and other calls like it."""

from __future__ import annotations

import copy
import dataclasses
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ...model.errors import InvalidProblemError

if TYPE_CHECKING:
    import torch


def mapped(value: Any, change: Callable[[str, torch.Tensor], Any], path: str, objects: bool = False) -> Any:
    """Return a copy of nested containers with every tensor replaced by ``change(path, tensor)``, in their own order.

    Containers are lists, tuples, mappings, dataclasses and, if `objects`, attributes of any object; whatever else holds
    no tensor stays as it is.
    """
    import torch

    if isinstance(value, torch.Tensor):
        return change(path, value)
    if isinstance(value, Mapping):
        changed = {key: mapped(item, change, f"{path}[{key!r}]", objects) for key, item in value.items()}
        return changed if type(value) is dict else type(value)(changed)  # type: ignore[call-arg]
    if isinstance(value, tuple | list):
        items = [mapped(item, change, f"{path}[{index}]", objects) for index, item in enumerate(value)]
        named = isinstance(value, tuple) and hasattr(value, "_fields")
        return type(value)(*items) if named else type(value)(items)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = [field.name for field in dataclasses.fields(value) if field.init]
        changes = {name: mapped(getattr(value, name), change, f"{path}.{name}", objects) for name in fields}
        return dataclasses.replace(value, **changes)
    if objects and tensors_in(value):
        made = copy.copy(value)
        for name, item in vars(value).items():
            setattr(made, name, mapped(item, change, f"{path}.{name}", objects))
        return made
    return value


def tensors_in(value: Any) -> list[torch.Tensor]:
    """Return all tensors in a result, in the order of its containers; objects of other classes by their attributes."""
    import torch

    if isinstance(value, torch.Tensor):
        return [value]
    if isinstance(value, Mapping):
        return [tensor for item in value.values() for tensor in tensors_in(item)]
    if isinstance(value, tuple | list):
        return [tensor for item in value for tensor in tensors_in(item)]
    plain = (str, bytes, int, float, complex, type, torch.SymInt, torch.SymFloat, torch.SymBool)
    if value is None or isinstance(value, plain) or callable(value):
        return []
    return [tensor for item in getattr(value, "__dict__", {}).values() for tensor in tensors_in(item)]


@dataclass(frozen=True)
class Call:
    """Arguments of one call of a model.

    Attributes
    ----------
    args, kwargs : tuple, dict
        Positional and keyword arguments.
    names : tuple of str
        Where each tensor is, by the names of the model's own parameters: ``x``, ``batch['left']``, ``images[0]``.
    objects : bool
        Whether tensors may be attributes of objects of any class.
    """

    args: tuple[Any, ...]
    kwargs: Mapping[str, Any]
    names: tuple[str, ...]
    objects: bool = False

    @classmethod
    def of(cls, model: torch.nn.Module, example_input: Any, example_kwargs: Mapping[str, Any] | None) -> Call:
        """Return the call of `model` with an example: a tuple holds the positional arguments, else it is the only one.

        Raises
        ------
        InvalidProblemError
            If no argument holds a tensor, or one holds tensors where they cannot be found.
        """
        kwargs = dict(example_kwargs or {})
        args = example_input if isinstance(example_input, tuple) else (example_input,)
        if example_input is None and kwargs:
            args = ()
        given = dict(_argument_names(model, args, kwargs))
        names: list[str] = []
        for place, value in given.items():
            mapped(value, lambda path, _: names.append(path), place)
        places = [f"example_input[{index}]" for index in range(len(args))] + [f"example_kwargs[{k!r}]" for k in kwargs]
        for place, value in zip(places, [*args, *kwargs.values()], strict=True):
            if not _visible(value):
                raise InvalidProblemError(
                    f"{place} is a {type(value).__name__}; expected tensors in lists, tuples, dicts or dataclasses"
                )
        if not names:
            first = f"{places[0]} is a {type(args[0]).__name__}" if args else "the call is empty"
            raise InvalidProblemError(f"{first}; expected at least one tensor in a call")
        return cls(args, kwargs, tuple(names))

    @property
    def tensors(self) -> list[torch.Tensor]:
        """All tensors of the call, in the order of `names`."""
        found: list[torch.Tensor] = []
        mapped([*self.args, *self.kwargs.values()], lambda _, tensor: found.append(tensor), "", self.objects)
        return found

    def with_tensors(self, tensors: list[torch.Tensor]) -> Call:
        """Return the same call with other tensors in the same places."""
        supply = iter(tensors)
        given = [*self.args, *self.kwargs.values()]
        values = [mapped(value, lambda *_: next(supply), "", self.objects) for value in given]
        count = len(self.args)
        return Call(
            tuple(values[:count]), dict(zip(self.kwargs, values[count:], strict=True)), self.names, self.objects
        )

    def fresh(self) -> Call:
        """Return the same call with copies of its tensors: a model may change what it is given."""
        return self.with_tensors([tensor.detach().clone(memory_format=_plain(tensor)) for tensor in self.tensors])

    def __str__(self) -> str:
        shapes = [tuple(tensor.shape) for tensor in self.tensors]
        return str(shapes)


def _plain(tensor: torch.Tensor) -> torch.memory_format:
    """Return the layout of a copy: a view of a larger tensor would leave traces of it in what is captured."""
    import torch

    return torch.contiguous_format if tensor.layout == torch.strided else torch.preserve_format


def _visible(value: Any) -> bool:
    found: list[Any] = []
    mapped(value, lambda _, tensor: found.append(tensor), "")
    return len(found) == len(tensors_in(value))


def _argument_names(model: torch.nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> list[tuple[str, Any]]:
    """Name positional arguments as the model's ``forward`` does; by their number where it takes ``*args``."""
    try:
        parameters = list(inspect.signature(model.forward).parameters.values())
    except (TypeError, ValueError):
        parameters = []
    plain = [p.name for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    names = [plain[i] if i < len(plain) else f"args[{i}]" for i in range(len(args))]
    return [*zip(names, args, strict=True), *kwargs.items()]
