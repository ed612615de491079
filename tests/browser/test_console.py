"""The console in a browser: the first minute, every page, compare."""
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import time

import httpx
import kit
import pytest
from console import PAGES, SHOTS, Watched
from playwright.sync_api import expect

AXE = kit.TOP / "console" / "node_modules" / "axe-core" / "axe.min.js"


def settle(page):
    """Everything that the page reads is there, and drawn."""
    expect(page.get_by_text("Reading…")).to_have_count(0)
    expect(page.locator("[aria-busy=true]")).to_have_count(0)
    page.evaluate("() => new Promise((done) => requestAnimationFrame("
                  "() => requestAnimationFrame(() => done(1))))")


def shoot(page, name):
    SHOTS.mkdir(exist_ok=True)
    settle(page)
    page.screenshot(path=SHOTS / f"{name}.png", full_page=True)


def axe(page, rule=None):
    """All rules; or one, where nothing else can have changed."""
    if not AXE.is_file():
        pytest.skip("axe-core is not installed")
    # axe is given to the page by the browser, not by the page's policy
    if page.evaluate("() => typeof window.axe") == "undefined":
        page.evaluate(AXE.read_text())
    found = page.evaluate(
        "async (rule) => (await axe.run(rule ? {runOnly: [rule]} : {}))"
        ".violations.map(v => v.id + ': ' + "
        "v.nodes.map(n => n.html.slice(0, 200)).join(' | '))", rule)
    assert found == [], json.dumps(found, indent=1)


def test_the_first_minute(chromium, demo):
    """The printed link signs in; the first call appears as it is made."""
    page = chromium.new_page()
    seen = Watched(page, demo.admin)
    page.goto(demo.console)
    page.wait_for_selector("h1:has-text('First call')")
    assert "link=" not in page.url
    page.get_by_role("button", name="Make a key").click()
    key = page.get_by_label("Key", exact=True)
    expect(key).to_have_value(re.compile("^ktk_"))
    snippet = page.locator("pre").first.inner_text()
    assert key.input_value() in snippet and demo.gateway in snippet
    assert demo.chat(key.input_value()).status_code == 200
    page.wait_for_selector("[role=status]:has-text('gpt-5.4')", timeout=5000)
    for name in ("Python", "JavaScript", "boto3", "Codex", "Claude Code"):
        page.get_by_role("tab", name=name, exact=True).click()
        assert demo.gateway in page.locator("pre").first.inner_text()
    # a provider is tested by its button
    page.get_by_role("button", name="Test gpt-5.4-openai").click()
    page.wait_for_selector("td .badge:has-text('200')", timeout=10000)
    assert seen.wrong == []
    # the link was good for once
    again = chromium.new_page()
    again.goto(demo.console)
    again.context.clear_cookies()
    again.goto(demo.console)
    again.wait_for_selector("text=Admin key")
    page.close()
    again.close()


# How each snippet is run, as somebody would who copied it.
AGENTS = kit.TOP / "tests" / "clients" / "agents" / "node_modules" / ".bin"
JS = kit.TOP / "tests" / "clients" / "js"


def run_codex(text, folder):
    (folder / "codex").mkdir()
    (folder / "codex" / "config.toml").write_text(text)
    export = re.search(r"# (export KONTOR_KEY=\S+); codex$", text).group(1)
    return ["sh", "-c", f"{export}; cd {folder}; CODEX_HOME={folder}/codex "
            f"{AGENTS}/codex exec --skip-git-repo-check 'Say hello.' "
            "</dev/null"]


def run_claude(text, folder):
    assert text.splitlines()[-1] == "claude"
    return ["sh", "-c", text.removesuffix("claude") + f"cd {folder}; "
            f"CLAUDE_CONFIG_DIR={folder}/claude IS_SANDBOX=1 "
            "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC=1 DISABLE_AUTOUPDATER=1 "
            f"{AGENTS}/claude -p 'Say hello.' </dev/null"]


RUN = {
    "curl": lambda text, folder: ["sh", "-c", text],
    "Python": lambda text, folder: [sys.executable, "-c", text],
    "Anthropic": lambda text, folder: [sys.executable, "-c", text],
    "boto3": lambda text, folder: [sys.executable, "-c", text],
    "JavaScript": lambda text, folder: [
        JS / "node_modules/.bin/node", "--input-type=module", "-e", text],
    "Codex": run_codex, "Claude Code": run_claude,
}


def test_the_snippets_work_as_copied(open_page, demo, tmp_path):
    """Each one by the button, run as it is: its call is in the books."""
    page = open_page("/console/start")
    page.get_by_role("button", name="Make a key").click()
    key = page.get_by_label("Key", exact=True)
    expect(key).to_have_value(re.compile("^ktk_"))
    tabs = page.get_by_role("tablist", name="Client").get_by_role("tab")
    assert sorted(tabs.all_inner_texts()) == sorted(RUN)
    running = {}
    for name in tabs.all_inner_texts():
        if name in ("Codex", "Claude Code") and not AGENTS.is_dir():
            continue  # as big as all else: installed for the clients' suite
        page.get_by_role("tablist", name="Client").get_by_role(
            "tab", name=name, exact=True).click()
        page.locator(".code .copy").first.click()
        text = page.locator("pre").first.inner_text()
        kit.wait_for("the copy", lambda: page.evaluate(
            "navigator.clipboard.readText()") == text, 10)
        running[name] = subprocess.Popen(
            RUN[name](text, tmp_path), cwd=JS, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    for name, child in running.items():
        said, _ = child.communicate(timeout=60)
        assert child.returncode == 0 and said.strip(), f"{name}: {said}"
    id = key.input_value().split("_")[1]
    calls = demo.api(f"requests?key={id}")["calls"]
    assert len(calls) >= len(running)
    assert {c["status"] for c in calls} == {200}


def test_every_provider_of_the_guide_is_a_configuration(open_page, tmp_path):
    page = open_page("/console/start")
    tabs = page.get_by_role("tablist", name="Provider").get_by_role("tab")
    for n, tab in enumerate(tabs.all()):
        tab.click()
        text = "version: 1\n" + page.locator("pre").nth(1).inner_text()
        file = tmp_path / f"{n}.yaml"
        file.write_text(text)
        names = re.findall(r"\$\{(\w+)\}", text)
        r = subprocess.run([kit.KONTOR, "check", "-c", file],
                           capture_output=True, text=True,
                           env={**os.environ, **dict.fromkeys(names, "x")})
        assert r.returncode == 0, text + r.stdout + r.stderr


FAULTS = {  # what is wrong with a provider: what its test says
    "refused": ("badkey", "refuses kontor's credential", "look at its auth"),
    "down": ("down", "could not be reached", "look at its base_url"),
    "nameless": ("nameless", "name could not be resolved", "base_url"),
    "astray": ("astray", "Invalid URL", "the path in base_url"),
    "modelless": ("openai", "model does not exist", "the deployment's name"),
}


def test_a_provider_is_tested_and_told_what_is_wrong(open_page, demo):
    page = open_page("/console/config")
    box = page.get_by_label("Text of the configuration")
    expect(box).to_have_value(re.compile(".{100}", re.DOTALL))
    was = box.input_value()
    sim = re.search(r'base_url: "(http://[\d.:]+)/v1"', was).group(1)
    secret = demo.dir / "secrets" / "bad.key"
    secret.write_text("sk-wrong")
    secret.chmod(0o600)
    auth = 'auth: {api_key: "file:secrets/%s.key"}'
    more = "".join(
        f'\n  {name}: {{type: openai, base_url: "{url}", {auth % key}}}'
        for name, url, key in (
            ("badkey", sim + "/v1", "bad"),
            ("down", f"http://127.0.0.1:{kit.free_port()}/v1", "openai"),
            ("nameless", "http://none.invalid/v1", "openai"),
            ("astray", sim + "/wrong", "openai")))
    models = "".join(
        f"\n  m-{id}: {{publisher: x, deployments: [{{id: {id}, "
        f"provider: {provider}, name: {'none' if id == 'modelless' else 'gpt-5.4'}}}]}}"
        for id, (provider, *_) in FAULTS.items())
    box.fill(was.replace("\nmodels:", more + "\n\nmodels:", 1).replace(
        "\naliases:", models + "\n\naliases:", 1))
    page.get_by_role("button", name="Put in force").click()
    page.wait_for_selector("text=is in force")
    try:
        page.get_by_role("link", name="First call").click()
        for id, (_, said, hint) in FAULTS.items():
            page.get_by_role("button", name="Test " + id, exact=True).click()
            answer = page.locator("tr", has_text=id).locator(".told")
            expect(answer).to_contain_text(said, timeout=10000)
            expect(answer).to_contain_text(hint)
            expect(answer.get_by_role("link", name="why")).to_be_visible()
    finally:
        version = demo.api("config/text")["version"]
        httpx.put(demo.admin + "/api/v1/config/text", headers={
            "authorization": "Bearer " + demo.admin_key},
            json={"text": was, "version": version}).raise_for_status()


def test_the_first_load_is_small(chromium, demo):
    page = chromium.new_page()
    sizes = []
    page.on("requestfinished", lambda r: sizes.append(
        r.sizes()["responseBodySize"] + r.sizes()["responseHeadersSize"]))
    page.goto(demo.admin + "/")
    page.wait_for_selector("text=Admin key")
    page.wait_for_timeout(200)
    assert 10000 < sum(sizes) < 100000, sizes
    page.close()


def test_a_key_is_made_used_seen_and_revoked(open_page, demo):
    page = open_page("/console/keys")
    page.get_by_role("button", name="New key").click()
    page.get_by_role("button", name="Create").click()  # without a name
    page.get_by_label("Name *").fill("from the browser")
    page.get_by_label("Team", exact=True).fill("browsers")
    page.get_by_label("Budget").fill("nonsense")
    page.get_by_role("button", name="Create").click()
    page.wait_for_selector(".field.wrong .error")
    assert "nonsense" in page.locator(".field.wrong .error").inner_text() or \
        "budget" in page.locator(".field.wrong .error").inner_text()
    page.get_by_label("Budget").fill("1/month")
    page.get_by_role("button", name="Create").click()
    key = page.locator("#new-key").inner_text().strip()
    assert key.startswith("ktk_")
    page.get_by_role("button", name="I have it").click()
    import openai
    with openai.OpenAI(base_url=demo.gateway + "/v1", api_key=key,
                       max_retries=0) as client:
        r = client.chat.completions.with_raw_response.create(
            model="gpt-5.4", max_completion_tokens=50,
            messages=[{"role": "user", "content": "hi"}])
        request = r.headers["x-kontor-request-id"]
        page.get_by_role("link", name="from the browser").click()
        page.wait_for_selector("h1:has-text('Requests')")
        page.locator(f"a[href='/console/requests/{request}']").click()
        page.wait_for_selector("text=Where it could go")
        told = demo.api("requests/" + request)
        assert told["settled"] in page.inner_text("main")
        row = open_page("/console/keys").locator(
            "tr", has_text="from the browser")
        row.get_by_role("button", name="Revoke").click()
        keys = row.page
        keys.get_by_role("dialog").get_by_role(
            "button", name="Revoke").click()
        keys.wait_for_selector("tr:has-text('from the browser') "
                               ".badge:has-text('revoked')")
        with pytest.raises(openai.AuthenticationError):
            client.chat.completions.create(
                model="gpt-5.4", messages=[{"role": "user",
                                            "content": "hi"}])


def test_what_the_pages_say_is_what_usage_says(open_page, demo):
    for _ in range(3):
        demo.chat()
        demo.chat(model="gpt-oss-120b")
    total = demo.usage()["total"]
    page = open_page("/console/spend?by=model&span=365d")
    page.wait_for_selector("tfoot")
    text = page.inner_text("tfoot").replace("\u202f", "")
    cells = re.split(r"\s+", text.strip())
    assert total["effective_cost"] in cells and total["list_cost"] in cells
    assert str(total["calls"]) in cells
    rows = demo.usage("--by", "model")["rows"]
    for r in rows:
        line = page.locator("tbody tr", has_text=r["model"]).first
        assert r["effective_cost"] in line.inner_text().replace("\u202f", "")
    pivot = open_page("/console/spend?by=model&across=provider&span=365d")
    pivot.wait_for_selector("tfoot")
    assert total["effective_cost"] in pivot.inner_text("tfoot")
    # a cell leads to the calls that it is made of, and to no others
    pivot.locator("tbody tr", has_text="gpt-oss-120b").locator(
        "td a").nth(1).click()
    pivot.wait_for_selector("h1:has-text('Requests')")
    assert "model=gpt-oss-120b" in pivot.url and "provider=lab" in pivot.url
    settle(pivot)
    assert set(pivot.locator("tbody td:nth-child(2)").all_inner_texts()) == \
        {"gpt-oss-120b"}


def plain(text):
    return text.replace("\u202f", "")


def tile(page, name):
    return plain(page.locator(".tile", has=page.get_by_role(
        "heading", name=name)).first.locator(".big").inner_text())


def test_figures_are_the_same_on_every_page(open_page, demo):
    """What kontor usage says, to the last digit, wherever it stands."""
    demo.chat()
    demo.chat(model="gpt-oss-120b")
    total = demo.usage()["total"]
    page = open_page("/?span=30d")
    settle(page)
    assert tile(page, "Spend, USD") == total["effective_cost"]
    assert tile(page, "Calls") == str(total["calls"])
    assert tile(page, "Tokens in") == str(total["input_tokens"])
    assert tile(page, "Tokens out") == str(total["output_tokens"])
    page = open_page("/console/spend?span=30d")
    settle(page)
    for name, key in (("Effective, USD", "effective_cost"),
                      ("Contracted", "contracted_cost"),
                      ("List", "list_cost")):
        assert tile(page, name) == total[key], name
    page = open_page("/console/routing?span=30d")
    settle(page)
    for by in ("provider", "publisher", "zone"):
        table = page.get_by_role("table", name="Share by " + by)
        for r in demo.usage("--by", by)["rows"]:
            row = table.locator("tr").filter(
                has=page.get_by_role("cell", name=r[by] or "–", exact=True))
            assert r["effective_cost"] in plain(row.inner_text()).split()
    # a budget's is its key's, the agreement's its provider's
    page = open_page("/console/budgets")
    settle(page)
    spent = demo.usage("--by", "key")["rows"]
    mine = next(r["effective_cost"] for r in spent
                if demo.key.split("_")[1] in str(r["key"]))
    row = page.get_by_role("table", name="Budgets").locator(
        "tr", has_text="demo app")
    assert mine in plain(row.inner_text()).split()
    page = open_page("/console/agreements")
    settle(page)
    burned = next(r["contracted_cost"] for r in demo.usage(
        "--by", "provider")["rows"] if r["provider"] == "openai")
    fact = page.locator(".facts div", has_text="Burned").locator("dd")
    assert plain(fact.inner_text()) == burned
    # each call's cost, and its request's page
    last = demo.api("requests?limit=5")["calls"]
    page = open_page("/console/requests")
    settle(page)
    for c in last:
        row = page.locator("tbody tr", has=page.locator(
            f"a[href='/console/requests/{c['id']}']"))
        assert c["effective_cost"] in plain(row.inner_text()).split()
    page = open_page("/console/requests/" + last[0]["id"])
    settle(page)
    told = json.loads(demo.run("explain", "--json", last[0]["id"]))
    text = plain(page.inner_text("main")).split()
    for a in told["attempts"]:
        assert a["hold"] in text and a["settled"] in text
        assert a["list_cost"] in text and a["contracted_cost"] in text
    page.get_by_role("heading", name="Receipt").wait_for()
    page.get_by_role("link", name="Signed receipt").wait_for()


def test_three_models_compared_are_in_the_ledger(open_page, demo):
    page = open_page("/console/compare")
    before = demo.usage()["total"]
    page.get_by_role("button", name="Run").click()
    page.wait_for_selector("text=There is nothing to ask.")
    page.get_by_label("Prompt *").fill("Say hello.")
    for name in ("gpt-5.4", "gpt-oss-120b", "gpt-5.4-bedrock"):
        page.get_by_label(name, exact=True).check()
    page.get_by_role("button", name="Run").click()
    page.wait_for_selector("#sum", timeout=20000)
    expect(page.locator(".runs .badge.good")).to_have_count(3)
    said = page.locator("#sum .num").inner_text().replace("\u202f", "")
    after = demo.usage()["total"]
    import decimal
    moved = decimal.Decimal(after["effective_cost"]) - \
        decimal.Decimal(before["effective_cost"])
    assert decimal.Decimal(said) == moved
    assert after["calls"] == before["calls"] + 3
    assert "gpt-5.4-bedrock" in page.inner_text(".runs")
    assert "us-east-1" in page.inner_text(".runs")
    # it is saved with what it gave, and seen again by another browser
    page.get_by_label("Save this comparison as").fill("hello to three")
    page.get_by_role("button", name="Save").click()
    page.get_by_role("button", name="hello to three").wait_for()
    again = open_page("/console/compare")
    again.get_by_role("button", name="hello to three").click()
    expect(again.locator(".runs .badge.good")).to_have_count(3)
    assert again.locator("#sum .num").inner_text().replace(
        "\u202f", "") == said
    expect(again.get_by_label("Prompt *")).to_have_value("Say hello.")
    expect(again.get_by_label("gpt-oss-120b", exact=True)).to_be_checked()
    shoot(again, "compared-light-1280")
    again.set_viewport_size({"width": 390, "height": 900})
    shoot(again, "compared-light-390")
    axe(again)
    again.get_by_role("button", name="Delete").click()
    again.wait_for_selector("text=None is saved.")


def test_requests_arrive_by_themselves_and_filters_stand_in_the_address(
        open_page, demo):
    page = open_page("/console/requests?status=4xx")
    page.wait_for_timeout(300)
    r = demo.chat(model="nonsense")
    assert r.status_code == 404
    request = r.headers["x-kontor-request-id"]
    page.wait_for_selector(f"a[href='/console/requests/{request}']",
                           timeout=5000)
    demo.chat()
    page.wait_for_timeout(600)
    assert page.locator("tbody .badge.good:has-text('200')").count() == 0


def test_more_pages_than_a_browser_has_connections(open_page, demo):
    """Eight pages, one stream: a call is on all of them, and they open."""
    pages = [open_page("/console/requests") for _ in range(8)]
    for page in pages:
        settle(page)
    pages[0].close()  # whose stream it was
    r = demo.chat()
    at = f"a[href='/console/requests/{r.headers['x-kontor-request-id']}']"
    for page in pages[1:]:
        page.locator(at).wait_for(timeout=10000)


def test_the_configuration_says_what_is_wrong_as_one_types(open_page, demo):
    page = open_page("/console/config")
    box = page.get_by_label("Text of the configuration")
    expect(box).to_have_value(re.compile(".{100}", re.DOTALL))
    text = box.input_value()
    box.fill(text + "\nnonsense: 1\n")
    page.wait_for_selector("text=What is wrong")
    assert "nonsense" in page.inner_text("pre.error")
    box.fill(text.replace("aliases: {fast: gpt-oss-120b}",
                          "aliases: {fast: gpt-oss-120b, quick: gpt-5.4}"))
    page.wait_for_selector("tr:has-text('quick')")
    page.get_by_role("button", name="Put in force").click()
    page.wait_for_selector("text=is in force")
    assert demo.chat(model="quick").status_code == 200


# Of each form: the button that opens it, and what is wrong at which field.
FORMS = {
    "/console/keys": ("New key", "Create", [
        {"Name *": "x", "Budget": "5/fortnight"},
        {"Name *": "x", "Expires in": "soon"},
        {"Name *": "x", "Models": "no-such-model"},
        {"Name *": "x", "Tags": "no value"},
        {"Name *": "x", "User": "u", "or service": "s"}]),
    "/console/budgets": ("New budget", "Create", [
        {"Whose *": "nobody", "Amount *": "1"},
        {"Whose *": "team:demo", "Amount *": "much"},
        {"Whose *": "team:demo", "Amount *": "1", "Time zone": "Mars"},
        {"Whose *": "team:none-such", "Amount *": "1"}]),
    "/console/budgets?": ("New limit", "Create", [
        {"Whose *": "team:demo", "Limit *": "plenty"},
        {"Whose *": "nobody", "Limit *": "requests=6/minute"}]),
}


@pytest.mark.parametrize("path", FORMS)
def test_every_form_says_at_the_field_what_is_wrong(open_page, path):
    opens, sends, wrongs = FORMS[path]
    page = open_page(path)
    for fields in wrongs:
        page.get_by_role("button", name=opens).click()
        form = page.get_by_role("dialog")
        for label, text in fields.items():
            form.get_by_label(label, exact=True).fill(text)
        form.get_by_role("button", name=sends).click()
        wrong = form.locator(".field.wrong")
        expect(wrong).to_have_count(1)
        labels = wrong.locator("label").all_inner_texts()
        assert set(labels) <= set(fields) and labels != ["Name *"], fields
        expect(wrong.locator("input")).to_have_attribute(
            "aria-invalid", "true")
        form.get_by_role("button", name="Close").click()


def test_every_filter_says_what_is_wrong(open_page):
    for path, label in (("requests?status=9", "Status"),
                        ("requests?from=never", "From"),
                        ("requests?key=short", "Key id"),
                        ("spend?from=never", "or from"),
                        ("agreements?at=never", "As of")):
        page = open_page("/console/" + path)
        wrong = page.locator(".filter.wrong")
        expect(wrong).to_have_count(1)
        assert wrong.locator("label").inner_text() == label
        assert len(wrong.locator(".error").inner_text()) > 8
        page.close()


def test_an_expired_session_brings_one_back(open_page, demo):
    page = open_page("/console/requests?status=2xx")
    settle(page)
    page.context.clear_cookies()
    page.get_by_label("Team").fill("demo")
    page.keyboard.press("Enter")
    page.wait_for_selector("text=The session is over")
    page.get_by_label("Admin key").fill(demo.admin_key)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_selector("h1:has-text('Requests')")
    assert "status=2xx" in page.url and "team=demo" in page.url


def test_what_was_typed_outlives_the_session(open_page, demo):
    page = open_page("/console/keys")
    page.get_by_role("button", name="New key").click()
    page.get_by_label("Name *").fill("half typed")
    page.get_by_label("Budget").fill("3/month")
    page.context.clear_cookies()
    page.get_by_role("button", name="Create").click()
    over = page.get_by_role("dialog", name="The session is over")
    over.wait_for()
    axe(page)
    over.get_by_label("Admin key").fill(demo.admin_key)
    over.get_by_role("button", name="Sign in").click()
    over.wait_for(state="detached")
    expect(page.get_by_label("Name *")).to_have_value("half typed")
    page.get_by_role("button", name="Create").click()
    assert page.locator("#new-key").inner_text().startswith("ktk_")


def test_a_tail_asks_to_sign_in_when_its_session_is_gone(open_page, demo):
    """The stream is refused, nothing else is asked: no banner, a sign-in."""
    page = open_page("/console/requests")
    settle(page)
    page.context.clear_cookies()
    page.context.set_offline(True)
    page.wait_for_selector("text=The connection to kontor is lost",
                           timeout=15000)
    page.context.set_offline(False)
    page.get_by_role("dialog", name="The session is over").wait_for(
        timeout=15000)
    page.get_by_label("Admin key").fill(demo.admin_key)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("dialog").wait_for(state="detached")
    request = demo.chat().headers["x-kontor-request-id"]
    page.wait_for_selector(f"a[href='/console/requests/{request}']",
                           timeout=8000)


def test_an_agreement_is_forecast(open_page):
    """As of a day ahead there are days of use, and so a forecast."""
    import datetime
    day = datetime.date.today() + datetime.timedelta(days=40)
    page = open_page(f"/console/agreements?at={day}")
    rows = page.get_by_role("table", name="Forecast of").locator("tbody tr")
    expect(rows).to_have_count(3)
    assert "P50" in rows.nth(1).inner_text()
    page.get_by_label("As of").fill("nonsense")
    page.keyboard.press("Enter")
    page.wait_for_selector(".filter.wrong .error")


def test_models_say_what_may_still_be_sent(open_page, demo):
    demo.chat()
    row = open_page("/console/models").locator("tr", has_text="gpt-5.4-openai")
    is_now = next(d for d in demo.api("deployments")["deployments"]
                  if d["id"] == "gpt-5.4-openai")
    assert is_now["headroom_tokens"] > 0
    expect(row.first).to_contain_text(
        f"{is_now['headroom_tokens']:,}".replace(",", "\u202f"))


def test_health_is_told_and_not_asked(open_page, demo):
    page = open_page("/console/health")
    settle(page)
    asked = []
    page.on("request", lambda r: asked.append(r.url))
    beat = page.locator("tr", has_text="recorder").locator("td").nth(3)
    was = beat.inner_text()
    expect(beat).not_to_have_text(was, timeout=8000)
    assert not any("/api/v1/health" in u for u in asked)
    page.wait_for_selector("text=Nothing happened that should not have.")
    page.wait_for_selector("text=Every provider is called with a key")


def test_a_sign_in_that_fails_is_on_the_page_of_health(open_page, demo):
    text = demo.api("config/text")
    secret = demo.dir / "secrets" / "entra.secret"
    secret.write_text("a secret")
    secret.chmod(0o600)
    provider = f"""
  entra-down:
    type: azure_openai
    base_url: "http://127.0.0.1:{kit.free_port()}"
    auth:
      entra: {{tenant_id: t, client_id: c, client_secret: "file:{secret}",
              authority: "http://127.0.0.1:{kit.free_port()}"}}
"""
    model = """
  m-entra: {publisher: x, deployments: [{id: entra, provider: entra-down}]}
"""

    def put(what):
        version = demo.api("config/text")["version"]
        httpx.put(demo.admin + "/api/v1/config/text", json={
            "text": what, "version": version}, headers={
            "authorization": "Bearer " + demo.admin_key}).raise_for_status()
    put(text["text"].replace("\nmodels:", provider + "\nmodels:", 1).replace(
        "\naliases:", model + "\naliases:", 1))
    try:
        page = open_page("/console/health")
        row = page.get_by_role("table", name="Sign-in to providers").locator(
            "tr", has_text="entra-down")
        expect(row).to_contain_text("bad", timeout=15000)
        expect(row).to_contain_text("entra secret")
        expect(row.locator("td").last).not_to_have_text("none")
        shoot(page, "sign-in-failed-light-1280")
        axe(page)
    finally:
        put(text["text"])


def test_a_lost_connection_is_shown_and_healed(open_page):
    page = open_page("/console/health")
    page.wait_for_selector("text=Processes")
    page.context.set_offline(True)
    page.wait_for_selector("text=The connection to kontor is lost",
                           timeout=15000)
    page.context.set_offline(False)
    page.wait_for_selector("text=The connection to kontor is lost",
                           state="detached", timeout=15000)


def test_a_control_that_dies_comes_back_with_what_was_missed(
        open_page, demo):
    """Killed, it is begun anew: its sessions are gone, the page is not."""
    page = open_page("/console/requests?status=2xx", lost=True)
    settle(page)
    control = next(
        int(p.name) for p in pathlib.Path("/proc").iterdir()
        if p.name.isdigit() and (p / "cmdline").is_file()
        and b"kontor: control" in (p / "cmdline").read_bytes()
        and os.getpgid(int(p.name)) == os.getpgid(demo.child.pid))
    os.kill(control, signal.SIGKILL)
    request = demo.chat().headers["x-kontor-request-id"]
    over = page.get_by_role("dialog", name="The session is over")
    over.wait_for(timeout=20000)
    page.get_by_label("Admin key").fill(demo.admin_key)
    page.get_by_role("button", name="Sign in").click()
    over.wait_for(state="detached")
    page.locator(f"a[href='/console/requests/{request}']").wait_for(
        timeout=8000)
    assert "status=2xx" in page.url


@pytest.mark.parametrize("name", [*PAGES, "request"])
def test_every_page_is_clean_to_axe_and_fits_its_window(open_page, demo, name):
    """Light, dark and narrow: axe's rules, and a screenshot of each."""
    if name == "request":
        demo.chat()
        last = demo.api("requests?limit=1")["calls"][0]["id"]
        page = open_page("/console/requests/" + last)
    else:
        page = open_page(PAGES[name])
    settle(page)
    assert page.locator(".note.bad").count() == 0, \
        page.locator(".note.bad").first.inner_text()
    for scheme, width in (("light", 1280), ("dark", 1280), ("light", 390)):
        page.emulate_media(color_scheme=scheme)
        page.set_viewport_size({"width": width, "height": 900})
        shoot(page, f"{name}-{scheme}-{width}")
        # nothing is wider than the window but what scrolls by itself
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        axe(page, "color-contrast" if scheme == "dark" else None)


def test_signing_in_is_clean_to_axe(chromium, demo):
    page = chromium.new_page()
    page.goto(demo.admin + "/console/keys")
    page.wait_for_selector("text=Admin key")
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        shoot(page, f"sign-in-{scheme}-1280")
        axe(page)
    page.get_by_label("Admin key").fill("ktk_nonsense")
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_selector(".field.wrong .error")
    page.close()


def test_keyboard_alone_reaches_a_page(open_page):
    page = open_page("/")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == \
        "To the page"
    for _ in range(4):
        page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.wait_for_selector("h1:has-text('Requests')")


def test_keyboard_alone_makes_a_key(open_page):
    page = open_page("/console/keys")
    settle(page)

    def tab_to(text):
        for _ in range(60):
            page.keyboard.press("Tab")
            if page.evaluate("document.activeElement.textContent") == text:
                return
        raise AssertionError("no way to " + text)
    tab_to("New key")
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog")).to_be_visible()
    page.keyboard.press("Tab")  # after the button that closes
    if page.evaluate("document.activeElement.name") != "name":
        page.keyboard.press("Tab")
    page.keyboard.type("by keys alone")
    page.keyboard.press("Enter")
    page.locator("#new-key").wait_for()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    page.locator("tr", has_text="by keys alone").wait_for()


def test_a_tail_of_a_hundred_calls_keeps_the_page_awake(open_page, demo):
    page = open_page("/console/requests")
    began = time.monotonic()
    with httpx.Client() as c:
        for _ in range(100):
            c.post(demo.gateway + "/v1/chat/completions", headers={
                "authorization": "Bearer " + demo.key}, json={
                "model": "gpt-oss-120b", "messages": [
                    {"role": "user", "content": "x"}]})
    # As many as that are not sent one by one; yet none is left out.
    newest = [c["id"] for c in demo.api("requests?limit=50")["calls"]]
    page.locator(f"tbody tr:first-child a[href$='{newest[0]}']").wait_for()
    shown = None
    while shown != newest and time.monotonic() - began < 60:
        page.wait_for_timeout(200)
        shown = page.locator("tbody td:first-child a").evaluate_all(
            "all => all.map((a) => a.href.split('/').pop())")[:50]
    assert shown == newest
    assert pathlib.Path(SHOTS).parent.is_dir()
