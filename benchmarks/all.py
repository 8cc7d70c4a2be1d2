"""Run every benchmark and write one Markdown table: what was measured, and its ratio to a peer of the same run.

``make bench`` runs it in full (an hour on two cores; peers that are not installed are left out, see
requirements-peers.txt); ``--quick`` takes some minutes and small sizes.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import pandas as pd
from record import ROWS

from edgeopt.bench.results import markdown
from edgeopt.bench.task import machine

HERE = Path(__file__).parent
QUICK = {
    "networks": ["awkward", "--cuts", "1"],
    "offloading": ["--sizes", "10000", "--budget", "1"],
    "stream": ["--samples", "2000000"],
    "truth": ["--number", "20", "--seconds", "20"],
}
"""Small sizes of the scripts that have no ``--quick``."""
PARTS = ("all", "record", "declare_peers", "declare_pictures", "networks_zoo")
"""What measures nothing by itself."""
PACKAGES = ("numpy", "scipy", "highspy", "ortools", "pyomo", "cvxpy", "torch", "numba", "linopy", "pulp", "cvxpylayers")


def scripts() -> list[Path]:
    """Return the benchmarks: the scripts beside this one."""
    return [path for path in sorted(HERE.glob("*.py")) if path.stem not in PARTS]


def run(script: Path, quick: bool, rows: Path) -> str:
    """Run one benchmark in a process of its own; return why it failed, or nothing."""
    extra = QUICK.get(script.stem, ["--quick"]) if quick else []
    print(f"== {script.name} {' '.join(extra)}", flush=True)
    started = time.perf_counter()
    done = subprocess.run([sys.executable, str(script), *extra], env={**os.environ, ROWS: str(rows)}, check=False)
    print(f"   {time.perf_counter() - started:.0f} s", flush=True)
    return f"exit code {done.returncode}" if done.returncode else ""


def table(rows: Path) -> pd.DataFrame:
    """Return the rows that the benchmarks left."""
    lines = [json.loads(line) for line in rows.read_text(encoding="utf-8").splitlines()]
    found = pd.DataFrame(lines, columns=["benchmark", "case", "route", "value", "unit", "ratio", "against"])
    found["value"] = [f"{value:,.4g}" for value in found["value"]]
    found["ratio"] = ["" if pd.isna(ratio) else f"{ratio:,.3g}" for ratio in found["ratio"].astype(float)]
    return found


def main() -> None:
    """Run all, write the table; the exit code is 1 if one of them failed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="small sizes")
    parser.add_argument("--only", nargs="+", help="names of scripts")
    parser.add_argument("--out", type=Path, default=Path("report/benchmarks.md"))
    options = parser.parse_args()
    if unknown := set(options.only or ()) - {path.stem for path in scripts()}:
        parser.error(f"no benchmark is called {unknown.pop()!r}; there are {', '.join(p.stem for p in scripts())}")
    chosen = [path for path in scripts() if options.only is None or path.stem in options.only]
    with tempfile.TemporaryDirectory() as folder:
        rows = Path(folder) / "rows.jsonl"
        rows.touch()
        failed = {path.stem: reason for path in chosen if (reason := run(path, options.quick, rows))}
        measured = markdown(table(rows))
    options.out.parent.mkdir(parents=True, exist_ok=True)
    here = machine()
    where = f"{here['processor']}, {here['cores']} cores, edgeopt {here['edgeopt']} ({here['revision']})"
    missing = "".join(f"\n{name} failed: {why}\n" for name, why in failed.items())
    options.out.write_text(
        f"# Benchmarks\n\n{where}; Python {platform.python_version()}, {', '.join(_versions())}.\n\n"
        f"Medians of several runs{', small' if options.quick else ''}; ratios above 1 are in favour of the route. "
        f"Regenerate: make bench.\n\n{measured}{missing}",
        encoding="utf-8",
    )
    print(options.out)
    raise SystemExit(bool(failed))


def _versions() -> list[str]:
    found = []
    for package in PACKAGES:
        try:
            found.append(f"{package} {version(package)}")
        except PackageNotFoundError:
            continue
    return found


if __name__ == "__main__":
    main()
