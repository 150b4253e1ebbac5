"""The dashboard of whoever runs it: does everything run, and keep up?"""

from tools.dashboard_parts import Dashboard, Panel, Row, age, quantiles, rate

OPERATIONS = Dashboard(
    "operations",
    "Segmenter: operations",
    "Whether everything runs and keeps up. What to do about it: deploy/runbook.md.",
    [
        Row(
            "At a glance",
            [
                Panel(
                    "Alerts that fire",
                    "Each has a section in the runbook.",
                    "short",
                    [
                        (
                            'count by (alertname) (ALERTS{alertname=~"Segmenter.+", alertstate="firing"})'
                            " or vector(0)",
                            "{{alertname}}",
                        )
                    ],
                    "stat",
                    6,
                    (1, 1),
                ),
                Panel(
                    "Processes that answer",
                    "Scraped by Prometheus; one that refuses to run is missing here.",
                    "short",
                    [('sum by (job) (up{job=~"segmenter-.+"})', "{{job}}")],
                    "stat",
                    6,
                ),
                Panel(
                    "Partitions with an owner",
                    "All of the log's, or customers stand still.",
                    "short",
                    [
                        ("segmenter:partitions_owned:count", "owned"),
                        ("sum(segmenter_live)", "read to the end"),
                    ],
                    "stat",
                    4,
                ),
                Panel(
                    "Until all is read",
                    "What waits in the log, at the present pace.",
                    "s",
                    [("segmenter:catching_up_seconds", "catching up")],
                    "stat",
                    4,
                    (60, 600),
                ),
                Panel(
                    "Source",
                    "1: silent. Time stands still, so that nobody is called silent by our fault.",
                    "short",
                    [("max(segmenter_source_silent)", "silent")],
                    "stat",
                    4,
                    (1, 1),
                ),
            ],
        ),
        Row(
            "Folding",
            [
                Panel(
                    "Records read",
                    "By what became of them. Many rerouted: a producer partitions in its own way.",
                    "cps",
                    rate("segmenter_folded_total", "outcome"),
                ),
                Panel(
                    "Lag by partition",
                    "Records of the log that are not in Redis. Growing in all: more workers. In one: a "
                    "hot customer or a stuck partition.",
                    "short",
                    [("sum by (partition) (segmenter_lag_records)", "{{partition}}")],
                ),
                Panel(
                    "Freshness",
                    "From the broker's append time until it is in Redis; nothing is told in a backlog.",
                    "s",
                    quantiles("segmenter_freshness_seconds"),
                    limits=(1, 2),
                ),
                Panel(
                    "A batch",
                    "Reading, loading, folding, applying.",
                    "s",
                    quantiles("segmenter_batch_seconds", "topic"),
                ),
                Panel(
                    "Redis, a call",
                    "Slow: Redis is busy, swaps, or is far away.",
                    "s",
                    quantiles("segmenter_store_seconds", "call"),
                ),
                Panel(
                    "Records a batch",
                    "Small near the end, large in a backlog.",
                    "short",
                    quantiles("segmenter_batch_records", "topic"),
                ),
                Panel(
                    "Waiting, and looks",
                    "Waiting 1: Redis, Kafka or the relay is waited for. Age: since the owner last saw "
                    "its partition.",
                    "short",
                    [
                        ("max by (topic) (segmenter_waiting)", "waiting {{topic}}"),
                        (age("segmenter_looked_timestamp_seconds"), "oldest look, s"),
                    ],
                ),
                Panel(
                    "Refused writes and gaps",
                    "A few at a rebalance are right.",
                    "short",
                    [
                        (
                            "sum by (topic) (increase(segmenter_fenced_total[10m]))",
                            "fenced {{topic}}",
                        ),
                        ("sum by (topic) (increase(segmenter_gaps_total[10m]))", "gaps {{topic}}"),
                    ],
                ),
                Panel(
                    "Dead letters",
                    "Records that could not be used, by reason.",
                    "cps",
                    rate("segmenter_dead_letters_total", "reason"),
                ),
            ],
        ),
        Row(
            "Time",
            [
                Panel(
                    "Clock behind the source",
                    "Grows harmlessly, up to an epoch, while nobody is due and nobody buys.",
                    "s",
                    [("max by (partition) (segmenter_watermark_lag_seconds)", "{{partition}}")],
                    width=12,
                ),
                Panel(
                    "Deadlines overdue",
                    "A second or two is usual; longer without lag: ticks don't reach the log.",
                    "s",
                    [("max by (partition) (segmenter_deadline_overdue_seconds)", "{{partition}}")],
                    width=12,
                    limits=(60, 120),
                ),
            ],
        ),
        Row(
            "Leaving",
            [
                Panel(
                    "Outbox by partition",
                    "Rows that wait for the relay; at 100,000 the worker waits.",
                    "short",
                    [("sum by (partition) (segmenter_outbox_rows)", "{{partition}}")],
                ),
                Panel(
                    "Sent",
                    "Rows that Kafka has acknowledged. Muted: they stood in their topic already.",
                    "cps",
                    [
                        *rate("segmenter_relay_sent_total", "topic"),
                        ("sum(rate(segmenter_relay_muted_total[5m]))", "muted"),
                        (
                            "sum by (cause) (rate(segmenter_relay_waits_total[5m]))",
                            "pauses for {{cause}}",
                        ),
                    ],
                ),
                Panel(
                    "A round of the relay",
                    "Seconds: Kafka acknowledges slowly. Age: since the last one ended.",
                    "s",
                    [
                        *quantiles("segmenter_relay_round_seconds"),
                        (age("segmenter_relay_round_timestamp_seconds"), "age"),
                    ],
                ),
            ],
        ),
        Row(
            "Sources",
            [
                Panel(
                    "From topics of sources",
                    "What became of it. expired: offsets that retention took unread; events are lost.",
                    "cps",
                    [
                        (
                            "sum by (source, outcome) (rate(segmenter_source_events_total[5m]))",
                            "{{source}} {{outcome}}",
                        )
                    ],
                ),
                Panel(
                    "Not in the log yet",
                    "Records of the sources' topics. Growing: more normalisers.",
                    "short",
                    [
                        ("sum by (source) (segmenter_source_lag_records)", "{{source}}"),
                        ("max by (source) (segmenter_source_waiting)", "{{source}} waits"),
                    ],
                ),
                Panel(
                    "From webhooks",
                    "bad_signature: somebody tries, or the secret has changed.",
                    "cps",
                    [
                        (
                            "sum by (source, outcome) (rate(segmenter_ingested_total[5m]))",
                            "{{source}} {{outcome}}",
                        )
                    ],
                ),
            ],
        ),
        Row(
            "API",
            [
                Panel(
                    "Answers",
                    "503: Redis does not answer in time. 500: a fault of ours.",
                    "reqps",
                    rate("segmenter_api_requests_total", "status"),
                ),
                Panel(
                    "Time of an answer, 99 %",
                    "Streams count until they end.",
                    "s",
                    [("segmenter:api_request_seconds:p99_5m", "{{route}}")],
                ),
                Panel(
                    "Share of 5xx; streams",
                    "Of all answers; streams of changes that are open.",
                    "short",
                    [
                        ("segmenter:api_errors:ratio5m", "5xx, share"),
                        ("sum(segmenter_api_streams)", "streams"),
                    ],
                ),
            ],
        ),
        Row(
            "Processes",
            [
                Panel(
                    "CPU",
                    "A worker at a whole core is at its limit.",
                    "percentunit",
                    [
                        (
                            'rate(process_cpu_seconds_total{job=~"segmenter-.+"}[5m])',
                            "{{job}} {{instance}}",
                        )
                    ],
                    limits=(0.8, 0.95),
                ),
                Panel(
                    "Memory",
                    "Steady growth is a fault.",
                    "bytes",
                    [
                        (
                            'process_resident_memory_bytes{job=~"segmenter-.+"}',
                            "{{job}} {{instance}}",
                        )
                    ],
                ),
                Panel(
                    "Open files",
                    "Of their limit.",
                    "percentunit",
                    [
                        (
                            'process_open_fds{job=~"segmenter-.+"} / process_max_fds{job=~"segmenter-.+"}',
                            "{{job}} {{instance}}",
                        )
                    ],
                    limits=(0.5, 0.8),
                ),
            ],
        ),
    ],
)
