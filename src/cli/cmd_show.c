/* SPDX-License-Identifier: Apache-2.0
 *
 * cli/cmd_show.c: firn show.
 */
#include "cli/cli_pending.h"
#include "cli/cli_workspace.h"
#include "cli/cmd.h"
#include "cli/exit_code.h"
#include "cli/json_out.h"
#include "cli/out.h"
#include "cli/report.h"
#include "cli/text.h"

static char
type_letter(firn_entry_type type)
{
    switch (type) {
    case FIRN_TYPE_DIRECTORY:
        return 'd';
    case FIRN_TYPE_SYMLINK:
        return 'l';
    case FIRN_TYPE_FILE:
        break;
    }
    return '-';
}

/* "-rwxr-sr-x" */
static void
print_mode(const firn_entry_info *entry)
{
    char text[] = "-rwxrwxrwx";
    text[0] = type_letter(entry->type);
    for (unsigned i = 0; i < 9; i++) {
        if ((entry->mode >> (8 - i) & 1) == 0) {
            text[1 + i] = '-';
        }
    }
    if (entry->mode & 04000) {
        text[3] = text[3] == 'x' ? 's' : 'S';
    }
    if (entry->mode & 02000) {
        text[6] = text[6] == 'x' ? 's' : 'S';
    }
    if (entry->mode & 01000) {
        text[9] = text[9] == 'x' ? 't' : 'T';
    }
    firn_out_text(text);
}

static void
print_entry(const firn_entry_info *entry)
{
    char time[FIRN_TEXT_TIME_SIZE];
    print_mode(entry);
    firn_out_format("  %5u %5u  %12llu  %s  ", (unsigned)entry->uid, (unsigned)entry->gid,
                    (unsigned long long)entry->size, firn_text_time(entry->mtime_ns, time));
    firn_text_escape(entry->path, firn_out_write);
    if (entry->type == FIRN_TYPE_DIRECTORY) {
        firn_out_text("/");
    } else if (entry->type == FIRN_TYPE_SYMLINK) {
        firn_out_text(" -> ");
        firn_text_escape(entry->link_target, firn_out_write);
    } else if (entry->hard_link.size > 0) {
        firn_out_text(" = ");
        firn_text_escape(entry->hard_link, firn_out_write);
    }
    firn_out_text("\n");
}

static int
visit(void *ctx, const firn_entry_info *entry)
{
    const struct firn_cli *cli = ctx;
    if (cli->json) {
        firn_cli_workspace_entry_json(NULL, entry);
    } else {
        print_entry(entry);
    }
    return firn_out_error() == 0 ? FIRN_OK : FIRN_CANCELLED;
}

static void
print_size(const char *name, uint64_t bytes, const char *more)
{
    char size[FIRN_TEXT_SIZE_SIZE];
    char exact[FIRN_TEXT_NUMBER_SIZE];
    firn_out_format("%-11s %s", name, firn_text_size(bytes, size));
    if (bytes >= 1000) {
        firn_out_format(" (%s bytes)", firn_text_number(bytes, exact));
    }
    firn_out_format("%s\n", more);
}

static void
print_checkpoint(const firn_checkpoint *checkpoint)
{
    char number[FIRN_TEXT_NUMBER_SIZE];
    char other[FIRN_TEXT_NUMBER_SIZE];
    char time[FIRN_TEXT_TIME_SIZE];
    char root[FIRN_HASH_HEX_SIZE];
    firn_hash_to_hex(&checkpoint->root, root);
    if (checkpoint->is_safety) {
        firn_out_text("checkpoint  taken by a restore or a revert\n");
    } else {
        firn_out_format("checkpoint  %llu\n", (unsigned long long)checkpoint->number);
    }
    firn_out_format("id          %s\n", checkpoint->id);
    firn_out_format("made        %s\n", firn_text_time(checkpoint->created_ns, time));
    if (checkpoint->message.size > 0) {
        firn_out_text("message     ");
        firn_text_escape(checkpoint->message, firn_out_write);
        firn_out_text("\n");
    }
    firn_out_format("files       %s in %s %s\n", firn_text_number(checkpoint->files, number),
                    firn_text_number(checkpoint->directories + 1, other),
                    firn_text_plural(checkpoint->directories + 1, "directory", "directories"));
    print_size("contents", checkpoint->bytes, "");
    print_size("stored", checkpoint->added_bytes, " more than before");
    firn_out_format("left out    %s by rule, %s that could not be saved%s\n",
                    firn_text_number(checkpoint->excluded, number),
                    firn_text_number(checkpoint->skipped, other),
                    checkpoint->include_deps ? "; saved with --include-deps" : "");
    firn_out_format("tree        %s\n", root);
}

static int
run(struct firn_cli *cli)
{
    firn_error err;
    firn_workspace *workspace = NULL;
    firn_checkpoint checkpoint;
    const char *reference = cli->arguments[0];
    bool with_files = firn_command_has(cli, "files");
    int exit_code = firn_cli_workspace_open(cli, &workspace);
    if (exit_code != FIRN_EXIT_OK) {
        return exit_code;
    }
    int code = firn_workspace_find(workspace, reference, &checkpoint, &err);
    if (code != FIRN_OK) {
        exit_code =
            firn_report_failure(cli, &err, firn_cli_workspace_hint(workspace, reference, code));
        goto out;
    }
    char id[FIRN_CHECKPOINT_ID_SIZE];
    memcpy(id, checkpoint.id, sizeof(id)); /* a newer one may become "latest" meanwhile */
    if (cli->json) {
        firn_cli_workspace_checkpoint_json("checkpoint", &checkpoint);
    } else if (!with_files) {
        print_checkpoint(&checkpoint);
    }
    if (with_files) {
        if (cli->json) {
            firn_json_out_array("entries");
        }
        if (firn_workspace_entries(workspace, id, visit, cli, &err) != FIRN_OK) {
            exit_code = firn_report_failure(cli, &err, NULL);
        } else if (cli->json) {
            firn_json_out_end();
        }
    }
    if (exit_code == FIRN_EXIT_OK) {
        exit_code = firn_cli_pending_tell(cli, workspace);
    }
out:
    firn_workspace_close(workspace);
    return exit_code;
}

static const struct firn_command_option options[] = {
    {"files", 'f', NULL, "list what is in it instead"},
    {NULL, 0, NULL, NULL},
};

static const struct firn_command_example examples[] = {
    {"firn show latest", "the newest checkpoint"},
    {"firn show 12 --files", "every file, directory and link in checkpoint 12"},
    {NULL, NULL},
};

const struct firn_command firn_cmd_show = {
    .name = "show",
    .summary = "Show a checkpoint, or list what is in it",
    .arguments = "REF",
    .options = options,
    .help = "REF names a checkpoint: its number, its id or at least four letters from its\n"
            "start (in any case), latest, a tag, one so many before another (latest~2), or\n"
            "a time (\"10 minutes ago\").\n"
            "\n"
            "With --files one row for each entry: mode, owner, group, size, time of\n"
            "modification (UTC), and the path; behind -> the target of a symbolic link,\n"
            "behind = the first name of a file that has several.",
    .examples = examples,
    .missing_hint = firn_cli_workspace_choose_hint,
    .uses = FIRN_COMMAND_USES_WORKSPACE,
    .run = run,
};
