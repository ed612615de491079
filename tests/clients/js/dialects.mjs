// @google/genai, OpenAI's Responses and the Vercel AI SDK, unchanged, against
// every provider type: one line of JSON a scenario, for test_js_dialects.py.
import { createRequire } from 'node:module'
import { GoogleGenAI } from '@google/genai'
import OpenAI from 'openai'
import { generateText, jsonSchema, streamText, tool, embedMany,
  generateObject } from 'ai'
import { createOpenAI } from '@ai-sdk/openai'
import { createGoogleGenerativeAI } from '@ai-sdk/google'
import assert from 'node:assert/strict'

const url = process.env.KONTOR_URL
const key = process.env.KONTOR_KEY
const models = process.env.KONTOR_MODELS.split(',')
const embedders = process.env.KONTOR_EMBEDDERS.split(',')
const genai = new GoogleGenAI({ apiKey: key, httpOptions: { baseUrl: url } })
const openai = new OpenAI({ apiKey: key, baseURL: url + '/v1', maxRetries: 0 })
const viaOpenAI = createOpenAI({ apiKey: key, baseURL: url + '/v1' })
const viaGoogle = createGoogleGenerativeAI({
  apiKey: key, baseURL: url + '/v1beta' })
const schema = { type: 'object', properties: { city: { type: 'string' } },
  required: ['city'], additionalProperties: false }
const words = text => text.trim().split(/\s+/).length

const genaiTool = { functionDeclarations: [{ name: 'get_weather',
  description: 'Get the weather', parametersJsonSchema: schema }] }
const flatTool = { type: 'function', name: 'get_weather', strict: true,
  description: 'Get the weather', parameters: schema }

async function agent (model) {
  let ran = 0
  const r = await generateText({
    model, prompt: 'weather? [[sim tools=1]]', maxRetries: 0,
    stopWhen: ({ steps }) => steps.length === 2,
    tools: { get_weather: tool({ description: 'Get the weather',
      inputSchema: jsonSchema(schema),
      execute: async () => { ran++; return { t: 20 } } }) } })
  assert.equal(ran, 1)
  assert.ok(r.text.length > 0)
}

async function flow (model) {
  const r = streamText({ model, prompt: 'hi [[sim out=8]]', maxRetries: 0 })
  let text = ''
  for await (const part of r.textStream) text += part
  assert.equal(words(text), 8)
  assert.equal((await r.usage).outputTokens, 8)
}

async function thing (model) {
  const r = await generateObject({ model, prompt: 'a city', maxRetries: 0,
    schema: jsonSchema(schema) })
  assert.deepEqual(Object.keys(r.object), ['city'])
}

const each = {
  async genaiUnary (m) {
    const r = await genai.models.generateContent({
      model: m, contents: 'hello [[sim out=6]]',
      config: { systemInstruction: 'be brief', maxOutputTokens: 50 } })
    assert.equal(words(r.text), 6)
    assert.equal(r.usageMetadata.candidatesTokenCount, 6)
  },
  async genaiStream (m) {
    let text = ''
    let last
    for await (const c of await genai.models.generateContentStream({
      model: m, contents: 'hello [[sim out=9]]' })) {
      text += c.text ?? ''
      last = c
    }
    assert.equal(words(text), 9)
    assert.equal(last.candidates[0].finishReason, 'STOP')
  },
  async genaiTools (m) {
    const ask = { role: 'user', parts: [{ text: 'x [[sim tools=2]]' }] }
    const r = await genai.models.generateContent({
      model: m, contents: [ask], config: { tools: [genaiTool] } })
    const calls = r.functionCalls
    assert.equal(calls.length, 2)
    const again = await genai.models.generateContent({
      model: m, config: { tools: [genaiTool] }, contents: [
        ask, r.candidates[0].content,
        { role: 'user', parts: calls.map(c => ({ functionResponse: {
          id: c.id, name: c.name, response: { t: 20 } } })) }] })
    assert.ok(again.text.length > 0)
  },
  async responsesUnary (m) {
    const r = await openai.responses.create({
      model: m, input: 'hello [[sim out=6]]', store: false })
    assert.equal(words(r.output_text), 6)
    assert.equal(r.usage.output_tokens, 6)
  },
  async responsesStreamHelper (m) {
    const s = openai.responses.stream({ model: m, store: false,
      input: 'x [[sim tools=2]]', tools: [flatTool] })
    const r = await s.finalResponse()
    const calls = r.output.filter(i => i.type === 'function_call')
    assert.equal(calls.length, 2)
    for (const c of calls) assert.ok('city' in JSON.parse(c.arguments))
  },
  aiOpenAIAgent: m => agent(viaOpenAI.responses(m)),
  aiOpenAIStream: m => flow(viaOpenAI.responses(m)),
  aiOpenAIObject: m => thing(viaOpenAI.responses(m)),
  aiGoogleAgent: m => agent(viaGoogle(m)),
  aiGoogleStream: m => flow(viaGoogle(m)),
  aiGoogleObject: m => thing(viaGoogle(m))
}
const vectors = {
  async openaiEmbeddings (m) {
    const r = await openai.embeddings.create({ model: m, input: 'alpha' })
    assert.ok(r.data[0].embedding.length >= 64)
  },
  async genaiEmbeddings (m) {
    const r = await genai.models.embedContent({ model: m, contents: 'alpha' })
    assert.ok(r.embeddings[0].values.length >= 64)
  },
  async aiEmbeddings (m) {
    const r = await embedMany({ values: ['alpha'], maxRetries: 0,
      model: viaOpenAI.textEmbeddingModel(m) })
    assert.ok(r.embeddings[0].length >= 64)
  }
}

const once = {
  async genaiModels () {
    const names = []
    for await (const m of await genai.models.list()) names.push(m.name)
    for (const m of models) assert.ok(names.includes('models/' + m), m)
    const one = await genai.models.get({ model: 'at-openai' })
    assert.equal(one.name, 'models/at-openai')
    await assert.rejects(genai.models.get({ model: 'nonsense' }),
      e => e.status === 404)
  }
}

const version = name => {
  const require = createRequire(import.meta.url)
  let at = require.resolve(name)
  at = at.slice(0, at.lastIndexOf('node_modules/' + name) +
    ('node_modules/' + name).length)
  return require(at + '/package.json').version
}
console.log(JSON.stringify(Object.fromEntries(['@google/genai', 'ai',
  '@ai-sdk/openai', '@ai-sdk/google', 'openai'].map(n => [n, version(n)]))))

async function run (model, name, test) {
  let error = null
  try {
    await test(model)
  } catch (e) {
    error = String(e?.stack ?? e).slice(0, 2000)
  }
  console.log(JSON.stringify({ model, name, ok: error === null, error }))
}
for (const m of models) {
  for (const [name, test] of Object.entries(each)) await run(m, name, test)
}
for (const m of embedders) {
  for (const [name, test] of Object.entries(vectors)) await run(m, name, test)
}
for (const [name, test] of Object.entries(once)) await run('-', name, test)
