"""Small networks written the way people write them, each with something at which a capture stumbles.

``NETWORKS`` gives for each a builder, positional arguments, keyword arguments, and its multiply-accumulates by hand.
``REFUSED`` holds those that have no fixed graph, with what the refusal must say.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import nn
from torch.nn import functional as F  # noqa: N812


def module(forward: Callable[..., Any], **parts: Any) -> nn.Module:
    """Return a module with these parts and this forward."""
    kind = type("Made", (nn.Module,), {"forward": forward})
    made = kind()
    for name, part in parts.items():
        if isinstance(part, torch.Tensor) and not isinstance(part, nn.Parameter):
            made.register_buffer(name, part)
        else:
            setattr(made, name, part)
    return made


def relu_in_place(self, x):
    y = self.a(x)
    F.relu(y, inplace=True)
    return self.b(y)


def clamp_in_place(self, x):
    y = self.a(x)
    y.clamp_(-0.5, 0.5)
    y.masked_fill_(y > 0.4, 0.1)
    y[:, :2] = y[:, 2:4]
    return self.b(y)


def out_argument(self, x):
    y = self.a(x)
    torch.add(y, 1, out=y)
    return self.b(y)


def alias(self, x):
    y = self.a(x)
    z = y.view(-1, 2)
    z.mul_(2)
    return self.b(y)


def autocast(self, x):
    with torch.autocast("cpu"):
        y = self.a(x)
    return self.b(y.float())


def buffer_in_eval(self, x):
    y = self.a(x)
    self.n.add_(y.mean(0))
    return self.b(y + self.n)


def attribute_state(self, x):
    self.h = self.a(x) + 0.5 * getattr(self, "h", 0.0)
    return self.b(self.h)


def mode_default(self, x, mode=None):
    if mode is None:
        return self.a(x)
    return self.b(self.a(x))


def optional_mask(self, x, mask=None):
    y = self.a(x)
    return self.b(y if mask is None else y * mask)


def sizes(self, x):
    n = x.size(0)
    y = self.a(x).relu()
    y = self.b(y).relu()
    return y.view(n, 2, -1).mean(-1)


def half(self, x):
    return self.b(self.a(x).half().relu().float())


def expanded(self, x):
    y = self.a(x).unsqueeze(1).expand(-1, 50, -1)
    return self.b(y.relu())


def maxima(self, x):
    values, places = self.a(x).max(1)
    return values * 2, places + 1


def chunks(self, x):
    left, right = self.a(x).chunk(2, 1)
    return self.b(torch.cat([left, right.relu()], 1))


def one_chunk(self, x):
    left, _ = self.a(x).chunk(2, 1)
    return self.c(left)


def resized(self, x):
    y = self.down(x)
    z = self.mid(y)
    return F.interpolate(z, size=x.shape[-2:], mode="bilinear")


def unet(self, x):
    a = self.a(x).relu()
    b = self.b(F.max_pool2d(a, 2)).relu()
    up = F.interpolate(b, size=a.shape[-2:])
    return self.c(torch.cat([a, up], 1))


def detector(self, images):
    y = self.stem(torch.stack(images["frames"])).relu()
    return {"boxes": self.box(y).sigmoid(), "scores": [self.score(y)], "count": 3}


@dataclass
class Answer:
    """A result as people return it."""

    logits: torch.Tensor
    state: Any = None


def dataclass_result(self, x):
    y = self.a(x)
    return Answer(self.b(y), (y, None))


class Pair(NamedTuple):
    """A named tuple of inputs."""

    left: torch.Tensor
    right: torch.Tensor


def named_tuple(self, pair, *, scale):
    return self.b(self.a(pair.left) * scale + self.a(pair.right))


def dead(self, x):
    self.b(x)
    return self.a(x)


def tied(self, x):
    return F.linear(self.a(x).relu(), self.a.weight.t())


def attention(self, x):
    q, k, v = self.a(x).chunk(3, -1)
    return self.b(F.scaled_dot_product_attention(q, k, v, is_causal=True))


def experts(self, x):
    gate = self.g(x).softmax(-1)
    outputs = torch.stack([self.a(x), self.b(x)], -1)
    return torch.einsum("bde,be->bd", outputs, gate)


def cells(self, x):
    h = c = x.new_zeros(x.shape[0], 6)
    for t in range(x.shape[1]):
        h, c = self.cell(x[:, t], (h, c))
    return self.b(h)


def complex_numbers(self, x):
    return torch.fft.rfft(self.a(x)).abs()


def causal_mask(self, x):
    n = x.shape[1]
    mask = torch.ones(n, n).tril().bool()
    q = self.a(x)
    scores = (q @ q.transpose(1, 2)).masked_fill(~mask, -1e9)
    return self.b(scores.softmax(-1) @ q)


def constant_work(self, x):
    return F.linear(x, self.w @ self.w)


def through_numpy(self, x):
    y = self.a(x).detach().numpy() * 2
    return self.b(torch.from_numpy(y))


def noise(self, x):
    return self.b(self.a(x) + torch.randn_like(x))


def recurrent(self, x):
    return self.r(x)[0]


def _square(**more: Any) -> dict[str, nn.Module]:
    return {"a": nn.Linear(8, 8), "b": nn.Linear(8, 8), **more}


def _x(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(sum(shape)))


def _linears(forward: Callable[..., Any], **more: Any) -> Callable[[], nn.Module]:
    return lambda: module(forward, **_square(**more))


def _scripted(inplace: bool = False) -> nn.Module:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch wants scripts no more, people have them
        return torch.jit.script(nn.Sequential(nn.Linear(8, 8), nn.ReLU(inplace)))


Entry = tuple[Callable[[], nn.Module], Any, dict[str, Any], int]

_SHORT = (_x(3, 8),)

NETWORKS: dict[str, Entry] = {
    "relu_in_place": (_linears(relu_in_place), _SHORT, {}, 384),
    "clamp_in_place": (_linears(clamp_in_place), _SHORT, {}, 384),
    "out_argument": (_linears(out_argument), _SHORT, {}, 384),
    "alias": (_linears(alias), _SHORT, {}, 384),
    "autocast": (_linears(autocast), _SHORT, {}, 384),
    "buffer_in_eval": (lambda: module(buffer_in_eval, n=torch.zeros(8), **_square()), _SHORT, {}, 384),
    "mode_default": (_linears(mode_default), _SHORT, {}, 192),
    "mode_none_given": (_linears(mode_default), (_x(3, 8), None), {}, 192),
    "mode_given": (_linears(mode_default), _SHORT, {"mode": "deep"}, 384),
    "mask_given": (_linears(optional_mask), _SHORT, {"mask": _x(3, 8) > 0}, 384),
    "sizes": (_linears(sizes), _SHORT, {}, 384),
    "half": (_linears(half), _SHORT, {}, 384),
    "expanded": (_linears(expanded), _SHORT, {}, 192 + 50 * 192),
    "maxima": (_linears(maxima), _SHORT, {}, 192),
    "chunks": (lambda: module(chunks, **_square()), _SHORT, {}, 384),
    "one_chunk": (lambda: module(one_chunk, a=nn.Linear(8, 8), c=nn.Linear(4, 2)), _SHORT, {}, 192 + 24),
    "resized": (
        lambda: module(resized, down=nn.Conv2d(3, 4, 3, 4, 1), mid=nn.Conv2d(4, 4, 3, 1, 1)),
        (_x(2, 3, 32, 32),),
        {},
        2 * 64 * 4 * 27 + 2 * 64 * 4 * 36,
    ),
    "unet": (
        lambda: module(unet, a=nn.Conv2d(3, 4, 3, 1, 1), b=nn.Conv2d(4, 4, 3, 1, 1), c=nn.Conv2d(8, 2, 1)),
        (_x(1, 3, 16, 16),),
        {},
        256 * 4 * 27 + 64 * 4 * 36 + 256 * 2 * 8,
    ),
    "detector": (
        lambda: module(detector, stem=nn.Conv2d(3, 4, 3), box=nn.Conv2d(4, 4, 1), score=nn.Conv2d(4, 1, 1)),
        ({"frames": [_x(3, 8, 8), _x(3, 8, 8) + 1]},),
        {},
        2 * 36 * (4 * 27 + 16 + 4),
    ),
    "dataclass_result": (_linears(dataclass_result), _SHORT, {}, 384),
    "named_tuple": (_linears(named_tuple), (Pair(_x(3, 8), _x(3, 8) + 1),), {"scale": 2.0}, 3 * 192),
    "dead": (_linears(dead), _SHORT, {}, 192),
    "tied": (lambda: module(tied, a=nn.Linear(8, 5)), _SHORT, {}, 240),
    "attention": (
        lambda: module(attention, a=nn.Linear(8, 24), b=nn.Linear(8, 8)),
        (_x(2, 1, 5, 8),),
        {},
        10 * 192 + 2 * 25 * 16 + 10 * 64,
    ),
    "multihead": (
        lambda: module(lambda self, x: self.m(x, x, x)[0], m=nn.MultiheadAttention(8, 2, batch_first=True)),
        (_x(2, 5, 8),),
        {},
        10 * 256 + 2 * 2 * 25 * 8,
    ),
    "encoder_layer": (
        lambda: nn.TransformerEncoderLayer(8, 2, 16, batch_first=True),
        (_x(2, 5, 8),),
        {},
        10 * 256 + 2 * 2 * 25 * 8 + 10 * 256,
    ),
    "experts": (_linears(experts, g=nn.Linear(8, 2)), _SHORT, {}, 3 * (64 + 64 + 16) + 3 * 8 * 2),
    "cells": (
        lambda: module(cells, cell=nn.LSTMCell(8, 6), b=nn.Linear(6, 2)),
        (_x(3, 4, 8),),
        {},
        4 * 3 * 24 * 14 + 36,
    ),
    "lstm": (lambda: module(recurrent, r=nn.LSTM(8, 6, batch_first=True)), (_x(3, 4, 8),), {}, 12 * 24 * 14),
    "bidirectional_lstm": (
        lambda: module(recurrent, r=nn.LSTM(64, 128, bidirectional=True)),
        (_x(20, 1, 64),),
        {},
        20 * 2 * 4 * 128 * (64 + 128),
    ),
    "gru": (lambda: module(recurrent, r=nn.GRU(8, 6, 2)), (_x(4, 3, 8),), {}, 12 * 18 * (14 + 12)),
    "fft": (_linears(complex_numbers), _SHORT, {}, 192),
    "causal_mask": (_linears(causal_mask), (_x(2, 5, 8),), {}, 10 * 128 + 2 * 2 * 25 * 8),
    "constant_work": (lambda: module(constant_work, w=nn.Parameter(_x(8, 8))), _SHORT, {}, 512 + 192),
    "noise": (_linears(noise), _SHORT, {}, 384),
    "bilinear": (lambda: nn.Bilinear(4, 5, 6), (_x(1, 4), _x(1, 5)), {}, 120),
    "transposed": (lambda: nn.ConvTranspose2d(4, 6, 3, 2, groups=2), (_x(1, 4, 5, 5),), {}, 4 * 25 * 3 * 9),
    "distances": (lambda: module(lambda self, x: torch.cdist(self.a(x), x), **_square()), _SHORT, {}, 192 + 72),
    "frame": (
        lambda: module(lambda self, x: self.c(x.float() / 255).relu(), c=nn.Conv2d(3, 4, 3)),
        (torch.arange(192).view(1, 3, 8, 8).to(torch.uint8),),
        {},
        36 * 4 * 27,
    ),
    "tokens": (
        lambda: module(lambda self, x: self.b(self.e(x)), e=nn.Embedding(10, 8), b=nn.Linear(8, 8)),
        (torch.arange(6).view(1, 6),),
        {},
        384,
    ),
    "checkpoint": (
        lambda: module(
            lambda self, x: self.b(torch.utils.checkpoint.checkpoint(self.a, x, use_reentrant=False)), **_square()
        ),
        _SHORT,
        {},
        384,
    ),
    "weight_norm": (
        lambda: module(lambda self, x: self.a(x), a=nn.utils.parametrizations.weight_norm(nn.Linear(8, 8))),
        _SHORT,
        {},
        192,
    ),
    "numpy": (_linears(through_numpy), _SHORT, {}, 384),
    "scripted": (_scripted, _SHORT, {}, 192),
    "scripted_in_place": (lambda: _scripted(inplace=True), _SHORT, {}, 192),
    "batch_norm": (
        lambda: nn.Sequential(nn.Conv2d(3, 4, 3, padding=1, padding_mode="circular"), nn.BatchNorm2d(4), nn.ReLU(True)),
        (_x(2, 3, 6, 6),),
        {},
        72 * 4 * 27,
    ),
}
"""Builder, positional arguments, keyword arguments, multiply-accumulates by hand."""


def branch(self, x):
    y = self.a(x)
    if y.sum() > 0:
        return self.b(y)
    return y


def number(self, x):
    return self.b(self.a(x) * x.mean().item() if float(x.max()) > 1 else x)


def packed(self, x, lengths):
    return self.r(nn.utils.rnn.pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False))[1][0]


REFUSED: dict[str, tuple[Callable[[], nn.Module], Any, str]] = {
    "attribute": (_linears(attribute_state), _SHORT, "changes its attribute h, which is no buffer"),
    "branch": (_linears(branch), _SHORT, r"made_networks.py, line \d+: if y.sum\(\) > 0"),
    "number": (_linears(number), _SHORT, r"made_networks.py, line \d+: return self.b"),
    "packed": (
        lambda: module(packed, r=nn.LSTM(8, 6, batch_first=True)),
        (_x(2, 4, 8), torch.tensor([4, 2])),
        r"made_networks.py, line \d+: return self.r",
    ),
}
"""Builder, arguments, and what the refusal says."""
