"""Each setting is checked at the start: what is wrong ends it with one line that says what would be right."""

import subprocess
import sys
from pathlib import Path

import pytest

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
    "a boolean that is none": ("ALLOW_PRIVATE_ENDPOINTS", "maybe", 'write "true" or "false"'),
    "a duration with a unit": ("RESYNC", "5m", "without a unit"),
    "an endless duration": ("RESYNC", "inf", 'such as "30"'),
    "no number at all": ("LEASE_DURATION", "nan", 'such as "30"'),
    "a negative duration": ("GRACE", "-1", "greater than or equal to 0"),
    "no duration": ("LEASE_RETRY", "0", "greater than 0"),
    "no workers": ("WORKERS", "0", "greater than or equal to 1"),
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


@pytest.mark.parametrize("variable", ["KEYPOOL_NAMESPACES=team-*", "KEYPOOL_LOG_LEVEL=verbose", "KEYPOOL_NAMSPACES=a"])
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
