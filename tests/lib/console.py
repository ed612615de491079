"""A demo as somebody sees it who runs it first, and a page that is watched."""
import json
import subprocess

import httpx
import kit

SHOTS = kit.KONTOR.parent / "screenshots"
PAGES = {
    "overview": "/", "start": "/console/start",
    "requests": "/console/requests", "compare": "/console/compare",
    "models": "/console/models", "routing": "/console/routing",
    "spend": "/console/spend", "pivot": "/console/spend?across=model",
    "budgets": "/console/budgets", "agreements": "/console/agreements",
    "keys": "/console/keys", "config": "/console/config",
    "health": "/console/health",
}


class Demo:
    """`kontor demo`, as somebody sees it who runs it for the first time."""

    def __init__(self, folder):
        self.dir = folder / "demo"
        self.out = folder / "out"
        with open(self.out, "w") as out:
            self.child = subprocess.Popen(
                [str(kit.KONTOR), "demo", "--dir", str(self.dir),
                 "--port", str(kit.free_port()),
                 "--admin-port", str(kit.free_port())],
                stdout=out, stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL, start_new_session=True)
        kit.wait_for("the demo", lambda: "Ctrl-C stops it" in self.text(), 30)
        self.console = self.line("console")
        self.gateway = self.line("gateway").removesuffix("/v1")
        self.key = self.line("app key")
        self.admin_key = self.line("admin key")
        self.admin = self.console.split("/console")[0]

    def text(self):
        return self.out.read_text()

    def line(self, name):
        row = next(r for r in self.text().splitlines()
                   if r.strip().startswith(name))
        return row.strip().removeprefix(name).split()[0]

    def chat(self, key=None, **more):
        return httpx.post(
            self.gateway + "/v1/chat/completions", timeout=30,
            headers={"authorization": "Bearer " + (key or self.key)},
            json={"model": "gpt-5.4", "messages": [
                {"role": "user", "content": "Hello"}], **more})

    def run(self, *args):
        r = subprocess.run([str(kit.KONTOR), *args, "--dir", str(self.dir)],
                           capture_output=True, text=True, timeout=60)
        assert r.returncode == 0, r.stderr
        return r.stdout

    def token(self):
        return (self.dir / "admin.token").read_text().strip()

    def usage(self, *args):
        return json.loads(self.run("usage", "--format", "json", *args))

    def api(self, path):
        return httpx.get(self.admin + "/api/v1/" + path, timeout=30, headers={
            "authorization": "Bearer " + self.admin_key}).json()

    def end(self):
        self.child.terminate()
        self.child.wait(30)


class Watched:
    """A page that tells what went wrong in it."""

    def __init__(self, page, origin, lost=False):
        self.lost = lost  # connections may break
        self.page, self.origin, self.wrong, self.bytes = page, origin, [], 0
        page.on("pageerror", lambda e: self.wrong.append(str(e)))
        page.on("console", self.said)
        page.on("request", self.asked)

    def said(self, m):
        text = m.text
        if m.type == "error" and "status of 401" not in text and \
                "status of 400" not in text and \
                not ("status of 404" in text and
                     "/api/v1/" in m.location.get("url", "")) and \
                "status of 409" not in text and \
                "INTERNET_DISCONNECTED" not in text and \
                not (self.lost and "net::ERR_" in text):
            self.wrong.append(text)

    def asked(self, r):
        if not r.url.startswith(self.origin) and \
                not r.url.startswith(("data:", "blob:")):
            self.wrong.append("leaves the origin: " + r.url)
