/* SPDX-License-Identifier: Apache-2.0
 *
 * run/run_check.c: what checks of runs of all kinds have in common: reports of damage, the parts
 * other than the entries, and at the end the summary and every byte.
 *
 * Everything is read from the disk, past the cache. Damage is reported, and the check continues
 * after it. A bad filter loses no key. At the end each chunk of the table of contents is verified,
 * to find damage between the blocks, where no reader reads. Chunks in which something was reported
 * already are skipped, so that damage is reported once.
 *
 * A read error of the disk (FIRN_IO) is treated like damage, and is returned if there was nothing
 * else. Only a lack of memory, and a receiver of progress that cancels, end a check early.
 *
 * Memory: the filter of the run, one block, and one byte for each MiB of the file.
 */
#include "run/run_parts.h"

#include "base/check.h"
#include "base/mem.h"
#include "base/slice.h"

enum { CHUNK_SIZE = 1 << 20 }; /* of the table of contents */

int
fi_run_check_init(struct fi_run_check *check, firn_error *err)
{
    size_t count = (size_t)fi_block_reader_chunk_count(check->reader);
    check->is_reported = fi_alloc_zeroed(count * sizeof check->is_reported[0]);
    return check->is_reported == NULL ? fi_error_no_memory(err, "a check")
                                      : fi_compress_create(&check->compress, err);
}

void
fi_run_check_deinit(struct fi_run_check *check)
{
    fi_compress_destroy(check->compress);
    fi_free(check->is_reported);
    fi_buf_deinit(&check->raw);
    fi_buf_deinit(&check->filter);
    fi_run_summary_deinit(&check->found);
}

/* ---- reporting ---- */

static bool
is_damage(int rc)
{
    return rc == FIRN_CORRUPT || rc == FIRN_IO;
}

int
fi_run_check_report(struct fi_run_check *check, uint64_t offset, uint64_t size,
                    const firn_error *err)
{
    DCHECK(err->code != FIRN_OK);
    if (!is_damage(err->code)) {
        return err->code;
    }
    uint64_t count = fi_block_reader_chunk_count(check->reader);
    for (uint64_t i = offset / CHUNK_SIZE; i < count && i * CHUNK_SIZE < offset + size; i++) {
        check->is_reported[i] = true;
    }
    if (check->worst != FIRN_CORRUPT) {
        check->worst = err->code == FIRN_IO ? FIRN_IO : FIRN_CORRUPT;
    }
    check->on_damage(check->ctx, err->text);
    return FIRN_OK;
}

int
fi_run_check_report_block(struct fi_run_check *check, const struct fi_block_ref *ref,
                          const char *loss, firn_error *err)
{
    if (is_damage(err->code)) {
        (void)fi_run_text_place(check->reader, ref, err);
        fi_error_prefix(err, "%s", loss);
    }
    return fi_run_check_report(check, ref->offset, fi_block_reader_span(ref), err);
}

/* ---- sections ---- */

static int
read_filter(struct fi_run_check *check, const struct fi_run_sections *sections, firn_error *err)
{
    const struct fi_block_ref *ref = &sections->filter;
    if (ref->stored_size == 0) {
        return FIRN_OK;
    }
    int rc = fi_block_reader_read(check->reader, ref, check->compress, &check->filter, err);
    if (rc == FIRN_OK) {
        rc = fi_run_filter_check(fi_buf_slice(&check->filter), err);
    }
    if (rc != FIRN_OK) {
        fi_buf_clear(&check->filter);
        return fi_run_check_report_block(check, ref, "no key is lost, but gets are slower", err);
    }
    return FIRN_OK;
}

static void
note_sequence(struct fi_run_summary *found, uint64_t sequence)
{
    bool is_first = found->range_count == 0;
    if (is_first || sequence < found->sequence_min) {
        found->sequence_min = sequence;
    }
    if (is_first || sequence > found->sequence_max) {
        found->sequence_max = sequence;
    }
}

static int
count_range(void *ctx, const struct fi_range *range, firn_error *err)
{
    struct fi_run_summary *found = &((struct fi_run_check *)ctx)->found;
    if (fi_run_summary_note_lower(found, range->lower) != FIRN_OK ||
        fi_run_summary_note_upper(found, range->upper) != FIRN_OK) {
        return fi_error_no_memory(err, "a bound");
    }
    note_sequence(found, range->sequence);
    found->range_count++;
    return FIRN_OK;
}

/* Summary or ranges, as they are on the disk now. */
static int
read_small_section(struct fi_run_check *check, const struct fi_block_section *section,
                   uint32_t version_max, firn_error *err)
{
    bool is_summary = section->kind == FI_RUN_SECTION_SUMMARY;
    int rc = fi_block_reader_read(check->reader, &section->ref, check->compress, &check->raw, err);
    if (rc == FIRN_OK && is_summary) {
        uint32_t version;
        struct fi_run_summary summary = {0};
        rc = fi_run_summary_decode(fi_buf_slice(&check->raw), version_max, &version, &summary, err);
        fi_run_summary_deinit(&summary);
    } else if (rc == FIRN_OK) {
        rc = fi_run_summary_decode_ranges(fi_buf_slice(&check->raw), count_range, check, err);
    }
    if (rc == FIRN_OK) {
        return FIRN_OK;
    }
    check->is_incomplete = true;
    return fi_run_check_report_block(check, &section->ref,
                                     is_summary ? "the summary of the run cannot be read"
                                                : "range deletes of the run cannot be read",
                                     err);
}

int
fi_run_check_sections(struct fi_run_check *check, const struct fi_run_sections *sections,
                      uint32_t version_max, firn_error *err)
{
    DCHECK(check->found.entry_count == 0);
    int rc = read_filter(check, sections, err);
    size_t count = fi_block_reader_section_count(check->reader);
    for (size_t i = 0; rc == FIRN_OK && i < count; i++) {
        const struct fi_block_section *section = fi_block_reader_section(check->reader, i);
        if (section->kind == FI_RUN_SECTION_SUMMARY || section->kind == FI_RUN_SECTION_RANGES) {
            rc = read_small_section(check, section, version_max, err);
        }
    }
    return rc;
}

int
fi_run_check_key(const struct fi_run_check *check, uint64_t key_hash, firn_error *err)
{
    return check->filter.size == 0 ||
                   fi_run_filter_may_contain(fi_buf_slice(&check->filter), key_hash)
               ? FIRN_OK
               : fi_error_set(err, FIRN_CORRUPT, "the filter does not know one of its keys");
}

/* ---- the end ---- */

static bool
agree(const struct fi_run_summary *a, const struct fi_run_summary *b)
{
    return a->entry_count == b->entry_count && a->tombstone_count == b->tombstone_count &&
           a->range_count == b->range_count && a->content_bytes == b->content_bytes &&
           a->has_heads == b->has_heads && a->has_references == b->has_references &&
           a->sequence_min == b->sequence_min && a->sequence_max == b->sequence_max &&
           fi_slice_equal(fi_buf_slice(&a->lower), fi_buf_slice(&b->lower)) &&
           fi_slice_equal(fi_buf_slice(&a->upper), fi_buf_slice(&b->upper));
}

/* Widens the bounds that were found for the ranges by those of the entries. */
static int
note_bounds(struct fi_run_summary *found, firn_slice first_key, firn_slice last_key)
{
    if (found->range_count == 0 || fi_slice_compare(first_key, fi_buf_slice(&found->lower)) < 0) {
        int rc = fi_buf_assign(&found->lower, first_key);
        if (rc != FIRN_OK) {
            return rc;
        }
    }
    return fi_run_summary_note_last_key(found, last_key);
}

static int
check_summary(struct fi_run_check *check, const struct fi_run_summary *summary,
              firn_slice first_key, firn_slice last_key, firn_error *err)
{
    if (check->is_incomplete) {
        return FIRN_OK;
    }
    if (check->found.entry_count > 0 &&
        note_bounds(&check->found, first_key, last_key) != FIRN_OK) {
        return fi_error_no_memory(err, "the bounds of a run");
    }
    if (agree(&check->found, summary)) {
        return FIRN_OK;
    }
    (void)fi_error_set(err, FIRN_CORRUPT, "'%s': the entries do not add up to the summary",
                       fi_block_reader_path(check->reader));
    return fi_run_check_report(check, 0, 0, err);
}

/* Nothing reads by it but repairs. */
static int
check_origin(struct fi_run_check *check, const struct fi_run_sections *sections, firn_error *err)
{
    struct fi_run_origin origin;
    struct fi_buf numbers = {0};
    int rc = fi_run_sections_origin(check->reader, sections, &numbers, &origin, err);
    fi_buf_deinit(&numbers);
    return rc == FIRN_OK || rc == FIRN_NOT_FOUND
               ? FIRN_OK
               : fi_run_check_report_block(check, &sections->origin, "no key is lost", err);
}

static int
check_chunks(struct fi_run_check *check, firn_error *err)
{
    uint64_t count = fi_block_reader_chunk_count(check->reader);
    for (uint64_t i = 0; i < count; i++) {
        int rc = fi_block_reader_verify_chunk(check->reader, i, &check->raw, err);
        if (rc != FIRN_OK && !(is_damage(rc) && check->is_reported[i])) {
            if (is_damage(rc)) {
                fi_error_prefix(err, "no key is lost");
            }
            rc = fi_run_check_report(check, i * CHUNK_SIZE, CHUNK_SIZE, err);
            if (rc != FIRN_OK) {
                return rc;
            }
        }
    }
    return FIRN_OK;
}

int
fi_run_check_end(struct fi_run_check *check, const struct fi_run_sections *sections,
                 const struct fi_run_summary *summary, firn_slice first_key, firn_slice last_key,
                 firn_error *err)
{
    int rc;
    FI_TRY(check_summary(check, summary, first_key, last_key, err));
    FI_TRY(check_origin(check, sections, err));
    FI_TRY(check_chunks(check, err));
    FI_TRY(fi_step_report(check->step, 1, check->untold_bytes, err));
    if (check->worst != FIRN_OK) {
        rc = fi_error_set(err, check->worst, "'%s': the run is damaged",
                          fi_block_reader_path(check->reader));
    }
out:
    return rc;
}
