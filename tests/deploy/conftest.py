"""What image.sh has built, and how its containers are started; and coroutines as tests."""

import asyncio
import inspect
import json
import os
import pathlib
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "integration"))  # its clients

from container import Engine, Image  # noqa: E402


def pytest_sessionstart():
    if not os.environ.get("CRIER_IMAGE_ROOT"):
        pytest.exit("no image: tests/deploy/image.sh builds it, and runs these tests", returncode=2)


@pytest.fixture(scope="session")
def image():
    """The image as an engine would know it."""
    described = json.loads(pathlib.Path(os.environ["CRIER_IMAGE_JSON"]).read_text(encoding="utf-8"))
    return Image(pathlib.Path(os.environ["CRIER_IMAGE_ROOT"]), described["Docker"]["config"])


@pytest.fixture
def engine(tmp_path):
    """Starts containers of one test; all of them have ended with it."""
    made = Engine(tmp_path)
    yield made
    made.end()


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem):
    """Runs `async def` tests."""
    if not inspect.iscoroutinefunction(pyfuncitem.function):
        return None
    names = pyfuncitem._fixtureinfo.argnames
    asyncio.run(pyfuncitem.function(**{name: pyfuncitem.funcargs[name] for name in names}))
    return True
