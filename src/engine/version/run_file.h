/* SPDX-License-Identifier: Apache-2.0
 *
 * version/run_file.h: the run files that versions name, their attachments, and the value files that runs refer to: opened
 * when first read, closed when too many are open, freed when no version names them any more.
 *
 * Any thread.
 */
#ifndef FIRN_VERSION_RUN_FILE_H
#define FIRN_VERSION_RUN_FILE_H

#include <stdatomic.h>
#include <stdbool.h>

#include "base/epoch.h"
#include "block/run_kind.h"
#include "os/os.h"
#include "threads/os_thread.h"
#include "version/manifest.h"

/* A run that is open. Readers inside the epoch may use it as long as they stay inside; others
 * count themselves in refs. */
struct firn_lsm_handle {
    struct firn_epoch_node node;
    struct firn_run *run;
    struct firn_lsm_files *files;
    _Atomic size_t refs; /* one for the file that it hangs on, one for each pin */
};

struct firn_run_file {
    struct firn_manifest_run info; /* never changes; its level is where the run was made */
    uint64_t history_last; /* of a history run: the newest sequence that its groups speak of */
    const struct firn_run_kind *kind;
    struct firn_lsm_files *files;
    _Atomic size_t refs; /* versions that name it */
    _Atomic(struct firn_lsm_handle *) handle;
    _Atomic bool was_used;   /* since the clock's hand passed */
    _Atomic bool is_damaged; /* a compaction could not read it */
    /* Until it is opened for the first time: by which number blocks of it are in the cache; or 0. */
    _Atomic uint64_t cache_file;
    _Atomic uint64_t skipped_by; /* of a history run: see run_history.c */
    /* Guarded by lsm's mutex: of a history run, which group some view was found to read; of one in the
     * last level, the beginning of the line of now for which writing it again has no use. */
    size_t needed_by;
    uint64_t settled_for;

    /* Of a run: the value files that info.references names, each counted, and how its references
     * are followed to them. */
    struct firn_run_file **value_files;
    struct firn_run_values values;
    /* Of a run: what info.attachments names; each has the run's reference and no other. */
    struct firn_run_file **attachments;
    const struct firn_run_file
        *owner; /* of an attachment: its run, which outlives it in versions */
    /* Of a run that got attachments: what took its place, with a reference, so that the file they share stays. */
    struct firn_run_file *successor;
    /* Of a run that a compaction wrote, guarded by the mutex of lsm: one of those whose rows it has, with a reference. Its
     * graphs may become this run's (compaction_graph.c). NULL: none. */
    struct firn_run_file *forerunner;
    _Atomic uint64_t
        graphs_seen; /* of a run: what it was found to need no more; see compaction_graph.c */
    /* Of a value file, under the mutex of lsm: what runs of the newest version refer to. */
    uint64_t live_bytes;
    size_t live_runs;

    /* Guarded by the mutex of files: a ring of those that are open. */
    struct firn_run_file *ring_next;
    struct firn_run_file *ring_prev;

    /* Set before the last version lets go of it. */
    bool is_gone;          /* the newest version does not name it: the file may be removed. Of a
                              value file: no run that stays refers to it */
    uint64_t gone_version; /* since that version */
    struct firn_run_file *next_unused;
};

/* All files of an lsm: what they share. */
struct firn_lsm_files {
    struct firn_run_env env; /* dir is NULL where there is none */
    struct firn_epoch *epoch;
    size_t open_max;                        /* at least 1 */
    _Atomic size_t leaving;                 /* handles that were unhung and that readers may have */
    _Atomic(struct firn_run_file *) unused; /* no version names them */
    struct firn_os_mutex mutex;
    struct firn_run_file *hand; /* the clock's; NULL: none is open */
    size_t open_count;
};

void firn_run_file_init_all(struct firn_lsm_files *files, struct firn_os *os);
/* No file may be left. */
void firn_run_file_deinit_all(struct firn_lsm_files *files);

/* Closes runs beyond the number that may be open; the epoch is reclaimed for that. */
void firn_run_file_shrink(struct firn_lsm_files *files);

/* "<number>.<name of the kind>". */
void firn_run_file_name(uint64_t number, const struct firn_run_kind *kind,
                        char out[FIRN_RUN_FILE_NAME_SIZE]);

/* Copies info, and makes files of its attachments, whose kinds are known. The caller has the only
 * reference. NULL: memory is out. */
struct firn_run_file *firn_run_file_create(struct firn_lsm_files *files,
                                           const struct firn_run_kind *kind,
                                           const struct firn_manifest_run *info)
    __attribute__((warn_unused_result));
/* Of a run that was just built: its builder handed blocks over to the cache; 0: none. */
void firn_run_file_set_cache_file(struct firn_run_file *file, uint64_t cache_file);
/* A value file, durable or about to be, which the caller has the only reference to; counts as gone
 * until a run refers to it. NULL: memory is out. */
struct firn_run_file *firn_run_file_create_values(struct firn_lsm_files *files,
                                                  const struct firn_manifest_reference *reference)
    __attribute__((warn_unused_result));
/* The value file with that number among those that the run refers to; NULL: it does not. */
struct firn_run_file *firn_run_file_find_values(const struct firn_run_file *file, uint64_t number);
/* Sets the i-th of them, once, and counts that. */
void firn_run_file_set_values(struct firn_run_file *file, size_t i, struct firn_run_file *values);
/* Of a run that no version names yet: what is in its value files is known by now. */
void firn_run_file_settle_values(struct firn_run_file *file);
/* The same run with one more attachment, of a number larger than all others of it, to take its place in versions. It
 * refers to no value files. The caller has the only reference. NULL: memory is out. */
struct firn_run_file *firn_run_file_create_attached(const struct firn_run_file *file,
                                                    const struct firn_run_attachment *attachment)
    __attribute__((warn_unused_result));
/* Once, when `file` is in no newest version any more, and `successor` is: both are the same file. */
void firn_run_file_succeed(struct firn_run_file *file, struct firn_run_file *successor);
void firn_run_file_ref(struct firn_run_file *file);
/* With the last reference the file goes to files->unused. */
void firn_run_file_unref(struct firn_run_file *file);
/* Of one that is unused: closes it and releases the memory. */
void firn_run_file_destroy(struct firn_run_file *file);
/* Takes all that are unused, linked by next_unused. */
struct firn_run_file *firn_run_file_take_unused(struct firn_lsm_files *files);

/* The open run, to be used inside the epoch only. A run that is missing or damaged is FIRN_CORRUPT,
 * which names file and range of keys; a later call tries again. */
FIRN_MUST_CHECK int firn_run_file_open(struct firn_run_file *file, struct firn_run **out,
                                       firn_error *err);
/* The open run, if it is open; NULL: opening it would take I/O. Inside the epoch only. */
const struct firn_run *firn_run_file_peek(const struct firn_run_file *file);
/* As open, to be used until unpin. */
FIRN_MUST_CHECK int firn_run_file_pin(struct firn_run_file *file, struct firn_lsm_handle **out,
                                      firn_error *err);
/* NULL is fine. */
void firn_run_file_unpin(struct firn_lsm_handle *handle);

/* ==== the levels of a tree ==== */

/* Level 0 to 6, and after them history: versions that now does not read (version.h). */
enum {
    FIRN_VERSION_LEVELS = 7,
    FIRN_VERSION_HISTORY = FIRN_VERSION_LEVELS,
    FIRN_VERSION_LEVELS_ALL
};

#endif
