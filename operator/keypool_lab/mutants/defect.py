"""A defect: one place in the code, and what would be wrong there."""

from dataclasses import dataclass
from pathlib import Path


class Misplaced(Exception):
    """The text that a defect replaces does not stand in its file just once: the code has moved on, adapt the defect."""


@dataclass(frozen=True, slots=True)
class Defect:
    """`name` says what goes wrong. In `file` (below operator/keypool), `right` becomes `wrong`. `tests`, quickest
    first, are files or test ids of which one has to fail."""

    name: str
    file: str
    right: str
    wrong: str
    tests: tuple[str, ...]

    def sow(self, root: Path) -> None:
        """Alters the copy of the repository in `root`. Raises Misplaced."""
        path = root / "operator" / "keypool" / self.file
        text = path.read_text()
        if (found := text.count(self.right)) != 1:
            raise Misplaced(f"{self.name}: what it replaces stands {found} times in {self.file}")
        path.write_text(text.replace(self.right, self.wrong))
