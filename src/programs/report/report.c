/* SPDX-License-Identifier: Apache-2.0
 *
 * report/report.c: firn report: a history as one page of HTML.
 *
 * The checkpoints are listed first, for the chart above them; then each is compared with the one
 * before it. The contents of the very first checkpoint are counted, not listed.
 *
 * The page has a limit of bytes (I1: it is kept whatever the checkpoints contain; not checked: a
 * test looks at a page with hostile ones). What every checkpoint needs at least is measured first:
 * its head, and a share for the names of some files. The rest goes to the newest: names and lines
 * are shown as long as they leave that much to all that follow.
 *
 * Memory: the list, one comparison, and the index of the files. The page is written as it grows.
 */
#include "report/report.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "show/show.h"
#include "task/task.h"
#include "term/term.h"
#include "term/term_try.h"

enum {
    LIMIT_DEFAULT = 100,
    PAGE_BYTES_MIN = 3000000, /* what a page may have, however few checkpoints it has */
    PAGE_BYTES_EACH = 3000,   /* for each, if that is more */
    NAMES_BYTES_EACH = 700,   /* of them for files, without their lines */
    INDEX_BYTES_EACH = 200,   /* of these for the index alone */
    TAIL_BYTES_MAX = 500,     /* what follows the head of a checkpoint, beside files and texts */
    TITLE_COLUMNS = 120,      /* of a message or a prompt */
    TAG_COLUMNS = 30,         /* of a tag */
    TAGS_MAX = 8              /* of a checkpoint */
};

struct tag {
    char id[FIRN_CHECKPOINT_ID_SIZE];
    char *name;
};

struct reporting {
    struct fi_cli *cli;
    firn_workspace *workspace;
    const char *path; /* NULL: standard output */
    bool is_own_path; /* the user gave none */
    struct fi_task_window window;
    bool with_safety;
    uint64_t limit;

    firn_workspace_checkpoint *checkpoints; /* newest first; texts are theirs */
    size_t count;
    size_t capacity;
    bool has_older;
    struct tag *tags;
    size_t tag_count;
    size_t tag_capacity;

    struct fi_task_notices notices;
    struct fi_report_page page;
    struct fi_report_difference shown;
    uint64_t texts_left; /* messages and prompts that are shown in part */
    uint64_t reserved;   /* bytes that what follows the current checkpoint needs at least */
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
    bool is_in = fi_task_window_has(&reporting->window, checkpoint);
    if ((checkpoint->is_safety && !reporting->with_safety) ||
        (!is_in && !reporting->window.has_ended)) {
        return FIRN_OK;
    }
    if (!is_in || reporting->count == reporting->limit) {
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
    *kept = *checkpoint;
    firn_slice *texts[] = {&kept->message, &kept->turn.agent, &kept->turn.session,
                           &kept->turn.prompt};
    size_t size = 1;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        size += texts[i]->size;
    }
    uint8_t *copy = malloc(size); /* begins with the message */
    if (copy == NULL) {
        return FIRN_NO_MEMORY;
    }
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        if (texts[i]->size > 0) {
            memcpy(copy, texts[i]->data, texts[i]->size);
        }
        *texts[i] = firn_bytes(copy, texts[i]->size);
        copy += texts[i]->size;
    }
    reporting->count++;
    return FIRN_OK;
}

static int
read_list(struct reporting *reporting, firn_error *err)
{
    firn_workspace_list_options options = FIRN_WORKSPACE_LIST_OPTIONS_INIT;
    bool is_whole = reporting->window.is_whole;
    options.include_safety = reporting->with_safety || !is_whole;
    options.limit = is_whole && reporting->limit < UINT64_MAX ? reporting->limit + 1 : UINT64_MAX;
    FI_TRY_RETURN(firn_workspace_tag_list(reporting->workspace, keep_tag, reporting, err));
    return firn_workspace_list(reporting->workspace, &options, keep_checkpoint, reporting, err);
}

static void
report_release(struct reporting *reporting)
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
    size_t count = 0;
    for (size_t i = 0; i < reporting->tag_count; i++) {
        if (strcmp(reporting->tags[i].id, id) == 0 && count++ < TAGS_MAX) {
            fi_report_html_raw(" <span class=\"tag\">");
            (void)fi_report_html_title(firn_str(reporting->tags[i].name), TAG_COLUMNS);
            fi_report_html_raw("</span>");
        }
    }
    if (count > TAGS_MAX) {
        fi_report_html_format(" <span class=\"tag\">and %zu more</span>", count - TAGS_MAX);
    }
}

/* What a person or an agent wrote: the prompt of the turn that ended with it, else the message. */
static firn_slice
text_of(const firn_workspace_checkpoint *checkpoint)
{
    return checkpoint->turn.prompt.size > 0 ? checkpoint->turn.prompt : checkpoint->message;
}

/* Of a turn of an agent the state before it is wanted more often than the one after it. */
static bool
is_turn_after_another(const struct reporting *reporting,
                      const firn_workspace_checkpoint *checkpoint)
{
    const firn_workspace_checkpoint *oldest = &reporting->checkpoints[reporting->count - 1];
    bool is_first = !reporting->has_older && strcmp(checkpoint->id, oldest->id) == 0;
    return checkpoint->turn.agent.size > 0 && !checkpoint->is_safety && !is_first;
}

/* Returns whether all of its text is there. */
static bool
show_head(const struct reporting *reporting, const firn_workspace_checkpoint *checkpoint)
{
    char name[FI_SHOW_CHECKPOINT_NAME_SIZE];
    char time[FI_TERM_TEXT_TIME_SIZE];
    char files[FI_TERM_TEXT_NUMBER_SIZE];
    char bytes[FI_TERM_TEXT_SIZE_SIZE];
    char added[FI_TERM_TEXT_SIZE_SIZE];
    bool is_whole = true;
    const firn_slice text = text_of(checkpoint);
    bool undoes = is_turn_after_another(reporting, checkpoint);
    (void)fi_show_checkpoint_name(checkpoint, name);
    fi_report_html_format("<article id=\"%s\" tabindex=\"-1\"><h3>%s%s", checkpoint->id,
                          checkpoint->is_safety ? "safety " : "", name);
    show_tags(reporting, checkpoint->id);
    if (text.size > 0) {
        fi_report_html_raw(" ");
        is_whole = fi_report_html_title(text, TITLE_COLUMNS);
    }
    fi_report_html_format("</h3>\n<p class=\"facts\">%.*s · %s · %s %s · %s · %s added · "
                          "%s<code>firn restore %s%s</code></p>\n",
                          FIRN_CHECKPOINT_ID_SHORT, checkpoint->id,
                          fi_term_text_time(checkpoint->created_ns, time),
                          fi_term_text_number(checkpoint->files, files),
                          fi_term_text_plural(checkpoint->files, "file", "files"),
                          fi_term_text_size(checkpoint->bytes, bytes),
                          fi_term_text_size(checkpoint->added_bytes, added),
                          undoes ? "back to before it: " : "", name, undoes ? "~1" : "");
    return is_whole;
}

/* All of a text of several lines, if there is room. */
static void
show_text(struct reporting *reporting, const firn_workspace_checkpoint *checkpoint)
{
    struct fi_show_lines lines = {text_of(checkpoint), 0};
    fi_report_html_hold();
    fi_report_html_format(
        "<details><summary>the whole %s</summary><pre class=\"text\" tabindex=\"0\">",
        checkpoint->turn.prompt.size > 0 ? "prompt" : "message");
    while (lines.left.size > 0) {
        firn_slice line = fi_show_lines_next(&lines);
        bool has_end = line.data[line.size - 1] == '\n';
        fi_report_html_code(firn_bytes(line.data, line.size - (has_end ? 1 : 0)));
        fi_report_html_raw("\n");
    }
    fi_report_html_raw("</pre></details>\n");
    if (fi_report_html_bytes() + fi_report_index_bytes() <= reporting->shown.lines_bytes_max) {
        fi_report_html_keep();
        return;
    }
    fi_report_html_forget();
    fi_report_html_raw(
        "<p class=\"cut\">The rest of the text is left out; firn show has it.</p>\n");
    reporting->texts_left++;
}

static void
show_counts(const firn_workspace_diff_result *result, bool with_lines)
{
    assert(result != NULL);
    char number[FI_TERM_TEXT_NUMBER_SIZE];
    fi_report_html_format("%s changed", fi_term_text_number(result->changed, number));
    if (result->times_only > 0) {
        fi_report_html_format(" (%s times only)", fi_term_text_number(result->times_only, number));
    }
    fi_report_html_raw(", ");
    fi_report_html_format("%s added, ", fi_term_text_number(result->added, number));
    fi_report_html_format("%s removed", fi_term_text_number(result->removed, number));
    if (result->renamed > 0) {
        fi_report_html_format(", %s renamed", fi_term_text_number(result->renamed, number));
    }
    if (with_lines) {
        fi_report_html_format(" · <ins>+%s</ins>",
                              fi_term_text_number(result->lines_added, number));
        fi_report_html_format(" <del>−%s</del>",
                              fi_term_text_number(result->lines_removed, number));
    }
}

static int
show_changes(struct reporting *reporting, const firn_workspace_checkpoint *checkpoint,
             firn_error *err)
{
    char number[FI_TERM_TEXT_NUMBER_SIZE];
    firn_workspace_diff_options options = FIRN_WORKSPACE_DIFF_OPTIONS_INIT;
    firn_workspace_diff_result result = FIRN_WORKSPACE_DIFF_RESULT_INIT;
    struct fi_report_difference *shown = &reporting->shown;
    options.after = checkpoint->id;
    options.against_previous = true;
    options.find_renames = true;
    options.without_times = true;
    options.with_lines = shown->with_lines;
    options.callbacks = fi_task_notices_callbacks(&reporting->notices);
    shown->entries = 0;
    shown->entries_shown = 0;
    fi_report_index_checkpoint(checkpoint->id);
    fi_report_html_hold();
    int code = firn_workspace_diff(reporting->workspace, &options, fi_report_difference_visit,
                                   shown, &result, err);
    firn_release(result.before);
    firn_release(result.after);
    bool has_rows = shown->entries_shown > 0;
    /* The counts come first, and are known last. */
    fi_report_html_hold();
    fi_report_html_raw(has_rows ? "<details class=\"changes\"><summary>" : "<p class=\"facts\">");
    show_counts(&result, options.with_lines);
    fi_report_html_raw(has_rows ? "</summary><div class=\"files\">\n" : "</p>\n");
    fi_report_html_keep_before();
    if (shown->entries > shown->entries_shown) {
        uint64_t more = shown->entries - shown->entries_shown;
        fi_report_html_format("<p class=\"cut\">and %s more</p>\n",
                              fi_term_text_number(more, number));
    }
    fi_report_html_raw(has_rows ? "</div></details>\n" : "");
    return code;
}

static uint64_t
difference_or_0(uint64_t a, uint64_t b)
{
    return a > b ? a - b : 0;
}

static int
show_checkpoint(struct reporting *reporting, size_t i, firn_error *err)
{
    assert(i < reporting->count);
    const firn_workspace_checkpoint *checkpoint = &reporting->checkpoints[i];
    struct fi_report_difference *shown = &reporting->shown;
    bool is_first = i + 1 == reporting->count && !reporting->has_older;
    uint64_t page_bytes_max = (uint64_t)reporting->count * PAGE_BYTES_EACH;
    page_bytes_max = page_bytes_max > PAGE_BYTES_MIN ? page_bytes_max : PAGE_BYTES_MIN;
    shown->bytes_max = difference_or_0(page_bytes_max, reporting->reserved + TAIL_BYTES_MAX);
    shown->rows_bytes_max = difference_or_0(shown->bytes_max, INDEX_BYTES_EACH);
    shown->lines_bytes_max = difference_or_0(shown->bytes_max, NAMES_BYTES_EACH);
    int code = FIRN_OK;
    fi_report_group_begin(&reporting->page, i);
    if (!show_head(reporting, checkpoint)) {
        show_text(reporting, checkpoint);
    }
    if (is_first) {
        fi_report_html_raw("<p class=\"facts\">the first one</p>\n");
    } else {
        code = show_changes(reporting, checkpoint, err);
    }
    fi_report_html_raw("</article>\n");
    fi_report_group_end(&reporting->page, i);
    return code;
}

/* ---- the page ---- */

/* What the page needs for a checkpoint, its files and a long text aside. */
static uint64_t
report_measure(const struct reporting *reporting, size_t i)
{
    const uint64_t before = fi_report_html_bytes();
    fi_report_html_hold();
    fi_report_group_begin(&reporting->page, i);
    (void)show_head(reporting, &reporting->checkpoints[i]);
    fi_report_group_end(&reporting->page, i);
    uint64_t bytes = fi_report_html_bytes() - before;
    fi_report_html_forget();
    return bytes + TAIL_BYTES_MAX + NAMES_BYTES_EACH;
}

static uint64_t
measure_end(const struct fi_report_page *page)
{
    const struct fi_report_page_left most = {UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX};
    const uint64_t before = fi_report_html_bytes();
    fi_report_html_hold();
    fi_report_page_end(page, &most);
    uint64_t bytes = fi_report_html_bytes() - before;
    fi_report_html_forget();
    return bytes;
}

static int
write_checkpoints(struct reporting *reporting, firn_error *err)
{
    int code = FIRN_OK;
    reporting->reserved = measure_end(&reporting->page);
    for (size_t i = 0; i < reporting->count; i++) {
        reporting->reserved += report_measure(reporting, i);
    }
    for (size_t i = 0; code == FIRN_OK && i < reporting->count && !fi_report_html_has_failed();
         i++) {
        reporting->reserved -= report_measure(reporting, i);
        code = show_checkpoint(reporting, i, err);
    }
    return code;
}

static int
write_page(struct reporting *reporting, firn_error *err)
{
    assert(reporting->workspace != NULL);
    struct fi_report_page *page = &reporting->page;
    *page = (struct fi_report_page){.root = firn_workspace_root(reporting->workspace),
                                    .checkpoints = reporting->checkpoints,
                                    .count = reporting->count,
                                    .has_older = reporting->has_older};
    const struct fi_report_html_place place = {.path = reporting->path,
                                               .is_own = reporting->is_own_path,
                                               .replaces =
                                                   fi_command_has(reporting->cli, "replace")};
    FI_TRY_RETURN(fi_report_html_begin(&place, err));
    fi_report_page_begin(page);
    int code = write_checkpoints(reporting, err);
    const struct fi_report_page_left left = {.cut = reporting->shown.entries_cut,
                                             .files = reporting->shown.entries_left,
                                             .changes = reporting->shown.changes_left,
                                             .texts = reporting->texts_left};
    fi_report_page_end(page, &left);
    /* In the end the write that failed is reported, not the work that was cancelled for it. */
    return code == FIRN_OK || fi_report_html_has_failed() ? fi_report_html_end(err) : code;
}

static void
tell(const struct reporting *reporting)
{
    char size[FI_TERM_TEXT_SIZE_SIZE];
    if (reporting->path == NULL) {
        return; /* standard output has the page */
    }
    fi_term_json_bytes("file", firn_str(reporting->path));
    fi_term_json_u64("checkpoints", reporting->count);
    fi_term_json_u64("bytes", fi_report_html_bytes());
    fi_term_json_u64("cut", reporting->shown.entries_cut);
    fi_term_json_u64("left_out", reporting->shown.entries_left);
    fi_task_notices_json(&reporting->notices);
    if (!reporting->cli->quiet) {
        fi_term_text_escape(firn_str(reporting->path), fi_term_out_write);
        fi_term_out_format(": %zu %s, %s\n", reporting->count,
                           fi_term_text_plural(reporting->count, "checkpoint", "checkpoints"),
                           fi_term_text_size(fi_report_html_bytes(), size));
    }
}

static int
report_report(struct reporting *reporting)
{
    assert(reporting->checkpoints == NULL && reporting->count == 0);
    firn_error err;
    fi_report_index_init();
    int code = read_list(reporting, &err);
    if (code == FIRN_OK) {
        code = write_page(reporting, &err);
    }
    bool is_out_of_memory = reporting->shown.is_out_of_memory || fi_report_index_has_failed();
    fi_term_meter_clear();
    fi_report_html_drop();
    fi_report_index_deinit();
    if (is_out_of_memory) {
        return fi_command_report_no_memory(reporting->cli);
    }
    if (code != FIRN_OK) {
        return fi_command_report_failure(reporting->cli, &err,
                                         code == FIRN_EXISTS ? "overwrite it with --replace"
                                         : code == FIRN_INVALID && err.os_errno == ELOOP
                                             ? "name another file with -o FILE"
                                             : NULL);
    }
    tell(reporting);
    if (fi_command_has(reporting->cli, "open")) {
        bool is_open = fi_report_open(reporting->cli, reporting->path);
        fi_term_json_bool("opened", is_open);
        return is_open ? FI_EXIT_OK : FI_EXIT_PARTIAL;
    }
    return FI_EXIT_OK;
}

/* "/srv/express-history.html" of /srv/express: beside the workspace, so that no save takes it. The
 * caller frees it. NULL when memory is out. */
static char *
default_path(const char *root)
{
    static const char end[] = "-history.html";
    assert(root[0] == '/');
    char *path = malloc(strlen(root) + sizeof(end) + 4);
    if (path != NULL) {
        (void)sprintf(path, "%s%s%s", root, root[1] == '\0' ? "root" : "", end);
    }
    return path;
}

static int
report_run(struct fi_cli *cli)
{
    const char *limit = fi_command_value(cli, "limit");
    const char *path = fi_command_value(cli, "output");
    char *own_path = NULL;
    struct reporting reporting = {.cli = cli,
                                  .path = path,
                                  .with_safety = fi_command_has(cli, "all"),
                                  .limit = LIMIT_DEFAULT,
                                  .shown = {.with_lines = !fi_command_has(cli, "no-diff")}};
    if (path != NULL && path[0] == '\0') {
        return fi_command_misused(cli, "name the file to write with -o FILE");
    }
    if (limit != NULL && !fi_command_number(limit, UINT64_MAX, &reporting.limit)) {
        return fi_command_misused(cli, "--limit takes a whole number, not '%s'", limit);
    }
    bool is_output = path != NULL && strcmp(path, "-") == 0;
    if (is_output && cli->json) {
        return fi_command_misused(cli, "--json and -o - both want standard output");
    }
    if (is_output && fi_command_has(cli, "open")) {
        return fi_command_misused(cli, "--open needs a file, not -o -");
    }
    int exit_code = fi_task_workspace_open(cli, &reporting.workspace);
    if (exit_code == FI_EXIT_OK) {
        exit_code = fi_task_window_init(cli, reporting.workspace, &reporting.window);
    }
    if (exit_code == FI_EXIT_OK && path == NULL) {
        own_path = default_path(firn_workspace_root(reporting.workspace));
        exit_code = own_path == NULL ? fi_command_report_no_memory(cli) : FI_EXIT_OK;
    }
    reporting.path = is_output ? NULL : path != NULL ? path : own_path;
    reporting.is_own_path = own_path != NULL;
    if (exit_code == FI_EXIT_OK) {
        fi_task_notices_init(&reporting.notices, cli);
        exit_code = report_report(&reporting);
        fi_task_notices_deinit(&reporting.notices);
    }
    if (exit_code == FI_EXIT_OK) {
        exit_code = fi_task_pending_report(cli, reporting.workspace, NULL);
    }
    report_release(&reporting);
    free(own_path);
    firn_workspace_close(reporting.workspace);
    return exit_code;
}

static const struct fi_command_option options[] = {
    {"output", 'o', "FILE", "write the page to FILE (-: standard output)"},
    {"open", 0, NULL, "then show it with $BROWSER or xdg-open"},
    {"limit", 'n', "N", "show the N newest checkpoints (default 100)"},
    {"all", 'a', NULL, "include safety checkpoints, which restores take"},
    {"no-diff", 0, NULL, "show names of changed files, but no contents"},
    {"replace", 0, NULL, "overwrite FILE even if it is not a report"},
    {NULL, 0, NULL, NULL},
};

static const struct fi_command_example examples[] = {
    {"firn report --open", "look at the history in a browser"},
    {"firn report --no-diff --limit 1000 -o all.html", "write a long history, without contents"},
    {NULL, NULL},
};

const struct fi_command fi_report = {
    .name = "report",
    .summary = "Write the history as an HTML page",
    .arguments = "[REF..REF]",
    .options = options,
    .help = "Writes a chart of sizes, then each checkpoint, newest first, by days and by the\n"
            "sessions of coding agents, with its tags, its message or the agent's prompt, and\n"
            "what it changed since the previous one: names, line counts and, unfolded by a\n"
            "click, the changed lines, with the words that differ. The page is a single file,\n"
            "loads nothing, follows the reader's choice of light or dark, and can be read\n"
            "without scripts. A script adds a filter, keys, the history of each file, and\n"
            "buttons that copy the command to restore a checkpoint. A..B limits the page to\n"
            "what came after A, up to and including B; A.. and ..B leave one side open.\n"
            "\n"
            "Without -o the page of /srv/express is /srv/express-history.html, beside the\n"
            "workspace, so that no save takes it. --open waits until the program that shows\n"
            "the page has ended. $BROWSER is a program, with arguments if need be, or several\n"
            "with colons between them: the first that is installed is used.\n"
            "\n"
            "It contains contents of your files. Keep that in mind before you share it, or\n"
            "use --no-diff. It has at most 3 MB, or 3 KB for each checkpoint if there are\n"
            "more than 1,000. At most 1,000 files of a checkpoint are named, and at most 600\n"
            "lines of a file are shown. Lines of older checkpoints are left out first. The\n"
            "page says where something is left out.\n"
            "\n"
            "An existing FILE is replaced in one step, once the page is complete, but only if\n"
            "it is a report of firn, or with --replace.",
    .examples = examples,
    .uses = FI_COMMAND_USES_WORKSPACE,
    .run = report_run,
};
