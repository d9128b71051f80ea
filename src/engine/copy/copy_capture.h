/* SPDX-License-Identifier: Apache-2.0
 *
 * copy/copy_capture.h: which bytes of a store's directory are one state of the store, for copying
 * it while another process writes to it.
 */
#ifndef FIRN_COPY_COPY_CAPTURE_H
#define FIRN_COPY_COPY_CAPTURE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "os/os.h"
#include "storefile/storefile.h"

struct firn_copy_capture;

/* Whether a directory with entries of these two names may be a store. */
bool firn_copy_capture_is_identity(const char *name);
bool firn_copy_capture_is_log(const char *name);
/* Whether the first of these files in a directory begins like that of a store: then there is or was
 * a store, readable by this firn or not. False if it cannot be read; fails only with
 * FIRN_NO_MEMORY. */
FIRN_MUST_CHECK int firn_copy_capture_is_claimed(struct firn_os_dir *dir, bool *out,
                                                 firn_error *err);
/* Whether an entry of a store's directory can belong to the store, by its name. */
bool firn_copy_capture_is_own(const char *name);

/* Captures the present state of the store, and keeps its files until the capture is closed; writers
 * can do everything else. Writes nothing. dir is used only during the call. FIRN_CORRUPT,
 * FIRN_NEWER, FIRN_NOT_FOUND and the other errors of opening a store; FIRN_BUSY if the store is
 * being repaired, or changed too much at each attempt. */
FIRN_MUST_CHECK int firn_copy_capture_open(struct firn_os_dir *dir, struct firn_copy_capture **out,
                                           firn_error *err);
/* A fingerprint of the state: of everything except the files that are part of it as they are. */
uint64_t firn_copy_capture_print(const struct firn_copy_capture *capture);
/* The name of a missing file that is part of the state, borrowed from the capture, or NULL. The
 * store is then damaged, and so is a copy of it. */
const char *firn_copy_capture_missing(const struct firn_copy_capture *capture);
/* Lets the writer remove files again; afterwards only judge and close may be called. */
void firn_copy_capture_let_go(struct firn_copy_capture *capture);
/* NULL is fine. */
void firn_copy_capture_close(struct firn_copy_capture *capture);

enum firn_copy_capture_kind {
    FIRN_COPY_CAPTURE_FOREIGN,  /* not the store's */
    FIRN_COPY_CAPTURE_WHOLE,    /* part of the state, as it is */
    FIRN_COPY_CAPTURE_CUT,      /* its first bytes are part of it */
    FIRN_COPY_CAPTURE_LEFT_OUT, /* the writer's own: part of no state */
};
enum { FIRN_COPY_CAPTURE_HEAD_SIZE = 128 };

struct firn_copy_capture_file {
    enum firn_copy_capture_kind kind;
    uint64_t size_bytes; /* CUT: how many; they are valid while the file begins with head */
    const uint8_t *head; /* of FIRN_COPY_CAPTURE_HEAD_SIZE; borrowed from the capture */
};
/* Classifies an entry of the store's directory, or of a directory in it for which
 * firn_copy_capture_has_folder is true. Any thread. */
struct firn_copy_capture_file firn_copy_capture_judge(const struct firn_copy_capture *capture,
                                                      const char *name);
struct firn_copy_capture_file firn_copy_capture_judge_in_folder(const char *name);
bool firn_copy_capture_has_folder(const char *name);

/* Keeps writers out of the store in a directory until *out is released. FIRN_BUSY, which names the
 * holder, if another process has the lock for all of timeout_ms; negative: no limit. *out is NULL
 * if there is no lock to take: the directory may not be written to, or, without may_create, the
 * file does not exist. No file of the state changes. */
FIRN_MUST_CHECK int firn_copy_capture_keep_writers_out(struct firn_os_dir *dir, bool may_create,
                                                       int64_t timeout_ms,
                                                       struct firn_storefile_lock **out,
                                                       firn_error *err);
/* The file that is locked for that: whether it has this name, and removing it from what is no
 * longer a store. */
bool firn_copy_capture_is_lock(const char *name);
FIRN_MUST_CHECK int firn_copy_capture_remove_lock(struct firn_os_dir *dir, firn_error *err);

#endif
