"""The entry point: which commands there are, and what becomes of errors.

Exit codes: 0 done; 1 failed; 2 wrong use or unusable input; 130 interrupted, with what was found saved.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Sequence
from typing import Annotated, NoReturn

import typer

from closedform import __version__
from closedform.cli.console import say, write
from closedform.cli.demo import demo
from closedform.cli.fit import fit
from closedform.cli.predict import predict
from closedform.cli.show import show
from closedform.exceptions import ClosedFormError, DomainError, InputError

DONE, FAILED, WRONG_USE, INTERRUPTED = 0, 1, 2, 130

# The base class of what typer raises for wrong use, which has no public name: typer carries click along, or imports it.
_ClickError = typer.BadParameter.__mro__[2]
# What a search logs about a crashing engine comes back in its result; the log is for debugging.
_SILENT = logging.NullHandler()

app = typer.Typer(
    name="closedform",
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command()(fit)
app.command()(predict)
app.command("show")(show)
app.command()(demo)


def _print_version(wanted: bool) -> None:
    if wanted:
        write(f"closedform {__version__}")
        raise typer.Exit


@app.callback(invoke_without_command=True)
def closedform(
    context: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and stop.")
    ] = False,
    debug: Annotated[
        bool,
        typer.Option("--debug", envvar="CLOSEDFORM_DEBUG", help="Show where in the program an unexpected error arose."),
    ] = False,
) -> None:
    """From a table to a formula.

    Results go to standard output, everything else to standard error.
    Exit codes: 0 done, 1 failed, 2 wrong use or unusable input, 130 interrupted with what was found saved.
    """
    del version
    if not debug:
        logging.getLogger("closedform").addHandler(_SILENT)
    if context.invoked_subcommand is None:
        # With rich, typer prints the help itself and returns nothing.
        say(context.get_help())
        raise typer.Exit(WRONG_USE)


def run(arguments: Sequence[str] | None = None) -> int:
    """Run one command line and return its exit code.

    Parameters
    ----------
    arguments : sequence of str, optional
        Without the name of the program; by default those of the process.
    """
    given = sys.argv[1:] if arguments is None else list(arguments)
    try:
        code = typer.main.get_command(app).main(given, prog_name="closedform", standalone_mode=False)
        sys.stdout.flush()
        return code if isinstance(code, int) else DONE
    except BrokenPipeError:
        return _reader_gone()
    except (KeyboardInterrupt, typer.Abort):
        return INTERRUPTED
    # Nothing may reach the user as a traceback: this is the outermost place, and `_explained` hides nothing.
    except Exception as error:
        if _debugging(given) and not isinstance(error, _ClickError):
            raise
        return _explained(error)


def _explained(error: Exception) -> int:
    """Say in one sentence what went wrong, and return the exit code."""
    if isinstance(error, _ClickError):
        say(f"error: {_wrong_use(error)}")
        return WRONG_USE
    if isinstance(error, ClosedFormError):
        say(f"error: {error}")
        return WRONG_USE if isinstance(error, InputError | DomainError) else FAILED
    if isinstance(error, MemoryError):
        say("error: not enough memory; use fewer rows or columns.")
        return FAILED
    what = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    say(f"error: unexpected {what}")
    say("This is a fault of the program, please report it. 'closedform --debug ...' or CLOSEDFORM_DEBUG=1 shows where.")
    return FAILED


def _wrong_use(error: Exception) -> str:
    """typer's message, with the command whose help lists what is allowed."""
    message = error.format_message() if hasattr(error, "format_message") else str(error)
    context = getattr(error, "ctx", None)
    return f"{message} See '{context.command_path} --help'." if context is not None else message


def _debugging(arguments: Sequence[str]) -> bool:
    return os.environ.get("CLOSEDFORM_DEBUG", "") not in ("", "0") or list(arguments[:1]) == ["--debug"]


def _reader_gone() -> int:
    """Standard output was closed by its reader, as by ``| head``: nothing to say, and nothing left to flush."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return FAILED


def main() -> NoReturn:
    """Run the command line of this process and end it."""
    for stream in (sys.stdout, sys.stderr):
        # A column's name that the terminal cannot show must not end the program.
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    sys.exit(run())
