/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/row/row_fixture.c: see its header.
 */
#include "unit/row/row_fixture.h"

#include "base/error.h"
#include "base/slice.h"

void
row_fixture_init(struct row_fixture *fixture, size_t cache_bytes)
{
    *fixture = (struct row_fixture){0};
    assert_int_equal(fi_sim_memory_create(5, &fixture->os, NULL), FIRN_OK);
    assert_int_equal(fi_os_dir_open_path(fixture->os, "/", &fixture->dir, NULL), FIRN_OK);
    assert_int_equal(fi_block_cache_create(fixture->os, cache_bytes, &fixture->cache, NULL),
                     FIRN_OK);
}

void
row_fixture_deinit(struct row_fixture *fixture)
{
    fi_block_cache_destroy(fixture->cache);
    fi_os_dir_close(fixture->dir);
    fi_sim_memory_destroy(fixture->os);
}

struct fi_run_env
row_fixture_env(const struct row_fixture *fixture)
{
    return (struct fi_run_env){.dir = fixture->dir, .cache = fixture->cache};
}

/* ---- the model ---- */

static firn_slice
copy_of(firn_slice slice)
{
    uint8_t *data = malloc(slice.size + 1);
    assert_non_null(data);
    if (slice.size > 0) {
        memcpy(data, slice.data, slice.size);
    }
    return firn_bytes(data, slice.size);
}

static void
free_slice(firn_slice slice)
{
    union {
        const uint8_t *borrowed;
        void *owned;
    } pointer = {.borrowed = slice.data};
    free(pointer.owned);
}

static void
free_entry(const struct fi_entry *entry)
{
    free_slice(entry->key);
    free_slice(entry->value);
}

void
row_model_deinit(struct row_model *model)
{
    for (size_t i = 0; i < model->count; i++) {
        free_entry(&model->entries[i]);
    }
    for (size_t i = 0; i < model->range_count; i++) {
        free_slice(model->ranges[i].lower);
        free_slice(model->ranges[i].upper);
    }
    free(model->entries);
    free(model->ranges);
    *model = (struct row_model){0};
}

void
row_model_add(struct row_model *model, firn_slice key, uint64_t sequence, enum fi_entry_kind kind,
              firn_slice value)
{
    if (model->count == model->capacity) {
        model->capacity = model->capacity == 0 ? 64 : 2 * model->capacity;
        model->entries = realloc(model->entries, model->capacity * sizeof model->entries[0]);
        assert_non_null(model->entries);
    }
    model->entries[model->count++] = (struct fi_entry){
        .key = copy_of(key), .value = copy_of(value), .sequence = sequence, .kind = kind};
}

void
row_model_add_range(struct row_model *model, firn_slice lower, firn_slice upper, uint64_t sequence)
{
    model->ranges = realloc(model->ranges, (model->range_count + 1) * sizeof model->ranges[0]);
    assert_non_null(model->ranges);
    model->ranges[model->range_count++] =
        (struct fi_range){.lower = copy_of(lower), .upper = copy_of(upper), .sequence = sequence};
}

static int
compare_entries(const void *a, const void *b)
{
    const struct fi_entry *x = a;
    const struct fi_entry *y = b;
    return fi_entry_compare(x->key, x->sequence, y->key, y->sequence);
}

void
row_model_sort(struct row_model *model)
{
    if (model->count == 0) {
        return;
    }
    qsort(model->entries, model->count, sizeof model->entries[0], compare_entries);
    size_t kept = 1;
    for (size_t i = 1; i < model->count; i++) {
        if (compare_entries(&model->entries[kept - 1], &model->entries[i]) == 0) {
            free_entry(&model->entries[i]);
        } else {
            model->entries[kept++] = model->entries[i];
        }
    }
    model->count = kept;
}

size_t
row_model_lower_bound(const struct row_model *model, firn_slice key, uint64_t sequence)
{
    size_t low = 0;
    size_t high = model->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const struct fi_entry *entry = &model->entries[middle];
        if (fi_entry_compare(entry->key, entry->sequence, key, sequence) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

int
row_model_build(const struct row_model *model, const struct fi_run_env *env, const char *name,
                const struct fi_run_builder_options *options, struct fi_run_summary *out_summary,
                firn_error *err)
{
    struct fi_run_builder *builder = NULL;
    struct fi_run_summary summary = {0};
    int rc;
    FI_TRY(fi_row_kind.builder_create(env, name, options, &builder, err));
    for (size_t i = 0; i < model->range_count; i++) {
        FI_TRY(fi_row_kind.builder_add_range(builder, &model->ranges[i], err));
    }
    for (size_t i = 0; i < model->count; i++) {
        FI_TRY(fi_row_kind.builder_add(builder, &model->entries[i], err));
    }
    FI_TRY(fi_row_kind.builder_finish(builder, &summary, err));
    if (out_summary != NULL) {
        *out_summary = summary;
    } else {
        fi_run_summary_deinit(&summary);
    }
out:
    fi_row_kind.builder_destroy(builder);
    return rc;
}

/* ---- comparing ---- */

static void
assert_slices_equal(firn_slice expected, firn_slice found)
{
    assert_int_equal(expected.size, found.size);
    if (expected.size > 0) {
        assert_memory_equal(expected.data, found.data, found.size);
    }
}

void
row_model_compare_entry(const struct fi_entry *expected, const struct fi_entry *found)
{
    assert_slices_equal(expected->key, found->key);
    assert_slices_equal(expected->value, found->value);
    assert_int_equal(expected->sequence, found->sequence);
    assert_int_equal(expected->kind, found->kind);
}

void
row_model_compare_summary(const struct row_model *model, const struct fi_run_summary *summary)
{
    uint64_t tombstones = 0;
    bool has_heads = false;
    uint64_t content = 0;
    uint64_t sequence_min = UINT64_MAX;
    uint64_t sequence_max = 0;
    firn_slice lower = {NULL, SIZE_MAX};
    struct fi_buf upper = {0};
    if (model->count > 0) {
        lower = model->entries[0].key;
        assert_int_equal(fi_buf_append_slice(&upper, model->entries[model->count - 1].key), 0);
        assert_int_equal(fi_buf_append_u8(&upper, 0), FIRN_OK);
    }
    for (size_t i = 0; i < model->count; i++) {
        const struct fi_entry *entry = &model->entries[i];
        tombstones += entry->kind == FI_ENTRY_DELETE;
        has_heads |= entry->kind == FI_ENTRY_MERGE || entry->kind == FI_ENTRY_EXPIRING;
        content += entry->key.size + entry->value.size;
        sequence_min = entry->sequence < sequence_min ? entry->sequence : sequence_min;
        sequence_max = entry->sequence > sequence_max ? entry->sequence : sequence_max;
    }
    for (size_t i = 0; i < model->range_count; i++) {
        const struct fi_range *range = &model->ranges[i];
        sequence_min = range->sequence < sequence_min ? range->sequence : sequence_min;
        sequence_max = range->sequence > sequence_max ? range->sequence : sequence_max;
        if (lower.size == SIZE_MAX || fi_slice_compare(range->lower, lower) < 0) {
            lower = range->lower;
        }
        if (fi_slice_compare(range->upper, fi_buf_slice(&upper)) > 0) {
            fi_buf_clear(&upper);
            assert_int_equal(fi_buf_append_slice(&upper, range->upper), FIRN_OK);
        }
    }
    assert_int_equal(summary->entry_count, model->count);
    assert_int_equal(summary->tombstone_count, tombstones);
    assert_int_equal(summary->has_heads, has_heads || summary->has_references);
    assert_int_equal(summary->range_count, model->range_count);
    assert_int_equal(summary->content_bytes, content);
    assert_int_equal(summary->sequence_min, sequence_min);
    assert_int_equal(summary->sequence_max, sequence_max);
    assert_slices_equal(lower, fi_buf_slice(&summary->lower));
    assert_slices_equal(fi_buf_slice(&upper), fi_buf_slice(&summary->upper));
    fi_buf_deinit(&upper);
}

void
row_model_compare_scan(const struct row_model *model, struct fi_run *run, bool is_sequential)
{
    firn_error err;
    struct fi_run_cursor *cursor;
    struct fi_run_cursor_options options = {.is_sequential = is_sequential};
    assert_int_equal(fi_row_kind.cursor_create(run, &options, &cursor, &err), FIRN_OK);
    assert_false(cursor->is_valid);
    assert_int_equal(fi_row_kind.cursor_first(cursor, &err), FIRN_OK);
    for (size_t i = 0; i < model->count; i++) {
        assert_true(cursor->is_valid);
        row_model_compare_entry(&model->entries[i], &cursor->entry);
        assert_int_equal(fi_row_kind.cursor_next(cursor, &err), FIRN_OK);
    }
    assert_false(cursor->is_valid);
    assert_int_equal(fi_row_kind.cursor_last(cursor, &err), FIRN_OK);
    for (size_t i = model->count; i > 0; i--) {
        assert_true(cursor->is_valid);
        row_model_compare_entry(&model->entries[i - 1], &cursor->entry);
        assert_int_equal(fi_row_kind.cursor_prev(cursor, &err), FIRN_OK);
    }
    assert_false(cursor->is_valid);
    fi_row_kind.cursor_destroy(cursor);
}

static void
prepare(struct fi_run_cursor *cursor, firn_slice key, uint64_t sequence, unsigned steps)
{
    for (unsigned step = 0; step < steps; step++) {
        fi_row_kind.cursor_prepare(cursor, key, sequence, step);
        assert_false(cursor->is_valid);
    }
}

/* With the first steps before each seek. */
static void
compare_seek_prepared(const struct row_model *model, struct fi_run_cursor *cursor, firn_slice key,
                      uint64_t sequence, unsigned steps)
{
    firn_error err;
    size_t i = row_model_lower_bound(model, key, sequence);
    prepare(cursor, key, sequence, steps);
    assert_int_equal(fi_row_kind.cursor_seek(cursor, key, sequence, &err), FIRN_OK);
    assert_int_equal(cursor->is_valid, i < model->count);
    if (cursor->is_valid) {
        row_model_compare_entry(&model->entries[i], &cursor->entry);
    }
    prepare(cursor, key, sequence, steps);
    assert_int_equal(fi_row_kind.cursor_seek_before(cursor, key, sequence, &err), FIRN_OK);
    assert_int_equal(cursor->is_valid, i > 0);
    if (!cursor->is_valid) {
        return;
    }
    row_model_compare_entry(&model->entries[i - 1], &cursor->entry);
    assert_int_equal(fi_row_kind.cursor_next(cursor, &err), FIRN_OK);
    assert_int_equal(cursor->is_valid, i < model->count);
    if (cursor->is_valid) {
        row_model_compare_entry(&model->entries[i], &cursor->entry);
    }
}

void
row_model_compare_seek(const struct row_model *model, struct fi_run_cursor *cursor, firn_slice key,
                       uint64_t sequence)
{
    firn_error err;
    /* The last one was prepared for another place. */
    compare_seek_prepared(model, cursor, key, sequence, 0);
    /* Preparing binds nobody. */
    prepare(cursor, key, sequence, FI_RUN_CURSOR_STEPS);
    assert_int_equal(fi_row_kind.cursor_first(cursor, &err), FIRN_OK);
    assert_int_equal(cursor->is_valid, model->count > 0);
    if (cursor->is_valid) {
        row_model_compare_entry(&model->entries[0], &cursor->entry);
    }
    compare_seek_prepared(model, cursor, key, sequence, FI_RUN_CURSOR_STEPS - 1);
    compare_seek_prepared(model, cursor, key, sequence, FI_RUN_CURSOR_STEPS);
}

void
row_model_compare_get(const struct row_model *model, struct fi_run *run, firn_slice key,
                      const struct fi_snapshot *snapshot)
{
    firn_error err;
    struct fi_run_hit hit = {.kind = (enum fi_entry_kind)99, .sequence = 99};
    struct fi_buf value = {0};
    assert_int_equal(fi_buf_append_str(&value, "what was there before"), FIRN_OK);
    size_t i = row_model_lower_bound(model, key, UINT64_MAX);
    while (i < model->count && fi_slice_equal(model->entries[i].key, key) &&
           !fi_snapshot_sees(snapshot, model->entries[i].sequence)) {
        i++;
    }
    bool is_there = i < model->count && fi_slice_equal(model->entries[i].key, key);
    for (unsigned step = 0; step < FI_RUN_GET_STEPS; step++) {
        fi_row_kind.get_prefetch(run, key, step);
    }
    int rc = fi_row_kind.get(run, key, snapshot, &hit, &value, &err);
    assert_int_equal(rc, is_there ? FIRN_OK : FIRN_NOT_FOUND);
    if (is_there) {
        const struct fi_entry *entry = &model->entries[i];
        assert_int_equal(hit.kind, entry->kind);
        assert_int_equal(hit.sequence, entry->sequence);
        if (entry->kind != FI_ENTRY_DELETE) {
            assert_slices_equal(entry->value, fi_buf_slice(&value));
        }
        assert_int_equal(fi_row_kind.get(run, key, snapshot, &hit, NULL, NULL), FIRN_OK);
    } else {
        assert_int_equal(err.code, FIRN_NOT_FOUND);
    }
    fi_buf_deinit(&value);
}

void
row_fixture_fail_on_damage(void *ctx, const char *text)
{
    (void)ctx;
    fail_msg("%s", text);
}

void
row_fixture_count_damage(void *ctx, const char *text)
{
    assert_non_null(text);
    ++*(size_t *)ctx;
}

void
row_model_check_is_clean(struct fi_run *run)
{
    firn_error err;
    int rc = fi_row_kind.check(run, row_fixture_fail_on_damage, NULL, NULL, &err);
    if (rc != FIRN_OK) {
        fail_msg("%s", err.text);
    }
}

void
row_fixture_check_cut(struct row_fixture *fixture, uint64_t seed, bool must_exist,
                      int (*read)(const void *ctx, struct fi_os_dir *dir,
                                  struct fi_block_cache *cache, firn_error *err),
                      const void *ctx)
{
    firn_error err;
    struct fi_os *os;
    struct fi_os_dir *dir;
    struct fi_block_cache *cache;
    assert_int_equal(fi_sim_memory_clone(fixture->os, &os, &err), FIRN_OK);
    fi_sim_memory_power_cut(os, seed);
    assert_int_equal(fi_os_dir_open_path(os, "/", &dir, &err), FIRN_OK);
    assert_int_equal(fi_block_cache_create(os, 0, &cache, &err), FIRN_OK);
    bool exists = test_file_exists(dir, "run");
    assert_true(exists || !must_exist);
    if (exists) {
        assert_int_equal(read(ctx, dir, cache, &err), FIRN_OK);
    }
    fi_block_cache_destroy(cache);
    fi_os_dir_close(dir);
    fi_sim_memory_destroy(os);
}
