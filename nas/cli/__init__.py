"""The command ``nas``: one thin file per verb, one door for errors."""

from nas.cli.app import main

__all__ = ["main"]
