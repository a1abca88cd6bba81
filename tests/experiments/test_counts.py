"""Numbers of runs that no experiment has are refused before anything is made of them."""

from __future__ import annotations

import pytest

from tests.cli.running import run

COMMANDS = (
    "search --space jsm --task sr_x2 --control random --seeds",
    "ablate --space jsm --task sr_x2 --seeds",
    "noise --space jsm --task sr_x2 --seeds",
    "noise --space jsm --task sr_x2 --genotypes",
)


@pytest.mark.parametrize("words", COMMANDS)
@pytest.mark.parametrize("count", ["10001", "1000000000", "9" * 30, "9" * 400])
def test_an_enormous_number_is_wrong_use(words: str, count: str, capsys: pytest.CaptureFixture[str]) -> None:
    ended = run(capsys, *words.split(), count)
    assert ended.code == 2 and ("10,000 at most" if len(count) < 19 else "no option accepts more than 18") in ended.err
