"""The definition of a shared search, kept in its study, so that a worker needs only the storage and the study's name.

Code is not sent through the storage: a worker has its own jsnas and its own plug-in files, and is refused if they
differ, since its trials would not be comparable.
"""

from __future__ import annotations

import hashlib
import inspect
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from nas.config.changes import flat
from nas.config.reading import parse_stored, to_yaml
from nas.config.runs import SearchSettings
from nas.documents import parse_yaml, read_bytes
from nas.engines.evaluator import Evaluator
from nas.errors import NasError, UsageError
from nas.registry import ESTIMATORS
from nas.space import Space, space_from_document
from nas.space.blocks import SKELETONS
from nas.versions import package_version

FORMAT = "nas.study/1"
#: most bytes of a file that the settings name: a plug-in, a table
MOST_FILE = 2**30
#: prefix of the study's user attributes
PREFIX = "nas."
#: packages of ``nas`` whose code decides the value of a trial
DECISIVE = (
    "space",
    "supernet",
    "tasks",
    "images",
    "data",
    "models",
    "train",
    "profiling",
    "evaluation",
    "objectives",
    "strategies",
    "estimators",
    "engines",
)
#: settings that may differ between the processes
LOCAL = (
    "study",
    "threads",
    "device",
    "plugins",
    "retrain",
    "data.path",
    "data.clean",
    "data.degraded",
    "data.cache",
    "data.workers",
)


@dataclass(frozen=True)
class Definition:
    """What must be the same for all workers of a study.

    Attributes:
        settings: The whole configuration; ``LOCAL`` settings may differ.
        document: Document of the space.
        space_hash: Hash of the space.
        files: Hash of each file that the settings name, by role.
        images: Hash of the names of the images in each part of the data.
        sources: Hash of the code that decides the value of a trial.
        version: Version of jsnas.
    """

    settings: SearchSettings
    document: dict[str, Any]
    space_hash: str
    files: dict[str, str]
    images: str
    sources: str
    version: str

    @classmethod
    def of(cls, evaluator: Evaluator) -> Definition:
        """The definition that a study made by this process would have."""
        return cls(
            evaluator.settings,
            evaluator.space.document,
            evaluator.space.hash,
            files_of(evaluator.settings),
            _digest(json.dumps(evaluator.data.names, sort_keys=True).encode()),
            sources_of(evaluator.space),
            package_version(),
        )

    def attributes(self) -> dict[str, Any]:
        """User attributes of the study, ready for JSON, without the storage's address and thus without its password."""
        study = self.settings.study.model_copy(update={"storage": None, "workers": 0})
        return {
            PREFIX + "format": FORMAT,
            PREFIX + "settings": to_yaml(self.settings.model_copy(update={"study": study})),
            PREFIX + "space": self.document,
            PREFIX + "space_hash": self.space_hash,
            PREFIX + "files": self.files,
            PREFIX + "images": self.images,
            PREFIX + "sources": self.sources,
            PREFIX + "version": self.version,
        }

    @classmethod
    def read(cls, attributes: Mapping[str, Any], name: str) -> Definition:
        """Inverse of ``attributes``.

        Args:
            attributes: User attributes of a study.
            name: Name of the study.

        Raises:
            UsageError: The study was not made by this version of ``nas search``.
        """
        if attributes.get(PREFIX + "format") != FORMAT:
            raise UsageError(
                f"study {name!r} was not made by this version of 'nas search' (it lacks the mark {FORMAT}); "
                "choose another --study"
            )
        names = ("settings", "space", "space_hash", "files", "images", "sources", "version")
        try:
            settings, space, space_hash, files, images, sources, version = (attributes[PREFIX + n] for n in names)
            return cls(
                parse_stored(SearchSettings, parse_yaml(settings, "the settings of the study")),
                dict(space),
                str(space_hash),
                dict(files),
                str(images),
                str(sources),
                str(version),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise UsageError(
                f"the record of study {name!r} is damaged ({type(error).__name__}: {error}); choose another --study"
            ) from error

    def with_budget(self, settings: SearchSettings) -> Definition:
        """The same search with the trials and the time of other settings, if these have more trials or another time."""
        mine, time = self.settings, settings.train.time
        trials = max(mine.search.trials, settings.search.trials)
        if (trials, time) == (mine.search.trials, mine.train.time):
            return self
        changed = {
            "search": mine.search.model_copy(update={"trials": trials}),
            "train": mine.train.model_copy(update={"time": time}),
        }
        return replace(self, settings=mine.model_copy(update=changed))

    def space(self) -> Space:
        """The space, from its document; the blocks that it names have to be registered.

        Raises:
            UsageError: This version of jsnas reads the document as another space.
        """
        space = space_from_document(self.document)
        if space.hash != self.space_hash:
            raise UsageError(
                f"the study's space has the hash {self.space_hash}, but here it is read as {space.hash}; "
                "run the jsnas version that made the study"
            )
        return space

    def check(self, mine: Definition, name: str) -> None:
        """Refuse another search.

        Args:
            mine: The definition that this process would give the study.
            name: Name of the study.

        Raises:
            UsageError: ``mine`` is another search than this one.
        """
        local = (*LOCAL, *(f"search.{key}" for key in ESTIMATORS.get(self.settings.search.estimator).local))
        for key, value in flat(self.settings.model_dump(mode="json")).items():
            other = flat(mine.settings.model_dump(mode="json")).get(key)
            if value != other and not key.startswith(local):
                raise UsageError(
                    f"study {name!r} is another search: its {key} is {value!r}, here it is {other!r}; choose another "
                    "--study, or repeat the settings that it was started with"
                )
        if self.space_hash != mine.space_hash:
            raise UsageError(
                f"study {name!r} searches a space of hash {self.space_hash}, here it is {mine.space_hash}; "
                "choose another --study, or the same space"
            )
        for role in sorted({*self.files, *mine.files}):
            if self.files.get(role) != mine.files.get(role):
                raise UsageError(
                    f"the {role} of study {name!r} differs from the one here; copy the file that it was started with"
                )
        if (self.version, self.sources) != (mine.version, mine.sources):
            raise UsageError(
                f"study {name!r} was started with jsnas {self.version} (sources {self.sources}), here is "
                f"{mine.version} (sources {mine.sources}); run the same code, or start a study of another name"
            )
        if self.images != mine.images:
            raise UsageError(
                f"study {name!r} was started on other images than those found here; give the same ones by --data"
            )


def files_of(settings: SearchSettings) -> dict[str, str]:
    """Hashes of the files that the settings name and that decide the value of a trial, by role.

    Raises:
        UsageError: A file cannot be read.
    """
    found = {f"plugin {i + 1}": path for i, path in enumerate(settings.plugins) if path.endswith(".py")}
    if settings.limits.latency_table:
        found["latency table"] = settings.limits.latency_table
    estimator = ESTIMATORS.get(settings.search.estimator)
    found |= {role: str(path) for role, path in estimator.files(settings.search.own(estimator.Settings)).items()}
    digests = {}
    for role, path in found.items():
        try:
            digests[role] = _digest(read_bytes(path, MOST_FILE))
        except UsageError as error:
            raise UsageError(f"the {role}: {error}; give the path of the file") from None
    return digests


def sources_of(space: Space) -> str:
    """Hash of the code that decides the value of a trial: parts of jsnas, and the package of the space's skeleton.

    Raises:
        NasError: The skeleton has no source file.
    """
    root = Path(__file__).parents[1]
    folders = [root / name for name in DECISIVE]
    skeleton = SKELETONS.get(space.skeleton)
    try:
        folders.append(Path(inspect.getfile(type(skeleton))).parent)
    except TypeError:
        raise NasError(f"the skeleton {space.skeleton!r} has no source file; define it in a module") from None
    return _digest(b"".join(_contents(folders)))


def _contents(folders: Iterable[Path]) -> Iterable[bytes]:
    for folder in folders:
        for file in sorted(folder.rglob("*.py")):
            yield file.relative_to(folder.parent).as_posix().encode() + b"\0" + file.read_bytes()


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:16]
