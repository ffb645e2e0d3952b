"""The dashboard asks for nothing that a relay does not show."""

import asyncio
import json
import re
from pathlib import Path

import pytest

from tests.relay.mounted import Mounted, document
from tests.relay.served import relay
from tests.relay.upstream import CHAT, DONE, END, STREAM, Heard, chunk, delta, full, upstream

BOARD = json.loads((Path(__file__).parents[2] / "manifests/relay/dashboard/keypool-relays.json").read_text())
ASKED = [(panel["title"], target["expr"]) for panel in BOARD["panels"] for target in panel["targets"]]
_METRIC = re.compile(r"\b(?:keypool_relay|gen_ai_(?:server|client))_\w+")
_LABELS = re.compile(r"by \(([^)]*)\)|\{([^}]*)\}")


@pytest.fixture
async def shown(mounted: Mounted) -> str:
    """The metrics of a relay that has had a request, a stream and a failure."""

    async def answer(heard: Heard, writer: asyncio.StreamWriter) -> None:
        if b"stream" in heard.body:
            writer.write(STREAM + chunk(delta("one")) + chunk(DONE) + END)
        else:
            writer.write(full(b'{"error": {}}', "400 Bad Request") if b"odd" in heard.body else full(CHAT))

    async with upstream(answer) as provider:
        mounted.put(document([provider.url], {"chat-0": "sk-one"}))
        async with relay(mounted.path) as served:
            for asked in ({}, {"stream": True}, {"odd": True}):
                await served.ask(asked=asked)
            return await served.metrics()


async def test_every_series_of_the_dashboard_exists_with_the_labels_it_is_asked_by(shown: str) -> None:
    lacking = []
    for title, expression in ASKED:
        labels = {
            name
            for by, given in _LABELS.findall(expression)
            for name in re.findall(r"[a-z_]+(?=,|$|[=!])", by or given)
        }
        for metric in _METRIC.findall(re.sub(r"by \([^)]*\)", "", expression)):
            series = [line for line in shown.splitlines() if re.match(rf"{metric}[{{ ]", line)]
            if not any(labels <= set(re.findall(r'(\w+)="', line)) for line in series):
                lacking.append((title, metric, labels))
    assert ASKED
    assert lacking == []
