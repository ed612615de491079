/*
 * stages.h - private to gateway/: one function per stage, and how it ends
 */
#ifndef KONTOR_GATEWAY_STAGES_H
#define KONTOR_GATEWAY_STAGES_H

#include "gateway/req.h"

typedef enum next stage_f(struct req *req, enum wake wake);

#define STAGE(name, NAME, to) stage_f stage_##name;
#include "gateway/stages.def"
#undef STAGE

/* The only two ways out of a stage besides NEXT_WAIT. */
enum next req_goto(struct req *req, enum stage to);
enum next req_fail(struct req *req, enum fault why, enum stage to);

/* Is there a deployment left that may be tried?  route.c */
bool route_has_next(const struct req *req);
/* Memory of RELAY that outlives the stage until RECORD has sent it. */
void relay_free(struct req *req);
/* Gives reply's head to the exchange; body_len as exchange_answer().
 * record.c */
void reply_head(struct req *req, int64_t body_len);
/* Cuts the call, if one is open.  send.c */
void leg_drop(struct req *req);
/* Lets the rest of an answer run out without the request. */
void leg_leave(struct req *req);

#endif
