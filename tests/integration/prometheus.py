"""A real Prometheus, Debian's, beside a broker."""

import json
import shutil
import socket
import subprocess
import urllib.error
import urllib.parse
import urllib.request

from broker_process import SLOWNESS, eventually


class Prometheus:
    """`with Prometheus(folder, configuration) as prometheus`: answers when the block begins."""

    def __init__(self, folder, configuration):
        self.folder = folder
        self.file = folder / "prometheus.yml"
        self.file.write_text(json.dumps(configuration), encoding="utf-8")  # which is YAML, too
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]

    def __enter__(self):
        with open(self.folder / "prometheus.log", "w", encoding="utf-8") as log:
            self.process = subprocess.Popen(
                [shutil.which("prometheus"), f"--config.file={self.file}", f"--storage.tsdb.path={self.folder}/data",
                 f"--web.listen-address=127.0.0.1:{self.port}", "--log.level=warn"],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        eventually(self._answers, seconds=40)
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(timeout=20 * SLOWNESS)

    def _answers(self):
        assert self.process.poll() is None, (self.folder / "prometheus.log").read_text(encoding="utf-8")
        try:
            return self.get("/api/v1/query", query="1")
        except OSError:
            return None

    def get(self, path, **question):
        """`data` of an answer. urllib.error.HTTPError, which says why, where it is refused."""
        url = f"http://127.0.0.1:{self.port}{path}?{urllib.parse.urlencode(question)}"
        with urllib.request.urlopen(url, timeout=10 * SLOWNESS) as answer:
            return json.load(answer)["data"]

    def samples(self, expression):
        """[(labels, value)] of a query for now."""
        data = self.get("/api/v1/query", query=expression)
        assert data["resultType"] == "vector", data
        return [(sample["metric"], float(sample["value"][1])) for sample in data["result"]]

    def values(self, expression):
        return [value for _, value in self.samples(expression)]
