/*
 * seed.c - the demo's helper: its keys, and how to call it
 *
 * Keys live in DIR/demo.json (0600) and are used again as long as the
 * instance knows them.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/json.h"
#include "base/log.h"
#include "main/ask.h"
#include "main/config.h"
#include "main/datadir.h"
#include "main/demo.h"
#include "model/ident.h"

struct seed {
	const char *dir, *sim;
	bool json;
	struct arena arena;
	struct slice gateway, admin; /* URLs */
	struct slice key, admin_key;
	struct slice link; /* signs in to the console once; empty: none */
};

static const struct json *
read_json(struct seed *s, const char *name)
{
	struct buf path = { 0 }, text = { 0 };
	struct json *j = NULL;
	struct slice kept;

	buf_fmt(&path, "%s/%s", s->dir, name);
	if (config_file_read(buf_cstr(&path), 65536, &text)) {
		kept = arena_copy(&s->arena, buf_slice(&text));
		if (json_parse(&s->arena, kept, &j) != FAULT_NONE)
			j = NULL;
	}
	buf_fini(&path);
	buf_fini(&text);
	return j;
}

/* Until the supervisor beside us says where it listens; it may wait long for
 * another instance to finish. */
static bool
wait_for_instance(struct seed *s)
{
	const pid_t parent = getppid();
	const struct json *run;

	while (datadir_pid(s->dir) != parent) {
		if (getppid() != parent)
			return false;
		poll(NULL, 0, 5);
	}
	run = read_json(s, "run.json");
	s->gateway = json_get_str(run, "gateway");
	s->admin = json_get_str(run, "admin");
	return s->gateway.len > 0 && s->admin.len > 0;
}

static bool
known(const struct json *keys, struct slice text, bool admin)
{
	char id_text[KEY_ID_TEXT + 1];
	const struct json *k;
	struct slice secret;
	uint64_t id;

	if (!key_parse(text, &id, &secret))
		return false;
	key_id_write(id, id_text);
	for (k = keys != NULL ? keys->child : NULL; k != NULL; k = k->next) {
		if (slice_eq(json_get_str(k, "id"), slice_of(id_text)))
			return !json_get_bool(k, "revoked", false) &&
			       json_get_bool(k, "admin", false) == admin;
	}
	return false;
}

static bool
use_again(struct seed *s, const struct where *w)
{
	const struct json *kept = read_json(s, "demo.json"), *keys;
	struct asked a = { 0 };
	bool good = false;

	if (kept == NULL)
		return false;
	s->key = json_get_str(kept, "key");
	s->admin_key = json_get_str(kept, "admin_key");
	if (ask_good(w, "GET", "/api/v1/keys", S(""), &a)) {
		keys = json_get(a.json, "keys");
		good = known(keys, s->key, false) &&
		       known(keys, s->admin_key, true);
	}
	asked_fini(&a);
	return good;
}

static bool
make_key(
    struct seed *s, const struct where *w, struct slice body, struct slice *out)
{
	struct asked a = { 0 };
	bool good = ask_good(w, "POST", "/api/v1/keys", body, &a);

	*out = arena_copy(&s->arena, json_get_str(a.json, "key"));
	good = good && out->len > 0;
	asked_fini(&a);
	return good;
}

static bool
make_keys(struct seed *s, const struct where *w)
{
	struct buf text = { 0 };
	bool good;

	if (!make_key(s, w,
		S("{\"name\":\"demo app\",\"team\":\"demo\","
		  "\"budget\":\"25.00/month\"}"),
		&s->key) ||
	    !make_key(s, w, S("{\"name\":\"demo admin\",\"admin\":true}"),
		&s->admin_key))
		return false;
	json_w_begin(&text, '{');
	json_w_kstr(&text, "key", s->key);
	json_w_kstr(&text, "admin_key", s->admin_key);
	json_w_end(&text, '}');
	good = datadir_write(s->dir, "demo.json", buf_slice(&text), 0600);
	buf_fini(&text);
	return good;
}

/*
 * A small organisation to look at, beside the demo's keys: it binds none of
 * them.  What is there already is left as it is.
 */
static void
make_organisation(const struct where *w)
{
	static const struct {
		const char *path, *body;
	} wishes[] = {
		{ "orgs", "{\"name\":\"acme\"}" },
		{ "teams", "{\"name\":\"research\",\"org\":\"acme\"}" },
		{ "teams", "{\"name\":\"support\",\"org\":\"acme\"}" },
		{ "projects", "{\"name\":\"assistant\",\"team\":\"support\"}" },
		{ "users", "{\"name\":\"ada\",\"org\":\"acme\"}" },
		{ "users", "{\"name\":\"bob\",\"org\":\"acme\"}" },
		{ "services", "{\"name\":\"nightly\",\"org\":\"acme\"}" },
		{ "tags", "{\"name\":\"env=prod\"}" },
		{ "budgets", "{\"scope\":\"org:acme\",\"budget\":"
			     "\"500.00/month\",\"zone\":\"Europe/Berlin\"}" },
		{ "budgets", "{\"scope\":\"team:research\",\"budget\":"
			     "\"100.00/month\",\"mode\":\"soft\"}" },
		{ "budgets", "{\"scope\":\"team:support\",\"budget\":"
			     "\"50.00/week\",\"mode\":\"downgrade\","
			     "\"downgrade_to\":\"gpt-oss-120b\"}" },
		{ "budgets", "{\"scope\":\"user:ada\",\"budget\":"
			     "\"5.00/day\",\"tight\":\"clamp\"}" },
		{ "limits", "{\"scope\":\"team:support\",\"limit\":"
			    "\"requests=600/minute\"}" },
	};
	struct buf path = { 0 };
	struct asked a;
	size_t i;

	for (i = 0; i < NELEM(wishes); i++) {
		buf_clear(&path);
		buf_fmt(&path, "/api/v1/%s", wishes[i].path);
		if (!ask(w, "POST", buf_cstr(&path), slice_of(wishes[i].body),
			&a))
			i = NELEM(wishes);
		asked_fini(&a);
	}
	buf_fini(&path);
}

/* The console opens signed in by it, within ten minutes. */
static void
make_link(struct seed *s, const struct where *w)
{
	struct asked a = { 0 };

	if (ask_good(w, "POST", "/api/v1/session/links", S(""), &a))
		s->link = arena_copy(&s->arena, json_get_str(a.json, "link"));
	asked_fini(&a);
}

static void
print_json(const struct seed *s)
{
	struct buf b = { 0 };

	json_w_begin(&b, '{');
	json_w_kstr(&b, "gateway", s->gateway);
	json_w_kstr(&b, "admin", s->admin);
	json_w_kstr(&b, "key", s->key);
	json_w_kstr(&b, "admin_key", s->admin_key);
	json_w_kstr(&b, "sim", slice_of(s->sim));
	json_w_end(&b, '}');
	printf("%.*s\n", S_FMT(buf_slice(&b)));
	buf_fini(&b);
}

static void
print_text(const struct seed *s)
{
	printf("kontor demo is ready; its providers are simulated.\n\n"
	       "  gateway    %.*s/v1\n"
	       "  console    %.*s/console/start%s%.*s\n"
	       "  app key    %.*s   (team demo, 25.00 USD a month)\n"
	       "  admin key  %.*s\n"
	       "  simulator  %s/sim/stats\n\n",
	    S_FMT(s->gateway), S_FMT(s->admin), s->link.len > 0 ? "#link=" : "",
	    S_FMT(s->link), S_FMT(s->key), S_FMT(s->admin_key), s->sim);
	printf("curl:\n\n"
	       "curl -sS %.*s/v1/chat/completions \\\n"
	       "  -H 'Authorization: Bearer %.*s' \\\n"
	       "  -H 'Content-Type: application/json' \\\n"
	       "  -d '{\"model\": \"gpt-5.4\", \"messages\": [{\"role\": "
	       "\"user\", \"content\": \"Hello\"}]}'\n\n",
	    S_FMT(s->gateway), S_FMT(s->key));
	printf("Python (pip install openai):\n\n"
	       "from openai import OpenAI\n"
	       "client = OpenAI(base_url=\"%.*s/v1\", api_key=\"%.*s\")\n"
	       "answer = client.chat.completions.create(model=\"gpt-5.4\", "
	       "messages=[{\"role\": \"user\", \"content\": \"Hello\"}])\n"
	       "print(answer.choices[0].message.content)\n\n",
	    S_FMT(s->gateway), S_FMT(s->key));
	printf("JavaScript (npm install openai):\n\n"
	       "import OpenAI from \"openai\";\n"
	       "const client = new OpenAI({baseURL: \"%.*s/v1\", apiKey: "
	       "\"%.*s\"});\n"
	       "const answer = await client.chat.completions.create({model: "
	       "\"gpt-5.4\", messages: [{role: \"user\", content: "
	       "\"Hello\"}]});\n"
	       "console.log(answer.choices[0].message.content);\n\n",
	    S_FMT(s->gateway), S_FMT(s->key));
	printf("What it cost: kontor usage --dir %s --by model,deployment\n"
	       "Whose money:  kontor budget list --dir %s\n"
	       "Ctrl-C stops it.\n",
	    s->dir, s->dir);
}

int
demo_seed(int argc, char **argv)
{
	struct seed s = { 0 };
	struct where w = { 0 };

	if (argc != 4)
		return 2;
	prctl(PR_SET_NAME, "kontor demo");
	s.dir = argv[1];
	s.sim = argv[2];
	s.json = strcmp(argv[3], "json") == 0;
	w.dir = s.dir;
	if (!wait_for_instance(&s))
		return 1;
	if (!use_again(&s, &w)) {
		if (!make_keys(&s, &w))
			return 1;
		make_organisation(&w);
	}
	if (s.json) {
		print_json(&s);
	} else {
		make_link(&s, &w);
		print_text(&s);
	}
	arena_fini(&s.arena);
	return fflush(stdout) == 0 ? 0 : 1;
}
