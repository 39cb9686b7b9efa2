"""A configuration that changes while the broker runs, by hand or as editors do it; and what the log said."""

import os
import pathlib
import signal

from broker_process import TLS_FOLDER, eventually
from tokens import SECRET

DONE, REFUSED = "reloaded: keys and certificates were read anew", "reload refused: everything stays as it was"


def config(*services, auth="", server="", rest="", secret=SECRET):
    """A configuration with tokens; `rest` begins in [namespace.default]."""
    keys = "".join(service.toml() for service in services)
    return (f'[server]\norigins = []\n{server}\n[auth]\n{auth}\n[auth.jwt]\nsecret = "{secret}"\n{keys}\n'
            f'[namespace.default]\npublish = "anyone"\n{rest}\n')


def whole(config):
    """As the broker was started with it."""
    if not TLS_FOLDER or "[tls]" in config:
        return config
    return config + f'\n[tls]\ncertificate = "{TLS_FOLDER}/server.pem"\nprivate_key = "{TLS_FOLDER}/server.key"\n'


def config_file(broker):
    return broker.folder / "crier.toml"


def write(path, text):
    """In place, as a shell's redirection does."""
    pathlib.Path(path).write_text(text, encoding="utf-8")


def replace(path, text):
    """By another file that takes its name, as editors do."""
    fresh = pathlib.Path(f"{path}.fresh")
    fresh.write_text(text, encoding="utf-8")
    os.replace(fresh, path)


class Awaited:
    """with Awaited(broker, TEXT) as log: what is done inside makes the log say so. `log.lines` are the new ones."""

    def __init__(self, broker, text):
        self.broker, self.text = broker, text

    def __enter__(self):
        self.before = len(self.broker.errors())
        return self

    @property
    def lines(self):
        return self.broker.errors()[self.before:].splitlines()

    def __exit__(self, kind, *_):
        if kind is None:
            eventually(lambda: any(self.text in line for line in self.lines))


def hang_up(broker, config, text=DONE):
    """Writes the configuration and reloads by SIGHUP; the log's new lines."""
    with Awaited(broker, text) as log:
        hang_up_unheard(broker, config)
    return log.lines


def hang_up_unheard(broker, config):
    """The same where the log tells nothing of it."""
    replace(config_file(broker), whole(config))
    broker.process.send_signal(signal.SIGHUP)


def refused(broker, config):
    return hang_up(broker, config, REFUSED)
