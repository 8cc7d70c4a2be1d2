"""Edgeopt and the bare back ends on the families, against the truth: a table, and a file for each false claim.

python benchmarks/truth.py --family all --number 300 --solvers auto,highs,scipy,cp-sat,glop --jobs 2
"""

from __future__ import annotations

import argparse
import queue
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from .families import FAMILIES
from .serving import Worker
from .tally import BY_HAND, Tally, table


@dataclass
class _Labour:
    """What the threads share: each drives a worker of its own through the members still to be asked."""

    who: list[str]
    folder: Path | None
    until: float
    progress: bool
    tally: Tally = field(default_factory=Tally)
    tasks: queue.SimpleQueue[tuple[str, int]] = field(default_factory=queue.SimpleQueue)
    lock: threading.Lock = field(default_factory=threading.Lock)
    failed: list[BaseException] = field(default_factory=list)
    done: int = 0

    def run(self, worker: Worker) -> None:
        """Ask until nothing, or no time, is left."""
        try:
            while time.monotonic() < self.until:
                family, seed = self.tasks.get_nowait()
                given = dict(worker.ask(family, seed, self.who))
                with self.lock:
                    self.tally.add(family, seed, given, self.folder)
                    self._report()
        except queue.Empty:
            pass
        except BaseException as error:  # a thread's error is the caller's
            self.failed.append(error)

    def _report(self) -> None:
        self.done += 1
        if self.progress and self.done % 100 == 0:
            print(f"{self.done:,} members, {len(self.tally.wrong)} false claims", file=sys.stderr, flush=True)


def soak(
    families: Sequence[str],
    seeds: range,
    solvers: Sequence[str],
    workers: Sequence[Worker],
    folder: Path | None = None,
    seconds: float | None = None,
    by_hand: bool = True,
    progress: bool = False,
) -> Tally:
    """Ask everybody about members `seeds` of each family, all `workers` at once; stop after `seconds`."""
    who = ["truth"]
    for name in solvers:
        who += [name, BY_HAND + name] if by_hand else [name]
    until = float("inf") if seconds is None else time.monotonic() + seconds
    labour = _Labour(who, folder, until, progress)
    for seed in seeds:
        for family in families:
            labour.tasks.put((family, seed))
    threads = [threading.Thread(target=labour.run, args=(worker,)) for worker in workers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if labour.failed:
        raise labour.failed[0]
    return labour.tally


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the comparison from the command line; the exit code is 1 if edgeopt made a false claim."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--family", default="all", help="a family, several with commas, or all")
    parser.add_argument("--number", type=int, default=300, help="members of each family")
    parser.add_argument("--seed", type=int, default=0, help="the first member")
    parser.add_argument("--solvers", default="auto,highs,scipy,cp-sat,glop")
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=None, help="stop after this time")
    parser.add_argument(
        "--out", type=Path, default=Path("report/false-claims"), help="folder for members answered falsely"
    )
    parser.add_argument("--no-by-hand", action="store_true", help="leave the bare back ends out")
    given = parser.parse_args(arguments)
    families = list(FAMILIES) if given.family == "all" else [f for f in FAMILIES if f in given.family.split(",")]
    if not families:
        parser.error(f"--family is {given.family!r}; families: {', '.join(FAMILIES)}")
    solvers = given.solvers.split(",")
    seeds = range(given.seed, given.seed + given.number)
    workers = [Worker() for _ in range(given.jobs)]
    try:
        tally = soak(families, seeds, solvers, workers, given.out, given.seconds, not given.no_by_hand, progress=True)
    finally:
        for worker in workers:
            worker.close()
    print(table(tally, families, solvers))
    for family, seed, who, reason in tally.wrong[:20]:
        print(f"{family} {seed} {who}: {reason}")
    if tally.wrong:
        print(f"{len(tally.wrong)} false claims of edgeopt; the members are kept in {given.out}")
    return int(bool(tally.wrong))
