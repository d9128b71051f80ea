/* SPDX-License-Identifier: Apache-2.0
 *
 * row/row_read.c: fetches index and data blocks of a run from the cache.
 *
 * A run that may do so (row.c) keeps its index pinned from open to close. It also has tables of its
 * own: tops of the index (row_index.c) and a guide to each data block (block_cache.h), so that its
 * operations use none of the cache's tables. Other runs pin the index during an operation, and may
 * find it evicted.
 *
 * Failure: errors of the block reader name file and offset. Here the range of keys, known from the
 * separators of the index, is put before that text: so the message says which keys cannot be read,
 * and that the rest can.
 */
#include "row/row_internal.h"

int
fi_row_read_index(struct fi_row *run, struct fi_row_read_index *out, firn_error *err)
{
    out->pin = (struct fi_block_pin){0};
    if (run->keeps_pins) {
        DCHECK(run->index_pin.data != NULL && run->guides != NULL);
        out->index = run->index;
        return FIRN_OK;
    }
    int rc =
        fi_block_cache_read(run->cache, run->file_of_sections, run->reader, &run->sections.index,
                            FI_BLOCK_CACHE_INDEX, fi_row_index_check, &out->pin, err);
    if (rc != FIRN_OK) {
        if (err != NULL && fi_run_text_is_loss(rc)) {
            (void)fi_run_text_place(run->reader, &run->sections.index, err);
            fi_error_prefix(err, "no key of the run can be read");
        }
        return rc;
    }
    fi_row_index_init(&out->index, firn_bytes(out->pin.data, out->pin.size));
    return FIRN_OK;
}

/* First the tops, then the guides. */
static size_t
tops_size(size_t block_count)
{
    return fi_row_index_top_count(block_count) * FI_ROW_FORMAT_HEAD_SIZE;
}

size_t
fi_row_read_memory_size(size_t block_count)
{
    return tops_size(block_count) + block_count * sizeof(struct fi_block_guide);
}

void
fi_row_read_set_memory(struct fi_row *run)
{
    uint8_t *bytes = run->memory.data;
    fi_row_index_set_tops(&run->index, bytes);
    DCHECK(tops_size(run->index.block_count) % _Alignof(struct fi_block_guide) == 0);
    run->guides = (void *)(bytes + tops_size(run->index.block_count));
}

void
fi_row_read_prefetch(const struct fi_row *run, firn_slice key)
{
    firn_slice filter = fi_row_read_known_filter(run);
    if (filter.data != NULL) {
        fi_run_filter_prefetch(filter, fi_run_filter_hash(key));
    } else if (run->keeps_pins) {
        fi_row_index_prefetch(&run->index, key);
    }
}

void
fi_row_read_index_release(struct fi_row *run, struct fi_row_read_index *index)
{
    fi_block_cache_unpin(run->cache, &index->pin);
}

/* Pins the i-th block if it is where its guide says. */
static inline bool
follow_guide(struct fi_row *run, const struct fi_row_index *index, size_t i,
             struct fi_row_index_block *out_block, struct fi_block_pin *out)
{
    const struct fi_block_guide *guide = run->keeps_pins ? &run->guides[i] : NULL;
    DCHECK(i < index->block_count);
    if (guide != NULL) {
        fi_block_cache_guide_prefetch(run->cache, guide, FI_BLOCK_CACHE_GUIDE_HEAD);
    }
    fi_row_index_block(index, i, out_block);
    return guide != NULL && fi_block_cache_guide_follow(run->cache, guide, run->file,
                                                        &out_block->ref, FI_BLOCK_CACHE_DATA, out);
}

static void
note_guide(struct fi_row *run, size_t i, const struct fi_block_pin *pin)
{
    if (run->keeps_pins) {
        fi_block_cache_guide_note(run->cache, pin, &run->guides[i]);
    }
}

int
fi_row_read_block(struct fi_row *run, const struct fi_row_index *index, size_t i,
                  struct fi_block_pin *out, firn_error *err)
{
    struct fi_row_index_block block;
    return follow_guide(run, index, i, &block, out)
               ? FIRN_OK
               : fi_row_read_missing(run, index, i, NULL, out, err);
}

bool
fi_row_read_find(struct fi_row *run, const struct fi_row_index *index, size_t i,
                 struct fi_block_pin *out)
{
    struct fi_row_index_block block;
    if (follow_guide(run, index, i, &block, out)) {
        return true;
    }
    if (!fi_block_cache_find(run->cache, run->file, block.ref.offset, FI_BLOCK_CACHE_DATA, out)) {
        return false;
    }
    if (out->size != block.ref.raw_size) { /* an index that lies; reading the block refuses it */
        fi_block_cache_unpin(run->cache, out);
        return false;
    }
    note_guide(run, i, out);
    return true;
}

int
fi_row_read_missing(struct fi_row *run, const struct fi_row_index *index, size_t i,
                    const uint8_t *stored, struct fi_block_pin *out, firn_error *err)
{
    struct fi_row_index_block block;
    DCHECK(i < index->block_count);
    fi_row_index_block(index, i, &block);
    int rc = fi_block_cache_read_from(run->cache, run->file, run->reader, &block.ref, stored,
                                      FI_BLOCK_CACHE_DATA, fi_row_block_check, out, err);
    if (rc == FIRN_OK) {
        note_guide(run, i, out);
    } else if (err != NULL) {
        rc = fi_row_read_explain(run, index, i, err);
    }
    return rc;
}

/* ---- messages ---- */

/* The separator of a block; the end of the run after the last one. */
static void
separator_text(const struct fi_row *run, const struct fi_row_index *index, size_t i,
               char text[FI_RUN_TEXT_SIZE])
{
    DCHECK(i <= index->block_count);
    if (i == index->block_count) {
        (void)fi_run_text_key(fi_buf_slice(&run->summary.upper), text);
        return;
    }
    struct fi_row_index_separator separator;
    fi_row_index_separator(index, i, &separator);
    (void)fi_run_text_key_of(index->prefix, separator.rest, text);
}

int
fi_row_read_explain(const struct fi_row *run, const struct fi_row_index *index, size_t i,
                    firn_error *err)
{
    if (!fi_run_text_is_loss(err->code)) {
        return err->code;
    }
    char from[FI_RUN_TEXT_SIZE];
    char to[FI_RUN_TEXT_SIZE];
    struct fi_row_index_block block;
    fi_row_index_block(index, i, &block);
    separator_text(run, index, i, from);
    separator_text(run, index, i + 1, to);
    (void)fi_run_text_place(run->reader, &block.ref, err);
    fi_error_prefix(err, "keys from '%s' to '%s' cannot be read", from, to);
    return err->code;
}
