"""A real object store on this machine: moto's server in a process of its own, spoken to in plain HTTP."""

from __future__ import annotations

import hashlib
import re
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from html import unescape
from pathlib import Path
from urllib.parse import quote

_SERVER = """
import logging, sys
from moto.server import ThreadedMotoServer
logging.getLogger("werkzeug").setLevel(logging.ERROR)
server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
server.start()
print(server.get_host_and_port()[1], flush=True)
sys.stdin.read()
"""
BUCKET = "corpus"


class ObjectStore:
    """One bucket."""

    def __init__(self, port: int) -> None:
        self.endpoint = f"http://127.0.0.1:{port}"
        self.environment = {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_ACCESS_KEY_ID": "anybody",
            "AWS_SECRET_ACCESS_KEY": "anything",
            "AWS_DEFAULT_REGION": "us-east-1",
        }

    def url(self, key: str) -> str:
        return f"s3://{BUCKET}/{key}"

    def _ask(self, method: str, path: str, data: bytes | None = None) -> bytes:
        request = urllib.request.Request(f"{self.endpoint}/{BUCKET}{path}", data=data, method=method)
        request.add_header("Authorization", "AWS4-HMAC-SHA256 Credential=anybody/20240101/us-east-1/s3/aws4_request")
        request.add_header("Content-Type", "application/octet-stream")  # the default would be read as a form
        with urllib.request.urlopen(request) as answer:
            return bytes(answer.read())

    def make_bucket(self) -> None:
        self._ask("PUT", "")

    def put(self, key: str, data: bytes) -> None:
        self._ask("PUT", f"/{quote(key)}", data)

    def get(self, key: str) -> bytes:
        return self._ask("GET", f"/{quote(key)}")

    def remove(self, key: str) -> None:
        self._ask("DELETE", f"/{quote(key)}")

    def keys(self, prefix: str) -> list[str]:
        listed = self._ask("GET", f"?list-type=2&prefix={quote(prefix)}").decode()
        assert "<IsTruncated>false" in listed
        return sorted(unescape(key) for key in re.findall("<Key>(.*?)</Key>", listed))

    def upload(self, folder: Path, prefix: str) -> None:
        for path in folder.iterdir():
            self.put(f"{prefix}/{path.name}", path.read_bytes())

    def tree(self, prefix: str) -> dict[str, str]:
        """The same as `runs.tree` of a local folder."""
        found = {}
        for key in self.keys(f"{prefix}/"):
            relative = key.removeprefix(f"{prefix}/")
            if not relative.startswith(".dataprep/") and relative != "timings.json":
                found[relative] = hashlib.sha256(self.get(key)).hexdigest()
        return found


@contextmanager
def object_store() -> Iterator[ObjectStore]:
    server = subprocess.Popen(
        [sys.executable, "-c", _SERVER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    assert server.stdin is not None
    assert server.stdout is not None
    with server:
        store = ObjectStore(int(server.stdout.readline()))
        store.make_bucket()
        yield store
        server.stdin.close()
        server.kill()
