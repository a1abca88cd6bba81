"""What a run is made of: versions, space, genotype, plug-ins and images, each with a digest of its content.

It is written when the run begins and compared when it is resumed, so that a run never goes on with other images or
another space than it began with unless its user says so.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import platform
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from nas.config.runs import RetrainSettings, SearchSettings, Settings
from nas.data import Pair
from nas.documents import is_document, read_text
from nas.errors import NasError
from nas.files import resolved
from nas.registry import ESTIMATORS
from nas.train.recorded_images import ImageRecord, record_images
from nas.versions import package_version

FILE, FORMAT = "made_of.json", "nas.made_of/1"
#: most bytes of a record of images: a million of them
MOST_RECORD = 2**30


@dataclass(frozen=True)
class MadeOf:
    """The record of one run.

    Attributes:
        images: Name of a part of the data -> its images in the order in which they are drawn.
        versions: Versions by name of the package.
        structure: Hashes of "space" and "genotype", as far as the run has them.
        files: Role of a file that the settings name ("plugin my_blocks.py") -> digest of its content.
        paths: Dotted setting -> absolute paths of what the settings name by paths as they were typed.
    """

    images: dict[str, list[ImageRecord]]
    versions: dict[str, str] = field(default_factory=dict)
    structure: dict[str, str] = field(default_factory=dict)
    files: dict[str, str] = field(default_factory=dict)
    paths: dict[str, list[str]] = field(default_factory=dict)

    def to_text(self) -> str:
        """The record as JSON, an image a line."""
        head = {"format": FORMAT, "versions": self.versions, "structure": self.structure}
        head |= {"files": self.files, "paths": self.paths}
        parts = []
        for part, images in self.images.items():
            lines = ",\n".join("      " + json.dumps(image.to_json()) for image in images)
            parts.append(f"    {json.dumps(part)}: [\n{lines}\n    ]" if images else f"    {json.dumps(part)}: []")
        body = json.dumps(head, indent=2)[:-2]
        return body + ',\n  "images": {\n' + ",\n".join(parts) + "\n  }\n}\n"

    @classmethod
    def read(cls, folder: Path) -> MadeOf | None:
        """The record in a run folder; None for runs of versions that kept none.

        Raises:
            NasError: It is damaged.
        """
        path = folder / FILE
        if not is_document(path):
            return None
        try:
            tree = json.loads(read_text(path, MOST_RECORD))
            if tree["format"] != FORMAT:
                raise NasError(
                    f"{str(path)!r} has the format {tree['format']!r}, which this version of jsnas does not read; "
                    f"resume the run with {_writer(tree)}"
                )
            images = {part: [ImageRecord.from_json(i) for i in found] for part, found in tree["images"].items()}
            kept = {key: dict(tree[key]) for key in ("versions", "structure", "files", "paths")}
            return cls(images, **kept)
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise NasError(
                f"{str(path)!r} is damaged ({type(error).__name__}); restore it, or delete it to resume without the "
                "comparison of what the run is made of"
            ) from None

    def differences(self, now: MadeOf) -> list[str]:
        """What differs between the record and the present, images aside: a clause for each."""
        found = []
        for name in sorted({*self.versions, *now.versions}):
            before, after = self.versions.get(name), now.versions.get(name)
            if before and after and before != after:
                found.append(f"{name} is {after} instead of {before}")
        for name, before in self.structure.items():
            after = now.structure.get(name, before)
            if before != after:
                found.append(f"the {name} has the hash {after} instead of {before}")
        for role in sorted({*self.files, *now.files}):
            before, after = self.files.get(role), now.files.get(role)
            if before is None:
                found.append(f"the {role} is new")
            elif after is None:
                found.append(f"the {role} is gone")
            elif before != after:
                found.append(f"the {role} has changed")
        return found

    def with_images(self, images: dict[str, list[ImageRecord]]) -> MadeOf:
        """The same record with other images."""
        return replace(self, images=images)


def made_of(
    settings: Settings,
    images: Mapping[str, Iterable[Pair]] | None,
    structure: Mapping[str, str | None],
) -> MadeOf:
    """The record of a run that begins now.

    Args:
        settings: Its whole configuration.
        images: Name of a part of the data -> its pairs; their files are read. None leaves images out.
        structure: Hashes of "space" and "genotype"; None where there is none.
    """
    return MadeOf(
        {} if images is None else record_images(images),
        versions(),
        {name: found for name, found in structure.items() if found},
        file_digests(settings),
        absolute_paths(settings),
    )


def versions() -> dict[str, str]:
    """Versions of what decides the numbers of a run; builds of torch for other devices are one version."""
    found = {"jsnas": package_version(), "Python": ".".join(platform.python_version_tuple()[:2])}
    for package in ("torch", "numpy"):
        try:
            found[package] = version(package).split("+")[0]
        except PackageNotFoundError:
            continue
    return found


def file_digests(settings: Settings) -> dict[str, str]:
    """Digests of the files that the settings name and that decide what is trained, by role; absent ones left out."""
    files: dict[str, Path] = {}
    for plugin in settings.plugins:
        source = plugin_file(plugin)
        if source is not None:
            files[f"plug-in {Path(plugin).name}"] = source
    if settings.train.teacher is not None:
        files["teacher"] = weights_inside(settings.train.teacher)
    if isinstance(settings, SearchSettings):
        if settings.limits.latency_table:
            files["latency table"] = Path(settings.limits.latency_table)
        estimator = ESTIMATORS.get(settings.search.estimator)
        files |= estimator.files(settings.search.own(estimator.Settings))
    return {role: _digest(path) for role, path in files.items() if path.is_file()}


def weights_inside(path: str) -> Path:
    """The weights file that a path to it or to a run folder means."""
    return Path(path) / "weights.safetensors" if Path(path).is_dir() else Path(path)


def plugin_file(plugin: str) -> Path | None:
    """The source file of a plug-in: a path, or the name of a module."""
    if plugin.endswith(".py"):
        return Path(plugin)
    module = sys.modules.get(plugin)
    try:
        spec = module.__spec__ if module is not None else importlib.util.find_spec(plugin)
    except (ImportError, ValueError):
        return None
    return Path(spec.origin) if spec is not None and spec.origin else None


def absolute_paths(settings: Settings) -> dict[str, list[str]]:
    """The absolute form of the paths that the settings name, by dotted setting."""
    named: dict[str, list[str]] = {"data.path": settings.data.path, "plugins": settings.plugins}
    named["train.teacher"] = [settings.train.teacher or ""]
    if isinstance(settings, SearchSettings):
        named["space"] = [settings.space]
        named["limits.latency_table"] = [settings.limits.latency_table or ""]
    if isinstance(settings, RetrainSettings):
        named["model"] = [settings.model]
        named["init_from"] = [settings.init_from or ""]
    found = {key: [str(resolved(p)) for p in paths if p and Path(p).exists()] for key, paths in named.items()}
    return {key: paths for key, paths in found.items() if paths}


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()[:16]


def _writer(tree: Any) -> str:
    """The version of jsnas that wrote a record of another format, as far as that can be known."""
    versions = tree.get("versions") if isinstance(tree, dict) else None
    version = versions.get("jsnas") if isinstance(versions, dict) else None
    return f"jsnas {str(version)[:40]}" if version else "the newer version"
