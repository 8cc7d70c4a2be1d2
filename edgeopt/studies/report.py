"""What a study leaves behind: claims beside the paper's, one CSV and one PNG for each table and figure, a README.

A study computes; the report only collects and writes. Claims that do not hold stay in the table and say why.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ..exchange.storage import write_atomically
from ..model.errors import DataFormatError, InvalidProblemError
from .verdicts import Verdict

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd
    from matplotlib.axes import Axes


_COLUMNS = ("claim", "paper", "ours", "unit", "verdict", "note")


@dataclass
class Report:
    """Collector of a study's results, written to one folder.

    Attributes
    ----------
    folder : Path
        Where the files go; made if it does not exist.
    title : str
        Heading of the README.
    """

    folder: Path
    title: str
    _claims: list[dict[str, Any]] = field(default_factory=list)
    _lines: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise DataFormatError(f"{self.folder} cannot be made: {error.strerror or error}") from error

    def claim(self, claim: str, paper: Any, ours: Any, unit: str, verdict: Verdict | bool, note: str = "") -> None:
        """Record one number or statement of the paper beside ours, and what the runs say of it.

        Parameters
        ----------
        verdict : Verdict or bool
            A bool is a comparison that no chance touches.
        note : str
            What the verdict rests on; why nothing can be decided, where that is so.

        Raises
        ------
        InvalidProblemError
            If a claim is called not decidable and no reason is given.
        """
        word = Verdict.of(verdict) if isinstance(verdict, bool) else verdict
        if word is Verdict.UNDECIDABLE and not note:
            raise InvalidProblemError(f"the claim {claim!r} is called not decidable; note must say why")
        self._add(claim, paper, ours, unit, str(word), note)

    def finding(self, what: str, ours: Any, unit: str, note: str = "") -> None:
        """Record a number that the paper does not have: there is nothing to hold it against."""
        self._add(what, None, ours, unit, "no claim of the paper", note)

    def _add(self, claim: str, paper: Any, ours: Any, unit: str, verdict: str, note: str) -> None:
        self._claims.append(dict(zip(_COLUMNS, (claim, paper, ours, unit, verdict, note), strict=True)))

    def text(self, paragraph: str) -> None:
        """Add a paragraph to the README."""
        self._lines += [paragraph, ""]

    def table(self, name: str, frame: pd.DataFrame, caption: str, *, show: bool = True) -> None:
        """Write ``NAME.csv`` and show the table in the README unless it is long."""
        write_atomically(self.folder / f"{name}.csv", frame.to_csv(index=False).encode())
        self._lines += [f"**{caption}** ([{name}.csv]({name}.csv))", ""]
        if show:
            self._lines += [*_markdown(frame), ""]

    def figure(self, name: str, axes: Axes, caption: str) -> None:
        """Write ``NAME.png`` and show it in the README."""
        import matplotlib.pyplot as plt

        figure: Any = axes.figure
        figure.savefig(self.folder / f"{name}.png", dpi=150)
        plt.close(figure)
        self._lines += [f"![{caption}]({name}.png)", "", f"*{caption}*", ""]

    def write(self) -> pd.DataFrame:
        """Write ``claims.csv`` and ``README.md``; return the claims."""
        import pandas as pd

        claims = pd.DataFrame(self._claims, columns=list(_COLUMNS))
        write_atomically(self.folder / "claims.csv", claims.to_csv(index=False).encode())
        lines = [f"# {self.title}", "", "## Claims", "", *_markdown(claims), "", "## Results", "", *self._lines]
        write_atomically(self.folder / "README.md", "\n".join(lines).encode())
        return claims


def _markdown(frame: pd.DataFrame) -> list[str]:
    head = [str(column) for column in frame.columns]
    rows = [[_cell(value) for value in row] for row in frame.itertuples(index=False)]
    return [f"| {' | '.join(row)} |" for row in (head, ["---"] * len(head), *rows)]


def _cell(value: Any) -> str:
    text = f"{value:.4g}" if isinstance(value, float) else str(value)
    return text.replace("|", "\\|").replace("\n", " ")
