"""Model files of either kind, formulas or networks, read without the machinery that fitted them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from closedform.json_fields import LARGEST_NETWORK, NETWORK_FORMAT, OUTPUTS_FORMAT, parsed, read_file

if TYPE_CHECKING:
    from closedform.additive.fitted import FittedNetwork
    from closedform.formulas import FormulaModel
    from closedform.outputs import FormulaModels


def load_any(path: str | Path) -> FormulaModel | FormulaModels | FittedNetwork:
    """Read the model that `save`, or 'closedform fit --out', has written.

    Raises
    ------
    ModelFileError
        If the file is missing, damaged, not a model, or of a newer version.
    """
    return read_file(path, _loads, LARGEST_NETWORK)


def _loads(content: str) -> FormulaModel | FormulaModels | FittedNetwork:
    data: Any = parsed(content)
    # Each kind is loaded only where it is needed.
    if isinstance(data, dict) and data.get("format") == NETWORK_FORMAT:
        from closedform import network_file

        return network_file.from_plain(data)
    if isinstance(data, dict) and data.get("format") == OUTPUTS_FORMAT:
        from closedform import outputs

        return outputs.from_plain(data)
    from closedform import model_file

    return model_file.from_plain(data)
