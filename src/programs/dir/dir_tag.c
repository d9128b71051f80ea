/* SPDX-License-Identifier: Apache-2.0
 *
 * dir/dir_tag.c: firn tag.
 */
#include "dir/dir.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "show/show.h"
#include "task/task.h"
#include "term/term.h"

struct tagging {
    firn_workspace *workspace;
    const char *name;
    const char *reference; /* NULL: take the tag away */
    bool may_replace;
    firn_workspace_checkpoint *checkpoint;
};

static int
dir_tag_attempt(void *ctx, firn_error *err)
{
    struct tagging *tagging = ctx;
    return tagging->reference == NULL
               ? firn_workspace_tag_delete(tagging->workspace, tagging->name, err)
               : firn_workspace_tag_set(tagging->workspace, tagging->name, tagging->reference,
                                        tagging->may_replace, &tagging->checkpoint, err);
}

static const char *
hint_of(struct tagging *tagging, int code)
{
    assert(code != FIRN_OK);
    if (code == FIRN_EXISTS) {
        return "move it to this one with --replace, or choose another name";
    }
    return tagging->reference == NULL
               ? "firn tag lists the tags"
               : fi_task_workspace_hint(tagging->workspace, tagging->reference, code);
}

static int
dir_tag_change(struct fi_cli *cli, struct tagging *tagging)
{
    assert(tagging->name != NULL);
    firn_error err;
    char number[FI_SHOW_CHECKPOINT_NAME_SIZE];
    int code = fi_task_patience_run(cli, dir_tag_attempt, tagging, &err);
    fi_term_meter_clear();
    cli->is_done = code == FIRN_OK;
    if (code != FIRN_OK) {
        return fi_command_report_failure(cli, &err, hint_of(tagging, code));
    }
    fi_term_json_string("tag", tagging->name);
    if (tagging->reference != NULL) {
        fi_show_checkpoint_json("checkpoint", tagging->checkpoint);
    }
    if (!cli->quiet && tagging->reference != NULL) {
        fi_term_text_escape(firn_str(tagging->name), fi_term_out_write);
        fi_term_out_format(" is %s\n", fi_show_checkpoint_name(tagging->checkpoint, number));
    } else if (!cli->quiet) {
        fi_term_out_text("took the tag ");
        fi_term_text_escape(firn_str(tagging->name), fi_term_out_write);
        fi_term_out_text(" away\n");
    }
    return FI_EXIT_OK;
}

/* ---- listing ---- */

struct listing {
    const struct fi_cli *cli;
    uint64_t count;
};

static void
print_json(const firn_workspace_tag *tag)
{
    fi_term_json_object(NULL);
    fi_term_json_bytes("name", tag->name);
    fi_term_json_u64_if("number", tag->number, tag->number != 0);
    fi_term_json_string("id", tag->id);
    fi_term_json_time("tagged", tag->created_ns);
    fi_term_json_end();
}

static void
print_row(const firn_workspace_tag *tag, bool only_name)
{
    char number[FI_SHOW_CHECKPOINT_NAME_SIZE] = "-";
    char time[FI_TERM_TEXT_TIME_SIZE];
    if (tag->number != 0) {
        (void)snprintf(number, sizeof(number), "%llu", (unsigned long long)tag->number);
    }
    if (!only_name) {
        fi_show_checkpoint_print_names(number, tag->id);
        fi_term_out_format("  %s  ", fi_term_text_time(tag->created_ns, time));
        fi_term_colour(FI_TERM_GREEN);
    }
    fi_term_text_escape(tag->name, fi_term_out_write);
    if (!only_name) {
        fi_term_colour(FI_TERM_PLAIN);
    }
    fi_term_out_text("\n");
}

static int
dir_tag_visit(void *ctx, const firn_workspace_tag *tag)
{
    struct listing *listing = ctx;
    listing->count++;
    print_json(tag);
    print_row(tag, listing->cli->quiet);
    return fi_term_out_error() == 0 ? FIRN_OK : FIRN_CANCELLED;
}

static int
dir_tag_list(struct fi_cli *cli, firn_workspace *workspace)
{
    assert(workspace != NULL);
    firn_error err;
    struct listing listing = {cli, 0};
    fi_term_json_array("tags");
    if (firn_workspace_tag_list(workspace, dir_tag_visit, &listing, &err) != FIRN_OK) {
        return fi_command_report_failure(cli, &err, NULL);
    }
    fi_term_json_end();
    if (listing.count == 0 && !cli->quiet) {
        fi_term_out_text("no tags\n");
    }
    return FI_EXIT_OK;
}

/* ---- for completions ---- */

enum { COMPLETED_MAX = 20 };

struct completing {
    void (*put)(firn_slice reference);
};

static int
put_tag(void *ctx, const firn_workspace_tag *tag)
{
    const struct completing *completing = ctx;
    completing->put(tag->name);
    return FIRN_OK;
}

static int
put_checkpoint(void *ctx, const firn_workspace_checkpoint *checkpoint)
{
    const struct completing *completing = ctx;
    char name[FI_SHOW_CHECKPOINT_NAME_SIZE];
    completing->put(firn_str(fi_show_checkpoint_name(checkpoint, name)));
    return FIRN_OK;
}

void
fi_dir_tag_references(struct fi_cli *cli, void (*put)(firn_slice reference))
{
    firn_workspace *workspace;
    firn_workspace_options open_options = FIRN_WORKSPACE_OPTIONS_INIT;
    firn_workspace_list_options list_options = FIRN_WORKSPACE_LIST_OPTIONS_INIT;
    struct completing completing = {put};
    open_options.store_path = cli->store_path;
    list_options.limit = COMPLETED_MAX;
    if (firn_workspace_open(".", &open_options, &workspace, NULL) != FIRN_OK) {
        return;
    }
    int code = firn_workspace_tag_list(workspace, put_tag, &completing, NULL);
    if (code == FIRN_OK) {
        code = firn_workspace_list(workspace, &list_options, put_checkpoint, &completing, NULL);
    }
    (void)code; /* what could be read is offered */
    firn_workspace_close(workspace);
}

/* Words that are subcommands of other programs. */
enum fi_dir_tag_word
fi_dir_tag_word_of(const char *word)
{
    static const struct {
        const char *word;
        enum fi_dir_tag_word is;
    } words[] = {
        {"list", FI_DIR_TAG_WORD_LISTS},  {"ls", FI_DIR_TAG_WORD_LISTS},
        {"rm", FI_DIR_TAG_WORD_REMOVES},  {"remove", FI_DIR_TAG_WORD_REMOVES},
        {"del", FI_DIR_TAG_WORD_REMOVES}, {"delete", FI_DIR_TAG_WORD_REMOVES},
        {"add", FI_DIR_TAG_WORD_ADDS},    {"create", FI_DIR_TAG_WORD_ADDS},
        {"set", FI_DIR_TAG_WORD_ADDS},
    };
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (strcmp(word, words[i].word) == 0) {
            return words[i].is;
        }
    }
    return FI_DIR_TAG_WORD_NONE;
}

/* What to type instead of firn tag list, firn tag rm NAME and the like; NULL: it is a tag. With a
 * REF, list is one, too. */
static const char *
habit_of(const struct fi_cli *cli)
{
    switch (fi_dir_tag_word_of(cli->arguments[0])) {
    case FI_DIR_TAG_WORD_LISTS:
        return cli->argument_count == 1 ? "firn tag lists the tags" : NULL;
    case FI_DIR_TAG_WORD_REMOVES:
        return "firn tag -d NAME deletes a tag";
    case FI_DIR_TAG_WORD_ADDS:
        return "firn tag NAME [REF] sets a tag";
    case FI_DIR_TAG_WORD_NONE:
        break;
    }
    return NULL;
}

static int
dir_tag_run(struct fi_cli *cli)
{
    assert(cli->argument_count <= 2);
    bool deletes = fi_command_has(cli, "delete");
    struct tagging tagging = {.may_replace = fi_command_has(cli, "replace")};
    if ((deletes || tagging.may_replace) && cli->argument_count == 0) {
        return fi_command_misused(cli, "missing NAME");
    }
    if (deletes && (cli->argument_count > 1 || tagging.may_replace)) {
        return fi_command_misused(cli, "--delete takes the name of a tag and nothing else");
    }
    const char *habit =
        cli->argument_count > 0 && !deletes && !tagging.may_replace ? habit_of(cli) : NULL;
    if (habit != NULL) {
        return fi_command_report_error(
            cli, FIRN_INVALID, habit, "'%s' is not taken for the name of a tag", cli->arguments[0]);
    }
    int exit_code = fi_task_workspace_open(cli, &tagging.workspace);
    if (exit_code != FI_EXIT_OK) {
        return exit_code;
    }
    if (cli->argument_count == 0) {
        exit_code = dir_tag_list(cli, tagging.workspace);
    } else {
        const char *reference = cli->argument_count > 1 ? cli->arguments[1] : "latest";
        tagging.name = cli->arguments[0];
        tagging.reference = deletes ? NULL : reference;
        exit_code = dir_tag_change(cli, &tagging);
    }
    firn_release(tagging.checkpoint);
    firn_workspace_close(tagging.workspace);
    return exit_code;
}

static const struct fi_command_option options[] = {
    {"delete", 'd', NULL, "delete the tag; the checkpoint stays"},
    {"replace", 0, NULL, "move the tag if another checkpoint has it"},
    {NULL, 0, NULL, NULL},
};

static const struct fi_command_example examples[] = {
    {"firn tag before-the-agent", "tag the newest checkpoint"},
    {"firn tag v1.0 12", "tag checkpoint 12"},
    {"firn restore v1.0", "restore that checkpoint"},
    {"firn tag", "list the tags"},
    {NULL, NULL},
};

const struct fi_command fi_dir_tag = {
    .name = "tag",
    .summary = "Add, list or delete tags (names of checkpoints)",
    .arguments = "[NAME] [REF]",
    .options = options,
    .help = "A tag can be used wherever a command takes a checkpoint. Tags the checkpoint REF\n"
            "(default: latest). Without NAME, lists the tags: the number and the id of the\n"
            "checkpoint, when it was tagged, and the tag.\n"
            "\n"
            "firn undo takes back that a tag was set, moved or deleted.\n"
            "\n"
            "A tag has up to 255 letters, digits and characters of ._-+/, and begins with a\n"
            "letter. It cannot be latest, now or yesterday, nor four or more letters that are\n"
            "all between k and z, as in ids.",
    .examples = examples,
    .uses = FI_COMMAND_USES_WORKSPACE | FI_COMMAND_USES_LOCK | FI_COMMAND_USES_COLOUR,
    .run = dir_tag_run,
};
