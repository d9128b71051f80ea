/* SPDX-License-Identifier: Apache-2.0
 *
 * statcache/statcache_lane.c: the lane of one thread: finding memos, noting new ones, and reading
 * the objects of earlier saves.
 *
 * (I1) A memo is trusted only if, by the same clock, it was noted no later than this scan began
 *      (not checked: fi_statcache_lane_find tests it). A clock that has been set back may show a
 *      time again by which prints have been judged. Until the clock has passed that time,
 *      everything is read, which is slow but correct.
 *
 * The prints of a directory with many entries are cut into parts. As in directory objects, the
 * names of entries decide where, so one edit changes one part, or a few.
 *
 * (I2) Parts that a new memo shares with the previous one stay as they are; parts that it no longer
 *      names are deleted (not checked: the two sets are compared). If the previous memo was not
 *      read, or is unusable, all parts that may exist are deleted first.
 */
#include "statcache/statcache.h"

#include "base/check.h"
#include "base/error.h"
#include "base/mem.h"
#include "base/reader.h"
#include "base/search.h"
#include "base/slice.h"
#include "base/sort.h"
#include "codec/xxh3.h"
#include "statcache/statcache_internal.h"

static int read_stored(void *ctx, const firn_hash *hash, struct fi_buf *out, firn_error *err);

int
fi_statcache_lane_open(struct fi_statcache *stat, struct fi_statcache_lane **out, firn_error *err)
{
    *out = NULL;
    struct fi_statcache_lane *lane = fi_alloc_zeroed(sizeof *lane);
    struct fi_statcache_notes *notes = fi_alloc_zeroed(sizeof *notes);
    if (lane == NULL || notes == NULL) {
        fi_free(lane);
        fi_free(notes);
        return fi_error_no_memory(err, "the stat cache");
    }
    lane->stat = stat;
    lane->notes = notes;
    lane->source = (struct fi_tree_source){.read = read_stored, .ctx = lane};
    *out = lane;
    return FIRN_OK;
}

void
fi_statcache_lane_close(struct fi_statcache_lane *lane, bool keep)
{
    if (lane == NULL) {
        return;
    }
    struct fi_statcache *stat = lane->stat;
    if (keep && lane->notes->bytes.size > 0) {
        lane->notes->next = stat->notes;
        stat->notes = lane->notes;
    } else {
        fi_buf_deinit(&lane->notes->bytes);
        fi_free(lane->notes);
    }
    fi_buf_deinit(&lane->key);
    fi_buf_deinit(&lane->value);
    fi_free(lane);
}

/* ---- objects of earlier saves ---- */

int
fi_statcache_lane_break(struct fi_statcache_lane *lane, int code)
{
    if (code != FIRN_OK && code != FIRN_NO_MEMORY) {
        atomic_store_explicit(&lane->stat->is_broken, true, memory_order_relaxed);
    }
    return code;
}

static int
read_stored(void *ctx, const firn_hash *hash, struct fi_buf *out, firn_error *err)
{
    struct fi_statcache_lane *lane = ctx;
    const struct fi_tree_source *trees =
        lane->stat->trees != NULL ? lane->stat->trees : fi_objects_trees(lane->stat->objects);
    return fi_statcache_lane_break(lane, trees->read(trees->ctx, hash, out, err));
}

const struct fi_tree_source *
fi_statcache_lane_source(struct fi_statcache_lane *lane)
{
    return &lane->source;
}

/* ---- finding ---- */

static int
append_part_name(struct fi_buf *key, const struct fi_statcache_part *part)
{
    int rc = fi_buf_append_u8(key, 0);
    return rc == FIRN_OK ? fi_buf_append(key, part->digest, sizeof part->digest) : rc;
}

static int
find_parts(struct fi_statcache_lane *lane, size_t part_count, struct fi_statcache_memo *memo,
           firn_error *err)
{
    size_t path_end = lane->key.size;
    int rc = FIRN_OK;
    DCHECK(part_count == fi_statcache_memo_part_count(memo));
    for (size_t i = 0; i < part_count && rc == FIRN_OK; i++) {
        struct fi_statcache_part part = fi_statcache_memo_part(memo, i);
        lane->key.size = path_end;
        rc = append_part_name(&lane->key, &part);
        if (rc != FIRN_OK) {
            return fi_error_no_memory(err, "the stat cache");
        }
        rc = fi_db_get(lane->stat->keyspace, fi_buf_slice(&lane->key), &lane->value, err);
        if (rc == FIRN_OK) {
            rc = fi_statcache_memo_add_part(memo, &part, fi_buf_slice(&lane->value), err);
        }
    }
    return rc;
}

int
fi_statcache_lane_find(struct fi_statcache_lane *lane, firn_slice path, int64_t begun_ns,
                       struct fi_statcache_memo *out, firn_error *err)
{
    struct fi_statcache *stat = lane->stat;
    bool fits;
    fi_statcache_memo_clear(out);
    if (stat->is_blind || stat->keyspace == NULL) {
        return FIRN_OK;
    }
    if (fi_statcache_key(stat, path, &lane->key, &fits) != FIRN_OK) {
        return fi_error_no_memory(err, "the stat cache");
    }
    if (!fits) {
        return FIRN_OK;
    }
    size_t part_count;
    int rc = fi_db_get(stat->keyspace, fi_buf_slice(&lane->key), &out->value, err);
    if (rc == FIRN_OK) {
        rc = fi_statcache_memo_decode(out, &part_count, err);
    }
    if (rc == FIRN_OK && part_count > 0) {
        rc = find_parts(lane, part_count, out, err);
    }
    if (rc != FIRN_OK || out->noted_ns > begun_ns) {
        fi_statcache_memo_clear(out);
    }
    DCHECK(!fi_statcache_memo_is_empty(out) || out->count == 0);
    return rc == FIRN_NO_MEMORY ? rc : FIRN_OK;
}

/* ---- noting ---- */

static int
write_note(struct fi_statcache_lane *lane, enum fi_statcache_note_kind kind, firn_slice value,
           firn_error *err)
{
    DCHECK(fi_statcache_is_writable(lane->stat));
    int rc = fi_statcache_note(lane->notes, kind, fi_buf_slice(&lane->key), value);
    return rc == FIRN_OK ? FIRN_OK : fi_error_no_memory(err, "the stat cache");
}

/* Deletes all keys that begin with lane->key and then a byte in [begin, end). */
static int
note_range(struct fi_statcache_lane *lane, uint8_t begin, uint8_t end, firn_error *err)
{
    size_t path_end = lane->key.size;
    int rc;
    DCHECK(begin < end);
    FI_TRY(fi_buf_append_u8(&lane->key, begin));
    FI_TRY(fi_buf_assign(&lane->value, fi_buf_slice(&lane->key)));
    lane->value.data[path_end] = end;
    FI_TRY(fi_statcache_note(lane->notes, FI_STATCACHE_NOTE_DELETE_RANGE, fi_buf_slice(&lane->key),
                             fi_buf_slice(&lane->value)));
out:
    lane->key.size = path_end;
    return rc == FIRN_OK ? FIRN_OK : fi_error_no_memory(err, "the stat cache");
}

/* Whether a part that has `count` entries ends after the entry of this name. */
static bool
ends_part(size_t count, firn_slice name)
{
    return count >= WS_STAT_PART_COUNT_MAX ||
           (count >= WS_STAT_PART_COUNT_MIN &&
            (fi_xxh3(name.data, name.size, 0) & WS_STAT_CUT_MASK) == 0);
}

static int
add_part(struct fi_buf *parts, const uint8_t *prints, size_t count)
{
    DCHECK(count > 0 && count <= WS_STAT_PART_COUNT_MAX);
    struct fi_statcache_part part = {.count = count};
    fi_xxh3_wide(prints, count * FI_STATCACHE_PRINT_SIZE, 0, part.digest);
    return fi_buf_append(parts, &part, sizeof part);
}

/* Cuts the prints of a memo; *out is an array of parts. */
static int
statcache_cut(const struct fi_statcache_memo *memo, firn_slice entries, struct fi_buf *out)
{
    size_t begin = 0;
    for (size_t i = 0; i < memo->count; i++) {
        struct fi_tree_entry entry;
        CHECK(fi_tree_decode_entry(&entries, &entry, NULL) == FIRN_OK);
        size_t count = i + 1 - begin;
        if (ends_part(count, entry.name) || i + 1 == memo->count) {
            FI_TRY_RETURN(add_part(out, memo->prints + begin * FI_STATCACHE_PRINT_SIZE, count));
            begin = i + 1;
        }
    }
    CHECK(entries.size == 0 && begin == memo->count);
    return FIRN_OK;
}

static int
compare_digests(const void *a, const void *b)
{
    const struct fi_statcache_part *left = a;
    const struct fi_statcache_part *right = b;
    return memcmp(left->digest, right->digest, sizeof left->digest);
}

/* An array of parts sorted by digest, for lookups. */
struct part_set {
    struct fi_statcache_part *items;
    size_t count;
};

static bool
has_part(const struct part_set *set, const struct fi_statcache_part *part)
{
    size_t at = 0;
    size_t end = set->count;
    FI_SEARCH_FIRST(at, end, i, compare_digests(&set->items[i], part) < 0);
    return at < set->count && compare_digests(&set->items[at], part) == 0;
}

static int
collect_parts(const struct fi_statcache_memo *memo, struct part_set *out)
{
    out->count = fi_statcache_memo_part_count(memo);
    out->items = fi_alloc_array(out->count, sizeof *out->items);
    if (out->items == NULL) {
        return FIRN_NO_MEMORY;
    }
    for (size_t i = 0; i < out->count; i++) {
        out->items[i] = fi_statcache_memo_part(memo, i);
    }
    fi_sort(out->items, out->count, sizeof *out->items, compare_digests);
    return FIRN_OK;
}

/* Writes one note about a part of the directory whose key ends at path_end. */
static int
note_part(struct fi_statcache_lane *lane, size_t path_end, enum fi_statcache_note_kind kind,
          const struct fi_statcache_part *part, firn_slice prints, firn_error *err)
{
    lane->key.size = path_end;
    if (append_part_name(&lane->key, part) != FIRN_OK) {
        return fi_error_no_memory(err, "the stat cache");
    }
    return write_note(lane, kind, prints, err);
}

/* Writes the new parts and deletes those that are no longer named (I2). now is in the order of the
 * entries. */
static int
note_parts(struct fi_statcache_lane *lane, const struct fi_statcache_memo *memo,
           const struct fi_statcache_part *now, size_t now_count, struct part_set *before,
           firn_error *err)
{
    size_t path_end = lane->key.size;
    struct part_set kept = {0};
    int rc = FIRN_OK;
    size_t at = 0;
    for (size_t i = 0; i < now_count; i++) {
        size_t size = now[i].count * FI_STATCACHE_PRINT_SIZE;
        if (!has_part(before, &now[i])) {
            FI_TRY(note_part(lane, path_end, FI_STATCACHE_NOTE_PUT, &now[i],
                             firn_bytes(memo->prints + at, size), err));
        }
        at += size;
    }
    DCHECK(now_count == 0 || at == memo->count * FI_STATCACHE_PRINT_SIZE);
    kept = (struct part_set){fi_memdup(now, now_count * sizeof *now), now_count};
    if (kept.items == NULL) {
        rc = fi_error_no_memory(err, "the stat cache");
        goto out;
    }
    fi_sort(kept.items, kept.count, sizeof *kept.items, compare_digests);
    for (size_t i = 0; i < before->count; i++) {
        if (!has_part(&kept, &before->items[i])) {
            FI_TRY(note_part(lane, path_end, FI_STATCACHE_NOTE_DELETE, &before->items[i],
                             firn_bytes(NULL, 0), err));
        }
    }
out:
    lane->key.size = path_end;
    fi_free(kept.items);
    return rc;
}

int
fi_statcache_lane_note(struct fi_statcache_lane *lane, firn_slice path,
                       const struct fi_statcache_memo *memo, const struct fi_statcache_memo *before,
                       firn_slice entries, firn_error *err)
{
    struct fi_buf parts = {0};
    struct part_set old = {0};
    bool fits;
    int rc;
    if (fi_statcache_key(lane->stat, path, &lane->key, &fits) != FIRN_OK) {
        return fi_error_no_memory(err, "the stat cache");
    }
    if (!fits) {
        return FIRN_OK;
    }
    if ((memo->count > WS_STAT_WHOLE_COUNT_MAX &&
         statcache_cut(memo, entries, &parts) != FIRN_OK) ||
        collect_parts(before, &old) != FIRN_OK) {
        rc = fi_error_no_memory(err, "the stat cache");
        goto out;
    }
    const struct fi_statcache_part *now = (const void *)parts.data;
    size_t now_count = parts.size / sizeof *now;
    if (now_count > 0 && fi_statcache_memo_is_empty(before)) {
        FI_TRY(note_range(lane, 0, 1, err));
    }
    if (now_count + old.count > 0) {
        FI_TRY(note_parts(lane, memo, now, now_count, &old, err));
    }
    DCHECK(memo->count <= WS_STAT_WHOLE_COUNT_MAX || now_count > 0);
    fi_buf_clear(&lane->value);
    if (fi_statcache_memo_encode(memo, now, now_count, &lane->value) != FIRN_OK) {
        rc = fi_error_no_memory(err, "the stat cache");
        goto out;
    }
    FI_TRY(write_note(lane, FI_STATCACHE_NOTE_PUT, fi_buf_slice(&lane->value), err));
out:
    fi_buf_deinit(&parts);
    fi_free(old.items);
    return rc;
}

int
fi_statcache_lane_note_self(struct fi_statcache_lane *lane, firn_slice path,
                            const struct fi_statcache_memo *memo,
                            const struct fi_statcache_memo *before, firn_error *err)
{
    bool fits;
    fi_buf_clear(&lane->value);
    if (fi_statcache_key(lane->stat, path, &lane->key, &fits) != FIRN_OK ||
        fi_statcache_memo_encode_self(memo, before, &lane->value) != FIRN_OK) {
        return fi_error_no_memory(err, "the stat cache");
    }
    return fits ? write_note(lane, FI_STATCACHE_NOTE_PUT, fi_buf_slice(&lane->value), err)
                : FIRN_OK;
}

int
fi_statcache_lane_remove(struct fi_statcache_lane *lane, firn_slice path, firn_error *err)
{
    bool fits;
    if (fi_statcache_key(lane->stat, path, &lane->key, &fits) != FIRN_OK) {
        return fi_error_no_memory(err, "the stat cache");
    }
    if (!fits) {
        return FIRN_OK;
    }
    FI_TRY_RETURN(write_note(lane, FI_STATCACHE_NOTE_DELETE, firn_bytes(NULL, 0), err));
    FI_TRY_RETURN(note_range(lane, 0, 1, err));         /* its parts */
    FI_TRY_RETURN(note_range(lane, '/', '/' + 1, err)); /* all below it */
    return FIRN_OK;
}
