/*
 * ipc.h - how processes of one node ask each other: one JSON object a message
 *
 * Over SOCK_SEQPACKET socketpairs made by the supervisor, at most IPC_MAX
 * bytes a message, descriptors beside them where a row says so.
 *
 * control <-> recorder (control asks, the recorder answers in order):
 *   {"n":7,"op":"barrier"}                     -> {"n":7,"ok":true}
 *       everything served before is in the log, synced, in the store
 *   {"n":8,"op":"key_create","idem":"...","name":"...","id":"<12 base62>",
 *    "sha256":"<hex>","models":["..."],"expires_ns":0,"admin":false,
 *    "org":"...","team":"...","project":"...","user":"...","tags":["k=v"],
 *    "budget":"25.00/month","budget_mode":"hard","limits":["..."]}
 *                                              -> {"n":8,"ok":true,"id":"..."}
 *   {"n":9,"op":"key_revoke","id":"..."}       -> {"n":9,"ok":true}
 *   {"n":10,"op":"key_rotate","idem":"...","id":"<old>","new":"<id>",
 *    "sha256":"<hex>","keep_ns":0}             -> {"n":10,"ok":true}
 *       keep_ns: how long from now the old one stays good
 *   {"n":11,"op":"subject_create","kind":"team","team":"ml","org":"acme"}
 *   {"n":12,"op":"subject_rename","kind":"team","id":"7","name":"..."}
 *   {"n":13,"op":"subject_close","kind":"team","id":"7"}
 *   {"n":14,"op":"budget_set","scope":"team:ml","budget":"100.00/month",
 *    "zone":"...","mode":"hard","downgrade_to":"...","tight":"clamp",
 *    "admit_wait":"2s"}                        -> ...,"id":"3","did":"created"
 *   {"n":15,"op":"budget_change","id":"3","version":"1", and the same}
 *   {"n":16,"op":"budget_close","id":"3"}
 *   {"n":17,"op":"limit_set","scope":"team:ml",
 *    "limit":"requests=600/minute","burst":20}
 *   {"n":18,"op":"limit_close","id":"1"}
 *   an error: {"n":8,"ok":false,"fault":"CONFLICT","text":"..."}
 *
 * control <-> supervisor (control asks):
 *   {"n":1,"op":"reload"}  -> {"n":1,"ok":true,"generation":"<hex>"}
 *                             or {"n":1,"ok":false,"errors":"<report>"}
 *   {"n":3,"op":"config_text"}
 *       -> {"n":3,"ok":true,"file":"...","version":"<sha256>","text":"..."}
 *   {"n":4,"op":"config_check","text":"..."}
 *       -> {"n":4,"ok":true,"good":false,"report":"...","needs_restart":"",
 *           "changes":[...],"more_changes":false}
 *   {"n":5,"op":"config_save","version":"<sha256>","text":"..."}
 *       as reload, after the file was written
 *   {"n":2,"op":"status"}  -> {"n":2,"ok":true,"processes":[...]}
 *
 * supervisor -> worker, recorder, control, courier:
 *   {"op":"config"} with the config memfd      -> {"ok":true}
 *   {"op":"drain"}                                (no answer)
 *   {"op":"repair","slot":3}                      (recorder only)
 */
#ifndef KONTOR_MODEL_IPC_H
#define KONTOR_MODEL_IPC_H

#include "model/snapshot.h"

enum {
	IPC_MAX = 64 * 1024,
	IPC_CONFIG_MAX = 64 * 1024 * 1024 /* of a compiled configuration */
};

/*
 * Descriptors a child finds open, by number.  What a role is not given is
 * closed.  argv[0] is the title ("kontor: worker 1"), argv[1] the role word
 * ("worker", "recorder", "control", "courier"), argv[2] the slot number or "-".
 */
enum {
	FD_SHM = 3,    /* shared tables */
	FD_CONFIG = 4, /* config memfd (workers and courier: with the secrets of
			  each) */
	FD_CTL = 5,    /* socketpair with the supervisor */
	FD_ALIVE = 6,  /* pipe: EOF when the supervisor is gone */
	FD_LISTEN = 7, /* worker: gateway listener; control: admin listener */
	FD_PEER = 8,   /* control and recorder: their socketpair */
	FD_WALLET = 9, /* courier: to write; worker: to read */
	FD_LAST = 9
};

/*
 * The compiled configuration in its memfd; what held its text on the way is
 * wiped, since it may have secrets.  FAULT_CONFIG: it is not ours, and *out is
 * NULL.
 */
bool ipc_config_write(
    int fd, const struct snapshot *s, enum snapshot_for whom) MUST_USE;
enum fault ipc_config_read(int fd, struct snapshot **out) MUST_USE;

#endif
