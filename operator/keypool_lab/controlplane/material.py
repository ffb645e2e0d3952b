"""The files a control plane is started with: keys, tokens, configuration. Everything is made anew for each one."""

import base64
import json
import secrets
from pathlib import Path

ADMIN = "keypool-lab-admin"
# OBJECT IDENTIFIER 1.2.840.10045.3.1.7 (prime256v1), DER
_P256 = bytes.fromhex("06082a8648ce3d030107")
_P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


def signing_key() -> str:
    """A fresh P-256 private key in PEM (RFC 5915), without the optional public half, which Go derives.

    So neither openssl nor a cryptography package is needed to sign service account tokens.
    """
    scalar = (secrets.randbelow(_P256_ORDER - 1) + 1).to_bytes(32, "big")
    body = b"\x02\x01\x01" + b"\x04\x20" + scalar + b"\xa0" + bytes([len(_P256)]) + _P256
    encoded = base64.b64encode(b"\x30" + bytes([len(body)]) + body).decode()
    lines = "\n".join(encoded[i : i + 64] for i in range(0, len(encoded), 64))
    return f"-----BEGIN EC PRIVATE KEY-----\n{lines}\n-----END EC PRIVATE KEY-----\n"


def encryption_at_rest() -> str:
    """An EncryptionConfiguration that encrypts every Secret with a fresh key (XSalsa20-Poly1305)."""
    key = {"name": "lab", "secret": base64.b64encode(secrets.token_bytes(32)).decode()}
    return json.dumps(
        {
            "apiVersion": "apiserver.config.k8s.io/v1",
            "kind": "EncryptionConfiguration",
            "resources": [{"resources": ["secrets"], "providers": [{"secretbox": {"keys": [key]}}]}],
        }
    )


def kubeconfig(url: str, ca_path: Path, user: str, token: str) -> str:
    """A kubeconfig (JSON is YAML) for one user who authenticates with a token."""
    return json.dumps(
        {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "lab", "cluster": {"server": url, "certificate-authority": str(ca_path)}}],
            "users": [{"name": user, "user": {"token": token}}],
            "contexts": [{"name": "lab", "context": {"cluster": "lab", "user": user}}],
            "current-context": "lab",
        },
        indent=1,
    )


def write_private(path: Path, text: str) -> Path:
    """Write a file that only its owner can read."""
    path.touch(mode=0o600)
    path.write_text(text)
    return path


def prepare(folder: Path, token: str) -> None:
    """Write what kube-apiserver reads when it starts."""
    write_private(folder / "service-accounts.key", signing_key())
    write_private(folder / "encryption.json", encryption_at_rest())
    write_private(folder / "tokens.csv", f'{token},{ADMIN},{ADMIN},"system:masters"\n')
