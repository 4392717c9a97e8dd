"""Every rule in a few lines of plain NumPy, which is the specification of the core, bit for bit.

The files of the families have the formulas, `rounding` and `norm` what they share.
"""

from .catalogue import RULES as RULES
from .twin import Reference as Reference
