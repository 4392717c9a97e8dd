"""Property tests: without deadline, for speed is measured in benchmarks/, and as many as wanted.

LRCORE_EXAMPLES=100000 tries as many examples of each, in place of a hundred.
"""

import os

from hypothesis import settings

settings.register_profile(
    "lrcore", deadline=None, max_examples=int(os.environ.get("LRCORE_EXAMPLES", "100"))
)
settings.load_profile("lrcore")
