"""Coding agents, unchanged, through foreign providers.

The simulator is scripted to ask for tools: read a file, edit it, run it, and
say so.  What counts is what became of the file.
"""
import json
import os
import pathlib
import subprocess

import pytest

import dialects
import kit

HERE = pathlib.Path(__file__).parent / "agents"
BIN = HERE / "node_modules" / ".bin"
NODE = pathlib.Path(__file__).parent / "js" / "node_modules" / ".bin"

SHELL = ["exec_command", "shell", "shell_command"]


def codex_steps(folder):
    def run(cmd):
        return {"tool": SHELL, "arguments": {"cmd": cmd, "command": cmd}}
    return [run(f"cat {folder}/note.sh"),
            run(f"sed -i s/before/after/ {folder}/note.sh"),
            run(f"sh {folder}/note.sh > {folder}/out.txt"),
            {"text": "The task is done."}]


def claude_steps(folder):
    note = f"{folder}/note.sh"
    return [{"tool": "Read", "arguments": {"file_path": note}},
            {"tool": "Edit", "arguments": {
                "file_path": note, "old_string": "before",
                "new_string": "after"}},
            {"tool": "Bash", "arguments": {
                "command": f"sh {note} > {folder}/out.txt",
                "description": "Run it"}},
            {"text": "The task is done."}]


def codex(kontor, key, model, folder, prompt):
    home = folder / "codex"
    home.mkdir()
    (home / "config.toml").write_text(f"""
model = "{model}"
model_provider = "kontor"
[model_providers.kontor]
name = "kontor"
base_url = "{kontor.gateway}/v1"
env_key = "KONTOR_KEY"
wire_api = "responses"
""")
    return [BIN / "codex", "exec", "--skip-git-repo-check",
            "--dangerously-bypass-approvals-and-sandbox", "-C", folder,
            prompt], {"CODEX_HOME": str(home), "KONTOR_KEY": key}


def claude(kontor, key, model, folder, prompt):
    return [BIN / "claude", "-p", "--model", model, "--allowedTools",
            "Read,Edit,Bash", "--", prompt], {
        "ANTHROPIC_BASE_URL": kontor.gateway, "ANTHROPIC_API_KEY": key,
        "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
        "DISABLE_AUTOUPDATER": "1", "IS_SANDBOX": "1",
        "CLAUDE_CONFIG_DIR": str(folder / "claude")}


AGENTS = {"codex": (codex, codex_steps), "claude": (claude, claude_steps)}


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    with dialects.running(tmp_path_factory.mktemp("agents")) as both:
        yield both


@pytest.mark.parametrize("model", sorted(dialects.VENUES))
@pytest.mark.parametrize("agent", sorted(AGENTS))
def test_an_agent_reads_edits_and_runs(running, agent, model, tmp_path):
    sim, kontor = running
    make, steps = AGENTS[agent]
    if not (BIN / agent).exists():
        pytest.skip(f"{agent} is not installed: npm ci in {HERE}")
    (tmp_path / "note.sh").write_text("echo before\n")
    name = f"{agent}-{model}"
    dialects.script(sim, name, steps(tmp_path))
    made = kontor.key(name)
    argv, env = make(kontor, made["key"], model, tmp_path,
                     f"Do the task. [[sim play={name}]]")
    path = f"{NODE}:{os.environ.get('PATH', '/usr/bin:/bin')}"
    r = subprocess.run(
        [str(a) for a in argv], cwd=tmp_path, capture_output=True, text=True,
        timeout=90 * kit.SLOW, stdin=subprocess.DEVNULL,
        env={"PATH": path, "HOME": str(tmp_path), **env})
    said = r.stdout + r.stderr
    assert r.returncode == 0, said
    assert (tmp_path / "note.sh").read_text() == "echo after\n", said
    assert (tmp_path / "out.txt").read_text() == "after\n", said
    assert "The task is done." in said
    rows = [row for row in kontor.usage("--by", "key")["rows"]
            if made["id"] in json.dumps(row)]
    assert sum(row["calls"] for row in rows) >= len(steps(tmp_path))
