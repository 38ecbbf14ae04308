"""Expand a word that means several sources: a folder with videos in it, or a pattern that the shell left unexpanded."""

from __future__ import annotations

import glob
import logging
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from framehop.errors import ConfigError, SourceError
from framehop.sources.folder import File, is_video, look
from framehop.sources.identity import legal_stream, shown, whole
from framehop.sources.list_file import is_list, lines_of, list_path
from framehop.sources.raster import is_picture
from framehop.sources.spec import PICTURES, SourceSpec, exists

logger = logging.getLogger(__name__)

MAX_SOURCES = 1024  # each source has a thread


def expand(texts: Iterable[str | SourceSpec]) -> list[SourceSpec]:
    """Return the sources that each text names, with their stream ids. A folder or a pattern such as `clips/*.mp4` gives its
    pictures as one source and every video as another. Nothing is opened; a missing source is noticed later.

    A list file gives the sources of its lines. Raises SourceError for a pattern without a match or a list that cannot be read,
    ConfigError for too many sources or two with one stream id.
    """
    found = [spec for text in texts for spec in _expanded(SourceSpec.parse(text) if isinstance(text, str) else text)]
    if len(found) > MAX_SOURCES:
        raise ConfigError(
            f"{len(found)} sources are more than the {MAX_SOURCES} that one ingest reads: name the folder of the pictures "
            "instead of each of them, or start several"
        )
    _check_distinct(found)
    return found


def _expanded(spec: SourceSpec) -> Sequence[SourceSpec]:
    if spec.is_live:
        return [_told_live(spec.named(), by_user=bool(spec.stream))]
    if spec.is_synthetic:
        return [spec.named()]
    if is_list(spec.source):
        return _listed(spec)
    if not exists(spec.source):
        return _fitting(spec) if _is_pattern(spec.source) else [spec.named()]
    path = Path(spec.source)
    return _of_folder(spec, path) if path.is_dir() else [_told(spec.named(), path, by_user=bool(spec.stream))]


def _listed(spec: SourceSpec) -> list[SourceSpec]:
    """Return the sources of a list file; a name in front of it is the first part of theirs."""
    path = list_path(spec.source)
    found: list[SourceSpec] = []
    for number, line in lines_of(path):
        try:
            found += _expanded(_no_list(SourceSpec.parse(line).absolute(path.parent)))
        except SourceError as error:
            raise SourceError(f"{shown(path)}, line {number}: {error}") from None
    return [replace(part, stream=f"{spec.stream}-{part.stream}") for part in found] if spec.stream else found


def _no_list(spec: SourceSpec) -> SourceSpec:
    """Return a source of a list. Raises SourceError for another list, which may be the same one."""
    if is_list(spec.source):
        raise SourceError("a list holds sources, not other lists")
    return spec


def _told_live(spec: SourceSpec, *, by_user: bool) -> SourceSpec:
    if not by_user:
        logger.info("%s is the stream %s; NAME=SOURCE gives it another", spec.shown, spec.stream)
    return spec


def _of_folder(spec: SourceSpec, folder: Path) -> list[SourceSpec]:
    videos = [entry for entry in _entries(folder) if is_video(entry.name) and not entry.is_dir()]
    if not videos:
        return [_told(spec.named(), folder, by_user=bool(spec.stream))]
    parts = [SourceSpec(source=str(video)) for video in videos]
    if any(isinstance(found, File) for found in look(folder, videos_apart=True)):
        parts.insert(0, SourceSpec(source=f"{PICTURES}{folder}"))
    return _all_named(parts, spec.stream)


def _entries(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except OSError as error:
        raise SourceError(f"cannot read the folder {shown(folder)}: {error.strerror}") from error


def _is_pattern(text: str) -> bool:
    return glob.has_magic(text) and "\0" not in text


def _fitting(spec: SourceSpec) -> list[SourceSpec]:
    """Return what fits a pattern. The pictures that fit are one source per folder, as in a folder."""
    paths = [Path(name) for name in sorted(glob.glob(spec.source, recursive=True))]  # noqa: PTH207  it takes absolute patterns too
    if not paths:
        raise SourceError(f"nothing fits {spec.shown!r}: check the pattern, or name a file or folder")
    pattern = Path(spec.source).name
    parts: dict[str, None] = {}
    rest = []
    for path in paths:
        if path.is_dir():
            parts |= dict.fromkeys(part.source for part in _of_folder(SourceSpec(source=str(path)), path))
        elif is_video(path.name):
            parts[str(path)] = None
        elif _may_be_picture(path):
            parts[f"{PICTURES}{path.parent / pattern}"] = None
        else:
            rest.append(shown(path))
    if not parts:
        raise SourceError(f"no picture or video fits {spec.source!r}: only {', '.join(rest[:5])}")
    if rest:
        logger.warning(
            "%s: left out, no picture or video by name: %d (%s%s)",
            spec.source,
            len(rest),
            ", ".join(rest[:5]),
            " …" if rest[5:] else "",
        )
    return _all_named([SourceSpec(source=source) for source in parts], spec.stream)


def _may_be_picture(path: Path) -> bool:
    try:
        return is_picture(path)
    except SourceError:
        return False


def _all_named(parts: Sequence[SourceSpec], prefix: str) -> list[SourceSpec]:
    """Name the parts. Videos that differ only in their suffix keep it, and videos from different folders get the folder's name in
    front. With a `prefix`, the pictures have that name."""
    if len(parts) == 1:
        return [replace(parts[0], stream=prefix).named()]
    names = [
        (part.name, path.name, f"{path.parent.name}-{part.name}") for part in parts for path in [whole(part.source)]
    ]
    times = Counter(name for choice in names for name in set(choice))
    named = []
    for part, choice in zip(parts, names, strict=True):
        name = next((name for name in choice if times[name] == 1), part.name)
        if prefix:
            name = prefix if part.source.startswith(PICTURES) else f"{prefix}-{name}"
        named.append(_told(replace(part, stream=legal_stream(name)), Path(name), by_user=False))
    return named


def _told(spec: SourceSpec, path: Path, *, by_user: bool) -> SourceSpec:
    """Warn of a stream whose name differs from its file's because that is no stream id, unless the user has named it."""
    path = whole(path)
    if not by_user and spec.stream not in (path.name, path.stem):
        logger.warning("%s is the stream %s; NAME=SOURCE gives it another", shown(path.name or path), spec.stream)
    return spec


def _check_distinct(specs: Sequence[SourceSpec]) -> None:
    """Raise ConfigError naming two sources with the same stream id."""
    seen: dict[str, SourceSpec] = {}
    for spec in specs:
        if other := seen.get(spec.stream):
            raise ConfigError(
                f"two sources have the stream id {spec.stream!r}: {shown(other.shown)} and {shown(spec.shown)}; "
                f"name one of them, as in other-{spec.stream[:100]}=SOURCE"
            )
        seen[spec.stream] = spec
