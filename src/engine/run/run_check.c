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
firn_run_check_init(struct firn_run_check *check, firn_error *err)
{
    size_t count = (size_t)firn_block_reader_chunk_count(check->reader);
    check->is_reported = firn_alloc_zeroed(count * sizeof check->is_reported[0]);
    return check->is_reported == NULL ? firn_error_no_memory(err, "a check")
                                      : firn_compress_create(&check->compress, err);
}

void
firn_run_check_deinit(struct firn_run_check *check)
{
    firn_compress_destroy(check->compress);
    firn_free(check->is_reported);
    firn_buf_deinit(&check->raw);
    firn_buf_deinit(&check->filter);
    firn_run_summary_deinit(&check->found);
}

/* ---- reporting ---- */

static bool
is_damage(int rc)
{
    return rc == FIRN_CORRUPT || rc == FIRN_IO;
}

int
firn_run_check_report(struct firn_run_check *check, uint64_t offset, uint64_t size,
                      const firn_error *err)
{
    DCHECK(err->code != FIRN_OK);
    if (!is_damage(err->code)) {
        return err->code;
    }
    uint64_t count = firn_block_reader_chunk_count(check->reader);
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
firn_run_check_report_block(struct firn_run_check *check, const struct firn_block_ref *ref,
                            const char *loss, firn_error *err)
{
    if (is_damage(err->code)) {
        (void)firn_run_text_place(check->reader, ref, err);
        (void)firn_error_prefix(err, "%s", loss);
    }
    return firn_run_check_report(check, ref->offset, firn_block_reader_span(ref), err);
}

/* ---- sections ---- */

static int
read_filter(struct firn_run_check *check, const struct firn_run_sections *sections, firn_error *err)
{
    const struct firn_block_ref *ref = &sections->filter;
    if (ref->stored_size == 0) {
        return FIRN_OK;
    }
    int rc = firn_block_reader_read(check->reader, ref, check->compress, &check->filter, err);
    if (rc == FIRN_OK) {
        rc = firn_run_filter_check(firn_buf_slice(&check->filter), err);
    }
    if (rc != FIRN_OK) {
        firn_buf_clear(&check->filter);
        return firn_run_check_report_block(check, ref, "no key is lost, but gets are slower", err);
    }
    return FIRN_OK;
}

static void
note_sequence(struct firn_run_summary *found, uint64_t sequence)
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
count_range(void *ctx, const struct firn_range *range, firn_error *err)
{
    struct firn_run_summary *found = &((struct firn_run_check *)ctx)->found;
    if (firn_run_summary_note_lower(found, range->lower) != FIRN_OK ||
        firn_run_summary_note_upper(found, range->upper) != FIRN_OK) {
        return firn_error_no_memory(err, "a bound");
    }
    note_sequence(found, range->sequence);
    found->range_count++;
    return FIRN_OK;
}

/* Summary or ranges, as they are on the disk now. */
static int
read_small_section(struct firn_run_check *check, const struct firn_block_section *section,
                   uint32_t version_max, firn_error *err)
{
    bool is_summary = section->kind == FIRN_RUN_SECTION_SUMMARY;
    int rc =
        firn_block_reader_read(check->reader, &section->ref, check->compress, &check->raw, err);
    if (rc == FIRN_OK && is_summary) {
        uint32_t version;
        struct firn_run_summary summary = {0};
        rc = firn_run_summary_decode(firn_buf_slice(&check->raw), version_max, &version, &summary,
                                     err);
        firn_run_summary_deinit(&summary);
    } else if (rc == FIRN_OK) {
        rc = firn_run_summary_decode_ranges(firn_buf_slice(&check->raw), count_range, check, err);
    }
    if (rc == FIRN_OK) {
        return FIRN_OK;
    }
    check->is_incomplete = true;
    return firn_run_check_report_block(check, &section->ref,
                                       is_summary ? "the summary of the run cannot be read"
                                                  : "range deletes of the run cannot be read",
                                       err);
}

int
firn_run_check_sections(struct firn_run_check *check, const struct firn_run_sections *sections,
                        uint32_t version_max, firn_error *err)
{
    DCHECK(check->found.entry_count == 0);
    int rc = read_filter(check, sections, err);
    size_t count = firn_block_reader_section_count(check->reader);
    for (size_t i = 0; rc == FIRN_OK && i < count; i++) {
        const struct firn_block_section *section = firn_block_reader_section(check->reader, i);
        if (section->kind == FIRN_RUN_SECTION_SUMMARY || section->kind == FIRN_RUN_SECTION_RANGES) {
            rc = read_small_section(check, section, version_max, err);
        }
    }
    return rc;
}

int
firn_run_check_key(const struct firn_run_check *check, uint64_t key_hash, firn_error *err)
{
    return check->filter.size == 0 ||
                   firn_run_filter_may_contain(firn_buf_slice(&check->filter), key_hash)
               ? FIRN_OK
               : firn_error_set(err, FIRN_CORRUPT, "the filter does not know one of its keys");
}

/* ---- the end ---- */

static bool
agree(const struct firn_run_summary *a, const struct firn_run_summary *b)
{
    return a->entry_count == b->entry_count && a->tombstone_count == b->tombstone_count &&
           a->range_count == b->range_count && a->content_bytes == b->content_bytes &&
           a->has_heads == b->has_heads && a->has_references == b->has_references &&
           a->sequence_min == b->sequence_min && a->sequence_max == b->sequence_max &&
           firn_slice_equal(firn_buf_slice(&a->lower), firn_buf_slice(&b->lower)) &&
           firn_slice_equal(firn_buf_slice(&a->upper), firn_buf_slice(&b->upper));
}

/* Widens the bounds that were found for the ranges by those of the entries. */
static int
note_bounds(struct firn_run_summary *found, firn_slice first_key, firn_slice last_key)
{
    if (found->range_count == 0 ||
        firn_slice_compare(first_key, firn_buf_slice(&found->lower)) < 0) {
        int rc = firn_buf_assign(&found->lower, first_key);
        if (rc != FIRN_OK) {
            return rc;
        }
    }
    return firn_run_summary_note_last_key(found, last_key);
}

static int
check_summary(struct firn_run_check *check, const struct firn_run_summary *summary,
              firn_slice first_key, firn_slice last_key, firn_error *err)
{
    if (check->is_incomplete) {
        return FIRN_OK;
    }
    if (check->found.entry_count > 0 &&
        note_bounds(&check->found, first_key, last_key) != FIRN_OK) {
        return firn_error_no_memory(err, "the bounds of a run");
    }
    if (agree(&check->found, summary)) {
        return FIRN_OK;
    }
    (void)firn_error_set(err, FIRN_CORRUPT, "'%s': the entries do not add up to the summary",
                         firn_block_reader_path(check->reader));
    return firn_run_check_report(check, 0, 0, err);
}

/* Nothing reads by it but repairs. */
static int
check_origin(struct firn_run_check *check, const struct firn_run_sections *sections,
             firn_error *err)
{
    struct firn_run_origin origin;
    struct firn_buf numbers = {0};
    int rc = firn_run_sections_origin(check->reader, sections, &numbers, &origin, err);
    firn_buf_deinit(&numbers);
    return rc == FIRN_OK || rc == FIRN_NOT_FOUND
               ? FIRN_OK
               : firn_run_check_report_block(check, &sections->origin, "no key is lost", err);
}

static int
check_chunks(struct firn_run_check *check, firn_error *err)
{
    uint64_t count = firn_block_reader_chunk_count(check->reader);
    for (uint64_t i = 0; i < count; i++) {
        int rc = firn_block_reader_verify_chunk(check->reader, i, &check->raw, err);
        if (rc != FIRN_OK && !(is_damage(rc) && check->is_reported[i])) {
            if (is_damage(rc)) {
                (void)firn_error_prefix(err, "no key is lost");
            }
            rc = firn_run_check_report(check, i * CHUNK_SIZE, CHUNK_SIZE, err);
            if (rc != FIRN_OK) {
                return rc;
            }
        }
    }
    return FIRN_OK;
}

int
firn_run_check_end(struct firn_run_check *check, const struct firn_run_sections *sections,
                   const struct firn_run_summary *summary, firn_slice first_key,
                   firn_slice last_key, firn_error *err)
{
    int rc;
    FIRN_TRY(check_summary(check, summary, first_key, last_key, err));
    FIRN_TRY(check_origin(check, sections, err));
    FIRN_TRY(check_chunks(check, err));
    FIRN_TRY(firn_step_tell(check->step, 1, check->untold_bytes, err));
    if (check->worst != FIRN_OK) {
        rc = firn_error_set(err, check->worst, "'%s': the run is damaged",
                            firn_block_reader_path(check->reader));
    }
out:
    return rc;
}
