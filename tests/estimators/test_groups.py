"""fit(groups=): one form for all groups, with constants of their own where these differ."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from closedform import SymbolicRegressor, load
from closedform.constraints import Bounds, Monotone, ValueAt
from closedform.exceptions import ConvergenceWarning, DomainError, InputError, ModelFileError
from toy_engines import AffineEngine, ScriptedEngine

RNG = np.random.default_rng(2)
N = 120
T = RNG.uniform(0.2, 5.0, N)
KIND = RNG.choice(["iron", "copper", "zinc"], N)
LEVEL = {"iron": 2.0, "copper": 3.75, "zinc": 0.875}
OWN = np.array([LEVEL[kind] for kind in KIND])
DECAY = OWN * np.exp(-0.375 * T) + 1.25
NOISE = 0.01 * RNG.normal(size=N)
FORMS = ScriptedEngine(("1.0*t + 0.5", "1.0*exp(-0.3*t) + 0.5"))


def search(engine=FORMS, **settings) -> SymbolicRegressor:
    return SymbolicRegressor(engines=(engine,), max_time=20, random_state=0, **settings)


@pytest.fixture(scope="module")
def fitted() -> SymbolicRegressor:
    return search().fit({"t": T}, DECAY + NOISE, groups=KIND)


def test_what_differs_is_told_from_what_is_shared(fitted):
    best = fitted.formula_model_.formula()
    assert str(best.shown).startswith("c1*exp(")
    assert len(best.own_names) == 1
    assert best.shown.variables == ("c1", "t")
    (rate, offset) = best.shown.constants
    assert rate == pytest.approx(-0.375, rel=0.03)
    assert offset == pytest.approx(1.25, rel=0.02)
    for label, (value,), (error,) in zip(
        best.groups.labels, best.groups.values, best.groups.standard_errors, strict=True
    ):
        assert value == pytest.approx(LEVEL[label], abs=0.05)
        assert 0 < error < 0.05
    assert best.complexity == best.expression.complexity + 1
    assert best.holdout_loss < 5e-4


def test_without_noise_the_law_is_exact():
    model = search().fit({"t": T}, DECAY, groups=KIND)
    best = model.formula_model_.formula()
    assert best.own_names == ("c1",)
    for label, (value,) in zip(best.groups.labels, best.groups.values, strict=True):
        assert value == pytest.approx(LEVEL[label], rel=1e-9)
    np.testing.assert_allclose(model.predict({"t": T}, groups=KIND), DECAY, rtol=1e-9)


def test_where_nothing_differs_nothing_is_own():
    model = search().fit({"t": T}, 2.0 * np.exp(-0.375 * T) + 1.25 + NOISE, groups=KIND)
    assert model.formula_model_.formula().own_names == ()
    # No labels are needed then, but may be given.
    np.testing.assert_array_equal(model.predict({"t": T}), model.predict({"t": T}, groups=KIND))


def test_groups_that_differ_by_a_line_are_found_although_none_is_large():
    kind = np.arange(N) // 4
    y = np.sqrt(T) * (1.5 + np.cos(kind)) + 0.125 * kind
    model = search(ScriptedEngine(("1.0*sqrt(t)", "1.0*t"))).fit({"t": T}, y, groups=kind)
    assert str(model.formula_model_.formula().shown) in ("c1*sqrt(t) + c2", "sqrt(t)*c1 + c2")
    assert model.score({"t": T}, y, groups=kind) == pytest.approx(1.0)


def test_predictions_need_the_groups(fitted):
    values = fitted.predict({"t": T}, groups=KIND)
    np.testing.assert_allclose(values, DECAY, atol=0.03)
    shuffled = RNG.permutation(N)
    np.testing.assert_array_equal(fitted.predict({"t": T[shuffled]}, groups=KIND[shuffled]), values[shuffled])
    assert fitted.score({"t": T}, DECAY, groups=KIND) > 0.999
    with pytest.raises(InputError, match=r"differ between groups \(group\): pass groups"):
        fitted.predict({"t": T})
    with pytest.raises(InputError, match="there is no group 'gold' in row 1: its constants were not fitted; known are"):
        fitted.predict({"t": [1.0]}, groups=["gold"])
    with pytest.raises(InputError, match="one label for each of 2 rows, got 1"):
        fitted.predict({"t": [1.0, 2.0]}, groups=["iron"])
    with pytest.raises(InputError, match="groups is only for models that were fitted with groups"):
        search(AffineEngine()).fit({"t": T}, T).predict({"t": T}, groups=KIND)


def test_rows_without_a_value_are_named_with_the_constants_of_their_group():
    law = np.where(KIND == "iron", 2.0, 1.0) * np.log(T)
    model = search(ScriptedEngine(("1.0*log(t)",))).fit({"t": T}, law, groups=KIND)
    with pytest.raises(DomainError, match=r"no value in row 2: log\(t\) is not defined .* with t = -1"):
        model.predict({"t": [1.0, -1.0]}, groups=["zinc", "iron"])
    assert np.isnan(model.predict({"t": [1.0, -1.0]}, groups=["zinc", "iron"], outside="nan")[1])


def test_saved_and_loaded(fitted, tmp_path):
    fitted.save(tmp_path / "m.json")
    again = load(tmp_path / "m.json")
    np.testing.assert_array_equal(again.predict({"t": T}, groups=KIND), fitted.predict({"t": T}, groups=KIND))
    assert again.formulas_ == fitted.formulas_


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda table: table["labels"].pop(), "not one row for each group"),
        (lambda table: table["values"][0].append(1.0), "not one row for each group"),
        (lambda table: table.update(own=[99]), "does not fit its formula"),
        (lambda table: table.update(labels=["iron"] * 3), "not one row for each group"),
    ],
)
def test_damaged_tables_are_refused(fitted, tmp_path, change, message):
    fitted.save(tmp_path / "m.json")
    data = json.loads((tmp_path / "m.json").read_text())
    change(data["formulas"][data["chosen"]]["groups"])
    (tmp_path / "m.json").write_text(json.dumps(data))
    with pytest.raises(ModelFileError, match=message):
        load(tmp_path / "m.json")


def test_several_outputs_have_groups_too():
    y = np.column_stack([DECAY, OWN * T])
    model = search(ScriptedEngine(("1.0*t", "1.0*exp(-0.3*t) + 0.5"))).fit({"t": T}, y, groups=KIND)
    np.testing.assert_allclose(model.predict({"t": T}, groups=KIND), y, rtol=1e-8)


def test_each_of_several_outputs_has_its_own_unit():
    y = pd.DataFrame({"a": DECAY, "b": OWN * T})
    units = {"t": "s", "a": "m", "b": "kg"}
    model = search(ScriptedEngine(("1.0*t",)), units=units).fit({"t": T}, y, groups=KIND)
    assert [one.units for one in model.formula_model_.models] == [{"t": "s", "a": "m"}, {"t": "s", "b": "kg"}]


def test_weights_and_interruptions():
    weight = np.where(np.arange(N) % 7 == 0, 0.0, 1.0)
    spoilt = np.where(weight == 0.0, 1e3, DECAY)
    model = search().fit({"t": T}, spoilt, sample_weight=weight, groups=KIND)
    np.testing.assert_allclose(model.predict({"t": T}, groups=KIND), DECAY, rtol=1e-8)

    def stop() -> None:
        raise KeyboardInterrupt

    interrupted = search(ScriptedEngine(("1.0*t", "t**2"), stop, 1))
    with pytest.warns(ConvergenceWarning, match="interrupted"):
        interrupted.fit({"t": T}, OWN * T, groups=KIND)
    np.testing.assert_allclose(interrupted.predict({"t": T}, groups=KIND), OWN * T, rtol=1e-8)


def test_formulas_keep_to_units_and_their_own_constants_may_carry_some():
    forms = ScriptedEngine(("1.0*z*exp(-0.3*t)", "1.0*log(t + z)"))
    table = {"t": T, "z": 1.0 + np.cos(T)}
    y = OWN * table["z"] * np.exp(-0.375 * T)
    model = search(forms, units={"t": "s", "z": "m", "y": "m/s"}).fit(table, y, groups=KIND)
    assert str(model.formula_model_.formula().shown) == "c1*z*exp(-0.375*t)"
    assert model.formula_model_.units == {"t": "s", "z": "m", "y": "m/s"}
    # Seconds and metres have no sum.
    apart = ScriptedEngine(("1.0*log(t + z)",))
    assert "log" in str(search(apart).fit(table, y, groups=KIND).formulas_[-1].shown)
    with pytest.warns(ConvergenceWarning, match="Nothing better than a constant"):
        search(apart, units={"t": "s", "z": "m"}).fit(table, y, groups=KIND)


def test_constraints_hold_in_every_group():
    steep = np.where(KIND == "zinc", -1.0, 1.0) * T + 3.0
    plain = search(ScriptedEngine(("1.0*t + 0.5",))).fit({"t": T}, steep, groups=KIND)
    assert plain.score({"t": T}, steep, groups=KIND) == pytest.approx(1.0)
    rising = search(ScriptedEngine(("1.0*t + 0.5",)), constraints=[Monotone("t")]).fit({"t": T}, steep, groups=KIND)
    for formula in rising.formulas_:
        for label in formula.groups.labels:
            at = formula.groups.in_group(formula.expression, label).evaluate({"t": np.array([0.5, 4.5])})
            assert at[1] >= at[0]
    through = search(ScriptedEngine(("1.0*exp(-0.3*t) + 0.5",)), constraints=[ValueAt({"t": 0.0}, 2.0)])
    through.fit({"t": T}, DECAY, groups=KIND)
    for formula in through.formulas_:
        if formula.expression.variables:
            for label in formula.groups.labels:
                law = formula.groups.in_group(formula.expression, label)
                assert law.evaluate({"t": np.zeros(1)})[0] == pytest.approx(2.0)
    with pytest.raises(InputError, match="no formula that keeps to the constraints"):
        search(ScriptedEngine(("1.0*t",)), constraints=[Bounds(low=100.0), ValueAt({"t": 0.0}, 2.0)]).fit(
            {"t": T}, DECAY, groups=KIND
        )


def test_a_form_is_kept_and_its_constants_differ():
    model = search(form="A*exp(-k*t) + c").fit({"t": T}, DECAY, groups=KIND)
    best = model.formula_model_.formula()
    assert best.own_names == ("c1",)
    np.testing.assert_allclose(model.predict({"t": T}, groups=KIND), DECAY, rtol=1e-8)
    found = search(ScriptedEngine(("1.0*exp(-0.3*t)",)), form="a*f(t) + b")
    found.fit({"t": T}, DECAY, groups=KIND)
    np.testing.assert_allclose(found.predict({"t": T}, groups=KIND), DECAY, rtol=1e-8)
    with pytest.raises(InputError, match="'a' stands at several places, which is not supported with groups"):
        search(form="a*t + exp(-a*t)").fit({"t": T}, DECAY, groups=KIND)


def test_numbers_that_are_simple_in_one_group_are_free_in_the_others():
    rate = np.array([{"iron": 0.5, "copper": 0.731, "zinc": 0.318}[kind] for kind in KIND])
    y = 2.0 * np.exp(-rate * T)
    model = search(ScriptedEngine(("2*exp(-t/2)",))).fit({"t": T}, y, groups=KIND)
    assert str(model.formula_model_.formula().shown) == "2.0*exp(c1*t)"
    # But those that the user writes are not.
    model = search(form="2*exp(-k*t) + b").fit({"t": T}, 3.0 * np.exp(-rate * T), groups=KIND)
    assert all("2*exp(" in str(one.shown) for one in model.formulas_ if one.expression.variables)


def test_a_guess_is_a_form():
    model = search(ScriptedEngine(()), guesses=["2.0*exp(-0.4*t) + 1.0"]).fit({"t": T}, DECAY, groups=KIND)
    np.testing.assert_allclose(model.predict({"t": T}, groups=KIND), DECAY, rtol=1e-8)
    with pytest.raises(InputError, match="there is no variable called 'u'"):
        search(guesses=["2.0*u"]).fit({"t": T}, DECAY, groups=KIND)


def test_checkpoints_hold_the_forms(tmp_path):
    path = tmp_path / "front.json"

    def stop() -> None:
        raise KeyboardInterrupt

    first = search(ScriptedEngine(("1.0*exp(-0.3*t) + 0.5", "t"), stop, 1), checkpoint=path)
    with pytest.warns(ConvergenceWarning, match="interrupted"):
        first.fit({"t": T}, DECAY, groups=KIND)
    model = search(ScriptedEngine(()), checkpoint=path, resume=True).fit({"t": T}, DECAY, groups=KIND)
    np.testing.assert_allclose(model.predict({"t": T}, groups=KIND), DECAY, rtol=1e-8)
    with pytest.raises(InputError, match="belongs to another fit: groups has other labels"):
        search(ScriptedEngine(()), checkpoint=path, resume=True).fit({"t": T}, DECAY, groups=KIND[::-1])


def test_a_continued_fit_starts_from_the_forms_of_the_first():
    model = search(warm_start=True).fit({"t": T}, DECAY, groups=KIND)
    model.set_params(engines=(ScriptedEngine(()),)).fit({"t": T}, DECAY, groups=KIND)
    np.testing.assert_allclose(model.predict({"t": T}, groups=KIND), DECAY, rtol=1e-8)


def test_groups_are_checked_before_any_work():
    with pytest.raises(InputError, match="one label for each of 120 rows, got 3"):
        search().fit({"t": T}, DECAY, groups=["a", "b", "c"])
