"""Quantities mean what people write, exactly, and nothing else passes for one."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nas.cli.quantities import (
    BINARY,
    DECIMAL,
    LARGEST,
    SECONDS,
    ImageSize,
    parse_bytes,
    parse_count,
    parse_duration,
    parse_milliseconds,
    parse_size,
)
from tests.cli.running import run

Parser = Callable[[str], object]
PARSERS = (parse_count, parse_bytes, parse_duration, parse_milliseconds, parse_size)
#: no quantity of any kind, but "12", which is no size
GARBAGE = (
    *("", " ", "k", "0", "0k", "-1", "-3k", "+3", "nan", "inf", "1e400", "1e99", "3 k", "3kk", "1,5", "0x10", "٣"),
    *("3µ", "1h1h", "1m1h", "h", "12", "1x", "x1", "0x0", "1x2x3", "3Ki3", "3 GiB", "--max-params"),
)
WHOLE = st.integers(1, LARGEST)


def in_units(number: int, factor: int) -> str:
    """A whole number in a unit of ``factor``, with as many decimal places as that takes."""
    return format((Decimal(number) / factor).normalize(), "f")


@given(WHOLE, st.sampled_from(list(DECIMAL)))
def test_a_count_in_any_unit_is_the_same_whole_number(number: int, unit: str) -> None:
    assert parse_count(in_units(number, DECIMAL[unit]) + unit) == number


@given(st.integers(1, 10**5), st.sampled_from([*DECIMAL.items(), *BINARY.items()]), st.sampled_from(["", "B"]))
def test_bytes_have_decimal_and_binary_units(number: int, unit: tuple[str, int], end: str) -> None:
    assert parse_bytes(f"{number}{unit[0]}{end}") == number * unit[1]


@given(st.floats(1e-6, 1e15))
def test_seconds_without_a_unit_or_with_s_are_that_number(seconds: float) -> None:
    written = format(Decimal(repr(seconds)), "f")
    assert parse_duration(written) == parse_duration(f"{written}s") == seconds


@given(st.fixed_dictionaries({unit: st.none() | st.integers(0, 10**6) for unit in SECONDS}))
def test_a_duration_is_the_sum_of_its_parts(parts: dict[str, int | None]) -> None:
    numbers = [(unit, parts[unit] or 0) for unit in SECONDS if parts[unit] is not None]
    written = "".join(f"{number}{unit}" for unit, number in numbers)
    seconds = sum(number * SECONDS[unit] for unit, number in numbers)
    if seconds:
        assert parse_duration(written) == seconds
    else:
        with pytest.raises(ValueError):
            parse_duration(written)


@given(st.integers(1, 10**6 - 1), st.integers(1, 10**6 - 1))
def test_a_size_is_read_as_it_is_printed(width: int, height: int) -> None:
    assert parse_size(str(ImageSize(width, height))) == ImageSize(width, height)


@given(st.floats(1e-6, 1e15))
def test_milliseconds_are_a_plain_number(value: float) -> None:
    assert parse_milliseconds(format(Decimal(repr(value)), "f")) == value


@pytest.mark.parametrize(
    ("parse", "text", "value"),
    [
        (parse_count, "300k", 300_000),
        (parse_count, "60G", 60_000_000_000),
        (parse_count, "1.5M", 1_500_000),
        (parse_count, "1e6", 1_000_000),
        (parse_count, "300_000", 300_000),
        (parse_bytes, "2G", 2 * 10**9),
        (parse_bytes, "2GiB", 2 * 2**30),
        (parse_bytes, "500MB", 500 * 10**6),
        (parse_duration, "90s", 90),
        (parse_duration, "10m", 600),
        (parse_duration, "1.5h", 5400),
        (parse_duration, "1h30m", 5400),
        (parse_duration, "2d", 172_800),
        (parse_milliseconds, "1e6", 1e6),
        (parse_size, "320x180", ImageSize(320, 180)),
    ],
)
def test_what_people_write_is_understood(parse: Parser, text: str, value: object) -> None:
    assert parse(text) == value


@pytest.mark.parametrize("parse", PARSERS)
@pytest.mark.parametrize("text", GARBAGE)
def test_garbage_is_refused_by_every_parser_that_it_is_not_a_quantity_of(parse: Parser, text: str) -> None:
    if text == "12" and parse is not parse_size:
        assert parse(text) == 12
        return
    with pytest.raises(ValueError):
        parse(text)


@given(st.text(max_size=12))
def test_any_text_is_a_positive_quantity_or_refused(text: str) -> None:
    for parse in (parse_count, parse_bytes, parse_duration, parse_milliseconds):
        try:
            value = parse(text)
        except ValueError:
            continue
        assert 0 < value < float("inf")


@pytest.mark.parametrize(
    ("words", "flag"),
    [
        (("search", "--max-params", "300x"), "--max-params '300x'"),
        (("search", "--max-macs", "-60G"), "--max-macs '-60G'"),
        (("search", "--max-latency", "0"), "--max-latency '0'"),
        (("derive", "run", "--max-params", ""), "--max-params ''"),
        (("retrain", "jsnet", "--time", "30min"), "--time '30min'"),
        (("ablate", "--time", "4x"), "--time '4x'"),
        (("evaluate", "bicubic", "--memory", "lots"), "--memory 'lots'"),
        (("profile", "jsnet", "--size", "12"), "--size '12'"),
        (("bench", "models", "bicubic", "--size", "0x9"), "--size '0x9'"),
    ],
)
def test_a_wrong_quantity_is_one_sentence_that_names_the_flag_and_code_2(
    words: tuple[str, ...], flag: str, capsys: pytest.CaptureFixture[str]
) -> None:
    outcome = run(capsys, *words)
    assert outcome.code == 2
    assert outcome.err.startswith(f"nas: {flag} is not ") and outcome.err.count("\n") == 1
