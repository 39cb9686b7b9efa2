"""The JavaScript client (clients/js): its own tests, each file against brokers and proxies that it starts itself."""

import pytest

import js_client

SUBJECTS = sorted(path.name for path in (js_client.PACKAGE / "test").glob("*.test.mjs"))


@pytest.fixture(scope="module", autouse=True)
def built():
    js_client.build()


def test_its_tests_are_found():
    assert len(SUBJECTS) >= 8


@pytest.mark.deadline(240)
@pytest.mark.parametrize("subject", SUBJECTS)
def test_subject(subject):
    js_client.run_tests(js_client.PACKAGE / "test" / subject, 230)
