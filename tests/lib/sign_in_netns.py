"""In a network of its own, where 169.254.169.254 is us: the machine's own
identities are asked there by the courier, and by nobody else.  Run by
test_sign_in.py under `unshare -n`."""
import json
import pathlib
import subprocess
import sys

import httpx
import kit
import sign_in


def main(folder):
    for args in ("link set lo up", "addr add 169.254.169.254/32 dev lo"):
        subprocess.run(["ip", *args.split()], check=True)
    sign_in.make_keys(folder)
    (folder / "sim.json").write_text(json.dumps(sign_in.sim_config(folder)))
    url, there = "http://127.0.0.1:80", "http://169.254.169.254"
    sim = subprocess.Popen([kit.SIM, "--config", folder / "sim.json",
                            "--listen", "0.0.0.0:80", "--quiet"],
                           stdout=subprocess.PIPE)
    try:
        sim.stdout.readline()
        config = sign_in.config(folder, url, only=(
            "e-managed", "a-instance", "g-metadata", "e-secret"))
        rows = config["providers"]
        del rows["e-managed"]["auth"]["entra"]["metadata_endpoint"]
        del rows["a-instance"]["auth"]["aws"]["metadata_endpoint"]
        rows["g-metadata"]["auth"]["google"]["metadata_endpoint"] = there
        rows["e-secret"]["auth"]["entra"]["authority"] = there
        with kit.Kontor(folder, config, env=sign_in.env()) as k:
            key = k.key("k")["key"]
            for name in ("e-managed", "a-instance", "g-metadata"):
                r = k.chat(key, f"m-{name}")
                assert r.status_code == 200, (name, r.text)
            # No managed identity: the same address is refused.
            assert k.chat(key, "m-e-secret").status_code == 502
            token = (k.data_dir / "admin.token").read_text().strip()
            health = httpx.get(k.admin + "/api/v1/health", headers={
                "authorization": f"Bearer {token}"}).json()
            row = next(r for r in health["credentials"]
                       if r["provider"] == "e-secret")
            assert row["error"] == "address", row
            # And for a worker it is no place at all.
            rows["g-metadata"]["base_url"] = there + "/v1"
            k.write_config()
            bad = k.run("check", check=False)
            assert bad.returncode == 1 and "never dialled" in bad.stderr + \
                bad.stdout, bad
    finally:
        sim.kill()
    print("all good")


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]))
