"""protocol/asyncapi.yaml at work: a node process that parses it once and then validates messages."""

import atexit
import functools
import json
import pathlib
import subprocess

FOLDER = pathlib.Path(__file__).parent
DOCUMENT = FOLDER.parents[1] / "protocol" / "asyncapi.yaml"


class Schemas:
    def __init__(self, document=DOCUMENT):
        self.document = document
        self.process = None
        self.described = None  # what the document holds, and what its parser had to say

    def __enter__(self):
        self.process = subprocess.Popen(["node", "node/asyncapi.js", str(self.document)], cwd=FOLDER, text=True,
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.described = self._answer()
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.wait(timeout=60)
        self.process.stdout.close()

    def _answer(self):
        line = self.process.stdout.readline()
        assert line, "node/asyncapi.js ended"
        return json.loads(line)

    def faults_of(self, traffic):
        """Of [(command | reply, transport, message), …] those that no schema describes."""
        listed = [{"direction": direction, "transport": transport, "message": message}
                  for direction, transport, message in traffic]
        self.process.stdin.write(json.dumps(listed) + "\n")
        self.process.stdin.flush()
        return self._answer()


@functools.cache
def shared_schemas():
    """One process for all tests: the parser takes seconds to start."""
    schemas = Schemas().__enter__()
    atexit.register(schemas.__exit__)
    return schemas
