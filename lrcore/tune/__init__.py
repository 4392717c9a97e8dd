"""Searching for a rate: sweeps, successive halving, Hyperband, and Optuna's samplers."""

from .attempts import TrialError as TrialError
from .halving import hyperband as hyperband
from .halving import successive_halving as successive_halving
from .objectives import objective as objective
from .objectives import resumable as resumable
from .results import Result as Result
from .results import Trial as Trial
from .sweeps import DEFAULT_LRS as DEFAULT_LRS
from .sweeps import grid as grid
from .sweeps import log_sweep as log_sweep
from .with_optuna import JOURNALS as JOURNALS
from .with_optuna import optuna as optuna
