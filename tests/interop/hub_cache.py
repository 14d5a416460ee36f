#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A cache that huggingface_hub wrote is read by tern, and the reverse: both offline afterwards.

For developers, not part of the test run: needs `pip install huggingface_hub==2.4.0`. A server on
127.0.0.1 plays the hub. Usage: tests/interop/hub_cache.py path/to/tern
"""
import hashlib, http.server, json, os, pathlib, subprocess, sys, tempfile, threading

COMMIT = "0123456789abcdef0123456789abcdef01234567"
GOLDEN = pathlib.Path(__file__).parent.parent / "data/golden/bert"
FILES = {p.name: p.read_bytes() for p in GOLDEN.iterdir() if p.is_file()}
requests = []


def name_of(path):
    data = FILES[path]
    if path.endswith(".safetensors"):
        return hashlib.sha256(data).hexdigest()
    return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()


class Hub(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def reply(self, status, body=b"", **headers):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        if "Content_Length" not in headers:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def do_HEAD(self):
        self.do_GET()

    def do_GET(self):
        path = self.path.split("?")[0]
        requests.append((self.command, path))
        if path.startswith("/api/models/org/name"):
            siblings = []
            for f in sorted(FILES):
                entry = {"rfilename": f, "size": len(FILES[f]), "blobId": name_of(f)}
                if f.endswith(".safetensors"):
                    entry["lfs"] = {"sha256": name_of(f), "size": len(FILES[f]), "pointerSize": 134}
                siblings.append(entry)
            body = {"id": "org/name", "modelId": "org/name", "sha": COMMIT, "private": False,
                    "tags": [], "downloads": 0, "likes": 0, "siblings": siblings}
            return self.reply(200, json.dumps(body).encode(), Content_Type="application/json")
        if path.startswith("/org/name/resolve/") and path.rsplit("/", 1)[1] in FILES:
            name = path.rsplit("/", 1)[1]
            return self.reply(200, FILES[name], ETag=f'"{name_of(name)}"', X_Repo_Commit=COMMIT)
        self.reply(404, b"", X_Error_Code="EntryNotFound", X_Repo_Commit=COMMIT)


def run(tern, cache, *arguments, offline):
    environment = dict(os.environ, HF_HUB_CACHE=cache, HF_ENDPOINT=os.environ["HF_ENDPOINT"],
                       HF_HUB_OFFLINE="1" if offline else "0")
    return subprocess.run([tern, *arguments], env=environment, check=True, text=True,
                          stdout=subprocess.PIPE).stdout.strip()


def main(tern):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    os.environ["HF_ENDPOINT"] = f"http://127.0.0.1:{server.server_port}"
    os.environ["HF_HUB_DISABLE_XET"] = os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
    os.environ["no_proxy"] = "127.0.0.1"
    os.environ.pop("HF_HUB_OFFLINE", None)
    import huggingface_hub as hub

    with tempfile.TemporaryDirectory() as folder:
        python, ours = f"{folder}/python", f"{folder}/tern"
        for name in FILES:
            hub.hf_hub_download("org/name", name, cache_dir=python)
        assert "all as they should be" in run(tern, python, "cache", "verify", "org/name", offline=True)
        told = json.loads(run(tern, python, "info", "org/name", "--json", offline=True))
        assert told, told
        before = len(requests)
        run(tern, python, "pull", "org/name", "-q", offline=False)
        assert [p for _, p in requests[before:]] == ["/api/models/org/name/revision/main"]
        print("tern reads what huggingface_hub wrote")

        snapshot = run(tern, ours, "pull", "org/name", "--all", "-q", offline=False)
        for name, data in FILES.items():
            path = hub.hf_hub_download("org/name", name, cache_dir=ours, local_files_only=True)
            assert pathlib.Path(path) == pathlib.Path(snapshot) / name, path
            assert pathlib.Path(path).read_bytes() == data
        before = len(requests)
        hub.hf_hub_download("org/name", "model.safetensors", cache_dir=ours)
        assert all(method == "HEAD" for method, _ in requests[before:]), requests[before:]
        report = hub.scan_cache_dir(ours)
        assert not report.warnings, report.warnings
        assert [r.repo_id for r in report.repos] == ["org/name"]
        assert sorted(f.file_name for r in report.repos for v in r.revisions for f in v.files) == sorted(FILES)
        tree = lambda root: sorted(str(p.relative_to(root)) for p in pathlib.Path(root).rglob("*")
                                   if "models--" in str(p) and p.name != "trees")
        assert tree(python) == tree(ours), set(tree(python)) ^ set(tree(ours))
        print("huggingface_hub reads what tern wrote; the folders hold the same names")


main(sys.argv[1])
