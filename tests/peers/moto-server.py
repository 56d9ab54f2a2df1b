"""Starts moto as it is; only the leash is ours."""

import leash  # noqa: F401
from moto.server import main

main()
