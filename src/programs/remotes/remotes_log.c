/* SPDX-License-Identifier: Apache-2.0
 *
 * remotes/remotes_log.c: firn remote log.
 */
#include "remotes/remotes_internal.h"

#include <assert.h>

#include "task/task.h"
#include "term/term.h"

enum { LIMIT_DEFAULT = 20 };

struct logging {
    const struct fi_cli *cli;
    firn_workspace *workspace;
    const char *remote; /* NULL: the usual one */
    uint64_t limit;
    uint64_t count;
};

static void
print_json(const firn_remote_change *change)
{
    fi_term_json_object(NULL);
    fi_term_json_u64("state", change->state);
    fi_term_json_time("at", change->at_ns);
    fi_term_json_bytes("by", firn_str(change->by));
    fi_term_json_u64("checkpoints", change->checkpoints);
    fi_term_json_u64("lines", change->lines);
    if (change->line.size > 0) {
        fi_term_json_bytes("line", change->line);
    } else {
        fi_term_json_null("line");
    }
    fi_term_json_u64("packs", change->packs);
    fi_term_json_u64("bytes", change->bytes);
    fi_term_json_u64("tags", change->tags);
    fi_term_json_u64("removed_checkpoints", change->removed_checkpoints);
    fi_term_json_u64("removed_packs", change->removed_packs);
    fi_term_json_u64("removed_bytes", change->removed_bytes);
    fi_term_json_end();
}

/* ", " between the parts of a row. */
static void
begin_part(bool *has_part)
{
    fi_term_out_text(*has_part ? ", " : "");
    *has_part = true;
}

static void
print_added(const firn_remote_change *change, bool *has_part)
{
    char size[FI_TERM_TEXT_SIZE_SIZE];
    char number[FI_TERM_TEXT_NUMBER_SIZE];
    if (change->checkpoints > 0) {
        begin_part(has_part);
        fi_remotes_print_checkpoints(change->checkpoints);
        fi_term_out_text(" of ");
        fi_term_text_escape(change->line, fi_term_out_write);
        if (change->lines > 1) {
            fi_term_out_format(" and %s more", fi_term_text_number(change->lines - 1, number));
        }
    }
    if (change->packs > 0) {
        begin_part(has_part);
        fi_term_out_format("%s added", fi_term_text_size(change->bytes, size));
    }
    if (change->tags > 0) {
        begin_part(has_part);
        fi_term_out_format("%s %s", fi_term_text_number(change->tags, number),
                           fi_term_text_plural(change->tags, "tag", "tags"));
    }
}

static void
print_removed(const firn_remote_change *change, bool *has_part)
{
    char size[FI_TERM_TEXT_SIZE_SIZE];
    if (change->removed_checkpoints > 0) {
        begin_part(has_part);
        fi_remotes_print_checkpoints(change->removed_checkpoints);
        fi_term_out_text(" removed");
    }
    if (change->removed_packs > 0) {
        begin_part(has_part);
        fi_term_out_format("%s of packs removed", fi_term_text_size(change->removed_bytes, size));
    }
}

static int
print_change(void *ctx, const firn_remote_change *change)
{
    struct logging *logging = ctx;
    char time[FI_TERM_TEXT_TIME_SIZE];
    bool has_part = false;
    logging->count++;
    print_json(change);
    fi_term_out_format("%llu  %s  ", (unsigned long long)change->state,
                       fi_term_text_time(change->at_ns, time));
    fi_term_text_escape(firn_str(change->by), fi_term_out_write);
    if (!logging->cli->quiet) {
        fi_term_out_text("  ");
        print_added(change, &has_part);
        print_removed(change, &has_part);
        fi_term_out_text(has_part ? "" : "upkeep");
    }
    fi_term_out_text("\n");
    return fi_term_out_error() == 0 ? FIRN_OK : FIRN_CANCELLED;
}

static int
attempt_log(void *ctx, firn_error *err)
{
    struct logging *logging = ctx;
    return firn_remote_log(logging->workspace, logging->remote, logging->limit, print_change,
                           logging, err);
}

static int
remotes_log_run(struct fi_cli *cli)
{
    assert(cli->argument_count <= 1);
    firn_error err;
    struct logging logging = {.cli = cli, .limit = LIMIT_DEFAULT};
    const char *limit = fi_command_value(cli, "limit");
    if (limit != NULL &&
        (!fi_command_number(limit, UINT64_MAX, &logging.limit) || logging.limit == 0)) {
        return fi_command_misused(cli, "--limit takes a number above 0, not '%s'", limit);
    }
    int exit_code = fi_task_workspace_open(cli, &logging.workspace);
    if (exit_code != FI_EXIT_OK) {
        return exit_code;
    }
    logging.remote = cli->argument_count > 0 ? cli->arguments[0] : NULL;
    fi_term_json_array("changes");
    int code = fi_task_patience_run(cli, attempt_log, &logging, &err);
    fi_term_json_end();
    if (code != FIRN_OK) {
        exit_code = fi_command_report_failure(
            cli, &err, fi_remotes_hint(logging.workspace, logging.remote, code));
    } else if (logging.count == 0 && !cli->quiet) {
        fi_term_out_text("nothing was pushed yet\n");
    }
    firn_workspace_close(logging.workspace);
    return exit_code;
}

static const struct fi_command_option options[] = {
    {"limit", 'n', "N", "show at most N changes (default: 20)"},
    {NULL, 0, NULL, NULL},
};

static const struct fi_command_example examples[] = {
    {"firn remote log", "who pushed what, newest first"},
    {"firn remote log nas -n 100", "the last hundred changes of the remote nas"},
    {NULL, NULL},
};

const struct fi_command fi_remotes_log = {
    .name = "log",
    .summary = "Show who pushed what to a remote",
    .arguments = "[REMOTE]",
    .options = options,
    .help = "Asks REMOTE (default: the only one, or origin) and prints one row for each\n"
            "change, newest first: its number, when and by whom it was made, as that machine\n"
            "says, and what was added and removed. A row of upkeep is of a prune that removed\n"
            "what no checkpoint had. A remote forgets changes of more than a week ago, but 32\n"
            "stay. firn log REMOTE shows what the checkpoints that were pulled have changed.",
    .examples = examples,
    .uses = FI_COMMAND_USES_WORKSPACE,
    .run = remotes_log_run,
};
