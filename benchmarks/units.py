"""What does a rational unit cost, forward and backward, next to GELU?

    python benchmarks/units.py
    python benchmarks/units.py --rows 4096 --features 1024 --compile --out units.jsonl

Each round times every unit once, so that a busy moment of the machine hits all of them; the ratio to GELU is taken
within a round and its median over rounds is printed, with the quartiles. Times are processor time of one thread, which
other processes disturb less than wall-clock time. ``kept`` is what autograd holds for the backward pass.
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor, nn

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from closedform.networks import PairRationalUnit, RationalUnit

Case = Callable[[], Tensor]


def cases(x: Tensor, y: Tensor, compiled: bool) -> dict[str, Case]:
    """Name of a unit to its forward pass."""
    n = x.shape[-1]
    start = {"gate": True, "start": "silu", "dtype": x.dtype}
    units: dict[str, nn.Module] = {
        "plain": RationalUnit(n, recompute=False, **start),
        "square": RationalUnit(n, **start),
        "square, no gate": RationalUnit(n, start="silu", gate=False, dtype=x.dtype),
        "square, 3/1": RationalUnit(n, 3, 1, **start),
        "softplus": RationalUnit(n, denominator="softplus", **start),
        "abs": RationalUnit(n, denominator="abs", **start),
    }
    if compiled:
        units["square, compiled"] = RationalUnit(n, **start)
        units["square, compiled"].compile()
    found: dict[str, Case] = {"gelu": lambda: nn.functional.gelu(x), "silu": lambda: nn.functional.silu(x)}
    found |= {name: lambda unit=unit: unit(x) for name, unit in units.items()}
    for name, recompute in (("pair, plain", False), ("pair", True)):
        pair = PairRationalUnit(n, recompute=recompute, dtype=x.dtype)
        found[name] = lambda pair=pair: pair(x, y)
    return found


def kept_bytes(case: Case) -> int:
    """Bytes that autograd holds between forward and backward, inputs included."""
    held: dict[int, int] = {}

    def pack(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        held[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        case()
    return sum(held.values())


def seconds(case: Case, gradient: Tensor, repeats: int) -> float:
    """Processor time of forward and backward together."""
    begin = time.process_time()
    for _ in range(repeats):
        case().backward(gradient)
    return (time.process_time() - begin) / repeats


def measure(n_rows: int, n_features: int, dtype: torch.dtype, rounds: int, compiled: bool) -> list[dict[str, object]]:
    """One record for each unit."""
    generator = torch.Generator().manual_seed(0)
    x, y, gradient = (torch.randn(n_rows, n_features, generator=generator, dtype=dtype) for _ in range(3))
    found = cases(x.requires_grad_(), y.requires_grad_(), compiled)
    repeats = max(1, 200_000 // x.numel())
    times: dict[str, list[float]] = {name: [] for name in found}
    for case in found.values():  # warm up, and compile
        seconds(case, gradient, 1)
    for _ in range(rounds):
        for name, case in found.items():
            times[name].append(seconds(case, gradient, repeats))
    records: list[dict[str, object]] = []
    for name, case in found.items():
        ratios = [own / gelu for own, gelu in zip(times[name], times["gelu"], strict=True)]
        low, middle, high = statistics.quantiles(ratios, n=4)
        records.append(
            {
                "unit": name,
                "rows": n_rows,
                "features": n_features,
                "dtype": str(dtype).removeprefix("torch."),
                "milliseconds": round(1e3 * statistics.median(times[name]), 4),
                "ratio": round(middle, 2),
                "ratio_quartiles": [round(low, 2), round(high, 2)],
                "kept_mib": round(kept_bytes(case) / 2**20, 3),
            }
        )
    return records


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, nargs="+", default=[256, 4096])
    parser.add_argument("--features", type=int, nargs="+", default=[16, 256])
    parser.add_argument("--dtype", choices=["float32", "float64"], default="float32")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--compile", action="store_true", help="also a unit under torch.compile; needs a C++ compiler")
    parser.add_argument("--out", type=Path, help="append one line of JSON for each unit and size")
    options = parser.parse_args()
    torch.set_num_threads(1)
    print(f"torch {torch.__version__}, {platform.processor() or platform.machine()}, one thread, {options.dtype}")
    print(f"{'rows':>6} {'features':>8}  {'unit':18} {'ms':>9} {'x GELU':>7} {'quartiles':>14} {'kept MiB':>9}")
    for n_rows in options.rows:
        for n_features in options.features:
            dtype = getattr(torch, options.dtype)
            for r in measure(n_rows, n_features, dtype, options.rounds, options.compile):
                quartiles = "{} - {}".format(*r["ratio_quartiles"])
                print(
                    f"{r['rows']:6} {r['features']:8}  {r['unit']:18} {r['milliseconds']:9.3f} {r['ratio']:7.2f} "
                    f"{quartiles:>14} {r['kept_mib']:9.2f}"
                )
                if options.out:
                    with options.out.open("a") as lines:
                        lines.write(json.dumps(r | {"torch": torch.__version__}) + "\n")


if __name__ == "__main__":
    main()
