#include "main/signin.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/json.h"
#include "courier/awsfile.h"
#include "courier/fetch.h"
#include "crypto/rsasig.h"
#include "io/address.h"
#include "main/config.h"
#include "main/options.h"
#include "main/secret.h"
#include "main/value.h"
#include "main/yaml.h"
#include "model/ident.h"

static const char *const kinds[] = { "auth.entra", "auth.aws", "auth.google",
	"auth.oci" };

/* Which credential goes with which type; "" ends. */
static const struct {
	const char *kind, *type;
} fits[] = {
	{ "auth.entra", "azure_openai" },
	{ "auth.entra", "openai_compatible" },
	{ "auth.entra", "anthropic" },
	{ "auth.aws", "bedrock" },
	{ "auth.google", "gemini" },
	{ "auth.google", "vertex" },
	{ "auth.google", "openai_compatible" },
	{ "auth.oci", "oci" },
};

/* --- values -------------------------------------------------------------- */

static const struct ynode *
scalar(const struct ynode *n, const char *rel)
{
	const struct ynode *at = ynode_find(n, rel);

	return at != NULL && at->kind == YNODE_SCALAR ? at : NULL;
}

/* The text, or the default of options.def; NULL: neither. */
static const char *
text(struct signin_reader *r, const struct ynode *n, const char *rel)
{
	const struct ynode *at = scalar(n, rel);
	const struct option *o;

	if (at != NULL)
		return arena_str(r->arena, at->text);
	o = option_find(arena_fmt(r->scratch, "providers.*.%s", rel));
	return o != NULL && o->or_else[0] != '\0' ? o->or_else : NULL;
}

static bool
flag(const struct ynode *n, const char *rel)
{
	const struct ynode *at = scalar(n, rel);

	return at != NULL && slice_eq(at->text, S("true"));
}

static struct mark
place(const struct ynode *n)
{
	return n->key.len > 0 ? n->key_at : n->at;
}

static void
missing(struct signin_reader *r, const struct ynode *n, const char *what,
    const char *hint)
{
	report_add(r->report, place(n), hint, "\"%s\" is missing here", what);
}

static const char *
secret(
    struct signin_reader *r, const struct ynode *n, const char *rel, bool lines)
{
	const struct ynode *at = scalar(n, rel);
	struct secret_why why;
	const char *out;

	if (at == NULL)
		return NULL;
	if (lines ? secret_resolve_text(r->arena, r->dir, at->text, &out, &why)
		  : secret_resolve(r->arena, r->dir, at->text, &out, &why))
		return out;
	report_add(r->report, at->at, why.hint, "%s", why.text);
	return NULL;
}

static const char *
absolute(struct signin_reader *r, const char *path)
{
	return path[0] == '/' ? arena_str(r->arena, slice_of(path))
			      : arena_fmt(r->arena, "%s/%s", r->dir, path);
}

/* A file that must be there now. */
static const char *
file(struct signin_reader *r, const struct ynode *n, const char *rel)
{
	const struct ynode *at = scalar(n, rel);
	const char *path;

	if (at == NULL)
		return NULL;
	path = absolute(r, at->text.p);
	if (access(path, R_OK) != 0)
		report_add(r->report, at->at,
		    "it must be readable by the user that kontor runs as",
		    "the file %s cannot be used: %s", path, strerror(errno));
	return path;
}

/* What is sent there is secret. */
static const char *
unsafe_url(const char *url)
{
	struct url_parts u;
	const char *bad = value_url(slice_of(url), &u);
	struct address a;
	char host[256];

	if (bad != NULL || u.tls)
		return bad;
	if (u.host.len >= sizeof(host))
		return "its host or port is not valid";
	memcpy(host, u.host.p, u.host.len);
	host[u.host.len] = '\0';
	if (address_parse(&a, host, u.port) ||
	    slice_ieq(u.host, S("localhost")) ||
	    slice_ieq(u.host, S("metadata.google.internal")))
		return NULL;
	return "a credential is sent there: it must begin with https://";
}

static const char *
url(struct signin_reader *r, const struct ynode *n, const char *rel)
{
	const struct ynode *at = scalar(n, rel);
	const char *s = text(r, n, rel), *bad;
	struct url_parts u;

	if (s == NULL)
		return NULL;
	bad = unsafe_url(s);
	if (bad != NULL) {
		if (at != NULL && value_url(at->text, &u) == NULL)
			report_add(r->report, at->at, NULL, "%s", bad);
		return s; /* else the option's own check says it */
	}
	CHECK(value_url(slice_of(s), &u) == NULL);
	return arena_str(r->arena, u.url);
}

static const char *
env(const char *name)
{
	const char *v = getenv(name);

	return v != NULL && v[0] != '\0' ? v : NULL;
}

static const char *
env_copy(struct signin_reader *r, const char *name)
{
	const char *v = env(name);

	return v != NULL ? arena_str(r->arena, slice_of(v)) : NULL;
}

/* --- Entra --------------------------------------------------------------- */

static void
check_certificate(
    struct signin_reader *r, const struct ynode *at, const char *pem)
{
	const char *why;
	struct rsasig *k = rsasig_new(slice_of(pem), &why);
	uint8_t sum[DIGEST_LEN];

	if (k == NULL) {
		report_add(r->report, at->at,
		    "PEM: BEGIN PRIVATE KEY and BEGIN CERTIFICATE in one file",
		    "the certificate cannot be used: %s", why);
		return;
	}
	if (!rsasig_thumbprint(k, slice_of(pem), sum))
		report_add(r->report, at->at,
		    "PEM: BEGIN PRIVATE KEY and BEGIN CERTIFICATE in one file",
		    "there is no certificate of this private key in it");
	rsasig_free(&k);
}

static bool
entra_method(
    struct signin_reader *r, const struct ynode *n, enum signin_method *method)
{
	const struct {
		bool given;
		enum signin_method method;
	} ways[] = {
		{ scalar(n, "auth.entra.client_secret") != NULL,
		    SIGNIN_ENTRA_SECRET },
		{ scalar(n, "auth.entra.certificate") != NULL,
		    SIGNIN_ENTRA_CERTIFICATE },
		{ scalar(n, "auth.entra.federated_token_file") != NULL,
		    SIGNIN_ENTRA_FEDERATED },
		{ flag(n, "auth.entra.managed_identity"),
		    SIGNIN_ENTRA_MANAGED },
	};
	unsigned i, given = 0;

	for (i = 0; i < NELEM(ways); i++) {
		if (!ways[i].given)
			continue;
		*method = ways[i].method;
		given++;
	}
	if (given != 1)
		report_add(r->report, place(ynode_find(n, "auth.entra")),
		    "one of client_secret, certificate, federated_token_file, "
		    "managed_identity: true",
		    given == 0 ? "it does not say how to sign in"
			       : "there is more than one way to sign in");
	return given == 1;
}

/* The machine's, or that of App Service and its kin, which say it in the
 * environment. */
static void
take_managed(
    struct signin_reader *r, const struct ynode *n, struct signin_conf *c)
{
	const struct ynode *at = scalar(n, "auth.entra.metadata_endpoint");

	c->metadata = url(r, n, "auth.entra.metadata_endpoint");
	if (at != NULL || env("IDENTITY_ENDPOINT") == NULL ||
	    env("IDENTITY_HEADER") == NULL)
		return;
	c->container = env_copy(r, "IDENTITY_ENDPOINT");
	c->token = env_copy(r, "IDENTITY_HEADER");
	if (unsafe_url(c->container) != NULL)
		report_add(r->report, place(ynode_find(n, "auth.entra")), NULL,
		    "IDENTITY_ENDPOINT: %s", unsafe_url(c->container));
}

static void
take_entra(
    struct signin_reader *r, const struct ynode *n, struct signin_conf *c)
{
	const struct ynode *at = ynode_find(n, "auth.entra");

	if (!entra_method(r, n, &c->method))
		return;
	c->client = text(r, n, "auth.entra.client_id");
	c->scope = text(r, n, "auth.entra.scope");
	if (c->method == SIGNIN_ENTRA_MANAGED) {
		take_managed(r, n, c);
		return;
	}
	c->tenant = text(r, n, "auth.entra.tenant_id");
	c->endpoint = url(r, n, "auth.entra.authority");
	c->secret = secret(r, n, "auth.entra.client_secret", false);
	c->document = secret(r, n, "auth.entra.certificate", true);
	c->token_file = file(r, n, "auth.entra.federated_token_file");
	if (c->tenant == NULL)
		missing(r, at, "tenant_id", "the directory's id");
	if (c->client == NULL)
		missing(r, at, "client_id", "the application's id");
	if (c->document != NULL)
		check_certificate(
		    r, scalar(n, "auth.entra.certificate"), c->document);
}

/* --- AWS ----------------------------------------------------------------- */

/* The option, the variable, ~/.aws/NAME. */
static const char *
shared_file(struct signin_reader *r, const struct ynode *n, const char *rel,
    const char *variable, const char *name)
{
	const char *given = file(r, n, rel);

	if (given == NULL)
		given = env_copy(r, variable);
	if (given == NULL && env("HOME") != NULL)
		given = arena_fmt(r->arena, "%s/.aws/%s", env("HOME"), name);
	return given;
}

static void
check_profile(
    struct signin_reader *r, const struct ynode *at, struct signin_conf *c)
{
	struct buf credentials = { 0 }, config = { 0 };
	struct aws_plan plan;
	const char *bad;

	/* One of the two is often not there; then it says nothing. */
	if (c->credentials_file != NULL &&
	    !config_file_read(c->credentials_file, RUN_FILE_MAX, &credentials))
		buf_clear(&credentials);
	if (c->config_file != NULL &&
	    !config_file_read(c->config_file, RUN_FILE_MAX, &config))
		buf_clear(&config);
	bad = awsfile_plan(r->scratch, buf_slice(&credentials),
	    buf_slice(&config), slice_of(c->profile), &plan);
	if (bad != NULL)
		report_add(r->report, place(at),
		    arena_fmt(r->scratch, "the files are %s and %s",
			c->credentials_file != NULL ? c->credentials_file : "-",
			c->config_file != NULL ? c->config_file : "-"),
		    "%s", bad);
	else if (plan.nroles == RUN_ROLES && c->role != NULL)
		report_add(r->report, place(at), NULL,
		    "more than %d roles lead to each other", RUN_ROLES);
	if (credentials.p != NULL)
		mem_wipe(credentials.p, credentials.cap);
	buf_fini(&credentials);
	buf_fini(&config);
}

static void
take_container(struct signin_reader *r, const struct ynode *n,
    struct signin_conf *c, bool must)
{
	const char *relative = env("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI");
	const struct ynode *at = ynode_find(n, "auth.aws");

	c->container = url(r, n, "auth.aws.container_uri");
	if (c->container == NULL && relative != NULL)
		c->container =
		    arena_fmt(r->arena, "http://169.254.170.2%s", relative);
	if (c->container == NULL)
		c->container =
		    env_copy(r, "AWS_CONTAINER_CREDENTIALS_FULL_URI");
	c->token = secret(r, n, "auth.aws.container_token", false);
	c->token_file = file(r, n, "auth.aws.container_token_file");
	if (c->token == NULL && c->token_file == NULL)
		c->token_file =
		    env_copy(r, "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE");
	if (c->token == NULL && c->token_file == NULL)
		c->token = env_copy(r, "AWS_CONTAINER_AUTHORIZATION_TOKEN");
	if (c->container == NULL && must)
		missing(r, at, "container_uri",
		    "in a container, "
		    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI or _FULL_URI "
		    "says it");
	else if (c->container != NULL && unsafe_url(c->container) != NULL)
		report_add(r->report, place(at), NULL,
		    "the container's credentials endpoint: %s",
		    unsafe_url(c->container));
}

/* As the SDKs look: keys, a web identity, the container. */
static void
take_environment(
    struct signin_reader *r, const struct ynode *n, struct signin_conf *c)
{
	c->method = SIGNIN_AWS_KEYS;
	c->key_id = env_copy(r, "AWS_ACCESS_KEY_ID");
	c->secret = env_copy(r, "AWS_SECRET_ACCESS_KEY");
	c->token = env_copy(r, "AWS_SESSION_TOKEN");
	if (c->key_id != NULL && c->secret != NULL)
		return;
	c->key_id = c->secret = c->token = NULL;
	c->token_file = env_copy(r, "AWS_WEB_IDENTITY_TOKEN_FILE");
	if (c->token_file != NULL && env("AWS_ROLE_ARN") != NULL) {
		if (c->role != NULL)
			report_add(r->report,
			    scalar(n, "auth.aws.role_arn")->at,
			    "leave role_arn away, or say from: web_identity",
			    "the environment's web identity has a role of its "
			    "own (AWS_ROLE_ARN)");
		c->method = SIGNIN_AWS_WEB_IDENTITY;
		c->role = env_copy(r, "AWS_ROLE_ARN");
		if (env("AWS_ROLE_SESSION_NAME") != NULL)
			c->session = env_copy(r, "AWS_ROLE_SESSION_NAME");
		return;
	}
	c->method = SIGNIN_AWS_CONTAINER;
	take_container(r, n, c, false);
	if (c->container == NULL)
		report_add(r->report, place(ynode_find(n, "auth.aws")),
		    "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, "
		    "AWS_WEB_IDENTITY_TOKEN_FILE and AWS_ROLE_ARN, or "
		    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
		    "the environment holds no AWS credential");
}

static void
take_keys(struct signin_reader *r, const struct ynode *n,
    const struct provider_conf *p, struct signin_conf *c)
{
	const struct ynode *at = ynode_find(n, "auth.aws");

	c->method = SIGNIN_AWS_KEYS;
	c->key_id = p->access_key_id;
	c->secret = p->secret_access_key;
	c->token = p->session_token;
	if (scalar(n, "auth.access_key_id") == NULL ||
	    scalar(n, "auth.secret_access_key") == NULL)
		report_add(r->report, place(at),
		    "or say where it begins: from: instance",
		    "\"aws\" begins from keys, but auth.access_key_id and "
		    "auth.secret_access_key are not there");
	else if (c->role == NULL)
		missing(r, at, "role_arn",
		    "keys without a role stand in auth alone");
}

static void
take_aws(struct signin_reader *r, const struct ynode *n,
    const struct provider_conf *p, struct signin_conf *c)
{
	const struct ynode *at = ynode_find(n, "auth.aws");
	const struct slice from = slice_of(text(r, n, "auth.aws.from"));
	int64_t ns = 0;

	c->region = p->region[0] != '\0' ? p->region : "us-east-1";
	c->role = text(r, n, "auth.aws.role_arn");
	c->external_id = text(r, n, "auth.aws.external_id");
	c->session = text(r, n, "auth.aws.session_name");
	if (value_duration(
		slice_of(text(r, n, "auth.aws.session_duration")), &ns))
		c->lifetime_s = ns / INT64_C(1000000000);
	c->endpoint = url(r, n, "auth.aws.sts_endpoint");
	c->metadata = url(r, n, "auth.aws.metadata_endpoint");
	if (slice_eq(from, S("environment"))) {
		take_environment(r, n, c);
	} else if (slice_eq(from, S("profile"))) {
		c->method = SIGNIN_AWS_PROFILE;
		c->profile = text(r, n, "auth.aws.profile");
		c->credentials_file =
		    shared_file(r, n, "auth.aws.credentials_file",
			"AWS_SHARED_CREDENTIALS_FILE", "credentials");
		c->config_file = shared_file(
		    r, n, "auth.aws.config_file", "AWS_CONFIG_FILE", "config");
		take_container(r, n, c, false);
		check_profile(r, at, c);
	} else if (slice_eq(from, S("web_identity"))) {
		c->method = SIGNIN_AWS_WEB_IDENTITY;
		c->token_file = file(r, n, "auth.aws.web_identity_token_file");
		if (scalar(n, "auth.aws.web_identity_token_file") == NULL)
			missing(r, at, "web_identity_token_file", NULL);
		if (c->role == NULL)
			missing(r, at, "role_arn", NULL);
	} else if (slice_eq(from, S("container"))) {
		c->method = SIGNIN_AWS_CONTAINER;
		take_container(r, n, c, true);
	} else if (slice_eq(from, S("instance"))) {
		c->method = SIGNIN_AWS_INSTANCE;
	} else {
		take_keys(r, n, p, c);
	}
}

/* --- Google -------------------------------------------------------------- */

static const char *
service_account_unfit(const struct json *j)
{
	const char *why;
	struct rsasig *k;

	if (json_get_str(j, "client_email").len == 0 ||
	    json_get_str(j, "private_key_id").len == 0 ||
	    json_get_str(j, "token_uri").len == 0)
		return "client_email, private_key_id or token_uri is missing";
	k = rsasig_new(json_get_str(j, "private_key"), &why);
	if (k == NULL)
		return why;
	rsasig_free(&k);
	return NULL;
}

static const char *
external_account_unfit(const struct json *j)
{
	const struct json *source = json_get(j, "credential_source");

	if (json_get_str(j, "audience").len == 0 ||
	    json_get_str(j, "subject_token_type").len == 0 ||
	    json_get_str(j, "token_url").len == 0)
		return "audience, subject_token_type or token_url is missing";
	if (json_get(source, "environment_id") == NULL &&
	    (json_get_str(source, "file").len > 0 ||
		json_get_str(source, "url").len > 0))
		return NULL;
	if (json_get(source, "executable") != NULL)
		return "it runs a program, which kontor never does";
	if (slice_eq(json_get_str(source, "environment_id"), S("aws1")) &&
	    json_get_str(source, "region_url").len > 0 &&
	    json_get_str(source, "regional_cred_verification_url").len > 0)
		return NULL;
	return json_get(source, "environment_id") != NULL
		   ? "its credential_source of AWS is not complete"
		   : "its credential_source has neither file nor url";
}

static const char *
user_unfit(const struct json *j)
{
	if (json_get_str(j, "client_id").len == 0 ||
	    json_get_str(j, "client_secret").len == 0 ||
	    json_get_str(j, "refresh_token").len == 0)
		return "client_id, client_secret or refresh_token is missing";
	return NULL;
}

static const char *
impersonated_unfit(const struct json *j)
{
	const struct json *source = json_get(j, "source_credentials");

	if (json_get_str(j, "service_account_impersonation_url").len == 0)
		return "service_account_impersonation_url is missing";
	if (slice_eq(json_get_str(source, "type"), S("service_account")))
		return service_account_unfit(source);
	return user_unfit(source);
}

static const char *
document_unfit(const struct json *j)
{
	static const char *const urls[] = { "token_uri", "token_url",
		"service_account_impersonation_url" };
	const struct slice type = json_get_str(j, "type");
	struct slice s;
	char url[1024];
	size_t i;

	for (i = 0; i < NELEM(urls); i++) {
		s = json_get_str(j, urls[i]);
		if (s.len == 0)
			continue;
		if (s.len >= sizeof(url))
			return "an address in it is too long";
		memcpy(url, s.p, s.len);
		url[s.len] = '\0';
		if (unsafe_url(url) != NULL)
			return "an address in it does not begin with https://";
	}
	if (slice_eq(type, S("service_account")))
		return service_account_unfit(j);
	if (slice_eq(type, S("external_account")))
		return external_account_unfit(j);
	if (slice_eq(type, S("impersonated_service_account")))
		return impersonated_unfit(j);
	if (!slice_eq(type, S("authorized_user")))
		return "its \"type\" is none of service_account, "
		       "external_account, authorized_user, "
		       "impersonated_service_account";
	return user_unfit(j);
}

/* Does the machine prove who we are?  Then its metadata service is asked. */
static bool
asks_machine(const struct json *doc)
{
	const struct json *source = json_get(doc, "credential_source");
	const struct slice text = json_get_str(source, "url");
	struct arena a = { 0 };
	struct address at;
	struct url u;
	bool yes;

	yes = json_get(source, "environment_id") != NULL ||
	      (url_split(&a, text, &u) && address_parse(&at, u.host, u.port) &&
		  address_kind(&at) == ADDRESS_METADATA);
	arena_fini(&a);
	return yes;
}

static void
check_document(
    struct signin_reader *r, const struct ynode *at, struct signin_conf *c)
{
	struct arena a = { 0 };
	struct json *j;
	const char *bad;

	if (json_parse(&a, slice_of(c->document), &j) != FAULT_NONE ||
	    j->type != JSON_OBJECT)
		bad = "it is not a JSON object";
	else
		bad = document_unfit(j);
	if (bad == NULL && asks_machine(j))
		c->metadata = "machine";
	if (bad != NULL)
		report_add(r->report, at->at,
		    "the file that Google's console or gcloud wrote",
		    "the credentials cannot be used: %s", bad);
	arena_wipe(&a);
}

static void
take_google(
    struct signin_reader *r, const struct ynode *n, struct signin_conf *c)
{
	const struct ynode *at = scalar(n, "auth.google.credentials");
	const bool server = flag(n, "auth.google.metadata_server");

	c->scope = text(r, n, "auth.google.scope");
	if ((at != NULL) == server) {
		report_add(r->report, place(ynode_find(n, "auth.google")),
		    "credentials: \"file:key.json\", or metadata_server: true",
		    server ? "there is more than one way to sign in"
			   : "it does not say how to sign in");
		return;
	}
	c->method = SIGNIN_GOOGLE_CREDENTIALS;
	if (server) {
		c->method = SIGNIN_GOOGLE_METADATA;
		c->metadata = url(r, n, "auth.google.metadata_endpoint");
		c->account = text(r, n, "auth.google.service_account");
		return;
	}
	c->document = secret(r, n, "auth.google.credentials", true);
	if (c->document != NULL)
		check_document(r, at, c);
}

/* --- OCI ----------------------------------------------------------------- */

static void
take_oci(
    struct signin_reader *r, const struct ynode *n, struct provider_conf *p)
{
	const char *tenancy = text(r, n, "auth.oci.tenancy");
	const char *user = text(r, n, "auth.oci.user");
	const char *fingerprint = text(r, n, "auth.oci.fingerprint"), *why;
	struct rsasig *k;

	p->private_key = secret(r, n, "auth.oci.private_key", true);
	if (p->private_key == NULL || tenancy == NULL || user == NULL ||
	    fingerprint == NULL)
		return; /* reported */
	p->key_id = arena_fmt(r->arena, "%s/%s/%s", tenancy, user, fingerprint);
	k = rsasig_new(slice_of(p->private_key), &why);
	if (k == NULL)
		report_add(r->report, scalar(n, "auth.oci.private_key")->at,
		    "openssl genrsa -out key.pem 2048",
		    "the private key cannot be used: %s", why);
	else
		rsasig_free(&k);
}

/* --- all ----------------------------------------------------------------- */

bool
signin_given(const struct ynode *n)
{
	size_t i;

	for (i = 0; i < NELEM(kinds); i++) {
		if (ynode_find(n, kinds[i]) != NULL)
			return true;
	}
	return false;
}

static bool
goes_with(const char *kind, enum provider_type type)
{
	size_t i;

	for (i = 0; i < NELEM(fits); i++) {
		if (strcmp(fits[i].kind, kind) == 0 &&
		    strcmp(fits[i].type, provider_type_text(type)) == 0)
			return true;
	}
	return false;
}

/* The kind that is given, when it is the only one and fits; NULL: reported. */
static const char *
only_kind(struct signin_reader *r, const struct ynode *n,
    const struct provider_conf *p)
{
	const bool key = ynode_find(n, "auth.api_key") != NULL ||
			 ynode_find(n, "auth.access_token") != NULL;
	const bool pair = ynode_find(n, "auth.access_key_id") != NULL;
	const char *kind = NULL;
	size_t i, given = 0;

	for (i = 0; i < NELEM(kinds); i++) {
		if (ynode_find(n, kinds[i]) == NULL)
			continue;
		kind = kinds[i];
		given++;
	}
	if (given > 1 || key || (pair && strcmp(kind, "auth.aws") != 0)) {
		report_add(r->report, place(ynode_find(n, "auth")),
		    "keep one of them",
		    "\"auth\" must hold one whole credential");
		return NULL;
	}
	if (!goes_with(kind, p->type)) {
		report_add(r->report, place(ynode_find(n, kind)), NULL,
		    "\"%s\" does not go with type %s", kind + strlen("auth."),
		    provider_type_text(p->type));
		return NULL;
	}
	return kind;
}

static void
add(struct buf *b, const char *s)
{
	buf_str(b, s != NULL ? s : "");
	buf_char(b, '\n');
}

/* Of everything that is no secret: see model/signin.h. */
static uint64_t
id_of(const struct provider_conf *p, const struct signin_conf *c)
{
	const char *const texts[] = { p->id, signin_method_text(c->method),
		c->tenant, c->client, c->scope, c->endpoint, c->metadata,
		c->token_file, c->region, c->role, c->session, c->external_id,
		c->profile, c->credentials_file, c->config_file, c->container,
		c->account };
	struct buf b = { 0 };
	uint64_t id;
	size_t i;

	for (i = 0; i < NELEM(texts); i++)
		add(&b, texts[i]);
	id = hash64(buf_slice(&b));
	buf_fini(&b);
	return id != 0 ? id : 1;
}

/* Keys that nobody exchanges for others go to the workers as they are. */
static bool
is_static(const struct signin_conf *c)
{
	return c->method == SIGNIN_AWS_KEYS && c->role == NULL;
}

void
signin_take(
    struct signin_reader *r, const struct ynode *n, struct provider_conf *p)
{
	const char *kind = only_kind(r, n, p);
	struct signin_conf *c;

	if (kind == NULL)
		return;
	if (strcmp(kind, "auth.oci") == 0) {
		take_oci(r, n, p);
		return;
	}
	c = ARENA_NEW(r->arena, struct signin_conf);
	if (strcmp(kind, "auth.entra") == 0)
		take_entra(r, n, c);
	else if (strcmp(kind, "auth.google") == 0)
		take_google(r, n, c);
	else
		take_aws(r, n, p, c);
	c->ca_file = file(r, n, "auth.ca_file");
	p->access_key_id = p->secret_access_key = p->session_token = NULL;
	if (is_static(c)) {
		p->access_key_id = c->key_id;
		p->secret_access_key = c->secret;
		p->session_token = c->token;
		return;
	}
	c->id = id_of(p, c);
	p->signin = c;
}
