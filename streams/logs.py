"""Logs: one JSON object a line on stderr, without customer ids."""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime
from typing import Any


class JsonFormatter(logging.Formatter):
    """Formats a record as one JSON object."""

    def format(self, record: logging.LogRecord) -> str:
        """Time, level, logger, message, and the traceback if there is one."""
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            line["error"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False)


def logging_config(level: str) -> dict[str, Any]:
    """For `logging.config.dictConfig`, and for Faust.

    Args:
        level: of our own loggers; those of libraries stay a step above.
    """
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"json": {"()": "streams.logs.JsonFormatter"}},
        "handlers": {
            "stderr": {
                "class": "logging.StreamHandler",
                "formatter": "json",
                "stream": "ext://sys.stderr",
            }
        },
        "root": {"level": "ERROR" if level == "WARNING" else "WARNING", "handlers": ["stderr"]},
        "loggers": {
            "streams": {"level": level},
            # Says as errors what closing a client cancels; what fails reaches us as exceptions.
            "kafka": {"level": "CRITICAL"},
            # Says that a timer took longer than its interval: expected of one that waits for Redis.
            "mode.timers": {"level": "ERROR"},
        },
    }
