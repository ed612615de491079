"""A demo of our own, and a browser of Debian's."""
import json
import shutil
import subprocess
import sys

import httpx
import pytest
from console import Demo, Watched

CHROMIUM = shutil.which("chromium")


@pytest.fixture(scope="session")
def chromium():
    if CHROMIUM is None:
        pytest.skip("there is no chromium")
    from playwright.sync_api import sync_playwright
    with sync_playwright() as p:
        browser = p.chromium.launch(executable_path=CHROMIUM,
                                    args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def demo(tmp_path_factory):
    d = Demo(tmp_path_factory.mktemp("browser"))
    if "no web console" in httpx.get(d.admin + "/").text:
        d.end()
        pytest.skip("this build has no console")
    yield d
    d.end()


@pytest.fixture(scope="session", autouse=True)
def random_calls(request, tmp_path_factory):
    """Schemathesis at a demo of its own, begun first and waited for last: it
    computes while browsers wait.  It signs in with the instance's token: keys
    it finds in answers, and revokes.  None: nobody wants it."""
    if not any(i.name == "test_no_call_ends_in_a_server_error"
               for i in request.session.items):
        yield None
        return
    folder = tmp_path_factory.mktemp("random")
    d = Demo(folder)
    document = folder / "openapi.json"
    document.write_text(json.dumps(d.api("openapi.json")))
    token = d.token()
    with open(folder / "said", "w") as said:
        child = subprocess.Popen(
            [sys.executable, "-m", "schemathesis.cli", "run", document,
             "--url", d.admin, "--checks", "not_a_server_error,"
             "response_schema_conformance,content_type_conformance",
             "--header", f"authorization: Bearer {token}",
             "--exclude-path", "/api/v1/live",
             "--phases", "coverage,fuzzing", "--max-examples", "6",
             "--generation-deterministic", "--continue-on-failure",
             "--suppress-health-check", "all", "--workers", "1",
             "--request-timeout", "30"],
            stdout=said, stderr=subprocess.STDOUT, cwd=folder)
    yield d, child, folder / "said"
    child.kill()
    child.wait()
    d.end()


@pytest.fixture
def open_page(chromium, demo):
    """Opens a path, signed in."""
    context = chromium.new_context(viewport={"width": 1280, "height": 900},
                                   permissions=["clipboard-read",
                                                "clipboard-write"])
    r = httpx.post(demo.admin + "/api/v1/session",
                   json={"key": demo.admin_key})
    cookie = r.headers["set-cookie"].split(";")[0].split("=", 1)
    context.add_cookies([{"name": cookie[0], "value": cookie[1],
                          "url": demo.admin}])
    pages = []

    def go(path="/", lost=False, **more):
        page = context.new_page()
        for key, value in more.items():
            page.emulate_media(**{key: value})
        pages.append(Watched(page, demo.admin, lost))
        page.goto(demo.admin + path)
        page.wait_for_selector("h1")
        return page
    yield go
    for p in pages:
        assert p.wrong == [], p.wrong
    context.close()
