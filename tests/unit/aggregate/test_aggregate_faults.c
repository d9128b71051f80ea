/* SPDX-License-Identifier: Apache-2.0
 *
 * Groups and sorted rows where memory, the disk or what comes back from it fails: an error, no
 * leak, no file left, and never a wrong result.
 */
#include "unit/aggregate/aggregate_fixture.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/checked.h"
#include "base/mem.h"
#include "codec/xxh3.h"
#include "sim/sim_fault.h"
#include "sim/sim_memory.h"
#include "support/test_alloc.h"
#include "support/test_os.h"
#include "support/test_share.h"

enum { COLUMNS = 3, BATCHES = 10, ROWS = BATCHES * BATCH };

static const struct fixture_column columns[COLUMNS] = {
    {.type = FIRN_TYPE_I64, .variety = 6000, .nulls = 50},
    {.type = FIRN_TYPE_TEXT, .variety = 300, .nulls = 9},
    {.type = FIRN_TYPE_F64, .variety = 40, .factor = 1, .nulls = 7},
};
static const struct fi_aggregate_column types[COLUMNS] = {
    {FIRN_TYPE_I64, 0}, {FIRN_TYPE_TEXT, 0}, {FIRN_TYPE_F64, 0}};
static struct fixture_values batches[BATCHES][COLUMNS];

static void
make_batches(void)
{
    struct test_random random;
    test_random_init(&random, "faults", 1);
    for (size_t b = 0; b < BATCHES; b++) {
        for (size_t i = 0; i < COLUMNS; i++) {
            fixture_fill(&columns[i], &random, BATCH, &batches[b][i]);
        }
    }
}

/* ---- the same work again and again ---- */

/* Sums of what came out, of which every row has a part; the order of groups plays none. */
struct outcome {
    uint64_t rows;
    uint64_t check;
};
typedef int (*work)(const struct fi_spill *spill, struct outcome *out, firn_error *err);

static uint64_t
check_of(const struct fi_chunk_values *values, size_t row)
{
    if (values->valid != NULL && !fixture_bit(values->valid, row)) {
        return 3;
    }
    if (values->kind != FI_PHYSICAL_BYTES) {
        return values->as.u64[row] * UINT64_C(0x9e3779b97f4a7c15);
    }
    uint64_t check = values->as.bytes[row].size;
    for (size_t i = 0; i < values->as.bytes[row].size; i++) {
        check = check * 31 + values->as.bytes[row].data[i];
    }
    return check;
}

static int
group_all(const struct fi_spill *spill, struct outcome *out, firn_error *err)
{
    const struct fi_aggregate_call calls[] = {
        {.function = FI_AGGREGATE_COUNT_ROWS},
        {.function = FI_AGGREGATE_MAX, .argument = types[1]},
        {.function = FI_AGGREGATE_SUM, .argument = types[2]},
        {.function = FI_AGGREGATE_COUNT_DISTINCT, .argument = types[1]},
    };
    struct fi_aggregate_spec spec = {
        .keys = types, .key_count = 2, .calls = calls, .call_count = 4, .spill = spill};
    struct fi_aggregate *aggregates[2] = {NULL, NULL};
    struct fi_chunk_values keys[2];
    struct fi_chunk_values results[4];
    size_t count;
    int rc;
    *out = (struct outcome){0, 0};
    FI_TRY(fi_aggregate_create(&spec, &aggregates[0], err));
    FI_TRY(fi_aggregate_create(&spec, &aggregates[1], err));
    for (size_t b = 0; b < BATCHES; b++) {
        struct fi_chunk_values values[COLUMNS + 2];
        for (size_t i = 0; i < COLUMNS; i++) {
            values[i] = batches[b][i].values;
        }
        struct fi_chunk_values arguments[] = {values[0], values[1], values[2], values[1]};
        FI_TRY(fi_aggregate_add(aggregates[b % 5 == 0], values, arguments, BATCH, NULL, err));
    }
    FI_TRY(fi_aggregate_merge(aggregates[0], aggregates[1], err));
    FI_TRY(fi_aggregate_finish(aggregates[0], err));
    do {
        FI_TRY(fi_aggregate_next(aggregates[0], keys, results, &count, err));
        for (size_t row = 0; row < count; row++) {
            out->rows += results[0].as.u64[row];
            uint64_t check = check_of(&keys[0], row) ^ check_of(&keys[1], row) * 3;
            for (size_t c = 0; c < 4; c++) {
                check = check * 31 + check_of(&results[c], row);
            }
            out->check += check;
        }
    } while (count > 0);
out:
    fi_aggregate_destroy(aggregates[0]);
    fi_aggregate_destroy(aggregates[1]);
    return rc;
}

/* By one key, some of whose values have places: in both aggregates, in one of them, or in the other. */
static int
group_by_places(const struct fi_spill *spill, struct outcome *out, firn_error *err)
{
    const struct fi_aggregate_call calls[] = {
        {.function = FI_AGGREGATE_COUNT, .argument = types[1]},
        {.function = FI_AGGREGATE_SUM, .argument = types[2]},
    };
    const struct fi_aggregate_range range = {.min = (uint64_t)-500, .max = 700};
    struct fi_aggregate_spec spec = {.keys = types,
                                     .key_count = 1,
                                     .ranges = &range,
                                     .row_count = ROWS,
                                     .calls = calls,
                                     .call_count = 2,
                                     .spill = spill};
    int rc = FIRN_OK;
    *out = (struct outcome){0, 0};
    for (int way = 0; way < 3; way++) {
        struct fi_aggregate *aggregates[2] = {NULL, NULL};
        struct fi_chunk_values keys;
        struct fi_chunk_values results[2];
        size_t count = 0;
        for (int i = 0; rc == FIRN_OK && i < 2; i++) {
            spec.memory_bytes = way == 2 || way == i ? 128 << 10 : 0;
            rc = fi_aggregate_create(&spec, &aggregates[i], err);
        }
        for (size_t b = 0; rc == FIRN_OK && b < BATCHES; b++) {
            struct fi_chunk_values arguments[] = {batches[b][1].values, batches[b][2].values};
            rc = fi_aggregate_add(aggregates[b % 3 == 0], &batches[b][0].values, arguments, BATCH,
                                  NULL, err);
        }
        rc = rc == FIRN_OK ? fi_aggregate_merge(aggregates[0], aggregates[1], err) : rc;
        rc = rc == FIRN_OK ? fi_aggregate_finish(aggregates[0], err) : rc;
        do {
            rc = rc == FIRN_OK ? fi_aggregate_next(aggregates[0], &keys, results, &count, err) : rc;
            for (size_t row = 0; rc == FIRN_OK && row < count; row++) {
                out->rows++;
                out->check += (check_of(&keys, row) * 31 + results[0].as.u64[row]) * 31 +
                              check_of(&results[1], row);
            }
        } while (rc == FIRN_OK && count > 0);
        fi_aggregate_destroy(aggregates[0]);
        fi_aggregate_destroy(aggregates[1]);
    }
    /* As many as there are rows, for those who compare. */
    out->rows = out->rows > 3 * 4000 ? ROWS : 0;
    return rc;
}

static int
sort_all(const struct fi_spill *spill, struct outcome *out, firn_error *err)
{
    const struct fi_rowsort_key keys[] = {{1, true}, {0, false}};
    struct fi_rowsort_spec spec = {
        .columns = types, .column_count = COLUMNS, .keys = keys, .key_count = 2, .spill = spill};
    struct fi_rowsort *sorts[2] = {NULL, NULL};
    struct fi_chunk_values values[COLUMNS];
    size_t count;
    int rc;
    *out = (struct outcome){0, 0};
    FI_TRY(fi_rowsort_create(&spec, &sorts[0], err));
    FI_TRY(fi_rowsort_create(&spec, &sorts[1], err));
    for (size_t b = 0; b < BATCHES; b++) {
        for (size_t i = 0; i < COLUMNS; i++) {
            values[i] = batches[b][i].values;
        }
        FI_TRY(fi_rowsort_add(sorts[b % 5 == 0], values, BATCH, NULL, FI_ROWSORT_ARRIVAL, err));
    }
    FI_TRY(fi_rowsort_merge(sorts[0], sorts[1], err));
    FI_TRY(fi_rowsort_finish(sorts[0], err));
    do {
        FI_TRY(fi_rowsort_next(sorts[0], values, &count, err));
        for (size_t row = 0; row < count; row++) {
            out->rows++;
            for (size_t i = 0; i < COLUMNS; i++) {
                out->check = out->check * 31 + check_of(&values[i], row);
            }
        }
    } while (count > 0);
out:
    fi_rowsort_destroy(sorts[0]);
    fi_rowsort_destroy(sorts[1]);
    return rc;
}

/* ---- failures ---- */

static struct outcome
expected(work run, struct fi_os_dir *dir)
{
    struct fixture_files files;
    struct outcome outcome;
    firn_error err;
    fixture_files_init(&files, dir);
    TEST_OK(run(&files.spill, &outcome, &err), &err);
    assert_true(files.made > 0);
    assert_int_equal(outcome.rows, ROWS);
    return outcome;
}

static void
fail_memory(work run, uint64_t loop)
{
    firn_error err;
    uint64_t failed = 0;
    test_alloc_install();
    /* The machine in memory would keep some of what was in files. */
    struct fi_os_dir *dir = test_os_temp_dir();
    struct outcome right = expected(run, dir);
    int64_t alive = test_alloc_alive();
    test_alloc_fail_at(0, false);
    (void)expected(run, dir);
    uint64_t calls = test_alloc_calls();
    struct test_share share = test_share_of(1 + calls / 40, loop);
    for (uint64_t n = share.first; n <= calls; n += share.step) {
        struct fixture_files files;
        struct outcome outcome;
        fixture_files_init(&files, dir);
        test_alloc_fail_at(n, n % 2 == 0);
        int rc = run(&files.spill, &outcome, &err);
        test_alloc_fail_at(0, false);
        if (rc == FIRN_OK) {
            assert_int_equal(outcome.check, right.check);
        } else {
            assert_int_equal(rc, FIRN_NO_MEMORY);
            failed++;
        }
        test_os_empty_dir(dir);
        assert_int_equal(test_alloc_alive(), alive);
    }
    assert_true(failed > 0);
    test_os_temp_dir_remove(dir);
    assert_int_equal(test_alloc_alive(), 0);
    test_alloc_uninstall();
}

static void
test_memory_may_fail_while_grouping(void **state)
{
    fail_memory(group_all, 1);
}

static void
test_memory_may_fail_while_grouping_by_places(void **state)
{
    fail_memory(group_by_places, 3);
}

static void
test_memory_may_fail_while_sorting(void **state)
{
    fail_memory(sort_all, 2);
}

static void
fail_disk(work run, int error_number, enum fi_sim_fault_kind kind, int code, uint64_t loop)
{
    struct fi_os *memory;
    struct fi_os *os;
    firn_error err;
    TEST_OK(fi_sim_memory_create(1, &memory, &err), &err);
    TEST_OK(fi_sim_fault_create(memory, &os, &err), &err);
    struct fi_os_dir *dir = test_os_root(os);
    struct fi_sim_fault_plan plan = {.classes = FI_SIM_FAULT_OPENS | FI_SIM_FAULT_READS |
                                                FI_SIM_FAULT_WRITES,
                                     .kind = kind,
                                     .error_number = error_number};
    fi_sim_fault_set_plan(os, &plan);
    struct outcome right = expected(run, dir);
    uint64_t calls = fi_sim_fault_calls(os);
    struct test_share share = test_share_of(1 + calls / 40, loop);
    for (uint64_t n = share.first; n <= calls; n += share.step) {
        struct fixture_files files;
        struct outcome outcome;
        fixture_files_init(&files, dir);
        plan.call = n;
        plan.for_ever = n % 3 == 0 && kind != FI_SIM_FAULT_SHORT;
        fi_sim_fault_set_plan(os, &plan);
        int rc = run(&files.spill, &outcome, &err);
        assert_true(fi_sim_fault_hits(os) > 0);
        fi_sim_fault_set_plan(os, NULL);
        assert_int_equal(rc, code);
        if (code == FIRN_OK) {
            assert_int_equal(outcome.check, right.check);
        }
        assert_int_equal(test_os_count(dir), 0);
    }
    fi_os_dir_close(dir);
    fi_sim_fault_destroy(os);
    fi_sim_memory_destroy(memory);
}

static void
test_the_disk_may_fail_while_grouping(void **state)
{
    fail_disk(group_all, EIO, FI_SIM_FAULT_FAILS, FIRN_IO, 3);
    fail_disk(group_all, EIO, FI_SIM_FAULT_SHORT, FIRN_OK, 4);
}

static void
test_the_disk_may_fail_while_sorting(void **state)
{
    fail_disk(sort_all, EIO, FI_SIM_FAULT_TORN, FIRN_IO, 5);
    fail_disk(sort_all, EIO, FI_SIM_FAULT_SHORT, FIRN_OK, 6);
}

static void
test_the_disk_may_be_full(void **state)
{
    static const work works[] = {group_all, sort_all};
    for (size_t w = 0; w < 2; w++) {
        struct fi_os *os;
        struct fixture_files files;
        struct outcome outcome;
        firn_error err;
        TEST_OK(fi_sim_memory_create(1, &os, &err), &err);
        struct fi_os_dir *dir = test_os_root(os);
        (void)expected(works[w], dir);
        fixture_files_init(&files, dir);
        for (uint64_t space = 0; space < 400000; space += 100000) {
            fi_sim_memory_set_space(os, space);
            assert_int_equal(works[w](&files.spill, &outcome, &err), FIRN_NO_SPACE);
            assert_int_equal(test_os_count(dir), 0);
        }
        fi_sim_memory_set_space(os, UINT64_MAX);
        TEST_OK(works[w](&files.spill, &outcome, &err), &err);
        fi_os_dir_close(dir);
        fi_sim_memory_destroy(os);
    }
}

/* ---- damage ---- */

struct damage {
    struct fi_os_dir *dir; /* of the machine below */
    uint64_t at;           /* reads until then */
    uint64_t reads;
    uint32_t bit;
    struct test_random *forger; /* NULL: checksums do not fit */
    bool is_done;
};

/* Changes a few bytes of each block's records, whose checksums fit again. */
static void
forge(struct test_random *random, uint8_t *bytes, uint64_t file_size)
{
    for (uint64_t at = 0; file_size - at > 16;) {
        uint64_t size = 16 + (uint64_t)fi_load_le32(bytes + at + 8);
        assert_true(fi_range_inside(at, size, file_size));
        for (uint64_t n = test_random_below(random, 40); n > 0; n--) {
            uint64_t place = at + 16 + test_random_below(random, size - 16);
            bytes[place] ^= (uint8_t)(1U << test_random_below(random, 8));
        }
        fi_store_le64(bytes + at, fi_xxh3(bytes + at + 8, (size_t)size - 8, at));
        at += size;
    }
}

/* Before the at-th read, one bit of the file that is read is not what it was. */
static void
do_damage(void *ctx, const struct fi_sim_fault_call *call)
{
    struct damage *damage = ctx;
    if (call->kind != FI_SIM_FAULT_READS || call->name == NULL || ++damage->reads != damage->at) {
        return;
    }
    struct fi_os_file *file;
    struct fi_os_stat stat;
    firn_error err;
    TEST_OK(fi_os_file_open(damage->dir, call->name, FI_OS_READ | FI_OS_WRITE, 0, &file, &err),
            &err);
    TEST_OK(fi_os_file_stat(file, &stat, &err), &err);
    uint8_t *bytes = malloc((size_t)stat.size_bytes);
    assert_non_null(bytes);
    TEST_OK(fi_os_file_read_exact(file, 0, bytes, (size_t)stat.size_bytes, &err), &err);
    /* In each sector, so that it is among what is read. */
    for (uint64_t offset = damage->bit / 8; damage->forger == NULL && offset < stat.size_bytes;
         offset += 300) {
        bytes[offset] ^= (uint8_t)(1U << damage->bit % 8);
    }
    if (damage->forger != NULL) {
        forge(damage->forger, bytes, stat.size_bytes);
    }
    TEST_OK(fi_os_file_write(file, 0, bytes, (size_t)stat.size_bytes, &err), &err);
    free(bytes);
    fi_os_file_close(file);
    damage->is_done = true;
}

/* n runs of each work, with files that are damaged before one of the first reads; forged ones may be right. */
static void
damage_files(uint32_t times, struct test_random *forger)
{
    static const work works[] = {group_all, sort_all};
    struct fi_os *memory;
    struct fi_os *os;
    firn_error err;
    TEST_OK(fi_sim_memory_create(1, &memory, &err), &err);
    TEST_OK(fi_sim_fault_create(memory, &os, &err), &err);
    struct fi_os_dir *dir = test_os_root(os);
    struct fi_os_dir *below = test_os_root(memory);
    for (size_t w = 0; w < 2; w++) {
        for (uint32_t n = 0; n < times; n++) {
            struct fixture_files files;
            struct outcome outcome;
            struct damage damage = {
                .dir = below, .at = 1 + n / 2, .bit = n * 101, .forger = forger};
            fixture_files_init(&files, dir);
            fi_sim_fault_set_hook(os, do_damage, &damage);
            int rc = works[w](&files.spill, &outcome, &err);
            fi_sim_fault_set_hook(os, NULL, NULL);
            assert_true(damage.is_done);
            if (forger == NULL) {
                assert_int_equal(rc, FIRN_CORRUPT);
                assert_non_null(strstr(err.text, "spill-"));
            } else {
                assert_true(rc == FIRN_OK || rc == FIRN_CORRUPT);
            }
            assert_int_equal(test_os_count(dir), 0);
        }
    }
    fi_os_dir_close(below);
    fi_os_dir_close(dir);
    fi_sim_fault_destroy(os);
    fi_sim_memory_destroy(memory);
}

static void
test_damaged_files_are_noticed(void **state)
{
    damage_files(24, NULL);
}

static void
test_forged_files_do_no_harm(void **state)
{
    struct test_random random;
    test_random_init(&random, "forged files", 5);
    damage_files(30, &random);
}

static int
setup(void **state)
{
    make_batches();
    return 0;
}

static int
teardown(void **state)
{
    fixture_end();
    return 0;
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_memory_may_fail_while_grouping),
        cmocka_unit_test(test_memory_may_fail_while_grouping_by_places),
        cmocka_unit_test(test_memory_may_fail_while_sorting),
        cmocka_unit_test(test_the_disk_may_fail_while_grouping),
        cmocka_unit_test(test_the_disk_may_fail_while_sorting),
        cmocka_unit_test(test_the_disk_may_be_full),
        cmocka_unit_test(test_damaged_files_are_noticed),
        cmocka_unit_test(test_forged_files_do_no_harm),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
