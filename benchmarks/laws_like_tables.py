"""Textbook laws as few measurements would show them: constants of nature's own, ranges and errors of experiments."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from benchmarks.laws_forms import Form

N_TEST = 200
# How far rows beyond reach: a share of the width of the range of the main column, a power of its ratio if logarithmic.
BEYOND = 0.4


@dataclass(frozen=True)
class Range:
    """Where the values of a column come from: evenly, or evenly in the logarithm."""

    low: float
    high: float
    log: bool = False

    def draw(self, rng: np.random.Generator, n: int) -> np.ndarray:
        """Values as an experiment would choose them: not quite evenly spaced, in no order."""
        places = (rng.permutation(n) + rng.uniform(0.2, 0.8, n)) / n
        return self.at(places)

    def beyond(self, rng: np.random.Generator, n: int) -> np.ndarray:
        """Values above the range."""
        return self.at(1.0 + BEYOND * rng.uniform(0.0, 1.0, n))

    def at(self, places: np.ndarray) -> np.ndarray:
        """Values at places from 0 (low) to 1 (high) and beyond."""
        if self.log:
            return np.asarray(self.low * (self.high / self.low) ** places)
        return np.asarray(self.low + (self.high - self.low) * places)


@dataclass(frozen=True)
class LawLike:
    """A law with one experiment.

    Attributes
    ----------
    name : what it is called.
    text : the law; its decimals are what a fit may choose.
    ranges : columns by name, the main one, which is left at its upper end, first.
    n_rows : rows to fit.
    error : standard deviation of the errors of the target: a share of each value, or of the root mean square value.
    relative : whether it is one of each value.
    """

    name: str
    text: str
    ranges: Mapping[str, Range]
    n_rows: int
    error: float
    relative: bool = False

    def form(self) -> Form:
        """The law as a form with free constants."""
        return Form(self.text, tuple(self.ranges))

    def tables(self, seed: int) -> dict[str, Table]:
        """The rows to fit, and others inside and beyond the range of the main column; the same for the same seed."""
        rng = np.random.default_rng([seed, zlib.crc32(self.name.encode())])
        main = next(iter(self.ranges))
        inputs = {
            "fitted": {name: one.draw(rng, self.n_rows) for name, one in self.ranges.items()},
            "inside": {name: one.draw(rng, N_TEST) for name, one in self.ranges.items()},
            "beyond": {
                name: one.beyond(rng, N_TEST) if name == main else one.draw(rng, N_TEST)
                for name, one in self.ranges.items()
            },
        }
        form, tables = self.form(), {}
        typical = float(np.sqrt(np.mean(form.values(inputs["fitted"], form.start) ** 2)))
        for part, columns in inputs.items():
            clean = form.values(columns, form.start)
            sigma = self.error * (np.abs(clean) if self.relative else np.full(len(clean), typical))
            tables[part] = Table(columns, clean + sigma * rng.normal(size=len(clean)), sigma)
        return tables


@dataclass(frozen=True, eq=False)
class Table:
    """Rows: columns, target, and the standard deviations of its errors, which no estimator is told."""

    columns: dict[str, np.ndarray]
    y: np.ndarray
    sigma: np.ndarray


def _lin(low: float, high: float) -> Range:
    return Range(low, high)


def _log(low: float, high: float) -> Range:
    return Range(low, high, log=True)


LAWS_LIKE = (
    LawLike("arrhenius", "3.2e10*exp(-9200.0/T)", {"T": _lin(290, 350)}, 10, 0.05, relative=True),
    LawLike("michaelis_menten", "84.0*s/(12.5 + s)", {"s": _log(1, 100)}, 12, 0.02),
    LawLike("planck", "2.4*nu**3/(exp(0.31*nu) - 1)", {"nu": _lin(1, 30)}, 40, 0.005),
    LawLike("stefan_boltzmann", "1.9e-9*T**4", {"T": _lin(300, 1200)}, 15, 0.02, relative=True),
    LawLike("beer_lambert", "980.0*exp(-0.43*depth)", {"depth": _lin(0, 6)}, 12, 0.02, relative=True),
    LawLike("speed_with_drag", "22.0*tanh(0.45*t)", {"t": _lin(0.1, 5)}, 20, 0.01),
    LawLike("fall_with_drag", "49.0*log(cosh(0.45*t))", {"t": _lin(0.1, 5)}, 30, 0.005),
    LawLike("pendulum", "2.006*sqrt(length)", {"length": _lin(0.1, 2)}, 10, 0.005),
    LawLike("snell", "asin(0.75*sin(angle))", {"angle": _lin(0.1, 1.2)}, 14, 0.005),
    LawLike("antoine", "exp(18.3 - 3816.0/(T - 46.1))", {"T": _lin(290, 370)}, 16, 0.01, relative=True),
    LawLike("kepler", "365.2*a**1.5", {"a": _log(0.4, 30)}, 9, 0.005, relative=True),
    LawLike("hubble", "68.0*d", {"d": _lin(1, 100)}, 24, 0.05),
    LawLike("ohm_with_offset", "4.7*current + 0.35", {"current": _lin(0, 0.6)}, 8, 0.01),
    LawLike("langmuir", "2.5*p/(1 + 0.8*p)", {"p": _log(0.05, 20)}, 10, 0.02, relative=True),
    LawLike("allometry", "70.0*mass**0.75", {"mass": _log(0.02, 5000)}, 60, 0.05, relative=True),
    LawLike("decay_over_background", "850.0*exp(-0.31*t) + 22.0", {"t": _lin(0, 15)}, 30, 0.01),
    LawLike("malus", "5.2*cos(angle)**2", {"angle": _lin(0, 1.57)}, 19, 0.01),
    LawLike("thin_lens", "1/(10.0 - 1/u)", {"u": _lin(0.15, 1)}, 12, 0.01, relative=True),
    LawLike("hooke", "24.5*x", {"x": _lin(0.02, 0.3)}, 8, 0.01),
    LawLike("newton_cooling", "21.0 + 58.0*exp(-0.041*t)", {"t": _lin(0, 60)}, 20, 0.005),
    LawLike("boyle", "1408.0/v", {"v": _lin(12, 48)}, 15, 0.003, relative=True),
    LawLike("rc_charging", "9.0*(1 - exp(-0.62*t))", {"t": _lin(0.1, 8)}, 15, 0.01),
    LawLike("diode", "2.1e-9*exp(25.9*v)", {"v": _lin(0.4, 0.65)}, 20, 0.03, relative=True),
    LawLike("tully_fisher", "-3.9 - 2.7*log(width)", {"width": _log(80, 600)}, 18, 0.015),
    LawLike("ideal_gas", "0.0821*T/v", {"T": _lin(250, 450), "v": _lin(1, 8)}, 24, 0.01, relative=True),
    LawLike("coulomb", "9.0*q*p/r**2", {"r": _lin(0.1, 1), "q": _lin(0.5, 3), "p": _lin(0.5, 3)}, 30, 0.02,
            relative=True),
    LawLike("drag_force", "0.6*area*v**2", {"v": _lin(2, 20), "area": _lin(0.05, 0.5)}, 16, 0.03, relative=True),
    LawLike("parallel_resistors", "1.0*r*s/(r + s)", {"r": _log(10, 1000), "s": _log(10, 1000)}, 24, 0.01,
            relative=True),
    LawLike("binary_period", "1.0*sqrt(a**3/(m + n))", {"a": _log(0.5, 30), "m": _lin(0.5, 3), "n": _lin(0.2, 1.5)}, 30,
            0.02, relative=True),
    LawLike("blasius", "0.316*(v*d/nu)**(-0.25)", {"v": _log(10, 300), "d": _log(0.3, 10), "nu": _log(0.01, 0.15)}, 60,
            0.02, relative=True),
    LawLike("manning", "1.2*radius**(2/3)*sqrt(slope)", {"radius": _lin(0.2, 4), "slope": _log(0.001, 0.05)}, 24, 0.03,
            relative=True),
    LawLike("logistic_growth", "660.0/(1 + 40.0*exp(-0.48*t))", {"t": _lin(0, 18)}, 18, 0.01),
    LawLike("resonance", "1.08/((f - 5.0)**2 + 0.36)", {"f": _lin(2.5, 8)}, 40, 0.01),
    LawLike("damped_swing", "4.0*exp(-0.21*t)*cos(2.6*t)", {"t": _lin(0, 10)}, 50, 0.02),
    LawLike("thermometer", "100.0 + 0.39*T - 5.8e-5*T**2", {"T": _lin(0, 600)}, 20, 0.001),
    LawLike("beam_profile", "12.0*exp(-0.34*(x - 1.7)**2)", {"x": _lin(-2, 5)}, 25, 0.01),
    LawLike("sutherland", "1.46*T**1.5/(T + 110.0)", {"T": _lin(200, 900)}, 15, 0.005, relative=True),
    LawLike("freundlich", "2.3*c**0.42", {"c": _log(0.1, 50)}, 10, 0.03, relative=True),
    LawLike("quadratic_drag_of_balls", "2.0*mass/size**2*log(cosh(2.2*t*size/sqrt(mass)))",
            {"t": _lin(0.1, 3), "mass": _log(0.02, 0.6), "size": _lin(0.04, 0.25)}, 60, 0.01),
    LawLike("kleiber_by_temperature", "0.07*mass**0.7*exp(0.11*T)", {"mass": _log(3, 1e4), "T": _lin(32, 40)}, 60, 0.05,
            relative=True),
)  # fmt: skip
