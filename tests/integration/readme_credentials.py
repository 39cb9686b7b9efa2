"""The tokens and service keys that an example of the README names, and the configuration in which they are good."""

import base64
import hashlib
import hmac
import json
import re
import secrets
import time

CREDENTIAL = re.compile(r"# (?P<name>[A-Z][A-Z0-9_]+) is a (?P<kind>token|token of another secret|service key)"
                        r" with (?P<text>.+)")
NOW = re.compile(r"\bnow([+-]\d+)?")
SECRET, ANOTHER_SECRET = secrets.token_urlsafe(48), secrets.token_urlsafe(48)


def base64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def make_token(claims, secret=SECRET):
    """A JWT by HS256 (RFC 7515 section 3.1)."""
    parts = [{"alg": "HS256", "typ": "JWT"}, claims]
    text = ".".join(base64url(json.dumps(part, separators=(",", ":")).encode()) for part in parts)
    return text + "." + base64url(hmac.new(secret.encode(), text.encode(), hashlib.sha256).digest())


class Credentials:
    """Those of an example, and its settings as lines of TOML."""

    def __init__(self, example):
        self.settings = example.config.splitlines()
        self.tokens = {}        # name: (claims as text, secret)
        self.keys = {}          # name: the key
        self.service_keys = {}  # name: what the configuration says of the key
        for line in example.credentials:
            match = CREDENTIAL.fullmatch(line)
            if match["kind"] == "service key":
                self._add_key(match["name"], match["text"])
            else:
                self.tokens[match["name"]] = match["text"], SECRET if match["kind"] == "token" else ANOTHER_SECRET
        if self.tokens:
            self.settings.append(f'auth.jwt.secret = "{SECRET}"')
        if example.credentials and not any(line.startswith("server.hosts") for line in self.settings):
            self.settings.append('server.hosts = ["crier.example.com"]')

    def _add_key(self, name, rights):
        self.keys[name] = "crier_" + base64url(secrets.token_bytes(32))
        digest = hashlib.sha256(self.keys[name].encode()).hexdigest()
        self.service_keys[name] = f'{{ name = "{name.lower()}", sha256 = "{digest}", {rights} }}'

    def issue(self):
        """{name: token or key}; the tokens are of now."""
        now = int(time.time())
        tokens = {name: make_token(json.loads(NOW.sub(lambda match: str(now + int(match[1] or 0)), claims)), secret)
                  for name, (claims, secret) in self.tokens.items()}
        return {**tokens, **self.keys}

    def config(self):
        keys = [f"auth.service_key = [{', '.join(self.service_keys.values())}]"] if self.service_keys else []
        return "\n".join([*self.settings, *keys])

    def change(self, setting):
        """One more, or another value of one that is there."""
        key = setting.partition("=")[0]
        self.settings = [line for line in self.settings if line.partition("=")[0] != key] + [setting]

    def withdraw(self, name):
        del self.service_keys[name]
