"""From a decision to running parts: AlexNet split over two processes, predicted beside measured latency.

The layers are timed on this machine. A "device" runs every layer several times over, so that it is honestly slower than
the "edge server"; their link is a loopback socket throttled to a stated rate. The exact split is solved, the network is
cut into torch modules, the parts run in two processes, and what was predicted is compared with what is measured.
"""

from __future__ import annotations

import argparse
import multiprocessing
import socket
import struct
import time
from contextlib import closing

import numpy as np
import torch

import edgeopt as eo
from edgeopt.profiles import zoo
from edgeopt.profiles.dnn import LayerTable
from edgeopt.profiles.measure import measure
from edgeopt.profiles.partition import Part, split_module

NETWORK, PATIENCE = "alexnet", 60.0
HEADER = struct.Struct("!IQ")


def send(connection: socket.socket, index: int, value: torch.Tensor, rate: float) -> None:
    """Send a tensor as plain bytes, taking the time that the link would take."""
    payload = value.contiguous().numpy().tobytes()
    time.sleep(8 * len(payload) / rate)
    connection.sendall(HEADER.pack(index, len(payload)) + payload)


def receive(connection: socket.socket) -> tuple[int, bytes] | None:
    """Receive the number of a part and the bytes of its input; None where the other side has hung up."""
    head = exactly(connection, HEADER.size)
    if head is None:
        return None
    index, size = HEADER.unpack(head)
    return index, exactly(connection, size)


def exactly(connection: socket.socket, size: int) -> bytes | None:
    """Read `size` bytes, or None at the end of the stream."""
    parts = bytearray()
    while len(parts) < size:
        part = connection.recv(min(1 << 20, size - len(parts)))
        if not part:
            return None
        parts += part
    return bytes(parts)


def tensor(payload: bytes, part: Part) -> torch.Tensor:
    """Rebuild the tensor that a part expects."""
    return torch.from_numpy(np.frombuffer(bytearray(payload), dtype=np.float32).reshape(part.input_shape))


def parts_of(tiers: list[int]) -> tuple[Part, ...]:
    """Build the network from its seed and cut it; both processes do the same."""
    torch.set_num_threads(1)
    return split_module(zoo.build(NETWORK), np.array(tiers), zoo.example_input(NETWORK))


def edge_server(port: multiprocessing.Queue, tiers: list[int], rate: float) -> None:
    """Serve the parts on tier 1 until the device hangs up."""
    parts = parts_of(tiers)
    with closing(socket.create_server(("127.0.0.1", 0))) as listener, torch.no_grad():
        listener.settimeout(PATIENCE)
        for part in parts:  # once before anyone measures
            if part.tier == 1:
                part.module(torch.zeros(part.input_shape))
        port.put(listener.getsockname()[1])
        connection, _ = listener.accept()
        with closing(connection):
            connection.settimeout(PATIENCE)
            while (message := receive(connection)) is not None:
                index, payload = message
                send(connection, index, parts[index].module(tensor(payload, parts[index])), rate)


def infer(parts: tuple[Part, ...], connection: socket.socket, value: torch.Tensor, slow: int, rate: float):
    """Run one inference: the device's parts here, `slow` times over, the edge's parts over the socket."""
    for index, part in enumerate(parts):
        if part.tier == 0:
            for _ in range(slow):
                result = part.module(value)
            value = result
            continue
        send(connection, index, value, rate)
        answer = receive(connection)
        if answer is None:
            raise ConnectionError("the edge server hung up")
        following = parts[index + 1] if index + 1 < len(parts) else None
        shape = following.input_shape if following else part.output_shape
        value = torch.from_numpy(np.frombuffer(bytearray(answer[1]), dtype=np.float32).reshape(shape))
    return value


def deploy(tiers: list[int], slow: int, rate: float, repeats: int) -> tuple[float, float]:
    """Return the median latency of the deployed split, seconds, and its largest difference from the whole network."""
    context = multiprocessing.get_context("spawn")
    port = context.Queue()
    server = context.Process(target=edge_server, args=(port, tiers, rate), daemon=True)
    server.start()
    try:
        parts, model = parts_of(tiers), zoo.build(NETWORK)
        value = torch.randn(zoo.example_input(NETWORK).shape, generator=torch.Generator().manual_seed(0))
        with closing(socket.create_connection(("127.0.0.1", port.get(timeout=PATIENCE)), PATIENCE)) as connection:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with torch.no_grad():
                difference = (infer(parts, connection, value, slow, rate) - model(value)).abs().max()
                times = []
                for _ in range(repeats):
                    started = time.perf_counter()
                    infer(parts, connection, value, slow, rate)
                    times.append(time.perf_counter() - started)
        return float(np.median(times)), float(difference)
    finally:
        server.join(5.0)
        server.kill()


def main() -> None:
    """Measure, solve, split, deploy, compare."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rate", type=float, default=50e6, help="rate of the link, bit/s")
    parser.add_argument("--slow", type=int, default=4, help="how many times the device runs each layer")
    parser.add_argument("--quick", action="store_true", help="fewer repetitions")
    arguments = parser.parse_args()
    model, value = zoo.build(NETWORK), zoo.example_input(NETWORK)
    chain = LayerTable.from_module(model, value).chain()
    measured = measure(model, value, threads=1, repeats=3 if arguments.quick else 15)
    edge = chain.total(measured.set_index("name").seconds.loc[list(chain.table.names)].to_numpy())
    exit = eo.Exit(1.0, np.stack([arguments.slow * edge, edge], axis=1), chain.output_bits, chain.names)
    problem = eo.StochasticSplit([exit], [1.0], arguments.rate)
    best = eo.solve(problem)
    print(f"{NETWORK}: {chain.units} units; link {arguments.rate / 1e6:g} Mbit/s; device {arguments.slow}x slower")
    everywhere = {
        "exact split": best.decision,
        "all on the device": eo.solve(problem, "local-only").decision,
        "all at the edge": eo.solve(problem, "remote-only").decision,
    }
    for name, decision in everywhere.items():
        tiers = decision.tiers[0].tolist()
        latency, difference = deploy(tiers, arguments.slow, arguments.rate, 5 if arguments.quick else 20)
        if difference > 1e-6:
            raise SystemExit(f"{name}: the parts differ from the whole network by {difference:.1e}")
        parts = split_module(model, decision, value)
        cuts = ", ".join(f"{part.output_bits / 8e3:.1f} kB {part.output_shape}" for part in parts[:-1]) or "none"
        print(
            f"{name:18s} predicted {1e3 * problem.objective(decision):7.1f} ms, measured {1e3 * latency:7.1f} ms, "
            f"differs by {difference:.1e}; tensors between the parts: {cuts}"
        )


if __name__ == "__main__":
    main()
