/* SPDX-License-Identifier: Apache-2.0
 *
 * outgoing/outgoing.c: collecting the objects.
 *
 * As in a collection of garbage (gc_mark.c), an object's bytes may be those of a file and of a
 * directory at the same time, so what was collected as a content may still have to be looked into
 * as a directory. Nothing recurses: what is still to be looked into waits on two stacks.
 *
 * Memory: 64 bytes for each object that goes out, and one directory object.
 */
#include "outgoing/outgoing.h"

#include <string.h>

#include "base/check.h"
#include "base/mem.h"
#include "outgoing/outgoing_internal.h"
#include "tree/tree.h"

/* For directories and lists, which are read one after the other. */
enum { SCRATCH_FRAMES = 4 };

static int
find_nothing(void *ctx, const firn_hash *hash, enum fi_outgoing_has *out, uint64_t *out_base_pack,
             firn_error *err)
{
    (void)ctx, (void)hash, (void)err;
    *out = FI_OUTGOING_LACKS;
    *out_base_pack = 0;
    return FIRN_OK;
}

const struct fi_outgoing_place fi_outgoing_nowhere = {find_nothing, NULL};

int
fi_outgoing_create(struct fi_objects *objects, const struct fi_outgoing_place *place,
                   struct fi_outgoing **out, firn_error *err)
{
    struct fi_outgoing *outgoing = fi_alloc_zeroed(sizeof *outgoing);
    if (outgoing == NULL) {
        return fi_error_no_memory(err, "the objects to send");
    }
    outgoing->objects = objects;
    outgoing->place = *place;
    fi_hash_map_init(&outgoing->map, sizeof(struct fi_outgoing_object), fi_hash_map_first,
                     fi_hash_map_same_hash);
    int rc = fi_pack_scratch_create(SCRATCH_FRAMES, &outgoing->scratch, err);
    if (rc != FIRN_OK) {
        fi_outgoing_destroy(outgoing);
        return rc;
    }
    *out = outgoing;
    return FIRN_OK;
}

void
fi_outgoing_destroy(struct fi_outgoing *outgoing)
{
    if (outgoing == NULL) {
        return;
    }
    fi_pack_scratch_destroy(outgoing->scratch);
    fi_hash_map_deinit(&outgoing->map);
    fi_buf_deinit(&outgoing->directories);
    fi_buf_deinit(&outgoing->lists);
    fi_buf_deinit(&outgoing->object);
    fi_free(outgoing);
}

uint64_t
fi_outgoing_count(const struct fi_outgoing *outgoing)
{
    return outgoing->map.count;
}

static enum fi_outgoing_has
has_after(const struct fi_outgoing_object *object)
{
    return object->is_tree                                        ? FI_OUTGOING_COMPLETE
           : object->kind != FI_PACK_PIECES || object->has_pieces ? FI_OUTGOING_CONTENT
                                                                  : FI_OUTGOING_PRESENT;
}

enum fi_outgoing_has
fi_outgoing_after(const struct fi_outgoing *outgoing, const firn_hash *hash)
{
    const struct fi_outgoing_object *object = fi_outgoing_find(outgoing, hash);
    return object != NULL ? has_after(object) : FI_OUTGOING_LACKS;
}

int
fi_outgoing_list(const struct fi_outgoing *outgoing,
                 int (*visit)(void *ctx, const firn_hash *hash, enum fi_outgoing_has has,
                              firn_error *err),
                 void *ctx, firn_error *err)
{
    for (size_t i = 0; i < outgoing->map.count; i++) {
        const struct fi_outgoing_object *object = fi_hash_map_at(&outgoing->map, i);
        FI_TRY_RETURN(visit(ctx, &object->hash, has_after(object), err));
    }
    return FIRN_OK;
}

/* ==== stacks ==== */

static int
outgoing_push(struct fi_buf *stack, const firn_hash *hash, firn_error *err)
{
    return fi_buf_append(stack, hash, sizeof *hash) == FIRN_OK
               ? FIRN_OK
               : fi_error_no_memory(err, "the objects to send");
}

static bool
outgoing_pop(struct fi_buf *stack, firn_hash *out)
{
    if (stack->size == 0) {
        return false;
    }
    stack->size -= sizeof *out;
    memcpy(out, stack->data + stack->size, sizeof *out);
    return true;
}

/* ==== collecting ==== */

/* *out is the object if it goes out, or NULL if the place has enough of it. */
static int
collect(struct fi_outgoing *outgoing, const firn_hash *hash, enum fi_outgoing_has enough,
        struct fi_outgoing_object **out, firn_error *err)
{
    enum fi_outgoing_has has;
    uint64_t pack;
    struct fi_objects_place at;
    *out = fi_outgoing_find(outgoing, hash);
    if (*out != NULL) {
        return FIRN_OK;
    }
    FI_TRY_RETURN(outgoing->place.find(outgoing->place.ctx, hash, &has, &pack, err));
    if (has >= enough) {
        return FIRN_OK;
    }
    DCHECK(!outgoing->is_over);
    int rc = fi_objects_index_find(outgoing->objects, hash, &at, err);
    if (rc == FIRN_NOT_FOUND) {
        return fi_pack_object_failed(hash, fi_error_set(err, FIRN_CORRUPT, "it is not there"), err);
    }
    FI_TRY_RETURN(rc);
    const struct fi_outgoing_object object = {.hash = *hash,
                                              .pack = at.pack,
                                              .frame = at.at.frame,
                                              .offset = at.at.offset,
                                              .size = at.at.size,
                                              .kind = (uint8_t)at.at.kind,
                                              /* Only what it names may be missing there. */
                                              .is_written = has != FI_OUTGOING_LACKS};
    *out = fi_hash_map_insert(&outgoing->map, fi_hash_map_first(hash), &object);
    return *out != NULL ? FIRN_OK : fi_error_no_memory(err, "the objects to send");
}

/* The object of a file's content, or of a piece of one. */
static int
collect_content(struct fi_outgoing *outgoing, const firn_hash *hash, firn_error *err)
{
    struct fi_outgoing_object *object;
    FI_TRY_RETURN(collect(outgoing, hash, FI_OUTGOING_CONTENT, &object, err));
    if (object == NULL || object->kind != FI_PACK_PIECES || object->has_pieces) {
        return FIRN_OK;
    }
    object->has_pieces = true;
    return outgoing_push(&outgoing->lists, hash, err);
}

static int
collect_directory(struct fi_outgoing *outgoing, const firn_hash *hash, firn_error *err)
{
    struct fi_outgoing_object *object;
    FI_TRY_RETURN(collect(outgoing, hash, FI_OUTGOING_COMPLETE, &object, err));
    if (object == NULL || object->is_tree) {
        return FIRN_OK;
    }
    object->is_tree = true;
    if (object->kind == FI_PACK_PIECES) { /* the same bytes were first a file with holes */
        FI_TRY_RETURN(collect_content(outgoing, hash, err));
    }
    return outgoing_push(&outgoing->directories, hash, err);
}

static int
collect_reference(void *ctx, const firn_hash *hash, bool is_tree, firn_error *err)
{
    return is_tree ? collect_directory(ctx, hash, err) : collect_content(ctx, hash, err);
}

static int
collect_piece(void *ctx, uint64_t offset, const struct fi_pack_piece *piece, firn_error *err)
{
    (void)offset;
    return piece->is_hole ? FIRN_OK : collect_content(ctx, &piece->hash, err);
}

/* Looks into everything that waits. */
static int
collect_waiting(struct fi_outgoing *outgoing, firn_error *err)
{
    firn_hash hash;
    for (;;) {
        if (outgoing_pop(&outgoing->lists, &hash)) {
            FI_TRY_RETURN(fi_objects_read_pieces(outgoing->objects, outgoing->scratch, &hash,
                                                 collect_piece, outgoing, err));
        } else if (outgoing_pop(&outgoing->directories, &hash)) {
            FI_TRY_RETURN(fi_objects_stream_whole(outgoing->objects, outgoing->scratch, &hash,
                                                  &outgoing->object, err));
            FI_TRY_RETURN(fi_tree_references(fi_buf_slice(&outgoing->object), collect_reference,
                                             outgoing, err));
        } else {
            return FIRN_OK;
        }
    }
}

int
fi_outgoing_add_tree(struct fi_outgoing *outgoing, const firn_hash *root, firn_error *err)
{
    FI_TRY_RETURN(collect_directory(outgoing, root, err));
    return collect_waiting(outgoing, err);
}

int
fi_outgoing_add_content(struct fi_outgoing *outgoing, const firn_hash *hash, firn_error *err)
{
    FI_TRY_RETURN(collect_content(outgoing, hash, err));
    return collect_waiting(outgoing, err);
}
