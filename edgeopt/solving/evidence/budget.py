"""Seconds that evidence may take."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

LEAST = 1.0
"""Seconds that evidence may always take; beyond them it takes at most as long as the solve itself."""

GLANCE = 0.25
"""Seconds for the relaxation of an integer program whose solver stopped at a limit."""

AT_ONCE, SHARE = 0.02, 0.1
"""Seconds, or share of the solve's own time, that an answer at once may take."""


@dataclass(slots=True)
class Budget:
    """Seconds for evidence, counted from when it is made, and those that the solve itself took."""

    seconds: float
    solve: float = 0.0
    begun: float = field(default_factory=time.monotonic)

    def left(self) -> float:
        """Seconds left, but time enough to begin."""
        return max(AT_ONCE, self.seconds - (time.monotonic() - self.begun))

    def allow(self, function: Callable[[], None]) -> None:
        """Call `function` off the clock."""
        begun = time.monotonic()
        function()
        self.begun += time.monotonic() - begun

    @property
    def spent(self) -> bool:
        """Whether all is used up."""
        return time.monotonic() - self.begun >= self.seconds
