"""Which attributes of a profile tell who somebody is.

The others belong to the installation: what may be sent, whose account it is, who is never written to, where
quiet hours are counted. A persona that spoke of them, or a ranking by them, would tell of the installation.

Enters: the name of an attribute, the policy. Leaves: yes or no. Forbidden here: values, customers.
"""

from __future__ import annotations

from models.policy import Policy

CONSENT = "consent."


def is_demographic(attribute: str, policy: Policy) -> bool:
    """Whether an attribute tells who somebody is.

    Args:
        attribute: of the profile, as `age_band` is.
        policy: names the attributes that the installation works with.
    """
    alerts = policy.alerts
    at_work = {policy.profiles.account, alerts.suppression, alerts.timezone_attribute}
    return attribute not in at_work and not attribute.startswith(CONSENT)
