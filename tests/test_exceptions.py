"""Errors keep their place in the hierarchy, read well, and survive the way between processes."""

from __future__ import annotations

import pickle

import pytest

from closedform.exceptions import (
    ClosedFormError,
    ClosedFormWarning,
    ConvergenceWarning,
    DataWarning,
    DomainError,
    InputError,
    ModelFileError,
    NotSupportedError,
    ParseError,
    Status,
    did_you_mean,
)


@pytest.mark.parametrize("error", [InputError, ModelFileError, NotSupportedError])
def test_every_error_is_caught_by_the_base_class(error):
    with pytest.raises(ClosedFormError, match="what came"):
        raise error("what came")


@pytest.mark.parametrize("error", [InputError, ModelFileError, ParseError, DomainError])
def test_errors_about_input_are_value_errors(error):
    assert issubclass(error, ValueError)


@pytest.mark.parametrize("warning", [ConvergenceWarning, DataWarning])
def test_warnings_can_be_silenced_together(warning):
    assert issubclass(warning, ClosedFormWarning)
    assert issubclass(warning, UserWarning)


@pytest.mark.parametrize(
    ("text", "position", "lines"),
    [
        ("x + )", 4, ["  x + )", "      ^"]),
        ("x +", 3, ["  x +", "     ^"]),
        ("", 0, ["  ", "  ^"]),
        ("a +\nb * * c", 8, ["  b * * c", "      ^"]),
        ("a\t+ )", 4, ["  a\t+ )", "   \t  ^"]),
    ],
)
def test_parse_error_points_at_the_place(text, position, lines):
    error = ParseError("Expected a value", text, position)
    assert str(error).split("\n") == ["Expected a value", *lines]
    assert (error.text, error.position) == (text, position)


def test_errors_with_facts_survive_pickling():
    parse = pickle.loads(pickle.dumps(ParseError("no", "a b", 2)))
    assert (str(parse), parse.text, parse.position) == ("no\n  a b\n    ^", "a b", 2)
    domain = pickle.loads(pickle.dumps(DomainError("log of a negative number", [3, 5])))
    assert (str(domain), domain.rows) == ("log of a negative number", (3, 5))


def test_domain_error_without_rows():
    assert DomainError("nowhere defined").rows == ()


def test_status_is_found_by_its_short_name():
    assert [Status(status.value) for status in Status] == list(Status)
    ends = {"converged", "exhausted", "time_limit", "interrupted", "failed", "settled", "constant", "line"}
    assert {status.value for status in Status} == ends


@pytest.mark.parametrize("status", list(Status))
def test_status_speaks_in_sentences(status):
    assert status.message.endswith(".")
    assert (status.advice == "") == (status is Status.CONVERGED)
    assert pickle.loads(pickle.dumps(status)) is status


def test_did_you_mean_ignores_case_and_keeps_silent_about_strangers():
    assert did_you_mean("PEROD", ["Period", "distance"]) == " (did you mean 'Period'?)"
    assert did_you_mean("mass", ["Period", "distance"]) == ""
    assert did_you_mean("mass", []) == ""
