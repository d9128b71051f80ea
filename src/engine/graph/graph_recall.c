/* SPDX-License-Identifier: Apache-2.0
 *
 * graph/graph_recall.c: how wide a walk must be for a recall.
 *
 * A graph knows the recall of walks of some widths, for the nearest one, 10, 100 and 1,000
 * (graph_measure.c). Between two widths the recall is at least what lies on the straight line
 * between them, because each further node of a walk finds less than the one before. Between two
 * numbers of rows the width is on the line between theirs, and beyond 1,000 it grows with their
 * number. Where that for the nearest one is not known, it is that for 10.
 *
 * Graphs of files of version 1 know nothing. For these there is a table, of the worst of some data
 * sets.
 */
#include "graph/graph_internal.h"

static const uint32_t WANTED[FI_GRAPH_RECALLS] = {1, 10, 100, 1000};

size_t
fi_graph_recall_wanted(size_t i)
{
    DCHECK(i < FI_GRAPH_RECALLS);
    return WANTED[i];
}

/* Without measurements. */
static double
usual_width(size_t wanted, double recall)
{
    static const struct {
        double recall;
        uint32_t ef;
    } steps[] = {{0.8, 24}, {0.9, 48}, {0.95, 128}, {0.98, 320}, {0.99, 560}, {1, 1000}};
    size_t i = 0;
    while (i + 1 < sizeof steps / sizeof steps[0] && steps[i].recall < recall) {
        i++;
    }
    return steps[i].ef + 2 * (double)wanted;
}

/* For one of the numbers of rows that was measured; 0: no width is enough. */
static double
measured_width(const struct fi_graph_widths *widths, size_t r, double recall)
{
    double before = 0;
    double ef = 0;
    for (uint32_t i = 0; i < widths->count; i++) {
        const double found = (double)widths->all[i].recalls[r] / UINT16_MAX;
        if (found >= recall) {
            const double part = i > 0 ? (recall - before) / (found - before) : 1;
            return ef + part * (widths->all[i].ef - ef);
        }
        before = found;
        ef = widths->all[i].ef;
    }
    return 0;
}

size_t
fi_graph_recall_width(const struct fi_graph *graph, size_t wanted, double recall)
{
    double width;
    if (recall >= 1) {
        return 0;
    }
    if (!graph->widths.is_measured) {
        width = usual_width(wanted, recall);
    } else {
        size_t r = 0;
        while (r + 1 < FI_GRAPH_RECALLS && WANTED[r] < wanted) {
            r++;
        }
        width = measured_width(&graph->widths, r, recall);
        if (width <= 0 && r == 0) {
            width = measured_width(&graph->widths, 1, recall);
        }
        if (width > 0 && wanted > WANTED[r]) {
            width *= (double)wanted / WANTED[r];
        } else if (width > 0 && r > 0) {
            const double below = measured_width(&graph->widths, r - 1, recall);
            const double part =
                ((double)wanted - WANTED[r - 1]) / (double)(WANTED[r] - WANTED[r - 1]);
            width = below > 0 ? below + part * (width - below) : width;
        }
        if (width <= 0) {
            return 0;
        }
        width = width < (double)wanted ? (double)wanted : width;
    }
    /* A file may name a width beyond the number of rows, and is not believed. */
    const size_t most = wanted > graph->rows ? wanted : (size_t)graph->rows;
    width = width < (double)most ? width : (double)most;
    const size_t whole = width < FI_GRAPH_EF_MAX ? (size_t)width : FI_GRAPH_EF_MAX;
    return (double)whole < width ? whole + 1 : whole;
}

uint64_t
fi_graph_recall_compared(const struct fi_graph *graph, size_t ef)
{
    const struct fi_graph_widths *widths = &graph->widths;
    if (widths->count == 0) {
        return (uint64_t)ef * graph->parameters.m;
    }
    const struct fi_graph_width *width = widths->all;
    while (width + 1 < widths->all + widths->count && width->ef < ef) {
        width++;
    }
    return (uint64_t)ef * width->compared / width->ef;
}
