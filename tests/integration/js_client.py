"""The JavaScript client: built once a run, whoever needs it first, and test files that node runs."""

import fcntl
import hashlib
import os
import pathlib
import signal
import subprocess

from broker_process import BINARY, ROOT, SLOWNESS

PACKAGE = ROOT / "clients" / "js"


def fingerprint():
    """Of all that dist/ is made from."""
    files = [*sorted((PACKAGE / "src").iterdir()),
             *(PACKAGE / name for name in ("build.mjs", "tsconfig.json", "package-lock.json"))]
    return hashlib.sha256(b"".join(file.name.encode() + file.read_bytes() for file in files)).hexdigest()


def build(out=None):
    """dist/, or bundles in the folder `out`, from the sources as they are. Safe beside others who do the same."""
    def run(*options):
        done = subprocess.run(["node", "build.mjs", *options], cwd=PACKAGE, capture_output=True, text=True, timeout=120,
                              stdin=subprocess.DEVNULL, check=False)
        assert done.returncode == 0, done.stdout + done.stderr

    if out:
        run("--bundles-only", "--out", str(out))
        return
    built = PACKAGE / "node_modules" / ".crier-built"
    with open(PACKAGE / "node_modules" / ".crier-lock-of-dist", "w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if built.exists() and built.read_text() == fingerprint() and (PACKAGE / "dist" / "crier.js").exists():
            return
        built.unlink(missing_ok=True)
        run()
        built.write_text(fingerprint())


def run_tests(file, seconds):
    """Runs a file of tests by `node --test`; its brokers are its own, and know nothing of TLS_FOLDER."""
    with subprocess.Popen(["node", "--test", str(file)], cwd=pathlib.Path(file).parent, text=True,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          start_new_session=True, env={**os.environ, "CRIER_BIN": str(pathlib.Path(BINARY).resolve())},
                          ) as process:
        try:
            said, errors = process.communicate(timeout=seconds * SLOWNESS)
        except BaseException:
            # With the brokers that it has started; a browser ends with its pipe.
            os.killpg(process.pid, signal.SIGKILL)
            raise
    assert process.returncode == 0, said[-20000:] + errors
    assert "\n# skipped 0\n" in said and "\n# todo 0\n" in said, "nothing is skipped silently"
