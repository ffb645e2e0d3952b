"""OpenAI's SDK for Python, as its README shows it: OPENAI_BASE_URL and OPENAI_API_KEY are read by the SDK itself."""

from driver import RETRIES, run
from openai import OpenAI

client = OpenAI() if RETRIES == "default" else OpenAI(max_retries=int(RETRIES))


def plain(said: str) -> str:
    """A chat completion."""
    answer = client.chat.completions.create(model="deepseek-chat", messages=[{"role": "user", "content": said}])
    return answer.choices[0].message.content or ""


def streaming(said: str) -> str:
    """The same in chunks."""
    chunks = client.chat.completions.create(
        model="deepseek-chat", messages=[{"role": "user", "content": said}], stream=True
    )
    return "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)


run({"plain": plain, "streaming": streaming})
