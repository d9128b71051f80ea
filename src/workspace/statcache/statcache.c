/* SPDX-License-Identifier: Apache-2.0
 *
 * statcache/statcache.c: the stat cache of one workspace, for one operation.
 *
 * A scan gets the memo of each directory, and notes what it found to differ. Notes stay in memory,
 * 16 bytes for an entry of a changed directory, until the objects that they name are in the store
 * and its index; then they are written (I1; not checked: power cuts show it). Commits survive in
 * their order, and the memo's commit comes after the index's, so a memo never names an object that
 * a crash may undo. The memo's commit comes before the checkpoint's, which also syncs it; the memo
 * is true even if the checkpoint is not made.
 *
 * A cached hash counts only while its object is in the store. Three things ensure this:
 * - if a pack of the list is absent, the cache is not used at all (I2; not checked: the lanes ask).
 *   The save reads everything and stores the missing objects again;
 * - code that deletes objects first deletes the memos that name them (statcache_sweep.c);
 * - when a memo is written, the directory's object, and all objects below it, are in the store.
 *
 * The records of a workspace are in the store's keyspace "firn.stat", under its number. The value
 * of a path is replaced as a whole. A part, of a directory with many entries, is found by its
 * digest and never replaced. A crash between the commits of one operation can leave a memo whose
 * part is missing, which is ignored, or a part that no memo names, which is removed with its
 * directory.
 *
 * Failure: a memo that cannot be read is ignored. An old directory object that cannot be read
 * breaks the cache: the scan fails, and its caller reads everything instead.
 *
 * Threads: a lane belongs to one thread; everything else is for one thread while no lane is in use.
 */
#include "statcache/statcache.h"

#include "base/bytes.h"
#include "base/check.h"
#include "base/error.h"
#include "base/mem.h"
#include "base/reader.h"
#include "base/search.h"
#include "base/slice.h"
#include "base/sort.h"
#include "codec/xxh3.h"
#include "statcache/statcache_internal.h"

/* Notes: records of one write each, one after the other. */
enum fi_statcache_note_kind {
    FI_STATCACHE_NOTE_PUT = 1,
    FI_STATCACHE_NOTE_DELETE = 2,      /* no value */
    FI_STATCACHE_NOTE_DELETE_RANGE = 3 /* the value is the upper end */
};

enum {
    BATCH_SIZE = 1 << 20,
    PATH_KEY_MAX = 65535,                  /* of a key; no path comes near it */
    KEY_ROOM = 1 + FI_STATCACHE_PRINT_SIZE /* after the path: NUL and digest */
};

int
fi_statcache_open(struct firn_db *db, const struct fi_statcache_options *options,
                  struct fi_statcache **out, firn_error *err)
{
    *out = NULL;
    struct fi_statcache *stat = fi_alloc_zeroed(sizeof *stat);
    if (stat == NULL) {
        return fi_error_no_memory(err, "the stat cache");
    }
    stat->db = db;
    stat->objects = options->objects;
    stat->workspace = options->workspace;
    stat->trees = options->trees;
    stat->boot_id = fi_os_boot_id(fi_db_os(db));
    stat->seed = fi_load_le64(fi_db_id(db));
    bool are_present = false;
    int rc = fi_objects_are_present(options->objects, &are_present, err);
    stat->is_blind = options->is_blind || !are_present;
    DCHECK(stat->workspace != 0);
    if (rc == FIRN_OK) {
        rc = fi_db_keyspace_open_if_any(db, FI_STATCACHE_KEYSPACE, &stat->keyspace, err);
    }
    if (rc != FIRN_OK) {
        fi_statcache_close(stat);
        return rc;
    }
    *out = stat;
    return FIRN_OK;
}

int
fi_statcache_forget(struct firn_db *db, uint32_t workspace, firn_error *err)
{
    struct firn_db_keyspace *keyspace;
    struct firn_db_batch *batch = NULL;
    uint8_t begin[WS_STAT_KEY_PREFIX_SIZE];
    uint8_t end[WS_STAT_KEY_PREFIX_SIZE];
    int rc;
    DCHECK(workspace != 0 && workspace != UINT32_MAX);
    fi_store_be32(begin, workspace);
    fi_store_be32(end, workspace + 1);
    FI_TRY(fi_db_keyspace_open_if_any(db, FI_STATCACHE_KEYSPACE, &keyspace, err));
    if (keyspace == NULL) {
        return FIRN_OK;
    }
    FI_TRY(fi_db_batch_create(&batch, err));
    FI_TRY(fi_db_batch_delete_range(batch, keyspace, firn_bytes(begin, sizeof begin),
                                    firn_bytes(end, sizeof end), err));
    rc = fi_db_write(db, batch, FIRN_DURABILITY_OS, err);
out:
    fi_db_batch_destroy(batch);
    return rc;
}

static void
drop_notes(struct fi_statcache *stat)
{
    while (stat->notes != NULL) {
        struct fi_statcache_notes *notes = stat->notes;
        stat->notes = notes->next;
        fi_buf_deinit(&notes->bytes);
        fi_free(notes);
    }
}

void
fi_statcache_close(struct fi_statcache *stat)
{
    if (stat != NULL) {
        drop_notes(stat);
        fi_free(stat);
    }
}

uint64_t
fi_statcache_seed(const struct fi_statcache *stat)
{
    return stat->seed;
}

uint64_t
fi_statcache_boot_id(const struct fi_statcache *stat)
{
    return stat->boot_id;
}

bool
fi_statcache_is_writable(const struct fi_statcache *stat)
{
    return !fi_db_is_read_only(stat->db);
}

bool
fi_statcache_is_broken(const struct fi_statcache *stat)
{
    return atomic_load_explicit(&stat->is_broken, memory_order_relaxed);
}

/* Makes the key of a directory; *out_fits is false if the key would be too long. */
static int
statcache_key(const struct fi_statcache *stat, firn_slice path, struct fi_buf *out, bool *out_fits)
{
    uint8_t workspace[WS_STAT_KEY_PREFIX_SIZE];
    fi_buf_clear(out);
    *out_fits = path.size <= PATH_KEY_MAX - sizeof workspace - KEY_ROOM;
    if (!*out_fits) {
        return FIRN_OK;
    }
    fi_store_be32(workspace, stat->workspace);
    FI_TRY_RETURN(fi_buf_append(out, workspace, sizeof workspace));
    FI_TRY_RETURN(fi_buf_append_slice(out, path));
    DCHECK(out->size + KEY_ROOM <= PATH_KEY_MAX);
    return FIRN_OK;
}

/* ---- writing ---- */

static int
note_write(struct fi_statcache_notes *notes, enum fi_statcache_note_kind kind, firn_slice key,
           firn_slice value)
{
    struct fi_buf *bytes = &notes->bytes;
    size_t before = bytes->size;
    int rc;
    DCHECK(key.size <= PATH_KEY_MAX && value.size <= FIRN_VALUE_SIZE_MAX);
    DCHECK(kind != FI_STATCACHE_NOTE_DELETE_RANGE || fi_slice_compare(key, value) < 0);
    FI_TRY(fi_buf_append_u8(bytes, (uint8_t)kind));
    FI_TRY(fi_buf_append_varint(bytes, key.size));
    FI_TRY(fi_buf_append_slice(bytes, key));
    FI_TRY(fi_buf_append_varint(bytes, value.size));
    FI_TRY(fi_buf_append_slice(bytes, value));
out:
    if (rc != FIRN_OK) {
        bytes->size = before;
    }
    return rc;
}

static int
put_in_batch(struct fi_statcache *stat, struct firn_db_batch *batch,
             enum fi_statcache_note_kind kind, firn_slice key, firn_slice value, firn_error *err)
{
    switch (kind) {
    case FI_STATCACHE_NOTE_PUT:
        return fi_db_batch_put(batch, stat->keyspace, key, value, err);
    case FI_STATCACHE_NOTE_DELETE:
        return fi_db_batch_delete(batch, stat->keyspace, key, err);
    case FI_STATCACHE_NOTE_DELETE_RANGE:
        return fi_db_batch_delete_range(batch, stat->keyspace, key, value, err);
    }
    return FIRN_OK;
}

static int
write_batch(struct fi_statcache *stat, struct firn_db_batch *batch, firn_error *err)
{
    int rc = fi_db_write(stat->db, batch, FIRN_DURABILITY_OS, err);
    fi_db_batch_clear(batch);
    return rc;
}

static int
commit_notes(struct fi_statcache *stat, struct firn_db_batch *batch,
             const struct fi_statcache_notes *notes, firn_error *err)
{
    struct fi_reader reader = fi_reader_of(fi_buf_slice(&notes->bytes));
    uint8_t kind;
    int rc = FIRN_OK;
    while (fi_reader_u8(&reader, &kind)) {
        firn_slice key;
        firn_slice value;
        CHECK(fi_reader_sized(&reader, PATH_KEY_MAX, &key) &&
              fi_reader_sized(&reader, FIRN_VALUE_SIZE_MAX, &value));
        if (fi_db_batch_count(batch) > 0 &&
            fi_db_batch_size_bytes(batch) + key.size + value.size > BATCH_SIZE) {
            FI_TRY(write_batch(stat, batch, err));
        }
        FI_TRY(put_in_batch(stat, batch, kind, key, value, err));
    }
    DCHECK(rc != FIRN_OK || fi_reader_left(&reader) == 0);
out:
    return rc;
}

int
fi_statcache_commit(struct fi_statcache *stat, firn_error *err)
{
    struct firn_db_batch *batch = NULL;
    int rc = FIRN_OK;
    if (stat->notes == NULL) {
        return FIRN_OK;
    }
    DCHECK(!fi_db_is_read_only(stat->db) && stat->keyspace != NULL);
    FI_TRY(fi_db_batch_create(&batch, err));
    for (const struct fi_statcache_notes *notes = stat->notes; notes != NULL; notes = notes->next) {
        FI_TRY(commit_notes(stat, batch, notes, err));
    }
    if (fi_db_batch_count(batch) > 0) {
        FI_TRY(write_batch(stat, batch, err));
    }
    drop_notes(stat);
out:
    fi_db_batch_destroy(batch);
    return rc;
}

/* The memo of one directory: its bytes, and finding a print in it.
 *
 * A memo keeps the bytes as they were stored, and prints are compared in place, so nothing is
 * decoded for an unchanged directory (I1). Nearly always the wanted print follows the one found
 * last, so the caller's guess is tried first. Only if the guess is wrong (an entry was added,
 * removed or left out before) is a table of all prints built, with open addressing over their first
 * eight bytes, which are as good as random. From then on any order is equally fast.
 *
 * The value of a directory with more entries than fit in one value names parts instead. Each part
 * is found and checked by its digest (I2), so a part always belongs to the same state of the
 * directory as the value that names it, even after a crash.
 *
 * A print of zeros is never found (I3; not checked, like (I1) and (I2): finding and adding test for
 * it first). */

void
fi_statcache_memo_deinit(struct fi_statcache_memo *memo)
{
    fi_buf_deinit(&memo->value);
    fi_buf_deinit(&memo->parts);
    fi_free(memo->slots);
    *memo = (struct fi_statcache_memo){0};
}

void
fi_statcache_memo_clear(struct fi_statcache_memo *memo)
{
    fi_free(memo->slots);
    fi_buf_clear(&memo->value);
    fi_buf_clear(&memo->parts);
    *memo = (struct fi_statcache_memo){.value = memo->value, .parts = memo->parts};
}

/* ---- finding ---- */

static const uint8_t *
print_at(const struct fi_statcache_memo *memo, size_t i)
{
    DCHECK(i < memo->count);
    return memo->prints + i * FI_STATCACHE_PRINT_SIZE;
}

static bool
is_at(const struct fi_statcache_memo *memo, size_t i, const struct fi_statcache_print *print)
{
    return memcmp(print_at(memo, i), print->bytes, FI_STATCACHE_PRINT_SIZE) == 0;
}

int
fi_statcache_memo_prepare(struct fi_statcache_memo *memo)
{
    if (memo->slots != NULL || memo->count == 0) {
        return FIRN_OK;
    }
    size_t slot_count = 16;
    while (slot_count / 2 < memo->count) {
        slot_count *= 2;
    }
    memo->slots = fi_alloc_zeroed(slot_count * sizeof *memo->slots);
    if (memo->slots == NULL) {
        return FIRN_NO_MEMORY;
    }
    memo->slot_count = slot_count;
    DCHECK(memo->slot_count > memo->count); /* a search ends */
    for (size_t i = 0; i < memo->count; i++) {
        const uint8_t *at = print_at(memo, i);
        if ((fi_load_le64(at) | fi_load_le64(at + 8)) == 0) {
            continue; /* (I3); many of them would make one long chain */
        }
        size_t slot = fi_load_le64(at) & (slot_count - 1);
        while (memo->slots[slot] != 0) {
            slot = (slot + 1) & (slot_count - 1);
        }
        memo->slots[slot] = (uint32_t)i + 1;
    }
    return FIRN_OK;
}

int
fi_statcache_memo_find(struct fi_statcache_memo *memo, const struct fi_statcache_print *print,
                       size_t guess, size_t *out_index, bool *out_is_found)
{
    *out_is_found = false;
    if (memo->count == 0 || fi_statcache_print_is_zero(print)) {
        return FIRN_OK;
    }
    *out_is_found = guess < memo->count && is_at(memo, guess, print);
    if (*out_is_found) {
        *out_index = guess;
        return FIRN_OK;
    }
    FI_TRY_RETURN(fi_statcache_memo_prepare(memo));
    size_t slot = fi_load_le64(print->bytes) & (memo->slot_count - 1);
    for (; memo->slots[slot] != 0; slot = (slot + 1) & (memo->slot_count - 1)) {
        if (is_at(memo, memo->slots[slot] - 1, print)) {
            *out_index = memo->slots[slot] - 1;
            *out_is_found = true;
            break;
        }
    }
    DCHECK(!*out_is_found || is_at(memo, *out_index, print));
    return FIRN_OK;
}

/* ---- bytes ---- */

static int
statcache_malformed(firn_error *err)
{
    return fi_error_set(err, FIRN_CORRUPT, "an entry of the stat cache is malformed");
}

int
fi_statcache_memo_decode(struct fi_statcache_memo *memo, size_t *out_part_count, firn_error *err)
{
    const uint8_t *at = memo->value.data;
    *out_part_count = 0;
    if (memo->value.size < WS_STAT_HEADER_SIZE || (at[1] & ~WS_STAT_FLAG_XATTRS) != 0) {
        return statcache_malformed(err);
    }
    if (at[0] != WS_STAT_FORMAT) {
        return fi_error_set(err, FIRN_NEWER, "the stat cache has format %u, this version knows %u",
                            at[0], WS_STAT_FORMAT);
    }
    size_t rest = memo->value.size - WS_STAT_HEADER_SIZE;
    size_t part_count = fi_load_le32(at + WS_STAT_PART_COUNT_AT);
    size_t item_size = part_count == 0 ? FI_STATCACHE_PRINT_SIZE : WS_STAT_PART_SIZE;
    if (rest % item_size != 0 || rest / item_size > UINT32_MAX / 4 ||
        (part_count != 0 && rest / item_size != part_count)) {
        return statcache_malformed(err);
    }
    memo->has_xattrs = (at[1] & WS_STAT_FLAG_XATTRS) != 0;
    memo->noted_ns = (int64_t)fi_load_le64(at + WS_STAT_NOTED_AT);
    memo->boot_id = fi_load_le64(at + WS_STAT_BOOT_AT);
    memcpy(memo->tree.bytes, at + WS_STAT_TREE_AT, sizeof memo->tree.bytes);
    memcpy(memo->self.bytes, at + WS_STAT_SELF_AT, sizeof memo->self.bytes);
    memo->prints = at + WS_STAT_HEADER_SIZE;
    memo->count = part_count == 0 ? rest / item_size : 0;
    *out_part_count = part_count;
    return FIRN_OK;
}

static struct fi_statcache_part
memo_part(const struct fi_statcache_memo *memo, size_t i)
{
    const uint8_t *at = memo->value.data + WS_STAT_HEADER_SIZE + i * WS_STAT_PART_SIZE;
    DCHECK(WS_STAT_HEADER_SIZE + (i + 1) * WS_STAT_PART_SIZE <= memo->value.size);
    struct fi_statcache_part part = {.count = fi_load_le32(at)};
    memcpy(part.digest, at + 4, sizeof part.digest);
    return part;
}

/* The number of parts of a decoded memo; 0 if it is empty, or its prints are in the value
 * itself. */
static size_t
memo_part_count(const struct fi_statcache_memo *memo)
{
    return fi_statcache_memo_is_empty(memo)
               ? 0
               : fi_load_le32(memo->value.data + WS_STAT_PART_COUNT_AT);
}

/* Adds the prints of the next part. FIRN_CORRUPT if they do not match what the value names. */
static int
memo_add_part(struct fi_statcache_memo *memo, const struct fi_statcache_part *part,
              firn_slice prints, firn_error *err)
{
    uint8_t digest[FI_XXH3_WIDE_SIZE];
    fi_xxh3_wide(prints.data, prints.size, 0, digest);
    if (part->count > UINT32_MAX / 4 - memo->count ||
        prints.size != part->count * FI_STATCACHE_PRINT_SIZE ||
        memcmp(digest, part->digest, sizeof digest) != 0) {
        return statcache_malformed(err);
    }
    if (fi_buf_append_slice(&memo->parts, prints) != FIRN_OK) {
        return fi_error_no_memory(err, "the stat cache");
    }
    memo->prints = memo->parts.data;
    memo->count += part->count;
    return FIRN_OK;
}

static int
append_header(const struct fi_statcache_memo *memo, size_t part_count, struct fi_buf *out)
{
    uint8_t header[WS_STAT_HEADER_SIZE];
    header[0] = WS_STAT_FORMAT;
    header[1] = memo->has_xattrs ? WS_STAT_FLAG_XATTRS : 0;
    fi_store_le64(header + WS_STAT_NOTED_AT, (uint64_t)memo->noted_ns);
    fi_store_le64(header + WS_STAT_BOOT_AT, memo->boot_id);
    memcpy(header + WS_STAT_TREE_AT, memo->tree.bytes, sizeof memo->tree.bytes);
    memcpy(header + WS_STAT_SELF_AT, memo->self.bytes, sizeof memo->self.bytes);
    fi_store_le32(header + WS_STAT_PART_COUNT_AT, (uint32_t)part_count);
    return fi_buf_append(out, header, sizeof header);
}

static size_t
count_in(const struct fi_statcache_part *parts, size_t part_count)
{
    size_t count = 0;
    for (size_t i = 0; i < part_count; i++) {
        count += parts[i].count;
    }
    return count;
}

int
fi_statcache_memo_encode(const struct fi_statcache_memo *memo,
                         const struct fi_statcache_part *parts, size_t part_count,
                         struct fi_buf *out)
{
    DCHECK(part_count == 0 || count_in(parts, part_count) == memo->count);
    FI_TRY_RETURN(append_header(memo, part_count, out));
    if (part_count == 0 && memo->count > 0) {
        FI_TRY_RETURN(fi_buf_append(out, memo->prints, memo->count * FI_STATCACHE_PRINT_SIZE));
    }
    for (size_t i = 0; i < part_count; i++) {
        FI_TRY_RETURN(fi_buf_append_le32(out, (uint32_t)parts[i].count));
        FI_TRY_RETURN(fi_buf_append(out, parts[i].digest, sizeof parts[i].digest));
    }
    return FIRN_OK;
}

/* The same with the prints and parts of before's value. */
static int
memo_encode_self(const struct fi_statcache_memo *memo, const struct fi_statcache_memo *before,
                 struct fi_buf *out)
{
    CHECK(!fi_statcache_memo_is_empty(before));
    int rc = append_header(memo, memo_part_count(before), out);
    if (rc != FIRN_OK) {
        return rc;
    }
    return fi_buf_append(out, before->value.data + WS_STAT_HEADER_SIZE,
                         before->value.size - WS_STAT_HEADER_SIZE);
}

/* The lane of one thread: finding memos, noting new ones, and reading the objects of earlier saves.
 *
 * A memo is trusted only if, by the same clock, it was noted no later than this scan began (I3; not
 * checked: fi_statcache_lane_find tests it). A clock that has been set back may show a time again
 * by which prints have been judged. Until the clock has passed that time, everything is read, which
 * is slow but correct.
 *
 * The prints of a directory with many entries are cut into parts. As in directory objects, the
 * names of entries decide where, so one edit changes one part, or a few. Parts that a new memo
 * shares with the previous one stay as they are; parts that it no longer names are deleted (I4; not
 * checked: the two sets are compared). If the previous memo was not read, or is unusable, all parts
 * that may exist are deleted first. */

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
    DCHECK(part_count == memo_part_count(memo));
    for (size_t i = 0; i < part_count && rc == FIRN_OK; i++) {
        struct fi_statcache_part part = memo_part(memo, i);
        lane->key.size = path_end;
        rc = append_part_name(&lane->key, &part);
        if (rc != FIRN_OK) {
            return fi_error_no_memory(err, "the stat cache");
        }
        rc = fi_db_get(lane->stat->keyspace, fi_buf_slice(&lane->key), &lane->value, err);
        if (rc == FIRN_OK) {
            rc = memo_add_part(memo, &part, fi_buf_slice(&lane->value), err);
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
    if (statcache_key(stat, path, &lane->key, &fits) != FIRN_OK) {
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
    int rc = note_write(lane->notes, kind, fi_buf_slice(&lane->key), value);
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
    FI_TRY(note_write(lane->notes, FI_STATCACHE_NOTE_DELETE_RANGE, fi_buf_slice(&lane->key),
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
    out->count = memo_part_count(memo);
    out->items = fi_alloc_array(out->count, sizeof *out->items);
    if (out->items == NULL) {
        return FIRN_NO_MEMORY;
    }
    for (size_t i = 0; i < out->count; i++) {
        out->items[i] = memo_part(memo, i);
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

/* Writes the new parts and deletes those that are no longer named (I4). now is in the order of the
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
    if (statcache_key(lane->stat, path, &lane->key, &fits) != FIRN_OK) {
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
    if (statcache_key(lane->stat, path, &lane->key, &fits) != FIRN_OK ||
        memo_encode_self(memo, before, &lane->value) != FIRN_OK) {
        return fi_error_no_memory(err, "the stat cache");
    }
    return fits ? write_note(lane, FI_STATCACHE_NOTE_PUT, fi_buf_slice(&lane->value), err)
                : FIRN_OK;
}

int
fi_statcache_lane_remove(struct fi_statcache_lane *lane, firn_slice path, firn_error *err)
{
    bool fits;
    if (statcache_key(lane->stat, path, &lane->key, &fits) != FIRN_OK) {
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
