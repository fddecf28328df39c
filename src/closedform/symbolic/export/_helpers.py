"""Source text of the small functions that exported code may need, per target.

Spellings that start with ``cf_`` name one of these. They exist for two reasons. Some operators have no function of
their own in the target. And some functions of the target return a number where the formula has none: IEEE gives
``1/0 = inf``, ``log(0) = -inf`` and ``nan**0 = 1``, ``fmin`` drops nan, and Python raises ``OverflowError`` where the
others give inf. Only the helpers that a formula needs are written out.
"""

from __future__ import annotations

from collections.abc import Mapping

_PYTHON = {
    "cf_exp": '''
def cf_exp(x):
    """exp(x), infinite where it overflows."""
    try:
        return math.exp(x)
    except OverflowError:
        return math.inf
''',
    "cf_sinh": '''
def cf_sinh(x):
    """sinh(x), infinite where it overflows."""
    try:
        return math.sinh(x)
    except OverflowError:
        return math.copysign(math.inf, x)
''',
    "cf_cosh": '''
def cf_cosh(x):
    """cosh(x), infinite where it overflows."""
    try:
        return math.cosh(x)
    except OverflowError:
        return math.inf
''',
    "cf_pow": '''
def cf_pow(base, exponent):
    """base**exponent, infinite where it overflows and nan where either is nan."""
    if math.isnan(base) or math.isnan(exponent):
        return math.nan
    try:
        return math.pow(base, exponent)
    except OverflowError:
        return -math.inf if base < 0 and exponent % 2 == 1 else math.inf
''',
    "cf_sign": '''
def cf_sign(x):
    """-1, 0 or 1, and nan for nan."""
    return math.copysign(1.0, x) if x < 0 or x > 0 else x
''',
    "cf_min": '''
def cf_min(x, y):
    """The smaller one, nan if either is nan."""
    return x if x < y or x != x else y
''',
    "cf_max": '''
def cf_max(x, y):
    """The larger one, nan if either is nan."""
    return x if x > y or x != x else y
''',
}

_NUMPY = {
    "cf_div": '''
def cf_div(x, y):
    """x/y, nan where y is zero."""
    return x / np.where(y == 0, np.nan, y)
''',
    "cf_log": '''
def cf_log(x):
    """log(x), nan where x is zero."""
    return np.log(np.where(x > 0, x, np.nan))
''',
    "cf_pow": '''
def cf_pow(base, exponent):
    """base**exponent, nan for zero to a negative power and where either is nan."""
    undefined = (base == 0) & (exponent < 0) | np.isnan(base) | np.isnan(exponent)
    return np.where(undefined, np.nan, np.power(base, exponent))
''',
}

_TORCH = {
    "cf_div": '''
def cf_div(x, y):
    """x/y, nan where y is zero."""
    return x / torch.where(y == 0, torch.nan, y)
''',
    "cf_log": '''
def cf_log(x):
    """log(x), nan where x is zero."""
    return torch.log(torch.where(x > 0, x, torch.nan))
''',
    "cf_pow": '''
def cf_pow(base, exponent):
    """base**exponent, nan for zero to a negative power and where either is nan."""
    undefined = ((base == 0) & (exponent < 0)) | (base != base) | (exponent != exponent)
    return torch.where(undefined, torch.nan, base**exponent)
''',
    "cf_sign": '''
def cf_sign(x):
    """-1, 0 or 1, and nan for nan (torch.sign gives 0)."""
    return torch.where(torch.isnan(x), x, torch.sign(x))
''',
}

_C = {
    "cf_div": """
/* x/y, nan where y is zero */
static double cf_div(double x, double y) { return y == 0.0 ? NAN : x / y; }
""",
    "cf_log": """
/* log(x), nan where x is zero */
static double cf_log(double x) { return x > 0.0 ? log(x) : NAN; }
""",
    "cf_pow": """
/* pow(base, exponent), nan for zero to a negative power and where either is nan */
static double cf_pow(double base, double exponent)
{
    if ((base == 0.0 && exponent < 0.0) || isnan(base) || isnan(exponent)) return NAN;
    return pow(base, exponent);
}
""",
    "cf_sign": """
/* -1, 0 or 1, and nan for nan */
static double cf_sign(double x) { return x > 0.0 ? 1.0 : x < 0.0 ? -1.0 : x; }
""",
    "cf_min": """
/* the smaller one, nan if either is nan (fmin drops nan) */
static double cf_min(double x, double y) { return x < y || isnan(x) ? x : y; }
""",
    "cf_max": """
/* the larger one, nan if either is nan (fmax drops nan) */
static double cf_max(double x, double y) { return x > y || isnan(x) ? x : y; }
""",
}

HELPERS: Mapping[str, Mapping[str, str]] = {"python": _PYTHON, "numpy": _NUMPY, "torch": _TORCH, "c": _C, "excel": {}}
