"""The pod that a relay reports for: its environment, and the files with its token."""

from pathlib import Path

import pytest

from keypool_client.relay.apiserver import LONGEST_WHY, sentence
from keypool_client.relay.pod import NoAccess, Pod
from keypool_client.relay.settings import BadSettings, Settings

ENVIRON = {
    "KEYPOOL_RELAY_REPORT": "/var/run/secrets/keypool.dev/report",
    "KEYPOOL_POD_NAME": "web-0",
    "KEYPOOL_POD_UID": "4f0e2c1a-0000-4000-8000-000000000000",
    "KUBERNETES_SERVICE_HOST": "10.96.0.1",
    "KUBERNETES_SERVICE_PORT": "443",
}
# A certificate is read whether it is still valid or not.
FILES = {"namespace": "team-a", "token": "header.payload.signature", "ca.crt": ""}


def test_without_the_folder_nothing_is_asked_of_the_environment() -> None:
    assert Settings.read({}).report == ""


def test_with_all_that_is_needed_it_starts() -> None:
    assert Settings.read(ENVIRON).report == "/var/run/secrets/keypool.dev/report"


@pytest.mark.parametrize(
    ("name", "value", "right"),
    [
        ("KEYPOOL_POD_NAME", "", "metadata.name"),
        ("KEYPOOL_POD_NAME", "../secrets/admin", "metadata.name"),
        ("KEYPOOL_POD_NAME", "web\n", "metadata.name"),
        ("KEYPOOL_POD_NAME", "w" * 254, "metadata.name"),
        ("KEYPOOL_POD_UID", "", "metadata.uid"),
        ("KEYPOOL_POD_UID", "u" * 129, "metadata.uid"),
        ("KUBERNETES_SERVICE_HOST", "", "the API server's address"),
        ("KUBERNETES_SERVICE_HOST", "a@b", "the API server's address"),
        ("KUBERNETES_SERVICE_PORT", "https", "the API server's port"),
        ("KEYPOOL_RELAY_REPORT", "report", "an absolute path"),
        ("KEYPOOL_RELAY_REPORT", "/a\n/b", "the absolute path"),
    ],
)
def test_what_is_missing_or_wrong_ends_the_start_with_a_sentence(name: str, value: str, right: str) -> None:
    with pytest.raises(BadSettings, match=f"^{name} must be ") as raised:
        Settings.read(ENVIRON | {name: value})
    assert right.removeprefix("an ") in str(raised.value)
    assert str(raised.value).count("\n") == 0


@pytest.mark.parametrize(
    ("host", "server"),
    [
        ("10.96.0.1", "https://10.96.0.1:443"),
        ("fd00::1", "https://[fd00::1]:443"),
        ("api.example", "https://api.example:443"),
    ],
)
def test_the_api_server_is_that_of_the_environment_in_both_families(host: str, server: str) -> None:
    pod = Pod.of("/report", ENVIRON | {"KUBERNETES_SERVICE_HOST": host})
    assert pod.url("team-a") == f"{server}/apis/keypool.dev/v1alpha1/namespaces/team-a/keyholders/web-0"


@pytest.mark.parametrize(
    ("file", "content", "why"),
    [
        ("namespace", None, "namespace cannot be read (no such file or directory)"),
        ("namespace", b"team a", "the name of the pod's namespace"),
        ("namespace", b"../kube-system", "the name of the pod's namespace"),
        ("token", b"", "token must hold a token"),
        ("token", b"sk-canary\nX-Header: 1", "token must hold a token"),
        ("token", b"\xff\xfe", "token must hold a token"),
        ("token", b"t" * 300_000, "token is larger than"),
        ("ca.crt", b"sk-canary", "ca.crt must hold the API server's authority"),
        ("ca.crt", b"", "ca.crt must hold the API server's authority"),
    ],
)
def test_a_file_that_cannot_be_used_is_named_and_never_repeated(
    file: str, content: bytes | None, why: str, tmp_path: Path
) -> None:
    for name, text in FILES.items():
        (tmp_path / name).write_text(text)
    (tmp_path / file).unlink()
    if content is not None:
        (tmp_path / file).write_bytes(content)
    with pytest.raises(NoAccess) as raised:
        Pod.of(str(tmp_path), ENVIRON).access()
    assert why in str(raised.value)
    assert "sk-canary" not in str(raised.value)


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (b'{"message": "keyholders is\\nforbidden\\u001b[31m"}', "keyholders is forbidden [31m"),
        (b'{"message": 1}', ""),
        (b"[]", ""),
        (b"<html>", ""),
        (b"[" * 100_000, ""),
        (b"\xff", ""),
    ],
)
def test_what_the_api_server_says_is_a_line_or_nothing(raw: bytes, said: str) -> None:
    assert sentence(raw) == said


def test_what_the_api_server_says_is_bounded() -> None:
    assert len(sentence(b'{"message": "' + b"x" * 60_000 + b'"}')) == LONGEST_WHY
