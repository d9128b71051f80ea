/* SPDX-License-Identifier: Apache-2.0
 *
 * past/past_hunks.c: choosing the hunks that a restore takes.
 *
 * The disk is compared with the checkpoint, and each group of hunks is shown as what the restore
 * would make of it: lines of the disk are removed, lines of the checkpoint added. A file of which
 * all hunks are wanted is restored as any other, with its mode and time. Of one of which some are,
 * the content is made here and handed to the library, which has the rest of the file as it is on
 * the disk, refuses it if that has changed meanwhile, and saves the present state first.
 *
 * What has no hunks is asked for as a whole: a file that is missing on one side, a link, a binary
 * or very large file, a mode.
 *
 * The answers are lines of standard input, from a person or a script. The end of the input is "q":
 * what was chosen by then is restored.
 */
#include "past/past.h"

#include <assert.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "task/task.h"
#include "term/term.h"
#include "term/term_try.h"

enum { ANSWER_SIZE = 64, BYTES_MAX = 256 << 20 };

/* Which hunks of a file are wanted. */
struct chosen {
    bool *wants; /* by hunk */
    size_t count;
};

static const char help[] = "y  restore this\n"
                           "n  do not\n"
                           "q  restore what was chosen by now, and ask no more\n"
                           "a  restore this and the rest of the file\n"
                           "d  restore neither this nor the rest of the file\n"
                           "s  split this into its hunks\n"
                           "?  print this help\n";

static void
reset(struct fi_past_hunks *hunks)
{
    for (size_t i = 0; i < hunks->path_count; i++) {
        free((void *)(uintptr_t)hunks->paths[i].data);
    }
    for (size_t i = 0; i < hunks->content_count; i++) {
        free((void *)(uintptr_t)hunks->contents[i].content.data);
    }
    free(hunks->paths);
    free(hunks->contents);
}

void
fi_past_hunks_deinit(struct fi_past_hunks *hunks)
{
    reset(hunks);
    *hunks = (struct fi_past_hunks){.cli = NULL};
}

/* ---- what was chosen ---- */

/* Grows an array of `count` items to have room for one more. */
static void *
grow(void *items, size_t count, size_t item_size)
{
    bool is_full = (count & (count + 1)) == 0; /* 0, 1, 3, 7, ... */
    return is_full ? realloc(items, (2 * count + 1) * item_size) : items;
}

static int
add_path(struct fi_past_hunks *hunks, firn_slice path)
{
    firn_slice *paths = grow(hunks->paths, hunks->path_count, sizeof(*paths));
    uint8_t *copy = malloc(path.size + 1);
    hunks->paths = paths != NULL ? paths : hunks->paths;
    if (paths == NULL || copy == NULL) {
        free(copy);
        return FIRN_NO_MEMORY;
    }
    memcpy(copy, path.data, path.size);
    hunks->paths[hunks->path_count++] = firn_bytes(copy, path.size);
    return FIRN_OK;
}

/* The lines from..to of a text that is walked. */
static firn_slice
lines_of(struct fi_show_lines *walk, uint32_t from, uint32_t to)
{
    while (walk->line < from) {
        (void)fi_show_lines_next(walk);
    }
    const uint8_t *begin = walk->left.data;
    while (walk->line < to) {
        (void)fi_show_lines_next(walk);
    }
    return firn_bytes(begin, (size_t)(walk->left.data - begin));
}

static void
append(uint8_t *out, size_t *size, firn_slice bytes)
{
    if (bytes.size > 0) {
        memcpy(out + *size, bytes.data, bytes.size);
    }
    *size += bytes.size;
}

/* What is on the disk (before), with the hunks that are wanted as the checkpoint (after) has
 * them. */
static size_t
compose(const firn_workspace_difference *difference, const struct chosen *chosen, uint8_t *out)
{
    struct fi_show_lines disk = {difference->content_before, 0};
    struct fi_show_lines then = {difference->content_after, 0};
    size_t size = 0;
    for (size_t i = 0; i < chosen->count; i++) {
        const firn_hunk *hunk = &difference->hunks[i];
        uint32_t end = hunk->before_at + hunk->before_count;
        append(out, &size, lines_of(&disk, disk.line, hunk->before_at));
        firn_slice kept = lines_of(&disk, hunk->before_at, end);
        firn_slice taken = lines_of(&then, hunk->after_at, hunk->after_at + hunk->after_count);
        append(out, &size, chosen->wants[i] ? taken : kept);
    }
    append(out, &size, disk.left);
    return size;
}

static int
add_content(struct fi_past_hunks *hunks, const firn_workspace_difference *difference,
            const struct chosen *chosen)
{
    const size_t most = difference->content_before.size + difference->content_after.size;
    firn_workspace_content *contents =
        grow(hunks->contents, hunks->content_count, sizeof(*contents));
    uint8_t *content = malloc(most + 1);
    hunks->contents = contents != NULL ? contents : hunks->contents;
    if (contents == NULL || content == NULL) {
        free(content);
        return FIRN_NO_MEMORY;
    }
    const size_t size = compose(difference, chosen, content);
    hunks->bytes += size;
    hunks->contents[hunks->content_count++] = (firn_workspace_content){
        .path = hunks->paths[hunks->path_count - 1],
        .expected = difference->change.before->hash,
        .content = firn_bytes(content, size),
    };
    return FIRN_OK;
}

/* ---- asking ---- */

/* Reads a line, of which so many bytes are kept, without its end. Byte by byte: what follows is for
 * the next question. False at the end of the input, and after a signal, for which read would not
 * return. */
static bool
read_line(char *out, size_t room)
{
    size_t size = 0;
    char byte = '\0';
    for (;;) {
        struct pollfd input = {.fd = STDIN_FILENO, .events = POLLIN};
        if (fi_term_signals_caught() != 0) {
            return false;
        }
        if (poll(&input, 1, -1) < 0) {
            continue; /* a signal */
        }
        ssize_t got = read(STDIN_FILENO, &byte, 1);
        if (got <= 0 || byte == '\n') {
            out[size] = '\0';
            return got > 0;
        }
        out[size] = byte;
        size += size + 1 < room;
    }
}

/* Reads an answer; 'q' at the end of the input, or after a signal. */
static char
ask(const char *question, const char *answers)
{
    char line[ANSWER_SIZE];
    bool is_shown = isatty(STDIN_FILENO) == 1; /* what is typed, and the end of its line */
    for (;;) {
        fi_term_out_format("%s [%s]? ", question, answers);
        fi_term_out_flush();
        bool is_over = !read_line(line, sizeof line);
        fi_term_out_text(is_shown && !is_over ? "" : "\n");
        if (is_over) {
            return 'q';
        }
        if (strlen(line) == 1 && line[0] != ',' && line[0] != '?' &&
            strchr(answers, line[0]) != NULL) {
            return line[0];
        }
        fi_term_out_text(help);
    }
}

static int
ask_whole(struct fi_past_hunks *hunks, const firn_workspace_difference *difference)
{
    const firn_workspace_change *change = &difference->change;
    const firn_workspace_entry *entry = change->after != NULL ? change->after : change->before;
    const char *question = change->before == NULL  ? "restore this file"
                           : change->after == NULL ? "remove this file"
                                                   : "restore all of this file";
    assert(entry != NULL);
    if (!fi_show_patch_print(&hunks->patch, difference)) {
        return FIRN_NO_MEMORY;
    }
    char answer = ask(question, "y,n,q,?");
    hunks->is_over = answer == 'q';
    return answer == 'y' ? add_path(hunks, entry->path) : FIRN_OK;
}

/* Asks for the hunks from first to end, which are shown together. *is_rest: the answer is for the
 * rest of the file, too; *wants_rest: what it was. */
static int
ask_group(struct fi_past_hunks *hunks, const firn_workspace_difference *difference, size_t first,
          size_t end, struct chosen *chosen, bool *is_rest, bool *wants_rest)
{
    bool is_splittable = end - first > 1;
    if (!fi_show_patch_print_group(&hunks->patch, difference, first, end)) {
        return FIRN_NO_MEMORY;
    }
    char answer = ask("restore this hunk", is_splittable ? "y,n,q,a,d,s,?" : "y,n,q,a,d,?");
    if (answer == 's') {
        for (size_t i = first; i < end && !*is_rest; i++) {
            FI_TRY_RETURN(ask_group(hunks, difference, i, i + 1, chosen, is_rest, wants_rest));
        }
        return FIRN_OK;
    }
    for (size_t i = first; i < end; i++) {
        chosen->wants[i] = answer == 'y' || answer == 'a';
    }
    hunks->is_over = answer == 'q';
    *is_rest = answer == 'a' || answer == 'd' || answer == 'q';
    *wants_rest = answer == 'a';
    for (size_t i = end; *is_rest && i < chosen->count; i++) {
        chosen->wants[i] = *wants_rest;
    }
    return FIRN_OK;
}

static int
ask_hunks(struct fi_past_hunks *hunks, const firn_workspace_difference *difference)
{
    struct chosen chosen = {calloc(difference->hunk_count, sizeof(bool)), difference->hunk_count};
    bool is_rest = false;
    bool wants_rest = false;
    size_t wanted = 0;
    int rc = chosen.wants == NULL ? FIRN_NO_MEMORY : FIRN_OK;
    fi_show_patch_print_head(difference);
    for (size_t i = 0; rc == FIRN_OK && i < chosen.count && !is_rest;) {
        size_t end = fi_show_patch_group_end(&hunks->patch, difference, i);
        rc = ask_group(hunks, difference, i, end, &chosen, &is_rest, &wants_rest);
        i = end;
    }
    for (size_t i = 0; rc == FIRN_OK && i < chosen.count; i++) {
        wanted += chosen.wants[i];
    }
    if (wanted > 0) {
        rc = add_path(hunks, difference->change.after->path);
    }
    if (wanted > 0 && wanted < chosen.count && rc == FIRN_OK) {
        rc = add_content(hunks, difference, &chosen);
    }
    free(chosen.wants);
    return rc;
}

/* ---- the comparison ---- */

/* Turned round: from the disk to the checkpoint. */
static firn_workspace_difference
turn(const firn_workspace_difference *difference, firn_hunk *hunks)
{
    firn_workspace_difference turned = *difference;
    turned.change.before = difference->change.after;
    turned.change.after = difference->change.before;
    if (difference->change.kind == FIRN_CHANGE_ADDED) {
        turned.change.kind = FIRN_CHANGE_REMOVED;
    } else if (difference->change.kind == FIRN_CHANGE_REMOVED) {
        turned.change.kind = FIRN_CHANGE_ADDED;
    }
    turned.lines_added = difference->lines_removed;
    turned.lines_removed = difference->lines_added;
    turned.content_before = difference->content_after;
    turned.content_after = difference->content_before;
    turned.hunks = hunks;
    for (size_t i = 0; i < difference->hunk_count; i++) {
        const firn_hunk *hunk = &difference->hunks[i];
        hunks[i] =
            (firn_hunk){hunk->after_at, hunk->after_count, hunk->before_at, hunk->before_count};
    }
    return turned;
}

static bool
has_hunks(const firn_workspace_difference *difference)
{
    return difference->change.before != NULL && difference->change.after != NULL &&
           difference->lines == FIRN_LINES_COUNTED && difference->hunk_count > 0 &&
           difference->content_before.size + difference->content_after.size <=
               FIRN_WORKSPACE_CONTENT_SIZE_MAX &&
           difference->change.before->type == FIRN_ENTRY_FILE &&
           difference->change.after->type == FIRN_ENTRY_FILE;
}

static bool
is_directory(const firn_workspace_entry *entry)
{
    return entry != NULL && entry->type == FIRN_ENTRY_DIRECTORY;
}

static int
past_hunks_visit(void *ctx, const firn_workspace_difference *difference)
{
    struct fi_past_hunks *hunks = ctx;
    const firn_workspace_change *change = &difference->change;
    if (is_directory(change->before) || is_directory(change->after)) {
        return FIRN_OK; /* they come with what is in them */
    }
    firn_hunk *turned_hunks = calloc(difference->hunk_count + 1, sizeof(*turned_hunks));
    if (turned_hunks == NULL) {
        hunks->is_out_of_memory = true;
        return FIRN_CANCELLED;
    }
    firn_workspace_difference turned = turn(difference, turned_hunks);
    fi_term_meter_clear();
    hunks->seen++;
    int rc = has_hunks(&turned) ? ask_hunks(hunks, &turned) : ask_whole(hunks, &turned);
    free(turned_hunks);
    hunks->is_out_of_memory = rc == FIRN_NO_MEMORY;
    hunks->is_over = hunks->is_over || hunks->bytes > BYTES_MAX;
    return rc != FIRN_OK || hunks->is_over || fi_term_out_error() != 0 ? FIRN_CANCELLED : FIRN_OK;
}

int
fi_past_hunks_choose(struct fi_past_hunks *out, struct fi_cli *cli, firn_workspace *workspace,
                     const char *reference, const struct fi_task_workspace_paths *paths)
{
    firn_error err;
    struct fi_task_notices notices;
    const struct fi_task_settings_today today = fi_task_settings_inspect(workspace, false);
    firn_workspace_diff_options options = FIRN_WORKSPACE_DIFF_OPTIONS_INIT;
    *out = (struct fi_past_hunks){.cli = cli};
    fi_show_patch_init(&out->patch);
    fi_task_notices_init(&notices, cli);
    options.before = reference;
    options.paths = paths->slices;
    options.path_count = paths->count;
    options.with_lines = true;
    options.without_times = true;
    options.gitignore = today.gitignore;
    options.file_size_max = today.file_size_max;
    options.callbacks = fi_task_notices_callbacks(&notices);
    int code = firn_workspace_diff(workspace, &options, past_hunks_visit, out, NULL, &err);
    fi_term_meter_clear();
    int exit_code = FI_EXIT_OK;
    if (out->is_out_of_memory) {
        exit_code = fi_command_report_no_memory(cli);
    } else if (fi_term_signals_caught() != 0 || (code != FIRN_OK && !out->is_over)) {
        exit_code = fi_command_report_failure(
            cli, &err,
            fi_task_workspace_hint_paths(fi_task_workspace_hint_or_path(workspace, reference, code),
                                         paths->count, code));
    }
    fi_task_notices_deinit(&notices);
    return exit_code;
}
