"""To and from neighbours: one room for each, which imports its neighbour where it is used."""

from . import torch as torch
