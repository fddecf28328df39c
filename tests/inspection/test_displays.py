"""Pictures hold what the data say: artists, labels, numbers; never pixels."""

from __future__ import annotations

import builtins

import numpy as np
import pandas as pd
import pytest

from closedform import RANRegressor
from closedform.exceptions import ClosedFormError, InputError
from closedform.inspection import (
    EffectDisplay,
    ImportanceDisplay,
    LocalDisplay,
    MissingPackageError,
    OverviewDisplay,
    PairDisplay,
    explain_row,
)
from closedform.inspection.drawing import term_text, text


def drawn(display) -> None:
    """Have everything laid out and drawn, where warnings of fonts and layouts would arise."""
    display.figure_.canvas.draw()


def test_a_curve_is_the_effect(price_model, houses):
    display = EffectDisplay.from_estimator(price_model, "sold", houses[0])
    drawn(display)
    (line,) = display.lines_
    np.testing.assert_array_equal(line.get_ydata(), display.data.effect[:, 0])
    assert display.ax_.get_xlabel() == "sold"
    assert display.ax_.get_ylabel() == "effect on price"
    (band,) = display.ax_.collections
    low, high = band.get_paths()[0].get_extents().get_points()[:, 1]
    error = 2 * display.data.standard_error[:, 0]
    assert (low, high) == pytest.approx(((line.get_ydata() - error).min(), (line.get_ydata() + error).max()))


def test_the_density_lies_below_the_curve(price_model, houses):
    with_rows = EffectDisplay.from_estimator(price_model, "sold", houses[0])
    without = EffectDisplay.from_estimator(price_model, "sold")
    assert len(with_rows.ax_.patches) == 1 and not without.ax_.patches
    assert with_rows.ax_.get_ylim()[0] < with_rows.heights_[0] == without.ax_.get_ylim()[0]


def test_missing_cells_stand_beside_the_curve(price_model):
    display = EffectDisplay.from_estimator(price_model, "area $m^2$")
    drawn(display)
    assert "missing" in [item.get_text() for item in display.ax_.texts]
    (line,) = display.lines_
    assert len(line.get_ydata()) == len(display.data.axis) - 1
    assert max(display.ax_.get_xticks()) <= 200
    assert display.ax_.get_xlabel() == r"area \$m^2\$"


def test_labels_have_points_with_counts(price_model, houses):
    display = EffectDisplay.from_estimator(price_model, "town", houses[0])
    drawn(display)
    labels = [item.get_text() for item in display.ax_.get_yticklabels()]
    assert len(labels) == 4 and labels[-1].startswith("(missing)  ·")
    assert labels[0].startswith("Oslo") and str((houses[0]["town"] == "Oslo").sum()) in labels[0]
    widths = [bar.get_width() for bar in display.ax_.patches]
    assert widths[:3] == sorted(widths[:3], reverse=True)


def test_truth_values_keep_their_order(price_model):
    display = EffectDisplay.from_estimator(price_model, "garden")
    assert [item.get_text() for item in display.ax_.get_yticklabels()] == ["False", "True"]


def test_only_the_largest_of_many_levels_are_drawn():
    rng = np.random.default_rng(0)
    X = pd.DataFrame({"code": rng.integers(0, 30, 600).astype(str), "x": rng.normal(size=600)})
    model = RANRegressor(interactions=0, second_block=False, random_state=0).fit(X, X["code"].astype(float))
    display = EffectDisplay.from_estimator(model, "code", X)
    drawn(display)
    assert len(display.ax_.get_yticks()) == 20
    assert display.ax_.texts[-1].get_text() == "10 more values with smaller effects"


@pytest.mark.parametrize("term", ["height", "bark"])
def test_classes_have_a_line_each(species_model, species, term):
    display = EffectDisplay.from_estimator(species_model, term, species[0])
    drawn(display)
    assert len(display.lines_) == 3
    assert [item.get_text() for item in display.ax_.get_legend().get_texts()] == [" _oak", "ash", "beech"]
    one = EffectDisplay.from_estimator(species_model, term, output="ash")
    assert len(one.lines_) == 1 and one.ax_.get_legend() is None


def test_a_map_is_centred_at_zero(price_model, houses):
    display = PairDisplay.from_estimator(price_model, "area $m^2$ & sold", houses[0])
    drawn(display)
    low, high = display.mesh_.get_clim()
    assert low == -high
    assert display.mesh_.get_array().shape == (60, 60)  # missing areas are left out
    assert display.colorbar_.ax.get_ylabel() == "effect on price"
    assert (display.ax_.get_xlabel(), display.ax_.get_ylabel()) == (r"area \$m^2\$", "sold")


def test_labels_go_up_beside_numbers(price_model, houses):
    display = PairDisplay.from_estimator(price_model, "town & area $m^2$", houses[0])
    drawn(display)
    assert [item.get_text() for item in display.ax_.get_yticklabels()][-1] == "(missing)"
    assert display.mesh_.get_array().shape == (4, 60)


def test_two_columns_of_labels(price_model, houses):
    display = PairDisplay.from_estimator(price_model, "town & garden", houses[0])
    drawn(display)
    assert display.mesh_.get_array().shape == (2, 4)
    effect = display.data.effect[:, :, 0]
    np.testing.assert_allclose(np.sort(display.mesh_.get_array().ravel()), np.sort(effect.ravel()))


def test_importances_are_bars(price_model):
    display = ImportanceDisplay.from_estimator(price_model, max_terms=3)
    drawn(display)
    table = price_model.explain_global()
    assert [bar.get_width() for bar in display.bars_] == table["importance"].head(3).tolist()
    texts = [item.get_text() for item in display.ax_.texts]
    assert texts[0] == f"{100 * table['share'][0]:.1f} %"
    assert texts[-1] == f"and {len(table) - 3} smaller terms"


def test_a_waterfall_leads_from_intercept_to_prediction(price_model, houses):
    display = LocalDisplay.from_estimator(price_model, houses[0], 4, max_terms=3)
    drawn(display)
    row = explain_row(price_model, houses[0], 4)
    bars = list(display.bars_)
    assert bars[0].get_x() == pytest.approx(row.intercept)
    last = bars[-1]
    assert last.get_x() + last.get_width() == pytest.approx(row.raw_score)
    labels = [item.get_text() for item in display.ax_.get_yticklabels()]
    assert labels[0] == "intercept" and labels[-1] == "sum"
    assert labels[-2] == f"{len(row.terms) - 3} other terms"
    assert display.ax_.get_title(loc="left").startswith("price = ")


def test_a_waterfall_of_classes_gives_the_probability(species_model, species):
    display = LocalDisplay.from_estimator(species_model, species[0], 0, output="ash")
    drawn(display)
    assert display.ax_.get_title(loc="left").startswith("probability of ash = 0.")
    assert display.ax_.get_xlabel() == "score of tree = ash"


def test_the_overview_shows_importances_and_the_first_terms(price_model, houses):
    display = price_model.plot(X=houses[0], max_terms=4)
    drawn(display)
    assert isinstance(display, OverviewDisplay)
    assert len(display.axes_) == 5
    names = price_model.explain_global()["term"].head(4).tolist()
    assert [one.name for one in display.effects] == names
    curves = [one for one in display.displays_ if isinstance(one, EffectDisplay) and not one.data.axis.is_levels]
    assert len({one.heights_ for one in curves}) <= 1


def test_a_named_term_has_its_own_display(price_model):
    assert isinstance(price_model.plot("town"), EffectDisplay)
    assert isinstance(price_model.plot("town & garden"), PairDisplay)


def test_axes_that_are_given_are_drawn_in(price_model):
    from matplotlib.figure import Figure

    ax = Figure().add_subplot()
    assert price_model.plot("town", ax=ax).ax_ is ax
    with pytest.raises(InputError, match="name it"):
        price_model.plot(ax=ax)


def test_a_network_without_terms_has_an_overview():
    with pytest.warns(UserWarning, match="same value in every row"):
        model = RANRegressor(random_state=0).fit(np.ones((20, 2)), np.arange(20.0))
    drawn(model.plot())


@pytest.mark.parametrize("scale", [1e-200, 1e150])
def test_numbers_of_any_size_are_drawn(scale):
    rng = np.random.default_rng(0)
    x = rng.uniform(1, 2, 60)
    X = pd.DataFrame({"x": scale * x})
    model = RANRegressor(interactions=0, second_block=False, random_state=0).fit(X, x**2 + rng.normal(0, 0.1, 60))
    drawn(model.plot(X=X))


def test_the_wrong_display_is_refused(price_model):
    with pytest.raises(InputError, match="PairDisplay"):
        EffectDisplay.from_estimator(price_model, "town & garden")
    with pytest.raises(InputError, match="EffectDisplay"):
        PairDisplay.from_estimator(price_model, "town")
    with pytest.raises(InputError, match="did you mean 'price'"):
        price_model.plot("town", output="prize")


def test_notebooks_get_a_picture(price_model):
    display = price_model.plot("town")
    assert display._repr_png_().startswith(b"\x89PNG")


def test_pictures_are_unknown_to_pyplot(price_model):
    import matplotlib.pyplot as plt

    before = plt.get_fignums()
    price_model.plot("town")
    assert plt.get_fignums() == before


def test_without_matplotlib_the_error_says_what_to_install(price_model, monkeypatch):
    true_import = builtins.__import__

    def refuse(name, *arguments, **options):
        if name.partition(".")[0] == "matplotlib":
            raise ImportError(name)
        return true_import(name, *arguments, **options)

    monkeypatch.setattr(builtins, "__import__", refuse)
    with pytest.raises(MissingPackageError, match=r"pip install closedform\[plot\]") as caught:
        price_model.plot("town")
    assert isinstance(caught.value, ImportError) and isinstance(caught.value, ClosedFormError)


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("short", "short"),
        ("two\nlines\tand  more", "two lines and more"),
        ("$x$", r"\$x\$"),
        ("a" * 30 + "b" * 30, "a" * 16 + "…" + "b" * 9),
    ],
)
def test_names_fit(name, shown):
    assert text(name) == shown


def test_both_names_of_a_pair_are_shortened():
    assert term_text(f"{'a' * 40} & {'b' * 40}", 30) == f"{text('a' * 40, 13)} & {text('b' * 40, 13)}"
    assert term_text("x & y") == "x & y"
