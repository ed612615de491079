"""Callers who sign as AWS's SDKs do: what is taken and what is not.

The signatures are made here from the published algorithm, and once by
botocore, so that neither kontor's signer nor its verifier vouches for itself.
"""
import datetime
import hashlib
import hmac
import json
import os
import threading
import time
import urllib.parse

import httpx
import pytest

KIND = "x-amzn-errortype"


@pytest.fixture(scope="module")
def pair(kontor):
    return kontor.key("signs", aws=True)


def mac(key, text):
    return hmac.new(key, text.encode(), hashlib.sha256).digest()


def quoted(text, safe="/-_.~"):
    return urllib.parse.quote(text, safe=safe)


class Call:
    """One request, signed when it is sent; each field may be spoilt."""

    def __init__(self, kontor, pair, model="m-openai", op="converse"):
        self.base = kontor.gateway
        self.id = pair.get("aws_access_key_id", "AKTKAAAAAAAAAAAAAAAA")
        self.secret = pair.get("aws_secret_access_key", "x" * 40)
        self.path = f"/model/{quoted(model, '')}/{op}"
        self.query = ""
        self.service, self.region = "bedrock", "us-east-1"
        self.now = datetime.datetime.now(datetime.timezone.utc)
        self.nonce = os.urandom(8).hex()
        self.signed = ["host", "x-amz-content-sha256", "x-amz-date",
                       "amz-sdk-invocation-id"]
        self.more = {}
        self.payload = None
        self.body = json.dumps({"messages": [
            {"role": "user", "content": [
                {"text": f"hi {self.nonce} [[sim out=2]]"}]}]}).encode()

    def sign(self):
        stamp = self.now.strftime("%Y%m%dT%H%M%SZ")
        digest = self.payload or hashlib.sha256(self.body).hexdigest()
        headers = {"host": urllib.parse.urlsplit(self.base).netloc,
                   "x-amz-date": stamp, "amz-sdk-invocation-id": self.nonce,
                   "content-type": "application/json"}
        if "x-amz-content-sha256" in self.signed or self.payload:
            headers["x-amz-content-sha256"] = digest
        headers.update(self.more)
        names = ";".join(sorted(self.signed))
        canonical = "\n".join(
            ["POST", quoted(self.path), self.query]
            + [f"{n}:{headers.get(n, '')}" for n in sorted(self.signed)]
            + ["", names, digest])
        scope = f"{stamp[:8]}/{self.region}/{self.service}/aws4_request"
        text = "\n".join(["AWS4-HMAC-SHA256", stamp, scope,
                          hashlib.sha256(canonical.encode()).hexdigest()])
        key = mac(mac(mac(mac(("AWS4" + self.secret).encode(), stamp[:8]),
                          self.region), self.service), "aws4_request")
        headers["authorization"] = (
            f"AWS4-HMAC-SHA256 Credential={self.id}/{scope}, "
            f"SignedHeaders={names}, Signature={mac(key, text).hex()}")
        return headers

    def send(self, headers=None, body=None):
        url = self.base + self.path + ("?" + self.query if self.query else "")
        request = httpx.Request(
            "POST", httpx.URL(url), headers=headers or self.sign(),
            content=self.body if body is None else body)
        request.url = httpx.URL(url)
        with httpx.Client(timeout=30) as client:
            return client.send(request)


@pytest.fixture
def call(kontor, pair):
    return Call(kontor, pair)


def refused(answer, kind="InvalidSignatureException", status=403):
    assert answer.status_code == status, answer.text
    assert answer.headers[KIND] == kind
    assert answer.json()["message"]


def test_a_signed_call_is_served(call):
    answer = call.send()
    assert answer.status_code == 200, answer.text
    assert answer.json()["output"]["message"]["content"][0]["text"]


def test_as_few_headers_as_vercels_sdk_signs(call):
    call.signed = ["host", "x-amz-date"]
    assert call.send().status_code == 200


def test_a_path_as_anthropics_sdk_writes_it(kontor, pair):
    call = Call(kontor, pair)
    call.path = "/model/us.nobody:0/converse"
    refused(call.send(), "ResourceNotFoundException", 404)


def test_the_pair_signs_for_other_dialects_too(kontor, pair):
    call = Call(kontor, pair)
    call.path = "/openai/v1/chat/completions"
    call.service = "bedrock-mantle"
    call.body = json.dumps({"model": "m-openai", "messages": [
        {"role": "user", "content": "hi [[sim out=2]]"}]}).encode()
    assert call.send().status_code == 200


def test_another_body_is_refused(call):
    refused(call.send(body=call.body.replace(b"hi", b"ho")))
    call.signed = ["host", "x-amz-date"]
    headers = call.sign()
    refused(call.send(headers, call.body.replace(b"hi", b"ho")))
    assert call.send(headers).status_code == 200


def test_a_signature_is_taken_once(call):
    headers = call.sign()
    assert call.send(headers).status_code == 200
    for _ in range(8):  # whichever worker it comes to
        answer = call.send(headers)
        refused(answer)
        assert "anew" in answer.json()["message"]


def test_like_calls_of_one_moment_name_themselves(call):
    """As boto3's do: what names them is not signed."""
    call.signed = ["host", "x-amz-date"]
    headers = call.sign()
    for name in "abc":
        answer = call.send({**headers, "amz-sdk-invocation-id": name})
        assert answer.status_code == 200
        refused(call.send({**headers, "amz-sdk-invocation-id": name}))
    del headers["amz-sdk-invocation-id"]
    refused(call.send(headers))
    time.sleep(4)
    refused(call.send({**headers, "amz-sdk-invocation-id": "late"}))


def test_of_many_at_once_one_is_taken(call):
    headers, seen = call.sign(), []

    def one():
        seen.append(call.send(headers).status_code)

    threads = [threading.Thread(target=one) for _ in range(12)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert sorted(seen)[0] in (200, 403) and seen.count(200) <= 1


@pytest.mark.parametrize("minutes", [-6, 6, -60 * 24, 60 * 24 * 365])
def test_a_date_far_from_now_is_refused(call, minutes):
    call.now += datetime.timedelta(minutes=minutes)
    refused(call.send())


@pytest.mark.parametrize("minutes", [-4, 4])
def test_a_clock_may_be_a_little_wrong(call, minutes):
    call.now += datetime.timedelta(minutes=minutes)
    assert call.send().status_code == 200


def spoil_secret(call):
    call.secret = call.secret[:-1] + ("A" if call.secret[-1] != "A" else "B")


def spoil_service(call):
    call.service = "s3"


def spoil_host(call):
    call.signed.remove("host")


def spoil_date(call):
    call.signed.remove("x-amz-date")


def spoil_unsigned(call):
    call.payload = "UNSIGNED-PAYLOAD"


def spoil_chunks(call):
    call.payload = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"


def spoil_token(call):
    call.more["x-amz-security-token"] = "somebody's"


def spoil_missing(call):
    call.signed.append("x-amz-absent")


@pytest.mark.parametrize("spoil", [
    spoil_secret, spoil_service, spoil_host, spoil_date, spoil_unsigned,
    spoil_chunks, spoil_token, spoil_missing])
def test_what_is_not_well_signed_is_refused(call, spoil):
    spoil(call)
    refused(call.send())


@pytest.mark.parametrize("name", ["amz-sdk-invocation-id", "x-amz-date"])
def test_a_header_changed_on_the_way_is_refused(call, name):
    headers = call.sign()
    was = headers[name]
    headers[name] = was[:-2] + str((ord(was[-2]) + 1) % 10) + was[-1]
    refused(call.send(headers))


def test_a_path_or_query_changed_on_the_way_is_refused(call):
    headers = call.sign()
    call.path = call.path.replace("m-openai", "m-azure")
    refused(call.send(headers))
    call.path = call.path.replace("m-azure", "m-openai")
    call.query = "x=1"
    refused(call.send(headers))


def test_a_signature_of_another_method_is_refused(kontor, call):
    headers = call.sign()
    answer = httpx.get(kontor.gateway + "/v1/models", headers=headers)
    assert answer.status_code == 403


@pytest.mark.parametrize("value", [
    "AWS4-HMAC-SHA256", "AWS4-HMAC-SHA256 Credential=x",
    "AWS4-HMAC-SHA256 Credential=a/b/c/d/aws4_request, SignedHeaders=host, "
    "Signature=00", "AWS4-ECDSA-P256-SHA256 Credential=a"])
def test_no_header_at_all_is_no_crash(call, value):
    headers = call.sign()
    headers["authorization"] = value
    refused(call.send(headers))


def test_a_presigned_url_is_refused(call):
    headers = call.sign()
    del headers["authorization"]
    call.query = "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Signature=00"
    refused(call.send(headers))


def test_keys_without_a_pair_sign_nothing(kontor, pair):
    assert "aws_access_key_id" not in kontor.key("plain")
    call = Call(kontor, {"aws_access_key_id": "AKIAIOSFODNN7EXAMPLE"})
    refused(call.send(), "UnrecognizedClientException", 401)


def test_a_pair_dies_with_its_key_and_comes_anew_with_another(kontor):
    first = kontor.key("short", aws=True)
    assert Call(kontor, first).send().status_code == 200
    second = kontor.cli("key", "rotate", first["id"], "--json")
    assert second["aws_access_key_id"] != first["aws_access_key_id"]
    refused(Call(kontor, first).send(), "UnrecognizedClientException", 401)
    assert Call(kontor, second).send().status_code == 200
    kontor.run("key", "revoke", second["id"])
    refused(Call(kontor, second).send(), "UnrecognizedClientException", 401)


def test_nothing_of_a_secret_is_kept(kontor, pair):
    secret = pair["aws_secret_access_key"].encode()
    for path in kontor.data_dir.rglob("*"):
        if path.is_file():
            assert secret not in path.read_bytes(), path
    assert (kontor.data_dir / "aws.key").stat().st_mode & 0o777 == 0o600
