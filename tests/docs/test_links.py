"""Links, anchors and images of the Markdown files lead somewhere."""

from __future__ import annotations

import posixpath

import pytest

from tests.docs.markdown import anchors, images, links, pages, text_of, tracked

PAGES = pages()


def resolved(page: str, target: str) -> tuple[str, str]:
    """Path from the root and anchor that a link of ``page`` leads to."""
    path, _, anchor = target.partition("#")
    return (posixpath.normpath(posixpath.join(posixpath.dirname(page), path)) if path else page), anchor


@pytest.mark.parametrize("page", PAGES)
def test_internal_links_lead_to_tracked_files_and_their_headings(page: str) -> None:
    files = set(tracked())
    for target in links(text_of(page)):
        if target.startswith(("http://", "https://")):
            continue
        path, anchor = resolved(page, target)
        folder = any(f.startswith(f"{path}/") for f in files)
        assert path in files or folder, f"{page}: {target!r} leads to no file of the repository"
        assert not anchor or anchor in anchors(text_of(path)), f"{page}: {path} has no heading for {target!r}"


def test_the_readme_leads_to_the_manual() -> None:
    """That every page stands in the table of contents is checked when the manual is built."""
    assert "docs/index.md" in {resolved("README.md", t)[0] for t in links(text_of("README.md"))}


@pytest.mark.parametrize("page", PAGES)
def test_images_of_the_repository_are_figures_that_make_results_makes(page: str) -> None:
    from results.make import FIGURES, ROOT, entries

    made = {(FIGURES / name).relative_to(ROOT).as_posix() for entry in entries() for name in entry["figures"]}
    for target in images(text_of(page)):
        assert not target.startswith("http"), f"{page}: {target!r} needs a network"
        path, _ = resolved(page, target)
        assert path in made, f"{page}: no command in results/figures/manifest.yaml makes {path}"


def test_the_readme_is_at_most_two_hundred_lines() -> None:
    assert len(text_of("README.md").splitlines()) <= 200
