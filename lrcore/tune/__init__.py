"""Searching for a rate: sweeps, successive halving, Hyperband, and Optuna's samplers."""

from .attempts import TrialError as TrialError
from .halving import hyperband as hyperband
from .halving import successive_halving as successive_halving
from .objectives import objective as objective
from .objectives import resumable as resumable
from .optuna_study import JOURNALS as JOURNALS
from .optuna_study import optuna as optuna
from .results import Result as Result
from .results import Trial as Trial
from .searches import DEFAULT_LRS as DEFAULT_LRS
from .searches import grid as grid
from .searches import log_sweep as log_sweep
