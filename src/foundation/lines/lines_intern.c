/* SPDX-License-Identifier: Apache-2.0
 *
 * lines/lines_intern.c: gives lines numbers, so that comparing two lines is comparing two words.
 *
 * Each line is looked up in one hash table for both texts, by XXH3 of its bytes, and gets the
 * number of the first line that is equal to it, byte by byte (I1). The table uses linear probing,
 * and is at most half full; its slots hold number + 1.
 *
 * An attacker who knows the seed of XXH3 can write a text whose lines all fall into one slot, and
 * the look-ups would take quadratic time. So the seed is derived from the BLAKE3 of both texts: it
 * cannot be known before the texts are, and the result still depends only on the texts.
 *
 * Memory for the largest texts, in addition to the texts: 32 MiB of known lines, 16 MiB of
 * slots, 8 MiB of numbers; the first two are released before this returns.
 */
#include "lines/lines_internal.h"

#include "base/check.h"
#include "base/mem.h"
#include "codec/blake3_hash.h"
#include "codec/xxh3.h"

/* A line when it first occurs. The half of its hash that did not choose the slot avoids most
 * comparisons. */
struct known {
    const uint8_t *data;
    uint32_t size;
    uint32_t hash;
};

struct table {
    uint32_t *slots;
    size_t mask;
    struct known *known;
    uint32_t known_count;
    uint64_t seed;
};

/* Takes the first line of *text. */
static firn_slice
next_line(firn_slice *text)
{
    const uint8_t *end = memchr(text->data, '\n', text->size);
    size_t size = end == NULL ? text->size : (size_t)(end - text->data) + 1;
    firn_slice line = firn_bytes(text->data, size);
    *text = firn_bytes(text->data + size, text->size - size);
    return line;
}

static int
count_lines(firn_slice text, uint32_t *out, firn_error *err)
{
    *out = 0;
    if (text.size > FI_LINES_INTERN_TEXT_SIZE_MAX) {
        return fi_error_set(err, FIRN_LIMIT,
                            "texts of more than %d bytes are not compared by lines",
                            FI_LINES_INTERN_TEXT_SIZE_MAX);
    }
    while (text.size > 0) {
        (void)next_line(&text);
        if (++*out > FI_LINES_INTERN_LINES_MAX) {
            return fi_error_set(err, FIRN_LIMIT,
                                "texts of more than %d lines are not compared by lines",
                                FI_LINES_INTERN_LINES_MAX);
        }
    }
    return FIRN_OK;
}

static uint64_t
seed_of(firn_slice before, firn_slice after)
{
    struct fi_blake3_hash state;
    firn_hash hash;
    uint64_t seed;
    fi_blake3_hash_init(&state);
    fi_blake3_hash_update(&state, before.data, before.size);
    fi_blake3_hash_update(&state, after.data, after.size);
    fi_blake3_hash_final(&state, &hash);
    memcpy(&seed, hash.bytes, sizeof seed);
    return seed;
}

/* The number of a line; a new one if no equal line occurred before (I1). */
static uint32_t
number_of(struct table *table, firn_slice line)
{
    uint64_t hash = fi_xxh3(line.data, line.size, table->seed);
    uint32_t high = (uint32_t)(hash >> 32);
    DCHECK(2 * (size_t)table->known_count <= table->mask + 1);
    for (size_t at = (size_t)hash & table->mask;; at = (at + 1) & table->mask) {
        if (table->slots[at] == 0) {
            table->known[table->known_count] =
                (struct known){.data = line.data, .size = (uint32_t)line.size, .hash = high};
            table->slots[at] = ++table->known_count;
            return table->known_count - 1;
        }
        const struct known *known = &table->known[table->slots[at] - 1];
        if (known->hash == high && known->size == line.size &&
            memcmp(known->data, line.data, line.size) == 0) {
            return table->slots[at] - 1;
        }
    }
}

static int
table_init(struct table *table, size_t line_count, uint64_t seed)
{
    size_t slots = 16;
    while (slots < 2 * line_count) {
        slots *= 2;
    }
    *table = (struct table){.mask = slots - 1, .seed = seed};
    table->slots = fi_alloc_zeroed(slots * sizeof *table->slots);
    table->known = fi_alloc_array(line_count, sizeof *table->known);
    return table->slots == NULL || table->known == NULL ? FIRN_NO_MEMORY : FIRN_OK;
}

static void
number_all(struct table *table, firn_slice text, uint32_t *out)
{
    for (size_t i = 0; text.size > 0; i++) {
        out[i] = number_of(table, next_line(&text));
        DCHECK(out[i] < table->known_count);
    }
}

int
fi_lines_intern_init(struct fi_lines_intern *out, firn_slice before, firn_slice after,
                     firn_error *err)
{
    struct table table = {0};
    *out = (struct fi_lines_intern){0};
    int rc;
    FI_TRY(count_lines(before, &out->before_count, err));
    FI_TRY(count_lines(after, &out->after_count, err));
    size_t line_count = (size_t)out->before_count + out->after_count;
    out->before = fi_alloc_array(out->before_count, sizeof *out->before);
    out->after = fi_alloc_array(out->after_count, sizeof *out->after);
    if (out->before == NULL || out->after == NULL ||
        table_init(&table, line_count, seed_of(before, after)) != FIRN_OK) {
        rc = fi_error_no_memory(err, "the lines of two texts");
        goto out;
    }
    number_all(&table, before, out->before);
    number_all(&table, after, out->after);
    out->number_count = table.known_count;
    DCHECK(out->number_count <= line_count);
out:
    fi_free(table.slots);
    fi_free(table.known);
    if (rc != FIRN_OK) {
        fi_lines_intern_deinit(out);
    }
    return rc;
}

void
fi_lines_intern_deinit(struct fi_lines_intern *lines)
{
    fi_free(lines->before);
    fi_free(lines->after);
    *lines = (struct fi_lines_intern){0};
}
