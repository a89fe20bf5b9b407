"""How many examples a property is tried with, by the profile that ``--hypothesis-profile`` chooses."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

# No deadline, and no complaint about slow examples: both depend on how busy the machine is.
settings.register_profile("full", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("quick", settings.get_profile("full"), max_examples=10)


def examples(number: int) -> settings:
    """Return settings for so many examples, and a tenth of them in the quick profile."""
    return settings(max_examples=number * settings().max_examples // 100)
