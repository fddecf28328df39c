"""Constraints on the form of formulas: what they let through, what they refuse, and what they say to nonsense."""

from __future__ import annotations

import pickle
from copy import deepcopy

import pytest

from closedform.constraints import (
    Bounds,
    Constraint,
    Forbidden,
    MaxArgument,
    MaxUses,
    Monotone,
    NotNested,
    OnlyOn,
    ValueAt,
    parse_constraint,
)
from closedform.constraints.text import from_record, to_record
from closedform.exceptions import InputError
from closedform.symbolic import Expression

TEXTS = {
    "monotone:x:up": Monotone("x"),
    "monotone:x:down@x=0..10": Monotone("x", increasing=False, where={"x": (0, 10)}),
    "bounds:0:": Bounds(low=0),
    "value:t=0,`a:b`=2:5": ValueAt({"t": 0, "a:b": 2}, 5),
    "forbid:sin, cos": Forbidden(("sin", "cos")),
    "max-uses:exp:1": MaxUses("exp", 1),
    "not-nested:sin:sin,exp": NotNested("sin", inside=("sin", "exp")),
    "only-on:exp:t": OnlyOn("exp", "t"),
    "max-argument:exp:5": MaxArgument("exp", 5),
}


@pytest.mark.parametrize(
    ("constraint", "text", "admitted"),
    [
        (Forbidden("sin"), "cos(x)", True),
        (Forbidden("sin"), "x + 2.0*exp(sin(x))", False),
        (Forbidden("div"), "x/y", False),
        (Forbidden("div"), "x**-2", False),
        (Forbidden("pow"), "x**2 + sqrt(x)", True),
        (Forbidden("pow"), "x**1.5", False),
        (MaxUses("exp", 1), "exp(x)*exp(y)", True),  # one exponential as it is shown
        (MaxUses("exp", 1), "exp(x) + exp(y)", False),
        (MaxUses("div", 1), "x/y/z", True),
        (MaxUses("div", 1), "1/x + 1/y", False),
        (NotNested("sin", inside=("sin", "exp")), "sin(x)*exp(y)", True),
        (NotNested("sin", inside=("sin", "exp")), "sin(x + 2*sin(y))", False),
        (NotNested("sin", inside="exp"), "exp(x*(1 + sin(y)))", False),
        (OnlyOn("exp", "t"), "x*exp(-0.5*t)", True),
        (OnlyOn("exp", ("t", "x")), "exp(-x*t) + z", True),
        (OnlyOn("exp", "t"), "exp(-x*t)", False),
        (MaxArgument("exp", 3), "exp(x*y)", True),
        (MaxArgument("exp", 3), "exp(x*y + z)", False),
    ],
)
def test_what_a_form_admits(constraint, text, admitted):
    assert constraint.admits_form(Expression.parse(text)) == admitted


@pytest.mark.parametrize(("text", "constraint"), TEXTS.items())
def test_texts_records_and_copies(text, constraint):
    assert parse_constraint(text) == constraint
    assert from_record(to_record(constraint)) == constraint
    assert pickle.loads(pickle.dumps(constraint)) == deepcopy(constraint) == constraint
    assert isinstance(hash(constraint), int)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("monoton:x:up", "there is no constraint 'monoton' .did you mean 'monotone'"),
        ("monotone:x", "must look like monotone:COLUMN:up|down"),
        ("monotone:x:sideways", "must look like"),
        ("bounds:2:1", "low must not be above high, got low=2 and high=1"),
        ("bounds::", "needs low, high or both"),
        ("bounds:a:1", "must look like bounds:LOW:HIGH"),
        ("forbid:sine", "there is no operator 'sine' .did you mean 'sin'"),
        ("max-uses:exp:-1", "count must be a whole number of at least 0, got -1"),
        ("positive@x=3", "must look like @COLUMN=LOW..HIGH"),
        ("positive@x=3..1", "must be a pair low <= high"),
        ("max-uses:exp:1@x=0..1", "takes no ranges"),
        ("value:`x=0:1", "never closed"),
        ("", "there is no constraint ''"),
    ],
)
def test_texts_that_are_no_constraint(text, message):
    with pytest.raises(InputError, match=message):
        parse_constraint(text)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Monotone(3), "Monotone needs the name of a column, got 3"),
        (lambda: Monotone("x", increasing="yes"), "increasing must be True or False, got 'yes'"),
        (lambda: Bounds(low="0"), "low must be a number, got '0'"),
        (lambda: ValueAt({}, 1), "needs a point"),
        (lambda: ValueAt({"x": float("nan")}, 1), "the value of 'x' must be a number"),
        (lambda: Forbidden(()), "at least one operator"),
        (lambda: MaxArgument("exp", 0), "at least 1, got 0"),
        (lambda: Bounds(low=0, where={"x": 3}), "must be a pair"),
    ],
)
def test_constraints_that_make_no_sense(make, message):
    with pytest.raises(InputError, match=message):
        make()


@pytest.mark.parametrize(
    "record", [{"constraint": "Exec"}, {"constraint": "Bounds", "bad": 1}, {"constraint": "MaxUses"}]
)
def test_records_of_strangers(record):
    with pytest.raises(InputError, match="the settings"):
        from_record(record)


def test_a_constraint_of_somebody_else_admits_everything_by_default():
    assert Constraint().admits_form(Expression.parse("x")) and Constraint().columns() == ()
