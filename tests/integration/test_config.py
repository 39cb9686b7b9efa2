"""`crier check`, `crier config`, and where the settings of a running broker come from."""

import os
import re
import signal
import subprocess
import urllib.error
import urllib.request

import pytest

from broker_process import BINARY, ROOT, SLOWNESS, eventually

SECRET = "0123456789abcdef0123456789abcdef"
KEY = "d2f1a04d7f3d3d4e8a3a4f7e5b0c9d1e2f3a4b5c6d7e8f90123456789abcdef0"


def crier(*arguments, **environment):
    return subprocess.run([BINARY, *map(str, arguments)], capture_output=True, text=True, timeout=20 * SLOWNESS,
                          stdin=subprocess.DEVNULL, env={**os.environ, **environment}, check=False)


@pytest.fixture
def file(tmp_path):
    """file(TEXT): the path of a configuration with that text."""
    def write(text, name="crier.toml"):
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return path
    return write


def test_check_says_in_one_line_that_a_file_is_sound_and_then_what_it_allows(file):
    path = file(f'[server]\nlisten = ["127.0.0.1:1"]\nhosts = ["a.example"]\n[auth.jwt]\nsecret = "{SECRET}"\n'
                '[namespace.chat]\npublish = "authenticated"\n')
    answer = crier("check", path)
    assert (answer.returncode, answer.stderr) == (0, "")
    lines = answer.stdout.splitlines()
    assert lines[0] == f"{path}: OK"
    assert "  listens on 127.0.0.1:1; administration on 127.0.0.1:9008" in lines
    assert "  tokens: [HS256]" in lines
    assert re.search(r"^  chat +anyone +authenticated +subscribers +subscribers +granted$", answer.stdout, re.M)
    assert re.search(r"^  default +anyone +granted +subscribers +subscribers +granted$", answer.stdout, re.M)
    assert SECRET not in answer.stdout


def test_check_and_the_log_warn_of_secrets_that_others_may_see(file, start_broker):
    text = f'[server]\nlisten = ["0.0.0.0:0"]\nhosts = ["a.example"]\n[auth.jwt]\nsecret = "{SECRET}"\n'
    path = file(text)
    path.chmod(0o640)
    warnings = [line for line in crier("check", path).stdout.splitlines() if line.startswith("warning: ")]
    assert len(warnings) == 1 and "0.0.0.0:0 is without TLS: tokens and keys travel in the clear" in warnings[0]
    path.chmod(0o644)
    warnings = [line for line in crier("check", path).stdout.splitlines() if line.startswith("warning: ")]
    assert len(warnings) == 2 and f"{path} holds auth.jwt.secret and may be read by everybody" in warnings[1]
    proxied = text.replace("hosts", 'trusted_proxies = ["10.0.0.0/8"]\nhosts')
    behind = file(proxied.replace(f'secret = "{SECRET}"\n', ""))
    assert "warning" not in crier("check", behind, CRIER_AUTH__JWT__SECRET=SECRET).stdout
    assert "a secret is exposed" in start_broker(config=text).errors()


def test_check_takes_the_reference_file():
    assert crier("check", ROOT / "deploy" / "crier.toml").returncode == 0


def test_check_tells_every_problem_with_its_place_and_exits_2(file):
    path = file('[server]\nthreads = 300\nlisen = []\n[limits]\nheartbeat = 25\n'
                '[namespace.chat]\nsubscribe = "granted"\n'
                '[[auth.service_key]]\nname = "a"\nsha256 = "the-key-itself"\n')
    answer = crier("check", path)
    assert (answer.returncode, answer.stdout) == (2, "")
    assert "the-key-itself" not in answer.stderr
    places = [line.split(": ")[0] for line in answer.stderr.splitlines()]
    assert places == [f"{path}:{place}" for place in ("2:1", "3:1", "5:1", "10:1")]
    assert "did you mean `listen`?" in answer.stderr


@pytest.mark.parametrize("text", [
    f'[auth.jwt]\nsecret = {SECRET}\n',
    f'[auth.jwt]\nsecret = "{SECRET}\n',
    f'[auth.jwt]\nsecret = ["{SECRET}"]\n',
    f'[auth.jwt]\nalgorithms = ["HS512"]\nsecret = "{SECRET}"\n',
    f'[auth]\njwt = "{SECRET}"\n',
])
def test_no_message_shows_a_secret(file, text):
    answer = crier("check", file(text))
    assert answer.returncode == 2 and answer.stderr
    assert SECRET[:6] not in answer.stderr


def test_check_names_a_file_that_cannot_be_read(file, tmp_path):
    assert "cannot read it" in crier("check", tmp_path / "none.toml").stderr
    path = file(f'[auth.jwt]\nalgorithms = ["RS256"]\npublic_key = "{tmp_path}/none.pem"\n'
                '[tls]\ncertificate = "/no/such/chain.pem"\nprivate_key = "/no/such/key.pem"\n'
                '[server]\nhosts = ["a.example"]\n')
    answer = crier("check", path)
    assert answer.returncode == 2
    assert "auth.jwt.public_key" in answer.stderr and "tls.certificate" in answer.stderr


def test_config_prints_what_loads_again_as_the_same(file):
    path = file(f'[server]\nhosts = ["a.example"]\npaths = ["/a", "/b"]\n[[auth.service_key]]\nname = "orders"\n'
                f'sha256 = "{KEY}"\npublish = ["orders.>"]\n[namespace.chat]\nhistory = {{ age = "1h" }}\n')
    printed = crier("config", "--config", path, "--threads", "3", CRIER_LOG__LEVEL="warn")
    assert printed.returncode == 0, printed.stderr
    assert re.search(r"^threads = 3 +# --threads$", printed.stdout, re.M)
    assert re.search(r'^level = "warn" +# CRIER_LOG__LEVEL$', printed.stdout, re.M)
    assert re.search(rf'^paths = \["/a", "/b"\] +# {path}:3:1$', printed.stdout, re.M)
    again = crier("config", "--config", file(printed.stdout, "again.toml"))
    assert again.returncode == 0, again.stderr

    def values(text):
        return [re.sub(r" +# [^#]*$", "", line) for line in text.splitlines()]
    assert values(again.stdout) == values(printed.stdout)


def test_config_masks_the_secret_and_refuses_the_mask(file):
    printed = crier("config", CRIER_AUTH__JWT__SECRET=SECRET, CRIER_SERVER__HOSTS="a.example")
    assert printed.returncode == 0, printed.stderr
    assert SECRET not in printed.stdout
    refused = crier("check", file(printed.stdout))
    assert refused.returncode == 2
    assert "auth.jwt.secret: found a string of 8 bytes, not shown, expected the secret itself" in refused.stderr
    # Nothing else is wrong with it.
    assert len(refused.stderr.splitlines()) == 1


def test_a_broker_takes_settings_from_the_environment_and_shows_no_secret_anywhere(start_broker, monkeypatch, file):
    monkeypatch.setenv("CRIER_SERVER__PATHS", "/events,/message")
    monkeypatch.setenv("CRIER_AUTH__JWT__SECRET", SECRET)
    monkeypatch.setenv("CRIER_SERVER__HOSTS", "127.0.0.1")
    monkeypatch.setenv("CRIER_LOG__LEVEL", "debug")
    broker = start_broker()
    with pytest.raises(urllib.error.HTTPError) as answer:
        urllib.request.urlopen(f"{broker.url}/events", timeout=10 * SLOWNESS)
    assert answer.value.code == 426
    broker.signal(signal.SIGHUP)
    eventually(lambda: "reload" in broker.errors())
    broker.signalled = False
    broker.stop()
    assert SECRET not in broker.said()


def test_an_environment_that_names_no_setting_ends_the_start():
    answer = crier("serve", CRIER_SERVER__THREAD="2")
    assert answer.returncode == 2
    assert answer.stderr == "CRIER_SERVER__THREAD: stands for no setting: did you mean CRIER_SERVER__THREADS?\n"
    assert crier("--version", CRIER_SERVER__THREAD="2").returncode == 0


def test_a_public_address_wants_to_know_who_may_do_what(file):
    path = file('[server]\nlisten = ["0.0.0.0:0"]\n')
    answer = crier("serve", "--config", path)
    assert answer.returncode == 2
    assert re.match(rf"{path}:2:11: server.listen\[0\]: found .* lift that, or server.protected_mode = false.$",
                    answer.stderr)
    path = file('[server]\nlisten = ["0.0.0.0:0"]\nprotected_mode = false\n')
    assert "DNS rebinding" in crier("serve", "--config", path).stderr
