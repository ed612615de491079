#include "sim/brand.h"

#include <time.h>

#include "base/json.h"
#include "http/msg.h"
#include "sim/filler.h"

struct status_row {
	int status;
	const char *type, *code, *aws, *message;
};

static const struct status_row statuses[] = {
#define STATUS(http, type, code, aws, message) \
	{ http, type, code, aws, message },
#include "sim/statuses.def"
#undef STATUS
};

/* What is said, whoever says it. */
struct words {
	int status;
	const char *type, *code, *aws, *param;
	const char *message;
	struct slice what;          /* put behind the message */
	const char *google_details; /* JSON */
};

static const struct status_row *
row_of(int status)
{
	size_t i;

	for (i = 0; i < NELEM(statuses); i++)
		if (statuses[i].status == status)
			return &statuses[i];
	return &statuses[0];
}

static void
put_null_or(struct buf *b, const char *key, const char *value)
{
	json_w_key(b, key);
	if (value == NULL || *value == '\0')
		json_w_null(b);
	else
		json_w_str(b, slice_of(value));
}

static void
put_message(struct buf *b, const struct words *w)
{
	struct buf text = { 0 };

	buf_str(&text, w->message);
	buf_add(&text, w->what);
	json_w_kstr(b, "message", buf_slice(&text));
	buf_fini(&text);
}

static void
openai_body(struct buf *b, const struct words *w)
{
	json_w_begin(b, '{');
	json_w_key(b, "error");
	json_w_begin(b, '{');
	put_message(b, w);
	put_null_or(b, "type", w->type);
	put_null_or(b, "param", w->param);
	put_null_or(b, "code", w->code);
	json_w_end(b, '}');
	json_w_end(b, '}');
}

static void
azure_body(struct buf *b, const struct words *w)
{
	json_w_begin(b, '{');
	json_w_key(b, "error");
	json_w_begin(b, '{');
	json_w_kstr(b, "code", slice_of(w->code));
	put_message(b, w);
	json_w_end(b, '}');
	json_w_end(b, '}');
}

/* vLLM's: the object itself is the error. */
static void
compatible_body(struct buf *b, const struct words *w)
{
	json_w_begin(b, '{');
	json_w_kstr(b, "object", S("error"));
	put_message(b, w);
	json_w_kstr(b, "type",
	    w->status == 404 ? S("NotFoundError") : S("BadRequestError"));
	put_null_or(b, "param", w->param);
	json_w_ki64(b, "code", w->status);
	json_w_end(b, '}');
}

static void
aws_body(struct buf *b, const struct words *w)
{
	json_w_begin(b, '{');
	put_message(b, w);
	json_w_end(b, '}');
}

static const char *
google_word(int status)
{
	switch (status) {
	case 401:
		return "UNAUTHENTICATED";
	case 403:
		return "PERMISSION_DENIED";
	case 404:
		return "NOT_FOUND";
	case 429:
		return "RESOURCE_EXHAUSTED";
	case 500:
		return "INTERNAL";
	case 408:
	case 504:
		return "DEADLINE_EXCEEDED";
	case 502:
	case 503:
	case 529:
		return "UNAVAILABLE";
	default:
		return "INVALID_ARGUMENT";
	}
}

static void
google_body(struct buf *b, const struct words *w)
{
	json_w_begin(b, '{');
	json_w_key(b, "error");
	json_w_begin(b, '{');
	json_w_ki64(b, "code", w->status);
	put_message(b, w);
	json_w_kstr(b, "status", slice_of(google_word(w->status)));
	if (w->google_details != NULL) {
		json_w_key(b, "details");
		json_w_raw(b, slice_of(w->google_details));
	}
	json_w_end(b, '}');
	json_w_end(b, '}');
}

static const char *
anthropic_word(int status)
{
	switch (status) {
	case 400:
	case 422:
		return "invalid_request_error";
	case 401:
		return "authentication_error";
	case 403:
		return "permission_error";
	case 404:
	case 405:
		return "not_found_error";
	case 413:
		return "request_too_large";
	case 429:
		return "rate_limit_error";
	case 504:
		return "timeout_error";
	case 529:
		return "overloaded_error";
	default:
		return "api_error";
	}
}

static void
anthropic_body(struct buf *b, const struct words *w)
{
	json_w_begin(b, '{');
	json_w_kstr(b, "type", S("error"));
	json_w_key(b, "error");
	json_w_begin(b, '{');
	json_w_kstr(b, "type", slice_of(anthropic_word(w->status)));
	put_message(b, w);
	json_w_end(b, '}');
	json_w_kstr(b, "request_id", S("req_sim"));
	json_w_end(b, '}');
}

static struct plan *
said(enum venue v, const struct words *w, bool shape)
{
	struct plan *p = plan_plain(w->status);

	if (v == VENUE_GEMINI || v == VENUE_VERTEX) {
		google_body(&p->body, w);
		p->type = "application/json; charset=UTF-8";
		return p;
	}
	if (v == VENUE_ANTHROPIC) {
		anthropic_body(&p->body, w);
	} else if (v == VENUE_BEDROCK && !shape) {
		aws_body(&p->body, w);
		p->aws_error = w->aws;
	} else if (v == VENUE_AZURE && !shape) {
		azure_body(&p->body, w);
	} else if (v == VENUE_COMPATIBLE && w->status < 500) {
		compatible_body(&p->body, w);
	} else {
		openai_body(&p->body, w);
	}
	return p;
}

struct plan *
brand_refusal(enum venue v, const struct refusal *why)
{
	struct words w = { .status = why->status,
		.type = why->type,
		.code = why->code,
		.param = why->param,
		.message = why->message,
		.what = S("") };

	if (v == VENUE_BEDROCK_NATIVE) {
		w.aws = row_of(w.status)->aws;
		return said(VENUE_BEDROCK, &w, false);
	}
	if (v == VENUE_BEDROCK && w.code == NULL)
		w.code = "validation_error";
	return said(v, &w, true);
}

static void
no_key(enum venue v, struct words *w)
{
	w->status = v == VENUE_BEDROCK ? 403 : 401;
	w->type = "invalid_request_error";
	w->code = v == VENUE_AZURE ? "401" : "";
	w->aws = "MissingAuthenticationTokenException";
	w->message = "You didn't provide an API key. You need to provide your "
		     "API key in an Authorization header using Bearer auth.";
	if (v == VENUE_BEDROCK)
		w->message = "Missing Authentication Token";
	if (v == VENUE_AZURE)
		w->message = "Access denied due to missing subscription key. "
			     "Make sure to include subscription key when "
			     "making requests to an API.";
}

static void
bad_key(enum venue v, struct words *w)
{
	w->status = v == VENUE_BEDROCK ? 403 : 401;
	w->type = "invalid_request_error";
	w->code = v == VENUE_AZURE ? "401" : "invalid_api_key";
	w->aws = "UnrecognizedClientException";
	w->message = "Incorrect API key provided. You can find your API key "
		     "at https://platform.openai.com/account/api-keys.";
	if (v == VENUE_BEDROCK)
		w->message = "The security token included in the request is "
			     "invalid.";
	if (v == VENUE_AZURE)
		w->message = "Access denied due to invalid subscription key or "
			     "wrong API endpoint. Make sure to provide a valid "
			     "key for an active subscription and use a correct "
			     "regional API endpoint for your resource.";
}

static void
aws_trouble(enum trouble t, struct words *w)
{
	w->status = 403;
	w->aws = "InvalidSignatureException";
	w->message = "The request signature we calculated does not match the "
		     "signature you provided. Check your AWS Secret Access Key "
		     "and signing method. Consult the service documentation "
		     "for details.";
	if (t == TROUBLE_EXPIRED)
		w->message = "Signature expired: the date is more than five "
			     "minutes from now.";
	if (t == TROUBLE_TOKEN) {
		w->aws = "UnrecognizedClientException";
		w->message = "The security token included in the request is "
			     "invalid.";
	}
}

static void
not_found(enum venue v, enum trouble t, struct words *w)
{
	w->status = t == TROUBLE_METHOD ? 405 : 404;
	w->type = "invalid_request_error";
	w->code = v == VENUE_AZURE ? "404" : "unknown_url";
	w->aws = "UnknownOperationException";
	w->message =
	    v == VENUE_AZURE ? "Resource not found" : "Invalid URL or method.";
	if (t == TROUBLE_MODEL) {
		w->code = "model_not_found";
		w->aws = "ResourceNotFoundException";
		w->message = "The model does not exist or you do not have "
			     "access to it: ";
	}
	if (t == TROUBLE_DEPLOYMENT) {
		w->code = "DeploymentNotFound";
		w->message = "The API deployment for this resource does not "
			     "exist. If you created the deployment within the "
			     "last 5 minutes, please wait a moment and try "
			     "again.";
	}
}

static void
by_status(enum venue v, int status, struct words *w)
{
	static const char *const azure[] = { "400", "401", "403", "404", "408",
		"413", "422", "429", "500", "502", "503", "529" };
	const struct status_row *row = row_of(status);

	w->status = status;
	w->type = row->type;
	w->code = v == VENUE_AZURE ? azure[row - statuses] : row->code;
	w->aws = row->aws;
	w->message = row->message;
}

static void
quota(enum venue v, struct words *w)
{
	by_status(v, 429, w);
	w->type = "insufficient_quota";
	w->code = v == VENUE_AZURE ? "insufficient_quota" : w->type;
	w->message = "You exceeded your current quota, please check your plan "
		     "and billing details.";
}

/* What Google says otherwise than the others. */
static void
google_words(enum venue v, enum trouble t, struct words *w)
{
	if (t == TROUBLE_NO_KEY) {
		w->status = v == VENUE_GEMINI ? 403 : 401;
		w->message = v == VENUE_GEMINI
				 ? "Method doesn't allow unregistered callers "
				   "(callers without established identity). "
				   "Please use API Key or other form of API "
				   "consumer identity to call this API."
				 : "Request is missing required authentication "
				   "credential. Expected OAuth 2 access token.";
	} else if (t == TROUBLE_BAD_KEY && v == VENUE_GEMINI) {
		w->status = 400;
		w->message = "API key not valid. Please pass a valid API key.";
		w->google_details =
		    "[{\"@type\":\"type.googleapis.com/google.rpc.ErrorInfo\","
		    "\"reason\":\"API_KEY_INVALID\","
		    "\"domain\":\"googleapis.com\"}]";
	} else if (t == TROUBLE_BAD_KEY) {
		w->status = 401;
		w->message = "Request had invalid authentication credentials. "
			     "Expected OAuth 2 access token, login cookie or "
			     "other valid authentication credential.";
		w->google_details =
		    "[{\"@type\":\"type.googleapis.com/google.rpc.ErrorInfo\","
		    "\"reason\":\"ACCESS_TOKEN_TYPE_UNSUPPORTED\"}]";
	} else if (t == TROUBLE_MODEL) {
		w->message = "models are not found for API version v1beta, or "
			     "not supported for this method: ";
	} else if (t == TROUBLE_PATH || t == TROUBLE_METHOD) {
		w->message = "Requested entity was not found.";
	} else if (w->status == 429) {
		w->google_details =
		    t == TROUBLE_QUOTA
			? "[{\"@type\":\"type.googleapis.com/google.rpc."
			  "QuotaFailure\",\"violations\":[{\"quotaId\":"
			  "\"GenerateRequestsPerDayPerProjectPerModel\"}]}]"
			: "[{\"@type\":\"type.googleapis.com/google.rpc."
			  "QuotaFailure\",\"violations\":[{\"quotaId\":"
			  "\"GenerateRequestsPerMinutePerProjectPerModel\"}]},"
			  "{\"@type\":\"type.googleapis.com/google.rpc."
			  "RetryInfo\",\"retryDelay\":\"1s\"}]";
	}
}

struct plan *
brand_trouble(enum venue v, enum trouble t, int status, struct slice what)
{
	struct words w = { .status = 400, .message = "", .what = S("") };
	const bool native = v == VENUE_BEDROCK_NATIVE;
	struct plan *p;

	if (native)
		v = VENUE_BEDROCK;
	switch (t) {
	case TROUBLE_NO_KEY:
		no_key(v, &w);
		break;
	case TROUBLE_BAD_KEY:
		bad_key(v, &w);
		break;
	case TROUBLE_SIGNATURE:
	case TROUBLE_EXPIRED:
	case TROUBLE_TOKEN:
		aws_trouble(t, &w);
		break;
	case TROUBLE_MODEL:
		w.what = what;
		not_found(v, t, &w);
		break;
	case TROUBLE_PATH:
	case TROUBLE_METHOD:
	case TROUBLE_DEPLOYMENT:
		not_found(v, t, &w);
		break;
	case TROUBLE_QUOTA:
		quota(v, &w);
		break;
	case TROUBLE_LEAK:
		w.type = "invalid_request_error";
		w.code = "leaked_gateway_key";
		w.message = "The request carries a key of the gateway.";
		break;
	case TROUBLE_STATUS:
		by_status(v, status, &w);
		break;
	}
	if (v == VENUE_GEMINI || v == VENUE_VERTEX)
		google_words(v, t, &w);
	p = said(v, &w,
	    (t == TROUBLE_LEAK || (t == TROUBLE_MODEL && v == VENUE_BEDROCK)) &&
		!native);
	p->quota = t == TROUBLE_QUOTA;
	return p;
}

/* --- heads ------------------------------------------------------------- */

static const char *
reason(int status)
{
	return status == 529 ? "Overloaded" : http_reason(status);
}

static void
put_line(struct buf *b, const char *name, struct slice value)
{
	buf_str(b, name);
	buf_add(b, S(": "));
	buf_add(b, value);
	buf_add(b, S("\r\n"));
}

static void
put_number(struct buf *b, const char *name, uint64_t v)
{
	buf_str(b, name);
	buf_add(b, S(": "));
	buf_u64(b, v);
	buf_add(b, S("\r\n"));
}

static void
put_uuid(struct buf *b, const char *name, uint64_t n)
{
	uint64_t hi = filler_mix(n, 1), lo = filler_mix(n, 2);
	unsigned char raw[16];
	unsigned i;

	buf_str(b, name);
	buf_add(b, S(": "));
	memcpy(raw, &hi, 8);
	memcpy(raw + 8, &lo, 8);
	for (i = 0; i < 16; i++) {
		if (i == 4 || i == 6 || i == 8 || i == 10)
			buf_char(b, '-');
		buf_hex(b, &raw[i], 1);
	}
	buf_add(b, S("\r\n"));
}

static void
put_hex_id(struct buf *b, const char *name, uint64_t n)
{
	uint64_t id = filler_mix(n, 3);

	buf_str(b, name);
	buf_hex(b, &id, 8);
	buf_add(b, S("\r\n"));
}

static void
put_limits(
    struct buf *b, const struct plan *p, const struct allowance *a, bool azure)
{
	bool out = p->status == 429;

	put_number(b, "x-ratelimit-limit-requests", 10000);
	put_number(b, "x-ratelimit-limit-tokens",
	    a->tokens > 0 ? a->tokens : 10000000);
	put_number(b, "x-ratelimit-remaining-requests", out ? 0 : 9999);
	put_number(b, "x-ratelimit-remaining-tokens",
	    a->tokens > 0 ? a->left
	    : out         ? 0
			  : 9999000);
	put_line(b, "x-ratelimit-reset-requests", azure ? S("1") : S("1s"));
	put_line(b, "x-ratelimit-reset-tokens", azure ? S("1") : S("6ms"));
}

static void
openai_lines(
    struct buf *b, const struct plan *p, uint64_t n, const struct allowance *a)
{
	put_hex_id(b, "x-request-id: req_", n);
	put_line(b, "openai-version", S("2020-10-01"));
	put_line(b, "openai-organization", S("org-simulated"));
	put_line(b, "openai-processing-ms", S("7"));
	put_limits(b, p, a, false);
}

static void
azure_lines(struct buf *b, const struct credential *c, const struct plan *p,
    uint64_t n, const struct allowance *a)
{
	put_uuid(b, "apim-request-id", n);
	put_line(
	    b, "x-ms-region", c->region.len > 0 ? c->region : S("East US 2"));
	put_line(b, "x-ms-rai-invoked", S("true"));
	put_hex_id(b, "x-ms-client-request-id: ", n);
	put_limits(b, p, a, true);
}

static void
anthropic_lines(
    struct buf *b, const struct plan *p, uint64_t n, const struct allowance *a)
{
	const bool out = p->status == 429;

	put_hex_id(b, "request-id: req_", n);
	put_line(b, "anthropic-organization-id", S("org-simulated"));
	put_number(b, "anthropic-ratelimit-requests-limit", 10000);
	put_number(b, "anthropic-ratelimit-requests-remaining", out ? 0 : 9999);
	put_line(
	    b, "anthropic-ratelimit-requests-reset", S("2026-11-25T00:00:00Z"));
	put_number(b, "anthropic-ratelimit-tokens-limit",
	    a->tokens > 0 ? a->tokens : 10000000);
	put_number(b, "anthropic-ratelimit-tokens-remaining",
	    a->tokens > 0 ? a->left
	    : out         ? 0
			  : 9999000);
}

/* No rate headers and no retry-after: what there is stands in the body. */
static void
google_lines(struct buf *b)
{
	put_line(b, "vary", S("Origin, X-Origin, Referer"));
	put_line(b, "server", S("scaffolding on HTTPServer2"));
	put_line(b, "x-xss-protection", S("0"));
	put_line(b, "server-timing", S("gfet4t7; dur=7"));
}

static void
brand_lines(struct buf *b, const struct credential *c, const struct plan *p,
    uint64_t n, const struct allowance *a)
{
	const enum venue v = c != NULL ? c->venue : VENUE_OPENAI;

	if (v == VENUE_GEMINI || v == VENUE_VERTEX) {
		google_lines(b);
		return;
	}
	if (v == VENUE_OPENAI)
		openai_lines(b, p, n, a);
	else if (v == VENUE_AZURE)
		azure_lines(b, c, p, n, a);
	else if (v == VENUE_BEDROCK)
		put_uuid(b, "x-amzn-requestid", n);
	else if (v == VENUE_ANTHROPIC)
		anthropic_lines(b, p, n, a);
	else
		put_line(b, "server", S("uvicorn"));
	if (p->aws_input > 0)
		put_number(b, "x-amzn-bedrock-input-token-count",
		    (uint64_t)p->aws_input);
	if (p->aws_output > 0)
		put_number(b, "x-amzn-bedrock-output-token-count",
		    (uint64_t)p->aws_output);
	if (p->aws_error != NULL)
		put_line(b, "x-amzn-errortype", slice_of(p->aws_error));
	if (p->status == 429 && !p->quota) {
		put_line(b, "retry-after", S("1"));
		put_line(b, "retry-after-ms", S("200"));
	}
}

int64_t brand_clock_s;

static struct slice
date(void)
{
	static char text[40];
	static time_t of;
	time_t now = time(NULL) + (time_t)brand_clock_s;
	struct tm tm;

	if (now != of && gmtime_r(&now, &tm) != NULL) {
		(void)strftime(
		    text, sizeof(text), "%a, %d %b %Y %H:%M:%S GMT", &tm);
		of = now;
	}
	return slice_of(text);
}

static void
start(struct buf *b, const struct plan *p, bool keep)
{
	buf_clear(b);
	buf_add(b, S("HTTP/1.1 "));
	buf_u64(b, (uint64_t)p->status);
	buf_char(b, ' ');
	buf_str(b, reason(p->status));
	buf_add(b, S("\r\n"));
	put_line(b, "date", date());
	put_line(b, "content-type", slice_of(p->type));
	if (!keep)
		put_line(b, "connection", S("close"));
	if (p->google)
		put_line(b, "metadata-flavor", S("Google"));
	if (p->gzip)
		put_line(b, "content-encoding", S("gzip"));
	if (p->two_lengths)
		put_number(b, "content-length", p->body.len + 7);
	if (p->stream && !p->two_lengths)
		put_line(b, "transfer-encoding", S("chunked"));
	else
		put_number(b, "content-length", p->body.len + p->claim);
}

void
brand_plain_head(struct buf *b, const struct plan *p, bool keep)
{
	start(b, p, keep);
	buf_add(b, S("\r\n"));
}

void
brand_head(struct buf *b, const struct credential *c, const struct plan *p,
    uint64_t n, const struct allowance *a, bool keep)
{
	start(b, p, keep);
	brand_lines(b, c, p, n, a);
	buf_add(b, S("\r\n"));
}
