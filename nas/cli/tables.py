"""Rows on the terminal."""

from __future__ import annotations

from collections.abc import Sequence

import typer

from nas.evaluation.rows import EvaluationRow


def print_table(header: Sequence[str], lines: Sequence[Sequence[object]]) -> None:
    """Columns as wide as they need to be; numbers to the right."""
    for line in table_lines(header, lines):
        typer.echo(line)


def table_lines(header: Sequence[str], lines: Sequence[Sequence[object]]) -> list[str]:
    """The lines of a table, its header first: columns as wide as they need to be; numbers to the right."""
    text = [[str(c) for c in line] for line in lines]
    widths = [max(len(line[i]) for line in [list(header), *text]) for i in range(len(header))]
    right = [
        bool(text)
        and all(line[i].replace(",", "").replace(".", "").lstrip("-").isdigit() or not line[i] for line in text)
        for i in range(len(header))
    ]
    return [
        "  ".join(c.rjust(w) if r else c.ljust(w) for c, w, r in zip(line, widths, right, strict=True)).rstrip()
        for line in [list(header), *text]
    ]


def print_rows(rows: Sequence[EvaluationRow]) -> None:
    """Evaluation rows with units; the protocols below, with their rows where there are several."""
    blocks = any(r.psnr_b is not None for r in rows)
    print_table(
        (
            "model",
            "set",
            "images",
            "PSNR dB",
            "SSIM",
            *(("PSNR-B dB",) if blocks else ()),
            "parameters",
            "Multi-Adds G",
            "task",
        ),
        [
            (
                r.model,
                r.set,
                r.images or "",
                "exact" if r.psnr is None and r.exact else _text(r.psnr, ".3f"),
                _text(r.ssim, ".4f"),
                *((_text(r.psnr_b, ".3f"),) if blocks else ()),
                _text(r.parameters, ","),
                _text(None if r.multiply_adds is None else r.multiply_adds / 1e9, ".2f"),
                r.task,
            )
            for r in rows
        ],
    )
    for row in rows:
        if row.exact:
            rest = "all of them" if row.psnr is None else "the mean PSNR is over the others"
            typer.echo(
                f"{row.model} on {row.set}: {row.exact} of {row.images} images restored exactly (infinite PSNR), {rest}"
            )
    protocols: dict[str, list[str]] = {}
    for row in rows:
        if row.protocol:
            protocols.setdefault(row.protocol, []).append(row.set)
    for protocol, sets in protocols.items():
        where = f" ({', '.join(dict.fromkeys(sets))})" if len(protocols) > 1 else ""
        typer.echo(f"protocol{where}: {protocol}")
    if reduced := dict.fromkeys(r.dtype for r in rows if r.dtype not in ("", "float32")):
        typer.echo(f"computed in {', '.join(reduced)}")
    for size in dict.fromkeys(r.cost_output for r in rows if r.cost_output):
        typer.echo(f"Multi-Adds: convolutions and matrix products, one per weight and position, output {size}")
    for row in rows:
        if row.latency_median_ms is not None:
            memory = "" if row.peak_memory_mib is None else f", peak {row.peak_memory_mib:,.0f} MiB"
            typer.echo(
                f"latency of {row.model}: {row.latency_median_ms:.2f} ms median, {_text(row.latency_spread_ms, '.2f')} ms "
                f"spread, input {row.latency_size}, {row.device}, {row.dtype}{memory}"
            )


def _text(value: float | None, form: str) -> str:
    return "" if value is None else format(value, form)
