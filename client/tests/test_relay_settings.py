"""What the relay is told by its environment."""

import pytest

from keypool_client.relay.settings import BadSettings, Settings, documented


def told(**variables: str) -> Settings:
    return Settings.read({f"KEYPOOL_RELAY_{name}": value for name, value in variables.items()})


def test_without_a_word_it_listens_on_loopback_alone() -> None:
    settings = Settings.read({"PATH": "/bin"})
    assert settings.listen_addresses == ("127.0.0.1", "::1")
    assert settings.health_address == "127.0.0.1"


@pytest.mark.parametrize("addresses", ["0.0.0.0", "::", "10.1.2.3", "127.0.0.1,10.1.2.3", "localhost", ",", "127.1"])  # noqa: S104
def test_requests_are_taken_on_loopback_and_nowhere_else(addresses: str) -> None:
    """A relay that others reach would give the pool's keys to whoever reaches it."""
    with pytest.raises(BadSettings, match="KEYPOOL_RELAY_LISTEN_ADDRESSES must be loopback addresses"):
        told(LISTEN_ADDRESSES=addresses)


@pytest.mark.parametrize(
    ("name", "value", "right"),
    [
        ("LISTEN_PORT", "65536", "1 to 65535"),
        ("LISTEN_PORT", "-1", "1 to 65535"),
        ("HEALTH_PORT", "9" * 5000, "1 to 65535"),
        ("HEALTH_ADDRESS", "here", "an IP address"),
        ("CONNECT_SECONDS", "0", "0.1 to 86400"),
        ("IDLE_SECONDS", "nan", "0.1 to 86400"),
        ("IDLE_SECONDS", "1e9", "0.1 to 86400"),
        ("FIRST_BYTE_SECONDS", "٣", "0.1 to 86400"),
        ("KEEP_ORGANIZATION", "yes", "true or false"),
        ("LOG_LEVEL", "loud", "DEBUG, INFO"),
        ("MODELS", "[]", "must be JSON such as"),
        ("MODELS", '{"a/b": {"x": 1}}', "must be JSON such as"),
        ("MODELS", '{"a/b": "x"}', "must be JSON such as"),
        ("MODELS", "[" * 100_000, "must be JSON such as"),
        ("MODELS", '{"a/b": {"x": ""}}', "must be JSON such as"),
    ],
)
def test_a_bad_value_is_refused_with_what_would_be_right(name: str, value: str, right: str) -> None:
    with pytest.raises(BadSettings, match=f"^KEYPOOL_RELAY_{name} ") as raised:
        told(**{name: value})
    assert right in str(raised.value)
    assert len(str(raised.value)) < 400


def test_all_that_is_wrong_is_said_at_once() -> None:
    with pytest.raises(BadSettings) as raised:
        told(LISTEN_PORT="x", LOG_LEVEL="x", LISTEN_PROT="1")
    assert str(raised.value).count("KEYPOOL_RELAY_") == 4  # one of them in a suggestion
    assert "KEYPOOL_RELAY_LISTEN_PROT is no setting: KEYPOOL_RELAY_LISTEN_PORT is one" in str(raised.value)


def test_an_empty_variable_counts_as_absent() -> None:
    assert told(LISTEN_PORT="").listen_port == 8484


def test_what_kubernetes_says_of_a_service_of_that_name_is_no_mistake() -> None:
    """A Service named keypool-relay gives every pod of its namespace such variables."""
    noise = {"PORT": "tcp://10.0.0.1:80", "SERVICE_HOST": "10.0.0.1", "PORT_80_TCP_ADDR": "10.0.0.1"}
    assert told(**noise, SERVICE_PORT_HTTP="80") == told()


def test_every_setting_says_what_it_is_for() -> None:
    assert all(name.startswith("KEYPOOL_RELAY_") and doc.endswith(".") for name, _, doc in documented())
