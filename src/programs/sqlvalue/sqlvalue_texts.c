/* SPDX-License-Identifier: Apache-2.0
 *
 * sqlvalue/sqlvalue_texts.c: texts that come again and again, made once.
 *
 * SQLite copies a text that it is given, unless it may count on it for as long as the statement
 * runs; a batch of a scan is gone with the next one. But a column whose values are few, a status or
 * a country, has the same texts in every batch. Such texts are kept as long as the virtual table is
 * there, which every statement that uses it holds, and SQLite is given their addresses (as
 * sqlvalue_dates.c does it).
 *
 * A scan shows the values of a dictionary where they lie, so within one batch equal addresses are
 * equal texts: a column of a cursor knows by the address which kept text is meant, and compares no
 * bytes. It forgets what it knows with each batch. A text is kept when it comes a second time in a
 * batch. A column that meets many new addresses in one batch has too many values for this: its
 * texts are copied from then on.
 *
 * Invariants:
 * (I1) A text that was given out neither moves nor changes until the table goes. (Not checked:
 *      pieces are never made anew, and a text is written once.)
 * (I2) What a column knows of another batch than the present one is not used: each slot says of
 *      which batch it is.
 *
 * Limits: 1,024 texts of up to 64 bytes for a table; others are copied, and so are texts with a NUL
 * inside.
 *
 * Locking: under the mutex of the connection.
 */
#include "sqlvalue/sqlvalue.h"

#include <assert.h>
SQLITE_EXTENSION_INIT3

enum {
    TEXTS_MAX = 1024,
    PLACES = 2 * TEXTS_MAX, /* a power of two */
    TEXT_SIZE_MAX = 64,
    PIECE_SIZE = 4096,
    MISSES_MAX = 256 /* in one batch */
};

struct piece {
    struct piece *next;
    size_t used;
    char bytes[PIECE_SIZE];
};

struct fi_sqlvalue_texts {
    struct piece *pieces; /* the first one has room */
    size_t count;
    const char *places[PLACES]; /* by their hash; NULL: empty */
};

static struct fi_sqlvalue_texts *
sqlvalue_texts_create(void)
{
    struct fi_sqlvalue_texts *texts = sqlite3_malloc64(sizeof *texts);
    if (texts != NULL) {
        memset(texts, 0, sizeof *texts);
    }
    return texts;
}

void
fi_sqlvalue_texts_destroy(struct fi_sqlvalue_texts *texts)
{
    while (texts != NULL && texts->pieces != NULL) {
        struct piece *next = texts->pieces->next;
        sqlite3_free(texts->pieces);
        texts->pieces = next;
    }
    sqlite3_free(texts);
}

static const char *
keep_text(struct fi_sqlvalue_texts *texts, firn_slice text)
{
    struct piece *piece = texts->pieces;
    if (texts->count == TEXTS_MAX) {
        return NULL;
    }
    if (piece == NULL || PIECE_SIZE - piece->used <= text.size) {
        piece = sqlite3_malloc64(sizeof *piece);
        if (piece == NULL) {
            return NULL;
        }
        piece->next = texts->pieces;
        piece->used = 0;
        texts->pieces = piece;
    }
    char *kept = piece->bytes + piece->used;
    assert(piece->used + text.size < PIECE_SIZE);
    memcpy(kept, text.data, text.size);
    kept[text.size] = '\0';
    piece->used += text.size + 1;
    texts->count++;
    return kept;
}

/* The kept text with the same bytes, which is made if it is new; NULL: there is no room, or no
 * memory. */
static const char *
find_text(struct fi_sqlvalue_texts *texts, firn_slice text)
{
    assert(text.size > 0 && text.size <= TEXT_SIZE_MAX);
    uint32_t hash = 2166136261U; /* FNV-1a */
    for (size_t i = 0; i < text.size; i++) {
        hash = (hash ^ text.data[i]) * 16777619U;
    }
    size_t at = hash % PLACES;
    for (; texts->places[at] != NULL; at = (at + 1) % PLACES) {
        const char *kept = texts->places[at];
        if (strncmp(kept, (const char *)text.data, text.size) == 0 && kept[text.size] == '\0') {
            return kept;
        }
    }
    texts->places[at] = keep_text(texts, text);
    return texts->places[at];
}

static bool
is_full(const struct fi_sqlvalue_known *known)
{
    assert(known->batch > 0); /* (I2): slots are zeroed */
    return known->misses >= MISSES_MAX;
}

/* The neighbour of a slot takes what collides with it. */
static struct fi_sqlvalue_known_text *
neighbour_of(struct fi_sqlvalue_known *known, struct fi_sqlvalue_known_text *slot)
{
    assert(slot >= known->slots);
    return &known->slots[(size_t)(slot - known->slots) ^ 1];
}

static bool
is_known(const struct fi_sqlvalue_known *known, const struct fi_sqlvalue_known_text *slot,
         firn_slice text)
{
    return slot->data == text.data && slot->size == text.size && slot->batch == known->batch;
}

const char *
fi_sqlvalue_texts_learn(struct fi_sqlvalue_texts *texts, struct fi_sqlvalue_known *known,
                        firn_slice text)
{
    struct fi_sqlvalue_known_text *slot = fi_sqlvalue_texts_slot(known, text);
    if (is_full(known) || text.size == 0 || text.size > TEXT_SIZE_MAX) {
        return NULL;
    }
    if (!is_known(known, slot, text) && slot->batch == known->batch) {
        slot = neighbour_of(known, slot);
    }
    if (!is_known(known, slot, text)) {
        known->misses++;
        *slot = (struct fi_sqlvalue_known_text){text.data, text.size, known->batch, NULL};
        return NULL; /* the first time it is copied: it may be the last one, too */
    }
    if (slot->text == NULL && memchr(text.data, 0, text.size) == NULL) {
        slot->text = find_text(texts, text);
        known->misses += slot->text == NULL ? MISSES_MAX : 0;
    }
    return slot->text;
}

/* ---- columns ---- */

void
fi_sqlvalue_texts_open(struct fi_sqlvalue_texts **texts, struct fi_sqlvalue_cell *cell)
{
    assert(cell->known == NULL);
    if (cell->column->type != FIRN_TYPE_TEXT) {
        return;
    }
    if (*texts == NULL) {
        *texts = sqlvalue_texts_create();
    }
    cell->made.texts = *texts;
    cell->known = *texts != NULL ? sqlite3_malloc64(sizeof *cell->known) : NULL;
    if (cell->known != NULL) {
        memset(cell->known, 0, sizeof *cell->known);
    }
}

bool
fi_sqlvalue_texts_begin(struct fi_sqlvalue_known *known)
{
    if (known->batch > 0 && is_full(known)) {
        return false;
    }
    known->batch++;
    known->misses = 0;
    return true;
}
