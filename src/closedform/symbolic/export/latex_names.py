r"""Column names as LaTeX symbols: Greek letters, subscripts, and words in any script.

``theta1`` becomes :math:`\theta_{1}`, ``T_in`` becomes :math:`T_{\mathrm{in}}`, ``mass`` becomes
:math:`\mathrm{mass}`. Two columns never share a symbol: where the pretty forms of two names meet (``x1`` and ``x_1``),
the later one is written out literally.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

_GREEK = frozenset(
    """alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi rho sigma tau upsilon phi chi psi
    omega Gamma Delta Theta Lambda Xi Sigma Upsilon Phi Psi Omega""".split()
)
_OTHER_SYMBOLS = {"hbar": r"\hbar", "ell": r"\ell"}

# A name that reads as a symbol: one letter or a Greek word, then an optional index, with or without an underscore.
_PARTS = re.compile(r"(?P<base>[^\W\d_]+?)(?P<digits>\d*)(?P<rest>(?:_[^\W_]+)*)")

_TEXT_ESCAPES = {
    **{character: f"\\{character}" for character in "_%$#&{}"},
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
}


def latex_names(variables: Iterable[str]) -> dict[str, str]:
    r"""A LaTeX symbol for each column, no two the same.

    Parameters
    ----------
    variables : iterable of str
        Distinct column names; any text.

    Returns
    -------
    dict
        Column name to LaTeX source for math mode, in the order given.

    Examples
    --------
    >>> latex_names(["theta1", "x_max", "mass", "x 1"])
    {'theta1': '\\theta_{1}', 'x_max': 'x_{\\mathrm{max}}', 'mass': '\\mathrm{mass}', 'x 1': '\\mathrm{x\\ 1}'}
    """
    symbols: dict[str, str] = {}
    taken: set[str] = set()
    for name in variables:
        symbol = latex_name(name)
        if symbol in taken:
            symbol = _literal(name)
        number = 2
        while symbol in taken:  # names that differ only in characters LaTeX cannot show
            symbol, number = f"{_literal(name)}_{{({number})}}", number + 1
        symbols[name] = symbol
        taken.add(symbol)
    return symbols


def latex_name(name: str) -> str:
    """The LaTeX symbol of one column name, see :func:`latex_names`."""
    parts = _PARTS.fullmatch(name)
    if parts is None or name == "pi":  # a column "pi" is not the number
        return _literal(name)
    base = _symbol(parts["base"])
    if base is None:
        return _literal(name)
    indices = [parts["digits"]] if parts["digits"] else []
    indices += parts["rest"].split("_")[1:]
    if not indices:
        return base
    return f"{base}_{{{','.join(_index(index) for index in indices)}}}"


def _symbol(word: str) -> str | None:
    """A single letter or Greek word as a symbol; None for any other word."""
    if word in _OTHER_SYMBOLS:
        return _OTHER_SYMBOLS[word]
    if word in _GREEK:
        return f"\\{word}"
    if len(word) != 1:
        return None
    if word.isascii():
        return word
    greek = _greek_letter(word)
    return f"\\{greek}" if greek in _GREEK else None


def _greek_letter(character: str) -> str | None:
    """``λ`` to ``lambda``, ``Ω`` and the ohm sign to ``Omega``."""
    words = unicodedata.name(unicodedata.normalize("NFKC", character), "").split()
    if len(words) != 4 or words[0] != "GREEK" or words[2] != "LETTER":
        return None
    letter = words[3].replace("LAMDA", "LAMBDA").lower()
    return letter.capitalize() if words[1] == "CAPITAL" else letter


def _index(word: str) -> str:
    """One part of a subscript: numbers and single letters bare, Greek letters as such, words upright."""
    if word.isascii() and word.isdigit():
        return word
    return _symbol(word) or _literal(word)


def _literal(name: str) -> str:
    r"""The name itself, upright: ``\mathrm`` for letters, digits and spaces, ``\text`` for everything else."""
    shown = " ".join("".join(c if c.isprintable() else " " for c in name).split()) or "?"
    if re.fullmatch(r"[A-Za-z0-9_ ]+", shown):
        return "\\mathrm{" + shown.replace("_", r"\_").replace(" ", r"\ ") + "}"
    return "\\text{" + "".join(_TEXT_ESCAPES.get(character, character) for character in shown) + "}"
