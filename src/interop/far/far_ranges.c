/* SPDX-License-Identifier: Apache-2.0
 *
 * far/far_ranges.c: the bytes of packs that were fetched.
 *
 * All ranges of all packs are appended to one temporary file, and each pack has a list of what it
 * has there. So one descriptor serves any number of packs, no file system needs holes, and a pack
 * that is said to have terabytes costs nothing.
 *
 * A pack is read through struct fi_block_source. A read of bytes that were not fetched fetches
 * them: exactly these or, while the pack is being opened, all from there to the end that was
 * fetched, since tables lie side by side. So nothing needs to be fetched beforehand but to save
 * requests.
 *
 * (I1) The extents of a file ascend and do not overlap; those that meet in the pack and in the
 *      temporary file are one.
 * (I2) No byte of a pack is fetched twice, and each earns work once (base/budget.h).
 *
 * Memory: a range of FI_FAR_RANGE_MAX, and 24 bytes for each request.
 */
#include <string.h>

#include "base/check.h"
#include "base/checked.h"
#include "base/mem.h"
#include "far/far_internal.h"

/* While a pack is being opened: how far before its fetched end a table may lie, to be fetched with
 * all that is between. */
enum { OPENING_MAX = 4 * FI_FAR_RANGE_MAX };

/* The first extent that ends after offset. */
static size_t
extent_after(const struct fi_far_file *file, uint64_t offset)
{
    size_t low = 0;
    size_t high = file->extent_count;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        const struct fi_far_extent *extent = &file->extents[middle];
        if (extent->offset + extent->size <= offset) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

/* The first bytes of the span that were not fetched; false: all were. */
static bool
first_missing(const struct fi_far_file *file, struct fi_pack_span span, struct fi_pack_span *out)
{
    const uint64_t end = span.offset + span.size;
    uint64_t at = span.offset;
    size_t i = extent_after(file, at);
    while (at < end && i < file->extent_count && file->extents[i].offset <= at) {
        at = file->extents[i].offset + file->extents[i].size;
        i++;
    }
    if (at >= end) {
        return false;
    }
    uint64_t to =
        i < file->extent_count && file->extents[i].offset < end ? file->extents[i].offset : end;
    *out = (struct fi_pack_span){at, to - at};
    return true;
}

bool
fi_far_ranges_has(const struct fi_far_file *file, struct fi_pack_span span)
{
    struct fi_pack_span missing;
    return file->is_in_memory || !first_missing(file, span, &missing);
}

uint64_t
fi_far_ranges_end_start(const struct fi_far_file *file)
{
    uint64_t start = file->source.size_bytes;
    for (size_t i = file->extent_count; i > 0; i--) {
        const struct fi_far_extent *extent = &file->extents[i - 1];
        if (extent->offset + extent->size != start) {
            break;
        }
        start = extent->offset;
    }
    return start;
}

/* ---- fetching ---- */

/* Enters an extent; room was made for it. (I1) */
static void
enter_extent(struct fi_far_file *file, struct fi_far_extent extent)
{
    size_t i = extent_after(file, extent.offset);
    struct fi_far_extent *next = &file->extents[i];
    DCHECK(file->extent_count < file->extent_capacity);
    DCHECK(i == file->extent_count || extent.offset + extent.size <= next->offset);
    if (i > 0 && next[-1].offset + next[-1].size == extent.offset &&
        next[-1].at + next[-1].size == extent.at) {
        next[-1].size += extent.size;
        return;
    }
    memmove(next + 1, next, (file->extent_count - i) * sizeof *next);
    *next = extent;
    file->extent_count++;
}

/* Appends the range that was fetched to the temporary file. */
static int
keep_range(struct fi_far_file *file, uint64_t offset, firn_error *err)
{
    struct fi_far *far = file->far;
    const struct fi_far_extent extent = {offset, far->range.size, far->temp_size};
    FI_TRY_RETURN(
        FI_VEC_RESERVE(file->extents, file->extent_count + 1, file->extent_capacity, err));
    if (far->temp.file == NULL) {
        FI_TRY_RETURN(fi_tempfile_create_sealed(&far->temp, far->dir, "far", err));
    }
    FI_TRY_RETURN(
        fi_os_file_write(far->temp.file, far->temp_size, far->range.data, far->range.size, err));
    far->temp_size += far->range.size;
    enter_extent(file, extent);
    return FIRN_OK;
}

/* One request. */
static int
fetch_range(struct fi_far_file *file, struct fi_pack_span span, firn_error *err)
{
    struct fi_far *far = file->far;
    DCHECK(span.size > 0 && span.size <= FI_FAR_RANGE_MAX);
    DCHECK(extent_after(file, span.offset) == extent_after(file, span.offset + span.size - 1) &&
           !fi_far_ranges_has(file, span)); /* (I2) */
    if (span.size > far->bytes_max - far->fetched) {
        return fi_error_set(err, FIRN_LIMIT,
                            "more than the %llu bytes that are allowed would have to be fetched",
                            (unsigned long long)far->bytes_max);
    }
    int rc = fi_bucket_get(far->bucket, file->name, span.offset, span.size, &far->range, err);
    file->is_gone = rc == FIRN_NOT_FOUND;
    if (rc != FIRN_OK) {
        return rc;
    }
    if (far->range.size != span.size) {
        return fi_error_set(err, FIRN_CORRUPT,
                            "'%s': the bucket has %zu bytes at %llu where %llu belong", file->name,
                            far->range.size, (unsigned long long)span.offset,
                            (unsigned long long)span.size);
    }
    far->fetched += span.size;
    FI_TRY_RETURN(keep_range(file, span.offset, err));
    fi_budget_earn(&far->budget, span.size); /* (I2) */
    return FIRN_OK;
}

int
fi_far_ranges_fetch(struct fi_far_file *file, struct fi_pack_span span, firn_error *err)
{
    struct fi_pack_span missing;
    DCHECK(!file->is_in_memory);
    DCHECK(fi_range_inside(span.offset, span.size, file->source.size_bytes));
    while (first_missing(file, span, &missing)) {
        missing.size = missing.size < FI_FAR_RANGE_MAX ? missing.size : FI_FAR_RANGE_MAX;
        FI_TRY_RETURN(fetch_range(file, missing, err));
    }
    return FIRN_OK;
}

/* ---- reading ---- */

/* Copies bytes that were fetched. */
static int
read_extents(const struct fi_far_file *file, struct fi_pack_span span, uint8_t *out,
             firn_error *err)
{
    size_t i = extent_after(file, span.offset);
    while (span.size > 0) {
        const struct fi_far_extent *extent = &file->extents[i++];
        DCHECK(i <= file->extent_count && extent->offset <= span.offset); /* (I1) */
        const uint64_t skipped = span.offset - extent->offset;
        const uint64_t left = extent->size - skipped;
        const uint64_t part = left < span.size ? left : span.size;
        FI_TRY_RETURN(fi_os_file_read_exact(file->far->temp.file, extent->at + skipped, out,
                                            (size_t)part, err));
        out += part;
        span.offset += part;
        span.size -= part;
    }
    return FIRN_OK;
}

int
fi_far_ranges_read(void *ctx, uint64_t offset, void *out, size_t size, firn_error *err)
{
    struct fi_far_file *file = ctx;
    const struct fi_pack_span span = {offset, size};
    struct fi_pack_span wanted = span;
    DCHECK(fi_range_inside(offset, size, file->source.size_bytes));
    if (file->is_opening) {
        const uint64_t end = fi_far_ranges_end_start(file);
        if (end > offset + size && end - offset <= OPENING_MAX) {
            wanted.size = end - offset;
        }
    }
    FI_TRY_RETURN(fi_far_ranges_fetch(file, wanted, err));
    return read_extents(file, span, out, err);
}

int
fi_far_ranges_read_memory(void *ctx, uint64_t offset, void *out, size_t size, firn_error *err)
{
    const struct fi_far_file *file = ctx;
    (void)err; /* a reader stays inside the size that the source has */
    CHECK(fi_range_inside(offset, size, file->bytes.size));
    if (size > 0) {
        memcpy(out, file->bytes.data + offset, size);
    }
    return FIRN_OK;
}
