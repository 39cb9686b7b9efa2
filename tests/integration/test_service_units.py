"""The units in deploy/, as systemd reads them."""

import shutil
import subprocess

import pytest

from broker_process import BINARY, ROOT


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd-analyze is not installed")
def test_systemd_finds_no_fault_in_the_units(tmp_path):
    for name in ("crier.service", "crier.socket"):
        text = (ROOT / "deploy" / name).read_text(encoding="utf-8")
        (tmp_path / name).write_text(text.replace("/usr/local/bin/crier", BINARY), encoding="utf-8")
    judged = subprocess.run(["systemd-analyze", "verify", "--man=no", str(tmp_path / "crier.service")], text=True,
                            capture_output=True, timeout=60, check=False)
    assert (judged.returncode, judged.stdout + judged.stderr) == (0, "")


def test_the_socket_is_that_of_the_configuration_in_the_readme():
    listened = [line.removeprefix("ListenStream=")
                for line in (ROOT / "deploy" / "crier.socket").read_text(encoding="utf-8").splitlines()
                if line.startswith("ListenStream=")]
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert f'listen = ["{listened[0]}"]' in readme
    assert listened[1:] == [], "a scrape would start the service"
