/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/memtable: the memtable against a sorted array, its fill under several orders of insertion, memory
 * that runs out, and readers beside a writer.
 */
#include <pthread.h>
#include <stdatomic.h>

#include "base/bytes.h"
#include "base/slice.h"
#include "memtable/memtable.h"
#include "support/test.h"
#include "support/test_alloc.h"
#include "support/test_random.h"

/* ---- a model: all versions in a sorted array ---- */

enum { MODEL_KEY_MAX = 300 };

struct version {
    uint8_t key[MODEL_KEY_MAX];
    size_t key_size;
    uint64_t sequence;
    enum fi_entry_kind kind;
    uint64_t value;
};

struct model {
    struct version *versions;
    size_t count;
    size_t capacity;
};

static firn_slice
version_key(const struct version *version)
{
    return firn_bytes(version->key, version->key_size);
}

static int
compare_place(const struct version *version, firn_slice key, uint64_t sequence)
{
    int order = fi_slice_compare(version_key(version), key);
    return order != 0 ? order : (version->sequence < sequence) - (version->sequence > sequence);
}

/* How many versions lie before (key, sequence). */
static size_t
model_below(const struct model *model, firn_slice key, uint64_t sequence)
{
    size_t low = 0;
    size_t high = model->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (compare_place(&model->versions[middle], key, sequence) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static void
model_add(struct model *model, const struct version *version)
{
    if (model->count == model->capacity) {
        model->capacity = model->capacity == 0 ? 64 : model->capacity * 2;
        model->versions = realloc(model->versions, model->capacity * sizeof *model->versions);
        assert_non_null(model->versions);
    }
    size_t at = model_below(model, version_key(version), version->sequence);
    memmove(model->versions + at + 1, model->versions + at,
            (model->count - at) * sizeof *model->versions);
    model->versions[at] = *version;
    model->count++;
}

static const struct version *
model_get(const struct model *model, firn_slice key, const struct fi_snapshot *snapshot)
{
    for (size_t i = model_below(model, key, UINT64_MAX); i < model->count; i++) {
        const struct version *version = &model->versions[i];
        if (!fi_slice_equal(version_key(version), key)) {
            return NULL;
        }
        if (fi_snapshot_sees(snapshot, version->sequence)) {
            return version;
        }
    }
    return NULL;
}

static void
add(struct fi_memtable *table, const struct version *version)
{
    uint8_t bytes[8];
    fi_store_le64(bytes, version->value);
    struct fi_entry entry = {.key = version_key(version),
                             .value = firn_bytes(bytes, sizeof bytes),
                             .sequence = version->sequence,
                             .kind = version->kind};
    if (version->kind == FI_ENTRY_DELETE) {
        entry.value.size = 0;
    }
    assert_int_equal(fi_memtable_add(table, &entry, NULL), FIRN_OK);
}

static void
assert_entry(const struct fi_entry *entry, const struct version *version)
{
    assert_true(fi_slice_equal(entry->key, version_key(version)));
    assert_int_equal(entry->sequence, version->sequence);
    assert_int_equal(entry->kind, version->kind);
    if (version->kind == FI_ENTRY_PUT) {
        assert_int_equal(entry->value.size, 8);
        assert_int_equal(fi_load_le64(entry->value.data), version->value);
    } else {
        assert_int_equal(entry->value.size, 0);
    }
}

static void
assert_cursor(const struct fi_memtable_cursor *cursor, const struct model *model, size_t at)
{
    assert_int_equal(cursor->is_valid, at < model->count);
    if (cursor->is_valid) {
        assert_entry(&cursor->entry, &model->versions[at]);
    }
}

static void
assert_scans(const struct fi_memtable *table, const struct model *model)
{
    struct fi_memtable_cursor cursor;
    fi_memtable_cursor_init(&cursor, table);
    assert_false(cursor.is_valid);
    fi_memtable_cursor_first(&cursor);
    for (size_t i = 0; i < model->count; i++) {
        assert_cursor(&cursor, model, i);
        fi_memtable_cursor_next(&cursor);
    }
    assert_false(cursor.is_valid);
    fi_memtable_cursor_last(&cursor);
    for (size_t i = model->count; i > 0; i--) {
        assert_cursor(&cursor, model, i - 1);
        fi_memtable_cursor_prev(&cursor);
    }
    assert_false(cursor.is_valid);
}

/* Shapes of keys: each makes another path of the tree busy. */
enum shape { FEW_KEYS, RANDOM_KEYS, LONG_PREFIXES, ZEROS_AND_ENDS, ASCENDING, DESCENDING, SHAPES };

static void
make_key(struct test_random *random, enum shape shape, uint64_t number, struct version *out)
{
    switch (shape) {
    case FEW_KEYS:
        out->key_size = 1 + test_random_below(random, 2);
        for (size_t i = 0; i < out->key_size; i++) {
            out->key[i] = (uint8_t)('a' + test_random_below(random, 5));
        }
        break;
    case RANDOM_KEYS:
        out->key_size = 16;
        test_random_fill(random, out->key, out->key_size);
        break;
    case LONG_PREFIXES:
        out->key_size = 200 + test_random_below(random, 20);
        memset(out->key, 'p', out->key_size);
        out->key[180 + test_random_below(random, 20)] = (uint8_t)test_random_next(random);
        if (test_random_below(random, 200) == 0) {
            out->key[test_random_below(random, 180)] = (uint8_t)test_random_next(random);
        }
        break;
    case ZEROS_AND_ENDS:
        out->key_size = test_random_below(random, 12);
        for (size_t i = 0; i < out->key_size; i++) {
            out->key[i] = test_random_below(random, 3) == 0 ? 0xff : 0;
        }
        break;
    case DESCENDING:
        number = ~number; /* fall through */
    default:
        out->key_size = 24;
        memset(out->key, 'k', 16);
        fi_store_be64(out->key + 16, number);
        break;
    }
}

static void
compare_lookups(struct test_random *random, const struct fi_memtable *table,
                const struct model *model, firn_slice key, uint64_t newest)
{
    struct fi_snapshot_interval intervals[3];
    struct fi_snapshot snapshot = {intervals, 0, 0, NULL};
    uint64_t at = test_random_below(random, 3);
    while (snapshot.count < 3 && at < newest) {
        uint64_t last = at + test_random_below(random, newest - at + 1);
        intervals[snapshot.count++] = (struct fi_snapshot_interval){at, last};
        at = last + 2 + test_random_below(random, 5);
    }
    struct fi_entry entry;
    const struct version *expected = model_get(model, key, &snapshot);
    assert_int_equal(fi_memtable_get(table, key, &snapshot, &entry), expected != NULL);
    if (expected != NULL) {
        assert_entry(&entry, expected);
    }
    uint64_t sequence = test_random_below(random, 4) == 0
                            ? (test_random_below(random, 2) == 0 ? 0 : UINT64_MAX)
                            : test_random_below(random, newest + 2);
    size_t below = model_below(model, key, sequence);
    struct fi_memtable_cursor cursor;
    fi_memtable_cursor_init(&cursor, table);
    fi_memtable_cursor_seek(&cursor, key, sequence);
    assert_cursor(&cursor, model, below);
    if (cursor.is_valid) {
        fi_memtable_cursor_prev(&cursor);
        assert_cursor(&cursor, model, below == 0 ? SIZE_MAX : below - 1);
    }
    fi_memtable_cursor_seek_before(&cursor, key, sequence);
    assert_cursor(&cursor, model, below == 0 ? SIZE_MAX : below - 1);
    if (cursor.is_valid) {
        fi_memtable_cursor_next(&cursor);
        assert_cursor(&cursor, model, below);
    }
}

static void
agrees_with_a_sorted_array(void **state)
{
    for (enum shape shape = 0; shape < SHAPES; shape++) {
        struct test_random random;
        test_random_init(&random, "memtable", 100 + (uint64_t)shape);
        struct fi_memtable *table;
        assert_int_equal(fi_memtable_create(&table, NULL), FIRN_OK);
        struct model model = {0};
        assert_scans(table, &model);
        for (uint64_t i = 0; i < 2500; i++) {
            struct version version = {.sequence = 1 + i * (1 + i / 1000),
                                      .kind = test_random_below(&random, 5) == 0 ? FI_ENTRY_DELETE
                                                                                 : FI_ENTRY_PUT,
                                      .value = test_random_next(&random)};
            make_key(&random, shape, i, &version);
            compare_lookups(&random, table, &model, version_key(&version), version.sequence);
            add(table, &version);
            model_add(&model, &version);
            struct version other = {0};
            make_key(&random, shape, test_random_below(&random, 2500), &other);
            compare_lookups(&random, table, &model, version_key(&other), version.sequence);
            if (i % 500 == 499 || i < 3) {
                assert_scans(table, &model);
            }
        }
        assert_int_equal(fi_memtable_entry_count(table), model.count);
        fi_memtable_destroy(table);
        free(model.versions);
    }
}

static void
a_cursor_keeps_its_place_while_entries_are_added(void **state)
{
    struct test_random random;
    test_random_init(&random, "cursor", 5);
    struct fi_memtable *table;
    assert_int_equal(fi_memtable_create(&table, NULL), FIRN_OK);
    struct model old = {0};
    for (uint64_t i = 0; i < 2000; i++) {
        struct version version = {.sequence = i + 1, .kind = FI_ENTRY_PUT, .value = i};
        make_key(&random, RANDOM_KEYS, 0, &version);
        add(table, &version);
        model_add(&old, &version);
    }
    uint64_t sequence = 2001;
    for (int is_back = 0; is_back <= 1; is_back++) {
        struct fi_memtable_cursor cursor;
        fi_memtable_cursor_init(&cursor, table);
        if (is_back) {
            fi_memtable_cursor_last(&cursor);
        } else {
            fi_memtable_cursor_first(&cursor);
        }
        size_t met = 0;
        while (cursor.is_valid) {
            if (cursor.entry.sequence <= 2000) {
                assert_entry(&cursor.entry, &old.versions[is_back ? old.count - 1 - met : met]);
                met++;
            }
            if (cursor.entry.sequence <= 2000) {
                /* Two close by, so that the cursor's own leaf changes and splits, and one
                 * anywhere. */
                struct version version = {.key_size = 16, .kind = FI_ENTRY_PUT};
                memcpy(version.key, cursor.entry.key.data, 16);
                version.key[15]++;
                version.sequence = sequence++;
                add(table, &version);
                version.key[15] -= 2;
                version.sequence = sequence++;
                add(table, &version);
                make_key(&random, RANDOM_KEYS, 0, &version);
                version.sequence = sequence++;
                add(table, &version);
            }
            if (is_back) {
                fi_memtable_cursor_prev(&cursor);
            } else {
                fi_memtable_cursor_next(&cursor);
            }
        }
        assert_int_equal(met, old.count);
    }
    fi_memtable_destroy(table);
    free(old.versions);
}

static double
bytes_an_entry(enum shape shape, size_t count, size_t key_size, size_t value_size)
{
    struct test_random random;
    test_random_init(&random, "fill", 9);
    struct fi_memtable *table;
    assert_int_equal(fi_memtable_create(&table, NULL), FIRN_OK);
    for (uint64_t i = 0; i < count; i++) {
        uint8_t key[32];
        uint8_t value[32] = {0};
        test_random_fill(&random, key, sizeof key);
        if (shape == FEW_KEYS) {
            memset(key, 'x', sizeof key);
        } else if (shape != RANDOM_KEYS) {
            fi_store_be64(key, shape == ASCENDING ? i : ~i);
        }
        struct fi_entry entry = {.key = firn_bytes(key, key_size),
                                 .value = firn_bytes(value, value_size),
                                 .sequence = i + 1,
                                 .kind = FI_ENTRY_PUT};
        assert_int_equal(fi_memtable_add(table, &entry, NULL), FIRN_OK);
    }
    double result = (double)fi_memtable_size_bytes(table) / (double)count;
    (void)printf("%zu entries of %zu bytes: %.1f bytes each\n", count, key_size + value_size,
                 result);
    fi_memtable_destroy(table);
    return result;
}

static void
memory_an_entry_stays_small(void **state)
{
    /* A catalog of 2 M objects (32-byte names, 12-byte places) has to fit into 170 MB: 85 bytes
     * each. */
    assert_true(bytes_an_entry(RANDOM_KEYS, 100000, 32, 12) < 85);
    /* 14 bytes of content and at most 5 of header; full leaves cost 17.4 bytes a slot. */
    assert_true(bytes_an_entry(ASCENDING, 40000, 8, 6) < 45);
    assert_true(bytes_an_entry(DESCENDING, 40000, 8, 6) < 45);
    assert_true(bytes_an_entry(FEW_KEYS, 40000, 8, 6) < 45);
}

static void
a_small_table_is_small(void **state)
{
    struct fi_memtable *table;
    assert_int_equal(fi_memtable_create(&table, NULL), FIRN_OK);
    struct version version = {.key_size = 10, .sequence = 1, .kind = FI_ENTRY_PUT};
    add(table, &version);
    assert_true(fi_memtable_size_bytes(table) < 3072); /* there may be hundreds */
    fi_memtable_destroy(table);
}

static void
the_same_key_and_sequence_twice_is_refused(void **state)
{
    struct test_random random;
    test_random_init(&random, "twice", 3);
    struct fi_memtable *table;
    assert_int_equal(fi_memtable_create(&table, NULL), FIRN_OK);
    struct model model = {0};
    for (uint64_t i = 0; i < 3000; i++) {
        struct version version = {.sequence = i / 3 + 1, .kind = FI_ENTRY_PUT, .value = i};
        make_key(&random, i % 2 == 0 ? ZEROS_AND_ENDS : RANDOM_KEYS, i, &version);
        size_t at = model_below(&model, version_key(&version), version.sequence);
        bool is_there =
            at < model.count &&
            compare_place(&model.versions[at], version_key(&version), version.sequence) == 0;
        struct fi_entry entry = {.key = version_key(&version),
                                 .value = firn_bytes(&version.value, 8),
                                 .sequence = version.sequence,
                                 .kind = FI_ENTRY_PUT};
        assert_int_equal(fi_memtable_add(table, &entry, NULL), is_there ? FIRN_EXISTS : FIRN_OK);
        if (!is_there) {
            model_add(&model, &version);
        }
        const struct version *again = &model.versions[test_random_below(&random, model.count)];
        entry.key = version_key(again);
        entry.sequence = again->sequence;
        assert_int_equal(fi_memtable_add(table, &entry, NULL), FIRN_EXISTS);
    }
    assert_scans(table, &model);
    fi_memtable_destroy(table);
    free(model.versions);
}

/* Batches whose entries have one sequence, as the store adds them: the next one is prepared before
 * the current one is added; or something that never comes, or nothing. */
static void
ways_prepared_beforehand_lead_to_the_same_places(void **state)
{
    enum { BATCH = 12, BATCHES = 500 };
    for (enum shape shape = 0; shape < SHAPES; shape++) {
        struct test_random random;
        test_random_init(&random, "prepared", 60 + (uint64_t)shape);
        struct fi_memtable *table;
        assert_int_equal(fi_memtable_create(&table, NULL), FIRN_OK);
        struct model model = {0};
        struct version batch[BATCH + 1];
        for (uint64_t sequence = 1; sequence <= BATCHES; sequence++) {
            uint64_t count = 1 + test_random_below(&random, BATCH);
            for (uint64_t i = 0; i <= count; i++) {
                batch[i] = (struct version){.sequence = sequence, .kind = FI_ENTRY_PUT, .value = i};
                make_key(&random, shape, sequence * BATCH + i, &batch[i]);
            }
            fi_memtable_prepare(table, version_key(&batch[0]), sequence);
            for (uint64_t i = 0; i < count; i++) {
                if (test_random_below(&random, 4) > 0) {
                    fi_memtable_prepare(table, version_key(&batch[i + 1]),
                                        sequence + test_random_below(&random, 10) / 9);
                }
                size_t at = model_below(&model, version_key(&batch[i]), sequence);
                if (at == model.count ||
                    compare_place(&model.versions[at], version_key(&batch[i]), sequence) != 0) {
                    add(table, &batch[i]);
                    model_add(&model, &batch[i]);
                }
            }
        }
        assert_scans(table, &model);
        fi_memtable_destroy(table);
        free(model.versions);
    }
}

static void
a_failed_allocation_leaves_the_table_as_it_was(void **state)
{
    for (enum shape shape = 0; shape < SHAPES; shape++) {
        struct test_random random;
        test_random_init(&random, "no memory", 40 + (uint64_t)shape);
        test_alloc_install();
        struct fi_memtable *table;
        test_alloc_fail_at(1, false);
        assert_int_equal(fi_memtable_create(&table, NULL), FIRN_NO_MEMORY);
        assert_null(table);
        test_alloc_fail_at(0, false);
        assert_int_equal(fi_memtable_create(&table, NULL), FIRN_OK);
        struct model model = {0};
        unsigned failures = 0;
        for (uint64_t i = 0; i < 2500; i++) {
            struct version version = {.sequence = i + 1, .kind = FI_ENTRY_PUT, .value = i};
            make_key(&random, shape, i, &version);
            struct fi_entry entry = {.key = version_key(&version),
                                     .value = firn_bytes(&version.value, 8),
                                     .sequence = version.sequence,
                                     .kind = FI_ENTRY_PUT};
            test_alloc_fail_at(1, true);
            int rc = fi_memtable_add(table, &entry, NULL);
            if (rc != FIRN_OK) {
                assert_int_equal(rc, FIRN_NO_MEMORY);
                assert_int_equal(fi_memtable_entry_count(table), model.count);
                assert_int_equal(fi_memtable_reserve(table, 1, SIZE_MAX, NULL), FIRN_NO_MEMORY);
                failures++;
                if (failures % 8 == 0) {
                    assert_scans(table, &model);
                }
                /* Memory that was reserved is enough without any more of it. */
                test_alloc_fail_at(0, false);
                assert_int_equal(
                    fi_memtable_reserve(table, 1, entry.key.size + entry.value.size, NULL),
                    FIRN_OK);
                test_alloc_fail_at(1, true);
                assert_int_equal(fi_memtable_add(table, &entry, NULL), FIRN_OK);
            }
            test_alloc_fail_at(0, false);
            model_add(&model, &version);
        }
        assert_true(failures > 10);
        assert_scans(table, &model);
        fi_memtable_destroy(table);
        free(model.versions);
        assert_int_equal(test_alloc_alive(), 0);
        test_alloc_uninstall();
    }
}

static void
reserved_batches_need_no_memory(void **state)
{
    struct test_random random;
    test_random_init(&random, "reserve", 77);
    test_alloc_install();
    struct fi_memtable *table;
    assert_int_equal(fi_memtable_create(&table, NULL), FIRN_OK);
    uint64_t sequence = 1;
    for (size_t batch = 0; batch < 60; batch++) {
        size_t count = 1 + test_random_below(&random, 300);
        test_alloc_fail_at(0, false);
        assert_int_equal(fi_memtable_reserve(table, count, count * 200, NULL), FIRN_OK);
        test_alloc_fail_at(1, true);
        for (size_t i = 0; i < count; i++) {
            struct version version = {.sequence = sequence++, .kind = FI_ENTRY_PUT};
            make_key(&random, RANDOM_KEYS, 0, &version);
            add(table, &version);
        }
    }
    test_alloc_fail_at(0, false);
    assert_int_equal(fi_memtable_entry_count(table), sequence - 1);
    fi_memtable_destroy(table);
    assert_int_equal(test_alloc_alive(), 0);
    test_alloc_uninstall();
}

static void
range_deletes_lie_beside_the_entries(void **state)
{
    test_alloc_install();
    struct fi_memtable *table;
    assert_int_equal(fi_memtable_create(&table, NULL), FIRN_OK);
    assert_true(fi_range_set_is_empty(fi_memtable_ranges(table)));
    struct fi_entry entry = {firn_str("b"), firn_str("d"), 7,    FI_ENTRY_RANGE_DELETE,
                             NULL,          NULL,          false};
    size_t before = fi_memtable_size_bytes(table);
    test_alloc_fail_at(1, true);
    assert_int_equal(fi_memtable_add(table, &entry, NULL), FIRN_NO_MEMORY);
    assert_int_equal(fi_memtable_reserve_ranges(table, 3, 6, NULL), FIRN_NO_MEMORY);
    assert_true(fi_range_set_is_empty(fi_memtable_ranges(table)));
    test_alloc_fail_at(0, false);
    assert_int_equal(fi_memtable_reserve_ranges(table, 3, 6, NULL), FIRN_OK);
    test_alloc_fail_at(1, true);
    assert_true(fi_memtable_size_bytes(table) > before);
    assert_int_equal(fi_memtable_add(table, &entry, NULL), FIRN_OK);
    assert_int_equal(fi_memtable_add(table, &entry, NULL), FIRN_OK); /* twice is no harm */
    test_alloc_fail_at(0, false);
    entry = (struct fi_entry){firn_str("c"), firn_str("v"), 5, FI_ENTRY_PUT, NULL, NULL, false};
    assert_int_equal(fi_memtable_add(table, &entry, NULL), FIRN_OK);
    struct fi_snapshot_interval now = {1, UINT64_MAX};
    struct fi_snapshot snapshot = {&now, 1, 0, NULL};
    assert_int_equal(fi_range_set_covering(fi_memtable_ranges(table), firn_str("c"), &snapshot, 5),
                     7);
    assert_int_equal(fi_memtable_entry_count(table), 1);
    assert_true(fi_memtable_get(table, firn_str("c"), &snapshot, &entry));
    assert_int_equal(entry.kind, FI_ENTRY_PUT);
    before = fi_memtable_size_bytes(table);
    for (uint64_t i = 0; i < 1000; i++) {
        uint8_t bytes[8];
        fi_store_be64(bytes, i);
        entry = (struct fi_entry){
            firn_bytes(bytes, 8), firn_str("z"), i + 8, FI_ENTRY_RANGE_DELETE, NULL, NULL, false};
        assert_int_equal(fi_memtable_add(table, &entry, NULL), FIRN_OK);
    }
    assert_true(fi_memtable_size_bytes(table) > before + (size_t)1000 * 17);
    fi_memtable_destroy(table);
    assert_int_equal(test_alloc_alive(), 0);
    test_alloc_uninstall();
}

/* ---- readers beside a writer ---- */

enum { SHARED_KEYS = 12000, READERS = 3 };

struct shared {
    struct fi_memtable *table;
    atomic_uint_fast64_t
        published; /* keys 0 to published - 1 are there, key i with sequence i + 1 */
    atomic_bool is_done;
    atomic_uint_fast64_t rounds;
    enum shape shape;
};

/* A permutation of the numbers below 2^32 that scatters neighbours. */
static void
shared_key(const struct shared *shared, uint64_t i, uint8_t out[20])
{
    memset(out, 0, 20);
    if (shared->shape == RANDOM_KEYS) {
        fi_store_be32(out, (uint32_t)i * UINT32_C(2654435761));
        fi_store_be64(out + 12, i);
    } else {
        fi_store_be64(out + 12, shared->shape == DESCENDING ? ~i : i);
    }
}

static void
check_gets(const struct shared *shared, struct test_random *random, uint64_t published)
{
    for (unsigned i = 0; i < 200 && published > 0; i++) {
        uint8_t key[20];
        uint64_t number = test_random_below(random, published);
        shared_key(shared, number, key);
        struct fi_snapshot_interval now = {1, published};
        struct fi_entry entry;
        assert_true(fi_memtable_get(shared->table, firn_bytes(key, sizeof key),
                                    &(struct fi_snapshot){&now, 1, 0, NULL}, &entry));
        assert_int_equal(fi_load_le64(entry.value.data), number);
        assert_int_equal(entry.sequence, number + 1);
    }
}

static void
check_scan(const struct shared *shared, uint64_t published, bool is_back)
{
    struct fi_memtable_cursor cursor;
    fi_memtable_cursor_init(&cursor, shared->table);
    if (is_back) {
        fi_memtable_cursor_last(&cursor);
    } else {
        fi_memtable_cursor_first(&cursor);
    }
    uint64_t met = 0;
    firn_slice before = {0};
    while (cursor.is_valid) {
        met += cursor.entry.sequence <= published;
        if (before.data != NULL) {
            int order = fi_slice_compare(before, cursor.entry.key);
            assert_true(is_back ? order > 0 : order < 0);
        }
        before = cursor.entry.key;
        if (is_back) {
            fi_memtable_cursor_prev(&cursor);
        } else {
            fi_memtable_cursor_next(&cursor);
        }
    }
    assert_int_equal(met, published);
}

static void *
read_beside(void *arg)
{
    struct shared *shared = arg;
    struct test_random random = {.state = 1 + atomic_fetch_add(&shared->rounds, 1)};
    bool is_last = false;
    while (!is_last) {
        is_last = atomic_load(&shared->is_done);
        uint64_t published = atomic_load(&shared->published);
        check_gets(shared, &random, published);
        check_scan(shared, published, test_random_below(&random, 2) == 0);
        atomic_fetch_add(&shared->rounds, 1);
    }
    return NULL;
}

static void
readers_miss_nothing_beside_a_writer(void **state)
{
    static const enum shape shapes[] = {RANDOM_KEYS, ASCENDING, DESCENDING};
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        struct shared shared = {.shape = shapes[i]};
        assert_int_equal(fi_memtable_create(&shared.table, NULL), FIRN_OK);
        fi_memtable_expect(shared.table, 1 << 20); /* with a filter */
        pthread_t readers[READERS];
        for (size_t r = 0; r < READERS; r++) {
            assert_int_equal(pthread_create(&readers[r], NULL, read_beside, &shared), 0);
        }
        for (uint64_t number = 0; number < SHARED_KEYS; number++) {
            uint8_t key[20];
            shared_key(&shared, number, key);
            struct fi_entry entry = {.key = firn_bytes(key, sizeof key),
                                     .value = firn_bytes(&number, sizeof number),
                                     .sequence = number + 1,
                                     .kind = FI_ENTRY_PUT};
            fi_memtable_prepare(shared.table, entry.key, entry.sequence);
            assert_int_equal(fi_memtable_add(shared.table, &entry, NULL), FIRN_OK);
            atomic_store(&shared.published, number + 1);
        }
        atomic_store(&shared.is_done, true);
        for (size_t r = 0; r < READERS; r++) {
            assert_int_equal(pthread_join(readers[r], NULL), 0);
        }
        assert_true(atomic_load(&shared.rounds) >= 2 * READERS);
        fi_memtable_destroy(shared.table);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agrees_with_a_sorted_array),
        cmocka_unit_test(a_cursor_keeps_its_place_while_entries_are_added),
        cmocka_unit_test(memory_an_entry_stays_small),
        cmocka_unit_test(a_small_table_is_small),
        cmocka_unit_test(the_same_key_and_sequence_twice_is_refused),
        cmocka_unit_test(ways_prepared_beforehand_lead_to_the_same_places),
        cmocka_unit_test(a_failed_allocation_leaves_the_table_as_it_was),
        cmocka_unit_test(reserved_batches_need_no_memory),
        cmocka_unit_test(range_deletes_lie_beside_the_entries),
        cmocka_unit_test(readers_miss_nothing_beside_a_writer),
    };
    return cmocka_run_group_tests_name("memtable", tests, NULL, NULL);
}
