"""clang-tidy over src/ and cpp/src/, on all cores. A file that passed is not looked at again until it, a header of ours
that it sees, its compile command or the checks change. Usage: tidy.py BUILD_DIR, a directory with compile_commands.json."""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CHECKED = (ROOT / "src", ROOT / "cpp" / "src")
INCLUDE = re.compile(rb'^\s*#\s*include\s+"([^"]+)"', re.MULTILINE)


def own_headers(file: Path, seen: set[Path]) -> Iterator[Path]:
    """The headers of this repository that `file` includes, directly or not, in the order met."""
    for name in INCLUDE.findall(file.read_bytes()):
        for folder in (file.parent, ROOT / "src", ROOT / "cpp" / "include", ROOT / "cpp" / "src"):
            header = folder / os.fsdecode(name)
            if header.is_file() and header not in seen:
                seen.add(header)
                yield header
                yield from own_headers(header, seen)


def fingerprint(file: Path, command: str, checks: bytes) -> str:
    digest = hashlib.sha256(checks + command.encode())
    for part in (file, *own_headers(file, set())):
        digest.update(part.read_bytes())
    return digest.hexdigest()


def tidy(build: Path, file: Path) -> str:
    """Return clang-tidy's complaints; empty when it has none."""
    done = subprocess.run(
        ["clang-tidy", "-p", build, "--quiet", file], capture_output=True, text=True, check=False, cwd=ROOT
    )
    return f"{done.stdout}{done.stderr}" if done.returncode else ""


def main(build: Path) -> int:
    version = subprocess.run(["clang-tidy", "--version"], capture_output=True, check=True).stdout
    checks = version + (ROOT / ".clang-tidy").read_bytes()
    entries = json.loads((build / "compile_commands.json").read_text())
    commands = {Path(entry["file"]): entry["command"] for entry in entries}
    prints = {
        file: fingerprint(file, command, checks)
        for file, command in sorted(commands.items())
        if any(file.is_relative_to(folder) for folder in CHECKED)
    }
    passed = build / "tidy-passed"
    passed.mkdir(exist_ok=True)
    due = [file for file, mark in prints.items() if not (passed / mark).exists()]
    complaints = 0
    with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        for file, said in zip(due, pool.map(lambda file: tidy(build, file), due), strict=True):
            if said:
                complaints += 1
                print(said)
            else:
                (passed / prints[file]).touch()
    print(f"{len(prints)} files, {len(due)} of them checked now, {complaints} with complaints")
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]).resolve()))
