"""From a path to a dialect and a URL; and what is refused."""

import pytest

from keypool_client.model import DIALECTS, Dialect, Endpoint
from keypool_client.wire.calls import Call
from keypool_client.wire.errors import Refusal
from keypool_client.wire.urls import Route, route, url

HERE = [("Host", "127.0.0.1:8080")]
ASKED = [*HERE, ("Authorization", "Bearer any")]
CLAUDE = [*ASKED, ("anthropic-version", "2023-06-01")]
GOOGLE = [*HERE, ("x-goog-api-key", "any")]

OPENAI = "https://api.openai.com/v1"
ROUTER = "https://openrouter.ai/api/v1"
CLAUDES = "https://api.anthropic.com"
GEMINI = "https://generativelanguage.googleapis.com"
AZURE = "https://acme.openai.azure.com"
STREAM = "/v1beta/models/g:streamGenerateContent"
CHAT = "/openai/deployments/gpt/chat/completions"

CASES: list[tuple[Dialect, str, str, str]] = [
    ("openai", OPENAI, "/v1/chat/completions", "https://api.openai.com/v1/chat/completions"),
    ("openai", OPENAI + "/", "/v1/chat/completions", "https://api.openai.com/v1/chat/completions"),
    ("openai", OPENAI, "/v1/chat/completions/", "https://api.openai.com/v1/chat/completions/"),
    ("openai", OPENAI, "/v1/v1/chat/completions", "https://api.openai.com/v1/chat/completions"),
    ("openai", OPENAI, "/v1", "https://api.openai.com/v1"),
    ("openai", OPENAI, "/v1/", "https://api.openai.com/v1/"),
    ("openai", OPENAI, "/v1/models/ft:gpt-4o:acme::Ab1", "https://api.openai.com/v1/models/ft:gpt-4o:acme::Ab1"),
    ("openai", OPENAI, "/v1/threads/t_1/messages", "https://api.openai.com/v1/threads/t_1/messages"),
    ("openai", OPENAI, "/v1/files?limit=2&after=f%2F1", "https://api.openai.com/v1/files?limit=2&after=f%2F1"),
    ("openai", OPENAI, "/v1/models?", "https://api.openai.com/v1/models?"),
    ("openai", ROUTER, "/v1/chat/completions", "https://openrouter.ai/api/v1/chat/completions"),
    ("openai", ROUTER, "/v1/models/a%2Fb/endpoints", "https://openrouter.ai/api/v1/models/a%2Fb/endpoints"),
    ("openai", ROUTER, "/v1/models/a%2fb:free", "https://openrouter.ai/api/v1/models/a%2fb:free"),
    ("openai", f"{GEMINI}/v1beta/openai", "/v1/chat/completions", f"{GEMINI}/v1beta/openai/chat/completions"),
    ("openai", f"{GEMINI}/v1beta/openai", "/v1beta/openai/embeddings", f"{GEMINI}/v1beta/openai/embeddings"),
    ("openai", f"{AZURE}/openai/v1", "/v1/responses?api-version=v1", f"{AZURE}/openai/v1/responses?api-version=v1"),
    ("openai", "http://10.1.2.3:4000", "/v1/completions", "http://10.1.2.3:4000/completions"),
    ("openai", "https://gw.example/a/b%20c/v1", "/v1/responses", "https://gw.example/a/b%20c/v1/responses"),
    ("anthropic", CLAUDES, "/v1/messages", "https://api.anthropic.com/v1/messages"),
    ("anthropic", CLAUDES, "/messages", "https://api.anthropic.com/v1/messages"),
    ("anthropic", CLAUDES, "/v1/v1/messages", "https://api.anthropic.com/v1/messages"),
    ("anthropic", f"{CLAUDES}/v1", "/v1/messages", "https://api.anthropic.com/v1/messages"),
    ("anthropic", f"{CLAUDES}/v1/", "/messages", "https://api.anthropic.com/v1/messages"),
    ("anthropic", CLAUDES, "/v1/messages/count_tokens?beta=true", f"{CLAUDES}/v1/messages/count_tokens?beta=true"),
    ("anthropic", CLAUDES, "/messages/batches/b_1/results", f"{CLAUDES}/v1/messages/batches/b_1/results"),
    ("anthropic", "https://openrouter.ai/api", "/v1/messages", "https://openrouter.ai/api/v1/messages"),
    ("gemini", GEMINI, "/v1beta/models/g-3:generateContent", f"{GEMINI}/v1beta/models/g-3:generateContent"),
    ("gemini", GEMINI, f"{STREAM}?alt=sse", f"{GEMINI}{STREAM}?alt=sse"),
    ("gemini", GEMINI, "/v1alpha/models", f"{GEMINI}/v1alpha/models"),
    ("gemini", GEMINI, "/v1/models/g-3:countTokens", f"{GEMINI}/v1/models/g-3:countTokens"),
    ("gemini", GEMINI, "/upload/v1beta/files?uploadType=media", f"{GEMINI}/upload/v1beta/files?uploadType=media"),
    ("gemini", GEMINI, "/download/v1beta/files/f:get?alt=media", f"{GEMINI}/download/v1beta/files/f:get?alt=media"),
    ("gemini", f"{GEMINI}/v1beta", "/v1beta/models/a%2Fb:embedContent", f"{GEMINI}/v1beta/models/a%2Fb:embedContent"),
    ("gemini", GEMINI, "/v1beta/models?key=AIza-mine&pageSize=5", f"{GEMINI}/v1beta/models?pageSize=5"),
    ("gemini", GEMINI, "/v1beta/models?pageSize=5&%6Bey=AIza-mine", f"{GEMINI}/v1beta/models?pageSize=5"),
    ("gemini", GEMINI, "/v1beta/models?key=AIza-mine", f"{GEMINI}/v1beta/models"),
    ("gemini", GEMINI, "/v1beta/models?a=1&&b=%7e&Key=x&c", f"{GEMINI}/v1beta/models?a=1&&b=%7e&c"),
    ("azure", AZURE, f"{CHAT}?api-version=2024-10-21", f"{AZURE}{CHAT}?api-version=2024-10-21"),
    ("azure", f"{AZURE}/", f"{CHAT}?api-version=2024-10-21", f"{AZURE}{CHAT}?api-version=2024-10-21"),
    ("azure", f"{AZURE}/openai", f"{CHAT}?api-version=1", f"{AZURE}{CHAT}?api-version=1"),
    ("azure", AZURE, "/openai/v1/responses", f"{AZURE}/openai/v1/responses"),
    ("azure", AZURE, "/openai/models?api-key=mine&api-version=1", f"{AZURE}/openai/models?api-version=1"),
]  # fmt: skip


@pytest.mark.parametrize(("dialect", "base", "target", "meant"), CASES)
def test_a_path_reaches_the_url_that_is_meant(dialect: Dialect, base: str, target: str, meant: str) -> None:
    where = route("POST", target, DIALECTS, ASKED)
    assert isinstance(where, Route)
    assert (where.dialect, url(where, Endpoint("eu", {dialect: base}))) == (dialect, meant)


@pytest.mark.parametrize(
    ("headers", "target", "dialect"),
    [
        (CLAUDE, "/v1/models", "anthropic"),
        (CLAUDE, "/v1/files/f_1", "anthropic"),
        (GOOGLE, "/v1/models?pageSize=9", "gemini"),
        (ASKED, "/v1/models", "openai"),
        (ASKED, "/v1/messages_of_mine", "openai"),
    ],
)
def test_where_vendors_share_a_path_the_headers_tell(
    headers: list[tuple[str, str]], target: str, dialect: Dialect
) -> None:
    where = route("GET", target, DIALECTS, headers)
    assert isinstance(where, Route)
    assert where.dialect == dialect


@pytest.mark.parametrize(
    ("target", "call", "model"),
    [
        ("/v1/chat/completions?x=1", Call.CHAT, None),
        ("/v1/embeddings/", Call.EMBEDDINGS, None),
        ("/v1/responses", Call.RESPONSES, None),
        ("/v1/responses/resp_1/cancel", None, None),
        ("/v1/batches", None, None),
        ("/v1/messages", Call.MESSAGES, None),
        ("/messages/count_tokens", Call.COUNT_TOKENS, None),
        ("/v1/messages/batches", None, None),
        ("/v1beta/models/gemini-3%2Fx:streamGenerateContent?alt=sse", Call.STREAM_GENERATE, "gemini-3/x"),
        ("/v1beta/tunedModels/t-1:generateContent", Call.GENERATE, "t-1"),
        ("/v1beta/models/veo:predictLongRunning", None, "veo"),
        ("/v1beta/cachedContents", None, None),
        ("/openai/deployments/gpt%205/chat/completions?api-version=1", Call.CHAT, "gpt 5"),
        ("/openai/v1/embeddings", Call.EMBEDDINGS, None),
        ("/openai/responses?api-version=1", Call.RESPONSES, None),
        ("/openai/files", None, None),
    ],
)
def test_the_path_tells_the_call_and_the_model(target: str, call: Call | None, model: str | None) -> None:
    where = route("POST", target, DIALECTS, ASKED)
    assert isinstance(where, Route)
    assert (where.call, where.model) == (call, model)


def test_a_list_is_no_inference_call() -> None:
    where = route("GET", "/v1/chat/completions", DIALECTS, ASKED)
    assert isinstance(where, Route)
    assert where.call is None


@pytest.mark.parametrize("target", ["/v1beta/models/old:generateContent", "/openai/deployments/old/embeddings?v=1"])
def test_a_model_in_the_path_is_renamed(target: str) -> None:
    where = route("POST", target, DIALECTS, ASKED)
    assert isinstance(where, Route)
    renamed = where.with_model("a/new one")
    assert renamed.model == "a/new one"
    base = Endpoint("eu", {where.dialect: "https://x"})
    assert url(renamed, base) == "https://x" + target.replace("old", "a%2Fnew%20one")


def refused(target: str, headers: list[tuple[str, str]] = ASKED, method: str = "POST", *spoken: Dialect) -> Refusal:
    answer = route(method, target, spoken or DIALECTS, headers)
    assert isinstance(answer, Refusal), answer
    assert 400 <= answer.status < 600
    assert len(answer.message) > 20
    return answer


@pytest.mark.parametrize(
    "target",
    [
        *(
            "https://api.openai.com/v1/models",
            "http://evil.example/",
            "//evil.example/v1",
            "api.openai.com:443",
            "*",
            "",
        ),
        *("/v1//models", "/v1/models//", "/v1/../admin", "/v1/..", "/v1/./models", "/v1/.", "/v1/%2e%2e/admin"),
        *("/v1/%2E./admin", "/v1/.%2e", "/v1/a%2f..%2fb", "/v1/%252e%252e/x", "/v1/a%2F%2e%2E", "/v1/models/.."),
        *(
            "/v1\\models",
            "/v1/a%5cb",
            "/v1/a%5C..%5Cb",
            "/v1/a%255cb",
            "/v1/a b",
            "/v1/a\tb",
            "/v1/a%0d%0ab",
            "/v1/%00",
        ),
        *("/v1/a\r\nX: y", "/v1/modèle", "/v1/%zz", "/v1/%2", "/v1/models#x", "/v1/a?b=\x7f", "/v1/\udcff", "/v1/%7f"),
    ],
)
def test_a_target_that_servers_read_in_different_ways_is_refused(target: str) -> None:
    assert (refused(target).status, refused(target).code) == (400, "keypool_bad_target")


@pytest.mark.parametrize(
    "target", ["/v1/..a", "/v1/a..b", "/v1/a...", "/v1/.well-known", "/v1/a%2e%2eb", "/v1/x?a=../b//c"]
)
def test_dots_that_lead_nowhere_are_no_fault(target: str) -> None:
    assert isinstance(route("GET", target, DIALECTS, ASKED), Route)


def test_the_target_is_bounded_before_it_is_looked_into() -> None:
    assert isinstance(route("GET", "/v1/" + "a" * 7996, DIALECTS, ASKED), Route)
    assert refused("/v1/" + "a" * 7997).status == 414


@pytest.mark.parametrize(
    ("method", "status"), [("CONNECT", 400), ("TRACE", 405), ("PROPFIND", 405), ("get", 405), ("", 405)]
)
def test_methods_that_no_provider_has_are_refused(method: str, status: int) -> None:
    assert refused("/v1/models", method=method).status == status


NAMES = ("evil.example", "127.0.0.1.evil.example", "localhost.evil.example", "127.0.0.1:8080@evil.example", "10.0.0.1")
ODD = ("", "::1", "[::1", "[::]", "localhost:", "127.0.0.1:999999")


@pytest.mark.parametrize("host", [*NAMES, *ODD])
def test_a_foreign_host_is_refused(host: str) -> None:
    """A page in a browser reaches loopback by a name of its own that points there."""
    answer = refused("/v1/models", [("Host", host), ("Authorization", "Bearer x")])
    assert (answer.status, answer.code) == (403, "keypool_foreign_host")


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost:1", "LOCALHOST", "[::1]:8080", "127.0.0.2:65535"])
def test_every_name_of_loopback_is_ours(host: str) -> None:
    assert isinstance(route("GET", "/v1/models", DIALECTS, [("host", host), ("api-key", "x")]), Route)


def test_no_host_and_two_hosts_are_refused() -> None:
    assert refused("/v1/models", [("Authorization", "Bearer x")]).status == 403
    assert refused("/v1/models", [*ASKED, *HERE]).status == 403


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "", "http://127.0.0.1:8080"])
def test_a_page_is_refused_whatever_its_origin(origin: str) -> None:
    assert refused("/v1/models", [*ASKED, ("Origin", origin)]).code == "keypool_foreign_origin"


@pytest.mark.parametrize("value", [None, "", "  ", "Bearer", "Bearer  "])
def test_a_request_without_any_credential_is_refused(value: str | None) -> None:
    headers = HERE if value is None else [*HERE, ("Authorization", value)]
    assert (refused("/v1/models", headers).status, refused("/v1/models", headers).code) == (
        401,
        "keypool_no_credential",
    )


def test_a_key_in_the_query_is_no_credential_since_a_link_can_hold_one() -> None:
    assert refused("/v1beta/models?key=AIza", HERE).status == 401


@pytest.mark.parametrize("target", ["/v1/messages", "/v1beta/models", "/openai/deployments/x/embeddings"])
def test_a_dialect_that_the_pool_does_not_speak_is_refused_in_that_dialect(target: str) -> None:
    answer = refused(target, ASKED, "POST", "openai")
    assert (answer.status, answer.code) == (400, "keypool_wrong_dialect")
    assert answer.dialect != "openai"
    assert "it speaks openai (base URL http://127.0.0.1:PORT/v1)" in answer.message


@pytest.mark.parametrize(
    "target", ["/", "/chat/completions", "/api/v1/chat/completions", "/v2/x", "/v1beta9x", "/metrics"]
)
def test_a_path_of_no_dialect_names_the_base_urls(target: str) -> None:
    answer = refused(target)
    assert (answer.status, answer.code) == (404, "keypool_unknown_path")
    assert "http://127.0.0.1:PORT/v1 for openai" in answer.message


WEBSOCKET = [*ASKED, ("Connection", "keep-alive, Upgrade"), ("Upgrade", "WebSocket")]


def test_a_websocket_of_openais_dialect_is_recognised() -> None:
    where = route("GET", "/v1/realtime?model=gpt", DIALECTS, WEBSOCKET)
    assert isinstance(where, Route)
    assert where.websocket
    assert url(where, Endpoint("eu", {"openai": OPENAI})) == "https://api.openai.com/v1/realtime?model=gpt"


@pytest.mark.parametrize(
    ("method", "target"), [("GET", "/openai/realtime?deployment=x"), ("GET", "/v1beta/x"), ("POST", "/v1/realtime")]
)
def test_other_websockets_are_refused(method: str, target: str) -> None:
    assert refused(target, WEBSOCKET, method).code == "keypool_upgrade_refused"
