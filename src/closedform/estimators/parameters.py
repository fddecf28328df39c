"""Settings of the estimators: checked in one sentence each, and written to plain values for model files."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Mapping
from numbers import Integral, Real
from typing import Any

import numpy as np

from closedform.constraints.base import Constraint
from closedform.constraints.text import from_record, is_plain, parse_constraint, to_record
from closedform.engines.base import DEFAULT_OPERATORS, Engine
from closedform.exceptions import InputError, did_you_mean
from closedform.losses import LOSSES, Loss, SquaredLoss, get_loss
from closedform.own_loss import OwnLoss
from closedform.parallel import usable_processors
from closedform.preprocessing import TrainingData
from closedform.symbolic.expression import Expression
from closedform.symbolic.operators import OPERATORS
from closedform.symbolic.own_operators import OwnOperator
from closedform.symbolic.pareto import Rule

# What stands for the default operators in a list, in code and in files.
_REST = "..."
_RULES = ("mdl", "best", "accuracy")
_LARGEST_SEED = 2**31 - 1


def check_number(name: str, value: Any, low: float, high: float = math.inf, *, whole: bool = False) -> Any:
    """Return a number between two bounds, or raise InputError with what is allowed and what came.

    Parameters
    ----------
    name : str
        The parameter.
    value : object
        What was given.
    low, high : float
        The bounds; both are allowed, except a `high` of infinity.
    whole : bool, default=False
        Whether it has to be a whole number.
    """
    wanted = Integral if whole else Real
    number = float(value) if isinstance(value, wanted) and not isinstance(value, bool | np.bool_) else math.nan
    if not (math.isfinite(number) and low <= number <= high):
        kind = "a whole number" if whole else "a number"
        limits = f"of at least {low:g}" if high == math.inf else f"from {low:g} to {high:g}"
        raise InputError(f"{name} must be {kind} {limits}, got {value!r}.")
    return int(value) if whole else number


def check_max_time(value: Any) -> float:
    """Return seconds above 0."""
    seconds: float = check_number("max_time", value, 0.0)
    if seconds == 0.0:
        raise InputError("max_time must be a number of seconds above 0, got 0.")
    return seconds


def check_holdout(value: Any) -> float:
    """Return a share of the rows, at least 0 and below 0.9."""
    share: float = check_number("holdout", value, 0.0, 0.9)
    return share


def check_n_jobs(value: Any) -> int | None:
    """Return a number of processors, at least 1; None for None.

    Negative numbers count from the number of processors that this process may use: -1 is all of them, -2 all but one.
    """
    if value is None:
        return None
    number = 0 if isinstance(value, bool | np.bool_) or not isinstance(value, Integral) else int(value)
    if number == 0:
        raise InputError(f"n_jobs must be None, a whole number of at least 1, or -1 for all processors, got {value!r}.")
    if number > 0:
        return number
    return max(1, usable_processors() + 1 + number)


def check_flag(name: str, value: Any) -> bool:
    """Return a truth value; a text such as "no" is none."""
    if not isinstance(value, bool | np.bool_):
        raise InputError(f"{name} must be True or False, got {value!r}.")
    return bool(value)


def check_choice(name: str, value: Any, choices: tuple[str | None, ...]) -> str | None:
    """Return one of several words."""
    if not (value is None or isinstance(value, str)) or value not in choices:
        hint = did_you_mean(value, filter(None, choices)) if isinstance(value, str) else ""
        raise InputError(f"{name} must be one of {', '.join(map(repr, choices))}, got {value!r}{hint}.")
    return value


def check_operators(operators: Any) -> frozenset[str]:
    """Return the names of operators; all of the default set for None."""
    if operators is None:
        return DEFAULT_OPERATORS
    if isinstance(operators, str) or not isinstance(operators, Iterable):
        raise InputError(f'operators must be a list of names such as ["mul", "exp"], got {operators!r}.')
    names: set[str] = set()
    for one in operators:
        if one is ... or one == _REST:
            names |= DEFAULT_OPERATORS
        elif isinstance(one, OwnOperator):
            names.add(one.name)
        elif isinstance(one, str) and one in OPERATORS:
            names.add(one)
        else:
            known = ", ".join(OPERATORS)
            raise InputError(
                f"There is no operator {one!r}{did_you_mean(str(one), OPERATORS)}. Known: {known}; "
                "closedform.operators.own_operator makes others."
            )
    return frozenset(names)


def own_operators(operators: Any) -> tuple[OwnOperator, ...]:
    """Return those of a checked list of operators that the user has made; raises InputError for two of one name."""
    own = [one for one in operators or () if isinstance(one, OwnOperator)]
    names = [one.name for one in own]
    for name in names:
        if names.count(name) > 1:
            raise InputError(f"operators has two operators called {name!r}; leave one out or rename it.")
    return tuple(own)


def check_device(value: Any) -> str:
    """Return "cpu" or "cuda": where networks are trained.

    ``"auto"`` is the CPU: the networks of a search are small, and most of a step is overhead.
    """
    device = check_choice("device", value, ("auto", "cpu", "cuda"))
    if device == "cuda":
        import torch

        if not torch.cuda.is_available():
            raise InputError('device="cuda" needs a GPU that torch can use, and it finds none. Use device="cpu".')
    return "cuda" if device == "cuda" else "cpu"


def check_constraints(constraints: Any) -> tuple[Constraint, ...]:
    """Return constraints as records; texts are read, see :func:`closedform.constraints.parse_constraint`."""
    if constraints is None:
        return ()
    if isinstance(constraints, str | Constraint | Mapping) or not isinstance(constraints, Iterable):
        raise InputError(f'constraints must be a list such as [Monotone("x"), Bounds(low=0)], got {constraints!r}.')
    read = tuple(parse_constraint(one) if isinstance(one, str) else one for one in constraints)
    for one in read:
        if not isinstance(one, Constraint):
            raise InputError(
                "constraints must hold objects from closedform.constraints, or texts such as 'monotone:x:up', "
                f"got {one!r}."
            )
    return read


def check_loss(loss: Any) -> Loss:
    """Return a loss: by name, an object of ``closedform.losses``, or made of a function of target and prediction."""
    if callable(loss) and not isinstance(loss, Loss | type):
        return OwnLoss(loss)
    return get_loss(loss)


def try_loss(loss: Loss, outputs: Iterable[TrainingData]) -> None:
    """Try a loss of the user's own on the targets; raises InputError where it cannot be used."""
    if isinstance(loss, OwnLoss):
        for data in outputs:
            loss.check(data.y)


def check_form(form: Any) -> str | None:
    """Return the text of a form, None for none; the columns that it speaks of are checked when they are known."""
    if form is None or isinstance(form, str):
        return form
    raise InputError(f'form must be a text such as "A*exp(-k*t) + c" or "a*f(x) + b*z", got {form!r}.')


def check_guesses(guesses: Any) -> tuple[str | Expression, ...]:
    """Return formulas to start from, as they were given; the columns are checked when they are known."""
    if guesses is None:
        return ()
    if isinstance(guesses, str | Expression) or not isinstance(guesses, Iterable):
        raise InputError(f'guesses must be a list of formulas such as ["2.0*x + 1.0"], got {guesses!r}.')
    return tuple(guesses)


def check_guided(form: str | None, guesses: tuple[str | Expression, ...]) -> None:
    """Refuse a form together with guesses."""
    if form is not None and guesses:
        raise InputError("form and guesses exclude each other: guesses need not have the form. Leave out one of them.")


def check_rule(rule: Any) -> Rule:
    """Return a rule that chooses a formula of the front: a name or a callable."""
    if callable(rule) or (isinstance(rule, str) and rule in _RULES):
        return rule
    hint = did_you_mean(rule, _RULES) if isinstance(rule, str) else ""
    raise InputError(f'model_selection must be "mdl", "best", "accuracy" or a callable, got {rule!r}{hint}.')


def check_progress(progress: Any) -> Any:
    """Return None (for None and False), True, or a callable."""
    if progress is None or progress is False:
        return None
    if progress is True or callable(progress):
        return progress
    raise InputError(f"progress must be None, True or a function of one argument, got {progress!r}.")


def check_squared(parameter: str, loss: Loss) -> None:
    """Refuse measurement errors beside a loss that knows no variance.

    Parameters
    ----------
    parameter : str
        What goes with the squared loss alone.
    loss : Loss
    """
    if not isinstance(loss, SquaredLoss):
        raise InputError(f'{parameter} goes with loss="squared", got {loss.name!r}: other losses have no such errors.')


def draw_seed(random_state: Any) -> int:
    """Return the number from which all random numbers of a fit are drawn.

    Parameters
    ----------
    random_state : int, numpy.random.RandomState, numpy.random.Generator or None
        None takes fresh entropy from the system, not from NumPy's global state.
    """
    if random_state is None:
        return int(np.random.default_rng().integers(_LARGEST_SEED))
    if isinstance(random_state, np.random.RandomState):
        return int(random_state.randint(_LARGEST_SEED))
    if isinstance(random_state, np.random.Generator):
        return int(random_state.integers(_LARGEST_SEED))
    if isinstance(random_state, Integral) and not isinstance(random_state, bool) and int(random_state) >= 0:
        return int(random_state)
    raise InputError(f"random_state must be None, a whole number of at least 0 or a generator, got {random_state!r}.")


# --- plain values for model files -------------------------------------------------------------------------------------


def to_plain(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings that plain values can express; callbacks, generators and foreign engines are left out."""
    plain = {name: _plain(value) for name, value in settings.items()}
    return {name: value for name, value in plain.items() if value is not _NOT_PLAIN}


_NOT_PLAIN = object()


def _plain(value: Any) -> Any:
    if value is None or isinstance(value, bool | str):
        return value
    if isinstance(value, Integral):
        return int(value)
    if isinstance(value, Real):
        return float(value) if math.isfinite(value) else _NOT_PLAIN
    if value is ... or isinstance(value, OwnOperator):
        # A file cannot hold a function, but it can say which one was there.
        return _REST if value is ... else value.name
    if isinstance(value, Expression):
        return str(value)
    if isinstance(value, Loss):
        return {"loss": value.name, **dataclasses.asdict(value)} if value.name in LOSSES else _NOT_PLAIN
    if isinstance(value, Mapping) and all(isinstance(part, str) for pair in value.items() for part in pair):
        return {"units": dict(value)}
    if is_plain(value):
        return to_record(value)
    if isinstance(value, list | tuple | set | frozenset):
        items = [_plain(item) for item in (sorted(value, key=str) if isinstance(value, set | frozenset) else value)]
        return _NOT_PLAIN if any(item is _NOT_PLAIN for item in items) else items
    if dataclasses.is_dataclass(value) and not isinstance(value, type) and _is_ours(value):
        return {"engine": str(getattr(value, "name", "")), **to_plain(dataclasses.asdict(value))}
    return _NOT_PLAIN


def _is_ours(value: Any) -> bool:
    """Whether this is an engine that a file can name; a guest's engine is not there when the file is read."""
    from closedform.engines import ENGINES, get_engine

    return isinstance(value, Engine) and value.name in ENGINES and type(value) is type(get_engine(value.name))


def from_plain(value: Any) -> Any:
    """Return the setting that `to_plain` has written; raises InputError for what it never writes."""
    if isinstance(value, list):
        return tuple(from_plain(item) for item in value)
    if not isinstance(value, dict):
        return value
    if isinstance(value.get("units"), dict):
        return dict(value["units"])
    if "constraint" in value:
        return from_record(value)
    rest = {name: from_plain(item) for name, item in value.items() if name not in ("loss", "engine")}
    try:
        if "engine" in value:
            from closedform.engines import get_engine

            loss = {"loss": value["loss"]} if "loss" in value else {}
            return get_engine(value["engine"], **rest, **loss)
        if value.get("loss") in LOSSES:
            return LOSSES[value["loss"]](**rest)
    except TypeError as problem:
        raise InputError(f"the settings {value!r} do not fit: {problem}") from None
    raise InputError(f"the settings {value!r} are neither an engine nor a loss")
