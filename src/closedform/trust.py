"""How far a formula can be trusted: the ranges it was learned on, and what happens between and beyond its rows.

A formula that fits may still have a pole between two rows, or end where the data end. Interval arithmetic proves on
whole boxes that a formula has a value; where it cannot, each operator that may fail is followed along lines through the
ranges of the data, nearest points first, until a pole or the end of its domain is met.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice, product
from typing import Literal

import numpy as np

from closedform.symbolic._traverse import postorder
from closedform.symbolic.evaluate import evaluate
from closedform.symbolic.expression import Expression
from closedform.symbolic.intervals import bounds
from closedform.symbolic.operators import OPERATORS
from closedform.symbolic.printing import name_to_text, to_text

Range = tuple[float, float]
Kind = Literal["pole", "undefined", "overflow"]
Side = Literal["within", "below", "above"]

REACH = 1.0
"""How far beyond the data is looked, in widths of a column's range, on either side."""

TOLERANCE = 0.1
"""A value counts as outside the learned range from this share of its width on.

Rows held out by cross-validation lie a little outside all the time: of 100 normal numbers, the largest of the next 25
is seldom further out than this.
"""

# Parts of a box that a proof may look at, parts of a line, and lines through the ranges of the other variables.
_MOST_PARTS, _MOST_STEPS, _MOST_LINES = 64, 150, 9
# Parts that may be looked at for one formula: about a second.
_MOST_LOOKS, _FEW_LOOKS = 20_000, 2_000
# Where a line has been cut down to this share of its length, values tell what is the matter there.
_FINE = 1e-13
# A value that large, compared with the usual ones on the line, stands beside a pole.
_HUGE = 1e5
_SHOWN_HAZARDS, _DIGITS, _LONGEST = 3, 4, 40


@dataclass(frozen=True)
class Hazard:
    """A place where a formula has no value.

    Parameters
    ----------
    kind : {"pole", "undefined", "overflow"}
        It grows beyond all bounds there, or a part of it has no value from there on, or it leaves float64.
    variable : str
        The column along which this was met.
    value : float
        The value of that column at which it was met; beyond the data, the nearest one.
    side : {"within", "below", "above"}
        Whether this lies within the range of that column in the data, or on which side of it.
    learned : (float, float)
        The range of that column in the data.
    part : Expression
        The part of the formula to blame.
    others : mapping of str to float
        Values of the part's other columns at that place, all within their ranges.
    """

    kind: Kind
    variable: str
    value: float
    side: Side
    learned: Range
    part: Expression
    others: Mapping[str, float]

    def __str__(self) -> str:
        """Return what happens where, as in ``has a pole at x = 2.31, beyond the data (0.5 to 2)``."""
        others = "".join(f", {name_to_text(name)} = {value:.{_DIGITS}g}" for name, value in self.others.items())
        place = f"{name_to_text(self.variable)} = {self.value:.{_DIGITS}g}{others}"
        text = to_text(self.part, _DIGITS)
        part = text if len(text) <= _LONGEST else text[: _LONGEST - 3] + "..."
        at = "at" if self.side == "within" else self.side
        what = {
            "pole": f"has a pole at {place}",
            "undefined": f"has no value {at} {place}: {part}",
            "overflow": f"is too large for a number {at} {place}: {part}",
        }[self.kind]
        return f"{what}, {'within' if self.side == 'within' else 'beyond'} the data ({_range_text(self.learned)})"


@dataclass(frozen=True)
class Trust:
    """Where a formula was learned and what is known about it there and beyond.

    Parameters
    ----------
    domain : mapping of str to (float, float)
        Smallest and largest value, at fit time, of each column that the formula uses.
    hazards : tuple of Hazard
        Places without a value, those within the ranges of the data first.
    proven : bool
        Whether interval arithmetic proves that there is a value everywhere within the ranges of the data, and up to
        `REACH` of its width beyond along each one. Where it is False and there are no hazards, it is not known.
    """

    domain: Mapping[str, Range]
    hazards: tuple[Hazard, ...]
    proven: bool

    def sentences(self) -> list[str]:
        """Return what a user should know before using the formula elsewhere."""
        if not self.domain:
            return []
        ranges = ", ".join(f"{name_to_text(name)} from {_range_text(pair)}" for name, pair in self.domain.items())
        lines = [f"It was learned for {ranges}."]
        lines += [f"Careful: it {hazard}." for hazard in self.hazards[:_SHOWN_HAZARDS]]
        if len(self.hazards) > _SHOWN_HAZARDS:
            lines.append(f"There are {len(self.hazards) - _SHOWN_HAZARDS} more such places.")
        if self.proven:
            lines.append("It has a value everywhere there, and as far again along each column.")
        elif not self.hazards:
            lines.append("No place without a value was found there or beyond, but that there is none is not proven.")
        return lines


def trust(expression: Expression, domain: Mapping[str, Range], reach: float = REACH) -> Trust:
    """Find out where a formula has no value, within the ranges that it was learned on and beyond.

    Parameters
    ----------
    expression : Expression
        The formula.
    domain : mapping of str to (float, float)
        Smallest and largest value of the columns; those that the formula does not use are left out.
    reach : float, default=1.0
        How far to look beyond, in widths of the ranges, on either side.

    Examples
    --------
    >>> print(*trust(Expression.parse("3/(2.31 - x)"), {"x": (0.5, 2.0)}).hazards)
    has a pole at x = 2.31, beyond the data (0.5 to 2)
    """
    known = {name: domain[name] for name in expression.variables if name in domain}
    if len(known) < len(expression.variables) or not known:
        return Trust(known, (), proven=False)
    hazards: list[Hazard] = []
    # Nothing is known about a user's own operator on a box: then there is no use in looking at many.
    own = any(node.kind == "apply" and node.op.name not in OPERATORS for node in postorder(expression))
    proven, looks = not own, iter(range(_FEW_LOOKS if own else _MOST_LOOKS))
    for node in postorder(expression):
        if not node.variables and not math.isfinite(evaluate(node, {})[0]):
            proven = False
        # What may fail in a quotient or a power is the divisor or the base, whatever stands beside it.
        names = _to_blame(node).variables if node.kind == "apply" else ()
        for name in names:
            ranges = {other: known[other] for other in node.variables}
            wide = _widened(known[name], reach)
            if not _is_proven(node, {**ranges, name: wide}, looks):
                proven = False
                hazards += _hazards(node, name, ranges, wide, looks)
    within = {id(hazard.part) for hazard in hazards if hazard.side == "within"}
    # What fails between the rows already need not be told again for what lies beyond.
    told = [one for one in hazards if one.side == "within" or id(one.part) not in within]
    return Trust(known, tuple(sorted(_one_per_place(told), key=lambda one: one.side != "within")), proven)


def _to_blame(node: Expression) -> Expression:
    divisor = {"div": 1, "pow": 0}.get(node.op.name)
    if divisor is None or not node.args[divisor].variables or (divisor == 0 and node.args[1].variables):
        return node
    return node.args[divisor]


def outside_range(values: np.ndarray, learned: Range, tolerance: float = TOLERANCE) -> np.ndarray:
    """Return a mask of the values that lie outside a range by more than a share of its width.

    Parameters
    ----------
    values : ndarray of shape (n_rows,)
    learned : (float, float)
        Smallest and largest value at fit time.
    tolerance : float, default=0.1
        Share of the width; of the value itself where the range is a single one.
    """
    low, high = learned
    # Halves: the width of a range from -1e308 to 1e308 is no number.
    slack = 2.0 * (tolerance * (high / 2 - low / 2)) or tolerance * abs(low)
    return (values < low - slack) | (values > high + slack)


def _range_text(pair: Range) -> str:
    return f"{pair[0]:.{_DIGITS}g} to {pair[1]:.{_DIGITS}g}"


def _widened(pair: Range, reach: float) -> Range:
    width = reach * (pair[1] - pair[0])
    low, high = pair[0] - width, pair[1] + width
    return (low, high) if math.isfinite(low) and math.isfinite(high) else pair


def _one_per_place(hazards: list[Hazard]) -> list[Hazard]:
    """One part may fail together with another at the same place: the first, the inner one, is to blame."""
    places: dict[tuple[str, str], Hazard] = {}
    for hazard in hazards:
        places.setdefault((hazard.variable, f"{hazard.value:.{_DIGITS}g}"), hazard)
    return list(places.values())


# --- proofs -----------------------------------------------------------------------------------------------------------


def _fails_nowhere(node: Expression, box: Mapping[str, Range]) -> bool:
    """Whether every point of a box gives the operator of a node a finite value where its arguments have one."""
    pairs = [bounds(argument, box) for argument in node.args]
    if any(math.isnan(pair[0]) for pair in pairs):
        return True
    if not all(math.isfinite(end) for pair in pairs for end in pair):
        return False
    low, high = node.op.interval(*pairs)
    return (node.op.inside is None or node.op.inside(*pairs)) and math.isfinite(low) and math.isfinite(high)


def _is_proven(node: Expression, box: Mapping[str, Range], looks: Iterator[int]) -> bool:
    """The same for a box that may be halved where one look does not tell."""
    waiting = [dict(box)]
    for _ in islice(looks, _MOST_PARTS):
        if not waiting:
            return True
        part = waiting.pop()
        if _fails_nowhere(node, part):
            continue
        widest = max(part, key=lambda name: (part[name][1] - part[name][0]) / ((box[name][1] - box[name][0]) or 1.0))
        low, high = part[widest]
        middle = low / 2 + high / 2
        if not low < middle < high:
            return False
        waiting += [{**part, widest: (low, middle)}, {**part, widest: (middle, high)}]
    return not waiting


# --- hazards ----------------------------------------------------------------------------------------------------------


def _hazards(
    node: Expression, name: str, ranges: Mapping[str, Range], wide: Range, looks: Iterator[int]
) -> Iterator[Hazard]:
    """The places where the operator of a node fails along one variable: the first within the data, else beyond."""
    low, high = ranges[name]
    ways: list[tuple[Side, float, float]] = [("within", low, high), ("above", high, wide[1]), ("below", low, wide[0])]
    others = [other for other in _to_blame(node).variables if other != name]
    lines = list(_lines({other: pair for other, pair in ranges.items() if other != name}))
    for side, start, end in ways:
        met = [
            (abs(place - start), place, kind, fixed)
            for fixed in lines
            for place, kind in _first_failure(node, name, fixed, (start, end), looks)
        ]
        if met:
            _, place, kind, fixed = min(met, key=lambda one: one[0])
            yield Hazard(kind, name, place, side, ranges[name], node, {other: fixed[other] for other in others})
            if side == "within":
                return


def _lines(ranges: Mapping[str, Range]) -> Iterator[dict[str, float]]:
    """Values of the other variables: the middle of their ranges, then the corners."""
    names = list(ranges)
    yield {name: low / 2 + high / 2 for name, (low, high) in ranges.items()}
    corners = product(*[ranges[name] for name in names]) if names else ()
    for corner in islice(corners, _MOST_LINES - 1):
        yield dict(zip(names, corner, strict=True))


def _first_failure(
    node: Expression, name: str, others: Mapping[str, float], way: Range, looks: Iterator[int]
) -> Iterator[tuple[float, Kind]]:
    """The first failure on a way along one variable, if there is one."""
    fixed = {other: (value, value) for other, value in others.items()}
    length = abs(way[1] - way[0])
    waiting = [way]
    for _ in islice(looks, _MOST_STEPS):
        if not waiting:
            return
        near, far = waiting.pop()
        if _fails_nowhere(node, {**fixed, name: (min(near, far), max(near, far))}):
            continue
        middle = near / 2 + far / 2
        if abs(far - near) > _FINE * length and min(near, far) < middle < max(near, far):
            waiting += [(middle, far), (near, middle)]
            continue
        kind = _kind(node, name, others, (near, far), way)
        if kind is not None:
            # A pole at 0 is at 0, not at 1e-13.
            digits = 11 - math.floor(math.log10(length or 1.0))
            yield round(near, digits) + 0.0, kind
            return


def _kind(node: Expression, name: str, others: Mapping[str, float], place: Range, way: Range) -> Kind | None:
    """What is the matter with the operator at a place so short that two values tell; None where nothing is."""
    line = np.concatenate([place, np.linspace(*way, 33)])
    columns = {name: line, **{other: np.full(len(line), value) for other, value in others.items()}}
    values = evaluate(node, columns)
    arguments = np.array([evaluate(argument, columns)[:2] for argument in node.args if argument.variables])
    here = values[:2]
    if not np.isfinite(arguments).all():
        return None
    exponent = node.args[1] if node.op.name == "pow" else None
    divides = node.op.name == "div" or (exponent is not None and exponent.kind == "constant" and exponent.value < 0)
    if np.isinf(here).any() and not divides:
        return "overflow"
    usual = np.abs(values[2:][np.isfinite(values[2:])])
    if np.isnan(here).any():
        return "pole" if divides else "undefined"
    huge = len(usual) > 0 and np.abs(here).max() > _HUGE * float(np.median(usual))
    return "pole" if huge else None
