/* SPDX-License-Identifier: Apache-2.0
 *
 * copy/copy_hot.h: which bytes of a store's directory are one state of the store, for copying
 * it while another process writes to it.
 */
#ifndef FIRN_COPY_COPY_HOT_H
#define FIRN_COPY_COPY_HOT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "os/os.h"
#include "storefile/storefile.h"

struct fi_copy_hot;

/* Whether a directory with entries of these two names may be a store. */
bool fi_copy_hot_is_identity(const char *name);
bool fi_copy_hot_is_log(const char *name);
/* Whether the first of these files in a directory begins like that of a store: then there is or was
 * a store, readable by this firn or not. False if it cannot be read; fails only with
 * FIRN_NO_MEMORY. */
FIRN_MUST_CHECK int fi_copy_hot_is_claimed(struct fi_os_dir *dir, bool *out, firn_error *err);
/* Whether an entry of a store's directory can belong to the store, by its name. */
bool fi_copy_hot_is_own(const char *name);

/* Captures the present state of the store, and keeps its files until the capture is closed; writers
 * can do everything else. Writes nothing. dir is used only during the call. FIRN_CORRUPT,
 * FIRN_NEWER, FIRN_NOT_FOUND and the other errors of opening a store; FIRN_BUSY if the store is
 * being repaired, or changed too much at each attempt. Needs no key of an encrypted store. */
FIRN_MUST_CHECK int fi_copy_hot_open(struct fi_os_dir *dir, struct fi_copy_hot **out,
                                     firn_error *err);
/* A fingerprint of the state: of everything except the files that are part of it as they are. */
uint64_t fi_copy_hot_print(const struct fi_copy_hot *capture);
/* The name of a missing file that is part of the state, borrowed from the capture, or NULL. The
 * store is then damaged, and so is a copy of it. NULL for an encrypted store, too: it is not known.
 */
const char *fi_copy_hot_missing(const struct fi_copy_hot *capture);
/* Lets the writer remove files again; afterwards only judge and close may be called. */
void fi_copy_hot_let_go(struct fi_copy_hot *capture);
/* NULL is fine. */
void fi_copy_hot_close(struct fi_copy_hot *capture);

enum fi_copy_hot_kind {
    FI_COPY_HOT_FOREIGN,  /* not the store's */
    FI_COPY_HOT_WHOLE,    /* part of the state, as it is */
    FI_COPY_HOT_CUT,      /* its first bytes are part of it */
    FI_COPY_HOT_LEFT_OUT, /* the writer's own: part of no state */
};
enum { FI_COPY_HOT_HEAD_SIZE = 128 };

struct fi_copy_hot_file {
    enum fi_copy_hot_kind kind;
    uint64_t size_bytes; /* CUT: how many; they are valid while the file begins with head */
    const uint8_t *head; /* of FI_COPY_HOT_HEAD_SIZE; borrowed from the capture */
};
/* Classifies an entry of the store's directory, or of a directory in it for which
 * fi_copy_hot_has_folder is true. Any thread. */
struct fi_copy_hot_file fi_copy_hot_assess(const struct fi_copy_hot *capture, const char *name);
struct fi_copy_hot_file fi_copy_hot_assess_in_folder(const char *name);
bool fi_copy_hot_has_folder(const char *name);

/* The file that writers lock (fi_storefile_lock_hold): whether it has this name, and removing it
 * from what is no longer a store. */
bool fi_copy_hot_is_lock(const char *name);
FIRN_MUST_CHECK int fi_copy_hot_remove_lock(struct fi_os_dir *dir, firn_error *err);

#endif
