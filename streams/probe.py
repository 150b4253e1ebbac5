"""`python -m streams.probe URL`: whether a process of ours answers its probe; exit code 0 or 1.

For health checks inside a container, which has no other client. It imports little, because it runs
every few seconds beside each process. Prints what was answered; a health check keeps it.
"""

from __future__ import annotations

import http.client
import sys
from collections.abc import Sequence
from urllib.parse import urlsplit

TIMEOUT_S = 4.0


def probed(url: str, timeout_s: float = TIMEOUT_S) -> tuple[bool, str]:
    """Ask once; answers whether that was a yes, and in which words. Blocks for `timeout_s` at most."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=timeout_s)
    try:
        connection.request("GET", parts.path)
        answer = connection.getresponse()
        return answer.status == http.HTTPStatus.OK, answer.read(1_000).decode("utf-8", "replace")
    except (OSError, http.client.HTTPException) as error:
        return False, f"{url}: {error}"
    finally:
        connection.close()


def main(arguments: Sequence[str]) -> int:
    """The entry point; answers the exit code."""
    if len(arguments) != 1 or not arguments[0].startswith("http://"):
        sys.stderr.write("usage: python -m streams.probe http://HOST:PORT/readyz\n")
        return 2
    well, said = probed(arguments[0])
    sys.stdout.write(f"{said.strip()}\n")
    return 0 if well else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
