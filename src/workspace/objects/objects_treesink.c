/* SPDX-License-Identifier: Apache-2.0
 *
 * objects/objects_treesink.c: a sink that keeps directory objects in memory, and a source that
 * reads them back.
 *
 * A comparison with a checkpoint scans the workspace without storing anything. It needs the present
 * directories, about 75 bytes an entry, and those of the checkpoint, which come from the store. So
 * objects of other kinds are accepted and discarded, and the source looks here first and then in
 * the fallback. A save keeps its new directories in the same way until they can be read from the
 * store.
 *
 * Objects are in an arena, found through a hash map by the first eight bytes of their names, which
 * are as good as random. One mutex (rank WORKSPACE_TREE) guards both; objects are copied while it
 * is held, since directories are few and small. Nothing is removed before the sink is destroyed.
 */
#include "base/arena.h"
#include "base/check.h"
#include "base/hash_map.h"
#include "base/mem.h"
#include "codec/hex.h"
#include "objects/objects.h"
#include "threads/os_thread.h"

enum { ARENA_CHUNK_SIZE = 256 << 10 };

struct object {
    firn_hash hash;
    firn_slice bytes; /* in the arena */
};

struct fi_objects_treesink {
    struct fi_os_mutex mutex;
    struct fi_hash_map objects;
    struct fi_arena arena;
    struct fi_tree_source fallback; /* read is NULL if there is none */
};

int
fi_objects_treesink_create(struct fi_os *os, struct fi_objects_treesink **out, firn_error *err)
{
    *out = NULL;
    struct fi_objects_treesink *sink = fi_alloc_zeroed(sizeof *sink);
    if (sink == NULL) {
        return fi_error_no_memory(err, "the directories of a workspace");
    }
    fi_os_mutex_init(os, &sink->mutex, FI_LOCK_WORKSPACE_TREE);
    fi_hash_map_init(&sink->objects, sizeof(struct object), fi_hash_map_first,
                     fi_hash_map_same_hash);
    sink->arena.chunk_size = ARENA_CHUNK_SIZE;
    *out = sink;
    return FIRN_OK;
}

void
fi_objects_treesink_destroy(struct fi_objects_treesink *sink)
{
    if (sink == NULL) {
        return;
    }
    fi_hash_map_deinit(&sink->objects);
    fi_arena_deinit(&sink->arena);
    fi_os_mutex_deinit(&sink->mutex);
    fi_free(sink);
}

/* ---- the sink ---- */

/* All lanes are the sink itself. */
static int
open_lane(void *ctx, void **out_lane, firn_error *err)
{
    (void)err;
    *out_lane = ctx;
    return FIRN_OK;
}

static int
close_lane(void *ctx, void *lane, bool keep, firn_error *err)
{
    (void)ctx;
    (void)lane;
    (void)keep;
    (void)err;
    return FIRN_OK;
}

static struct object *
find_locked(const struct fi_objects_treesink *sink, const firn_hash *hash)
{
    fi_os_mutex_assert_held(&sink->mutex);
    return fi_hash_map_find(&sink->objects, fi_hash_map_first(hash), hash);
}

static int
insert_locked(struct fi_objects_treesink *sink, const firn_hash *hash, firn_slice content,
              firn_error *err)
{
    fi_os_mutex_assert_held(&sink->mutex);
    DCHECK(find_locked(sink, hash) == NULL);
    uint8_t *copy = fi_arena_copy(&sink->arena, content.data, content.size);
    struct object object = {.hash = *hash, .bytes = firn_bytes(copy, content.size)};
    if (copy == NULL ||
        fi_hash_map_insert(&sink->objects, fi_hash_map_first(hash), &object) == NULL) {
        return fi_error_no_memory(err, "a directory object");
    }
    return FIRN_OK;
}

static int
objects_treesink_keep(struct fi_objects_treesink *sink, const firn_hash *hash, firn_slice content,
                      bool *out_is_new, firn_error *err)
{
    int rc = FIRN_OK;
    *out_is_new = false;
    fi_os_mutex_lock(&sink->mutex);
    if (find_locked(sink, hash) == NULL) {
        rc = insert_locked(sink, hash, content, err);
        *out_is_new = rc == FIRN_OK;
    }
    fi_os_mutex_unlock(&sink->mutex);
    return rc;
}

static int
objects_treesink_add(void *lane, const struct fi_objects_object *object, bool *out_is_new,
                     firn_error *err)
{
    *out_is_new = false;
    return object->kind == FI_PACK_TREE
               ? objects_treesink_keep(lane, &object->hash, object->content, out_is_new, err)
               : FIRN_OK;
}

int
fi_objects_treesink_hold(struct fi_objects_treesink *sink, const firn_hash *hash, firn_slice object,
                         firn_error *err)
{
    bool is_new;
    return objects_treesink_keep(sink, hash, object, &is_new, err);
}

struct fi_objects_sink
fi_objects_treesink_sink(struct fi_objects_treesink *sink)
{
    return (struct fi_objects_sink){
        .lane_open = open_lane,
        .lane_close = close_lane,
        .add = objects_treesink_add,
        .wants_content = false,
        .ctx = sink,
    };
}

/* ---- the source ---- */

static int
read_object(void *ctx, const firn_hash *hash, struct fi_buf *out, firn_error *err)
{
    struct fi_objects_treesink *sink = ctx;
    fi_os_mutex_lock(&sink->mutex);
    struct object *object = find_locked(sink, hash);
    firn_slice bytes = object != NULL ? object->bytes : firn_bytes(NULL, 0);
    fi_os_mutex_unlock(&sink->mutex);
    if (object != NULL) { /* its bytes do not move; the record may */
        fi_buf_clear(out);
        return fi_buf_append_slice(out, bytes) == FIRN_OK
                   ? FIRN_OK
                   : fi_error_no_memory(err, "a directory object");
    }
    if (sink->fallback.read != NULL) {
        return sink->fallback.read(sink->fallback.ctx, hash, out, err);
    }
    char hex[FIRN_HASH_HEX_SIZE];
    fi_hex_encode(hash->bytes, sizeof hash->bytes, hex);
    return fi_error_set(err, FIRN_NOT_FOUND, "directory object %s is not in memory", hex);
}

struct fi_tree_source
fi_objects_treesink_source(struct fi_objects_treesink *sink, const struct fi_tree_source *fallback)
{
    DCHECK(fallback == NULL || fallback->ctx != sink);
    sink->fallback = fallback != NULL ? *fallback : (struct fi_tree_source){0};
    return (struct fi_tree_source){
        .read = read_object, .ctx = sink, .budget = sink->fallback.budget};
}
