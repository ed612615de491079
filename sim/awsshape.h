/*
 * awsshape.h - JSON as AWS's servers read it: structures from the published
 * model of the service, unions with exactly one member
 *
 * Stricter than AWS in one point: a member that the model does not know is
 * refused, so that nothing is sent that nobody reads.
 */
#ifndef KONTOR_SIM_AWSSHAPE_H
#define KONTOR_SIM_AWSSHAPE_H

#include "base/arena.h"
#include "base/json.h"
#include "sim/shape.h"

enum awsshape {
	AWSSHAPE_NONE,
#define SHAPE(NAME, name, is_union) AWSSHAPE_##NAME,
#define FIELD(of, member, kind, shape, required, least, most, words)
#include "sim/bedrock.def"
#undef SHAPE
#undef FIELD
	AWSSHAPE_MAX
};

/* false: *why says what is wrong, as AWS words it. */
bool awsshape_check(struct arena *a, const struct json *j, enum awsshape shape,
    struct refusal *why);
/* Another ValidationException; always false. */
bool awsshape_wrong(struct refusal *why, const char *message);

#endif
