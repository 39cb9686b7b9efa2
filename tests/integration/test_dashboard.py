"""Grafana's dashboard: its shape, and every question it asks, put to a real Prometheus that scrapes a real broker."""

import importlib.util
import itertools
import json
import math
import re
import threading

import pytest
import yaml

from broker_process import ROOT, SLOWNESS, eventually
from clients import connect, request
from prometheus import Prometheus

GRAFANA = ROOT / "deploy" / "grafana"
BOARD = json.loads((GRAFANA / "dashboards" / "crier.json").read_text(encoding="utf-8"))
RUNBOOK = (ROOT / "deploy" / "RUNBOOK.md").read_text(encoding="utf-8")
PANELS = [panel for panel in BOARD["panels"] if panel["type"] != "row"]
QUERIES = [(panel["title"], target["expr"]) for panel in PANELS for target in panel["targets"]]
# Those of Grafana's unit ids that are used; another one would be printed behind the number as it stands.
UNITS = {"none", "short", "bytes", "binBps", "s", "cps", "mps", "ops", "dateTimeFromNow"}
# What nothing in this test brings about: the log's bounds.
SILENT = ("crier_log_lines_suppressed_total",)


def test_it_is_what_its_source_makes():
    spec = importlib.util.spec_from_file_location("make_dashboard", GRAFANA / "make_dashboard.py")
    source = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(source)
    assert source.text() == source.BOARD.read_text(encoding="utf-8"), "run deploy/grafana/make_dashboard.py"


def test_panels_have_ids_of_their_own_and_lie_beside_each_other():
    ids = [panel["id"] for panel in BOARD["panels"]]
    assert len(ids) > 40 and len(set(ids)) == len(ids)
    taken = set()
    for panel in BOARD["panels"]:
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24, panel["title"]
        cells = set(itertools.product(range(place["x"], place["x"] + place["w"]),
                                      range(place["y"], place["y"] + place["h"])))
        assert not cells & taken, panel["title"]
        taken |= cells


def test_panels_say_what_they_show_in_units_that_grafana_knows():
    titles = [panel["title"] for panel in PANELS]
    assert len(set(titles)) == len(titles)
    for panel in PANELS:
        assert len(panel["description"]) > 10, panel["title"]
        units = [panel["fieldConfig"]["defaults"]["unit"]]
        units += [entry["value"] for override in panel["fieldConfig"]["overrides"]
                  for entry in override["properties"] if entry["id"] == "unit"]
        assert set(units) <= UNITS, panel["title"]
        steps = panel["fieldConfig"]["defaults"]["thresholds"]["steps"]
        assert steps[0]["value"] is None
        assert [step["value"] for step in steps[1:]] == sorted(step["value"] for step in steps[1:])
        names = [target["refId"] for target in panel["targets"]]
        assert names and len(set(names)) == len(names)


def test_the_runbook_has_the_chapters_that_the_panels_name():
    headings = re.findall(r"^#{2,3} (.*)$", RUNBOOK, re.M)
    named = re.findall(r"Runbook: ([^.]+)\.", " ".join(panel["description"] for panel in PANELS))
    assert len(named) > 10
    for chapter in named:
        assert any(heading.startswith(chapter) for heading in headings), chapter


def test_every_question_goes_to_the_source_that_is_provisioned():
    (source,) = yaml.safe_load((GRAFANA / "datasources" / "prometheus.yml").read_text(encoding="utf-8"))["datasources"]
    variables = {variable["name"]: variable for variable in BOARD["templating"]["list"]}
    assert variables["datasource"]["current"]["value"] == source["uid"]
    assert variables["datasource"]["query"] == source["type"] == "prometheus"
    asking = PANELS + [target for panel in PANELS for target in panel["targets"]] + [variables["instance"]]
    asking += BOARD["annotations"]["list"]
    assert {json.dumps(one["datasource"]) for one in asking} == {'{"type": "prometheus", "uid": "${datasource}"}'}
    used = set(re.findall(r"\$\{?(\w+)", json.dumps(BOARD)))
    assert used - {"__rate_interval", "__all"} == set(variables)


def test_it_shows_every_metric_of_the_broker_and_no_other(broker):
    _, text = broker.admin("/metrics")
    families = set(re.findall(r"^# TYPE (\S+) ", text, re.M))
    shown = {re.sub("_bucket$", "", name) for _, expression in QUERIES
             for name in re.findall(r"\b((?:crier|process)_\w+)\{", expression)}
    assert shown <= families, shown - families
    assert families <= shown, f"deploy/grafana/make_dashboard.py shows no {families - shown}"


def asked_now(expression):
    """As Grafana would ask it, of brokers that are scraped every second."""
    return expression.replace("$__rate_interval", "20s").replace("$instance", ".*")


def busy(broker, enough):
    """Publishes, now and then wrongly, until it is enough."""
    while not enough.wait(0.02):
        for channel in ("shown", "a b"):
            body = json.dumps({"op": "publish", "channel": channel, "data": 1})
            request(broker, "POST /message HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                            f"Content-Length: {len(body)}\r\n\r\n{body}")


async def come_and_go(broker):
    async with connect(broker) as client:
        await client.subscribe("shown")
        await client.next()
    assert request(broker, "GET /nowhere HTTP/1.1\r\nHost: localhost\r\n\r\n").status == 404


@pytest.mark.deadline(120)
async def test_prometheus_answers_every_question_and_the_alerts_are_quiet(broker, tmp_path):
    configuration = yaml.safe_load((ROOT / "deploy/prometheus/prometheus.yml").read_text(encoding="utf-8"))
    ours = configuration["scrape_configs"][0]
    assert ours["job_name"] == "crier"
    configuration["scrape_configs"] = [{"job_name": "crier", "static_configs": [
        {"targets": [f"127.0.0.1:{broker.admin_port}"]}]}]
    configuration["rule_files"] = [str(ROOT / "deploy" / "alerts.yml")]
    configuration["global"] = {"scrape_interval": "1s", "evaluation_interval": "1s"}
    enough = threading.Event()
    publisher = threading.Thread(target=busy, args=(broker, enough))
    publisher.start()
    try:
        with Prometheus(tmp_path, configuration) as prometheus:
            eventually(lambda: prometheus.values('crier_messages_published_total{job="crier"}'), seconds=40)
            await come_and_go(broker)
            moved = asked_now('sum(rate(crier_connections_closed_total{code="normal",instance=~"$instance"}'
                              '[$__rate_interval])) > 0')
            eventually(lambda: prometheus.values(moved), seconds=40)
            for title, expression in QUERIES:
                values = prometheus.values(asked_now(expression))
                if not any(family in expression for family in SILENT):
                    assert values and all(map(math.isfinite, values)), (title, expression, values)
            for annotation in BOARD["annotations"]["list"]:
                assert prometheus.values(asked_now(annotation["target"]["expr"])) == [], annotation["name"]
            groups = prometheus.get("/api/v1/rules")["groups"]
            assert {rule["health"] for group in groups for rule in group["rules"]} <= {"ok", "unknown"}
            assert [alert for alert in prometheus.get("/api/v1/alerts")["alerts"] if alert["state"] == "firing"] == []
    finally:
        enough.set()
        publisher.join(timeout=20 * SLOWNESS)
