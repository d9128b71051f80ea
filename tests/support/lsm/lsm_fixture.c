/* SPDX-License-Identifier: Apache-2.0
 *
 * support/lsm: the store around the trees.
 */
#include "lsm_fixture.h"

#include "base/buf.h"
#include "base/mem.h"
#include "flat_views.h"
#include "lsm/lsm_internal.h"
#include "row/row.h"
#include "sim/sim_memory.h"
#include "support/test_os.h"

static const struct fi_run_kind *const test_kinds[] = {&fi_row_kind, NULL};

/* ---- the host ---- */

static void
host_wants_compaction(void *ctx)
{
    struct fixture *fixture = ctx;
    fixture->wishes++;
}

static int
host_sync_log(void *ctx, firn_error *err)
{
    struct fixture *fixture = ctx;
    if (fixture->sync_fails) {
        return fi_error_set(err, FIRN_IO, "the test's log could not be synced");
    }
    fixture->durable_count = fixture->record_count;
    return FIRN_OK;
}

static int
host_take_snapshots(void *ctx, uint32_t tree_id, struct fi_snapshot_list *out, firn_error *err)
{
    struct fixture *fixture = ctx;
    (void)tree_id;
    (void)err;
    for (size_t i = 0; i < fixture->snapshot_count; i++) {
        fixture->snapshot_array[i] = fixture_snapshot_of(fixture, i);
    }
    *out = flat_snapshots_list(fixture->snapshot_array, fixture->snapshot_count, NULL,
                               fixture->snapshot_array);
    fixture->snapshots_taken++;
    return FIRN_OK;
}

static void
host_release_snapshots(void *ctx, struct fi_snapshot_list *snapshots)
{
    struct fixture *fixture = ctx;
    flat_snapshots_free(snapshots);
    assert_true(fixture->snapshots_taken > 0);
    fixture->snapshots_taken--;
}

static bool
host_no_reader_below(void *ctx, uint64_t version)
{
    const struct fixture *fixture = ctx;
    return fixture->reader_version >= version;
}

/* ---- life ---- */

void
fixture_init(struct fixture *fixture, struct fi_os *os)
{
    firn_error err;
    *fixture = (struct fixture){.os = os, .next_tree_id = 1, .log_start = 1};
    fixture->reader_version = UINT64_MAX;
    fixture->dir = test_os_root(os);
    TEST_OK(fi_block_cache_create(os, 256 << 10, &fixture->cache, &err), &err);
    fixture->options = (struct fi_lsm_options){
        .kinds = test_kinds,
        .cache = fixture->cache,
        .host = {.ctx = fixture,
                 .sync_log = host_sync_log,
                 .wants_compaction = host_wants_compaction,
                 .take_snapshots = host_take_snapshots,
                 .release_snapshots = host_release_snapshots,
                 .no_reader_below = host_no_reader_below},
        .run_bytes_target = 3 << 10,
        .level_bytes_base = 6 << 10,
        .level_factor = 2,
        .level0_runs_target = 3,
        .value_size_min = 100,
        .value_file_bytes_target = 4 << 10,
        .value_file_bytes_small = 300,
        .history_runs_target = 3,
    };
    fixture->snapshots[0].intervals[0] = (struct fi_snapshot_interval){1, UINT64_MAX};
    fixture->snapshots[0].count = 1;
    fixture->snapshot_count = 1;
    for (unsigned i = 0; i < FIXTURE_TREES; i++) {
        fixture->tree_ids[i] = fixture->next_tree_id++;
    }
}

void
fixture_deinit(struct fixture *fixture)
{
    fixture_abandon(fixture);
    fi_block_cache_destroy(fixture->cache);
    fi_os_dir_close(fixture->dir);
    free(fixture->records);
}

void
fixture_init_in_memory(struct fixture *fixture, size_t cache_bytes)
{
    struct fi_os *os;
    firn_error err;
    TEST_OK(fi_sim_memory_create(1, &os, &err), &err);
    fixture_init(fixture, os);
    if (cache_bytes > 0) {
        fi_block_cache_destroy(fixture->cache);
        TEST_OK(fi_block_cache_create(os, cache_bytes, &fixture->cache, &err), &err);
        fixture->options.cache = fixture->cache;
    }
}

void
fixture_deinit_in_memory(struct fixture *fixture)
{
    struct fi_os *os = fixture->os;
    fixture_deinit(fixture);
    fi_sim_memory_destroy(os);
}

static uint64_t
segment_of(const struct fixture_record *record)
{
    return 1 + record->sequence / FIXTURE_SEGMENT_RECORDS;
}

static int
apply(struct fixture *fixture, struct fi_lsm_tree *tree, const struct fixture_record *record,
      firn_error *err)
{
    char key[FIXTURE_KEY_SIZE];
    char upper[FIXTURE_KEY_SIZE];
    struct fi_buf value = {0};
    struct fi_entry entry = {
        .key = fixture_key(record->key, key), .sequence = record->sequence, .kind = record->kind};
    (void)fixture;
    if (record->kind == FI_ENTRY_PUT) {
        fixture_value(record, &value);
        entry.value = fi_buf_slice(&value);
    } else if (record->kind == FI_ENTRY_RANGE_DELETE) {
        entry.value = fixture_key(record->upper, upper);
    }
    const struct fi_lsm_place place = {.segment = segment_of(record)};
    int rc = fi_lsm_tree_apply(tree, &entry, &place, err);
    fi_buf_deinit(&value);
    return rc;
}

static struct fi_lsm_tree *
tree_of(struct fixture *fixture, uint32_t id)
{
    for (unsigned i = 0; i < FIXTURE_TREES; i++) {
        if (fixture->tree_ids[i] == id) {
            return fixture->trees[i];
        }
    }
    return NULL;
}

/* The log's part: what no run has. */
static int
replay(struct fixture *fixture, firn_error *err)
{
    for (size_t i = 0; i < fixture->record_count; i++) {
        const struct fixture_record *record = &fixture->records[i];
        struct fi_lsm_tree *tree = tree_of(fixture, record->tree);
        if (tree == NULL || record->sequence <= fi_lsm_tree_flushed(tree)) {
            continue;
        }
        /* What the log has given up must be in runs. */
        assert_true(segment_of(record) >= fixture->log_start);
        FI_TRY_RETURN(apply(fixture, tree, record, err));
    }
    return FIRN_OK;
}

int
fixture_open(struct fixture *fixture, firn_error *err)
{
    int rc = FIRN_OK;
    fixture->durable_count = fixture->record_count;
    FI_TRY(fi_lsm_open(fixture->dir, &fixture->options, true, &fixture->lsm, err));
    /* Few enough that runs are closed and opened again all the time. */
    fixture->lsm->files.open_max = FIXTURE_OPEN_MAX;
    fixture->lsm->files.descriptors.open_max = FIXTURE_DESCRIPTORS_MAX;
    if (fi_lsm_sequence(fixture->lsm) > fixture->sequence) {
        fixture->sequence = fi_lsm_sequence(fixture->lsm);
    }
    for (unsigned i = 0; i < FIXTURE_TREES; i++) {
        FI_TRY(fi_lsm_tree_open(fixture->lsm, fixture->tree_ids[i], fixture->tree_kinds[i],
                                &fixture->trees[i], err));
        fi_lsm_tree_separate_values(fixture->trees[i], fixture->separates);
    }
    FI_TRY(replay(fixture, err));
out:
    if (rc != FIRN_OK) {
        fixture_abandon(fixture);
    }
    return rc;
}

void
fixture_close(struct fixture *fixture)
{
    firn_error err;
    assert_int_equal(fixture->snapshots_taken, 0);
    TEST_OK(fi_lsm_close(fixture->lsm, &err), &err);
    fixture->lsm = NULL;
}

void
fixture_abandon(struct fixture *fixture)
{
    fi_lsm_abandon(fixture->lsm);
    fixture->lsm = NULL;
}

void
fixture_lose_records(struct fixture *fixture, struct test_random *random)
{
    size_t open = fixture->record_count - fixture->durable_count;
    size_t kept = fixture->durable_count + (size_t)test_random_below(random, open + 1);
    /* A commit is one record of the log: whole or not at all. */
    while (kept < fixture->record_count && kept > 0 &&
           fixture->records[kept].sequence == fixture->records[kept - 1].sequence) {
        kept++;
    }
    fixture->record_count = kept;
}

/* ---- writing ---- */

static int
log_record(struct fixture *fixture, const struct fixture_record *record)
{
    if (fixture->record_count == fixture->record_capacity) {
        fixture->record_capacity =
            fixture->record_capacity == 0 ? 1024 : 2 * fixture->record_capacity;
        fixture->records =
            realloc(fixture->records, fixture->record_capacity * sizeof *fixture->records);
        assert_non_null(fixture->records);
    }
    fixture->records[fixture->record_count++] = *record;
    firn_error err;
    return apply(fixture, tree_of(fixture, record->tree), record, &err);
}

int
fixture_put(struct fixture *fixture, unsigned tree, unsigned key, unsigned value_size)
{
    struct fixture_record record = {.sequence = ++fixture->sequence,
                                    .tree = fixture->tree_ids[tree],
                                    .kind = FI_ENTRY_PUT,
                                    .key = key,
                                    .value_size = value_size};
    return log_record(fixture, &record);
}

int
fixture_delete(struct fixture *fixture, unsigned tree, unsigned key)
{
    struct fixture_record record = {.sequence = ++fixture->sequence,
                                    .tree = fixture->tree_ids[tree],
                                    .kind = FI_ENTRY_DELETE,
                                    .key = key};
    return log_record(fixture, &record);
}

int
fixture_delete_range(struct fixture *fixture, unsigned tree, unsigned lower, unsigned upper)
{
    struct fixture_record record = {.sequence = ++fixture->sequence,
                                    .tree = fixture->tree_ids[tree],
                                    .kind = FI_ENTRY_RANGE_DELETE,
                                    .key = lower,
                                    .upper = upper};
    return log_record(fixture, &record);
}

int
fixture_commit_random(struct fixture *fixture, struct test_random *random)
{
    int rc = FIRN_OK;
    uint64_t sequence = ++fixture->sequence;
    /* A version of a key comes once a commit: keys go up. */
    unsigned key = (unsigned)test_random_below(random, 40);
    while (key < FIXTURE_KEYS && rc == FIRN_OK) {
        uint64_t choice = test_random_below(random, 100);
        struct fixture_record record = {
            .sequence = sequence,
            .tree = fixture->tree_ids[test_random_below(random, FIXTURE_TREES)],
            .kind = choice < 75   ? FI_ENTRY_PUT
                    : choice < 96 ? FI_ENTRY_DELETE
                                  : FI_ENTRY_RANGE_DELETE,
            .key = key,
            .value_size = (unsigned)test_random_below(random, choice < 3 ? 3000 : 200),
        };
        if (record.kind == FI_ENTRY_RANGE_DELETE) {
            uint64_t most = test_random_below(random, 4) == 0 ? FIXTURE_KEYS : 12;
            uint64_t size = 1 + test_random_below(random, most);
            record.upper =
                key + (unsigned)size < FIXTURE_KEYS ? key + (unsigned)size : FIXTURE_KEYS;
        }
        rc = log_record(fixture, &record);
        key += 1 + (unsigned)test_random_below(random, 90);
    }
    return rc;
}

int
fixture_flush(struct fixture *fixture, firn_error *err)
{
    struct fi_compaction_work_wish wish = {.flushes = true};
    struct fi_compaction_work *work;
    for (unsigned i = 0; i < FIXTURE_TREES; i++) {
        FI_TRY_RETURN(fi_lsm_tree_freeze(fixture->trees[i], err));
    }
    FI_TRY_RETURN(fi_compaction_work_pick(fixture->lsm, &wish, &work, err));
    while (work != NULL) {
        assert_int_equal(fi_compaction_work_kind(work), FI_COMPACTION_WORK_FLUSH);
        FI_TRY_RETURN(fi_compaction_run(work, err));
        FI_TRY_RETURN(fi_compaction_work_pick(fixture->lsm, &wish, &work, err));
    }
    return FIRN_OK;
}

int
fixture_work(struct fixture *fixture, bool is_unhurried, firn_error *err)
{
    struct fi_compaction_work_wish wish = {
        .flushes = true, .compactions = true, .is_unhurried = is_unhurried};
    struct fi_compaction_work *work;
    unsigned count = 0;
    FI_TRY_RETURN(fi_compaction_work_pick(fixture->lsm, &wish, &work, err));
    while (work != NULL) {
        /* It comes to an end. */
        assert_true(++count < 10000);
        FI_TRY_RETURN(fi_compaction_run(work, err));
        FI_TRY_RETURN(fi_compaction_work_pick(fixture->lsm, &wish, &work, err));
    }
    return FIRN_OK;
}

/* ---- views ---- */

struct fi_snapshot
fixture_snapshot_of(struct fixture *fixture, size_t i)
{
    return (struct fi_snapshot){fixture->snapshots[i].intervals, fixture->snapshots[i].count, 0,
                                NULL};
}

size_t
fixture_checkpoint(struct fixture *fixture)
{
    assert_true(fixture->snapshot_count < FIXTURE_SNAPSHOTS_MAX);
    struct fixture_snapshot *snapshot = &fixture->snapshots[fixture->snapshot_count];
    *snapshot = fixture->snapshots[0];
    struct fi_snapshot_interval *last = &snapshot->intervals[snapshot->count - 1];
    if (last->first > fixture->sequence) {
        snapshot->count--;
    } else {
        last->last = fixture->sequence;
    }
    return fixture->snapshot_count++;
}

void
fixture_remove_snapshot(struct fixture *fixture, size_t i)
{
    assert_true(i > 0 && i < fixture->snapshot_count);
    fixture->snapshots[i] = fixture->snapshots[--fixture->snapshot_count];
}

void
fixture_restore(struct fixture *fixture, size_t i)
{
    struct fixture_snapshot *now = &fixture->snapshots[0];
    *now = fixture->snapshots[i];
    if (now->count > 0 && now->intervals[now->count - 1].last == fixture->sequence) {
        now->intervals[now->count - 1].last = UINT64_MAX;
    } else {
        assert_true(now->count < FIXTURE_INTERVALS_MAX);
        /* A restore has a sequence: so no two lines begin alike. */
        now->intervals[now->count++] =
            (struct fi_snapshot_interval){++fixture->sequence, UINT64_MAX};
    }
}

/* ---- looking ---- */

firn_slice
fixture_key(unsigned key, char out[FIXTURE_KEY_SIZE])
{
    /* The first keys are odd ones: empty, with zero bytes, prefixes of each other. */
    static const struct {
        const char *bytes;
        size_t size;
    } odd[] = {{"", 0}, {"\0", 1}, {"\0\0", 2}, {"\0a", 2}, {"a", 1}, {"a\0", 2}, {"a\xff", 2}};
    enum { ODD = sizeof odd / sizeof odd[0] };
    if (key < ODD) {
        memcpy(out, odd[key].bytes, odd[key].size);
        return firn_bytes(out, odd[key].size);
    }
    int size = snprintf(out, FIXTURE_KEY_SIZE, "key-%06u", key);
    return firn_bytes(out, (size_t)size);
}

void
fixture_value(const struct fixture_record *record, struct fi_buf *out)
{
    assert_int_equal(fi_buf_set_size(out, record->value_size), FIRN_OK);
    uint64_t state = record->sequence * 1000 + record->key + 1;
    for (size_t i = 0; i < out->size; i++) {
        state = state * UINT64_C(6364136223846793005) + 1442695040888963407U;
        out->data[i] = (uint8_t)(state >> 56);
    }
}

void
fixture_model(struct fixture *fixture, uint32_t tree_id, const struct fi_snapshot *snapshot,
              const struct fixture_record *out[FIXTURE_KEYS])
{
    for (unsigned key = 0; key < FIXTURE_KEYS; key++) {
        out[key] = NULL;
    }
    for (size_t i = 0; i < fixture->record_count; i++) {
        const struct fixture_record *record = &fixture->records[i];
        if (record->tree != tree_id || !fi_snapshot_sees(snapshot, record->sequence)) {
            continue;
        }
        if (record->kind == FI_ENTRY_RANGE_DELETE) {
            /* What is of the same commit is not older. */
            for (unsigned key = record->key; key < record->upper; key++) {
                if (out[key] != NULL && out[key]->sequence < record->sequence) {
                    out[key] = NULL;
                }
            }
        } else {
            out[record->key] = record->kind == FI_ENTRY_PUT ? record : NULL;
        }
    }
}

static void
assert_record(const struct fixture_record *record, firn_slice value)
{
    struct fi_buf expected = {0};
    fixture_value(record, &expected);
    assert_int_equal(value.size, expected.size);
    if (value.size > 0) {
        assert_memory_equal(value.data, expected.data, value.size);
    }
    fi_buf_deinit(&expected);
}

static void
compare_gets(struct fixture *fixture, unsigned tree, const struct fi_snapshot *snapshot,
             const struct fixture_record *const *model)
{
    struct fi_buf value = {0};
    firn_error err;
    for (unsigned key = 0; key < FIXTURE_KEYS; key++) {
        char bytes[FIXTURE_KEY_SIZE];
        int rc =
            fi_lsm_tree_get(fixture->trees[tree], fixture_key(key, bytes), snapshot, &value, &err);
        if (rc != (model[key] == NULL ? FIRN_NOT_FOUND : FIRN_OK)) {
            print_message("tree %u, key %u: %s\n", tree, key,
                          rc == FIRN_OK || rc == FIRN_NOT_FOUND ? firn_code_name(rc) : err.text);
        }
        assert_int_equal(rc, model[key] == NULL ? FIRN_NOT_FOUND : FIRN_OK);
        if (rc == FIRN_OK) {
            assert_record(model[key], fi_buf_slice(&value));
        }
    }
    fi_buf_deinit(&value);
}

static void
assert_at(struct fi_lsm_cursor *cursor, const struct fixture_record *record)
{
    char bytes[FIXTURE_KEY_SIZE];
    assert_true(fi_lsm_cursor_valid(cursor));
    const struct fi_entry *entry = fi_lsm_cursor_entry(cursor);
    firn_slice key = fixture_key(record->key, bytes);
    assert_int_equal(entry->key.size, key.size);
    assert_true(key.size == 0 || memcmp(entry->key.data, key.data, key.size) == 0);
    assert_int_equal(entry->sequence, record->sequence);
    assert_record(record, entry->value);
}

static void
compare_cursors(struct fixture *fixture, unsigned tree, const struct fi_snapshot *snapshot,
                const struct fixture_record *const *model, unsigned lower, unsigned upper)
{
    firn_error err;
    char lower_bytes[FIXTURE_KEY_SIZE];
    char upper_bytes[FIXTURE_KEY_SIZE];
    firn_slice lower_key = fixture_key(lower, lower_bytes);
    firn_slice upper_key = fixture_key(upper, upper_bytes);
    struct fi_lsm_cursor_options options = {
        .snapshot = snapshot,
        .lower = lower == 0 ? NULL : &lower_key,
        .upper = upper == FIXTURE_KEYS ? NULL : &upper_key,
    };
    struct fi_lsm_cursor *cursor;
    TEST_OK(fi_lsm_cursor_create(fixture->trees[tree], &options, &cursor, &err), &err);
    TEST_OK(fi_lsm_cursor_first(cursor, &err), &err);
    for (unsigned key = lower; key < upper; key++) {
        if (model[key] != NULL) {
            assert_at(cursor, model[key]);
            TEST_OK(fi_lsm_cursor_next(cursor, &err), &err);
        }
    }
    assert_false(fi_lsm_cursor_valid(cursor));
    TEST_OK(fi_lsm_cursor_last(cursor, &err), &err);
    for (unsigned key = upper; key > lower; key--) {
        if (model[key - 1] != NULL) {
            assert_at(cursor, model[key - 1]);
            TEST_OK(fi_lsm_cursor_prev(cursor, &err), &err);
        }
    }
    assert_false(fi_lsm_cursor_valid(cursor));
    fi_lsm_cursor_destroy(cursor);
}

void
fixture_compare(struct fixture *fixture, unsigned tree, size_t snapshot_number)
{
    const struct fixture_record *model[FIXTURE_KEYS];
    struct fi_snapshot snapshot = fixture_snapshot_of(fixture, snapshot_number);
    fixture_model(fixture, fixture->tree_ids[tree], &snapshot, model);
    compare_gets(fixture, tree, &snapshot, model);
    compare_cursors(fixture, tree, &snapshot, model, 0, FIXTURE_KEYS);
    compare_cursors(fixture, tree, &snapshot, model, 30, 90);
}

void
fixture_compare_all(struct fixture *fixture)
{
    for (unsigned tree = 0; tree < FIXTURE_TREES; tree++) {
        for (size_t snapshot = 0; snapshot < fixture->snapshot_count; snapshot++) {
            fixture_compare(fixture, tree, snapshot);
        }
    }
}

static void
print_damage(void *ctx, const char *text)
{
    (void)ctx;
    print_message("damage: %s\n", text);
}

void
fixture_check(struct fixture *fixture)
{
    firn_error err;
    TEST_OK(fi_lsm_check(fixture->lsm, print_damage, NULL, NULL, &err), &err);
}
