"""A receiver of webhooks on loopback, for tests with real processes: it notes every request and verifies it.

It runs in threads of the test's own process, so whatever happens to the senders, it remembers.
"""

from __future__ import annotations

import json
import threading
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple, Self

from standardwebhooks import Webhook, WebhookVerificationError

SECRET = "whsec_YW4gZXhhbXBsZSBvZiB0aGUgZG9jdW1lbnRz"


class Received(NamedTuple):
    """One request.

    Attributes:
        endpoint: the last part of its path.
        message_id: `webhook-id`.
        events: that were in it.
    """

    endpoint: str
    message_id: str
    events: list[dict[str, Any]]

    @property
    def ids(self) -> list[str]:
        """Of the events."""
        return [str(each["id"]) for each in self.events]


class Hooks:
    """The server; answers 204 to everything that is signed as it must be, 401 to all else.

    Attributes:
        received: what was taken, in order.
        refused: requests whose signature was wrong.
    """

    def __init__(self) -> None:
        self.received: list[Received] = []
        self.refused = 0
        self._lock = threading.Condition()
        hooks = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                self.send_response(hooks._take(self.path, dict(self.headers), body))
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                """Says nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(10)

    def _take(self, path: str, headers: dict[str, str], body: bytes) -> int:
        named = {name.lower(): each for name, each in headers.items()}
        try:
            told = Webhook(SECRET).verify(body, named)
        except (WebhookVerificationError, ValueError):
            self.refused += 1
            return 401
        events = told if isinstance(told, list) else [told]
        with self._lock:
            place = path.rsplit("/", 1)[-1]
            self.received.append(Received(place, named["webhook-id"], events))
            self._lock.notify_all()
        return 204

    @property
    def count(self) -> int:
        """How many requests there were."""
        return len(self.received) + self.refused

    def until(self, count: int, patience_s: float) -> bool:
        """Wait for so many requests that were taken; False if they did not come in time.

        It returns while the last one of them has not been answered yet.
        """
        with self._lock:
            return self._lock.wait_for(lambda: len(self.received) >= count, patience_s)

    def times(self, endpoint: str) -> Counter[str]:
        """How often each event arrived at an endpoint."""
        with self._lock:
            mine = [each for each in self.received if each.endpoint == endpoint]
        return Counter(event_id for each in mine for event_id in each.ids)

    def endpoints_file(self, folder: Path, **batches: int) -> Path:
        """A file of endpoints that are here: name → batch."""
        url = f"http://127.0.0.1:{self._server.server_address[1]}"
        path = folder / "endpoints.toml"
        path.write_text(
            "".join(
                f'[endpoints.{name}]\nurl = "{url}/{name}"\nsecrets = {json.dumps([SECRET])}\n'
                f'batch = {batch}\nallow = ["127.0.0.1"]\n\n'
                for name, batch in batches.items()
            ),
            "utf-8",
        )
        return path
