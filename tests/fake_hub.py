"""A hub on this machine: one repository behind a gate, with the headers that huggingface.co sends."""

import hashlib
import json
import re
import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

SHA = "c03d510e9b75bce9f9db5bb85148c1402ad7e694"
GATES = {  # situation -> (status, X-Error-Code, X-Error-Message)
    "no token": (401, "GatedRepo", "Access to model is restricted. You must have access to it and be authenticated."),
    "no licence": (403, "GatedRepo", "Access to model is restricted and you are not in the authorized list."),
    "invalid token": (401, "", "Invalid credentials in Authorization header"),
    "weak token": (403, "", "Please enable access to public gated repositories in your fine-grained token settings."),
    "trouble": (503, "", "Service Unavailable"),
}


@contextmanager
def fake_hub(repository: str, files: dict[str, bytes], gate: str | None = None, pause: float = 0.0):
    """Serve a repository's files; yields (address, paths asked for).

    Args:
        gate: a key of GATES that answers everything but the list of files.
        pause: seconds between pieces of 64 KiB.
    """
    asked = []

    class Hub(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self, body: bytes, status=200, headers=()):
            self.send_response(status)
            for key, value in {"Content-Length": str(len(body)), **dict(headers)}.items():
                self.send_header(key, value)
            self.end_headers()
            if self.command == "HEAD":
                return
            for k in range(0, len(body), 2**16):
                self.wfile.write(body[k : k + 2**16])
                time.sleep(pause)

        def do_GET(self):
            path = self.path.partition("?")[0]
            asked.append(path)
            if path in (f"/api/models/{repository}/revision/{revision}" for revision in ("main", SHA)):
                siblings = [{"rfilename": f, "size": len(b)} for f, b in files.items()]
                about = {"id": repository, "modelId": repository, "sha": SHA, "siblings": siblings}
                return self.answer(json.dumps(about).encode(), headers={"Content-Type": "application/json"})
            if gate:
                status, code, message = GATES[gate]
                return self.answer(b"", status, {"X-Error-Code": code, "X-Error-Message": message})
            if path.endswith("/auth-check"):
                return self.answer(b"")
            asked_for = re.sub(f"^/{repository}/resolve/(main|{SHA})/", "", path)
            body = files.get(asked_for)
            if body is None:
                return self.answer(b"", 404, {"X-Error-Code": "EntryNotFound"})
            tag = hashlib.sha256(body).hexdigest()
            return self.answer(body, headers={"ETag": f'"{tag}"', "X-Repo-Commit": SHA})

        do_HEAD = do_GET

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", asked
    server.shutdown()
    server.server_close()
