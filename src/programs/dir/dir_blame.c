/* SPDX-License-Identifier: Apache-2.0
 *
 * dir/dir_blame.c: firn blame.
 *
 * The history of the file is walked from the asked checkpoint to older ones. For each line of the
 * version that is reached it is known which line of the asked version it is, unless that line has
 * its checkpoint already. A difference gives the lines that it added to its checkpoint, and moves
 * the others to where they were before. The walk ends when no line is left.
 *
 * Memory: the content of the asked version and three numbers for each line of a version. The
 * library compares no lines of larger files, so both are limited.
 */
#include "dir/dir.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "show/show.h"
#include "task/task.h"
#include "term/term.h"

enum { TITLE_COLUMNS = 24, TITLE_SIZE = 128, AGENT_SIZE = 257 };

/* A checkpoint that changed a line. */
struct author {
    char id[FIRN_CHECKPOINT_ID_SIZE];
    char name[FI_SHOW_CHECKPOINT_NAME_SIZE];
    char title[TITLE_SIZE];
    char agent[AGENT_SIZE];
    uint64_t number;
    bool is_safety;
    int64_t created_ns;
};

struct blame {
    struct fi_cli *cli;
    struct fi_dir_history history;
    firn_workspace_checkpoint *checkpoint; /* the asked one */
    firn_slice content;                    /* of the asked version, on the heap */
    firn_workspace_lines_kind kind;        /* why there is none, if it is not COUNTED */
    size_t path_size;                      /* of it; what is below it has a longer path */
    bool is_there;                         /* a file was found */
    uint32_t count;                        /* lines of it */
    uint64_t first;                        /* the asked lines, from 0 */
    uint64_t end;
    uint32_t *by; /* for each line: 1 + the index of its author; 0: not known */
    /* for each line of the version that is reached: 1 + the line of the asked one; 0: none */
    uint32_t *lines;
    uint32_t line_count;
    uint32_t left; /* lines without an author */
    struct author *authors;
    size_t author_count;
    size_t author_capacity;
    bool is_out_of_memory;
    const firn_workspace_checkpoint *compared;
};

/* ---- the asked version ---- */

static uint32_t
count_lines(firn_slice content)
{
    struct fi_show_lines walk = {content, 0};
    while (walk.left.size > 0) {
        (void)fi_show_lines_next(&walk);
    }
    return walk.line;
}

static int
take_content(void *ctx, const firn_workspace_difference *difference)
{
    struct blame *blame = ctx;
    const firn_workspace_entry *entry = difference->change.after;
    if (entry->type != FIRN_ENTRY_FILE || entry->path.size != blame->path_size) {
        return FIRN_OK;
    }
    blame->is_there = true;
    blame->kind = difference->lines;
    size_t size = difference->content_after.size;
    if (blame->kind == FIRN_LINES_COUNTED && size > 0) {
        uint8_t *copy = malloc(size);
        if (copy == NULL) {
            blame->is_out_of_memory = true;
            return FIRN_NO_MEMORY;
        }
        memcpy(copy, difference->content_after.data, size);
        blame->content = firn_bytes(copy, size);
    }
    return FIRN_OK;
}

static int
refuse_content(const struct blame *blame)
{
    const char *path = blame->cli->arguments[0];
    if (!blame->is_there) {
        return fi_command_report_error(blame->cli, FIRN_INVALID, NULL, "%s is not a file", path);
    }
    if (blame->kind == FIRN_LINES_BINARY) {
        return fi_command_report_error(blame->cli, FIRN_INVALID,
                                       "firn log PATH shows which checkpoints changed it",
                                       "%s is a binary file: it has no lines", path);
    }
    return fi_command_report_error(blame->cli, FIRN_LIMIT,
                                   "firn log PATH shows which checkpoints changed it",
                                   "%s has more than 32 MiB or 1,048,576 lines", path);
}

/* Reads the asked version of the file, and its lines as the ones that are reached first. */
static int
read_version(struct blame *blame, firn_slice path, const char *reference)
{
    firn_error err;
    firn_workspace *workspace = blame->history.workspace;
    firn_workspace_diff_options options = FIRN_WORKSPACE_DIFF_OPTIONS_INIT;
    firn_workspace_diff_result result = FIRN_WORKSPACE_DIFF_RESULT_INIT;
    options.after = reference;
    options.against_nothing = true;
    options.with_lines = true;
    options.paths = &path;
    options.path_count = 1;
    blame->path_size = path.size;
    options.callbacks = blame->history.options.callbacks;
    int code = firn_workspace_diff(workspace, &options, take_content, blame, &result, &err);
    blame->checkpoint = result.after;
    if (blame->is_out_of_memory) {
        return fi_command_report_no_memory(blame->cli);
    }
    if (code != FIRN_OK) {
        const char *hint = fi_task_workspace_hint(workspace, reference, code);
        return fi_command_report_failure(blame->cli, &err,
                                         fi_task_workspace_hint_paths(hint, 1, code));
    }
    if (!blame->is_there || (blame->kind != FIRN_LINES_COUNTED && blame->kind != FIRN_LINES_NONE)) {
        return refuse_content(blame);
    }
    blame->count = count_lines(blame->content);
    return FI_EXIT_OK;
}

static int
begin_lines(struct blame *blame)
{
    blame->by = calloc((size_t)blame->count + 1, sizeof(*blame->by));
    blame->lines = calloc((size_t)blame->count + 1, sizeof(*blame->lines));
    if (blame->by == NULL || blame->lines == NULL) {
        return fi_command_report_no_memory(blame->cli);
    }
    blame->line_count = blame->count;
    blame->end = blame->end < blame->count ? blame->end : blame->count;
    for (uint64_t i = blame->first; i < blame->end; i++) {
        blame->lines[i] = (uint32_t)i + 1;
        blame->left++;
    }
    return FI_EXIT_OK;
}

/* ---- older versions ---- */

static char title[TITLE_SIZE];
static size_t title_size;

static void
put_title(const void *data, size_t size)
{
    size_t room = sizeof(title) - 1 - title_size;
    size = size < room ? size : room;
    memcpy(title + title_size, data, size);
    title_size += size;
    title[title_size] = '\0';
}

/* The checkpoint that is compared as an author, whose index + 1 is returned; 0 if memory is out. */
static uint32_t
add_author(struct blame *blame)
{
    const firn_workspace_checkpoint *checkpoint = blame->compared;
    if (blame->author_count > 0 &&
        strcmp(blame->authors[blame->author_count - 1].id, checkpoint->id) == 0) {
        return (uint32_t)blame->author_count;
    }
    if (blame->author_count == blame->author_capacity) {
        size_t capacity = blame->author_capacity == 0 ? 16 : 2 * blame->author_capacity;
        struct author *grown = realloc(blame->authors, capacity * sizeof(*grown));
        if (grown == NULL) {
            blame->is_out_of_memory = true;
            return 0;
        }
        blame->authors = grown;
        blame->author_capacity = capacity;
    }
    struct author *author = &blame->authors[blame->author_count++];
    memset(author, 0, sizeof(*author));
    memcpy(author->id, checkpoint->id, sizeof(author->id));
    (void)fi_show_checkpoint_name(checkpoint, author->name);
    author->number = checkpoint->number;
    author->is_safety = checkpoint->is_safety;
    author->created_ns = checkpoint->created_ns;
    size_t size = checkpoint->turn.agent.size;
    if (size > 0 && size < sizeof(author->agent)) {
        memcpy(author->agent, checkpoint->turn.agent.data, size);
    }
    title_size = 0;
    title[0] = '\0';
    fi_show_checkpoint_put_title(checkpoint, TITLE_COLUMNS, put_title);
    memcpy(author->title, title, title_size + 1);
    return (uint32_t)blame->author_count;
}

/* Gives a line of the version that is reached to the checkpoint. Returns false if memory is out. */
static bool
dir_blame_give(struct blame *blame, uint32_t at)
{
    uint32_t line = blame->lines[at];
    if (line == 0) {
        return true;
    }
    uint32_t author = add_author(blame);
    assert(blame->by[line - 1] == 0 && blame->left > 0);
    blame->by[line - 1] = author;
    blame->left -= author != 0;
    return author != 0;
}

static bool
give_all(struct blame *blame)
{
    for (uint32_t i = 0; i < blame->line_count; i++) {
        if (!dir_blame_give(blame, i)) {
            return false;
        }
    }
    blame->line_count = 0;
    return true;
}

/* Gives the checkpoint what it added, and goes to the version before. */
static bool
go_back(struct blame *blame, const firn_workspace_difference *difference)
{
    uint32_t before_count = count_lines(difference->content_before);
    uint32_t *before = calloc((size_t)before_count + 1, sizeof(*before));
    uint32_t at = 0;
    uint32_t before_at = 0;
    bool is_done = before != NULL;
    blame->is_out_of_memory = before == NULL;
    for (size_t i = 0; is_done && i <= difference->hunk_count; i++) {
        const firn_hunk end = {before_count, 0, blame->line_count, 0};
        const firn_hunk *hunk = i < difference->hunk_count ? &difference->hunks[i] : &end;
        while (at < hunk->after_at && at < blame->line_count && before_at < before_count) {
            before[before_at++] = blame->lines[at++];
        }
        for (uint32_t j = 0; is_done && j < hunk->after_count && at < blame->line_count; j++) {
            is_done = dir_blame_give(blame, at++);
        }
        before_at += hunk->before_count;
    }
    free(blame->lines);
    blame->lines = before;
    blame->line_count = before_count;
    return is_done;
}

static int
on_checkpoint(void *ctx, const firn_workspace_checkpoint *checkpoint, bool *is_compared)
{
    struct blame *blame = ctx;
    blame->compared = checkpoint;
    *is_compared = !checkpoint->is_safety || strcmp(checkpoint->id, blame->checkpoint->id) == 0;
    return FIRN_OK;
}

static int
on_difference(void *ctx, const firn_workspace_difference *difference)
{
    struct blame *blame = ctx;
    const firn_workspace_change *change = &difference->change;
    bool is_of_file = change->after != NULL && change->after->type == FIRN_ENTRY_FILE;
    if (!is_of_file || change->kind == FIRN_CHANGE_RENAMED ||
        change->kind == FIRN_CHANGE_METADATA) {
        return FIRN_OK;
    }
    bool is_version = change->before != NULL && change->before->type == FIRN_ENTRY_FILE &&
                      difference->lines == FIRN_LINES_COUNTED;
    bool is_done = is_version ? go_back(blame, difference) : give_all(blame);
    return is_done && blame->left > 0 ? FIRN_OK : FIRN_CANCELLED;
}

static int
on_compared(void *ctx, const firn_workspace_diff_result *result)
{
    (void)ctx;
    (void)result;
    return FIRN_OK;
}

/* ---- the result ---- */

static void
print_text(firn_slice text, bool is_terminal)
{
    if (is_terminal) {
        fi_show_words_write_text(text);
    } else {
        fi_term_out_write(text.data, text.size);
    }
    fi_term_out_text("\n");
}

static void
show_line(const struct blame *blame, uint32_t line, firn_slice text, int64_t now_ns,
          bool is_terminal)
{
    char ago[FI_TERM_TEXT_TIME_SIZE];
    char digits[FI_TERM_TEXT_NUMBER_SIZE];
    const struct author *author = blame->by[line] > 0 ? &blame->authors[blame->by[line] - 1] : NULL;
    text.size -= text.size > 0 && text.data[text.size - 1] == '\n';
    fi_term_json_object(NULL);
    fi_term_json_u64("line", (uint64_t)line + 1);
    fi_term_json_string_if("id", author != NULL ? author->id : "", author != NULL);
    fi_term_json_bytes("text", text);
    fi_term_json_end();
    if (author == NULL) {
        return;
    }
    size_t width = fi_term_width_of(firn_str(author->title));
    int columns = snprintf(digits, sizeof(digits), "%llu", (unsigned long long)blame->end);
    fi_show_checkpoint_print_names(author->is_safety ? "-" : author->name, author->id);
    fi_term_out_format("  %-14s  %s%*s  %*lu) ", fi_term_text_ago(author->created_ns, now_ns, ago),
                       author->title,
                       (int)(TITLE_COLUMNS - (width < TITLE_COLUMNS ? width : TITLE_COLUMNS)), "",
                       columns, (unsigned long)line + 1);
    print_text(text, is_terminal);
}

static void
show_lines(const struct blame *blame)
{
    struct fi_show_patch patch;
    struct timespec now = {0};
    struct fi_show_lines walk = {blame->content, 0};
    fi_show_patch_init(&patch);
    (void)clock_gettime(CLOCK_REALTIME, &now);
    int64_t now_ns = (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
    fi_show_checkpoint_json("checkpoint", blame->checkpoint);
    fi_term_json_bytes("path", firn_str(blame->cli->arguments[0]));
    fi_term_json_array("checkpoints");
    for (size_t i = 0; i < blame->author_count; i++) {
        const struct author *author = &blame->authors[i];
        fi_term_json_object(NULL);
        fi_term_json_u64_if("number", author->number, !author->is_safety);
        fi_term_json_string("id", author->id);
        fi_term_json_time("created", author->created_ns);
        if (author->agent[0] != '\0') {
            fi_term_json_bytes("agent", firn_str(author->agent));
        }
        fi_term_json_end();
    }
    fi_term_json_end();
    fi_term_json_array("lines");
    while (walk.left.size > 0 && walk.line < blame->end && fi_term_out_error() == 0) {
        uint32_t line = walk.line;
        firn_slice text = fi_show_lines_next(&walk);
        if (line >= blame->first) {
            show_line(blame, line, text, now_ns, patch.is_terminal);
        }
    }
    fi_term_json_end();
}

static int
blame_file(struct blame *blame, firn_slice path)
{
    firn_error err;
    struct fi_dir_history *history = &blame->history;
    const char *reference = blame->cli->argument_count > 1 ? blame->cli->arguments[1] : "latest";
    int exit_code = read_version(blame, path, reference);
    if (exit_code == FI_EXIT_OK) {
        exit_code = begin_lines(blame);
    }
    if (exit_code != FI_EXIT_OK) {
        return exit_code;
    }
    if (blame->first > blame->count || (blame->first == blame->count && blame->first > 0)) {
        return fi_command_misused(blame->cli, "the file has only %lu %s",
                                  (unsigned long)blame->count,
                                  fi_term_text_plural(blame->count, "line", "lines"));
    }
    history->path = strndup((const char *)path.data, path.size);
    if (history->path == NULL) {
        return fi_command_report_no_memory(blame->cli);
    }
    history->options.after = blame->checkpoint->id;
    history->options.include_safety = blame->checkpoint->is_safety;
    int code = blame->left > 0 ? fi_dir_history_walk(history, &err) : FIRN_OK;
    fi_term_meter_clear();
    if (blame->is_out_of_memory) {
        return fi_command_report_no_memory(blame->cli);
    }
    if (code != FIRN_OK && blame->left > 0) {
        return fi_command_report_failure(blame->cli, &err, NULL);
    }
    show_lines(blame);
    return FI_EXIT_OK;
}

/* ---- the command line ---- */

/* "10,20", "10,+5", "10": lines from 1. */
static bool
read_range(const char *text, uint64_t *out_first, uint64_t *out_end)
{
    char first[FI_TERM_TEXT_NUMBER_SIZE];
    size_t size = strcspn(text, ",");
    if (size >= sizeof(first)) {
        return false;
    }
    memcpy(first, text, size);
    first[size] = '\0';
    uint64_t from;
    uint64_t to = UINT32_MAX;
    if (!fi_command_number(first, UINT32_MAX, &from) || from == 0) {
        return false;
    }
    const char *end = text[size] == ',' ? text + size + 1 : "";
    bool is_count = end[0] == '+';
    if ((text[size] == ',' && end[0] != '\0' &&
         !fi_command_number(end + is_count, UINT32_MAX, &to)) ||
        to == 0) {
        return false;
    }
    *out_first = from - 1;
    *out_end = is_count ? from - 1 + to : text[size] == ',' ? to : from;
    return *out_first < *out_end;
}

static int
dir_blame_run(struct fi_cli *cli)
{
    struct blame blame = {.cli = cli, .end = UINT64_MAX};
    struct fi_dir_history *history = &blame.history;
    struct fi_task_workspace_paths paths = {NULL, 0};
    struct fi_task_notices notices;
    const char *range = fi_command_value(cli, "lines");
    if (range != NULL && !read_range(range, &blame.first, &blame.end)) {
        return fi_command_misused(cli, "--lines takes FIRST,LAST or FIRST,+COUNT, not '%s'", range);
    }
    int exit_code = fi_task_workspace_open(cli, &history->workspace);
    struct fi_cli of_path = *cli;
    of_path.argument_count = 1;
    if (exit_code == FI_EXIT_OK) {
        exit_code = fi_task_workspace_paths_init(&of_path, history->workspace, 0, &paths);
    }
    if (exit_code == FI_EXIT_OK && paths.count == 0) {
        exit_code = refuse_content(&blame);
    } else if (exit_code == FI_EXIT_OK) {
        fi_task_notices_init(&notices, cli);
        history->options = (firn_workspace_log_options)FIRN_WORKSPACE_LOG_OPTIONS_INIT;
        history->options.callbacks = fi_task_notices_callbacks(&notices);
        history->options.with_lines = true;
        history->options.on_checkpoint = on_checkpoint;
        history->options.on_difference = on_difference;
        history->on_compared = on_compared;
        history->ctx = &blame;
        exit_code = blame_file(&blame, paths.slices[0]);
        fi_task_notices_deinit(&notices);
    }
    free(history->path);
    free(blame.by);
    free(blame.lines);
    free(blame.authors);
    free((void *)(uintptr_t)blame.content.data);
    firn_release(blame.checkpoint);
    fi_task_workspace_paths_deinit(&paths);
    firn_workspace_close(history->workspace);
    return exit_code;
}

static const struct fi_command_option options[] = {
    {"lines", 'L', "FIRST,LAST", "only these lines; also FIRST,+COUNT"},
    {NULL, 0, NULL, NULL},
};

static const struct fi_command_example examples[] = {
    {"firn blame src/main.c", "show what last changed each line of the file"},
    {"firn blame src/main.c 12 -L 10,20", "show it for lines 10 to 20, as of checkpoint 12"},
    {NULL, NULL},
};

const struct fi_command fi_dir_blame = {
    .name = "blame",
    .summary = "Show which checkpoint last changed each line of a file",
    .arguments = "FILE [REF]",
    .options = options,
    .help = "Prints each line of a file as it is in a checkpoint (default: latest), after the\n"
            "checkpoint that last changed the line: its number, the beginning of its id, how\n"
            "long ago it was made, and the beginning of its message or, of an agent's turn,\n"
            "the agent and the prompt. Changes that are not saved are not shown.\n"
            "\n"
            "The file is followed through renames that keep its content. A binary file has no\n"
            "lines; nor are lines told of files with more than 32 MiB or 1,048,576 lines. An\n"
            "older version of which that is true counts as the end of the history.",
    .examples = examples,
    .uses = FI_COMMAND_USES_WORKSPACE | FI_COMMAND_USES_PAGER | FI_COMMAND_USES_COLOUR,
    .run = dir_blame_run,
};
