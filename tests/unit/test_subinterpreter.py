"""framehop in a subinterpreter, as Apache's mod_wsgi makes them."""

from __future__ import annotations

import subprocess
import sys

PROGRAM = """
try: import _interpreters as interpreters
except ImportError: import _xxsubinterpreters as interpreters
script = '''
try: import framehop._core
except ImportError as error: print(error, flush=True)
'''
interpreters.run_string(interpreters.create(), script)
import framehop._core
"""


def test_a_subinterpreter_is_refused_and_the_main_one_goes_on() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    assert "WSGIApplicationGroup %{GLOBAL}" in done.stdout
