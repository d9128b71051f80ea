/* SPDX-License-Identifier: Apache-2.0
 *
 * rescue/rescue_internal.h: what the files of the room share.
 */
#ifndef FIRN_RESCUE_RESCUE_INTERNAL_H
#define FIRN_RESCUE_RESCUE_INTERNAL_H

#include "base/arena.h"
#include "base/hash_map.h"
#include "lsm/lsm_handle.h"
#include "rescue/rescue.h"

/* ---- rescue_inspect.c: how the log and MANIFEST of a damaged store fit ---- */

/* What the MANIFEST in a directory says, and how the run files and value files compare to it. */
struct fi_rescue_inspect_files {
    uint64_t version;
    struct fi_log_position log_end; /* segment 0: not known */
    uint64_t unnamed; /* finished files that it does not name: left by a crash, or, where it was cut
                         short, lost with what it said */
    uint64_t missing; /* files that it names and that are not there */
};
FIRN_MUST_CHECK int fi_rescue_inspect_files(struct fi_os_dir *dir,
                                            struct fi_rescue_inspect_files *out, firn_error *err);

struct fi_rescue_inspect {
    bool is_newest;            /* MANIFEST is complete, as far as the log shows */
    bool may_be_older;         /* something shows that there was more, or it cannot be read */
    bool log_is_short;         /* by MANIFEST the log went further */
    uint64_t log_sequence;     /* of the oldest commit in the log; UINT64_MAX: no commit */
    bool knows_history;        /* the log names the history that MANIFEST had last: */
    uint64_t history_sequence; /* the one with this last change; 0: none */
};
FIRN_MUST_CHECK int fi_rescue_inspect(struct fi_os_dir *from, struct fi_rescue_inspect *out,
                                      firn_error *err);

/* ---- rescue_copy.c: the files of the damaged store in the new one ---- */

struct fi_rescue_copy {
    struct fi_os_dir *from;
    struct fi_os_dir *to;
    struct fi_rescue_options report; /* of files that cannot be read */
    struct fi_buf buffer;            /* while logs are copied */
};
/* Copies the segments of MANIFEST and of the log, as far as they can be read. */
FIRN_MUST_CHECK int fi_rescue_copy_logs(struct fi_rescue_copy *copy, firn_error *err);
/* Makes the directory of runs with a link to each file of the damaged store's. */
FIRN_MUST_CHECK int fi_rescue_copy_runs(const struct fi_rescue_copy *copy, firn_error *err);
/* Whether the damaged store has any. */
FIRN_MUST_CHECK int fi_rescue_copy_has_runs(struct fi_os_dir *from, bool *out, firn_error *err);

/* ---- rescue_log.c: the new log ---- */

/* The part of the log that is copied to the new one. */
enum fi_rescue_log_part { FI_RESCUE_LOG_ALL, FI_RESCUE_LOG_COMMITS, FI_RESCUE_LOG_NOTHING };

struct fi_rescue_log_job {
    struct fi_os_dir *from;
    struct fi_os_dir *to;
    struct fi_rescue_options report; /* of what is left out */
    enum fi_rescue_log_part part;
    bool is_short; /* by MANIFEST it went further */
};
/* Writes a new log with that part of the old one, up to the first bad place. *out_was_cut:
 * something was left out, and reported. */
FIRN_MUST_CHECK int fi_rescue_log(const struct fi_rescue_log_job *job, bool *out_was_cut,
                                  firn_error *err);

/* ---- rescue_names.c ---- */

/* Gives names to keyspaces of the store in `to`, which is sound, if the list has lost them, in a
 * commit after `sequence` and all others. Each name is reported, and so are keyspaces that are left
 * out; *out_lost is the number of both. */
FIRN_MUST_CHECK int fi_rescue_names_give(struct fi_os_dir *to, uint64_t sequence,
                                         const struct fi_rescue_options *options,
                                         uint64_t *out_lost, firn_error *err);

/* ---- rescue_manifest.c: a new MANIFEST ---- */

struct fi_rescue_manifest_options {
    struct fi_lsm_options lsm; /* kinds and cache; is_read_only */
    bool is_newest;            /* MANIFEST is whole: nothing else counts */
    uint64_t log_sequence;     /* of the oldest commit in the log; UINT64_MAX: none */
    void (*on_damage)(void *ctx, const char *text); /* never NULL */
    void *ctx;
};
struct fi_rescue_manifest_result {
    uint64_t runs_taken;   /* that MANIFEST did not name */
    uint64_t runs_lost;    /* missing, unreadable, or left out because nothing says what they are */
    uint64_t doubts;       /* decisions that were reported because they may be wrong */
    uint64_t sequence;     /* the largest that anything names */
    struct fi_buf history; /* the store's, as MANIFEST has it; the caller deinits it */
};
/* Makes a MANIFEST in the directory `to`, which has none, has links to the runs of `from`, and is
 * used by no other process; durable. Its sources are the records of the MANIFEST in `from` that can
 * still be read, and what the runs record about themselves. Doubtful cases are reported, and
 * decided so that nothing is lost that can be kept without bringing back what was deleted.
 *
 * Every run is read, damage is reported as fi_lsm_check does, and MANIFEST ends without the damaged
 * runs, or with what can be read of them, written again. The versions in lost runs are lost, and
 * older versions that they hid may show again. FIRN_NEWER if anything was made by a newer firn. */
FIRN_MUST_CHECK int fi_rescue_manifest(struct fi_os_dir *from, struct fi_os_dir *to,
                                       const struct fi_rescue_manifest_options *options,
                                       struct fi_rescue_manifest_result *out, firn_error *err);

/* A run that MANIFEST or another run names, or whose file is there. */
struct fi_rescue_run {
    uint64_t number; /* first: the key */
    bool is_present;
    const struct fi_run_kind *kind; /* if present: by its name */
    bool is_named;                  /* by what is left of MANIFEST */
    bool was_named;                 /* certainly, at some time */
    bool is_gone;                   /* certainly replaced, or never to be named */
    bool is_replaced;               /* by a compaction that was certainly named */
    bool is_taken;
    bool has_origin;
    bool is_damaged; /* its origin, or the whole run, cannot be read */
    uint32_t tree;
    struct fi_manifest_run *info; /* of named and taken runs; in the arena */
    struct fi_run_origin origin;  /* lists in the arena */
};

struct fi_rescue_tree {
    uint64_t id;  /* first: the key */
    uint8_t kind; /* as MANIFEST or one of its runs says; 0: not known so far */
    bool is_dropped;
    bool is_changed;       /* one of its runs was found damaged after MANIFEST had named it, */
    bool has_lost;         /* and is lost, or was written again */
    uint64_t flushed;      /* by MANIFEST */
    uint64_t known;        /* by runs that were made after these commits had been flushed */
    uint64_t flushed_last; /* by the last flush of which a run is there */
};

/* Everything that is known about the runs. */
struct fi_rescue_gather {
    const struct fi_rescue_manifest_options *options;
    struct fi_rescue_manifest_result *result;
    struct fi_os_dir *runs_dir;
    struct fi_run_env env;
    struct fi_arena arena;
    struct fi_hash_map runs;        /* of struct fi_rescue_run */
    struct fi_hash_map trees;       /* of struct fi_rescue_tree */
    struct fi_hash_map value_files; /* of struct fi_manifest_reference: named by MANIFEST */
    struct fi_buf numbers;          /* of the origin that is being read */
    /* MANIFEST. */
    uint64_t version;
    uint64_t next_number;
    uint64_t sequence;
    struct fi_buf history;
    bool has_gap; /* edits are missing since the last snapshot */
};

static inline struct fi_rescue_run *
fi_rescue_run_at(const struct fi_rescue_gather *gather, size_t i)
{
    return fi_hash_map_at(&gather->runs, i);
}

/* ---- rescue_find.c: what MANIFEST and the runs say ---- */

FIRN_MUST_CHECK int fi_rescue_find_all(struct fi_rescue_gather *gather,
                                       struct fi_os_dir *manifest_dir, firn_error *err);
/* NULL if there is none. Valid until the next one is added. */
struct fi_rescue_run *fi_rescue_find_run(const struct fi_rescue_gather *gather, uint64_t number);
struct fi_rescue_tree *fi_rescue_find_tree(const struct fi_rescue_gather *gather, uint32_t id);

/* ---- rescue_describe.c: a run's entry in MANIFEST ---- */

/* Makes it from the run itself; lists and bounds are in the arena. */
FIRN_MUST_CHECK int fi_rescue_describe(struct fi_rescue_gather *gather,
                                       const struct fi_rescue_run *found,
                                       struct fi_manifest_run *out, firn_error *err);
/* What the summary of a run says; bounds are copied to the arena. FIRN_NO_MEMORY. */
FIRN_MUST_CHECK int fi_rescue_describe_take(struct fi_manifest_run *info,
                                            const struct fi_run_summary *summary,
                                            struct fi_arena *arena, firn_error *err);
/* Makes it a history run, of which nothing is known but its sequences. FIRN_NO_MEMORY. */
FIRN_MUST_CHECK int fi_rescue_describe_as_history(struct fi_manifest_run *info,
                                                  struct fi_arena *arena, firn_error *err);

/* ---- rescue_assess.c ---- */

/* Marks the runs that are taken. */
FIRN_MUST_CHECK int fi_rescue_assess(struct fi_rescue_gather *gather, firn_error *err);
/* Reports and counts a run that is lost. */
void fi_rescue_assess_lost(struct fi_rescue_gather *gather, const char *text);

/* ---- rescue_runs.c ---- */

/* Reads every run that the MANIFEST in the directory names. One that is lost is no longer taken,
 * and the info of one that was written again, or loses its attachments, is brought in line. */
FIRN_MUST_CHECK int fi_rescue_runs(struct fi_rescue_gather *gather, struct fi_os_dir *dir,
                                   firn_error *err);

#endif
