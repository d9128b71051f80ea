/* SPDX-License-Identifier: Apache-2.0
 *
 * gitdir/gitdir_internal.h: what the files of the room share.
 */
#ifndef FIRN_GITDIR_GITDIR_INTERNAL_H
#define FIRN_GITDIR_GITDIR_INTERNAL_H

#include "gitdir/gitdir.h"
#include "os/os.h"

struct fi_gitdir {
    const struct fi_gitdir_request *request;
    struct fi_os_dir *parent;  /* of .git */
    struct fi_os_dir *stage;   /* the new directory */
    struct fi_os_dir *present; /* NULL: there is none */
    struct fi_buf *left;       /* what was left out */
    firn_hash sum;             /* of the present directory, when the locks were taken */
    struct fi_buf locks;       /* paths of those that are held, each with a NUL */
};

/* ---- gitdir_stage.c ---- */

/* Writes both parts of the checkpoint into the stage, which is empty. */
FIRN_MUST_CHECK int fi_gitdir_stage(struct fi_gitdir *gitdir, firn_error *err);

/* ---- gitdir_settle.c ---- */

/* Replaces or removes what makes git run something, or leads it elsewhere. */
FIRN_MUST_CHECK int fi_gitdir_settle(struct fi_gitdir *gitdir, firn_error *err);

/* ---- gitdir_join.c ---- */

/* Gives the stage all objects of the present repository that it lacks. May be called again. */
FIRN_MUST_CHECK int fi_gitdir_join(struct fi_gitdir *gitdir, firn_error *err);

/* ---- gitdir_locks.c ---- */

/* FIRN_BUSY, naming one, if there are locks in the present repository. FIRN_INVALID if the store is
 * in it. */
FIRN_MUST_CHECK int fi_gitdir_locks_check(struct fi_gitdir *gitdir, firn_error *err);
/* Takes the locks under which git changes index, HEAD and references. FIRN_BUSY: git was faster,
 * and none is held. */
FIRN_MUST_CHECK int fi_gitdir_locks_take(struct fi_gitdir *gitdir, firn_error *err);
/* Gives them back. */
void fi_gitdir_locks_release(struct fi_gitdir *gitdir);
/* A sum that changes when git changes anything in the present repository but locks and objects. */
FIRN_MUST_CHECK int fi_gitdir_locks_sum(struct fi_gitdir *gitdir, firn_hash *out, firn_error *err);

/* ---- gitdir_walk.c ---- */

typedef int fi_gitdir_walk_visit(void *ctx, const char *name, enum fi_os_kind kind,
                                 firn_error *err);

/* Lists a directory, and then calls visit for each entry, until that fails. */
FIRN_MUST_CHECK int fi_gitdir_walk_list(struct fi_os_dir *dir, fi_gitdir_walk_visit *visit,
                                        void *ctx, firn_error *err);

/* Directories that are still to be visited. Begins as {0}. */
struct fi_gitdir_walk {
    struct fi_buf waiting;
    struct fi_buf path; /* the last one that was taken */
};

/* Adds a directory, called name in that of a path ("" both: the one where the walk begins). */
FIRN_MUST_CHECK int fi_gitdir_walk_add(struct fi_gitdir_walk *walk, uint8_t mark, firn_slice path,
                                       const char *name, firn_error *err);
/* Takes the directory that was added last. *out_path is valid until the next call; NULL: there is
 * none. */
FIRN_MUST_CHECK int fi_gitdir_walk_next(struct fi_gitdir_walk *walk, uint8_t *out_mark,
                                        const char **out_path, firn_error *err);
void fi_gitdir_walk_deinit(struct fi_gitdir_walk *walk);

/* ---- gitdir_files.c ---- */

/* Replaces the contents of out by those of a regular file. FIRN_LIMIT if it is larger. */
FIRN_MUST_CHECK int fi_gitdir_files_read(struct fi_os_dir *dir, const char *name, size_t size_max,
                                         struct fi_buf *out, firn_error *err);
/* Makes a file anew. */
FIRN_MUST_CHECK int fi_gitdir_files_write(struct fi_os_dir *dir, const char *name, uint32_t mode,
                                          firn_slice content, firn_error *err);
/* Removes a file or link, if it is there. */
FIRN_MUST_CHECK int fi_gitdir_files_remove(struct fi_os_dir *dir, const char *name,
                                           firn_error *err);
/* Sets *out to a path and a name, with a NUL; out is another buffer than that of the path. */
FIRN_MUST_CHECK int fi_gitdir_files_path(firn_slice path, const char *name, struct fi_buf *out,
                                         firn_error *err);
/* Whether a directory has an entry of a name and kind. */
bool fi_gitdir_files_has(struct fi_os_dir *dir, const char *name, enum fi_os_kind kind);

#endif
