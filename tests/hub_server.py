"""A small hub of model files over HTTP, as the real one answers, that can break off, send wrong bytes and tell what it was asked."""

import hashlib
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

LARGE = 1 << 16  # bytes from which a file is told by its SHA-256, smaller ones by git's SHA-1
COMMIT = "c0ffee" * 6 + "c0de"


@dataclass
class Files:
    """A hub's repositories, folders by name, and what goes wrong with them."""

    repositories: dict[str, Path]
    breaks: list[int] = field(default_factory=list)  # Bytes after which each of the next answers with a large file breaks off.
    damaged: bool = False
    asked: list[tuple[str, str, str]] = field(default_factory=list)  # Method, file, range.
    address: str = ""

    def weights_asked(self) -> list[str]:
        """The ranges that large files were asked for."""
        return [range for method, file, range in self.asked if method == "GET" and file.endswith(".safetensors")]


def etag(content: bytes) -> str:
    """What the hub tells a file by."""
    return hashlib.sha256(content).hexdigest() if len(content) >= LARGE else hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


@contextmanager
def hub(**repositories: Path) -> Iterator[Files]:
    """A hub of `someone/…` on a free port."""
    files = Files({f"someone/{name}": folder for name, folder in repositories.items()})

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: object) -> None:
            """Quiet."""

        def do_HEAD(self) -> None:
            self._answer(head=True)

        def do_GET(self) -> None:
            self._answer(head=False)

        def _answer(self, *, head: bool) -> None:
            if found := re.fullmatch(r"/api/models/(\w+/\w+)(/revision/\w+)?", self.path):
                return self._tell(files.repositories[found[1]])
            found = re.fullmatch(r"/(\w+/\w+)/resolve/\w+/(.+)", self.path)
            files.asked.append((self.command, found[2] if found else self.path, self.headers.get("Range", "")))
            if not found:
                return self._send(b"", {}, head)
            if found[1] not in files.repositories:
                return self._refuse("RepoNotFound")
            file = files.repositories[found[1]] / found[2]
            return self._file(file.read_bytes(), head) if file.is_file() else self._refuse("EntryNotFound")

        def _tell(self, folder: Path) -> None:
            siblings = [{"rfilename": file.name} for file in sorted(folder.iterdir())]
            self._send(json.dumps({"id": folder.name, "sha": COMMIT, "siblings": siblings}).encode(), {}, head=False)

        def _file(self, content: bytes, head: bool) -> None:
            told = {"ETag": f'"{etag(content)}"', "X-Repo-Commit": COMMIT}
            large = len(content) >= LARGE
            if large and files.damaged:
                content = content[:-1] + bytes([content[-1] ^ 1])
            start = int(self.headers["Range"][6:-1]) if self.headers.get("Range") else 0
            if start:
                told["Content-Range"] = f"bytes {start}-{len(content) - 1}/{len(content)}"
            breaks = files.breaks.pop(0) if large and not head and files.breaks else None
            self._send(content[start:], told, head, status=206 if start else 200, breaks=breaks)

        def _send(self, content: bytes, told: dict[str, str], head: bool, *, status: int = 200, breaks: int | None = None) -> None:
            self.send_response(status)
            for name, value in {**told, "Content-Length": str(len(content))}.items():
                self.send_header(name, value)
            self.end_headers()
            if not head:
                self.wfile.write(content[:breaks])
            self.close_connection = breaks is not None

        def _refuse(self, code: str) -> None:
            self.send_response(404)
            self.send_header("X-Error-Code", code)
            self.send_header("Content-Length", "0")
            self.end_headers()

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        files.address = f"http://127.0.0.1:{server.server_port}"
        Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield files
        finally:
            server.shutdown()
