"""Evaluation rows as tables: a line a model, a column a set, with ranks and remarks.

Grouping, ranking and pivoting are done on DataFrames; ``nas.report.table_formats`` writes the tables as text.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial as partial_function
from typing import TYPE_CHECKING, Literal

from nas.errors import NasError
from nas.evaluation.rows import EvaluationRow, EvaluationRows
from nas.report.figures.numbers import format_psnr
from nas.report.published import is_published, published_mask

if TYPE_CHECKING:
    import pandas as pd

#: images of the whole sets; published numbers are of these, and a row of fewer is marked and not ranked
SET_SIZES = {
    "Set5": 5,
    "Set14": 14,
    "B100": 100,
    "Urban100": 100,
    "Manga109": 109,
    "Set12": 12,
    "BSD68": 68,
    "CBSD68": 68,
    "Kodak24": 24,
    "McMaster": 18,
    "Classic5": 5,
    "LIVE1": 29,
    "Rain100H": 100,
    "Rain100L": 100,
    "SOTS": 500,
}
PARTIAL_NOTE = "(n of m): measured on n of the m images of that set, and not ranked."
EXACT_NOTE = (
    "(n exact): n images are restored exactly, so that their PSNR is infinite; the mean is over the others, and not "
    "ranked."
)
DAGGER = "†"
Rank = Literal["best", "second", ""]
#: metric -> digits that are printed, on which lines are ranked
RANKED_DIGITS = {"psnr": 2, "ssim": 4}
#: what makes two rows lines of their own, beside the protocol where one line has several results on a set
IDENTITY = ["model", "source", "genotype", "weights", "training", "seed"]


@dataclass
class Line:
    """One model of a table.

    Attributes:
        label: Its name, with what distinguishes it from other lines of that name.
        published: Whether its numbers are from a paper.
        source: "measured", or "published: <paper, table>".
        cells: Set -> its row.
    """

    label: str
    published: bool
    source: str
    cells: dict[str, EvaluationRow] = field(default_factory=dict)

    def first(self, name: str) -> int | None:
        """The first known value of ``parameters`` or ``multiply_adds`` among the cells."""
        return next((v for r in self.cells.values() if (v := getattr(r, name)) is not None), None)


@dataclass
class Table:
    """Lines over sets for one task, measured lines before published ones.

    Attributes:
        task: Name of the task.
        sets: Names of the columns.
        lines: The models.
        results: One line for each number of the table: ``line`` (number of its line), the fields of its row,
            ``published``, ``partial``, ``psnr_rank`` and ``ssim_rank``; in the order of the lines.
        protocols: Of the measured lines, in the order in which they appear.
        lettered_sets: Sets with measured results by several protocols, which are marked with letters.
    """

    task: str
    sets: list[str]
    lines: list[Line]
    results: pd.DataFrame
    protocols: list[str]
    lettered_sets: frozenset[str]
    _ranks: dict[tuple[int, str], tuple[Rank, Rank]]

    def rank(self, line: int, set: str, metric: str) -> Rank:
        """Say how a line compares with the others on a set.

        Args:
            line: Its number.
            set: Name of the set.
            metric: "psnr" or "ssim".

        Returns:
            "best", "second" or empty.
        """
        psnr, ssim = self._ranks.get((line, set), ("", ""))
        return psnr if metric == "psnr" else ssim

    def remark(self, row: EvaluationRow) -> str:
        """What follows the numbers of a measured result: "(20 of 100, b)" for a part of a set and its protocol."""
        words = []
        if is_partial(row):
            words.append(f"{row.images} of {SET_SIZES[row.set]}")
        if row.exact and row.psnr is not None:
            words.append(f"{row.exact} exact")
        if row.set in self.lettered_sets and not is_published(row):
            words.append(self.letter(row.protocol))
        return f" ({', '.join(words)})" if words else ""

    def letter(self, protocol: str) -> str:
        """The letter by which a protocol is marked."""
        return chr(ord("a") + self.protocols.index(protocol) % 26)

    def explained(self) -> str:
        """All protocols in words, with their letters where the table uses them."""
        known = [p for p in self.protocols if p]
        return "; ".join(f"({self.letter(p)}) {p}" if self.lettered_sets else p for p in known)

    @property
    def has_partial(self) -> bool:
        """Whether any result is of a part of a set."""
        return bool(self.results["partial"].any())

    @property
    def has_exact(self) -> bool:
        """Whether any result leaves out images that are restored exactly."""
        return bool((self.results["exact"].fillna(0) > 0).any())

    @property
    def sources(self) -> list[str]:
        """Where the published lines come from, without the word "published"."""
        return list(dict.fromkeys(x.source.partition(":")[2].strip() for x in self.lines if x.published))

    @property
    def cost_outputs(self) -> list[str]:
        """The different output sizes of all multiply-adds that are known."""
        return [str(s) for s in self.results.loc[self.results["multiply_adds"].notna(), "cost_output"].unique()]


def make_tables(rows: Iterable[EvaluationRow], sets: Sequence[str] | None = None) -> list[Table]:
    """Make one table a task.

    A line is one model under one source, genotype, weights, training and seed; after equal names what differs follows
    in parentheses. Results of one line on one set by several protocols are on lines of their own. Ranks are over all
    lines, published ones included, on the printed digits; equal values share a rank. A column with several protocols
    has no ranks, nor has a result on a part of a set (``SET_SIZES``).

    Args:
        rows: Measured and published rows.
        sets: Which columns there are, in which order; None takes all in the order of the rows.

    Returns:
        The tables in the order in which the tasks appear.

    Raises:
        NasError: Two rows of one line, set and protocol differ, so that the table would have to choose.
    """
    rows = EvaluationRows(rows)
    frame = rows.frame()
    frame["published"] = published_mask(frame)
    found = []
    for task, members in frame.groupby("task", sort=False):
        columns = list(sets) if sets is not None else list(members["set"].unique())
        found.append(_table(str(task), columns, members[members["set"].isin(columns)], rows))
    return found


def is_partial(row: EvaluationRow) -> bool:
    """Whether a measured row is of fewer images than the set of that name has."""
    return not is_published(row) and row.images is not None and row.images < SET_SIZES.get(row.set, 0)


def psnr_text(row: EvaluationRow) -> str:
    """The PSNR of a row as printed: "exact" where all images are restored exactly, empty where it is unknown."""
    return "exact" if row.psnr is None and row.exact else format_psnr(row.psnr)


def _table(task: str, sets: list[str], members: pd.DataFrame, rows: Sequence[EvaluationRow]) -> Table:
    """The table of one task; the index of ``members`` are positions in ``rows``."""
    results = _in_lines(members, task, rows)
    heads = results.drop_duplicates("line")
    lines = [
        Line(label, published, source)
        for label, published, source in zip(_labels(heads), heads["published"], heads["source"], strict=True)
    ]
    for position, line, name in zip(results.index, results["line"], results["set"], strict=True):
        lines[line].cells[name] = rows[position]
    protocols = results.loc[~results["published"]].groupby("set")["protocol"].nunique()
    lettered = frozenset(protocols.index[protocols > 1])
    results = _ranked(results, lettered)
    ranks = zip(results["psnr_rank"], results["ssim_rank"], strict=True)
    return Table(
        task,
        sets,
        lines,
        results,
        list(results.loc[~results["published"], "protocol"].unique()),
        lettered,
        dict(zip(zip(results["line"], results["set"], strict=True), ranks, strict=True)),
    )


def _in_lines(members: pd.DataFrame, task: str, rows: Sequence[EvaluationRow]) -> pd.DataFrame:
    """The rows that the table shows, with the number of their line, in the order of the lines."""
    results = members.copy()
    identity = results.groupby(IDENTITY, sort=False, dropna=False).ngroup()
    first_protocol = results.groupby([identity, "set"])["protocol"].transform("first")
    # results by the first protocol of a set are on the line itself, those by every other on a line of their own
    results["apart"] = results["protocol"].where(results["protocol"] != first_protocol, "")
    results["line"] = results.groupby([identity, "apart"], sort=False).ngroup()
    _refuse_contradictions(results, task, rows)
    results = results.drop_duplicates(["line", "set"])
    heads = results.drop_duplicates("line").sort_values("published", kind="stable")
    results["line"] = results["line"].map({line: number for number, line in enumerate(heads["line"])})
    return results.sort_values("line", kind="stable")


def _refuse_contradictions(results: pd.DataFrame, task: str, rows: Sequence[EvaluationRow]) -> None:
    """Raise NasError where two rows of one line and set have different scores."""
    scores = results[list(RANKED_DIGITS)]
    first_positions = results.index.to_series().groupby([results["line"], results["set"]]).transform("first")
    first = scores.loc[first_positions].set_axis(results.index)
    differs = (scores.ne(first) & ~(scores.isna() & first.isna())).any(axis=1)
    if differs.any():
        position = int(results.index[differs][0])
        row, other = rows[position], rows[int(first_positions.loc[position])]
        raise NasError(
            f"{row.model!r} has two results on {row.set} for {task} ({other.psnr} and {row.psnr} dB); "
            "keep one of the two rows, or give their 'weights' or 'training' different names"
        )


def _labels(heads: pd.DataFrame) -> list[str]:
    """The names of the lines; where several lines have one name, what differs follows in parentheses."""
    seeds = heads["seed"].astype("string").fillna("").astype(str)
    keys = heads[[*IDENTITY, "apart"]].assign(seed=seeds)
    several = keys.drop(columns="model").groupby([heads["model"], heads["published"]]).transform("nunique") > 1
    words = {
        "source": keys["source"].map(lambda text: text.partition(":")[2].strip()),
        "genotype": keys["genotype"].str[:8],
        "weights": keys["weights"].map(lambda text: text.replace("\\", "/").rsplit("/", 1)[-1]),
        "training": keys["training"],
        "seed": keys["seed"].map(lambda text: f"seed {text}" if text else ""),
        # the name of a protocol, or what was done to the image: "tiles 128+32"
        "apart": keys["apart"].map(lambda text: text.partition(":")[0] if ":" in text else text.rpartition(", ")[2]),
    }
    columns = [words[name].where(several[name], "") for name in words]
    labels = []
    for model, *parts in zip(heads["model"], *columns, strict=True):
        known = [part for part in parts if part]
        labels.append(f"{model} ({', '.join(known)})" if known else model)
    return labels


def _ranked(results: pd.DataFrame, lettered: frozenset[str]) -> pd.DataFrame:
    """The results with the columns ``partial``, ``psnr_rank`` and ``ssim_rank``; a PSNR of some images has no rank."""
    import pandas as pd

    whole = results["set"].map(SET_SIZES)
    partial = (results["images"] < whole).fillna(False).astype(bool) & ~results["published"]
    found = results.assign(partial=partial)
    for metric, digits in RANKED_DIGITS.items():
        some = partial | ((results["exact"].fillna(0) > 0) & (metric == "psnr"))
        values = results.loc[~some & ~results["set"].isin(lettered), metric].dropna()
        # by Python's round, which agrees with what is printed where numpy's does not (8.345)
        values = values.map(partial_function(round, ndigits=digits))
        by_set = values.groupby(results["set"])
        place = by_set.rank(method="dense", ascending=False)
        place = place[by_set.transform("size") > 1]  # the best of one says nothing
        names = place.map({1.0: "best", 2.0: "second"}).dropna()
        found[f"{metric}_rank"] = pd.Series(names, dtype=object).reindex(results.index, fill_value="")
    return found
