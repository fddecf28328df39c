"""Small tables of measured facts, each a CSV file in this package with its source in the comment lines on top.

The target is the last column.  Every file is a plain table that the command line reads as well: see
``load_planets().path``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from closedform.exceptions import InputError, did_you_mean
from closedform.preprocessing import Table

if TYPE_CHECKING:
    import pandas as pd

_NAMES = ("enzyme", "falling_body", "hubble1929", "hydrogen_lines", "planets", "tungsten", "water_boiling")


@dataclass(frozen=True, eq=False)
class Dataset:
    """A table with what is known about it.

    Attributes
    ----------
    name : str
    data : ndarray of shape (n_rows, n_features)
    target : ndarray of shape (n_rows,)
    feature_names : tuple of str
    target_name : str
    title, source, units : str
        What it is, where the numbers come from, and the unit of each column.
    law : str
        The accepted law as ``target = formula``, with constants for these units; what a fit should come near to.
    path : Path
        The CSV file, as an example for the command line.
    """

    name: str
    data: NDArray[np.float64] = field(repr=False)
    target: NDArray[np.float64] = field(repr=False)
    feature_names: tuple[str, ...]
    target_name: str
    title: str = field(repr=False)
    source: str = field(repr=False)
    units: str = field(repr=False)
    law: str = field(repr=False)
    path: Path = field(repr=False)

    @cached_property
    def frame(self) -> pd.DataFrame:
        """All columns as a pandas frame, the target last."""
        import pandas as pd

        columns = dict(zip(self.feature_names, self.data.T, strict=True))
        return pd.DataFrame({**columns, self.target_name: self.target})

    @property
    def X(self) -> pd.DataFrame:
        """The inputs as a pandas frame, so that formulas get the names of the columns."""
        return self.frame[list(self.feature_names)]

    @property
    def y(self) -> pd.Series:
        """The target as a pandas series with its name."""
        return self.frame[self.target_name]

    @property
    def table(self) -> Table:
        """The inputs as a checked `Table`, without pandas."""
        return Table(self.feature_names, self.data)


def list_tables() -> tuple[str, ...]:
    """Names that `load_table` knows."""
    return _NAMES


def load_table(name: str) -> Dataset:
    """Load one of the tables by its name.

    Examples
    --------
    >>> load_table("planets").feature_names
    ('distance_au',)
    """
    if name not in _NAMES:
        raise InputError(f"There is no table '{name}'{did_you_mean(name, _NAMES)}; there are {', '.join(_NAMES)}.")
    path = Path(str(resources.files("closedform.datasets").joinpath("csv", f"{name}.csv")))
    about, header, rows = _read(path)
    values = np.array([[float(cell) for cell in row.split(",")] for row in rows])
    return Dataset(
        name=name,
        data=np.ascontiguousarray(values[:, :-1]),
        target=np.ascontiguousarray(values[:, -1]),
        feature_names=tuple(header[:-1]),
        target_name=header[-1],
        title=about["title"],
        source=about["source"],
        units=about["units"],
        law=about["law"],
        path=path,
    )


def _read(path: Path) -> tuple[Mapping[str, str], list[str], list[str]]:
    """Comment lines ``# key: text`` as a mapping, the names, and the rows of a file whose format we know."""
    lines = path.read_text(encoding="utf-8").splitlines()
    comments = [line.removeprefix("#").strip().partition(": ") for line in lines if line.startswith("#")]
    header, *rows = [line for line in lines if line and not line.startswith("#")]
    return {key: text for key, _, text in comments}, header.split(","), rows


def load_planets() -> Dataset:
    """Distance from the sun (au) and orbital period (days) of the eight planets and five dwarf planets, 13 rows.

    Kepler's third law: ``period_days = 365.26*distance_au**1.5``.

    Sources: NASA planetary fact sheets (mean elements at J2000 and sidereal periods) for the planets and Pluto; JPL
    small-body database, epoch 2020-12-17, for Ceres, Haumea, Makemake and Eris.
    """
    return load_table("planets")


def load_hubble1929() -> Dataset:
    """Distance (Mpc) and radial velocity (km/s) of 24 nebulae: the table from which the universe was seen to expand.

    Velocity is proportional to distance, with much scatter and with distances that are too small by a factor of 7.

    Source: E. Hubble, Proc. Natl. Acad. Sci. 15, 168 (1929), table 1.
    """
    return load_table("hubble1929")


def load_water_boiling() -> Dataset:
    """Boiling point of water (degrees Celsius) against pressure (kPa, 1 to 10,000), 48 rows.

    No simple law holds exactly; Antoine's form ``b/(a - log(p)) - c`` comes within half a degree.

    Source: the saturation line of IAPWS-IF97 (the formulation behind today's steam tables), rounded to 0.01 degrees.
    """
    return load_table("water_boiling")


def load_falling_body() -> Dataset:
    """Galileo's rolling ball: distance (points of 0.94 mm) after 1 to 8 equal beats.

    Distances are as the squares of the times.

    Sources: Galileo, manuscript 72, folio 107 verso (about 1604); S. Drake, Scientific American 232(6), 98 (1975).
    Galileo corrected the last figure, 2123; it is also read as 2104.
    """
    return load_table("falling_body")


def load_hydrogen_lines() -> Dataset:
    """Vacuum wavelength (nm) of 27 lines of hydrogen by the quantum numbers of the two levels.

    Rydberg's formula: ``wavelength_nm = 91.176/(1/n_lower**2 - 1/n_upper**2)``.

    Source: NIST Atomic Spectra Database, fine structure not resolved.
    """
    return load_table("hydrogen_lines")


def load_tungsten() -> Dataset:
    """Resistivity (micro-ohm cm) of tungsten at 300 to 3600 K, 34 rows.

    Close to a power law, ``0.00597*temperature_k**1.205`` (within 2 %).

    Source: H. A. Jones and I. Langmuir, General Electric Review 30, 310 (1927), as in the CRC Handbook.
    """
    return load_table("tungsten")


def load_enzyme() -> Dataset:
    """Speed of an enzyme reaction by substrate concentration, with (1) and without (0) puromycin, 23 rows.

    Michaelis and Menten's law ``rate = v*c/(k + c)`` in either group, with real scatter.

    Sources: M. A. Treloar, M.Sc. thesis, University of Toronto (1974); D. M. Bates and D. G. Watts, Nonlinear
    Regression Analysis and Its Applications (1988), table A1.3.
    """
    return load_table("enzyme")
