/* SPDX-License-Identifier: Apache-2.0
 *
 * cli/cmd_check.c: firn check.
 */
#include "cli/cli_settings.h"
#include "cli/cli_workspace.h"
#include "cli/cmd.h"
#include "cli/exit_code.h"
#include "cli/json_out.h"
#include "cli/meter.h"
#include "cli/notices.h"
#include "cli/out.h"
#include "cli/report.h"
#include "cli/text.h"

static void
print_result(const firn_workspace_check_result *result, bool read_data)
{
    char number[FIRN_TEXT_NUMBER_SIZE];
    char bytes[FIRN_TEXT_SIZE_SIZE];
    firn_out_format("%s %s, ", firn_text_number(result->checkpoints, number),
                    firn_text_plural(result->checkpoints, "checkpoint", "checkpoints"));
    firn_out_format("%s %s, ", firn_text_number(result->packs, number),
                    firn_text_plural(result->packs, "pack", "packs"));
    firn_out_format("%s %s", firn_text_number(result->objects, number),
                    firn_text_plural(result->objects, "object", "objects"));
    if (read_data) {
        firn_out_format(", %s read", firn_text_size(result->bytes_read, bytes));
    }
    if (result->damaged == 0) {
        firn_out_text(": no damage\n");
    } else {
        firn_out_format(": %s damaged\n", firn_text_number(result->damaged, number));
    }
}

/* Whether the store could be opened: else all numbers are 0 and tell nothing. */
static bool
was_read(int code, const firn_workspace_check_result *result)
{
    return code == FIRN_OK || result->checkpoints + result->packs + result->damaged > 0;
}

static void
show(const struct firn_cli *cli, int code, const firn_workspace_check_result *result,
     bool read_data)
{
    if (!was_read(code, result)) {
        return;
    }
    if (cli->json) {
        firn_json_out_u64("checkpoints", result->checkpoints);
        firn_json_out_u64("packs", result->packs);
        firn_json_out_u64("objects", result->objects);
        firn_json_out_u64("bytes_read", result->bytes_read);
        firn_json_out_u64("damaged", result->damaged);
    } else if (!cli->quiet && (code == FIRN_OK || code == FIRN_CORRUPT)) {
        print_result(result, read_data);
    }
}

static const char *
hint(int code, const firn_workspace_check_result *result)
{
    switch (code) {
    case FIRN_CORRUPT:
        return was_read(code, result)
                   ? "what is not named as damaged can still be restored; firn repair makes a "
                     "sound store of it"
                   : "firn repair makes a sound store of what can still be read";
    case FIRN_NOT_FOUND:
        return "--store DIR names a store, firn workspaces lists them";
    default:
        return NULL;
    }
}

/* What the library tells while it looks. */
struct telling {
    const firn_workspace *workspace;
    struct firn_notices *notices;
    firn_callbacks callbacks; /* those of notices */
};

static void
on_notice(void *ctx, const firn_notice *notice)
{
    const struct telling *telling = ctx;
    if (notice->kind == FIRN_NOTICE_SETTINGS) {
        firn_cli_settings_tell(telling->workspace, notice);
        firn_notices_add(telling->notices, notice);
    } else {
        telling->callbacks.on_notice(telling->callbacks.ctx, notice);
    }
}

static int
on_progress(void *ctx, const firn_progress *progress)
{
    const struct telling *telling = ctx;
    return telling->callbacks.on_progress(telling->callbacks.ctx, progress);
}

static int
run(struct firn_cli *cli)
{
    firn_error err;
    firn_workspace *workspace = NULL;
    firn_workspace_check_options options = FIRN_WORKSPACE_CHECK_OPTIONS_INIT;
    firn_workspace_check_result result;
    struct firn_notices notices;
    int exit_code = firn_cli_workspace_open(cli, &workspace);
    if (exit_code != FIRN_EXIT_OK) {
        return exit_code;
    }
    firn_notices_init(&notices, cli);
    memset(&result, 0, sizeof(result));
    options.read_data = firn_command_has(cli, "data");
    struct telling telling = {workspace, &notices, firn_notices_callbacks(&notices)};
    options.callbacks = (firn_callbacks){on_notice, on_progress, &telling};
    int code = firn_workspace_check(workspace, &options, &result, &err);
    firn_meter_clear();
    show(cli, code, &result, options.read_data);
    if (cli->json) {
        firn_notices_json(&notices);
    }
    if (code != FIRN_OK) {
        exit_code = firn_report_failure(cli, &err, hint(code, &result));
    }
    firn_notices_deinit(&notices);
    firn_workspace_close(workspace);
    return exit_code;
}

static const struct firn_command_option options[] = {
    {"data", 0, NULL, "read and verify every byte, too"},
    {NULL, 0, NULL, NULL},
};

static const struct firn_command_example examples[] = {
    {"firn check --data", "is everything that was ever saved still readable?"},
    {NULL, NULL},
};

const struct firn_command firn_cmd_check = {
    .name = "check",
    .summary = "Check that what was saved is there and whole",
    .arguments = "",
    .options = options,
    .help = "Verifies the store's own records and that every object that a checkpoint needs\n"
            "is there. With --data every byte of every object is read and verified too. Each\n"
            "damaged thing is named with the checkpoints and paths that it takes along, and\n"
            "the exit code is 5. Where there is no store there is nothing to check: exit\n"
            "code 3. Settings that cannot be read are named, but are no damage: see firn help\n"
            "config. Nothing is changed.",
    .examples = examples,
    .uses = FIRN_COMMAND_USES_WORKSPACE,
    .run = run,
};
