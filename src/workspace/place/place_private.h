/* SPDX-License-Identifier: Apache-2.0
 *
 * place/place_private.h: small files that firn keeps for its user outside of every tree and store.
 */
#ifndef FIRN_PLACE_PLACE_PRIVATE_H
#define FIRN_PLACE_PLACE_PRIVATE_H

#include "base/buf.h"
#include "base/error.h"
#include "os/os.h"

/* Names of the folders. A leading point keeps them apart from stores. */
#define FIRN_PLACE_PRIVATE_TRUSTED ".trusted"
#define FIRN_PLACE_PRIVATE_RESTORING ".restoring"

enum { FIRN_PLACE_PRIVATE_SIZE_MAX = 16384, FIRN_PLACE_PRIVATE_NAME_SIZE = 33 };

/* Opens one of the folders; with `create` makes it (0700). FIRN_NOT_FOUND where it is missing,
 * FIRN_INVALID where the environment names no place for it, FIRN_DENIED where others could have
 * written to it. */
FIRN_MUST_CHECK int firn_place_private_open(struct firn_os *os, const char *folder, bool create,
                                            struct firn_os_dir **out, firn_error *err);
/* Replaces the contents of out by those of a file. FIRN_NOT_FOUND; FIRN_LIMIT where it is larger
 * than FIRN_PLACE_PRIVATE_SIZE_MAX. */
FIRN_MUST_CHECK int firn_place_private_read(struct firn_os_dir *dir, const char *name,
                                            struct firn_buf *out, firn_error *err);
/* Durable when it returns FIRN_OK; after a crash the file is the old one or the new one. */
FIRN_MUST_CHECK int firn_place_private_write(struct firn_os_dir *dir, const char *name,
                                             firn_slice bytes, firn_error *err);
/* Durable too. That there is none is fine. */
FIRN_MUST_CHECK int firn_place_private_remove(struct firn_os_dir *dir, const char *name,
                                              firn_error *err);
/* The name of the file about `key`: FIRN_PLACE_PRIVATE_NAME_SIZE bytes with the NUL. */
void firn_place_private_name(firn_slice key, char *out);

#endif
