/* SPDX-License-Identifier: Apache-2.0
 *
 * show/show_counts.c: how many entries of a tree differ, or were written: one wording for diff, show,
 * restore, undo and revert.
 */
#include "show/show.h"

#include "term/term.h"

void
firn_show_counts_print_one(uint64_t count, const char *what)
{
    char number[FIRN_TERM_TEXT_NUMBER_SIZE];
    firn_term_out_format("%s %s", firn_term_text_number(count, number), what);
}

void
firn_show_counts_print(const struct firn_show_counts *counts)
{
    firn_show_counts_print_one(counts->changed, "changed, ");
    firn_show_counts_print_one(counts->added, "added, ");
    firn_show_counts_print_one(counts->removed, "removed");
}

void
firn_show_counts_json(const struct firn_show_counts *counts)
{
    firn_term_json_u64("added", counts->added);
    firn_term_json_u64("changed", counts->changed);
    firn_term_json_u64("removed", counts->removed);
}
