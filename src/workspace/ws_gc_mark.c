/* SPDX-License-Identifier: Apache-2.0
 *
 * workspace/ws_gc_mark.c: what is alive.
 *
 * Alive is what a checkpoint of any workspace of the store names: the object of its root directory,
 * and whatever that names, through parts of directories, subdirectories, contents and pieces of
 * contents; the object with its rules; and the copy of its record that stands in a pack.
 *
 * Each object is looked into once, however many checkpoints share it: a mark says that what it
 * names has been marked, or waits to be. An object's kind in the index is what it was when it was
 * first stored, and a file may hold the very bytes of a directory object; so that something was
 * seen as content says nothing about having been walked as a directory, and there is a mark for
 * each (I1).
 *
 * Doubt keeps everything: a directory or a list of pieces that cannot be read hides what lies
 * behind it, and an object that the index has lost may still lie in a pack. Either ends the
 * collection before anything was removed (I2). A missing pack hides nothing as long as only
 * contents lie in it, and is left alone by the plan.
 *
 * Memory: one directory object, and 32 bytes for each directory that waits, which are at most those
 * beside one path from a root down.
 */
#include "base/slice.h"
#include "codec/blake3_hash.h"
#include "codec/hex.h"
#include "workspace/tree_references.h"
#include "workspace/ws_gc_internal.h"

struct marking {
    struct firn_ws_gc *gc;
    struct firn_buf pending; /* hashes of directory objects to look into */
    struct firn_buf object;  /* the one that is looked into */
    uint64_t live;
};

static int
find(struct marking *marking, const firn_hash *hash, size_t *out, firn_error *err)
{
    if (firn_ws_gc_table_find(marking->gc->table, hash, out)) {
        return FIRN_OK;
    }
    char hex[FIRN_HASH_HEX_SIZE];
    firn_hex_encode(hash->bytes, sizeof hash->bytes, hex);
    return firn_error_set(err, FIRN_CORRUPT, "object %s is not in the index", hex);
}

static void
mark_live(struct marking *marking, size_t number)
{
    if (!firn_ws_gc_table_mark(marking->gc->table, number, FIRN_WS_GC_MARK_LIVE)) {
        marking->live++;
    }
}

static int mark_content(struct marking *marking, const firn_hash *hash, firn_error *err);

static int
mark_piece(void *ctx, uint64_t offset, const struct firn_packfile_piece *piece, firn_error *err)
{
    (void)offset;
    return piece->is_hole ? FIRN_OK : mark_content(ctx, &piece->hash, err);
}

/* The object of a file's content, or of a piece of one. */
static int
mark_content(struct marking *marking, const firn_hash *hash, firn_error *err)
{
    struct firn_ws_gc *gc = marking->gc;
    size_t number;
    int rc = find(marking, hash, &number, err);
    if (rc != FIRN_OK) {
        return rc;
    }
    mark_live(marking, number);
    if (firn_ws_gc_table_kind(gc->table, number) != FIRN_PACKFILE_PIECES ||
        firn_ws_gc_table_mark(gc->table, number, FIRN_WS_GC_MARK_PIECES_WALKED)) {
        return FIRN_OK;
    }
    return firn_ws_objects_pieces(gc->opened->objects, gc->scratch, hash, mark_piece, marking, err);
}

static int
mark_directory(struct marking *marking, const firn_hash *hash, firn_error *err)
{
    size_t number;
    int rc = find(marking, hash, &number, err);
    if (rc != FIRN_OK) {
        return rc;
    }
    mark_live(marking, number);
    if (firn_ws_gc_table_mark(marking->gc->table, number, FIRN_WS_GC_MARK_TREE_WALKED)) {
        return FIRN_OK;
    }
    return firn_buf_append(&marking->pending, hash, sizeof *hash) == FIRN_OK
               ? FIRN_OK
               : firn_error_no_memory(err, "a list of directories");
}

static int
mark_reference(void *ctx, const firn_hash *hash, bool is_tree, firn_error *err)
{
    return is_tree ? mark_directory(ctx, hash, err) : mark_content(ctx, hash, err);
}

static int
look_into(struct marking *marking, const firn_hash *hash, firn_error *err)
{
    struct firn_ws_gc *gc = marking->gc;
    firn_slice object;
    int rc = firn_ws_objects_read(gc->opened->objects, gc->scratch, hash, &object, err);
    if (rc != FIRN_OK) {
        return rc;
    }
    /* Lists of pieces are read into the same scratch. */
    if (firn_buf_assign(&marking->object, object) != FIRN_OK) {
        return firn_error_no_memory(err, "a directory object");
    }
    return firn_tree_references(firn_buf_slice(&marking->object), mark_reference, marking, err);
}

static int
mark_tree(struct marking *marking, const firn_hash *root, firn_error *err)
{
    int rc = mark_directory(marking, root, err);
    while (rc == FIRN_OK && marking->pending.size > 0) {
        firn_hash hash;
        marking->pending.size -= sizeof hash;
        memcpy(&hash, marking->pending.data + marking->pending.size, sizeof hash);
        rc = look_into(marking, &hash, err);
        if (rc == FIRN_OK) {
            rc = firn_ws_gc_progress(marking->gc, "mark", marking->live, err);
        }
    }
    return rc;
}

/* A record that stands in no pack yet has no object. */
static void
mark_record(struct marking *marking, firn_slice bytes)
{
    firn_hash hash;
    size_t number;
    firn_blake3_hash_of(bytes.data, bytes.size, &hash);
    if (firn_ws_gc_table_find(marking->gc->table, &hash, &number)) {
        mark_live(marking, number);
    }
}

static bool
has_expired(const struct firn_ws_gc *gc, const struct firn_ws_record *record)
{
    for (size_t i = 0; i < gc->expired.size; i += sizeof record->id) {
        if (memcmp(gc->expired.data + i, record->id, sizeof record->id) == 0) {
            return true;
        }
    }
    return false;
}

static int
mark_checkpoint(void *ctx, firn_slice bytes, const struct firn_ws_record *record, firn_error *err)
{
    struct marking *marking = ctx;
    firn_error found;
    int rc = FIRN_OK;
    if (has_expired(marking->gc, record)) {
        return FIRN_OK;
    }
    mark_record(marking, bytes);
    if (record->has_rules) {
        FIRN_TRY(mark_content(marking, &record->rules, &found));
    }
    FIRN_TRY(mark_tree(marking, &record->root.hash, &found));
out:
    if (rc != FIRN_OK && err != NULL) {
        char id[FIRN_CHECKPOINT_ID_SIZE];
        firn_ws_record_id_text(record->id, id);
        *err = found;
        if (rc == FIRN_CORRUPT || rc == FIRN_NEWER) {
            (void)firn_error_prefix(err, "checkpoint %.*s is damaged, nothing was removed",
                                    FIRN_CHECKPOINT_ID_SHORT, id);
        }
    }
    return rc;
}

int
firn_ws_gc_mark(struct firn_ws_gc *gc, firn_error *err)
{
    struct marking marking = {.gc = gc};
    int rc = firn_ws_catalog_list(gc->opened->catalog, 0, mark_checkpoint, &marking, err);
    gc->result->objects_live = marking.live;
    gc->result->objects_dead = firn_ws_gc_table_count(gc->table) - marking.live;
    firn_buf_deinit(&marking.pending);
    firn_buf_deinit(&marking.object);
    return rc;
}
