"""docker-compose.yml, its services started together: ours from the image, Prometheus from Debian's package."""

import http.client
import json
import pathlib
import resource
import shutil
import time
import urllib.parse

import pytest
import yaml

from conftest import ROOT
from container import ADDRESS, Image, duration

COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))["services"]
# What stands for an image that is not ours to build: this machine's own root, and what that image is known to start and
# to run as. Grafana is no package of Debian's, so that of it only the files are looked at (tests/integration).
PROMETHEUS = Image(pathlib.Path("/"), {"Entrypoint": ["prometheus"], "User": "65534:65534",
                                       "Env": ["PATH=/usr/local/bin:/usr/bin:/bin"]})


def get(port, path, host):
    connection = http.client.HTTPConnection(ADDRESS, port, timeout=10)
    connection.request("GET", path, headers={"Host": host})
    answer = connection.getresponse()
    body = answer.read().decode()
    connection.close()
    return answer.status, body


def asked(path, **question):
    status, body = get(9090, f"{path}?{urllib.parse.urlencode(question)}", "prometheus:9090")
    assert status == 200, body
    return json.loads(body)["data"]


def descriptors(service):
    """As many as it asks for; on a machine that raises no limit, as many as there are."""
    asked_for = service.get("ulimits", {}).get("nofile", {}).get("hard")
    return asked_for and min(asked_for, resource.getrlimit(resource.RLIMIT_NOFILE)[1])


class Stack:
    """Services by name, with what the compose file says of them."""

    def __init__(self, engine, image):
        self.engine, self.images = engine, {"setup": image, "crier": image, "prometheus": PROMETHEUS}

    def volumes(self, name):
        for words in COMPOSE[name]["volumes"]:
            source, target, *mode = words.split(":")
            if source.startswith("./"):
                folder = (ROOT / source).resolve(strict=True)
            else:
                folder = self.engine.volume(source, self.images[name].root / target[1:])
                if name == "prometheus" and target == "/prometheus":
                    folder.chmod(0o777)  # its image has such a folder of its own
            yield folder, target, mode == ["ro"]

    def start(self, name):
        service = COMPOSE[name]
        assert service["read_only"] and service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]
        return self.engine.start(
            self.images[name], service["command"], user=service.get("user"), volumes=self.volumes(name),
            environment=service.get("environment"), entrypoint=service.get("entrypoint"),
            descriptors=descriptors(service))

    def set_up(self):
        container = self.start("setup")
        assert container.wait() == 0, container.log
        return container


@pytest.fixture
def stack(engine, image):
    return Stack(engine, image)


def test_setup_makes_a_key_once_and_takes_up_a_changed_configuration(stack):
    stack.set_up()
    key = (stack.engine.volume("scrape-key") / "prometheus").read_text(encoding="ascii")
    settings = stack.engine.volume("settings") / "crier.toml"
    first = settings.read_text(encoding="utf-8")
    assert key.startswith("crier_") and key not in first and "sha256" in first
    stack.set_up()
    assert (stack.engine.volume("scrape-key") / "prometheus").read_text(encoding="ascii") == key
    assert settings.read_text(encoding="utf-8") == first
    assert key.strip() not in "".join(container.log for container in stack.engine.containers)


def test_a_changed_demo_configuration_is_taken_up_by_the_running_broker(stack, image):
    stack.set_up()
    crier = stack.start("crier")
    crier.until_healthy(image.config["Healthcheck"]["Test"], 30)
    changed = stack.engine.volume("changed")
    for file in ("setup.sh", "demo.toml"):
        shutil.copy(ROOT / "deploy" / "container" / file, changed)
    with open(changed / "demo.toml", "a", encoding="utf-8") as demo:
        demo.write("rate = 7\n")  # of namespace.default, the last table
    setup = COMPOSE["setup"]
    again = stack.engine.start(image, setup["command"], user=setup["user"], entrypoint=setup["entrypoint"],
                               volumes=[(changed, "/setup", True), *list(stack.volumes("setup"))[1:]])
    assert again.wait() == 0, again.log
    deadline = time.monotonic() + 20
    while "reloaded:" not in crier.log:
        assert time.monotonic() < deadline, crier.log
        time.sleep(0.1)
    assert "namespace.default.rate" in crier.log and "cannot reload" not in crier.log
    assert crier.stop(duration(COMPOSE["crier"]["stop_grace_period"])) == 0


def test_prometheus_reads_the_metrics_with_its_key_and_nobody_without(stack, image):
    stack.set_up()
    crier = stack.start("crier")
    crier.until_healthy(image.config["Healthcheck"]["Test"], 30)
    assert f"({descriptors(COMPOSE['crier'])} file descriptors)" in crier.log
    assert "threads           2" in crier.log
    # Published is one port alone; the other one asks for a key.
    assert get(8008, "/", "localhost:8008")[0] == 200
    assert get(9008, "/metrics", "crier:9008")[0] == 401

    prometheus = stack.start("prometheus")
    health = COMPOSE["prometheus"]["healthcheck"]
    prometheus.until_healthy(health["test"], duration(health["start_period"]))
    deadline = time.monotonic() + 40
    while True:
        targets = {target["labels"]["job"]: target for target in asked("/api/v1/targets")["activeTargets"]}
        if targets and all(target["health"] == "up" for target in targets.values()):
            break
        assert time.monotonic() < deadline, [(target["health"], target["lastError"]) for target in targets.values()]
        time.sleep(0.2)
    assert set(targets) == {"crier", "prometheus"}
    (sample,) = asked("/api/v1/query", query='crier_build_info{job="crier"}')["result"]
    assert sample["metric"]["instance"] == "crier:9008"

    groups = asked("/api/v1/rules")["groups"]
    assert {rule["type"] for group in groups for rule in group["rules"]} == {"alerting"}
    assert not [alert for alert in asked("/api/v1/alerts")["alerts"] if alert["state"] == "firing"]
    grace = duration(COMPOSE["crier"]["stop_grace_period"])
    assert crier.stop(grace) == 0
    assert prometheus.stop(10) == 0, prometheus.log
