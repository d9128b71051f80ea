/* SPDX-License-Identifier: Apache-2.0
 *
 * store/db_image.c: the trees of a store as one opening found them.
 *
 * An image is opened from MANIFEST, with its history and the trees of all keyspaces that any
 * version of the list in runs names. Then the log is replayed into it (db_replay.c), which may add
 * and drop keyspaces, and change the history. A handle that writes has one image, which it keeps up
 * to date; a read-only handle has one that does not change, and gets another with each refresh. So
 * opening reads the list twice: when the runs are known, so that the log can be replayed into
 * trees; and when the whole log has been replayed.
 *
 * Memory. A tree takes FI_DB_KEYSPACE_BYTES, a part of them when something is first written to
 * it. They count: the cache sets them aside, as far as it may, and no more trees are made than fit
 * into the whole budget. So the number of keyspaces of a foreign store is bounded, however short
 * the records are that create them.
 *
 * (I1) The trees are in the order of their numbers. Numbers are given out in order, so a new one is
 *      last; the list has them in the order of names, and they are sorted once.
 * (I2) next_id is larger than every number ever given out: larger than all in the list, and not
 *      smaller than what the last drop recorded (db_keyspace.c).
 */
#include "store/db_internal.h"

#include <inttypes.h>

#include "base/check.h"
#include "base/mem.h"
#include "base/search.h"
#include "base/slice.h"
#include "base/sort.h"
#include "codec/utf8.h"
#include "column/column.h"
#include "history/history_format.h"
#include "row/row.h"
#include "schema/schema.h"

static const struct fi_run_kind *const known_kinds[] = {&fi_row_kind, &fi_column_kind, NULL};
const struct fi_run_kind *const *fi_db_image_kinds = known_kinds;

enum { ENDS_CHUNK_SIZE = 1024 };

/* ---- adding trees ---- */

/* firn's own keyspaces have few and small files: their values stay in the runs. */
bool
fi_db_image_is_own(firn_slice name)
{
    return fi_db_is_system_name(name) || fi_slice_equal(name, firn_str(FI_DB_SCHEMAS));
}

static void
set_own(struct fi_db_image *image, struct fi_db_tree *tree, firn_slice name)
{
    tree->is_system = fi_db_is_system_name(name);
    tree->has_schemas = fi_slice_equal(name, firn_str(FI_DB_SCHEMAS));
    tree->is_own = tree->id == FI_DB_KEYSPACE_LIST || fi_db_image_is_own(name);
    fi_lsm_tree_separate_values(tree->lsm_tree, !tree->is_own);
    atomic_fetch_add_explicit(&image->given_count, !tree->is_own, memory_order_relaxed);
}

static bool
comes_last(const struct fi_db_image *image, uint32_t id)
{
    size_t count = fi_db_trees_count(image);
    return count == 0 || fi_db_trees_at(image, count - 1)->id < id;
}

/* The kind of runs for an entry of the list; NULL: that of its existing runs, or else the first
 * one. */
static int
kind_of(const struct fi_db_image *image, const struct fi_storefile_keyspace *entry,
        const struct fi_run_kind **out, firn_error *err)
{
    *out = NULL;
    if (entry->type == FI_STOREFILE_KEYSPACE_KEYS) {
        return FIRN_OK;
    }
    DCHECK(entry->type == FI_STOREFILE_KEYSPACE_TABLE);
    *out = fi_run_kind_find(fi_db_image_kinds, FI_BLOCK_FILE_COLUMN);
    return *out != NULL ? FIRN_OK
                        : fi_error_set(err, FIRN_NEWER,
                                       "'%s': keyspace %" PRIu64
                                       " is a table, which this program does not know",
                                       fi_os_dir_path(image->db->dir), entry->id);
}

/* Reuses the tree that a failed creation left for another keyspace. */
static int
use_again(struct fi_db_image *image, struct fi_db_tree *tree, firn_slice name,
          const struct fi_storefile_keyspace *entry, firn_error *err)
{
    const struct fi_run_kind *kind;
    FI_TRY_RETURN(kind_of(image, entry, &kind, err));
    FI_TRY_RETURN(fi_lsm_tree_open(image->lsm, tree->id, kind != NULL ? kind : fi_db_image_kinds[0],
                                   &tree->lsm_tree, err));
    tree->type = entry->type;
    tree->schema = entry->schema;
    atomic_fetch_sub_explicit(&image->given_count, !tree->is_own, memory_order_relaxed);
    set_own(image, tree, name);
    return FIRN_OK;
}

/* Whether there is memory for one more. */
static int
check_count(const struct fi_db_image *image, firn_error *err)
{
    const struct firn_db *db = image->db;
    uint64_t count = atomic_load_explicit(&image->tree_count, memory_order_relaxed);
    if ((count + 1) * FI_DB_KEYSPACE_BYTES <= db->limits.memory) {
        return FIRN_OK;
    }
    return fi_error_set(
        err, FIRN_LIMIT,
        "'%s' has more than %" PRIu64 " keyspaces, tables and indexes, too many for "
        "%" PRIu64 " MiB of memory: each takes %d bytes, so open it with more memory",
        fi_os_dir_path(db->dir), count, db->limits.memory >> 20, FI_DB_KEYSPACE_BYTES);
}

/* Takes memory for many trees at once from the cache, as far as it gives any. */
static void
hold_memory(struct fi_db_image *image)
{
    enum { TREES_AT_ONCE = 64, BYTES = TREES_AT_ONCE * FI_DB_KEYSPACE_BYTES };
    size_t count = atomic_fetch_add_explicit(&image->tree_count, 1, memory_order_relaxed) + 1;
    if (count % TREES_AT_ONCE == 0 && count * FI_DB_KEYSPACE_BYTES > image->held_bytes &&
        fi_block_cache_hold(image->db->cache, BYTES)) {
        image->held_bytes += BYTES;
    }
}

static int
db_image_add(struct fi_db_image *image, const struct fi_storefile_keyspace *entry, firn_slice name,
             struct fi_db_tree **out, firn_error *err)
{
    uint32_t id = (uint32_t)entry->id;
    const struct fi_run_kind *kind;
    DCHECK(entry->id <= UINT32_MAX);
    int rc = check_count(image, err);
    if (rc == FIRN_OK) {
        rc = kind_of(image, entry, &kind, err);
    }
    if (rc != FIRN_OK) {
        return rc;
    }
    struct fi_db_tree *tree = fi_alloc_zeroed(sizeof *tree);
    if (tree == NULL || fi_buf_reserve(&image->trees, sizeof(struct fi_db_tree *)) != FIRN_OK) {
        fi_free(tree);
        return fi_error_no_memory(err, "a keyspace");
    }
    tree->id = id;
    tree->type = entry->type;
    tree->schema = entry->schema;
    atomic_init(&tree->is_out, false);
    atomic_init(&tree->ends, NULL);
    rc = fi_lsm_tree_open(image->lsm, id, kind, &tree->lsm_tree, err);
    if (rc != FIRN_OK) {
        fi_free(tree);
        return rc;
    }
    set_own(image, tree, name);
    DCHECK(!image->is_listed || comes_last(image, id)); /* (I1) */
    CHECK(fi_buf_append(&image->trees, &tree, sizeof(struct fi_db_tree *)) == FIRN_OK);
    hold_memory(image);
    *out = tree;
    return FIRN_OK;
}

int
fi_db_image_add(struct fi_db_image *image, firn_slice name,
                const struct fi_storefile_keyspace *entry, struct fi_db_tree **out, firn_error *err)
{
    DCHECK(entry->id == image->next_id);
    *out = fi_db_trees_find(image, image->next_id);
    if (*out != NULL) {
        return use_again(image, *out, name, entry, err);
    }
    if (image->next_id >= UINT32_MAX) { /* the number after it must be valid too */
        return fi_error_set(err, FIRN_LIMIT, "'%s' has used up its numbers of keyspaces",
                            fi_os_dir_path(image->db->dir));
    }
    DCHECK(comes_last(image, (uint32_t)image->next_id)); /* (I2) */
    return db_image_add(image, entry, name, out, err);
}

/* ---- the list in runs ---- */

static int
compare_trees(const void *a, const void *b)
{
    uint32_t x = (*(struct fi_db_tree *const *)a)->id;
    uint32_t y = (*(struct fi_db_tree *const *)b)->id;
    return x < y ? -1 : x > y;
}

int
fi_db_image_name(struct fi_db_image *image, const struct fi_storefile_keyspace *put,
                 const struct fi_entry *entry, struct fi_db_tree **out, firn_error *err)
{
    *out = image->is_listed ? fi_db_trees_find(image, put->id) : NULL;
    if (*out == NULL) {
        return db_image_add(image, put, entry->key, out, err);
    }
    if ((*out)->schema != put->schema || (*out)->type != put->type) {
        return fi_error_set(err, FIRN_CORRUPT,
                            "'%s': the list of keyspaces contradicts itself about number %" PRIu32,
                            fi_os_dir_path(image->db->dir), (*out)->id);
    }
    return FIRN_OK;
}

struct reading {
    struct fi_db_image *image;
    struct fi_buf name; /* of the versions that are read */
    bool has_name;
    struct fi_db_name_end *newer; /* the version of that name that was read before */
};

static int
begin_name(struct reading *reading, firn_slice name, firn_error *err)
{
    if (reading->has_name && fi_slice_equal(name, fi_buf_slice(&reading->name))) {
        return FIRN_OK;
    }
    reading->has_name = true;
    reading->newer = NULL;
    return fi_buf_assign(&reading->name, name) == FIRN_OK
               ? FIRN_OK
               : fi_error_no_memory(err, "the list of keyspaces");
}

/* A put: the number of a keyspace, or the next number to give out. */
static int
read_put(struct reading *reading, const struct fi_entry *entry, firn_error *err)
{
    struct fi_db_image *image = reading->image;
    struct fi_db_tree *tree;
    struct fi_storefile_keyspace put;
    if (entry->key.size > FIRN_KEYSPACE_NAME_SIZE_MAX || !fi_utf8_is_valid(entry->key) ||
        (entry->key.size > 0 && memchr(entry->key.data, 0, entry->key.size) != NULL)) {
        return fi_error_set(err, FIRN_CORRUPT,
                            "'%s': the list of keyspaces holds an impossible name",
                            fi_os_dir_path(image->db->dir));
    }
    FI_TRY_RETURN(fi_storefile_keyspace_read(image->db->dir, entry->value, &put, err));
    if (entry->key.size == 0 &&
        (put.type != FI_STOREFILE_KEYSPACE_KEYS || put.schema > 0 || put.others.size > 0)) {
        return fi_error_set(err, FIRN_CORRUPT,
                            "'%s': the list of keyspaces has fields for a keyspace without a name",
                            fi_os_dir_path(image->db->dir));
    }
    uint64_t next = entry->key.size == 0 ? put.id : put.id + 1;
    image->next_id = next > image->next_id ? next : image->next_id;
    if (entry->key.size == 0) {
        return FIRN_OK;
    }
    int rc = fi_db_image_name(image, &put, entry, &tree, err);
    if (rc == FIRN_OK) {
        DCHECK(tree->id == put.id && image->next_id > put.id);
        tree->created_at = entry->sequence;
        atomic_store_explicit(&tree->ends, reading->newer, memory_order_relaxed);
    }
    return rc;
}

static int
read_version(struct reading *reading, const struct fi_entry *entry, firn_error *err)
{
    FI_TRY_RETURN(begin_name(reading, entry->key, err));
    if (entry->kind == FI_ENTRY_PUT) {
        FI_TRY_RETURN(read_put(reading, entry, err));
    }
    DCHECK(reading->newer == NULL || entry->sequence < reading->newer->sequence);
    struct fi_db_name_end *end = fi_db_visible_make_end(reading->image);
    if (end == NULL) {
        return fi_error_no_memory(err, "the list of keyspaces");
    }
    end->sequence = entry->sequence;
    atomic_init(&end->newer, reading->newer);
    reading->newer = end;
    return FIRN_OK;
}

int
fi_db_image_read_list(struct fi_db_image *image, firn_error *err)
{
    static const struct fi_lsm_cursor_options all = {0};
    struct reading reading = {.image = image};
    struct fi_lsm_cursor *cursor = NULL;
    int rc;
    FI_TRY(fi_lsm_cursor_create(image->list->lsm_tree, &all, &cursor, err));
    FI_TRY(fi_lsm_cursor_first(cursor, err));
    while (fi_lsm_cursor_valid(cursor)) {
        FI_TRY(read_version(&reading, fi_lsm_cursor_entry(cursor), err));
        FI_TRY(fi_lsm_cursor_next(cursor, err));
    }
out:
    fi_lsm_cursor_destroy(cursor);
    fi_buf_deinit(&reading.name);
    return rc;
}

/* No two keyspaces may have the same number, and none the number of the list. */
static int
check_numbers(const struct fi_db_image *image, firn_error *err)
{
    for (size_t i = 1; i < fi_db_trees_count(image); i++) {
        if (fi_db_trees_at(image, i)->id == fi_db_trees_at(image, i - 1)->id) {
            return fi_error_set(err, FIRN_CORRUPT,
                                "'%s': two names in the list of keyspaces lead to number %" PRIu32,
                                fi_os_dir_path(image->db->dir), fi_db_trees_at(image, i)->id);
        }
    }
    return FIRN_OK;
}

/* Trees come in the order of names, and are then sorted. */
static int
read_list(struct fi_db_image *image, firn_error *err)
{
    DCHECK(fi_db_trees_count(image) == 0 && !image->is_listed);
    image->next_id = 1;
    static const struct fi_storefile_keyspace list = {.id = FI_DB_KEYSPACE_LIST};
    FI_TRY_RETURN(db_image_add(image, &list, firn_bytes(NULL, 0), &image->list, err));
    FI_TRY_RETURN(fi_db_image_read_list(image, err));
    fi_sort(image->trees.data, fi_db_trees_count(image), sizeof(struct fi_db_tree *),
            compare_trees);
    FI_TRY_RETURN(check_numbers(image, err));
    DCHECK(fi_db_trees_at(image, 0) == image->list);
    image->is_listed = true;
    return FIRN_OK;
}

/* ---- opening ---- */

static int
sync_log(void *ctx, firn_error *err)
{
    return fi_db_log_sync(ctx, err);
}

/* A handle without a lock of its own is one for looking: creating and copying write nothing through
 * it. */
static int
may_change(void *ctx, firn_error *err)
{
    struct firn_db *db = ctx;
    return db->lock != NULL ? fi_db_lead_check_lock(db, err) : FIRN_OK;
}

static struct fi_log_position
log_durable(void *ctx)
{
    const struct firn_db *db = ctx;
    return db->log == NULL ? (struct fi_log_position){0} : fi_log_durable(db->log);
}

/* Flushes begin after the opening, when the log exists. */
static uint64_t
log_segment_bytes(void *ctx, uint64_t segment)
{
    const struct firn_db *db = ctx;
    /* The bytes of an encrypted log are not those of values. */
    return db->log == NULL || fi_os_dir_seal(db->dir) != NULL ? 0
                                                              : fi_log_lend_bytes(db->log, segment);
}

static int
lend_log_segment(void *ctx, uint64_t segment, struct fi_os_dir *to_dir, const char *to,
                 firn_error *err)
{
    const struct firn_db *db = ctx;
    return fi_log_lend(db->log, segment, to_dir, to, err);
}

static enum fi_codec
codec_of(firn_compression compression, bool is_bottom)
{
    switch (compression) {
    case FIRN_COMPRESSION_NONE:
        return FI_CODEC_NONE;
    case FIRN_COMPRESSION_ZSTD:
        return is_bottom ? FI_CODEC_ZSTD : FI_CODEC_LZ4;
    case FIRN_COMPRESSION_DEFAULT:
    case FIRN_COMPRESSION_LZ4:
    default:
        return FI_CODEC_LZ4;
    }
}

static size_t
db_image_clamp(size_t value, size_t least, size_t most)
{
    return value < least ? least : value > most ? most : value;
}

/* On a small disk, what is written at once is a small part of the disk, so that merging needs
 * little space besides its inputs (db_space.c). */
static size_t
part_of_disk(const struct firn_db *db, size_t size, unsigned part)
{
    enum { LEAST = 32 << 10 };
    uint64_t most = db->limits.disk_bytes / part;
    most = most < LEAST ? LEAST : most;
    return size < most ? size : (size_t)most;
}

static struct fi_lsm_options
lsm_options(struct firn_db *db)
{
    enum { RUN_PART = 128, BASE_PART = 64, LEVEL0_PART = 32, VALUES_PART = 64 };
    size_t memtable = db->limits.memtable;
    return (struct fi_lsm_options){
        .kinds = fi_db_image_kinds,
        .cache = db->cache,
        .host = {.ctx = db,
                 .sync_log = sync_log,
                 .may_change = may_change,
                 .log_durable = log_durable,
                 .take_snapshots = fi_db_snapshot_take,
                 .release_snapshots = fi_db_snapshot_take_release,
                 .log_segment_bytes = log_segment_bytes,
                 .lend_log_segment = lend_log_segment,
                 .take_layout = fi_db_layout_take,
                 .wants_compaction = fi_db_jobs_suggest_compactions,
                 .no_reader_below = fi_db_reader_none_below},
        .is_read_only = db->is_read_only,
        .trees_max = db->limits.memory / FI_DB_KEYSPACE_BYTES,
        .memtable_bytes_target = memtable,
        .run_bytes_target =
            part_of_disk(db, db_image_clamp(memtable, (size_t)1 << 20, (size_t)32 << 20), RUN_PART),
        .level_bytes_base = part_of_disk(
            db, db_image_clamp(32 * memtable, (size_t)16 << 20, (size_t)1 << 30), BASE_PART),
        .level0_bytes_target = part_of_disk(
            db, db_image_clamp(8 * memtable, (size_t)4 << 20, (size_t)256 << 20), LEVEL0_PART),
        .value_file_bytes_target = part_of_disk(db, (size_t)64 << 20, VALUES_PART),
        .codec = codec_of(db->compression, false),
        .codec_bottom = codec_of(db->compression, true),
    };
}

/* A store of version 1, or one that is being created, may have no MANIFEST. */
static int
open_lsm(struct firn_db *db, struct fi_lsm **out, firn_error *err)
{
    const struct fi_lsm_options options = lsm_options(db);
    bool may_lack = db->identity.version == FI_STOREFILE_VERSION_LOG;
    int rc = fi_lsm_open(db->dir, &options, may_lack, out, err);
    if (rc == FIRN_NOT_FOUND) {
        return fi_error_set(err, FIRN_CORRUPT, "the MANIFEST of the store '%s' is missing",
                            fi_os_dir_path(db->dir));
    }
    return rc;
}

static int
open_read_only(struct fi_db_image *image, firn_error *err)
{
    struct firn_db *db = image->db;
    DCHECK(db->is_read_only && image->reader_lock == NULL);
    int rc = fi_db_reader_lock_all(db->dir, &image->reader_lock, err);
    if (rc == FIRN_OK) {
        rc = open_lsm(db, &image->lsm, err);
    }
    return rc == FIRN_OK
               ? fi_db_reader_lock_version(image->reader_lock, fi_lsm_version(image->lsm), err)
               : rc;
}

/* Reads the history that MANIFEST has. */
static int
read_history(struct fi_db_image *image, firn_error *err)
{
    firn_slice history = fi_lsm_history(image->lsm);
    int rc;
    if (history.size == 0) {
        rc = fi_history_init(&image->history, err);
    } else {
        rc = fi_history_format_get(history, &image->history, err);
        if (rc != FIRN_OK) {
            fi_error_prefix(err, "MANIFEST of '%s'", fi_os_dir_path(image->db->dir));
        }
    }
    /* In a read-only handle now does not change. */
    image->history.epoch = image->db->is_read_only ? NULL : &image->db->epoch;
    return rc;
}

int
fi_db_image_open(struct firn_db *db, struct fi_db_image **out, firn_error *err)
{
    struct fi_db_image *image = fi_alloc_zeroed(sizeof *image);
    int rc;
    *out = NULL;
    if (image == NULL) {
        return fi_error_no_memory(err, "a store");
    }
    image->db = db;
    image->retire = fi_db_image_retire;
    image->ends.chunk_size = ENDS_CHUNK_SIZE;
    FI_TRY(db->is_read_only ? open_read_only(image, err) : open_lsm(db, &image->lsm, err));
    FI_TRY(read_history(image, err));
    FI_TRY(read_list(image, err));
    image->last_sequence = fi_lsm_sequence(image->lsm);
    *out = image;
    image = NULL;
out:
    fi_db_image_abandon(image);
    return rc;
}

/* Frees what is left after lsm was closed. */
static void
db_image_destroy(struct fi_db_image *image)
{
    DCHECK(image->user_count == 0);
    fi_block_cache_hold_release(image->db->cache, image->held_bytes);
    for (size_t i = 0; i < fi_db_trees_count(image); i++) {
        fi_schema_unref(fi_db_trees_at(image, i)->last_schema);
        fi_schema_unref(fi_db_trees_at(image, i)->key_schema);
        fi_free(fi_db_trees_at(image, i));
    }
    fi_buf_deinit(&image->trees);
    fi_buf_deinit(&image->segments);
    fi_arena_deinit(&image->ends);
    fi_history_deinit(&image->history);
    fi_log_watch_end(&image->log_watch);
    fi_os_file_close(image->reader_lock);
    fi_free(image);
}

void
fi_db_image_abandon(struct fi_db_image *image)
{
    if (image != NULL) {
        fi_lsm_abandon(image->lsm);
        db_image_destroy(image);
    }
}

static void
db_image_release(struct fi_epoch_node *node)
{
    fi_db_image_abandon((void *)((char *)node - offsetof(struct fi_db_image, retired)));
}

void
fi_db_image_retire(struct fi_db_image *image)
{
    struct firn_db *db = image->db;
    DCHECK(db->is_read_only && image != fi_db_image(db));
    DCHECK(image->user_count == 0);
    fi_epoch_retire(&db->epoch, &image->retired, db_image_release);
    fi_epoch_reclaim(&db->epoch);
}

int
fi_db_image_close(struct fi_db_image *image, firn_error *err)
{
    int rc = fi_lsm_close(image->lsm, err);
    db_image_destroy(image);
    return rc;
}

/* ---- trees without a name ---- */

struct strays {
    struct fi_db_image *image;
    struct fi_buf ids; /* of uint32_t */
};

static int
note_stray(void *ctx, uint32_t id, firn_error *err)
{
    struct strays *strays = ctx;
    if (fi_db_trees_find(strays->image, id) == NULL &&
        fi_buf_append(&strays->ids, &id, sizeof id) != FIRN_OK) {
        return fi_error_no_memory(err, "the list of keyspaces");
    }
    return FIRN_OK;
}

static int
remove_stray(struct fi_db_image *image, uint32_t id, firn_error *err)
{
    struct fi_lsm_tree *tree;
    int rc = fi_lsm_tree_open(image->lsm, id, NULL, &tree, err);
    return rc == FIRN_OK ? fi_lsm_tree_drop(tree, err) : rc;
}

/* Lists the trees that exist neither now nor in a checkpoint. */
static int
remove_unseen(struct fi_db_image *image, firn_error *err)
{
    for (size_t i = 0; i < fi_db_trees_count(image); i++) {
        struct fi_db_tree *tree = fi_db_trees_at(image, i);
        if (!fi_db_visible_is_kept(image, tree)) {
            CHECK(tree->id != FI_DB_KEYSPACE_LIST);
            int rc = fi_lsm_tree_drop(tree->lsm_tree, err);
            if (rc != FIRN_OK) {
                return rc;
            }
            fi_db_trees_note_removed(image, tree);
            tree->first_segment = 0;
            DCHECK(image->db->lead.out_count > 0);
            image->db->lead.out_count--;
        }
    }
    return FIRN_OK;
}

int
fi_db_image_remove_dropped(struct fi_db_image *image, firn_error *err)
{
    struct strays strays = {.image = image};
    int rc;
    FI_TRY(remove_unseen(image, err));
    FI_TRY(fi_lsm_tree_list(image->lsm, note_stray, &strays, err));
    for (size_t i = 0; i < strays.ids.size / sizeof(uint32_t); i++) {
        uint32_t id;
        memcpy(&id, strays.ids.data + i * sizeof id, sizeof id);
        FI_TRY(remove_stray(image, id, err));
    }
out:
    fi_buf_deinit(&strays.ids);
    return rc;
}
