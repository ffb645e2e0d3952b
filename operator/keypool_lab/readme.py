"""The README's generated parts: the tables of fields, conditions and reasons, and the recorded run of the demo.

They stand between markers such as `<!-- fields -->` and `<!-- /fields -->`. `python -m keypool_lab.readme` writes them
anew; a test fails when they differ.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from keypool.api.crd import cluster_provider_crd, pool_crd, provider_crd
from keypool.core.advice import ADVICE
from keypool.core.reasons import MEANING, Reason

DEMO_TAIL = "Each key's life"
"""The README shows the demo's output from this line on."""
QUIET = ("Nothing to do.", "Event: ")
"""Begin the advice of reasons that ask for nothing."""
NOTHING = "Nothing to do (those of Events are explained in [docs/conditions.md](docs/conditions.md))"


def fill(text: str, parts: dict[str, str]) -> str:
    """The text with each marked part replaced. Raises KeyError for a part that has no markers."""
    for name, body in parts.items():
        start, end = f"<!-- {name} -->\n", f"<!-- /{name} -->"
        if start not in text or end not in text:
            raise KeyError(name)
        text = text[: text.index(start) + len(start)] + body.strip() + "\n" + text[text.index(end) :]
    return text


def parts(recorded_demo: str) -> dict[str, str]:
    """All generated parts by the name of their marker."""
    tail = recorded_demo[recorded_demo.index(DEMO_TAIL) :].rstrip()
    return {
        "demo": f"```\n{tail}\n```",
        "fields": f"`ApiKeyPool`:\n\n{fields(pool_crd())}\n\n`KeyProvider`:\n\n{fields(provider_crd())}\n\n"
        f"`ClusterKeyProvider`: the same, and\n\n{fields(cluster_provider_crd(), 'tenants')}",
        "conditions": f"{conditions()}\n\n{reasons()}",
    }


def fields(crd: dict[str, Any], begin: str = "") -> str:
    """A table of the fields of a kind's spec that begin so, as its CRD has them; parents of fields are left out."""
    spec = crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]
    rows = [f"| `{path}` | {text} |" for path, text in _leaves(spec, "") if path.startswith(begin)]
    return "\n".join(["| field of `spec` | what it says, and what a change does |", "|---|---|", *rows])


def _leaves(schema: dict[str, Any], prefix: str) -> Iterator[tuple[str, str]]:
    for name, field in schema["properties"].items():
        children = field if "properties" in field else field.get("items", {})
        if children.get("properties"):
            yield from _leaves(children, f"{prefix}{name}{'[]' if 'items' in field else ''}.")
        else:
            yield f"{prefix}{name}", _in_a_cell(field["description"])


def _in_a_cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def conditions() -> str:
    """A table of the types of conditions."""
    rows = [f"| `{kind}` | {_in_a_cell(text)} |" for kind, text in MEANING.items()]
    return "\n".join(["| condition | what it says |", "|---|---|", *rows])


def reasons() -> str:
    """A table of all reasons that ask for something; the others by name."""
    asking = {reason: text for reason, text in ADVICE.items() if not text.startswith(QUIET)}
    quiet = ", ".join(f"`{reason}`" for reason in Reason if reason not in asking)
    rows = [f"| `{reason}` | {_in_a_cell(text)} |" for reason, text in asking.items()]
    return "\n".join(["| reason | what to do |", "|---|---|", *rows, "", f"{NOTHING}: {quiet}."])


def main(root: Path) -> None:
    """Writes the README's parts anew."""
    readme = root / "README.md"
    readme.write_text(fill(readme.read_text(), parts((root / "docs" / "demo.txt").read_text())))


if __name__ == "__main__":
    main(Path.cwd())
