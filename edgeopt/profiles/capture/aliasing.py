"""Which tensors of a graph may be one and the same in memory, and where writing in place may become a new tensor.

An operation in place (``y.relu_()``) is the same as one that gives a new tensor (``z = y.relu()``) if whoever reads
`y` afterwards reads `z`. That holds unless another view of the same memory is read afterwards, or the memory is that
of an input, a parameter or a buffer.
"""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

from .names import operator_name

if TYPE_CHECKING:
    from torch import fx

_ALIASES = frozenset({"aten::alias", "aten::detach", "aten::detach_", "aten::lift_fresh_copy", "aten::lift_fresh"})
_DROPOUT = "dropout dropout_ feature_dropout feature_dropout_ alpha_dropout alpha_dropout_ feature_alpha_dropout"
_DROPOUTS = frozenset(f"aten::{name}" for name in _DROPOUT.split())
_CONVERSIONS = frozenset({"aten::to", "aten::type_as"})
_MOVING = (
    "reshape flatten ravel unflatten contiguous chunk tensor_split hsplit vsplit dsplit narrow movedim moveaxis "
    "swapaxes swapdims numpy_T matrix_H mT mH reshape_as view_as expand_as squeeze expand view split split_with_sizes"
)
_MOVES = frozenset(f"aten::{name}" for name in _MOVING.split())
_MAKING = (
    "linear matmul conv1d conv2d conv3d batch_norm layer_norm group_norm lstm gru rnn_tanh rnn_relu lstm_cell gru_cell "
    "max_pool1d max_pool2d max_pool3d softmax log_softmax pad bilinear cdist native_batch_norm "
    "upsample_nearest2d upsample_bilinear2d relu6 scaled_dot_product_attention"
)
_MAKES_NEW = frozenset(f"aten::{name}" for name in _MAKING.split())
"""Composite operations that never give an argument itself; of others that is not known."""


def arguments(node: fx.Node) -> dict[str, Any]:
    """Return the arguments of a node by the names of torch's schema, those left out by their defaults."""
    schema = node.target._schema.arguments  # type: ignore[union-attr]
    given = {argument.name: argument.default_value for argument in schema if argument.has_default_value()}
    return given | {argument.name: value for argument, value in zip(schema, node.args, strict=False)} | node.kwargs


def gives_argument(node: fx.Node) -> bool:
    """Whether a node gives its first argument as it is: an alias, dropout that is off, ``to`` of the same type."""
    import torch

    name = operator_name(node)
    if name in _DROPOUTS:
        return arguments(node)["train"] is False
    if not is_conversion(node):
        return name in _ALIASES
    given = arguments(node)
    before, after = node.args[0].meta.get("val"), node.meta.get("val")  # type: ignore[union-attr]
    if before is None or after is None or given.get("copy"):
        return False
    same = all(getattr(before, key) == getattr(after, key) for key in ("dtype", "device", "layout"))
    return same and given.get("memory_format") in (None, torch.preserve_format)


def is_copied_dropout(node: fx.Node) -> bool:
    """Whether a node is a dropout that is off and stays in the graph as a copy: a layer that people list."""
    name = operator_name(node)
    return name in _DROPOUTS and not name.endswith("_") and gives_argument(node)


def is_conversion(node: fx.Node) -> bool:
    """Whether a node is ``to`` or ``type_as``."""
    return operator_name(node) in _CONVERSIONS


def functional_twin(node: fx.Node) -> Any:
    """Return the operation that does what one in place does but gives a new tensor of the same type; None without."""
    import torch

    target = node.target
    if not isinstance(target, torch._ops.OpOverload) or not target._schema.is_mutable:
        return None
    written = [argument for argument in target._schema.arguments if argument.is_write]
    packet = getattr(torch.ops.aten, str(target._schema.name).removeprefix("aten::").removesuffix("_"), None)
    twin = getattr(packet, target._overloadname, None)
    if twin is None or written != [target._schema.arguments[0]] or not target._schema.name.endswith("_"):
        return None
    named = [[(a.name, str(a.type)) for a in op._schema.arguments] for op in (target, twin)]
    random = torch.Tag.nondeterministic_seeded in twin.tags
    if named[0] != named[1] or random or twin._schema.is_mutable or _shares(twin) or len(twin._schema.returns) != 1:
        return None
    return twin if _type_of(twin, node) == node.meta["val"].dtype else None


def _type_of(operation: Any, node: fx.Node) -> Any:
    """Return the type that an operation gives for the arguments of a node: ``x.gt_(0)`` keeps that of x."""
    import torch

    args, kwargs = torch.fx.map_arg((node.args, dict(node.kwargs)), lambda source: source.meta["val"])
    with getattr(node.meta["val"], "fake_mode", nullcontext()):
        return operation(*args, **kwargs).dtype


def _shares(operation: Any) -> bool:
    """Whether torch says of an operation that its result may be a view of an argument."""
    return any(value.alias_info is not None for value in (*operation._schema.arguments, *operation._schema.returns))


def can_be_rewritten(graph: fx.Graph) -> bool:
    """Whether :func:`.rewriting.rewrite` leaves a graph as torch would, without side effects.

    It does not where a loop or a branch is a graph of its own, where the memory that is written may be read under
    another name, and where torch would take an operation apart.
    """
    operations = [node for node in graph.nodes if node.op == "call_function"]
    open_ones = {node for node in operations if not _is_settled(node)}
    return open_ones <= _Sharing(graph).elsewhere


def _is_settled(node: fx.Node) -> bool:
    """Whether an operation writes nothing, and is one that is kept or rewritten."""
    import operator

    import torch

    target = node.target
    if gives_argument(node):
        return True
    if not isinstance(target, torch._ops.OpOverload):
        return target in (operator.getitem, operator.add, operator.sub, operator.mul, operator.floordiv)
    if target._schema.is_mutable:
        return False
    if not _is_composite(target):
        return True
    name = operator_name(node)
    if torch.Tag.maybe_aliasing_or_mutating in target.tags:
        return name in ("aten::batch_norm", "aten::native_batch_norm") and arguments(node)["training"] is False
    if name in _CONVERSIONS:
        return arguments(node).get("memory_format") is None
    return name in _MOVES if _shares(target) else True


def _is_composite(target: Any) -> bool:
    import torch

    return bool(target.has_kernel_for_dispatch_key(torch._C.DispatchKey.CompositeImplicitAutograd))


class _Sharing:
    """Groups of nodes that may share memory, and which of them are one tensor under several names.

    `elsewhere` holds the operations in place that may give a new tensor instead. Each is judged by the groups before
    it: whatever is made from the tensor later is made from the new one.
    """

    def __init__(self, graph: fx.Graph) -> None:
        self.elsewhere: set[fx.Node] = set()
        self._order = {node: index for index, node in enumerate(graph.nodes)}
        self._group: dict[fx.Node, list[fx.Node]] = {}
        self._same: dict[fx.Node, fx.Node] = {}
        for node in graph.nodes:
            written = getattr(getattr(node.target, "_schema", None), "is_mutable", False)
            if written and self._may_be_elsewhere(node):
                self.elsewhere.add(node)
            self._add(node, node.op == "call_function" and (written or gives_argument(node)))

    def _add(self, node: fx.Node, is_argument: bool) -> None:
        members = [node]
        for source in _may_share(node):
            if (group := self._group[source]) is not members:
                group += members
                members = group
                for member in group:
                    self._group[member] = group
        self._group[node] = members
        self._same[node] = self._same[node.args[0]] if is_argument else node  # type: ignore[index]

    def _may_be_elsewhere(self, node: fx.Node) -> bool:
        if functional_twin(node) is None:
            return False
        changed: Any = node.args[0]
        group, place = self._group[changed], self._order[node]
        if any(member.op in ("placeholder", "get_attr") for member in group):
            return False
        others = [member for member in group if member is not changed]
        names = [member for member in others if self._same[member] is self._same[changed]]
        if not any(is_copied_dropout(member) for member in [changed, *names]):
            others = [member for member in others if member not in names]
        return not any(self._reads(user, place) for member in others for user in member.users)

    def _reads(self, user: fx.Node, place: int) -> bool:
        return self._order[user] > place and operator_name(user) != "aten::sym_size"


def _may_share(node: fx.Node) -> list[fx.Node]:
    """Return the arguments of which the result of a node may be a view."""
    import operator

    import torch

    target = node.target
    if node.op != "call_function":  # a module that is kept whole may give an argument as it is
        return list(node.all_input_nodes)
    if target is operator.getitem and _is_alone(node):
        return []
    if not isinstance(target, torch._ops.OpOverload):
        return list(node.all_input_nodes)
    name = operator_name(node)
    if name.startswith(("aten::unsafe_", "aten::_unsafe_view")) or (_is_composite(target) and name not in _MAKES_NEW):
        return list(node.all_input_nodes)
    found: list[fx.Node] = []
    given = arguments(node)
    for argument in target._schema.arguments:
        if argument.alias_info is not None:
            torch.fx.map_arg(given.get(argument.name), found.append)
    return found


def _is_alone(piece: fx.Node) -> bool:
    """Whether a node is the only one for one of several new tensors that an operation gives."""
    source: Any = piece.args[0]
    places = [user.args[1] for user in source.users if user.target is piece.target]
    return not _may_share(source) and places.count(piece.args[1]) == 1
