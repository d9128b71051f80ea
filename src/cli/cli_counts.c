/* SPDX-License-Identifier: Apache-2.0
 *
 * cli/cli_counts.c: how many entries of a tree differ, or were written: one wording for diff, show,
 * restore, undo and revert.
 */
#include "cli/cli_counts.h"

#include "cli/json_out.h"
#include "cli/out.h"
#include "cli/text.h"

void
firn_cli_counts_print_one(uint64_t count, const char *what)
{
    char number[FIRN_TEXT_NUMBER_SIZE];
    firn_out_format("%s %s", firn_text_number(count, number), what);
}

void
firn_cli_counts_print(const struct firn_cli_counts *counts)
{
    firn_cli_counts_print_one(counts->changed, "changed, ");
    firn_cli_counts_print_one(counts->added, "added, ");
    firn_cli_counts_print_one(counts->removed, "removed");
}

void
firn_cli_counts_json(const struct firn_cli_counts *counts)
{
    firn_json_out_u64("added", counts->added);
    firn_json_out_u64("changed", counts->changed);
    firn_json_out_u64("removed", counts->removed);
}
