"""The C++ client library as others use it: installed, found from an empty project, each example run."""

import os
import re
import shutil
import signal
import subprocess

import pytest

from broker_process import BUILD, ROOT, SANITIZED, SLOWNESS, eventually
from cpp_client_process import JWT, PATIENCE, CppClient
from recovery import publish
from tokens import token


def run_example(folder, name, *arguments, seconds=20):
    return subprocess.run([str(folder / name), *arguments], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          timeout=seconds * SLOWNESS, check=False)


@pytest.fixture(scope="module")
def examples(tmp_path_factory):
    """The example programs, built from outside: in an empty tree, by find_package against what is installed."""
    prefix, build = tmp_path_factory.mktemp("installed"), tmp_path_factory.mktemp("examples")
    flags = {"": "", "address": "-fsanitize=address,undefined", "thread": "-fsanitize=thread"}[SANITIZED]
    compiler = "clang++-19" if SANITIZED == "address" else "g++"
    launcher = ["-DCMAKE_CXX_COMPILER_LAUNCHER=ccache"] if shutil.which("ccache") else []
    # The folders have another name in each run, which the cache is to overlook.
    environment = {**os.environ, "CCACHE_BASEDIR": str(prefix.parent), "CCACHE_NOHASHDIR": "1"}
    for command in (["cmake", "--install", str(BUILD), "--prefix", str(prefix)],
                    ["cmake", "-S", str(ROOT / "clients/cpp/examples"), "-B", str(build), "-G", "Ninja",
                     f"-DCMAKE_PREFIX_PATH={prefix}", f"-DCMAKE_CXX_COMPILER={compiler}",
                     f"-DCMAKE_CXX_FLAGS=-Wall -Wextra -Wpedantic {flags}", *launcher],
                    ["cmake", "--build", str(build), "-j2"]):
        done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              text=True, timeout=240 * SLOWNESS, check=False, env=environment)
        assert done.returncode == 0, done.stdout
    assert "-Werror" not in (prefix / "lib/cmake/crier/crierTargets.cmake").read_text(encoding="ascii")
    assert os.access(prefix / "bin" / "crier", os.X_OK)
    return build


@pytest.mark.deadline(300)
def test_the_examples_are_built_from_an_empty_project_and_do_what_they_say(examples, broker):
    url = broker.websocket_url
    done = run_example(examples, "publish", url, "shop")
    assert done.returncode == 0 and len(re.findall(r"^shop \w+:\d+$", done.stdout, re.MULTILINE)) == 10, done.stderr
    done = run_example(examples, "history", url, "shop")
    assert done.returncode == 0 and '{"number":10}' in done.stdout and "0 members" in done.stdout, done.stderr
    done = run_example(examples, "blocking", url)
    assert done.returncode == 0 and 'received "hello"' in done.stdout, done.stderr
    done = run_example(examples, "batch", url, "counted", "5000")
    assert done.returncode == 0 and done.stdout == "stored 5000 messages\n", done.stderr
    process = subprocess.Popen([str(examples / "subscribe"), url, "live", "shop.>"], stdin=subprocess.DEVNULL,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    told = [process.stderr.readline() for _ in range(4)]
    assert told.count("subscribed to live\n") == 1, told
    publish(broker, "live", {"price": 7})
    assert process.stdout.readline() == 'live {"price": 7}\n', "byte for byte as it was published"
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=PATIENCE) == 0
    process.stdout.close()
    process.stderr.close()


@pytest.mark.deadline(300)
def test_the_example_with_tokens_goes_on_over_tls(examples, start_broker, authority, tmp_path):
    broker = start_broker(config=JWT + authority.config())
    file = tmp_path / "token"
    file.write_text(token("alice", expires_in=3, can={"publish": ["mine"]}), encoding="ascii")
    process = subprocess.Popen([str(examples / "token"), broker.websocket_url, str(authority.certificate), str(file),
                                "mine"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout.readline() == "connected as alice\n"
        file.write_text(token("alice", can={"publish": ["mine"]}), encoding="ascii")
        renewed = eventually(lambda: broker.metric("crier_commands_total", op="auth", outcome="ok") >= 1)
        with CppClient(broker.websocket_url, tmp_path, ca_file=str(authority.certificate),
                       token=file.read_text(encoding="ascii")) as publisher:
            publisher.answer("publish", channel="mine", data=5)
        assert renewed and process.stdout.readline() == "5\n"
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
