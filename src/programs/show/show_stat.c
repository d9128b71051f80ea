/* SPDX-License-Identifier: Apache-2.0
 *
 * show/show_stat.c: differences as rows of one size: path, number of lines, a bar.
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
#include "show/show.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "term/term.h"

enum { BAR_MIN = 6, NAME_MIN = 8, AROUND = 5 /* " " " | " " " */ };

struct fi_show_stat_row {
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
make_row(struct fi_show_stat_row *row, const firn_workspace_difference *difference)
{
    assert(difference->change.before != NULL || difference->change.after != NULL);
    memset(row, 0, sizeof(*row));
    row->name = fi_show_remark_name(&difference->change);
    row->remark = fi_show_remark(difference);
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
fi_show_stat_add(struct fi_show_stat *stat, const firn_workspace_difference *difference)
{
    assert(stat->count <= stat->capacity);
    if (stat->count == stat->capacity) {
        size_t capacity = stat->capacity == 0 ? 64 : stat->capacity * 2;
        struct fi_show_stat_row *rows = realloc(stat->rows, capacity * sizeof(*rows));
        if (rows == NULL) {
            return false;
        }
        stat->rows = rows;
        stat->capacity = capacity;
    }
    struct fi_show_stat_row *row = &stat->rows[stat->count];
    if (!make_row(row, difference)) {
        free(row->name);
        free(row->remark);
        return false;
    }
    stat->count++;
    return true;
}

void
fi_show_stat_deinit(struct fi_show_stat *stat)
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
lay_out(const struct fi_show_stat *stat, size_t width)
{
    struct columns columns = {0, 1, 0, 0};
    size_t remark_max = 0; /* after a bar, with the space between them */
    for (size_t i = 0; i < stat->count; i++) {
        const struct fi_show_stat_row *row = &stat->rows[i];
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
print_name(const struct fi_show_stat_row *row, size_t width)
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
        fi_term_out_text("...");
        name_width += 3;
    }
    fi_term_out_text(name);
    fi_term_out_format("%*s", (int)(width - name_width), "");
}

static void
print_signs(char sign, uint64_t count)
{
    if (count == 0) {
        return;
    }
    fi_term_colour(sign == '+' ? FI_TERM_GREEN : FI_TERM_RED);
    for (uint64_t i = 0; i < count; i++) {
        fi_term_out_write(&sign, 1);
    }
    fi_term_colour(FI_TERM_PLAIN);
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
print_bar(const struct fi_show_stat_row *row, const struct columns *columns)
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

void
fi_show_stat_print(const struct fi_show_stat *stat, size_t width)
{
    struct columns columns = lay_out(stat, width);
    for (size_t i = 0; i < stat->count; i++) {
        const struct fi_show_stat_row *row = &stat->rows[i];
        fi_term_out_text(" ");
        print_name(row, columns.name);
        fi_term_out_text(" | ");
        if (row->has_lines) {
            uint64_t lines = row->added + row->removed;
            fi_term_out_format("%*" PRIu64 "%s", (int)columns.number, lines, lines > 0 ? " " : "");
            print_bar(row, &columns);
            fi_term_out_text(row->remark[0] != '\0' ? " " : "");
        }
        fi_term_out_text(row->remark);
        fi_term_out_text("\n");
    }
}
