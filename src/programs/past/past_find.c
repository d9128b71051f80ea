/* SPDX-License-Identifier: Apache-2.0
 *
 * past/past_find.c: firn find.
 *
 * Rows are printed as the walk finds them, newest first. Below the row of what went, and has not
 * come back, stands the command that brings it back: for the first HINTS_MAX paths, since a list
 * of those is a list to restore as a whole.
 */
#include "past/past.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "show/show.h"
#include "task/task.h"
#include "term/term.h"
#include "term/term_try.h"

enum { HINTS_MAX = 20, FLUSH_INTERVAL_MS = 20, COLUMNS_BEFORE = 7 };

struct find {
    struct fi_cli *cli;
    firn_workspace *workspace;
    uint64_t left; /* of --limit */
    uint64_t count;
    int64_t now_ns;
    int64_t flushed_ms;
    char id[FIRN_CHECKPOINT_ID_SIZE]; /* of the checkpoint whose object is open; "": none is */
    uint64_t hints[HINTS_MAX];        /* hashes of paths that have one */
    size_t hint_count;
};

/* ---- how what went comes back ---- */

/* FNV-1a. */
static uint64_t
hash_of(firn_slice path)
{
    uint64_t hash = UINT64_C(14695981039346656037);
    for (size_t i = 0; i < path.size; i++) {
        hash = (hash ^ path.data[i]) * UINT64_C(1099511628211);
    }
    return hash;
}

static bool
is_on_disk(const struct find *find, firn_slice path)
{
    char full[PATH_MAX];
    struct stat status;
    int size = snprintf(full, sizeof full, "%s/%.*s", firn_workspace_root(find->workspace),
                        (int)path.size, (const char *)path.data);
    return size > 0 && (size_t)size < sizeof full && lstat(full, &status) == 0;
}

/* Whether nothing newer was told of a path that went, and it is not on the disk. */
static bool
is_gone(struct find *find, firn_slice path)
{
    uint64_t hash = hash_of(path);
    for (size_t i = 0; i < find->hint_count; i++) {
        if (find->hints[i] == hash) {
            return false;
        }
    }
    if (find->hint_count == HINTS_MAX || is_on_disk(find, path)) {
        return false;
    }
    find->hints[find->hint_count++] = hash;
    return true;
}

/* The checkpoint that has it, "40"; "41~1" where that is not known yet. */
enum { LAST_SIZE = FI_SHOW_CHECKPOINT_NAME_SIZE + 2 };
static const char *
last_of(const struct fi_past_event *event, char out[LAST_SIZE])
{
    char name[FI_SHOW_CHECKPOINT_NAME_SIZE];
    bool is_known = event->before != NULL;
    (void)fi_show_checkpoint_name(is_known ? event->before : event->checkpoint, name);
    (void)snprintf(out, LAST_SIZE, "%s%s", name, is_known ? "" : "~1");
    return out;
}

static void
put_quoted(const void *data, size_t size)
{
    const char *bytes = data;
    for (size_t i = 0; i < size; i++) {
        if (bytes[i] == '\'') {
            fi_term_out_text("\\'");
        } else {
            fi_term_out_write(bytes + i, 1);
        }
    }
}

/* A path as a shell reads it: most as they are, all others in $'...', which takes the escapes. */
static void
print_word(firn_slice path)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                "._-+/@%,=";
    bool is_plain = path.size > 0 && path.data[0] != '-';
    for (size_t i = 0; i < path.size && is_plain; i++) {
        is_plain = path.data[i] != '\0' && strchr(plain, path.data[i]) != NULL;
    }
    if (is_plain) {
        fi_term_path_print(path);
        return;
    }
    fi_term_out_text("$'");
    fi_term_path_escape(path, put_quoted);
    fi_term_out_text("'");
}

static void
print_hint(struct find *find, const struct fi_past_event *event)
{
    char last[LAST_SIZE];
    if (find->cli->json || find->cli->quiet || event->kind != FIRN_CHANGE_REMOVED ||
        !is_gone(find, event->path)) {
        return;
    }
    fi_term_out_format("%*sfirn restore %s ", COLUMNS_BEFORE, "", last_of(event, last));
    print_word(event->path);
    fi_term_out_text(" brings it back\n");
}

/* ---- rows ---- */

static void
print_event_path(const struct fi_past_event *event)
{
    const char *end = event->type == FIRN_ENTRY_DIRECTORY ? "/" : "";
    if (event->kind == FIRN_CHANGE_RENAMED) {
        fi_term_path_print(event->old_path);
        fi_term_out_text(" -> ");
    }
    fi_term_path_print(event->path);
    fi_term_out_text(end);
}

static void
past_find_row(struct find *find, const struct fi_past_event *event)
{
    const firn_workspace_checkpoint *checkpoint = event->checkpoint;
    const firn_workspace_entry entry = {.path = event->path, .type = event->type};
    const firn_workspace_change change = {.kind = event->kind, .before = &entry, .after = &entry};
    char name[FI_SHOW_CHECKPOINT_NAME_SIZE] = "-";
    char ago[FI_TERM_TEXT_TIME_SIZE];
    char size[FI_TERM_TEXT_SIZE_SIZE];
    if (find->cli->quiet) {
        fi_term_out_format("%s ", fi_show_checkpoint_name(checkpoint, name));
        print_event_path(event);
        fi_term_out_text("\n");
        return;
    }
    if (!checkpoint->is_safety) {
        (void)fi_show_checkpoint_name(checkpoint, name);
    }
    fi_show_checkpoint_print_names(name, checkpoint->id);
    fi_term_out_format("  %-14s  ", fi_term_text_ago(checkpoint->created_ns, find->now_ns, ago));
    fi_show_change_print_kind(&change);
    print_event_path(event);
    if (event->type == FIRN_ENTRY_FILE && event->kind != FIRN_CHANGE_REMOVED) {
        fi_term_out_format("  %s", fi_term_text_size(event->size_bytes, size));
    }
    fi_term_out_text("\n");
    print_hint(find, event);
}

static void
end_object(struct find *find)
{
    if (find->id[0] != '\0') {
        fi_term_json_end();
        fi_term_json_end();
        find->id[0] = '\0';
    }
}

/* An object for each checkpoint, as that of firn log. */
static void
past_find_json(struct find *find, const struct fi_past_event *event)
{
    char last[LAST_SIZE];
    bool was_there = event->kind == FIRN_CHANGE_REMOVED || event->kind == FIRN_CHANGE_RENAMED;
    if (strcmp(find->id, event->checkpoint->id) != 0) {
        end_object(find);
        memcpy(find->id, event->checkpoint->id, sizeof find->id);
        fi_term_json_object(NULL);
        fi_show_checkpoint_json("checkpoint", event->checkpoint);
        fi_term_json_array("changes");
    }
    fi_term_json_object(NULL);
    fi_term_json_string("change", firn_workspace_change_kind_name(event->kind));
    fi_term_json_bytes("path", event->path);
    if (event->kind == FIRN_CHANGE_RENAMED) {
        fi_term_json_bytes("old_path", event->old_path);
    }
    fi_term_json_string("type", firn_workspace_entry_type_name(event->type));
    fi_term_json_u64_if("size", event->size_bytes, event->type == FIRN_ENTRY_FILE);
    fi_term_json_string_if("last", was_there ? last_of(event, last) : NULL, was_there);
    fi_term_json_end();
}

/* A reader of a long history gets what is there from time to time. */
static void
past_find_flush(struct find *find)
{
    struct timespec now = {0};
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    int64_t ms = (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
    if (ms - find->flushed_ms >= FLUSH_INTERVAL_MS && !fi_term_out_fits()) {
        find->flushed_ms = ms;
        fi_term_out_flush();
    }
}

static int
past_find_show(void *ctx, const struct fi_past_event *event)
{
    struct find *find = ctx;
    assert(find->left > 0);
    fi_term_meter_clear();
    if (find->cli->json) {
        past_find_json(find, event);
    } else {
        past_find_row(find, event);
    }
    find->count++;
    find->left--;
    past_find_flush(find);
    return find->left > 0 && fi_term_out_error() == 0 ? FIRN_OK : FIRN_CANCELLED;
}

/* ---- the command line ---- */

struct patterns {
    char *memory[FI_PAST_GLOBS_MAX];
    firn_slice slices[FI_PAST_GLOBS_MAX];
    size_t count;
};

/* A pattern as the walk takes it: a name stays as it is, a path becomes one from the root. */
static int
add_pattern(struct patterns *patterns, struct fi_cli *cli, const firn_workspace *workspace,
            const char *word)
{
    firn_slice path;
    if (word[0] == '\0' || strlen(word) > FI_PAST_GLOB_SIZE_MAX / 2) {
        return fi_command_misused(cli, "a pattern has 1 to %d bytes", FI_PAST_GLOB_SIZE_MAX / 2);
    }
    if (strchr(word, '/') == NULL) {
        patterns->slices[patterns->count++] = firn_str(word);
        return FI_EXIT_OK;
    }
    int code = fi_task_workspace_path(cli, workspace, word, &path);
    if (code == FIRN_NO_MEMORY) {
        return fi_command_report_no_memory(cli);
    }
    if (code == FIRN_OK) {
        patterns->memory[patterns->count] = (char *)(uintptr_t)path.data;
        patterns->slices[patterns->count++] = path;
    }
    return code == FIRN_OK && path.size > 0 && path.size <= FI_PAST_GLOB_SIZE_MAX
               ? FI_EXIT_OK
               : fi_command_misused(cli, "'%s' is not a path inside the workspace %s", word,
                                    firn_workspace_root(workspace));
}

static int
report_none(struct find *find)
{
    struct fi_cli *cli = find->cli;
    fi_term_meter_clear();
    return fi_command_report_error(
        cli, FIRN_NOT_FOUND,
        fi_command_has(cli, "ignore-case") ? "firn grep PATTERN searches the contents of files"
                                           : "a name has to match as a whole: '*PART*'; -i "
                                             "ignores case, firn grep searches contents",
        "no checkpoint has %s that matches", cli->argument_count == 1 ? "a path" : "any path");
}

static int
past_find_walk(struct find *find, const firn_slice *patterns, size_t count)
{
    firn_error err;
    struct fi_task_notices notices;
    fi_task_notices_init(&notices, find->cli);
    const struct fi_past_events events = {
        .workspace = find->workspace,
        .patterns = patterns,
        .pattern_count = count,
        .ignores_case = fi_command_has(find->cli, "ignore-case"),
        .include_safety = fi_command_has(find->cli, "all"),
        .callbacks = fi_task_notices_callbacks(&notices),
        .on_event = past_find_show,
        .ctx = find,
    };
    fi_term_json_array("checkpoints");
    int code = find->left > 0 ? fi_past_events_walk(&events, &err) : FIRN_OK;
    bool is_enough = find->left == 0 && fi_term_out_error() == 0;
    fi_term_meter_clear();
    end_object(find);
    int exit_code = FI_EXIT_OK;
    if (code == FIRN_NO_MEMORY) {
        exit_code = fi_command_report_no_memory(find->cli);
    } else if (code != FIRN_OK && !is_enough) {
        exit_code = fi_command_report_failure(find->cli, &err, NULL);
    } else {
        fi_term_json_end();
        exit_code = find->count == 0 && !is_enough ? report_none(find) : FI_EXIT_OK;
    }
    fi_task_notices_deinit(&notices);
    return exit_code;
}

static int
past_find_run(struct fi_cli *cli)
{
    struct patterns patterns = {.count = 0};
    struct find find = {.cli = cli, .left = UINT64_MAX};
    struct timespec now = {0};
    const char *limit = fi_command_value(cli, "limit");
    (void)clock_gettime(CLOCK_REALTIME, &now);
    find.now_ns = (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
    if (limit != NULL && !fi_command_number(limit, UINT64_MAX, &find.left)) {
        return fi_command_misused(cli, "--limit takes a whole number, not '%s'", limit);
    }
    if (cli->argument_count > FI_PAST_GLOBS_MAX) {
        return fi_command_misused(cli, "more than %d patterns", FI_PAST_GLOBS_MAX);
    }
    int exit_code = fi_task_workspace_open(cli, &find.workspace);
    for (int i = 0; exit_code == FI_EXIT_OK && i < cli->argument_count; i++) {
        exit_code = add_pattern(&patterns, cli, find.workspace, cli->arguments[i]);
    }
    if (exit_code == FI_EXIT_OK) {
        exit_code = past_find_walk(&find, patterns.slices, patterns.count);
    }
    for (size_t i = 0; i < patterns.count; i++) {
        free(patterns.memory[i]);
    }
    firn_workspace_close(find.workspace);
    return exit_code;
}

static const struct fi_command_option options[] = {
    {"limit", 'n', "N", "stop after N rows"},
    {"ignore-case", 'i', NULL, "ignore the case of ASCII letters"},
    {"all", 'a', NULL, "search safety checkpoints, too"},
    {NULL, 0, NULL, NULL},
};

static const struct fi_command_example examples[] = {
    {"firn find notes.txt", "where is notes.txt, or where did it go?"},
    {"firn find '*.sql' -n 10", "show the ten newest changes of files of that kind"},
    {"firn find 'src/**/test_*.c'", "search below src alone"},
    {NULL, NULL},
};

const struct fi_command fi_past_find = {
    .name = "find",
    .summary = "Find files by name in all checkpoints",
    .arguments = "NAME|GLOB...",
    .options = options,
    .help = "Prints each checkpoint, newest first, in which a file or directory of that name\n"
            "appeared, changed or went, and below what is gone the command that brings it\n"
            "back. Contents are not searched: firn grep and firn log -S do that.\n"
            "\n"
            "A pattern without a slash matches names in any directory; one with a slash\n"
            "matches paths, from the current directory. * and ? stand for any bytes but a\n"
            "slash, ** for slashes as well, [a-z] for one byte of several. Quote patterns:\n"
            "the shell would expand them to what is there now.\n"
            "\n"
            "Changes of the time alone are not shown. With --quiet, rows are the number of\n"
            "the checkpoint and the path. The exit code is 3 if nothing was found.",
    .examples = examples,
    .uses = FI_COMMAND_USES_WORKSPACE | FI_COMMAND_USES_PAGER | FI_COMMAND_USES_COLOUR,
    .run = past_find_run,
};
