/* SPDX-License-Identifier: Apache-2.0
 *
 * place/place_locate.h: which workspace a path belongs to.
 */
#ifndef FIRN_PLACE_PLACE_LOCATE_H
#define FIRN_PLACE_PLACE_LOCATE_H

#include "base/error.h"
#include "os/os.h"

struct firn_place_locate_request {
    const char *path;       /* of the user's: a directory */
    const char *store_path; /* NULL: look for one */
    bool is_exact;          /* the path is the root, whatever lies around it */
};

/* All strings are owned. */
struct firn_place_located {
    char *root;         /* real path */
    char *sub_path;     /* from the root to what the path named; "" for the root itself */
    char *store_path;   /* may not be there yet */
    char *catalog_root; /* how the catalog calls the root */
    char *moved_from;   /* NULL, or where this same directory was when it was last saved */
    char *moved_store;  /* the store that knows it from there; may be store_path */
    char *
        unread_store; /* NULL, or one in the usual place that could not be read, if none is known */
    bool is_sure;     /* false: the store that was named could not be read */
};

FIRN_MUST_CHECK int firn_place_locate(struct firn_os *os,
                                      const struct firn_place_locate_request *request,
                                      struct firn_place_located *out, firn_error *err);
void firn_place_locate_deinit(struct firn_place_located *located);

#endif
