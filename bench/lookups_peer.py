"""The peer of the lookups bench: a bare aiohttp handler that answers with one Redis GET.

python -m bench.lookups_peer REDIS_URL PORT
"""

from __future__ import annotations

import asyncio
import sys

import redis.asyncio as aioredis
import uvloop
from aiohttp import web


def bare(url: str) -> web.Application:
    """GET /{id} → the value of that key."""
    client = aioredis.Redis.from_url(url, max_connections=1_000)

    async def get(request: web.Request) -> web.Response:
        body = await client.get(request.match_info["id"])
        return web.Response(body=body, content_type="application/json")

    app = web.Application()
    app.router.add_get("/{id}", get)
    return app


async def serve(url: str, port: int) -> None:
    """Until killed."""
    runner = web.AppRunner(bare(url), access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(serve(sys.argv[1], int(sys.argv[2])))
