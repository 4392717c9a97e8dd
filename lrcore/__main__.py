"""`python -m lrcore` is the command `lrcore`."""

import sys

from .cli import main

sys.exit(main())
