"""The C++ client library and its credentials: renewed, refused, cut off, and a service's own."""

from cpp_client_process import JWT, KEEP, CppClient, CuttingProxy
from tokens import Service, may, token


def test_a_token_is_renewed_before_it_is_over(start_broker, tmp_path):
    broker = start_broker(config=JWT)
    with CppClient(broker.websocket_url, tmp_path, token_source=True) as client:
        assert client.next("token_wanted")["reason"] == 0
        client.do("token", token=token("alice", expires_in=4, can={"publish": ["inbox"]}, channels=["inbox"]))
        assert client.next("connected")["user"] == "alice"
        assert client.next("subscribed")["channel"] == "inbox"
        assert client.next("token_wanted")["reason"] == 1
        client.do("token", token=token("alice", can={"publish": ["inbox"]}, channels=["inbox"]))
        assert "position" in client.answer("publish", channel="inbox", data=1)
        assert client.next("message")["data"] == 1
        assert [line["event"] for line in client.seen].count("connected") == 1


def test_an_expired_token_is_replaced_and_a_bad_one_is_the_end(start_broker, tmp_path):
    broker = start_broker(config=JWT)
    with CppClient(broker.websocket_url, tmp_path, token_source=True) as client:
        client.next("token_wanted")
        client.do("token", token=token("alice", expires_in=-60))
        assert client.next("token_wanted")["reason"] == 2
        assert client.next("waiting")["error"]["code"] == "token_expired"
        client.do("token", token=token("alice"))
        client.next("connected")
    with CppClient(broker.websocket_url, tmp_path, token=token("alice", key="x" * 64)) as client:
        error = client.next("closed")["error"]
        assert error["code"] == "unauthorized" and error["http_status"] == 401 and "genuine" in error["message"]
        assert client.answer("publish", channel="a", data=1)["code"] == "closed"


def test_a_source_without_a_token_is_told_and_asked_again(start_broker, tmp_path):
    broker = start_broker(config=JWT)
    with CppClient(broker.websocket_url, tmp_path, token_source=True) as client:
        client.next("token_wanted")
        client.do("token")
        assert "the test gives none" in client.next("error")["error"]["message"]
        client.next("waiting")
        client.next("token_wanted")
        client.do("token", token=token("alice"))
        client.next("connected")


def test_a_source_that_throws_is_told_of_and_asked_again(start_broker, tmp_path):
    broker = start_broker(config=JWT)
    with CppClient(broker.websocket_url, tmp_path, token_source=True, throws=1) as client:
        client.next("token_wanted")
        assert "no key in the safe" in client.next("error")["error"]["message"]
        client.next("waiting")
        client.next("token_wanted")
        client.do("token", token=token("alice"))
        client.next("connected")


def test_a_channel_of_the_token_is_resumed_after_a_cut(start_broker, tmp_path):
    broker = start_broker(config=JWT + KEEP)
    mine = token("alice", can={"publish": ["inbox"]}, channels=["inbox"])
    other = token("bob", can={"publish": ["inbox"]})
    with CuttingProxy(broker.port) as proxy, CppClient(proxy.url, tmp_path, token=mine) as client, \
            CppClient(broker.websocket_url, tmp_path, token=other) as publisher:
        client.next("subscribed")
        publisher.answer("publish", channel="inbox", data=1)
        assert client.messages(1) == [1]
        proxy.plan = lambda number: "refuse"
        proxy.cut_all()
        client.next("waiting")
        publisher.answer("publish", channel="inbox", data=2)
        proxy.plan = lambda number: None
        assert client.next("subscribed")["recovered"]
        publisher.answer("publish", channel="inbox", data=3)
        assert client.messages(2) == [2, 3]


def test_a_cut_ends_no_subscription_of_who_may_not_read_the_past(start_broker, tmp_path):
    broker = start_broker(config=JWT + '[namespace.default]\nhistory = { messages = 10 }\nhistory_access = "granted"\n')
    mine = may("alice", subscribe=["room"], publish=["room", "inbox"], channels=["inbox"])
    with CuttingProxy(broker.port) as proxy, CppClient(proxy.url, tmp_path, token=mine) as client:
        client.next("subscribed")
        client.subscribe("room")
        proxy.cut_all()
        again = [client.next("subscribed", "ended"), client.next("subscribed", "ended")]
        assert {line.get("channel") for line in again} == {"room", "inbox"}
        assert all(line["again"] and line["recovered"] is False for line in again)
        for channel in ("room", "inbox"):
            client.answer("publish", channel=channel, data=channel)
            assert client.messages(1) == [channel]


def test_nor_one_of_who_shows_no_token(start_broker, tmp_path):
    broker = start_broker(config=JWT + '[namespace.default]\nhistory = { messages = 10 }\npublish = "anyone"\n'
                                 'history_access = "granted"\n')
    with CuttingProxy(broker.port) as proxy, CppClient(proxy.url, tmp_path) as client:
        client.subscribe("room")
        proxy.cut_all()
        assert client.next("subscribed", "ended")["recovered"] is False
        client.answer("publish", channel="room", data=1)
        assert client.messages(1) == [1]


def test_a_service_manages(start_broker, tmp_path):
    service = Service("ops", manage=True, publish=[">"], subscribe=[">"])
    broker = start_broker(config=JWT + service.toml())
    with CppClient(broker.websocket_url, tmp_path, token=service.key) as ops, \
            CppClient(broker.websocket_url, tmp_path, token=token("eve")) as eve:
        ops.next("connected")
        eve.subscribe("hall")
        assert ops.answer("channels") == ["hall"]
        assert ops.answer("kick", channel="hall", user="eve") == 1
        assert eve.next("ended")["error"]["message"]
        assert ops.answer("disconnect", user="eve") == 1
        assert eve.next("closed")["error"]["close_code"] == 4003
