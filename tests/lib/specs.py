"""The providers' published schemas, closed: a field that they do not name is
an error too.

check(dialect, body) gives what is wrong with a request's body, as a list of
sentences; available() says whether the schemas are there.
"""
import base64
import binascii
import functools
import json
import re

import botocore.model
import botocore.validate
import jsonschema
import yaml

import kit

FOLDER = kit.SHARED / "specs"
# Sampling went from the newest version of Anthropic's API; kontor says
# 2023-06-01, which has it.
SAMPLING = {"temperature": {"type": "number", "minimum": 0, "maximum": 1},
            "top_p": {"type": "number"}, "top_k": {"type": "integer"}}
MEDIA = re.compile(r"^[A-Za-z0-9+/]*={0,2}$")


def available():
    return FOLDER.is_dir()


def close(schema):
    """Objects that name their fields take no others."""
    if isinstance(schema, dict):
        for v in schema.values():
            close(v)
        if isinstance(schema.get("properties"), dict) and \
                schema.get("type") == "object":
            schema.setdefault("additionalProperties", False)
    elif isinstance(schema, list):
        for v in schema:
            close(v)
    return schema


def generated(path, root, change=None):
    """A schema of the folder whose definitions are types of an SDK."""
    schema = close(json.loads((FOLDER / path).read_text()))
    fields = schema["definitions"][root]["properties"]
    fields["stream"] = {"type": "boolean"}
    fields.update(change or {})
    return jsonschema.Draft7Validator({**schema, "$ref":
                                       f"#/definitions/{root}"})


def chunks(path):
    """name -> text of each schema of an OpenAPI file too long to parse."""
    text = (FOLDER / path).read_text()
    text = text[text.index("\ncomponents:\n  schemas:\n"):]
    parts = re.split(r"^    ([A-Za-z0-9_.-]+):\n", text, flags=re.M)
    return dict(zip(parts[1::2], parts[2::2]))


def openapi_yaml(path, root):
    """Only what root refers to is parsed."""
    every, schemas, todo = chunks(path), {}, [root]
    while todo:
        name = todo.pop()
        if name in schemas:
            continue
        body = "\n".join(line for line in every[name].split("\n")
                         if line.startswith("      ") or not line.strip())
        # Types of OpenAI's overlap, so one of them matching is enough.
        schemas[name] = yaml.load(re.sub(r"(?m)^( +)oneOf:$", r"\1anyOf:",
                                         body), yaml.CSafeLoader)
        todo += re.findall(r"#/components/schemas/([A-Za-z0-9_.-]+)", body)
    return jsonschema.Draft202012Validator({
        "components": {"schemas": schemas},
        "$ref": f"#/components/schemas/{root}"})


def openapi_json(path, root, shut=False):
    schema = json.loads((FOLDER / path).read_text())
    parts = {"components": {"schemas": schema["components"]["schemas"]}}
    if shut:
        close(parts)
    return jsonschema.Draft202012Validator({
        **parts, "$ref": f"#/components/schemas/{root}"})


@functools.cache
def validators(dialect):
    if dialect == "openai-chat":
        return [generated("openai/chat.schema.json",
                          "ChatCompletionCreateParamsNonStreaming"),
                openapi_yaml("openai/openapi.yaml",
                             "CreateChatCompletionRequest")]
    if dialect == "openai-responses":
        return [generated("openai/responses.schema.json",
                          "ResponseCreateParamsNonStreaming"),
                openapi_yaml("openai/openapi.yaml", "CreateResponse")]
    if dialect == "anthropic-messages":
        return [generated("anthropic/messages.schema.json",
                          "MessageCreateParamsNonStreaming", SAMPLING)]
    assert dialect == "gemini"
    return [openapi_json("google/gemini-openapi-2026-01.json",
                         "GenerateContentRequest", shut=True)]


@functools.cache
def older_anthropic():
    return openapi_json("anthropic/openapi-2026-01.yaml",
                        "CreateMessageParams")


def deepest(error):
    """Of an error within a union, the one that got farthest."""
    while error.context:
        error = max(error.context, key=lambda e: len(e.absolute_path))
    return f"/{'/'.join(map(str, error.absolute_path))}: {error.message}"


# --- Bedrock: a service model, as its SDK checks ----------------------------

@functools.cache
def converse_shape():
    model = json.loads(
        (FOLDER / "aws/bedrock-runtime.service-2.json").read_text())
    service = botocore.model.ServiceModel(model, "bedrock-runtime")
    return service.operation_model("Converse").input_shape


def from_wire(shape, value, at, wrong):
    """JSON as the SDK's own values: blobs are bytes there."""
    kind = shape.type_name
    if kind == "structure" and isinstance(value, dict):
        if getattr(shape, "is_document_type", False):
            return value
        for name in value:
            if name not in shape.members:
                wrong.append(f"{at}: no member {name}")
        return {k: from_wire(shape.members[k], v, f"{at}/{k}", wrong)
                for k, v in value.items() if k in shape.members}
    if kind == "list" and isinstance(value, list):
        return [from_wire(shape.member, v, f"{at}/{i}", wrong)
                for i, v in enumerate(value)]
    if kind == "map" and isinstance(value, dict):
        return {k: from_wire(shape.value, v, f"{at}/{k}", wrong)
                for k, v in value.items()}
    if kind == "blob":
        try:
            return base64.b64decode(value, validate=True)
        except (binascii.Error, TypeError, ValueError):
            wrong.append(f"{at}: no base64")
    if kind == "string" and isinstance(value, str):
        if getattr(shape, "enum", None) and value not in shape.enum:
            wrong.append(f"{at}: {value} is none of {shape.enum}")
        pattern = shape.metadata.get("pattern")
        if pattern and not re.fullmatch(pattern, value):
            wrong.append(f"{at}: {value} is not {pattern}")
        if len(value) > shape.metadata.get("max", len(value)):
            wrong.append(f"{at}: {value} is too long")
    return value


def check_converse(body):
    wrong, shape = [], converse_shape()
    value = from_wire(shape, body, "", wrong)
    report = botocore.validate.ParamValidator().validate(
        {"modelId": "m", **value}, shape)
    return wrong + ([report.generate_report()] if report.has_errors() else [])


def check(dialect, body):
    if dialect == "bedrock":
        return check_converse(body)
    wrong = [deepest(e) for v in validators(dialect)
             for e in v.iter_errors(body)]
    if dialect == "anthropic-messages" and "output_config" not in body and \
            (body.get("thinking") or {}).get("type") != "adaptive":
        wrong += [deepest(e) for e in older_anthropic().iter_errors(body)]
    return wrong
