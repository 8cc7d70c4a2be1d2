"""Rules by name, and what of a fitted rule is stored: a threshold, and the weights of its network."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from ..model.errors import InvalidOptionError
from .classifiers import OneTarget, ViewNetwork
from .rules import BenefitRule, Cloud, Edge, LearnedRule, OptimizedRule, Rule, UncertaintyRule

if TYPE_CHECKING:
    from .ddnn import DDNN

RULES: dict[str, Callable[[DDNN, float, int], Rule]] = {
    "benefit": lambda _, share, seed: BenefitRule(share, seed=seed),
    "optimized": lambda _, share, seed: OptimizedRule(share, calibrated=True, seed=seed),
    "uncertainty": lambda network, share, seed: UncertaintyRule(network, share, seed=seed, alike=True),
    "edge": lambda _network, share, _seed: Edge(share),
    "cloud": lambda _network, share, _seed: Cloud(share),
}
"""Rules that can be deployed, by name: what they say of a slot does not depend on what else is asked."""


def named_rule(name: str, network: DDNN, min_local_fraction: float, seed: int) -> Rule:
    """Return a rule that has yet to be fitted.

    Raises
    ------
    InvalidOptionError
        If no rule has this name, or the network has no dropout that it could use.
    """
    if name not in RULES:
        raise InvalidOptionError(f"rule is {name!r}; expected one of {', '.join(RULES)}")
    return RULES[name](network, min_local_fraction, seed)


def stored(rule: Rule) -> dict[str, Any]:
    """Return the threshold of a fitted rule, and its network as plain arrays where it has one."""
    found: dict[str, Any] = {"threshold": rule.threshold}
    if isinstance(rule, LearnedRule):
        assert isinstance(rule._fitted, OneTarget)
        network = rule._fitted.network
        found["shape"] = list(network.shape)
        found["weights"] = {name: value.numpy() for name, value in network.state_dict().items()}
    return found


def restore(rule: Rule, found: Mapping[str, Any]) -> Rule:
    """Give a rule of the same name and options what :func:`stored` returned, and return it."""
    rule.threshold = float(found["threshold"])
    if np.isnan(rule.threshold):
        raise ValueError("threshold is nan")
    if isinstance(rule, LearnedRule):
        shape = tuple(int(size) for size in found["shape"])
        network = ViewNetwork(rule.estimator, shape, 1, probability=isinstance(rule, OptimizedRule))
        give_weights(network, found["weights"])
        rule._fitted = OneTarget(network.eval())
    return rule


def give_weights(module: torch.nn.Module, weights: Mapping[str, Any]) -> None:
    """Give a module stored weights, all of them, of the very shapes and types.

    Raises
    ------
    ValueError
        If they are another module's, or not finite.
    """
    own = module.state_dict()
    given = {name: torch.from_numpy(np.array(value)) for name, value in weights.items()}
    for name in {**own, **given}:
        if name not in own or name not in given:
            raise ValueError(f"{name} is {'missing' if name in own else 'unknown'}")
        if own[name].shape != given[name].shape or own[name].dtype != given[name].dtype:
            raise ValueError(f"{name} has shape {tuple(given[name].shape)}; expected {tuple(own[name].shape)}")
        if not bool(given[name].isfinite().all()):
            raise ValueError(f"{name} is not finite")
    module.load_state_dict(given)
