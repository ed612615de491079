/*
 * scope.h - private to admin/: whose a budget or limit is, as JSON
 */
#ifndef KONTOR_ADMIN_SCOPE_H
#define KONTOR_ADMIN_SCOPE_H

#include "admin/api.h"
#include "base/base.h"
#include "base/buf.h"
#include "store/store.h"

/* "team"; NULL: none such. */
const char *scope_kind(unsigned kind);
/* "key":"12" */
void scope_write_id(struct buf *b, const char *key, uint64_t id);
/* Nano-units as a decimal string. */
void scope_write_money(struct buf *b, const char *key, int64_t nano);
/* Seconds since 1970, or null. */
void scope_write_time(struct buf *b, const char *key, int64_t ns);

/*
 * Columns of a query over x (accounts or limits): kind and name of the
 * subject; id and name of the newest key, for own subjects of keys.
 */
#define SCOPE_COLUMNS "s.kind, s.name, k.id, k.name"
#define SCOPE_JOIN(x) \
	" LEFT JOIN subjects s ON s.id = " x ".subject" \
	" LEFT JOIN keys k ON " x ".subject = 0 AND k.id = (SELECT n.id FROM" \
	" keys n WHERE n.principal = " x ".of_key ORDER BY n.revoked," \
	" n.created_ns DESC LIMIT 1)"

/* "scope":"team:ml","subject":{...} from SCOPE_COLUMNS that begin at. */
void scope_write(struct buf *b, struct stmt *q, int at);
/*
 * Whose rows a list is asked for, as scope_is() wants it: a key as the newest
 * made in its place, "team:#12" by its name.  Empty: everybody's.  False:
 * there is none such; the list is ended and that answered.
 */
bool scope_asked(
    struct api *a, struct api_list *l, struct slice *scope) MUST_USE;
bool scope_is(struct stmt *q, int at, struct slice scope);

#endif
