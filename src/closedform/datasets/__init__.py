"""Small real tables that ship with the package, and the named formulas of the literature."""

from closedform.datasets.formulas import NamedFormula, get_formula, list_formulas, make_formula
from closedform.datasets.tables import (
    Dataset,
    list_tables,
    load_enzyme,
    load_falling_body,
    load_hubble1929,
    load_hydrogen_lines,
    load_planets,
    load_table,
    load_tungsten,
    load_water_boiling,
)

__all__ = [
    "Dataset",
    "NamedFormula",
    "get_formula",
    "list_formulas",
    "list_tables",
    "load_enzyme",
    "load_falling_body",
    "load_hubble1929",
    "load_hydrogen_lines",
    "load_planets",
    "load_table",
    "load_tungsten",
    "load_water_boiling",
    "make_formula",
]
