"""What the folder of a run holds; a damaged part does not keep the others from being read."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from nas.documents import parse_yaml, read_json, read_text
from nas.errors import NasError
from nas.evaluation.rows import EvaluationRow, read_rows
from nas.files import resolved
from nas.train.events import EVENTS, EventLog, read_log, read_timing
from nas.train.notebook import run_html

if TYPE_CHECKING:
    from nas.space import Genotype, Space

T = TypeVar("T")
LONGEST_CONFIG = 200_000  # characters


@dataclass
class RunFolder:
    """The readable parts of a run; what is absent or damaged is empty. A notebook shows them as a table with drawings.

    Attributes:
        folder: The folder.
        settings: Its config.yaml as a tree.
        config: Its config.yaml as text.
        finished: Whether the run came to its end.
        events: Lines of its events.jsonl, in order.
        timing: Lines of its timing.jsonl, in order.
        rows: Its evaluation rows.
        genotype: What a search found.
        edges: For each cell the names of its edges ("0→1"), in the order of its architecture weights; empty where
            the space is unknown.
        candidates: For each cell the names of its blocks, in the order of a row of these weights; empty likewise.
        unselectable: For each cell those of its candidates that can never be chosen.
        problems: A sentence for each damaged part.
    """

    folder: Path
    settings: Mapping[str, Any] = field(default_factory=dict)
    config: str = ""
    finished: bool = False
    events: list[dict[str, Any]] = field(default_factory=list)
    timing: list[dict[str, Any]] = field(default_factory=list)
    rows: list[EvaluationRow] = field(default_factory=list)
    genotype: Genotype | None = None
    edges: dict[str, Sequence[str]] = field(default_factory=dict)
    candidates: dict[str, Sequence[str]] = field(default_factory=dict)
    unselectable: dict[str, Sequence[str]] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)

    @property
    def names(self) -> dict[str, Any]:
        """What figures call cells, edges and candidates: the keywords of ``nas.report.figures.search``."""
        return {"candidates": self.candidates, "edges": self.edges, "unselectable": self.unselectable}

    @property
    def name(self) -> str:
        """The name of the folder."""
        return resolved(self.folder).name

    @property
    def kind(self) -> str:
        """``search``, ``retrain``, or empty where it is unknown."""
        return str(self.settings.get("kind") or "")

    @property
    def total(self) -> int | None:
        """Steps of the whole run, or its trials where a step is a trial; None where it is unknown."""
        trials = self.setting("search", "trials")
        if self.kind == "search" and isinstance(trials, int) and any(e.get("kind") == "trial" for e in self.events):
            return trials
        steps = self.setting("train", "steps")
        return steps if isinstance(steps, int) and steps > 0 else None

    def _repr_html_(self) -> str:
        """What a notebook shows: where the run stands, its main settings, its curve and the cell that it found."""
        steps = [e["step"] for e in self.events if isinstance(e.get("step"), int)]
        done = f"{max(steps, default=0)} of {self.total}" if self.total else max(steps, default=0)
        facts = [("run", self.kind or "unknown"), ("state", "finished" if self.finished else "not finished")]
        facts += [("steps done", str(done)), *(("problem", problem) for problem in self.problems)]
        return run_html(str(self.folder), facts, self.settings, self.events, self.genotype)

    def setting(self, *path: str) -> Any:
        """One setting by its path, as ``setting("train", "steps")``; None where it is absent."""
        value: Any = self.settings
        for part in path:
            value = value.get(part) if isinstance(value, Mapping) else None
        return value

    def last(self, kind: str) -> dict[str, Any]:
        """The last event of a kind, or an empty one."""
        return next((e for e in reversed(self.events) if e.get("kind") == kind), {})


def read_run(folder: str | Path) -> RunFolder:
    """Read what there is in the folder of a run; damage is named in ``problems``.

    Args:
        folder: The folder, of a run that is finished, going on or broken off.

    Returns:
        Its readable parts.

    Raises:
        NasError: There is no such folder.
    """
    path = Path(folder)
    if not path.is_dir():
        raise NasError(
            f"there is no run folder {str(path)!r}; give the folder that 'nas search' or 'nas retrain' wrote"
        )
    run = RunFolder(path)
    run.finished = (path / "summary.json").is_file()
    log = attempt(EVENTS, run.problems, lambda: read_log(path / EVENTS)) or EventLog([], [])
    run.events, damage = log.events, log.damage(path / EVENTS)
    run.problems += [damage] if damage else []
    run.timing = attempt("timing.jsonl", run.problems, lambda: read_timing(path)) or []
    if os.path.lexists(path / "rows.csv"):
        run.rows = attempt("rows.csv", run.problems, lambda: read_rows(path / "rows.csv")) or []
    if os.path.lexists(path / "genotype.json"):
        from nas.space import Genotype

        run.genotype = attempt("genotype.json", run.problems, lambda: Genotype.load(path / "genotype.json"))
    if os.path.lexists(path / "config.yaml"):
        text = attempt("config.yaml", run.problems, lambda: read_text(path / "config.yaml")) or ""
        run.config = text if len(text) < LONGEST_CONFIG else text[:LONGEST_CONFIG] + "\n... (cut here)"
        tree = attempt("config.yaml", run.problems, lambda: parse_yaml(text, "config.yaml"))
        run.settings = tree if isinstance(tree, Mapping) else {}
    space = _space(run)
    if space is not None:
        from nas.space.open_cells import selectable

        for name, cell in space.cells.items():
            run.edges[name] = [f"{edge.source}→{edge.target}" for edge in cell.edges]
            run.candidates[name] = cell.edges[0].candidates if cell.edges else ()
            chosen = selectable(cell)[0] if cell.edges else ()
            run.unselectable[name] = [block for block in run.candidates[name] if block not in chosen]
    return run


def attempt(what: str, problems: list[str], make: Callable[[], T]) -> T | None:
    """Make one part of a report.

    Args:
        what: Name of the part, for people.
        problems: Gets a sentence on why the part could not be made.
        make: What makes it.

    Returns:
        The part, or None where making it failed.
    """
    try:
        return make()
    except (NasError, OSError, ValueError) as error:
        problems.append(f"{what} could not be shown: {error}")
        return None


def _space(run: RunFolder) -> Space | None:
    """The space that the run searched, from its document beside the run or by its name; None where it is unknown here.

    It is needed for names alone: without it figures number edges and candidates.
    """
    from nas.space import load_space, space_from_document

    document = run.folder / "space.json"
    if os.path.lexists(document):
        found = attempt("space.json", run.problems, lambda: space_from_document(read_json(document)))
        if found is not None:
            return found
    settings = run.settings
    try:
        return load_space(settings["space"], preset=settings.get("preset")) if settings.get("space") else None
    except (NasError, OSError, TypeError, KeyError, ValueError):
        return None
