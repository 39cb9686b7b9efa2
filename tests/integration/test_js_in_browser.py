"""The JavaScript client and the demo page in a real browser: one Chromium for each file of tests."""

import pathlib

import pytest

import js_client
from broker_process import ROOT

FOLDER = pathlib.Path(__file__).parent / "node"
DEMO = ROOT / "broker" / "net" / "demo"


@pytest.fixture(scope="module", autouse=True)
def built():
    js_client.build()


@pytest.mark.deadline(180)
@pytest.mark.parametrize("subject", ["library_pages", "recipes_in_pages", "demo_page"])
def test_subject(subject):
    js_client.run_tests(FOLDER / f"{subject}.test.mjs", 170)


def bundle(path):
    """Without the line for the source map, which the broker does not have."""
    return "".join(line for line in path.read_text(encoding="utf-8").splitlines(keepends=True)
                   if not line.startswith("//# sourceMappingURL="))


@pytest.mark.parametrize("name", ["crier.js", "fallback.js"])
def test_the_broker_embeds_the_library_as_it_is(name, tmp_path):
    js_client.build(tmp_path)
    assert bundle(DEMO / name) == bundle(tmp_path / name), \
        f"broker/net/demo/{name} is not what clients/js builds: run broker/net/demo/copy_library.sh and commit"
