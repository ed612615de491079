#include "table.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

static void
a_second_view_sees_what_the_first_wrote(void **state)
{
	struct shm a = table_new(3), b;

	(void)state;
	assert_int_equal(shm_attach(a.fd, &b), FAULT_NONE);
	atomic_store(&shm_column(&a, 5, 1, 2)->sum, 77);
	assert_int_equal(atomic_load(&shm_column(&b, 5, 1, 2)->sum), 77);
	assert_ptr_not_equal(a.base, b.base);
	assert_int_equal(b.head->node, 7);
	assert_int_equal(b.head->boot, 3);
	assert_int_equal(b.slot, UINT32_MAX);
	shm_detach(&b);
	table_free(&a);
}

static void
tables_do_not_overlap(void **state)
{
	struct shm m = table_new(SLOTS_MAX);
	const uint32_t last = SLOTS_MAX - 1;

	(void)state;
	assert_true((char *)&m.slots[SLOTS_MAX] <= (char *)m.accounts);
	assert_true((char *)&m.accounts[8] <= (char *)m.columns);
	assert_true(
	    (char *)(shm_column(&m, 7, 1, last) + 1) <= (char *)m.lives);
	assert_true((char *)(shm_live(&m, 7, 1, last) + 1) <= (char *)m.holds);
	assert_true((char *)(shm_hold_at(&m, last, 7) + 1) <= (char *)m.keys);
	assert_true((char *)&m.keys[16] <= (char *)m.breakers);
	assert_true((char *)&m.breakers[8] <= m.base + m.off_rings);
	assert_int_equal((uintptr_t)shm_column(&m, 3, 1, 0) % 64, 0);
	table_free(&m);
}

static void
patch(int fd, size_t at, uint64_t v, size_t len)
{
	assert_int_equal(pwrite(fd, &v, len, (off_t)at), (ssize_t)len);
}

static void
a_foreign_layout_is_refused(void **state)
{
	struct shm m = table_new(2), b;

	(void)state;
	patch(m.fd, offsetof(struct shm_head, layout), m.head->layout ^ 1, 8);
	assert_int_equal(shm_attach(m.fd, &b), FAULT_DATA);
	table_free(&m);
	m = table_new(2);
	patch(m.fd, offsetof(struct shm_head, magic), 0, 8);
	assert_int_equal(shm_attach(m.fd, &b), FAULT_DATA);
	table_free(&m);
}

/* Each size at its extremes: refused before anything is mapped by it. */
static void
impossible_sizes_are_refused(void **state)
{
	static const struct {
		size_t at, len;
	} fields[] = {
		{ offsetof(struct shm_head, sizes.slots), 4 },
		{ offsetof(struct shm_head, sizes.accounts), 4 },
		{ offsetof(struct shm_head, sizes.keys), 4 },
		{ offsetof(struct shm_head, sizes.breakers), 4 },
		{ offsetof(struct shm_head, sizes.holds), 4 },
		{ offsetof(struct shm_head, sizes.ring_bytes), 8 },
		{ offsetof(struct shm_head, total), 8 },
		{ offsetof(struct shm_head, off_rings), 8 },
	};
	static const uint64_t bad[] = { 0, 3000, UINT32_MAX, UINT64_MAX,
		UINT64_C(1) << 31, UINT64_C(1) << 63 };
	struct shm m, b;
	size_t i, j;

	(void)state;
	for (i = 0; i < NELEM(fields); i++) {
		for (j = 0; j < NELEM(bad); j++) {
			m = table_new(2);
			patch(m.fd, fields[i].at, bad[j], fields[i].len);
			assert_int_equal(shm_attach(m.fd, &b), FAULT_DATA);
			table_free(&m);
		}
	}
}

static void
a_file_that_is_too_short_is_refused(void **state)
{
	int fd = memfd_create("short", MFD_CLOEXEC);
	struct shm b;

	(void)state;
	assert_int_equal(shm_attach(fd, &b), FAULT_DATA);
	assert_int_equal(ftruncate(fd, 4096), 0);
	assert_int_equal(shm_attach(fd, &b), FAULT_DATA);
	close(fd);
}

static void
unreasonable_wishes_are_refused(void **state)
{
	static const struct shm_sizes bad[] = {
		{ 0, 1, 1, 1, 1, 1, 1, 4096 },
		{ SLOTS_MAX + 1, 1, 1, 1, 1, 1, 1, 4096 },
		{ 1, 0, 1, 1, 1, 1, 1, 4096 },
		{ 1, UINT32_MAX, 1, 1, 1, 1, 1, 4096 },
		{ 1, 1, UINT32_MAX, 1, 1, 1, 1, 4096 },
		{ 1, 1, 1, 1, 0, 1, 1, 4096 },
		{ 1, 1, 1, 1, 1, 1, 1, 4095 },
		{ 1, 1, 1, 1, 1, 1, 1, 12288 },
		{ 1, 1, 1, UINT32_MAX, 1, 1, 1, 4096 },
		{ 1, 1, 1, 1, 1, UINT32_MAX, 1, 4096 },
		{ 1, 1, 1, 1, 1, 1, UINT32_MAX, 4096 },
		{ 1, 1, 1, 1, 1, 1, 1, UINT64_C(1) << 40 },
	};
	struct shm m;
	size_t i;

	(void)state;
	for (i = 0; i < NELEM(bad); i++)
		assert_int_equal(shm_create(&bad[i], 0, 0, &m), FAULT_CONFIG);
}

static void
its_size_cannot_change(void **state)
{
	struct shm m = table_new(2);

	(void)state;
	assert_int_equal(ftruncate(m.fd, 0), -1);
	assert_int_equal(ftruncate(m.fd, 1 << 30), -1);
	table_free(&m);
}

static void
unused_pages_cost_nothing(void **state)
{
	const struct shm_sizes sizes = { 10, 10000, 16384, 64, 4096, 32768,
		16384, 16 * 1024 * 1024 };
	struct stat st;
	struct shm m;

	(void)state;
	assert_int_equal(shm_create(&sizes, 1, 1, &m), FAULT_NONE);
	assert_int_equal(fstat(m.fd, &st), 0);
	assert_true(st.st_size > 160 * 1024 * 1024);
	assert_true(st.st_blocks * 512 <= 16 * 1024);
	table_free(&m);
}

static void
slots_are_taken_die_and_are_free_again(void **state)
{
	struct shm m = table_new(2);

	(void)state;
	assert_int_equal(shm_slot_take(&m, true), 0);
	assert_int_equal(shm_slot_take(&m, false), 1);
	assert_int_equal(shm_slot_take(&m, false), UINT32_MAX);
	assert_int_equal(m.slots[0].is_recorder, 1);
	assert_int_equal(atomic_load(&m.slots[1].incarnation), 2);
	shm_slot_dead(&m, 1);
	assert_int_equal(shm_slot_state(&m, 1), SLOT_DEAD);
	assert_int_equal(shm_slot_take(&m, false), UINT32_MAX);
	atomic_store(&m.slots[1].state, SLOT_FREE);
	assert_int_equal(shm_slot_take(&m, false), 1);
	assert_int_equal(atomic_load(&m.slots[1].incarnation), 3);
	m.slot = 1;
	shm_heartbeat(&m, 99);
	assert_int_equal(atomic_load(&m.slots[1].heartbeat_ns), 99);
	table_free(&m);
}

static void
a_recorder_never_lacks_a_slot(void **state)
{
	struct shm m = table_new(3);

	(void)state;
	assert_int_equal(shm_slot_take(&m, true), 0);
	assert_int_equal(shm_slot_take(&m, false), 1);
	assert_int_equal(shm_slot_take(&m, false), 2);
	shm_slot_dead(&m, 0);
	shm_slot_dead(&m, 1);
	assert_int_equal(shm_slot_take(&m, false), UINT32_MAX);
	/* A dead worker's is for repair alone. */
	assert_int_equal(shm_slot_take(&m, true), 0);
	assert_int_equal(atomic_load(&m.slots[0].incarnation), 4);
	assert_int_equal(shm_slot_state(&m, 0), SLOT_LIVE);
	assert_int_equal(shm_slot_state(&m, 1), SLOT_DEAD);
	table_free(&m);
}

/* A worker that dies meanwhile finds one too. */
static void
recorders_that_die_leave_slots_to_workers(void **state)
{
	struct shm m = table_new(6);
	uint32_t slot;
	int i;

	(void)state;
	slot = shm_slot_take(&m, true);
	assert_int_equal(shm_slot_take(&m, false), 1);
	for (i = 0; i < 8; i++) {
		shm_slot_dead(&m, slot);
		slot = shm_slot_take(&m, true);
		assert_true(slot < 3);
		assert_int_equal(shm_slot_state(&m, slot), SLOT_LIVE);
	}
	shm_slot_dead(&m, slot);
	shm_slot_dead(&m, 1);
	assert_int_equal(shm_slot_take(&m, false), 3);
	table_free(&m);
}

static void
incarnations_never_repeat_within_a_boot(void **state)
{
	struct shm m = table_new(2);

	(void)state;
	atomic_store(&m.head->next_incarnation, UINT16_MAX - 1);
	assert_int_equal(shm_slot_take(&m, false), 0);
	assert_int_equal(atomic_load(&m.slots[0].incarnation), UINT16_MAX);
	assert_int_equal(shm_slot_take(&m, false), UINT32_MAX);
	table_free(&m);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_second_view_sees_what_the_first_wrote),
		cmocka_unit_test(tables_do_not_overlap),
		cmocka_unit_test(a_foreign_layout_is_refused),
		cmocka_unit_test(impossible_sizes_are_refused),
		cmocka_unit_test(a_file_that_is_too_short_is_refused),
		cmocka_unit_test(unreasonable_wishes_are_refused),
		cmocka_unit_test(its_size_cannot_change),
		cmocka_unit_test(unused_pages_cost_nothing),
		cmocka_unit_test(slots_are_taken_die_and_are_free_again),
		cmocka_unit_test(a_recorder_never_lacks_a_slot),
		cmocka_unit_test(recorders_that_die_leave_slots_to_workers),
		cmocka_unit_test(incarnations_never_repeat_within_a_boot),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
