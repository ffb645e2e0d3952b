"""Answers that end where none may end: written past the HTTP server, straight to the connection."""

from http import HTTPStatus

from aiohttp import web

from keypool_lab.simulator.dialects.operation import Answer


def cut(request: web.Request, *, reset: bool = True, instead: web.StreamResponse | None = None) -> web.StreamResponse:
    """Ends the connection at once, or after what was written; the response is for aiohttp only and reaches nobody."""
    if request.transport is not None:
        if reset:
            request.transport.abort()
        else:
            request.transport.close()
    return instead or web.Response()


def cut_within(request: web.Request, answer: Answer, at: str, reset: bool) -> web.StreamResponse:
    """Writes the first part of an answer, up to the middle of its headers, its body or a chunk, and ends."""
    if at != "start" and request.transport is not None:
        request.transport.write(_beginning(answer, at))
    return cut(request, reset=reset or at == "start")


def _beginning(answer: Answer, at: str) -> bytes:
    body = answer.body if answer.events is None else b"".join(answer.events)
    lines = [f"HTTP/1.1 {answer.status} {HTTPStatus(answer.status).phrase}", f"Content-Type: {answer.content_type}"]
    lines += [f"{name}: {value}" for name, value in answer.headers.items()]
    lines.append("Transfer-Encoding: chunked" if at == "chunk" else f"Content-Length: {len(body)}")
    head, half = "\r\n".join(lines).encode(), body[: len(body) // 2]
    if at == "headers":
        return head[:-7]
    size = f"{len(body):x}\r\n".encode() if at == "chunk" else b""
    return head + b"\r\n\r\n" + size + half
