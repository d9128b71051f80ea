/* SPDX-License-Identifier: Apache-2.0
 *
 * cli/cmd_tag.c: firn tag.
 */
#include <stdio.h>

#include "cli/cli_workspace.h"
#include "cli/cmd.h"
#include "cli/exit_code.h"
#include "cli/json_out.h"
#include "cli/meter.h"
#include "cli/out.h"
#include "cli/patience.h"
#include "cli/report.h"
#include "cli/text.h"

struct tagging {
    firn_workspace *workspace;
    const char *name;
    const char *reference; /* NULL: take the tag away */
    bool may_replace;
    firn_workspace_checkpoint checkpoint;
};

static int
attempt(void *ctx, firn_error *err)
{
    struct tagging *tagging = ctx;
    return tagging->reference == NULL
               ? firn_workspace_tag_remove(tagging->workspace, tagging->name, err)
               : firn_workspace_tag_set(tagging->workspace, tagging->name, tagging->reference,
                                        tagging->may_replace, &tagging->checkpoint, err);
}

static const char *
hint_of(struct tagging *tagging, int code)
{
    if (code == FIRN_EXISTS) {
        return "give it to this one with --force, or choose another name";
    }
    return tagging->reference == NULL
               ? "firn tag lists the tags"
               : firn_cli_workspace_hint(tagging->workspace, tagging->reference, code);
}

static int
change(struct firn_cli *cli, struct tagging *tagging)
{
    firn_error err;
    char number[FIRN_CLI_WORKSPACE_NAME_SIZE];
    int code = firn_patience_run(cli, attempt, tagging, &err);
    firn_meter_clear();
    cli->is_done = code == FIRN_OK;
    if (code != FIRN_OK) {
        return firn_report_failure(cli, &err, hint_of(tagging, code));
    }
    if (cli->json) {
        firn_json_out_string("tag", tagging->name);
        if (tagging->reference != NULL) {
            firn_cli_workspace_checkpoint_json("checkpoint", &tagging->checkpoint);
        }
    } else if (!cli->quiet && tagging->reference != NULL) {
        firn_out_format("%s is %s\n", tagging->name,
                        firn_cli_workspace_name(&tagging->checkpoint, number));
    } else if (!cli->quiet) {
        firn_out_format("took the tag %s away\n", tagging->name);
    }
    return FIRN_EXIT_OK;
}

/* ---- listing ---- */

struct listing {
    const struct firn_cli *cli;
    uint64_t count;
};

static void
print_json(const firn_workspace_tag *tag)
{
    firn_json_out_object(NULL);
    firn_json_out_bytes("name", tag->name);
    if (tag->number == 0) {
        firn_json_out_null("number");
    } else {
        firn_json_out_u64("number", tag->number);
    }
    firn_json_out_string("id", tag->id);
    firn_json_out_time("tagged", tag->created_ns);
    firn_json_out_end();
}

static void
print_row(const firn_workspace_tag *tag, bool only_name)
{
    char number[FIRN_CLI_WORKSPACE_NAME_SIZE] = "-";
    char time[FIRN_TEXT_TIME_SIZE];
    if (tag->number != 0) {
        (void)snprintf(number, sizeof(number), "%llu", (unsigned long long)tag->number);
    }
    if (!only_name) {
        firn_out_format("%4s  %.*s  %s  ", number, FIRN_CHECKPOINT_ID_SHORT, tag->id,
                        firn_text_time(tag->created_ns, time));
    }
    firn_text_escape(tag->name, firn_out_write);
    firn_out_text("\n");
}

static int
visit(void *ctx, const firn_workspace_tag *tag)
{
    struct listing *listing = ctx;
    listing->count++;
    if (listing->cli->json) {
        print_json(tag);
    } else {
        print_row(tag, listing->cli->quiet);
    }
    return firn_out_error() == 0 ? FIRN_OK : FIRN_CANCELLED;
}

static int
list(struct firn_cli *cli, firn_workspace *workspace)
{
    firn_error err;
    struct listing listing = {cli, 0};
    if (cli->json) {
        firn_json_out_array("tags");
    }
    if (firn_workspace_tag_list(workspace, visit, &listing, &err) != FIRN_OK) {
        return firn_report_failure(cli, &err, NULL);
    }
    if (cli->json) {
        firn_json_out_end();
    } else if (listing.count == 0 && !cli->quiet) {
        firn_out_text("no tags\n");
    }
    return FIRN_EXIT_OK;
}

static int
run(struct firn_cli *cli)
{
    bool deletes = firn_command_has(cli, "delete");
    struct tagging tagging = {.may_replace = firn_command_has(cli, "force")};
    if ((deletes || tagging.may_replace) && cli->argument_count == 0) {
        return firn_command_misused(cli, "missing NAME");
    }
    if (deletes && (cli->argument_count > 1 || tagging.may_replace)) {
        return firn_command_misused(cli, "--delete takes the name of a tag and nothing else");
    }
    int exit_code = firn_cli_workspace_open(cli, &tagging.workspace);
    if (exit_code != FIRN_EXIT_OK) {
        return exit_code;
    }
    if (cli->argument_count == 0) {
        exit_code = list(cli, tagging.workspace);
    } else {
        const char *reference = cli->argument_count > 1 ? cli->arguments[1] : "latest";
        tagging.name = cli->arguments[0];
        tagging.reference = deletes ? NULL : reference;
        exit_code = change(cli, &tagging);
    }
    firn_workspace_close(tagging.workspace);
    return exit_code;
}

static const struct firn_command_option options[] = {
    {"delete", 'd', NULL, "take the tag away; the checkpoint stays"},
    {"force", 'f', NULL, "also if another checkpoint has the tag, which loses it"},
    {NULL, 0, NULL, NULL},
};

static const struct firn_command_example examples[] = {
    {"firn tag before-the-agent", "name the newest checkpoint"},
    {"firn tag v1.0 12", "name checkpoint 12"},
    {"firn restore v1.0", "use the name"},
    {"firn tag", "list the tags"},
    {NULL, NULL},
};

const struct firn_command firn_cmd_tag = {
    .name = "tag",
    .summary = "Give a checkpoint a name, take one away, or list them",
    .arguments = "[NAME] [REF]",
    .options = options,
    .help = "A tag can be used wherever a checkpoint is named. REF is latest unless it is\n"
            "given. Without NAME the tags are listed: the number and the id of the\n"
            "checkpoint, when it was tagged (UTC), the tag.\n"
            "\n"
            "A tag has up to 100 letters, digits and any of ._-+/ and begins with a letter.\n"
            "It cannot be latest, now or yesterday, nor consist of four letters or more that\n"
            "are all between k and z, as ids do.",
    .examples = examples,
    .uses = FIRN_COMMAND_USES_WORKSPACE | FIRN_COMMAND_USES_LOCK,
    .run = run,
};
