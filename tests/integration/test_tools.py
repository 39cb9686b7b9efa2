"""`crier key` and `crier token`, end to end; tokens of PyJWT, which nobody here wrote, and to it."""

import base64
import datetime
import hashlib
import json
import os
import re
import subprocess
import time
import tomllib

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from broker_process import BINARY, SLOWNESS

SECRET = "a secret of this test, at least sixty-four bytes long, for HS512 too"


def crier(*arguments, stdin="", exit_code=0):
    """(standard output, standard error)."""
    done = subprocess.run([BINARY, *arguments], input=stdin, capture_output=True, text=True, timeout=30 * SLOWNESS)
    assert done.returncode == exit_code, f"exit code {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done.stdout, done.stderr


@pytest.fixture(scope="module")
def keys(tmp_path_factory):
    """Private keys by algorithm, and their files: NAME.pem, NAME.pub."""
    folder = tmp_path_factory.mktemp("keys")
    made = {"RS256": rsa.generate_private_key(65537, 2048), "ES256": ec.generate_private_key(ec.SECP256R1()),
            "EdDSA": ed25519.Ed25519PrivateKey.generate()}
    for name, key in made.items():
        (folder / f"{name}.pem").write_bytes(key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
        (folder / f"{name}.pub").write_bytes(key.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo))
    (folder / "secret").write_text(SECRET + "\n", encoding="ascii")
    return folder, made


def config_file(tmp_path, text, name="crier.toml"):
    """A whole configuration: outside protected mode the broker has public names."""
    file = tmp_path / name
    file.write_text('[server]\nhosts = ["crier.example.com"]\n' + text, encoding="utf-8")
    return str(file)


def jwk_of(key, **more):
    """By PyJWT, without what is private."""
    algorithm = {rsa.RSAPrivateKey: jwt.algorithms.RSAAlgorithm, ed25519.Ed25519PrivateKey: jwt.algorithms.OKPAlgorithm}
    for kind, codec in algorithm.items():
        if isinstance(key, kind):
            made = json.loads(codec.to_jwk(key.public_key()))
            made.pop("key_ops", None)
            return dict(made, **more)
    numbers = key.public_key().public_numbers()
    encode = lambda n: base64.urlsafe_b64encode(n.to_bytes(32, "big")).decode().rstrip("=")
    return dict(kty="EC", crv="P-256", x=encode(numbers.x), y=encode(numbers.y), **more)


# --- keys ---------------------------------------------------------------------------------------------------------

def test_a_new_key_comes_with_the_table_that_knows_its_hash_alone(tmp_path):
    output, errors = crier("key", "new", "orders", "--publish", "orders.>", "--publish", "[a,b]", "--subscribe",
                           "chat:*", "--presence=p", "--history", "h", "--manage")
    assert errors == ""
    key = output.splitlines()[0]
    assert re.fullmatch(r"crier_[A-Za-z0-9_-]{43}", key)
    assert output.count(key) == 1
    table = tomllib.loads(output.partition("\n")[2])["auth"]["service_key"]
    assert table == [{"name": "orders", "sha256": hashlib.sha256(key.encode()).hexdigest(),
                      "publish": ["orders.>", "[a,b]"], "subscribe": ["chat:*"], "presence": ["p"], "history": ["h"],
                      "manage": True}]
    crier("check", config_file(tmp_path, output.partition("\n")[2]))


def test_every_key_is_another_one():
    made = {crier("key", "new", "a")[0].splitlines()[0] for _ in range(5)}
    assert len(made) == 5


@pytest.mark.parametrize(("arguments", "said"), [
    ([], "expected NAME"),
    (["two words"], "the name has 1 to 64 letters"),
    (["a", "b"], "b: unexpected argument"),
    (["a", "--publish", "x y"], "--publish: 'x y' has a space at character 2"),
    (["a", "--publish"], "--publish: its value is missing"),
    (["a", "--publsh", "x"], "did you mean `--publish`?"),
    (["a", "--manage=yes"], "--manage: takes no value"),
    (["a", "--manage", "--manage"], "--manage: given twice, expected once"),
])
def test_wrong_options_for_a_key_are_told(arguments, said):
    output, errors = crier("key", "new", *arguments, exit_code=2)
    assert output == "" and said in errors and "see `crier key new --help`" in errors


# --- tokens, made -------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("algorithm", ["HS256", "HS384", "HS512", "RS256", "ES256", "EdDSA"])
def test_another_library_reads_the_tokens_that_we_make(keys, algorithm):
    folder, _ = keys
    key = ["--secret-file", str(folder / "secret"), "--algorithm", algorithm] if algorithm.startswith("HS") else [
        "--private-key", str(folder / f"{algorithm}.pem")]
    token = crier("token", "new", *key, "--sub", "änn \"x\"", "--expires-in", "15m", "--kid", "2026-11", "--channel",
                  "news", "--channel", "chat:room.*", "--can-subscribe", "a.>", "--can-publish", "b", "--can-presence",
                  "c", "--can-history", "d", "--info", '{"name": "Änn"}', "--issuer", "login", "--audience",
                  "crier")[0]
    assert token.endswith("\n") and token.count("\n") == 1
    verifier = SECRET if algorithm.startswith("HS") else (folder / f"{algorithm}.pub").read_text()
    claims = jwt.decode(token.strip(), verifier, algorithms=[algorithm], audience="crier", issuer="login")
    assert jwt.get_unverified_header(token.strip()) == {"alg": algorithm, "typ": "JWT", "kid": "2026-11"}
    assert claims.pop("exp") - claims["iat"] == 900
    assert abs(claims.pop("iat") - time.time()) < 60
    assert claims == {"sub": "änn \"x\"", "iss": "login", "aud": "crier", "channels": ["news", "chat:room.*"],
                      "can": {"subscribe": ["a.>"], "publish": ["b"], "presence": ["c"], "history": ["d"]},
                      "info": {"name": "Änn"}}


def test_a_secret_is_read_from_standard_input_too(keys):
    token = crier("token", "new", "--secret-file", "-", "--sub", "ann", stdin=SECRET)[0].strip()
    assert jwt.decode(token, SECRET, algorithms=["HS256"])["sub"] == "ann"


@pytest.mark.parametrize(("arguments", "said"), [
    (["--sub", "a"], "expected either --secret-file or --private-key"),
    (["--secret-file", "S", "--sub", ""], "--sub: missing or empty"),
    (["--secret-file", "S", "--private-key", "K", "--sub", "a"], "expected either --secret-file or --private-key"),
    (["--secret-file", "S"], "--sub: missing"),
    (["--secret-file", "S", "--sub", "a", "--algorithm", "none"], "--algorithm: a secret is for HS256"),
    (["--secret-file", "S", "--sub", "a", "--algorithm", "RS256"], "--algorithm: a secret is for HS256"),
    (["--private-key", "K", "--sub", "a", "--algorithm", "HS256"], "is for ES256"),
    (["--secret-file", "S", "--sub", "a", "--expires-in", "3600"], "--expires-in: expected a duration"),
    (["--secret-file", "S", "--sub", "a", "--expires-in", "0s"], "--expires-in: expected a duration"),
    (["--secret-file", "S", "--sub", "a", "--info", "{"], "--info: is no JSON"),
    (["--secret-file", "S", "--sub", "a", "--info", '"' + "x" * 1100 + '"'], "`info` has more than 1024 bytes"),
    (["--secret-file", "S", "--sub", "a", "--channel", "x y"], "`channels` has, at index 0"),
    (["--secret-file", "S", "--sub", "a" * 257], "`sub` has more than 256 bytes"),
    (["--secret-fil", "S", "--sub", "a"], "did you mean `--secret-file`?"),
])
def test_wrong_options_for_a_token_are_told(keys, arguments, said):
    folder, _ = keys
    files = {"S": str(folder / "secret"), "K": str(folder / "ES256.pem")}
    output, errors = crier("token", "new", *[files.get(word, word) for word in arguments], exit_code=2)
    assert output == "" and said in errors and SECRET not in errors


def test_weak_secrets_and_wrong_files_are_refused(keys, tmp_path):
    folder, _ = keys
    weak = tmp_path / "weak"
    weak.write_text("hunter2\n", encoding="ascii")
    for arguments, said in [(["--secret-file", str(weak)], "has 7 bytes: HS256 needs at least 32"),
                            (["--secret-file", str(tmp_path / "none")], "No such file or directory"),
                            (["--secret-file", str(tmp_path)], "cannot be read"),
                            (["--private-key", str(folder / "RS256.pub")], "holds no private key in PEM"),
                            (["--private-key", str(weak)], "holds no private key in PEM")]:
        output, errors = crier("token", "new", *arguments, "--sub", "ann", exit_code=1)
        assert output == "" and said in errors and "hunter2" not in errors


# --- tokens, looked into ------------------------------------------------------------------------------------------

def test_inspect_shows_what_a_token_says_with_times_as_dates():
    token = jwt.encode({"sub": "ann\x1b[31m", "exp": 4102444800, "can": {"publish": ["a.>", "b"], "history": []}},
                       SECRET, algorithm="HS256", headers={"kid": "k"})
    for output, errors in [crier("token", "inspect", token), crier("token", "inspect", "-", stdin=token + "\n"),
                           crier("token", "inspect", stdin=token)]:
        assert errors == ""
        assert re.search(r'^  alg +"HS256"$', output, re.M) and re.search(r'^  kid +"k"$', output, re.M)
        assert re.search(r"^  exp +2100-01-01 00:00:00 UTC, in \d+ d$", output, re.M)
        assert re.search(r'^  can\.publish +"a\.>", "b"$', output, re.M)
        assert re.search(r"^  can\.history +nothing$", output, re.M)
        assert r'"ann\u001b[31m"' in output and "\x1b" not in output
        assert "signature was not looked at" in output


@pytest.mark.parametrize(("token", "said"), [
    ("", "this is no token"), ("a.b", "this is no token"), ("crier_abc", "this is no token"),
    ("a.b.c", "header is not base64url"), ("e30.e30x.c", "claims is no JSON"), ("e30.e31.c", "claims is not base64url"),
    ("eyJhIjoxLCJhIjoxfQ.e30.c", "header names a member twice"),
])
def test_inspect_says_what_is_no_token(token, said):
    output, errors = crier("token", "inspect", stdin=token, exit_code=1)
    assert output == "" and said in errors


def test_inspect_says_whether_a_broker_would_accept_the_token_and_why_not(tmp_path):
    config = config_file(tmp_path, f'[auth.jwt]\nsecret = "{SECRET}"\naudience = "crier"\n')
    soon = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(minutes=5)
    claims = {"sub": "ann", "exp": soon, "aud": "crier"}

    def verdict(changes=(), secret=SECRET, exit_code=0, algorithm="HS256", **headers):
        token = jwt.encode({**claims, **dict(changes)}, secret, algorithm=algorithm, headers=headers)
        return crier("token", "inspect", "--config", config, stdin=token, exit_code=exit_code)[0].splitlines()[-1]

    assert verdict() == 'accepted: the user "ann"'
    assert verdict({"exp": 1}, exit_code=1) == "refused: the token has expired (token_expired)"
    assert verdict({"aud": "x"}, exit_code=1).startswith("refused: the token's claim `aud` does not name this broker")
    assert verdict(secret=SECRET[1:], exit_code=1) == "refused: the token's signature is not genuine (unauthorized)"
    assert verdict(algorithm="HS512", exit_code=1).startswith("refused: the token's `alg` is none of those")
    assert verdict(secret=None, algorithm="none", exit_code=1).startswith("refused: the token's `alg` is none of")
    assert verdict({"can": {"x": []}}, exit_code=1).startswith("refused: the token's claim `can` has another member")


def test_inspect_knows_service_keys_by_the_configuration(tmp_path):
    output, _ = crier("key", "new", "orders", "--publish", "a")
    key, _, table = output.partition("\n")
    config = config_file(tmp_path, table)
    assert crier("token", "inspect", "--config", config, stdin=key)[0] == 'accepted: the key of the service "orders"\n'
    refused = crier("token", "inspect", "--config", config, stdin=key[:-1], exit_code=1)[0]
    assert refused == "refused: the key is none of this broker's service keys (unauthorized)\n"


def test_inspect_tells_the_faults_of_the_configuration(tmp_path, keys):
    folder, _ = keys
    bad = config_file(tmp_path, f'[auth.jwt]\nalgorithms = ["ES256"]\npublic_key = "{folder}/ES256.pem"\n')
    errors = crier("token", "inspect", "--config", bad, stdin="e30.e30.e30", exit_code=2)[1]
    assert "auth.jwt.public_key" in errors and "private key" in errors
    assert "No such file" in crier("token", "inspect", "--config", "/no/such", stdin="x", exit_code=2)[1]


def test_tokens_of_another_library_are_accepted_by_a_public_key_and_by_a_key_set(tmp_path, keys):
    folder, made = keys
    soon = time.time() + 300.5  # a fraction, as some libraries make it
    jwks = tmp_path / "jwks.json"
    jwks.write_text(json.dumps({"keys": [jwk_of(key, kid=f"kid-{name}", use="sig", alg=name)
                                         for name, key in made.items()]}), encoding="ascii")
    set_config = config_file(tmp_path, f'[auth.jwt]\nalgorithms = ["RS256", "ES256", "EdDSA"]\njwks = "{jwks}"\n')
    for name, key in made.items():
        key_config = config_file(
            tmp_path, f'[auth.jwt]\nalgorithms = ["{name}"]\npublic_key = "{folder}/{name}.pub"\n', f"{name}.toml")
        for config, kid in [(key_config, "any"), (set_config, f"kid-{name}"), (set_config, "unknown")]:
            token = jwt.encode({"sub": "ann", "exp": soon}, key, algorithm=name, headers={"kid": kid})
            output = crier("token", "inspect", "--config", config, stdin=token)[0]
            assert output.endswith('accepted: the user "ann"\n'), output
        wrong = next(other for other in made if other != name)
        token = jwt.encode({"sub": "ann", "exp": soon}, key, algorithm=name, headers={"kid": f"kid-{wrong}"})
        output = crier("token", "inspect", "--config", set_config, stdin=token, exit_code=1)[0]
        assert "refused: the token's `alg` does not fit the key that its `kid` names" in output


# --- both ---------------------------------------------------------------------------------------------------------

def test_help_names_every_command_option_and_exit_code():
    for tool, commands in [("key", ["new"]), ("token", ["new", "inspect"])]:
        for command in commands:
            assert re.search(rf"^  {command} ", crier(tool, "--help")[0], re.M)
            text = crier(tool, command, "--help")[0]
            assert f"Usage: crier {tool} {command} " in text and "Exit codes: 0 " in text
            assert max(map(len, text.splitlines())) <= 120
        assert "Usage" in crier(tool, exit_code=2)[1]
        assert "nonsense: unknown command" in crier(tool, "nonsense", exit_code=2)[1]


def test_nothing_secret_stands_on_a_command_line_or_in_an_error(keys):
    text = crier("token", "new", "--help")[0]
    assert "--secret " not in text and "never from the command line" in text
    environment = dict(os.environ, CRIER_AUTH__JWT__SECRET=SECRET, CRIER_AUTH__ANONYMOUS="false")
    done = subprocess.run([BINARY, "token", "inspect", "--config", "/dev/null"], input="a.b.c", capture_output=True,
                          text=True, timeout=30 * SLOWNESS, env=environment)
    assert done.returncode == 1 and "refused" in done.stdout and SECRET not in done.stdout + done.stderr
