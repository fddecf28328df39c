"""Networks for people who write torch: they know nothing of engines or estimators."""

from closedform.networks import activations as activations
from closedform.networks.lies import LIESNetwork as LIESNetwork
from closedform.networks.lies_batched import BatchedLIES as BatchedLIES
from closedform.networks.lies_init import initial_weights as initial_weights
from closedform.networks.lies_layout import LIESLayout as LIESLayout
from closedform.networks.lies_readout import read_out as read_out
from closedform.networks.lies_units import UNITS as UNITS
from closedform.networks.pade import PairRationalUnit as PairRationalUnit
from closedform.networks.pade import RationalUnit as RationalUnit
from closedform.networks.pade_bounds import depth_bound as depth_bound
from closedform.networks.pade_bounds import jacobian_norm as jacobian_norm
from closedform.networks.pade_unit import UnitCoefficients as UnitCoefficients
from closedform.networks.ran import DeepRationalANOVA as DeepRationalANOVA
from closedform.networks.ran import RationalANOVA as RationalANOVA
from closedform.networks.ran_pairs import count_parameters as count_parameters
from closedform.networks.ran_pairs import pairs_for_budget as pairs_for_budget
from closedform.networks.ran_pairs import random_pairs as random_pairs
