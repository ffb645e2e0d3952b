"""Between Kopf and the API server: our credential on each request, and what the answers say about the watches."""

import json
from functools import partial

import aiohttp

from keypool.cluster import paths
from keypool.cluster.cache import Kind, ObjectCache
from keypool.cluster.connection import Connection
from keypool.watch.echoes import WithoutEchoes
from keypool.watch.liveness import Liveness

REFUSED = "403: a right is missing, as with a RoleBinding that is not there"


def middleware(
    connection: Connection, cache: ObjectCache, liveness: Liveness, *, sample: bool
) -> aiohttp.ClientMiddlewareType:
    """Adds our current token to each of Kopf's requests; notes each watch that is answered or refused, and keeps from
    Kopf what the cache knows already. Of a `sample`, Kopf gets the first page of each list for the whole."""

    async def send(request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
        if (authorization := await connection.authorization()) is not None:
            request.headers["Authorization"] = authorization
        request.server_hostname = connection.server_hostname
        kind, namespace = _what(request.url.path)
        if kind is None:
            return await handler(request)
        liveness.asked.add(kind)
        response = await handler(request)
        if response.status == 403:
            liveness.refuse(kind, namespace, REFUSED)
        elif response.status == 200 and "watch" in request.url.query:
            liveness.mark(kind, namespace)
            response.content = WithoutEchoes(response.content, partial(cache.is_news, kind))  # type: ignore[assignment]
        elif response.status == 200 and sample:
            await _only_page(response)
        return response

    return send


async def _only_page(response: aiohttp.ClientResponse) -> None:
    page = json.loads(await response.read())
    page.get("metadata", {}).pop("continue", None)
    response._body = json.dumps(page).encode()


def _what(path: str) -> tuple[Kind | None, str | None]:
    """The kind and the namespace of a list's path; no kind where it is none of ours."""
    plural, parts = paths.resource_of(path), path.split("/")
    if plural not in set(Kind):
        return None, None
    return Kind(plural), parts[-2] if parts[-3] == "namespaces" else None
