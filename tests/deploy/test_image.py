"""The image of deploy/Dockerfile, started as an engine would start it."""

import asyncio
import http.client
import json
import pathlib
import re
import signal
import stat

import pytest
import websockets

from clients import Client
from container import ADDRESS
from tokens import SECRET, may

DEMO = ["serve", "--config", "/etc/crier/demo.toml"]
STATE = "/var/lib/crier"


def post(command, host=None):
    """(status, body) of a command by HTTP, to the address that a published port leads to."""
    connection = http.client.HTTPConnection(ADDRESS, 8008, timeout=10)
    connection.request("POST", "/message", json.dumps(command),
                       {"Content-Type": "application/json", "Host": host or "localhost:8008"})
    answer = connection.getresponse()
    body = json.loads(answer.read())
    connection.close()
    return answer.status, body


def connect(**options):
    return websockets.connect("ws://localhost:8008/message", host=ADDRESS, port=8008, **options)


@pytest.fixture
def start(engine, image):
    """start(command, **environment): a container that is healthy, and keeps its state in the same volume."""
    def started(command=None, **environment):
        volumes = [(engine.volume("state", image.root / STATE[1:]), STATE, False)]
        container = engine.start(image, command, environment=environment, volumes=volumes)
        container.until_healthy(image.config["Healthcheck"]["Test"], 30)
        return container
    return started


def test_the_image_says_how_it_is_run(image):
    config = image.config
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", config["User"])
    assert config["Entrypoint"] == ["/usr/local/bin/crier"] and config["Cmd"][0] == "serve"
    assert config["StopSignal"] == "SIGTERM"
    assert list(config["Volumes"]) == [STATE] and list(config["ExposedPorts"]) == ["8008/tcp"]
    assert config["Labels"]["org.opencontainers.image.licenses"] == "Apache-2.0"
    assert not [entry for entry in config["Env"] if entry.startswith("CRIER_")], "it would win over a file"


def test_the_image_holds_what_runs_and_nothing_that_builds(image, engine):
    for tool in ("g++", "cmake", "ccache", "ninja"):
        assert not (image.root / "usr/bin" / tool).exists(), tool
    for folder in ("src", "tmp/crier"):
        assert not (image.root / folder).exists(), folder
    assert not list((image.root / "var/lib/apt/lists").glob("*_Packages*"))
    assert not list((image.root / "var/cache/apt/archives").glob("*.deb"))
    listed = engine.start(image, ["/usr/local/bin/crier"], entrypoint=["/usr/bin/ldd"])
    assert listed.wait() == 0 and "libssl" in listed.log and "not found" not in listed.log, listed.log
    version = engine.start(image, ["--version"])
    assert version.wait() == 0 and version.log.startswith("crier "), version.log


def test_nobody_but_root_can_change_the_program_or_its_configuration(image):
    for path in (image.root / "usr/local/bin/crier", *(image.root / "etc/crier").iterdir()):
        mode = path.stat()
        assert mode.st_uid == 0 and not mode.st_mode & (stat.S_IWGRP | stat.S_IWOTH | stat.S_ISUID), path


def test_without_a_configuration_it_refuses_and_says_what_to_do(engine, image):
    container = engine.start(image)
    assert container.wait() == 2
    assert "/etc/crier/crier.toml:" in container.log and "Tokens ([auth.jwt])" in container.log


async def test_with_a_secret_it_serves_who_has_a_token_and_nobody_else(start):
    start(CRIER_AUTH__JWT__SECRET=SECRET)
    async with connect() as connection:
        client = Client(connection)
        await client.send(op="auth", id=1, token=may("ann", subscribe=["news"], publish=["news"]))
        reply = await client.next()
        while reply.get("id") != 1:
            reply = await client.next()
        assert reply["op"] == "authenticated", reply
        await client.subscribe("news")
    assert post({"op": "publish", "channel": "news", "data": 1})[0] == 401


async def test_the_demo_is_reached_from_outside_and_by_its_names_alone(start):
    start(DEMO)
    async with connect() as connection:
        client = Client(connection)
        assert (await client.next())["op"] == "welcome"
        await client.subscribe("news")
        status, reply = post({"op": "publish", "channel": "news", "data": {"headline": "hello"}})
        assert status == 200 and reply["op"] == "published", reply
        assert (await client.next())["data"] == {"headline": "hello"}
    assert post({"op": "publish", "channel": "news", "data": 1}, host="evil.test")[0] == 421
    with pytest.raises(websockets.InvalidStatusCode):
        await connect(origin="http://evil.test")
    connection = http.client.HTTPConnection(ADDRESS, 8008, timeout=10)
    connection.request("GET", "/", headers={"Host": "localhost:8008"})
    assert connection.getresponse().status == 200, "the demo page"


def test_it_has_no_rights_and_writes_to_its_volume_alone(start):
    container = start(DEMO)
    status = dict(line.split(":\t", 1) for line in
                  pathlib.Path(f"/proc/{container.pid}/status").read_text(encoding="ascii").splitlines())
    assert status["Uid"].split() == status["Gid"].split() == ["10001"] * 4 and status["Groups"].strip() == ""
    assert {status[name] for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")} == {"0" * 16}
    assert status["NoNewPrivs"] == "1"
    # The first word of its own mount options; an overlay that is not written to.
    root = next(line.split() for line in pathlib.Path(f"/proc/{container.pid}/mountinfo").read_text().splitlines()
                if line.split()[4] == "/")
    assert "ro" in root[5].split(",")
    assert container.run(["/usr/bin/touch", "/etc/crier/x", "/x"])[0] != 0
    assert container.run(["/usr/bin/touch", f"{STATE}/x"])[0] == 0


async def test_a_stop_sends_everybody_away_in_order_and_keeps_the_state(start, image):
    container = start(DEMO)
    which = getattr(signal, image.config["StopSignal"])
    async with connect() as connection:
        client = Client(connection)
        await client.next()
        await client.subscribe("news")
        first = post({"op": "publish", "channel": "news", "data": 1})[1]["position"]
        post({"op": "publish", "channel": "news", "data": 2})
        ended = asyncio.get_running_loop().run_in_executor(None, container.stop, 45, which)
        pushes = []
        with pytest.raises(websockets.ConnectionClosed):
            while True:
                pushes.append(await client.next())
        assert [push["op"] for push in pushes] == ["message", "message", "drain"]
        assert connection.close_code == 1012
        assert await ended == 0, container.log
    start(DEMO)
    async with connect() as connection:
        client = Client(connection)
        await client.next()
        reply = await client.call("subscribe", channel="news", since=first)
        assert (reply["op"], reply["recovered"]) == ("subscribed", True), reply
        assert (await client.next())["data"] == 2


def test_the_health_check_says_when_it_is_not_well(start, image):
    container = start(DEMO)
    test = image.config["Healthcheck"]["Test"][1:]
    assert container.run(test) == (0, "http://127.0.0.1:9008/readyz: ready\n")
    container.run(["/bin/true"])
    assert container.run(test + ["--url", "http://127.0.0.1:9009/readyz"])[0] == 1
    assert container.stop(45) == 0


def test_keys_and_tokens_are_made_by_the_image_too(engine, image):
    made = engine.start(image, ["key", "new", "orders", "--publish", "orders.>"])
    assert made.wait() == 0 and "[[auth.service_key]]" in made.log
