"""What holds for all tests."""

from hypothesis import settings

# A busy machine takes as long as it takes: no test fails on a time (Hypothesis would after 200 ms for one example).
settings.register_profile("without a deadline", deadline=None)
settings.load_profile("without a deadline")
