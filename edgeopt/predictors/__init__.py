"""Traffic predictors in torch, and the decision problems that their answers make.

Every name is imported when it is first used: torch takes a second to load.
"""

from __future__ import annotations

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
