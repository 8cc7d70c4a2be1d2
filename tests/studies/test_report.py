"""What a study leaves behind, whatever it found."""

from __future__ import annotations

import matplotlib as mpl
import pandas as pd
import pytest

import edgeopt as eo
from edgeopt.studies.report import Report
from edgeopt.studies.verdicts import Verdict

mpl.use("Agg")


def test_a_report_is_claims_tables_figures_and_a_readme(tmp_path):
    import matplotlib.pyplot as plt

    report = Report(tmp_path / "new" / "study", "A paper")
    report.claim("latency", 3.0, 2.5, "ms", True, "with | in it")
    report.claim("gap", None, 0.1, "%", False)
    report.claim("unknown", 1, 2, "", Verdict.UNDECIDABLE, "the paper gives no scale")
    report.claim("close", 1, 2, "", Verdict.INDISTINGUISHABLE)
    report.finding("beyond", 3.0, "ms")
    with pytest.raises(eo.InvalidProblemError, match="'unknown' is called not decidable; note must say why"):
        report.claim("unknown", 1, 2, "", Verdict.UNDECIDABLE)
    report.text("A paragraph.")
    report.table("numbers", pd.DataFrame({"a": [1, 2], "b": [0.12345678, 2.0]}), "Numbers")
    report.table("long", pd.DataFrame({"c": range(3)}), "Long", show=False)
    _, axes = plt.subplots()
    report.figure("picture", axes, "A picture")
    claims = report.write()
    folder = tmp_path / "new" / "study"
    assert list(claims.columns) == ["claim", "paper", "ours", "unit", "verdict", "note"]
    assert claims.verdict.tolist() == [
        "holds",
        "does not hold",
        "not decidable",
        "indistinguishable",
        "no claim of the paper",
    ]
    assert pd.read_csv(folder / "claims.csv").shape == (5, 6)
    readme = (folder / "README.md").read_text()
    assert "with \\| in it" in readme
    assert "| 1 | 0.1235 |" in readme
    assert "| c |" not in readme
    assert (folder / "long.csv").is_file()
    assert (folder / "picture.png").stat().st_size > 1000
    assert not plt.get_fignums()


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(eo.DataFormatError, match="cannot be made"):
        Report(tmp_path / "file" / "study", "A paper")
