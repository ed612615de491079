/*
 * shape.h - what the admin API answers, described: the rows of shapes.def
 */
#ifndef KONTOR_ADMIN_SHAPE_H
#define KONTOR_ADMIN_SHAPE_H

#include "base/buf.h"

enum shape {
	SHAPE_NONE,  /* nothing that is JSON */
	SHAPE_OTHER, /* and neither are its errors */
#define SHAPE(NAME, name, statuses) SHAPE_##NAME,
#define EITHER(NAME, name, A, B) SHAPE_##NAME,
#define FIELD(name, type, how)
#define PART(name, NAME, how)
#define REST(type)
#include "admin/shapes.def"
};

/* With which statuses it is answered. */
enum { SHAPE_OK = 1, SHAPE_CREATED = 2 };

unsigned shape_statuses(enum shape s);
/* {"$ref":...} */
void shape_write_ref(struct buf *b, enum shape s);
/* "schemas": all of them */
void shape_write_all(struct buf *b);

#endif
