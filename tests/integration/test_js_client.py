"""The JavaScript client (clients/js): its own tests, each file against brokers and proxies that it starts itself."""

import os
import pathlib
import subprocess

import pytest

from broker_process import BINARY, ROOT, SLOWNESS

PACKAGE = ROOT / "clients" / "js"
SUBJECTS = sorted(path.name for path in (PACKAGE / "test").glob("*.test.mjs"))


@pytest.fixture(scope="module", autouse=True)
def built():
    """dist/, from the sources as they are."""
    done = subprocess.run(["node", "build.mjs"], cwd=PACKAGE, capture_output=True, text=True, timeout=120,
                          stdin=subprocess.DEVNULL, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_its_tests_are_found():
    assert len(SUBJECTS) >= 8


@pytest.mark.deadline(240)
@pytest.mark.parametrize("subject", SUBJECTS)
def test_subject(subject):
    # A TLS_FOLDER of the run is for clients that know its authority; these have brokers of their own.
    done = subprocess.run(["node", "--test", f"test/{subject}"], cwd=PACKAGE, capture_output=True, text=True,
                          timeout=230 * SLOWNESS, stdin=subprocess.DEVNULL, check=False,
                          env={**os.environ, "CRIER_BIN": str(pathlib.Path(BINARY).resolve())})
    assert done.returncode == 0, done.stdout[-20000:] + done.stderr
    assert "\n# skipped 0\n" in done.stdout and "\n# todo 0\n" in done.stdout, "nothing is skipped silently"
