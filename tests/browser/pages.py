"""Every page of the console over a log of many calls, timed by the browser."""
import json
import pathlib
import shutil
import subprocess
import time

import httpx
import kit
from console import PAGES, Demo

LOAD = kit.TOP / "tests" / "bench" / "load.c"
KEYS, MODELS, CONNECTIONS = 20, ("gpt-5.4", "gpt-oss-120b"), 16


def make_keys(demo):
    """Keys of five teams; each key calls each model."""
    keys = []
    for n in range(KEYS):
        r = httpx.post(demo.admin + "/api/v1/keys", json={
            "name": f"app-{n}", "org": "acme", "team": f"team-{n % 5}"},
            headers={"authorization": "Bearer " + demo.admin_key})
        assert r.status_code in (200, 201), r.text
        keys.append(r.json()["key"])
    return keys


def request_bytes(demo, key, model):
    body = json.dumps({"model": model, "max_completion_tokens": 16,
                       "messages": [{"role": "user", "content": "Hello"}]})
    url = httpx.URL(demo.gateway)
    return (f"POST /v1/chat/completions HTTP/1.1\r\n"
            f"Host: {url.host}:{url.port}\r\nAuthorization: Bearer {key}\r\n"
            f"Content-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\n\r\n{body}").encode()


def fill(demo, folder, calls):
    """Makes so many calls; returns how many were not answered with 200."""
    load = folder / "load"
    subprocess.run(["cc", "-O2", "-D_GNU_SOURCE", "-o", load, LOAD, "-lssl",
                    "-lcrypto"], check=True)
    port = str(httpx.URL(demo.gateway).port)
    keys = make_keys(demo)
    pairs = [(k, m) for k in keys for m in MODELS]
    bad = 0
    for n, (key, model) in enumerate(pairs):
        mine = calls * (n + 1) // len(pairs) - calls * n // len(pairs)
        file = folder / "request"
        file.write_bytes(request_bytes(demo, key, model))
        out = subprocess.run([load, "127.0.0.1", port, file,
                              str(CONNECTIONS), str(mine)],
                             capture_output=True, text=True, check=True)
        bad += json.loads(out.stdout)["bad"]
    kit.wait_for("the books", lambda: demo.usage()["total"]["calls"] >= calls,
                 60)
    return bad


ANSWERED = """() => {
    const all = performance.getEntriesByType('resource')
        .filter((r) => !r.name.endsWith('/live'));
    return {page: Math.max(...all.map((r) => r.responseEnd)),
        slowest: Math.max(...all.map((r) => r.responseEnd - r.startTime)),
        which: all.sort((a, b) => (b.responseEnd - b.startTime) -
            (a.responseEnd - a.startTime))[0].name};
}"""


def visit(page, url):
    """Milliseconds from the navigation to the last answer that it needs."""
    page.goto(url)
    page.wait_for_selector("h1")
    page.wait_for_timeout(1500)
    return page.evaluate(ANSWERED)


def run(folder, calls):
    from playwright.sync_api import sync_playwright
    demo = Demo(pathlib.Path(folder))
    try:
        began = time.monotonic()
        bad = fill(demo, pathlib.Path(folder), calls)
        took = time.monotonic() - began
        last = demo.api("requests?limit=1")["calls"][0]["id"]
        pages = {**PAGES, "request": f"/console/requests/{last}",
                 "filtered": "/console/requests?status=5xx",
                 "spend by key": "/console/spend?by=key&across=model"}
        rows = {}
        with sync_playwright() as p:
            browser = p.chromium.launch(
                executable_path=shutil.which("chromium"),
                args=["--no-sandbox"])
            context = browser.new_context()
            r = httpx.post(demo.admin + "/api/v1/session",
                           json={"key": demo.admin_key})
            name, value = r.headers["set-cookie"].split(";")[0].split("=", 1)
            context.add_cookies([{"name": name, "value": value,
                                  "url": demo.admin}])
            page = context.new_page()
            for name, path in pages.items():
                rows[name] = min((visit(page, demo.admin + path)
                                  for _ in range(3)), key=lambda r: r["page"])
            browser.close()
        return {"calls": demo.usage()["total"]["calls"], "refused": bad,
                "seconds": round(took), "pages": rows}
    finally:
        demo.end()
