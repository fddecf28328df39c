"""What all commands share: help, version, exit codes, and errors of one sentence."""

from __future__ import annotations

import subprocess
import sys

import pytest

import closedform
from cli_runs import process
from closedform.cli import app

COMMANDS = ["fit", "predict", "show", "demo"]


def test_version(cli):
    done = cli("--version")
    assert (done.code, done.out, done.err) == (0, f"closedform {closedform.__version__}\n", "")


@pytest.mark.parametrize("command", [[], *([name] for name in COMMANDS)])
def test_help_is_a_result(cli, command):
    done = cli(*command, "--help")
    assert done.code == 0
    assert "Usage" in done.out
    assert done.err == ""


def test_no_command_is_wrong_use(cli):
    assert cli().code == 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["fti"], "No such command 'fti'"),
        (["fit", "x.csv"], "Missing option '--target'"),
        (["fit", "x.csv", "--target", "y", "--max-tim", "3"], "No such option: --max-tim"),
        (["fit", "x.csv", "--target", "y", "--seed", "abc"], "Invalid value for '--seed'"),
        (["fit", "x.csv", "--target", "y", "--select", "nicest"], "Invalid value for '--select'"),
        (["show", "m.json", "--format", "fortran"], "Invalid value for '--format'"),
        (["predict", "m.json"], "Missing argument 'DATA'"),
    ],
)
def test_wrong_use_names_the_option_and_where_help_is(cli, arguments, message):
    done = cli(*arguments)
    assert done.code == 2
    assert done.out == ""
    assert done.err.startswith(f"error: {message}")
    assert "--help'." in done.err
    assert done.err.count("\n") == 1


@pytest.fixture
def broken(monkeypatch):
    def fail(path):
        raise RuntimeError("the moon is in the wrong place")

    monkeypatch.setattr("closedform.saved.load_any", fail)


def test_an_unexpected_error_is_told_without_a_traceback(cli, broken):
    done = cli("show", "m.json")
    assert done.code == 1
    assert done.err.startswith("error: unexpected RuntimeError: the moon is in the wrong place\n")
    assert "CLOSEDFORM_DEBUG" in done.err
    assert "Traceback" not in done.err


def test_debug_lets_the_traceback_through(cli, broken, monkeypatch):
    with pytest.raises(RuntimeError, match="moon"):
        cli("--debug", "show", "m.json")
    monkeypatch.setenv("CLOSEDFORM_DEBUG", "1")
    with pytest.raises(RuntimeError, match="moon"):
        cli("show", "m.json")


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        (MemoryError(), 1, "not enough memory"),
        (closedform.exceptions.NotSupportedError("no such thing"), 1, "no such thing"),
        (closedform.exceptions.InputError("bad table"), 2, "bad table"),
        (closedform.exceptions.DomainError("no value", [1]), 2, "no value"),
        (KeyboardInterrupt(), 130, ""),
    ],
)
def test_exit_codes(cli, monkeypatch, error, code, words):
    def fail(path):
        raise error

    monkeypatch.setattr("closedform.saved.load_any", fail)
    done = cli("show", "m.json")
    assert done.code == code
    assert done.out == ""
    assert words in done.err


def test_a_reader_that_stops_early_is_no_error(model_path):
    command = f"'{sys.executable}' -m closedform.cli show '{model_path}' --format json | head -c 1"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, timeout=60)
    assert (done.stdout, done.stderr) == ("{", "")


def test_the_installed_script_is_this_program():
    done = process("--version")
    assert done.out == f"closedform {closedform.__version__}\n"
    assert app.main.__module__ == "closedform.cli.app"
