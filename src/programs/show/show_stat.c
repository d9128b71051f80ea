/* SPDX-License-Identifier: Apache-2.0
 *
 * show/show_stat.c: differences as rows of one size: path, number of lines, a bar.
 *
 *    src/main.c | 14 +++++++-------
 *    logo.png   | binary, 1204 -> 1350 bytes
 *    notes.txt  |  3 --- removed
 *    run.sh     | mode 0644 -> 0755
 *
 * The bar is as long as the number of lines, unless it does not fit: then all bars are shortened by
 * one factor, and a bar with lines of both kinds keeps one sign of each at least. When names and
 * bars do not fit together, bars get three eighths of the width at most, and names that are too
 * long for the rest are cut on their left, where neighbours are alike. People know this picture
 * from git.
 *
 * How wide the columns are is known at the end, so rows are kept until then, already escaped. Width
 * is counted in code points, which is right but for letters of double or no width: those rows are
 * out of line by some columns.
 */

#include "show/show.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "term/term.h"

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
make_row(struct firn_show_stat_row *row, const firn_difference *difference)
{
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

bool
firn_show_stat_add(struct firn_show_stat *stat, const firn_difference *difference)
{
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

void
firn_show_stat_deinit(struct firn_show_stat *stat)
{
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
    for (size_t i = 0; i < stat->count; i++) {
        const struct firn_show_stat_row *row = &stat->rows[i];
        uint64_t lines = row->added + row->removed;
        columns.name = row->name_width > columns.name ? row->name_width : columns.name;
        columns.lines_max = lines > columns.lines_max ? lines : columns.lines_max;
    }
    columns.number = digits_of(columns.lines_max);
    size_t around = AROUND + columns.number;
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
    return columns;
}

/* The end of a name that is too long, behind three dots; from a slash on, if there is one. */
static void
print_name(const struct firn_show_stat_row *row, size_t width)
{
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
    for (uint64_t i = 0; i < count; i++) {
        firn_term_out_write(&sign, 1);
    }
}

/* So many of `bar` signs for so many of lines_max lines; one at least for any. */
static uint64_t
scale(uint64_t lines, const struct columns *columns)
{
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
    print_signs('+', row->added < row->removed ? fewer : all - fewer);
    print_signs('-', row->added < row->removed ? all - fewer : fewer);
}

void
firn_show_stat_print(const struct firn_show_stat *stat, size_t width)
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

size_t
firn_show_stat_width(void)
{
    struct winsize size;
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) {
        return WIDTH_DEFAULT;
    }
    return size.ws_col;
}
