"""The process that answers, seen from outside: asked by lines, killed where an answer does not come."""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

PATIENCE = 12.0
"""Seconds without an answer after which a worker is killed; a time limit is 5."""

START = 120.0
"""The same for the first answer, before which the packages are imported."""


class Worker:
    """A process that answers, started again whenever it had to be killed."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._read = b""
        self._fresh = True

    def ask(self, family: str, seed: int, who: Sequence[str]) -> Iterator[tuple[str, Any]]:
        """Yield each answer as it comes; ``"hung"`` for one that did not."""
        waiting = list(who)
        while waiting:
            self._write({"family": family, "seed": seed, "who": waiting})
            while waiting:
                line = self._line()
                name = waiting.pop(0)
                if line is None:
                    self.close()
                    yield name, "hung"
                    break
                yield name, json.loads(line)

    def close(self) -> None:
        """End the process."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            for pipe in (self._process.stdin, self._process.stdout):
                if pipe is not None:
                    pipe.close()
        self._process, self._read = None, b""

    def _write(self, asked: dict[str, Any]) -> None:
        if self._process is None or self._process.poll() is not None:
            self.close()
            self._process = _started()
            self._fresh = True
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(asked).encode() + b"\n")
        self._process.stdin.flush()

    def _line(self) -> bytes | None:
        """Return the next line; None where the process ended, or none came in time."""
        assert self._process is not None
        assert self._process.stdout is not None
        until = time.monotonic() + (START if self._fresh else PATIENCE)
        while b"\n" not in self._read:
            if not select.select([self._process.stdout], [], [], max(0.0, until - time.monotonic()))[0]:
                return None
            if not (more := os.read(self._process.stdout.fileno(), 65536)):
                return None
            self._read += more
        self._fresh = False
        line, _, self._read = self._read.partition(b"\n")
        return line


def _started() -> subprocess.Popen[bytes]:
    tests = Path(__file__).resolve().parents[1]
    paths = [str(tests), str(tests.parent), *filter(None, [os.environ.get("PYTHONPATH")])]
    return subprocess.Popen(
        [sys.executable, "-m", "numerics.worker"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(paths), "OMP_NUM_THREADS": "1"},
    )
