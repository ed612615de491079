#include "main/secret.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"

static bool
name_formed(struct slice s)
{
	size_t i;

	for (i = 0; i < s.len; i++) {
		const char c = s.p[i];

		if (!((c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
			c == '_' || (i > 0 && c >= '0' && c <= '9')))
			return false;
	}
	return s.len > 0;
}

/* inside: what stands between "${" and "}". */
static bool
from_env(struct arena *a, struct slice inside, const char **out,
    struct secret_why *why)
{
	struct slice name = inside, or_else = { NULL, 0 };
	const char *at =
	    inside.len > 1 ? memmem(inside.p, inside.len, ":-", 2) : NULL;
	const char *value;

	if (at != NULL) {
		name.len = (size_t)(at - inside.p);
		or_else = (struct slice){ at + 2, inside.len - name.len - 2 };
	}
	if (!name_formed(name)) {
		why->text = arena_fmt(a,
		    "\"${%.*s}\" does not name an environment variable",
		    S_FMT(inside));
		why->hint = "write ${NAME} or ${NAME:-default}";
		return false;
	}
	value = getenv(arena_str(a, name));
	if (value != NULL && value[0] != '\0') {
		*out = arena_str(a, slice_of(value));
		return true;
	}
	if (or_else.p != NULL) {
		*out = arena_str(a, or_else);
		return true;
	}
	why->text = arena_fmt(
	    a, "the environment variable %.*s is not set", S_FMT(name));
	why->hint = arena_fmt(a,
	    "export %.*s=... before kontor starts, or use file:PATH",
	    S_FMT(name));
	return false;
}

static bool
file_failed(
    struct arena *a, const char *path, const char *text, struct secret_why *why)
{
	why->text = arena_fmt(a, "the file %s cannot be used: %s", path, text);
	why->hint = "it must be readable by the user that kontor runs as";
	return false;
}

static bool
take_secret(struct arena *a, struct slice text, const char *path, bool lines,
    const char **out, struct secret_why *why)
{
	if (text.len > 0 && text.p[text.len - 1] == '\n')
		text.len--;
	if (text.len > 0 && text.p[text.len - 1] == '\r')
		text.len--;
	if (text.len == 0)
		return file_failed(a, path, "it is empty", why);
	if (memchr(text.p, '\0', text.len) != NULL ||
	    (!lines && memchr(text.p, '\n', text.len) != NULL))
		return file_failed(a, path,
		    lines ? "it is no text" : "it must be one line", why);
	*out = arena_str(a, text);
	return true;
}

static bool
from_file(struct arena *a, const char *path, bool lines, const char **out,
    struct secret_why *why)
{
	char raw[SECRET_MAX + 1];
	const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	ssize_t n;
	bool good;

	if (fd < 0)
		return file_failed(a, path, strerror(errno), why);
	n = read(fd, raw, sizeof(raw));
	close(fd);
	if (n < 0)
		return file_failed(a, path, strerror(errno), why);
	if (n > SECRET_MAX)
		return file_failed(a, path, "it is too large", why);
	good = take_secret(
	    a, (struct slice){ raw, (size_t)n }, path, lines, out, why);
	mem_wipe(raw, sizeof(raw));
	return good;
}

static bool
from_systemd(struct arena *a, struct slice name, bool lines, const char **out,
    struct secret_why *why)
{
	const char *dir = getenv("CREDENTIALS_DIRECTORY");

	if (dir == NULL) {
		why->text = "there are no systemd credentials: "
			    "$CREDENTIALS_DIRECTORY is not set";
		why->hint = "give LoadCredential= in the unit";
		return false;
	}
	if (name.len == 0 || memchr(name.p, '/', name.len) != NULL) {
		why->text = "systemd-creds: wants the name of a credential";
		why->hint = "systemd-creds:NAME, without a path";
		return false;
	}
	return from_file(
	    a, arena_fmt(a, "%s/%.*s", dir, S_FMT(name)), lines, out, why);
}

static struct slice
after(struct slice s, size_t n)
{
	return (struct slice){ s.p + n, s.len - n };
}

static bool
resolve(struct arena *a, const char *dir, struct slice ref, bool lines,
    const char **out, struct secret_why *why)
{
	struct slice rest;

	if (slice_starts(ref, S("${")) && ref.p[ref.len - 1] == '}') {
		rest = after(ref, 2);
		rest.len--;
		return from_env(a, rest, out, why);
	}
	if (slice_starts(ref, S("file:"))) {
		rest = after(ref, 5);
		if (rest.len > 0 && rest.p[0] == '/')
			return from_file(
			    a, arena_str(a, rest), lines, out, why);
		return from_file(a, arena_fmt(a, "%s/%.*s", dir, S_FMT(rest)),
		    lines, out, why);
	}
	if (slice_starts(ref, S("systemd-creds:")))
		return from_systemd(a, after(ref, 14), lines, out, why);
	why->text = "a secret may not stand in the configuration itself";
	why->hint = "put it into the environment and write \"${NAME}\", or "
		    "into a file and write \"file:/path\"";
	return false;
}

bool
secret_resolve(struct arena *a, const char *dir, struct slice ref,
    const char **out, struct secret_why *why)
{
	return resolve(a, dir, ref, false, out, why);
}

bool
secret_resolve_text(struct arena *a, const char *dir, struct slice ref,
    const char **out, struct secret_why *why)
{
	return resolve(a, dir, ref, true, out, why);
}

bool
secret_expand(struct arena *a, struct slice text, struct slice *out,
    struct secret_why *why)
{
	struct buf b = { 0 };
	struct slice rest = text, inside;
	const char *at, *end, *value;
	bool good = true;

	while (good && rest.len > 0 &&
	       (at = memmem(rest.p, rest.len, "${", 2)) != NULL) {
		buf_add(&b, (struct slice){ rest.p, (size_t)(at - rest.p) });
		inside = after(rest, (size_t)(at - rest.p) + 2);
		end = inside.len > 0 ? memchr(inside.p, '}', inside.len) : NULL;
		if (end == NULL) {
			why->text = "\"${\" without \"}\"";
			why->hint = "write ${NAME} or ${NAME:-default}";
			good = false;
			break;
		}
		rest = after(inside, (size_t)(end - inside.p) + 1);
		inside.len = (size_t)(end - inside.p);
		good = from_env(a, inside, &value, why);
		if (good)
			buf_str(&b, value);
	}
	if (good) {
		buf_add(&b, rest);
		out->p = arena_str(a, buf_slice(&b));
		out->len = b.len;
	}
	buf_fini(&b);
	return good;
}
