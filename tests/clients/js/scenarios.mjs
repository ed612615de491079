// The official openai package, unchanged, against every provider type.
// Prints one line of JSON per scenario: {"model","name","ok","error"}.
//
//   KONTOR_URL, KONTOR_KEY, KONTOR_POOR_KEY, KONTOR_NARROW_KEY,
//   KONTOR_MODELS (comma separated)
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import OpenAI, { AzureOpenAI } from "openai";

const url = process.env.KONTOR_URL;
const key = process.env.KONTOR_KEY;
const models = process.env.KONTOR_MODELS.split(",");
const png =
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR4nGNg+M9Q" +
    "DwADhgGAWjR9awAAAABJRU5ErkJggg==";
const tools = [
    {
        type: "function",
        function: {
            name: "get_weather",
            parameters: {
                type: "object",
                properties: { city: { type: "string" } },
                required: ["city"],
                additionalProperties: false,
            },
        },
    },
    {
        type: "function",
        function: {
            name: "get_time",
            parameters: {
                type: "object",
                properties: { zone: { type: "string" } },
                required: ["zone"],
                additionalProperties: false,
            },
        },
    },
];
const ask = (content) => [{ role: "user", content }];
const connect = (more = {}) =>
    new OpenAI({ baseURL: `${url}/v1`, apiKey: key, timeout: 60000, ...more });
const client = connect();

async function collect(stream) {
    const seen = { text: {}, calls: {}, usage: null, chunks: 0, pieces: 0 };
    for await (const chunk of stream) {
        seen.chunks++;
        seen.usage = chunk.usage ?? seen.usage;
        for (const choice of chunk.choices) {
            seen.text[choice.index] ??= "";
            seen.text[choice.index] += choice.delta.content ?? "";
            for (const part of choice.delta.tool_calls ?? []) {
                const call = (seen.calls[part.index] ??= { args: "" });
                if (part.function?.name) call.name = part.function.name;
                call.args += part.function?.arguments ?? "";
                seen.pieces++;
            }
        }
    }
    return seen;
}

const perModel = {
    async unary(model) {
        const r = await client.chat.completions.create({
            model,
            messages: ask("Say hello. [[sim out=12]]"),
        });
        assert.equal(r.usage.completion_tokens, 12);
        assert.ok(r.choices[0].message.content);
    },

    async stream(model) {
        const messages = ask("Tell a story. [[sim out=30]]");
        const whole = await client.chat.completions.create({ model, messages });
        const seen = await collect(
            await client.chat.completions.create({
                model,
                messages,
                stream: true,
            }),
        );
        assert.equal(seen.text[0], whole.choices[0].message.content);
        assert.equal(seen.usage, null);
    },

    async streamWithUsage(model) {
        const seen = await collect(
            await client.chat.completions.create({
                model,
                messages: ask("Tell more. [[sim out=21]]"),
                stream: true,
                stream_options: { include_usage: true },
            }),
        );
        assert.equal(seen.usage.completion_tokens, 21);
    },

    async parallelTools(model) {
        const messages = ask("Weather and time? [[sim tools=2]]");
        const whole = await client.chat.completions.create({
            model,
            messages,
            tools,
        });
        const seen = await collect(
            await client.chat.completions.create({
                model,
                messages,
                tools,
                stream: true,
            }),
        );
        const calls = Object.values(seen.calls);
        assert.deepEqual(
            calls.map((c) => [c.name, c.args]),
            whole.choices[0].message.tool_calls.map((c) => [
                c.function.name,
                c.function.arguments,
            ]),
        );
        assert.equal(calls.length, 2);
        // Google's calls come whole.
        assert.ok(seen.pieces > (/gemini|vertex/.test(model) ? 1 : 4));
        for (const c of calls) JSON.parse(c.args);
    },

    async toolRoundTrip(model) {
        const messages = ask("Weather? [[sim tools=1]]");
        const first = await client.chat.completions.create({
            model,
            messages,
            tools,
        });
        messages.push(first.choices[0].message);
        for (const call of first.choices[0].message.tool_calls)
            messages.push({
                role: "tool",
                tool_call_id: call.id,
                content: '{"answer":12}',
            });
        const second = await client.chat.completions.create({
            model,
            messages,
            tools,
        });
        assert.ok(second.choices[0].message.content);
    },

    async image(model) {
        const r = await client.chat.completions.create({
            model,
            messages: [
                {
                    role: "user",
                    content: [
                        { type: "text", text: "What is this?" },
                        {
                            type: "image_url",
                            image_url: {
                                url: `data:image/png;base64,${png}`,
                                detail: "low",
                            },
                        },
                    ],
                },
            ],
        });
        assert.ok(r.usage.prompt_tokens > 85);
    },

    async structuredOutput(model) {
        const r = await client.chat.completions.create({
            model,
            messages: ask("Who is it?"),
            response_format: {
                type: "json_schema",
                json_schema: {
                    name: "person",
                    strict: true,
                    schema: {
                        type: "object",
                        properties: {
                            name: { type: "string" },
                            age: { type: "integer" },
                        },
                        required: ["name", "age"],
                        additionalProperties: false,
                    },
                },
            },
        });
        const person = JSON.parse(r.choices[0].message.content);
        assert.equal(typeof person.name, "string");
        assert.ok(Number.isInteger(person.age));
    },

    async twoChoices(model) {
        const r = await client.chat.completions.create({
            model,
            n: 2,
            messages: ask("Two. [[sim out=8]]"),
        });
        assert.deepEqual(
            r.choices.map((c) => c.index),
            [0, 1],
        );
    },

    async providerError(model) {
        await assert.rejects(
            client.chat.completions.create({
                model,
                messages: ask("[[sim fault=400]]"),
            }),
            (e) =>
                e instanceof OpenAI.BadRequestError &&
                e.status === 400 &&
                e.error.message === "The request is not valid." &&
                "type" in e.error &&
                "param" in e.error &&
                "code" in e.error,
        );
    },

    async cancel(model) {
        const stream = await client.chat.completions.create({
            model,
            stream: true,
            messages: ask("Long. [[sim out=400 pace=20]]"),
        });
        let n = 0;
        for await (const _ of stream) if (++n === 4) break;
        assert.equal(n, 4);
        assert.ok(stream.controller.signal.aborted);
    },

    async streamHelper(model) {
        const runner = client.chat.completions.stream({
            model,
            messages: ask("Help. [[sim out=15]]"),
        });
        const text = await runner.finalContent();
        assert.equal(text.trim().split(/\s+/).length, 15);
    },

    async azureClient(model) {
        const azure = new AzureOpenAI({
            endpoint: url,
            apiKey: key,
            apiVersion: "2024-10-21",
        });
        const messages = ask("From Azure. [[sim out=9]]");
        const r = await azure.chat.completions.create({ model, messages });
        assert.equal(r.usage.completion_tokens, 9);
        const seen = await collect(
            await azure.chat.completions.create({
                model,
                messages,
                stream: true,
            }),
        );
        assert.equal(seen.text[0], r.choices[0].message.content);
    },

    async azureV1(model) {
        const r = await connect({
            baseURL: `${url}/openai/v1/`,
        }).chat.completions.create({
            model,
            messages: ask("v1. [[sim out=9]]"),
        });
        assert.equal(r.usage.completion_tokens, 9);
    },

    async headers(model) {
        const { data, response } = await client.chat.completions
            .create({ model, messages: ask("Price me. [[sim out=10]]") })
            .withResponse();
        assert.equal(data.usage.completion_tokens, 10);
        assert.match(
            response.headers.get("x-kontor-request-id"),
            /^req_[0-9A-Za-z]+$/,
        );
        assert.ok(response.headers.get("x-kontor-deployment"));
        assert.match(response.headers.get("x-kontor-cost"), /^\d+\.\d+ USD$/);
    },
};

const once = {
    async wrongKey() {
        await assert.rejects(
            connect({ apiKey: "ktk_nobody" }).models.list(),
            OpenAI.AuthenticationError,
        );
    },

    async unknownModel() {
        await assert.rejects(
            client.chat.completions.create({
                model: "gpt-nine",
                messages: ask("hi"),
            }),
            (e) =>
                e instanceof OpenAI.NotFoundError &&
                e.code === "model_not_found",
        );
    },

    async forbiddenModel() {
        await assert.rejects(
            connect({
                apiKey: process.env.KONTOR_NARROW_KEY,
            }).chat.completions.create({
                model: "m-openai",
                messages: ask("hi"),
            }),
            OpenAI.PermissionDeniedError,
        );
    },

    async exhaustedBudget() {
        let sent = 0;
        const counting = (...args) => (sent++, fetch(...args));
        await assert.rejects(
            connect({
                apiKey: process.env.KONTOR_POOR_KEY,
                maxRetries: 3,
                fetch: counting,
            }).chat.completions.create({
                model: "m-openai",
                messages: ask("hi"),
            }),
            (e) =>
                e instanceof OpenAI.RateLimitError &&
                e.code === "insufficient_quota",
        );
        assert.equal(sent, 1);
    },

    async rateLimit() {
        let refused = 0;
        const counting = async (...args) => {
            const r = await fetch(...args);
            if (r.status === 429) refused++;
            return r;
        };
        const paced = connect({
            apiKey: process.env.KONTOR_PACED_KEY,
            maxRetries: 8,
            fetch: counting,
        });
        for (let i = 0; i < 9; i++)
            await paced.chat.completions.create({
                model: "m-openai",
                messages: ask("hi"),
            });
        assert.ok(refused > 0);
    },

    async modelsList() {
        const ids = [];
        for await (const m of client.models.list()) ids.push(m.id);
        for (const m of models) assert.ok(ids.includes(m), m);
        assert.equal((await client.models.retrieve("gpt-5.4")).id, "gpt-5.4");
    },

    async manyAtOnce() {
        const all = await Promise.all(
            Array.from({ length: 16 }, async (_, i) =>
                collect(
                    await client.chat.completions.create({
                        model: models[i % models.length],
                        stream: true,
                        messages: ask(`Number ${i} [[sim out=${i + 3}]]`),
                        stream_options: { include_usage: true },
                    }),
                ),
            ),
        );
        all.forEach((seen, i) =>
            assert.equal(seen.usage.completion_tokens, i + 3),
        );
    },
};

const pkg = new URL("node_modules/openai/package.json", import.meta.url);
console.log(
    JSON.stringify({
        openai: JSON.parse(readFileSync(pkg)).version,
        node: process.version,
    }),
);

async function run(name, model, scenario) {
    const row = { name, model, ok: true };
    try {
        await scenario(model);
    } catch (e) {
        row.ok = false;
        row.error = String(e?.stack ?? e);
    }
    console.log(JSON.stringify(row));
}

// Only some of them, where the providers are others.
const only = process.env.KONTOR_SCENARIOS?.split(",");
for (const model of models)
    for (const [name, scenario] of Object.entries(perModel))
        if (!only || only.includes(name)) await run(name, model, scenario);
for (const [name, scenario] of Object.entries(once))
    if (!only) await run(name, "-", scenario);
