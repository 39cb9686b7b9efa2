"""What the C++ client library says when it cannot connect, or may not: TLS, other servers, limits."""

import pathlib

import pytest

from cpp_client_process import CppClient, CuttingProxy
from recovery import publish


def first_failure(url, folder, **options):
    """How the first attempt ends, and whether it was the last."""
    with CppClient(url, folder, **options) as client:
        line = client.next("waiting", "closed", "threw")
        return line["event"], line.get("error", {}).get("code"), line.get("error", line)["message"]


def test_tls_is_verified_against_the_authority_that_is_named(start_broker, authority, tmp_path):
    broker = start_broker(config=authority.config())
    trusted = {"ca_file": str(authority.certificate)}
    with CppClient(broker.websocket_url, tmp_path, **trusted) as client:
        client.subscribe("secret")
        for number in range(50):
            client.do("publish", channel="secret", data=["x" * 20_000, number])
        assert [data[1] for data in client.messages(50)] == list(range(50))
        client.close()
    event, code, message = first_failure(broker.websocket_url, tmp_path)
    assert (event, code) == ("closed", "tls") and "tls.ca_file" in message
    event, code, message = first_failure(broker.websocket_url, tmp_path, server_name="other.example.com", **trusted)
    assert (event, code) == ("closed", "tls") and "tls.server_name" in message
    event, code, message = first_failure(f"ws://127.0.0.1:{broker.port}/message", tmp_path)
    assert (event, code) == ("closed", "not_crier") or code in ("unreachable", "refused"), message
    with CppClient(broker.websocket_url, tmp_path, verify=False) as client:
        client.next("connected")


def test_a_certificate_of_the_clients_own_is_shown(start_broker, authority, tmp_path):
    broker = start_broker(config=authority.config() + f'client_ca = "{authority.certificate}"\n')
    trusted = {"ca_file": str(authority.certificate)}
    folder = pathlib.Path(authority.folder)
    with CppClient(broker.websocket_url, tmp_path, certificate_file=str(folder / "client.pem"),
                   private_key_file=str(folder / "client.key"), **trusted) as client:
        client.next("connected")
    event, code, _ = first_failure(broker.websocket_url, tmp_path, **trusted)
    assert (event, code) == ("closed", "tls")


def test_each_refusal_says_what_to_do(start_broker, tmp_path):
    broker = start_broker(config='[limits]\nconnections_max = 1\n')
    base = f"ws://127.0.0.1:{broker.port}"
    assert first_failure("localhost:8008", tmp_path)[0] == "threw"
    assert first_failure(base, tmp_path, token="two\nlines")[0] == "threw"
    assert first_failure(f"wss://127.0.0.1:{broker.port}", tmp_path)[:2] == ("closed", "tls")
    assert first_failure(f"{base}/nowhere", tmp_path)[:2] == ("closed", "refused")
    event, code, message = first_failure(f"ws://127.0.0.1:{broker.admin_port}/metrics", tmp_path)
    assert (event, code) == ("closed", "not_crier"), message
    assert first_failure("ws://127.0.0.1:1/", tmp_path)[:2] == ("waiting", "unreachable")
    assert first_failure("ws://127.0.0.1:1/", tmp_path, reconnect=False)[:2] == ("closed", "unreachable")
    with CppClient(broker.websocket_url, tmp_path) as first:
        first.next("connected")
        with CppClient(broker.websocket_url, tmp_path) as second:
            line = second.next("waiting")
            assert line["error"]["http_status"] == 503 and line["retry_in"] >= 1000 * line["error"]["retry_after"]


@pytest.mark.parametrize("answer, expected", [
    (b"SSH-2.0-OpenSSH_9.2\r\n", ("closed", "not_crier")),
    (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi", ("closed", "not_crier")),
    (b"HTTP/1.1 101 x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: no\r\n\r\n",
     ("closed", "not_crier")),
    (b"HTTP/1.1 502 Bad Gateway\r\n\r\n<html>", ("waiting", "refused")),
    (b"", ("waiting", "unreachable")),
], ids=["ssh", "web server", "wrong accept", "bad gateway", "silence"])
def test_another_server_is_told_from_a_broker(tmp_path, answer, expected):
    with CuttingProxy(1, lambda number: answer) as proxy:
        event, code, message = first_failure(proxy.url, tmp_path)
    assert (event, code) == expected, message


def test_a_message_over_the_clients_own_limit_is_the_end_and_not_a_loop(broker, tmp_path):
    with CppClient(broker.websocket_url, tmp_path, incoming_bytes_max=8192) as client:
        client.subscribe("large")
        publish(broker, "large", "x" * 10_000)
        error = client.next("closed")["error"]
        assert error["code"] == "too_large" and "incoming_bytes_max" in error["message"]


def test_nothing_is_queued_offline_where_that_is_asked_for(tmp_path):
    with CppClient("ws://127.0.0.1:1/", tmp_path, offline="refuse") as client:
        client.next("waiting")
        assert client.answer("publish", channel="a", data=1)["code"] == "offline"
    with CppClient("ws://127.0.0.1:1/", tmp_path, command_timeout_ms=200) as client:
        assert client.answer("publish", channel="a", data=1)["code"] == "offline"
        client.close()


def test_a_socket_of_this_machine_is_as_good(start_broker, tmp_path):
    path = tmp_path / "s"
    start_broker("--listen", f"unix:{path}")
    with CppClient(f"unix:{path}", tmp_path) as client:
        client.subscribe("local")
        client.answer("publish", channel="local", data=1)
        assert client.messages(1) == [1]
