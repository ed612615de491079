/*
 * local.h - what a worker answers itself: lists of models, its health
 */
#ifndef KONTOR_GATEWAY_LOCAL_H
#define KONTOR_GATEWAY_LOCAL_H

#include "gateway/req.h"

/* Each fills req->reply, or req->fault. */
void local_models(struct req *req, struct slice segment);
void local_model(struct req *req, struct slice segment);
/* A WebSocket is asked for: 426, and its clients come back with HTTP. */
void local_upgrade(struct req *req, struct slice segment);
/* The same in Google's shape. */
void local_models_google(struct req *req, struct slice segment);
void local_model_google(struct req *req, struct slice segment);
void local_healthz(struct req *req, struct slice segment);
void local_readyz(struct req *req, struct slice segment);
void local_count_google(struct req *req, struct slice segment);
void local_count_aws(struct req *req, struct slice segment);
void local_count(struct req *req, struct slice segment);

#endif
