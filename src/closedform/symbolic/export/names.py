"""Argument names: any column name becomes a legal, unique name of the target language.

A column may be called ``x 1``, ``Température``, ``exp``, ``lambda`` or nothing at all. Names that are already legal are
kept; the others are changed as little as possible and numbered when two of them meet. The rules of a language are one
row, :class:`NameRules`.
"""

from __future__ import annotations

import json
import keyword
import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass

# Excel accepts up to 255 characters, C compilers at least 63 significant ones.
MAX_LENGTH = 60

# Built-in functions may be hidden by an argument (a column called "id" or "type" is common), except those in use.
_PYTHON_WORDS = frozenset({*keyword.kwlist, "math", "np", "torch", "abs", "min", "max", "float"})

# Keywords of C and C++ (the file should compile as either), the macros of <math.h>, and the two ordinary words that
# GNU compilers predefine as 1. Functions of <math.h> are added for the same reason: a parameter would hide them.
_C_WORDS = frozenset(
    """
    alignas alignof and and_eq asm auto bitand bitor bool break case catch char char8_t char16_t char32_t class compl
    complex concept const consteval constexpr constinit const_cast continue co_await co_return co_yield decltype
    default delete do double dynamic_cast else enum explicit export extern false float for friend goto if imaginary
    inline int long mutable namespace new noexcept not not_eq nullptr operator or or_eq private protected public
    register reinterpret_cast requires restrict return short signed sizeof static static_assert static_cast struct
    switch template this thread_local throw true try typedef typeid typename typeof typeof_unqual union unsigned
    using virtual void volatile wchar_t while xor xor_eq
    NAN INFINITY HUGE_VAL HUGE_VALF HUGE_VALL MATH_ERRNO MATH_ERREXCEPT OVERFLOW UNDERFLOW DOMAIN SING PLOSS TLOSS
    isnan isinf isfinite isnormal signbit fpclassify isgreater isless isunordered math_errhandling errno linux unix
    acos asin atan atan2 cos sin tan acosh asinh atanh cosh sinh tanh exp exp2 expm1 frexp ilogb ldexp log log10 log1p
    log2 logb modf scalbn scalbln cbrt fabs hypot pow sqrt erf erfc lgamma tgamma ceil floor nearbyint rint lrint round
    lround trunc fmod remainder remquo copysign nan nextafter fdim fmax fmin fma main
    """.split()
)

# Helpers of the exported code, and the constants that <math.h> may define.
_HELPERS = re.compile(r"cf_\w+")
_C_MACROS = re.compile(r"cf_\w+|M_\w+|FP_\w+")

_EXCEL_WORDS = frozenset({"true", "false", "pi", "exp", "ln", "sqrt", "abs", "sign", "min", "max", "if", "na", "power"})

# "X1" and "XFD1048576" are cells, "R1C1", "R" and "C" are cells in the other notation.
_EXCEL_CELL = re.compile(r"[a-z]{1,3}[0-9]+|r[0-9]*(c[0-9]*)?|c[0-9]*", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class NameRules:
    """What a target language accepts as the name of an argument.

    Parameters
    ----------
    reserved : frozenset of str
        Words that must not be used; lower case where ``ignore_case`` holds.
    ascii_only : bool
        Whether letters outside ASCII are replaced.
    ignore_case : bool
        Whether ``x`` and ``X`` are the same name.
    looks_reserved : re.Pattern, optional
        Names that match completely are not allowed either.
    """

    reserved: frozenset[str]
    ascii_only: bool = False
    ignore_case: bool = False
    looks_reserved: re.Pattern[str] | None = None

    def key(self, name: str) -> str:
        """What two names have in common when the language cannot tell them apart."""
        return name.lower() if self.ignore_case else name

    def allows(self, name: str) -> bool:
        """Whether ``name``, already an identifier, may be used."""
        if self.key(name) in self.reserved or name.startswith("__"):
            return False
        return self.looks_reserved is None or self.looks_reserved.fullmatch(name) is None


NAME_RULES = {
    "python": NameRules(_PYTHON_WORDS, looks_reserved=_HELPERS),
    "numpy": NameRules(_PYTHON_WORDS, looks_reserved=_HELPERS),
    "torch": NameRules(_PYTHON_WORDS, looks_reserved=_HELPERS),
    "c": NameRules(_C_WORDS, ascii_only=True, looks_reserved=_C_MACROS),
    "excel": NameRules(_EXCEL_WORDS, ignore_case=True, looks_reserved=_EXCEL_CELL),
}


def argument_names(variables: Iterable[str], target: str) -> dict[str, str]:
    """Legal and unique argument names for columns with any name.

    Parameters
    ----------
    variables : iterable of str
        Distinct column names, in the order of the arguments.
    target : {"python", "numpy", "torch", "c", "excel"}
        The language.

    Returns
    -------
    dict
        Column name to argument name, in the order given. A column whose name is legal keeps it, even where another
        column would have to be renamed to the same word.

    Examples
    --------
    >>> argument_names(["x 1", "x_1", "lambda", "double"], "c")
    {'x 1': 'x_1_2', 'x_1': 'x_1', 'lambda': 'lambda', 'double': 'double_'}
    """
    rules = NAME_RULES[target]
    variables = list(variables)
    wanted = {name: _identifier(name, rules) for name in variables}
    taken: set[str] = set()
    chosen: dict[str, str] = {}
    for name in sorted(variables, key=lambda name: wanted[name] != name):  # stable: the unchanged names come first
        chosen[name] = free_name(wanted[name], taken, rules)
        taken.add(rules.key(chosen[name]))
    return {name: chosen[name] for name in variables}


def free_name(name: str, taken: set[str], rules: NameRules) -> str:
    """``name``, or ``name_2``, ``name_3``, ... whichever is the first that is not taken."""
    candidate, number = name, 2
    while rules.key(candidate) in taken:
        candidate, number = f"{name}_{number}", number + 1
    return candidate


def quote_name(name: str, ascii_only: bool = False) -> str:
    """A column name as a quoted word on one line, safe in a line comment of any language."""
    return json.dumps(name, ensure_ascii=ascii_only or not name.isprintable())


def _identifier(name: str, rules: NameRules) -> str:
    """The nearest identifier that the rules allow, not yet unique."""
    text = unicodedata.normalize("NFKC", name)  # Python itself reads identifiers in this form
    if rules.ascii_only:
        text = "".join(_ascii(character) for character in text)
    text = "".join(character if f"x{character}".isidentifier() else "_" for character in text)[:MAX_LENGTH]
    if rules.ascii_only or text.startswith("__"):
        text = text.lstrip("_")  # in C a leading underscore belongs to the implementation
    if not text.strip("_"):
        text = "x"
    if not text.isidentifier():
        text = f"x{text}"
    return next(word for word in (text, f"{text}_", f"x_{text}") if rules.allows(word))


def _ascii(character: str) -> str:
    """``é`` to ``e``, ``λ`` to ``lambda``, ``温`` to ``u6e29``; anything that is not a letter to an underscore."""
    if character.isascii():
        return character
    plain = unicodedata.normalize("NFKD", character).encode("ascii", "ignore").decode()
    if plain:
        return plain
    words = unicodedata.name(character, "").split()
    if words[:1] == ["GREEK"] and "LETTER" in words:
        letter = words[words.index("LETTER") + 1].replace("LAMDA", "LAMBDA")
        return letter.capitalize() if "CAPITAL" in words else letter.lower()
    return f"u{ord(character):x}" if character.isalnum() else "_"
