"""Counting: which answers were right, unresolved or wrong, edgeopt's and the bare back end's side by side."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from .families import drawn
from .right import Answer, Right, false_claims, supports

VERDICTS = ("right", "unresolved", "wrong")
BY_HAND = "by hand "


@dataclass
class Tally:
    """What was found: counts by family and solver, and the false claims.

    Attributes
    ----------
    counts : Counter
        Number of answers by family, solver (``by hand NAME`` for the bare back end) and verdict.
    lost : Counter
        Members, by family and solver, that the back end by hand gets right and edgeopt does not.
    unknown : Counter
        Members, by family, whose truth is not known.
    wrong : list
        Family, seed, solver and reasons of edgeopt's false claims.
    hung, raised : list
        Answers that did not come, and those that were an error.
    """

    counts: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    lost: Counter[tuple[str, str]] = field(default_factory=Counter)
    unknown: Counter[str] = field(default_factory=Counter)
    wrong: list[tuple[str, int, str, str]] = field(default_factory=list)
    hung: list[tuple[str, int, str]] = field(default_factory=list)
    raised: list[tuple[str, int, str, str]] = field(default_factory=list)

    def add(self, family: str, seed: int, given: dict[str, Any], folder: Path | None) -> None:
        """Count each answer to one member; keep the member as a file in `folder` where a claim is false."""
        truth = given.pop("truth")
        if truth == "hung" or not truth["rights"]:
            self.unknown[family] += 1
            return
        verdicts = {
            who: self._judge(family, seed, who, said, truth, folder) for who, said in given.items() if said is not None
        }
        for who, verdict in verdicts.items():
            self.counts[family, who, verdict] += 1
            if verdict != "right" and verdicts.get(BY_HAND + who) == "right":
                self.lost[family, who] += 1

    def _judge(self, family: str, seed: int, who: str, said: Any, truth: dict[str, Any], folder: Path | None) -> str:
        answer = Answer("hung") if said == "hung" else Answer(**said)
        if answer.status == "hung":
            self.hung.append((family, seed, who))
        if answer.status == "raised":
            self.raised.append((family, seed, who, answer.message))
        data, rights = drawn(family, seed), _rights(truth)
        reasons = false_claims(rights, data.sense, answer) + _exactness(truth, rights, answer)
        if reasons and not who.startswith(BY_HAND):
            self.wrong.append((family, seed, who, "; ".join(reasons) + (" (verified)" if answer.verified else "")))
            if folder is not None:
                told = {"who": who, "said": asdict(answer), "truth": truth, "reasons": reasons}
                replace(data, told=told).write(folder / f"{family}-{seed}-{who.replace(':', '_')}.json")
        return "wrong" if reasons else "right" if supports(rights, answer) else "unresolved"

    def row(self, family: str, who: str) -> list[int]:
        """Numbers of right, unresolved and wrong answers."""
        return [self.counts[family, who, verdict] for verdict in VERDICTS]


def _rights(truth: dict[str, Any]) -> tuple[Right, ...]:
    return tuple(Right(**right) for right in truth["rights"])


def _exactness(truth: dict[str, Any], rights: tuple[Right, ...], answer: Answer) -> list[str]:
    """Say so where ``verify(exact=True)`` holds for an answer that is only right for rows that moved."""
    if not answer.exact:
        return []
    if truth["status"] == "optimal" and answer.objective is not None:
        room = 2e-6 * abs(truth["objective"]) + 1e-12
        if abs(answer.objective - truth["objective"]) <= room or supports(rights, answer):
            return []
    return [
        f"verify(exact=True) holds for {answer.objective!r}; exactly it is {truth['status']} {truth['objective']!r}"
    ]


def table(tally: Tally, families: Sequence[str], solvers: Sequence[str]) -> str:
    """Return the counts as text, a sum for each solver below."""
    head = f"{'family':22s} {'solver':11s} {'edgeopt right':>13s} {'unres':>6s} {'wrong':>6s} {'by hand right':>14s} {'unres':>6s} {'wrong':>6s} {'lost':>5s}"
    lines, sums = [head], {name: ([0, 0, 0], [0, 0, 0], 0) for name in solvers}
    for family in families:
        for name in solvers:
            ours, theirs, lost = tally.row(family, name), tally.row(family, BY_HAND + name), tally.lost[family, name]
            if sum(ours) + sum(theirs):
                lines.append(_line(family, name, ours, theirs, lost))
            before = sums[name]
            sums[name] = (_plus(before[0], ours), _plus(before[1], theirs), before[2] + lost)
    if len(families) > 1:
        lines += [_line("SUM", name, *sums[name]) for name in solvers]
    return "\n".join([*lines, *_notes(tally)])


def _plus(first: list[int], second: list[int]) -> list[int]:
    return [a + b for a, b in zip(first, second, strict=True)]


def _line(family: str, name: str, ours: list[int], theirs: list[int], lost: int) -> str:
    return (
        f"{family:22s} {name:11s} {ours[0]:13d} {ours[1]:6d} {ours[2]:6d} "
        f"{theirs[0]:14d} {theirs[1]:6d} {theirs[2]:6d} {lost:5d}"
    )


def _notes(tally: Tally) -> list[str]:
    hung = Counter(f"{who} ({family})" for family, _, who in tally.hung)
    return [
        f"{sum(tally.unknown.values())} members without a known truth: {dict(tally.unknown)}",
        f"{len(tally.hung)} answers that did not come (killed): {dict(hung)}",
        f"{len(tally.raised)} raw errors: {tally.raised[:5]}",
        "lost: members that the back end by hand gets right and edgeopt does not",
    ]
