/* SPDX-License-Identifier: Apache-2.0
 *
 * far/far_want.c: fetches the frames of many objects with few requests.
 *
 * The frames that were not fetched are sorted by pack and place, and those that are near each other
 * become one range. What the base of a delta is, only its frame says; so bases are fetched in a
 * second round, which decodes the frames that have deltas, each once.
 *
 * Memory: 80 bytes for each object.
 */
#include <string.h>

#include "base/check.h"
#include "base/checked.h"
#include "base/mem.h"
#include "base/sort.h"
#include "far/far.h"
#include "far/far_internal.h"

struct wanted {
    struct fi_far_place place;
    struct fi_pack_span span; /* of its frame */
    firn_hash hash;
};

static int
compare_wanted(const void *a, const void *b)
{
    const struct wanted *left = a;
    const struct wanted *right = b;
    if (left->place.file != right->place.file) {
        return left->place.file < right->place.file ? -1 : 1;
    }
    return (left->span.offset > right->span.offset) - (left->span.offset < right->span.offset);
}

/* Finds an object, and its frame; size 0 if there is none. */
static int
find_wanted(struct fi_far *far, const firn_hash *hash, const uint32_t *from, struct wanted *out,
            firn_error *err)
{
    out->hash = *hash;
    out->span = (struct fi_pack_span){0, 0};
    FI_TRY_RETURN(fi_far_need(far, hash, from, &out->place, err));
    const struct fi_far_file *file = far->files[out->place.file];
    if (out->place.at.frame < fi_pack_walk_count(file->pack)) {
        const struct fi_pack_span span = fi_pack_frame_span(file->pack, out->place.at.frame);
        out->span.offset = span.offset;
        out->span.size =
            fi_range_inside(span.offset, span.size, file->source.size_bytes) ? span.size : 0;
    }
    return FIRN_OK;
}

/* Whether an object is left to those that read it, since it cannot be read. */
static bool
is_passed_over(int rc)
{
    return rc == FIRN_CORRUPT || rc == FIRN_NEWER;
}

/* Whether the frame is to be fetched. */
static bool
is_missing(const struct fi_far *far, const struct wanted *wanted)
{
    return wanted->span.size > 0 &&
           !fi_far_ranges_has(far->files[wanted->place.file], wanted->span);
}

/* The range that covers the frame at *i and the frames near it that follow. Afterwards *i is the
 * first frame that the range does not cover. */
static struct fi_pack_span
take_range(const struct fi_far *far, const struct wanted *wanted, size_t count, size_t *i)
{
    const uint32_t file = wanted[*i].place.file;
    struct fi_pack_span range = wanted[*i].span;
    for (++*i; *i < count && wanted[*i].place.file == file; ++*i) {
        const uint64_t end = range.offset + range.size;
        const uint64_t next_end = wanted[*i].span.offset + wanted[*i].span.size;
        if (!is_missing(far, &wanted[*i]) || next_end <= end) {
            continue;
        }
        if (wanted[*i].span.offset > end + FI_FAR_GAP_MAX ||
            next_end - range.offset > FI_FAR_RANGE_MAX) {
            break;
        }
        range.size = next_end - range.offset;
    }
    return range;
}

/* Fetches the frames of these objects, which get sorted. */
static int
fetch_wanted(struct fi_far *far, struct wanted *wanted, size_t count, firn_error *err)
{
    fi_sort(wanted, count, sizeof *wanted, compare_wanted);
    for (size_t i = 0; i < count;) {
        if (!is_missing(far, &wanted[i])) {
            i++;
            continue;
        }
        struct fi_far_file *file = far->files[wanted[i].place.file];
        int rc = fi_far_ranges_fetch(file, take_range(far, wanted, count, &i), err);
        if (rc != FIRN_OK && !is_passed_over(rc)) {
            return rc;
        }
    }
    return FIRN_OK;
}

/* Sets *out to the base of a delta. */
static int
find_base(struct fi_far *far, const struct wanted *delta, struct wanted *out, firn_error *err)
{
    const uint32_t from = delta->place.file;
    struct fi_pack_delta decoded;
    firn_slice stored;
    FI_TRY_RETURN(fi_far_read_at(far, &delta->hash, &delta->place, &stored, err));
    FI_TRY_RETURN(fi_pack_delta_decode(stored, &decoded, err));
    return find_wanted(far, &decoded.base, &from, out, err);
}

/* Replaces deltas by their bases, and drops the other objects; *count is how many are left. */
static int
turn_to_bases(struct fi_far *far, struct wanted *wanted, size_t *count, firn_error *err)
{
    size_t kept = 0;
    for (size_t i = 0; i < *count; i++) {
        struct wanted base;
        if (wanted[i].place.at.kind != FI_PACK_DELTA) {
            continue;
        }
        int rc = find_base(far, &wanted[i], &base, err);
        if (rc == FIRN_OK) {
            DCHECK(kept <= i);
            wanted[kept++] = base;
        } else if (!is_passed_over(rc)) {
            return rc;
        }
    }
    *count = kept;
    return FIRN_OK;
}

int
fi_far_want(struct fi_far *far, const firn_hash *hashes, size_t count, firn_error *err)
{
    struct wanted *wanted = fi_alloc_array(count, sizeof *wanted);
    size_t found = 0;
    int rc = FIRN_OK;
    if (wanted == NULL) {
        FI_TRY(fi_error_no_memory(err, "a list of objects"));
    }
    for (size_t i = 0; i < count; i++) {
        rc = find_wanted(far, &hashes[i], NULL, &wanted[found], err);
        if (rc != FIRN_OK && !is_passed_over(rc)) {
            goto out;
        }
        found += rc == FIRN_OK ? 1 : 0;
    }
    FI_TRY(fetch_wanted(far, wanted, found, err));
    FI_TRY(turn_to_bases(far, wanted, &found, err));
    FI_TRY(fetch_wanted(far, wanted, found, err));
out:
    fi_free(wanted);
    return rc;
}
