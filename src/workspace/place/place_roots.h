/* SPDX-License-Identifier: Apache-2.0
 *
 * place/place_roots.h: the roots of workspaces that stores know.
 */
#ifndef FIRN_PLACE_PLACE_ROOTS_H
#define FIRN_PLACE_PLACE_ROOTS_H

#include "catalog/catalog.h"
#include "os/os.h"

/* How the root of a workspace is called in the catalog of a store inside of it. */
#define FIRN_PLACE_ROOTS_INSIDE "."

/* All strings are owned. */
struct firn_place_roots_root {
    char *store_path;
    char *root;         /* real path */
    char *catalog_root; /* as the catalog has it */
    struct firn_catalog_workspace workspace;
    uint64_t checkpoints; /* normal ones; 0 unless counted */
    int64_t newest_ns;    /* 0 unless counted */
};

struct firn_place_roots {
    struct firn_os *os;
    bool counts; /* also count checkpoints */
    struct firn_place_roots_root *items;
    size_t count;
    size_t capacity;
};

/* Reads the catalog of one store; FIRN_NOT_FOUND where there is none. Changes nothing. */
FIRN_MUST_CHECK int firn_place_roots_add_store(struct firn_place_roots *roots,
                                               const char *store_path, firn_error *err);
/* The same from a catalog that is open. */
FIRN_MUST_CHECK int firn_place_roots_add_catalog(struct firn_place_roots *roots,
                                                 struct firn_catalog *catalog,
                                                 const char *store_path, firn_error *err);
/* Of every store in the folder of stores. on_unreadable, which may be NULL, is told of those that
 * cannot be read, and goes on. */
FIRN_MUST_CHECK int firn_place_roots_add_all(struct firn_place_roots *roots,
                                             void (*on_unreadable)(void *ctx,
                                                                   const char *store_path,
                                                                   const firn_error *why),
                                             void *ctx, firn_error *err);
void firn_place_roots_deinit(struct firn_place_roots *roots);

/* NULL if there is none. */
const struct firn_place_roots_root *firn_place_roots_find(const struct firn_place_roots *roots,
                                                          const char *real_path);

/* The root of that directory, if it is not at its path any more; else NULL. */
FIRN_MUST_CHECK int firn_place_roots_find_moved(const struct firn_place_roots *roots,
                                                const struct firn_os_stat *stat,
                                                const struct firn_place_roots_root **out,
                                                firn_error *err);

/* The real path of the directory in which a path lies (its last component need not be there), if
 * that component is ".firn" and no link; NULL in *out otherwise. Allocated. */
FIRN_MUST_CHECK int firn_place_roots_inside_of(struct firn_os *os, const char *store_path,
                                               char **out, firn_error *err);

#endif
