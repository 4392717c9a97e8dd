"""Controllers: they follow what is reported to them and answer with a factor on the learning rate.

A controller never writes a rate. The optimizer multiplies what its schedule says by the `scale` of
each of its controllers at each update, so controllers and schedules work together in any order.
"""

from __future__ import annotations

from typing import Final

from ..checks.catalogues import named
from .controller import Controller as Controller
from .controller import binding as binding
from .plateau import ReduceOnPlateau as ReduceOnPlateau
from .step_sizes import BarzilaiBorwein as BarzilaiBorwein
from .step_sizes import DoG as DoG
from .step_sizes import Hypergradient as Hypergradient
from .step_sizes import Polyak as Polyak
from .stopping import EarlyStopping as EarlyStopping

CONTROLLERS: Final[dict[str, type[Controller]]] = named(
    BarzilaiBorwein, DoG, EarlyStopping, Hypergradient, Polyak, ReduceOnPlateau
)
