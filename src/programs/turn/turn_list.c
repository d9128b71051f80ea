/* SPDX-License-Identifier: Apache-2.0
 *
 * turn/turn_list.c: firn turns.
 *
 * Rows are printed as the walk finds turns, so the first ones come at once, however long the
 * history is.
 */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "term/term.h"
#include "term/term_try.h"
#include "turn/turn_internal.h"

enum {
    COLUMNS_BEFORE = 24, /* of a row, before the title */
    COLUMNS_MIN = 10,    /* of a title */
    TITLE_COLUMNS = 72   /* where the output has no width */
};

struct listing {
    struct fi_cli *cli;
    firn_workspace *workspace;
    int64_t now_ns;
    const char *heading; /* of another worktree: its path, until it is printed */
    uint64_t count;
};

/* "Claude Code: rename it", without a prompt the message; "run: npm update". */
static void
print_title(const firn_workspace_checkpoint *last, size_t columns)
{
    const firn_workspace_turn *turn = &last->turn;
    const size_t width = fi_term_width_of(turn->agent) + 2;
    if (turn->agent.size == 0) {
        fi_term_out_text("run: ");
        fi_term_width_cut(last->run.command, columns > 5 ? columns - 5 : 1, fi_term_out_write);
        return;
    }
    if (turn->prompt.size == 0 || width >= columns) {
        fi_show_checkpoint_put_title(last, columns, fi_term_out_write);
        return;
    }
    fi_term_text_escape(turn->agent, fi_term_out_write);
    fi_term_out_text(": ");
    fi_term_width_cut(fi_task_turn_text(last), columns - width, fi_term_out_write);
}

/* "  exit 1", and whether files have changed since. */
static void
print_exit(const struct fi_turn *turn)
{
    if (turn->has_exit) {
        fi_term_out_text("  ");
        fi_term_colour(turn->exit_code == 0 ? FI_TERM_GREEN : FI_TERM_RED);
        fi_term_out_format("exit %llu", (unsigned long long)turn->exit_code);
        fi_term_colour(FI_TERM_PLAIN);
        fi_term_out_text(turn->is_exit_old ? ", changed since" : "");
    }
}

static void
print_row(const struct listing *listing, const struct fi_turn *turn)
{
    char ago[FI_TERM_TEXT_TIME_SIZE];
    char stats[FI_SHOW_TALLY_TEXT_SIZE];
    char name[FI_TERM_TEXT_NUMBER_SIZE + 1];
    const firn_workspace_checkpoint *last = turn->of.last;
    (void)snprintf(name, sizeof(name), "@%llu", (unsigned long long)last->number);
    if (listing->cli->quiet) {
        fi_term_out_format("%s\n", name);
        return;
    }
    fi_show_tally_text(&turn->tally, stats);
    size_t columns = fi_term_out_columns();
    const size_t others = COLUMNS_BEFORE + 3 + fi_term_width_of(firn_str(stats));
    if (columns == 0) {
        columns = TITLE_COLUMNS;
    } else {
        columns = columns > others + COLUMNS_MIN ? columns - others : COLUMNS_MIN;
    }
    fi_term_colour(FI_TERM_YELLOW);
    fi_term_out_format("%6s", name);
    fi_term_colour(FI_TERM_PLAIN);
    fi_term_out_format("  %-14s  ", fi_term_text_ago(last->created_ns, listing->now_ns, ago));
    print_title(last, columns);
    fi_term_out_text("   ");
    fi_show_tally_print(stats);
    if (turn->is_cut) {
        fi_term_out_format(" since %llu", (unsigned long long)turn->of.first_number);
    }
    print_exit(turn);
    fi_term_out_text("\n");
    fi_turn_beside_print(&turn->own, "        beside ", 15);
    if (turn->overlaps_left > 0) {
        fi_term_out_format("        beside %zu more\n", turn->overlaps_left);
    }
}

static void
turn_json(const struct fi_turn *turn)
{
    char name[FI_TERM_TEXT_NUMBER_SIZE + 1];
    const firn_workspace_checkpoint *last = turn->of.last;
    (void)snprintf(name, sizeof(name), "@%llu", (unsigned long long)last->number);
    fi_term_json_object(NULL);
    fi_term_json_string("turn", name);
    fi_show_checkpoint_json("checkpoint", last);
    fi_term_json_time_if("begun", fi_task_turn_begun_ns(last), fi_task_turn_begun_ns(last) != 0);
    if (last->turn.agent.size == 0) {
        fi_term_json_bytes("command", last->run.command);
    } else {
        fi_term_json_null("command");
    }
    fi_term_json_u64_if("exit_code", turn->exit_code, turn->has_exit);
    fi_term_json_bool("changed_since", turn->is_exit_old);
    fi_term_json_u64_if("previous", turn->of.first_number, turn->of.first_number != 0);
    fi_term_json_bool("cut", turn->is_cut);
    fi_show_tally_json(&turn->tally, turn->renamed);
    fi_turn_beside_json(&turn->own);
    fi_term_json_u64("beside_not_shown", turn->overlaps_left);
    fi_term_json_end();
}

static int
on_turn(void *ctx, const struct fi_turn *turn)
{
    struct listing *listing = ctx;
    fi_term_meter_clear();
    if (listing->heading != NULL) {
        fi_term_path_print(firn_str(listing->heading));
        fi_term_out_text(":\n");
        listing->heading = NULL;
    }
    turn_json(turn);
    print_row(listing, turn);
    listing->count++;
    return fi_term_out_error() == 0 ? FIRN_OK : FIRN_CANCELLED;
}

/* The turns of one workspace. */
static int
list_workspace(struct listing *listing, struct fi_turn_walk_options *options, firn_error *err)
{
    struct fi_task_notices notices;
    fi_task_notices_init(&notices, listing->cli);
    options->callbacks = fi_task_notices_callbacks(&notices);
    fi_term_json_array("turns");
    int code = fi_turn_walk(listing->workspace, options, listing, err);
    fi_term_meter_clear();
    fi_task_notices_deinit(&notices);
    fi_term_json_end();
    return code;
}

/* The turns of another worktree, under its path. One that cannot be read is reported. */
static int
list_worktree(const struct listing *listing, const char *root,
              const struct fi_turn_walk_options *options, uint64_t *count)
{
    firn_error err;
    firn_workspace_options open = FIRN_WORKSPACE_OPTIONS_INIT;
    struct listing other = {.cli = listing->cli, .now_ns = listing->now_ns, .heading = root};
    struct fi_turn_walk_options given = *options;
    open.is_root = true;
    open.key_source = &fi_command_key_source;
    int code = firn_workspace_open(root, &open, &other.workspace, &err);
    fi_term_json_object(NULL);
    fi_term_json_bytes("root", firn_str(root));
    if (code == FIRN_OK) {
        code = list_workspace(&other, &given, &err);
        firn_workspace_close(other.workspace);
    }
    *count += other.count;
    if (code != FIRN_OK && fi_term_out_error() == 0) {
        fi_term_json_text("damage", firn_str(err.text));
        fi_command_report_path("could not be read", firn_str(root), err.text);
    }
    fi_term_json_end();
    return code == FIRN_OK ? FI_EXIT_OK : FI_EXIT_PARTIAL;
}

static int
list_worktrees(struct listing *listing, const struct fi_turn_walk_options *options, uint64_t *count)
{
    firn_error err;
    struct fi_turn_worktrees worktrees;
    int exit_code = FI_EXIT_OK;
    int code = fi_turn_worktrees_find(listing->workspace, &worktrees, &err);
    if (code != FIRN_OK) {
        exit_code = fi_command_report_failure(listing->cli, &err, NULL);
    }
    fi_term_json_array("worktrees");
    for (size_t i = 0; code == FIRN_OK && i < worktrees.count && fi_term_out_error() == 0; i++) {
        int one = list_worktree(listing, worktrees.roots[i], options, count);
        exit_code = one != FI_EXIT_OK ? one : exit_code;
    }
    fi_term_json_end();
    exit_code = exit_code == FI_EXIT_OK && worktrees.has_unread ? FI_EXIT_PARTIAL : exit_code;
    fi_turn_worktrees_deinit(&worktrees);
    return exit_code;
}

static int
turn_list(struct listing *listing, struct fi_turn_walk_options *options)
{
    firn_error err;
    struct fi_cli *cli = listing->cli;
    int exit_code = FI_EXIT_OK;
    options->counts = cli->json || !cli->quiet;
    options->on_turn = on_turn;
    int code = list_workspace(listing, options, &err);
    if (code != FIRN_OK && fi_term_out_error() == 0) {
        return fi_command_report_failure(
            cli, &err, fi_task_workspace_hint(listing->workspace, "latest", code));
    }
    uint64_t count = listing->count;
    if (fi_command_has(cli, "worktrees")) {
        exit_code = list_worktrees(listing, options, &count);
    }
    if (count == 0 && !cli->quiet && options->limit > 0) {
        fi_term_out_text("no turns; firn hook install AGENT has each turn of an agent saved\n");
    }
    int pending = fi_task_pending_report(cli, listing->workspace, NULL);
    return pending != FI_EXIT_OK ? pending : exit_code;
}

static int
turn_list_run(struct fi_cli *cli)
{
    struct timespec now = {0};
    struct listing listing = {.cli = cli};
    struct fi_turn_walk_options options = {.limit = UINT64_MAX,
                                           .agent = fi_command_value(cli, "agent"),
                                           .session = fi_command_value(cli, "session")};
    const char *limit = fi_command_value(cli, "limit");
    (void)clock_gettime(CLOCK_REALTIME, &now);
    listing.now_ns = (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
    if (limit != NULL && !fi_command_number(limit, UINT64_MAX, &options.limit)) {
        return fi_command_misused(cli, "--limit takes a whole number, not '%s'", limit);
    }
    int exit_code = fi_task_workspace_open(cli, &listing.workspace);
    if (exit_code == FI_EXIT_OK) {
        exit_code = turn_list(&listing, &options);
    }
    firn_workspace_close(listing.workspace);
    return exit_code;
}

static const struct fi_command_option options[] = {
    {"limit", 'n', "N", "show only the N newest"},
    {"agent", 0, "NAME", "show turns of agents whose name contains NAME"},
    {"session", 0, "NAME", "show turns of the session NAME"},
    {"worktrees", 0, NULL, "list those of the repository's other worktrees, too"},
    {NULL, 0, NULL, NULL},
};

static const struct fi_command_example examples[] = {
    {"firn turns -n 5", "list the five newest turns"},
    {"firn diff @12", "show what the turn @12 changed"},
    {"firn undo --turn @12", "go back to where it began"},
    {"firn revert @12", "take back what it changed, and keep what came later"},
    {NULL, NULL},
};

const struct fi_command fi_turn_list = {
    .name = "turns",
    .summary = "List the turns of coding agents and runs, and what they changed",
    .arguments = "",
    .options = options,
    .help = "Prints one row for each turn that changed something (firn help hook), newest\n"
            "first: its name, how long ago it ended, the agent and the prompt, how many files\n"
            "differ from where it began, and how many lines were added and removed. \"since 3\"\n"
            "follows where the checkpoint in which it began is gone: then they are counted\n"
            "from checkpoint 3, and the turn may have changed less.\n"
            "\n"
            "What firn run has run is listed as a turn, with its exit code, if it changed\n"
            "something. A turn of an agent has the exit code of what firn run ran last in it,\n"
            "or later in the state in which it ended, such as the tests.\n"
            "\n"
            "Of turns that overlap only their own files are counted: those that changed in\n"
            "saves of their own. \"beside\" names the other turn, and what both have changed.\n"
            "\n"
            "With --worktrees the turns in other worktrees of the same git repository follow,\n"
            "under their paths. Each is a workspace of its own: firn -C DIR undo --turn @12\n"
            "is for a turn in there.\n"
            "\n"
            "@12 names the turn that ended with checkpoint 12, for firn show, diff, revert,\n"
            "restore and undo --turn; so does @ and a piece of its prompt that no other\n"
            "prompt has (firn show \"@rename it\").",
    .examples = examples,
    .uses = FI_COMMAND_USES_WORKSPACE | FI_COMMAND_USES_PAGER | FI_COMMAND_USES_COLOUR,
    .run = turn_list_run,
};
