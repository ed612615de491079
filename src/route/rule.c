#include "route/rule.h"

#include "shm/atomic.h"

static bool
is_of(const struct shm *m, int32_t row, enum subject_kind kind, uint64_t name)
{
	const struct shm_subject *s;

	if (row < 0 || (uint32_t)row >= m->sizes.subjects)
		return false;
	s = &m->subjects[row];
	return at_peek(&s->kind) == (uint32_t)kind &&
	       at_peek(&s->name_hash) == name;
}

static bool
has(const struct rule_who *w, enum subject_kind kind, uint64_t name)
{
	uint32_t i;

	for (i = 0; w->key != NULL && i < w->key->nsubjects && i < KEY_SUBJECTS;
	     i++) {
		if (is_of(w->m, w->key->subject[i], kind, name))
			return true;
	}
	for (i = 0; kind == SUBJECT_TAG && i < w->ntags; i++) {
		if (is_of(w->m, w->tag[i], kind, name))
			return true;
	}
	return false;
}

static bool
matches(const struct live_match *r, const struct rule_who *w,
    const struct model_conf *m)
{
	unsigned kind;

	if (r->any)
		return true;
	if ((r->model != NULL && r->model != m) ||
	    (r->data_class != 0 && r->data_class != w->data_class) ||
	    (r->key != 0 && (w->key == NULL || at_peek(&w->key->id) != r->key)))
		return false;
	for (kind = SUBJECT_ORG; kind <= SUBJECT_TAG; kind++) {
		if (r->name[kind] != 0 &&
		    !has(w, (enum subject_kind)kind, r->name[kind]))
			return false;
	}
	return true;
}

uint64_t
rule_allows(const struct rule_who *w, const struct model_conf *m, int *named)
{
	const struct live *l = live_of(w->snap);
	uint64_t bits = m->n == 64 ? UINT64_MAX : (UINT64_C(1) << m->n) - 1;
	uint64_t left;
	unsigned i;

	*named = -1;
	for (i = 0; i < w->snap->nresidency; i++) {
		if (!matches(&l->residency[i], w, m))
			continue;
		left = bits & w->snap->residency[i].allow[m->index];
		if (left != bits && (*named < 0 || (left == 0 && bits != 0)))
			*named = (int)i;
		bits = left;
	}
	return bits;
}

enum call_class
rule_class(const struct rule_who *w, const struct model_conf *m)
{
	const struct live *l = live_of(w->snap);
	unsigned i;

	for (i = 0; i < w->snap->nclasses; i++) {
		if (matches(&l->class[i], w, m))
			return (enum call_class)w->snap->class[i].class;
	}
	return CLASS_NORMAL;
}

unsigned
rule_keep(const struct snapshot *s, enum call_class c)
{
	if (!live_of(s)->has_high || c == CLASS_HIGH)
		return 0;
	return c == CLASS_LOW ? s->keep_low : s->keep_normal;
}
