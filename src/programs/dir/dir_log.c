/* SPDX-License-Identifier: Apache-2.0
 *
 * dir/dir_log.c: firn log.
 *
 * Each checkpoint is compared with the one before it when its row is about to be printed, so the
 * first rows come at once, however long the history is. The contents that are read to count lines
 * are limited for each checkpoint: beyond that a row tells only how many files changed.
 *
 * --since and --until take what is a reference for all other commands: a time names the newest
 * checkpoint that was made until then, and what is newer than it was made later.
 */
#include "dir/dir.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "show/show.h"
#include "task/task.h"
#include "term/term.h"
#include "term/term_try.h"

enum {
    LINES_BYTES_MAX = 8 << 20, /* of contents, for one row */
    COLUMNS_MIN = 10,          /* of a title */
    COLUMNS_BEFORE = 34,       /* of a row, before the title */
    FLUSH_INTERVAL_MS = 20
};

struct log {
    struct fi_cli *cli;
    struct fi_dir_history history;
    struct fi_show_difference shown;
    struct fi_task_labels labels;
    bool has_paths;
    bool has_pattern;
    struct fi_past_pattern pattern;
    struct fi_past_search search;
    const char *agent;      /* NULL: any, or none */
    firn_workspace_git git; /* as the last row with one has it */
    bool has_since;
    bool has_until;
    int64_t since_ns; /* what was made later */
    int64_t until_ns; /* what was made then or earlier */
    uint64_t limit;
    uint64_t left; /* of the limit */
    uint64_t count;
    int64_t now_ns;
    int64_t flushed_ms;
    /* The checkpoint that is compared: */
    const firn_workspace_checkpoint *checkpoint;
    bool is_wanted;
    bool has_begun; /* its row was printed, or its object opened */
    struct fi_show_tally changes;
    /* Of a remote: */
    bool is_remote;
    char **lines; /* their names, on the heap */
    size_t line_count;
    size_t line_capacity;
    const char *line; /* the one that is walked */
};

static bool
is_listing(const struct log *log)
{
    return log->shown.form == FI_SHOW_DIFFERENCE_COUNTS;
}

/* ---- which checkpoints ---- */

/* Whether a line of the text matches. */
static bool
has_match(struct log *log, firn_slice text)
{
    struct fi_show_lines walk = {text, 0};
    firn_slice line;
    return fi_past_pattern_next(&log->pattern, &walk, &line);
}

static bool
is_wanted(struct log *log, const firn_workspace_checkpoint *checkpoint)
{
    const firn_workspace_turn *turn = &checkpoint->turn;
    return (!log->has_since || checkpoint->created_ns > log->since_ns) &&
           (!log->has_until || checkpoint->created_ns <= log->until_ns) &&
           (log->agent == NULL ||
            (turn->agent.size > 0 && fi_task_turn_contains(turn->agent, log->agent))) &&
           (!log->has_pattern || has_match(log, checkpoint->message) ||
            has_match(log, turn->prompt));
}

static int
on_checkpoint(void *ctx, const firn_workspace_checkpoint *checkpoint, bool *is_compared)
{
    struct log *log = ctx;
    log->checkpoint = checkpoint;
    log->is_wanted = is_wanted(log, checkpoint);
    log->has_begun = false;
    log->changes = (struct fi_show_tally){0};
    *is_compared = log->is_wanted || log->history.path != NULL;
    return log->pattern.is_out_of_memory ? FIRN_NO_MEMORY : FIRN_OK;
}

/* ---- rows ---- */

/* "origin/ada@laptop:project/12  kxsrpsvp", in place of the number and the id; the id is left out
 * with --quiet. Returns how much wider that is. */
static size_t
print_reference(const struct log *log, const firn_workspace_checkpoint *checkpoint)
{
    char reference[FI_SHOW_LINE_REFERENCE_SIZE];
    firn_slice shown = firn_str(fi_show_line_reference(log->line, checkpoint, reference));
    fi_term_colour(FI_TERM_YELLOW);
    fi_term_text_escape(shown, fi_term_out_write);
    if (!log->cli->quiet) {
        fi_term_out_format("  %.*s", FIRN_CHECKPOINT_ID_SHORT, checkpoint->id);
    }
    fi_term_colour(FI_TERM_PLAIN);
    return fi_term_width_of(shown);
}

static void
print_row(struct log *log, bool has_changes)
{
    const firn_workspace_checkpoint *checkpoint = log->checkpoint;
    char name[FI_SHOW_CHECKPOINT_NAME_SIZE] = "-";
    char ago[FI_TERM_TEXT_TIME_SIZE];
    char stats[FI_SHOW_TALLY_TEXT_SIZE] = "";
    if (log->cli->quiet && !log->is_remote) {
        fi_term_out_format("%s\n", fi_show_checkpoint_name(checkpoint, name));
        return;
    }
    if (!checkpoint->is_safety) {
        (void)fi_show_checkpoint_name(checkpoint, name);
    }
    size_t wider = 0;
    if (log->is_remote) {
        wider = print_reference(log, checkpoint);
        if (log->cli->quiet) {
            fi_term_out_text("\n");
            return;
        }
    }
    if (has_changes) {
        fi_show_tally_text(&log->changes, stats);
    }
    size_t columns = fi_term_out_columns();
    size_t others = COLUMNS_BEFORE + 3 + wider + fi_term_width_of(firn_str(stats));
    if (columns == 0) {
        columns = FI_SHOW_CHECKPOINT_MESSAGE_MAX;
    } else {
        columns = columns > others + COLUMNS_MIN ? columns - others : COLUMNS_MIN;
    }
    if (!log->is_remote) {
        fi_show_checkpoint_print_names(name, checkpoint->id);
    }
    fi_term_out_format("  %-14s", fi_term_text_ago(checkpoint->created_ns, log->now_ns, ago));
    if (checkpoint->message.size > 0 || checkpoint->turn.agent.size > 0) {
        fi_term_out_text("  ");
        fi_show_checkpoint_put_title(checkpoint, columns, fi_term_out_write);
        fi_term_out_text(has_changes ? " " : "");
    }
    fi_term_out_text(has_changes ? "  " : "");
    fi_show_tally_print(stats);
    if (fi_show_checkpoint_git_is_known(&checkpoint->git) &&
        (strcmp(log->git.branch, checkpoint->git.branch) != 0 ||
         strcmp(log->git.commit, checkpoint->git.commit) != 0)) {
        fi_term_out_text("  (");
        fi_term_colour(FI_TERM_CYAN);
        fi_show_checkpoint_git(&checkpoint->git);
        fi_term_colour(FI_TERM_PLAIN);
        fi_term_out_text(")");
        log->git = checkpoint->git;
    }
    fi_task_labels_print(&log->labels, checkpoint->id);
    fi_term_out_text("\n");
}

/* What comes before the differences: a row, or the beginning of an object. */
static void
dir_log_begin(struct log *log)
{
    assert(!log->has_begun);
    log->has_begun = true;
    fi_term_meter_clear();
    fi_term_json_object(NULL);
    fi_show_checkpoint_json("checkpoint", log->checkpoint);
    if (log->is_remote) {
        char reference[FI_SHOW_LINE_REFERENCE_SIZE];
        fi_term_json_bytes("line", firn_str(log->line));
        fi_term_json_bytes("reference",
                           firn_str(fi_show_line_reference(log->line, log->checkpoint, reference)));
    }
    if (!is_listing(log)) {
        fi_term_out_text(log->count > 0 ? "\n" : "");
        fi_term_json_array("changes");
    }
    if (log->shown.form == FI_SHOW_DIFFERENCE_NAMES ||
        log->shown.form == FI_SHOW_DIFFERENCE_PATHS ||
        log->shown.form == FI_SHOW_DIFFERENCE_PATCH) {
        print_row(log, false);
    }
}

static void
dir_log_finish(struct log *log, const firn_workspace_diff_result *result)
{
    log->changes.is_partial = log->changes.is_partial && is_listing(log);
    if (is_listing(log) || log->shown.form == FI_SHOW_DIFFERENCE_STAT) {
        print_row(log, true);
    }
    if (!is_listing(log)) {
        fi_show_difference_finish(&log->shown);
        fi_show_difference_deinit(&log->shown);
        fi_term_json_end();
    }
    fi_term_json_u64_if("previous", result->before != NULL ? result->before->number : 0,
                        result->before != NULL);
    fi_show_tally_json(&log->changes, result->renamed);
    fi_term_json_end();
}

/* ---- what changed ---- */

static int
on_difference(void *ctx, const firn_workspace_difference *difference)
{
    struct log *log = ctx;
    bool is_found = true;
    if (fi_past_search_is_on(&log->search)) {
        FI_TRY_RETURN(fi_past_search_has(&log->search, difference, &is_found));
    }
    if (!is_found || fi_show_difference_is_space(&log->shown, difference)) {
        return FIRN_OK;
    }
    if (!fi_show_tally_add(&log->changes, difference) || is_listing(log) || !log->is_wanted) {
        return FIRN_OK;
    }
    if (!log->has_begun) {
        dir_log_begin(log);
    }
    return fi_show_difference_visit(&log->shown, difference);
}

static int64_t
now_ms(void)
{
    struct timespec now = {0};
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* A reader of a long history gets what is there from time to time. */
static void
flush_rows(struct log *log)
{
    int64_t now = now_ms();
    if (now - log->flushed_ms >= FLUSH_INTERVAL_MS && !fi_term_out_fits()) {
        log->flushed_ms = now;
        fi_term_out_flush();
    }
}

static int
on_compared(void *ctx, const firn_workspace_diff_result *result)
{
    struct log *log = ctx;
    bool has_changed = log->changes.files + log->changes.directories > 0;
    bool is_limited = log->has_paths || fi_past_search_is_on(&log->search);
    if (!log->is_wanted || (is_limited && !has_changed)) {
        return FIRN_OK;
    }
    if (!log->has_begun) {
        dir_log_begin(log);
    }
    dir_log_finish(log, result);
    log->count++;
    log->left--;
    flush_rows(log);
    return log->left > 0 && fi_term_out_error() == 0 ? FIRN_OK : FIRN_CANCELLED;
}

/* ---- the command line ---- */

/* A time that is given to the minute means all of it; is_from: only its first second. */
static int
find_time(firn_workspace *workspace, const char *text, bool is_from,
          firn_workspace_checkpoint **out, firn_error *err)
{
    enum { TIME_SIZE = 64 };
    char first[TIME_SIZE]; /* with seconds after the clock's minutes */
    const char *colon = strchr(text, ':');
    int before = colon != NULL ? (int)(colon - text) + 3 : 0;
    bool is_minute = is_from && colon != NULL && strspn(colon + 1, "0123456789") == 2 &&
                     text[before] != ':' && strlen(text) + 3 < TIME_SIZE;
    if (is_minute) {
        (void)snprintf(first, sizeof(first), "%.*s:00%s", before, text, text + before);
    }
    return firn_workspace_find(workspace, is_minute ? first : text, out, err);
}

/* "origin/ada@laptop:project/yesterday", on the heap; NULL when memory is out. */
static char *
reference_in(const char *line, const char *text)
{
    size_t size = strlen(line) + 1 + strlen(text) + 1;
    char *reference = malloc(size);
    if (reference != NULL) {
        (void)snprintf(reference, size, "%s/%s", line, text);
    }
    return reference;
}

/* Reads --since or --until: when the checkpoint was made that the text names. *out_is_first: it is
 * a time before the first one. */
static int
read_time(struct log *log, const char *text, bool is_from, int64_t *out_ns, bool *out_is_first)
{
    firn_error err;
    firn_workspace_checkpoint *checkpoint = NULL;
    firn_workspace *workspace = log->history.workspace;
    char *reference = log->line != NULL ? reference_in(log->line, text) : strdup(text);
    if (reference == NULL) {
        return fi_command_report_no_memory(log->cli);
    }
    int code = find_time(workspace, reference, is_from, &checkpoint, &err);
    *out_is_first = code == FIRN_NOT_FOUND && fi_task_workspace_is_time(text);
    if (code == FIRN_OK) {
        *out_ns = checkpoint->created_ns;
    }
    free(reference);
    firn_release(checkpoint);
    return code == FIRN_OK || *out_is_first
               ? FI_EXIT_OK
               : fi_command_report_failure(log->cli, &err,
                                           fi_task_workspace_hint(workspace, text, code));
}

static int
read_times(struct log *log)
{
    const char *since = fi_command_value(log->cli, "since");
    const char *until = fi_command_value(log->cli, "until");
    bool is_first = false;
    int exit_code = FI_EXIT_OK;
    log->has_since = log->has_until = false;
    if (since != NULL) {
        exit_code = read_time(log, since, true, &log->since_ns, &is_first);
        log->has_since = !is_first;
    }
    if (until != NULL && exit_code == FI_EXIT_OK) {
        exit_code = read_time(log, until, false, &log->until_ns, &is_first);
        log->has_until = true;
        log->until_ns = is_first ? INT64_MIN : log->until_ns;
    }
    return exit_code;
}

/* ---- the whole ---- */

static int
dir_log_report(struct log *log, const char *before, const char *after, const firn_error *err)
{
    firn_workspace *workspace = log->history.workspace;
    if (log->shown.is_out_of_memory || log->pattern.is_out_of_memory ||
        log->search.pattern.is_out_of_memory) {
        return fi_command_report_no_memory(log->cli);
    }
    if (log->search.err.code != FIRN_OK) {
        return fi_command_report_failure(log->cli, &log->search.err, NULL);
    }
    const char *hint = before != NULL ? fi_task_workspace_hint(workspace, before, err->code) : NULL;
    if (hint == NULL && after != NULL) {
        hint = fi_task_workspace_hint(workspace, after, err->code);
    }
    return fi_command_report_failure(log->cli, err, hint);
}

/* Words of firn log are paths; those who know git mean checkpoints by some, and by a number how
 * many. */
static const char *
hint_of_path(const struct log *log)
{
    const char *word = log->cli->arguments[0];
    firn_workspace *workspace = log->history.workspace;
    if (word[strspn(word, "0123456789")] == '\0') {
        return "firn log -n N shows the N newest, firn show REF one checkpoint";
    }
    if (fi_task_workspace_habit(word) != NULL ||
        firn_workspace_find(workspace, word, NULL, NULL) == FIRN_OK) {
        return "firn log ..REF shows a checkpoint and those before it, firn log REF.. those after "
               "it";
    }
    return "firn show REF --files lists the files of a checkpoint";
}

/* Says that there is nothing to show. */
static int
report_nothing(struct log *log)
{
    const struct fi_dir_history *history = &log->history;
    bool is_all = !log->has_since && !log->has_until && !log->has_pattern && log->agent == NULL &&
                  history->options.before == NULL && history->options.after == NULL &&
                  !fi_past_search_is_on(&log->search);
    if (log->has_paths && is_all) {
        return fi_command_report_error(
            log->cli, FIRN_NOT_FOUND, hint_of_path(log), "no checkpoint contains %s",
            history->options.path_count == 1 ? "this path" : "any of these paths");
    }
    if (!log->cli->quiet) {
        fi_term_out_text(log->is_remote && log->line_count == 0
                             ? "no checkpoints; firn pull brings those that others have pushed\n"
                             : "no checkpoints\n");
    }
    if (!log->is_remote) {
        fi_task_workspace_report_unread(history->workspace);
    }
    return FI_EXIT_OK;
}

/* ---- of a remote ---- */

static int
add_line(void *ctx, const firn_workspace_line *line)
{
    struct log *log = ctx;
    char name[FI_SHOW_LINE_NAME_SIZE];
    FI_TRY_RETURN(fi_show_line_name(line, name));
    if (log->line_count == log->line_capacity) {
        size_t capacity = log->line_capacity == 0 ? 8 : 2 * log->line_capacity;
        char **lines = realloc(log->lines, capacity * sizeof(*lines));
        if (lines == NULL) {
            return FIRN_NO_MEMORY;
        }
        log->lines = lines;
        log->line_capacity = capacity;
    }
    log->lines[log->line_count] = strdup(name);
    return log->lines[log->line_count] == NULL ? FIRN_NO_MEMORY : (log->line_count++, FIRN_OK);
}

static int
pass_checkpoint(void *ctx, const firn_workspace_checkpoint *checkpoint)
{
    (void)ctx;
    (void)checkpoint;
    return FIRN_OK;
}

/* Finds the lines that a word names. */
static int
read_lines(struct log *log, const char *remote)
{
    firn_error err;
    firn_workspace_list_options options = FIRN_WORKSPACE_LIST_OPTIONS_INIT;
    options.remote = remote;
    options.limit = 0;
    options.on_line = add_line;
    log->is_remote = true;
    int code = firn_workspace_list(log->history.workspace, &options, pass_checkpoint, log, &err);
    bool is_none = code == FIRN_NOT_FOUND && strchr(remote, '/') == NULL;
    return code == FIRN_OK || is_none
               ? FI_EXIT_OK
               : fi_command_report_failure(log->cli, &err, fi_show_line_hint(code));
}

static void
drop_lines(struct log *log)
{
    for (size_t i = 0; i < log->line_count; i++) {
        free(log->lines[i]);
    }
    free(log->lines);
}

/* The file to follow, as it is called today. */
static int
set_path(struct fi_dir_history *history)
{
    const firn_slice *paths = history->options.paths;
    free(history->path);
    history->path = NULL;
    if (history->options.path_count == 1 && history->options.find_renames && paths[0].size > 0) {
        history->path = strndup((const char *)paths[0].data, paths[0].size);
        return history->path != NULL ? FIRN_OK : FIRN_NO_MEMORY;
    }
    return FIRN_OK;
}

/* ---- the walk ---- */

static bool
is_enough(const struct log *log)
{
    return log->left == 0 && fi_term_out_error() == 0;
}

/* Walks through one history. Returns an exit code. */
static int
walk_one(struct log *log)
{
    firn_error err = {.code = FIRN_NO_MEMORY};
    struct fi_dir_history *history = &log->history;
    FI_TRY_RETURN(read_times(log));
    log->left = log->limit;
    history->options.remote = log->line;
    int code = set_path(history);
    if (code == FIRN_OK && log->left > 0) {
        code = fi_dir_history_walk(history, &err);
    }
    fi_term_meter_clear();
    return code == FIRN_OK || is_enough(log)
               ? FI_EXIT_OK
               : dir_log_report(log, history->options.before, history->options.after, &err);
}

static int
walk_all(struct log *log)
{
    int exit_code = log->is_remote ? FI_EXIT_OK : walk_one(log);
    for (size_t i = 0; i < log->line_count && exit_code == FI_EXIT_OK; i++) {
        log->line = log->lines[i];
        exit_code = walk_one(log);
    }
    return exit_code;
}

static int
dir_log_show(struct log *log)
{
    firn_error err;
    log->flushed_ms = now_ms();
    fi_term_json_array("checkpoints");
    if (!log->cli->json && !log->cli->quiet &&
        fi_task_labels_read(&log->labels, log->history.workspace, &err) != FIRN_OK) {
        return dir_log_report(log, NULL, NULL, &err);
    }
    FI_TRY_RETURN(walk_all(log));
    fi_term_json_end();
    return log->count == 0 && log->limit > 0 ? report_nothing(log) : FI_EXIT_OK;
}

static int
run_in(struct log *log, const struct fi_task_workspace_paths *paths)
{
    struct fi_dir_history *history = &log->history;
    struct fi_task_notices notices;
    log->has_paths = paths->count > 0;
    history->options.paths = paths->slices;
    history->options.path_count = paths->count;
    history->options.include_safety = fi_command_has(log->cli, "all");
    fi_task_notices_init(&notices, log->cli);
    history->options.callbacks = fi_task_notices_callbacks(&notices);
    int exit_code = dir_log_show(log);
    if (exit_code == FI_EXIT_OK) {
        exit_code = fi_task_pending_report(log->cli, history->workspace, NULL);
    }
    fi_task_notices_deinit(&notices);
    free(history->path);
    return exit_code;
}

/* Opens the workspace, and reads the range and the paths. */
static int
open_and_run(struct log *log)
{
    struct fi_cli *cli = log->cli;
    struct fi_dir_history *history = &log->history;
    struct fi_task_workspace_paths paths = {NULL, 0};
    struct fi_task_workspace_range range = {0};
    if (cli->arguments_before_dashes > 0 &&
        !fi_task_workspace_range_init(cli->arguments[0], &range)) {
        return fi_command_report_no_memory(cli);
    }
    history->options.before = range.first;
    history->options.after = range.second;
    int exit_code;
    FI_TRY_OUT(exit_code, fi_task_workspace_open(cli, &history->workspace));
    log->search.workspace = history->workspace;
    if (cli->arguments_before_dashes > 0 && range.memory == NULL &&
        fi_task_remote_is_meant(history->workspace, cli->arguments[0])) {
        FI_TRY_OUT(exit_code, read_lines(log, cli->arguments[0]));
    }
    FI_TRY_OUT(exit_code,
               fi_task_workspace_paths_init(cli, history->workspace,
                                            range.memory != NULL || log->is_remote, &paths));
    exit_code = run_in(log, &paths);
out:
    drop_lines(log);
    fi_task_workspace_paths_deinit(&paths);
    firn_workspace_close(history->workspace);
    fi_task_workspace_range_deinit(&range);
    return exit_code;
}

static void
set_options(struct log *log, const firn_workspace_diff_options *asked)
{
    struct fi_dir_history *history = &log->history;
    history->options = (firn_workspace_log_options)FIRN_WORKSPACE_LOG_OPTIONS_INIT;
    history->options.on_checkpoint = on_checkpoint;
    history->options.on_difference = on_difference;
    history->options.with_lines = asked->with_lines || is_listing(log);
    history->options.lines_bytes_max =
        is_listing(log) && !fi_past_search_is_on(&log->search) ? LINES_BYTES_MAX : 0;
    history->options.find_renames = asked->find_renames;
    history->options.algorithm = asked->algorithm;
    history->options.ignore_space = asked->ignore_space;
    history->on_compared = on_compared;
    history->ctx = log;
}

static int
dir_log_run(struct fi_cli *cli)
{
    struct log log = {.cli = cli, .limit = UINT64_MAX};
    struct timespec now = {0};
    firn_workspace_diff_options asked = FIRN_WORKSPACE_DIFF_OPTIONS_INIT;
    const char *limit = fi_command_value(cli, "limit");
    const char *pattern = fi_command_value(cli, "grep");
    (void)clock_gettime(CLOCK_REALTIME, &now);
    log.now_ns = (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
    log.agent = fi_command_value(cli, "agent");
    if (limit != NULL && !fi_command_number(limit, UINT64_MAX, &log.limit)) {
        return fi_command_misused(cli, "--limit takes a whole number, not '%s'", limit);
    }
    int exit_code = fi_show_difference_init(&log.shown, cli, FI_SHOW_DIFFERENCE_COUNTS, &asked);
    if (exit_code == FI_EXIT_OK) {
        log.has_pattern = pattern != NULL;
        exit_code = pattern == NULL ? FI_EXIT_OK
                                    : fi_past_pattern_init(&log.pattern, cli, pattern, false,
                                                           fi_command_has(cli, "ignore-case"));
    }
    if (exit_code == FI_EXIT_OK) {
        exit_code = fi_past_search_init(&log.search, cli, fi_command_value(cli, "contains"),
                                        fi_command_value(cli, "matches"),
                                        fi_command_has(cli, "ignore-case"));
    }
    if (exit_code == FI_EXIT_OK) {
        set_options(&log, &asked);
        exit_code = open_and_run(&log);
    }
    fi_past_search_deinit(&log.search);
    fi_task_labels_deinit(&log.labels);
    fi_show_difference_deinit(&log.shown);
    fi_past_pattern_deinit(&log.pattern);
    return exit_code;
}

static const struct fi_command_option options[] = {
    {"limit", 'n', "N", "show only the N newest"},
    {"all", 'a', NULL, "include safety checkpoints, which restores take"},
    {"since", 0, "TIME", "show what was made after TIME, or after checkpoint REF"},
    {"until", 0, "TIME", "show what was made until TIME, or until checkpoint REF"},
    {"grep", 0, "PATTERN", "show those whose message or prompt matches"},
    {"contains", 'S', "TEXT", "show changes of how often TEXT occurs in a file"},
    {"matches", 'G', "PATTERN", "show changes of lines that match"},
    {"ignore-case", 'i', NULL, "--grep and -G ignore the case of letters"},
    {"agent", 0, "NAME", "show turns of agents whose name contains NAME"},
    FI_SHOW_DIFFERENCE_OPTIONS("also print one row for each change"),
    {NULL, 0, NULL, NULL},
};

static const struct fi_command_example examples[] = {
    {"firn log -n 5", "show what the five newest checkpoints changed"},
    {"firn log src/main.c -p", "show every change of a file, through renames"},
    {"firn log -S MAX_SIZE -- src", "show where MAX_SIZE came into src, or went"},
    {"firn log --since yesterday --agent claude", "show what Claude Code did since yesterday"},
    {"firn log 10..12 -- src", "show what changed in src after 10, up to 12"},
    {"firn log origin -n 3", "show what others have pushed to a remote, and was pulled"},
    {NULL, NULL},
};

const struct fi_command fi_dir_log = {
    .name = "log",
    .summary = "Show what each checkpoint changed, newest first",
    .arguments = "[REF..REF|REMOTE] [PATH...]",
    .options = options,
    .help = "Prints one row for each checkpoint: its number, the beginning of its id, how\n"
            "long ago it was made, its message, how many files differ from the checkpoint\n"
            "before it, how many lines were added and removed, and its tags in []. Of an\n"
            "agent's turn the agent and the prompt are shown in place of the message. On a\n"
            "terminal the message is cut to fit. Files of which only the time differs are not\n"
            "counted.\n"
            "\n"
            "PATHs limit the log to checkpoints that changed them, or anything below them. A\n"
            "single file is followed through renames that keep its content, unless\n"
            "--no-renames is given. A..B shows what came after A, up to and including B; A..\n"
            "and ..B leave one side open. TIME is a time as in REF (10m, yesterday,\n"
            "2026-11-20). PATTERN is a POSIX extended regular expression.\n"
            "\n"
            "-S shows the files, and the checkpoints, in which TEXT occurs more or less often\n"
            "than before, in binary files too; -G those in which a line that was added or\n"
            "removed matches. All of the contents that changed are read for that.\n"
            "\n"
            "With REMOTE, shows what pulls have brought from this remote, its lines one after\n"
            "the other; REMOTE/LINE shows one line. Rows begin with a reference, as in\n"
            "origin/ada@laptop:project/12. A path of the same name goes after --.\n"
            "\n"
            "In a git repository, the first row and each row where git's HEAD was elsewhere\n"
            "than in the row above say where, as in (main 1a2b3c4).\n"
            "\n"
            "--names, --stat and --patch show the changes as firn diff does. Otherwise up to\n"
            "8 MiB of contents are read for one checkpoint: where more differs, lines are not\n"
            "counted. Lines of binary files never are (see firn help diff). Each checkpoint\n"
            "is compared with the one before it that still exists, the first with nothing.\n"
            "firn list prints a plain list. Nothing is written.",
    .examples = examples,
    .uses = FI_COMMAND_USES_WORKSPACE | FI_COMMAND_USES_PAGER | FI_COMMAND_USES_COLOUR,
    .run = dir_log_run,
};
