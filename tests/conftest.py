"""No example of a property test has a deadline: speed is measured in benchmarks/."""

from hypothesis import settings

settings.register_profile("lrcore", deadline=None)
settings.load_profile("lrcore")
