"""Networks of the papers, from their published architectures: nothing is downloaded, weights are random.

Their layers, sizes, parameters and MACs are those of the published networks, which is what splitting needs; accuracies
need training. ``NETWORKS`` lists them with the shape of their input, ``build`` makes one with weights from a seed.
"""

from __future__ import annotations

from collections.abc import Callable
from types import MappingProxyType
from typing import Any

import torch
from torch import Tensor, nn

from ..model.errors import InvalidOptionError


def alexnet(classes: int = 1000) -> nn.Module:
    """Return AlexNet in one tower (Krizhevsky 2014): 61.1 M parameters, 0.714 G MACs at 224 x 224.

    The original of 2012 ran on two GPUs with grouped convolutions and has 0.72 G.
    """
    return nn.Sequential(
        nn.Conv2d(3, 64, 11, stride=4, padding=2),
        nn.ReLU(),
        nn.MaxPool2d(3, 2),
        nn.Conv2d(64, 192, 5, padding=2),
        nn.ReLU(),
        nn.MaxPool2d(3, 2),
        nn.Conv2d(192, 384, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(384, 256, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(256, 256, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(3, 2),
        nn.AdaptiveAvgPool2d(6),
        nn.Flatten(),
        nn.Dropout(),
        nn.Linear(256 * 36, 4096),
        nn.ReLU(),
        nn.Dropout(),
        nn.Linear(4096, 4096),
        nn.ReLU(),
        nn.Linear(4096, classes),
    )


def vgg16(classes: int = 1000) -> nn.Module:
    """Return VGG-16 (Simonyan and Zisserman 2015): 138.4 M parameters, 15.47 G MACs at 224 x 224."""
    layers: list[nn.Module] = []
    channels = 3
    for width, repeats in ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3)):
        for _ in range(repeats):
            layers += [nn.Conv2d(channels, width, 3, padding=1), nn.ReLU()]
            channels = width
        layers.append(nn.MaxPool2d(2, 2))
    head = [
        nn.AdaptiveAvgPool2d(7),
        nn.Flatten(),
        nn.Linear(512 * 49, 4096),
        nn.ReLU(),
        nn.Dropout(),
        nn.Linear(4096, 4096),
        nn.ReLU(),
        nn.Dropout(),
        nn.Linear(4096, classes),
    ]
    return nn.Sequential(*layers, *head)


class BasicBlock(nn.Module):
    """Two 3 x 3 convolutions beside a shortcut (He et al. 2016)."""

    def __init__(self, channels: int, width: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, width, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.relu1 = nn.ReLU()
        self.conv2 = nn.Conv2d(width, width, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.relu2 = nn.ReLU()
        self.shortcut = nn.Identity() if stride == 1 and channels == width else _projection(channels, width, stride)

    def forward(self, x: Tensor) -> Tensor:
        """Return the block's output."""
        y = self.bn2(self.conv2(self.relu1(self.bn1(self.conv1(x)))))
        return self.relu2(y + self.shortcut(x))  # type: ignore[no-any-return]


def _projection(channels: int, width: int, stride: int) -> nn.Module:
    return nn.Sequential(nn.Conv2d(channels, width, 1, stride, bias=False), nn.BatchNorm2d(width))


def resnet18(classes: int = 1000) -> nn.Module:
    """Return ResNet-18 (He et al. 2016): 11.69 M parameters, 1.81 G MACs at 224 x 224 x 3."""
    blocks = []
    channels = 64
    for width, stride in ((64, 1), (64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), (512, 1)):
        blocks.append(BasicBlock(channels, width, stride))
        channels = width
    stem = [nn.Conv2d(3, 64, 7, 2, 3, bias=False), nn.BatchNorm2d(64), nn.ReLU(), nn.MaxPool2d(3, 2, 1)]
    return nn.Sequential(*stem, *blocks, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(512, classes))


class InvertedResidual(nn.Module):
    """Expansion, depthwise convolution and projection, with a shortcut where the shape allows (Sandler et al. 2018)."""

    def __init__(self, channels: int, width: int, stride: int, expansion: int) -> None:
        super().__init__()
        hidden = channels * expansion
        expand = [] if expansion == 1 else _conv_bn_relu6(channels, hidden, 1)
        self.layers = nn.Sequential(
            *expand,
            *_conv_bn_relu6(hidden, hidden, 3, stride, hidden),
            nn.Conv2d(hidden, width, 1, bias=False),
            nn.BatchNorm2d(width),
        )
        self.residual = stride == 1 and channels == width

    def forward(self, x: Tensor) -> Tensor:
        """Return the block's output."""
        y: Tensor = self.layers(x)
        return x + y if self.residual else y


def _conv_bn_relu6(channels: int, width: int, kernel: int, stride: int = 1, groups: int = 1) -> list[nn.Module]:
    convolution = nn.Conv2d(channels, width, kernel, stride, kernel // 2, groups=groups, bias=False)
    return [convolution, nn.BatchNorm2d(width), nn.ReLU6()]


def mobilenet_v2(classes: int = 1000) -> nn.Module:
    """Return MobileNetV2 (Sandler et al. 2018): 3.50 M parameters, 300,774,272 MACs at 224 x 224."""
    layers = _conv_bn_relu6(3, 32, 3, 2)
    channels = 32
    for expansion, width, repeats, first in (
        (1, 16, 1, 1),
        (6, 24, 2, 2),
        (6, 32, 3, 2),
        (6, 64, 4, 2),
        (6, 96, 3, 1),
        (6, 160, 3, 2),
        (6, 320, 1, 1),
    ):
        for index in range(repeats):
            layers.append(InvertedResidual(channels, width, first if index == 0 else 1, expansion))
            channels = width
    head = [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(0.2), nn.Linear(1280, classes)]
    return nn.Sequential(*layers, *_conv_bn_relu6(320, 1280, 1), *head)


def transformer_encoder(layers: int = 6, width: int = 512, heads: int = 8, feedforward: int = 2048) -> nn.Module:
    """Return the transformer encoder of Vaswani et al. (2017) for (batch, sequence, width)."""
    return nn.Sequential(
        *(nn.TransformerEncoderLayer(width, heads, feedforward, batch_first=True) for _ in range(layers))
    )


class LocallyConnected2d(nn.Module):
    """A convolution whose filters are not shared between places (Taigman et al. 2014)."""

    def __init__(self, channels: int, width: int, kernel: int, side: int, stride: int = 1) -> None:
        super().__init__()
        self.kernel, self.stride = kernel, stride
        self.side = (side - kernel) // stride + 1
        places, inputs = self.side**2, channels * kernel**2
        self.weight = nn.Parameter(torch.empty(places, width, inputs).uniform_(-1, 1) / inputs**0.5)
        self.bias = nn.Parameter(torch.zeros(width, places))

    def forward(self, x: Tensor) -> Tensor:
        """Return (batch, width, side, side)."""
        patches = nn.functional.unfold(x, self.kernel, stride=self.stride).permute(2, 0, 1)
        y = torch.bmm(patches, self.weight.transpose(1, 2)).permute(1, 2, 0) + self.bias
        return torch.unflatten(y, 2, (self.side, self.side))


def deepface(classes: int = 4030) -> nn.Module:
    """Return DeepFace (Taigman et al. 2014): two convolutions, three locally connected layers, input 152 x 152 x 3."""
    return nn.Sequential(
        nn.Conv2d(3, 32, 11),
        nn.ReLU(),
        nn.MaxPool2d(3, 2, 1),
        nn.Conv2d(32, 16, 9),
        nn.ReLU(),
        LocallyConnected2d(16, 16, 9, 63),
        nn.ReLU(),
        LocallyConnected2d(16, 16, 7, 55, 2),
        nn.ReLU(),
        LocallyConnected2d(16, 16, 5, 25),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(16 * 21 * 21, 4096),
        nn.ReLU(),
        nn.Dropout(),
        nn.Linear(4096, classes),
    )


def _relu() -> nn.Module:
    return nn.ReLU()


def _pool() -> nn.Module:
    return nn.MaxPool2d(3, 2, ceil_mode=True)  # BranchyNet's Chainer rounds up


def _lrn() -> nn.Module:
    return nn.LocalResponseNorm(3, alpha=5e-5, beta=0.75)


class BranchyAlexNet(nn.Module):
    """AlexNet for CIFAR-10 with five exits, the earliest first (Teerapittayanon et al. 2016; Zuo 2024, Fig. 3.3).

    The main branch is AlexNet's 22 layers with BranchyNet's sizes for 32 x 32 images. Zuo's text gives 7, 7, 8 and 8
    layers for the side branches and no more, so where they leave the trunk and what they hold is edgeopt's choice:
    behind 5, 9, 11 and 12 trunk layers, so that the exits have 12, 16, 19, 20 and 22 layers.
    """

    def __init__(self, classes: int = 10) -> None:
        super().__init__()
        self.trunk = nn.ModuleList(
            [
                nn.Sequential(
                    nn.Conv2d(3, 32, 5, padding=2), _relu(), _pool(), _lrn(), nn.Conv2d(32, 64, 5, padding=2)
                ),
                nn.Sequential(_relu(), _pool(), _lrn(), nn.Conv2d(64, 96, 3, padding=1)),
                nn.Sequential(_relu(), nn.Conv2d(96, 96, 3, padding=1)),
                nn.Sequential(_relu()),
            ]
        )
        self.branches = nn.ModuleList(
            [
                nn.Sequential(
                    _relu(),
                    _lrn(),
                    _pool(),
                    nn.Conv2d(64, 32, 3, padding=1),
                    _relu(),
                    _pool(),
                    nn.Flatten(),
                    nn.Linear(32 * 16, classes),
                ),
                nn.Sequential(
                    _relu(),
                    nn.Conv2d(96, 32, 3, padding=1),
                    _relu(),
                    _pool(),
                    nn.Flatten(),
                    nn.Linear(32 * 16, 64),
                    _relu(),
                    nn.Linear(64, classes),
                ),
                nn.Sequential(
                    _relu(),
                    nn.Conv2d(96, 32, 3, padding=1),
                    _relu(),
                    _pool(),
                    nn.Flatten(),
                    nn.Linear(32 * 16, 64),
                    _relu(),
                    nn.Dropout(),
                    nn.Linear(64, classes),
                ),
                nn.Sequential(
                    nn.Conv2d(96, 32, 3, padding=1),
                    _relu(),
                    _lrn(),
                    _pool(),
                    nn.Flatten(),
                    nn.Linear(32 * 16, 64),
                    _relu(),
                    nn.Dropout(),
                    nn.Linear(64, classes),
                ),
            ]
        )
        self.rest = nn.Sequential(
            nn.Conv2d(96, 64, 3, padding=1),
            _relu(),
            _pool(),
            nn.Flatten(),
            nn.Linear(64 * 16, 256),
            _relu(),
            nn.Dropout(),
            nn.Linear(256, 128),
            _relu(),
            nn.Dropout(),
            nn.Linear(128, classes),
        )

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """Return the logits of all exits."""
        exits = []
        for stage, branch in zip(self.trunk, self.branches, strict=True):
            x = stage(x)
            exits.append(branch(x))
        return (*exits, self.rest(x))


def branchy_alexnet(classes: int = 10) -> nn.Module:
    """Return AlexNet for CIFAR-10 with five exits of 12, 16, 19, 20 and 22 layers, the earliest first."""
    return BranchyAlexNet(classes)


NETWORKS: MappingProxyType[str, tuple[Callable[..., nn.Module], tuple[int, ...]]] = MappingProxyType(
    {
        "alexnet": (alexnet, (3, 224, 224)),
        "vgg16": (vgg16, (3, 224, 224)),
        "mobilenet_v2": (mobilenet_v2, (3, 224, 224)),
        "resnet18": (resnet18, (3, 224, 224)),
        "transformer_encoder": (transformer_encoder, (128, 512)),
        "deepface": (deepface, (3, 152, 152)),
        "branchy_alexnet": (branchy_alexnet, (3, 32, 32)),
    }
)
"""Builder and shape of one input of each network."""


def build(name: str, *, seed: int = 0, **options: Any) -> nn.Module:
    """Return the network called `name` in eval mode, its random weights drawn from `seed` alone.

    Raises
    ------
    InvalidOptionError
        Lists the networks there are.
    """
    builder, _ = _entry(name)
    with torch.random.fork_rng(devices=[]):  # the caller's generator is not touched
        torch.manual_seed(seed)
        return builder(**options).eval()


def example_input(name: str, batch: int = 1) -> Tensor:
    """Return an input of zeros for the network called `name`, (batch, …)."""
    _, shape = _entry(name)
    return torch.zeros(batch, *shape)


def _entry(name: str) -> tuple[Callable[..., nn.Module], tuple[int, ...]]:
    if name not in NETWORKS:
        raise InvalidOptionError(f"no network is called {name!r}; there are: {', '.join(NETWORKS)}")
    return NETWORKS[name]
