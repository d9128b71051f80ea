/* SPDX-License-Identifier: Apache-2.0
 *
 * statcache/statcache_lane.c: one thread's way to the stat cache: what is remembered of a directory,
 * what is to be remembered of it now, and the objects of earlier saves.
 *
 * A memo is believed only if it was noted before this scan began by the same clock (I1; not
 * checked: the one that finds it asks): a clock that has been set back may show a time once more
 * that prints have been judged by. Until it has passed that time again everything is read, which is
 * slow, and right.
 *
 * The prints of a directory of many entries are cut into parts, at entries that their names choose,
 * as directory objects are: one edit changes one part, or few. The parts that a new memo shares
 * with the one before stay as they are; those that it no longer names are deleted (I2; not checked:
 * the two sets are compared). Where the memo before was not looked at, or is no good, all parts
 * that may be there are deleted first.
 */
#include "base/bytes.h"
#include "base/check.h"
#include "base/error.h"
#include "base/mem.h"
#include "base/sort.h"
#include "codec/xxh3.h"
#include "statcache/statcache_internal.h"

static int read_stored(void *ctx, const firn_hash *hash, struct firn_buf *out, firn_error *err);

int
firn_statcache_lane_open(struct firn_statcache *stat, struct firn_statcache_lane **out,
                         firn_error *err)
{
    *out = NULL;
    struct firn_statcache_lane *lane = firn_alloc_zeroed(sizeof *lane);
    struct firn_statcache_notes *notes = firn_alloc_zeroed(sizeof *notes);
    if (lane == NULL || notes == NULL) {
        firn_free(lane);
        firn_free(notes);
        return firn_error_no_memory(err, "the stat cache");
    }
    lane->stat = stat;
    lane->notes = notes;
    lane->source = (struct firn_tree_source){.read = read_stored, .ctx = lane};
    *out = lane;
    return FIRN_OK;
}

void
firn_statcache_lane_close(struct firn_statcache_lane *lane, bool keep)
{
    if (lane == NULL) {
        return;
    }
    struct firn_statcache *stat = lane->stat;
    if (keep && lane->notes->bytes.size > 0) {
        lane->notes->next = stat->notes;
        stat->notes = lane->notes;
    } else {
        firn_buf_deinit(&lane->notes->bytes);
        firn_free(lane->notes);
    }
    firn_buf_deinit(&lane->key);
    firn_buf_deinit(&lane->value);
    firn_free(lane);
}

/* ---- objects of earlier saves ---- */

int
firn_statcache_lane_break(struct firn_statcache_lane *lane, int code)
{
    if (code != FIRN_OK && code != FIRN_NO_MEMORY) {
        atomic_store_explicit(&lane->stat->is_broken, true, memory_order_relaxed);
    }
    return code;
}

static int
read_stored(void *ctx, const firn_hash *hash, struct firn_buf *out, firn_error *err)
{
    struct firn_statcache_lane *lane = ctx;
    const struct firn_tree_source *trees = firn_objects_trees(lane->stat->objects);
    return firn_statcache_lane_break(lane, trees->read(trees->ctx, hash, out, err));
}

const struct firn_tree_source *
firn_statcache_lane_source(struct firn_statcache_lane *lane)
{
    return &lane->source;
}

/* ---- finding ---- */

static int
append_part_name(struct firn_buf *key, const struct firn_statcache_part *part)
{
    int rc = firn_buf_append_u8(key, 0);
    return rc == FIRN_OK ? firn_buf_append(key, part->digest, sizeof part->digest) : rc;
}

static int
find_parts(struct firn_statcache_lane *lane, size_t part_count, struct firn_statcache_memo *memo,
           firn_error *err)
{
    size_t path_end = lane->key.size;
    int rc = FIRN_OK;
    DCHECK(part_count == firn_statcache_memo_part_count(memo));
    for (size_t i = 0; i < part_count && rc == FIRN_OK; i++) {
        struct firn_statcache_part part = firn_statcache_memo_part(memo, i);
        lane->key.size = path_end;
        rc = append_part_name(&lane->key, &part);
        if (rc != FIRN_OK) {
            return firn_error_no_memory(err, "the stat cache");
        }
        rc = firn_db_get(lane->stat->keyspace, firn_buf_slice(&lane->key), &lane->value, err);
        if (rc == FIRN_OK) {
            rc = firn_statcache_memo_add_part(memo, &part, firn_buf_slice(&lane->value), err);
        }
    }
    return rc;
}

int
firn_statcache_lane_find(struct firn_statcache_lane *lane, firn_slice path, int64_t begun_ns,
                         struct firn_statcache_memo *out, firn_error *err)
{
    struct firn_statcache *stat = lane->stat;
    bool fits;
    firn_statcache_memo_clear(out);
    if (stat->is_blind || stat->keyspace == NULL) {
        return FIRN_OK;
    }
    if (firn_statcache_key(stat, path, &lane->key, &fits) != FIRN_OK) {
        return firn_error_no_memory(err, "the stat cache");
    }
    if (!fits) {
        return FIRN_OK;
    }
    size_t part_count;
    int rc = firn_db_get(stat->keyspace, firn_buf_slice(&lane->key), &out->value, err);
    if (rc == FIRN_OK) {
        rc = firn_statcache_memo_decode(out, &part_count, err);
    }
    if (rc == FIRN_OK && part_count > 0) {
        rc = find_parts(lane, part_count, out, err);
    }
    if (rc != FIRN_OK || out->noted_ns > begun_ns) {
        firn_statcache_memo_clear(out);
    }
    DCHECK(!firn_statcache_memo_is_empty(out) || out->count == 0);
    return rc == FIRN_NO_MEMORY ? rc : FIRN_OK;
}

/* ---- noting ---- */

static int
write_note(struct firn_statcache_lane *lane, enum firn_statcache_note_kind kind, firn_slice value,
           firn_error *err)
{
    DCHECK(firn_statcache_is_writable(lane->stat));
    int rc = firn_statcache_note_write(lane->notes, kind, firn_buf_slice(&lane->key), value);
    return rc == FIRN_OK ? FIRN_OK : firn_error_no_memory(err, "the stat cache");
}

/* Deletes all keys that go on from lane->key with a byte from `begin` up to, without it, `end`. */
static int
note_range(struct firn_statcache_lane *lane, uint8_t begin, uint8_t end, firn_error *err)
{
    size_t path_end = lane->key.size;
    int rc;
    DCHECK(begin < end);
    FIRN_TRY(firn_buf_append_u8(&lane->key, begin));
    FIRN_TRY(firn_buf_assign(&lane->value, firn_buf_slice(&lane->key)));
    lane->value.data[path_end] = end;
    FIRN_TRY(firn_statcache_note_write(lane->notes, FIRN_STATCACHE_NOTE_DELETE_RANGE,
                                       firn_buf_slice(&lane->key), firn_buf_slice(&lane->value)));
out:
    lane->key.size = path_end;
    return rc == FIRN_OK ? FIRN_OK : firn_error_no_memory(err, "the stat cache");
}

/* Whether a part of `count` entries ends behind the entry of that name. */
static bool
ends_part(size_t count, firn_slice name)
{
    return count >= WS_STAT_PART_COUNT_MAX ||
           (count >= WS_STAT_PART_COUNT_MIN &&
            (firn_xxh3(name.data, name.size, 0) & WS_STAT_CUT_MASK) == 0);
}

static int
add_part(struct firn_buf *parts, const uint8_t *prints, size_t count)
{
    DCHECK(count > 0 && count <= WS_STAT_PART_COUNT_MAX);
    struct firn_statcache_part part = {.count = count};
    firn_xxh3_wide(prints, count * FIRN_STATCACHE_PRINT_SIZE, 0, part.digest);
    return firn_buf_append(parts, &part, sizeof part);
}

/* Cuts the prints of a memo; *out is an array of parts. */
static int
cut(const struct firn_statcache_memo *memo, firn_slice entries, struct firn_buf *out)
{
    size_t begin = 0;
    int rc = FIRN_OK;
    for (size_t i = 0; i < memo->count; i++) {
        struct firn_tree_entry entry;
        CHECK(firn_tree_decode_entry(&entries, &entry, NULL) == FIRN_OK);
        size_t count = i + 1 - begin;
        if (ends_part(count, entry.name) || i + 1 == memo->count) {
            FIRN_TRY(add_part(out, memo->prints + begin * FIRN_STATCACHE_PRINT_SIZE, count));
            begin = i + 1;
        }
    }
    CHECK(entries.size == 0 && begin == memo->count);
out:
    return rc;
}

static int
compare_digests(const void *a, const void *b)
{
    const struct firn_statcache_part *left = a;
    const struct firn_statcache_part *right = b;
    return memcmp(left->digest, right->digest, sizeof left->digest);
}

/* An array of parts in the order of digests, to be looked up in. */
struct part_set {
    struct firn_statcache_part *items;
    size_t count;
};

static bool
has_part(const struct part_set *set, const struct firn_statcache_part *part)
{
    size_t low = 0;
    for (size_t high = set->count; low < high;) {
        size_t middle = low + (high - low) / 2;
        int order = compare_digests(&set->items[middle], part);
        if (order == 0) {
            return true;
        }
        low = order < 0 ? middle + 1 : low;
        high = order < 0 ? high : middle;
    }
    return false;
}

static int
collect_parts(const struct firn_statcache_memo *memo, struct part_set *out)
{
    out->count = firn_statcache_memo_part_count(memo);
    out->items = firn_alloc_array(out->count, sizeof *out->items);
    if (out->items == NULL) {
        return FIRN_NO_MEMORY;
    }
    for (size_t i = 0; i < out->count; i++) {
        out->items[i] = firn_statcache_memo_part(memo, i);
    }
    firn_sort(out->items, out->count, sizeof *out->items, compare_digests);
    return FIRN_OK;
}

/* Writes one note about a part of the directory whose key ends at path_end. */
static int
note_part(struct firn_statcache_lane *lane, size_t path_end, enum firn_statcache_note_kind kind,
          const struct firn_statcache_part *part, firn_slice prints, firn_error *err)
{
    lane->key.size = path_end;
    if (append_part_name(&lane->key, part) != FIRN_OK) {
        return firn_error_no_memory(err, "the stat cache");
    }
    return write_note(lane, kind, prints, err);
}

/* Puts the parts that are new and deletes those that have gone (I2). now is in the order of the
 * entries. */
static int
note_parts(struct firn_statcache_lane *lane, const struct firn_statcache_memo *memo,
           const struct firn_statcache_part *now, size_t now_count, struct part_set *before,
           firn_error *err)
{
    size_t path_end = lane->key.size;
    struct part_set kept = {0};
    int rc = FIRN_OK;
    size_t at = 0;
    for (size_t i = 0; i < now_count; i++) {
        size_t size = now[i].count * FIRN_STATCACHE_PRINT_SIZE;
        if (!has_part(before, &now[i])) {
            FIRN_TRY(note_part(lane, path_end, FIRN_STATCACHE_NOTE_PUT, &now[i],
                               firn_bytes(memo->prints + at, size), err));
        }
        at += size;
    }
    DCHECK(now_count == 0 || at == memo->count * FIRN_STATCACHE_PRINT_SIZE);
    kept = (struct part_set){firn_memdup(now, now_count * sizeof *now), now_count};
    if (kept.items == NULL) {
        rc = firn_error_no_memory(err, "the stat cache");
        goto out;
    }
    firn_sort(kept.items, kept.count, sizeof *kept.items, compare_digests);
    for (size_t i = 0; i < before->count; i++) {
        if (!has_part(&kept, &before->items[i])) {
            FIRN_TRY(note_part(lane, path_end, FIRN_STATCACHE_NOTE_DELETE, &before->items[i],
                               firn_bytes(NULL, 0), err));
        }
    }
out:
    lane->key.size = path_end;
    firn_free(kept.items);
    return rc;
}

int
firn_statcache_lane_note(struct firn_statcache_lane *lane, firn_slice path,
                         const struct firn_statcache_memo *memo,
                         const struct firn_statcache_memo *before, firn_slice entries,
                         firn_error *err)
{
    struct firn_buf parts = {0};
    struct part_set old = {0};
    bool fits;
    int rc;
    if (firn_statcache_key(lane->stat, path, &lane->key, &fits) != FIRN_OK) {
        return firn_error_no_memory(err, "the stat cache");
    }
    if (!fits) {
        return FIRN_OK;
    }
    if ((memo->count > WS_STAT_WHOLE_COUNT_MAX && cut(memo, entries, &parts) != FIRN_OK) ||
        collect_parts(before, &old) != FIRN_OK) {
        rc = firn_error_no_memory(err, "the stat cache");
        goto out;
    }
    const struct firn_statcache_part *now = (const void *)parts.data;
    size_t now_count = parts.size / sizeof *now;
    if (now_count > 0 && firn_statcache_memo_is_empty(before)) {
        FIRN_TRY(note_range(lane, 0, 1, err));
    }
    if (now_count + old.count > 0) {
        FIRN_TRY(note_parts(lane, memo, now, now_count, &old, err));
    }
    DCHECK(memo->count <= WS_STAT_WHOLE_COUNT_MAX || now_count > 0);
    firn_buf_clear(&lane->value);
    if (firn_statcache_memo_encode(memo, now, now_count, &lane->value) != FIRN_OK) {
        rc = firn_error_no_memory(err, "the stat cache");
        goto out;
    }
    FIRN_TRY(write_note(lane, FIRN_STATCACHE_NOTE_PUT, firn_buf_slice(&lane->value), err));
out:
    firn_buf_deinit(&parts);
    firn_free(old.items);
    return rc;
}

int
firn_statcache_lane_note_self(struct firn_statcache_lane *lane, firn_slice path,
                              const struct firn_statcache_memo *memo,
                              const struct firn_statcache_memo *before, firn_error *err)
{
    bool fits;
    firn_buf_clear(&lane->value);
    if (firn_statcache_key(lane->stat, path, &lane->key, &fits) != FIRN_OK ||
        firn_statcache_memo_encode_self(memo, before, &lane->value) != FIRN_OK) {
        return firn_error_no_memory(err, "the stat cache");
    }
    return fits ? write_note(lane, FIRN_STATCACHE_NOTE_PUT, firn_buf_slice(&lane->value), err)
                : FIRN_OK;
}

int
firn_statcache_lane_forget(struct firn_statcache_lane *lane, firn_slice path, firn_error *err)
{
    bool fits;
    int rc;
    if (firn_statcache_key(lane->stat, path, &lane->key, &fits) != FIRN_OK) {
        return firn_error_no_memory(err, "the stat cache");
    }
    if (!fits) {
        return FIRN_OK;
    }
    FIRN_TRY(write_note(lane, FIRN_STATCACHE_NOTE_DELETE, firn_bytes(NULL, 0), err));
    FIRN_TRY(note_range(lane, 0, 1, err));         /* its parts */
    FIRN_TRY(note_range(lane, '/', '/' + 1, err)); /* all below it */
out:
    return rc;
}
