#include "sim/count.h"

#include "base/json.h"

enum { PER_MESSAGE = 4, PER_REPLY = 3, IMAGE_LOW = 85, IMAGE = 765 };

static int64_t
quarter(size_t bytes)
{
	return (int64_t)((bytes + 3) / 4);
}

static int64_t
part_tokens(const struct json *part)
{
	struct slice type = json_get_str(part, "type");
	const struct json *j;

	if (slice_eq(type, S("text")))
		return quarter(json_get_str(part, "text").len);
	if (slice_eq(type, S("refusal")))
		return quarter(json_get_str(part, "refusal").len);
	if (slice_eq(type, S("input_audio")))
		return quarter(
		    json_get_str(json_get(part, "input_audio"), "data").len);
	if (slice_eq(type, S("file"))) {
		j = json_get(part, "file");
		return quarter(json_get_str(j, "file_data").len +
			       json_get_str(j, "file_id").len);
	}
	if (!slice_eq(type, S("image_url")))
		return 0;
	j = json_get(part, "image_url");
	return slice_eq(json_get_str(j, "detail"), S("low")) ? IMAGE_LOW
							     : IMAGE;
}

static int64_t
calls_tokens(const struct json *calls)
{
	const struct json *k, *f;
	size_t bytes = 0;

	for (k = calls ? calls->child : NULL; k != NULL; k = k->next) {
		f = json_get(k, "function");
		bytes += json_get_str(f, "name").len;
		bytes += json_get_str(f, "arguments").len;
		f = json_get(k, "custom");
		bytes += json_get_str(f, "name").len;
		bytes += json_get_str(f, "input").len;
	}
	return quarter(bytes);
}

static int64_t
message_tokens(const struct json *m)
{
	const struct json *content = json_get(m, "content"), *p;
	int64_t n = PER_MESSAGE;

	if (content != NULL && content->type == JSON_STRING)
		n += quarter(content->text.len);
	else
		for (p = content ? content->child : NULL; p; p = p->next)
			n += part_tokens(p);
	return n + calls_tokens(json_get(m, "tool_calls"));
}

/* The parser bounds the depth. */
static size_t
weight(const struct json *j)
{
	size_t bytes = j->key.len + j->text.len;

	for (j = j->child; j != NULL; j = j->next)
		bytes += weight(j);
	return bytes;
}

int64_t
count_input(const struct json *body)
{
	const struct json *m = json_get(body, "messages");
	const struct json *tools = json_get(body, "tools");
	int64_t n = PER_REPLY;

	for (m = m ? m->child : NULL; m != NULL; m = m->next)
		n += message_tokens(m);
	return tools == NULL ? n : n + quarter(weight(tools));
}

uint64_t
count_hash_bytes(uint64_t h, struct slice s)
{
	uint64_t w;

	for (; s.len >= 8; s.p += 8, s.len -= 8) {
		memcpy(&w, s.p, 8);
		h = (h ^ w) * UINT64_C(0x9fb21c651e98df25);
		h ^= h >> 32;
	}
	w = s.len;
	while (s.len-- > 0)
		w = w << 8 | (unsigned char)*s.p++;
	h = (h ^ w) * UINT64_C(0x9fb21c651e98df25);
	return h ^ h >> 29;
}

static uint64_t
mix(uint64_t h, const struct json *j)
{
	h = count_hash_bytes(h + (uint64_t)j->type, j->key);
	h = count_hash_bytes(h, j->text);
	for (j = j->child; j != NULL; j = j->next)
		h = mix(h, j);
	return h;
}

uint64_t
count_hash(const struct json *value)
{
	return mix(UINT64_C(0x6b6f6e746f722d73), value);
}
