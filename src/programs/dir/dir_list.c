/* SPDX-License-Identifier: Apache-2.0
 *
 * dir/dir_list.c: firn list.
 */
#include "dir/dir.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "show/show.h"
#include "task/task.h"
#include "term/term.h"

/* A tag, and the checkpoint that it names. */
struct tag {
    char id[FIRN_CHECKPOINT_ID_SIZE];
    char *name;
};

struct listing {
    const struct firn_cli *cli;
    uint64_t count;
    struct tag *tags; /* by id */
    size_t tag_count;
    size_t tag_capacity;
};

/* ---- tags ---- */

static int
keep_tag(void *ctx, const firn_workspace_tag *tag)
{
    struct listing *listing = ctx;
    assert(listing->tag_count <= listing->tag_capacity);
    if (listing->tag_count == listing->tag_capacity) {
        size_t capacity = listing->tag_capacity == 0 ? 16 : 2 * listing->tag_capacity;
        struct tag *tags = realloc(listing->tags, capacity * sizeof(*tags));
        if (tags == NULL) {
            return FIRN_NO_MEMORY;
        }
        listing->tags = tags;
        listing->tag_capacity = capacity;
    }
    struct tag *kept = &listing->tags[listing->tag_count];
    kept->name = strndup((const char *)tag->name.data, tag->name.size);
    if (kept->name == NULL) {
        return FIRN_NO_MEMORY;
    }
    memcpy(kept->id, tag->id, sizeof(kept->id));
    listing->tag_count++;
    return FIRN_OK;
}

/* Kept as a name that no tag can have, and that sorts before all of them. */
static const char pinned[] = "(pinned)";

static int
keep_pin(void *ctx, const firn_workspace_pin *pin)
{
    firn_workspace_tag tag = {.name = firn_str(pinned)};
    memcpy(tag.id, pin->id, sizeof(tag.id));
    return keep_tag(ctx, &tag);
}

static int
compare_tags(const void *a, const void *b)
{
    const struct tag *left = a;
    const struct tag *right = b;
    int order = strcmp(left->id, right->id);
    return order != 0 ? order : strcmp(left->name, right->name);
}

static int
read_tags(struct listing *listing, firn_workspace *workspace, firn_error *err)
{
    int code = firn_workspace_tag_list(workspace, keep_tag, listing, err);
    if (code == FIRN_OK) {
        code = firn_workspace_pin_list(workspace, keep_pin, listing, err);
    }
    if (code == FIRN_OK && listing->tag_count > 0) {
        qsort(listing->tags, listing->tag_count, sizeof(*listing->tags), compare_tags);
    }
    return code;
}

static void
free_tags(struct listing *listing)
{
    for (size_t i = 0; i < listing->tag_count; i++) {
        free(listing->tags[i].name);
    }
    free(listing->tags);
}

/* "  [v1.0, before]  (pinned)" */
static void
print_tags(const struct listing *listing, const char *id)
{
    assert(id[0] != '\0');
    size_t low = 0;
    size_t high = listing->tag_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (strcmp(listing->tags[middle].id, id) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    const char *before = "  [";
    bool is_pinned = low < listing->tag_count && strcmp(listing->tags[low].id, id) == 0 &&
                     strcmp(listing->tags[low].name, pinned) == 0;
    for (low += is_pinned; low < listing->tag_count && strcmp(listing->tags[low].id, id) == 0;
         low++) {
        firn_term_out_text(before);
        firn_term_text_escape(firn_str(listing->tags[low].name), firn_term_out_write);
        before = ", ";
    }
    if (before[0] == ',') {
        firn_term_out_text("]");
    }
    if (is_pinned) {
        firn_term_out_format("  %s", pinned);
    }
}

/* ---- rows ---- */

static void
print_row(const struct listing *listing, const firn_workspace_checkpoint *checkpoint)
{
    char name[FIRN_TERM_TEXT_NUMBER_SIZE] = "-";
    char time[FIRN_TERM_TEXT_TIME_SIZE];
    char files[FIRN_TERM_TEXT_NUMBER_SIZE];
    char bytes[FIRN_TERM_TEXT_SIZE_SIZE];
    if (!checkpoint->is_safety) {
        (void)firn_show_checkpoint_name(checkpoint, name);
    }
    firn_term_out_format("%4s  %.*s  %s  %9s %s  %8s", name, FIRN_CHECKPOINT_ID_SHORT,
                         checkpoint->id, firn_term_text_time(checkpoint->created_ns, time),
                         firn_term_text_number(checkpoint->files, files),
                         firn_term_text_plural(checkpoint->files, "file ", "files"),
                         firn_term_text_size(checkpoint->bytes, bytes));
    print_tags(listing, checkpoint->id);
    if (checkpoint->message.size > 0) {
        firn_term_out_text("  ");
        firn_term_text_cut(checkpoint->message, FIRN_SHOW_CHECKPOINT_MESSAGE_MAX,
                           firn_term_out_write);
    }
    firn_term_out_text("\n");
}

static int
visit(void *ctx, const firn_workspace_checkpoint *checkpoint)
{
    struct listing *listing = ctx;
    char name[FIRN_SHOW_CHECKPOINT_NAME_SIZE];
    listing->count++;
    firn_show_checkpoint_json(NULL, checkpoint);
    if (listing->cli->quiet) {
        firn_term_out_format("%s\n", firn_show_checkpoint_name(checkpoint, name));
    } else {
        print_row(listing, checkpoint);
    }
    return firn_term_out_error() == 0 ? FIRN_OK : FIRN_CANCELLED;
}

static int
run(struct firn_cli *cli)
{
    assert(cli->argument_count == 0);
    firn_error err;
    firn_workspace *workspace = NULL;
    struct listing listing = {.cli = cli};
    firn_workspace_list_options options = FIRN_WORKSPACE_LIST_OPTIONS_INIT;
    const char *limit = firn_command_value(cli, "limit");
    options.include_safety = firn_command_has(cli, "all");
    if (limit != NULL && !firn_command_number(limit, UINT64_MAX, &options.limit)) {
        return firn_command_misused(cli, "--limit takes a whole number, not '%s'", limit);
    }
    int exit_code = firn_task_workspace_open(cli, &workspace);
    if (exit_code != FIRN_EXIT_OK) {
        return exit_code;
    }
    firn_term_json_array("checkpoints");
    int code = cli->json || cli->quiet ? FIRN_OK : read_tags(&listing, workspace, &err);
    if (code == FIRN_OK) {
        code = firn_workspace_list(workspace, &options, visit, &listing, &err);
    }
    if (code != FIRN_OK) {
        exit_code = firn_command_report_failure(cli, &err, NULL);
    } else {
        firn_term_json_end();
        if (listing.count == 0 && options.limit > 0 && !cli->quiet) {
            firn_term_out_text("no checkpoints\n");
        }
        if (listing.count == 0) {
            firn_task_workspace_tell_unread(workspace);
        }
        exit_code = firn_task_pending_tell(cli, workspace, NULL);
    }
    free_tags(&listing);
    firn_workspace_close(workspace);
    return exit_code;
}

static const struct firn_command_option options[] = {
    {"limit", 'n', "N", "list only the N newest"},
    {"all", 'a', NULL, "include safety checkpoints, which restores take"},
    {NULL, 0, NULL, NULL},
};

static const struct firn_command_example examples[] = {
    {"firn list -n 5", "list the five newest"},
    {NULL, NULL},
};

const struct firn_command firn_dir_list = {
    .name = "list",
    .summary = "List the checkpoints of the workspace, newest first",
    .arguments = "",
    .options = options,
    .help = "Prints one row for each checkpoint: its number, the beginning of its id, when it\n"
            "was made (UTC), how many files and bytes it contains, its tags in [], whether it\n"
            "is pinned, and the beginning of its message (firn show REF prints all of it).\n"
            "With --quiet only numbers are printed. A safety checkpoint, listed by --all, has\n"
            "no number; refer to it by its id.\n"
            "\n"
            "Nothing is created, even if nothing was ever saved.",
    .examples = examples,
    .uses = FIRN_COMMAND_USES_WORKSPACE,
    .run = run,
};
