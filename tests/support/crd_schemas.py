"""Kinds that Kubernetes itself does not know: as much of their schemas as our manifests use.

Strict: a key that does not stand here is refused, so a misspelt one is found. Written after the
resources' documentation (Strimzi's v1, KEDA 2, the Prometheus operator's v1).
"""

from __future__ import annotations

from typing import Any


def _object(required: str, optional: str = "", **properties: Any) -> dict[str, Any]:
    """An object of these keys only, said as words; any value, unless its schema is given."""
    names = [*required.split(), *optional.split()]
    return {
        "type": "object",
        "properties": {name: properties.get(name, {}) for name in names},
        "required": required.split(),
        "additionalProperties": False,
    }


_COUNT = {"type": "integer", "minimum": 1}
_TEXTS = {"type": "object", "additionalProperties": {"type": "string"}}
_METADATA = _object("name", "labels namespace", labels=_TEXTS)
_POLICY = _object("type value periodSeconds", type={"enum": ["Pods", "Percent"]}, value=_COUNT)
_RULES = _object(
    "stabilizationWindowSeconds policies",
    stabilizationWindowSeconds={"type": "integer", "minimum": 0, "maximum": 3600},
    policies={"type": "array", "items": _POLICY},
)
_TRIGGER = _object(
    "type metadata",
    "authenticationRef",
    type={"const": "kafka"},
    metadata=_object(
        "bootstrapServers consumerGroup topic lagThreshold offsetResetPolicy allowIdleConsumers",
        "sasl tls",
        sasl={"enum": ["plaintext", "scram_sha256", "scram_sha512"]},
        tls={"enum": ["enable", "disable"]},
    ),
    authenticationRef=_object("name"),
)
_AUTHENTICATION = _object(
    "secretTargetRef",
    secretTargetRef={
        "type": "array",
        "items": _object(
            "parameter name key", parameter={"enum": ["username", "password", "ca", "cert", "key"]}
        ),
    },
)
_SCALING = _object(
    "scaleTargetRef minReplicaCount maxReplicaCount triggers",
    "pollingInterval advanced",
    scaleTargetRef=_object("name"),
    minReplicaCount=_COUNT,
    maxReplicaCount=_COUNT,
    pollingInterval=_COUNT,
    triggers={"type": "array", "items": _TRIGGER, "minItems": 1},
    advanced=_object(
        "horizontalPodAutoscalerConfig",
        horizontalPodAutoscalerConfig=_object(
            "behavior", behavior=_object("scaleUp scaleDown", scaleUp=_RULES, scaleDown=_RULES)
        ),
    ),
)
_RELABELING = _object(
    "sourceLabels targetLabel replacement", sourceLabels={"type": "array", "minItems": 1}
)
_MONITORING = _object(
    "selector podMetricsEndpoints",
    selector=_object("matchLabels", matchLabels=_TEXTS),
    podMetricsEndpoints={
        "type": "array",
        "items": _object(
            "port interval relabelings", relabelings={"type": "array", "items": _RELABELING}
        ),
    },
)
_TOPIC = _object(
    "partitions replicas config",
    partitions=_COUNT,
    replicas=_COUNT,
    config={"type": "object", "additionalProperties": {"type": ["string", "integer"]}},
)


def _resource(version: str, spec: dict[str, Any]) -> dict[str, Any]:
    return _object("apiVersion kind metadata spec", metadata=_METADATA, spec=spec) | {
        "title": version
    }


#: By kind; the title is the apiVersion.
SCHEMAS = {
    "KafkaTopic": _resource("kafka.strimzi.io/v1", _TOPIC),
    "ScaledObject": _resource("keda.sh/v1alpha1", _SCALING),
    "TriggerAuthentication": _resource("keda.sh/v1alpha1", _AUTHENTICATION),
    "PodMonitor": _resource("monitoring.coreos.com/v1", _MONITORING),
}
