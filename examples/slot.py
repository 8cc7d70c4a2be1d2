"""Split a network slot after slot: keep the mean delay and the outage, spend the least energy (Labriji et al. 2023).

A device classifies ten images a slot with MobileNetV2. The channel fades, the edge host is busy with other work. Two
virtual queues remember how far delay and outage are from what is allowed, and each slot's split and rate follow.
"""

from __future__ import annotations

import argparse
import time

import edgeopt as eo
from edgeopt.control import (
    DriftPlusPenalty,
    Environment,
    SlotState,
    simulate,
)


def main() -> None:
    """Simulate, decide one slot exactly, and stream."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="fewer slots")
    slots = 20_000 if parser.parse_args().quick else 200_000
    environment, controller = Environment(availability=0.1), DriftPlusPenalty(rule="two-regime")

    started = time.perf_counter()
    runs = [{"tradeoff": v} for v in (0.003, 0.03, 0.3, 3.0)] + [{"rule": "remote-only"}, {"rule": "local-only"}]
    found = simulate(controller, environment, slots, runs=runs, warm_up=slots // 20).summary
    print(f"{len(runs) * slots:,} slots in {time.perf_counter() - started:.2f} s")
    shown = found[["tradeoff", "rule", "delay", "outage", "saving", "split"]].assign(
        delay=1e3 * found.delay, rule=found.rule.fillna("two-regime")
    )
    print(shown.rename(columns={"delay": "delay [ms]"}).round(4).to_string(index=False), end="\n\n")

    state = SlotState(arrivals=12.0, channel_gain=environment.mean_gain, remote_speed=0.02 * environment.remote_speed)
    slot = DriftPlusPenalty(delay_queue=2.0, outage_queue=1.0).problem(state, environment)
    for solver in ("two-regime", "lambert-w", "scipy"):
        print(eo.solve(slot, solver), eo.solve(slot, solver).decision)

    decision, controller = controller.step(state, environment)  # streaming: some microseconds a slot
    print(f"\nnow: {decision}; delay queue {controller.delay_queue:.4f}")


if __name__ == "__main__":
    main()
