"""Draw the front of formulas for the planets: python examples/front.py docs/images/front.svg"""

import sys

import matplotlib

matplotlib.use("svg")
matplotlib.rcParams["svg.hashsalt"] = "closedform"
import matplotlib.pyplot as plt  # noqa: E402
import numpy as np  # noqa: E402

from closedform import SymbolicRegressor  # noqa: E402
from closedform.datasets import load_hydrogen_lines  # noqa: E402

table = load_hydrogen_lines()
model = SymbolicRegressor(max_time=20, random_state=0).fit(table.X, table.y)
front, chosen = model.equations_, model.get_best()

figure, axes = plt.subplots(figsize=(8, 4.2), layout="constrained")
error = np.sqrt(front["loss"]) / np.std(table.y)
axes.step(front["complexity"], error, where="post", color="0.75", zorder=1)
axes.scatter(front["complexity"], error, color="tab:blue", zorder=2, label="formulas on the front")
best = np.sqrt(chosen["loss"]) / np.std(table.y)
axes.scatter([chosen["complexity"]], [best], s=140, facecolor="none", edgecolor="tab:red", linewidth=2, zorder=3)
axes.annotate(
    f"${model.latex(precision=5)}$",
    (chosen["complexity"], best),
    xytext=(18, 34),
    textcoords="offset points",
    fontsize=13,
    color="tab:red",
)
axes.set(yscale="log", xlabel="complexity (nodes of the formula)", ylabel="error / spread of the target")
axes.set_title("Wavelengths of hydrogen lines: the front, and the formula chosen by description length")
axes.legend(frameon=False)
figure.savefig(sys.argv[1], metadata={"Date": None})
