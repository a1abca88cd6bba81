"""CITATION.cff, CHANGELOG, CONTRIBUTING and SECURITY say what is true of this version."""

from __future__ import annotations

import re
import tomllib

import pytest
import yaml

from tests.docs.markdown import ROOT, prose, text_of

PROJECT = tomllib.loads(text_of("pyproject.toml"))["project"]


def test_the_citation_is_of_this_project_and_names_every_paper() -> None:
    cited = yaml.safe_load(text_of("CITATION.cff"))
    assert cited["cff-version"] == "1.2.0"
    assert str(cited["version"]) == PROJECT["version"] and cited["license"] == PROJECT["license"]
    assert [a["name"].lower() for a in cited["authors"]] == [a["name"].lower() for a in PROJECT["authors"]]
    for reference in cited["references"]:
        assert reference["title"] and reference["authors"] and reference["type"]
        assert all("name" in a or "family-names" in a for a in reference["authors"])
    notes = " ".join(r["notes"] + r["title"] for r in cited["references"])
    assert all(name in notes for name in ("JSNet", "MSPAN", "DLSN", "JDNet", "DSRIR"))


def test_the_changelog_begins_with_what_is_not_released() -> None:
    assert re.findall(r"^## (.*)$", text_of("CHANGELOG.md"), re.M)[0] == "[Unreleased]"


@pytest.mark.parametrize("page", ["CONTRIBUTING.md", "docs/explanation/architecture.md"])
def test_files_that_are_named_exist(page: str) -> None:
    for path in re.findall(r"`((?:nas|tests|baselines|search_spaces|results|docs)/[^`\s:]+)`", text_of(page)):
        example = "NAME" in path or "my_" in path
        assert example or (ROOT / path).exists(), f"{page} names {path!r}, which does not exist"


def test_each_package_has_a_file_to_read_first() -> None:
    rows = re.findall(r"^\| `([^`]+)` \|[^|]*\| `([^`]+)`", text_of("docs/explanation/architecture.md"), re.M)
    for package, file in rows:
        assert (ROOT / package / file).is_file(), f"docs/explanation/architecture.md: {package}/{file} does not exist"
    packages = {p.parent.relative_to(ROOT).as_posix() for p in (ROOT / "nas").glob("*/__init__.py")}
    assert packages <= {package for package, _ in rows}


def test_every_group_of_entry_points_is_named_where_code_is_trusted() -> None:
    groups = {g for g in PROJECT["entry-points"] if g.startswith("nas.")}
    assert all(f"`{group}`" in prose(text_of("SECURITY.md")) for group in groups)
