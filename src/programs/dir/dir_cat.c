/* SPDX-License-Identifier: Apache-2.0
 *
 * dir/dir_cat.c: firn cat.
 *
 * The content is printed as it comes from the library, piece by piece. Only for --json is it
 * collected, up to a limit, because a JSON string that was begun cannot be taken back.
 */
#include "dir/dir.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "show/show.h"
#include "task/task.h"
#include "term/term.h"
#include "term/term_try.h"

enum { JSON_CONTENT_MAX = 16 << 20 };

struct content {
    uint8_t *data;
    size_t size;
    int failure; /* why it is not whole: a code, or FIRN_OK */
};

static int
print_piece(void *ctx, firn_slice data, firn_error *err)
{
    (void)ctx;
    (void)err;
    fi_term_out_write(data.data, data.size);
    return fi_term_out_error() == 0 && fi_term_signals_caught() == 0 ? FIRN_OK : FIRN_CANCELLED;
}

static int
keep_piece(void *ctx, firn_slice data, firn_error *err)
{
    (void)err;
    struct content *content = ctx;
    if (data.size > JSON_CONTENT_MAX - content->size) {
        content->failure = FIRN_LIMIT;
        return FIRN_LIMIT;
    }
    uint8_t *grown = realloc(content->data, content->size + data.size + 1);
    if (grown == NULL) {
        content->failure = FIRN_NO_MEMORY;
        return FIRN_NO_MEMORY;
    }
    content->data = grown;
    memcpy(content->data + content->size, data.data, data.size);
    content->size += data.size;
    return fi_term_signals_caught() == 0 ? FIRN_OK : FIRN_CANCELLED;
}

static int
dir_cat_report(struct fi_cli *cli, firn_workspace *workspace, const char *reference,
               const struct content *content, const firn_error *err)
{
    assert(err->code != FIRN_OK);
    if (content->failure == FIRN_LIMIT) {
        return fi_command_report_error(
            cli, FIRN_LIMIT, "without --json it is printed as it is",
            "the file has more than %d bytes: too much for one JSON object", JSON_CONTENT_MAX);
    }
    if (content->failure != FIRN_OK) {
        return fi_command_report_error(cli, content->failure, NULL, "%s",
                                       firn_code_text(content->failure));
    }
    const char *hint = fi_task_workspace_hint(workspace, reference, err->code);
    if (hint == NULL && (err->code == FIRN_NOT_FOUND || err->code == FIRN_INVALID)) {
        hint = fi_task_workspace_habit(cli->arguments[cli->argument_count - 1]);
        hint = hint != NULL ? hint : "firn show REF --files lists the files of a checkpoint";
    }
    return fi_command_report_failure(cli, err, hint);
}

static int
print_file(struct fi_cli *cli, firn_workspace *workspace, const char *reference, firn_slice path)
{
    firn_error err;
    firn_workspace_entry *entry = NULL;
    struct content content = {NULL, 0, FIRN_OK};
    char remote[FIRN_REMOTE_NAME_SIZE_MAX + 1];
    const char *rest;
    int exit_code = FI_EXIT_OK;
    const firn_write_bytes write = cli->json ? keep_piece : print_piece;
    bool is_away = fi_task_remote_is_away(workspace, reference, remote, &rest);
    int code = is_away
                   ? firn_remote_cat(workspace, remote, rest, path, write, &content, &entry, &err)
                   : firn_workspace_cat(workspace, reference, path, write, &content, &entry, &err);
    if (code != FIRN_OK && is_away && content.failure == FIRN_OK) {
        exit_code = fi_command_report_failure(cli, &err, fi_task_remote_away_hint(code));
    } else if (code != FIRN_OK) {
        exit_code = dir_cat_report(cli, workspace, reference, &content, &err);
    } else {
        fi_show_checkpoint_entry_json("entry", entry);
        fi_term_json_bytes("content", firn_bytes(content.data, content.size));
    }
    firn_release(entry);
    free(content.data);
    return exit_code;
}

static int
dir_cat_run(struct fi_cli *cli)
{
    assert(cli->argument_count == 1 || cli->argument_count == 2);
    firn_workspace *workspace = NULL;
    struct fi_task_workspace_paths paths = {NULL, 0};
    struct fi_task_workspace_references references = {0};
    int exit_code;
    FI_TRY_OUT(exit_code, fi_task_workspace_open(cli, &workspace));
    FI_TRY_OUT(exit_code, fi_task_workspace_references_init(cli, workspace, 0, 1, &references));
    if (cli->argument_count == 1 && references.words == 1) {
        FI_TRY_OUT(exit_code,
                   firn_workspace_find(workspace, references.first, NULL, NULL) == FIRN_OK
                       ? fi_command_misused(cli, "missing PATH")
                       : FI_EXIT_OK);
        references.first = NULL; /* a path that is not there */
        references.words = 0;
    } else if (cli->argument_count - references.words > 1) {
        FI_TRY_OUT(exit_code, fi_command_misused(cli, "more than one PATH"));
    }
    FI_TRY_OUT(exit_code, fi_task_workspace_paths_init(cli, workspace, references.words, &paths));
    exit_code = print_file(cli, workspace, references.first != NULL ? references.first : "latest",
                           paths.count > 0 ? paths.slices[0] : firn_bytes(NULL, 0));
out:
    fi_task_workspace_paths_deinit(&paths);
    fi_task_workspace_references_deinit(&references);
    firn_workspace_close(workspace);
    return exit_code;
}

static const struct fi_command_example examples[] = {
    {"firn cat 12 src/main.c", "print the file as it was in checkpoint 12"},
    {"firn cat 12:src/main.c", "the same, in one word"},
    {"firn cat notes.txt | diff - notes.txt", "show what has changed since the newest one"},
    {NULL, NULL},
};

const struct fi_command fi_dir_cat = {
    .name = "cat",
    .summary = "Print a file as it is in a checkpoint",
    .arguments = "[REF] PATH",
    .help = "Prints the content of a file on standard output, exactly as it was saved in the\n"
            "checkpoint REF (default: latest). Every piece is verified before it is printed:\n"
            "if damage is found the exit code is 5, and everything printed before it is\n"
            "correct. Memory use does not depend on the size of the file.\n"
            "\n"
            "PATH is a path in the workspace; it need not exist on disk any more. Directories\n"
            "and symbolic links have no content to print (see firn show REF --files). With\n"
            "--json the content is a string in the object, for files of at most 16 MiB.\n"
            "\n"
            "A checkpoint of a remote that was not pulled, as REMOTE/REF, is read where it\n"
            "is: only what the file takes is fetched, and nothing stays here.",
    .examples = examples,
    .missing_hint = fi_task_workspace_choose_hint,
    .uses = FI_COMMAND_USES_WORKSPACE,
    .run = dir_cat_run,
};
