"""A perceptron in plain NumPy on handwritten digits: `lrcore.demo:digits` is a setup to try."""

from .setups import digits as digits
from .training import History as History
from .training import train as train
