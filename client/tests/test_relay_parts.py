"""The relay's small parts: shared memory, the time that a request has, labels of metrics, proxies."""

import logging

import pytest

from keypool_client.relay import budget
from keypool_client.relay.buffers import Buffers
from keypool_client.relay.metrics import Metrics
from keypool_client.relay.notes import FewLines
from keypool_client.relay.upstream import _Proxies


def test_what_a_request_takes_of_the_shared_memory_is_given_back_whatever_happens() -> None:
    buffers = Buffers(100)

    def fails() -> None:
        with buffers.lease() as lease:
            assert lease.take(60)
            raise KeyError

    with pytest.raises(KeyError):
        fails()
    assert buffers.free == 100


def test_memory_that_is_not_free_is_not_given() -> None:
    buffers = Buffers(100)
    with buffers.lease() as one, buffers.lease() as two:
        assert one.take(60)
        assert not two.take(41)
        assert two.take(40)
        one.give(10)
        assert two.take(10)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, 50.0),
        ({"x-stainless-read-timeout": "600"}, 540.0),
        ({"x-stainless-timeout": "10.0"}, 9.0),
        ({"x-stainless-read-timeout": "20", "x-stainless-timeout": "600"}, 18.0),
        ({"x-stainless-read-timeout": "NOT_GIVEN", "x-stainless-timeout": "10"}, 9.0),
        ({"x-stainless-timeout": "-1"}, 50.0),
        ({"x-stainless-timeout": "0"}, 50.0),
        ({"x-stainless-timeout": "nan"}, 50.0),
        ({"x-stainless-timeout": "1e300"}, 50.0),
        ({"x-stainless-timeout": "9" * 5000}, 50.0),
    ],
)
def test_a_request_is_tried_within_nine_tenths_of_what_its_sdk_waits(headers: dict[str, str], seconds: float) -> None:
    assert budget.seconds(headers) == pytest.approx(seconds)


def test_models_are_labels_only_where_they_are_few_and_look_like_names() -> None:
    """The client chooses them: a metric for each would grow for ever."""
    metrics = Metrics()
    assert metrics.model("gpt-5") == "gpt-5"
    assert metrics.model(None) == metrics.model("a\nb") == metrics.model("x" * 65) == "other"
    many = {metrics.model(f"m-{number}") for number in range(1000)}
    assert len(many) == 50
    assert metrics.model("gpt-5") == "gpt-5"


def test_keys_that_left_the_file_leave_the_metrics() -> None:
    """Rotation brings new ones for ever."""
    metrics = Metrics()
    for number in range(3):
        metrics.attempt("team-a/chat", f"chat-{number}", "none")
    metrics.keep([("team-a/chat", ["chat-2"])])
    kept = {
        sample.labels["key_id"]
        for metric in metrics.registry.collect()
        for sample in metric.samples
        if "key_id" in sample.labels
    }
    assert kept == {"chat-2"}


@pytest.mark.parametrize(
    ("environ", "url", "proxy"),
    [
        ({}, "https://api.example.com/v1", None),
        ({"HTTPS_PROXY": "http://p:1"}, "https://api.example.com/v1", "http://p:1"),
        ({"https_proxy": "http://p:1"}, "https://api.example.com/v1", "http://p:1"),
        ({"HTTPS_PROXY": "http://p:1", "https_proxy": "http://q:1"}, "https://api.example.com/v1", "http://q:1"),
        ({"HTTPS_PROXY": "http://p:1"}, "http://api.example.com/v1", None),
        ({"HTTP_PROXY": "http://p:1"}, "http://api.example.com/v1", "http://p:1"),
        ({"ALL_PROXY": "http://p:1"}, "https://api.example.com/v1", "http://p:1"),
        ({"HTTPS_PROXY": "http://p:1", "NO_PROXY": "example.com"}, "https://api.example.com/v1", None),
        ({"HTTPS_PROXY": "http://p:1", "NO_PROXY": "*"}, "https://api.example.com/v1", None),
        ({"HTTPS_PROXY": "http://p:1", "NO_PROXY": "api.example.com:8443"}, "https://api.example.com:8443/v1", None),
        ({"HTTPS_PROXY": "http://p:1", "NO_PROXY": "ample.com"}, "https://api.example.com/v1", "http://p:1"),
    ],
)
def test_proxies_are_those_of_the_environment(environ: dict[str, str], url: str, proxy: str | None) -> None:
    proxies = _Proxies(environ)
    assert proxies.of(url) == proxies.of(url) == proxy


def test_of_a_librarys_lines_about_bad_requests_a_bounded_number_is_written_each_second_and_ours_all() -> None:
    few = FewLines("aiohttp")

    def written(name: str, second: float) -> int:
        record = logging.LogRecord(name, logging.ERROR, "", 0, "bad request", None, None)
        record.created = second
        return sum(few.filter(record) for _ in range(100))

    assert (written("aiohttp.server", 7.5), written("aiohttp.server", 8.0)) == (20, 20)
    assert written("keypool_client.relay", 8.0) == 100
