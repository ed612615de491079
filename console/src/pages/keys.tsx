// Credentials: made here, shown once, revoked at once.

import {useState} from "preact/hooks";
import {Key, KeyMade, send} from "../api";
import {useData, usePages} from "../data";
import {Badge, Copy, Dialog, Failed, Field, Page, Section, Submit, Table,
        wrongField} from "../ui";
import {day} from "../time";

const FIELDS = ["name", "org", "team", "project", "user", "service", "tags",
    "models", "budget", "expires"];

function Shown(p: {made: KeyMade; onClose: () => void}) {
    const m = p.made;
    const pair = m.aws_access_key_id ? `aws_access_key_id = ` +
        `${m.aws_access_key_id}\naws_secret_access_key = ` +
        m.aws_secret_access_key : "";
    return <Dialog title="The key, shown once" onClose={p.onClose}>
        <p>Copy it now: kontor keeps only its hash.</p>
        <p class="mono" id="new-key"><code>{m.key ?? "It was shown before."}
        </code></p>
        {pair ? <><p>The same key for AWS SDKs:</p><pre>{pair}</pre></> : null}
        <div class="acts"><Copy text={m.key ?? ""} label="Copy the key" />
            {pair ? <Copy text={pair} label="Copy the pair" /> : null}
            <button class="main" onClick={p.onClose}>I have it</button></div>
        <p class="dim"><a href="/console/start">How to call with it</a></p>
    </Dialog>;
}

function Create(p: {onDone: (made: KeyMade) => void;
                    onClose: () => void}) {
    const [v, set] = useState<Record<string, string>>({});
    const [admin, setAdmin] = useState(false);
    const [aws, setAws] = useState(false);
    const [wrong, setWrong] = useState<Record<string, string>>({});
    const models = useData("models");
    const put = (k: string) => (x: string) => set({...v, [k]: x});
    const submit = async (e: Submit) => {
        e.preventDefault();
        const body: Record<string, unknown> = {};
        for (const k of FIELDS) {
            const text = (v[k] ?? "").trim();
            if (text !== "")
                body[k] = k === "tags" || k === "models"
                    ? text.split(",").map((x) => x.trim()) : text;
        }
        if (admin)
            body["admin"] = true;
        try {
            if (aws)
                body["aws"] = true;
            p.onDone(await send("post", "keys", {}, {body}));
        } catch (x) {
            setWrong(wrongField(x, FIELDS));
        }
    };
    const field = (k: string, label: string, hint?: string,
                   more: {required?: boolean; list?: string[]} = {}) =>
        <Field key={k} label={label} name={k} value={v[k] ?? ""} hint={hint}
            onInput={put(k)} error={wrong[k]} {...more} />;
    return <Dialog title="New key" onClose={p.onClose}>
        <form onSubmit={submit}><div class="form">
            {field("name", "Name", "what it is for", {required: true})}
            {field("team", "Team")}
            {field("project", "Project")}
            {field("org", "Organisation", "default, when empty")}
            {field("user", "User")}
            {field("service", "or service")}
            {field("budget", "Budget", "25/month: nothing is spent above it")}
            {field("models", "Models", "all, when empty; else separated by " +
                "commas", {list: models.data?.models.map((m) => m.id)})}
            {field("tags", "Tags", "env=prod, cost=ai")}
            {field("expires", "Expires in", "90d, 12h; never, when empty")}
        </div>
        <p><label><input type="checkbox" checked={admin}
            onChange={(e) => setAdmin(e.currentTarget.checked)} /> may use
            the admin API and this console</label></p>
        <p><label><input type="checkbox" checked={aws}
            onChange={(e) => setAws(e.currentTarget.checked)} /> with a pair
            for AWS SDKs, which sign</label></p>
        {wrong[""] ? <p class="error" role="alert">{wrong[""]}</p> : null}
        <div class="acts"><button class="main" type="submit">Create</button>
            <button type="button" onClick={p.onClose}>Cancel</button></div>
        </form></Dialog>;
}

function Act(p: {of: Key; what: "revoke" | "rotate"; onClose: () => void;
                 onDone: (made?: KeyMade) => void}) {
    const [error, setError] = useState<Error | null>(null);
    const [keep, setKeep] = useState("1h");
    const wrong = error !== null ? wrongField(error, ["keep"])["keep"]
        : undefined;
    const run = async () => {
        try {
            if (p.what === "revoke") {
                await send("delete", "keys/{id}", {id: p.of.id});
                p.onDone();
            } else {
                p.onDone(await send("post", "keys/{id}/rotate",
                    {id: p.of.id}, {body: keep.trim() === "" ? {}
                        : {keep: keep.trim()}}));
            }
        } catch (e) {
            setError(e as Error);
        }
    };
    return <Dialog title={(p.what === "revoke" ? "Revoke " : "Rotate ") +
        p.of.name + "?"} onClose={p.onClose}>
        {p.what === "revoke" ? <p>Every worker refuses it from now on.
            What it spent stays in the books.</p> : <>
            <p>A new secret under a new id, with the same budget, limits and
                place.</p>
            <Field label="The old one stays good for" name="keep" value={keep}
                onInput={setKeep} error={wrong} hint="1h, 2d; empty: revoked at once" /></>}
        <Failed error={wrong ? null : error} />
        <div class="acts"><button class={p.what === "revoke" ? "danger"
            : "main"} onClick={run}>{p.what === "revoke" ? "Revoke"
            : "Rotate"}</button>
        <button onClick={p.onClose}>Cancel</button></div></Dialog>;
}

export function Keys() {
    const d = usePages("keys", 500);
    const [create, setCreate] = useState(false);
    const [shown, setShown] = useState<KeyMade | null>(null);
    const [act, setAct] = useState<{of: Key; what: "revoke" | "rotate"} |
        null>(null);
    const done = (made?: KeyMade) => {
        setCreate(false);
        setAct(null);
        if (made !== undefined)
            setShown(made);
        d.reload();
    };
    const state = (k: Key) => k.revoked ? "revoked"
        : k.expires !== null && k.expires * 1000 < Date.now() ? "expired"
            : "live";
    return <Page title="Keys" tools={<button class="main"
        onClick={() => setCreate(true)}>New key</button>}>
        <Failed error={d.error} retry={d.reload} />
        <Section title="All keys">
            <Table label="Keys" rows={d.rows} id={(k) => k.id}
                columns={[
                    {name: "Name", key: "name", cell: (k) =>
                        <a href={"/console/requests?key=" + k.id}>{k.name}</a>,
                    order: (a, b) => a.name.localeCompare(b.name)},
                    {name: "Id", cell: (k) => <code>{k.id}</code>,
                        narrow: false},
                    {name: "State", cell: (k) => <><Badge text={state(k)}
                        kind={state(k) === "live" ? "good" : "dim"} />
                        {k.admin ? <> <Badge text="admin" /></> : null}</>},
                    {name: "Team", cell: (k) => k.team || "–", key: "team",
                        narrow: false,
                        order: (a, b) => a.team.localeCompare(b.team)},
                    {name: "Project", narrow: false,
                        cell: (k) => k.project || "–"},
                    {name: "Who", narrow: false,
                        cell: (k) => k.user || k.service || "–"},
                    {name: "Models", narrow: false,
                        cell: (k) => k.models.join(", ") || "all"},
                    {name: "Budget", right: true, narrow: false,
                        cell: (k) => k.budget ?? "–"},
                    {name: "Expires", narrow: false,
                        cell: (k) => k.expires ? day(k.expires) : "never"},
                    {name: "Created", narrow: false,
                        cell: (k) => day(k.created)},
                    {name: "Actions", cell: (k) => k.revoked ? null : <>
                        <button class="plain" onClick={() =>
                            setAct({of: k, what: "rotate"})}>Rotate</button>
                        <button class="plain danger" onClick={() =>
                            setAct({of: k, what: "revoke"})}>Revoke</button>
                    </>},
                ]} />
            {d.more ? <p class="acts"><button onClick={d.more}>More keys
            </button></p> : null}</Section>
        {create ? <Create onDone={done} onClose={() => setCreate(false)} />
            : null}
        {act ? <Act of={act.of} what={act.what} onDone={done}
            onClose={() => setAct(null)} /> : null}
        {shown ? <Shown made={shown} onClose={() => setShown(null)} /> : null}
    </Page>;
}
