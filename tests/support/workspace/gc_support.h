/* SPDX-License-Identifier: Apache-2.0
 *
 * support/workspace/gc_support.h: deleting and collecting in tests, and what a store holds to the last
 * object and file.
 */
#ifndef FIRN_TEST_GC_SUPPORT_H
#define FIRN_TEST_GC_SUPPORT_H

#include "catalog/catalog.h"
#include "ws_support.h"

/* Ends what was deleted, in all workspaces. */
int gc_try_end_deleted(struct ws_world *world);
int gc_try_delete(struct ws_world *world, const char *reference);
int gc_try(struct ws_world *world, bool full, firn_workspace_gc_result *out);

/* Compresses again what was compressed at a lower level. */
int gc_try_recompress(struct ws_world *world, int level, firn_workspace_gc_result *out);

/* Writes the store anew, too, with its newest master key. */
int gc_try_rekey(struct ws_world *world, firn_workspace_gc_result *out);

/* With limits so small that objects go into many packs, one after the other. */
int gc_try_in_pieces(struct ws_world *world, firn_workspace_gc_result *out);

/* Automatically, whether it is due or not, in slices of a frame or few. callbacks may be NULL. */
int gc_try_auto(struct ws_world *world, const firn_callbacks *callbacks,
                firn_workspace_gc_result *out);

/* Must succeed. */
void gc_delete(struct ws_world *world, const char *reference);
firn_workspace_gc_result gc_run(struct ws_world *world);
firn_workspace_gc_result gc_run_full(struct ws_world *world);
firn_workspace_gc_result gc_run_auto(struct ws_world *world);
firn_workspace_gc_result gc_dry_run(struct ws_world *world);
/* Automatically, as firn_workspace_gc does it. */
firn_workspace_gc_result gc_run_usual(struct ws_world *world, bool is_dry);
/* What the store notes of its garbage. */
struct fi_catalog_due gc_due(struct ws_world *world);
firn_workspace_gc_result gc_recompress(struct ws_world *world, int level);
/* The same, placing so many bytes by their names at a time. */
firn_workspace_gc_result gc_run_in_shares(struct ws_world *world, uint64_t share_bytes);

/* Another workspace at a path of its own (made if needed) in the same store of the same machine in
 * memory. Closed before world is. */
void gc_neighbour_open(struct ws_world *world, const char *path, struct ws_world *out);
/* The same with a store of its own. */
void gc_neighbour_open_store(struct ws_world *world, const char *path, const char *store_path,
                             struct ws_world *out);
void gc_neighbour_close(struct ws_world *neighbour);

/* Has the index lead to a place so many bytes further for the object with this content. */
void gc_mislead(struct ws_world *world, const char *content, int by);

/* Calls visit with each pack in use, in the order of their numbers. */
void gc_visit_packs(struct ws_world *world, void (*visit)(void *ctx, struct firn_pack *pack),
                    void *ctx);

struct gc_facts {
    uint64_t packs;   /* in use, by the list */
    uint64_t retired; /* by the list, with a file */
    uint64_t removed; /* by the list, without one */
    uint64_t objects; /* of packs in use, by the list */
    uint64_t entries; /* of the index */
    uint64_t stray;   /* entries that lead to no pack in use */
    uint64_t files;   /* in the folder of packs */
    uint32_t last;    /* largest number of a pack */
};
struct gc_facts gc_look(struct ws_world *world);
/* A collection came to its end, and left nothing over: what there is is what it said. */
struct gc_facts gc_assert_collected(struct ws_world *world, const firn_workspace_gc_result *result);
/* Collects in full, and then there is nothing but what is alive, and a second collection finds
 * nothing to do. */
void gc_assert_exact(struct ws_world *world);

#endif
