"""The pages that show code, and their blocks."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
PAGES = [
    README,
    ROOT / "docs" / "guide.md",
    ROOT / "docs" / "benchmarks.md",
    ROOT / "docs" / "proved.md",
    ROOT / "docs" / "bring_a_model.md",
    ROOT / "docs" / "model_files.md",
    ROOT / "docs" / "declare.md",
    ROOT / "docs" / "language_models.md",
    ROOT / "docs" / "side_constraints.md",
    ROOT / "docs" / "networks.md",
    ROOT / "docs" / "placement.md",
    ROOT / "docs" / "slices.md",
    ROOT / "docs" / "allocator.md",
    ROOT / "CONTRIBUTING.md",
]


def blocks(page: Path) -> list[tuple[str, str | None]]:
    """Python blocks of a page, each with the text block that follows it at once, if one does."""
    text = page.read_text(encoding="utf-8")
    found = re.findall(r"```python\n(.*?)```(?:\n\n```text\n(.*?)```)?", text, re.DOTALL)
    return [(code, printed or None) for code, printed in found]
