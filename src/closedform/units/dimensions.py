"""Dimensions of physical quantities: products of powers of base units, with exact exponents."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction

# How base quantities are written for people; anything else (a currency, bits) by its own name.
_SYMBOLS = {
    "mass": "kg",
    "length": "m",
    "time": "s",
    "current": "A",
    "temperature": "K",
    "substance": "mol",
    "luminosity": "cd",
}
# Exponents with larger denominators are shown as decimals.
_SIMPLE = 12


@dataclass(frozen=True)
class Dimension:
    """A product of powers of base quantities, such as length / time**2.

    Parameters
    ----------
    exponents : tuple of (str, Fraction)
        Base quantity and its exponent, by name, zeros left out; use :meth:`of` to get it into this form.

    Examples
    --------
    >>> speed = Dimension.of({"length": 1, "time": -1})
    >>> str(speed * speed), str((speed * speed).root(2)), str(speed / speed)
    ('m^2/s^2', 'm/s', 'a pure number')
    """

    exponents: tuple[tuple[str, Fraction], ...] = ()

    @classmethod
    def of(cls, exponents: Mapping[str, Fraction | int]) -> Dimension:
        """The dimension with these exponents."""
        return cls(tuple(sorted((base, Fraction(number)) for base, number in exponents.items() if number != 0)))

    @property
    def is_number(self) -> bool:
        """Whether this is the dimension of pure numbers."""
        return not self.exponents

    def __mul__(self, other: Dimension) -> Dimension:
        if not other.exponents:
            return self
        total = dict(self.exponents)
        for base, exponent in other.exponents:
            total[base] = total.get(base, Fraction(0)) + exponent
        return Dimension.of(total)

    def __truediv__(self, other: Dimension) -> Dimension:
        return self * other.power(Fraction(-1))

    def power(self, exponent: Fraction) -> Dimension:
        """This dimension to an exact power."""
        if exponent == 1 or not self.exponents:
            return self
        return Dimension.of({base: number * exponent for base, number in self.exponents})

    def root(self, degree: int) -> Dimension:
        """The root of this degree."""
        return self.power(Fraction(1, degree))

    def __str__(self) -> str:
        """Return it in SI base units, as in ``kg*m/s^2``."""
        order = list(_SYMBOLS)
        exponents = sorted(self.exponents, key=lambda one: order.index(one[0]) if one[0] in order else len(order))
        above = [_piece(base, number) for base, number in exponents if number > 0]
        below = [_piece(base, -number) for base, number in exponents if number < 0]
        if not above and not below:
            return "a pure number"
        bottom = below[0] if len(below) == 1 else f"({'*'.join(below)})"
        return "*".join(above) if not below else f"{'*'.join(above) or '1'}/{bottom}"


NUMBER = Dimension()
"""The dimension of pure numbers."""


def product(factors: Iterable[tuple[Dimension, Fraction]]) -> Dimension:
    """The product of dimensions to exact powers."""
    total = NUMBER
    for dimension, exponent in factors:
        total = total * dimension.power(exponent)
    return total


def _piece(base: str, exponent: Fraction) -> str:
    symbol = _SYMBOLS.get(base, base)
    if exponent == 1:
        return symbol
    if exponent.denominator == 1:
        return f"{symbol}^{exponent}"
    return f"{symbol}^({exponent})" if exponent.denominator <= _SIMPLE else f"{symbol}^{float(exponent):.4g}"
