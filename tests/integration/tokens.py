"""Tokens and service keys: sound ones by PyJWT, which nobody here wrote, and bent ones by hand."""

import base64
import hashlib
import hmac
import json
import time

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

SECRET = "a-secret-of-tests-that-no-log-may-ever-show-0123456789-abcdefghi-"
PARTIES = {"iss": "https://login.example", "aud": "crier"}  # claims for a broker that asks for these two


def token(user=None, key=SECRET, algorithm="HS256", headers=None, expires_in=3600, **claims):
    """A sound token; a claim given as None is left out."""
    claims = {"sub": user, "exp": int(time.time()) + expires_in, **claims}
    return jwt.encode({name: value for name, value in claims.items() if value is not None}, key, algorithm, headers)


def may(user=None, *, subscribe=(), publish=(), history=(), presence=(), **more):
    """A token with these grants."""
    can = {"subscribe": subscribe, "publish": publish, "history": history, "presence": presence}
    return token(user, can={right: list(patterns) for right, patterns in can.items() if patterns}, **more)


def base64url(data):
    data = data if isinstance(data, bytes) else json.dumps(data, separators=(",", ":")).encode()
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def forge(header, payload, secret=SECRET):
    """The parts as they are given, with a genuine HS256 signature; `bytes` stay as they are."""
    text = f"{base64url(header)}.{base64url(payload)}"
    key = secret if isinstance(secret, bytes) else secret.encode()
    return f"{text}.{base64url(hmac.digest(key, text.encode(), 'sha256'))}"


class Service:
    """A service key, and its table of the configuration."""

    def __init__(self, name, key=None, manage=False, **grants):
        self.name, self.manage, self.grants = name, manage, grants
        self.key = key or f"crier_{base64url(hashlib.sha256(name.encode()).digest())}"

    def toml(self):
        lines = ["[[auth.service_key]]", f'name = "{self.name}"',
                 f'sha256 = "{hashlib.sha256(self.key.encode()).hexdigest()}"']
        lines += [f"{right} = {json.dumps(list(patterns))}" for right, patterns in self.grants.items()]
        return "\n".join(lines + [f"manage = {json.dumps(self.manage)}", ""])


class KeyPair:
    """A pair of keys for signatures by one algorithm, and the files that others know it by."""

    def __init__(self, algorithm, kid=None):
        self.algorithm, self.kid = algorithm, kid
        self.private = {"RS256": lambda: rsa.generate_private_key(65537, 2048),
                        "ES256": lambda: ec.generate_private_key(ec.SECP256R1()),
                        "EdDSA": ed25519.Ed25519PrivateKey.generate}[algorithm]()

    def token(self, user=None, **options):
        return token(user, key=self.private, algorithm=self.algorithm,
                     headers={"kid": self.kid} if self.kid else None, **options)

    def pem(self):
        return self.private.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo).decode()

    def jwk(self):
        algorithms = {"RS256": jwt.algorithms.RSAAlgorithm, "ES256": jwt.algorithms.ECAlgorithm,
                      "EdDSA": jwt.algorithms.OKPAlgorithm}
        public = json.loads(algorithms[self.algorithm].to_jwk(self.private.public_key()))
        public = {name: value for name, value in public.items() if name != "key_ops"}
        return {**public, "use": "sig", "alg": self.algorithm, **({"kid": self.kid} if self.kid else {})}


def key_set(*pairs):
    return json.dumps({"keys": [pair.jwk() for pair in pairs]})
