"""What a process of kontor may not do, seen from inside it and outside."""
import ctypes
import fcntl
import json
import os
import pathlib
import platform
import re
import shutil
import signal
import subprocess
import termios
import threading

import kit
import pytest

ROOT = pathlib.Path(__file__).parents[2]
UNIT = ROOT / "packaging" / "kontor.service"
ROLES = ("worker", "recorder", "control", "courier")


@pytest.fixture(scope="module")
def kontor(sim, tmp_path_factory):
    folder = tmp_path_factory.mktemp("hardening")
    config = kit.make_config(sim.url, folder / "data")
    with kit.Kontor(folder, config) as k:
        k.suite_key = k.key("hard")["key"]
        assert k.chat(k.suite_key, "m-openai", "[[sim out=5]]") \
            .status_code == 200
        yield k
        k.verify()


def processes(kontor):
    """Role -> a process of it."""
    found = {}
    for p in pathlib.Path("/proc").iterdir():
        if not p.name.isdigit():
            continue
        try:
            title = (p / "cmdline").read_bytes().split(b"\0")[0].decode()
            group = (p / "stat").read_text().rsplit(")", 1)[1].split()[2]
        except OSError:
            continue
        m = re.match(r"kontor: (\w+)", title)
        if m and int(group) == kontor_group(kontor):
            found[m[1]] = int(p.name)
    return found


def kontor_group(kontor):
    stat = pathlib.Path(f"/proc/{kontor.child.pid}/stat").read_text()
    return int(stat.rsplit(")", 1)[1].split()[2])


def status(pid):
    return dict(line.split(":\t", 1) for line in pathlib.Path(
        f"/proc/{pid}/status").read_text().splitlines() if ":\t" in line)


def sanitized():
    return "sanit" in subprocess.run(
        ["ldd", kit.KONTOR], capture_output=True, text=True).stdout or \
        b"__asan_init" in pathlib.Path(kit.KONTOR).read_bytes()


needs_seal = pytest.mark.skipif(
    sanitized(), reason="sanitized builds run unsealed")


@needs_seal
@pytest.mark.parametrize("role", ROLES)
def test_every_role_is_sealed(kontor, role):
    said = status(processes(kontor)[role])
    assert said["Seccomp"] == "2"
    assert said["NoNewPrivs"] == "1"


@needs_seal
def test_a_worker_of_root_is_nobody(kontor):
    said = status(processes(kontor)["worker"])
    assert said["Uid"].split()[0] != "0"
    assert int(said["CapEff"], 16) == int(said["CapPrm"], 16) == 0
    if status(kontor.child.pid)["Uid"].split()[0] == "0":
        assert said["Uid"].split() == ["65534"] * 4
        assert said["Gid"].split() == ["65534"] * 4
        assert said["Groups"].split() == []


@needs_seal
def test_no_worker_has_a_file_open(kontor):
    """But the system's certificates and its own size, to read, and where it
    logs to."""
    pid = processes(kontor)["worker"]
    try:
        fds = list(pathlib.Path(f"/proc/{pid}/fd").iterdir())
    except PermissionError:
        pytest.skip("only root may look")
    for fd in fds:
        to = str(fd.readlink())
        if fd.name in ("0", "1", "2") or to.startswith(
                ("socket:", "pipe:", "anon_inode:", "/memfd:")):
            continue
        assert to.endswith((".crt", ".pem", "/statm")), to


@pytest.fixture(scope="module")
def inject(tmp_path_factory):
    """Runs system calls in another process, by ptrace."""
    out = tmp_path_factory.mktemp("inject") / "inject"
    made = subprocess.run(
        ["cc", "-O1", "-Wall", "-Werror", "-o", str(out),
         str(pathlib.Path(__file__).with_name("inject.c"))],
        capture_output=True, text=True)
    assert made.returncode == 0, made.stderr

    def run(pid, *call):
        r = subprocess.run([str(out), str(pid), *map(str, call)],
                           capture_output=True, text=True)
        if r.returncode == 3:
            pytest.skip("this machine lets nobody trace: " + r.stderr)
        assert r.returncode == 0, r.stderr
        return r.stdout.strip()
    return run


EPERM, EACCES = "-1", "-13"
# x86-64's numbers.
OPEN, OPENAT, SOCKET, UNLINK, SETUID = 2, 257, 41, 87, 105
EXECVE, PTRACE, FORK, GETPID = 59, 101, 57, 39
RENAME, MKDIR = 82, 83
FCNTL, IOCTL, TGKILL, NEWFSTATAT, PRLIMIT64 = 72, 16, 234, 262, 302


def sealed(pid):
    """What the kernel says of a process's filters."""
    try:
        status = pathlib.Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return None
    return [line for line in status.splitlines()
            if line.startswith("Seccomp")]


@needs_seal
@pytest.mark.skipif(platform.machine() != "x86_64",
                    reason="numbers of system calls are x86-64's")
def test_from_inside_a_sealed_worker(kontor, inject):
    """The very process that serves is made to try."""
    pid = processes(kontor)["worker"]
    assert inject(pid, GETPID) == str(pid)
    for flags in (0, 1, 2, 0o100):
        assert inject(pid, OPENAT, -100, "/etc/passwd", flags) == EPERM
        assert inject(pid, OPEN, "/etc/passwd", flags) == EPERM
    assert inject(pid, UNLINK, "/nonexistent") == EPERM
    assert inject(pid, SOCKET, 1, 1, 0) == EPERM  # AF_UNIX
    assert inject(pid, SOCKET, 16, 3, 0) == EPERM  # AF_NETLINK
    # It still serves.
    for _ in range(4):
        assert kontor.chat(kontor.suite_key, "m-openai",
                           "[[sim out=5]]").status_code == 200
    seal = sealed(pid)
    for call in (EXECVE, "/bin/true", 0, 0), (PTRACE, 0, 0, 0, 0), (FORK,), \
            (SETUID, 0):
        pid = processes(kontor)["worker"]
        assert inject(pid, *call) == "killed by SIGSYS"
        kit.wait_for("its end", lambda: pid not in kontor.of_role("worker"))
        # A new one starts with files to open, and then is sealed.
        kit.wait_for("all seals", lambda: [
            sealed(p) for p in kontor.of_role("worker")] == [seal] * 2)
    kit.wait_for("calls to be served", lambda: kontor.chat(
        kontor.suite_key, "m-openai", "[[sim out=5]]").status_code == 200)


@needs_seal
@pytest.mark.skipif(platform.machine() != "x86_64",
                    reason="numbers of system calls are x86-64's")
@pytest.mark.parametrize("role", ROLES)
def test_no_role_reaches_another(kontor, inject, role):
    pid = processes(kontor)[role]
    others = [kontor.child.pid, *processes(kontor).values()]
    for other in set(others) - {pid}:
        assert inject(pid, TGKILL, other, other, 0) == EPERM
        assert inject(pid, PRLIMIT64, other, 7, 0, 0) == EPERM
        assert inject(pid, FCNTL, 3, 8, other) == EPERM  # F_SETOWN
    assert inject(pid, TGKILL, pid, pid, 0) == "0"
    assert inject(pid, PRLIMIT64, 0, 7, 0, 0) == "0"
    if role == "worker":
        assert inject(pid, NEWFSTATAT, -100, "/etc", "room", 0x1000) == EPERM


class OnTerminal(kit.Kontor):
    """Started by hand: the terminal is its own."""

    def spawn(self, argv, env=None, **more):
        self.terminal, theirs = os.openpty()
        self.child = subprocess.Popen(
            [str(a) for a in argv], stdin=theirs, stdout=theirs,
            stderr=theirs, env=env, start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0))
        os.close(theirs)
        threading.Thread(target=self.keep, daemon=True).start()
        return self.child

    def keep(self):
        try:
            while data := os.read(self.terminal, 4096):
                with open(self.log, "ab") as log:
                    log.write(data)
        except OSError:
            pass


def terminal_of(pid):
    stat = pathlib.Path(f"/proc/{pid}/stat").read_text()
    return int(stat.rsplit(")", 1)[1].split()[4])


@pytest.mark.skipif(platform.machine() != "x86_64",
                    reason="numbers of system calls are x86-64's")
def test_nobody_types_into_the_terminal(sim, inject, tmp_path):
    config = kit.make_config(sim.url, tmp_path / "data")
    with OnTerminal(tmp_path, config) as k:
        assert terminal_of(k.child.pid) != 0
        inside = processes(k)
        assert inside.pop("supervisor") == k.child.pid
        for role, pid in inside.items():
            assert terminal_of(pid) == 0, role
            if not sanitized():
                assert inject(pid, IOCTL, 2, termios.TIOCSTI, "x") == EPERM
        # Ctrl-C ends them all in order.
        os.write(k.terminal, b"\x03")
        assert k.child.wait(15 * kit.SLOW) == 0
        assert not [p for p in inside.values()
                    if pathlib.Path(f"/proc/{p}").exists()]


def has_landlock():
    """As landlock_known(): the version of what it can."""
    libc = ctypes.CDLL(None, use_errno=True)
    return libc.syscall(444, None, ctypes.c_size_t(0), 1) > 0


needs_landlock = pytest.mark.skipif(
    not has_landlock(), reason="this kernel has no Landlock")
x86_64 = pytest.mark.skipif(platform.machine() != "x86_64",
                            reason="numbers of system calls are x86-64's")


@pytest.fixture
def opens(kontor, inject):
    """Makes a role open a file: a descriptor, or less than zero.  Whatever is
    opened for writing is not cut."""
    def run(role, path, flags=os.O_RDONLY):
        return inject(processes(kontor)[role], OPENAT, -100,
                      str(kontor.data_dir / path), flags, 0o600)
    return run


@needs_seal
@x86_64
def test_the_recorder_has_no_network(kontor, inject):
    assert inject(processes(kontor)["recorder"], SOCKET, 2, 1, 0) == EPERM


NEW = os.O_WRONLY | os.O_CREAT


@needs_seal
@needs_landlock
@x86_64
def test_the_recorder_keeps_files_in_data_dir_alone(
        kontor, inject, opens, tmp_path):
    for path in "made", "log/made":
        assert int(opens("recorder", path, NEW)) >= 0
        (kontor.data_dir / path).unlink()
    for path, flags in (tmp_path / "made", NEW), ("/etc/made", NEW), \
            ("/etc/hostname", os.O_RDONLY), ("/etc/shadow", os.O_RDONLY):
        assert opens("recorder", path, flags) == EACCES
    pid = processes(kontor)["recorder"]
    assert inject(pid, MKDIR, tmp_path / "made", 0o700) == EACCES
    assert int(inject(pid, RENAME, kontor.data_dir / "audit.pub",
                      tmp_path / "made")) < 0
    assert not list(tmp_path.iterdir())


@needs_seal
@needs_landlock
@x86_64
def test_control_reads_the_books_and_writes_nothing(
        kontor, inject, opens, tmp_path):
    segment = next((kontor.data_dir / "log").iterdir())
    assert int(opens("control", segment)) >= 0
    for path in segment, "store.db", "store.db-wal", "audit.key", "audit.pub", \
            "run.json":
        assert opens("control", path, os.O_WRONLY) == EACCES
        assert opens("control", path, os.O_RDWR) == EACCES
    for path in "made", "log/made", tmp_path / "made", "/etc/made":
        assert opens("control", path, NEW) == EACCES
    for path in "audit.key", "aws.key", "admin.token", ".", "/etc/shadow", \
            "/etc/passwd", "/proc/self/environ":
        assert opens("control", path) == EACCES
    pid = processes(kontor)["control"]
    for call in (UNLINK, segment), (MKDIR, tmp_path / "made", 0o700), \
            (RENAME, segment, tmp_path / "made"):
        assert inject(pid, *call) == EPERM
    assert not list(tmp_path.iterdir())
    assert kontor.usage()


@needs_seal
@needs_landlock
@x86_64
def test_the_courier_reads_no_books(kontor, opens):
    segment = next((kontor.data_dir / "log").iterdir())
    for path in segment, "store.db", "audit.key", "aws.key", "admin.token", \
            "/etc/shadow", "/etc/passwd":
        assert opens("courier", path) == EACCES
    assert opens("courier", "made", NEW) == EPERM


@needs_seal
@pytest.mark.parametrize("role", ["recorder", "control", "courier"])
def test_root_keeps_its_files_and_no_other_power(kontor, role):
    said = status(processes(kontor)[role])
    # CAP_CHOWN, CAP_DAC_OVERRIDE
    assert int(said["CapPrm"], 16) & ~0b11 == 0
    assert int(said["CapEff"], 16) & ~0b11 == 0


def test_the_log_may_be_on_another_disk(sim, tmp_path):
    config = kit.make_config(sim.url, tmp_path / "data")
    for name in "log", "tiles":
        (tmp_path / "disk" / name).mkdir(parents=True)
        (tmp_path / "data").mkdir(exist_ok=True)
        (tmp_path / "data" / name).symlink_to(tmp_path / "disk" / name)
    with kit.Kontor(tmp_path, config) as k:
        r = k.chat(k.key("far")["key"], "m-openai", "[[sim out=5]]")
        assert r.status_code == 200
        assert k.explain(r.headers["x-kontor-request-id"])
        k.verify()
    assert list((tmp_path / "disk" / "log").iterdir())
    assert (tmp_path / "disk" / "tiles" / "checkpoint").exists()


@needs_seal
def test_control_follows_a_store_that_is_made_again(sim, tmp_path):
    """It was sealed for the one that is damaged."""
    config = kit.make_config(sim.url, tmp_path / "data")
    with kit.Kontor(tmp_path, config) as k:
        key = k.key("again")["key"]
        assert k.chat(key, "m-openai", "[[sim out=5]]").status_code == 200
        before = k.usage()
        assert before
        recorder, = k.of_role("recorder")
        os.kill(recorder, signal.SIGSTOP)
        (k.data_dir / "store.db-wal").unlink()
        (k.data_dir / "store.db").write_bytes(b"no store" * 4096)
        os.kill(recorder, signal.SIGKILL)
        kit.wait_for("the other store", lambda: list(
            k.data_dir.glob("store.db.damaged-*")))

        def same():
            r = k.run("usage", "--format", "json", check=False)
            return r.returncode == 0 and \
                json.loads(r.stdout)["total"] == before["total"]
        kit.wait_for("the same books", same, 20)
        if has_landlock():
            assert "the store is another one" in k.text()
        assert k.chat(key, "m-openai", "[[sim out=5]]").status_code == 200


@pytest.mark.skipif(not shutil.which("systemd-analyze"),
                    reason="no systemd-analyze here")
def test_the_unit_is_tight():
    r = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", "--threshold=15",
         "--no-pager", str(UNIT)], capture_output=True, text=True)
    assert r.returncode == 0, r.stdout + r.stderr
    score = re.search(r"exposure level for .*: ([\d.]+)", r.stdout)
    assert float(score[1]) <= 1.5


def system_calls(group):
    out = set()
    text = subprocess.run(["systemd-analyze", "syscall-filter", group],
                          capture_output=True, text=True).stdout
    for line in text.splitlines()[1:]:
        name = line.strip()
        if name.startswith("@"):
            out |= system_calls(name)
        elif name and not name.startswith("#"):
            out.add(name)
    return out


@pytest.mark.skipif(not shutil.which("systemd-analyze"),
                    reason="no systemd-analyze here")
def test_the_unit_lets_kontor_do_what_it_does():
    """Every call that a role is allowed, and those of the supervisor."""
    allowed = set()
    for line in UNIT.read_text().splitlines():
        if not line.startswith("SystemCallFilter="):
            continue
        words = line.split("=", 1)[1]
        sets = [system_calls(g) if g[0] == "@" else {g}
                for g in words.lstrip("~").split()]
        assert all(sets)
        if words.startswith("~"):
            allowed -= set().union(*sets)
        else:
            allowed |= set().union(*sets)
    needed = set(re.findall(
        r"^(?:MAY|ONLY)\((\w+),", (ROOT / "src/main/syscalls.def").read_text(),
        re.M)) - {"chown", "fchown", "fchownat"}  # only root's SQLite
    needed |= set("""openat mmap mprotect socket socketpair bind listen prctl
        execve clone wait4 kill tgkill signalfd4 memfd_create seccomp
        landlock_create_ruleset landlock_add_rule
        landlock_restrict_self close_range dup2 arch_prctl set_tid_address
        umask flock rename""".split())
    assert not needed - allowed


def test_the_binary_is_hardened():
    """RELRO, bind now, no executable stack, position independent."""
    r = subprocess.run(["readelf", "-hldW", kit.KONTOR],
                       capture_output=True, text=True, check=True).stdout
    assert "DYN (" in r and "GNU_RELRO" in r and "BIND_NOW" in r
    stack = next(x for x in r.splitlines() if "GNU_STACK" in x)
    assert "RWE" not in stack
    assert "__stack_chk_fail" in subprocess.run(
        ["readelf", "--dyn-syms", "-W", kit.KONTOR], capture_output=True,
        text=True, check=True).stdout
