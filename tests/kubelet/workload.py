"""What runs in the workload's pod: it reads the mounted key anew for each request, and never tries again.

A machine that is too busy to answer in time says nothing about the key: that is counted apart.
"""

import http.client
import json
import pathlib
import sys
import time
import urllib.error
import urllib.request

FOLDER, PAUSE = pathlib.Path(sys.argv[1]), 0.1
QUESTION = json.dumps({"model": "deepseek-chat", "messages": [{"role": "user", "content": "Hello"}]}).encode()
sent, unanswered, refused = 0, 0, list[str]()
while True:
    url, key = (FOLDER / "baseURL").read_text(), (FOLDER / "apiKey").read_text()
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    request = urllib.request.Request(f"{url}/chat/completions", QUESTION, headers)  # noqa: S310
    sent += 1
    try:
        urllib.request.urlopen(request, timeout=10).read()  # noqa: S310
    except urllib.error.HTTPError as error:
        refused.append(str(error))
    except (OSError, http.client.HTTPException):
        unanswered += 1
    figures = {"sent": sent, "unanswered": unanswered, "refused": len(refused), "why": refused[-3:]}
    print(json.dumps(figures), flush=True)  # noqa: T201
    time.sleep(PAUSE)
