"""Questions asked of a problem or a solution: why infeasible, at which price, and what if the data were others."""

from __future__ import annotations

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
