#include "httpio/net.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>

#include "httpio/client.h"
#include "io/tls.h"

/*
 * A provider with TLS in a thread of its own: one connection after the other,
 * answers until the peer closes.  Its certificate is for localhost and
 * 127.0.0.1, signed by a root that only ca_file knows.
 */
static int listen_fd;
static uint16_t port;
static pthread_t thread;
static SSL_CTX *server_ctx;
static char ca_file[] = "/tmp/kontor-tls-test-XXXXXX";
static struct client *client;
static unsigned nresumed, nconn; /* read after the thread has ended */
static const char *answer_text;
static size_t answer_len;
static bool cut;       /* ends without close_notify */
static unsigned nkeys; /* new ones before each answer */
static const char *san = "DNS:localhost,IP:127.0.0.1";

/* --- certificates ------------------------------------------------------ */

static void
add_ext(X509 *cert, X509 *issuer, int nid, const char *value)
{
	X509V3_CTX ctx;
	X509_EXTENSION *ext;

	X509V3_set_ctx(&ctx, issuer, cert, NULL, NULL, 0);
	ext = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
	assert_non_null(ext);
	X509_add_ext(cert, ext, -1);
	X509_EXTENSION_free(ext);
}

static X509 *
new_cert(EVP_PKEY *key, const char *name, X509 *issuer, EVP_PKEY *issuer_key)
{
	X509 *cert = X509_new();
	X509_NAME *subject = X509_get_subject_name(cert);

	X509_set_version(cert, 2);
	ASN1_INTEGER_set(X509_get_serialNumber(cert), issuer ? 2 : 1);
	X509_gmtime_adj(X509_getm_notBefore(cert), -3600);
	X509_gmtime_adj(X509_getm_notAfter(cert), 3600);
	X509_set_pubkey(cert, key);
	X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC,
	    (const unsigned char *)name, -1, -1, 0);
	X509_set_issuer_name(
	    cert, X509_get_subject_name(issuer != NULL ? issuer : cert));
	if (issuer == NULL)
		add_ext(cert, cert, NID_basic_constraints, "critical,CA:TRUE");
	else
		add_ext(cert, issuer, NID_subject_alt_name, san);
	assert_true(X509_sign(cert, issuer_key, EVP_sha256()) > 0);
	return cert;
}

static SSL_CTX *
new_server_ctx(void)
{
	EVP_PKEY *ca_key = EVP_EC_gen("P-256"), *key = EVP_EC_gen("P-256");
	X509 *ca = new_cert(ca_key, "test root", NULL, ca_key);
	X509 *cert = new_cert(key, "server", ca, ca_key);
	SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
	int fd = mkstemp(ca_file);
	FILE *f = fdopen(fd, "w");

	assert_int_equal(PEM_write_X509(f, ca), 1);
	fclose(f);
	assert_int_equal(SSL_CTX_use_certificate(ctx, cert), 1);
	assert_int_equal(SSL_CTX_use_PrivateKey(ctx, key), 1);
	SSL_CTX_set_session_id_context(ctx, (const unsigned char *)"t", 1);
	X509_free(ca);
	X509_free(cert);
	EVP_PKEY_free(ca_key);
	EVP_PKEY_free(key);
	return ctx;
}

/* --- the provider ------------------------------------------------------ */

static bool
read_request(SSL *ssl)
{
	static const char end[] = "\r\n\r\n";
	char c;
	size_t at = 0;

	while (at < 4) {
		if (SSL_read(ssl, &c, 1) != 1)
			return false;
		at = c == end[at] ? at + 1 : c == end[0] ? 1 : 0;
	}
	return true;
}

static void
change_keys(SSL *ssl)
{
	unsigned i;

	for (i = 0; i < nkeys; i++) {
		if (SSL_key_update(ssl, SSL_KEY_UPDATE_NOT_REQUESTED) != 1 ||
		    SSL_do_handshake(ssl) != 1)
			return;
	}
}

static void
serve(int fd)
{
	SSL *ssl = SSL_new(server_ctx);

	SSL_set_fd(ssl, fd);
	if (SSL_accept(ssl) == 1) {
		nconn++;
		nresumed += (unsigned)SSL_session_reused(ssl);
		while (read_request(ssl)) {
			change_keys(ssl);
			SSL_write(ssl, answer_text, (int)answer_len);
			if (cut)
				break;
		}
	}
	ERR_clear_error();
	SSL_free(ssl);
	close(fd);
}

static void *
run_server(void *arg)
{
	struct pollfd p = { .fd = listen_fd, .events = POLLIN };
	int fd;

	(void)arg;
	/* The listener is shut down to end the thread. */
	while (poll(&p, 1, -1) > 0 && (fd = accept(listen_fd, NULL, NULL)) >= 0)
		serve(fd);
	return NULL;
}

/* --- the caller -------------------------------------------------------- */

struct watch {
	unsigned nlast, nfail;
	enum fault why;
	bool sent;
	struct buf body;
};

static void
on_send(struct call *c)
{
	(void)c;
}

static void
on_head(struct call *c, const struct http_head *h)
{
	(void)c;
	assert_int_equal(h->status, 200);
}

static void
on_body(struct call *c, struct slice data, bool last)
{
	struct watch *w = call_user(c);

	buf_add(&w->body, data);
	w->nlast += last;
}

static void
on_fail(struct call *c, enum fault why)
{
	struct watch *w = call_user(c);

	w->nfail++;
	w->why = why;
	w->sent = call_sent(c);
}

static struct watch
run_call(const struct origin *o)
{
	static const struct call_ops ops = { on_send, on_head, on_body,
		on_fail };
	struct http_head *head = NEW(struct http_head);
	struct watch w = { 0 };
	struct call_spec spec = { .origin = o,
		.head = head,
		.connect_ns = NS_PER_S,
		.first_byte_ns = NS_PER_S,
		.idle_ns = NS_PER_S,
		.user = &w };

	head->method = S("GET");
	head->target = S("/");
	(void)!call_open(client, &spec, &ops);
	NET_UNTIL(w.nlast + w.nfail > 0);
	mem_free(head);
	return w;
}

static struct origin
here(const char *host, const char *ca)
{
	return (struct origin){ .host = host,
		.port = port,
		.tls = true,
		.literal = true,
		.ca_file = ca };
}

#define OK3 "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc"

static int
setup(void **state)
{
	(void)state;
	log_init("test", LOG_LVL_ERROR);
	memset(ca_file + strlen(ca_file) - 6, 'X', 6);
	server_ctx = new_server_ctx();
	answer_text = OK3;
	answer_len = sizeof(OK3) - 1;
	cut = false;
	nkeys = 0;
	nresumed = nconn = 0;
	loop = loop_new();
	listen_fd = net_listen(&port);
	client = client_new(loop, &client_limits_default);
	return 0;
}

static void
start(void)
{
	assert_int_equal(pthread_create(&thread, NULL, run_server, NULL), 0);
}

static void
stop(void)
{
	client_free(&client);
	net_turns(1);
	shutdown(listen_fd, SHUT_RDWR);
	pthread_join(thread, NULL);
}

static int
teardown(void **state)
{
	(void)state;
	client_free(&client);
	loop_free(&loop);
	close(listen_fd);
	SSL_CTX_free(server_ctx);
	unlink(ca_file);
	return 0;
}

static void
assert_ok(struct watch w)
{
	if (w.nfail > 0)
		fail_msg("%s", fault_get(w.why)->name);
	assert_true(slice_eq(buf_slice(&w.body), S("abc")));
	buf_fini(&w.body);
}

static void
assert_refused(struct watch w)
{
	assert_int_equal(w.nfail, 1);
	assert_string_equal(fault_get(w.why)->name, "UP_TLS");
	assert_false(w.sent);
	buf_fini(&w.body);
}

static void
a_proven_peer_is_called_and_its_connection_kept(void **state)
{
	struct origin name = here("localhost", ca_file);
	struct origin ip = here("127.0.0.1", ca_file);

	(void)state;
	start();
	assert_ok(run_call(&name));
	assert_ok(run_call(&name));
	assert_ok(run_call(&name));
	assert_int_equal(client_open(client), 1);
	client_close_idle(client);
	net_turns(1);
	assert_ok(run_call(&ip));
	stop();
	assert_int_equal(nconn, 2);
}

static void
a_session_is_used_again(void **state)
{
	struct origin o = here("localhost", ca_file);
	int i;

	(void)state;
	start();
	for (i = 0; i < 3; i++) {
		assert_ok(run_call(&o));
		client_close_idle(client);
		net_turns(1);
	}
	stop();
	assert_int_equal(nconn, 3);
	assert_int_equal(nresumed, 2);
}

static void
tls_1_2_will_do(void **state)
{
	struct origin o = here("localhost", ca_file);

	(void)state;
	SSL_CTX_set_max_proto_version(server_ctx, TLS1_2_VERSION);
	start();
	assert_ok(run_call(&o));
	stop();
}

static void
new_keys_are_taken_and_a_flood_of_them_is_not(void **state)
{
	struct origin o = here("localhost", ca_file);
	struct watch w;

	(void)state;
	signal(SIGPIPE, SIG_IGN);
	nkeys = 8;
	start();
	assert_ok(run_call(&o));
	stop();
	client = client_new(loop, &client_limits_default);
	close(listen_fd);
	listen_fd = net_listen(&port);
	o = here("localhost", ca_file);
	nkeys = 1000;
	start();
	w = run_call(&o);
	assert_int_equal(w.nfail, 1);
	assert_int_equal(w.why, FAULT_UP_RESET);
	assert_int_equal(client_open(client), 0);
	stop();
}

static void
an_older_tls_is_refused(void **state)
{
	struct origin o = here("localhost", ca_file);

	(void)state;
	SSL_CTX_set_security_level(server_ctx, 0);
	SSL_CTX_set_min_proto_version(server_ctx, TLS1_VERSION);
	SSL_CTX_set_max_proto_version(server_ctx, TLS1_1_VERSION);
	start();
	assert_refused(run_call(&o));
	stop();
}

static void
another_name_is_refused(void **state)
{
	struct origin six = here("::ffff:127.0.0.1", ca_file);

	(void)state;
	start();
	/* The certificate says 127.0.0.1, not its mapped form. */
	assert_refused(run_call(&six));
	stop();
}

static int
setup_for_another(void **state)
{
	int rc;

	san = "DNS:localhost.example.org,DNS:*.localhost,IP:127.0.0.2";
	rc = setup(state);
	san = "DNS:localhost,IP:127.0.0.1";
	return rc;
}

static void
a_certificate_of_another_name_is_refused(void **state)
{
	struct origin name = here("localhost", ca_file);
	struct origin ip = here("127.0.0.1", ca_file);

	(void)state;
	start();
	assert_refused(run_call(&name));
	assert_refused(run_call(&ip));
	stop();
}

static void
an_unknown_root_is_refused(void **state)
{
	struct origin o = here("localhost", NULL);

	(void)state;
	start();
	assert_refused(run_call(&o));
	stop();
}

static void
a_root_that_cannot_be_read_is_refused(void **state)
{
	struct origin o = here("localhost", "/nonexistent/ca.pem");

	(void)state;
	log_init("test", LOG_LVL_ERROR);
	start();
	assert_int_equal(
	    client_preload(client, "/nonexistent/ca.pem", NULL), FAULT_UP_TLS);
	assert_int_equal(client_preload(client, ca_file, NULL), FAULT_NONE);
	assert_refused(run_call(&o));
	stop();
}

static void *
run_plain(void *arg)
{
	struct pollfd p = { .fd = listen_fd, .events = POLLIN };
	static const char text[] = "HTTP/1.1 400 Bad\r\n\r\n";
	int fd;

	(void)arg;
	if (poll(&p, 1, 2000) > 0 &&
	    (fd = accept(listen_fd, NULL, NULL)) >= 0) {
		(void)!write(fd, text, sizeof(text) - 1);
		close(fd);
	}
	return NULL;
}

static void
a_peer_without_tls_is_refused(void **state)
{
	struct origin o = here("localhost", ca_file);

	(void)state;
	assert_int_equal(pthread_create(&thread, NULL, run_plain, NULL), 0);
	assert_refused(run_call(&o));
	stop();
}

/* Without close_notify an attacker may have ended the body. */
static void
a_body_to_the_close_needs_an_orderly_close(void **state)
{
	struct origin o = here("localhost", ca_file);
	struct watch w;

	(void)state;
	answer_text = "HTTP/1.1 200 OK\r\n\r\nabc";
	answer_len = strlen(answer_text);
	cut = true;
	start();
	w = run_call(&o);
	assert_int_equal(w.nfail, 1);
	assert_string_equal(fault_get(w.why)->name, "UP_RESET");
	buf_fini(&w.body);
	stop();
}

static void
large_answers_come_whole(void **state)
{
	enum { TOTAL = 3 * 1024 * 1024 };
	struct origin o = here("localhost", ca_file);
	struct buf text = { 0 };
	struct watch w;
	size_t i;

	(void)state;
	buf_str(&text, "HTTP/1.1 200 OK\r\nContent-Length: 3145728\r\n\r\n");
	for (i = 0; i < TOTAL; i++)
		buf_char(&text, (char)(i * 7 >> 3));
	answer_text = text.p;
	answer_len = text.len;
	start();
	w = run_call(&o);
	assert_int_equal(w.nfail, 0);
	assert_int_equal(w.body.len, TOTAL);
	assert_memory_equal(w.body.p, text.p + text.len - TOTAL, TOTAL);
	buf_fini(&w.body);
	stop();
	buf_fini(&text);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_proven_peer_is_called_and_its_connection_kept),
		TEST(a_session_is_used_again),
		TEST(tls_1_2_will_do),
		TEST(new_keys_are_taken_and_a_flood_of_them_is_not),
		TEST(an_older_tls_is_refused),
		TEST(another_name_is_refused),
		cmocka_unit_test_setup_teardown(
		    a_certificate_of_another_name_is_refused, setup_for_another,
		    teardown),
		TEST(an_unknown_root_is_refused),
		TEST(a_root_that_cannot_be_read_is_refused),
		TEST(a_peer_without_tls_is_refused),
		TEST(a_body_to_the_close_needs_an_orderly_close),
		TEST(large_answers_come_whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
