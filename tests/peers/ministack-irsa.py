"""Starts ministack with one defect mended.

An API server issues service account tokens whose `aud` is a list. Ministack compares that list as
text, so that `StringEquals …:aud` in a trust policy never matches it. A list of one is its element.
"""

import leash  # noqa: F401
import ministack.services.sts as sts
from ministack.app import main

_web_identity_principal = sts._web_identity_principal


def _with_single_values(token, provider_id, role_arn):
    principal, keys = _web_identity_principal(token, provider_id, role_arn)
    flat = {
        name: value[0] if isinstance(value, list) and len(value) == 1 else value
        for name, value in keys.items()
    }
    return principal, flat


sts._web_identity_principal = _with_single_values
main()
