/*
 * demo.c - kontor demo: an instance with simulated providers
 *
 * This process starts the simulator, writes a configuration, and becomes the
 * supervisor.  A helper beside it waits until the instance serves, makes the
 * keys and prints how to call; it ends then.  The simulator ends with us: it
 * watches its standard input, whose other end is ours alone.
 */
#include "main/demo.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "main/args.h"
#include "main/ask.h"
#include "main/command.h"
#include "main/commands.h"
#include "main/datadir.h"
#include "main/listen.h"
#include "main/process.h"
#include "main/supervisor.h"
#include "main/value.h"

enum { PORT_TRIES = 200, SIM_PATIENCE_MS = 10000 };

/* --- ports ----------------------------------------------------------- */

static int
listen_port(unsigned port)
{
	char address[32];

	snprintf(address, sizeof(address), "127.0.0.1:%u", port);
	return listen_open(address);
}

/* A given port or none; else the first that is free from `from` on. */
static int
take_port(const char *given, unsigned from, const char *option)
{
	uint64_t port;
	unsigned i;
	int fd;

	if (given != NULL) {
		if (!slice_u64(slice_of(given), &port) || port > 65535)
			fatal("%s takes a port, not \"%s\"", option, given);
		fd = listen_port((unsigned)port);
		if (fd < 0)
			fatal("%s %s: %s", option, given, strerror(errno));
		return fd;
	}
	for (i = 0; i < PORT_TRIES; i++) {
		fd = listen_port(from + i);
		if (fd >= 0)
			return fd;
		if (errno != EADDRINUSE)
			break;
	}
	fatal("no port is free from %u on: %s", from, strerror(errno));
}

/* --- the simulator --------------------------------------------------- */

static const char *
find_sim(struct buf *out)
{
	static const char *const places[] = { "kontor-sim",
		"../libexec/kontor/kontor-sim", "../sim/kontor-sim" };
	char self[PATH_MAX];
	const ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	char *slash;
	size_t i;

	if (n <= 0)
		return NULL;
	self[n] = '\0';
	slash = strrchr(self, '/');
	for (i = 0; slash != NULL && i < NELEM(places); i++) {
		buf_clear(out);
		buf_fmt(out, "%.*s/%s", (int)(slash - self), self, places[i]);
		if (access(buf_cstr(out), X_OK) == 0)
			return out->p;
	}
	return NULL;
}

_Noreturn static void
become_sim(const char *path, int in, int out)
{
	char *const argv[] = { mem_dup(S("kontor-sim")), mem_dup(S("--listen")),
		mem_dup(S("127.0.0.1:0")), mem_dup(S("--stdin-watch")),
		mem_dup(S("--quiet")), NULL };

	dup2(in, STDIN_FILENO);
	dup2(out, STDOUT_FILENO);
	execv(path, argv);
	_exit(127);
}

/* Its one line, {"url":...}. */
static bool
read_line(int fd, struct buf *out)
{
	const int64_t until = clock_mono_ns() + SIM_PATIENCE_MS * NS_PER_MS;
	struct pollfd p = { .fd = fd, .events = POLLIN };
	char c;

	while (clock_mono_ns() < until && out->len < 4096) {
		if (poll(&p, 1, 100) <= 0)
			continue;
		if (read(fd, &c, 1) != 1)
			return false;
		if (c == '\n')
			return true;
		buf_char(out, c);
	}
	return false;
}

static bool
parse_url(struct slice line, struct buf *url)
{
	struct arena a = { 0 };
	struct json *j;

	if (json_parse(&a, line, &j) == FAULT_NONE)
		buf_add(url, json_get_str(j, "url"));
	arena_fini(&a);
	while (url->len > 0 && url->p[url->len - 1] == '/')
		url->len--;
	return url->len > 0;
}

/* *watch stays open as long as the simulator shall live. */
static pid_t
start_sim(struct buf *url, int *watch)
{
	struct buf path = { 0 }, line = { 0 };
	int in[2], out[2];
	pid_t pid;

	if (find_sim(&path) == NULL)
		fatal("kontor-sim is not beside kontor; it comes with it");
	if (pipe2(in, O_CLOEXEC) != 0 || pipe2(out, O_CLOEXEC) != 0)
		fatal("no descriptors: %s", strerror(errno));
	pid = fork();
	if (pid == 0)
		become_sim(path.p, in[0], out[1]);
	close(in[0]);
	close(out[1]);
	if (pid < 0 || !read_line(out[0], &line) ||
	    !parse_url(buf_slice(&line), url))
		fatal("%s does not start", path.p);
	close(out[0]);
	*watch = in[1];
	buf_fini(&path);
	buf_fini(&line);
	return pid;
}

/* --- the configuration ----------------------------------------------- */

static const struct {
	const char *file, *secret;
} secrets[] = {
	{ "openai.key", "sk-sim-openai" },
	{ "azure.key", "sim-azure-key" },
	{ "bedrock.id", "AKIASIMBEDROCK00001" },
	{ "bedrock.secret", "sim/bedrock/secret" },
	{ "lab.key", "sim-lab-key" },
	{ "anthropic.key", "sk-ant-sim" },
};

static bool
is_set(const char *name)
{
	const char *v = getenv(name);

	return v != NULL && v[0] != '\0';
}

static bool
real_openai(void)
{
	return is_set("OPENAI_API_KEY");
}

static bool
real_azure(void)
{
	return is_set("AZURE_OPENAI_ENDPOINT") &&
	       is_set("AZURE_OPENAI_API_KEY");
}

static bool
real_bedrock(void)
{
	return is_set("AWS_ACCESS_KEY_ID") && is_set("AWS_SECRET_ACCESS_KEY");
}

static void
write_real_providers(struct buf *b)
{
	if (real_openai())
		buf_str(b, "  real-openai:\n"
			   "    type: openai\n"
			   "    auth: {api_key: \"${OPENAI_API_KEY}\"}\n");
	if (real_azure())
		buf_str(b,
		    "  real-azure:\n"
		    "    type: azure_openai\n"
		    "    endpoint: \"${AZURE_OPENAI_ENDPOINT}\"\n"
		    "    auth: {api_key: \"${AZURE_OPENAI_API_KEY}\"}\n");
	if (!real_bedrock())
		return;
	buf_str(b, "  real-bedrock:\n"
		   "    type: bedrock\n"
		   "    region: \"${AWS_REGION:-us-east-1}\"\n"
		   "    auth:\n"
		   "      access_key_id: \"${AWS_ACCESS_KEY_ID}\"\n"
		   "      secret_access_key: \"${AWS_SECRET_ACCESS_KEY}\"\n");
	if (is_set("AWS_SESSION_TOKEN"))
		buf_str(b, "      session_token: \"${AWS_SESSION_TOKEN}\"\n");
}

/* Real calls cost real money: they have a model of their own. */
static void
write_real_model(struct buf *b)
{
	if (!real_openai() && !real_azure() && !real_bedrock())
		return;
	buf_str(b, "  gpt-5.4-real:\n"
		   "    publisher: openai\n"
		   "    deployments:\n");
	if (real_openai())
		buf_str(b, "      - {provider: real-openai, name: gpt-5.4}\n");
	if (real_azure())
		buf_str(b,
		    "      - {provider: real-azure, priced_as: gpt-5.4, name: "
		    "\"${AZURE_OPENAI_DEPLOYMENT:-gpt-5.4}\"}\n");
	if (real_bedrock())
		buf_str(b,
		    "      - {provider: real-bedrock, name: openai.gpt-5.4}\n");
}

static void
write_head(struct buf *b, int gateway_fd, int admin_fd)
{
	char gateway[LISTEN_URL], admin[LISTEN_URL];

	listen_url(gateway_fd, false, gateway);
	listen_url(admin_fd, false, admin);
	buf_fmt(b,
	    "# Written by kontor demo at each start; change a copy of it.\n"
	    "version: 1\n"
	    "data_dir: .\n"
	    "listen:\n"
	    "  gateway: {address: \"%s\"}\n"
	    "  admin: {address: \"%s\"}\n\n",
	    gateway + 7, admin + 7);
}

static void
write_providers(struct buf *b, const char *sim)
{
	buf_fmt(b,
	    "providers: # simulated, unless their name says real\n"
	    "  openai:\n"
	    "    type: openai\n"
	    "    base_url: \"%s/v1\"\n"
	    "    auth: {api_key: \"file:secrets/openai.key\"}\n"
	    "  azure:\n"
	    "    type: azure_openai\n"
	    "    base_url: \"%s\"\n"
	    "    api_version: \"2024-10-21\"\n"
	    "    auth: {api_key: \"file:secrets/azure.key\"}\n"
	    "  bedrock:\n"
	    "    type: bedrock\n"
	    "    region: us-east-1\n"
	    "    base_url: \"%s\"\n"
	    "    auth:\n"
	    "      access_key_id: \"file:secrets/bedrock.id\"\n"
	    "      secret_access_key: \"file:secrets/bedrock.secret\"\n"
	    "  lab:\n"
	    "    type: openai_compatible\n"
	    "    base_url: \"%s/v1\"\n"
	    "    auth: {api_key: \"file:secrets/lab.key\"}\n"
	    "  anthropic:\n"
	    "    type: anthropic\n"
	    "    base_url: \"%s\"\n"
	    "    auth: {api_key: \"file:secrets/anthropic.key\"}\n",
	    sim, sim, sim, sim, sim);
	write_real_providers(b);
}

/* Of this year: whoever looks sees one that holds. */
static void
write_agreement(struct buf *b)
{
	const time_t now = (time_t)(clock_wall_ns() / NS_PER_S);
	struct tm tm = { 0 };
	int year;

	(void)gmtime_r(&now, &tm);
	year = tm.tm_year + 1900;
	buf_fmt(b,
	    "\nagreements: # see kontor agreement report\n"
	    "  openai-%d:\n"
	    "    provider: openai\n"
	    "    contract: \"simulated\"\n"
	    "    from: %d-01-01\n"
	    "    to: %d-01-01\n"
	    "    discount: {percent: \"10\"}\n"
	    "    commitment: {amount: \"1000\"}\n"
	    "    revenue_share:\n"
	    "      - {partner: platform, rate: \"20\", base: contracted, "
	    "cap: \"25\"}\n",
	    year, year, year + 2);
}

static void
write_models(struct buf *b)
{
	buf_str(b,
	    "\nmodels:\n"
	    "  gpt-5.4:\n"
	    "    publisher: openai\n"
	    "    deployments:\n"
	    "      - {id: gpt-5.4-openai, provider: openai, zone: us}\n"
	    "      - {id: gpt-5.4-azure, provider: azure, name: gpt-prod, "
	    "zone: eu, priced_as: gpt-5.4}\n"
	    "      - {id: gpt-5.4-bedrock, provider: bedrock, "
	    "name: openai.gpt-5.4, zone: us}\n"
	    "      - {id: gpt-5.4-converse, provider: bedrock, "
	    "priced_as: openai.gpt-5.4, zone: us, name: \"arn:aws:bedrock:"
	    "us-east-1:123456789012:application-inference-profile/"
	    "openai.gpt-5.4\"}\n"
	    "      # In Anthropic's shape, as gateways sell it.\n"
	    "      - {id: gpt-5.4-messages, provider: anthropic, "
	    "zone: us, context: 1050000, max_output: 128000}\n"
	    "    route: {strategy: priority}\n"
	    "  gpt-oss-120b:\n"
	    "    publisher: openai\n"
	    "    deployments:\n"
	    "      - {id: gpt-oss-120b-lab, provider: lab, context: 128000, "
	    "max_output: 16384}\n"
	    "      - {id: gpt-oss-120b-bedrock, provider: bedrock, "
	    "name: \"openai.gpt-oss-120b-1:0\", zone: us}\n"
	    "    route: {strategy: priority}\n"
	    "  claude-sonnet-4-5:\n"
	    "    publisher: anthropic\n"
	    "    deployments:\n"
	    "      - {id: claude-anthropic, provider: anthropic, zone: us}\n"
	    "      - {id: claude-converse, provider: bedrock, zone: us, "
	    "name: \"anthropic.claude-sonnet-4-5-20250929-v1:0\"}\n"
	    "      - {id: claude-invoke, provider: bedrock, zone: us, "
	    "api: invoke, "
	    "name: \"anthropic.claude-sonnet-4-5-20250929-v1:0\"}\n"
	    "    route: {strategy: priority}\n");
	write_real_model(b);
	buf_str(b, "\naliases: {fast: gpt-oss-120b}\n\n"
		   "prices: # what the price book cannot know\n"
		   "  - {deployment: gpt-oss-120b-lab, from: 2026-01-01, "
		   "input: \"0.10\", output: \"0.40\", currency: USD}\n"
		   "  - {deployment: gpt-5.4-messages, from: 2026-01-01, "
		   "input: \"2.50\", cached_input: \"0.25\", "
		   "output: \"15.00\", currency: USD}\n");
}

static bool
write_secrets(const char *dir)
{
	char path[PATH_MAX];
	size_t i;
	int n;

	n = snprintf(path, sizeof(path), "%s/secrets", dir);
	if (n < 0 || n >= (int)sizeof(path) ||
	    (mkdir(path, 0700) != 0 && errno != EEXIST))
		return false;
	for (i = 0; i < NELEM(secrets); i++) {
		if (!datadir_write(path, secrets[i].file,
			slice_of(secrets[i].secret), 0600))
			return false;
	}
	return true;
}

static void
write_files(const char *dir, const char *sim, int gateway_fd, int admin_fd)
{
	struct buf b = { 0 };

	write_head(&b, gateway_fd, admin_fd);
	write_providers(&b, sim);
	write_models(&b);
	write_agreement(&b);
	if (!write_secrets(dir) ||
	    !datadir_write(dir, "kontor.yaml", buf_slice(&b), 0600))
		fatal("%s cannot be written: %s", dir, strerror(errno));
	buf_fini(&b);
}

/* --- the start ------------------------------------------------------- */

static pid_t
start_seed(const char *dir, const char *sim, bool json)
{
	const struct process_spec spec = {
		.title = DEMO_TITLE,
		.arg = { "seed", dir, sim, json ? "json" : "text" },
		.fd = { -1, -1, -1, -1, -1, -1 },
		.keep_stdout = true,
		.whole_env = true,
	};
	const pid_t pid = process_start(&spec);

	if (pid < 0)
		fatal("cannot start a process: %s", strerror(errno));
	return pid;
}

static void
refuse_second(const char *dir)
{
	const pid_t pid = datadir_pid(dir);

	if (pid != 0 && datadir_runs(pid))
		fatal("an instance (%d) runs in %s already; stop it, or give "
		      "another --dir",
		    (int)pid, dir);
}

static char *
resolve_dir(const char *given)
{
	struct buf dir = { 0 };
	char path[PATH_MAX];

	if (given == NULL && !where_demo(&dir))
		fatal("there is no home directory; give --dir DIR");
	if (given != NULL)
		buf_str(&dir, given);
	if (!datadir_make(buf_cstr(&dir)) || realpath(dir.p, path) == NULL)
		fatal("%s cannot be made: %s", dir.p, strerror(errno));
	buf_fini(&dir);
	return mem_dup(slice_of(path));
}

static int
run_demo(const char *dir, const char *port, const char *admin_port, bool json)
{
	struct supervisor_opts opts = { 0 };
	struct buf sim = { 0 }, config = { 0 };
	int watch, status;

	refuse_second(dir);
	opts.gateway_fd = take_port(port, 8080, "--port");
	opts.admin_fd = take_port(admin_port, 8081, "--admin-port");
	opts.companion = start_sim(&sim, &watch);
	write_files(dir, buf_cstr(&sim), opts.gateway_fd, opts.admin_fd);
	opts.helper = start_seed(dir, sim.p, json);
	buf_fmt(&config, "%s/kontor.yaml", dir);
	opts.config = buf_cstr(&config);
	status = supervisor_run(&opts);
	close(watch);
	buf_fini(&sim);
	buf_fini(&config);
	return status;
}

int
command_demo(int argc, char **argv)
{
	const char *dir = NULL, *port = NULL, *admin_port = NULL;
	bool json = false;
	const struct arg arg[] = { { .name = "dir", .value = &dir },
		{ .name = "port", .value = &port },
		{ .name = "admin-port", .value = &admin_port },
		{ .name = "json", .flag = &json } };
	unsigned none = 0;
	char *where;
	int status;

	if (!args_take(argc, argv, arg, NELEM(arg), NULL, &none))
		return 2;
	if (!command_is_supervisor())
		command_become_supervisor("demo", argc, argv);
	/* Its children log what is wrong; the rest would only be in the way
	 * of what is printed for people. */
	if (getenv("KONTOR_LOG") == NULL)
		setenv("KONTOR_LOG", "warn", 1);
	log_init("supervisor", command_log_level());
	where = resolve_dir(dir);
	status = run_demo(where, port, admin_port, json);
	mem_free(where);
	return status;
}
