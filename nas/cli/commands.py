"""The table of all commands, from which ``nas --help`` is printed without importing any of them."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

from nas.cli.defaults import show_defaults

#: advice after an interruption, for commands with run folders and for commands that keep what is finished
RESUME = "; continue with --resume RUN"
REPEAT = "; the same command continues where it stopped"


@dataclass(frozen=True)
class CommandEntry:
    """One command, or a group of commands, as the table knows it.

    Attributes:
        name: What the user types after ``nas`` (or after the group's name).
        help: Its line in the list of commands; for a command the first line of its function's docstring.
        function: ``module:function`` below ``nas.cli``; empty for a group.
        commands: The commands of a group.
        under_torchrun: Whether several processes can do it together.
        after_interruption: How to go on after Ctrl-C, to follow the word "interrupted".
    """

    name: str
    help: str
    function: str = ""
    commands: tuple[CommandEntry, ...] = ()
    under_torchrun: bool = False
    after_interruption: str = ""


_DATA = (
    CommandEntry(
        "check", "Count images, find what is wrong with them; exit code 1 when something is.", "data:check_command"
    ),
    CommandEntry(
        "prepare",
        "Make sub-images, degraded images and a memory-mapped cache beside the source, never in it.",
        "data:prepare_command",
    ),
)
_TABLE = (
    CommandEntry(
        "make",
        "Begin a table: write its recipe and all genotypes with their costs, then train.",
        "bench_table:make_command",
    ),
    CommandEntry(
        "resume",
        "Do the trainings of a table that are missing; several processes may do so at once.",
        "bench_table:resume_command",
    ),
    CommandEntry(
        "status", "How far a table is: trainings by seed, CPU hours spent and left.", "bench_table:status_command"
    ),
    CommandEntry(
        "check",
        "Check a table for gaps and wrong hashes, marks and costs, and repeat trainings; exit code 1 if something is wrong.",
        "bench_table:check_command",
    ),
    CommandEntry(
        "latency",
        "Time every genotype of a table on one thread, in alternation with a reference; run it on a quiet machine.",
        "bench_table:latency_command",
    ),
)
_BENCH = (
    CommandEntry(
        "search-step",
        "A search step in the forms of the supernet (plain, fused, compiled gates): time, memory and launched operations.",
        "bench:search_step_command",
    ),
    CommandEntry(
        "data",
        "Step time with loading from files and from the memory-mapped cache, against preloaded tensors.",
        "bench:data_command",
    ),
    CommandEntry(
        "train",
        "Images a second in training, and the shares of data, forward, backward, optimiser and logging.",
        "bench_networks:train_command",
    ),
    CommandEntry(
        "models",
        "Compare the speed of networks as written (eager, NCHW) with that of their forms for inference, on random input.",
        "bench_networks:models_command",
    ),
    CommandEntry(
        "restore",
        "Images per second of 'nas restore', from file to file, compared with a bare loop.",
        "bench_networks:restore_command",
    ),
    CommandEntry(
        "strategies",
        "Play searches on a table: regret, cost to the top, probability of beating random at equal cost.",
        "bench_strategies:strategies_command",
    ),
    CommandEntry(
        "proxies",
        "Zero-cost proxies of all registered estimators over every genotype of a table, and their rank correlations.",
        "bench_scores:proxies_command",
    ),
    CommandEntry(
        "supernets",
        "Judge supernets on a table: what their genotypes are worth, and whether their values rank all genotypes.",
        "bench_scores:supernets_command",
    ),
    CommandEntry("table", "A small space trained whole, so that searches become look-ups.", commands=_TABLE),
)
#: in the order of the help page
COMMANDS = (
    CommandEntry(
        "demo",
        "Show the whole workflow in a few minutes: search, derive, retrain, evaluate, compare, report.",
        "demo:demo_command",
    ),
    CommandEntry(
        "search", "Search for an architecture.", "search:search_command", under_torchrun=True, after_interruption=RESUME
    ),
    CommandEntry(
        "worker",
        "Join a shared search from this machine or any other, until its trials are done.",
        "worker:worker_command",
    ),
    CommandEntry(
        "ablate",
        "Compare searches that differ in one setting each, at equal budget, with several seeds and intervals.",
        "ablate:ablate_command",
        after_interruption=RESUME,
    ),
    CommandEntry(
        "noise",
        "Compare seed noise with the spread between genotypes, and find how many seeds a comparison needs.",
        "noise:noise_command",
        after_interruption=RESUME,
    ),
    CommandEntry("derive", "Derive the genotype of a search run, finished or not.", "derive:derive_command"),
    CommandEntry(
        "retrain",
        "Train a genotype, the genotype of a run, or a baseline from scratch.",
        "retrain:retrain_command",
        under_torchrun=True,
        after_interruption=RESUME,
    ),
    CommandEntry(
        "evaluate",
        "Measure models on benchmark sets: one CSV row for each model and set.",
        "evaluate:evaluate_command",
        after_interruption=REPEAT,
    ),
    CommandEntry(
        "restore",
        "Restore images of your own with trained weights; no ground truth is needed.",
        "restore:restore_command",
        after_interruption=REPEAT,
    ),
    CommandEntry(
        "compare",
        "Make tables and figures from evaluation rows; with --crops, show details of every model side by side.",
        "compare:compare_command",
    ),
    CommandEntry(
        "report",
        "Write one self-contained HTML page about runs, experiments and evaluation rows.",
        "report:report_command",
    ),
    CommandEntry(
        "watch",
        "Watch a run or experiment live: loss, PSNR, time left, genotype, and how decided every edge is.",
        "watch:watch_command",
    ),
    CommandEntry(
        "list",
        "List spaces, tasks, models, strategies, sets, recipes, runs and everything else that has a name.",
        "listing:list_command",
    ),
    CommandEntry(
        "show",
        "Show a space, a genotype or a run; draw a derived cell (--out) or the course of a run (--figures).",
        "show:show_command",
    ),
    CommandEntry(
        "schema",
        "Write JSON schemas of space documents and configuration files, for editors.",
        "schema:schema_command",
    ),
    CommandEntry(
        "profile",
        "Count the parameters and multiply-adds of a model, and measure its latency.",
        "profile:profile_command",
    ),
    CommandEntry(
        "import",
        "Convert an official checkpoint into a jsnas weights file; every tensor must be used.",
        "importing:import_command",
    ),
    CommandEntry(
        "export",
        "Export trained weights to ONNX, TorchScript, pt2 or ncnn, with free batch, height and width.",
        "export:export_command",
    ),
    CommandEntry(
        "data", "Check image folders and prepare them for training.", commands=_DATA, after_interruption=REPEAT
    ),
    CommandEntry(
        "bench",
        "Measure jsnas itself: where the time goes, tables of trainings, strategies and proxies.",
        commands=_BENCH,
    ),
    CommandEntry(
        "doctor",
        "Check Python, torch, threads, clock, GPU, disk and extras; exit code 1 if something is broken.",
        "doctor:doctor_command",
    ),
)


class LazyCommand(TyperCommand):
    """Stands for a command in the help page of its group; the command's module is imported when it is called."""

    def __init__(self, entry: CommandEntry) -> None:
        super().__init__(entry.name, help=entry.help)
        self.entry = entry

    def load(self) -> Any:
        """Import the function and make a command of it (typer's type for commands differs between its versions)."""
        module, _, function = self.entry.function.partition(":")
        app = typer.Typer(add_completion=False, rich_markup_mode="rich")
        app.command(self.entry.name)(getattr(import_module(f"nas.cli.{module}"), function))
        return typer.main.get_command(app)

    def make_context(self, info_name: str | None, args: list[str], parent: Any = None, **extra: Any) -> Any:
        """The context of the command itself, which the group then invokes."""
        command = self.load()
        if any(word in ("-h", "--help") for word in args):
            show_defaults(self.entry.name, command)
        return command.make_context(info_name, args, parent=parent, **extra)


def fill(group: TyperGroup, entries: tuple[CommandEntry, ...]) -> TyperGroup:
    """Put commands and groups of the table into ``group`` and return it."""
    for entry in entries:
        if entry.commands:
            app = typer.Typer(name=entry.name, help=entry.help, no_args_is_help=True, rich_markup_mode="rich")
            group.add_command(fill(typer.main.get_group(app), entry.commands))
        else:
            group.add_command(LazyCommand(entry))
    return group
