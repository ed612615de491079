/*
 * routing.h - the parts of a configuration that say where calls may run
 *
 * Lifecycles and the links between models, residency, priorities.  Models
 * and deployments are taken; a mistake is reported where it stands.
 */
#ifndef KONTOR_MAIN_ROUTING_H
#define KONTOR_MAIN_ROUTING_H

#include "main/report.h"
#include "main/yaml.h"
#include "model/snapshot.h"

/* node: of each deployment, by index. */
void routing_take(struct arena *scratch, const struct ynode *root,
    struct report *r, struct snapshot *s, struct model_conf *model,
    const struct ynode *const *node);

#endif
