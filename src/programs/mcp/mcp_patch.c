/* SPDX-License-Identifier: Apache-2.0
 *
 * mcp/mcp_patch.c: what differs between two texts, as the hunks of a unified patch.
 *
 * The library has found the hunks; here lines are put around them. Hunks with at most six equal lines
 * between them stand under one head. Each text is walked once, from its first line to its last.
 */
#include "mcp/mcp_patch.h"

#include <stdio.h>
#include <string.h>

enum { CONTEXT = 3 };

/* A text and the line at which it is being read. */
struct side {
    firn_slice text;
    size_t at;
    uint32_t line;
};

static firn_slice
next_line(struct side *side)
{
    const uint8_t *from = side->text.data + side->at;
    size_t left = side->text.size - side->at;
    const uint8_t *end = left > 0 ? memchr(from, '\n', left) : NULL;
    size_t size = end != NULL ? (size_t)(end - from) + 1 : left;
    side->at += size;
    side->line++;
    return firn_bytes(from, size);
}

static void
skip_to(struct side *side, uint32_t line)
{
    while (side->line < line && side->at < side->text.size) {
        (void)next_line(side);
    }
}

static void
print_to(struct firn_mcp_json *out, struct side *side, uint32_t line, char sign)
{
    static const char no_end[] = "\n\\ No newline at end of file\n";
    while (side->line < line && side->at < side->text.size) {
        firn_slice text = next_line(side);
        firn_mcp_json_put(out, &sign, 1);
        firn_mcp_json_put(out, text.data, text.size);
        if (text.data[text.size - 1] != '\n') {
            firn_mcp_json_put(out, no_end, sizeof(no_end) - 1);
        }
    }
}

static uint32_t
count_lines(firn_slice text)
{
    struct side side = {text, 0, 0};
    skip_to(&side, UINT32_MAX);
    return side.line;
}

/* How many hunks from this one on stand under one head. */
static size_t
group_size(const firn_hunk *hunks, size_t count)
{
    size_t size = 1;
    while (size < count &&
           hunks[size].before_at - hunks[size - 1].before_at - hunks[size - 1].before_count <=
               2 * CONTEXT) {
        size++;
    }
    return size;
}

/* "12,3": where lines begin, from 1, and how many; where there are none, the line before. */
static void
print_range(struct firn_mcp_json *out, const char *before, uint32_t at, uint32_t count)
{
    char text[40];
    int size = snprintf(text, sizeof(text), "%s%u,%u", before, count > 0 ? at + 1 : at, count);
    firn_mcp_json_put(out, text, (size_t)size);
}

static void
print_group(struct firn_mcp_json *out, struct side *before, struct side *after,
            const firn_hunk *hunks, size_t count, uint32_t lines)
{
    const firn_hunk *last = &hunks[count - 1];
    uint32_t lead = hunks[0].before_at < CONTEXT ? hunks[0].before_at : CONTEXT;
    uint32_t end = last->before_at + last->before_count;
    uint32_t tail = lines - end < CONTEXT ? lines - end : CONTEXT;
    uint32_t before_at = hunks[0].before_at - lead;
    uint32_t after_at = hunks[0].after_at - lead;
    print_range(out, "@@ -", before_at, end + tail - before_at);
    print_range(out, " +", after_at, last->after_at + last->after_count + tail - after_at);
    firn_mcp_json_put(out, " @@\n", 4);
    skip_to(before, before_at);
    for (size_t i = 0; i < count; i++) {
        print_to(out, before, hunks[i].before_at, ' ');
        print_to(out, before, hunks[i].before_at + hunks[i].before_count, '-');
        skip_to(after, hunks[i].after_at);
        print_to(out, after, hunks[i].after_at + hunks[i].after_count, '+');
    }
    print_to(out, before, end + tail, ' ');
}

bool
firn_mcp_patch_write(struct firn_mcp_json *out, const firn_difference *difference, size_t size_max)
{
    struct side before = {difference->content_before, 0, 0};
    struct side after = {difference->content_after, 0, 0};
    uint32_t lines = count_lines(before.text);
    size_t at = 0;
    while (at < difference->hunk_count && out->size <= size_max) {
        size_t count = group_size(difference->hunks + at, difference->hunk_count - at);
        print_group(out, &before, &after, difference->hunks + at, count, lines);
        at += count;
    }
    return out->size <= size_max;
}
