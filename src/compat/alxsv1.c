/* SPDX-License-Identifier: Apache-2.0
 *
 * compat/alxsv1.c: the reader of ALXS tables: open and look up.
 *
 * Opening checks all of the file (alxsv1_check.c) and keeps a sparse index of it (alxsv1_index.c).
 * Everything later reads one block and verifies it (alxsv1_block.c).
 *
 * Of equal keys the last record counts, as if later ones had replaced earlier ones: loading a table
 * into a keyspace gives the same answers. The last block that begins with a key not above the one
 * that is looked for holds its last record, if there is any; so a look-up reads one block.
 *
 * A handle does not change after opening: any number of threads may use it. It reads the file that
 * it has opened, whatever gets the name later.
 */
#include "compat/alxsv1.h"

#include "base/mem.h"
#include "compat/alxsv1_format.h"

int
firn_alxsv1_open(struct firn_os_dir *dir, const char *name, const firn_alxs_options *options,
                 struct firn_alxsv1 **out, firn_error *err)
{
    *out = NULL;
    int rc = FIRN_OK;
    struct firn_alxsv1 *table = firn_alloc_zeroed(sizeof *table);
    if (table == NULL) {
        return firn_error_no_memory(err, "a table");
    }
    firn_os_process_init_mark(&table->mark);
    firn_alxsv1_index_init(&table->index, options->index_memory_max);
    FIRN_TRY(firn_os_file_open(dir, name, FIRN_OS_READ, 0, &table->file, err));
    FIRN_TRY(firn_alxsv1_check(table->file, options, &table->index, NULL, &table->info, err));
    *out = table;
out:
    if (rc != FIRN_OK) {
        firn_alxsv1_close(table);
    }
    return rc;
}

void
firn_alxsv1_close(struct firn_alxsv1 *table)
{
    if (table == NULL) {
        return;
    }
    firn_os_file_close(table->file);
    firn_alxsv1_index_deinit(&table->index);
    firn_free(table);
}

/* The value of the last record with this key; *out_found is false if there is none. */
static int
find(const struct firn_alxsv1 *table, firn_slice key, struct firn_alxsv1_block *block,
     bool *out_found, firn_slice *out_value, firn_error *err)
{
    int rc = FIRN_OK;
    size_t blocks;
    *out_found = false;
    FIRN_TRY(firn_alxsv1_index_rank(&table->index, table->file, key, FIRN_ALXSV1_BELOW_OR_EQUAL,
                                    &blocks, err));
    if (blocks == 0) {
        goto out;
    }
    FIRN_TRY(firn_alxsv1_block_load(block, table, blocks - 1, err));
    size_t records = firn_alxsv1_block_rank(block, key, FIRN_ALXSV1_BELOW_OR_EQUAL);
    *out_found = records > 0 &&
                 firn_alxsv1_format_compare(firn_alxsv1_block_key(block, records - 1), key) == 0;
    if (*out_found) {
        *out_value = firn_alxsv1_block_value(block, records - 1);
    }
out:
    return rc;
}

int
firn_alxsv1_get(struct firn_alxsv1 *table, firn_slice key, uint8_t **out, size_t *out_size,
                firn_error *err)
{
    int rc = FIRN_OK;
    bool is_found;
    firn_slice value;
    struct firn_alxsv1_block block = {0};
    FIRN_TRY(find(table, key, &block, &is_found, &value, err));
    if (!is_found) {
        FIRN_TRY(firn_error_set(err, FIRN_NOT_FOUND, "'%s' has no record of this key",
                                firn_os_file_path(table->file)));
    }
    *out = firn_memdup(value.data, value.size);
    if (*out == NULL) {
        FIRN_TRY(firn_error_no_memory(err, "a value"));
    }
    *out_size = value.size;
out:
    firn_alxsv1_block_deinit(&block);
    return rc;
}
