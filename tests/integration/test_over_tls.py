"""What was tested in the clear holds over TLS: the same tests, with every broker of theirs behind a certificate."""

import os
import pathlib
import subprocess
import sys

import pytest

from broker_process import SLOWNESS, TLS_FOLDER

FOLDER = pathlib.Path(__file__).parent
# One alone needs what TLS has not: an answer to who gets no connection at all.
NOT_THERE = "not over_the_connection_limit"


@pytest.mark.skipif(bool(TLS_FOLDER), reason="this run is one over TLS")
@pytest.mark.deadline(300)
@pytest.mark.parametrize("suite", [
    "frames", "pipelining", "endings", "back_pressure", "hostile"])
def test_the_suite_passes(authority, suite):
    done = subprocess.run([sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-k", NOT_THERE,
                           f"test_{suite}.py"], cwd=FOLDER, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, timeout=290 * SLOWNESS, check=False,
                          env={**os.environ, "CRIER_TEST_TLS": str(authority.folder)})
    assert done.returncode == 0, done.stdout
