"""How many multiply-accumulates (MACs) an operation takes, by torch's names.

Products of matrices: elements of the result times the length of the inner dimension. Convolutions: elements of the
result times those of one filter; transposed ones, elements of the input times those of one filter. Attention:
``B * H * Lq * Lk * (Dq + Dv)`` with the query's heads, a causal mask not subtracted. These are the formulas of
``torch.utils.flop_counter``. Recurrent layers, which it lacks: every weight matrix once for each step and sequence (for
an LSTM of one layer ``T * 4h * (i + h)``: Hochreiter and Schmidhuber 1997 with the forget gate of Gers et al. 2000).
Bilinear forms: a MAC for each entry of the weight. Quantised operations count as those of floats; a MAC of complex
numbers counts as four.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any


def _real(tensor: Any) -> int:
    """Real MACs of one MAC of numbers like a tensor's."""
    return 4 if tensor.is_complex() else 1


def _inner(out: Any, x: Any, y: Any, *_: Any, **__: Any) -> int:
    return int(out.numel()) * int(x.shape[-1]) * _real(out)


def _added(out: Any, _: Any, x: Any, y: Any, *__: Any, **___: Any) -> int:
    return _inner(out, x, y)


def _summed_batches(out: Any, _: Any, x: Any, y: Any, *__: Any, **___: Any) -> int:
    return _inner(out, x, y) * int(x.shape[0])


def _outer(out: Any, *_: Any, **__: Any) -> int:
    return int(out.numel()) * _real(out)


def _linear(out: Any, x: Any, weight: Any, *_: Any, **__: Any) -> int:
    return int(out.numel()) * int(weight.shape[-1]) * _real(out)


def _filter(weight: Any) -> int:
    """Elements of one filter."""
    return int(weight[0].numel())


def _convolution(out: Any, x: Any, weight: Any, *rest: Any, **_: Any) -> int:
    transposed = len(rest) > 4 and rest[4] is True  # (bias, stride, padding, dilation, transposed, …)
    return int((x if transposed else out).numel()) * _filter(weight) * _real(out)


def _transposed(out: Any, x: Any, weight: Any, *_: Any, **__: Any) -> int:
    return int(x.numel()) * _filter(weight) * _real(out)


def _attention(_: Any, query: Any, key: Any, value: Any, *__: Any, **___: Any) -> int:
    return _steps(query) * int(key.shape[-2]) * (int(query.shape[-1]) + int(value.shape[-1]))


def _steps(x: Any) -> int:
    return int(x.numel()) // int(x.shape[-1])


def _recurrent(_: Any, x: Any, *rest: Any, **__: Any) -> int:
    weights = [value for value in rest if isinstance(value, list | tuple)][-1]  # behind the state, which may be a list
    return _steps(x) * sum(int(weight.numel()) for weight in weights if weight.dim() == 2)


def _recurrent_layer(_: Any, x: Any, input_weight: Any, state_weight: Any, *__: Any, **___: Any) -> int:
    return _steps(x) * (int(input_weight.numel()) + int(state_weight.numel()))


def _cell(_: Any, x: Any, state: Any, input_weight: Any, state_weight: Any, *__: Any, **___: Any) -> int:
    return _steps(x) * (int(input_weight.numel()) + int(state_weight.numel()))


def _bilinear(_: Any, x: Any, y: Any, weight: Any, *__: Any, **___: Any) -> int:
    return _steps(x) * int(weight.numel())


def _trilinear(_: Any, a: Any, b: Any, c: Any, *expanded: Any, **__: Any) -> int:
    """Elements of the three operands multiplied with each other, each with its dimensions of size one put in."""
    shapes = []
    for tensor, places in zip((a, b, c), expanded, strict=False):
        shape = list(tensor.shape)
        for place in sorted(places):
            shape.insert(place, 1)
        shapes.append(shape)
    return math.prod(max(sizes) for sizes in zip(*shapes, strict=True))


def _distances(out: Any, x: Any, *_: Any, **__: Any) -> int:
    return int(out.numel()) * int(x.shape[-1])


def _einsum(out: Any, equation: str, tensors: Any, *_: Any, **__: Any) -> int:
    """Product of the sizes of all indices of each pair, contracted from left to right; one operand has no products."""
    left, arrow, right = equation.replace(" ", "").partition("->")
    terms = [_indices(term, tensor.dim()) for term, tensor in zip(left.split(","), tensors, strict=True)]
    sizes: dict[str, int] = {}
    for term, tensor in zip(terms, tensors, strict=True):
        for index, size in zip(term, tensor.shape, strict=True):
            sizes[index] = max(int(size), sizes.get(index, 1))
    listed = [index for term in terms for index in term]
    kept = set(_indices(right, out.dim())) if arrow else {index for index in listed if listed.count(index) == 1}
    total, current = 0, set(terms[0])
    for place, term in enumerate(terms[1:], start=1):
        joint = current | set(term)
        total += math.prod(sizes[index] for index in joint)
        current = joint & (kept | {index for later in terms[place + 1 :] for index in later})
    return total * _real(out)


def _indices(term: str, dimensions: int) -> list[str]:
    """Letters of an operand, an ellipsis written out from the right (``.0`` is the last of its dimensions)."""
    head, dots, tail = term.partition("...")
    more = dimensions - len(head) - len(tail)
    return [*head, *(f".{index}" for index in reversed(range(more))), *tail] if dots else list(term)


def _quantized(out: Any, x: Any, packed: Any, *_: Any, **__: Any) -> int:
    return int(out.numel()) * _filter(packed.unpack()[0])


def _formulas() -> dict[str, Callable[..., int]]:
    aten: dict[Callable[..., int], str] = {
        _inner: "matmul mm bmm mv dot vdot inner _int_mm linalg_vecdot _scaled_mm",
        _added: "addmm addmv baddbmm _addmm_activation",
        _summed_batches: "addbmm",
        _outer: "outer ger addr",
        _linear: "linear",
        _convolution: "conv1d conv2d conv3d convolution _convolution cudnn_convolution mkldnn_convolution conv_tbc "
        "_slow_conv2d_forward thnn_conv2d _conv_depthwise2d conv_depthwise3d slow_conv3d_forward",
        _transposed: "conv_transpose1d conv_transpose2d conv_transpose3d slow_conv_transpose2d slow_conv_transpose3d",
        _attention: "scaled_dot_product_attention _scaled_dot_product_attention_math "
        "_scaled_dot_product_cudnn_attention "
        "_scaled_dot_product_flash_attention _scaled_dot_product_flash_attention_for_cpu "
        "_scaled_dot_product_efficient_attention _scaled_dot_product_fused_attention_overrideable",
        _recurrent: "lstm gru rnn_tanh rnn_relu",
        _recurrent_layer: "mkldnn_rnn_layer",
        _cell: "lstm_cell gru_cell rnn_tanh_cell rnn_relu_cell",
        _bilinear: "bilinear",
        _trilinear: "_trilinear",
        _distances: "cdist _cdist_forward _euclidean_dist",
        _einsum: "einsum",
    }
    found = {f"aten::{name}": formula for formula, names in aten.items() for name in names.split()}
    quantized = (
        "linear linear_relu linear_dynamic linear_relu_dynamic conv1d conv1d_relu conv2d conv2d_relu conv3d conv3d_relu"
    )
    return found | {f"quantized::{name}": _quantized for name in quantized.split()}


FORMULAS = _formulas()
"""By the operation's name: a function of its result and its arguments."""

_NAMES = """
    multiply divide true_divide subtract absolute negative square clip fix greater greater_equal less less_equal
    not_equal zero diff __and__ __or__ __xor__ __lshift__ __rshift__ floor_divide
    softmax _softmax log_softmax _log_softmax _safe_softmax logsumexp prelu _prelu_kernel hardswish glu dropout
    alpha_dropout feature_dropout feature_alpha_dropout native_dropout bernoulli rrelu_with_noise rrelu
    batch_norm native_batch_norm _native_batch_norm_legit _native_batch_norm_legit_no_training
    _batch_norm_no_update _batch_norm_with_update _batch_norm_impl_index cudnn_batch_norm
    _native_batch_norm_legit_functional _batch_norm_with_update_functional instance_norm layer_norm
    native_layer_norm group_norm native_group_norm rms_norm _fused_rms_norm embedding embedding_bag
    _embedding_bag _embedding_bag_forward_only embedding_renorm max_pool1d max_pool2d max_pool3d
    max_pool1d_with_indices max_pool2d_with_indices max_pool3d_with_indices fractional_max_pool2d
    fractional_max_pool3d max_unpool2d max_unpool3d quantized_max_pool2d avg_pool1d avg_pool2d avg_pool3d
    adaptive_avg_pool1d adaptive_avg_pool2d adaptive_avg_pool3d _adaptive_avg_pool2d _adaptive_avg_pool3d
    adaptive_max_pool1d adaptive_max_pool2d adaptive_max_pool3d mkldnn_max_pool2d upsample_nearest1d
    upsample_nearest2d upsample_nearest3d _upsample_nearest_exact1d _upsample_nearest_exact2d
    _upsample_nearest_exact3d upsample_linear1d upsample_bilinear2d upsample_trilinear3d upsample_bicubic2d
    _upsample_bilinear2d_aa _upsample_bicubic2d_aa grid_sampler grid_sampler_2d grid_sampler_3d
    affine_grid_generator pad constant_pad_nd reflection_pad1d reflection_pad2d reflection_pad3d
    replication_pad1d replication_pad2d replication_pad3d sum nansum mean nanmean var std var_mean std_mean amax
    amin aminmax max min argmax argmin prod cumsum cumprod cummax cummin logcumsumexp norm linalg_vector_norm
    all any count_nonzero median nanmedian mode sort argsort topk kthvalue msort gather take take_along_dim
    index index_select index_put index_add index_copy index_fill index_reduce _unsafe_index _unsafe_index_put
    scatter scatter_add scatter_reduce select_scatter slice_scatter diagonal_scatter as_strided_scatter
    masked_select masked_scatter nonzero nonzero_static cat concat stack hstack vstack repeat repeat_interleave
    tile roll flip fliplr flipud rot90 tril triu diag_embed diag one_hot copy _to_copy to type_as contiguous
    clone reshape flatten ravel _unsafe_view _reshape_alias _reshape_copy as_strided arange range linspace
    logspace full full_like zeros zeros_like ones ones_like empty empty_like empty_strided empty_permuted
    new_zeros new_ones new_full new_empty new_empty_strided eye scalar_tensor fill tril_indices triu_indices
    meshgrid cartesian_prod rand randn randint randperm rand_like randn_like randint_like normal uniform
    normal_functional multinomial pixel_shuffle pixel_unshuffle channel_shuffle native_channel_shuffle im2col
    col2im unfold bucketize searchsorted isin histc bincount unique _unique2 unique_dim unique_consecutive
    local_response_norm local_scalar_dense _local_scalar_dense item is_nonzero sym_size sym_numel sym_stride
    equal allclose quantize_per_tensor quantize_per_channel quantize_per_tensor_dynamic dequantize q_scale
    q_zero_point int_repr fake_quantize_per_tensor_affine fake_quantize_per_tensor_affine_cachemask
    fake_quantize_per_channel_affine fake_quantize_per_channel_affine_cachemask
    _fake_quantize_per_tensor_affine_cachemask_tensor_qparams _choose_qparams_per_tensor _weight_norm
    _weight_norm_interface complex polar view_as_real view_as_complex real imag conj resolve_conj resolve_neg
    cross linalg_cross lift_fresh lift_fresh_copy alias detach set_ resize_ nan_to_num where broadcast_tensors
    narrow_copy split_with_sizes_copy unbind_copy split_copy constant_pad unsafe_split unsafe_chunk
    unsafe_split_with_sizes trace
"""

WITHOUT_PRODUCTS = frozenset(f"aten::{name}" for name in _NAMES.split())
"""Operations that are no products of matrices, beside torch's pointwise ones and views: they have no MACs."""
