"""A token service that a real ``docker-registry`` trusts: it sells signed tokens for user and password."""

from __future__ import annotations

import base64
import contextlib
import datetime as dt
import json
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.x509.oid import NameOID


@dataclass
class TokenService:
    """Its address, the file with its certificate, and the scopes that it was asked for."""

    address: str
    certificate: Path
    asked: list[list[str]] = field(default_factory=list)

    @property
    def auth(self) -> str:
        """The registry's configuration."""
        realm = f"realm: 'http://{self.address}/token', service: test, issuer: us, rootcertbundle: '{self.certificate}'"
        return f"auth: {{token: {{{realm}}}}}\n"


@contextlib.contextmanager
def serve(folder: Path, *, user: str, password: str) -> Iterator[TokenService]:
    """Run it until the block ends."""
    folder.mkdir(parents=True)
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "us")])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    (folder / "certificate.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    chain = [base64.b64encode(certificate.public_bytes(serialization.Encoding.DER)).decode()]
    proof = "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()
    found = TokenService("", folder / "certificate.pem")

    def token(scopes: list[str]) -> str:
        access = [dict(zip(("type", "name", "actions"), one.split(":", 2), strict=True)) for one in scopes]
        claims = {
            "iss": "us",
            "aud": "test",
            "sub": user,
            "exp": int(time.time()) + 300,
            "nbf": int(time.time()) - 10,
            "access": [{**one, "actions": one["actions"].split(",")} for one in access],
        }
        parts = [_encoded(json.dumps(one).encode()) for one in ({"typ": "JWT", "alg": "RS256", "x5c": chain}, claims)]
        signature = key.sign(".".join(parts).encode(), padding.PKCS1v15(), hashes.SHA256())
        return ".".join([*parts, _encoded(signature)])

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            scopes = parse_qs(urlsplit(self.path).query).get("scope", [])
            found.asked.append(scopes)
            known = self.headers.get("Authorization") == proof
            data = json.dumps({"token": token(scopes)} if known else {"errors": []}).encode()
            self.send_response(200 if known else 401)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: object) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    found.address = f"127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield found
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")
