/* SPDX-License-Identifier: Apache-2.0
 *
 * store/db_capture.h: which bytes of a store's directory are one state of the store, for who copies it
 * while another process writes it.
 */
#ifndef FIRN_STORE_DB_CAPTURE_H
#define FIRN_STORE_DB_CAPTURE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "os/os.h"

struct firn_db_capture;

/* Whether a directory that holds entries of these two names may be a store. */
bool firn_db_capture_is_identity(const char *name);
bool firn_db_capture_is_log(const char *name);

/* The state in which the store is now, which keeps its files until it is closed; no writer is kept
 * from anything else. Nothing is written. dir is only used while this runs. FIRN_CORRUPT, FIRN_NEWER,
 * FIRN_NOT_FOUND and whatever else a store cannot be opened with; FIRN_BUSY where it is being repaired,
 * or changed too much each time it was looked at. */
FIRN_MUST_CHECK int firn_db_capture_open(struct firn_os_dir *dir, struct firn_db_capture **out,
                                         firn_error *err);
/* NULL is fine. */
void firn_db_capture_close(struct firn_db_capture *capture);

enum firn_db_capture_kind {
    FIRN_DB_CAPTURE_FOREIGN,  /* none of the store's */
    FIRN_DB_CAPTURE_WHOLE,    /* part of the state, as it lies there */
    FIRN_DB_CAPTURE_CUT,      /* its first bytes are */
    FIRN_DB_CAPTURE_LEFT_OUT, /* the writer's own: no part of any state */
};
enum { FIRN_DB_CAPTURE_HEAD_SIZE = 128 };

struct firn_db_capture_file {
    enum firn_db_capture_kind kind;
    uint64_t size_bytes; /* CUT: so many; the file begins with head as long as they are there */
    const uint8_t *head; /* of FIRN_DB_CAPTURE_HEAD_SIZE; borrowed from the capture */
};
/* What an entry of the store's directory is; or of a directory in it of which
 * firn_db_capture_has_folder is true. Any thread. */
struct firn_db_capture_file firn_db_capture_judge(const struct firn_db_capture *capture,
                                                  const char *name);
struct firn_db_capture_file firn_db_capture_judge_in_folder(const char *name);
bool firn_db_capture_has_folder(const char *name);

/* Keeps writers out of the store in a directory until *out is closed. FIRN_BUSY, naming the holder, if
 * there is one. Changes no file: *out is NULL where there is no lock that could be taken. */
FIRN_MUST_CHECK int firn_db_capture_keep_writers_out(struct firn_os_dir *dir,
                                                     struct firn_os_file **out, firn_error *err);

#endif
