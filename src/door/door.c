#include "door/door.h"

#include "base/log.h"
#include "io/tls_server.h"
#include "model/snapshot.h"
#include "shm/ticket.h"

_Static_assert(sizeof(struct tls_ticket_key) == TICKET_LEN,
    "a row of the tables is a key of a ticket");

static bool
find_ticket(
    void *user, const uint8_t *name, struct tls_ticket_key *out, bool *newest)
{
	uint8_t row[TICKET_LEN];
	const bool found = ticket_find(user, name, row, newest);

	if (found)
		memcpy(out, row, sizeof(*out));
	mem_wipe(row, sizeof(row));
	return found;
}

bool
door_new(const struct door_conf *conf, struct shm *m, struct tls_server **out)
{
	struct tls_pair *pair;
	struct tls_server_spec spec = {
		.npairs = conf->n,
		.clients = (enum tls_clients)conf->clients,
		.client_ca = conf->client_ca,
		.only_13 = conf->only_13,
		.ticket = find_ticket,
		.user = m,
	};
	struct tls_server_why why = { 0 };
	unsigned i;

	*out = NULL;
	if (conf->n == 0)
		return true;
	pair = mem_grow(NULL, conf->n * sizeof(*pair));
	for (i = 0; i < conf->n; i++)
		pair[i] =
		    (struct tls_pair){ conf->pair[i].chain, conf->pair[i].key };
	spec.pair = pair;
	*out = tls_server_new(&spec, &why);
	mem_free(pair);
	if (*out == NULL)
		log_error("TLS of the listener: %s", why.text);
	return *out != NULL;
}
