/* SPDX-License-Identifier: Apache-2.0
 *
 * objects/objects_session_delta.c: new versions of files and directories as changes of old ones.
 *
 * The scan says what an object may be a new version of: what stood at the same path before. If the
 * store has that whole, it is the base; if it has that as a delta, then that one's base is (one
 * step only, packfile_delta.c). So the versions of a file lean on one whole version, until one
 * differs so much that its delta does not pay; it is stored whole, and later ones lean on it.
 *
 * A delta pays if it takes at most half of what the object would take whole. Nobody knows that
 * before its frame is full; but the base was compressed in the same way, and its frame's sizes tell
 * how well such bytes compress (I1; an estimate, like (I2): not checked). So mostly nothing is
 * compressed twice. Where packs were joined those sizes say too little: versions lie side by side
 * there (reclaim_versions.c) and take a tenth of what the new one will take in a pack without them. A
 * delta that is too large by them, but not for bytes that compress as text does, is compared with
 * the object compressed by itself (I2). It saves more than its room: what is stored as a delta is
 * known for a version when packs are joined next, and comes to lie beside the others.
 *
 * What is small, or would give back less than a few dozen bytes, is left alone: it is not worth
 * another object's frame at each reading.
 *
 * A base that cannot be read is none: that the store is damaged is for those to say who need what is
 * lost, and the new version is stored whole.
 *
 * Memory: a scratch of the objects' pool, the zstd states (2 to 8 MiB), the delta, and an object compressed.
 */
#include "objects/objects_session_delta.h"

#include "base/check.h"
#include "base/mem.h"
#include "objects/objects_internal.h"

enum {
    CONTENT_SIZE_MIN = 256,
    SAVING_MIN = 64,
    GAIN = 2,
    TEXT_PART = 2, /* of its size: what text takes compressed, at most */
    QUICK_LEVEL = 1
};

struct firn_objects_session_delta {
    struct firn_objects *objects;
    struct firn_packfile_scratch *scratch; /* of the pool, while a delta is made */
    struct firn_compress *compress;        /* NULL until it is needed */
    struct firn_buf bytes;
    struct firn_buf alone; /* the object, compressed by itself */
};

int
firn_objects_session_delta_create(struct firn_objects *objects,
                                  struct firn_objects_session_delta **out, firn_error *err)
{
    *out = firn_alloc_zeroed(sizeof **out);
    if (*out == NULL) {
        return firn_error_no_memory(err, "a save");
    }
    (*out)->objects = objects;
    return FIRN_OK;
}

void
firn_objects_session_delta_destroy(struct firn_objects_session_delta *delta)
{
    if (delta != NULL) {
        firn_compress_destroy(delta->compress);
        firn_buf_deinit(&delta->bytes);
        firn_buf_deinit(&delta->alone);
        firn_free(delta);
    }
}

static int
prepare(struct firn_objects_session_delta *delta, firn_error *err)
{
    int rc = delta->compress != NULL ? FIRN_OK : firn_compress_create(&delta->compress, err);
    return rc == FIRN_OK
               ? firn_packfile_scratch_pool_take(&delta->objects->pool, &delta->scratch, err)
               : rc;
}

/* Finds the whole object that a name leads to, itself or in one step. */
static int
find_base(struct firn_objects_session_delta *delta, const firn_hash *name, firn_hash *out_hash,
          struct firn_objects_place *out, firn_error *err)
{
    *out_hash = *name;
    DCHECK(delta->scratch != NULL);
    int rc = firn_objects_find(delta->objects, name, out, err);
    if (rc != FIRN_OK || out->at.kind != FIRN_PACKFILE_DELTA) {
        return rc;
    }
    struct firn_packfile_delta other;
    rc = firn_objects_delta(delta->objects, delta->scratch, name, &other, err);
    if (rc == FIRN_OK) {
        *out_hash = other.base;
        rc = firn_objects_find(delta->objects, &other.base, out, err);
    }
    return rc;
}

/* The size that a delta may have at most if the object takes `whole` bytes; 0: none is worth it. */
static size_t
size_max_for(uint64_t whole)
{
    uint64_t size_max = whole / GAIN;
    return whole - size_max >= SAVING_MIN ? (size_t)size_max : 0;
}

/* The same by how well its base was compressed (I1). */
static int
size_max_of(struct firn_objects_session_delta *delta, const struct firn_objects_place *base,
            size_t content_size, size_t *out, firn_error *err)
{
    struct firn_packfile *file;
    *out = 0;
    int rc = firn_objects_acquire(delta->objects, base->pack, &file, err);
    if (rc != FIRN_OK) {
        return rc;
    }
    if (base->at.frame < firn_packfile_walk_count(file)) {
        struct firn_packfile_frame_size frame = firn_packfile_frame_size_of(file, base->at.frame);
        *out = size_max_for(frame.raw > 0 ? (uint64_t)content_size * frame.stored / frame.raw : 0);
    }
    firn_objects_release(delta->objects, base->pack);
    return FIRN_OK;
}

/* Whether the delta that was made pays, compared with what the object takes alone (I2). */
static int
compare_with_alone(struct firn_objects_session_delta *delta, firn_slice content, bool *out_pays,
                   firn_error *err)
{
    DCHECK(delta->compress != NULL && delta->bytes.size > 0);
    int rc = firn_compress_encode(delta->compress, FIRN_CODEC_ZSTD, QUICK_LEVEL, content,
                                  &delta->alone, err);
    *out_pays = rc == FIRN_OK && delta->bytes.size <= size_max_for(delta->alone.size);
    return rc;
}

static int
make(struct firn_objects_session_delta *delta, const struct firn_objects_object *object,
     bool *out_made, firn_error *err)
{
    struct firn_objects_place place;
    struct firn_packfile_delta_base base;
    enum firn_packfile_kind kind;
    size_t size_max;
    size_t size_max_alone = size_max_for(object->content.size / TEXT_PART);
    int rc;
    *out_made = false;
    DCHECK(delta->scratch == NULL && object->base != NULL);
    FIRN_TRY(prepare(delta, err));
    FIRN_TRY(find_base(delta, object->base, &base.hash, &place, err));
    if (firn_packfile_kind_is_named(place.at.kind)) {
        goto out;
    }
    FIRN_TRY(size_max_of(delta, &place, object->content.size, &size_max, err));
    FIRN_TRY(firn_objects_read_raw(delta->objects, delta->scratch, &base.hash, &kind, &base.content,
                                   err));
    if (base.content.size > 0) {
        FIRN_TRY(firn_packfile_delta_encode(delta->compress, &base, object->kind, object->content,
                                            size_max > size_max_alone ? size_max : size_max_alone,
                                            &delta->bytes, out_made, err));
    }
    if (*out_made && delta->bytes.size > size_max) {
        FIRN_TRY(compare_with_alone(delta, object->content, out_made, err));
    }
out:
    firn_packfile_scratch_pool_give(&delta->objects->pool, delta->scratch);
    delta->scratch = NULL;
    return rc;
}

int
firn_objects_session_delta_make(struct firn_objects_session_delta *delta,
                                const struct firn_objects_object *object, firn_slice *out,
                                firn_error *err)
{
    bool is_made = false;
    *out = firn_bytes(NULL, 0);
    if (object->content.size < CONTENT_SIZE_MIN ||
        (object->kind != FIRN_PACKFILE_BLOB && object->kind != FIRN_PACKFILE_TREE)) {
        return FIRN_OK;
    }
    firn_error found;
    int rc = make(delta, object, &is_made, &found);
    if (rc == FIRN_NO_MEMORY) {
        if (err != NULL) {
            *err = found;
        }
        return rc;
    }
    if (rc == FIRN_OK && is_made) {
        *out = firn_buf_slice(&delta->bytes);
    }
    return FIRN_OK;
}
