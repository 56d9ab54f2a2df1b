"""Starts microburst as it is; only the leash is ours."""

import leash  # noqa: F401
from microburst.cli import main

main()
