/* SPDX-License-Identifier: Apache-2.0
 *
 * alxs/alxs.c: the reader of ALXS tables: opens a table, looks up keys, walks, verifies.
 *
 * Opening checks all of the file (alxs_check.c) and keeps a sparse index of it (alxs_index.c).
 * Every later call reads one block at a time and verifies it (alxs_block.c).
 *
 * Of equal keys the last record counts, as if later ones had replaced earlier ones: loading a table
 * into a keyspace gives the same answers. If a key has records, the last one is in the last block
 * that begins with that key or a smaller one; so a look-up reads one block.
 *
 * A handle does not change after opening: any number of threads may use it. It reads the file that
 * it opened, even if another file gets the name later.
 */
#include "alxs/alxs.h"

#include <inttypes.h>

#include "alxs/alxs_format.h"
#include "base/check.h"
#include "base/mem.h"

int
fi_alxs_open(struct fi_os_dir *dir, const char *name, const firn_alxs_options *options,
             struct firn_alxs **out, firn_error *err)
{
    *out = NULL;
    int rc = FIRN_OK;
    struct firn_alxs *table = fi_alloc_zeroed(sizeof *table);
    if (table == NULL) {
        return fi_error_no_memory(err, "a table");
    }
    fi_os_process_init_mark(&table->mark);
    fi_alxs_index_init(&table->index, options->index_memory_max);
    FI_TRY(fi_os_file_open(dir, name, FI_OS_READ, 0, &table->file, err));
    FI_TRY(fi_alxs_check(table->file, options, &table->index, NULL, &table->info, err));
    *out = table;
out:
    if (rc != FIRN_OK) {
        fi_alxs_close(table);
    }
    return rc;
}

void
fi_alxs_close(struct firn_alxs *table)
{
    if (table == NULL) {
        return;
    }
    fi_os_file_close(table->file);
    fi_alxs_index_deinit(&table->index);
    fi_free(table);
}

/* The value of the last record with this key; *out_found is false if there is none. */
static int
alxs_find(const struct firn_alxs *table, firn_slice key, struct fi_alxs_block *block,
          bool *out_found, firn_slice *out_value, firn_error *err)
{
    int rc = FIRN_OK;
    size_t blocks;
    *out_found = false;
    FI_TRY(
        fi_alxs_index_rank(&table->index, table->file, key, FI_ALXS_BELOW_OR_EQUAL, &blocks, err));
    if (blocks == 0) {
        goto out;
    }
    FI_TRY(fi_alxs_block_load(block, table, blocks - 1, err));
    size_t records = fi_alxs_block_rank(block, key, FI_ALXS_BELOW_OR_EQUAL);
    *out_found =
        records > 0 && fi_alxs_format_compare(fi_alxs_block_key(block, records - 1), key) == 0;
    if (*out_found) {
        *out_value = fi_alxs_block_value(block, records - 1);
    }
out:
    return rc;
}

int
fi_alxs_get(struct firn_alxs *table, firn_slice key, uint8_t **out, size_t *out_size,
            firn_error *err)
{
    int rc = FIRN_OK;
    bool is_found;
    firn_slice value;
    struct fi_alxs_block block = {0};
    FI_TRY(alxs_find(table, key, &block, &is_found, &value, err));
    if (!is_found) {
        FI_TRY(fi_error_set(err, FIRN_NOT_FOUND, "'%s' has no record of this key",
                            fi_os_file_path(table->file)));
    }
    *out = fi_memdup(value.data, value.size);
    if (*out == NULL) {
        FI_TRY(fi_error_no_memory(err, "a value"));
    }
    *out_size = value.size;
out:
    fi_alxs_block_deinit(&block);
    return rc;
}

/* ---- walking in both directions ----
 *
 * A cursor holds one block (alxs_block.c) and a position in it. Steps inside the block cost
 * nothing; a step over its edge reads the next one.
 *
 * (I1) While the cursor is valid its block is loaded and `at` is below its number of records.
 */

struct firn_alxs_cursor {
    struct fi_os_process_mark mark; /* first: see api_process.h */
    const struct firn_alxs *table;
    struct fi_alxs_block block;
    size_t at;
    bool is_valid;
};

int
fi_alxs_cursor_open(struct firn_alxs *table, struct firn_alxs_cursor **out, firn_error *err)
{
    *out = fi_alloc_zeroed(sizeof **out);
    if (*out == NULL) {
        return fi_error_no_memory(err, "a cursor");
    }
    fi_os_process_init_mark(&(*out)->mark);
    (*out)->table = table;
    return FIRN_OK;
}

void
fi_alxs_cursor_close(struct firn_alxs_cursor *cursor)
{
    if (cursor != NULL) {
        fi_alxs_block_deinit(&cursor->block);
        fi_free(cursor);
    }
}

bool
fi_alxs_cursor_valid(const struct firn_alxs_cursor *cursor)
{
    return cursor->is_valid;
}

firn_slice
fi_alxs_cursor_key(const struct firn_alxs_cursor *cursor)
{
    DCHECK(!cursor->is_valid || cursor->at < cursor->block.count); /* (I1) */
    return cursor->is_valid ? fi_alxs_block_key(&cursor->block, cursor->at) : firn_bytes(NULL, 0);
}

firn_slice
fi_alxs_cursor_value(const struct firn_alxs_cursor *cursor)
{
    return cursor->is_valid ? fi_alxs_block_value(&cursor->block, cursor->at) : firn_bytes(NULL, 0);
}

/* ---- moving ---- */

/* Moves to the first record of a block; nowhere if there is no such block. */
static int
enter_forwards(struct firn_alxs_cursor *cursor, size_t number, firn_error *err)
{
    cursor->is_valid = false;
    if (number < cursor->table->index.count) {
        FI_TRY_RETURN(fi_alxs_block_load(&cursor->block, cursor->table, number, err));
        cursor->at = 0;
        cursor->is_valid = true;
    }
    return FIRN_OK;
}

/* Moves to the last record of the block before this one; nowhere if there is none. */
static int
enter_backwards(struct firn_alxs_cursor *cursor, size_t number, firn_error *err)
{
    cursor->is_valid = false;
    if (number > 0) {
        FI_TRY_RETURN(fi_alxs_block_load(&cursor->block, cursor->table, number - 1, err));
        DCHECK(cursor->block.count > 0); /* (I1) */
        cursor->at = cursor->block.count - 1;
        cursor->is_valid = true;
    }
    return FIRN_OK;
}

int
fi_alxs_cursor_first(struct firn_alxs_cursor *cursor, firn_error *err)
{
    return enter_forwards(cursor, 0, err);
}

int
fi_alxs_cursor_last(struct firn_alxs_cursor *cursor, firn_error *err)
{
    return enter_backwards(cursor, cursor->table->index.count, err);
}

/* Loads the last block that begins below the key, if there is one (*out_blocks > 0), and counts the
 * records in it that are below the key, which include its first. */
static int
seek_block(struct firn_alxs_cursor *cursor, firn_slice key, size_t *out_blocks, size_t *out_records,
           firn_error *err)
{
    const struct firn_alxs *table = cursor->table;
    cursor->is_valid = false;
    *out_records = 0;
    FI_TRY_RETURN(
        fi_alxs_index_rank(&table->index, table->file, key, FI_ALXS_BELOW, out_blocks, err));
    if (*out_blocks > 0) {
        FI_TRY_RETURN(fi_alxs_block_load(&cursor->block, table, *out_blocks - 1, err));
        *out_records = fi_alxs_block_rank(&cursor->block, key, FI_ALXS_BELOW);
        DCHECK(*out_records > 0); /* the first record of the block is below the key */
    }
    return FIRN_OK;
}

int
fi_alxs_cursor_seek(struct firn_alxs_cursor *cursor, firn_slice key, firn_error *err)
{
    size_t blocks;
    size_t records;
    FI_TRY_RETURN(seek_block(cursor, key, &blocks, &records, err));
    if (blocks > 0 && records < cursor->block.count) {
        cursor->at = records;
        cursor->is_valid = true;
    } else {
        FI_TRY_RETURN(enter_forwards(cursor, blocks, err));
    }
    return FIRN_OK;
}

int
fi_alxs_cursor_seek_before(struct firn_alxs_cursor *cursor, firn_slice key, firn_error *err)
{
    size_t blocks;
    size_t records;
    FI_TRY_RETURN(seek_block(cursor, key, &blocks, &records, err));
    if (records > 0) {
        cursor->at = records - 1;
        cursor->is_valid = true;
    }
    return FIRN_OK;
}

static int
check_valid(const struct firn_alxs_cursor *cursor, firn_error *err)
{
    return cursor->is_valid
               ? FIRN_OK
               : fi_error_set(err, FIRN_MISUSE, "the cursor is not at a record of the table");
}

int
fi_alxs_cursor_next(struct firn_alxs_cursor *cursor, firn_error *err)
{
    FI_TRY_RETURN(check_valid(cursor, err));
    if (cursor->at + 1 < cursor->block.count) {
        cursor->at++;
    } else {
        FI_TRY_RETURN(enter_forwards(cursor, cursor->block.number + 1, err));
    }
    return FIRN_OK;
}

int
fi_alxs_cursor_prev(struct firn_alxs_cursor *cursor, firn_error *err)
{
    FI_TRY_RETURN(check_valid(cursor, err));
    if (cursor->at > 0) {
        cursor->at--;
    } else {
        FI_TRY_RETURN(enter_backwards(cursor, cursor->block.number, err));
    }
    return FIRN_OK;
}

/* ---- reporting each damaged part ----
 *
 * The checks are those of opening (alxs_check.c), but they continue after damage. The format's
 * single checksum shows that something in the records is wrong, not where; impossible sizes and
 * keys out of order narrow it down.
 */

int
fi_alxs_verify(struct fi_os_dir *dir, const char *name, const firn_alxs_options *options,
               void (*on_damage)(void *ctx, const char *text), void *ctx,
               const struct fi_step *step, firn_alxs_info *out, firn_error *err)
{
    int rc = FIRN_OK;
    struct fi_os_file *file = NULL;
    struct fi_alxs_sink sink = {.on_damage = on_damage, .ctx = ctx, .step = step};
    *out = (firn_alxs_info){.size = sizeof *out};
    FI_TRY(fi_os_file_open(dir, name, FI_OS_READ, 0, &file, err));
    FI_TRY(fi_alxs_check(file, options, NULL, &sink, out, err));
    if (sink.count > 0) {
        FI_TRY(fi_error_set(err, FIRN_CORRUPT, "'%s' is damaged: %" PRIu64 " %s",
                            fi_os_file_path(file), sink.count,
                            sink.count == 1 ? "finding" : "findings"));
    }
out:
    fi_os_file_close(file);
    return rc;
}
