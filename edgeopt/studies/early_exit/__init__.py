"""What both studies of early-exit networks share: traffic, networks that stay on disk, baselines, curves, figures."""

from __future__ import annotations

from .frames import traffic

__all__ = ["traffic"]
