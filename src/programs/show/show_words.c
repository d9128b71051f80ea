/* SPDX-License-Identifier: Apache-2.0
 *
 * show/show_words.c: what changed within lines, word by word.
 *
 *    one [-two-]{+2+}  three
 *
 * A word is what stands between white space, and white space itself is not compared: it is that of
 * the newer text. The marks are those of git. A mark ends before the end of a line, and begins anew
 * after it, so that each line can be read alone.
 *
 * The shortest difference is searched for (E. Myers, "An O(ND) Difference Algorithm and Its
 * Variations", 1986). The search keeps how far each diagonal has come at each step; its steps are
 * limited, the more the longer the texts are (I1). Texts that differ more than that are shown as
 * replaced from the first word that differs to the last.
 */
#include "show/show.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "term/term.h"

enum { STEPS_MAX = 1 << 20, DEPTH_MIN = 8, DEPTH_MAX = 1024 };

struct word {
    const uint8_t *text;
    size_t size;
    bool differs;
};

struct words {
    struct word *items;
    size_t count;
};

struct comparison {
    struct words before;
    struct words after;
};

static bool
is_space(uint8_t byte)
{
    return byte == ' ' || (byte >= '\t' && byte <= '\r');
}

static bool
show_words_split(firn_slice text, struct words *out)
{
    *out = (struct words){0};
    size_t most = text.size / 2 + 1;
    out->items = calloc(most, sizeof(out->items[0]));
    if (out->items == NULL) {
        return false;
    }
    for (size_t at = 0; at < text.size;) {
        size_t start = at;
        while (at < text.size && !is_space(text.data[at])) {
            at++;
        }
        if (at > start) {
            assert(out->count < most);
            out->items[out->count++] = (struct word){text.data + start, at - start, false};
        }
        at++;
    }
    return true;
}

static bool
are_equal(const struct word *a, const struct word *b)
{
    return a->size == b->size && memcmp(a->text, b->text, a->size) == 0;
}

/* ---- which words differ ---- */

/* The words that are compared: from `first`, which is equal on both sides before it. */
struct range {
    struct word *before;
    struct word *after;
    int before_count;
    int after_count;
};

static void
mark_all(const struct range *range)
{
    for (int i = 0; i < range->before_count; i++) {
        range->before[i].differs = true;
    }
    for (int i = 0; i < range->after_count; i++) {
        range->after[i].differs = true;
    }
}

/* How far each diagonal k, from -depth to depth, has come in the older text after each number of
 * steps. */
static int *
row_of(int *rows, int depth)
{
    return rows + (size_t)depth * (size_t)depth + (size_t)depth; /* rows have 1, 3, 5, ... places */
}

/* Where the diagonal begins at this depth, and whether by a word that was added. */
static int
begin_of(int *rows, int depth, int k, bool *out_is_added)
{
    const int *last = row_of(rows, depth - 1);
    assert(depth > 0 && k >= -depth && k <= depth);
    *out_is_added = k == -depth || (k != depth && last[k - 1] < last[k + 1]);
    return *out_is_added ? last[k + 1] : last[k - 1] + 1;
}

/* Follows the way back from the end. */
static void
mark_way(const struct range *range, int *rows, int depth)
{
    int x = range->before_count;
    int y = range->after_count;
    for (; depth > 0; depth--) {
        bool is_added;
        int k = x - y;
        int begin = begin_of(rows, depth, k, &is_added);
        x = is_added ? begin : begin - 1;
        y = begin - k - (is_added ? 1 : 0);
        assert(x >= 0 && y >= 0);
        if (is_added) {
            range->after[y].differs = true;
        } else {
            range->before[x].differs = true;
        }
    }
}

/* Returns false if memory is out. */
static bool
show_words_search(const struct range *range)
{
    const int n = range->before_count;
    const int m = range->after_count;
    int most = STEPS_MAX / (n + m);
    most = most < DEPTH_MIN ? DEPTH_MIN : most > DEPTH_MAX ? DEPTH_MAX : most;
    most = most < n + m ? most : n + m;
    assert(most > 0 && most <= DEPTH_MAX); /* (I1) */
    int *rows = malloc(((size_t)most + 1) * ((size_t)most + 1) * sizeof(rows[0]));
    if (rows == NULL) {
        return false;
    }
    for (int depth = 0; depth <= most; depth++) {
        int *row = row_of(rows, depth);
        for (int k = -depth; k <= depth; k++) {
            bool is_added;
            int x = -1;
            if ((k + depth) % 2 == 0) {
                x = depth == 0 ? 0 : begin_of(rows, depth, k, &is_added);
                while (x < n && x - k < m && x - k >= 0 &&
                       are_equal(&range->before[x], &range->after[x - k])) {
                    x++;
                }
            }
            row[k] = x;
            if (x >= n && x - k >= m && x == n && x - k == m) {
                mark_way(range, rows, depth);
                free(rows);
                return true;
            }
        }
    }
    free(rows);
    mark_all(range);
    return true;
}

static bool
show_words_compare(struct comparison *words)
{
    size_t first = 0;
    size_t before_end = words->before.count;
    size_t after_end = words->after.count;
    while (first < before_end && first < after_end &&
           are_equal(&words->before.items[first], &words->after.items[first])) {
        first++;
    }
    while (before_end > first && after_end > first &&
           are_equal(&words->before.items[before_end - 1], &words->after.items[after_end - 1])) {
        before_end--;
        after_end--;
    }
    const struct range range = {words->before.items + first, words->after.items + first,
                                (int)(before_end - first), (int)(after_end - first)};
    if (range.before_count == 0 || range.after_count == 0) {
        mark_all(&range);
        return true;
    }
    return show_words_search(&range);
}

/* The caller releases both, also after a failure. */
static bool
compare_texts(firn_slice removed, firn_slice added, struct comparison *out)
{
    *out = (struct comparison){0};
    return removed.size <= INT32_MAX / 2 && added.size <= INT32_MAX / 2 &&
           show_words_split(removed, &out->before) && show_words_split(added, &out->after) &&
           show_words_compare(out);
}

static void
show_words_release(struct comparison *words)
{
    free(words->before.items);
    free(words->after.items);
}

/* ---- where they are ---- */

/* Whether white space between two words has no end of a line. */
static bool
is_on_line(const struct word *word, const struct word *next)
{
    const uint8_t *end = word->text + word->size;
    assert(next->text > end);
    return memchr(end, '\n', (size_t)(next->text - end)) == NULL;
}

/* The words that differ; those beside each other on a line are one range. */
static bool
take_ranges(const struct words *words, firn_slice text, struct fi_show_words_ranges *out)
{
    out->items = calloc(words->count + 1, sizeof(out->items[0]));
    for (size_t i = 0; out->items != NULL && i < words->count; i++) {
        const struct word *word = &words->items[i];
        if (!word->differs) {
            continue;
        }
        bool goes_on = i > 0 && word[-1].differs && is_on_line(&word[-1], word);
        size_t from = (size_t)(word->text - text.data);
        out->count += goes_on ? 0 : 1;
        struct fi_show_words_range *range = &out->items[out->count - 1];
        range->from = goes_on ? range->from : from;
        range->to = from + word->size;
    }
    return out->items != NULL;
}

bool
fi_show_words_find(firn_slice removed, firn_slice added, struct fi_show_words_ranges *out_removed,
                   struct fi_show_words_ranges *out_added)
{
    struct comparison words;
    *out_removed = (struct fi_show_words_ranges){0};
    *out_added = (struct fi_show_words_ranges){0};
    bool is_done = compare_texts(removed, added, &words) &&
                   take_ranges(&words.before, removed, out_removed) &&
                   take_ranges(&words.after, added, out_added);
    show_words_release(&words);
    return is_done;
}

void
fi_show_words_write_text(firn_slice bytes)
{
    while (bytes.size > 0) {
        uint32_t point;
        size_t size = fi_term_text_decode(bytes, &point);
        if (size > 0 && (point == '\t' || point == '\\' || !fi_term_text_is_control(point))) {
            fi_term_out_write(bytes.data, size);
        } else {
            size = 1;
            fi_term_text_escape(firn_bytes(bytes.data, 1), fi_term_out_write);
        }
        bytes = firn_bytes(bytes.data + size, bytes.size - size);
    }
}

/* ---- printing ---- */

static bool shows_escapes;
static bool is_at_line_start;

static void
show_words_put(firn_slice text)
{
    if (text.size == 0) {
        return;
    }
    for (firn_slice left = text; left.size > 0;) {
        const uint8_t *end = memchr(left.data, '\n', left.size);
        size_t size = end != NULL ? (size_t)(end - left.data) : left.size;
        if (shows_escapes) {
            fi_show_words_write_text(firn_bytes(left.data, size));
        } else {
            fi_term_out_write(left.data, size);
        }
        fi_term_out_text(end != NULL ? "\n" : "");
        size += end != NULL ? 1 : 0;
        left = firn_bytes(left.data + size, left.size - size);
    }
    is_at_line_start = text.data[text.size - 1] == '\n';
}

/* From the first word to the end of the last, in marks. */
static void
put_marked(firn_slice text, const char *colour, const char *begin, const char *end)
{
    while (text.size > 0) {
        const uint8_t *line_end = memchr(text.data, '\n', text.size);
        size_t size = line_end != NULL ? (size_t)(line_end - text.data) : text.size;
        if (size > 0) {
            fi_term_colour(colour);
            fi_term_out_text(begin);
            show_words_put(firn_bytes(text.data, size));
            fi_term_out_text(end);
            fi_term_colour(FI_TERM_PLAIN);
            is_at_line_start = false;
        }
        if (line_end != NULL) {
            show_words_put(firn_bytes(line_end, 1));
            size++;
        }
        text = firn_bytes(text.data + size, text.size - size);
    }
}

/* A text that is printed word by word. */
struct walk {
    const struct words *words;
    size_t next;
    const uint8_t *at; /* after the last word */
    const uint8_t *end;
};

/* The white space before the next word, or at the end. */
static firn_slice
take_space(struct walk *walk)
{
    const uint8_t *to =
        walk->next < walk->words->count ? walk->words->items[walk->next].text : walk->end;
    firn_slice space = firn_bytes(walk->at, (size_t)(to - walk->at));
    walk->at = to;
    return space;
}

static bool
differs(const struct walk *walk)
{
    return walk->next < walk->words->count && walk->words->items[walk->next].differs;
}

/* The next word, and those after it that differ, too, if it does. */
static firn_slice
take_words(struct walk *walk)
{
    assert(walk->next < walk->words->count);
    const uint8_t *from = walk->words->items[walk->next].text;
    bool is_run = differs(walk);
    do {
        const struct word *word = &walk->words->items[walk->next++];
        walk->at = word->text + word->size;
    } while (is_run && differs(walk));
    return firn_bytes(from, (size_t)(walk->at - from));
}

static void
show_words_print(const struct comparison *words, firn_slice removed, firn_slice added)
{
    struct walk before = {&words->before, 0, removed.data, removed.data + removed.size};
    struct walk after = {&words->after, 0, added.data, added.data + added.size};
    is_at_line_start = true;
    while (before.next < words->before.count || after.next < words->after.count) {
        firn_slice space = take_space(&before);
        if (differs(&before)) {
            show_words_put(differs(&after) ? take_space(&after) : space);
            put_marked(take_words(&before), FI_TERM_RED, "[-", "-]");
        }
        if (differs(&after)) {
            show_words_put(take_space(&after));
            put_marked(take_words(&after), FI_TERM_GREEN, "{+", "+}");
        } else if (after.next < words->after.count && !differs(&before)) {
            assert(before.next < words->before.count);
            show_words_put(take_space(&after));
            show_words_put(take_words(&after));
            (void)take_space(&before);
            (void)take_words(&before);
        }
    }
    show_words_put(take_space(&after));
    show_words_put(firn_bytes((const uint8_t *)"\n", is_at_line_start ? 0 : 1));
}

bool
fi_show_words_print(firn_slice removed, firn_slice added, bool is_terminal)
{
    struct comparison words;
    bool is_done = compare_texts(removed, added, &words);
    if (is_done) {
        shows_escapes = is_terminal;
        show_words_print(&words, removed, added);
    }
    show_words_release(&words);
    return is_done;
}
