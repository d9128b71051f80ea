/* SPDX-License-Identifier: Apache-2.0
 *
 * reference/reference.c: parses references.
 *
 * A typing mistake must not restore the wrong checkpoint, so a text has at most one meaning, which
 * does not depend on which checkpoints or names exist (I1). The kinds differ in their letters:
 * numbers and dates begin with a digit; ids have only letters from k to z, and at least four; a
 * name begins with a letter and may not look like an id or be one of the words. Case counts, except
 * in ids. "noon" is a time: an id that begins so needs five letters.
 *
 * "~2" after anything but a time means two checkpoints before; safety checkpoints are not counted.
 * At most 18 digits are read, so no number overflows.
 */
#include "reference/reference.h"

#include <stddef.h>
#include <string.h>

#include "base/check.h"
#include "base/slice.h"

enum { ID_LETTERS_MIN = 4, ID_LETTERS_MAX = FIRN_CHECKPOINT_ID_SIZE - 1, DIGITS_MAX = 18 };

static bool
is_digit(uint8_t byte)
{
    return byte >= '0' && byte <= '9';
}

static uint8_t
to_lower(uint8_t byte)
{
    return byte >= 'A' && byte <= 'Z' ? byte | 0x20 : byte;
}

static bool
read_number(firn_slice text, uint64_t *out)
{
    uint64_t number = 0;
    if (text.size == 0 || text.size > DIGITS_MAX) {
        return false;
    }
    for (size_t i = 0; i < text.size; i++) {
        if (!is_digit(text.data[i])) {
            return false;
        }
        number = number * 10 + (uint64_t)(text.data[i] - '0');
    }
    *out = number;
    return true;
}

/* Whether there are only letters from k to z. */
static bool
is_of_id_letters(firn_slice text)
{
    for (size_t i = 0; i < text.size; i++) {
        uint8_t letter = to_lower(text.data[i]);
        if (letter < 'k' || letter > 'z') {
            return false;
        }
    }
    return true;
}

static bool
read_id(firn_slice text, struct fi_reference *out)
{
    if (text.size < ID_LETTERS_MIN || text.size > ID_LETTERS_MAX || !is_of_id_letters(text) ||
        fi_reference_time_is_word(text, "noon")) {
        return false;
    }
    for (size_t i = 0; i < text.size; i++) {
        out->id[i] = (char)to_lower(text.data[i]);
    }
    DCHECK(text.size < sizeof out->id);
    out->id[text.size] = '\0';
    out->id_size = text.size;
    return true;
}

bool
fi_reference_is_name(firn_slice name)
{
    if (name.size == 0 || name.size > FI_REFERENCE_NAME_SIZE_MAX) {
        return false;
    }
    for (size_t i = 0; i < name.size; i++) {
        uint8_t letter = name.data[i];
        bool is_letter = to_lower(letter) >= 'a' && to_lower(letter) <= 'z';
        bool is_other = is_digit(letter) || (letter != '\0' && strchr("._-+/", letter) != NULL);
        if (!is_letter && (i == 0 || !is_other)) {
            return false;
        }
    }
    bool could_be_id = name.size >= ID_LETTERS_MIN && is_of_id_letters(name);
    return !could_be_id && !fi_reference_time_is_word(name, "latest") &&
           !fi_reference_time_is_word(name, "now") && !fi_reference_time_is_word(name, "yesterday");
}

/* How many kinds of reference a text could be, not counting times. */
static unsigned
count_meanings(firn_slice text)
{
    struct fi_reference room;
    return (unsigned)fi_slice_equal(text, firn_str("latest")) +
           (unsigned)read_number(text, &room.number) + (unsigned)read_id(text, &room) +
           (unsigned)fi_reference_is_name(text);
}

static bool
read_base(firn_slice text, struct fi_reference *out)
{
    DCHECK(count_meanings(text) <= 1); /* (I1) */
    if (fi_slice_equal(text, firn_str("latest"))) {
        out->kind = FI_REFERENCE_LATEST;
    } else if (read_number(text, &out->number) && out->number > 0) {
        out->kind = FI_REFERENCE_NUMBER;
    } else if (read_id(text, out)) {
        out->kind = FI_REFERENCE_ID;
    } else if (fi_reference_is_name(text)) {
        out->kind = FI_REFERENCE_NAME;
        out->name = text;
    } else {
        return false;
    }
    return true;
}

int
fi_reference_read(const char *text, const struct fi_reference_clock *clock,
                  struct fi_reference *out, firn_error *err)
{
    *out = (struct fi_reference){0};
    if (fi_reference_time_read(text, clock, &out->time_ns)) {
        if (fi_reference_time_weekday(firn_str(text)) >= 0 ||
            fi_reference_time_is_word(firn_str(text), "midnight")) {
            out->kind = FI_REFERENCE_NAME;
            out->name = firn_str(text);
            out->is_day = true;
            return FIRN_OK;
        }
        DCHECK(count_meanings(firn_str(text)) == 0); /* (I1) */
        out->kind = FI_REFERENCE_TIME;
        return FIRN_OK;
    }
    const char *tilde = strchr(text, '~');
    firn_slice base = tilde == NULL ? firn_str(text) : firn_bytes(text, (size_t)(tilde - text));
    if (read_base(base, out) && (tilde == NULL || read_number(firn_str(tilde + 1), &out->back))) {
        return FIRN_OK;
    }
    *out = (struct fi_reference){0};
    return fi_error_set(err, FIRN_INVALID,
                        "'%.80s' is not a reference to a checkpoint: give its number, at least %d "
                        "letters of its id, a name or tag, a time, or 'latest'",
                        text, ID_LETTERS_MIN);
}
