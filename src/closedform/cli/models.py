"""Model files of any kind, read without the machinery that fitted them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from closedform.json_fields import parsed, read_file

if TYPE_CHECKING:
    from closedform.additive.fitted import FittedNetwork
    from closedform.formulas import FormulaModel

# As in `closedform.network_file`, which is loaded only where it is needed.
_NETWORK_FORMAT = "closedform-network"
_LARGEST_FILE = 256 * 2**20


def load_any(path: str) -> FormulaModel | FittedNetwork:
    """Read the model that 'fit --out' has written.

    Raises
    ------
    ModelFileError
        If the file is missing, damaged, not a model, or of a newer version.
    """
    return read_file(path, _loads, _LARGEST_FILE)


def _loads(content: str) -> FormulaModel | FittedNetwork:
    data = parsed(content)
    if isinstance(data, dict) and data.get("format") == _NETWORK_FORMAT:
        from closedform import network_file

        return network_file.from_plain(data)
    from closedform import model_file

    return model_file.from_plain(data)
