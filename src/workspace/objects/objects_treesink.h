/* SPDX-License-Identifier: Apache-2.0
 *
 * objects/objects_treesink.h: where the objects of a scan go, and a place for directories in memory.
 */
#ifndef FIRN_OBJECTS_OBJECTS_TREESINK_H
#define FIRN_OBJECTS_OBJECTS_TREESINK_H

#include "base/error.h"
#include "os/os.h"
#include "tree/tree.h"

struct firn_objects_object;

/* Where objects go. A lane is one thread's. */
struct firn_objects_sink {
    int (*lane_open)(void *ctx, void **out_lane, firn_error *err);
    /* Called for every lane at the end; flushes it when `keep`. */
    int (*lane_close)(void *ctx, void *lane, bool keep, firn_error *err);
    /* Whether add of this object would do nothing: saves work. Any thread. Needed by sinks that want
     * content. */
    int (*contains)(void *ctx, const firn_hash *hash, bool *out, firn_error *err);
    int (*add)(void *lane, const struct firn_objects_object *object, bool *out_is_new,
               firn_error *err);
    bool wants_content; /* false: file contents are hashed, add is called for directories only */
    void *ctx;
};

/* A sink that keeps directory objects in memory and nothing else, and a source that reads them
 * back, then from `fallback` (may be NULL). */
struct firn_objects_treesink;
FIRN_MUST_CHECK int firn_objects_treesink_create(struct firn_os *os,
                                                 struct firn_objects_treesink **out,
                                                 firn_error *err);
void firn_objects_treesink_destroy(struct firn_objects_treesink *sink);
struct firn_objects_sink firn_objects_treesink_sink(struct firn_objects_treesink *sink);
/* Keeps a directory object, as the sink would. Any thread. */
FIRN_MUST_CHECK int firn_objects_treesink_keep(struct firn_objects_treesink *sink,
                                               const firn_hash *hash, firn_slice object,
                                               firn_error *err);
/* ctx is the treesink; valid as long as it. */
struct firn_tree_source firn_objects_treesink_source(struct firn_objects_treesink *sink,
                                                     const struct firn_tree_source *fallback);

#endif
