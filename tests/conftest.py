"""What holds for every test."""

import os

from hypothesis import settings

# Machines that run tests are shared: an example that took long says nothing about the code.
settings.register_profile("troth", deadline=None, print_blob=True)
settings.load_profile("troth")

# A developer's own store is no test's store.
os.environ.pop("TROTH_URL", None)
