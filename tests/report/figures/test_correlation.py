"""The rank correlation of supernets: which pairs are found, and what the figure states."""

from __future__ import annotations

import pytest

from nas.errors import NasError
from nas.report.figures.correlation import (
    ScorePair,
    find_score_pairs,
    rank_correlation_figure,
    read_score_pairs,
)


def test_the_scatter_has_a_point_a_pair_and_tau_with_n() -> None:
    pairs = [{"supernet": 30 + i, "trained": 31 + (i ^ 1), "genotype": f"g{i}"} for i in range(6)]
    figure = rank_correlation_figure(pairs)
    assert len(figure.axes[0].collections[0].get_offsets()) == 6
    title = figure.axes[0].get_title(loc="left")
    assert title.startswith("tau +0.60 [") and title.endswith("n = 6")
    two = rank_correlation_figure([{**p, "arm": "ab"[i % 2]} for i, p in enumerate(pairs)])
    assert [len(a.collections[0].get_offsets()) for a in two.axes] == [3, 3], "a panel a supernet"
    assert [a.get_title(loc="left")[0] for a in two.axes] == ["a", "b"]
    with pytest.raises(NasError, match="at least two"):
        rank_correlation_figure(pairs[:1])


def test_pairs_are_found_in_statistics_and_odd_ones_left_out() -> None:
    assert read_score_pairs([(1.0, 2.0), {"x": 1.0, "y": None}, "ab", 3]) == [ScorePair(1.0, 2.0)]
    ranking = [{"arm": "darts", "seed": 2, "pairs": [{"supernet": 1.0, "trained": 2.0}]}]
    assert find_score_pairs({"arms": [], "ranking": ranking}) == [ScorePair(1.0, 2.0, "darts, seed 2")]
    assert find_score_pairs({"a": 1}) == []
