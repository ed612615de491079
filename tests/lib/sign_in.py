"""Accounts at every cloud, for the tests of sign-in: keys, identities of the
simulator, and the kontor.yaml that uses each of them."""
import copy
import json
import subprocess

import kit

CANARIES = {
    "ENTRA_SECRET": "canary~entra~8Q7secretvalue",
    "AWS_USER_SECRET": "canary/aws/user/secretkey",
    "AWS_PROFILE_SECRET": "canary/aws/profile/secretkey",
    "AWS_ENV_SECRET": "canary/aws/env/secretkey",
    "CONTAINER_TOKEN": "canary-container-authorization",
    "IDENTITY_HEADER": "canary-identity-header",
    "OIDC_ENTRA": "canary.entra.subjecttoken",
    "OIDC_AWS": "canary.aws.subjecttoken",
    "OIDC_GOOGLE": "canary.google.subjecttoken",
    "GOOGLE_CLIENT_SECRET": "canary-google-client-secret",
    "GOOGLE_REFRESH": "canary-google-refresh-token",
    "OCI_API_KEY": "sk-canary-oci-key",
    "OPENAI_KEY": "sk-canary-openai-key",
    "S_AZURE": "canary-azure-api-key",
    "S_AWS_SECRET": "canary/aws/static/secretkey",
    "S_AWS_TOKEN": "canary//aws//static//session-token",
    "S_BEDROCK": "canary-bedrock-api-key",
    "S_ANTHROPIC": "sk-ant-canary-anthropic",
    "S_GEMINI": "AIza-canary-gemini-key",
    "S_VERTEX": "ya29.canary-vertex-access-token",
    "S_LAB": "canary-compatible-key",
}
POOL_AWS = "//iam.googleapis.com/projects/1/locations/global/" \
           "workloadIdentityPools/p/providers/aws"
POOL = "//iam.googleapis.com/projects/1/locations/global/" \
       "workloadIdentityPools/p/providers/x"
ACCOUNT = "kontor@canary.iam.gserviceaccount.com"
ARN = "arn:aws:iam::123456789012:role/"
MODEL = "gpt-5.4"
GEMINI = "gemini-3.1-pro"


def make_keys(folder):
    """RSA keys and certificates: entra, google, oci."""
    for name in ("entra", "google", "oci"):
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes",
             "-days", "2", "-subj", f"/CN={name}", "-keyout", f"{name}.key",
             "-out", f"{name}.crt"], cwd=folder, check=True,
            capture_output=True)
    both = (folder / "entra.key").read_text() + \
        (folder / "entra.crt").read_text()
    (folder / "entra.pem").write_text(both)


def pem_line(folder):
    """A line of the middle of each private key: what must not be seen."""
    return [(folder / f"{n}.key").read_text().splitlines()[5]
            for n in ("entra", "google", "oci")]


def credentials():
    def signs_in(name, venue, **more):
        return {"name": name, "type": venue, "signs_in": True, **more}
    names = {"gpt-prod": MODEL}
    aws = {"region": "us-east-1"}
    return [
        *[signs_in(n, "azure_openai", deployments=names)
          for n in ("e-secret", "e-cert", "e-fed", "e-managed")],
        *[signs_in(n, "bedrock", **aws)
          for n in ("a-role", "a-chain", "a-web", "a-container",
                    "a-instance", "a-profile-role")],
        {"name": "aws-user", "type": "bedrock", **aws,
         "access_key_id": "AKIASIMUSER000000001",
         "secret_access_key": CANARIES["AWS_USER_SECRET"]},
        {"name": "a-profile", "type": "bedrock", **aws,
         "access_key_id": "AKIASIMPROFILE000001",
         "secret_access_key": CANARIES["AWS_PROFILE_SECRET"]},
        {"name": "a-env", "type": "bedrock", **aws,
         "access_key_id": "AKIASIMENV0000000001",
         "secret_access_key": CANARIES["AWS_ENV_SECRET"]},
        *[signs_in(n, "openai_compatible")
          for n in ("g-key", "g-user", "g-pool", "g-pool-aws",
                    "g-metadata")],
        signs_in("g-vertex", "vertex", project="proj-v"),
        {"name": "o-key", "type": "oci", "key": CANARIES["OCI_API_KEY"]},
        {"name": "org", "type": "openai", "key": CANARIES["OPENAI_KEY"],
         "organization": "org-kontor", "project": "proj-kontor"},
        {"name": "s-azure", "type": "azure_openai", "deployments": names,
         "key": CANARIES["S_AZURE"]},
        {"name": "s-aws", "type": "bedrock", **aws,
         "access_key_id": "ASIASIMSTATIC0000001",
         "secret_access_key": CANARIES["S_AWS_SECRET"],
         "session_token": CANARIES["S_AWS_TOKEN"]},
        {"name": "s-bedrock", "type": "bedrock", **aws,
         "api_key": CANARIES["S_BEDROCK"]},
        {"name": "s-anthropic", "type": "anthropic",
         "key": CANARIES["S_ANTHROPIC"]},
        {"name": "s-gemini", "type": "gemini", "key": CANARIES["S_GEMINI"]},
        {"name": "s-vertex", "type": "vertex", "project": "proj-v",
         "key": CANARIES["S_VERTEX"]},
        {"name": "s-lab", "type": "openai_compatible",
         "key": CANARIES["S_LAB"]},
    ]


def identities(folder):
    def read(name):
        return (folder / name).read_text()
    return [
        {"kind": "entra", "credential": "e-secret", "tenant": "t-1",
         "client": "c-secret", "secret": CANARIES["ENTRA_SECRET"]},
        {"kind": "entra", "credential": "e-cert", "tenant": "t-1",
         "client": "c-cert", "certificate": read("entra.crt")},
        {"kind": "entra", "credential": "e-fed", "tenant": "t-1",
         "client": "c-fed", "subject_token": CANARIES["OIDC_ENTRA"]},
        {"kind": "entra_managed", "credential": "e-managed",
         "client": "c-machine", "token": CANARIES["IDENTITY_HEADER"]},
        {"kind": "aws_role", "credential": "a-role", "role": ARN + "one",
         "trusts": "AKIASIMUSER000000001", "external_id": "ext-7"},
        {"kind": "aws_role", "credential": "a-profile-role",
         "role": ARN + "two", "trusts": "AKIASIMPROFILE000001"},
        {"kind": "aws_role", "credential": "a-chain", "role": ARN + "three",
         "trusts": ARN + "two"},
        {"kind": "aws_role", "credential": "a-web", "role": ARN + "web",
         "subject_token": CANARIES["OIDC_AWS"]},
        {"kind": "aws_instance", "credential": "a-instance",
         "role": "machine-role"},
        {"kind": "aws_container", "credential": "a-container",
         "token": CANARIES["CONTAINER_TOKEN"]},
        {"kind": "google", "credential": "g-key", "email": ACCOUNT,
         "key_id": "key-1", "certificate": read("google.crt")},
        {"kind": "google", "credential": "g-vertex",
         "email": "vertex@canary.iam.gserviceaccount.com",
         "key_id": "key-2", "certificate": read("google.crt")},
        {"kind": "google_user", "credential": "g-user",
         "client": "cid.apps.googleusercontent.com",
         "secret": CANARIES["GOOGLE_CLIENT_SECRET"],
         "subject_token": CANARIES["GOOGLE_REFRESH"]},
        {"kind": "google_pool", "credential": "g-pool", "audience": POOL,
         "subject_token": CANARIES["OIDC_GOOGLE"], "email": ACCOUNT},
        {"kind": "google_pool", "credential": "g-pool-aws",
         "audience": POOL_AWS, "email": ACCOUNT},
        {"kind": "google_metadata", "credential": "g-metadata"},
    ]


def sim_config(folder):
    rows = credentials()
    rows.append({"name": "o-sign", "type": "oci",
                 "key_id": "ocid1.tenancy.t/ocid1.user.u/aa:bb:cc",
                 "public_key": (folder / "oci.crt").read_text()})
    models = copy.deepcopy(kit.SIM_MODELS)
    price = {"input": "1.00", "output": "2.00"}
    models[0]["prices"].update(openai_compatible=price, oci=price)
    models.append({"id": GEMINI, "context": 1000000, "max_output": 65536,
                   "prices": {"vertex": price, "gemini": price}})
    return {"credentials": rows, "models": models,
            "identities": identities(folder)}


def write_files(folder, url):
    """What the clouds' own tools would have left on the machine."""
    (folder / "entra.token").write_text(CANARIES["OIDC_ENTRA"] + "\n")
    (folder / "aws.token").write_text(CANARIES["OIDC_AWS"])
    (folder / "google.token").write_text(
        json.dumps({"id_token": CANARIES["OIDC_GOOGLE"]}))
    (folder / "credentials").write_text(
        "# as aws configure writes it\n[base]\n"
        "aws_access_key_id = AKIASIMPROFILE000001\n"
        f"aws_secret_access_key = {CANARIES['AWS_PROFILE_SECRET']}\n")
    (folder / "config").write_text(
        f"[profile deploy]\nrole_arn = {ARN}two\nsource_profile = base\n"
        "role_session_name = from-profile\nduration_seconds = 1200\n"
        f"[profile chain]\nrole_arn={ARN}three\nsource_profile=deploy\n")
    for name, email, key in (
            ("google", ACCOUNT, "key-1"),
            ("vertex", "vertex@canary.iam.gserviceaccount.com", "key-2")):
        (folder / f"{name}.json").write_text(json.dumps({
            "type": "service_account", "client_email": email,
            "private_key_id": key, "token_uri": url + "/token",
            "private_key": (folder / "google.key").read_text()}))
    (folder / "user.json").write_text(json.dumps({
        "type": "authorized_user", "token_uri": url + "/token",
        "client_id": "cid.apps.googleusercontent.com",
        "client_secret": CANARIES["GOOGLE_CLIENT_SECRET"],
        "refresh_token": CANARIES["GOOGLE_REFRESH"]}))
    machine = url + "/latest/meta-data"
    (folder / "pool-aws.json").write_text(json.dumps({
        "type": "external_account", "audience": POOL_AWS,
        "subject_token_type": "urn:ietf:params:aws:token-type:aws4_request",
        "token_url": url + "/v1/token",
        "credential_source": {
            "environment_id": "aws1",
            "imdsv2_session_token_url": url + "/latest/api/token",
            "region_url": machine + "/placement/availability-zone",
            "url": machine + "/iam/security-credentials",
            "regional_cred_verification_url":
                "https://sts.{region}.amazonaws.com"
                "?Action=GetCallerIdentity&Version=2011-06-15"},
        "service_account_impersonation_url":
            f"{url}/v1/projects/-/serviceAccounts/{ACCOUNT}"
            ":generateAccessToken"}))
    (folder / "pool.json").write_text(json.dumps({
        "type": "external_account", "audience": POOL,
        "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
        "token_url": url + "/v1/token",
        "credential_source": {
            "file": str(folder / "google.token"),
            "format": {"type": "json",
                       "subject_token_field_name": "id_token"}},
        "service_account_impersonation_url":
            f"{url}/v1/projects/-/serviceAccounts/{ACCOUNT}"
            ":generateAccessToken"}))


def providers(url):
    """One for each way to sign in."""
    def entra(**how):
        return {"type": "azure_openai", "base_url": url,
                "auth": {"entra": {"authority": url, "tenant_id": "t-1",
                                   **how}}}

    def aws(auth=None, **how):
        how = {"sts_endpoint": url, "metadata_endpoint": url, **how}
        return {"type": "bedrock", "base_url": url, "region": "us-east-1",
                "auth": {**(auth or {}), "aws": how}}

    def google(**how):
        return {"type": "openai_compatible", "base_url": url + "/v1",
                "auth": {"google": how}}
    files = {"credentials_file": "credentials", "config_file": "config"}
    user = {"access_key_id": "AKIASIMUSER000000001",
            "secret_access_key": "${AWS_USER_SECRET}"}
    user["access_key_id"] = "${AWS_USER_ID}"
    return {
        "e-secret": entra(client_id="c-secret",
                          client_secret="${ENTRA_SECRET}"),
        "e-cert": entra(client_id="c-cert", certificate="file:entra.pem"),
        "e-fed": entra(client_id="c-fed",
                       federated_token_file="entra.token"),
        "e-managed": {"type": "azure_openai", "base_url": url,
                      "auth": {"entra": {"managed_identity": True,
                                         "metadata_endpoint": url}}},
        "a-role": aws(user, role_arn=ARN + "one", external_id="ext-7"),
        "a-profile": aws(**{"from": "profile", "profile": "base", **files}),
        "a-profile-role": aws(**{"from": "profile", "profile": "deploy",
                                 **files}),
        "a-chain": aws(**{"from": "profile", "profile": "chain", **files}),
        "a-env": aws(**{"from": "environment"}),
        "a-web": aws(**{"from": "web_identity", "role_arn": ARN + "web",
                        "web_identity_token_file": "aws.token"}),
        "a-container": aws(**{"from": "container",
                              "container_uri": url + "/v2/credentials",
                              "container_token": "${CONTAINER_TOKEN}"}),
        "a-instance": aws(**{"from": "instance"}),
        "g-key": google(credentials="file:google.json"),
        "g-user": google(credentials="file:user.json"),
        "g-pool": google(credentials="file:pool.json"),
        "g-pool-aws": google(credentials="file:pool-aws.json"),
        "g-metadata": google(metadata_server=True, metadata_endpoint=url),
        "g-vertex": {"type": "vertex", "base_url": url, "project": "proj-v",
                     "region": "us-central1",
                     "auth": {"google": {
                         "credentials": "file:vertex.json"}}},
        "o-sign": {"type": "oci", "base_url": url, "region": "us-chicago-1",
                   "compartment": "ocid1.compartment.c",
                   "auth": {"oci": {"tenancy": "ocid1.tenancy.t",
                                    "user": "ocid1.user.u",
                                    "fingerprint": "aa:bb:cc",
                                    "private_key": "file:oci.key"}}},
        "o-key": {"type": "oci", "base_url": url, "region": "us-chicago-1",
                  "compartment": "ocid1.compartment.c",
                  "auth": {"api_key": "${OCI_API_KEY}"}},
        "org": {"type": "openai", "base_url": url + "/v1",
                "organization": "org-kontor", "project": "proj-kontor",
                "auth": {"api_key": "${OPENAI_KEY}"}},
        # And what stands in the configuration as it is sent.
        "s-azure": {"type": "azure_openai", "base_url": url,
                    "auth": {"api_key": "${S_AZURE}"}},
        "s-aws": {"type": "bedrock", "base_url": url, "region": "us-east-1",
                  "auth": {"access_key_id": "${S_AWS_ID}",
                           "secret_access_key": "${S_AWS_SECRET}",
                           "session_token": "${S_AWS_TOKEN}"}},
        "s-bedrock": {"type": "bedrock", "base_url": url,
                      "region": "us-east-1",
                      "auth": {"api_key": "${S_BEDROCK}"}},
        "s-anthropic": {"type": "anthropic", "base_url": url,
                        "auth": {"api_key": "${S_ANTHROPIC}"}},
        "s-gemini": {"type": "gemini", "base_url": url,
                     "auth": {"api_key": "${S_GEMINI}"}},
        "s-vertex": {"type": "vertex", "base_url": url, "project": "proj-v",
                     "region": "us-central1",
                     "auth": {"access_token": "${S_VERTEX}"}},
        "s-lab": {"type": "openai_compatible", "base_url": url + "/v1",
                  "auth": {"api_key": "${S_LAB}"}},
    }


def name_at(provider):
    if provider.startswith("e-") or provider == "s-azure":
        return "gpt-prod"
    if provider in ("g-vertex", "s-vertex", "s-gemini"):
        return GEMINI
    if provider == "s-anthropic":
        return "claude-sonnet-4-5"
    return "openai.gpt-5.4" if provider.startswith("a-") or provider in (
        "s-aws", "s-bedrock") else MODEL


def config(folder, url, only=None, workers=1):
    write_files(folder, url)
    rows = {n: p for n, p in providers(url).items()
            if only is None or n in only}
    for row in rows.values():
        row["timeouts"] = {"connect": "2s", "first_byte": "5s", "idle": "5s"}
    return {
        "version": 1, "data_dir": str(folder / "data"), "workers": workers,
        "listen": {
            "gateway": {"address": f"127.0.0.1:{kit.free_port()}"},
            "admin": {"address": f"127.0.0.1:{kit.free_port()}"}},
        "providers": rows,
        "models": {f"m-{n}": {"deployments": [
            {"id": f"d-{n}", "provider": n, "name": name_at(n)}]}
            for n in rows},
        "prices": [{"provider": n, "model": name_at(n), "input": "1.00",
                    "output": "2.00"} for n in rows],
    }


def env():
    return {**CANARIES, "AWS_USER_ID": "AKIASIMUSER000000001",
            "S_AWS_ID": "ASIASIMSTATIC0000001",
            "AWS_ACCESS_KEY_ID": "AKIASIMENV0000000001",
            "AWS_SECRET_ACCESS_KEY": CANARIES["AWS_ENV_SECRET"]}
