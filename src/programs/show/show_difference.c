/* SPDX-License-Identifier: Apache-2.0
 *
 * show/show_difference.c: a list of differences in the form that the options of diff and show ask
 * for.
 *
 * Rows with line counts are collected (show_stat.c), because the widths of their columns are known
 * at the end; all others are printed as they come.
 */
#include "show/show.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "term/term.h"

enum { WIDTH_DEFAULT = 80 };

static bool
has_lines(enum fi_show_difference_form form)
{
    return form == FI_SHOW_DIFFERENCE_STAT || form == FI_SHOW_DIFFERENCE_PATCH;
}

static void
show_json(const firn_workspace_difference *difference, enum fi_show_difference_form form)
{
    fi_term_json_object(NULL);
    fi_show_change_json_members(&difference->change);
    if (has_lines(form)) {
        fi_term_json_object("lines");
        fi_term_json_string("kind", firn_workspace_lines_kind_name(difference->lines));
        if (difference->lines == FIRN_LINES_COUNTED) {
            fi_term_json_u64("added", difference->lines_added);
            fi_term_json_u64("removed", difference->lines_removed);
            fi_term_json_bool("minimal", difference->lines_are_minimal);
            if (form == FI_SHOW_DIFFERENCE_PATCH) {
                fi_show_patch_json(difference);
            }
        }
        fi_term_json_end();
    }
    fi_term_json_end();
}

bool
fi_show_difference_is_space(const struct fi_show_difference *shown,
                            const firn_workspace_difference *difference)
{
    const firn_workspace_change *change = &difference->change;
    return shown->ignores_space && difference->lines == FIRN_LINES_COUNTED &&
           difference->hunk_count == 0 && change->kind == FIRN_CHANGE_CONTENT &&
           (change->what & ~(unsigned)(FIRN_CHANGED_CONTENT | FIRN_CHANGED_MTIME)) == 0;
}

int
fi_show_difference_visit(void *ctx, const firn_workspace_difference *difference)
{
    struct fi_show_difference *shown = ctx;
    assert(!shown->is_out_of_memory);
    if (fi_show_difference_is_space(shown, difference)) {
        return FIRN_OK;
    }
    if (shown->cli->json) {
        show_json(difference, shown->form);
    } else if (shown->form == FI_SHOW_DIFFERENCE_STAT) {
        shown->is_out_of_memory = !fi_show_stat_add(&shown->stat, difference);
    } else if (shown->form == FI_SHOW_DIFFERENCE_PATCH) {
        fi_term_meter_clear();
        shown->is_out_of_memory = !fi_show_patch_print(&shown->patch, difference);
    } else if (shown->form == FI_SHOW_DIFFERENCE_PATHS) {
        fi_term_meter_clear();
        fi_show_change_print_path(&difference->change);
    } else {
        fi_term_meter_clear();
        fi_show_change_print(&difference->change);
    }
    return fi_term_out_error() == 0 && !shown->is_out_of_memory ? FIRN_OK : FIRN_CANCELLED;
}

void
fi_show_difference_finish(const struct fi_show_difference *difference)
{
    size_t columns = fi_term_out_columns();
    fi_show_stat_print(&difference->stat, columns > 0 ? columns : WIDTH_DEFAULT);
}

static struct fi_show_counts
counts_of(const firn_workspace_diff_result *result)
{
    return (struct fi_show_counts){result->added, result->changed, result->removed,
                                   result->times_only};
}

void
fi_show_difference_print_counts(const firn_workspace_diff_result *result,
                                enum fi_show_difference_form form)
{
    const struct fi_show_counts counts = counts_of(result);
    fi_show_change_counts_print(&counts);
    if (result->renamed > 0) {
        fi_term_out_text(", ");
        fi_show_change_counts_print_one(result->renamed, "renamed");
    }
    if (form == FI_SHOW_DIFFERENCE_STAT) {
        fi_term_out_text("; ");
        fi_show_change_counts_print_one(
            result->lines_added,
            fi_term_text_plural(result->lines_added, "line added, ", "lines added, "));
        fi_show_change_counts_print_one(result->lines_removed, "removed");
    }
}

void
fi_show_difference_json_counts(const firn_workspace_diff_result *result,
                               enum fi_show_difference_form form)
{
    const struct fi_show_counts counts = counts_of(result);
    fi_show_change_counts_json(&counts);
    fi_term_json_u64("times_only", result->times_only);
    fi_term_json_u64("renamed", result->renamed);
    fi_term_json_u64("skipped", result->skipped);
    if (has_lines(form)) {
        fi_term_json_u64("lines_added", result->lines_added);
        fi_term_json_u64("lines_removed", result->lines_removed);
    }
}

int
fi_show_difference_init(struct fi_show_difference *out, struct fi_cli *cli,
                        enum fi_show_difference_form form, firn_workspace_diff_options *options)
{
    *out = (struct fi_show_difference){.cli = cli, .form = form};
    const char *context = fi_command_value(cli, "unified");
    const char *algorithm = fi_command_value(cli, "diff-algorithm");
    bool is_by_words = fi_command_has(cli, "word-diff");
    bool is_patch = fi_command_has(cli, "patch") || context != NULL || is_by_words;
    bool is_stat = fi_command_has(cli, "stat");
    bool is_names = fi_command_has(cli, "names");
    bool is_paths = fi_command_has(cli, "name-only");
    uint64_t lines = FI_SHOW_PATCH_CONTEXT_DEFAULT;
    if (is_patch + is_stat + is_names + is_paths > 1) {
        return fi_command_misused(cli,
                                  "--names, --name-only, --stat and --patch exclude each other");
    }
    fi_show_patch_init(&out->patch);
    if (algorithm != NULL && strcmp(algorithm, "patience") == 0) {
        options->algorithm = FIRN_DIFF_PATIENCE;
    } else if (algorithm != NULL && strcmp(algorithm, "myers") != 0) {
        return fi_command_misused(cli, "--diff-algorithm is myers or patience");
    }
    if (context != NULL && !fi_command_number(context, INT32_MAX, &lines)) {
        return fi_command_misused(cli, "'%s' is not a number of lines", context);
    }
    out->patch.context = (uint32_t)lines;
    out->patch.is_by_words = is_by_words;
    out->form = is_patch   ? FI_SHOW_DIFFERENCE_PATCH
                : is_stat  ? FI_SHOW_DIFFERENCE_STAT
                : is_names ? FI_SHOW_DIFFERENCE_NAMES
                : is_paths ? FI_SHOW_DIFFERENCE_PATHS
                           : form;
    out->ignores_space = fi_command_has(cli, "ignore-space");
    options->ignore_space = out->ignores_space;
    options->with_lines = has_lines(out->form) || out->ignores_space;
    options->find_renames = !fi_command_has(cli, "no-renames");
    options->without_times = !fi_command_has(cli, "times");
    return FI_EXIT_OK;
}

void
fi_show_difference_deinit(struct fi_show_difference *difference)
{
    fi_show_stat_deinit(&difference->stat);
}
