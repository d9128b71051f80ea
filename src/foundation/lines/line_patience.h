/* SPDX-License-Identifier: Apache-2.0
 *
 * lines/line_patience.h: a way from one sequence of numbers to another that keeps what is unique in
 * its place.
 *
 * The idea is Bram Cohen's patience difference; the longest ascending sequence is found by patience
 * sorting (D. Aldous and P. Diaconis, "Longest increasing subsequences: from patience sorting to the
 * Baik-Deift-Johansson theorem", Bulletin of the AMS 36, 1999).
 */
#ifndef FIRN_LINES_LINE_PATIENCE_H
#define FIRN_LINES_LINE_PATIENCE_H

#include <stdbool.h>

#include "lines/line_intern.h"

/* Marks the changes of two texts whose lines are numbers: the lines that are not marked are the same
 * on both sides, in order. Both arrays are all false and have an element a line. Where nothing is
 * unique the shortest way is taken, by about work_max steps in all (lines/line_myers.h). *out_is_minimal
 * is true if the whole way is proved to be the shortest. */
FIRN_MUST_CHECK int firn_line_patience_mark(const struct firn_line_intern *lines,
                                            bool *before_changed, bool *after_changed,
                                            uint64_t work_max, bool *out_is_minimal,
                                            firn_error *err);

#endif
