"""Laws that are believed to stand behind measured tables, and which of their constants are free.

A form is a formula as text. Its decimals are the constants that are fitted to the rows, and the numbers written there
are those of the literature, from which the fit starts; whole numbers and functions belong to the form.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from benchmarks.scoring_tree import Formula, Node, read_formula, walk

Columns = Mapping[str, np.ndarray]

# Whole numbers above this are nobody's exponent or factor of a law: they count as fitted constants.
LARGEST_PLAIN = 10


class Form:
    """One formula with free constants."""

    def __init__(self, text: str, columns: tuple[str, ...]) -> None:
        self.text = text
        self._formula = read_formula(text, columns)
        self.start = np.array(self._formula.constants)
        self.n_constants, self.n_terms = count_constants(self._formula), count_terms(self._formula.root)

    def values(self, columns: Columns, constants: np.ndarray) -> np.ndarray:
        """Values in float64, nan or inf where undefined."""
        return self._formula.values(columns, constants)


class Piecewise(Form):
    """One formula below a value of some quantity, another one above; the place where they meet is given."""

    def __init__(self, by: str, limit: float, below: str, above: str, columns: tuple[str, ...]) -> None:
        self.text = f"{below} where {by} < {limit:g}, else {above}"
        self._by, self._limit = read_formula(by, columns), limit
        self._parts = [Form(text, columns) for text in (below, above)]
        self.start = np.concatenate([part.start for part in self._parts])
        self.n_constants = 1 + sum(part.n_constants for part in self._parts)
        self.n_terms = sum(part.n_terms for part in self._parts)

    def values(self, columns: Columns, constants: np.ndarray) -> np.ndarray:
        """Values in float64, nan or inf where undefined."""
        below, above = self._parts
        split = len(below.start)
        return np.where(
            self._by.values(columns) < self._limit,
            below.values(columns, constants[:split]),
            above.values(columns, constants[split:]),
        )


class FlatUniverse(Form):
    """Distance modulus in a flat universe of matter and a cosmological constant: an integral, no closed form."""

    def __init__(self, redshift: str) -> None:
        self.text = f"43.0 + 5*log10((1 + z)*integral of 1/sqrt(0.27*(1 + z)**3 + 1 - 0.27)), z = {redshift}"
        self._redshift = redshift
        self.start = np.array([43.0, 0.27])
        self.n_constants, self.n_terms = 2, 3

    def values(self, columns: Columns, constants: np.ndarray) -> np.ndarray:
        """Values in float64, nan or inf where undefined."""
        z, (offset, matter) = columns[self._redshift], constants
        nodes, weights = np.polynomial.legendre.leggauss(24)
        at = np.outer(z, (nodes + 1) / 2)
        with np.errstate(all="ignore"):
            inverse_rate = 1 / np.sqrt(matter * (1 + at) ** 3 + 1 - matter)
            return offset + 5 * np.log10((1 + z) * z * (inverse_rate @ weights) / 2)


def count_constants(formula: Formula) -> int:
    """Decimals and large whole numbers of a formula: what had to be measured."""
    large = sum(node[0] == "int" and abs(node[1]) > LARGEST_PLAIN for node in walk(formula.root))
    return len(formula.constants) + large


def count_terms(node: Node) -> int:
    """Summands anywhere in a formula: one more than the signs of addition and subtraction in it."""
    return 1 + sum(part[0] in ("add", "sub") for part in walk(node))


@dataclass(frozen=True)
class Law:
    """What is believed about a table, or about those of its rows where a law holds.

    Attributes
    ----------
    table : the file, without ``.csv``; its last column is the target.
    main : the column whose upper end is left out to see how a formula continues.
    forms : texts of the forms; the first is the one that others are compared with.
    part : in words, where the law holds; empty for the whole table.
    by, low, high : the rows of a part are those where this formula lies between these values. The target may occur.
    special : a form that no text expresses: ``"drag"``, ``"pipe"``, ``"universe"``.
    """

    table: str
    main: str
    forms: tuple[str, ...] = ()
    part: str = ""
    by: str = ""
    low: float = -np.inf
    high: float = np.inf
    special: str = ""

    @property
    def name(self) -> str:
        """Name of the table, and of the part."""
        return f"{self.table} ({self.part})" if self.part else self.table

    def read(self, columns: tuple[str, ...]) -> list[Form]:
        """The forms over the inputs of the table."""
        if self.special == "universe":
            return [FlatUniverse(self.main)]
        if self.special == "drag":
            return [Piecewise("Re", 1000.0, SCHILLER_NAUMANN, "0.44", columns)]
        if self.special == "pipe":
            return [Piecewise(PIPE_REYNOLDS, 2500.0, LAMINAR, BLASIUS, columns)]
        return [Form(text, columns) for text in self.forms]

    def rows(self, columns: Columns) -> np.ndarray:
        """Numbers of the rows where the law holds; target included in the columns."""
        n_rows = len(next(iter(columns.values())))
        if not self.by:
            return np.arange(n_rows)
        values = read_formula(self.by, tuple(columns)).values(columns)
        return np.flatnonzero((values > self.low) & (values < self.high))


SCHILLER_NAUMANN = "24.0/Re*(1 + 0.15*Re**0.687)"
PIPE_REYNOLDS = "velocity_cm_s*diameter_cm/viscosity_cm2_s"
LAMINAR = f"8.0/({PIPE_REYNOLDS})"
BLASIUS = f"0.0395*({PIPE_REYNOLDS})**(-0.25)"
ROUGHNESS = "Re*sqrt(friction_factor/8)/(2*r_over_k)"  # size of the grains over the thickness of the viscous layer

LAWS = (
    Law("boyle_air", "volume", ("1408.0/volume",)),
    Law("cmb_firas", "wavenumber_per_cm", ("39.73*wavenumber_per_cm**3/(exp(0.528*wavenumber_per_cm) - 1)",)),
    Law("copper_expansion", "temperature_K", (
        "(1.08 - 0.123*temperature_K + 4.09e-3*temperature_K**2 - 1.43e-6*temperature_K**3)"
        "/(1 - 5.76e-3*temperature_K + 2.41e-4*temperature_K**2 - 1.23e-7*temperature_K**3)",
    )),
    Law("falling_balls", "time_s", ("4.24*mass_kg/diameter_m**2*log(cosh(1.52*time_s*diameter_m/sqrt(mass_kg)))",)),
    Law("kepler_orbits", "distance_au", ("1.0*sqrt(distance_au**3/(m1_sun + m2_sun))",)),
    Law("leavitt_cepheids", "period_days", ("15.6 - 0.87*log(period_days)",)),
    Law("mammal_bmr", "mass_g", ("0.12*mass_g**0.7*exp(0.1*body_temp_C)", "4.1*mass_g**0.7")),
    Law("nikuradse_rough_pipes", "r_over_k", ("1/(1.74 + 0.87*log(r_over_k))**2",), "rough flow", ROUGHNESS, 70.0),
    Law("sphere_drag", "Re", special="drag"),
    Law("sphere_drag", "Re", (SCHILLER_NAUMANN,), "Re < 1000", "Re", high=1000.0),
    Law("stanton_pannell_pipes", "velocity_cm_s", special="pipe"),
    Law("stanton_pannell_pipes", "velocity_cm_s", (LAMINAR,), "laminar", PIPE_REYNOLDS, high=1800.0),
    Law("stanton_pannell_pipes", "velocity_cm_s", (BLASIUS,), "turbulent", PIPE_REYNOLDS, 4e3, 1e5),
    Law("supernovae_union21", "redshift", special="universe"),
    Law("supernovae_union21", "redshift", ("43.2 + 2.17*log(redshift)",), "z < 0.1", "redshift", high=0.1),
    Law("tully_fisher", "velocity_width_km_s", ("-3.87 - 2.71*log(velocity_width_km_s)",)),
)  # fmt: skip
