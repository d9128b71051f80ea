/* SPDX-License-Identifier: Apache-2.0
 *
 * show/show_difference.c: a list of differences in the form that the options of diff and show ask for.
 *
 * Rows with line counts are collected, because their columns are known at the end; all else is
 * printed as it comes.
 */
#include "show/show.h"

#include <string.h>

#include "term/term.h"

static const char *
lines_name(firn_lines_kind kind)
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
has_lines(enum firn_show_difference_form form)
{
    return form == FIRN_SHOW_DIFFERENCE_STAT || form == FIRN_SHOW_DIFFERENCE_PATCH;
}

static void
show_json(const firn_difference *difference, enum firn_show_difference_form form)
{
    firn_term_json_object(NULL);
    firn_show_change_json_members(&difference->change);
    if (has_lines(form)) {
        firn_term_json_object("lines");
        firn_term_json_string("kind", lines_name(difference->lines));
        if (difference->lines == FIRN_LINES_COUNTED) {
            firn_term_json_u64("added", difference->lines_added);
            firn_term_json_u64("removed", difference->lines_removed);
            firn_term_json_bool("minimal", difference->lines_are_minimal);
            if (form == FIRN_SHOW_DIFFERENCE_PATCH) {
                firn_show_patch_json(difference);
            }
        }
        firn_term_json_end();
    }
    firn_term_json_end();
}

int
firn_show_difference_visit(void *ctx, const firn_difference *difference)
{
    struct firn_show_difference *shown = ctx;
    if (shown->cli->json) {
        show_json(difference, shown->form);
    } else if (shown->form == FIRN_SHOW_DIFFERENCE_STAT) {
        shown->is_out_of_memory = !firn_show_stat_add(&shown->stat, difference);
    } else if (shown->form == FIRN_SHOW_DIFFERENCE_PATCH) {
        firn_term_meter_clear();
        shown->is_out_of_memory = !firn_show_patch_print(&shown->patch, difference);
    } else {
        firn_term_meter_clear();
        firn_show_change_print(&difference->change);
    }
    return firn_term_out_error() == 0 && !shown->is_out_of_memory ? FIRN_OK : FIRN_CANCELLED;
}

void
firn_show_difference_finish(const struct firn_show_difference *difference)
{
    firn_show_stat_print(&difference->stat, firn_show_stat_width());
}

static struct firn_show_counts
counts_of(const firn_diff_result *result)
{
    return (struct firn_show_counts){result->added, result->changed, result->removed};
}

void
firn_show_difference_print_counts(const firn_diff_result *result,
                                  enum firn_show_difference_form form)
{
    const struct firn_show_counts counts = counts_of(result);
    firn_show_counts_print(&counts);
    if (result->renamed > 0) {
        firn_term_out_text(", ");
        firn_show_counts_print_one(result->renamed, "renamed");
    }
    if (form == FIRN_SHOW_DIFFERENCE_STAT) {
        firn_term_out_text("; ");
        firn_show_counts_print_one(
            result->lines_added,
            firn_term_text_plural(result->lines_added, "line added, ", "lines added, "));
        firn_show_counts_print_one(result->lines_removed, "removed");
    }
}

void
firn_show_difference_json_counts(const firn_diff_result *result,
                                 enum firn_show_difference_form form)
{
    const struct firn_show_counts counts = counts_of(result);
    firn_show_counts_json(&counts);
    firn_term_json_u64("renamed", result->renamed);
    firn_term_json_u64("skipped", result->skipped);
    if (has_lines(form)) {
        firn_term_json_u64("lines_added", result->lines_added);
        firn_term_json_u64("lines_removed", result->lines_removed);
    }
}

int
firn_show_difference_init(struct firn_show_difference *out, struct firn_cli *cli,
                          enum firn_show_difference_form form, firn_diff_options *options)
{
    *out = (struct firn_show_difference){.cli = cli, .form = form};
    const char *context = firn_command_value(cli, "unified");
    const char *algorithm = firn_command_value(cli, "diff-algorithm");
    bool is_patch = firn_command_has(cli, "patch") || context != NULL;
    bool is_stat = firn_command_has(cli, "stat");
    bool is_names = firn_command_has(cli, "names");
    uint64_t lines = FIRN_SHOW_PATCH_CONTEXT_DEFAULT;
    if (is_patch + is_stat + is_names > 1) {
        return firn_command_misused(cli, "--names, --stat and --patch exclude each other");
    }
    if (!firn_show_patch_init(&out->patch, firn_command_value(cli, "color"))) {
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
    out->form = is_patch   ? FIRN_SHOW_DIFFERENCE_PATCH
                : is_stat  ? FIRN_SHOW_DIFFERENCE_STAT
                : is_names ? FIRN_SHOW_DIFFERENCE_NAMES
                           : form;
    options->with_lines = has_lines(out->form);
    options->find_renames = !firn_command_has(cli, "no-renames");
    return FIRN_EXIT_OK;
}

void
firn_show_difference_deinit(struct firn_show_difference *difference)
{
    firn_show_stat_deinit(&difference->stat);
}
