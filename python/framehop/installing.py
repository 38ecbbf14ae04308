"""The command that installs more of framehop. It depends on where this copy came from."""

from __future__ import annotations

import json
import shlex
import shutil
import sys
from pathlib import Path
from urllib.parse import unquote, urlsplit


def install(extra: str) -> str:
    """Return the command that adds an extra such as `cpu` with the pip of this interpreter. A copy from an index is named by name,
    a checkout or a file by its path, any other by its URL."""
    return f"{_pip()} install {shlex.quote(_requirement(extra, _origin()))}"


def _pip() -> str:
    """Return `pip` if a shell finds this interpreter's, else a call through the interpreter."""
    found = shutil.which("pip")
    ours = found is not None and Path(found).parent == Path(sys.executable).parent
    return "pip" if ours else f"{shlex.quote(sys.executable)} -m pip"


def _origin() -> dict[str, object]:
    """Read what the installer noted (PEP 610); empty if framehop came from an index or the origin is unknown."""
    from importlib import metadata  # loads a parser of mail, for a message that is seldom read

    try:
        noted = json.loads(metadata.distribution("framehop").read_text("direct_url.json") or "{}")
    except (metadata.PackageNotFoundError, ValueError):
        return {}
    return noted if isinstance(noted, dict) else {}


def _requirement(extra: str, origin: dict[str, object]) -> str:
    url = str(origin.get("url", ""))
    if not url:
        return f"framehop[{extra}]"
    if urlsplit(url).scheme == "file":
        return _local(extra, Path(unquote(urlsplit(url).path)))
    vcs = origin.get("vcs_info")
    kind = f"{vcs['vcs']}+" if isinstance(vcs, dict) and "vcs" in vcs else ""
    return f"framehop[{extra}] @ {kind}{url}"


def _local(extra: str, path: Path) -> str:
    """Name a checkout or a wheel by its path, or by name if it is gone."""
    if not path.exists():
        return f"framehop[{extra}]"
    here = path == Path.cwd()
    return f".[{extra}]" if here else f"{path}[{extra}]"
