/* SPDX-License-Identifier: Apache-2.0
 *
 * gc/gc_mark.c: marks the live objects.
 *
 * Alive is what a checkpoint of any workspace of the store names, or one that was deleted and can
 * be brought back: the object of its root directory and everything that this names, through parts
 * of directories, subdirectories, contents and pieces of contents; the same for its repositories;
 * the object with its rules; and the copy of its record in a pack. The base of a live object that
 * is stored as a delta is alive, too, but what that base names is not for that reason. A forgotten
 * base (catalog_forgotten.c) is not alive because of its delta: the delta is noted instead.
 *
 * Each object is visited once, however many checkpoints share it: a mark says that what it names
 * has been marked, or waits to be. An object's kind in the index is the kind it was first stored
 * as, and a file may hold the very bytes of a directory object. So an object that was visited as
 * content has not necessarily been walked as a directory, and there is a mark for each (I1).
 *
 * Doubt keeps everything: a directory or a list of pieces that cannot be read hides what is
 * below it, and an object that the index has lost may still be in a pack. Either ends the
 * collection before anything is removed (I2; not checked: nothing here removes). A missing pack
 * hides nothing as long as it has only contents, and the plan leaves it alone.
 *
 * Deltas are read at the end, to find their bases, in the order in which they are in their packs:
 * so each frame is decoded once (I3).
 *
 * Nothing here recurses: what is still to be visited waits on two stacks, one for directories and
 * one for lists of pieces.
 *
 * Memory: one directory object; 32 bytes for each waiting directory (at most those beside one path
 * from a root down) and for each list of pieces in one directory; 72 for each delta.
 */
#include "base/check.h"
#include "base/mem.h"
#include "base/slice.h"
#include "base/sort.h"
#include "codec/blake3_hash.h"
#include "codec/hex.h"
#include "gc/gc_internal.h"
#include "tree/tree.h"

struct marking {
    struct fi_gc *gc;
    struct fi_buf directories; /* hashes of directory objects to visit */
    struct fi_buf lists;       /* the same of lists of pieces */
    struct fi_buf deltas;      /* the same of live objects that are stored as deltas */
    struct fi_buf object;      /* the directory that is being visited */
    firn_slice name;           /* of the entry that is being visited; empty where there is none */
    bool is_tree;              /* that entry */
    uint64_t live;
};

static int
gc_mark_find(struct marking *marking, const firn_hash *hash, size_t *out, firn_error *err)
{
    if (fi_gc_table_find(marking->gc->table, hash, out)) {
        return FIRN_OK;
    }
    char hex[FIRN_HASH_HEX_SIZE];
    fi_hex_encode(hash->bytes, sizeof hash->bytes, hex);
    return fi_error_set(err, FIRN_CORRUPT, "object %s is not in the index", hex);
}

static int
gc_mark_push(struct fi_buf *stack, const firn_hash *hash, firn_error *err)
{
    return fi_buf_append(stack, hash, sizeof *hash) == FIRN_OK
               ? FIRN_OK
               : fi_error_no_memory(err, "a list of objects to look into");
}

static int
mark_live(struct marking *marking, const firn_hash *hash, size_t number, firn_error *err)
{
    struct fi_gc_table *table = marking->gc->table;
    if (fi_gc_table_mark(table, number, FI_GC_MARK_LIVE)) {
        return FIRN_OK;
    }
    marking->live++;
    DCHECK(marking->live <= fi_gc_table_count(table));
    if (marking->gc->names != NULL && marking->name.size > 0) {
        FI_TRY_RETURN(
            fi_gc_names_note(marking->gc->names, number, marking->name, marking->is_tree, err));
    }
    return fi_gc_table_kind(table, number) == FI_PACK_DELTA
               ? gc_mark_push(&marking->deltas, hash, err)
               : FIRN_OK;
}

static int
find_alive(struct marking *marking, const firn_hash *hash, size_t *out, firn_error *err)
{
    int rc = gc_mark_find(marking, hash, out, err);
    return rc == FIRN_OK ? mark_live(marking, hash, *out, err) : rc;
}

static bool
gc_mark_pop(struct fi_buf *stack, firn_hash *out)
{
    if (stack->size == 0) {
        return false;
    }
    CHECK(stack->size % sizeof *out == 0);
    stack->size -= sizeof *out;
    memcpy(out, stack->data + stack->size, sizeof *out);
    return true;
}

/* The object of a file's content, or of a piece of one. */
static int
mark_content(struct marking *marking, const firn_hash *hash, firn_error *err)
{
    struct fi_gc_table *table = marking->gc->table;
    size_t number;
    int rc = find_alive(marking, hash, &number, err);
    if (rc != FIRN_OK) {
        return rc;
    }
    if (fi_gc_table_kind(table, number) != FI_PACK_PIECES ||
        fi_gc_table_mark(table, number, FI_GC_MARK_PIECES_WALKED)) {
        return FIRN_OK;
    }
    return gc_mark_push(&marking->lists, hash, err);
}

static int
mark_directory(struct marking *marking, const firn_hash *hash, firn_error *err)
{
    struct fi_gc_table *table = marking->gc->table;
    size_t number;
    int rc = find_alive(marking, hash, &number, err);
    if (rc != FIRN_OK) {
        return rc;
    }
    if (fi_gc_table_mark(table, number, FI_GC_MARK_TREE_WALKED)) {
        return FIRN_OK;
    }
    if (fi_gc_table_kind(table, number) == FI_PACK_PIECES) {
        /* The same bytes were stored as a file with holes before. */
        rc = mark_content(marking, hash, err);
    }
    return rc == FIRN_OK ? gc_mark_push(&marking->directories, hash, err) : rc;
}

static int
mark_part(void *ctx, const firn_hash *hash, firn_error *err)
{
    return mark_directory(ctx, hash, err);
}

static int
mark_entry(void *ctx, const struct fi_tree_entry *entry, firn_error *err)
{
    struct marking *marking = ctx;
    if (entry->kind == FI_TREE_SYMLINK) {
        return FIRN_OK;
    }
    marking->name = entry->name;
    marking->is_tree = entry->kind == FI_TREE_DIR;
    int rc = marking->is_tree ? mark_directory(marking, &entry->hash, err)
                              : mark_content(marking, &entry->hash, err);
    marking->name = firn_bytes(NULL, 0);
    return rc;
}

static int
mark_piece(void *ctx, uint64_t offset, const struct fi_pack_piece *piece, firn_error *err)
{
    (void)offset;
    return piece->is_hole ? FIRN_OK : mark_content(ctx, &piece->hash, err);
}

static bool
is_marked(const struct fi_gc *gc, const firn_hash *hash, enum fi_gc_mark mark)
{
    size_t number;
    return fi_gc_table_find(gc->table, hash, &number) &&
           fi_gc_table_has(gc->table, number, FI_GC_MARK_LIVE) &&
           fi_gc_table_has(gc->table, number, mark);
}

static int
inspect_directory(struct marking *marking, const firn_hash *hash, firn_error *err)
{
    struct fi_gc *gc = marking->gc;
    DCHECK(is_marked(gc, hash, FI_GC_MARK_TREE_WALKED)); /* (I1) */
    FI_TRY_RETURN(
        fi_objects_stream_whole(gc->opened->objects, gc->scratch, hash, &marking->object, err));
    const struct fi_tree_object_visitor visitor = {mark_part, mark_entry, marking};
    return fi_tree_object_visit(fi_buf_slice(&marking->object), &visitor, err);
}

/* Visits everything that waits. */
static int
inspect_all(struct marking *marking, firn_error *err)
{
    struct fi_gc *gc = marking->gc;
    firn_hash hash;
    int rc = FIRN_OK;
    while (rc == FIRN_OK) {
        if (gc_mark_pop(&marking->lists, &hash)) {
            DCHECK(is_marked(gc, &hash, FI_GC_MARK_PIECES_WALKED)); /* (I1) */
            rc = fi_objects_read_pieces(gc->opened->objects, gc->scratch, &hash, mark_piece,
                                        marking, err);
        } else if (gc_mark_pop(&marking->directories, &hash)) {
            rc = inspect_directory(marking, &hash, err);
        } else {
            return FIRN_OK;
        }
        if (rc == FIRN_OK) {
            rc = fi_gc_report_progress(gc, "mark", marking->live, err);
        }
    }
    return rc;
}

/* A record that is not in a pack yet has no object. */
static int
mark_record(struct marking *marking, firn_slice bytes, firn_error *err)
{
    firn_hash hash;
    size_t number;
    fi_blake3_hash_of(bytes.data, bytes.size, &hash);
    return fi_gc_table_find(marking->gc->table, &hash, &number)
               ? mark_live(marking, &hash, number, err)
               : FIRN_OK;
}

static bool
has_expired(const struct fi_gc *gc, const struct fi_catalog_record *record)
{
    DCHECK(gc->expired.size % sizeof record->id == 0);
    for (size_t i = 0; i < gc->expired.size; i += sizeof record->id) {
        if (memcmp(gc->expired.data + i, record->id, sizeof record->id) == 0) {
            return true;
        }
    }
    return false;
}

static int
mark_checkpoint(void *ctx, firn_slice bytes, const struct fi_catalog_record *record,
                firn_error *err)
{
    struct marking *marking = ctx;
    firn_error found;
    int rc = FIRN_OK;
    if (has_expired(marking->gc, record)) {
        return FIRN_OK;
    }
    FI_TRY(mark_record(marking, bytes, &found));
    if (record->has_rules) {
        FI_TRY(mark_content(marking, &record->rules, &found));
    }
    if (record->has_repositories) {
        FI_TRY(mark_directory(marking, &record->repositories, &found));
    }
    FI_TRY(mark_directory(marking, &record->root.hash, &found));
    FI_TRY(inspect_all(marking, &found));
out:
    if (rc != FIRN_OK && err != NULL) {
        char id[FIRN_CHECKPOINT_ID_SIZE];
        fi_catalog_record_id_text(record->id, id);
        *err = found;
        if (rc == FIRN_CORRUPT || rc == FIRN_NEWER) {
            fi_error_prefix(err, "checkpoint %.*s is damaged, nothing was removed",
                            FIRN_CHECKPOINT_ID_SHORT, id);
        }
    }
    return rc;
}

static int
mark_deleted(void *ctx, const struct fi_catalog_deleted *deleted, firn_error *err)
{
    const struct marking *marking = ctx;
    return deleted->deleted_ns < marking->gc->ended_before_ns
               ? FIRN_OK
               : mark_checkpoint(ctx, deleted->bytes, &deleted->record, err);
}

/* ---- bases ---- */

/* Where a live delta is. */
struct delta_place {
    firn_hash hash;
    uint32_t pack;
    uint32_t frame;
};

static int
compare_places(const void *a, const void *b)
{
    const struct delta_place *left = a;
    const struct delta_place *right = b;
    if (left->pack != right->pack) {
        return left->pack < right->pack ? -1 : 1;
    }
    return (left->frame > right->frame) - (left->frame < right->frame);
}

static int
mark_base(struct marking *marking, const firn_hash *delta, firn_error *err)
{
    struct fi_gc *gc = marking->gc;
    struct fi_pack_delta found;
    size_t number;
    FI_TRY_RETURN(fi_objects_read_delta(gc->opened->objects, gc->scratch, delta, &found, err));
    FI_TRY_RETURN(gc_mark_find(marking, &found.base, &number, err));
    if (fi_pack_kind_is_named(fi_gc_table_kind(gc->table, number))) {
        return fi_error_set(err, FIRN_CORRUPT, "an object is a change of one that is not whole");
    }
    if (fi_catalog_forgotten_has(&gc->forgotten, &found.base) &&
        !fi_gc_table_has(gc->table, number, FI_GC_MARK_LIVE)) {
        const struct fi_gc_delta leaning = {.hash = *delta, .base = found.base};
        return fi_buf_append(&gc->leaning, &leaning, sizeof leaning) == FIRN_OK
                   ? FIRN_OK
                   : fi_error_no_memory(err, "a list of objects to look into");
    }
    FI_TRY_RETURN(mark_live(marking, &found.base, number, err));
    return fi_gc_report_progress(gc, "mark", marking->live, err);
}

/* (I3) */
static int
mark_bases(struct marking *marking, firn_error *err)
{
    struct fi_objects *objects = marking->gc->opened->objects;
    size_t count = marking->deltas.size / sizeof(firn_hash);
    struct delta_place *deltas = fi_alloc_array(count, sizeof *deltas);
    int rc = FIRN_OK;
    DCHECK(marking->lists.size == 0 && marking->directories.size == 0); /* nothing waits */
    if (count > 0 && deltas == NULL) {
        return fi_error_no_memory(err, "a list of objects to look into");
    }
    for (size_t i = 0; i < count; i++) {
        struct fi_objects_place place;
        (void)gc_mark_pop(&marking->deltas, &deltas[i].hash);
        FI_TRY(fi_objects_index_find(objects, &deltas[i].hash, &place, err));
        deltas[i].pack = place.pack;
        deltas[i].frame = place.at.frame;
    }
    fi_sort(deltas, count, sizeof *deltas, compare_places);
    for (size_t i = 0; i < count; i++) {
        DCHECK(i == 0 || compare_places(&deltas[i - 1], &deltas[i]) <= 0); /* (I3) */
        FI_TRY(mark_base(marking, &deltas[i].hash, err));
    }
out:
    fi_free(deltas);
    if (rc == FIRN_CORRUPT || rc == FIRN_NEWER) {
        fi_error_prefix(err, "a version of a file cannot be read, nothing was removed");
    }
    return rc;
}

int
fi_gc_mark(struct fi_gc *gc, firn_error *err)
{
    struct marking marking = {.gc = gc};
    DCHECK(gc->table != NULL && gc->packs == NULL && gc->leaning.size == 0);
    int rc = fi_catalog_list(gc->opened->catalog, 0, mark_checkpoint, &marking, err);
    if (rc == FIRN_OK) {
        rc = fi_catalog_deleted_list(gc->opened->catalog, 0, mark_deleted, &marking, err);
    }
    if (rc == FIRN_OK) {
        rc = mark_bases(&marking, err);
    }
    gc->result->objects_live = marking.live;
    gc->result->objects_dead = fi_gc_table_count(gc->table) - marking.live;
    fi_buf_deinit(&marking.directories);
    fi_buf_deinit(&marking.lists);
    fi_buf_deinit(&marking.deltas);
    fi_buf_deinit(&marking.object);
    return rc;
}
