"""The LIES engine as an estimator of its own."""

from __future__ import annotations

from typing import Any

from closedform.engines import get_engine
from closedform.engines.base import Engine
from closedform.estimators.base import AbstractFormulaRegressor
from closedform.estimators.parameters import check_choice, check_device, check_flag, check_number


class LIESRegressor(AbstractFormulaRegressor):
    """Regression by LIES networks: sparse networks of logarithms, identities, exponentials and sines, read as formulas.

    Parameters
    ----------
    init : {"screened", "random", "both"}, default="both"
        Where networks start: inner units from a library with the outer layers solved in closed form, or random weights
        as in the paper.
    depth : int, default=2
        Hidden layers of networks with random start (the paper: number of columns plus 1); at least 1.
    width : int, default=2
        Units of each kind per layer (the paper: 1); at least 1.
    restarts : int, default=16
        Networks with random start that are trained at once; at least 1.
    training_loss : {"exp", "mse", "huber", "mae"}, default="mse"
        What training of networks with random start minimises; the paper uses ``"exp"``. Candidates are then fitted and
        judged by `loss`.
    sparsity : {"admm", "logsum", "l1", None}, default="logsum"
        How weights are driven to zero.
    oversample : bool, default=True
        Whether part of the rows is drawn from the cell of the table where the fit is worst.
    prune : bool, default=True
        Whether weights that matter least are removed, with a refit after every cut.
    log_space : bool, default=True
        Whether logarithms of the columns are inputs too, and the logarithm of the target is fitted as well, where they
        have one sign.
    second_order : bool, default=True
        Levenberg-Marquardt over all restarts at once; otherwise minibatch RMSprop, as in the paper.
    max_terms : int, default=4
        Terms or factors that are combined in closed form; at least 1.
    library_size : int, default=5000
        Columns of the largest library; at least 1.
    max_time : float, default=60.0
        Seconds for the whole fit, above 0; kept within 10 % plus one second. The search may end earlier.
    max_complexity : int, default=60
        Largest formula, in nodes; at least 1.
    operators : sequence of str, default=None
        What a formula may contain besides sums, products and whole powers, see
        :data:`closedform.symbolic.OPERATORS`; None allows all but ``sign``, ``min`` and ``max``.
    units : mapping of str to str, default=None
        Units of columns and target, such as ``{"m": "kg", "v": "m/s", "energy": "J"}``, read by pint (the extra
        ``units``); columns without one are pure numbers. Formulas that add up different quantities are no candidates.
        Fitted constants are pure numbers, unless the data show that the columns alone cannot make up the law; then
        constants may carry units, see `insights_`. None checks nothing.
    constraints : sequence of Constraint or str, default=None
        What every formula has to keep to, such as ``[Monotone("dose"), Bounds(low=0), Forbidden("sin")]``; see
        :mod:`closedform.constraints`, also for what is proven and what is checked.
    form : str, default=None
        The form of the law as far as it is known, such as ``"A*exp(-k*t) + c"`` or ``"a*f(x) + b*z"``. Names that are
        not columns are free constants; with parentheses, they are unknown functions of columns, or of formulas of
        columns, that are searched for one by one. Without unknown functions the constants are fitted and nothing is
        searched. All formulas but the constant have this form.
    guesses : sequence of str or Expression, default=None
        Formulas to start from, such as ``["2.0*x*exp(-0.5*t)"]``. Numbers with a point are fitted, whole numbers and
        fractions stay; then terms, factors and combinations of their parts are sought that improve them.
    loss : str or Loss, default="squared"
        What candidates are fitted and judged by: ``"squared"``, ``"absolute"``, ``"huber"``, ``"exp"``, or an object
        from :mod:`closedform.losses`.
    model_selection : {"mdl", "best", "accuracy"} or callable, default="mdl"
        How the formula for `predict` is chosen from the front, see :class:`SymbolicRegressor`.
    holdout : float, default=0.2
        Share of the rows, from 0 to 0.9, that is used neither to find nor to choose formulas but to measure
        ``holdout_loss``. None of fewer than 12 rows are held out.
    n_jobs : int or None, default=None
        Threads that the numerical libraries (BLAS, OpenMP, torch) may use during the fit; -1 for all processors, None
        to leave them as they are. The engine itself goes one step after the other. The limit holds for the process
        while the fit runs, and what was set before comes back.
    device : {"auto", "cpu", "cuda"}, default="auto"
        Where networks with random start are trained; ``"auto"`` is the CPU, which such small networks like best.
    random_state : int, RandomState, Generator or None, default=None
        Makes fits repeatable as long as they do not run into `max_time`. NumPy's global state is not touched.
    progress : None, True or callable, default=None
        True shows the front as it grows, on standard error. A callable gets a :class:`closedform.search.Progress`
        whenever the front changes; an exception that it raises ends the fit.
    warm_start : bool, default=False
        Whether `fit` goes on from the formulas of the last fit. The same rows stay held out.
    checkpoint : str, Path or None, default=None
        File that is kept up to date with the front of the search, every two seconds.
    resume : bool, default=False
        Whether `fit` goes on from `checkpoint`, which must belong to the same data and settings; where there is no such
        file it starts anew. Without it, the checkpoint of a fit that did not come to its end is not overwritten.

    Attributes
    ----------
    equations_ : DataFrame
        One row per formula of the front, see :class:`SymbolicRegressor`.
    expression_ : Expression
        The chosen formula.
    formulas_ : tuple of Formula
        The rows of `equations_` as records, with the standard errors of their constants.
    status_ : Status
        How the search ended.
    formula_model_ : FormulaModel
        All of this without scikit-learn and pandas: what a model file holds.
    insights_ : tuple of Insight
        What was found out about the structure of the law, with the evidence: columns that do not matter, that matter
        only together, that can be separated; see :class:`closedform.insights.Insight`.
    n_features_in_ : int
        Number of columns.
    feature_names_in_ : ndarray of str
        Their names; only if they have any.

    References
    ----------
    "Sparse Interpretable Deep Learning with LIES Networks for Symbolic Regression", arXiv:2506.08267.
    """

    def __init__(
        self,
        init: str = "both",
        *,
        depth: int = 2,
        width: int = 2,
        restarts: int = 16,
        training_loss: str = "mse",
        sparsity: str | None = "logsum",
        oversample: bool = True,
        prune: bool = True,
        log_space: bool = True,
        second_order: bool = True,
        max_terms: int = 4,
        library_size: int = 5000,
        max_time: float = 60.0,
        max_complexity: int = 60,
        operators: Any = None,
        units: Any = None,
        constraints: Any = None,
        form: str | None = None,
        guesses: Any = None,
        loss: Any = "squared",
        model_selection: Any = "mdl",
        holdout: float = 0.2,
        n_jobs: int | None = None,
        device: str = "auto",
        random_state: Any = None,
        progress: Any = None,
        warm_start: bool = False,
        checkpoint: Any = None,
        resume: bool = False,
    ) -> None:
        self.init = init
        self.depth = depth
        self.width = width
        self.restarts = restarts
        self.training_loss = training_loss
        self.sparsity = sparsity
        self.oversample = oversample
        self.prune = prune
        self.log_space = log_space
        self.second_order = second_order
        self.max_terms = max_terms
        self.library_size = library_size
        self.max_time = max_time
        self.max_complexity = max_complexity
        self.operators = operators
        self.units = units
        self.constraints = constraints
        self.form = form
        self.guesses = guesses
        self.loss = loss
        self.model_selection = model_selection
        self.holdout = holdout
        self.n_jobs = n_jobs
        self.device = device
        self.random_state = random_state
        self.progress = progress
        self.warm_start = warm_start
        self.checkpoint = checkpoint
        self.resume = resume

    def _make_engines(self) -> tuple[Engine, ...]:
        settings: dict[str, Any] = {
            "init": check_choice("init", self.init, ("screened", "random", "both")),
            "loss": check_choice("training_loss", self.training_loss, ("exp", "mse", "huber", "mae")),
            "device": check_device(self.device),
            "sparsity": check_choice("sparsity", self.sparsity, ("admm", "logsum", "l1", None)),
        }
        for name in ("depth", "width", "restarts", "max_terms", "library_size"):
            settings[name] = check_number(name, getattr(self, name), 1, whole=True)
        for name in ("oversample", "prune", "log_space", "second_order"):
            settings[name] = check_flag(name, getattr(self, name))
        return (get_engine("lies", **settings),)
