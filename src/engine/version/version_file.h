/* SPDX-License-Identifier: Apache-2.0
 *
 * version/version_file.h: the run files that versions name, their attachments, and the value files
 * that runs refer to: opened when first read, closed when too many are open, freed when no version
 * names them any more.
 *
 * Any thread.
 */
#ifndef FIRN_VERSION_VERSION_FILE_H
#define FIRN_VERSION_VERSION_FILE_H

#include <stdatomic.h>
#include <stdbool.h>

#include "base/epoch.h"
#include "block/block_descriptor.h"
#include "manifest/manifest.h"
#include "os/os.h"
#include "run/run_kind.h"
#include "threads/os_thread.h"

/* A run that is open. Readers inside the epoch may use it until they leave; other readers hold a
 * reference. */
struct fi_version_file_handle {
    struct fi_epoch_node node;
    _Atomic size_t refs; /* one for the file that it is attached to, one for each pin */
    uint8_t padding[64]; /* every cursor writes refs, and every read needs the following */
    struct fi_run *run;
    struct fi_run_files *files;
    uint8_t padding_behind[64]; /* no other object shares a cache line with the above */
};

struct fi_version_file {
    struct fi_manifest_run info; /* immutable; its level is the one that the run was made for */
    uint64_t history_last;       /* of a history run: the newest sequence in its groups */
    const struct fi_run_kind *kind;
    struct fi_run_files *files;
    _Atomic size_t refs; /* versions that name it */
    _Atomic(struct fi_version_file_handle *) handle;
    _Atomic bool was_used;   /* since the clock's hand passed */
    _Atomic bool is_damaged; /* a compaction, or a search of a graph, could not read it */
    /* Until the file is first opened: the number under which its blocks are in the cache; or 0. */
    _Atomic uint64_t cache_file;
    _Atomic uint64_t skipped_by; /* of a history run: see version_history.c */
    /* Guarded by the mutex of the trees. Of a history run: a group that some snapshot was found to
     * read. Of a run in the last level: the beginning of the line of now for which rewriting it is
     * useless. */
    size_t needed_by;
    uint64_t useless_for;

    /* Of a run: the value files that info.references names, with a reference to each, and how they
     * are found. */
    struct fi_version_file **value_files;
    struct fi_run_values values;
    /* Of a run: what info.attachments names; only the run has a reference to each. */
    struct fi_version_file **attachments;
    const struct fi_version_file
        *owner; /* of an attachment: its run, which outlives it in versions */
    /* Of a run that got attachments: its replacement, with a reference, so that the file they share
     * stays. */
    struct fi_version_file *successor;
    /* Of a run that a compaction wrote: one of its inputs, with a reference. The graphs of this run
     * may be made from those of the input (compaction_graph.c). Guarded by the mutex of the trees.
     * NULL: none. */
    struct fi_version_file *forerunner;
    /* of a run: what it was found to need no more; see compaction_graph.c */
    _Atomic uint64_t graphs_seen;
    /* Of a value file, under the mutex of the trees: the bytes that runs of the newest version
     * refer to. */
    uint64_t live_bytes;
    size_t live_runs;

    /* Guarded by the mutex of files: a ring of those that are open. */
    struct fi_version_file *ring_next;
    struct fi_version_file *ring_prev;

    /* Set before the last version that names it releases it. */
    bool is_gone;          /* the newest version does not name it: the file may be removed. Of a
                              value file: no run that stays refers to it */
    uint64_t gone_version; /* since that version */
    struct fi_version_file *next_unused;
};

/* What all files of a store's trees share. */
struct fi_run_files {
    struct fi_run_env env; /* dir is NULL where there is none */
    struct fi_epoch *epoch;
    struct fi_block_descriptors descriptors;  /* of those that are open */
    size_t open_max;                          /* at least 1 */
    _Atomic size_t leaving;                   /* detached handles that readers may still have */
    _Atomic(struct fi_version_file *) unused; /* no version names them */
    struct fi_os_mutex mutex;
    struct fi_version_file *hand; /* the clock's; NULL: none is open */
    size_t open_count;
};

void fi_version_file_init_all(struct fi_run_files *files, struct fi_os *os);
/* No file may be left. */
void fi_version_file_deinit_all(struct fi_run_files *files);

/* Closes runs in excess of the number that may be open, and reclaims the epoch for that. */
void fi_version_file_shrink(struct fi_run_files *files);

/* "<number>.<name of the kind>". */
void fi_version_file_name(uint64_t number, const struct fi_run_kind *kind,
                          char out[FI_VERSION_FILE_NAME_SIZE]);

/* Copies info, and makes files for its attachments. Requires: their kinds are known. The caller has
 * the only reference. NULL: memory is out. */
struct fi_version_file *fi_version_file_create(struct fi_run_files *files,
                                               const struct fi_run_kind *kind,
                                               const struct fi_manifest_run *info)
    __attribute__((warn_unused_result));
/* For a run that was just built: the number under which its builder put blocks into the cache; 0:
 * none. */
void fi_version_file_set_cache_file(struct fi_version_file *file, uint64_t cache_file);
/* A value file, durable or about to be. The caller has the only reference. It counts as gone until
 * a run refers to it. NULL: memory is out. */
struct fi_version_file *fi_version_file_create_values(struct fi_run_files *files,
                                                      const struct fi_manifest_reference *reference)
    __attribute__((warn_unused_result));
/* The value file with that number among those that the run refers to; NULL: there is none. */
struct fi_version_file *fi_version_file_find_values(const struct fi_version_file *file,
                                                    uint64_t number);
/* Sets the i-th value file, once, and takes a reference to it. */
void fi_version_file_set_values(struct fi_version_file *file, size_t i,
                                struct fi_version_file *values);
/* For a run that no version names yet, once the contents of its value files are known. */
void fi_version_file_set_value_totals(struct fi_version_file *file);
/* The same run with one more attachment, to replace it in versions. Requires: the attachment's
 * number is larger than those of the run's others, and the run refers to no value files. The caller
 * has the only reference. NULL: memory is out. */
struct fi_version_file *fi_version_file_create_attached(const struct fi_version_file *file,
                                                        const struct fi_run_attachment *attachment)
    __attribute__((warn_unused_result));
/* Once, when `successor` has replaced `file` in the newest version: both are the same file on
 * disk. */
void fi_version_file_succeed(struct fi_version_file *file, struct fi_version_file *successor);
void fi_version_file_ref(struct fi_version_file *file);
/* Releasing the last reference moves the file to files->unused. */
void fi_version_file_unref(struct fi_version_file *file);
/* Closes an unused file and frees its memory. */
void fi_version_file_destroy(struct fi_version_file *file);
/* Takes all unused files, linked by next_unused. */
struct fi_version_file *fi_version_file_take_unused(struct fi_run_files *files);

/* The open run, for use inside the epoch only. FIRN_CORRUPT if it is missing or damaged; the text
 * names the file and the range of keys. A later call tries again. */
FIRN_MUST_CHECK int fi_version_file_open(struct fi_version_file *file, struct fi_run **out,
                                         firn_error *err);
/* The run if it is open; NULL: opening it would need I/O. Inside the epoch only. */
const struct fi_run *fi_version_file_peek(const struct fi_version_file *file);
/* As open, for use until unpin. */
FIRN_MUST_CHECK int fi_version_file_pin(struct fi_version_file *file,
                                        struct fi_version_file_handle **out, firn_error *err);
/* NULL is fine. */
void fi_version_file_unpin(struct fi_version_file_handle *handle);

#endif
