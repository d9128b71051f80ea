/* SPDX-License-Identifier: Apache-2.0
 *
 * cli/cli_difference.c: a list of differences in the form that the options of diff and show ask for.
 *
 * Rows with line counts are collected, because their columns are known at the end; all else is
 * printed as it comes.
 */
#include "cli/cli_difference.h"

#include <string.h>

#include "cli/cli_change.h"
#include "cli/cli_counts.h"
#include "cli/exit_code.h"
#include "cli/json_out.h"
#include "cli/meter.h"
#include "cli/out.h"
#include "cli/text.h"

static const char *
lines_name(firn_workspace_lines_kind kind)
{
    switch (kind) {
    case FIRN_LINES_NONE:
        return "none";
    case FIRN_LINES_COUNTED:
        return "counted";
    case FIRN_LINES_BINARY:
        return "binary";
    case FIRN_LINES_TOO_LARGE:
        return "too_large";
    case FIRN_LINES_UNREADABLE:
        return "unreadable";
    }
    return "other";
}

static bool
has_lines(enum firn_cli_difference_form form)
{
    return form == FIRN_CLI_DIFFERENCE_STAT || form == FIRN_CLI_DIFFERENCE_PATCH;
}

static void
show_json(const firn_workspace_difference *difference, enum firn_cli_difference_form form)
{
    firn_json_out_object(NULL);
    firn_cli_change_json_members(&difference->change);
    if (has_lines(form)) {
        firn_json_out_object("lines");
        firn_json_out_string("kind", lines_name(difference->lines));
        if (difference->lines == FIRN_LINES_COUNTED) {
            firn_json_out_u64("added", difference->lines_added);
            firn_json_out_u64("removed", difference->lines_removed);
            firn_json_out_bool("minimal", difference->lines_are_minimal);
            if (form == FIRN_CLI_DIFFERENCE_PATCH) {
                firn_cli_patch_json(difference);
            }
        }
        firn_json_out_end();
    }
    firn_json_out_end();
}

int
firn_cli_difference_visit(void *ctx, const firn_workspace_difference *difference)
{
    struct firn_cli_difference *shown = ctx;
    if (shown->cli->json) {
        show_json(difference, shown->form);
    } else if (shown->form == FIRN_CLI_DIFFERENCE_STAT) {
        shown->is_out_of_memory = !firn_cli_stat_add(&shown->stat, difference);
    } else if (shown->form == FIRN_CLI_DIFFERENCE_PATCH) {
        firn_meter_clear();
        shown->is_out_of_memory = !firn_cli_patch_print(&shown->patch, difference);
    } else {
        firn_meter_clear();
        firn_cli_change_print(&difference->change);
    }
    return firn_out_error() == 0 && !shown->is_out_of_memory ? FIRN_OK : FIRN_CANCELLED;
}

void
firn_cli_difference_finish(const struct firn_cli_difference *difference)
{
    firn_cli_stat_print(&difference->stat, firn_cli_stat_width());
}

static struct firn_cli_counts
counts_of(const firn_workspace_diff_result *result)
{
    return (struct firn_cli_counts){result->added, result->changed, result->removed};
}

void
firn_cli_difference_print_counts(const firn_workspace_diff_result *result,
                                 enum firn_cli_difference_form form)
{
    const struct firn_cli_counts counts = counts_of(result);
    firn_cli_counts_print(&counts);
    if (result->renamed > 0) {
        firn_out_text(", ");
        firn_cli_counts_print_one(result->renamed, "renamed");
    }
    if (form == FIRN_CLI_DIFFERENCE_STAT) {
        firn_out_text("; ");
        firn_cli_counts_print_one(
            result->lines_added,
            firn_text_plural(result->lines_added, "line added, ", "lines added, "));
        firn_cli_counts_print_one(result->lines_removed, "removed");
    }
}

void
firn_cli_difference_json_counts(const firn_workspace_diff_result *result,
                                enum firn_cli_difference_form form)
{
    const struct firn_cli_counts counts = counts_of(result);
    firn_cli_counts_json(&counts);
    firn_json_out_u64("renamed", result->renamed);
    firn_json_out_u64("skipped", result->skipped);
    if (has_lines(form)) {
        firn_json_out_u64("lines_added", result->lines_added);
        firn_json_out_u64("lines_removed", result->lines_removed);
    }
}

int
firn_cli_difference_init(struct firn_cli_difference *out, struct firn_cli *cli,
                         enum firn_cli_difference_form form, firn_workspace_diff_options *options)
{
    *out = (struct firn_cli_difference){.cli = cli, .form = form};
    const char *context = firn_command_value(cli, "unified");
    const char *algorithm = firn_command_value(cli, "diff-algorithm");
    bool is_patch = firn_command_has(cli, "patch") || context != NULL;
    bool is_stat = firn_command_has(cli, "stat");
    bool is_names = firn_command_has(cli, "names");
    uint64_t lines = FIRN_CLI_PATCH_CONTEXT_DEFAULT;
    if (is_patch + is_stat + is_names > 1) {
        return firn_command_misused(cli, "--names, --stat and --patch exclude each other");
    }
    if (!firn_cli_patch_init(&out->patch, firn_command_value(cli, "color"))) {
        return firn_command_misused(cli, "--color is always, never or auto");
    }
    if (algorithm != NULL && strcmp(algorithm, "patience") == 0) {
        options->algorithm = FIRN_DIFF_PATIENCE;
    } else if (algorithm != NULL && strcmp(algorithm, "myers") != 0) {
        return firn_command_misused(cli, "--diff-algorithm is myers or patience");
    }
    if (context != NULL && !firn_command_number(context, INT32_MAX, &lines)) {
        return firn_command_misused(cli, "'%s' is no number of lines", context);
    }
    out->patch.context = (uint32_t)lines;
    out->form = is_patch   ? FIRN_CLI_DIFFERENCE_PATCH
                : is_stat  ? FIRN_CLI_DIFFERENCE_STAT
                : is_names ? FIRN_CLI_DIFFERENCE_NAMES
                           : form;
    options->with_lines = has_lines(out->form);
    options->find_renames = !firn_command_has(cli, "no-renames");
    return FIRN_EXIT_OK;
}

void
firn_cli_difference_deinit(struct firn_cli_difference *difference)
{
    firn_cli_stat_deinit(&difference->stat);
}
