from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.log_process import ROOT


def test_a_full_disk_stops_the_log_and_loses_nothing(tmp_path: Path) -> None:
    # A mount namespace of its own: nothing is left mounted, whatever happens. As a user it needs a user namespace as well.
    namespace = ["--mount"] if os.geteuid() == 0 else ["--user", "--map-root-user", "--mount"]
    script = 'mount -t tmpfs -o size=24m none "$1" && exec "$2" -m tests.disk_full "$1"'
    done = subprocess.run(
        ["unshare", *namespace, "sh", "-c", script, "sh", str(tmp_path), sys.executable],
        env=os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT), *filter(None, sys.path)])},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
