/* SPDX-License-Identifier: Apache-2.0
 *
 * objects/objects_delta.c: new versions of files and directories as deltas of old ones.
 *
 * The scan names the object that a new one may be a version of: the one at the same path before. If
 * the store has that object whole, it is the base; if the store has it as a delta, the base of that
 * delta is (one step only, pack_delta.c). So the versions of a file are deltas of one whole
 * version, until one differs so much that a delta does not pay. That version is stored whole, and
 * becomes the base of later ones.
 *
 * A delta pays if it takes at most half of what the object would take whole. That size is not known
 * before the object's frame is full. But the base was compressed in the same way, and the sizes of
 * its frame show how well such bytes compress (I1; an estimate, like (I2): not checked). So mostly
 * nothing is compressed twice. In packs that were joined these sizes mislead: versions are side by
 * side there (gc_move.c) and take a tenth of what the new one will take in a pack without
 * them. So a delta that is too large by this estimate, but small enough for bytes that compress
 * like text, is compared with the object compressed by itself (I2). Such a delta saves more than
 * its own space: when packs are joined next, it shows that the object is a version, which is then
 * placed beside the others.
 *
 * An object that is small, or would save less than a few dozen bytes, is stored whole: the saving
 * is not worth decoding another object's frame at each read.
 *
 * Deltas of a large file stay deltas when packs are joined, and each is larger than the one before:
 * if every version changes c bytes, the k-th delta has c * k, and all of them c * k^2 / 2. Space is
 * best used if the base is replaced when they take as much as it does (I3; not checked). What a
 * version changes is estimated by how much larger its delta is than that of the version before.
 *
 * If a base cannot be read, the new version is stored whole. The damage is reported by the
 * operations that need the lost object.
 *
 * Memory: a scratch of the objects' pool, the zstd states (2 to 8 MiB), the delta, and an object
 * compressed.
 */
#include "base/check.h"
#include "base/mem.h"
#include "objects/objects.h"
#include "objects/objects_internal.h"

enum {
    CONTENT_SIZE_MIN = 256,
    SAVING_MIN = 64,
    GAIN = 2,
    TEXT_PART = 2, /* text compresses to this part of its size or less */
    GROWTH_MIN = 64,
    QUICK_LEVEL = 1
};

struct fi_objects_delta {
    struct fi_objects *objects;
    struct fi_pack_scratch *scratch; /* of the pool, while a delta is made */
    size_t size_before;              /* of the delta of the version before; 0: that is whole */
    struct fi_compress *compress;    /* NULL until it is needed */
    struct fi_buf bytes;
    struct fi_buf alone; /* the object, compressed by itself */
};

int
fi_objects_delta_create(struct fi_objects *objects, struct fi_objects_delta **out, firn_error *err)
{
    *out = fi_alloc_zeroed(sizeof **out);
    if (*out == NULL) {
        return fi_error_no_memory(err, "a save");
    }
    (*out)->objects = objects;
    return FIRN_OK;
}

void
fi_objects_delta_destroy(struct fi_objects_delta *delta)
{
    if (delta != NULL) {
        fi_compress_destroy(delta->compress);
        fi_buf_deinit(&delta->bytes);
        fi_buf_deinit(&delta->alone);
        fi_free(delta);
    }
}

static int
objects_delta_prepare(struct fi_objects_delta *delta, firn_error *err)
{
    int rc = delta->compress != NULL ? FIRN_OK : fi_compress_create(&delta->compress, err);
    return rc == FIRN_OK ? fi_pack_scratch_pool_take(&delta->objects->pool, &delta->scratch, err)
                         : rc;
}

/* Finds the whole object for a name: the object itself or, if it is a delta, its base. */
static int
find_base(struct fi_objects_delta *delta, const firn_hash *name, firn_hash *out_hash,
          struct fi_objects_place *out, firn_error *err)
{
    *out_hash = *name;
    delta->size_before = 0;
    DCHECK(delta->scratch != NULL);
    int rc = fi_objects_index_find(delta->objects, name, out, err);
    if (rc != FIRN_OK || out->at.kind != FI_PACK_DELTA) {
        return rc;
    }
    delta->size_before = out->at.size;
    struct fi_pack_delta other;
    rc = fi_objects_read_delta(delta->objects, delta->scratch, name, &other, err);
    if (rc == FIRN_OK) {
        *out_hash = other.base;
        rc = fi_objects_index_find(delta->objects, &other.base, out, err);
    }
    return rc;
}

/* The largest size at which a delta pays if the object takes `whole` bytes; 0: no delta pays. */
static size_t
size_max_for(uint64_t whole)
{
    uint64_t size_max = whole / GAIN;
    return whole - size_max >= SAVING_MIN ? (size_t)size_max : 0;
}

/* The same, estimated from how well the base was compressed (I1). */
static int
size_max_of(struct fi_objects_delta *delta, const struct fi_objects_place *base,
            size_t content_size, size_t *out, firn_error *err)
{
    struct firn_pack *file;
    *out = 0;
    FI_TRY_RETURN(fi_objects_pack_acquire(delta->objects, base->pack, &file, err));
    if (base->at.frame < fi_pack_walk_count(file)) {
        struct fi_pack_frame_size frame = fi_pack_frame_size_of(file, base->at.frame);
        *out = size_max_for(frame.raw > 0 ? (uint64_t)content_size * frame.stored / frame.raw : 0);
    }
    fi_objects_pack_release(delta->objects, base->pack);
    return FIRN_OK;
}

/* Whether the delta pays, compared with the object compressed by itself (I2). */
static int
compare_with_alone(struct fi_objects_delta *delta, firn_slice content, bool *out_pays,
                   firn_error *err)
{
    DCHECK(delta->compress != NULL && delta->bytes.size > 0);
    int rc = fi_compress_encode(delta->compress, FI_CODEC_ZSTD, QUICK_LEVEL, content, &delta->alone,
                                err);
    *out_pays = rc == FIRN_OK && delta->bytes.size <= size_max_for(delta->alone.size);
    return rc;
}

/* Whether the deltas of a large file so far take as much as its base (I3). */
static bool
outgrows_base(const struct fi_objects_delta *delta, size_t content_size, size_t size_max)
{
    const uint64_t size = delta->bytes.size;
    if (content_size <= FI_OBJECTS_VERSION_SIZE_MAX || size <= delta->size_before ||
        delta->size_before == 0) {
        return false;
    }
    const uint64_t growth = size - delta->size_before;
    return size * size / 2 / (growth > GROWTH_MIN ? growth : GROWTH_MIN) >=
           (uint64_t)size_max * GAIN;
}

static int
objects_delta_make(struct fi_objects_delta *delta, const struct fi_objects_object *object,
                   bool *out_made, firn_error *err)
{
    struct fi_objects_place place;
    struct fi_pack_delta_base base;
    enum fi_pack_kind kind;
    size_t size_max;
    size_t size_max_alone = size_max_for(object->content.size / TEXT_PART);
    int rc;
    *out_made = false;
    DCHECK(delta->scratch == NULL && object->base != NULL);
    FI_TRY(objects_delta_prepare(delta, err));
    FI_TRY(find_base(delta, object->base, &base.hash, &place, err));
    if (fi_pack_kind_is_named(place.at.kind)) {
        goto out;
    }
    FI_TRY(size_max_of(delta, &place, object->content.size, &size_max, err));
    FI_TRY(
        fi_objects_read_raw(delta->objects, delta->scratch, &base.hash, &kind, &base.content, err));
    if (base.content.size > 0) {
        FI_TRY(fi_pack_delta_encode(delta->compress, &base, object->kind, object->content,
                                    size_max > size_max_alone ? size_max : size_max_alone,
                                    &delta->bytes, out_made, err));
    }
    if (*out_made && delta->bytes.size > size_max) {
        FI_TRY(compare_with_alone(delta, object->content, out_made, err));
    }
    *out_made = *out_made && !outgrows_base(delta, object->content.size, size_max);
out:
    fi_pack_scratch_pool_give(&delta->objects->pool, delta->scratch);
    delta->scratch = NULL;
    return rc;
}

int
fi_objects_delta_make(struct fi_objects_delta *delta, const struct fi_objects_object *object,
                      firn_slice *out, firn_error *err)
{
    bool is_made = false;
    *out = firn_bytes(NULL, 0);
    if (object->content.size < CONTENT_SIZE_MIN ||
        (object->kind != FI_PACK_BLOB && object->kind != FI_PACK_TREE)) {
        return FIRN_OK;
    }
    firn_error found;
    int rc = objects_delta_make(delta, object, &is_made, &found);
    if (rc == FIRN_NO_MEMORY) {
        fi_error_copy(err, &found);
        return rc;
    }
    if (rc == FIRN_OK && is_made) {
        *out = fi_buf_slice(&delta->bytes);
    }
    return FIRN_OK;
}
