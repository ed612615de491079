/*
 * provider.h - what the gateway needs to know about one type of provider
 *
 * A provider is a constant: where to send, in which dialect, how to sign,
 * what its failures mean.  It holds no state and opens no socket.
 */
#ifndef KONTOR_PROVIDER_PROVIDER_H
#define KONTOR_PROVIDER_PROVIDER_H

#include "base/arena.h"
#include "base/base.h"
#include "base/fault.h"
#include "http/msg.h"
#include "model/conversation.h"
#include "model/snapshot.h"

struct buf; /* base/buf.h */
struct dialect;
struct edits; /* dialect/dialect.h */

/* A list of what is there to be called: base_path and tail, by GET. */
struct provider_list {
	const char *tail;
	const char *rows;      /* the array in the answer */
	const char *name[2];   /* of each row */
	const char *next, *by; /* the mark of the next page in the answer, and
				* what it goes back as; NULL: one page */
	bool control;   /* at the host that manages, not the one that infers */
	bool of_models; /* deployments there have names that it does not say */
	bool optional;  /* some accounts do not have it */
	bool (*of)(const struct provider_conf *c); /* NULL: of every one */
};

/* A request being dressed for its provider. */
struct parcel {
	const struct deployment_conf *deployment;
	const struct dialect *dialect; /* of the body */
	const struct slice *part;      /* of the body, in order */
	unsigned npart;
	int64_t wall_ns; /* as the provider's clock says, where it is known */
	/* What the courier got; empty where the configuration has it.  The
	 * whole value of Authorization; key id, secret and token for AWS. */
	struct slice bearer, aws[3];
	bool stream;
	const struct provider_list *list; /* not a call: what is there? */
	struct slice cursor;    /* of its next page; empty: the first */
	struct arena *arena;    /* for what head borrows */
	struct http_head *head; /* out: method, target, headers */
};

enum { PROVIDER_DIALECTS = 8 };

struct provider {
	enum provider_type type;
	/* Dialects it takes; the first that fits a deployment is the one that
	 * others are translated to.  NULL ends it. */
	const struct dialect *speaks[PROVIDER_DIALECTS];
	/* Does this deployment take that one of them?  NULL: each does. */
	bool (*fits)(
	    const struct deployment_conf *d, const struct dialect *dialect);
	/* Sets method and target of a call in p->dialect, then credentials,
	 * over the headers that are there.  FAULT_UP_CREDENTIAL: none is
	 * configured. */
	enum fault (*dress)(struct parcel *p);
	/* Adds what a body must say here that a header or the path says
	 * elsewhere; version is what the caller's header says of Anthropic's.
	 * NULL: nothing. */
	void (*amend)(const struct deployment_conf *d,
	    const struct dialect *dialect, struct slice version,
	    struct edits *e);
	const struct provider_list *lists; /* all that apply; no tail ends it */
	/* How the host that manages is called where this one is what its
	 * provider calls it: begins with [0], there with [1]. */
	const char *control[2];
};

const struct provider *provider_get(enum provider_type t); /* never NULL */
/* The host that manages what c's host serves; its own where that is not what
 * its provider calls it. */
const char *provider_control(struct arena *a, const struct provider_conf *c);
/* What to speak to a deployment for a caller of that dialect: the same where
 * it is taken, so that bytes pass.  NULL: nothing that we can translate to. */
const struct dialect *provider_dialect(
    const struct deployment_conf *d, const struct dialect *caller);

/* Whose opaque reasoning a deployment takes back. */
enum vendor provider_vendor(const struct deployment_conf *d);

/* What a failed attempt means for the next step. */
enum verdict {
	VERDICT_PASS, /* the client's affair: its status goes back */
	VERDICT_NEXT, /* another deployment may serve it; the breaker counts */
	VERDICT_CAPACITY, /* the same, but nothing is broken: 429, 529 */
	VERDICT_OURS /* our credential is refused: next, never the client's */
};

enum verdict verdict_of_status(int status);
/*
 * Whose a failed attempt is.  error: the body of a bad answer, for what a 4xx
 * means by its code: a prompt that is too long, content that is refused.
 */
enum owner owner_of(enum fault f, int status, struct slice error);
/* Is it the caller's to know, as it is?  Not what our credential did, and not
 * what only says that the provider broke. */
bool verdict_passes(int status);

/* --- for the rows ------------------------------------------------------- */

/* base_path + tail, in the arena. */
struct slice parcel_target(struct parcel *p, const char *tail);
/* Method and target of p->list. */
void parcel_list(struct parcel *p);
void parcel_header(struct parcel *p, struct slice name, struct slice value);
/* Empty; its memory is kept from call to call: one process, one thread. */
struct buf *parcel_scratch(void);
/* What the courier got, else the configured key. */
enum fault parcel_bearer(struct parcel *p);
/* The Host that the HTTP client will send. */
struct slice parcel_host(struct parcel *p);

#endif
