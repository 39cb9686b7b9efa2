"""deploy/RUNBOOK.md and deploy/alerts.yml name what is there, and all of it."""

import re
import subprocess

import pytest

from broker_process import ROOT

RUNBOOK = (ROOT / "deploy" / "RUNBOOK.md").read_text(encoding="utf-8")
ALERTS = ROOT / "deploy" / "alerts.yml"
FAMILY = re.compile(r"\b(?:crier|process)_[a-z_]*[a-z]\b")


@pytest.fixture(scope="module")
def families(broker):
    """{family: {label: values}} of a scrape."""
    _, text = broker.admin("/metrics")
    found = {name: {} for name in re.findall(r"^# TYPE (\S+) ", text, re.M)}
    for name, labels in re.findall(r"^(\w+)\{([^}]*)\}", text, re.M):
        labelled = found.get(name)
        if labelled is None:
            continue
        for label, value in re.findall(r'(\w+)="([^"]*)"', labels):
            labelled.setdefault(label, set()).add(value)
    return found


def table(heading):
    """The rows of the first table under a heading, without its head."""
    section = RUNBOOK.split(f"## {heading}\n", 1)[1].split("\n## ")[0]
    rows = [line for line in section.splitlines() if line.startswith("|")][2:]
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]


def test_every_metric_of_the_runbook_and_the_alerts_exists(families):
    for text in (RUNBOOK, ALERTS.read_text(encoding="utf-8")):
        named = {re.sub("_(bucket|count|sum)$", "", name) for name in FAMILY.findall(text)}
        assert len(named) > 10
        assert named <= set(families), named - set(families)


def test_every_metric_that_exists_is_in_the_runbook(families):
    listed = set(FAMILY.findall(" ".join(row[0] for row in table("All metrics"))))
    assert listed == set(families), listed ^ set(families)


def test_every_label_that_is_asked_for_exists(families):
    asked = re.findall(r'(crier_\w+)\{(\w+)=~?"([^"]+)"', RUNBOOK + ALERTS.read_text(encoding="utf-8"))
    assert len(asked) > 10
    for name, label, values in asked:
        if name == "crier_commands_total":  # most of its pairs are shown when they have happened
            continue
        for value in values.split("|"):
            assert value in families[name].get(label, ()), (name, label, value)


def test_the_reasons_of_closed_connections_are_told_exactly(families):
    rows = table("Why connections were closed")
    assert [f"`{reason}`" for reason in sorted(families["crier_connections_closed_total"]["code"])] == sorted(
        row[0] for row in rows)
    source = (ROOT / "broker/runtime/close_reason.hpp").read_text(encoding="utf-8")
    concerns = source.split("concern_of", 1)[1]
    for level, concern in (("debug", "none"), ("info", "client"), ("warn", "broker")):
        cases = concerns.split(f"return Concern::{concern};")[0].rsplit("return Concern::", 1)[-1]
        expected = {f"`{name}`" for name in re.findall(r"case CloseReason::(\w+):", cases)}
        assert {row[0] for row in rows if row[1] == level} == expected


def test_every_place_that_clients_can_make_talk_is_told(families):
    rows = {row[0].strip("`"): row for row in table("What the log says")}
    assert set(rows) == families["crier_log_lines_suppressed_total"]["site"]
    source = (ROOT / "broker/runtime/log_site.hpp").read_text(encoding="utf-8")
    for name, row in rows.items():
        level, line = re.search(rf'"{name}",\s*LogLevel::(\w+),\s*"([^"]+)"', source).groups()
        assert row[2] == level
        assert line.startswith(re.search("`([^`]+)`", row[1])[1])


def test_every_line_that_the_runbook_quotes_is_logged_somewhere():
    quoted = {line for words in re.findall(r"Log(?:, later)?: ([^|\n]*)", RUNBOOK)
              for line in re.findall("`([^`]+)`", words) if " " in line}
    assert len(quoted) > 5
    source = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "broker").rglob("*.?pp"))
    for line in quoted:
        assert f'"{line}' in source, line


def test_promtool_accepts_the_alerts():
    judged = subprocess.run(["promtool", "check", "rules", str(ALERTS)], capture_output=True, text=True, timeout=20,
                            check=False)
    assert judged.returncode == 0, judged.stdout + judged.stderr
