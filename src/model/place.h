/*
 * place.h - where a call is processed, as its address says
 *
 * A geography is a word ("us", "eu", "global", ...).  It is read off what the
 * operator wrote: a Bedrock profile's prefix, an Azure deployment's scope and
 * region, OpenAI's regional hosts, Anthropic's inference_geo.  Empty: it does
 * not say.  "global" is anywhere, and so within no zone but that of the name.
 */
#ifndef KONTOR_MODEL_PLACE_H
#define KONTOR_MODEL_PLACE_H

#include "base/base.h"

/* "eu-west-1", "Sweden Central", "us": by places.def. */
struct slice place_of_region(struct slice region);

struct place_facts {
	struct slice type; /* of the provider, as in the configuration */
	struct slice host, region, name;
	struct slice scope;         /* "global", "data_zone", "regional" */
	struct slice inference_geo; /* of anthropic */
};

struct slice place_of(const struct place_facts *f);

/* Does that say it all?  An Azure resource's region does not: a deployment in
 * it may be a global one, and only its scope tells. */
bool place_settled(const struct place_facts *f);

/* Is it a geography that these tables know? */
bool place_known(struct slice zone);
/* Do the two contradict each other?  A word of the operator's own stands
 * beside any geography but "global". */
bool place_contradicts(struct slice zone, struct slice geography);

/* With which geography what a provider says of itself is compared: the zone,
 * or, where that is a word of the operator's, its address, or how the word
 * begins ("eu-claims").  Empty: nothing can be said. */
struct slice place_to_be(struct slice zone, struct slice address);

#endif
