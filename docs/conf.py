"""How Sphinx builds the manual: ``python -m sphinx -W -b html docs OUT``."""

from __future__ import annotations

import importlib.metadata
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))  # the package _manual

project = "jsnas"
author = "The jsnas developers"
release = importlib.metadata.version(project)
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
exclude_patterns = ["_build", "_manual", "**/__pycache__"]
html_theme = "furo"
html_title = f"{project} {release}"
html_copy_source = False
html_static_path = ["_static"]
html_css_files = ["manual.css"]
smartquotes = False  # options begin with two dashes

myst_enable_extensions = ["html_image"]
myst_heading_anchors = 4
highlight_language = "none"  # most blocks are commands; others name their language

autodoc_typehints = "description"
autodoc_typehints_description_target = "documented"
autodoc_member_order = "bysource"
napoleon_google_docstring = True
napoleon_numpy_docstring = False


def setup(app: Any) -> None:
    """Pages are completed when Sphinx reads them; nothing is computed at import."""
    from _manual.pages import complete

    app.connect("source-read", complete)
