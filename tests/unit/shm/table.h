/* table.h - a small shared table for tests */
#ifndef KONTOR_TESTS_TABLE_H
#define KONTOR_TESTS_TABLE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <unistd.h>

#include "shm/shm.h"

static inline struct shm
table_new(uint32_t slots)
{
	const struct shm_sizes sizes = {
		.slots = slots,
		.accounts = 8,
		.keys = 16,
		.breakers = 8,
		.holds = 8,
		.subjects = 16,
		.limits = 8,
		.ring_bytes = 8192,
	};
	struct shm m;

	assert_int_equal(shm_create(&sizes, 7, 3, &m), FAULT_NONE);
	return m;
}

static inline void
table_free(struct shm *m)
{
	const int fd = m->fd;

	shm_detach(m);
	close(fd);
}

#endif
