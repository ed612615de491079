// The text of kontor.yaml: what is wrong with it, and what it would change.

import {useEffect, useRef, useState} from "preact/hooks";
import {Checked, send} from "../api";
import {useData} from "../data";
import {Badge, Failed, Page, Section, Table} from "../ui";

export function Config() {
    const d = useData("config/text");
    const [text, setText] = useState<string | null>(null);
    const [checked, setChecked] = useState<Checked | null>(null);
    const [error, setError] = useState<Error | null>(null);
    const [told, setTold] = useState("");
    const turn = useRef(0);
    const now = text ?? d.data?.text ?? "";
    // As one types, when it stops for a moment.
    useEffect(() => {
        if (text === null)
            return;
        const mine = ++turn.current;
        const t = setTimeout(() => {
            send("post", "config/check", {}, {body: {text}}).then((c) => {
                if (mine === turn.current) {
                    setChecked(c);
                    setError(null);
                }
            }, setError);
        }, 400);
        return () => clearTimeout(t);
    }, [text]);
    const save = async () => {
        try {
            const r = await send("put", "config/text", {},
                {body: {text: now, version: d.data!.version}});
            setTold("Generation " + r.generation + " is in force.");
            setText(null);
            setChecked(null);
            d.reload();
        } catch (e) {
            setError(e as Error);
        }
    };
    const changed = text !== null && text !== d.data?.text;
    return <Page title="Configuration" sub={d.data ? <code>{d.data.file}
        </code> : null} tools={<>
        <button disabled={!changed} onClick={() => {
            setText(null);
            setChecked(null);
        }}>Undo</button>
        <button class="main" disabled={!changed || !checked?.good ||
            checked.needs_restart !== null} onClick={save}>
            Put in force</button></>}>
        <Failed error={d.error ?? error} retry={d.reload} />
        {told ? <p class="note good" role="status">{told}</p> : null}
        <Section title="kontor.yaml">
            <label class="hidden" for="config">Text of the configuration
            </label>
            <textarea id="config" class="mono" rows={26} spellcheck={false}
                value={now} onInput={(e) => {
                    setText(e.currentTarget.value);
                    setTold("");
                }} />
            <p class="dim">Secrets stand in it by reference only. People,
                keys and budgets are not in it: they have their pages.</p>
        </Section>
        {checked !== null ? <Section title={checked.good ? "What it would " +
            "change" : "What is wrong"} tools={<Badge text={checked.good
            ? "good" : "not good"} kind={checked.good ? "good" : "bad"} />}>
            {checked.report ? <pre class="error" role="alert">
                {checked.report}</pre> : null}
            {checked.needs_restart ? <p class="note">A change of{" "}
                {checked.needs_restart} needs a restart of kontor.</p> : null}
            {checked.good ? <Table label="Changes" rows={checked.changes}
                id={(c) => [c.kind, c.id, c.field, c.change, c.to].join("/")}
                empty="Nothing: the same is in force already." columns={[
                    {name: "Change", cell: (c) => <Badge text={c.change}
                        kind={c.change === "removed" ? "bad"
                            : c.change === "added" ? "good" : "warn"} />},
                    {name: "What", cell: (c) => c.kind},
                    {name: "Which", cell: (c) => c.id},
                    {name: "Field", cell: (c) => c.field ?? ""},
                    {name: "Was", cell: (c) => c.from ?? ""},
                    {name: "Will be", cell: (c) => c.to ?? ""},
                ]} /> : null}
        </Section> : null}
    </Page>;
}
