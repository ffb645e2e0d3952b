"""Anthropic's SDK for Python: ANTHROPIC_BASE_URL and ANTHROPIC_API_KEY are read by the SDK itself."""

from anthropic import Anthropic
from driver import RETRIES, run

client = Anthropic() if RETRIES == "default" else Anthropic(max_retries=int(RETRIES))


def plain(said: str) -> str:
    """A message."""
    answer = client.messages.create(model="m", max_tokens=99, messages=[{"role": "user", "content": said}])
    return answer.content[0].text


def streaming(said: str) -> str:
    """The same in events."""
    with client.messages.stream(model="m", max_tokens=99, messages=[{"role": "user", "content": said}]) as stream:
        return "".join(stream.text_stream)


run({"plain": plain, "streaming": streaming})
