/* SPDX-License-Identifier: Apache-2.0
 *
 * dir/dir_steps.c: firn undo --list: the steps that undo and redo would take.
 *
 * The library gives the steps newest first, and at the end the state between those that were undone
 * and the others. So the steps are kept until then; --limit bounds them.
 */
#include "dir/dir.h"

#include <assert.h>
#include <stdlib.h>

#include "show/show.h"
#include "task/task.h"
#include "term/term.h"

enum { LIMIT_DEFAULT = 20 };

static int
keep_step(void *ctx, const firn_workspace_step *step)
{
    return fi_show_step_add(ctx, step);
}

/* How many of the steps from the present state are needed to reach each: as many as undos or
 * redos. A step that is joined to the next is brought back with it. */
static void
count_ways(const struct fi_show_steps *steps, size_t *ways)
{
    size_t undos = 0;
    size_t redos = 0;
    bool was_joined = false;
    for (size_t i = 0; i < steps->count; i++) {
        ways[i] = steps->items[i]->is_redo ? 0 : ++undos;
    }
    for (size_t i = steps->count; i-- > 0;) {
        if (steps->items[i]->is_redo) {
            redos += was_joined ? 0 : 1;
            ways[i] = redos;
            was_joined = steps->items[i]->is_joined;
        }
    }
}

static void
print_step(const firn_workspace_step *step, size_t way)
{
    char text[FI_SHOW_STEP_TEXT_SIZE];
    char time[FI_TERM_TEXT_TIME_SIZE] = "not saved";
    const struct fi_show_counts counts = {step->added, step->changed, step->removed, 0};
    if (step->time_ns != 0) {
        (void)fi_term_text_time(step->time_ns, time);
    }
    fi_term_out_format("%s %-3zu  %-19s  %s", step->is_redo ? "redo" : "undo", way, time,
                       fi_show_step_text(step, text));
    if (step->is_counted) {
        fi_term_out_text(": ");
        fi_show_change_counts_print(&counts);
    }
    fi_term_out_text("\n");
}

static void
print_here(const firn_workspace_checkpoint *checkpoint)
{
    char name[FI_SHOW_CHECKPOINT_NAME_SIZE];
    fi_term_out_text("now       ");
    if (checkpoint == NULL) {
        fi_term_out_text("at a checkpoint that was deleted");
    } else {
        fi_term_out_format("at %s", fi_show_checkpoint_name(checkpoint, name));
    }
    fi_term_out_text("\n");
}

static void
print_more(uint64_t steps, size_t shown, const char *what)
{
    char number[FI_TERM_TEXT_NUMBER_SIZE];
    if (steps > shown) {
        fi_term_out_format("%s more to %s: --limit N shows them\n",
                           fi_term_text_number(steps - shown, number), what);
    }
}

static void
print_steps(const struct fi_show_steps *steps, const size_t *ways,
            const firn_workspace_steps_result *result)
{
    size_t redos = 0;
    while (redos < steps->count && steps->items[redos]->is_redo) {
        redos++;
    }
    print_more(result->redo_steps, redos, "redo");
    for (size_t i = 0; i <= steps->count; i++) {
        if (i == redos && (result->checkpoint != NULL || steps->count > 0)) {
            print_here(result->checkpoint);
        }
        if (i < steps->count) {
            print_step(steps->items[i], ways[i]);
        }
    }
    print_more(result->undo_steps, steps->count - redos, "undo");
    if (result->undo_steps == 0 && result->redo_steps == 0) {
        fi_term_out_text("there is nothing to undo\n");
    }
}

static void
steps_json(const struct fi_show_steps *steps, const size_t *ways,
           const firn_workspace_steps_result *result)
{
    fi_term_json_array("steps");
    for (size_t i = 0; i < steps->count; i++) {
        fi_term_json_object(NULL);
        fi_term_json_bool("redo", steps->items[i]->is_redo);
        fi_term_json_u64("times", ways[i]);
        fi_show_step_json_members(steps->items[i]);
        fi_term_json_end();
    }
    fi_term_json_end();
    if (result->checkpoint != NULL) {
        fi_show_checkpoint_json("checkpoint", result->checkpoint);
    } else {
        fi_term_json_null("checkpoint");
    }
    fi_term_json_bool("unsaved", result->is_unsaved);
    fi_term_json_u64("undo_steps", result->undo_steps);
    fi_term_json_u64("redo_steps", result->redo_steps);
}

static int
dir_steps_list(struct fi_cli *cli, firn_workspace *workspace, firn_workspace_steps_options *options)
{
    struct fi_show_steps steps = {NULL, 0, 0};
    firn_workspace_steps_result result = FIRN_WORKSPACE_STEPS_RESULT_INIT;
    firn_error err;
    size_t *ways = NULL;
    int exit_code = FI_EXIT_OK;
    options->gitignore = cli->settings.gitignore;
    options->file_size_max = cli->settings.max_file_size;
    int code = firn_workspace_steps(workspace, options, keep_step, &steps, &result, &err);
    if (code == FIRN_OK) {
        ways = calloc(steps.count + 1, sizeof(*ways));
    }
    if (code != FIRN_OK) {
        exit_code = fi_command_report_failure(cli, &err, NULL);
    } else if (ways == NULL) {
        exit_code = fi_command_report_error(cli, FIRN_NO_MEMORY, NULL, "out of memory");
    } else {
        count_ways(&steps, ways);
        if (!cli->quiet) {
            print_steps(&steps, ways, &result);
        }
        steps_json(&steps, ways, &result);
        exit_code = fi_task_pending_report(cli, workspace, NULL);
    }
    free(ways);
    fi_show_step_clear(&steps);
    firn_release(result.checkpoint);
    return exit_code;
}

int
fi_dir_steps_list(struct fi_cli *cli)
{
    firn_workspace_steps_options options = FIRN_WORKSPACE_STEPS_OPTIONS_INIT;
    firn_workspace *workspace = NULL;
    const char *limit = fi_command_value(cli, "limit");
    options.limit = LIMIT_DEFAULT;
    assert(cli->argument_count == 0);
    if (fi_command_has(cli, "dry-run") || fi_command_has(cli, "trust-journal")) {
        return fi_command_misused(cli, "--list changes nothing: it goes with --limit only");
    }
    if (limit != NULL && !fi_command_number(limit, UINT64_MAX, &options.limit)) {
        return fi_command_misused(cli, "--limit takes a whole number, not '%s'", limit);
    }
    int exit_code = fi_task_workspace_open(cli, &workspace);
    if (exit_code == FI_EXIT_OK) {
        exit_code = dir_steps_list(cli, workspace, &options);
    }
    firn_workspace_close(workspace);
    return exit_code;
}
