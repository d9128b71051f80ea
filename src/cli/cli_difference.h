/* SPDX-License-Identifier: Apache-2.0
 *
 * cli/cli_difference.h: a list of differences in the form that the options of diff and show ask for.
 */
#ifndef FIRN_CLI_CLI_DIFFERENCE_H
#define FIRN_CLI_CLI_DIFFERENCE_H

#include "cli/cli_patch.h"
#include "cli/cli_stat.h"
#include "cli/command.h"

enum firn_cli_difference_form {
    FIRN_CLI_DIFFERENCE_COUNTS, /* only how many */
    FIRN_CLI_DIFFERENCE_NAMES,
    FIRN_CLI_DIFFERENCE_STAT,
    FIRN_CLI_DIFFERENCE_PATCH
};

struct firn_cli_difference {
    const struct firn_cli *cli;
    enum firn_cli_difference_form form;
    struct firn_cli_patch patch;
    bool is_out_of_memory;
    struct firn_cli_stat stat;
};

/* Rows of a command's table of options. */
#define FIRN_CLI_DIFFERENCE_OPTIONS(names_help)                                            \
    {"names", 0, NULL, names_help},                                                        \
        {"stat", 0, NULL, "count the lines that differ, with a bar for each file"},        \
        {"patch", 'p', NULL, "show the lines that differ, as git diff does"},              \
        {"unified", 'U', "N", "as --patch, with N lines around each difference, not 3"},   \
        {"no-renames", 0, NULL, "show a renamed file as one removed and one added"},       \
        {"diff-algorithm", 0, "NAME", "compare lines by myers (the default) or patience"}, \
    {                                                                                      \
        "color", 0, "WHEN", "color a patch: always, never or auto, on a terminal"          \
    }

/* Reads them; form is that where none is given. Sets what the library has to be asked for. Returns an
 * exit code. *out is to be deinited. */
int firn_cli_difference_init(struct firn_cli_difference *out, struct firn_cli *cli,
                             enum firn_cli_difference_form form,
                             firn_workspace_diff_options *options);
void firn_cli_difference_deinit(struct firn_cli_difference *difference);

/* Shows one; ctx is the struct. With --json it is an object in an array. */
int firn_cli_difference_visit(void *ctx, const firn_workspace_difference *difference);
/* Shows what is shown when all have been visited: the rows of --stat. */
void firn_cli_difference_finish(const struct firn_cli_difference *difference);

/* "5 changed, 1 added, 0 removed": without a line's end. */
void firn_cli_difference_print_counts(const firn_workspace_diff_result *result,
                                      enum firn_cli_difference_form form);
/* The same as members. */
void firn_cli_difference_json_counts(const firn_workspace_diff_result *result,
                                     enum firn_cli_difference_form form);

#endif
