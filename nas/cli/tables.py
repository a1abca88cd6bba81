"""Rows on the terminal."""

from __future__ import annotations

from collections.abc import Sequence

import typer

from nas.rows import EvaluationRow


def print_table(header: Sequence[str], lines: Sequence[Sequence[object]]) -> None:
    """Columns as wide as they need to be; numbers to the right."""
    text = [[str(c) for c in line] for line in lines]
    widths = [max(len(line[i]) for line in [list(header), *text]) for i in range(len(header))]
    right = [
        bool(text)
        and all(line[i].replace(",", "").replace(".", "").lstrip("-").isdigit() or not line[i] for line in text)
        for i in range(len(header))
    ]
    for line in [list(header), *text]:
        typer.echo(
            "  ".join(c.rjust(w) if r else c.ljust(w) for c, w, r in zip(line, widths, right, strict=True)).rstrip()
        )


def print_rows(rows: Sequence[EvaluationRow]) -> None:
    """Evaluation rows with units; the protocols below."""
    print_table(
        ("model", "set", "images", "PSNR dB", "SSIM", "parameters", "Multi-Adds G", "task"),
        [
            (
                r.model, r.set, r.images or "", f"{r.psnr:.3f}" if r.psnr is not None else "",
                f"{r.ssim:.4f}" if r.ssim is not None else "", f"{r.parameters:,}" if r.parameters is not None else "",
                f"{r.multiply_adds / 1e9:.2f}" if r.multiply_adds is not None else "", r.task,
            )
            for r in rows
        ],
    )  # fmt: skip
    for protocol in dict.fromkeys(r.protocol for r in rows if r.protocol):
        typer.echo(f"protocol: {protocol}")
    for size in dict.fromkeys(r.cost_output for r in rows if r.cost_output):
        typer.echo(f"Multi-Adds: convolutions, one per weight and position, output {size}")
