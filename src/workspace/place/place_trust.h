/* SPDX-License-Identifier: Apache-2.0
 *
 * place/place_trust.h: whether a store that lies in a tree was made there by this user.
 */
#ifndef FIRN_PLACE_PLACE_TRUST_H
#define FIRN_PLACE_PLACE_TRUST_H

#include "base/error.h"
#include "firn/workspace.h"
#include "os/os.h"
#include "storefile/storefile.h"

/* What was found in a directory. */
struct firn_place_trust_look {
    bool has_store;           /* there is a store called ".firn" in it, as far as can be seen */
    bool is_trusted;          /* this user made it there, or said so */
    struct firn_os_stat stat; /* of the store's directory */
    bool has_id;              /* false where the file FIRN cannot be read */
    uint8_t id[FIRN_STOREFILE_ID_SIZE];
};

/* Looks at one directory, by its real path. What is not there or cannot be looked at has no store. A
 * store counts that belongs to this user, to root, or to whom the directory belongs; what somebody
 * else put there is none. Changes nothing. */
FIRN_MUST_CHECK int firn_place_trust_look(struct firn_os *os, const char *real_root,
                                          struct firn_place_trust_look *out, firn_error *err);
/* Fails with FIRN_UNTRUSTED and what there is to say of that store. */
FIRN_MUST_CHECK int firn_place_trust_refuse(const char *real_root,
                                            const struct firn_place_trust_look *look,
                                            firn_error *err);

/* Enters the store in the directory; durable when it returns FIRN_OK. */
FIRN_MUST_CHECK int firn_place_trust_enter(struct firn_os *os, const char *real_root,
                                           firn_error *err);
/* A directory is about to take the place of the store's: it is entered if that one is. */
FIRN_MUST_CHECK int firn_place_trust_carry(struct firn_os *os, struct firn_os_dir *from,
                                           struct firn_os_dir *to, firn_error *err);

/* The public functions, include/firn/workspace.h. */
FIRN_MUST_CHECK int firn_place_trust_find(struct firn_os *os, const char *path,
                                          int (*visit)(void *ctx, const firn_trust_info *info),
                                          void *ctx, firn_error *err);
FIRN_MUST_CHECK int firn_place_trust_add(struct firn_os *os, const char *path, firn_error *err);
FIRN_MUST_CHECK int firn_place_trust_remove(struct firn_os *os, const char *path, firn_error *err);
FIRN_MUST_CHECK int firn_place_trust_list(struct firn_os *os,
                                          int (*visit)(void *ctx, const firn_trust_info *info),
                                          void *ctx, firn_error *err);

#endif
