"""How good are models of tables, how fast, and how large?

    python benchmarks/tabular.py --data-dir DIR --sets all --models ran,ebm,hgb,rf,mlp,pygam,linear \\
        --folds 5 --seed 0 --jobs 1 --threads 1 --out results/tabular.jsonl

One protocol for all: 5-fold cross-validation below 5,000 rows, one 80/20 split from there on; each fit runs in its own
process, and one line of JSON is written for each as it finishes. Started again with the same arguments it goes on
where it stopped. See benchmarks/README.md.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

for _place in (Path.cwd(), Path(__file__).resolve().parent.parent):  # the repository first, then the caller's modules
    sys.path.insert(0, str(_place))

from benchmarks.tabular_data import load_set, set_names, splits  # noqa: E402
from benchmarks.tabular_measure import measure  # noqa: E402
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
from benchmarks.tabular_summary import KEYS, summarise  # noqa: E402

MODELS = "ran,ebm,hgb,rf,mlp,pygam,linear"


def make_cells(options: argparse.Namespace) -> list[Cell]:
    """All fits of a run: for each model, set by set, fold by fold."""
    names = set_names(options.sets, options.data_dir)
    folds = {}
    for name in names:
        n_folds = len(splits(load_set(name, options.data_dir), options.folds, options.seed))
        folds[name] = range(min(n_folds, options.max_folds or n_folds))
    return [
        {"set": name, "fold": fold, "folds": options.folds, **model}
        for model in model_cells(options)
        for name in names
        for fold in folds[name]
    ]


def describe(row: Row) -> str:
    """One finished fit in one line."""
    place = f"{row['set']} fold {row['fold']}"
    if row["status"] != "ok":
        return f"{row['model']:9s} {place:26s} {row['status']}: {row['message'][:100]}"
    key = "rmse" if row["task"] == "regression" else "log_loss"
    return (
        f"{row['model']:9s} {place:26s} {key} {row[key]:.5g}, fit {row['fit_seconds']:.2f} s, "
        f"predict {row['predict_microseconds']:.2f} us, {row['parameters']} stored"
    )


def main(argv: list[str] | None = None) -> int:
    """Run the benchmark; 2 for wrong use, 130 when interrupted."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    add = common_arguments(parser, MODELS)
    add("--folds", type=int, default=5, help="of cross-validation below 5,000 rows")
    add("--max-folds", type=int, help="measure only the first ones")
    options = parser.parse_args(argv)
    try:
        cells = make_cells(options)
    except ValueError as error:
        print(f"tabular.py: {error}", file=sys.stderr)
        return 2
    plan = Plan(
        measure, KEYS, ("set", "model", "options", "seed"), options.data_dir, options.max_time,
        options.threads, options.jobs, options.retry,
    )  # fmt: skip
    if not carry_out(Run(plan, cells, options.out), describe):
        return 130
    print(summarise(read_rows(options.out, KEYS)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
