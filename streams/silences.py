"""Silences, looked at every midnight: how risk grew in each, and what came of it.

    every state, at each midnight ──► Watch.look ──► Watch.paths ──► models/alert_tuning.py

The risk of everybody a rule is about is noted, as of that day, so an alert of any level could have been
raised then. Only days on which risk reaches a further percent are kept: no other can be the first one
at a level.

Left out are silences that were not looked at from their first day on, because nobody could tell a risk
yet or because a purchase came to light late: nobody knows which alerts they would have raised before.

Enters: states and populations. Leaves: `Observed`. Forbidden here: I/O, choosing a level.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from models.alert_record import CERTAIN_PPM
from models.alert_signs import horizon_days, is_about, is_worth_it
from models.alert_tuning import PERCENTS_PPM, Path, Sighting
from models.alerts import Prospects
from models.churn import risk_within
from models.churn_features import features
from models.codec import decode_held
from models.customer import Alias, CustomerState
from models.outlook import customer_of
from models.policy import Policy
from models.policy_alerts import AlertRule
from models.population import Population, prior_gap_days
from models.sample import SampledCustomer
from models.value import usual_year_minor

PERCENT_PPM = PERCENTS_PPM[0]


class Observed(NamedTuple):
    """Silences, and when they were looked at.

    Attributes:
        paths: each one silence.
        first_day: the first on which an alert could have been raised, customer-day, ordinal.
        last_day: the last one.
    """

    paths: list[Path]
    first_day: int
    last_day: int

    @property
    def days(self) -> int:
        """Customer-days in which alerts could have been raised."""
        return self.last_day - self.first_day + 1


class _Known(NamedTuple):
    """A customer, as last read; None: nobody of whom a risk could be told."""

    packed: bytes
    state: CustomerState | None
    customer: SampledCustomer | None


class _Silence:
    """One silence as it grows: day, probability and horizon of each further percent.

    Args:
        since_day: of the purchase that it began with, ordinal.
        whole: whether it was looked at from its first day on.
    """

    def __init__(self, since_day: int, *, whole: bool) -> None:
        self.since_day, self.whole = since_day, whole
        self._percent = 0
        self._seen: list[tuple[int, int, int]] = []

    def see(self, day: int, probability_ppm: int, horizon: int) -> None:
        """What is to be said of it on a day."""
        percent = probability_ppm // PERCENT_PPM
        if percent > self._percent:
            self._percent = percent
            self._seen.append((day, probability_ppm, horizon))

    def path(self, next_day: int | None, end_day: int) -> Path:
        """All of it.

        Args:
            next_day: of the purchase that ended it; None: none has.
            end_day: the first customer-day of which not everything is known.
        """
        return [
            Sighting(
                day,
                ppm,
                day - self.since_day,
                None if day + horizon > end_day else next_day is None or next_day >= day + horizon,
            )
            for day, ppm, horizon in self._seen
            if next_day is None or day <= next_day
        ]


class Watch:
    """Notes the risk of everybody that a rule of risk is about, midnight by midnight.

    Args:
        rule: whom it is about, and its horizon; its level plays no part.
        policy: in force.
    """

    def __init__(self, rule: AlertRule, policy: Policy) -> None:
        self._rule, self._policy, self._own = rule, policy, rule.horizon == "own"
        self._known: dict[str, _Known] = {}
        self._open: dict[str, _Silence] = {}
        self._ended: list[tuple[_Silence, int]] = []
        self.first_day: int | None = None

    def look(self, day: int, states: Mapping[str, bytes], population: Population | None) -> None:
        """Look at everybody at the beginning of a customer-day, ordinal; call it for each one."""
        if population is not None and self._can_tell(population):
            self.first_day = self.first_day or day
        for gone in [each for each in self._open if each not in states]:
            del self._open[gone]
        for customer_id, packed in states.items():
            known = self._known.get(customer_id)
            if known is None or known.packed != packed:
                known = self._known[customer_id] = self._read(packed)
            if known.customer is None:
                self._open.pop(customer_id, None)
            elif known.customer.last_day < day:
                self._follow(customer_id, known, day, population)

    def paths(self, end_day: int) -> list[Path]:
        """Every silence that was looked at from its beginning; see `_Silence.path`."""
        all_of_them = [*self._ended, *((each, None) for each in self._open.values())]
        return [each.path(next_day, end_day) for each, next_day in all_of_them if each.whole]

    def _can_tell(self, population: Population) -> bool:
        speaks = population.risk.model(own=self._own)
        return speaks is not None or population.value.purchases is not None

    def _read(self, packed: bytes) -> _Known:
        state = decode_held(packed)
        if isinstance(state, Alias):
            return _Known(packed, None, None)
        return _Known(packed, state, customer_of(state.current, self._policy))

    def _follow(
        self, customer_id: str, known: _Known, day: int, population: Population | None
    ) -> None:
        assert known.customer is not None
        assert known.state is not None
        silence, last_day = self._open.get(customer_id), known.customer.last_day
        if silence is None or silence.since_day != last_day:
            if silence is not None and last_day > silence.since_day:
                bought = (d for d in known.customer.recent_days if d > silence.since_day)
                self._ended.append((silence, next(bought)))
            whole = self.first_day is not None and day == last_day + 1
            silence = self._open[customer_id] = _Silence(last_day, whole=whole)
        if not silence.whole or population is None:
            return
        if is_about(self._rule, known.state):
            self._see(silence, known.customer, day, population)

    def _see(
        self, silence: _Silence, customer: SampledCustomer, day: int, population: Population
    ) -> None:
        model, horizon = population.risk.model(own=self._own), self._horizon(customer)
        prior_days = prior_gap_days(self._policy.lifecycle, population)
        seen = features(customer, day, prior_days) if model else ()
        risk = risk_within(customer, day, horizon, model, population.value.purchases, seen)
        if risk is None:
            return
        if is_worth_it(self._rule, self._stake(customer, risk, population), self._policy):
            silence.see(day, int(CERTAIN_PPM * risk), horizon)

    def _horizon(self, customer: SampledCustomer) -> int:
        return horizon_days(self._rule, customer, self._policy)

    def _stake(
        self, customer: SampledCustomer, risk: float, population: Population
    ) -> Prospects | None:
        """As much of the prospects as a rule asks for."""
        if not self._rule.min_at_stake:
            return None
        usual_year = usual_year_minor(customer, population.value)
        return Prospects(risk, "model", None, usual_year, customer.last_day, ())
