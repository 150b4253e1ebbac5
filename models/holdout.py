"""The holdout: a share of customers who are treated as all others are, but are not told of.

Whether somebody is held out follows from a keyed hash of their id and the policy's salt: the same on
every machine and in every replay, with nothing to store, and nobody without the key can tell who it
is. A new salt draws other customers.

Enters: an id. Leaves: an arm. Forbidden here: the clock, counting.
"""

from __future__ import annotations

from models.alert_record import Arm
from models.erasure import Pseudonyms
from models.policy_alerts import Alerts

_WHOLE = 2**64


def arm_of(customer_id: str, alerts: Alerts, pseudonyms: Pseudonyms) -> Arm:
    """Treated, or held out.

    Args:
        customer_id: in normal form.
        alerts: for share and salt.
        pseudonyms: with the installation's key.

    >>> from collections import Counter
    >>> arms = Counter(arm_of(str(n), Alerts(holdout=0.2), Pseudonyms(b"key")) for n in range(1000))
    >>> arms[Arm.HELD_OUT]
    192
    """
    place = pseudonyms.drawn(f"{alerts.holdout_salt}\x1f{customer_id}")
    return Arm.HELD_OUT if place < alerts.holdout * _WHOLE else Arm.TREATED
