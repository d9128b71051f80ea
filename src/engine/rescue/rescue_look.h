/* SPDX-License-Identifier: Apache-2.0
 *
 * rescue/rescue_look.h: what a rescue finds out before it builds anything; and the names that it has
 * to give.
 */
#ifndef FIRN_RESCUE_RESCUE_LOOK_H
#define FIRN_RESCUE_RESCUE_LOOK_H

#include "rescue/rescue.h"

struct firn_rescue_look {
    bool is_newest;        /* what is there of MANIFEST is all of it, for all that the log says */
    bool may_be_older;     /* something says that there was more, or it cannot be read */
    bool log_is_short;     /* MANIFEST knows that the log went further */
    uint64_t log_sequence; /* of the oldest commit in the log; UINT64_MAX: there is none */
    bool knows_history;    /* the log says which history MANIFEST had last: */
    uint64_t history_sequence; /* that with this last change; 0: none */
};
FIRN_MUST_CHECK int firn_rescue_look(struct firn_os_dir *from, struct firn_rescue_look *out,
                                     firn_error *err);

/* ---- rescue_names.c ---- */

/* Gives keyspaces of the store in `to`, which is sound, names where the list has lost theirs, by a
 * commit after `sequence` and all others; each is told. *out_named is how many. */
FIRN_MUST_CHECK int firn_rescue_names(struct firn_os_dir *to, uint64_t sequence,
                                      const struct firn_rescue_options *options,
                                      uint64_t *out_named, firn_error *err);

#endif
