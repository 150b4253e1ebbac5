"""The dashboard of whoever works with the segments: what happens to customers, and who is told?"""

from tools.dashboard_parts import Dashboard, Panel, Row, age, rate

SEGMENTS = Dashboard(
    "segments",
    "Segmenter: segments and alerts",
    "What happens to customers and who is told. Sizes of segments and customers themselves: the "
    "dashboard of the API.",
    [
        Row(
            "Customers",
            [
                Panel(
                    "Events",
                    "Purchases, refunds, profiles, engagements that were folded.",
                    "cps",
                    [('sum(rate(segmenter_folded_total{outcome="events"}[5m]))', "events")],
                ),
                Panel(
                    "Changes",
                    "Handed to the outbox. A leap of lifecycle.changed: did a source fall silent and "
                    "come back?",
                    "cps",
                    rate("segmenter_effects_total", "type"),
                ),
                Panel(
                    "Changes of the last day",
                    "By type.",
                    "short",
                    [("sum by (type) (increase(segmenter_effects_total[1d]))", "{{type}}")],
                    "bargauge",
                ),
                Panel(
                    "Events that can't be used",
                    "Share of the last hour; dead-letters.v1 has each with its reason.",
                    "percentunit",
                    [("segmenter:dead_letters:ratio1h", "dead letters")],
                    "stat",
                    limits=(0.001, 0.01),
                ),
                Panel(
                    "Customers in the newest survey",
                    "Far fewer than there are: a store that is being built?",
                    "short",
                    [("max(segmenter_survey_customers)", "customers")],
                    "stat",
                ),
                Panel(
                    "Age of the survey",
                    "Personas, affinity and reports are of then.",
                    "s",
                    [(age("segmenter_survey_timestamp_seconds"), "age")],
                    "stat",
                    limits=(7200, 21600),
                ),
            ],
        ),
        Row(
            "What is learned",
            [
                Panel(
                    "Population in force",
                    "A new one each epoch; partitions differ for moments only.",
                    "short",
                    [
                        ("segmenter:population_version:max", "newest"),
                        ("min(segmenter_population_version)", "oldest"),
                    ],
                ),
                Panel(
                    "Calibration of churn risks",
                    "Expected error of the newest judged risks. Above 0.1: not to be taken at their word.",
                    "percentunit",
                    [
                        (
                            "max by (source, horizon) (segmenter_churn_risk_ece)",
                            "{{source}}, {{horizon}} horizon",
                        )
                    ],
                    limits=(0.05, 0.1),
                ),
                Panel(
                    "The lost told from the others",
                    "AUC; 0.5 is chance.",
                    "short",
                    [
                        (
                            "max by (source, horizon) (segmenter_churn_risk_auc)",
                            "{{source}}, {{horizon}} horizon",
                        )
                    ],
                ),
                Panel(
                    "Cost of the clusters",
                    "Mean squared distance to the centroid. Rising for weeks: customers fit less than "
                    "they used to.",
                    "short",
                    [("max(segmenter_cluster_cost)", "cost")],
                    width=12,
                ),
                Panel(
                    "Days since a lasting change",
                    "Small: something about the customers has changed.",
                    "d",
                    [("min by (measure) (segmenter_drift_age_days)", "{{measure}}")],
                    width=12,
                ),
            ],
        ),
        Row(
            "Churn alerts",
            [
                Panel(
                    "Raised, cleared, resolved",
                    "Records of churn-alerts.v1. too_old without a wipe: delivery was away too long.",
                    "short",
                    [("sum by (outcome) (increase(segmenter_alerts_total[1h]))", "{{outcome}}")],
                ),
                Panel(
                    "Decided",
                    "All over_budget: the level is too low for the budget.",
                    "short",
                    [
                        (
                            "sum by (decision) (increase(segmenter_alert_decisions_total[1h]))",
                            "{{decision}}",
                        )
                    ],
                ),
                Panel(
                    "Blocked",
                    "By the gate. Mostly no_consent: is consent sent with profiles?",
                    "short",
                    [("sum by (why) (increase(segmenter_alerts_blocked_total[1h]))", "{{why}}")],
                ),
                Panel(
                    "Wait to be decided",
                    "Growing: a silent source, a period of the calendar, quiet hours.",
                    "short",
                    [("sum(segmenter_alerts_waiting)", "waiting")],
                ),
                Panel(
                    "Endpoints: waiting and dead",
                    "Dead grows: segmenter alerts endpoints says why.",
                    "short",
                    [
                        (
                            "max by (endpoint, state) "
                            '(segmenter_endpoint_alerts{state=~"waiting|dead"})',
                            "{{endpoint}} {{state}}",
                        ),
                        (
                            "max by (endpoint) (segmenter_endpoint_disabled)",
                            "{{endpoint}} disabled",
                        ),
                    ],
                ),
                Panel(
                    "Endpoints: delivered",
                    "In the last hour.",
                    "short",
                    [
                        (
                            "max by (endpoint) "
                            '(delta(segmenter_endpoint_alerts{state="delivered"}[1h]))',
                            "{{endpoint}}",
                        )
                    ],
                ),
            ],
        ),
    ],
)
