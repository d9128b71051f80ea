/* SPDX-License-Identifier: Apache-2.0
 *
 * dir/dir_pin.c: firn pin, firn unpin.
 */
#include "dir/dir.h"

#include <assert.h>
#include <stdio.h>

#include "show/show.h"
#include "task/task.h"
#include "term/term.h"

struct pinning {
    struct fi_cli *cli;
    firn_workspace *workspace;
    bool is_pinned; /* what they are to be */
};

static int
dir_pin_visit(void *ctx, const firn_workspace_checkpoint *checkpoint)
{
    const struct pinning *pinning = ctx;
    char name[FI_SHOW_CHECKPOINT_NAME_SIZE];
    (void)fi_show_checkpoint_name(checkpoint, name);
    fi_term_json_object(NULL);
    fi_term_json_u64_if("number", checkpoint->number, !checkpoint->is_safety);
    fi_term_json_string("id", checkpoint->id);
    fi_term_json_end();
    if (!pinning->cli->quiet) {
        fi_term_out_format("%s %s\n", pinning->is_pinned ? "pinned" : "unpinned", name);
    }
    return FIRN_OK;
}

static int
dir_pin_attempt(void *ctx, firn_error *err)
{
    struct pinning *pinning = ctx;
    const struct fi_cli *cli = pinning->cli;
    return firn_workspace_pin_set(pinning->workspace, cli->arguments, (size_t)cli->argument_count,
                                  pinning->is_pinned, dir_pin_visit, pinning, err);
}

static int
dir_pin_change(struct pinning *pinning)
{
    assert(pinning->cli->argument_count > 0);
    firn_error err;
    struct fi_cli *cli = pinning->cli;
    const char *hint = NULL;
    fi_term_json_array(pinning->is_pinned ? "pinned" : "unpinned");
    int code = fi_task_patience_run(cli, dir_pin_attempt, pinning, &err);
    fi_term_meter_clear();
    cli->is_done = code == FIRN_OK;
    if (code == FIRN_OK) {
        fi_term_json_end();
        return FI_EXIT_OK;
    }
    switch (code == FIRN_NOT_FOUND ? fi_dir_tag_word_of(cli->arguments[0]) : FI_DIR_TAG_WORD_NONE) {
    case FI_DIR_TAG_WORD_LISTS:
        hint = "firn pin lists the pinned checkpoints";
        break;
    case FI_DIR_TAG_WORD_REMOVES:
        hint = "firn unpin REF removes a pin";
        break;
    case FI_DIR_TAG_WORD_ADDS:
        hint = "firn pin REF pins a checkpoint";
        break;
    case FI_DIR_TAG_WORD_NONE:
        break;
    }
    for (int i = 0; i < cli->argument_count && hint == NULL; i++) {
        hint = fi_task_workspace_hint(pinning->workspace, cli->arguments[i], code);
    }
    return fi_command_report_failure(cli, &err, hint);
}

/* ---- listing ---- */

struct listing {
    const struct fi_cli *cli;
    uint64_t count;
};

static int
list_one(void *ctx, const firn_workspace_pin *pin)
{
    struct listing *listing = ctx;
    char number[FI_SHOW_CHECKPOINT_NAME_SIZE] = "-";
    char time[FI_TERM_TEXT_TIME_SIZE];
    assert(pin->id[0] != '\0');
    listing->count++;
    if (pin->number != 0) {
        (void)snprintf(number, sizeof(number), "%llu", (unsigned long long)pin->number);
    }
    fi_term_json_object(NULL);
    fi_term_json_u64_if("number", pin->number, pin->number != 0);
    fi_term_json_string("id", pin->id);
    fi_term_json_time("pinned", pin->created_ns);
    fi_term_json_end();
    if (listing->cli->quiet) {
        fi_term_out_format("%.*s\n", FIRN_CHECKPOINT_ID_SHORT, pin->id);
    } else {
        fi_show_checkpoint_print_names(number, pin->id);
        fi_term_out_format("  %s\n", fi_term_text_time(pin->created_ns, time));
    }
    return fi_term_out_error() == 0 ? FIRN_OK : FIRN_CANCELLED;
}

static int
dir_pin_list(struct fi_cli *cli, firn_workspace *workspace)
{
    assert(cli->argument_count == 0);
    firn_error err;
    struct listing listing = {cli, 0};
    fi_term_json_array("pins");
    if (firn_workspace_pin_list(workspace, list_one, &listing, &err) != FIRN_OK) {
        return fi_command_report_failure(cli, &err, NULL);
    }
    fi_term_json_end();
    if (listing.count == 0 && !cli->quiet) {
        fi_term_out_text("nothing is pinned\n");
    }
    return FI_EXIT_OK;
}

static int
dir_pin_run(struct fi_cli *cli, bool is_pinned)
{
    struct pinning pinning = {.cli = cli, .is_pinned = is_pinned};
    int exit_code = fi_task_workspace_open(cli, &pinning.workspace);
    if (exit_code == FI_EXIT_OK) {
        exit_code = cli->argument_count == 0 ? dir_pin_list(cli, pinning.workspace)
                                             : dir_pin_change(&pinning);
    }
    firn_workspace_close(pinning.workspace);
    return exit_code;
}

static int
run_pin(struct fi_cli *cli)
{
    return dir_pin_run(cli, true);
}

static int
run_unpin(struct fi_cli *cli)
{
    return dir_pin_run(cli, false);
}

static const struct fi_command_option no_options[] = {
    {NULL, 0, NULL, NULL},
};

static const struct fi_command_example pin_examples[] = {
    {"firn pin 12", "keep checkpoint 12 for good"},
    {"firn pin", "list pinned checkpoints"},
    {NULL, NULL},
};

const struct fi_command fi_dir_pin = {
    .name = "pin",
    .summary = "Protect checkpoints from deletion, or list protected ones",
    .arguments = "[REF...]",
    .options = no_options,
    .help = "A pinned checkpoint does not expire and cannot be deleted until firn unpin.\n"
            "Without REF, lists the pinned checkpoints, newest first: number, id, and when it\n"
            "was pinned. A tag (firn tag) also keeps a checkpoint from expiring.\n"
            "firn undo takes back a pin, and firn unpin.",
    .examples = pin_examples,
    .uses = FI_COMMAND_USES_WORKSPACE | FI_COMMAND_USES_LOCK | FI_COMMAND_USES_COLOUR,
    .run = run_pin,
};

static const struct fi_command_example unpin_examples[] = {
    {"firn unpin 12", "let checkpoint 12 expire again"},
    {NULL, NULL},
};

const struct fi_command fi_dir_pin_remove = {
    .name = "unpin",
    .summary = "Remove pins",
    .arguments = "REF...",
    .options = no_options,
    .help = "Removes the pins of the given checkpoints; if one of them does not exist, no pin\n"
            "is removed. A checkpoint that was not pinned stays as it is.",
    .examples = unpin_examples,
    .uses = FI_COMMAND_USES_WORKSPACE | FI_COMMAND_USES_LOCK,
    .run = run_unpin,
};
