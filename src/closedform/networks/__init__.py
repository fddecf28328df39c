"""Networks for people who write torch: they know nothing of engines or estimators."""

from closedform.networks.lies import LIESNetwork as LIESNetwork
from closedform.networks.lies_batched import BatchedLIES as BatchedLIES
from closedform.networks.lies_init import initial_weights as initial_weights
from closedform.networks.lies_layout import LIESLayout as LIESLayout
from closedform.networks.lies_readout import read_out as read_out
from closedform.networks.lies_units import UNITS as UNITS
