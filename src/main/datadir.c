#include "main/datadir.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/json.h"
#include "base/log.h"
#include "base/text.h"
#include "crypto/digest.h"
#include "main/config.h"

static bool
path_in(char *out, const char *dir, const char *name)
{
	const int n = snprintf(out, PATH_MAX, "%s/%s", dir, name);

	return n > 0 && n < PATH_MAX;
}

bool
datadir_make(const char *dir)
{
	char path[PATH_MAX];
	size_t i;

	if (strlen(dir) >= sizeof(path))
		return false;
	for (i = 0; dir[i] != '\0'; i++) {
		path[i] = dir[i];
		path[i + 1] = '\0';
		if ((dir[i + 1] == '/' || dir[i + 1] == '\0') &&
		    mkdir(path, 0700) != 0 && errno != EEXIST)
			return false;
	}
	return true;
}

static bool
write_synced(const char *path, struct slice text, mode_t mode)
{
	const int fd =
	    open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
	bool good;

	if (fd < 0)
		return false;
	good = fchmod(fd, mode) == 0 &&
	       write(fd, text.p, text.len) == (ssize_t)text.len &&
	       fsync(fd) == 0;
	return close(fd) == 0 && good;
}

static bool
sync_dir(const char *dir)
{
	const int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	bool good;

	if (fd < 0)
		return false;
	good = fsync(fd) == 0;
	close(fd);
	return good;
}

bool
datadir_write(const char *dir, const char *name, struct slice text, mode_t mode)
{
	char path[PATH_MAX], temp[PATH_MAX], temp_name[64];

	snprintf(temp_name, sizeof(temp_name), "%s.%d", name, (int)getpid());
	if (!path_in(path, dir, name) || !path_in(temp, dir, temp_name))
		return false;
	if (write_synced(temp, text, mode) && rename(temp, path) == 0 &&
	    sync_dir(dir))
		return true;
	unlink(temp);
	return false;
}

static bool
read_small(const char *dir, const char *name, struct buf *out)
{
	char path[PATH_MAX];

	return path_in(path, dir, name) && config_file_read(path, 65536, out);
}

static bool
read_number(const char *dir, const char *name, int base, uint32_t *out)
{
	struct buf text = { 0 };
	struct slice s;
	uint64_t v = 0;
	bool good = false;
	size_t i;

	if (read_small(dir, name, &text)) {
		s = buf_slice(&text);
		if (s.len > 0 && s.p[s.len - 1] == '\n')
			s.len--;
		good = s.len > 0 && s.len <= 10;
		for (i = 0; good && i < s.len; i++) {
			const int d = text_hex_digit(s.p[i]);

			good = d >= 0 && d < base;
			v = v * (unsigned)base + (unsigned)(good ? d : 0);
		}
		good = good && v > 0 && v < UINT32_MAX;
		*out = (uint32_t)v;
	} else if (errno == ENOENT) {
		*out = 0;
		good = true;
	}
	buf_fini(&text);
	return good;
}

static bool
take_node(const char *dir, uint32_t *node)
{
	char text[16];

	if (!read_number(dir, "node", 16, node))
		return false;
	if (*node != 0)
		return true;
	while (*node == 0 || *node == UINT32_MAX)
		random_bytes(node, sizeof(*node));
	snprintf(text, sizeof(text), "%08x\n", *node);
	return datadir_write(dir, "node", slice_of(text), 0600);
}

static bool
count_boot(const char *dir, uint32_t *boot)
{
	char text[16];

	if (!read_number(dir, "boot", 10, boot) || *boot >= UINT32_MAX - 1)
		return false;
	++*boot;
	snprintf(text, sizeof(text), "%u\n", *boot);
	return datadir_write(dir, "boot", slice_of(text), 0600);
}

bool
datadir_open(const char *dir, uint32_t *node, uint32_t *boot)
{
	char path[PATH_MAX];
	bool good;
	int fd;

	if (!datadir_make(dir) || !path_in(path, dir, "boot.lock")) {
		log_error("%s cannot be made: %s", dir, strerror(errno));
		return false;
	}
	/* Two starts at once must not get one boot number. */
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0 || flock(fd, LOCK_EX) != 0) {
		log_error("%s: %s", path, strerror(errno));
		return false;
	}
	good = take_node(dir, node) && count_boot(dir, boot);
	if (!good)
		log_error(
		    "%s: node or boot is damaged or cannot be written", dir);
	close(fd);
	return good;
}

static struct slice
line_of(const struct buf *text)
{
	struct slice s = buf_slice(text);

	if (s.len > 0 && s.p[s.len - 1] == '\n')
		s.len--;
	return s;
}

static bool
make_aws(const char *dir, uint8_t root[32])
{
	struct buf text = { 0 };
	bool good;

	random_bytes(root, 32);
	buf_hex(&text, root, 32);
	buf_char(&text, '\n');
	good = datadir_write(dir, "aws.key", buf_slice(&text), 0600);
	mem_wipe(text.p, text.len);
	buf_fini(&text);
	return good;
}

bool
datadir_aws(const char *dir, uint8_t root[32])
{
	struct buf text = { 0 };
	bool good = false;

	if (read_small(dir, "aws.key", &text))
		good = text_hex_parse(line_of(&text), root, 32);
	else if (errno == ENOENT)
		good = make_aws(dir, root);
	if (text.p != NULL)
		mem_wipe(text.p, text.len);
	buf_fini(&text);
	if (!good)
		log_error("%s/aws.key is damaged or cannot be written", dir);
	return good;
}

static bool
make_token(const char *dir)
{
	struct buf text = { 0 };
	uint8_t raw[32];
	bool good;

	random_bytes(raw, sizeof(raw));
	buf_str(&text, "local-");
	buf_hex(&text, raw, sizeof(raw));
	good = datadir_write(dir, "admin.token", buf_slice(&text), 0600);
	mem_wipe(raw, sizeof(raw));
	mem_wipe(text.p, text.len);
	buf_fini(&text);
	return good;
}

bool
datadir_announce(const char *dir, const char *gateway, const char *admin,
    const char *admin_pin)
{
	struct buf text = { 0 };
	bool good;

	json_w_begin(&text, '{');
	json_w_ki64(&text, "pid", (int64_t)getpid());
	json_w_kstr(&text, "gateway", slice_of(gateway));
	json_w_kstr(&text, "admin", slice_of(admin));
	if (admin_pin[0] != '\0')
		json_w_kstr(&text, "admin_pin", slice_of(admin_pin));
	json_w_end(&text, '}');
	good = datadir_write(dir, "run.json", buf_slice(&text), 0600);
	buf_fini(&text);
	return good;
}

bool
datadir_publish(const char *dir, const char *gateway, const char *admin,
    const char *admin_pin)
{
	return make_token(dir) &&
	       datadir_announce(dir, gateway, admin, admin_pin);
}

void
datadir_unpublish(const char *dir)
{
	char path[PATH_MAX];

	if (datadir_pid(dir) != getpid())
		return;
	if (path_in(path, dir, "run.json"))
		unlink(path);
	if (path_in(path, dir, "admin.token"))
		unlink(path);
}

pid_t
datadir_pid(const char *dir)
{
	struct arena a = { 0 };
	struct buf text = { 0 };
	struct json *j;
	int64_t pid = 0;

	if (read_small(dir, "run.json", &text) &&
	    json_parse(&a, buf_slice(&text), &j) == FAULT_NONE)
		json_get_i64(j, "pid", &pid);
	arena_fini(&a);
	buf_fini(&text);
	return (pid_t)pid;
}

bool
datadir_runs(pid_t pid)
{
	static const char title[] = "kontor: supervisor";
	struct buf text = { 0 };
	char path[64];
	bool runs;

	snprintf(path, sizeof(path), "/proc/%d/cmdline", (int)pid);
	runs = config_file_read(path, 65536, &text) &&
	       text.len >= sizeof(title) &&
	       memcmp(text.p, title, sizeof(title)) == 0;
	buf_fini(&text);
	return runs;
}
