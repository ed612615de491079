/*
 * brand.h - how each provider looks: its headers, its error bodies
 */
#ifndef KONTOR_SIM_BRAND_H
#define KONTOR_SIM_BRAND_H

#include "base/base.h"
#include "base/buf.h"
#include "sim/plan.h"
#include "sim/setup.h"
#include "sim/shape.h"

/* Errors that are not about the body's shape; they carry venue's texts. */
enum trouble {
	TROUBLE_NO_KEY,
	TROUBLE_BAD_KEY,
	TROUBLE_SIGNATURE,
	TROUBLE_EXPIRED,
	TROUBLE_TOKEN,
	TROUBLE_PATH,
	TROUBLE_METHOD,
	TROUBLE_MODEL,
	TROUBLE_DEPLOYMENT,
	TROUBLE_QUOTA,
	TROUBLE_LEAK,
	TROUBLE_STATUS /* the status alone says it */
};

/* A plan to answer with; status is for TROUBLE_STATUS only. */
struct plan *brand_trouble(
    enum venue v, enum trouble t, int status, struct slice what) MUST_USE;
/* A request that the provider's shape check refused. */
struct plan *brand_refusal(enum venue v, const struct refusal *why) MUST_USE;

/* What to add to the machine's clock in Date. */
extern int64_t brand_clock_s;

/* What an account may take in a minute, and how much of it is left; 0: as
 * much as anybody wants. */
struct allowance {
	uint64_t tokens, left;
};

/* The head of an answer; n makes its request id. */
void brand_head(struct buf *b, const struct credential *c, const struct plan *p,
    uint64_t n, const struct allowance *a, bool keep);
/* The same without a provider's headers. */
void brand_plain_head(struct buf *b, const struct plan *p, bool keep);

#endif
