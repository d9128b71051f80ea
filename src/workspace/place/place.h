/* SPDX-License-Identifier: Apache-2.0
 *
 * place/place.h: where stores lie.
 */
#ifndef FIRN_PLACE_PLACE_H
#define FIRN_PLACE_PLACE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "os/os.h"

/* The name of a store inside of its workspace. */
#define FIRN_PLACE_INSIDE ".firn"

/* Opens a directory, making it and its parents (0700) where `create`. */
FIRN_MUST_CHECK int firn_place_open_dir(struct firn_os *os, const char *path, bool create,
                                        struct firn_os_dir **out, firn_error *err);

/* The folder of the stores of all workspaces that name none: allocated. FIRN_INVALID where the
 * environment names no place for it. */
FIRN_MUST_CHECK int firn_place_home(struct firn_os *os, char **out, firn_error *err);
/* The path of the store in there of a workspace: allocated. */
FIRN_MUST_CHECK int firn_place_default_store(struct firn_os *os, const char *real_root, char **out,
                                             firn_error *err);

/* What a path hashes to in the name of its store. */
uint64_t firn_place_digest(firn_slice real_path);
/* That number from the name of a store in the folder; false for other names. */
bool firn_place_digest_of_name(const char *name, uint64_t *out);

/* Calls visit with the path of every directory in the folder that is named like a store. A folder
 * that is not there holds none. Another return of visit than FIRN_OK ends the walk and is
 * returned. */
FIRN_MUST_CHECK int firn_place_list(struct firn_os *os,
                                    int (*visit)(void *ctx, const char *path, firn_error *err),
                                    void *ctx, firn_error *err);

/* Whether a directory has no name in it. */
FIRN_MUST_CHECK int firn_place_is_empty(struct firn_os_dir *dir, bool *out, firn_error *err);

/* Whether a directory is a store, or what is left of one: it holds the file FIRN or packs. What is
 * not there is none. What cannot be looked at is a failure, here and below: to take a store for
 * missing would begin a second history. */
FIRN_MUST_CHECK int firn_place_is_store(struct firn_os *os, const char *path, bool *out,
                                        firn_error *err);
/* Fails with what there is to say of packs without the file FIRN. */
FIRN_MUST_CHECK int firn_place_refuse_packs(const char *path, firn_error *err);
/* Whether a directory holds a store of its own (".firn"): a real directory that belongs to this
 * user, to root, or to whom the directory around it belongs; what somebody else put there is none.
 * One that this user may not look into counts. Whether it is to be used is another question
 * (place_trust.h). */
FIRN_MUST_CHECK int firn_place_holds_inside(struct firn_os_dir *dir, bool *out, firn_error *err);

#endif
