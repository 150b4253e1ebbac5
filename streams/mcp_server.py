"""The assistant's server: read-only tools and resources over the Model Context Protocol, every call audited.

    assistant ◄── stdio ──► Server.call_tool ──► a tool ──► Redis (reads)
                                  │
                                  └──► the audit log, before the answer leaves

Enters: an installation, a mask, an audit log, histories. Leaves: the server. Forbidden here: what tools say; only this
module and the command import the SDK.
"""

from __future__ import annotations

import inspect
import logging
import time
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple

from mcp.server import MCPServer
from mcp.server.mcpserver.exceptions import (
    ResourceError,
    ToolError,
    UnexpectedResourceError,
    UnexpectedToolError,
)
from mcp_types import CallToolResult, ToolAnnotations

from models.alert_ledger import CorruptWeek
from models.alert_record import CorruptRecord
from models.codec import CorruptState, NewerSchema
from models.policy import PolicyError
from models.population import CorruptPopulation
from streams.api.problems import Problem
from streams.lookup import NothingYet
from streams.mcp_alerts import AlertTools
from streams.mcp_audit import CANCELLED, DECLINED, FAILED, OK, TOO_LONG, Audit, AuditError, Call
from streams.mcp_customers import CustomerTools
from streams.mcp_installation import Installation
from streams.mcp_limits import Limits
from streams.mcp_masking import Declined, Mask, clean
from streams.mcp_segments import SegmentTools
from streams.mcp_what_if import Histories, WhatIfTools
from streams.mcp_words import INSTRUCTIONS, rules_text
from streams.show_policy import policy_as_toml
from streams.store import StoreUnavailable

logger = logging.getLogger(__name__)

NAME = "segmenter"
_UNEXPECTED = (UnexpectedToolError, UnexpectedResourceError)
LOOKUP_S, WHAT_IF_S = 20.0, 120.0
_READS = ToolAnnotations(
    read_only_hint=True, destructive_hint=False, idempotent_hint=True, open_world_hint=False
)
_SLOW = frozenset({"what_if", "check_rule"})
# What can go wrong without anybody's fault, in words that may be told.
_EXPECTED = (
    *(Declined, StoreUnavailable, NothingYet, PolicyError, CorruptRecord, CorruptWeek),
    *(CorruptState, NewerSchema, CorruptPopulation),
)


class Allowed(NamedTuple):
    """What a server may be asked.

    Attributes:
        shown: attributes whose values are told.
        histories: that may be replayed.
        lookup_s: that a call may take.
        what_if_s: that a call of `what_if` or `check_rule` may take.
    """

    shown: Iterable[str] = ()
    histories: Histories = Histories({}, 0)
    lookup_s: float = LOOKUP_S
    what_if_s: float = WHAT_IF_S


class Server(MCPServer[Any]):
    """Tools that read; each call ends in the audit log.

    Args:
        installation: that is asked.
        mask: what may be told.
        audit: where calls are noted.
        allowed: the options.
    """

    def __init__(
        self, installation: Installation, mask: Mask, audit: Audit, allowed: Allowed
    ) -> None:
        super().__init__(NAME, instructions=INSTRUCTIONS, subscriptions=False, log_level="WARNING")
        self._installation, self._audit, self._allowed = installation, audit, allowed
        self._limits = Limits()
        for tool in _tools(installation, mask, allowed):
            self.add_tool(tool, description=inspect.getdoc(tool), annotations=_READS)
        self.resource(
            "segmenter://policy",
            description="The policy in force as TOML: all settings, presets resolved.",
            mime_type="application/toml",
        )(self.policy)
        self.resource(
            "segmenter://rules",
            description="How rules of segments are written, and everything they can read.",
            mime_type="text/markdown",
        )(rules_text)

    async def policy(self) -> str:
        """The policy in force."""
        return _clean_lines(policy_as_toml((await self._installation.answers()).published))

    async def call_tool(
        self, name: str, arguments: dict[str, Any], context: Any = None
    ) -> CallToolResult:
        """Call a tool, within its time, and note it.

        Raises:
            ToolError: why it is not answered, and the way out.
        """
        known = self._tool_manager.get_tool(name) is not None
        limit_s = self._allowed.what_if_s if name in _SLOW else self._allowed.lookup_s
        with self._noted(name if known else "unknown tool", arguments) as done:
            call = super().call_tool(name, arguments, context)
            answer = await self._limits.within(limit_s, call)
            assert isinstance(answer, CallToolResult)
            done(_rows(answer.structured_content))
        return answer

    async def read_resource(self, uri: Any, context: Any = None) -> Any:
        """Read a resource, within its time, and note it.

        Raises:
            ResourceError: why it is not answered.
        """
        known = {str(each.uri) for each in self._resource_manager.list_resources()}
        noted = str(uri) if str(uri) in known else "unknown resource"
        try:
            with self._noted(noted, {}) as done:
                call = super().read_resource(uri, context)
                answer = await self._limits.within(self._allowed.lookup_s, call)
                done(1)
        except ToolError as error:
            raise ResourceError(str(error)) from error
        return answer

    @contextmanager
    def _noted(self, name: str, arguments: Mapping[str, Any]) -> Iterator[Callable[[int], None]]:
        """Note how the block ends, in the audit log; if that can't be, the call fails."""
        began_s, rows = time.monotonic(), 0

        def done(count: int) -> None:
            nonlocal rows
            rows = count

        def note(outcome: str, why: str = "") -> None:
            taken_ms = round(1_000 * (time.monotonic() - began_s))
            try:
                self._audit.write(Call(name, arguments, outcome, why, rows, taken_ms))
            except AuditError as error:
                raise ToolError(str(error)) from error

        try:
            yield done
        except TimeoutError as error:
            note(TOO_LONG)
            raise ToolError(_TOO_LONG) from error
        except (ToolError, ResourceError) as error:
            cause = error.__cause__ or error
            told = _told(cause)
            unexpected = told is None and isinstance(error, _UNEXPECTED)
            note(FAILED if unexpected else DECLINED, type(cause).__name__)
            if unexpected:
                where = "".join(traceback.format_tb(cause.__traceback__))
                logger.error("%s: %s\n%s", name, type(cause).__name__, where)  # noqa: TRY400 - it may name somebody
                raise ToolError(_AT_FAULT) from None
            if told is None:
                raise
            raise ToolError(told) from error
        except BaseException as error:
            note(CANCELLED, type(error).__name__)
            raise
        note(OK)


_AT_FAULT = "the fault is the server's; its log on stderr says where, the user can report it"
_TOO_LONG = (
    "this took longer than a call may; ask for less (fewer days, a smaller limit, a shorter history), or the "
    "user can start segmenter mcp with more --what-if-seconds"
)


def _tools(installation: Installation, mask: Mask, allowed: Allowed) -> list[Callable[..., Any]]:
    customers, alerts = CustomerTools(installation, mask), AlertTools(installation, mask)
    segments = SegmentTools(installation, mask, [*allowed.shown], [*allowed.histories.by_name])
    trials = WhatIfTools(installation, mask, allowed.histories)
    return [
        *(segments.installation, customers.customer, customers.explain_customer),
        *(segments.segments, segments.segment, segments.segment_members),
        *(alerts.alert_report, alerts.alerts),
        *(segments.lifecycle_flows, segments.population_quality),
        *(trials.what_if, trials.check_rule),
    ]


def _told(cause: BaseException) -> str | None:
    """What is told of a fault; None: nothing of its own, as it may say too much."""
    if isinstance(cause, Problem):
        return f"{cause.detail}; {cause.remedy}" if cause.remedy else cause.detail
    return str(cause) if isinstance(cause, _EXPECTED) else None


def _rows(answer: Mapping[str, Any] | None) -> int:
    items = (answer or {}).get("items")
    return len(items) if isinstance(items, list) else 1


def _clean_lines(text: str) -> str:
    """A text of many lines, clean; see `clean`."""
    return "\n".join(clean(line) for line in text.splitlines())
