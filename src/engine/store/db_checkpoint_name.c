/* SPDX-License-Identifier: Apache-2.0
 *
 * store/db_checkpoint_name.c: what checkpoints may be called, and from what a user types to one.
 *
 *   reference := base | base "~" digits
 *   base      := number | id | "latest" | name
 *   number    := decimal digits, not 0
 *   id        := 4 to 32 of the letters k to z in any case: the beginning of an id
 *   name      := 1 to 255 letters, digits and any of "._-+/" of ASCII, a letter first, that is
 *                neither "latest" nor could be read as an id
 *
 * No text is of two kinds, so a name can be given without looking at what there is. "~2" goes to
 * the second checkpoint before the one that the base names, safety checkpoints not counted. They
 * are the same rules as for the checkpoints of workspaces.
 *
 * An id is shown in the letters k to z, one for each half of a byte, the high one first: such an id
 * is never mistaken for a number.
 */
#include <inttypes.h>
#include <string.h>

#include "base/check.h"
#include "history/history.h"
#include "store/db_checkpoint.h"

enum { ID_LETTERS_MIN = 4, ID_LETTERS = 2 * FIRN_HISTORY_ID_SIZE };

static const char latest[] = "latest";

/* ---- letters ---- */

static char
lower_of(char c)
{
    static const char lower[] = "abcdefghijklmnopqrstuvwxyz";
    if (c < 'A' || c > 'Z') {
        return c;
    }
    return lower[c - 'A'];
}

static bool
is_id(const char *text, size_t size)
{
    if (size < ID_LETTERS_MIN || size > ID_LETTERS) {
        return false;
    }
    for (size_t i = 0; i < size; i++) {
        if (lower_of(text[i]) < 'k' || lower_of(text[i]) > 'z') {
            return false;
        }
    }
    return true;
}

static bool
is_latest(const char *text, size_t size)
{
    bool is_same = size == sizeof latest - 1;
    for (size_t i = 0; is_same && i < size; i++) {
        is_same = lower_of(text[i]) == latest[i];
    }
    return is_same;
}

static bool
is_letter(char c)
{
    return lower_of(c) >= 'a' && lower_of(c) <= 'z';
}

static bool
is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool
is_name(const char *text, size_t size)
{
    if (size == 0 || !is_letter(text[0]) || is_latest(text, size) || is_id(text, size)) {
        return false;
    }
    for (size_t i = 0; i < size; i++) {
        if (!is_letter(text[i]) && !is_digit(text[i]) && strchr("._-+/", text[i]) == NULL) {
            return false;
        }
    }
    return true;
}

void
firn_db_checkpoint_name_of_id(const uint8_t id[FIRN_HISTORY_ID_SIZE],
                              char out[FIRN_DB_CHECKPOINT_NAME_ID_SIZE])
{
    for (size_t i = 0; i < FIRN_HISTORY_ID_SIZE; i++) {
        out[2 * i] = (char)('k' + (id[i] >> 4));
        out[2 * i + 1] = (char)('k' + (id[i] & 15));
    }
    out[ID_LETTERS] = '\0';
}

int
firn_db_checkpoint_name_check(const char *name, firn_error *err)
{
    size_t size = strlen(name);
    if (size > FIRN_HISTORY_NAME_SIZE_MAX) {
        return firn_error_set(err, FIRN_LIMIT,
                              "the name of a checkpoint has %zu bytes; at most %d are allowed",
                              size, FIRN_HISTORY_NAME_SIZE_MAX);
    }
    if (size > 0 && !is_name(name, size)) {
        return firn_error_set(
            err, FIRN_INVALID,
            "a checkpoint cannot be called '%s': a letter comes first, then "
            "letters, digits and any of ._-+/, but not 'latest', nor four or more "
            "letters of k to z alone, which would be an id",
            name);
    }
    return FIRN_OK;
}

int
firn_db_checkpoint_name_add(struct firn_buf *ids, const uint8_t id[FIRN_HISTORY_ID_SIZE])
{
    DCHECK(ids->size % FIRN_HISTORY_ID_SIZE == 0);
    for (size_t at = 0; at < ids->size; at += FIRN_HISTORY_ID_SIZE) {
        if (memcmp(ids->data + at, id, FIRN_HISTORY_ID_SIZE) == 0) {
            return FIRN_OK;
        }
    }
    return firn_buf_append(ids, id, FIRN_HISTORY_ID_SIZE);
}

/* ---- references ---- */

static int
refuse_missing(const char *reference, firn_error *err)
{
    return firn_error_set(err, FIRN_NOT_FOUND, "there is no checkpoint '%s'", reference);
}

static int
refuse_reference(const char *reference, firn_error *err)
{
    return firn_error_set(err, FIRN_INVALID,
                          "'%s' names no checkpoint: give a name, a number, at least four letters "
                          "of an id, or latest",
                          reference);
}

/* A decimal number that fills the text; false also where it is too large. */
static bool
read_number(const char *text, size_t size, uint64_t *out)
{
    uint64_t value = 0;
    for (size_t i = 0; i < size; i++) {
        uint64_t digit = (uint64_t)(text[i] - '0');
        if (!is_digit(text[i]) || value > (UINT64_MAX - digit) / 10) {
            return false;
        }
        value = 10 * value + digit;
    }
    *out = value;
    return size > 0;
}

static bool
has_prefix(const struct firn_db_checkpoint *checkpoint, const char *prefix, size_t size)
{
    DCHECK(size <= ID_LETTERS);
    char letters[FIRN_DB_CHECKPOINT_NAME_ID_SIZE];
    firn_db_checkpoint_name_of_id(checkpoint->id, letters);
    for (size_t i = 0; i < size; i++) {
        if (letters[i] != lower_of(prefix[i])) {
            return false;
        }
    }
    return true;
}

/* How a base names a checkpoint. */
struct base {
    const char *text;
    size_t size;
    bool is_number;
    bool is_id;
    bool is_latest;
    uint64_t number;
};

/* By the beginning of an id, which walks over all; *out is NULL where there is none. */
static int
find_id(const struct firn_history *history, const struct base *base, const char *reference,
        const struct firn_db_checkpoint **out, firn_error *err)
{
    DCHECK(*out == NULL);
    for (size_t i = firn_history_count(history); i > 0; i--) {
        const struct firn_db_checkpoint *checkpoint = firn_history_at(history, i - 1);
        if (!has_prefix(checkpoint, base->text, base->size)) {
            continue;
        }
        if (*out != NULL) {
            return firn_error_set(err, FIRN_CONFLICT,
                                  "the ids of more than one checkpoint begin with '%s'", reference);
        }
        *out = checkpoint;
    }
    return FIRN_OK;
}

static void
read_id(const struct base *base, uint8_t out[FIRN_HISTORY_ID_SIZE])
{
    DCHECK(base->is_id && base->size == ID_LETTERS);
    for (size_t i = 0; i < FIRN_HISTORY_ID_SIZE; i++) {
        unsigned high = (unsigned)(lower_of(base->text[2 * i]) - 'k');
        unsigned low = (unsigned)(lower_of(base->text[2 * i + 1]) - 'k');
        out[i] = (uint8_t)(high << 4 | low);
    }
}

static const struct firn_db_checkpoint *
find_latest(const struct firn_history *history)
{
    size_t i = firn_history_count(history);
    while (i > 0 && firn_history_is_safety(firn_history_at(history, i - 1))) {
        i--;
    }
    return i > 0 ? firn_history_at(history, i - 1) : NULL;
}

/* *out is NULL where there is none. */
static int
find_base(const struct firn_history *history, const struct base *base, const char *reference,
          const struct firn_db_checkpoint **out, firn_error *err)
{
    uint8_t id[FIRN_HISTORY_ID_SIZE];
    *out = NULL;
    if (base->is_number) {
        *out = firn_history_find_number(history, base->number);
    } else if (base->is_latest) {
        *out = find_latest(history);
    } else if (base->is_id && base->size < ID_LETTERS) {
        return find_id(history, base, reference, out, err);
    } else if (base->is_id) {
        read_id(base, id);
        *out = firn_history_find(history, id);
    } else {
        *out = firn_history_find_name(history, firn_bytes(base->text, base->size));
    }
    return FIRN_OK;
}

static bool
read_base(const char *text, size_t size, struct base *out)
{
    *out = (struct base){.text = text, .size = size};
    out->is_number = read_number(text, size, &out->number);
    out->is_id = is_id(text, size);
    out->is_latest = is_latest(text, size);
    return out->is_number ? out->number > 0 : out->is_id || out->is_latest || is_name(text, size);
}

int
firn_db_checkpoint_name_resolve(const struct firn_history *history, const char *reference,
                                const struct firn_db_checkpoint **out, firn_error *err)
{
    const char *tilde = strchr(reference, '~');
    size_t size = tilde != NULL ? (size_t)(tilde - reference) : strlen(reference);
    struct base base;
    uint64_t back = 0;
    const struct firn_db_checkpoint *found;
    *out = NULL;
    if (!read_base(reference, size, &base) ||
        (tilde != NULL && !read_number(tilde + 1, strlen(tilde + 1), &back))) {
        return refuse_reference(reference, err);
    }
    int rc = find_base(history, &base, reference, &found, err);
    if (rc != FIRN_OK) {
        return rc;
    }
    if (found == NULL) {
        return refuse_missing(reference, err);
    }
    size_t place = back > 0 ? firn_history_find_place(history, found) : 0;
    while (back > 0) {
        if (place == 0) {
            return refuse_missing(reference, err);
        }
        found = firn_history_at(history, --place);
        back -= firn_history_is_safety(found) ? 0 : 1;
    }
    *out = found;
    return FIRN_OK;
}
