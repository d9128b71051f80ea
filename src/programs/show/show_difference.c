/* SPDX-License-Identifier: Apache-2.0
 *
 * show/show_difference.c: a list of differences in the form that the options of diff and show ask
 * for.
 *
 * Rows with line counts are collected, because the widths of their columns are known at the end;
 * all others are printed as they come.
 */
#include "show/show.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "term/term.h"

/* ---- differences as rows of one size: path, number of lines, a bar ----
 *
 *    src/main.c | 14 +++++++-------
 *    logo.png   | binary, 1204 -> 1350 bytes
 *    notes.txt  |  3 --- removed
 *    run.sh     | mode 0644 -> 0755
 *
 * The bar is as long as the number of lines, unless it and a remark do not fit: then all bars are
 * shortened by one factor, and a bar with lines of both kinds keeps one sign of each at least. When
 * names and bars do not fit together, bars get three eighths of the width at most, and names that
 * are too long for the rest are cut on their left, where neighbours are alike. People know this
 * picture from git.
 *
 * How wide the columns are is known at the end, so rows are kept until then, already escaped. Width
 * is counted in code points, which is right but for letters of double or no width: those rows are
 * out of line by some columns.
 */

enum { WIDTH_DEFAULT = 80, BAR_MIN = 6, NAME_MIN = 8, AROUND = 5 /* " " " | " " " */ };

struct firn_show_stat_row {
    char *name;
    size_t name_width;
    char *remark; /* may be empty */
    bool has_lines;
    uint64_t added;
    uint64_t removed;
};

static size_t
width_of(const char *text)
{
    size_t width = 0;
    for (; *text != '\0'; text++) {
        width += ((unsigned char)*text & 0xC0) != 0x80;
    }
    return width;
}

static bool
make_row(struct firn_show_stat_row *row, const firn_workspace_difference *difference)
{
    assert(difference->change.before != NULL || difference->change.after != NULL);
    memset(row, 0, sizeof(*row));
    row->name = firn_show_remark_name(&difference->change);
    row->remark = firn_show_remark(difference);
    if (row->name == NULL || row->remark == NULL) {
        return false;
    }
    row->name_width = width_of(row->name);
    row->added = difference->lines_added;
    row->removed = difference->lines_removed;
    row->has_lines = row->added + row->removed > 0 || row->remark[0] == '\0';
    return true;
}

/* Keeps the data for the row of a difference. Returns false if memory runs out. */
static bool
stat_add(struct firn_show_stat *stat, const firn_workspace_difference *difference)
{
    assert(stat->count <= stat->capacity);
    if (stat->count == stat->capacity) {
        size_t capacity = stat->capacity == 0 ? 64 : stat->capacity * 2;
        struct firn_show_stat_row *rows = realloc(stat->rows, capacity * sizeof(*rows));
        if (rows == NULL) {
            return false;
        }
        stat->rows = rows;
        stat->capacity = capacity;
    }
    struct firn_show_stat_row *row = &stat->rows[stat->count];
    if (!make_row(row, difference)) {
        free(row->name);
        free(row->remark);
        return false;
    }
    stat->count++;
    return true;
}

static void
stat_deinit(struct firn_show_stat *stat)
{
    assert(stat->count <= stat->capacity);
    for (size_t i = 0; i < stat->count; i++) {
        free(stat->rows[i].name);
        free(stat->rows[i].remark);
    }
    free(stat->rows);
    memset(stat, 0, sizeof(*stat));
}

/* ---- printing ---- */

struct columns {
    size_t name;
    size_t number;
    size_t bar;
    uint64_t lines_max;
};

static size_t
digits_of(uint64_t number)
{
    size_t digits = 1;
    for (; number >= 10; number /= 10) {
        digits++;
    }
    return digits;
}

static struct columns
lay_out(const struct firn_show_stat *stat, size_t width)
{
    struct columns columns = {0, 1, 0, 0};
    size_t remark_max = 0; /* after a bar, with the space between them */
    for (size_t i = 0; i < stat->count; i++) {
        const struct firn_show_stat_row *row = &stat->rows[i];
        uint64_t lines = row->added + row->removed;
        size_t remark = row->has_lines && row->remark[0] != '\0' ? 1 + width_of(row->remark) : 0;
        remark_max = remark > remark_max ? remark : remark_max;
        columns.name = row->name_width > columns.name ? row->name_width : columns.name;
        columns.lines_max = lines > columns.lines_max ? lines : columns.lines_max;
    }
    columns.number = digits_of(columns.lines_max);
    size_t around = AROUND + columns.number + remark_max;
    size_t room = width > around + NAME_MIN + BAR_MIN ? width - around : NAME_MIN + BAR_MIN;
    columns.bar = columns.lines_max < room ? (size_t)columns.lines_max : room;
    if (columns.name + columns.bar > room) {
        size_t share = width * 3 / 8 > around + BAR_MIN ? width * 3 / 8 - around : BAR_MIN;
        columns.bar = columns.bar < share ? columns.bar : share;
        if (columns.name + columns.bar > room) {
            columns.name = room - columns.bar;
        } else {
            uint64_t left = room - columns.name;
            columns.bar = columns.lines_max < left ? (size_t)columns.lines_max : (size_t)left;
        }
    }
    assert(columns.name + columns.bar <= room && columns.bar <= columns.lines_max);
    return columns;
}

/* The end of a name that is too long, after three dots; from a slash on, if there is one. */
static void
print_name(const struct firn_show_stat_row *row, size_t width)
{
    assert(row->name_width <= width || width >= NAME_MIN);
    const char *name = row->name;
    size_t name_width = row->name_width;
    if (name_width > width) {
        while (name_width > width - 3) {
            do {
                name++;
            } while (((unsigned char)*name & 0xC0) == 0x80);
            name_width--;
        }
        const char *slash = strchr(name, '/');
        if (slash != NULL && slash[1] != '\0') {
            name_width -= width_of(name) - width_of(slash);
            name = slash;
        }
        firn_term_out_text("...");
        name_width += 3;
    }
    firn_term_out_text(name);
    firn_term_out_format("%*s", (int)(width - name_width), "");
}

static void
print_signs(char sign, uint64_t count)
{
    if (count == 0) {
        return;
    }
    firn_term_colour(sign == '+' ? FIRN_TERM_GREEN : FIRN_TERM_RED);
    for (uint64_t i = 0; i < count; i++) {
        firn_term_out_write(&sign, 1);
    }
    firn_term_colour(FIRN_TERM_PLAIN);
}

/* So many of `bar` signs for so many of lines_max lines; one at least for any. */
static uint64_t
scale(uint64_t lines, const struct columns *columns)
{
    assert(lines <= columns->lines_max);
    if (lines == 0 || columns->lines_max <= columns->bar) {
        return lines;
    }
    return 1 + (uint64_t)((double)lines * (double)(columns->bar - 1) / (double)columns->lines_max);
}

static void
print_bar(const struct firn_show_stat_row *row, const struct columns *columns)
{
    uint64_t all = scale(row->added + row->removed, columns);
    uint64_t fewer = scale(row->added < row->removed ? row->added : row->removed, columns);
    if (all < 2 && row->added > 0 && row->removed > 0) {
        all = 2;
    }
    assert(fewer <= all && all <= columns->bar);
    print_signs('+', row->added < row->removed ? fewer : all - fewer);
    print_signs('-', row->added < row->removed ? all - fewer : fewer);
}

/* Prints all rows, for lines of `width` columns. */
static void
stat_print(const struct firn_show_stat *stat, size_t width)
{
    struct columns columns = lay_out(stat, width);
    for (size_t i = 0; i < stat->count; i++) {
        const struct firn_show_stat_row *row = &stat->rows[i];
        firn_term_out_text(" ");
        print_name(row, columns.name);
        firn_term_out_text(" | ");
        if (row->has_lines) {
            uint64_t lines = row->added + row->removed;
            firn_term_out_format("%*" PRIu64 "%s", (int)columns.number, lines,
                                 lines > 0 ? " " : "");
            print_bar(row, &columns);
            firn_term_out_text(row->remark[0] != '\0' ? " " : "");
        }
        firn_term_out_text(row->remark);
        firn_term_out_text("\n");
    }
}

/* ---- the form that was asked for ---- */

static bool
has_lines(enum firn_show_difference_form form)
{
    return form == FIRN_SHOW_DIFFERENCE_STAT || form == FIRN_SHOW_DIFFERENCE_PATCH;
}

static void
show_json(const firn_workspace_difference *difference, enum firn_show_difference_form form)
{
    firn_term_json_object(NULL);
    firn_show_change_json_members(&difference->change);
    if (has_lines(form)) {
        firn_term_json_object("lines");
        firn_term_json_string("kind", firn_workspace_lines_kind_name(difference->lines));
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
firn_show_difference_visit(void *ctx, const firn_workspace_difference *difference)
{
    struct firn_show_difference *shown = ctx;
    assert(!shown->is_out_of_memory);
    if (shown->cli->json) {
        show_json(difference, shown->form);
    } else if (shown->form == FIRN_SHOW_DIFFERENCE_STAT) {
        shown->is_out_of_memory = !stat_add(&shown->stat, difference);
    } else if (shown->form == FIRN_SHOW_DIFFERENCE_PATCH) {
        firn_term_meter_clear();
        shown->is_out_of_memory = !firn_show_patch_print(&shown->patch, difference);
    } else if (shown->form == FIRN_SHOW_DIFFERENCE_PATHS) {
        firn_term_meter_clear();
        firn_show_change_print_path(&difference->change);
    } else {
        firn_term_meter_clear();
        firn_show_change_print(&difference->change);
    }
    return firn_term_out_error() == 0 && !shown->is_out_of_memory ? FIRN_OK : FIRN_CANCELLED;
}

void
firn_show_difference_finish(const struct firn_show_difference *difference)
{
    size_t columns = firn_term_out_columns();
    stat_print(&difference->stat, columns > 0 ? columns : WIDTH_DEFAULT);
}

static struct firn_show_counts
counts_of(const firn_workspace_diff_result *result)
{
    return (struct firn_show_counts){result->added, result->changed, result->removed,
                                     result->times_only};
}

void
firn_show_difference_print_counts(const firn_workspace_diff_result *result,
                                  enum firn_show_difference_form form)
{
    const struct firn_show_counts counts = counts_of(result);
    firn_show_change_counts_print(&counts);
    if (result->renamed > 0) {
        firn_term_out_text(", ");
        firn_show_change_counts_print_one(result->renamed, "renamed");
    }
    if (form == FIRN_SHOW_DIFFERENCE_STAT) {
        firn_term_out_text("; ");
        firn_show_change_counts_print_one(
            result->lines_added,
            firn_term_text_plural(result->lines_added, "line added, ", "lines added, "));
        firn_show_change_counts_print_one(result->lines_removed, "removed");
    }
}

void
firn_show_difference_json_counts(const firn_workspace_diff_result *result,
                                 enum firn_show_difference_form form)
{
    const struct firn_show_counts counts = counts_of(result);
    firn_show_change_counts_json(&counts);
    firn_term_json_u64("times_only", result->times_only);
    firn_term_json_u64("renamed", result->renamed);
    firn_term_json_u64("skipped", result->skipped);
    if (has_lines(form)) {
        firn_term_json_u64("lines_added", result->lines_added);
        firn_term_json_u64("lines_removed", result->lines_removed);
    }
}

int
firn_show_difference_init(struct firn_show_difference *out, struct firn_cli *cli,
                          enum firn_show_difference_form form, firn_workspace_diff_options *options)
{
    *out = (struct firn_show_difference){.cli = cli, .form = form};
    const char *context = firn_command_value(cli, "unified");
    const char *algorithm = firn_command_value(cli, "diff-algorithm");
    bool is_by_words = firn_command_has(cli, "word-diff");
    bool is_patch = firn_command_has(cli, "patch") || context != NULL || is_by_words;
    bool is_stat = firn_command_has(cli, "stat");
    bool is_names = firn_command_has(cli, "names");
    bool is_paths = firn_command_has(cli, "name-only");
    uint64_t lines = FIRN_SHOW_PATCH_CONTEXT_DEFAULT;
    if (is_patch + is_stat + is_names + is_paths > 1) {
        return firn_command_misused(cli,
                                    "--names, --name-only, --stat and --patch exclude each other");
    }
    firn_show_patch_init(&out->patch);
    if (algorithm != NULL && strcmp(algorithm, "patience") == 0) {
        options->algorithm = FIRN_DIFF_PATIENCE;
    } else if (algorithm != NULL && strcmp(algorithm, "myers") != 0) {
        return firn_command_misused(cli, "--diff-algorithm is myers or patience");
    }
    if (context != NULL && !firn_command_number(context, INT32_MAX, &lines)) {
        return firn_command_misused(cli, "'%s' is not a number of lines", context);
    }
    out->patch.context = (uint32_t)lines;
    out->patch.is_by_words = is_by_words;
    out->form = is_patch   ? FIRN_SHOW_DIFFERENCE_PATCH
                : is_stat  ? FIRN_SHOW_DIFFERENCE_STAT
                : is_names ? FIRN_SHOW_DIFFERENCE_NAMES
                : is_paths ? FIRN_SHOW_DIFFERENCE_PATHS
                           : form;
    options->with_lines = has_lines(out->form);
    options->find_renames = !firn_command_has(cli, "no-renames");
    options->without_times = !firn_command_has(cli, "times");
    return FIRN_EXIT_OK;
}

void
firn_show_difference_deinit(struct firn_show_difference *difference)
{
    stat_deinit(&difference->stat);
}
