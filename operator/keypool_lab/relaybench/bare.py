"""`python -m keypool_lab.relaybench.bare URL`: the least that a relay on aiohttp can do, to be compared with.

It replaces the credential and passes bytes on. No policy, nothing held, nothing counted.
"""

import asyncio
import sys

from aiohttp import ClientSession, DummyCookieJar, TCPConnector, web
from yarl import URL

_NOT_SENT = frozenset({"host", "authorization", "content-length"})
_NOT_RETURNED = frozenset({"transfer-encoding", "content-length", "connection", "date", "server"})


class Bare:
    """Answers every request."""

    def __init__(self, session: ClientSession, base: str) -> None:
        self._session, self._base = session, base

    async def __call__(self, request: web.BaseRequest) -> web.StreamResponse:
        """Sends it on."""
        headers = [(name, value) for name, value in request.headers.items() if name.lower() not in _NOT_SENT]
        headers.append(("Authorization", "Bearer sk-bare"))
        url, body = URL(self._base + request.raw_path, encoded=True), await request.read()
        async with self._session.request(request.method, url, headers=headers, data=body) as answer:
            back = {name: value for name, value in answer.headers.items() if name.lower() not in _NOT_RETURNED}
            if answer.content_length is not None:
                return web.Response(status=answer.status, headers=back, body=await answer.read())
            out = web.StreamResponse(status=answer.status, headers=back)
            await out.prepare(request)
            while piece := await answer.content.readany():
                await out.write(piece)
            return out


async def main(base: str) -> None:
    """Serves until it is ended; says its port."""
    kept = TCPConnector(limit=0)
    async with ClientSession(connector=kept, cookie_jar=DummyCookieJar(), auto_decompress=False) as session:
        inner = web.Server(Bare(session, base), access_log=None)
        server = await asyncio.get_running_loop().create_server(inner, "127.0.0.1", 0, backlog=2048)
        print(f"port {server.sockets[0].getsockname()[1]}", flush=True)
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
