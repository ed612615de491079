// The frame: who is signed in, where to go, is the instance there.

import {render} from "preact";
import {useEffect, useRef, useState} from "preact/hooks";
import {ask, back, get, onReach, onSignedOut, send} from "./api";
import {PAGES, pageAt} from "./pages";
import {useHealth} from "./data";
import {go, onClick, usePlace} from "./router";
import {Field, setCurrency, Submit} from "./ui";
import "./style.css";

// A link of the command line signs in once: /console/start#link=...
async function byLink(): Promise<void> {
    const m = /^#link=([0-9a-f]+)$/.exec(location.hash);
    if (m === null)
        return;
    history.replaceState(null, "", location.pathname + location.search);
    await ask("post", "session", {}, {body: {link: m[1]}}).catch(() => {});
}

function SignIn(p: {onDone: () => void}) {
    const [key, setKey] = useState("");
    const [error, setError] = useState("");
    const submit = async (e: Submit) => {
        e.preventDefault();
        try {
            await ask("post", "session", {}, {body: {key: key.trim()}});
            p.onDone();
        } catch (x) {
            setError(x instanceof Error ? x.message : String(x));
        }
    };
    return <form onSubmit={submit}>
        <Field label="Admin key" name="key" type="password" value={key}
            error={error} required onInput={setKey}
            hint="ktk_…: kontor key create NAME --admin-key prints one" />
        <button class="main" type="submit">Sign in</button></form>;
}

// Above the page, which stays as it is with what was typed in it.
function Over(p: {onDone: () => void}) {
    const ref = useRef<HTMLDialogElement>(null);
    const show = () => {
        if (ref.current !== null && !ref.current.open)
            ref.current.showModal();
    };
    useEffect(show, []);
    return <dialog ref={ref} aria-labelledby="over" onClose={show}
        onCancel={(e) => e.preventDefault()}>
        <h2 id="over">The session is over</h2>
        <p class="note" role="status">Sign in again, and you are back where
            you were.</p>
        <SignIn onDone={p.onDone} /></dialog>;
}

// Every page is told how kontor is: so each knows when nobody tells any more.
function Reach() {
    const [is, setIs] = useState(true);
    const health = useHealth();
    useEffect(() => onReach(setIs), []);
    useEffect(() => {
        if (is)
            return;
        const t = setInterval(() => {
            get("session", {}).catch(() => {});
        }, 1500);
        return () => clearInterval(t);
    }, [is]);
    if (!is)
        return <p class="note bad banner" role="alert">The connection to
            kontor is lost. Figures stay as they were; trying again…</p>;
    return health === null || health.ready ? null
        : <p class="note bad banner" role="alert">kontor serves no calls now:
            {health.log_broken ? " its log cannot be written." :
            " it is not ready."} <a href="/console/health">Health</a></p>;
}

function Side(p: {path: string; onOut: () => void}) {
    const [open, setOpen] = useState(false);
    const groups = [...new Set(PAGES.map((x) => x.group))];
    useEffect(() => setOpen(false), [p.path]);
    return <nav class={"side" + (open ? " open" : "")} aria-label="Pages">
        <div class="top"><a class="brand" href="/">
            <img src="/icon.svg" width="22" height="22" alt="" />kontor</a>
            <button class="menu" aria-expanded={open}
                onClick={() => setOpen(!open)}>Menu</button></div>
        <div class="list">{groups.map((g) => <div key={g}>
            {g ? <div class="group">{g}</div> : null}
            <ul>{PAGES.filter((x) => x.group === g && x.title)
                .map((x) => <li key={x.path}><a href={x.path}
                    aria-current={pageAt(p.path) === x ||
                        pageAt(p.path).of === x.path ? "page" : undefined}>
                    {x.title}</a></li>)}</ul></div>)}
        <ul><li><button class="plain" onClick={p.onOut}>Sign out</button></li>
        </ul></div>
    </nav>;
}

function App() {
    const at = usePlace();
    const [state, setState] = useState<"ask" | "in" | "out" | "over">("ask");
    const look = async () => {
        try {
            await get("session", {});
            setCurrency((await get("config", {})).currency);
            setState("in");
            back();
        } catch {
            setState((was) => was === "in" ? "over" : "out");
        }
    };
    useEffect(() => { void byLink().then(look); }, []);
    useEffect(() => onSignedOut(() =>
        setState((was) => was === "in" ? "over" : was)), []);
    useEffect(() => {
        if (state === "in")
            document.getElementById("main")?.focus();
    }, [at.path]);
    if (state === "ask")
        return <main class="signin" id="main"><p class="dim">Signing in…</p>
        </main>;
    if (state === "out")
        return <main class="signin" id="main"><h1>kontor</h1>
            <SignIn onDone={look} /></main>;
    const page = pageAt(at.path);
    const out = async () => {
        await send("delete", "session", {}).catch(() => {});
        setState("out");
        go("/");
    };
    return <>
        <a class="skip" href="#main">To the page</a>
        <Reach />
        {state === "over" ? <Over onDone={look} /> : null}
        <div class="frame" onClick={(e) => onClick(e)}>
            <Side path={at.path} onOut={out} />
            <page.view key={page.path} place={at} />
        </div>
    </>;
}

render(<App />, document.getElementById("app")!);
