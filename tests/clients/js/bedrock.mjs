// The official AWS SDK, unchanged, against every provider type: over HTTP/2,
// which is its default, and over HTTP/1.1.  Prints one line of JSON per
// scenario: {"model","name","ok","error"}.
//
//   KONTOR_URL, KONTOR_AWS_ID, KONTOR_AWS_SECRET, KONTOR_KEY,
//   KONTOR_MODELS (comma separated)
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import {
    BedrockRuntimeClient,
    ConverseCommand,
    ConverseStreamCommand,
    CountTokensCommand,
    InvokeModelCommand,
    InvokeModelWithResponseStreamCommand,
} from "@aws-sdk/client-bedrock-runtime";
import { NodeHttpHandler } from "@smithy/node-http-handler";

const env = process.env;
const connect = (more = {}) =>
    new BedrockRuntimeClient({
        endpoint: env.KONTOR_URL,
        region: "us-east-1",
        maxAttempts: 1,
        credentials: {
            accessKeyId: env.KONTOR_AWS_ID,
            secretAccessKey: env.KONTOR_AWS_SECRET,
        },
        ...more,
    });
const h2 = connect();
const h1 = connect({ requestHandler: new NodeHttpHandler() });
const toolConfig = {
    tools: ["get_weather", "get_time"].map((name) => ({
        toolSpec: {
            name,
            description: "a tool",
            inputSchema: {
                json: {
                    type: "object",
                    properties: { place: { type: "string" } },
                    required: ["place"],
                    additionalProperties: false,
                },
            },
        },
    })),
};
const ask = (text) => [{ role: "user", content: [{ text }] }];
const textOf = (message) =>
    message.content.map((block) => block.text ?? "").join("");

async function gather(answer) {
    const blocks = [];
    let stop, usage;
    for await (const e of answer.stream) {
        const start = e.contentBlockStart;
        const delta = e.contentBlockDelta;
        if (start)
            blocks[start.contentBlockIndex] = {
                toolUse: { ...start.start.toolUse, input: "" },
            };
        if (delta) {
            const block = (blocks[delta.contentBlockIndex] ??= {});
            if (delta.delta.text !== undefined)
                block.text = (block.text ?? "") + delta.delta.text;
            if (delta.delta.toolUse)
                block.toolUse.input += delta.delta.toolUse.input;
            const thought = delta.delta.reasoningContent;
            if (thought) {
                block.reasoningContent ??= { reasoningText: { text: "" } };
                const all = block.reasoningContent.reasoningText;
                all.text += thought.text ?? "";
                if (thought.signature) all.signature = thought.signature;
            }
        }
        if (e.messageStop) stop = e.messageStop.stopReason;
        if (e.metadata) usage = e.metadata.usage;
    }
    for (const block of blocks)
        if (block.toolUse)
            block.toolUse.input = JSON.parse(block.toolUse.input || "{}");
    return { message: { role: "assistant", content: blocks }, stop, usage };
}

async function talk(client, stream, input) {
    if (stream)
        return gather(await client.send(new ConverseStreamCommand(input)));
    const a = await client.send(new ConverseCommand(input));
    return { message: a.output.message, stop: a.stopReason, usage: a.usage };
}

async function hello(client, stream, modelId) {
    const a = await talk(client, stream, {
        modelId,
        system: [{ text: "Be brief." }],
        messages: ask(`Say hello. ${stream} [[sim out=12]]`),
    });
    assert.ok(textOf(a.message));
    assert.equal(a.stop, "end_turn");
    assert.equal(a.usage.outputTokens, 12);
    assert.ok(a.usage.inputTokens > 0);
}

async function tools(client, stream, modelId) {
    const messages = ask("Weather and time? [[sim tools=2]]");
    const first = await talk(client, stream, { modelId, messages, toolConfig });
    const uses = first.message.content.filter((block) => block.toolUse);
    assert.equal(first.stop, "tool_use");
    assert.equal(uses.length, 2);
    messages.push(first.message, {
        role: "user",
        content: uses.map(({ toolUse }) => ({
            toolResult: {
                toolUseId: toolUse.toolUseId,
                content: [{ text: "12 C" }],
            },
        })),
    });
    const last = await talk(client, stream, { modelId, messages, toolConfig });
    assert.equal(last.stop, "end_turn");
    assert.ok(textOf(last.message));
}

const invocation = (modelId) => ({
    modelId,
    contentType: "application/json",
    body: JSON.stringify({
        anthropic_version: "bedrock-2023-05-31",
        max_tokens: 50,
        messages: [{ role: "user", content: "Hello [[sim out=6]]" }],
    }),
});

const each = {
    unary: (m) => hello(h2, false, m),
    stream: (m) => hello(h2, true, m),
    unaryHttp1: (m) => hello(h1, false, m),
    streamHttp1: (m) => hello(h1, true, m),
    tools: (m) => tools(h2, false, m),
    toolsStreamed: (m) => tools(h2, true, m),
    async limit(modelId) {
        const a = await talk(h2, true, {
            modelId,
            inferenceConfig: { maxTokens: 16 },
            messages: ask("Talk. [[sim out=100]]"),
        });
        assert.equal(a.stop, "max_tokens");
        assert.equal(a.usage.outputTokens, 16);
    },
    async countTokens(modelId) {
        const count = async (n) =>
            (
                await h2.send(
                    new CountTokensCommand({
                        modelId,
                        input: { converse: { messages: ask("word ".repeat(n)) } },
                    }),
                )
            ).inputTokens;
        const few = await count(1);
        const many = await count(400);
        assert.ok(0 < few && few < many && many < 2000, `${few} ${many}`);
    },
    async invoke(modelId) {
        const a = await h2.send(new InvokeModelCommand(invocation(modelId)));
        const m = JSON.parse(new TextDecoder().decode(a.body));
        assert.equal(m.type, "message");
        assert.equal(m.usage.output_tokens, 6);
    },
    async invokeStreamed(modelId) {
        const a = await h2.send(
            new InvokeModelWithResponseStreamCommand(invocation(modelId)),
        );
        const seen = [];
        for await (const e of a.body)
            seen.push(JSON.parse(new TextDecoder().decode(e.chunk.bytes)).type);
        assert.equal(seen[0], "message_start");
        assert.equal(seen.at(-1), "message_stop");
        assert.ok(seen.includes("content_block_delta"));
    },
    async structuredOutput(modelId) {
        const schema = toolConfig.tools[0].toolSpec.inputSchema.json;
        const a = await talk(h2, false, {
            modelId,
            messages: ask("Where?"),
            outputConfig: {
                textFormat: {
                    type: "json_schema",
                    structure: {
                        jsonSchema: {
                            schema: JSON.stringify(schema),
                            name: "place",
                        },
                    },
                },
            },
        });
        assert.deepEqual(Object.keys(JSON.parse(textOf(a.message))), ["place"]);
    },
};

const once = {
    async manyAtOnce() {
        const models = env.KONTOR_MODELS.split(",");
        await Promise.all(
            Array.from({ length: 40 }, (_, i) =>
                hello(h2, i % 2 === 0, models[i % models.length]),
            ),
        );
    },
    async unknownModel() {
        await assert.rejects(
            hello(h2, false, "nobody"),
            (e) =>
                e.name === "ResourceNotFoundException" &&
                e.$metadata.httpStatusCode === 404,
        );
    },
    async wrongSecret() {
        const client = connect({
            credentials: {
                accessKeyId: env.KONTOR_AWS_ID,
                secretAccessKey: "x".repeat(40),
            },
        });
        await assert.rejects(
            hello(client, false, env.KONTOR_MODELS.split(",")[0]),
            (e) => e.$metadata.httpStatusCode === 403,
        );
    },
    async bearerToken() {
        const client = connect({
            credentials: undefined,
            token: { token: env.KONTOR_KEY },
            authSchemePreference: ["httpBearerAuth"],
        });
        await hello(client, true, env.KONTOR_MODELS.split(",")[0]);
    },
};

const version = (name) =>
    JSON.parse(readFileSync(`node_modules/${name}/package.json`)).version;
console.log(
    JSON.stringify({
        sdk: version("@aws-sdk/client-bedrock-runtime"),
        node: process.version,
    }),
);
async function run(model, name, f) {
    let error = null;
    try {
        await f(model);
    } catch (e) {
        error = `${e.stack ?? e}`;
    }
    console.log(JSON.stringify({ model, name, ok: error === null, error }));
}
// Only some of them, where the providers are others.
const only = env.KONTOR_SCENARIOS?.split(",");
for (const model of env.KONTOR_MODELS.split(","))
    for (const [name, f] of Object.entries(each))
        if (!only || only.includes(name)) await run(model, name, f);
for (const [name, f] of Object.entries(once))
    if (!only) await run("-", name, f);
process.exit(0);
