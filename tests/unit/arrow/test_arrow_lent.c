/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/arrow: values that Arrow arrays have where they lie in chunks of runs: they are not copied where they need not be, right
 * with nulls, gaps and conditions, and stay so when the stream, the store and its cache have gone, in every order of release, by
 * any thread. Beyond a bound they are copied. test_arrow.c has all types, test_block_lease.c the leases.
 */
#include <inttypes.h>
#include <pthread.h>
#include <unistd.h>

#include "firn/arrow.h"
#include "firn/firn.h"
#include "support/test.h"
#include "support/test_alloc.h"
#include "support/test_fault.h"
#include "support/test_ok.h"
#include "support/test_random.h"
#include "support/test_table.h"
#include "support/test_temp.h"

static firn_error err;

enum { DIMENSIONS = 16, VECTOR_SIZE = 4 * DIMENSIONS, ARRAYS_MAX = 64 };
enum { ID, NUMBER, REAL, NARROW, UID, PLACE, SPARSE, WORD, COLUMNS };
static const char definition[] = "id i64 primary key, number u64 not null, real f64 not null, "
                                 "narrow f32 not null, uid uuid not null, "
                                 "place vector(16) not null, sparse i64, word text not null";

struct rig {
    char dir[TEST_TEMP_SIZE];
    char path[TEST_TABLE_PATH_SIZE];
    firn_store *store;
    firn_table *table;
};

/* What a row has: numbers that nothing makes smaller. */
static uint64_t
mixed(uint64_t id, uint64_t column)
{
    uint64_t x = (id * 16 + column + 1) * UINT64_C(0x9e3779b97f4a7c15);
    x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
    return x ^ (x >> 31);
}

static double
real_of(uint64_t id)
{
    return (double)(mixed(id, REAL) >> 1) / 3.7e11;
}

static float
narrow_of(uint64_t id)
{
    return (float)mixed(id, NARROW) / 3.3e9F;
}

static bool
is_sparse(uint64_t id)
{
    return id / 3000 % 4 == 1; /* blocks with nulls, and blocks without */
}

static void
bytes_of(uint64_t id, uint64_t column, size_t size, uint8_t *out)
{
    for (size_t i = 0; i < size; i += 8) {
        uint64_t word = mixed(id + i, column);
        if (column == PLACE) { /* floats that are numbers */
            word &= UINT64_C(0xbf7fffffbf7fffff);
        }
        memcpy(out + i, &word, 8);
    }
}

static void
begin(struct rig *rig, uint64_t rows, uint64_t memory_bytes)
{
    firn_table_bulk *bulk;
    firn_table_def *def;
    firn_store_options options = FIRN_STORE_OPTIONS_INIT;
    options.memory_bytes = memory_bytes;
    test_temp_make(rig->dir, sizeof rig->dir);
    (void)snprintf(rig->path, sizeof rig->path, "%s/s.firn", rig->dir);
    OK(firn_store_open(rig->path, &options, &rig->store, &err));
    OK(firn_table_def_parse(definition, &def, &err));
    OK(firn_table_create(rig->store, "t", def, &rig->table, &err));
    firn_release(def);
    OK(firn_table_bulk_open(rig->table, NULL, &bulk, &err));
    for (uint64_t id = 0; id < rows; id++) {
        uint8_t uid[16];
        uint8_t place[VECTOR_SIZE];
        bytes_of(id, UID, sizeof uid, uid);
        bytes_of(id, PLACE, sizeof place, place);
        const firn_value row[COLUMNS] = {
            firn_i64((int64_t)id),
            firn_u64(mixed(id, NUMBER)),
            firn_f64(real_of(id)),
            {.type = FIRN_TYPE_F32, .as = {.f32 = narrow_of(id)}},
            {.type = FIRN_TYPE_UUID, .as = {.bytes = firn_bytes(uid, sizeof uid)}},
            {.type = FIRN_TYPE_VECTOR, .as = {.bytes = firn_bytes(place, sizeof place)}},
            is_sparse(id) ? firn_null() : firn_i64((int64_t)mixed(id, SPARSE)),
            firn_text(id % 2 == 0 ? "even" : "odd")};
        OK(firn_table_bulk_put(bulk, row, COLUMNS, &err));
    }
    OK(firn_table_bulk_commit(bulk, &err));
    firn_table_bulk_close(bulk);
}

static void
end(struct rig *rig)
{
    test_table_destroy(rig->dir, rig->path, rig->store);
}

static void
open_stream(struct rig *rig, const char *where, struct ArrowArrayStream *out)
{
    firn_scan_options options = FIRN_SCAN_OPTIONS_INIT;
    firn_scan *scan;
    options.where = where;
    OK(firn_scan_open(rig->table, &options, &scan, &err));
    OK(firn_scan_to_arrow(scan, out, &err));
}

static bool
bit(const void *bits, int64_t i)
{
    return (((const uint8_t *)bits)[i / 8] >> (i % 8) & 1) != 0;
}

/* A column by itself: the rows' ids are given. */
static void
check_column(const struct ArrowArray *array, size_t column, const int64_t *ids)
{
    for (int64_t i = 0; i < array->length; i++) {
        const uint64_t id = (uint64_t)ids[i];
        uint8_t bytes[VECTOR_SIZE];
        switch (column) {
        case ID:
            assert_int_equal(((const int64_t *)array->buffers[1])[i], id);
            break;
        case NUMBER:
            assert_true(((const uint64_t *)array->buffers[1])[i] == mixed(id, NUMBER));
            break;
        case REAL:
            assert_true(((const double *)array->buffers[1])[i] == real_of(id));
            break;
        case NARROW:
            assert_true(((const float *)array->buffers[1])[i] == narrow_of(id));
            break;
        case UID:
            bytes_of(id, UID, 16, bytes);
            assert_memory_equal((const uint8_t *)array->buffers[1] + 16 * i, bytes, 16);
            break;
        case PLACE:
            bytes_of(id, PLACE, VECTOR_SIZE, bytes);
            assert_memory_equal((const uint8_t *)array->children[0]->buffers[1] + VECTOR_SIZE * i,
                                bytes, VECTOR_SIZE);
            break;
        case SPARSE:
            assert_int_equal(array->buffers[0] == NULL || bit(array->buffers[0], i),
                             !is_sparse(id));
            if (!is_sparse(id)) {
                assert_true(((const uint64_t *)array->buffers[1])[i] == mixed(id, SPARSE));
            }
            break;
        default: {
            const int32_t *ends = array->buffers[1];
            assert_int_equal(ends[i + 1] - ends[i], id % 2 == 0 ? 4 : 3);
            assert_memory_equal((const char *)array->buffers[2] + ends[i],
                                id % 2 == 0 ? "even" : "odd", (size_t)(ends[i + 1] - ends[i]));
            break;
        }
        }
    }
}

static void
check_array(const struct ArrowArray *array)
{
    for (size_t i = 0; i < COLUMNS; i++) {
        assert_int_equal(array->children[i]->length, array->length);
        check_column(array->children[i], i, array->children[ID]->buffers[1]);
    }
}

struct arrays {
    struct ArrowArray items[ARRAYS_MAX];
    size_t count;
    int64_t rows;
};

static void
read_all(struct ArrowArrayStream *stream, struct arrays *out)
{
    *out = (struct arrays){.count = 0};
    for (;;) {
        struct ArrowArray array;
        assert_int_equal(stream->get_next(stream, &array), 0);
        if (array.release == NULL) {
            return;
        }
        assert_true(out->count < ARRAYS_MAX);
        out->rows += array.length;
        out->items[out->count++] = array;
    }
}

static void
read_rows(struct rig *rig, const char *where, struct arrays *out)
{
    struct ArrowArrayStream stream;
    open_stream(rig, where, &stream);
    read_all(&stream, out);
    stream.release(&stream);
}

static void
check_all(const struct arrays *arrays)
{
    for (size_t i = 0; i < arrays->count; i++) {
        check_array(&arrays->items[i]);
    }
}

static void
release_all(struct arrays *arrays)
{
    for (size_t i = 0; i < arrays->count; i++) {
        arrays->items[i].release(&arrays->items[i]);
    }
}

/* The buffer of a column's values. */
static const void *
values_of(const struct ArrowArray *array, size_t column)
{
    const struct ArrowArray *child = array->children[column];
    return column == PLACE ? child->children[0]->buffers[1] : child->buffers[1];
}

/* Columns of all arrays whose values two reads have in one place. */
static size_t
count_shared(const struct arrays *a, const struct arrays *b)
{
    size_t shared = 0;
    for (size_t i = 0; i < a->count && i < b->count; i++) {
        for (size_t k = 0; k < COLUMNS; k++) {
            shared += values_of(&a->items[i], k) == values_of(&b->items[i], k);
        }
    }
    return shared;
}

static void
plain_values_are_not_copied(void **state)
{
    struct rig rig;
    struct arrays first;
    struct arrays second;
    begin(&rig, 50000, 0);
    read_rows(&rig, NULL, &first);
    read_rows(&rig, NULL, &second);
    assert_int_equal(first.rows, 50000);
    assert_int_equal(first.count, second.count);
    assert_true(first.count <= 4); /* row groups: they end by their bytes */
    check_all(&first);
    /* Numbers, floats, UUIDs and vectors, of all groups; what is packed, and what has nulls, is copied. */
    for (size_t i = 0; i < first.count; i++) {
        for (size_t k = NUMBER; k <= PLACE; k++) {
            if (k != REAL && k != NARROW) { /* they may be packed as well */
                assert_ptr_equal(values_of(&first.items[i], k), values_of(&second.items[i], k));
            }
        }
        assert_ptr_not_equal(values_of(&first.items[i], ID), values_of(&second.items[i], ID));
        assert_ptr_not_equal(values_of(&first.items[i], WORD), values_of(&second.items[i], WORD));
    }
    release_all(&first);
    check_all(&second);
    release_all(&second);
    end(&rig);
}

/* The bound is half of the cache's budget; what is beyond it is copied, and what is given back can be lent again. */
static void
what_is_lent_is_bounded(void **state)
{
    enum { READS = 12 };
    struct rig rig;
    struct arrays reads[READS];
    begin(&rig, 50000, 32 << 20);
    for (size_t i = 0; i < READS; i++) {
        read_rows(&rig, NULL, &reads[i]);
    }
    const size_t all = count_shared(&reads[0], &reads[1]);
    assert_true(all > 0);
    assert_true(count_shared(&reads[0], &reads[READS - 1]) == 0);
    for (size_t i = 0; i < READS; i++) {
        check_all(&reads[i]);
        if (i > 0) {
            release_all(&reads[i]);
        }
    }
    read_rows(&rig, NULL, &reads[1]);
    assert_int_equal(count_shared(&reads[0], &reads[1]), all);
    release_all(&reads[0]);
    release_all(&reads[1]);
    end(&rig);
}

/* Of a table that the cache does not keep, the array gets what was read. */
static void
what_is_not_kept_is_handed_over(void **state)
{
    struct rig rig;
    struct arrays first;
    begin(&rig, 50000, 4 << 20);
    read_rows(&rig, NULL, &first);
    assert_int_equal(first.rows, 50000);
    check_all(&first);
    release_all(&first);
    end(&rig);
}

static void *
release_elsewhere(void *arg)
{
    struct ArrowArray *array = arg;
    array->release(array);
    return NULL;
}

/* Arrays, columns that were moved out, the stream and the store go in a random order. */
static void
any_order_of_release(void **state)
{
    struct test_random random;
    test_random_init(&random, "any_order_of_release", 1902);
    test_alloc_install();
    for (unsigned round = 0; round < 12; round++) {
        struct rig rig;
        struct ArrowArrayStream stream;
        struct arrays arrays;
        struct ArrowArray moved[COLUMNS] = {{.length = 0}};
        begin(&rig, 30000, round % 3 == 0 ? 4 << 20 : 0);
        open_stream(&rig, NULL, &stream);
        read_all(&stream, &arrays);
        const int64_t rows = arrays.items[0].length;
        int64_t *ids = malloc((size_t)rows * sizeof *ids);
        assert_non_null(ids);
        memcpy(ids, arrays.items[0].children[ID]->buffers[1], (size_t)rows * sizeof *ids);
        for (size_t i = 0; i < COLUMNS; i++) {
            if (test_random_below(&random, 2) == 0) {
                moved[i] = *arrays.items[0].children[i];
                arrays.items[0].children[i]->release = NULL;
            }
        }
        unsigned done = 0;
        size_t next = 0;
        while (done != 15) {
            unsigned step = (unsigned)test_random_below(&random, 4);
            if (done >> step & 1) {
                continue;
            }
            if (step == 0) {
                stream.release(&stream);
            } else if (step == 1) { /* the stream is released before the store is closed */
                if (!(done & 1)) {
                    continue;
                }
                end(&rig);
            } else if (step == 2) {
                for (; next < arrays.count; next++) {
                    if (next > 0) {
                        check_array(&arrays.items[next]);
                    }
                    arrays.items[next].release(&arrays.items[next]);
                }
            } else {
                for (size_t i = 0; i < COLUMNS; i++) {
                    if (moved[i].release != NULL) {
                        pthread_t thread;
                        check_column(&moved[i], i, ids);
                        assert_int_equal(
                            pthread_create(&thread, NULL, release_elsewhere, &moved[i]), 0);
                        assert_int_equal(pthread_join(thread, NULL), 0);
                    }
                }
            }
            done |= 1U << step;
        }
        free(ids);
        assert_int_equal(test_alloc_alive(), 0);
    }
    test_alloc_uninstall();
}

/* Threads release while the store goes. */
static void
release_races_with_the_end_of_the_store(void **state)
{
    for (unsigned round = 0; round < 5; round++) {
        struct rig rig;
        struct arrays arrays;
        pthread_t threads[ARRAYS_MAX];
        begin(&rig, 60000, 0);
        read_rows(&rig, NULL, &arrays);
        for (size_t i = 0; i < arrays.count; i++) {
            assert_int_equal(pthread_create(&threads[i], NULL, release_elsewhere, &arrays.items[i]),
                             0);
        }
        end(&rig);
        for (size_t i = 0; i < arrays.count; i++) {
            assert_int_equal(pthread_join(threads[i], NULL), 0);
        }
    }
}

/* Rows that are gone, rows that do not fulfil a condition, and rows of a memtable between others. */
static void
gaps_are_left_out(void **state)
{
    static const char *const conditions[] = {NULL, "id >= 20000", "number % 97 <> 0",
                                             "id < 3 or id > 41000", "sparse is null"};
    struct test_random random;
    struct rig rig;
    bool *is_gone = calloc(50000, sizeof *is_gone);
    test_random_init(&random, "gaps_are_left_out", 1901);
    assert_non_null(is_gone);
    begin(&rig, 50000, 0);
    for (unsigned round = 0; round < 4; round++) {
        for (size_t i = 0; i < sizeof conditions / sizeof conditions[0]; i++) {
            struct arrays arrays;
            int64_t expected = 0;
            read_rows(&rig, conditions[i], &arrays);
            check_all(&arrays);
            for (uint64_t id = 0; id < 50000; id++) {
                const bool fits = i == 0   ? true
                                  : i == 1 ? id >= 20000
                                  : i == 2 ? mixed(id, NUMBER) % 97 != 0
                                  : i == 3 ? id < 3 || id > 41000
                                           : is_sparse(id);
                expected += fits && !is_gone[id];
            }
            assert_int_equal(arrays.rows, expected);
            release_all(&arrays);
        }
        for (unsigned k = 0; k < 3; k++) {
            uint64_t id = test_random_below(&random, 50000);
            const firn_value key = firn_i64((int64_t)id);
            if (!is_gone[id]) {
                OK(firn_table_delete(rig.table, NULL, &key, 1, &err));
                is_gone[id] = true;
            }
        }
        if (round == 1) {
            OK(firn_store_flush(rig.store, &err));
        }
    }
    free(is_gone);
    end(&rig);
}

/* Reading until it is done, or fails for want of memory. */
static bool
read_with_failures(struct rig *rig)
{
    firn_scan *scan;
    struct ArrowArrayStream stream;
    struct ArrowArray array;
    int64_t rows = 0;
    if (firn_scan_open(rig->table, NULL, &scan, &err) != FIRN_OK ||
        firn_scan_to_arrow(scan, &stream, &err) != FIRN_OK) {
        return false;
    }
    for (;;) {
        int rc = stream.get_next(&stream, &array);
        if (rc != 0) {
            assert_null(array.release);
            break;
        }
        if (array.release == NULL) {
            assert_int_equal(rows, 20000);
            break;
        }
        rows += array.length;
        check_array(&array);
        array.release(&array);
    }
    stream.release(&stream);
    return rows == 20000;
}

static void
memory_runs_out(void **state)
{
    struct rig rig;
    uint64_t failures = 0;
    test_alloc_install();
    begin(&rig, 20000, 0);
    struct test_fault fault = {.n = 0};
    while (test_fault_next(&fault)) {
        test_fault_allocation(&fault);
        bool is_done = read_with_failures(&rig);
        test_fault_end(&fault);
        failures += !is_done;
        if (!fault.was_hit) {
            assert_true(is_done);
            break;
        }
    }
    assert_true(failures > 20);
    end(&rig);
    assert_int_equal(test_alloc_alive(), 0);
    test_alloc_uninstall();
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain_values_are_not_copied),
        cmocka_unit_test(what_is_lent_is_bounded),
        cmocka_unit_test(what_is_not_kept_is_handed_over),
        cmocka_unit_test(any_order_of_release),
        cmocka_unit_test(release_races_with_the_end_of_the_store),
        cmocka_unit_test(gaps_are_left_out),
        cmocka_unit_test(memory_runs_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
