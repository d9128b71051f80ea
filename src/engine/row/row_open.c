/* SPDX-License-Identifier: Apache-2.0
 *
 * row/row_open.c: opens a run and closes it: which parts it has, and what must be in memory.
 *
 * Opening reads the block file (header, footer, table of contents), then the summary and the
 * ranges, which are decoded, then the index, through the cache and its check: a run is of no use
 * without its index. The summary and the others must agree where they describe the same thing. The
 * filter is read at the first get (row_get.c).
 *
 * Pins. A run keeps its index pinned until it is closed, and its filter from the first get on.
 * Beside them it keeps tables that lead to its blocks without a search in the cache (row_read.c).
 * It does so only if the cache has room for all of it and agrees to hold it (fi_block_cache_hold).
 * Other runs pin index and filter for each operation, and the cache may evict them in between.
 *
 * Blocks that the builder handed to the cache are there under a number, env->cache_file. From the
 * opening on that number is the run's, also if the opening fails.
 *
 * Memory: the ranges and the bounds, as long as the run is open, and what the cache holds for it.
 */
#include "base/mem.h"
#include "row/row_internal.h"

/* Whether the cache has room for the index, which is pinned now, or keeps it beyond its budget. */
static bool
has_room(struct fi_row *run)
{
    struct fi_block_pin pin;
    bool is_there = fi_block_cache_find(run->cache, run->file_of_sections,
                                        run->sections.index.offset, FI_BLOCK_CACHE_INDEX, &pin);
    fi_block_cache_unpin(run->cache, &pin);
    return is_there;
}

/* Gives back all that is kept. */
static void
drop_pins(struct fi_row *run)
{
    fi_block_cache_unpin(run->cache, &run->index_pin);
    fi_block_cache_unpin(run->cache, &run->filter_pin);
    fi_block_cache_hold_give(run->cache, &run->memory);
    fi_block_cache_hold_release(run->cache, run->held_bytes);
    run->held_bytes = 0;
    run->keeps_pins = false;
}

/* Keeps the index pinned, and the filter from the first get on, with tables beside them, where the
 * cache holds so much. */
static void
keep_pins(struct fi_row *run, struct fi_row_read_index *index)
{
    DCHECK(!run->keeps_pins && run->held_bytes == 0 && run->memory.data == NULL);
    DCHECK(index->pin.size == run->sections.index.raw_size);
    size_t memory_size = fi_row_read_memory_size(index->index.block_count);
    size_t size =
        (size_t)run->sections.index.raw_size + run->sections.filter.raw_size + memory_size;
    if (!has_room(run) || !fi_block_cache_hold(run->cache, size)) {
        return;
    }
    run->held_bytes = size;
    if (!fi_block_cache_hold_take(run->cache, memory_size, &run->memory)) {
        drop_pins(run);
        return;
    }
    run->index_pin = index->pin;
    run->index = index->index;
    index->pin = (struct fi_block_pin){0};
    fi_row_read_set_memory(run);
    run->keeps_pins = true;
}

static int
read_run(struct fi_row *run, firn_error *err)
{
    int rc;
    struct fi_row_read_index index = {.pin = {0}};
    FI_TRY(fi_run_sections_read(run->reader, FI_ROW_FORMAT_VERSION, &run->sections, &run->summary,
                                &run->ranges, err));
    run->summary.has_heads = run->sections.version >= FI_ROW_FORMAT_VERSION_HEADS;
    run->summary.has_references = run->sections.version == FI_ROW_FORMAT_VERSION;
    FI_TRY(fi_row_read_index(run, &index, err));
    if (index.index.entry_count != run->summary.entry_count ||
        index.index.block_count > run->summary.entry_count ||
        (index.index.block_count == 0) != (run->summary.entry_count == 0) ||
        run->sections.filters.stored_size > 0) { /* those of columns */
        FI_TRY(fi_error_set(err, FIRN_CORRUPT, "'%s': its sections contradict each other",
                            fi_block_reader_path(run->reader)));
    }
    keep_pins(run, &index);
out:
    fi_row_read_index_release(run, &index);
    return rc;
}

int
fi_row_open(const struct fi_run_kind *kind, const struct fi_run_env *env, const char *name,
            struct fi_run **out, firn_error *err)
{
    *out = NULL;
    struct fi_row *run = fi_alloc_zeroed(sizeof *run);
    if (run == NULL) {
        fi_block_cache_drop_file(env->cache, env->cache_file);
        return fi_error_no_memory(err, "a run");
    }
    run->base.kind = kind;
    static const struct fi_run_values none = {0};
    run->cache = env->cache;
    run->values = env->values != NULL ? env->values : &none;
    run->file = env->cache_file != 0 ? env->cache_file : fi_block_cache_add_file(env->cache);
    run->file_of_sections = fi_block_cache_add_file(env->cache);
    int rc = fi_block_reader_open_in(env->descriptors, env->dir, name, FI_BLOCK_FILE_ROW,
                                     &run->reader, err);
    if (rc == FIRN_OK) {
        rc = read_run(run, err);
    }
    if (rc != FIRN_OK) {
        fi_row_open_close(&run->base);
        return rc;
    }
    *out = &run->base;
    return FIRN_OK;
}

void
fi_row_open_close(struct fi_run *base)
{
    if (base == NULL) {
        return;
    }
    struct fi_row *run = fi_row_read_run(base);
    DCHECK(run->keeps_pins == (run->held_bytes > 0));
    drop_pins(run);
    fi_block_cache_drop_file(run->cache, run->file);
    fi_block_cache_drop_file(run->cache, run->file_of_sections);
    fi_range_set_deinit(&run->ranges);
    fi_run_summary_deinit(&run->summary);
    fi_block_reader_close(run->reader);
    fi_free(run);
}
