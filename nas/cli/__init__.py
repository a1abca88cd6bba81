"""The command ``nas``: one thin file for each command, one place where all of them end.

Read first: ``commands.py`` (the table of all commands), then ``search.py`` as an example of one.
"""

from nas.cli.app import main

__all__ = ["main"]
