/* SPDX-License-Identifier: Apache-2.0
 *
 * contend_lines.c: which processor has which cache line.
 *
 * Each thread has a processor with a cache, which keeps a line until another processor writes to
 * it. A line is transferred
 *   - when a thread reads it without having it, and another thread wrote it last;
 *   - when a thread writes it while another thread has it.
 * That is the protocol MESI, seen from the lines. What comes from memory or from a shared cache,
 * unchanged, is no transfer: data that is only read costs nothing, on any number of processors.
 *
 * A line is transferred to one processor at a time: a thread that needs a line waits until an
 * earlier transfer of it has ended. So a line that all threads write limits them all together, as
 * it does in a machine.
 *
 * A reset forgets everything: writes before it cause no transfers after it.
 */
#include <stdlib.h>
#include <string.h>

#include "contend.h"

struct line {
    uint64_t number; /* address / CONTEND_LINE_SIZE; 0: the place is free */
    uint64_t holders;
    uint64_t free_at; /* the last transfer ended */
    uint64_t writer;  /* index + 1; 0: none */
};

/* What one place in the code transferred of one line. */
struct note {
    uint64_t line; /* 0: the place is free */
    const void *place;
    uint64_t transfers;
    const void *at;
};

static struct {
    struct line *lines;
    size_t line_count, line_capacity;
    struct note *notes;
    size_t note_count, note_capacity;
} table;

static size_t
mix(uint64_t x)
{
    x *= UINT64_C(0x9e3779b97f4a7c15);
    return (size_t)(x ^ x >> 29);
}

static void *
zeroed(size_t count, size_t size)
{
    void *memory = calloc(count, size);
    if (memory == NULL) {
        contend_turns_die("out of memory");
    }
    return memory;
}

/* Of a table with room for one more. */
static struct line *
line_at(uint64_t number)
{
    size_t i = mix(number) & (table.line_capacity - 1);
    while (table.lines[i].number != 0 && table.lines[i].number != number) {
        i = (i + 1) & (table.line_capacity - 1);
    }
    return &table.lines[i];
}

static void
grow_lines(void)
{
    struct line *old = table.lines;
    size_t count = table.line_capacity;
    table.line_capacity = count == 0 ? 1 << 16 : count * 2;
    table.lines = zeroed(table.line_capacity, sizeof *table.lines);
    for (size_t i = 0; i < count; i++) {
        if (old[i].number != 0) {
            *line_at(old[i].number) = old[i];
        }
    }
    free(old);
}

static struct line *
find_line(uint64_t number)
{
    if (table.line_count * 2 >= table.line_capacity) {
        grow_lines();
    }
    struct line *line = line_at(number);
    if (line->number == 0) {
        line->number = number;
        table.line_count++;
    }
    return line;
}

static struct note *
note_at(uint64_t line, const void *place)
{
    size_t i = mix(line ^ (uint64_t)(uintptr_t)place << 20) & (table.note_capacity - 1);
    while (table.notes[i].line != 0 &&
           (table.notes[i].line != line || table.notes[i].place != place)) {
        i = (i + 1) & (table.note_capacity - 1);
    }
    return &table.notes[i];
}

static void
grow_notes(void)
{
    struct note *old = table.notes;
    size_t count = table.note_capacity;
    table.note_capacity = count == 0 ? 1 << 12 : count * 2;
    table.notes = zeroed(table.note_capacity, sizeof *table.notes);
    for (size_t i = 0; i < count; i++) {
        if (old[i].line != 0) {
            *note_at(old[i].line, old[i].place) = old[i];
        }
    }
    free(old);
}

static void
note_transfer(uint64_t line, const void *at, const void *place)
{
    if (table.note_count * 2 >= table.note_capacity) {
        grow_notes();
    }
    struct note *note = note_at(line, place);
    if (note->line == 0) {
        *note = (struct note){.line = line, .place = place, .at = at};
        table.note_count++;
    }
    note->transfers++;
}

/* The tables are made anew: clearing them would be an access that is counted. */
void
contend_lines_reset(void)
{
    free(table.lines);
    free(table.notes);
    table.lines = NULL;
    table.notes = NULL;
    table.line_count = table.line_capacity = 0;
    table.note_count = table.note_capacity = 0;
}

/* Whether the line has to come from another processor. */
static bool
take(struct line *line, unsigned thread, bool is_write)
{
    uint64_t own = UINT64_C(1) << thread;
    bool is_transfer;
    if (is_write) {
        is_transfer = (line->holders & ~own) != 0;
        line->holders = own;
        line->writer = thread + 1;
    } else {
        is_transfer = !(line->holders & own) && line->writer != 0 && line->writer != thread + 1;
        line->holders |= own;
    }
    return is_transfer;
}

uint64_t
contend_lines_access(unsigned thread, uint64_t now, const void *at, size_t size,
                     enum contend_kind kind, const void *place, bool is_noted,
                     uint64_t *out_transfers)
{
    uint64_t first = (uint64_t)(uintptr_t)at / CONTEND_LINE_SIZE;
    uint64_t last = ((uint64_t)(uintptr_t)at + size - 1) / CONTEND_LINE_SIZE;
    uint64_t end = now + (kind == CONTEND_LOCKED ? CONTEND_NS_LOCKED : CONTEND_NS_ACCESS) +
                   size / CONTEND_NS_COPY_BYTES;
    for (uint64_t number = first; number <= last; number++) {
        struct line *line = find_line(number);
        if (!take(line, thread, kind != CONTEND_READ)) {
            continue;
        }
        end = (end > line->free_at ? end : line->free_at) + CONTEND_NS_TRANSFER;
        line->free_at = end;
        ++*out_transfers;
        if (is_noted) {
            note_transfer(number, at, place);
        }
    }
    return end - now;
}

/* ---- the report ---- */

static int
by_place(const void *left, const void *right)
{
    const struct note *a = left;
    const struct note *b = right;
    if (a->place != b->place) {
        return a->place < b->place ? -1 : 1;
    }
    return a->line < b->line ? -1 : a->line > b->line;
}

static int
most_first(const void *left, const void *right)
{
    const struct contend_site *a = left;
    const struct contend_site *b = right;
    return a->transfers > b->transfers ? -1 : a->transfers < b->transfers;
}

size_t
contend_lines_sites(struct contend_site *out, size_t max)
{
    struct note *notes = zeroed(table.note_count + 1, sizeof *notes);
    struct contend_site *sites = zeroed(table.note_count + 1, sizeof *sites);
    size_t count = 0;
    size_t site_count = 0;
    for (size_t i = 0; i < table.note_capacity; i++) {
        if (table.notes[i].line != 0) {
            notes[count++] = table.notes[i];
        }
    }
    qsort(notes, count, sizeof *notes, by_place);
    for (size_t i = 0; i < count; i++) {
        if (i == 0 || notes[i].place != notes[i - 1].place) {
            sites[site_count++] = (struct contend_site){.place = notes[i].place};
        }
        struct contend_site *site = &sites[site_count - 1];
        site->transfers += notes[i].transfers;
        site->lines++;
        if (notes[i].transfers > site->at_transfers) {
            site->at_transfers = notes[i].transfers;
            site->at = notes[i].at;
        }
    }
    qsort(sites, site_count, sizeof *sites, most_first);
    size_t found = site_count < max ? site_count : max;
    memcpy(out, sites, found * sizeof *out);
    free(notes);
    free(sites);
    return found;
}
