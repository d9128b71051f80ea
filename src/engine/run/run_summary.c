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
is_sound(const struct fi_run_summary *summary, firn_slice lower, firn_slice upper)
{
    return lower.size <= FI_ENTRY_BOUND_SIZE_MAX && upper.size <= FI_ENTRY_BOUND_SIZE_MAX &&
           fi_slice_compare(lower, upper) < 0 && summary->tombstone_count <= summary->entry_count &&
           (summary->entry_count > 0 || summary->range_count > 0) &&
           summary->entry_count < COUNT_MAX && summary->range_count < COUNT_MAX &&
           summary->content_bytes < COUNT_MAX && summary->sequence_min <= summary->sequence_max;
}

int
fi_run_summary_encode(const struct fi_run_summary *summary, uint32_t version, struct fi_buf *out)
{
    DCHECK(version > 0);
    DCHECK(is_sound(summary, fi_buf_slice(&summary->lower), fi_buf_slice(&summary->upper)));
    DCHECK(summary->has_heads || !summary->has_references);
    FI_TRY_RETURN(fi_buf_append_le32(out, version));
    FI_TRY_RETURN(fi_buf_append_le32(out, 0));
    FI_TRY_RETURN(fi_buf_append_le64(out, summary->entry_count));
    FI_TRY_RETURN(fi_buf_append_le64(out, summary->tombstone_count));
    FI_TRY_RETURN(fi_buf_append_le64(out, summary->range_count));
    FI_TRY_RETURN(fi_buf_append_le64(out, summary->content_bytes));
    FI_TRY_RETURN(fi_buf_append_le64(out, summary->sequence_min));
    FI_TRY_RETURN(fi_buf_append_le64(out, summary->sequence_max));
    FI_TRY_RETURN(fi_buf_append_le32(out, (uint32_t)summary->lower.size));
    FI_TRY_RETURN(fi_buf_append_le32(out, (uint32_t)summary->upper.size));
    FI_TRY_RETURN(fi_buf_append_slice(out, fi_buf_slice(&summary->lower)));
    return fi_buf_append_slice(out, fi_buf_slice(&summary->upper));
}

/* The fields of fixed size, which are there. */
static void
decode_numbers(const uint8_t *bytes, struct fi_run_summary *out)
{
    out->entry_count = fi_load_le64(bytes + 8);
    out->tombstone_count = fi_load_le64(bytes + 16);
    out->range_count = fi_load_le64(bytes + 24);
    out->content_bytes = fi_load_le64(bytes + 32);
    out->sequence_min = fi_load_le64(bytes + 40);
    out->sequence_max = fi_load_le64(bytes + 48);
}

int
fi_run_summary_decode(firn_slice raw, uint32_t version_max, uint32_t *out_version,
                      struct fi_run_summary *out, firn_error *err)
{
    if (raw.size < 8) {
        return fi_error_set(err, FIRN_CORRUPT, "the summary of a run is too short");
    }
    uint32_t version = fi_load_le32(raw.data);
    if (version == 0 || version > version_max || fi_load_le32(raw.data + 4) != 0) {
        return fi_error_set(err, version == 0 ? FIRN_CORRUPT : FIRN_NEWER,
                            "the summary says format %u, flags %08x; this version reads %u",
                            version, fi_load_le32(raw.data + 4), version_max);
    }
    *out_version = version;
    firn_slice lower;
    firn_slice upper;
    struct fi_reader reader = fi_reader_of(raw);
    firn_slice fixed;
    if (!fi_reader_bytes(&reader, FI_RUN_SUMMARY_SIZE, &fixed) ||
        !fi_reader_bytes(&reader, fi_load_le32(raw.data + 56), &lower) ||
        !fi_reader_bytes(&reader, fi_load_le32(raw.data + 60), &upper) ||
        fi_reader_left(&reader) != 0) {
        return fi_error_set(err, FIRN_CORRUPT, "the summary of a run has the wrong size");
    }
    decode_numbers(fixed.data, out);
    if (!is_sound(out, lower, upper)) {
        return fi_error_set(err, FIRN_CORRUPT, "the summary of a run contradicts itself");
    }
    if (fi_buf_append_slice(&out->lower, lower) != FIRN_OK ||
        fi_buf_append_slice(&out->upper, upper) != FIRN_OK) {
        return fi_error_no_memory(err, "the bounds of a run");
    }
    return FIRN_OK;
}

/* ---- a summary that is being made ---- */

void
fi_run_summary_note_sequence(struct fi_run_summary *summary, uint64_t sequence)
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
fi_run_summary_note_lower(struct fi_run_summary *summary, firn_slice key)
{
    bool is_first = summary->entry_count == 0 && summary->range_count == 0;
    if (!is_first && fi_slice_compare(key, fi_buf_slice(&summary->lower)) >= 0) {
        return FIRN_OK;
    }
    return fi_buf_assign(&summary->lower, key);
}

int
fi_run_summary_note_upper(struct fi_run_summary *summary, firn_slice bound)
{
    return fi_slice_compare(bound, fi_buf_slice(&summary->upper)) <= 0
               ? FIRN_OK
               : fi_buf_assign(&summary->upper, bound);
}

int
fi_run_summary_note_last_key(struct fi_run_summary *summary, firn_slice key)
{
    int rc;
    struct fi_buf bound = {0};
    FI_TRY(fi_buf_append_slice(&bound, key));
    FI_TRY(fi_buf_append_u8(&bound, 0));
    FI_TRY(fi_run_summary_note_upper(summary, fi_buf_slice(&bound)));
out:
    fi_buf_deinit(&bound);
    return rc;
}

/* ---- ranges ---- */

int
fi_run_summary_encode_range(const struct fi_range *range, struct fi_buf *out)
{
    int rc;
    size_t before = out->size;
    DCHECK(fi_slice_compare(range->lower, range->upper) < 0 && range->sequence < UINT64_MAX);
    FI_TRY(fi_buf_append_varint(out, range->lower.size));
    FI_TRY(fi_buf_append_slice(out, range->lower));
    FI_TRY(fi_buf_append_varint(out, range->upper.size));
    FI_TRY(fi_buf_append_slice(out, range->upper));
    FI_TRY(fi_buf_append_varint(out, range->sequence));
out:
    if (rc != FIRN_OK) {
        out->size = before;
    }
    return rc;
}

int
fi_run_summary_decode_ranges(firn_slice raw,
                             int (*visit)(void *ctx, const struct fi_range *range, firn_error *err),
                             void *ctx, firn_error *err)
{
    struct fi_reader reader = fi_reader_of(raw);
    while (fi_reader_left(&reader) > 0) {
        struct fi_range range;
        if (!fi_reader_sized(&reader, FI_ENTRY_BOUND_SIZE_MAX, &range.lower) ||
            !fi_reader_sized(&reader, FI_ENTRY_BOUND_SIZE_MAX, &range.upper) ||
            !fi_reader_varint(&reader, &range.sequence) ||
            fi_slice_compare(range.lower, range.upper) >= 0 || range.sequence == UINT64_MAX) {
            return fi_error_set(err, FIRN_CORRUPT,
                                "a range delete is malformed, %zu bytes before the end",
                                fi_reader_left(&reader));
        }
        int rc = visit(ctx, &range, err);
        if (rc != FIRN_OK) {
            return rc;
        }
    }
    return FIRN_OK;
}
