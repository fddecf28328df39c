"""Formulas of the RAN estimators."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from closedform.additive.equations import SHORT_TOLERANCE, EffectFormulas
from closedform.additive.fitted import FittedNetwork
from closedform.additive.formula import formula_columns
from closedform.symbolic.expression import Expression

if TYPE_CHECKING:
    import pandas as pd


class FormulaMixin:
    """Formulas of a fitted RAN estimator."""

    network_: FittedNetwork

    def _network(self) -> FittedNetwork:
        raise NotImplementedError

    @property
    def _formulas(self) -> EffectFormulas:
        network = self._network()
        kept: EffectFormulas | None = self.__dict__.get("_kept_formulas")
        if kept is None or kept.network is not network:
            kept = EffectFormulas(network)
            self.__dict__["_kept_formulas"] = kept
        return kept

    def expression(self, term: str | None = None, output: int = 0, *, beyond: bool = True) -> Expression:
        """Return the model, or one effect, as a formula.

        The variables are the numeric columns and, for labels and missing cells, 0/1 variables such as ``sex=male`` and
        ``age=missing``; `formula_columns` makes all of them from a table. ``model.expression().code("c")`` and the like
        write the formula in other languages.

        Parameters
        ----------
        term : str, optional
            As in `terms_`, or ``"(second block)"``; the whole prediction if None: the predicted value, the probability
            of the second of two classes, or that of class number `output`. An effect is in units of the raw score.
        output : int, default=0
            Which class, where there are more than two.
        beyond : bool, default=True
            Whether the formula agrees with `predict` also beyond the range of the training rows, where effects go on
            as lines or stay constant; that takes ``min`` and ``max``. Without, it is a ratio of polynomials.

        Raises
        ------
        InputError
            If there is no such term or output.
        """
        return self._formulas.expression(term, output, beyond=beyond)

    def formula_columns(self, X: Any) -> pd.DataFrame:
        """Return the variables of `expression` for the rows of a table.

        Parameters
        ----------
        X : table of shape (n_samples, n_features)
            The columns of fit time.

        Returns
        -------
        DataFrame
            Numbers only: numeric columns, dates as days since 1970-01-01, missing cells filled, and one 0/1 column for
            each label and for the missing cells of each column that had some at fit time.
        """
        import pandas as pd

        return pd.DataFrame(formula_columns(self._network(), X))

    def short_expression(self, term: str, tolerance: float = SHORT_TOLERANCE, output: int = 0) -> Expression | None:
        """Return a short formula that follows an effect within the training range.

        Parameters
        ----------
        term : str
            As in `terms_`.
        tolerance : float, default=0.01
            Root mean square distance to aim at, as a share of the size of the raw score. Where no short formula is
            that near, about the nearest is returned; `equations_` has the distance.
        output : int, default=0
            Which class, where there are more than two.

        Returns
        -------
        Expression or None
            None where there is none: for the second block, and for pairs of columns with missing cells.
        """
        short = self._formulas.short(term, output, tolerance)
        return None if short is None else short.expression

    @property
    def equations_(self) -> pd.DataFrame:
        """One row per effect, by falling importance.

        Columns: term, output (the class, where there are more than two), importance and share (see
        `term_importances`), short_equation and short_error (a formula to read, and its root mean square distance from
        the effect as a share of the size of the raw score), complexity (nodes of `equation`), equation and latex (the
        effect itself, within the range of the training rows).
        """
        import pandas as pd

        return pd.DataFrame(self._formulas.rows)

    def sympy(self, term: str | None = None, output: int = 0, *, beyond: bool = True) -> Any:
        """Return the model, or one effect, as a SymPy expression; see `expression`.

        SymPy is slow with ``min`` and ``max``: ``beyond=False`` is several times faster for large models.
        """
        return self.expression(term, output, beyond=beyond).sympy()

    def latex(self, term: str | None = None, output: int = 0, *, precision: int | None = 6, beyond: bool = True) -> str:
        """Return the model, or one effect, in LaTeX; see `expression`."""
        return self.expression(term, output, beyond=beyond).latex(precision)
