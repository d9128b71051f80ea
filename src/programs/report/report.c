/* SPDX-License-Identifier: Apache-2.0
 *
 * report/report.c: firn report: a history as one page of HTML.
 *
 * The checkpoints are listed first, for the chart above them; then each is compared with the one
 * before it. The contents of the very first checkpoint are counted, not listed.
 *
 * Memory: the list, and one comparison. The page is written as it grows.
 */
#include "report/report.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "show/show.h"
#include "task/task.h"
#include "term/term.h"

enum { LIMIT_DEFAULT = 100, PAGE_BYTES_DEFAULT = 16 << 20 };

struct tag {
    char id[FIRN_CHECKPOINT_ID_SIZE];
    char *name;
};

struct reporting {
    struct firn_cli *cli;
    firn_workspace *workspace;
    const char *path; /* NULL: standard output */
    uint64_t limit;

    firn_workspace_checkpoint *checkpoints; /* newest first; messages are theirs */
    size_t count;
    size_t capacity;
    bool has_older;
    struct tag *tags;
    size_t tag_count;
    size_t tag_capacity;

    struct firn_task_notices notices;
    struct firn_report_difference shown;
};

/* ---- reading the list ---- */

/* Room for one more; NULL when memory is out. */
static void *
grown(void *array, size_t count, size_t *capacity, size_t size)
{
    assert(count <= *capacity);
    if (array != NULL && count < *capacity) {
        return array;
    }
    size_t more = *capacity == 0 ? 16 : 2 * *capacity;
    void *larger = realloc(array, more * size);
    *capacity = larger != NULL ? more : *capacity;
    return larger;
}

static int
keep_tag(void *ctx, const firn_workspace_tag *tag)
{
    struct reporting *reporting = ctx;
    struct tag *tags = grown(reporting->tags, reporting->tag_count, &reporting->tag_capacity,
                             sizeof(*reporting->tags));
    if (tags == NULL) {
        return FIRN_NO_MEMORY;
    }
    reporting->tags = tags;
    struct tag *kept = &tags[reporting->tag_count];
    memcpy(kept->id, tag->id, sizeof(kept->id));
    kept->name = strndup((const char *)tag->name.data, tag->name.size);
    reporting->tag_count += kept->name != NULL ? 1 : 0;
    return kept->name != NULL ? FIRN_OK : FIRN_NO_MEMORY;
}

static int
keep_checkpoint(void *ctx, const firn_workspace_checkpoint *checkpoint)
{
    struct reporting *reporting = ctx;
    assert(reporting->count <= reporting->limit);
    if (reporting->count == reporting->limit) {
        reporting->has_older = true;
        return FIRN_OK;
    }
    firn_workspace_checkpoint *checkpoints =
        grown(reporting->checkpoints, reporting->count, &reporting->capacity,
              sizeof(*reporting->checkpoints));
    if (checkpoints == NULL) {
        return FIRN_NO_MEMORY;
    }
    reporting->checkpoints = checkpoints;
    firn_workspace_checkpoint *kept = &checkpoints[reporting->count];
    uint8_t *message = malloc(checkpoint->message.size + 1);
    if (message == NULL) {
        return FIRN_NO_MEMORY;
    }
    *kept = *checkpoint;
    kept->turn = (firn_workspace_turn){0}; /* borrowed, and not shown */
    if (checkpoint->message.size > 0) {
        memcpy(message, checkpoint->message.data, checkpoint->message.size);
    }
    kept->message = firn_bytes(message, checkpoint->message.size);
    reporting->count++;
    return FIRN_OK;
}

static int
read_list(struct reporting *reporting, firn_error *err)
{
    firn_workspace_list_options options = FIRN_WORKSPACE_LIST_OPTIONS_INIT;
    options.include_safety = firn_command_has(reporting->cli, "all");
    options.limit = reporting->limit < UINT64_MAX ? reporting->limit + 1 : UINT64_MAX;
    int code = firn_workspace_tag_list(reporting->workspace, keep_tag, reporting, err);
    return code == FIRN_OK ? firn_workspace_list(reporting->workspace, &options, keep_checkpoint,
                                                 reporting, err)
                           : code;
}

static void
release(struct reporting *reporting)
{
    for (size_t i = 0; i < reporting->count; i++) {
        free((void *)(uintptr_t)reporting->checkpoints[i].message.data);
    }
    for (size_t i = 0; i < reporting->tag_count; i++) {
        free(reporting->tags[i].name);
    }
    free(reporting->checkpoints);
    free(reporting->tags);
}

/* ---- one checkpoint ---- */

static void
show_tags(const struct reporting *reporting, const char *id)
{
    assert(id[0] != '\0');
    for (size_t i = 0; i < reporting->tag_count; i++) {
        if (strcmp(reporting->tags[i].id, id) == 0) {
            firn_report_html_raw(" <span class=\"tag\">");
            firn_report_html_name(firn_str(reporting->tags[i].name));
            firn_report_html_raw("</span>");
        }
    }
}

static void
show_facts(const struct reporting *reporting, const firn_workspace_checkpoint *checkpoint)
{
    char name[FIRN_SHOW_CHECKPOINT_NAME_SIZE];
    char time[FIRN_TERM_TEXT_TIME_SIZE];
    char files[FIRN_TERM_TEXT_NUMBER_SIZE];
    char bytes[FIRN_TERM_TEXT_SIZE_SIZE];
    char added[FIRN_TERM_TEXT_SIZE_SIZE];
    firn_report_html_format("<article id=\"%s\"><h2>%s%s", checkpoint->id,
                            checkpoint->is_safety ? "safety " : "",
                            firn_show_checkpoint_name(checkpoint, name));
    show_tags(reporting, checkpoint->id);
    if (checkpoint->message.size > 0) {
        firn_report_html_raw(" ");
        firn_report_html_name(checkpoint->message);
    }
    firn_report_html_format("</h2>\n<p class=\"facts\">%.*s · %s · %s %s · %s · %s added</p>\n",
                            FIRN_CHECKPOINT_ID_SHORT, checkpoint->id,
                            firn_term_text_time(checkpoint->created_ns, time),
                            firn_term_text_number(checkpoint->files, files),
                            firn_term_text_plural(checkpoint->files, "file", "files"),
                            firn_term_text_size(checkpoint->bytes, bytes),
                            firn_term_text_size(checkpoint->added_bytes, added));
}

static void
show_counts(const firn_workspace_diff_result *result, bool with_lines)
{
    assert(result != NULL);
    char number[FIRN_TERM_TEXT_NUMBER_SIZE];
    firn_report_html_format("<p class=\"facts\">%s changed",
                            firn_term_text_number(result->changed, number));
    if (result->times_only > 0) {
        firn_report_html_format(" (%s times only)",
                                firn_term_text_number(result->times_only, number));
    }
    firn_report_html_raw(", ");
    firn_report_html_format("%s added, ", firn_term_text_number(result->added, number));
    firn_report_html_format("%s removed", firn_term_text_number(result->removed, number));
    if (result->renamed > 0) {
        firn_report_html_format(", %s renamed", firn_term_text_number(result->renamed, number));
    }
    if (with_lines) {
        firn_report_html_format(" · <ins>+%s</ins>",
                                firn_term_text_number(result->lines_added, number));
        firn_report_html_format(" <del>−%s</del>",
                                firn_term_text_number(result->lines_removed, number));
    }
    firn_report_html_raw("</p>\n");
}

static int
show_changes(struct reporting *reporting, const firn_workspace_checkpoint *checkpoint,
             firn_error *err)
{
    char number[FIRN_TERM_TEXT_NUMBER_SIZE];
    firn_workspace_diff_options options = FIRN_WORKSPACE_DIFF_OPTIONS_INIT;
    firn_workspace_diff_result result = FIRN_WORKSPACE_DIFF_RESULT_INIT;
    struct firn_report_difference *shown = &reporting->shown;
    options.after = checkpoint->id;
    options.against_previous = true;
    options.find_renames = true;
    options.without_times = true;
    options.with_lines = shown->with_lines && firn_report_html_bytes() < shown->page_bytes_max;
    options.callbacks = firn_task_notices_callbacks(&reporting->notices);
    shown->entries = 0;
    firn_report_html_raw("<details><summary>what it changed</summary><div class=\"files\">\n");
    int code = firn_workspace_diff(reporting->workspace, &options, firn_report_difference_visit,
                                   shown, &result, err);
    firn_release(result.before);
    firn_release(result.after);
    if (code != FIRN_OK) {
        return code;
    }
    if (shown->entries > FIRN_REPORT_DIFFERENCE_ENTRIES_MAX) {
        uint64_t more = shown->entries - FIRN_REPORT_DIFFERENCE_ENTRIES_MAX;
        firn_report_html_format("<p class=\"cut\">and %s more</p>\n",
                                firn_term_text_number(more, number));
    }
    firn_report_html_raw("</div></details>\n");
    show_counts(&result, options.with_lines);
    return FIRN_OK;
}

static int
show_checkpoint(struct reporting *reporting, size_t i, firn_error *err)
{
    assert(i < reporting->count);
    const firn_workspace_checkpoint *checkpoint = &reporting->checkpoints[i];
    bool is_first = i + 1 == reporting->count && !reporting->has_older;
    int code = FIRN_OK;
    show_facts(reporting, checkpoint);
    if (is_first) {
        firn_report_html_raw("<p class=\"facts\">the first one</p>\n");
    } else {
        code = show_changes(reporting, checkpoint, err);
    }
    firn_report_html_raw("</article>\n");
    return code;
}

/* ---- the page ---- */

static int
write_page(struct reporting *reporting, firn_error *err)
{
    assert(reporting->workspace != NULL);
    const struct firn_report_page page = {.root = firn_workspace_root(reporting->workspace),
                                          .checkpoints = reporting->checkpoints,
                                          .count = reporting->count,
                                          .has_older = reporting->has_older};
    int code =
        firn_report_html_begin(reporting->path, firn_command_has(reporting->cli, "replace"), err);
    if (code != FIRN_OK) {
        return code;
    }
    firn_report_page_begin(&page);
    for (size_t i = 0; code == FIRN_OK && i < reporting->count && !firn_report_html_has_failed();
         i++) {
        code = show_checkpoint(reporting, i, err);
    }
    firn_report_page_end(&page, reporting->shown.entries_cut);
    /* In the end the write that failed is reported, not the work that was cancelled for it. */
    return code == FIRN_OK || firn_report_html_has_failed() ? firn_report_html_end(err) : code;
}

static void
tell(const struct reporting *reporting)
{
    char size[FIRN_TERM_TEXT_SIZE_SIZE];
    if (reporting->path == NULL) {
        return; /* standard output has the page */
    }
    firn_term_json_bytes("file", firn_str(reporting->path));
    firn_term_json_u64("checkpoints", reporting->count);
    firn_term_json_u64("bytes", firn_report_html_bytes());
    firn_term_json_u64("cut", reporting->shown.entries_cut);
    firn_task_notices_json(&reporting->notices);
    if (!reporting->cli->quiet) {
        firn_term_text_escape(firn_str(reporting->path), firn_term_out_write);
        firn_term_out_format(": %zu %s, %s\n", reporting->count,
                             firn_term_text_plural(reporting->count, "checkpoint", "checkpoints"),
                             firn_term_text_size(firn_report_html_bytes(), size));
    }
}

static int
report(struct reporting *reporting)
{
    assert(reporting->checkpoints == NULL && reporting->count == 0);
    firn_error err;
    int code = read_list(reporting, &err);
    if (code == FIRN_OK) {
        code = write_page(reporting, &err);
    }
    firn_term_meter_clear();
    firn_report_html_drop();
    if (reporting->shown.is_out_of_memory) {
        return firn_command_report_no_memory(reporting->cli);
    }
    if (code != FIRN_OK) {
        return firn_command_report_failure(
            reporting->cli, &err, code == FIRN_EXISTS ? "overwrite it with --replace" : NULL);
    }
    tell(reporting);
    return FIRN_EXIT_OK;
}

static int
run(struct firn_cli *cli)
{
    assert(cli->argument_count == 0);
    const char *limit = firn_command_value(cli, "limit");
    const char *path = firn_command_value(cli, "output");
    struct reporting reporting = {.cli = cli,
                                  .path = path,
                                  .limit = LIMIT_DEFAULT,
                                  .shown = {.with_lines = !firn_command_has(cli, "no-diff"),
                                            .page_bytes_max = PAGE_BYTES_DEFAULT}};
    if (path == NULL || path[0] == '\0') {
        return firn_command_misused(cli, "name the file to write with -o FILE");
    }
    if (limit != NULL && !firn_command_number(limit, UINT64_MAX, &reporting.limit)) {
        return firn_command_misused(cli, "--limit takes a whole number, not '%s'", limit);
    }
    if (strcmp(path, "-") == 0) {
        reporting.path = NULL;
    }
    if (reporting.path == NULL && cli->json) {
        return firn_command_misused(cli, "--json and -o - both want standard output");
    }
    int exit_code = firn_task_workspace_open(cli, &reporting.workspace);
    if (exit_code == FIRN_EXIT_OK) {
        firn_task_notices_init(&reporting.notices, cli);
        exit_code = report(&reporting);
        firn_task_notices_deinit(&reporting.notices);
    }
    if (exit_code == FIRN_EXIT_OK) {
        exit_code = firn_task_pending_tell(cli, reporting.workspace, NULL);
    }
    release(&reporting);
    firn_workspace_close(reporting.workspace);
    return exit_code;
}

static const struct firn_command_option options[] = {
    {"output", 'o', "FILE", "write the page to FILE (-: standard output)"},
    {"limit", 'n', "N", "show the N newest checkpoints (default 100)"},
    {"all", 'a', NULL, "include safety checkpoints, which restores take"},
    {"no-diff", 0, NULL, "show names of changed files, but no contents"},
    {"replace", 0, NULL, "overwrite FILE even if it is not a report"},
    {NULL, 0, NULL, NULL},
};

static const struct firn_command_example examples[] = {
    {"firn report -o history.html", "write a page that can be opened in a browser"},
    {"firn report --no-diff --limit 1000 -o all.html", "write a long history, without contents"},
    {NULL, NULL},
};

const struct firn_command firn_report = {
    .name = "report",
    .summary = "Write the history as an HTML page",
    .arguments = "",
    .options = options,
    .help = "Writes a chart of sizes, then each checkpoint, newest first, with its tags, its\n"
            "message and what it changed since the previous one: names, line counts and,\n"
            "unfolded by a click, the changed lines. The page is a single file, loads\n"
            "nothing, follows the reader's choice of light or dark, and needs no scripts.\n"
            "\n"
            "It contains contents of your files. Keep that in mind before you share it, or\n"
            "use --no-diff. To keep the page small, at most 1,000 files of a checkpoint are\n"
            "named, at most 600 lines of a file are shown, and after 16 MiB no more lines are\n"
            "shown. The page says where something is left out.\n"
            "\n"
            "An existing FILE is replaced in one step, once the page is complete, but only if\n"
            "it is a report of firn, or with --replace.",
    .examples = examples,
    .uses = FIRN_COMMAND_USES_WORKSPACE,
    .run = run,
};
