"""Each setting is checked at the start: what is wrong ends it with one line that says what would be right."""

import os
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from keypool.providers.proxy import Proxy, parse_bypass, parse_proxy
from keypool.settings import BadSettings, Settings, read
from keypool_lab.docs import DOCUMENTS

ROOT = Path(__file__).parents[2]

WRONG = {
    "a pattern": ("NAMESPACES", "team-*", "patterns are not supported"),
    "a space": ("NAMESPACES", "team-a, team-b", "has a space in it"),
    "a capital letter": ("NAMESPACES", "Team-a", "has a capital letter"),
    "a namespace twice": ("NAMESPACES", "a,b,a", "entry 3 of 3 (1 characters) is the same as entry 1"),
    "a comma at the end": ("NAMESPACES", "team-a,", "entry 2 of 2 (0 characters) is empty"),
    "a comma alone": ("NAMESPACES", ",", "is empty"),
    "another separator": ("NAMESPACES", "team-a;team-b", "write them as in team-a,team-b"),
    "a dot in a namespace": ("NAMESPACES", "team.a", "is no name of a namespace"),
    "a dash at the end": ("NAMESPACES", "team-", "none of them at either end"),
    "a name that is too long": ("NAMESPACES", "a" * 64, "is too long"),
    "letters of other alphabets": ("NAMESPACES", "t\u00e9am", "is no name of a namespace"),
    "an own namespace that is none": ("NAMESPACE", "Keypool", "has a capital letter"),
    "an unknown level": ("LOG_LEVEL", "verbose", "must be one of DEBUG, INFO, WARNING, ERROR"),
    "a host that is no address": ("HTTP_HOST", "example", 'write "::" for every address'),
    "a host with a port": ("HTTP_HOST", "0.0.0.0:8080", "without brackets and port"),
    "a host in brackets": ("HTTP_HOST", "[::]", "without brackets and port"),
    "a port that is a word": ("HTTP_PORT", "http", 'write a whole number, such as "8080"'),
    "a port that is too high": ("HTTP_PORT", "65536", "less than or equal to 65535"),
    "a boolean that is none": ("ALLOW_INSECURE_ENDPOINTS", "maybe", 'write "true" or "false"'),
    "private endpoints as they once were allowed": ("ALLOW_PRIVATE_ENDPOINTS", "true", 'such as "10.0.0.0/8,fd00::/8"'),
    "private endpoints as they once were refused": (
        "ALLOW_PRIVATE_ENDPOINTS",
        "False",
        "empty allows public addresses",
    ),
    "a network that is none": ("ALLOW_PRIVATE_ENDPOINTS", "10.0.0.0/8,ten", "entry 2 of 2 is no network"),
    "a network with bits too many": ("ALLOW_PRIVATE_ENDPOINTS", "10.0.0.1/8", "bits set behind its prefix"),
    "a network that is never allowed": ("ALLOW_PRIVATE_ENDPOINTS", "169.254.0.0/16", "each is a link-local address"),
    "a network of a cloud's metadata": ("ALLOW_PRIVATE_ENDPOINTS", "fd00:ec2::/32", "of a metadata service"),
    "a network of IPv4 in IPv6": ("ALLOW_PRIVATE_ENDPOINTS", "::ffff:10.0.0.0/104", "write their network of IPv4"),
    "a duration with a unit": ("RESYNC", "5m", "without a unit"),
    "an endless duration": ("RESYNC", "inf", 'such as "30"'),
    "no number at all": ("LEASE_DURATION", "nan", 'such as "30"'),
    "a negative duration": ("GRACE", "-1", "greater than or equal to 0"),
    "no duration": ("LEASE_RETRY", "0", "greater than 0"),
    "no workers": ("WORKERS", "0", "greater than or equal to 1"),
    "a proxy that is no URL": ("HTTPS_PROXY", "proxy.example.com:3128", "write http://HOST:PORT"),
    "a proxy without a port": ("HTTPS_PROXY", "http://proxy.example.com", "has to name a host and a port"),
    "a proxy behind TLS": ("HTTPS_PROXY", "https://proxy.example.com:3128", "has to begin with http://"),
    "a proxy with a path": ("HTTPS_PROXY", "http://proxy.example.com:3128/x", "and no path"),
    "a proxy's port that is none": ("HTTPS_PROXY", "http://proxy.example.com:99999", "is no URL of a proxy"),
    "a proxy's port that nothing has": ("HTTPS_PROXY", "http://proxy.example.com:0", "has to name a host and a port"),
    "a proxy's name with a space": ("HTTPS_PROXY", "http://proxy example.com:3128", "neither a name nor an address"),
    "a proxy's name with two dots": ("HTTPS_PROXY", "http://proxy..example.com:3128", "neither a name nor an address"),
    "a proxy at no address": ("HTTPS_PROXY", "http://999.1.1.1:3128", "neither a name nor an address"),
    "a proxy's name of other letters": (
        "HTTPS_PROXY",
        "http://pr\u00f6xy.example:3128",
        "neither a name nor an address",
    ),
    "a password without a user": ("HTTPS_PROXY", "http://:secret@proxy.example.com:3128", "cannot be sent"),
    "a bypass that is a pattern": ("NO_PROXY", "*.example.com", "entry 1 of 1 is neither a host nor a network"),
    "a bypass with a port": ("NO_PROXY", "a.example.com,b:443", "entry 2 of 2 is neither a host nor a network"),
    "authorities that are not there": ("CA_FILE", "/nonexistent/ca.pem", "the file cannot be read (no such file"),
    "authorities that are a folder": ("CA_FILE", "/", "the file cannot be read (is a directory)"),
    "authorities that are none": ("CA_FILE", __file__, "holds no certificate: it has to be PEM"),
    "a name of control characters": ("IDENTITY", "a\nb", "printable"),
}


@pytest.mark.parametrize("what", WRONG)
def test_it_is_refused_in_one_line_that_says_what_would_be_right(what: str, monkeypatch: pytest.MonkeyPatch) -> None:
    name, value, says = WRONG[what]
    monkeypatch.setenv(f"KEYPOOL_{name}", value)
    with pytest.raises(BadSettings) as bad:
        read({f"KEYPOOL_{name}": value})
    text = str(bad.value)
    assert text.startswith(f"KEYPOOL_{name}: ")
    assert says in text
    assert "\n" not in text


def test_a_pasted_secret_is_not_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in Settings.model_fields:
        variable = f"KEYPOOL_{name}".upper()
        with monkeypatch.context() as patched:
            patched.setenv(variable, "sk-Canary\u00a0Canary")
            try:
                read({variable: "sk-Canary\u00a0Canary"})
            except BadSettings as bad:
                assert "Canary" not in str(bad)  # noqa: PT017 - some settings take any text
            else:
                assert name == "kubeconfig"


@pytest.mark.parametrize(
    ("name", "nearest"),
    [
        ("KEYPOOL_NAMESPACEES", "KEYPOOL_NAMESPACES"),
        ("KEYPOOL_LOGLEVEL", "KEYPOOL_LOG_LEVEL"),
        ("KEYPOOL_PORT", "KEYPOOL_HTTP_PORT"),
        ("keypool_alow_private_endpoints", "KEYPOOL_ALLOW_PRIVATE_ENDPOINTS"),
    ],
)
def test_a_variable_that_nothing_reads_is_named_with_the_nearest_that_there_is(name: str, nearest: str) -> None:
    with pytest.raises(BadSettings, match=f"'{name}': there is no such setting; the nearest is {nearest} "):
        read({name: "8080"})


def test_what_a_kubelet_tells_of_services_and_what_the_lab_uses_is_no_setting() -> None:
    links = {
        "KEYPOOL_METRICS_SERVICE_HOST": "10.0.0.1",
        "KEYPOOL_METRICS_SERVICE_PORT": "8080",
        "KEYPOOL_METRICS_SERVICE_PORT_HTTP": "8080",
        "KEYPOOL_METRICS_PORT": "tcp://10.0.0.1:8080",
        "KEYPOOL_METRICS_PORT_8080_TCP": "tcp://10.0.0.1:8080",
        "KEYPOOL_METRICS_PORT_8080_TCP_ADDR": "10.0.0.1",
        "KEYPOOL_CACHE": "cache",
    }
    assert read({**links, "PATH": "/bin"}) == Settings()


def test_what_is_right_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    given = {"NAMESPACES": "team-a,b", "LOG_LEVEL": "debug", "HTTP_HOST": "::", "RESYNC": "60", "GRACE": ""}
    for name, value in given.items():
        monkeypatch.setenv(f"KEYPOOL_{name}", value)
    settings = read({f"KEYPOOL_{name}": value for name, value in given.items()})
    assert (settings.served, settings.log_level, settings.url) == (("team-a", "b"), "DEBUG", "http://[::]")
    assert (settings.resync, settings.grace) == (60.0, 30.0)


def test_a_proxy_is_read_whole_and_its_password_shown_nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    given = {
        "KEYPOOL_HTTPS_PROXY": "http://op%40team:can%3Aary@proxy.example.com:3128",
        "KEYPOOL_NO_PROXY": "gateway.ai.svc, .internal,10.0.0.0/8",
        "KEYPOOL_PROXY_RESOLVES": "true",
    }
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    settings = read(given)
    assert settings.proxy is not None
    assert (settings.proxy.url, settings.proxy.user) == ("http://proxy.example.com:3128", "op@team")
    assert settings.proxy.password.get_secret_value() == "can:ary"
    assert settings.proxy.resolves
    assert settings.proxy.bypass == ("gateway.ai.svc", ".internal", "10.0.0.0/8")
    shown = f"{settings!r}{settings.proxy!r}{settings.proxy.for_httpx!r}"
    encoded = settings.proxy.for_httpx.headers["Proxy-Authorization"].rpartition(" ")[2]
    assert not any(secret in shown for secret in ("can:ary", "can%3Aary", encoded))


@pytest.mark.parametrize(("host", "direct"), [("a.internal", True), ("internal", False), ("10.1.2.3", True)])
def test_what_bypasses_the_proxy(host: str, direct: bool) -> None:
    proxy = Proxy("http://proxy:1", bypass=parse_bypass(".internal,10.0.0.0/8"))
    assert proxy.serves(httpx.URL(f"https://{host}/v1")) is not direct


@pytest.mark.parametrize("host", ["xn--mnchen-3ya.example", "gateway.xn--mnchen-3ya.example"])
def test_a_name_of_other_letters_bypasses_the_proxy_as_endpoints_have_it(host: str) -> None:
    proxy = Proxy("http://proxy:1", bypass=parse_bypass("xn--mnchen-3ya.example"))
    assert not proxy.serves(httpx.URL(f"https://{host}/v1"))


@pytest.mark.parametrize("host", ["proxy", "10.0.0.1", "[fd00::1]", "a-b.c_d.example"])
def test_where_a_proxy_may_be(host: str) -> None:
    assert parse_proxy(f"http://{host}:3128").for_httpx.url.port == 3128


def test_settings_of_a_proxy_without_a_proxy_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KEYPOOL_NO_PROXY", "a.svc")
    with pytest.raises(BadSettings, match="need KEYPOOL_HTTPS_PROXY"):
        read({"KEYPOOL_NO_PROXY": "a.svc"})


def test_the_environments_own_proxy_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "NO_PROXY"):
        monkeypatch.setenv(name, "http://proxy.example.com:3128")
    assert Settings().proxy is None


WITHOUT_TRACEBACK = [
    "KEYPOOL_NAMESPACES=team-*",
    "KEYPOOL_LOG_LEVEL=verbose",
    "KEYPOOL_NAMSPACES=a",
    "KEYPOOL_CA_FILE=/nonexistent.pem",
    "KEYPOOL_HTTPS_PROXY=proxy",
    "SSL_CERT_FILE=/nonexistent.pem",
    "SSL_CERT_DIR=/nonexistent",
]


@pytest.mark.parametrize("variable", WITHOUT_TRACEBACK)
def test_the_process_ends_with_2_one_line_and_no_traceback(variable: str) -> None:
    name, _, value = variable.partition("=")
    argv = [sys.executable, "-m", "keypool"]
    run = subprocess.run(argv, env={name: value}, capture_output=True, text=True, timeout=60, check=False)
    assert run.returncode == 2
    assert run.stderr.count("\n") == 1
    assert run.stderr.startswith("keypool cannot start: ")


def test_every_setting_stands_in_the_table_of_the_docs() -> None:
    table = DOCUMENTS["settings.md"]()
    assert all(f"| `KEYPOOL_{name.upper()}` |" in table for name in Settings.model_fields)
    assert "(docs/settings.md)" in (ROOT / "README.md").read_text()


def test_lease_timings_that_do_not_fit_together_name_their_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KEYPOOL_LEASE_RETRY", "20")
    with pytest.raises(BadSettings, match=r"KEYPOOL_LEASE_RETRY: they are 15, 12 and 20 s$"):
        read(os.environ)
