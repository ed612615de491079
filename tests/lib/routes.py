"""Instances for tests of routing: providers that are one simulator's accounts,
a small client that is fast enough for thousands of calls, and a listener that
counts who connects to a place that nobody may reach.
"""
import asyncio
import contextlib
import json
import socket
import threading
import time

import kit

MODEL = {"id": "gpt-5.4", "context": 1050000, "max_output": 128000,
         "prices": {"openai": {"input": "2.50", "output": "15.00"}}}


def sim_config(names, burst=None, **tpm):
    """One OpenAI account of that name each."""
    def meter(name):
        if name not in tpm:
            return {}
        return {"tokens_per_minute": tpm[name],
                "tokens_burst": burst or tpm[name]}

    return {"credentials": [
        {"name": n, "type": "openai", "key": f"sk-sim-{n}", **meter(n)}
        for n in names], "models": [MODEL]}


def env(names):
    return {f"SIM_KEY_{n.upper().replace('-', '_')}": f"sk-sim-{n}"
            for n in names}


def provider(url, name, first_byte="500ms", idle="2s", **more):
    variable = "SIM_KEY_" + name.upper().replace("-", "_")
    return {"type": "openai", "base_url": url + "/v1",
            "auth": {"api_key": "${%s}" % variable},
            "timeouts": {"connect": "500ms", "first_byte": first_byte,
                         "idle": idle}, **more}


def deployment(ident, provider, **more):
    return {"id": ident, "provider": provider, "name": "gpt-5.4",
            "context": 1050000, "max_output": 128000, **more}


def config(folder, providers, models, workers=2, **more):
    return {
        "version": 1, "data_dir": str(folder / "data"), "workers": workers,
        "listen": {
            "gateway": {"address": f"127.0.0.1:{kit.free_port()}"},
            "admin": {"address": f"127.0.0.1:{kit.free_port()}"}},
        "providers": providers, "models": models,
        "prices": [{"deployment": d["id"], "input": "2.50", "output": "15.00"}
                   for m in models.values() for d in m["deployments"]],
        **more}


def pass_on(source, sink):
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)


@contextlib.contextmanager
def nobody(behind=None):
    """A listener that counts who connects; and hangs up, or passes it on to
    the simulator behind it."""
    count = []

    def accept():
        with contextlib.suppress(OSError):
            while True:
                peer, _ = listener.accept()
                count.append(1)
                if behind is None:
                    peer.close()
                    continue
                far = socket.create_connection(behind)
                for pair in ((peer, far), (far, peer)):
                    threading.Thread(
                        target=pass_on, daemon=True, args=pair).start()

    with socket.create_server(("127.0.0.1", 0), backlog=512) as listener:
        threading.Thread(target=accept, daemon=True).start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}", count
        with contextlib.suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)


class Answer:
    def __init__(self, status, headers, body, seconds):
        self.status = status
        self.headers = headers
        self.body = body
        self.seconds = seconds

    def json(self):
        return json.loads(self.body)


class Line:
    """A kept connection: one call after the other."""

    def __init__(self, address, key):
        self.address = address
        self.key = key
        self.reader = self.writer = None

    async def open(self):
        self.reader, self.writer = await asyncio.open_connection(
            *self.address, limit=1 << 20)

    async def close(self):
        if self.writer is not None:
            self.writer.close()
            self.reader = self.writer = None

    async def call(self, body, **headers):
        body = json.dumps(body).encode()
        head = f"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\n" \
            f"Authorization: Bearer {self.key}\r\n" \
            f"Content-Type: application/json\r\n" \
            f"Content-Length: {len(body)}\r\n"
        for name, value in headers.items():
            head += f"{name.replace('_', '-')}: {value}\r\n"
        began = time.monotonic()
        if self.writer is None:
            await self.open()
        try:
            self.writer.write(head.encode() + b"\r\n" + body)
            return await self.answer(began)
        except (OSError, asyncio.IncompleteReadError):
            await self.close()
            return Answer(0, {}, b"", time.monotonic() - began)

    async def answer(self, began):
        head = await self.reader.readuntil(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        headers = {}
        for line in lines[1:]:
            name, _, value = line.partition(":")
            headers[name.lower()] = value.strip()
        if "chunked" in headers.get("transfer-encoding", ""):
            body = b""
            while True:
                size = int(await self.reader.readuntil(b"\r\n"), 16)
                body += (await self.reader.readexactly(size + 2))[:-2]
                if size == 0:
                    break
        else:
            body = await self.reader.readexactly(
                int(headers.get("content-length", 0)))
        if headers.get("connection") == "close":
            await self.close()
        return Answer(int(lines[0].split()[1]), headers, body,
                      time.monotonic() - began)


async def _load(address, key, calls, lines):
    """calls: an iterator of (body, headers); the answers, in any order."""
    answers = []

    async def worker():
        line = Line(address, key)
        for body, headers in calls:
            answers.append(await line.call(body, **headers))
        await line.close()

    await asyncio.gather(*(worker() for _ in range(lines)))
    return answers


def load(kontor, key, calls, lines=16):
    return asyncio.run(_load(kontor.address, key, iter(calls), lines))


async def _paced(address, key, calls, every, lines):
    """A call each `every` seconds, however long the others take."""
    free = [Line(address, key) for _ in range(lines)]
    answers, tasks = [], set()
    began = time.monotonic()

    async def one(line, body, headers):
        answer = await line.call(body, **headers)
        answer.at = time.monotonic() - began
        answers.append(answer)
        free.append(line)

    for i, (body, headers) in enumerate(calls):
        await asyncio.sleep(began + i * every - time.monotonic())
        line = free.pop() if free else Line(address, key)
        task = asyncio.ensure_future(one(line, body, headers))
        tasks.add(task)
        task.add_done_callback(tasks.discard)
    await asyncio.gather(*tasks)
    for line in free:
        await line.close()
    return answers


def paced(kontor, key, calls, every, lines=16):
    return asyncio.run(
        _paced(kontor.address, key, iter(calls), every, lines))


def chat(model, text, **more):
    return {"model": model, "messages": [{"role": "user", "content": text}],
            **more}


def percentile(values, p):
    values = sorted(values)
    return values[min(len(values) - 1, int(len(values) * p / 100))]
