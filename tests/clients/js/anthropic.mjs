// The official @anthropic-ai/sdk package, unchanged, against every provider
// type.  Prints a line of JSON per scenario: {"model","name","ok","error"}.
//
//   KONTOR_URL, KONTOR_KEY, KONTOR_MODELS (comma separated)
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import Anthropic from "@anthropic-ai/sdk";

const url = process.env.KONTOR_URL;
const key = process.env.KONTOR_KEY;
const models = process.env.KONTOR_MODELS.split(",");
const png =
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR4nGNg+M9Q" +
    "DwADhgGAWjR9awAAAABJRU5ErkJggg==";
const schema = (field) => ({
    type: "object",
    properties: { [field]: { type: "string" } },
    required: [field],
    additionalProperties: false,
});
const tools = [
    { name: "get_weather", input_schema: schema("city") },
    { name: "get_time", input_schema: schema("zone") },
];
const ask = (content) => [{ role: "user", content }];
const connect = (more = {}) =>
    new Anthropic({ baseURL: url, apiKey: key, maxRetries: 0, timeout: 60000,
        ...more });
const client = connect();
const textOf = (m) =>
    m.content.filter((b) => b.type === "text").map((b) => b.text).join("");

const each = {
    async unary(model) {
        const m = await client.messages.create({ model, max_tokens: 100,
            messages: ask("Say hello. [[sim out=9]]") });
        assert.equal(m.type, "message");
        assert.equal(m.stop_reason, "end_turn");
        assert.ok(textOf(m).length > 0);
        assert.equal(m.usage.output_tokens, 9);
        assert.ok(m.usage.input_tokens > 0);
    },
    async stream(model) {
        const kinds = [];
        const stream = client.messages.stream({ model, max_tokens: 100,
            system: "Be brief.", messages: ask("Hello. [[sim out=9]]") });
        stream.on("streamEvent", (e) => kinds.push(e.type));
        const m = await stream.finalMessage();
        assert.equal(kinds[0], "message_start");
        assert.equal(kinds.at(-1), "message_stop");
        const count = (k) => kinds.filter((x) => x === k).length;
        assert.equal(count("content_block_start"), m.content.length);
        assert.equal(count("content_block_stop"), m.content.length);
        assert.equal(count("message_delta"), 1);
        assert.ok(textOf(m).length > 0);
        assert.equal(m.usage.output_tokens, 9);
    },
    async toolRoundTrip(model) {
        const messages = ask("Weather and time? [[sim tools=2]]");
        const stream = client.messages.stream({ model, max_tokens: 500,
            tools, messages });
        const m = await stream.finalMessage();
        const uses = m.content.filter((b) => b.type === "tool_use");
        assert.equal(m.stop_reason, "tool_use");
        assert.equal(uses.length, 2);
        assert.notEqual(uses[0].id, uses[1].id);
        for (const u of uses) assert.equal(Object.keys(u.input).length, 1);
        messages.push({ role: "assistant", content: m.content });
        messages.push({ role: "user", content: uses.map((u, i) => ({
            type: "tool_result", tool_use_id: u.id, content: "12 C",
            is_error: i === 1 })) });
        const end = await client.messages.create({ model, max_tokens: 500,
            tools, messages });
        assert.equal(end.stop_reason, "end_turn");
        assert.ok(textOf(end).length > 0);
    },
    async limit(model) {
        const m = await client.messages.create({ model, max_tokens: 16,
            messages: ask("Talk. [[sim out=100]]") });
        assert.equal(m.stop_reason, "max_tokens");
    },
    async image(model) {
        if (model === "m-lab") return;
        const m = await client.messages.create({ model, max_tokens: 50,
            messages: ask([
                { type: "image", source: { type: "base64",
                    media_type: "image/png", data: png } },
                { type: "text", text: "What? [[sim out=4]]" }]) });
        assert.ok(textOf(m).length > 0);
    },
    async structuredOutput(model) {
        const m = await client.messages.create({ model, max_tokens: 300,
            output_config: { format: { type: "json_schema",
                schema: schema("city") } },
            messages: ask("Which city?") });
        assert.ok(JSON.parse(textOf(m)).city !== undefined);
    },
    async midSystem(model) {
        const m = await client.messages.create({ model, max_tokens: 50,
            messages: [...ask("Hello [[sim out=3]]"),
                { role: "system", content: "Be kind." }] });
        assert.ok(textOf(m).length > 0);
    },
    async countTokens(model) {
        const n = await client.messages.countTokens({ model,
            messages: ask("How long is this?") });
        assert.ok(n.input_tokens > 0);
    },
};

const once = {
    async wrongKey() {
        await assert.rejects(connect({ apiKey: "ktk_no" }).messages.create({
            model: models[0], max_tokens: 5, messages: ask("x") }),
        Anthropic.AuthenticationError);
    },
    async unknownModel() {
        await assert.rejects(client.messages.create({ model: "nonsense",
            max_tokens: 5, messages: ask("x") }), Anthropic.NotFoundError);
    },
    async hostedTool() {
        await assert.rejects(client.messages.create({ model: "m-openai",
            max_tokens: 5, messages: ask("x"), tools: [{
                type: "web_search_20250305", name: "web_search",
                max_uses: 1 }] }), Anthropic.BadRequestError);
    },
    async modelsList() {
        const ids = [];
        for await (const m of client.models.list()) {
            assert.equal(m.type, "model");
            ids.push(m.id);
        }
        for (const m of models) assert.ok(ids.includes(m), m);
        assert.equal((await client.models.retrieve("m-openai")).id,
            "m-openai");
        await assert.rejects(client.models.retrieve("nonsense"),
            Anthropic.NotFoundError);
    },
    async manyAtOnce() {
        const all = await Promise.all(Array.from({ length: 20 }, (_, i) =>
            client.messages.create({ model: models[i % models.length],
                max_tokens: 50, messages: ask(`Hi ${i} [[sim out=5]]`) })));
        assert.ok(all.every((m) => m.usage.output_tokens === 5));
    },
};

async function run(model, name, f) {
    try {
        await f(model);
        console.log(JSON.stringify({ model, name, ok: true }));
    } catch (e) {
        console.log(JSON.stringify({ model, name, ok: false,
            error: String(e.stack ?? e) }));
    }
}

const sdk = JSON.parse(readFileSync(
    new URL("node_modules/@anthropic-ai/sdk/package.json", import.meta.url)));
console.log(JSON.stringify({ sdk: sdk.version, node: process.version }));
// Only some of them, where the providers are others.
const only = process.env.KONTOR_SCENARIOS?.split(",");
for (const model of models)
    for (const [name, f] of Object.entries(each))
        if (!only || only.includes(name)) await run(model, name, f);
for (const [name, f] of Object.entries(once))
    if (!only) await run("-", name, f);
