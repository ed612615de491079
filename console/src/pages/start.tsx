// The first minute: call, see it appear, add a provider of one's own.

import {useMemo, useState} from "preact/hooks";
import {Call, send, Tested} from "../api";
import {useData, useLive} from "../data";
import {Code, Copy, Failed, Field, Money, Page, Section, Status, Table} from "../ui";
import {ms} from "../time";
import {currency} from "../ui";
import {byName} from "./overview";

interface Pair { id: string; secret: string; }

const SNIPPETS: Record<string, (url: string, key: string, model: string,
                                pair: Pair | null) => string> = {
    curl: (url, key, model) => `curl -sS ${url}/v1/chat/completions \\
  -H 'Authorization: Bearer ${key}' \\
  -H 'Content-Type: application/json' \\
  -d '{"model": "${model}", "messages": [{"role": "user", "content": "Hello"}]}'`,
    Python: (url, key, model) => `# pip install openai
from openai import OpenAI

client = OpenAI(base_url="${url}/v1", api_key="${key}")
answer = client.chat.completions.create(
    model="${model}", messages=[{"role": "user", "content": "Hello"}])
print(answer.choices[0].message.content)`,
    JavaScript: (url, key, model) => `// npm install openai
import OpenAI from "openai";

const client = new OpenAI({baseURL: "${url}/v1", apiKey: "${key}"});
const answer = await client.chat.completions.create({
    model: "${model}", messages: [{role: "user", content: "Hello"}]});
console.log(answer.choices[0].message.content);`,
    Anthropic: (url, key, model) => `# pip install anthropic
import anthropic

client = anthropic.Anthropic(base_url="${url}", api_key="${key}")
answer = client.messages.create(model="${model}", max_tokens=100,
    messages=[{"role": "user", "content": "Hello"}])
print(answer.content[0].text)`,
    // Over http, boto3 signs and sends no bearer.
    boto3: (url, key, model, pair) => `# pip install boto3
import boto3

client = boto3.client("bedrock-runtime", region_name="us-east-1",
    endpoint_url="${url}",
    aws_access_key_id="${pair?.id ?? (key && "kontor key create NAME --aws")}",
    aws_secret_access_key="${pair?.secret ?? "prints both"}")
answer = client.converse(modelId="${model}", messages=[
    {"role": "user", "content": [{"text": "Hello"}]}])
print(answer["output"]["message"]["content"][0]["text"])`,
    Codex: (url, key, model) => `# ~/.codex/config.toml
model = "${model}"
model_provider = "kontor"
# A search by the provider has no bound that a hard budget could hold.
web_search = "disabled"

[model_providers.kontor]
name = "kontor"
base_url = "${url}/v1"
env_key = "KONTOR_KEY"
wire_api = "responses"

# export KONTOR_KEY=${key}; codex`,
    "Claude Code": (url, key, model) =>
        `export ANTHROPIC_BASE_URL=${url}
export ANTHROPIC_AUTH_TOKEN=${key}
export ANTHROPIC_MODEL=${model}
claude`,
};

const PROVIDERS: Record<string, string> = {
    OpenAI: `providers:
  openai: {type: openai, auth: {api_key: "\${OPENAI_API_KEY}"}}
models:
  gpt-5.4:
    publisher: openai
    deployments:
      - {provider: openai, name: gpt-5.4}`,
    Azure: `providers:
  azure:
    type: azure_openai
    endpoint: "https://NAME.openai.azure.com"
    auth: {api_key: "\${AZURE_OPENAI_API_KEY}"}
models:
  gpt-5.4:
    publisher: openai
    deployments:
      - {provider: azure, name: YOUR-DEPLOYMENT, priced_as: gpt-5.4}`,
    Bedrock: `providers:
  bedrock:
    type: bedrock
    region: us-east-1
    auth:
      access_key_id: "\${AWS_ACCESS_KEY_ID}"
      secret_access_key: "\${AWS_SECRET_ACCESS_KEY}"
models:
  gpt-oss-120b:
    publisher: openai
    deployments:
      - {provider: bedrock, name: "openai.gpt-oss-120b-1:0"}`,
    Anthropic: `providers:
  anthropic: {type: anthropic, auth: {api_key: "\${ANTHROPIC_API_KEY}"}}
models:
  claude-sonnet-4-5:
    publisher: anthropic
    deployments:
      - {provider: anthropic, name: claude-sonnet-4-5}`,
    Gemini: `providers:
  gemini: {type: gemini, auth: {api_key: "\${GEMINI_API_KEY}"}}
models:
  gemini-2.5-flash:
    publisher: google
    deployments:
      - {provider: gemini, name: gemini-2.5-flash}`,
    "Local server": `providers:
  lab:
    type: openai_compatible
    base_url: "http://127.0.0.1:8000/v1"
models:
  my-model:
    publisher: me
    deployments:
      - {id: my-model-lab, provider: lab, name: my-model}
prices:
  - {deployment: my-model-lab, from: 2026-01-01, input: "0.10", output: "0.40"}`,
};

function Tabs(p: {names: string[]; at: string; label: string;
                  onAt: (n: string) => void}) {
    return <div class="tabs" role="tablist" aria-label={p.label}>
        {p.names.map((n) => <button key={n} role="tab" type="button"
            aria-selected={n === p.at} onClick={() => p.onAt(n)}>{n}
        </button>)}</div>;
}

function Watch() {
    const [seen, setSeen] = useState<Call | null>(null);
    useLive(setSeen);
    return seen === null
        ? <p class="note" role="status">Waiting for a call… it appears here
            the moment it ends.</p>
        : <p class="note good" role="status">
            <a href={"/console/requests/" + seen.id}>{seen.model ?? "a call"}
            </a>: <Status code={seen.status} /> in {ms(seen.total_ms)} at{" "}
            {seen.deployment ?? "no deployment"}, <Money
                v={seen.effective_cost} /> {currency()}</p>;
}

// Where to look, for whoever keeps the configuration.
function advice(r: Tested): string {
    const by: Record<string, string> = {
        provider_credential: "look at its auth: the secret is another's, " +
            "has expired, or may not use this",
        provider_unreachable: "look at its base_url (name, port, http or " +
            "https), and whether it runs",
        provider_address: "a name of a private network needs " +
            "allow_private: true at this provider",
        provider_proxy: "look at proxy, and what the proxy allows",
        provider_tls: "look at its base_url and tls: whose certificate is " +
            "it, and who signed it",
        provider_timeout: "it is slow, or something between swallows what " +
            "is sent",
        provider_reset: "look at its base_url: is it http where https is " +
            "spoken?",
        provider_garbage: "what answers there is no such provider: look at " +
            "its type and base_url",
        provider_unhealthy: "it failed again and again and is left alone " +
            "for a moment; mend it, and test again",
    };
    return by[r.code] ?? (r.status === 404 ? "look at the deployment's " +
        "name, and at the path in base_url" : r.status === 429
        ? "it is reached, and has no capacity for us now" : "");
}

function Test() {
    const d = useData("deployments");
    const [rows, setRows] = useState<Record<string, Tested | "…">>({});
    const [error, setError] = useState<Error | null>(null);
    const test = async (id: string) => {
        setRows((was) => ({...was, [id]: "…"}));
        try {
            const r = await send("post", "deployments/{id}/test", {id});
            setRows((was) => ({...was, [id]: r}));
            setError(null);
        } catch (e) {
            setError(e as Error);
        }
    };
    return <><Failed error={d.error ?? error} retry={d.reload} />
        <Table label="Deployments to test" rows={d.data && byName(d.data.deployments)}
            id={(x) => x.id} columns={[
                {name: "Deployment", cell: (x) => x.id},
                {name: "Provider", cell: (x) => x.provider, narrow: false},
                {name: "Test", cell: (x) => <button class="small"
                    disabled={rows[x.id] === "…"} aria-label={"Test " + x.id}
                    onClick={() => test(x.id)}>Test</button>},
                {name: "Answer", cell: (x) => <span class="told"
                    role="status"><Answer of={rows[x.id]} /></span>},
            ]} /></>;
}

function Answer(p: {of: Tested | "…" | undefined}) {
    const r = p.of;
    if (r === undefined)
        return null;
    return r === "…" ? <>asking…</> : <><Status code={r.status} />{" "}
        {r.good ? "it answers, in " + ms(r.ms) : <>{r.text}{advice(r) !== ""
            ? <small> ({advice(r)})</small> : null}</>}{r.request
            ? <>{" "}<a href={"/console/requests/" + r.request}>why</a></>
            : null}</>;
}

export function Start() {
    const where = useData("config");
    const models = useData("models");
    const [key, setKey] = useState("");
    const [pair, setPair] = useState<Pair | null>(null);
    const [at, setAt] = useState("curl");
    const [provider, setProvider] = useState("OpenAI");
    const [error, setError] = useState("");
    const url = useMemo(() => {
        const a = where.data?.gateway_address ?? "";
        return (where.data?.gateway_tls ? "https://" : "http://") + a.replace(/^0\.0\.0\.0|^\[::\]/,
            location.hostname);
    }, [where.data]);
    const model = models.data?.models[0]?.id ?? "MODEL";
    const make = async () => {
        try {
            const made = await send("post", "keys", {}, {body: {
                name: "first call", budget: "5/month", aws: true}});
            setKey(made.key ?? "");
            setPair({id: made.aws_access_key_id ?? "",
                secret: made.aws_secret_access_key ?? ""});
            setError("");
        } catch (e) {
            setError(e instanceof Error ? e.message : String(e));
        }
    };
    return <Page title="First call" sub="One address for every SDK; only base
        URL and key change.">
        <Watch />
        <Section title="1. A key">
            <p>Make one here (5 {currency()} a month, nothing above it), or
                paste one you have.</p>
            <div class="save"><Field label="Key" name="key" value={key}
                onInput={(v) => { setKey(v); setPair(null); }} error={error}
                placeholder="ktk_…" />
            <button class="main" onClick={make}>Make a key</button>
            {key ? <Copy text={key} /> : null}</div></Section>
        <Section title="2. Call" tools={<Tabs label="Client"
            names={Object.keys(SNIPPETS)} at={at} onAt={setAt} />}>
            <Failed error={where.error} retry={where.reload} />
            <Code text={SNIPPETS[at]!(url, key || "ktk_…", model, pair)} />
        </Section>
        <Section title="3. A provider of your own" tools={<Tabs
            label="Provider" names={Object.keys(PROVIDERS)} at={provider}
            onAt={setProvider} />}>
            <p>Set the secret where kontor runs (a file works, too: file:PATH);
                this goes into <a href="/console/config">the
                configuration</a>, which says what is wrong as you type.</p>
            <Code text={PROVIDERS[provider]!} />
            <p class="dim">Test what is configured: one call of a few tokens
                to the provider itself.</p>
            <Test />
        </Section>
    </Page>;
}
