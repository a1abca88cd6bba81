"""What was found of a data set: its pairs, what is wrong with some of them, and what was seen and not used."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from nas.data.pairs import Pair
from nas.errors import NasError, UsageError

#: how many offenders an error names; ``nas data check`` names them all
NAMED = 20
#: the setting that leaves out what cannot be used
SKIP = "--set data.skip_unfit=true"


@dataclass(frozen=True)
class Fault:
    """Why an image cannot be used.

    Attributes:
        file: The image.
        sentence: What is wrong, and how to mend it.
        kind: "partner", "twin" (shares its name with another), "file" (cannot be read), "size", "small", "grey" or
            "line" (of a list).
        pair: The pair that it spoils; None where it is in none.
    """

    file: Path
    sentence: str
    kind: str
    pair: Pair | None = None

    @property
    def item(self) -> str:
        """What cannot be used: the image, or the line of a list."""
        return self.sentence if self.kind == "line" else str(self.pair.target if self.pair else self.file)


@dataclass(frozen=True)
class Note:
    """What is allowed and good to know.

    Attributes:
        path: The file or folder.
        sentence: What there is to know.
        severity: "note", or "warning" where it is probably not meant.
        counted: Whether it counts files that ``nas data check`` names one by one.
    """

    path: Path
    sentence: str
    severity: str = "note"
    counted: bool = False


@dataclass
class Found:
    """A data set as it was found.

    Attributes:
        layout: One of ``nas.data.layouts.LAYOUTS``.
        root: Where it begins.
        pairs: The pairs about whose partners there is nothing wrong, sorted by name.
        unpaired: Clean images whose stored partner is missing while others have one.
        faults: Images that cannot be used.
        notes: What was seen and not used.
    """

    layout: str
    root: Path
    pairs: list[Pair] = field(default_factory=list)
    unpaired: list[Pair] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)

    def note(self, path: Path, sentence: str, severity: str = "note", counted: bool = False) -> None:
        """Add a note."""
        self.notes.append(Note(path, sentence, severity, counted))


def refuse(faults: Sequence[Fault], total: int, usage: bool = False, skip: str = SKIP) -> None:
    """Raise one error that names all offenders, if there are any.

    Args:
        faults: What is wrong.
        total: How many images there are, good and bad.
        usage: Whether the request is to blame (exit code 2) and not the files.
        skip: What leaves the offenders out; "" where nothing does.

    Raises:
        NasError: There is a fault.
        UsageError: There is a fault, and ``usage``.
    """
    if not faults:
        return
    raise (UsageError if usage else NasError)(_words(faults, total, f", or leave them out with {skip}" if skip else ""))


def _words(faults: Sequence[Fault], total: int, skip: str) -> str:
    if len(faults) == 1 and faults[0].kind != "partner":
        return faults[0].sentence + skip.replace("them", "it")
    files = list(dict.fromkeys(f.file for f in faults))
    count = len(faults) - NAMED
    more = f" and {count} more, which 'nas data check' names" if count > 0 else ""
    if {f.kind for f in faults} == {"partner"}:
        names = ", ".join(repr(f.name) for f in files[:NAMED])
        where = ", ".join(sorted({repr(str(f.parent)) for f in files})[:4])
        return (
            f"{len(files)} of {total} images have no partner: {names}{more} (in {where}); add the partners or remove "
            f"the images{skip}"
        )
    sentences = "; ".join(dict.fromkeys(f.sentence.rsplit("; ", 1)[0] for f in faults[:NAMED]))
    count = len({f.item for f in faults})
    return f"{count} of {total} images cannot be used: {sentences}{more}; mend or remove them{skip}"
