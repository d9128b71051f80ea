/* SPDX-License-Identifier: Apache-2.0
 *
 * mend/mend.h: a new MANIFEST for a damaged store.
 *
 * For repairs, in a directory that no other process uses. One thread. The files of runs are never
 * changed.
 */
#ifndef FIRN_MEND_MEND_H
#define FIRN_MEND_MEND_H

#include "lsm/lsm.h"

struct fi_mend_result {
    uint64_t runs;      /* in all */
    uint64_t runs_lost; /* of these: no longer named by MANIFEST */
};
/* Requires: no other process uses the directory. Reads every run that the MANIFEST names, reports
 * damage as fi_lsm_check does, and durably makes a MANIFEST without the damaged runs. The
 * versions in these are lost, and older versions that they hid may show again. The files stay.
 * options as for opening read-only. FIRN_CORRUPT, FIRN_NEWER or FIRN_NOT_FOUND if the MANIFEST
 * itself cannot be read. */
FIRN_MUST_CHECK int fi_mend(struct fi_os_dir *dir, const struct fi_lsm_options *options,
                            void (*on_damage)(void *ctx, const char *text), void *ctx,
                            struct fi_mend_result *out, firn_error *err);

/* What the MANIFEST in a directory says, and how the run files and value files compare to it. */
struct fi_mend_found {
    uint64_t version;
    struct fi_log_position log_end; /* segment 0: not known */
    uint64_t unnamed; /* finished files that it does not name: left by a crash, or, where it was cut
                         short, lost with what it said */
    uint64_t missing; /* files that it names and that are not there */
};
FIRN_MUST_CHECK int fi_mend_look(struct fi_os_dir *dir, struct fi_mend_found *out, firn_error *err);

/* ---- a new MANIFEST (mend_gather.c) ---- */

struct fi_mend_gather_options {
    struct fi_lsm_options lsm; /* kinds and cache */
    bool is_newest;            /* MANIFEST is whole: nothing else counts */
    uint64_t log_sequence;     /* of the oldest commit in the log; UINT64_MAX: none */
    void (*on_damage)(void *ctx, const char *text); /* never NULL */
    void *ctx;
};
struct fi_mend_gather_result {
    uint64_t runs_taken;   /* that MANIFEST did not name */
    uint64_t runs_lost;    /* missing, or left out because nothing says what they are */
    uint64_t doubts;       /* decisions that were reported because they may be wrong */
    uint64_t sequence;     /* the largest that anything names */
    struct fi_buf history; /* the store's, as MANIFEST has it; the caller deinits it */
};
/* Makes a MANIFEST in the directory `to`, which has none and shares the runs of `from`. Its sources
 * are the records of the MANIFEST in `from` that can still be read, and what the runs record about
 * themselves. Doubtful cases are reported, and decided so that nothing is lost that can be kept
 * without bringing back what was deleted. Afterwards fi_mend should verify what it names.
 * FIRN_NEWER if anything was made by a newer firn. */
FIRN_MUST_CHECK int fi_mend_gather(struct fi_os_dir *from, struct fi_os_dir *to,
                                   const struct fi_mend_gather_options *options,
                                   struct fi_mend_gather_result *out, firn_error *err);

#endif
