/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/column/column_walk.h: everything that can be done with a run that is not trusted; for tests
 * of hostile runs and the fuzz target. Held: everything ends within bounds, with answers or refusals.
 */
#ifndef FIRN_COLUMN_WALK_H
#define FIRN_COLUMN_WALK_H

#include "base/check.h"
#include "column/column_internal.h"

enum { COLUMN_WALK_STEPS_MAX = 3000, COLUMN_WALK_LARGE_MAX = 4 << 20 };

static inline bool
column_walk_is_refusal(int rc)
{
    return rc == FIRN_CORRUPT || rc == FIRN_NEWER;
}

static inline void
column_walk_get(struct fi_run *run, firn_slice key, uint64_t sequence)
{
    struct fi_buf value = {0};
    struct fi_snapshot_interval intervals[] = {{0, sequence / 2}, {sequence, sequence}};
    struct fi_snapshot snapshot = {intervals + (sequence < 3), sequence < 3 ? 1U : 2U, 0, NULL};
    struct fi_run_hit hit;
    int rc = fi_column_kind.get(run, key, &snapshot, &hit, &value, NULL);
    CHECK(rc == FIRN_OK || rc == FIRN_NOT_FOUND || column_walk_is_refusal(rc));
    CHECK(rc != FIRN_OK || fi_snapshot_sees(&snapshot, hit.sequence));
    fi_buf_deinit(&value);
}

static inline void
column_walk_batch(struct fi_run_cursor *cursor, struct fi_run_builder *builder)
{
    struct fi_run_batch batch;
    int rc = fi_column_kind.cursor_batch(cursor, NULL, FI_RUN_BATCH_MAX, &batch, NULL);
    CHECK(rc == FIRN_OK || column_walk_is_refusal(rc));
    if (rc == FIRN_OK && batch.count > 0) {
        rc = fi_column_kind.builder_add_from(builder, &batch, NULL);
        CHECK(rc == FIRN_OK || rc == FIRN_INVALID || rc == FIRN_FAILED || rc == FIRN_LIMIT ||
              column_walk_is_refusal(rc));
    }
}

static inline void
column_walk_cursor(const struct fi_run_env *env, struct fi_run *run, unsigned way)
{
    struct fi_run_cursor *cursor;
    struct fi_run_builder *builder;
    struct fi_run_cursor_options options = {.is_sequential = way % 2 != 0};
    struct fi_run_builder_options building = {.layout = fi_column_layout_of(run)};
    CHECK(fi_column_kind.cursor_create(run, &options, &cursor, NULL) == FIRN_OK);
    CHECK(fi_column_kind.builder_create(env, "copy", &building, &builder, NULL) == FIRN_OK);
    bool is_backward = way / 2 % 2 != 0;
    int rc = is_backward ? fi_column_kind.cursor_last(cursor, NULL)
                         : fi_column_kind.cursor_first(cursor, NULL);
    for (size_t step = 0; rc == FIRN_OK && cursor->is_valid && step < COLUMN_WALK_STEPS_MAX;
         step++) {
        if (step % 16 == 0) {
            column_walk_get(run, cursor->entry.key, cursor->entry.sequence);
        }
        if (cursor->entry.value.size > COLUMN_WALK_LARGE_MAX) {
            break;
        }
        if (step == 3) {
            column_walk_batch(cursor, builder);
            if (!cursor->is_valid) {
                break;
            }
        }
        rc = is_backward ? fi_column_kind.cursor_prev(cursor, NULL)
                         : fi_column_kind.cursor_next(cursor, NULL);
    }
    CHECK(rc == FIRN_OK || column_walk_is_refusal(rc));
    CHECK(rc == FIRN_OK || !cursor->is_valid);
    rc = fi_column_kind.cursor_seek(cursor, firn_str("key"), 5, NULL);
    CHECK(rc == FIRN_OK || column_walk_is_refusal(rc));
    rc = fi_column_kind.cursor_seek_before(cursor, firn_str("\x80\0\0\1"), 5, NULL);
    CHECK(rc == FIRN_OK || column_walk_is_refusal(rc));
    fi_column_kind.builder_destroy(builder);
    fi_column_kind.cursor_destroy(cursor);
}

/* Decodes the columns of the first groups. */
static inline void
column_walk_chunks(struct fi_run *run)
{
    const struct fi_column_layout *layout = fi_column_layout_of(run);
    struct fi_chunk_scratch scratch = {{0}, {0}, {0}};
    for (size_t i = 0; i < fi_column_group_count(run) && i < 16; i++) {
        struct fi_column_group group;
        fi_column_group_at(run, i, &group);
        CHECK(group.rows > 0 && group.rows <= FI_CHUNK_VALUES_MAX);
        for (size_t slot = 0; slot < layout->count; slot++) {
            struct fi_column_pin pin;
            struct fi_column_info info;
            struct fi_chunk_values values;
            uint32_t id = layout->columns[slot].id;
            CHECK(fi_column_info_of(run, i, id, &info) == FIRN_OK);
            int rc = fi_column_pin_chunk(run, i, id, FI_BLOCK_CACHE_SCAN, &pin, NULL);
            CHECK(rc == FIRN_OK || rc == FIRN_LIMIT || column_walk_is_refusal(rc));
            for (size_t block = 0; rc == FIRN_OK && block < fi_chunk_block_count(&pin.chunk);
                 block++) {
                rc = fi_chunk_read_block(&pin.chunk, block, NULL, &scratch, &values, NULL);
                CHECK(rc == FIRN_OK || rc == FIRN_CORRUPT);
            }
            fi_column_read_unpin(&pin);
        }
    }
    fi_chunk_scratch_deinit(&scratch);
}

static inline void
column_walk_count(void *ctx, const char *text)
{
    CHECK(text[0] != '\0');
    ++*(size_t *)ctx;
}

/* Writes the run again, as a repair does: what comes of it is sound. */
static inline void
column_walk_mend(const struct fi_run_env *env, struct fi_run *run)
{
    const struct fi_run_summary *summary = fi_column_kind.summary(run);
    struct fi_run_summary mended;
    struct fi_run *again;
    size_t lost = 0;
    firn_error err;
    struct fi_run_mend how = {
        .env = *env, .name = "mended", .on_damage = column_walk_count, .ctx = &lost};
    if (summary->entry_count > COLUMN_WALK_STEPS_MAX ||
        summary->content_bytes > COLUMN_WALK_LARGE_MAX) {
        return;
    }
    int rc = fi_column_kind.mend(run, &how, &mended, &err);
    CHECK(rc == FIRN_OK || column_walk_is_refusal(rc));
    if (rc != FIRN_OK) {
        return;
    }
    CHECK(how.is_whole == (lost == 0));
    fi_block_cache_drop_file(env->cache, mended.cache_file);
    fi_run_summary_deinit(&mended);
    CHECK(fi_column_kind.open(env, "mended", &again, NULL) == FIRN_OK);
    lost = 0;
    CHECK(fi_column_kind.check(again, column_walk_count, &lost, NULL, NULL) == FIRN_OK);
    CHECK(lost == 0);
    fi_column_kind.close(again);
    CHECK(fi_os_remove_file(env->dir, "mended", NULL) == FIRN_OK);
}

/* Opens the file and does everything; whether it was found to be sound. */
static inline bool
column_walk_file(const struct fi_run_env *env, const char *name)
{
    struct fi_run *run;
    int rc = fi_column_kind.open(env, name, &run, NULL);
    CHECK(rc == FIRN_OK || column_walk_is_refusal(rc));
    if (rc != FIRN_OK) {
        return false;
    }
    for (unsigned way = 0; way < 4; way++) {
        column_walk_cursor(env, run, way);
    }
    column_walk_get(run, firn_bytes(NULL, 0), 7);
    column_walk_chunks(run);
    column_walk_mend(env, run);
    struct fi_run_origin origin;
    struct fi_buf numbers = {0};
    rc = fi_column_kind.origin(run, &numbers, &origin, NULL);
    CHECK(rc == FIRN_OK || rc == FIRN_NOT_FOUND || column_walk_is_refusal(rc));
    fi_buf_deinit(&numbers);
    size_t count = 0;
    rc = fi_column_kind.check(run, column_walk_count, &count, NULL, NULL);
    /* What a newer firn made is neither sound nor damaged. */
    CHECK(rc == FIRN_OK ? count == 0 : rc == FIRN_NEWER || (rc == FIRN_CORRUPT && count > 0));
    fi_column_kind.close(run);
    return rc == FIRN_OK;
}

#endif
