"""The documents tell the truth: their code runs, their links lead somewhere, their defaults are the real ones.

Doctests are collected from ``src`` by pytest itself.
"""

from __future__ import annotations

import ast
import doctest
import importlib
import inspect
import os
import pkgutil
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import closedform

ROOT = Path(__file__).parents[1]
DOCUMENTS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").glob("*.md"))]
ESTIMATORS = ["SymbolicRegressor", "LIESRegressor"]

documents = pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)


# -- Code blocks -------------------------------------------------------------------------------------------------------


def blocks(document: Path, language: str) -> list[str]:
    """The fenced blocks of this language, each padded so that line numbers are those of the document."""
    text = document.read_text(encoding="utf-8")
    found = re.finditer(rf"^```{language}\n(.*?)^```$", text, flags=re.MULTILINE | re.DOTALL)
    return ["\n" * text.count("\n", 0, match.start(1)) + match[1] for match in found]


def commands(block: str) -> list[tuple[str, str]]:
    """The command lines of a console block (after ``$``) with the output that the document shows for each."""
    pairs = []
    for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
        lines = part.splitlines()
        length = next(number for number, line in enumerate(lines, 1) if not line.endswith("\\"))
        pairs.append(("\n".join(lines[:length]), "\n".join(lines[length:])))
    return pairs


def merged(sources: list[str]) -> str:
    """All blocks of a document as one program, every line where it stands in the document."""
    lines: list[str] = []
    for source in sources:
        lines += source.splitlines()[len(lines) :]
    return "\n".join(lines) + "\n"


def environment() -> dict[str, str]:
    """That of a user who has activated the virtual environment, on a terminal too narrow for nothing."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    return {**os.environ, "PATH": path, "COLUMNS": "100", "NO_COLOR": "1", "MPLBACKEND": "Agg"}


@documents
def test_code_blocks_run(document, tmp_path):
    """Python blocks first, as one program; then the console blocks, beside the files that those left."""
    program = tmp_path / document.with_suffix(".py").name
    program.write_text(merged(blocks(document, "python")), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-W", "error", program.name],
        cwd=tmp_path, env=environment(), capture_output=True, text=True, timeout=100,
    )  # fmt: skip
    assert done.returncode == 0, f"The Python blocks of {document.name} fail:\n{done.stderr}"
    for block in blocks(document, "console"):
        for command, shown in commands(block):
            check_command(document, command, shown, tmp_path)


def check_command(document: Path, command: str, shown: str, folder: Path) -> None:
    """Run one command line and compare what it prints with what the document shows (``...`` stands for anything)."""
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", command],
        cwd=folder, env=environment(), capture_output=True, text=True, timeout=100,
    )  # fmt: skip
    assert done.returncode == 0, f"{document.name}: {command}\n{done.stderr}"
    if shown.strip():
        flags = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
        same = doctest.OutputChecker().check_output(shown.strip(), done.stdout.strip(), flags)
        assert same, f"{document.name}: {command}\nshown:\n{shown}\nprinted:\n{done.stdout}"


def test_console_blocks_are_read_as_a_person_reads_them():
    block = "\n\n$ first --flag \\\n    more\n$ second\nshown 1\n\nshown 2\n"
    assert commands(block) == [("first --flag \\\n    more", ""), ("second", "shown 1\n\nshown 2")]


# -- Links and names ---------------------------------------------------------------------------------------------------


@documents
def test_relative_links_lead_to_a_file(document):
    text = document.read_text(encoding="utf-8")
    targets = re.findall(r"\]\(([^)#\s]+)[^)]*\)", text) + re.findall(r"<img[^>]*\bsrc=\"([^\"]+)\"", text)
    missing = [target for target in targets if "://" not in target and not (document.parent / target).exists()]
    assert missing == []


@documents
def test_every_make_target_that_is_named_exists(document):
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), flags=re.MULTILINE))
    named = set(re.findall(r"(?:`|^)make ([a-z]+)", document.read_text(encoding="utf-8"), flags=re.MULTILINE))
    assert named <= targets


@documents
def test_every_path_in_code_style_exists(document):
    """`src/...`, `tests/...` and the like; a name with a placeholder in angle brackets counts up to it."""
    text = document.read_text(encoding="utf-8")
    paths = re.findall(r"`((?:src|tests|docs|benchmarks|examples)/[\w./-]*)", text)
    assert [path for path in paths if not (ROOT / path).exists()] == []


def test_the_changelog_knows_this_version():
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert re.search(rf"^## \[{re.escape(closedform.__version__)}\]", text, flags=re.MULTILINE)


# -- Docstrings --------------------------------------------------------------------------------------------------------


def public_modules() -> Iterator[str]:
    for module in pkgutil.walk_packages(closedform.__path__, "closedform."):
        if not any(part.startswith("_") for part in module.name.split(".")):
            yield module.name


def public_objects(module_name: str) -> Iterator[tuple[str, object]]:
    """Classes and functions that a module defines under a public name, and the public methods of the classes."""
    module = importlib.import_module(module_name)
    for name, value in vars(module).items():
        if name.startswith("_") or getattr(value, "__module__", None) != module_name:
            continue
        if inspect.isclass(value):
            yield name, value
            if getattr(value, "_is_protocol", False):
                continue  # the names of its methods are all that it is
            for attribute, member in vars(value).items():
                if not attribute.startswith("_") and (inspect.isfunction(member) or isinstance(member, property)):
                    yield f"{name}.{attribute}", getattr(value, attribute)
        elif inspect.isfunction(value):
            yield name, value


def documented_defaults(value: object) -> dict[str, str]:
    """Parameter -> default as its numpydoc entry says it (``name : type, default=VALUE``)."""
    doc = inspect.getdoc(value) or ""
    section = re.search(r"^Parameters\n-+\n(.*?)(?=^\w[\w ]*\n-+\n|\Z)", doc, flags=re.MULTILINE | re.DOTALL)
    entries = re.findall(r"^(\w+(?:, \w+)*) :(.*)$", section[1], flags=re.MULTILINE) if section else []
    found = {}
    for names, kind in entries:
        default = re.search(r"default[=:]\s*`*(.+?)`*\s*$", kind)
        for name in names.split(", "):
            found[name] = default[1] if default else ""
    return found


def same_default(said: str, real: object) -> bool:
    """Whether the text stands for the value; 0 and 0.0 do, and so does a plain word for an object's `repr`."""
    try:
        return ast.literal_eval(said) == real
    except (ValueError, SyntaxError):
        return said in (repr(real), str(real))


def wrong_defaults(value: object) -> list[str]:
    """What the docstring of a function or class says about defaults that its signature contradicts."""
    try:
        parameters = inspect.signature(value).parameters
    except (TypeError, ValueError):
        return []
    wrong = []
    for name, said in documented_defaults(value).items():
        if not said:
            continue
        real = parameters[name].default if name in parameters else inspect.Parameter.empty
        if real is inspect.Parameter.empty:
            wrong.append(f"{name} has no default, the docstring says {said}")
        elif not same_default(said, real):
            wrong.append(f"{name} is {real!r}, the docstring says {said}")
    return wrong


@pytest.mark.parametrize("module_name", [*public_modules()])
def test_public_things_are_documented_and_defaults_are_true(module_name):
    objects = list(public_objects(module_name))
    assert importlib.import_module(module_name).__doc__, "the module says nothing about itself"
    undocumented = [name for name, value in objects if not inspect.getdoc(value)]
    assert undocumented == []
    wrong = {name: wrong_defaults(value) for name, value in objects}
    assert {name: reasons for name, reasons in wrong.items() if reasons} == {}


@pytest.mark.parametrize("name", ESTIMATORS)
def test_estimators_document_every_parameter_with_its_default(name):
    estimator = getattr(closedform, name)
    parameters = [p for p in inspect.signature(estimator).parameters if p != "self"]
    documented = documented_defaults(estimator)
    assert list(documented) == parameters
    assert [parameter for parameter, default in documented.items() if not default] == []
