/* SPDX-License-Identifier: Apache-2.0
 *
 * compat/alxsv1_cursor.c: walks the records of a table in both directions.
 *
 * A cursor holds one block (alxsv1_block.c) and a place in it; steps inside the block cost nothing,
 * a step over its edge reads the next one.
 *
 * (I1) While the cursor is valid its block is loaded and `at` is below its number of records.
 */
#include "base/mem.h"
#include "compat/alxsv1.h"

struct firn_alxsv1_cursor {
    struct firn_os_process_mark mark; /* first: see api_process.h */
    const struct firn_alxsv1 *table;
    struct firn_alxsv1_block block;
    size_t at;
    bool is_valid;
};

int
firn_alxsv1_cursor_open(struct firn_alxsv1 *table, struct firn_alxsv1_cursor **out, firn_error *err)
{
    *out = firn_alloc_zeroed(sizeof **out);
    if (*out == NULL) {
        return firn_error_no_memory(err, "a cursor");
    }
    firn_os_process_init_mark(&(*out)->mark);
    (*out)->table = table;
    return FIRN_OK;
}

void
firn_alxsv1_cursor_close(struct firn_alxsv1_cursor *cursor)
{
    if (cursor != NULL) {
        firn_alxsv1_block_deinit(&cursor->block);
        firn_free(cursor);
    }
}

bool
firn_alxsv1_cursor_valid(const struct firn_alxsv1_cursor *cursor)
{
    return cursor->is_valid;
}

firn_slice
firn_alxsv1_cursor_key(const struct firn_alxsv1_cursor *cursor)
{
    return cursor->is_valid ? firn_alxsv1_block_key(&cursor->block, cursor->at)
                            : firn_bytes(NULL, 0);
}

firn_slice
firn_alxsv1_cursor_value(const struct firn_alxsv1_cursor *cursor)
{
    return cursor->is_valid ? firn_alxsv1_block_value(&cursor->block, cursor->at)
                            : firn_bytes(NULL, 0);
}

/* ---- moving ---- */

/* To the first record of a block; nowhere if there is no such block. */
static int
enter_forwards(struct firn_alxsv1_cursor *cursor, size_t number, firn_error *err)
{
    int rc = FIRN_OK;
    cursor->is_valid = false;
    if (number < cursor->table->index.count) {
        FIRN_TRY(firn_alxsv1_block_load(&cursor->block, cursor->table, number, err));
        cursor->at = 0;
        cursor->is_valid = true;
    }
out:
    return rc;
}

/* To the last record of the block before this one; nowhere if there is none. */
static int
enter_backwards(struct firn_alxsv1_cursor *cursor, size_t number, firn_error *err)
{
    int rc = FIRN_OK;
    cursor->is_valid = false;
    if (number > 0) {
        FIRN_TRY(firn_alxsv1_block_load(&cursor->block, cursor->table, number - 1, err));
        cursor->at = cursor->block.count - 1;
        cursor->is_valid = true;
    }
out:
    return rc;
}

int
firn_alxsv1_cursor_first(struct firn_alxsv1_cursor *cursor, firn_error *err)
{
    return enter_forwards(cursor, 0, err);
}

int
firn_alxsv1_cursor_last(struct firn_alxsv1_cursor *cursor, firn_error *err)
{
    return enter_backwards(cursor, cursor->table->index.count, err);
}

/* Loads the last block that begins below the key, if there is any (*out_blocks > 0), and counts the
 * records in it that are below the key: at least its first. */
static int
seek_block(struct firn_alxsv1_cursor *cursor, firn_slice key, size_t *out_blocks,
           size_t *out_records, firn_error *err)
{
    int rc = FIRN_OK;
    const struct firn_alxsv1 *table = cursor->table;
    cursor->is_valid = false;
    *out_records = 0;
    FIRN_TRY(firn_alxsv1_index_rank(&table->index, table->file, key, FIRN_ALXSV1_BELOW, out_blocks,
                                    err));
    if (*out_blocks > 0) {
        FIRN_TRY(firn_alxsv1_block_load(&cursor->block, table, *out_blocks - 1, err));
        *out_records = firn_alxsv1_block_rank(&cursor->block, key, FIRN_ALXSV1_BELOW);
    }
out:
    return rc;
}

int
firn_alxsv1_cursor_seek(struct firn_alxsv1_cursor *cursor, firn_slice key, firn_error *err)
{
    int rc = FIRN_OK;
    size_t blocks;
    size_t records;
    FIRN_TRY(seek_block(cursor, key, &blocks, &records, err));
    if (blocks > 0 && records < cursor->block.count) {
        cursor->at = records;
        cursor->is_valid = true;
    } else {
        FIRN_TRY(enter_forwards(cursor, blocks, err));
    }
out:
    return rc;
}

int
firn_alxsv1_cursor_seek_before(struct firn_alxsv1_cursor *cursor, firn_slice key, firn_error *err)
{
    int rc = FIRN_OK;
    size_t blocks;
    size_t records;
    FIRN_TRY(seek_block(cursor, key, &blocks, &records, err));
    if (records > 0) {
        cursor->at = records - 1;
        cursor->is_valid = true;
    }
out:
    return rc;
}

static int
check_valid(const struct firn_alxsv1_cursor *cursor, firn_error *err)
{
    return cursor->is_valid
               ? FIRN_OK
               : firn_error_set(err, FIRN_MISUSE, "the cursor is not at a record of the table");
}

int
firn_alxsv1_cursor_next(struct firn_alxsv1_cursor *cursor, firn_error *err)
{
    int rc = FIRN_OK;
    FIRN_TRY(check_valid(cursor, err));
    if (cursor->at + 1 < cursor->block.count) {
        cursor->at++;
    } else {
        FIRN_TRY(enter_forwards(cursor, cursor->block.number + 1, err));
    }
out:
    return rc;
}

int
firn_alxsv1_cursor_prev(struct firn_alxsv1_cursor *cursor, firn_error *err)
{
    int rc = FIRN_OK;
    FIRN_TRY(check_valid(cursor, err));
    if (cursor->at > 0) {
        cursor->at--;
    } else {
        FIRN_TRY(enter_backwards(cursor, cursor->block.number, err));
    }
out:
    return rc;
}
