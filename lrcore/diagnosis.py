"""What is told to users under this address: `lrcore.diagnosis.judge` explains each number."""

from .finding.diagnosis import judge as judge
from .finding.verdicts import LABELS as LABELS
