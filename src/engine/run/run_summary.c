/* SPDX-License-Identifier: Apache-2.0
 *
 * run/run_summary.c: the summary and the ranges of a run of any kind.
 *
 * Both are small. They are decoded when a run is opened, into memory that the run owns; their bytes
 * are never used in place. The summary carries the version of the format of its kind, which covers
 * everything in the run. (The block file that contains the run has a version of its own.)
 *
 * Checks: sizes fill the bytes exactly; no count contradicts another; bounds are in order; a range
 * has a lower bound below its upper one. Whether the summary matches the entries is for the check
 * of the run to find out.
 */
#include "run/run_parts.h"

#include "base/check.h"
#include "base/reader.h"
#include "base/slice.h"

/* No run has more of anything: what MANIFEST may say of it. */
#define COUNT_MAX (UINT64_C(1) << 48)

static bool
is_sound(const struct firn_run_summary *summary, firn_slice lower, firn_slice upper)
{
    return lower.size <= FIRN_ENTRY_BOUND_SIZE_MAX && upper.size <= FIRN_ENTRY_BOUND_SIZE_MAX &&
           firn_slice_compare(lower, upper) < 0 &&
           summary->tombstone_count <= summary->entry_count &&
           (summary->entry_count > 0 || summary->range_count > 0) &&
           summary->entry_count < COUNT_MAX && summary->range_count < COUNT_MAX &&
           summary->content_bytes < COUNT_MAX && summary->sequence_min <= summary->sequence_max;
}

int
firn_run_summary_encode(const struct firn_run_summary *summary, uint32_t version,
                        struct firn_buf *out)
{
    DCHECK(version > 0);
    DCHECK(is_sound(summary, firn_buf_slice(&summary->lower), firn_buf_slice(&summary->upper)));
    DCHECK(summary->has_heads || !summary->has_references);
    FIRN_TRY_RETURN(firn_buf_append_le32(out, version));
    FIRN_TRY_RETURN(firn_buf_append_le32(out, 0));
    FIRN_TRY_RETURN(firn_buf_append_le64(out, summary->entry_count));
    FIRN_TRY_RETURN(firn_buf_append_le64(out, summary->tombstone_count));
    FIRN_TRY_RETURN(firn_buf_append_le64(out, summary->range_count));
    FIRN_TRY_RETURN(firn_buf_append_le64(out, summary->content_bytes));
    FIRN_TRY_RETURN(firn_buf_append_le64(out, summary->sequence_min));
    FIRN_TRY_RETURN(firn_buf_append_le64(out, summary->sequence_max));
    FIRN_TRY_RETURN(firn_buf_append_le32(out, (uint32_t)summary->lower.size));
    FIRN_TRY_RETURN(firn_buf_append_le32(out, (uint32_t)summary->upper.size));
    FIRN_TRY_RETURN(firn_buf_append_slice(out, firn_buf_slice(&summary->lower)));
    return firn_buf_append_slice(out, firn_buf_slice(&summary->upper));
}

/* The fields of fixed size, which are there. */
static void
decode_numbers(const uint8_t *bytes, struct firn_run_summary *out)
{
    out->entry_count = firn_load_le64(bytes + 8);
    out->tombstone_count = firn_load_le64(bytes + 16);
    out->range_count = firn_load_le64(bytes + 24);
    out->content_bytes = firn_load_le64(bytes + 32);
    out->sequence_min = firn_load_le64(bytes + 40);
    out->sequence_max = firn_load_le64(bytes + 48);
}

int
firn_run_summary_decode(firn_slice raw, uint32_t version_max, uint32_t *out_version,
                        struct firn_run_summary *out, firn_error *err)
{
    if (raw.size < 8) {
        return firn_error_set(err, FIRN_CORRUPT, "the summary of a run is too short");
    }
    uint32_t version = firn_load_le32(raw.data);
    if (version == 0 || version > version_max || firn_load_le32(raw.data + 4) != 0) {
        return firn_error_set(err, version == 0 ? FIRN_CORRUPT : FIRN_NEWER,
                              "the summary says format %u, flags %08x; this version reads %u",
                              version, firn_load_le32(raw.data + 4), version_max);
    }
    *out_version = version;
    firn_slice lower;
    firn_slice upper;
    struct firn_reader reader = firn_reader_of(raw);
    firn_slice fixed;
    if (!firn_reader_bytes(&reader, FIRN_RUN_SUMMARY_SIZE, &fixed) ||
        !firn_reader_bytes(&reader, firn_load_le32(raw.data + 56), &lower) ||
        !firn_reader_bytes(&reader, firn_load_le32(raw.data + 60), &upper) ||
        firn_reader_left(&reader) != 0) {
        return firn_error_set(err, FIRN_CORRUPT, "the summary of a run has the wrong size");
    }
    decode_numbers(fixed.data, out);
    if (!is_sound(out, lower, upper)) {
        return firn_error_set(err, FIRN_CORRUPT, "the summary of a run contradicts itself");
    }
    if (firn_buf_append_slice(&out->lower, lower) != FIRN_OK ||
        firn_buf_append_slice(&out->upper, upper) != FIRN_OK) {
        return firn_error_no_memory(err, "the bounds of a run");
    }
    return FIRN_OK;
}

/* ---- a summary that is being made ---- */

void
firn_run_summary_note_sequence(struct firn_run_summary *summary, uint64_t sequence)
{
    bool is_first = summary->entry_count == 0 && summary->range_count == 0;
    if (is_first || sequence < summary->sequence_min) {
        summary->sequence_min = sequence;
    }
    if (is_first || sequence > summary->sequence_max) {
        summary->sequence_max = sequence;
    }
}

int
firn_run_summary_note_lower(struct firn_run_summary *summary, firn_slice key)
{
    bool is_first = summary->entry_count == 0 && summary->range_count == 0;
    if (!is_first && firn_slice_compare(key, firn_buf_slice(&summary->lower)) >= 0) {
        return FIRN_OK;
    }
    return firn_buf_assign(&summary->lower, key);
}

int
firn_run_summary_note_upper(struct firn_run_summary *summary, firn_slice bound)
{
    return firn_slice_compare(bound, firn_buf_slice(&summary->upper)) <= 0
               ? FIRN_OK
               : firn_buf_assign(&summary->upper, bound);
}

int
firn_run_summary_note_last_key(struct firn_run_summary *summary, firn_slice key)
{
    int rc;
    struct firn_buf bound = {0};
    FIRN_TRY(firn_buf_append_slice(&bound, key));
    FIRN_TRY(firn_buf_append_u8(&bound, 0));
    FIRN_TRY(firn_run_summary_note_upper(summary, firn_buf_slice(&bound)));
out:
    firn_buf_deinit(&bound);
    return rc;
}

/* ---- ranges ---- */

int
firn_run_summary_encode_range(const struct firn_range *range, struct firn_buf *out)
{
    int rc;
    size_t before = out->size;
    DCHECK(firn_slice_compare(range->lower, range->upper) < 0 && range->sequence < UINT64_MAX);
    FIRN_TRY(firn_buf_append_varint(out, range->lower.size));
    FIRN_TRY(firn_buf_append_slice(out, range->lower));
    FIRN_TRY(firn_buf_append_varint(out, range->upper.size));
    FIRN_TRY(firn_buf_append_slice(out, range->upper));
    FIRN_TRY(firn_buf_append_varint(out, range->sequence));
out:
    if (rc != FIRN_OK) {
        out->size = before;
    }
    return rc;
}

int
firn_run_summary_decode_ranges(firn_slice raw,
                               int (*visit)(void *ctx, const struct firn_range *range,
                                            firn_error *err),
                               void *ctx, firn_error *err)
{
    struct firn_reader reader = firn_reader_of(raw);
    while (firn_reader_left(&reader) > 0) {
        struct firn_range range;
        if (!firn_reader_sized(&reader, FIRN_ENTRY_BOUND_SIZE_MAX, &range.lower) ||
            !firn_reader_sized(&reader, FIRN_ENTRY_BOUND_SIZE_MAX, &range.upper) ||
            !firn_reader_varint(&reader, &range.sequence) ||
            firn_slice_compare(range.lower, range.upper) >= 0 || range.sequence == UINT64_MAX) {
            return firn_error_set(err, FIRN_CORRUPT,
                                  "a range delete is malformed, %zu bytes before the end",
                                  firn_reader_left(&reader));
        }
        int rc = visit(ctx, &range, err);
        if (rc != FIRN_OK) {
            return rc;
        }
    }
    return FIRN_OK;
}
