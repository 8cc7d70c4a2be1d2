"""What the capture takes: a zoo of networks, each cut everywhere and compared with the model.

    python benchmarks/networks.py [torchvision|timm|transformers|awkward|held-out …] [--cuts N] [--out FILE]

``pip install --no-deps --target zoo torchvision timm transformers huggingface_hub tokenizers safetensors regex`` and
``PYTHONPATH=zoo`` bring the packages; nothing is downloaded, weights are random. For every network: which front end
took it, seconds of a processor for the capture, operators, cuts and those with one tensor, sampled cuts whose parts
equal the model (1e-6 of the largest value) and ship what ``torch.save`` writes, multiply-accumulates beside those that
torch's own counter sees when the model runs, and what is not counted.
"""

from __future__ import annotations

import argparse
import io
import sys
import time
import warnings
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from networks_zoo import Network, networks
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

import edgeopt as eo
from edgeopt.profiles.capture import Capture, capture
from edgeopt.profiles.capture.crossing import Crossings
from edgeopt.profiles.capture.parts import pieces, run_pieces
from edgeopt.profiles.capture.state import at_rest
from edgeopt.profiles.dnn import LayerTable

PACKAGES = ("torchvision", "timm", "transformers", "awkward")


def awkward() -> Iterator[Network]:
    """Yield the networks of the tests, those that must be refused among them."""
    sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))
    import made_networks

    for name, (build, args, kwargs, _) in made_networks.NETWORKS.items():
        yield "awkward", name, build, args, kwargs
    for name, (build, args, _) in made_networks.REFUSED.items():
        yield "awkward", f"{name} (no fixed graph)", build, args, {}


def measured(network: Network, most: int) -> dict[str, Any]:
    """Capture one network and try its cuts."""
    package, name, build, args, kwargs = network
    torch.manual_seed(0)
    row: dict[str, Any] = {"package": package, "network": name}
    try:
        model = build().eval()
    except Exception as error:  # another version of the package
        return row | {"route": f"not built: {type(error).__name__}: {error}"[:100]}
    started = time.process_time()
    try:
        found = capture(model, args, kwargs)
    except eo.EdgeOptError as error:
        return row | {"route": "refused", "seconds": time.process_time() - started, "said": str(error)}
    row |= {"route": found.route, "dynamic": found.dynamic, "seconds": time.process_time() - started}
    table = LayerTable.of(found)
    started = time.process_time()
    costs = Crossings(found.graph).frame()
    row |= {"operators": len(found.graph.operators), "cuts": len(costs) - 2, "layers": len(table.layers)}
    row |= {"one_tensor": int((costs.tensors[1:-1] == 1).sum()), "cost_ms": 1e3 * (time.process_time() - started)}
    row |= tried(found, most)
    row |= {"macs": table.macs, "torchs_macs": torchs_macs(model, args, kwargs)}
    return row | {
        "uncounted": ", ".join(f"{k} x {v}" for k, v in table.uncounted.items()),
        "said": "; ".join(found.notes),
    }


def tried(found: Capture, most: int) -> dict[str, Any]:
    """Run both parts at some cuts; count those that equal the whole and ship the bytes that are stated."""
    crossings = Crossings(found.graph)
    possible = np.flatnonzero(crossings.allowed[1:-1]) + 1
    if len(possible) > most:
        possible = np.sort(np.random.default_rng(0).choice(possible, most, replace=False))
    given = dict(zip(found.graph.program.inputs, found.call.tensors, strict=True))
    entering = tuple(given[node] for node in found.graph.inputs)
    counted = {"tried": len(possible), "equal": 0, "to_the_bit": 0, "bytes_right": 0}
    if found.graph.program.writes:  # every call changes the state: the tests compare these
        return counted | {"tried": 0}
    with at_rest():
        expected = found.graph.program.run(found.call.fresh().tensors)
        for cut in possible:
            parts = pieces(crossings, [int(cut)])
            torch.manual_seed(0)
            between = run_pieces(parts[:1], entering)
            results = run_pieces(parts, entering)
            counted["equal"] += all(close(*pair) for pair in zip(results, expected, strict=True))
            counted["to_the_bit"] += all(torch.equal(*pair) for pair in zip(results, expected, strict=True))
            tensors = [value for value in between if isinstance(value, torch.Tensor)]
            counted["bytes_right"] += 8 * sum(map(saved_bytes, tensors)) == crossings.bits[cut]
    return counted


def close(ours: torch.Tensor, theirs: torch.Tensor) -> bool:
    """Whether two tensors differ by at most 1e-6 of the largest value."""
    if ours.shape != theirs.shape or ours.dtype != theirs.dtype:
        return False
    wide = torch.complex128 if ours.is_complex() else torch.float64
    a, b = ours.to(wide), theirs.to(wide)
    scale = float(b.abs().nan_to_num(0.0, 0.0, 0.0).max()) if b.numel() else 0.0
    return torch.allclose(a, b, rtol=0.0, atol=1e-6 * max(scale, 1.0), equal_nan=True)


def saved_bytes(tensor: torch.Tensor) -> int:
    """Return the bytes of the data that ``torch.save`` writes of a contiguous copy."""
    stream = io.BytesIO()
    torch.save(tensor.contiguous().clone(), stream)
    with zipfile.ZipFile(stream) as archive:
        return sum(entry.file_size for entry in archive.infolist() if "/data/" in entry.filename)


def torchs_macs(model: torch.nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> int | None:
    """Return the multiply-accumulates that torch's counter sees, with kernels whose products it knows."""
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        kernels = sdpa_kernel(SDPBackend.MATH), torch.backends.mkldnn.flags(enabled=False)
        with torch.no_grad(), kernels[0], kernels[1], FlopCounterMode(display=False) as counter:
            model(*args, **kwargs)
        return int(counter.get_total_flops()) // 2
    except (RuntimeError, AssertionError):  # the counter wants gradients of some modules
        return None
    finally:
        torch.backends.mha.set_fastpath_enabled(True)


def summary(rows: pd.DataFrame) -> str:
    """Return the table of one line for each package."""
    head = "| package | networks | captured | refused | cuts | tried | equal | to the bit | bytes right "
    lines = [head + "| MACs as torch's |", "|---" + 9 * "|--:" + "|"]
    for package, group in rows.groupby("package", sort=False):
        taken = group[group.route.isin(["export", "strict export", "recorder"])]
        counts = taken[["cuts", "tried", "equal", "to_the_bit", "bytes_right"]].sum().astype(int)
        same = int((taken.macs == taken.torchs_macs).sum())
        cells = [
            package,
            len(group),
            len(taken),
            int((group.route == "refused").sum()),
            *counts,
            f"{same} of {len(taken)}",
        ]
        lines.append("| " + " | ".join(map(str, cells)) + " |")
    return "\n".join(lines)


def main() -> None:
    """Measure the zoo, print a row for each network, then the summary."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("packages", nargs="*", default=list(PACKAGES))
    parser.add_argument("--cuts", type=int, default=12, help="cuts tried of each network")
    parser.add_argument("--out", type=Path, help="CSV file for all that was measured")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    rows: list[dict[str, Any]] = []
    for package in arguments.packages:
        for network in awkward() if package == "awkward" else networks(package):
            rows.append(measured(network, arguments.cuts))
            print({key: value for key, value in rows[-1].items() if key != "said" or value}, flush=True)
            if arguments.out:
                pd.DataFrame(rows).to_csv(arguments.out, index=False)
    frame = pd.DataFrame(rows)
    print(summary(frame))


if __name__ == "__main__":
    main()
