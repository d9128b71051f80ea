/* SPDX-License-Identifier: Apache-2.0
 *
 * past/past.h: what is looked for in all checkpoints of a workspace.
 */
#ifndef FIRN_PAST_PAST_H
#define FIRN_PAST_PAST_H

#include <regex.h>
#include <stdbool.h>

#include "command/command.h"
#include "firn/firn.h"
#include "show/show.h"
#include "task/task.h"

extern const struct fi_command fi_past_find;
extern const struct fi_command fi_past_describe;

/* ---- names ---- */

enum { FI_PAST_GLOB_SIZE_MAX = 4096, FI_PAST_GLOBS_MAX = 64 };

/* Whether a path matches: "*" and "?" stand for bytes other than '/', "**" for any, [a-z] and
 * [!a-z] for one of some, and a backslash makes the byte after it an ordinary one. Takes at most as
 * many steps as the product of both sizes. */
bool fi_past_glob_matches(firn_slice pattern, firn_slice path, bool ignores_case);

/* ---- where names appeared, changed and went ---- */

/* A change of an entry whose name was asked for. All is borrowed until the callback returns. */
struct fi_past_event {
    const firn_workspace_checkpoint *checkpoint;
    const firn_workspace_checkpoint *before; /* NULL: it is the oldest */
    firn_workspace_change_kind kind;
    firn_slice path;
    firn_slice old_path; /* of a renamed file */
    firn_workspace_entry_type type;
    uint64_t size_bytes; /* of a removed file, as it was */
    firn_hash hash;
};

struct fi_past_events {
    firn_workspace *workspace;
    /* Patterns without a slash match names, the others paths from the root. Borrowed. */
    const firn_slice *patterns;
    size_t pattern_count;
    bool ignores_case;
    bool include_safety;
    firn_callbacks callbacks;
    int (*on_event)(void *ctx, const struct fi_past_event *event);
    void *ctx;
};
/* Calls on_event for each change, newest checkpoint first; times alone are none. Another result
 * than FIRN_OK ends the walk, and is returned. Returns a code of the library. */
int fi_past_events_walk(const struct fi_past_events *events, firn_error *err);

/* ---- texts ---- */

/* What a line is searched for. Zeroed, there is none. */
struct fi_past_pattern {
    const char *literal; /* searched for as it is; NULL: the regular expression is */
    bool has_regex;
    regex_t regex;
    char *line; /* a copy of the line that is searched */
    size_t capacity;
    bool is_out_of_memory; /* a search failed, and what it returned may be wrong */
};
/* `text`, which is borrowed, is a POSIX extended regular expression, or fixed. Returns an exit
 * code. */
int fi_past_pattern_init(struct fi_past_pattern *out, struct fi_cli *cli, const char *text,
                         bool is_fixed, bool ignores_case);
/* The same for one that is no part of a command line. FIRN_INVALID with a message, or
 * FIRN_NO_MEMORY. */
int fi_past_pattern_compile(struct fi_past_pattern *out, const char *text, bool is_fixed,
                            bool ignores_case, char *message, size_t message_size);
/* Whether an expression from elsewhere takes bounded time: it has at most 256 bytes, repetitions
 * {n} whose product is at most 100, and no back references. */
bool fi_past_pattern_is_modest(const char *text);
void fi_past_pattern_deinit(struct fi_past_pattern *pattern);
/* Whether it occurs in a line. */
bool fi_past_pattern_matches(struct fi_past_pattern *pattern, firn_slice line);
/* The next match from this byte on that is not empty. False if there is none. Requires:
 * fi_past_pattern_matches was called last with this line. */
bool fi_past_pattern_find(struct fi_past_pattern *pattern, firn_slice line, size_t from,
                          firn_slice *out);
/* The next line with a match, without its end; walk is after it then. Returns false if there is
 * none. */
bool fi_past_pattern_next(struct fi_past_pattern *pattern, struct fi_show_lines *walk,
                          firn_slice *out_line);

/* ---- hunks ---- */

/* What of a difference is to be restored. */
struct fi_past_hunks {
    struct fi_cli *cli;
    struct fi_show_patch patch;
    firn_slice *paths; /* of all that is; on the heap */
    size_t path_count;
    firn_workspace_content *contents; /* of those of which not all hunks are */
    size_t content_count;
    uint64_t seen; /* files that were asked for */
    uint64_t bytes;
    bool is_over; /* no more questions */
    bool is_out_of_memory;
};
/* Asks what to restore of a checkpoint, by lines of standard input. Returns an exit code; *out must
 * be deinited. */
int fi_past_hunks_choose(struct fi_past_hunks *out, struct fi_cli *cli, firn_workspace *workspace,
                         const char *reference, const struct fi_task_workspace_paths *paths);
void fi_past_hunks_deinit(struct fi_past_hunks *hunks);

enum { FI_PAST_SEARCH_TEXT_MAX = 4096 };
/* What the files of checkpoints are searched for. A zeroed one searches for nothing. */
struct fi_past_search {
    firn_workspace *workspace;
    const char *text; /* how often it occurs has to differ; NULL: not asked */
    bool has_pattern; /* a line that was added or removed has to match */
    struct fi_past_pattern pattern;
    firn_workspace_reader *reader; /* of files whose lines are not compared */
    uint8_t *window;
    size_t window_size;
    uint64_t found;
    firn_error err; /* of a failed search */
};
/* `text` and `expression` are borrowed; NULL: not asked. Returns an exit code. */
int fi_past_search_init(struct fi_past_search *out, struct fi_cli *cli, const char *text,
                        const char *expression, bool ignores_case);
void fi_past_search_deinit(struct fi_past_search *search);
bool fi_past_search_is_on(const struct fi_past_search *search);
/* Whether a difference is one that is searched for. Requires: it was compared with lines, without a
 * limit of their bytes. A code of the library; err has its text. */
int fi_past_search_has(struct fi_past_search *search, const firn_workspace_difference *difference,
                       bool *out);

#endif
