"""Optimizer state from torch and back."""

from .states import export_state as export_state
from .states import import_state as import_state
