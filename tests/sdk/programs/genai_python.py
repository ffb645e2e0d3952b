"""Google's SDK for Python: GOOGLE_GEMINI_BASE_URL and GEMINI_API_KEY are read by the SDK itself."""

from driver import RETRIES, run
from google import genai
from google.genai import types

once = types.HttpOptions(retry_options=types.HttpRetryOptions(attempts=1))
client = genai.Client() if RETRIES == "default" else genai.Client(http_options=once)


def plain(said: str) -> str:
    """Generated content."""
    return client.models.generate_content(model="m", contents=said).text or ""


def streaming(said: str) -> str:
    """The same in parts."""
    return "".join(part.text or "" for part in client.models.generate_content_stream(model="m", contents=said))


run({"plain": plain, "streaming": streaming})
