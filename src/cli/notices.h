/* SPDX-License-Identifier: Apache-2.0
 *
 * cli/notices.h: what the library tells while it works: things left out, damage, progress.
 */
#ifndef FIRN_CLI_NOTICES_H
#define FIRN_CLI_NOTICES_H

#include "cli/command.h"

struct firn_notices {
    const struct firn_cli *cli;
    bool tells_special;  /* fifos and growing files are worth a line: this is a save */
    bool tells_restored; /* the summary names what a restore left alone, not what rules exclude */
    struct firn_notices_kept *kept; /* for --json, and the names that the summary shows */
    size_t kept_count;
    size_t kept_capacity;
    struct firn_notices_group *groups; /* left out for a reserved name, in the order of names */
    size_t group_count;
    uint64_t not_kept;   /* beyond the most that are kept */
    uint64_t excluded;   /* by rules */
    uint64_t known;      /* of them: the save before has named or counted them */
    uint64_t left_alone; /* by a restore, because of rules */
    uint64_t not_restored;
    uint64_t left_out; /* named, and not saved or not restored in full */
};

/* Starts the meter too. tells_special and tells_restored are false. */
void firn_notices_init(struct firn_notices *notices, const struct firn_cli *cli);
void firn_notices_deinit(struct firn_notices *notices);

/* Keeps one that has been told already, for the member "notices". */
void firn_notices_add(struct firn_notices *notices, const firn_notice *notice);

/* To be handed to the library; they live as long as `notices`. on_progress cancels once a signal
 * has come. */
firn_callbacks firn_notices_callbacks(struct firn_notices *notices);

/* "left out by rule: .git (12), node_modules and 3 more", if there was any and --quiet was not given; how
 * many were named by a save before, after that. */
void firn_notices_print_excluded(const struct firn_notices *notices);
/* "left alone by rule: build, x.log and 3 more", and how many more were not restored than were named. */
void firn_notices_print_left(const struct firn_notices *notices);
/* The member "notices", and "notices_not_shown" if some were not kept. */
void firn_notices_json(const struct firn_notices *notices);

/* FIRN_EXIT_OK, or what it means that something was left out: FIRN_EXIT_PARTIAL, with --strict
 * FIRN_EXIT_FAILED. */
int firn_notices_exit(const struct firn_notices *notices);

#endif
