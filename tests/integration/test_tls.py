"""TLS as clients and operators meet it: what is spoken, whose certificate is shown, who gets in, what resumes."""

import contextlib
import signal
import socket
import ssl
import subprocess
import time

import pytest

from broker_process import BINARY, SANITIZED, SLOWNESS, eventually, scaled
from certificates import Authority, openssl
from clients import FIN, PATIENCE, RawHttp, RawWebSocket, first_flight, frame, text_frame, trust
from http_wire import get, post


def handshake(broker, context=None, name="127.0.0.1"):
    """A socket that speaks TLS."""
    below = socket.create_connection(("127.0.0.1", broker.port), timeout=PATIENCE)
    return (context or trust(broker)).wrap_socket(below, server_hostname=name)


def limited(broker, version, ciphers=None):
    context = trust(broker)
    context.minimum_version = context.maximum_version = version
    if ciphers:
        context.set_ciphers(ciphers)
    return context


def s_client(broker, *options, given="", expect_success=True):
    """What `openssl s_client` says; it ends when its input does."""
    done = subprocess.run(["timeout", str(15 * SLOWNESS), "openssl", "s_client", "-connect", f"127.0.0.1:{broker.port}",
                           "-CAfile", str(broker.authority), *options], input=given, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, check=False)
    assert not expect_success or done.returncode == 0, done.stdout
    return done.stdout


def failed(broker, reason):
    return broker.metric("crier_tls_handshakes_failed_total", reason=reason)


VERSIONS = {"TLSv1.2": ssl.TLSVersion.TLSv1_2, "TLSv1.3": ssl.TLSVersion.TLSv1_3}


@pytest.mark.parametrize("version", VERSIONS)
def test_both_versions_are_spoken_with_forward_secret_ciphers_alone(start_tls, version):
    broker = start_tls()
    with handshake(broker, limited(broker, VERSIONS[version])) as client:
        assert client.version() == version
        cipher = client.cipher()[0]
        assert cipher.startswith("ECDHE-") or version == "TLSv1.3"
        assert "GCM" in cipher or "CHACHA20" in cipher
        assert client.compression() is None
        client.sendall(get(broker).encode())
        assert client.recv(100).startswith(b"HTTP/1.1 200")
    assert broker.metric("crier_tls_handshakes_total") == 1


@pytest.mark.parametrize("options, alert", [
    (["-tls1_1", "-cipher", "ALL:@SECLEVEL=0"], "alert protocol version"),
    (["-tls1_2", "-cipher", "AES128-SHA:AES256-GCM-SHA384"], "alert handshake failure"),
    (["-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-SHA"], "alert handshake failure"),
    (["-alpn", "h2"], "alert no application protocol"),
    (["-curves", "P-521"], "alert handshake failure"),
], ids=["tls_1_1", "no_forward_secrecy", "cbc", "h2_only", "no_shared_group"])
def test_what_is_not_spoken_gets_the_alert_that_says_so(start_tls, options, alert):
    broker = start_tls()
    assert alert in s_client(broker, *options, expect_success=False)
    assert failed(broker, "protocol") == 1


def test_http_1_1_is_chosen_among_what_a_client_offers(start_tls):
    broker = start_tls()
    for offered, chosen in (["h2", "http/1.1"], "http/1.1"), (["http/1.1"], "http/1.1"), ([], None):
        context = trust(broker)
        if offered:
            context.set_alpn_protocols(offered)
        with handshake(broker, context) as client:
            assert client.selected_alpn_protocol() == chosen


def test_the_certificate_is_the_one_of_the_name_that_was_asked_for(start_tls, authority):
    hosts = "".join(f'[[tls.host]]\nname = "{name}"\ncertificate = "{authority.folder}/{file}.pem"\n'
                    f'private_key = "{authority.folder}/{file}.key"\n'
                    for name, file in [("news.example.com", "news"), ("*.chat.example.com", "wild")])
    broker = start_tls(config=hosts)
    context = trust(broker)
    context.check_hostname = False
    for name, expected in [("news.example.com", "news"), ("NEWS.Example.com", "news"), ("a.chat.example.com", "wild"),
                           ("a.b.chat.example.com", "server"), ("chat.example.com", "server"),
                           ("other.example.com", "server"), ("127.0.0.1", "server"), (None, "server")]:
        with handshake(broker, context, name) as client:
            (((_, shown),),) = client.getpeercert()["subject"]
            assert shown == expected, name


def test_only_who_has_a_certificate_of_the_client_authority_gets_in(start_tls, authority, tmp_path):
    broker = start_tls(tls=f'client_ca = "{authority.certificate}"\n')
    known = trust(broker)
    known.load_cert_chain(authority.folder / "client.pem", authority.folder / "client.key")
    for version in VERSIONS.values():
        known.minimum_version = known.maximum_version = version
        with handshake(broker, known) as client:
            client.sendall(get(broker).encode())
            assert client.recv(100).startswith(b"HTTP/1.1 200")
    foreign = trust(broker)
    foreign.load_cert_chain(*Authority(tmp_path / "foreign").issue("foreign"))
    for stranger in trust(broker), foreign:
        with pytest.raises(ssl.SSLError), handshake(broker, stranger) as client:  # 1.3 tells it with the first read
            client.recv(1)
    eventually(lambda: failed(broker, "certificate") == 2)
    assert broker.metric("crier_tls_handshakes_total") == 2


@pytest.mark.parametrize("version", ["-tls1_2", "-tls1_3"])
def test_a_session_is_resumed_by_its_ticket(start_tls, tmp_path, version):
    broker = start_tls()
    session = str(tmp_path / "session")
    asking = get(broker, headers="Connection: close\r\n").replace("\r\n", "\n")
    # In 1.3 tickets come behind the handshake: so something is asked for, and read to its end.
    first = s_client(broker, version, "-crlf", "-ign_eof", "-sess_out", session, given=asking)
    assert "New, TLS" in first
    assert "Reused, TLS" in s_client(broker, version, "-crlf", "-ign_eof", "-sess_in", session, given=asking)
    assert broker.metric("crier_tls_resumed_total") == 1
    assert broker.metric("crier_tls_handshakes_total") == 2


def test_renegotiation_is_refused(start_tls):
    broker = start_tls()
    said = s_client(broker, "-tls1_2", "-legacy_renegotiation", given="R\n", expect_success=False)
    assert "RENEGOTIATING" in said
    assert "no renegotiation" in said
    assert broker.metric("crier_tls_handshakes_total") == 1


def test_new_keys_on_the_way_change_nothing(start_tls):
    broker = start_tls(config='[limits]\nhandshake_timeout = "60s"\n')
    own_key_update = b">>> TLS 1.3, Handshake [length 0005], KeyUpdate"
    # K and k, each alone on its line, make s_client take new keys, with and without asking for ours.
    asking = get(broker, headers="Connection: close\r\n").replace("\r\n", "\n")
    with subprocess.Popen(["timeout", str(20 * SLOWNESS), "openssl", "s_client", "-tls1_3", "-crlf", "-msg",
                           "-connect", f"127.0.0.1:{broker.port}"],
                          stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as client:
        said = b""

        def until(mark):
            nonlocal said
            while mark not in said:
                piece = client.stdout.read1(65536)
                assert piece, said
                said += piece

        until(b"Timeout   : 7200")  # a ticket is here: it takes commands
        for letter in b"K", b"k", b"K":
            client.stdin.write(letter + b"\n")
            client.stdin.flush()
            # Its own, not our answer to the one before: what it reads behind a letter it would throw away.
            before = said.count(own_key_update)
            while said.count(own_key_update) <= before:
                said += client.stdout.read1(65536)
        client.stdin.write(asking.encode())
        client.stdin.flush()
        until(b"</html>")
        client.stdin.close()
    # Ours come at the latest with what is sent next.
    assert said.count(b"KeyUpdate") == 5, "three of the client's, two that it asked for"


# --- ends


def test_an_orderly_end_says_so_in_tls(start_tls):
    broker = start_tls()
    below = socket.create_connection(("127.0.0.1", broker.port), timeout=PATIENCE)
    with trust(broker).wrap_socket(below, server_hostname="127.0.0.1", suppress_ragged_eofs=False) as client:
        client.sendall(get(broker, headers="Connection: close\r\n").encode())
        got = b""
        while piece := client.recv(65536):  # a ragged end would raise
            got += piece
        assert got.startswith(b"HTTP/1.1 200") and b"</html>" in got


@pytest.mark.parametrize("how", ["silent", "close_notify"])
def test_a_client_that_ends_its_side_gets_the_answers_to_what_it_sent(start_tls, how):
    broker = start_tls()
    with RawHttp(broker) as http:
        http.send("".join(post(broker, {"op": "ping", "id": number}) for number in range(30)))
        if how == "silent":
            http.socket.shutdown(socket.SHUT_WR)
        else:
            with contextlib.suppress(ssl.SSLError):  # Python sends its end and then is surprised by our answers
                http.socket.settimeout(0)
                http.socket.unwrap()
            assert broker.metric("crier_commands_total", op="ping") <= 30
            eventually(lambda: broker.metric("crier_commands_total", op="ping") == 30)
            return
        assert [http.answer().json()["id"] for _ in range(30)] == list(range(30))
        assert http.ended()


# --- messages


@pytest.mark.parametrize("version", VERSIONS)
def test_a_message_of_a_mebibyte_goes_both_ways(start_tls, version):
    broker = start_tls("--echo", config='[limits]\nincoming_bytes_max = "2MiB"\noutbox_bytes_max = "4MiB"\n')
    payload = bytes(range(256)) * 4096
    with RawWebSocket(broker, "/echo", context=limited(broker, VERSIONS[version])) as raw:
        for _ in range(4):
            raw.send(frame(FIN | 0x2, payload))
            assert raw.read_frame() == (FIN | 0x2, payload)


def test_hundreds_of_messages_of_one_turn_arrive_in_order(start_tls):
    broker = start_tls(threads=1)
    with RawWebSocket(broker, "/message?channel=c") as subscriber, RawHttp(broker) as publisher:
        assert subscriber.read_json()["op"] == "subscribed"
        for start in range(0, 3000, 1000):
            commands = [{"op": "publish", "channel": "c", "data": [number, "x" * (number % 300)]}
                        for number in range(start, start + 1000)]
            publisher.send(post(broker, commands))
            assert publisher.answer().status == 200
        assert [subscriber.read_json()["data"][0] for _ in range(3000)] == list(range(3000))


def test_many_small_records_arrive_as_one_stream(start_tls):
    broker = start_tls()
    with RawWebSocket(broker) as raw:
        wire = b"".join(text_frame({"op": "ping", "id": number}) for number in range(100))
        for at in range(0, len(wire), 3):
            raw.send(wire[at:at + 3])  # a record each
        assert [raw.read_json()["id"] for _ in range(100)] == list(range(100))


def test_a_paused_publisher_loses_nothing_that_tls_had_decrypted_already(start_tls):
    limits = '[limits]\ninflight_bytes_max = "65KiB"\n[namespace.default]\nhistory = { messages = 0 }\n'
    broker = start_tls(config=limits, threads=2)
    count = scaled(2000, 200)
    with RawWebSocket(broker, "/message?channel=p") as subscriber, RawWebSocket(broker) as publisher:
        assert subscriber.read_json()["op"] == "subscribed"
        for number in range(count):
            publisher.send(text_frame({"op": "publish", "channel": "p", "data": [number, "x" * 1000]}))
            if number % 100 == 99:
                for expected in range(number - 99, number + 1):
                    assert subscriber.read_json()["data"][0] == expected
        publisher.send(text_frame({"op": "ping", "id": "end"}))
        assert publisher.read_json()["id"] == "end"


@pytest.mark.skipif(bool(SANITIZED), reason="sanitizers take memory of their own")
@pytest.mark.parametrize("version", VERSIONS)
def test_an_idle_connection_takes_at_most_16_kib(start_tls, version):
    broker = start_tls(threads=1)
    context = limited(broker, VERSIONS[version])
    with contextlib.ExitStack() as held:
        for _ in range(100):  # what is taken once
            held.enter_context(RawWebSocket(broker, context=context))
        before = broker.resident_kb()
        for _ in range(500):
            held.enter_context(RawWebSocket(broker, context=context))
        eventually(lambda: broker.metric("crier_websockets") == 600)
        each = (broker.resident_kb() - before) * 1024 / 500
        print(version, each, "bytes each")
        assert each <= 16 * 1024


# --- the operator's mistakes


def refused_start(tmp_path, config):
    """What the broker says when it does not start."""
    file = tmp_path / "crier.toml"
    file.write_text(config, encoding="utf-8")
    done = subprocess.run([BINARY, "serve", "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0", "--config", str(file)],
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=20 * SLOWNESS, check=False)
    assert done.returncode != 0
    return done.stderr


def test_every_fault_of_the_files_is_told_by_its_key_in_one_start(tmp_path, authority):
    folder = authority.folder
    openssl("pkey", "-in", str(folder / "server.key"), "-aes256", "-passout", "pass:secret", "-out",
            str(tmp_path / "locked.key"))
    (tmp_path / "empty.pem").write_text("nothing\n", encoding="ascii")
    said = refused_start(tmp_path, f'''
[tls]
certificate = "{folder}/server.pem"
private_key = "{tmp_path}/locked.key"
client_ca = "{tmp_path}/empty.pem"
[[tls.host]]
name = "a.example"
certificate = "{folder}/news.pem"
private_key = "{folder}/wild.key"
[[tls.host]]
name = "b.example"
certificate = "{tmp_path}/empty.pem"
private_key = "{folder}/wild.key"
''')
    assert f"tls.private_key: {tmp_path}/locked.key: is encrypted" in said
    assert f"tls.client_ca: {tmp_path}/empty.pem: holds no certificates" in said
    assert said.count("tls.client_ca") == 1
    assert f"tls.host.private_key: {folder}/wild.key: is not the key of the certificate {folder}/news.pem" in said
    assert f"tls.host.certificate: {tmp_path}/empty.pem: cannot be used" in said


def test_a_file_that_is_not_there_is_told(tmp_path, authority):
    said = refused_start(tmp_path, f'[tls]\ncertificate = "{authority.folder}/server.pem"\n'
                                   f'private_key = "{tmp_path}/none.key"\n')
    assert f"tls.private_key: {tmp_path}/none.key: cannot be read: No such file or directory" in said


def test_an_expired_certificate_is_a_warning(start_broker, authority):
    authority.issue("old", days=-1)
    broker = start_broker(config=authority.config("old"))
    assert "has expired" in broker.errors()


# --- the end


def test_a_shutdown_does_not_wait_for_handshakes(start_tls):
    broker = start_tls()
    with socket.create_connection(("127.0.0.1", broker.port)) as half, \
            socket.create_connection(("127.0.0.1", broker.port)), RawWebSocket(broker) as whole:
        half.sendall(first_flight())
        eventually(lambda: broker.metric("crier_tls_handshakes_in_flight") == 1)
        before = time.monotonic()
        broker.signal(signal.SIGTERM)
        assert whole.read_close()[0] == 1012
        assert broker.process.wait(timeout=10 * SLOWNESS) == 0
        assert time.monotonic() - before < 4 * SLOWNESS
