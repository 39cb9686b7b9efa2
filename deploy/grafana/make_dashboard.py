#!/usr/bin/env python3
"""Writes dashboards/crier.json: the panels in words, from which Grafana's many fields follow.

    deploy/grafana/make_dashboard.py          writes it; a change there would be lost at the next time

Descriptions name the heading of deploy/RUNBOOK.md that says what to do. Rates take the range that suits the scrapes.
"""

import json
import pathlib

BOARD = pathlib.Path(__file__).parent / "dashboards" / "crier.json"
SOURCE = {"type": "prometheus", "uid": "${datasource}"}
OURS = 'job="crier",instance=~"$instance"'
COLUMNS = 24

# Of thresholds: what is below the first is well.
WELL = "green"


def selected(family, more=""):
    return f"{family}{{{OURS}{',' + more if more else ''}}}"


def now(family):
    return f"sum({selected(family)})"


def rate(family, more="", by=""):
    return f"sum{f' by ({by})' if by else ''} (rate({selected(family, more)}[$__rate_interval]))"


def rate_if_any(family, by):
    """Of labels that are mostly 0: those that are not."""
    return rate(family, by=by) + " > 0"


def by_thread(family):
    return f"max by (instance, thread) ({selected(family)})"


def by_instance(family):
    return f"sum by (instance) ({selected(family)})"


def percentile(fraction, family):
    return f"histogram_quantile({fraction}, sum by (le) (rate({selected(family + '_bucket')}[$__rate_interval])))"


def thresholds(steps, lowest=WELL):
    return {"mode": "absolute",
            "steps": [{"color": lowest, "value": None}] + [{"color": color, "value": value} for color, value in steps]}


class Board:
    """Fills rows from left to right."""

    def __init__(self):
        self.panels = []
        self.x = self.y = self.height = 0

    def _place(self, width, height):
        if self.x + width > COLUMNS:
            self._end_line()
        place = {"x": self.x, "y": self.y, "w": width, "h": height}
        self.x += width
        self.height = max(self.height, height)
        return place

    def _end_line(self):
        self.x, self.y, self.height = 0, self.y + self.height, 0

    def _add(self, kind, title, place, **fields):
        panel = {"id": len(self.panels) + 1, "type": kind, "title": title, "gridPos": place, **fields}
        self.panels.append(panel)
        return panel

    def row(self, title):
        self._end_line()
        self._add("row", title, self._place(COLUMNS, 1), collapsed=False, panels=[])

    @staticmethod
    def _targets(queries, instant):
        return [{"refId": chr(ord("A") + at), "datasource": SOURCE, "expr": expression, "legendFormat": legend,
                 "editorMode": "code", "instant": instant, "range": not instant}
                for at, (expression, legend) in enumerate(queries)]

    def stat(self, title, why, expression, unit, *, steps=(), lowest=WELL, words=None, decimals=None,
             width=3, height=4):
        """One number. `words`: what stands for values, as {"0": ("text", "color")}."""
        mappings = [{"type": "value", "options": {value: {"text": text, "color": color, "index": int(value)}
                                                  for value, (text, color) in words.items()}}] if words else []
        defaults = {"unit": unit, "thresholds": thresholds(steps, lowest), "mappings": mappings,
                    "color": {"mode": "thresholds"}, "noValue": "–"}
        if decimals is not None:
            defaults["decimals"] = decimals
        self._add("stat", title, self._place(width, height), description=why, datasource=SOURCE,
                  targets=self._targets([(expression, "")], instant=True),
                  fieldConfig={"defaults": defaults, "overrides": []},
                  options={"colorMode": "value", "graphMode": "none", "justifyMode": "auto", "textMode": "auto",
                           "orientation": "auto", "wideLayout": True,
                           "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False}})

    def graph(self, title, why, queries, unit, *, stacked=False, worry=None, logarithmic=False):
        """Lines over time. `worry`: from where on, as a dashed line."""
        custom = {"drawStyle": "line", "lineInterpolation": "linear", "lineWidth": 1,
                  "fillOpacity": 25 if stacked else 8, "showPoints": "never", "spanNulls": False,
                  "stacking": {"mode": "normal" if stacked else "none", "group": "A"}, "axisPlacement": "auto",
                  "axisLabel": "", "thresholdsStyle": {"mode": "off" if worry is None else "dashed"},
                  "scaleDistribution": {"type": "log", "log": 10} if logarithmic else {"type": "linear"}}
        defaults = {"unit": unit, "custom": custom, "color": {"mode": "palette-classic"}, "mappings": [],
                    "thresholds": thresholds([] if worry is None else [("red", worry)])}
        if not logarithmic:
            defaults["min"] = 0
        return self._add("timeseries", title, self._place(8, 8), description=why, datasource=SOURCE,
                         targets=self._targets(queries, instant=False),
                         fieldConfig={"defaults": defaults, "overrides": []},
                         options={"legend": {"displayMode": "table", "placement": "bottom", "showLegend": True,
                                             "calcs": ["lastNotNull", "max"]},
                                  "tooltip": {"mode": "multi", "sort": "desc"}})

    def table(self, title, why, expression):
        target = self._targets([(expression, "")], instant=True)[0] | {"format": "table"}
        hidden = {"excludeByName": {"Time": True, "Value": True}, "indexByName": {}, "renameByName": {}}
        self._add("table", title, self._place(8, 8), description=why, datasource=SOURCE, targets=[target],
                  fieldConfig={"defaults": {"unit": "none", "custom": {"align": "auto"}, "mappings": [],
                                            "thresholds": thresholds([])}, "overrides": []},
                  transformations=[{"id": "organize", "options": hidden}],
                  options={"showHeader": True, "cellHeight": "sm"})


def second_axis(panel, legend, unit):
    panel["fieldConfig"]["overrides"].append(
        {"matcher": {"id": "byName", "options": legend},
         "properties": [{"id": "unit", "value": unit}, {"id": "custom.axisPlacement", "value": "right"}]})


def at_a_glance(board):
    board.row("At a glance")
    board.stat("Brokers that answer", "Of those that Prometheus knows.", now("up"), "none",
               steps=[("green", 1)], lowest="red")
    board.stat("Connections", "Open now, in every state.", now("crier_connections"), "short")
    board.stat("Subscriptions", "Of all connections.", now("crier_subscriptions"), "short")
    board.stat("Published", "Messages that came in.", rate("crier_messages_published_total"), "mps", decimals=1)
    board.stat("Delivered", "Copies that were put into outboxes.", rate("crier_messages_delivered_total"), "mps",
               decimals=1)
    board.stat("Publish to write, p99", "The broker's own part of a message's way. Runbook: Delivery is late.",
               percentile(0.99, "crier_publish_to_write_seconds"), "s", steps=[("orange", 0.05), ("red", 0.25)])
    missed = selected("crier_messages_dropped_total", 'reason!="conflated"')
    board.stat("Missed in an hour", "Messages that subscribers did not get; each was told by a gap or a close. "
               "Runbook: Slow consumers.", f"sum(increase({missed}[1h]))", "short", steps=[("orange", 1)], decimals=0)
    board.stat("Memory", "Resident, of all brokers that are shown.", now("process_resident_memory_bytes"), "bytes")


def connections(board):
    board.row("Connections")
    board.graph("Open connections", "Of all, some are neither: requests, TLS handshakes, ends.", [
        (now("crier_connections"), "all"), (now("crier_websockets"), "WebSockets"),
        (now("crier_event_streams"), "event streams"),
        (now("crier_connections_unauthenticated"), "without a token yet")], "short")
    board.graph("Come and gone", "Both high and the number of connections level: clients reconnect in a loop.", [
        (rate("crier_connections_accepted_total"), "accepted"),
        (rate("crier_connections_closed_total"), "closed")], "cps")
    board.graph("Why they were closed", "By the close code's name. Runbook: Why connections were closed.", [
        (rate_if_any("crier_connections_closed_total", "code"), "{{code}}")], "cps", stacked=True)
    board.graph("Refused", "Connections, requests and upgrades that were turned away. Runbook: Connections are "
                "refused.", [(rate_if_any("crier_handshakes_refused_total", "reason"), "{{reason}}")], "cps",
                stacked=True)
    board.graph("Subscriptions and channels", "Channels with subscribers; members of those with presence.", [
        (now("crier_subscriptions"), "subscriptions"), (now("crier_channels"), "channels"),
        (now("crier_members"), "members")], "short")
    board.graph("Descriptors", "At the limit accepting pauses. Runbook: Descriptors are exhausted.", [
        (by_instance("process_open_fds"), "open, {{instance}}"),
        (by_instance("process_max_fds"), "limit, {{instance}}")], "short", logarithmic=True)


def messages(board):
    board.row("Messages")
    board.graph("Messages in and out", "Published ones, and the copies of them that went to subscribers.", [
        (rate("crier_messages_published_total"), "published"),
        (rate("crier_messages_delivered_total"), "delivered")], "mps")
    board.graph("Bytes in and out", "As they went over the wire, compressed and encrypted where that is on.", [
        (rate("crier_received_bytes_total"), "received"), (rate("crier_sent_bytes_total"), "sent")], "binBps")
    board.graph("Commands", "Those that were carried out, by op.", [
        (rate("crier_commands_total", 'outcome="ok"', "op"), "{{op}}")], "ops", stacked=True)
    board.graph("Commands that failed", "By op and the error that was told.", [
        (rate("crier_commands_total", 'outcome!="ok"', "op, outcome"), "{{op}}: {{outcome}}")], "ops", stacked=True)
    board.graph("Publishes that were not stored anew", "Refused by the engine or a limit. A key that had been there "
                "is well: the publisher tried again. Runbook: The engine is unavailable.", [
                    (rate("crier_publishes_refused_total"), "refused"),
                    (rate("crier_publishes_duplicate_total"), "same key again"),
                    (rate("crier_engine_timeouts_total"), "engine timeouts"),
                    (rate("crier_engine_recovery_failures_total"), "histories not given")], "mps")
    board.graph("Bytes of a write", "How well messages coalesce: larger is cheaper.", [
        (percentile(0.5, "crier_flush_bytes"), "p50"), (percentile(0.99, "crier_flush_bytes"), "p99")], "bytes")


def latency(board):
    board.row("Latency")
    board.graph("From a publish to its subscribers' sockets", "The broker's own part of the way. Alert: "
                "CrierDeliveryLate. Runbook: Delivery is late.", [
                    (percentile(fraction, "crier_publish_to_write_seconds"), name)
                    for fraction, name in ((0.5, "p50"), (0.9, "p90"), (0.99, "p99"), (0.999, "p99.9"))],
                "s", worry=0.05, logarithmic=True)
    board.graph("Loop lag", "How late a thread's last tick was. Steadily above the line: it is overloaded. Runbook: "
                "Delivery is late.", [(by_thread("crier_loop_lag_seconds"), "{{instance}} thread {{thread}}")], "s",
                worry=0.05)
    board.graph("Self-probe", "How long ago a message of the broker's own came back; one goes out every second. "
                "Above the line /readyz says no. Runbook: The self-probe is late.", [
                    (by_thread("crier_self_probe_age_seconds"), "{{instance}} thread {{thread}}")], "s", worry=5)
    board.graph("Between threads", "Mails of the last turn; what is held back because another thread is behind.", [
        (by_thread("crier_mailbox_depth"), "mails, {{instance}} thread {{thread}}"),
        (by_thread("crier_requests_waiting"), "held back, {{instance}} thread {{thread}}")], "short")
    cpu = f"sum by (instance) (rate({selected('process_cpu_seconds_total')}[$__rate_interval]))"
    board.graph("CPU", "In cores. At the number of threads, or at a container's limit, the broker is full.", [
        (cpu, "{{instance}}")], "short")
    board.graph("Publishers made to wait", "How often a connection was not read for a while, as its publishes were "
                "still on their way; pings to the quiet.", [
                    (rate("crier_reads_paused_total"), "reads paused"),
                    (rate("crier_heartbeats_total"), "heartbeats")], "cps")


def slow_consumers(board):
    board.row("Slow consumers, gaps, histories")
    board.graph("Missed messages", "Each is told to its subscriber. conflated: a newer one stood for it. Runbook: Slow "
                "consumers.", [(rate("crier_messages_dropped_total", by="reason"), "{{reason}}")], "mps", stacked=True)
    board.graph("Slow consumers", "Connections cut because they read too slowly, gaps told, and how often a "
                "subscription began to lag. Runbook: Slow consumers.", [
                    (rate("crier_connections_closed_total", 'code="slow_consumer"'), "cut"),
                    (rate("crier_gaps_total"), "gaps"), (rate("crier_lags_total"), "began to lag")], "cps")
    board.graph("Subscriptions that catch up", "They read too slowly, or replay: still well unless gaps follow.", [
        (now("crier_lagging_subscriptions"), "lagging")], "short")
    board.graph("Bytes that wait", "For sockets, for subscriptions that lag, for the engine.", [
        (now("crier_outbox_bytes"), "outboxes"), (now("crier_backlog_bytes"), "backlogs"),
        (now("crier_engine_pending_bytes"), "engine")], "bytes", stacked=True)
    board.graph("Recoveries", "Subscriptions that asked to go on where they were. recovered=false: they were away "
                "longer than the history reaches. Runbook: Histories end early.", [
                    (rate("crier_recoveries_total", by="recovered"), "recovered={{recovered}}"),
                    (rate("crier_history_fetches_total"), "pieces fetched")], "cps")
    histories = board.graph("Histories", "Their bytes; and what had to leave before its time, for want of "
                            "limits.history_bytes_max. Runbook: Histories end early.", [
                                (now("crier_history_bytes"), "bytes"),
                                (rate("crier_history_evicted_total"), "evicted")], "bytes")
    second_axis(histories, "evicted", "mps")


def trust(board):
    board.row("TLS and tokens")
    board.graph("TLS handshakes", "Done, and those among them that resumed a session, which is cheap.", [
        (rate("crier_tls_handshakes_total"), "done"), (rate("crier_tls_resumed_total"), "resumed")], "cps")
    board.graph("TLS handshakes that failed", "Runbook: TLS faults.", [
        (rate("crier_tls_handshakes_failed_total", by="reason"), "{{reason}}")], "cps", stacked=True)
    board.graph("TLS handshakes now", "Waiting ones that last: a storm of connects.", [
        (now("crier_tls_handshakes_in_flight"), "in flight"),
        (now("crier_tls_handshakes_waiting"), "waiting")], "short")
    board.graph("Tokens and keys taken", "At handshakes, posts and auth; and rights that were taken away.", [
        (rate("crier_credentials_accepted_total"), "accepted"),
        (rate("crier_subscriptions_revoked_total"), "subscriptions revoked")], "cps")
    board.graph("Tokens and keys refused", "signature and unknown_key: another key than ours, or somebody is trying. "
                "Runbook: Token faults.", [
                    (rate("crier_credentials_refused_total", by="reason"), "{{reason}}")], "cps", stacked=True)
    board.graph("Idempotency keys", "At limits.idempotency_keys_max further publishes with a key are refused.", [
        (now("crier_idempotency_keys"), "keys")], "short")


def process(board):
    board.row("The process")
    reloads = selected("crier_config_reloads_total")
    board.stat("Last reload", "Of the configuration. When it was refused, the one before runs on. Runbook: A reload "
               "failed.", f"min({selected('crier_config_last_reload_successful')})", "none", width=4, height=8,
               lowest="red", steps=[("green", 1)], words={"0": ("refused", "red"), "1": ("taken", "green")})
    since = selected("crier_config_last_reload_success_timestamp_seconds")
    board.stat("Configuration taken", "When that was.", f"max({since}) * 1000", "dateTimeFromNow", width=4, height=8)
    board.stat("Engine", "Does every thread's engine take messages? Runbook: The engine is unavailable.",
               f"min({selected('crier_engine_ready')})", "none", width=4, height=8, lowest="red",
               steps=[("green", 1)], words={"0": ("unavailable", "red"), "1": ("ready", "green")})
    board.stat("Runs for", "The youngest of those that are shown. Shorter than expected: it restarted.",
               f"time() - max({selected('process_start_time_seconds')})", "s", width=4, height=8)
    board.graph("Memory, and what is in it", "Resident, and what is known of it. Runbook: Memory is up.", [
        (by_instance("process_resident_memory_bytes"), "resident, {{instance}}"),
        (now("crier_history_bytes"), "histories"), (now("crier_outbox_bytes"), "outboxes")], "bytes")
    board.graph("Reloads", "Of the configuration, certificates and keys. Runbook: A reload failed.", [
        (f"sum by (result) (increase({reloads}[$__rate_interval]))", "{{result}}")], "short")
    board.graph("Log lines that were not written", "Discarded: whoever reads the log is too slow. Kept back: one place "
                "had more to tell than ten lines a second. Runbook: Lines are missing in the log.", [
                    (rate("crier_log_lines_discarded_total"), "discarded"),
                    (rate_if_any("crier_log_lines_suppressed_total", "site"), "kept back: {{site}}")], "cps")
    board.table("Builds", "Which build runs where.",
                f"max by (instance, version) ({selected('crier_build_info')})")


def annotation(name, color, expression, title):
    return {"name": name, "datasource": SOURCE, "enable": True, "hide": False, "iconColor": color,
            "target": {"refId": "Anno", "expr": expression, "interval": "10s"}, "titleFormat": title,
            "textFormat": "{{instance}}"}


def dashboard():
    board = Board()
    for part in (at_a_glance, connections, messages, latency, slow_consumers, trust, process):
        part(board)
    brokers = 'label_values(up{job="crier"}, instance)'
    variables = [
        {"name": "datasource", "label": "Data source", "type": "datasource", "query": "prometheus",
         "current": {"text": "Prometheus", "value": "crier-prometheus"}, "hide": 0, "includeAll": False,
         "multi": False, "refresh": 1, "regex": "", "options": []},
        {"name": "instance", "label": "Broker", "type": "query", "datasource": SOURCE, "definition": brokers,
         "query": {"query": brokers, "refId": "A"}, "current": {"text": ["All"], "value": ["$__all"]}, "hide": 0,
         "includeAll": True, "multi": True, "refresh": 2, "regex": "", "sort": 1, "options": []}]
    starts = f"changes({selected('process_start_time_seconds')}[1m]) > 0"
    alerts = 'ALERTS{alertname=~"Crier.*",alertstate="firing"}'
    return {"uid": "crier", "title": "Crier", "tags": ["crier"],
            "description": "What a broker does and how it is. deploy/RUNBOOK.md says what to do about it.",
            "schemaVersion": 39, "version": 1, "editable": True, "graphTooltip": 1, "refresh": "10s",
            "timezone": "browser", "time": {"from": "now-30m", "to": "now"}, "timepicker": {}, "links": [],
            "annotations": {"list": [annotation("Starts", "blue", starts, "started"),
                                     annotation("Alerts", "red", alerts, "{{alertname}}")]},
            "templating": {"list": variables}, "panels": board.panels}


def text():
    return json.dumps(dashboard(), indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    BOARD.write_text(text(), encoding="utf-8")
