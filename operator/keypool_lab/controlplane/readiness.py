"""One question to the API server: does it answer this path with 200?"""

import http.client
import ssl
from http import HTTPStatus
from pathlib import Path

ANSWER_SECONDS = 2.0


def answers_ok(port: int, ca_path: Path, token: str, path: str) -> bool:
    """Whether GET `path` is answered with 200; False while there is no server, or no certificate to trust yet."""
    try:
        context = ssl.create_default_context(cafile=str(ca_path))
        connection = http.client.HTTPSConnection("127.0.0.1", port, timeout=ANSWER_SECONDS, context=context)
        try:
            connection.request("GET", path, headers={"Authorization": f"Bearer {token}"})
            return connection.getresponse().status == HTTPStatus.OK
        finally:
            connection.close()
    except (OSError, http.client.HTTPException):
        return False
