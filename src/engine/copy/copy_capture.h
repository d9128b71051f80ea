/* SPDX-License-Identifier: Apache-2.0
 *
 * copy/copy_capture.h: which bytes of a store's directory are one state of the store, for copying
 * it while another process writes it.
 */
#ifndef FIRN_COPY_COPY_CAPTURE_H
#define FIRN_COPY_COPY_CAPTURE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "os/os.h"

struct firn_copy_capture;

/* Whether a directory that holds entries of these two names may be a store. */
bool firn_copy_capture_is_identity(const char *name);
bool firn_copy_capture_is_log(const char *name);
/* Whether the first of them, in a directory, begins as that of a store does: then a store is here, or
 * was, that this firn can read or not. No where it cannot be read; only FIRN_NO_MEMORY fails. */
FIRN_MUST_CHECK int firn_copy_capture_is_claimed(struct firn_os_dir *dir, bool *out,
                                                 firn_error *err);
/* Whether an entry of a store's directory can be the store's, by its name. */
bool firn_copy_capture_is_own(const char *name);

/* The state in which the store is now, which keeps its files until it is closed; no writer is kept
 * from anything else. Nothing is written. dir is only used while this runs. FIRN_CORRUPT, FIRN_NEWER,
 * FIRN_NOT_FOUND and the other errors of opening a store; FIRN_BUSY if it is being repaired,
 * or changed too much each time it was looked at. */
FIRN_MUST_CHECK int firn_copy_capture_open(struct firn_os_dir *dir, struct firn_copy_capture **out,
                                           firn_error *err);
/* Tells states of a store apart: of everything but the files that are part of it as they lie there. */
uint64_t firn_copy_capture_print(const struct firn_copy_capture *capture);
/* The name of a file that is part of the state and is not there, borrowed from the capture, or NULL. The
 * store is damaged then, and so is a copy of it. */
const char *firn_copy_capture_missing(const struct firn_copy_capture *capture);
/* Lets the writer give up files again; only judging and closing are left. */
void firn_copy_capture_let_go(struct firn_copy_capture *capture);
/* NULL is fine. */
void firn_copy_capture_close(struct firn_copy_capture *capture);

enum firn_copy_capture_kind {
    FIRN_COPY_CAPTURE_FOREIGN,  /* none of the store's */
    FIRN_COPY_CAPTURE_WHOLE,    /* part of the state, as it lies there */
    FIRN_COPY_CAPTURE_CUT,      /* its first bytes are */
    FIRN_COPY_CAPTURE_LEFT_OUT, /* the writer's own: no part of any state */
};
enum { FIRN_COPY_CAPTURE_HEAD_SIZE = 128 };

struct firn_copy_capture_file {
    enum firn_copy_capture_kind kind;
    uint64_t size_bytes; /* CUT: so many; the file begins with head as long as they are there */
    const uint8_t *head; /* of FIRN_COPY_CAPTURE_HEAD_SIZE; borrowed from the capture */
};
/* What an entry of the store's directory is; or of a directory in it of which
 * firn_copy_capture_has_folder is true. Any thread. */
struct firn_copy_capture_file firn_copy_capture_judge(const struct firn_copy_capture *capture,
                                                      const char *name);
struct firn_copy_capture_file firn_copy_capture_judge_in_folder(const char *name);
bool firn_copy_capture_has_folder(const char *name);

/* Keeps writers out of the store in a directory until *out is closed. FIRN_BUSY, naming the holder, if
 * another process holds the lock for all of timeout_ms; a negative timeout waits for ever. *out is NULL
 * if there is no lock to take: if the directory may not be written, or, without may_create, if the
 * file does not exist. No file of the state changes. */
FIRN_MUST_CHECK int firn_copy_capture_keep_writers_out(struct firn_os_dir *dir, bool may_create,
                                                       int64_t timeout_ms,
                                                       struct firn_os_file **out, firn_error *err);
/* The file that is locked for that: its name, and its removal from what is a store no more. */
bool firn_copy_capture_is_lock(const char *name);
FIRN_MUST_CHECK int firn_copy_capture_remove_lock(struct firn_os_dir *dir, firn_error *err);

#endif
