"""From a decision to running parts: networks split over two and three processes, predicted beside measured latency.

The layers are timed on this machine. A device and an edge server run every part several times over, so that they are
honestly slower than the last tier; the links between the processes are loopback sockets throttled to stated rates, and
what they take in fact is measured with one number and with many. The exact split is solved, the network is cut into
parts, the parts are saved as files, and each process loads its own with torch alone: neither edgeopt nor the model's
source is there. Four networks: a chain, a U-Net, a detector with two heads, and one with early exits.
"""

from __future__ import annotations

import argparse
import json
import os
import socket
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from torch import nn

PATIENCE = 60.0
PAUSE = 0.01
"""Seconds between two inferences: each is one of its own, and the first run of its parts finds cold caches."""
MANY = 25_000
"""Numbers in the larger of the two messages by which the links are measured."""
NO_LINK = 1e30
"""Bit/s of a link that takes no time."""
SIZE = struct.Struct("!Q")


# ------------------------------------------------------------------------------ a process that runs the parts of a tier


class Tier:
    """Runs the parts of one tier; talks to the tier on either side.

    A plan has passes, each over parts of its own: one pass for most networks; one for the prompt and one for a further
    token of a language model. ``"state"`` names what the next pass reads of this one; it stays where it was made.
    """

    def __init__(self, folder: Path, number: int, left: socket.socket | None, right: socket.socket | None) -> None:
        self.plan = json.loads((folder / "plan.json").read_text())
        self.number, self.sides = number, {-1: left, 1: right}
        self.modules = {
            index: torch.export.load(folder / f"{index}.pt2").module()
            for index, part in enumerate(self.plan["parts"])
            if part["tier"] == number
        }
        self.held: dict[str, torch.Tensor] = {}
        self.turn = self.plan["passes"][0]
        self.begin({}, 0, 0)

    def begin(self, inputs: dict[str, torch.Tensor], inference: int, number: int) -> None:
        """Forget the inference before, but for the state that it leaves; begin pass `number`."""
        state = {now: self.held[then] for now, then in self.turn["state"].items() if then in self.held}
        self.inference, self.turn = inference, self.plan["passes"][number]
        self.held, self.known, self.results = state | inputs, {-1: set(), 1: set()}, list(self.turn["results"])
        self.exit, self.computed = len(self.plan["exits"]) - 1, [0.0 for _ in self.plan["slow"]]
        self.sent = self.received = 0  # bytes
        self.busy = self.beyond = 0.0  # seconds of the processor in the parts here, and of the tiers behind this one

    def infer(self, inputs: dict[str, torch.Tensor], number: int = 0) -> list[torch.Tensor]:
        """Run a pass from the first tier on; return its results."""
        self.begin(inputs, self.inference + 1, number)
        self.proceed(self.turn["start"])
        return [self.held[name] for name in self.results]

    def serve(self) -> None:
        """Run what the left side hands over until it hangs up."""
        while (message := self.receive(-1)) is not None:
            self.proceed(message["part"])

    def proceed(self, index: int) -> None:
        """Run parts from one on; hand over what the next tier needs, and come back when it hands over to here."""
        parts, end = self.plan["parts"], self.turn["end"]
        while True:
            while index < end and parts[index]["tier"] == self.number:
                self.run(index)
                index = end if self.leaves(index) else index + 1
            following = parts[index]["tier"] if index < end else 0
            if following == self.number:
                return
            side = 1 if following > self.number else -1
            self.send(side, index)
            if side < 0:
                return
            index = self.receive(1)["part"]

    def run(self, index: int) -> None:
        """Run a part, several times over where this tier plays a slow one."""
        part = self.plan["parts"][index]
        given = [self.held[name] for name in part["inputs"]]
        started = time.perf_counter(), time.thread_time()
        for _ in range(self.plan["slow"][self.number]):
            result = self.modules[index](*given)
        self.computed[self.number] += time.perf_counter() - started[0]
        self.busy += time.thread_time() - started[1]
        self.held.update(zip(part["outputs"], result if len(part["outputs"]) > 1 else (result,), strict=True))

    def leaves(self, index: int) -> bool:
        """Whether a part was the last one of an early exit that is sure enough."""
        for number, exit in enumerate(self.plan["exits"][:-1]):
            if exit["after"] == index:
                sure = float(self.held[exit["result"]].double().softmax(-1).max())
                if sure >= exit["threshold"]:
                    self.exit, self.results = number, [exit["result"]]
                    return True
        return False

    def send(self, side: int, index: int) -> None:
        """Send what is needed on one side and is not there yet, taking the time that the link would take."""
        parts = self.plan["parts"][index : self.turn["end"]]
        needed = [name for part in parts if (part["tier"] - self.number) * side > 0 for name in part["inputs"]]
        needed += self.results if side < 0 else []
        names = [n for n in dict.fromkeys(needed) if n in self.held and n not in self.known[side]]
        self.known[side].update(names)
        tensors = [self.held[name].contiguous() for name in names]
        described = [
            (n, str(t.dtype).removeprefix("torch."), tuple(t.shape)) for n, t in zip(names, tensors, strict=True)
        ]
        payload = b"".join(t.reshape(-1).view(torch.uint8).numpy().tobytes() for t in tensors)
        head = json.dumps(
            {
                "inference": self.inference,
                "pass": self.plan["passes"].index(self.turn),
                "part": index,
                "tensors": described,
                "exit": self.exit,
                "results": self.results,
                "computed": self.computed,
                "busy": self.busy + self.beyond,
            }
        ).encode()
        link = self.number if side > 0 else self.number - 1
        wait(8 * len(payload) / self.plan["rates"][link] + self.plan["delays"][link])
        self.sent += len(payload)
        self.sides[side].sendall(SIZE.pack(len(head)) + SIZE.pack(len(payload)) + head + payload)

    def receive(self, side: int) -> dict[str, Any] | None:
        """Receive tensors and the number of the next part; None where the other side has hung up."""
        sizes = exactly(self.sides[side], 2 * SIZE.size)
        if sizes is None:
            return None
        head, payload = (SIZE.unpack_from(sizes, at)[0] for at in (0, SIZE.size))
        message = json.loads(exactly(self.sides[side], head))
        content, at = exactly(self.sides[side], payload) if payload else bytearray(), 0
        if message["inference"] != self.inference:
            self.begin({}, message["inference"], message["pass"])
        self.received += payload
        self.beyond = message["busy"] if side > 0 else 0.0
        for name, kind, shape in message["tensors"]:
            dtype = getattr(torch, kind)
            size = int(np.prod(shape)) * dtype.itemsize
            self.held[name] = (
                torch.frombuffer(content, dtype=torch.uint8, count=size, offset=at).view(dtype).reshape(shape)
            )
            self.known[side].add(name)
            at += size
        self.exit, self.results, self.computed = message["exit"], message["results"], message["computed"]
        return message


def wait(seconds: float) -> None:
    """Wait to the tenth of a millisecond; some systems let nothing sleep less than several."""
    until = time.perf_counter() + seconds
    time.sleep(max(0.0, seconds - 0.01))
    while time.perf_counter() < until:
        pass


def exactly(connection: socket.socket, size: int) -> bytearray | None:
    """Read `size` bytes, or None at the end of the stream."""
    parts = bytearray()
    while len(parts) < size:
        part = connection.recv(min(1 << 20, size - len(parts)))
        if not part:
            return None
        parts += part
    return parts


def connected(port: int) -> socket.socket:
    """Connect to a process on this machine."""
    connection = socket.create_connection(("127.0.0.1", port), PATIENCE)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


def serve(folder: Path, number: int, port: int) -> None:
    """Be a tier: print the port at which the tier before it finds this one, and run parts until that hangs up."""
    torch.set_num_threads(1)
    with ExitStack() as stack, torch.inference_mode():
        right = stack.enter_context(closing(connected(port))) if port else None
        listener = stack.enter_context(closing(socket.create_server(("127.0.0.1", 0))))
        tier = Tier(folder, number, None, right)
        assert "edgeopt" not in sys.modules
        print(listener.getsockname()[1], flush=True)
        listener.settimeout(PATIENCE)
        tier.sides[-1] = stack.enter_context(closing(listener.accept()[0]))
        tier.sides[-1].setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        tier.serve()


# ------------------------------------------------------------------------------------------------------- the networks


class UNet(nn.Module):
    """Downwards, upwards, and at each size a skip connection, which carries a quarter of the channels."""

    def __init__(self) -> None:
        super().__init__()
        wide = [3, 16, 96, 192]
        self.down = nn.ModuleList(
            nn.Conv2d(a, b, 3, stride, padding=1) for (a, b), stride in zip(pairwise(wide), (2, 1, 1), strict=True)
        )
        self.skip = nn.ModuleList(nn.Conv2d(b, b // 4, 1) for b in wide[1:])
        self.bottom = nn.Conv2d(192, 192, 3, padding=1)
        self.up = nn.ModuleList(nn.Conv2d(a, b, 3, padding=1) for a, b in ((240, 96), (120, 16), (20, 1)))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return a map of one class, half as wide as the image."""
        skips = []
        for layer, skip in zip(self.down, self.skip, strict=True):
            x = layer(x).relu()
            skips.append(skip(x))
            x = nn.functional.max_pool2d(x, 2)
        x = self.bottom(x).relu()
        for layer in self.up:
            other = skips.pop()
            x = layer(torch.cat([nn.functional.interpolate(x, size=other.shape[-2:]), other], 1)).relu()
        return x


class Detector(nn.Module):
    """The dense part of a detector: a backbone, and a head each for classes and boxes."""

    def __init__(self) -> None:
        super().__init__()
        wide = [3, 24, 48, 96, 96]
        self.backbone = nn.Sequential(
            *(m for a, b in pairwise(wide) for m in (nn.Conv2d(a, b, 3, 2, padding=1), nn.ReLU()))
        )
        self.classes, self.boxes = (
            nn.Sequential(nn.Conv2d(96, 96, 3, padding=1), nn.ReLU(), nn.Conv2d(96, n, 1)) for n in (20, 4)
        )

    def forward(self, images: torch.Tensor) -> dict[str, torch.Tensor]:
        """Return scores and boxes for each cell."""
        features = self.backbone(images)
        return {"scores": self.classes(features).sigmoid(), "boxes": self.boxes(features)}


# -------------------------------------------------------------------------------------------- planning, and the device


def lay_out(
    folder: Path, parts: Any, passes: Any, exits: list[dict[str, Any]], rates: Any, slow: Any, delays: Any = ()
) -> None:
    """Save the parts and what the processes have to know of them; links have no delay by default."""
    for index, part in enumerate(parts):
        part.save(folder / f"{index}.pt2")
    ports = [
        {"tier": p.tier, "inputs": [port.name for port in p.inputs], "outputs": [port.name for port in p.outputs]}
        for p in parts
    ]
    plan = {"parts": ports, "passes": passes, "exits": exits, "rates": list(rates), "slow": list(slow)}
    plan["delays"] = list(delays) or [0.0] * len(plan["rates"])
    (folder / "plan.json").write_text(json.dumps(plan))


def single(parts: Any, results: list[str]) -> list[dict[str, Any]]:
    """Return the only pass of a plan: all parts."""
    return [{"start": 0, "end": len(parts), "results": results, "state": {}}]


@contextmanager
def running(folder: Path, tiers: int) -> Iterator[Tier]:
    """Start a process for each further tier; give the first one, which runs here."""
    with ExitStack() as stack:
        port = 0
        for number in range(tiers - 1, 0, -1):
            command = [sys.executable, __file__, "--serve", str(folder), str(number), str(port)]
            process = stack.enter_context(subprocess.Popen(command, stdout=subprocess.PIPE, text=True))
            stack.callback(process.terminate)
            port = int(process.stdout.readline())
        right = stack.enter_context(closing(connected(port)))
        stack.enter_context(torch.inference_mode())
        yield Tier(folder, 0, None, right)


@dataclass
class Run:
    """One inference: its seconds, those of them that each tier computed, the exit, and the results."""

    seconds: float
    computed: list[float]
    exit: int
    results: list[torch.Tensor]


def deploy(folder: Path, tiers: int, calls: list[dict[str, torch.Tensor]]) -> list[Run]:
    """Run inferences over processes; the first two warm up and are left out."""
    found = []
    with running(folder, tiers) as device:
        for inputs in [*calls[:2], *calls]:
            time.sleep(PAUSE)
            started = time.perf_counter()
            results = device.infer(inputs)
            found.append(Run(time.perf_counter() - started, device.computed, device.exit, results))
    return found[2:]


@dataclass
class Deployment:
    """A network in parts, and what became of them."""

    parts: Any
    runs: list[Run]

    @classmethod
    def of(cls, captured: Any, decision: Any, calls: list[torch.Tensor], rates: Any, slow: tuple[int, ...]) -> Self:
        """Cut a captured network and run it."""
        from edgeopt.profiles.partition import split_module

        parts = split_module(captured, decision)
        outputs = {index: port.name for part in parts for port in part.outputs for index in port.result}
        inputs = [{captured.graph.inputs[0].name: call} for call in calls]
        with tempfile.TemporaryDirectory() as folder:
            lay_out(Path(folder), parts, single(parts, [outputs[k] for k in sorted(outputs)]), [], rates, slow)
            return cls(parts, deploy(Path(folder), len(slow), inputs))

    @property
    def stages(self) -> np.ndarray:
        """Median seconds of computing on each tier, and of all else."""
        return np.median([[*run.computed, run.seconds - sum(run.computed)] for run in self.runs], axis=0)


@dataclass
class Links:
    """What is known of tiers and links.

    Rates of the links as they are set, and how many times each tier runs a part. Measured: rates, bit/s; seconds that a
    message takes whatever its size; and seconds that a call of a part takes whatever it computes.
    """

    stated: tuple[float, ...]
    slow: tuple[int, ...]
    rates: list[float]
    delays: list[float]
    call: float

    @classmethod
    def measured(cls, rates: Any, slow: tuple[int, ...], repeats: int) -> Self:
        """Send one number to each tier and back, and many, through a part that does next to nothing."""
        import edgeopt as eo
        from edgeopt.profiles.capture import capture

        times = np.zeros((2, len(slow)))
        for row, count in enumerate((1, MANY)):
            captured = capture(nn.ReLU(), torch.ones(1, count))
            calls = [torch.ones(1, count)] * repeats
            for tier in range(len(slow)):
                stages = Deployment.of(captured, eo.GraphSplitDecision([tier]), calls, rates, slow).stages
                times[row, tier] = stages[-1]
                if row == tier == 0:
                    call = stages[0] / slow[0]
        few, many = np.diff(times, axis=1) / 2  # there and back
        found = np.fmin(
            32 * (MANY - 1) / (many - few).clip(1e-9), rates
        )  # on a busy machine differences may be anything
        return cls(rates, slow, found.tolist(), few.clip(0.0).tolist(), float(call))


def seconds_of(model: nn.Module, value: torch.Tensor, slow: tuple[int, ...], repeats: int) -> dict[str, np.ndarray]:
    """Return the seconds of each layer on each tier: the first run comes after a wait, the others at once."""
    from edgeopt.profiles.measure import measure

    first, others = (measure(model, value, repeats=repeats, pause=pause) for pause in (PAUSE, 0.0))
    times = zip(first.name, first.seconds, others.seconds, strict=True)
    return {name: one + (np.array(slow) - 1) * other for name, one, other in times}


def exits_of(table: Any, seconds: dict[str, np.ndarray]) -> list[Any]:
    """Return the exits of a network as the formulation takes them."""
    import edgeopt as eo

    found = []
    for number, chain in enumerate(table.exits()):
        times = np.array([seconds[name] for name in chain.table.names])
        units = np.stack([chain.total(column) for column in times.T], axis=1)
        found.append(eo.Exit((number + 1) / len(table.outputs), units, chain.output_bits, chain.names))
    return found


def said_of(parts: Any) -> str:
    """Return the tiers in order, and what crosses behind each part."""
    return " | ".join(f"{part.tier}: {len(part.outputs)} x {part.output_bits / 8e3:.1f} kB" for part in parts)


def report(name: str, predicted: np.ndarray, measured: np.ndarray, gap: float, parts: Any) -> None:
    """Print one deployment, in all and by stages; raise where its results are not the model's."""
    if gap > 1e-6:
        raise SystemExit(f"{name}: the parts differ from the whole network by {gap:.1e}")
    stages = ", ".join(f"{1e3 * one:.1f} / {1e3 * other:.1f}" for one, other in zip(predicted, measured, strict=True))
    one, other = predicted.sum(), measured.sum()
    print(
        f"{name:34s} predicted {1e3 * one:6.1f} ms, measured {1e3 * other:6.1f} ms ({other / one - 1:+4.0%}): "
        f"{stages}; differs by {gap:.0e}; {said_of(parts)}",
        flush=True,
    )


def difference(found: list[torch.Tensor], expected: Any) -> float:
    """Return the largest difference between results and the model's own."""
    wanted = list(expected.values()) if isinstance(expected, dict) else [expected]
    return max(float((a - b).abs().max()) for a, b in zip(found, wanted, strict=True))


def split(name: str, model: nn.Module, value: torch.Tensor, links: Links, repeats: int) -> None:
    """Solve, deploy and compare a network with any data flow; on the device and on the last tier alone besides."""
    import edgeopt as eo
    from edgeopt.profiles.capture import capture
    from edgeopt.profiles.dnn import LayerTable

    slow = links.slow
    captured = capture(model, value)
    table, seconds = LayerTable.of(captured), seconds_of(model, value, slow, repeats)
    times = np.array([seconds[layer] for layer in table.names])
    bits = [layer.output_bits for layer in table.layers]
    problem = eo.GraphSplit(
        times,
        table.edges,
        table.input_bits,
        bits,
        links.rates[0],
        links.rates[1:] or None,
        link_delay=links.delays,
        outputs=table.outputs,
    )
    exact, last = np.asarray(eo.solve(problem).decision.tiers), len(slow) - 1
    alone = {"device": np.zeros_like(exact), "last tier": np.full_like(exact, last)}
    said = next((f"exact: {place}" for place, tiers in alone.items() if (tiers == exact).all()), "exact")
    for place, tiers in {said: exact, **alone}.items():
        if place != said and (tiers == exact).all():
            continue
        decision = eo.GraphSplitDecision(tiers)
        calls = [torch.randn(value.shape) for _ in range(repeats)]
        deployment = Deployment.of(captured, decision, calls, links.stated, slow)
        with torch.inference_mode():
            gap = max(difference(run.results, model(call)) for run, call in zip(deployment.runs, calls, strict=True))
        computing = np.bincount(tiers, times[np.arange(len(tiers)), tiers], len(slow))
        calling = np.bincount([part.tier for part in deployment.parts], minlength=len(slow)) * slow * links.call
        sending = problem.objective(decision) - computing.sum()
        predicted = np.array([*(computing + calling), sending])
        report(f"{name}, {len(slow)} tiers, {place}", predicted, deployment.stages, gap, deployment.parts)


def leave_early(model: nn.Module, value: torch.Tensor, links: Links, repeats: int) -> None:
    """Calibrate, solve, deploy and compare a network with early exits."""
    import edgeopt as eo
    from edgeopt.profiles.capture import capture
    from edgeopt.profiles.deployment.confidence import calibrate
    from edgeopt.profiles.deployment.early_exit import split_exits
    from edgeopt.profiles.dnn import LayerTable

    slow = links.slow
    captured = capture(model, value)
    table, seconds = LayerTable.of(captured), seconds_of(model, value, slow, repeats)
    known = {"link_delay": links.delays}
    problem = eo.StochasticSplit(
        exits_of(table, seconds),
        [0.3, 0.2, 0.1, 0.1, 0.3],
        links.rates[0],
        links.rates[1:] or None,
        shared_trunk=True,
        **known,
    )
    decision = eo.solve(problem).decision
    with torch.inference_mode():
        rule = calibrate(model(torch.randn(500, *value.shape[1:])), problem.weights)
    staged = split_exits(captured, decision)
    exits, after = [], -1
    for number, stage in enumerate(staged.stages):
        after += len(stage)
        threshold = rule.thresholds[number] if number < len(rule.thresholds) else -np.inf
        exits.append({"after": after, "result": staged.result_of(number), "threshold": threshold})
    calls = [torch.randn(value.shape) for _ in range(8 * repeats)]
    with tempfile.TemporaryDirectory() as folder:
        lay_out(Path(folder), staged.parts, single(staged.parts, [exits[-1]["result"]]), exits, links.stated, slow)
        runs = deploy(Path(folder), len(slow), [{captured.graph.inputs[0].name: call} for call in calls])
    with torch.inference_mode():
        gap = max(difference(run.results, model(call)[run.exit]) for run, call in zip(runs, calls, strict=True))
    computing = staged.latencies(seconds, NO_LINK, [NO_LINK] * (len(slow) - 2) or None)
    sending = staged.latencies(seconds, links.rates[0], links.rates[1:] or None, **known) - computing
    computing += np.cumsum([links.call * sum(slow[part.tier] for part in stage) for stage in staged.stages])
    predicted = np.stack([computing, sending], axis=1)
    left = np.bincount([run.exit for run in runs], minlength=len(exits)) / len(runs)
    measured = np.zeros_like(predicted)
    for exit in np.flatnonzero(left):
        own = [run for run in runs if run.exit == exit]
        measured[exit] = np.median([(sum(r.computed), r.seconds - sum(r.computed)) for r in own], axis=0)
    report(f"BranchyNet, {len(slow)} tiers, exact", left @ predicted, left @ measured, gap, staged.parts)
    for number, share in enumerate(left):
        print(
            f"  exit {number}: asked for {problem.weights[number]:4.0%}, left {share:4.0%}; predicted "
            f"{1e3 * predicted[number].sum():6.1f} ms, measured {1e3 * measured[number].sum():6.1f} ms"
        )


def main() -> None:
    """Measure, solve, split, deploy, compare."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rates", type=float, nargs=2, default=[50e6, 200e6], help="rates of the two links, bit/s")
    parser.add_argument(
        "--slow", type=int, nargs=2, default=[6, 2], help="how many times device and edge run each part"
    )
    parser.add_argument("--quick", action="store_true", help="two tiers, fewer repetitions")
    parser.add_argument("--serve", nargs=3, metavar=("FOLDER", "TIER", "PORT"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.serve:
        serve(Path(arguments.serve[0]), int(arguments.serve[1]), int(arguments.serve[2]))
        return
    from edgeopt.profiles import zoo

    torch.set_num_threads(1)
    torch.manual_seed(0)
    repeats = 3 if arguments.quick else 31
    networks = {
        "AlexNet": (zoo.build("alexnet"), torch.randn(1, 3, 224, 224)),
        "U-Net": (UNet().eval(), torch.randn(1, 3, 128, 128)),
        "detector": (Detector().eval(), torch.randn(1, 3, 128, 128)),
    }
    for tiers in (2,) if arguments.quick else (2, 3):
        rates, slow = tuple(arguments.rates[: tiers - 1]), (*arguments.slow[: tiers - 1], 1)
        links = Links.measured(rates, slow, 3 * repeats)
        for rate, found, delay in zip(rates, links.rates, links.delays, strict=True):
            print(f"a link of {rate / 1e6:.0f} Mbit/s: {found / 1e6:.1f} Mbit/s and {1e3 * delay:.2f} ms a message")
        print(f"calling a part: {1e3 * links.call:.2f} ms; load of this machine {os.getloadavg()[0]:.1f}")
        for name, (model, value) in networks.items():
            split(name, model, value, links, repeats)
        leave_early(zoo.build("branchy_alexnet"), torch.randn(1, 3, 32, 32), links, repeats)


if __name__ == "__main__":
    main()
