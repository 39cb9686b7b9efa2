"""Fixtures: a real broker process for each module or test, and coroutines as tests."""

import asyncio
import inspect
import os
import signal

import pytest

from broker_process import BINARY, SLOWNESS, Broker
from certificates import Authority

# Started in the background of a script, this process ignores both, and so would programs that keep to what they
# inherit.
for _number, _usual in ((signal.SIGINT, signal.default_int_handler), (signal.SIGHUP, signal.SIG_DFL)):
    if signal.getsignal(_number) == signal.SIG_IGN:
        signal.signal(_number, _usual)


def pytest_sessionstart():
    if not os.access(BINARY, os.X_OK):
        pytest.exit(f"no broker at {BINARY}: build it, or name it in CRIER_BIN", returncode=2)


def pytest_make_parametrize_id(val):
    """Readable test names, however long the parameter is."""
    text = val if isinstance(val, str) else repr(val) if isinstance(val, (bytes, list, dict, tuple)) else None
    if text is None:
        return None
    printable = "".join(c if c.isprintable() and c.isascii() else "?" for c in text)
    return printable if len(printable) <= 40 else f"{printable[:40]}~{len(text)}"


@pytest.fixture(scope="module")
def broker(tmp_path_factory):
    """A broker with its default settings, shared by the tests of a module: use channel names of your own."""
    process = Broker(tmp_path_factory.mktemp("broker"))
    process.start()
    yield process
    process.stop()


@pytest.fixture
def start_broker(tmp_path):
    """start_broker(*flags, config=TOML, threads=N): a broker of this test alone."""
    started = []

    def start(*flags, config="", threads=2):
        process = Broker(tmp_path / f"broker-{len(started)}")
        started.append(process)
        process.start(*flags, config=config, threads=threads)
        return process

    yield start
    for process in started:
        process.stop()


@pytest.fixture(scope="session")
def authority(tmp_path_factory):
    """An authority with certificates for 127.0.0.1 (`server`), two names, and a client."""
    made = Authority(tmp_path_factory.mktemp("authority"))
    made.issue("server")
    made.issue("news", "news.example.com")
    made.issue("wild", "*.chat.example.com")
    made.issue("client", "someone")
    return made


@pytest.fixture
def start_tls(start_broker, authority):
    """start_tls(*flags, config=MORE TOML, threads=N): a broker of this test alone that speaks TLS."""
    def start(*flags, config="", tls="", **options):
        broker = start_broker(*flags, config=authority.config() + tls + config, **options)
        assert broker.secure
        broker.authority = authority.certificate
        return broker
    return start


@pytest.fixture
def channel(request):
    """A channel name that no other test uses."""
    channel.counter = getattr(channel, "counter", 0) + 1
    return f"test.{channel.counter}"


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem):
    """Runs `async def` tests."""
    if not inspect.iscoroutinefunction(pyfuncitem.function):
        return None
    names = pyfuncitem._fixtureinfo.argnames
    asyncio.run(pyfuncitem.function(**{name: pyfuncitem.funcargs[name] for name in names}))
    return True


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_call(item):
    """No test may hang: an alarm ends it with a traceback of where it waited."""
    marker = item.get_closest_marker("deadline")
    seconds = int((marker.args[0] if marker else 60) * SLOWNESS)

    def on_alarm(_signal, _frame):
        raise TimeoutError(f"the test took more than {seconds} s")

    before = signal.signal(signal.SIGALRM, on_alarm)
    signal.alarm(seconds)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """Shows what the brokers of a failed test said."""
    outcome = yield
    report = outcome.get_result()
    if report.failed:
        for process in Broker.alive_or_last():
            report.sections.append((f"broker {process.pid}", process.said()))
