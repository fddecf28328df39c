"""How far off are models of tables outside the range they were trained on?

    python benchmarks/extrapolation.py --data-dir DIR --sets all --models ran,ebm,hgb,rf,mlp,pygam,linear \\
        --seed 0 --out results/extrapolation.jsonl
    python benchmarks/extrapolation.py --summary results/extrapolation.jsonl

For each regression set and each of its numeric columns with enough values: train on the rows below the 80th percentile
of the column, predict the rows above it, and compare with held-out rows below it. One line of JSON for each model and
column; started again with the same arguments it goes on where it stopped. See benchmarks/README.md.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

for _place in (Path.cwd(), Path(__file__).resolve().parent.parent):  # the repository first, then the caller's modules
    sys.path.insert(0, str(_place))

from benchmarks.tabular_data import load_set, set_names  # noqa: E402
from benchmarks.tabular_extrapolation import KEYS, features, measure, reduced, summarise  # noqa: E402
from benchmarks.tabular_runner import (  # noqa: E402
    Cell,
    Plan,
    Row,
    Run,
    carry_out,
    common_arguments,
    model_cells,
    read_rows,
)

MODELS = "ran,ebm,hgb,rf,mlp,pygam,linear"


def make_cells(options: argparse.Namespace) -> list[Cell]:
    """All fits of a run: for each model, set by set, column by column."""
    if not 0.0 < options.quantile < 1.0:
        raise ValueError(f"--quantile must lie between 0 and 1, got {options.quantile}")
    columns = {}
    for name in set_names(options.sets, options.data_dir):
        data = load_set(name, options.data_dir)
        if data.task == "regression":
            columns[name] = features(reduced(data, options.max_rows), options.quantile)[: options.max_features]
    return [
        {"set": name, "feature": feature, "quantile": options.quantile, "max_rows": options.max_rows, **model}
        for model in model_cells(options)
        for name, found in columns.items()
        for feature in found
    ]


def describe(row: Row) -> str:
    """One finished fit in one line."""
    place = f"{row['model']:9s} {row['set']}/{row['feature']}"
    if row["status"] != "ok":
        return f"{place:50s} {row['status']}: {row['message'][:100]}"
    return f"{place:50s} ratio {row['ratio']:.3g} = {row['rmse_out']:.4g} / {row['rmse_in']:.4g}"


def main(argv: list[str] | None = None) -> int:
    """Run the benchmark or show its results; 2 for wrong use, 130 when interrupted."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    add = common_arguments(parser, MODELS, need_out=False)
    add("--quantile", type=float, default=0.8, help="where a column is cut")
    add("--max-rows", type=int, default=5000, help="larger sets are reduced to that many rows")
    add("--max-features", type=int, help="only the first columns of each set")
    add("--summary", type=Path, help="show the results of this file and do nothing else")
    add("--every", action="store_true", help="summary over all cuts of each model, not over those all models have")
    options = parser.parse_args(argv)
    try:
        if options.summary is not None:
            if not options.summary.is_file():
                raise ValueError(f"no such file: {options.summary}")
            print(summarise(read_rows(options.summary, KEYS), options.every))
            return 0
        if options.out is None:
            raise ValueError("expected --out FILE, or --summary FILE")
        cells = make_cells(options)
    except ValueError as error:
        print(f"extrapolation.py: {error}", file=sys.stderr)
        return 2
    plan = Plan(
        measure, KEYS, ("set", "model", "options", "seed"), options.data_dir, options.max_time,
        options.threads, options.jobs, options.retry,
    )  # fmt: skip
    if not carry_out(Run(plan, cells, options.out), describe):
        return 130
    print(summarise(read_rows(options.out, KEYS), options.every))
    return 0


if __name__ == "__main__":
    sys.exit(main())
