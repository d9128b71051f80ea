/* SPDX-License-Identifier: Apache-2.0
 *
 * csv/csv_infer.c: guesses types by intersecting sets.
 *
 * Each value has a set of possible types. The set of a column is the intersection of the sets of
 * its values; the first type in it, in the order of the bits below, is chosen. Unless the caller
 * decides, it is only known at the end whether the first record is a header, so its fields are kept
 * until then.
 *
 * A value belongs to a type only if it is written as firn would write it. text_value.c reads more
 * than that ("007" as an integer), so the shape of numbers is checked first.
 */
#include "csv/csv_infer.h"

#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/check.h"
#include "base/hash_map.h"
#include "base/mem.h"
#include "codec/utf8.h"

enum { ROWS_DEFAULT = 10000, SCALE_MAX = 9 };

/* In the order of preference. */
static const firn_type types[] = {FIRN_TYPE_BOOL,      FIRN_TYPE_I64,  FIRN_TYPE_U64,
                                  FIRN_TYPE_DECIMAL,   FIRN_TYPE_F64,  FIRN_TYPE_DATE,
                                  FIRN_TYPE_TIMESTAMP, FIRN_TYPE_UUID, FIRN_TYPE_TEXT};
enum {
    BOOL = 1 << 0,
    I64 = 1 << 1,
    U64 = 1 << 2,
    DECIMAL = 1 << 3,
    F64 = 1 << 4,
    DATE = 1 << 5,
    TIMESTAMP = 1 << 6,
    UUID = 1 << 7,
    TEXT = 1 << 8,
    ALL = (1 << 9) - 1
};

struct guess {
    unsigned types;
    uint8_t scale; /* of the decimals so far; 0: there were none */
    bool has_number;
    bool has_value;
    bool has_null;
};

struct fi_csv_infer {
    enum fi_csv_header header;
    uint32_t rows_max;
    firn_slice date_pattern;
    firn_slice timestamp_pattern;
    uint32_t rows; /* with the header */
    uint32_t count;
    struct guess *guesses;
    struct fi_csv_field *first; /* the first record, if it is a header or may be one */
    struct fi_text_value_column *columns;
    bool *is_nullable;
    struct fi_arena arena;
    struct fi_buf memory;
    struct fi_hash_map names;
};

static uint8_t
csv_infer_fold(uint8_t byte)
{
    return byte >= 'A' && byte <= 'Z' ? byte | 0x20 : byte;
}

/* FNV-1a. */
static uint64_t
hash_name(const void *record)
{
    firn_slice name;
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    memcpy(&name, record, sizeof name);
    for (size_t i = 0; i < name.size; i++) {
        hash = (hash ^ csv_infer_fold(name.data[i])) * UINT64_C(0x100000001b3);
    }
    return hash;
}

static bool
names_are_equal(const void *record, const void *key)
{
    firn_slice a;
    firn_slice b;
    memcpy(&a, record, sizeof a);
    memcpy(&b, key, sizeof b);
    bool is_equal = a.size == b.size;
    for (size_t i = 0; i < a.size && is_equal; i++) {
        is_equal = csv_infer_fold(a.data[i]) == csv_infer_fold(b.data[i]);
    }
    return is_equal;
}

int
fi_csv_infer_create(const struct fi_csv_infer_options *options, struct fi_csv_infer **out,
                    firn_error *err)
{
    struct fi_csv_infer *infer = fi_alloc_zeroed(sizeof *infer);
    *out = infer;
    if (infer == NULL) {
        return fi_error_no_memory(err, "a sample of CSV");
    }
    infer->header = options->header;
    infer->date_pattern = options->date_pattern;
    infer->timestamp_pattern = options->timestamp_pattern;
    infer->rows_max = options->rows_max != 0 ? options->rows_max : ROWS_DEFAULT;
    fi_hash_map_init(&infer->names, sizeof(firn_slice), hash_name, names_are_equal);
    return FIRN_OK;
}

void
fi_csv_infer_destroy(struct fi_csv_infer *infer)
{
    if (infer != NULL) {
        fi_free(infer->guesses);
        fi_free(infer->first);
        fi_free(infer->columns);
        fi_free(infer->is_nullable);
        fi_arena_deinit(&infer->arena);
        fi_buf_deinit(&infer->memory);
        fi_hash_map_deinit(&infer->names);
        fi_free(infer);
    }
}

/* ==== values ==== */

/* The shape of a number: digits, then perhaps a point and digits, then perhaps more. */
struct shape {
    size_t whole;    /* digits before the point */
    size_t fraction; /* and after it */
    bool is_negative;
    bool is_padded; /* with a plus or a needless zero */
    bool has_point;
    bool has_more;
};

static size_t
count_digits(firn_slice text, size_t at)
{
    size_t from = at;
    while (at < text.size && text.data[at] >= '0' && text.data[at] <= '9') {
        at++;
    }
    return at - from;
}

static struct shape
shape_of(firn_slice text)
{
    struct shape shape = {.is_negative = text.size > 0 && text.data[0] == '-'};
    size_t at = shape.is_negative;
    shape.whole = count_digits(text, at);
    shape.is_padded =
        (text.size > 0 && text.data[0] == '+') || (shape.whole > 1 && text.data[at] == '0');
    at += shape.whole;
    shape.has_point = at < text.size && text.data[at] == '.';
    if (shape.has_point) {
        at++;
        shape.fraction = count_digits(text, at);
        at += shape.fraction;
    }
    shape.has_more = at < text.size;
    return shape;
}

static bool
reads_as(struct fi_csv_infer *infer, firn_type type, firn_slice text, firn_value *out)
{
    struct fi_text_value_type of = {.type = type};
    fi_text_value_set_pattern(&of, infer->date_pattern, infer->timestamp_pattern);
    fi_buf_clear(&infer->memory);
    DCHECK(infer->memory.capacity >= text.size * FI_TEXT_VALUE_ROOM);
    return fi_text_value_read(&of, text, &infer->memory, out, NULL) == FIRN_OK;
}

static unsigned
types_of_integer(struct fi_csv_infer *infer, firn_slice text, double number)
{
    const double exact = 9007199254740992.0;
    firn_value value;
    unsigned found = number <= exact && number >= -exact ? F64 : 0;
    found |= reads_as(infer, FIRN_TYPE_I64, text, &value) ? I64 : 0;
    found |= reads_as(infer, FIRN_TYPE_U64, text, &value) ? U64 : 0;
    return found;
}

/* The types of a number; 0 if it is none. */
static unsigned
types_of_number(struct fi_csv_infer *infer, firn_slice text, struct guess *guess)
{
    const struct shape shape = shape_of(text);
    firn_value value;
    if (shape.is_padded || !reads_as(infer, FIRN_TYPE_F64, text, &value)) {
        return 0;
    }
    if (shape.whole + shape.fraction == 0) {
        return F64; /* nan, inf */
    }
    guess->has_number = true;
    if (!shape.has_more && !shape.has_point) {
        /* As an integer, -0 would lose its sign. */
        bool is_minus_zero = shape.is_negative && value.as.f64 == 0;
        return is_minus_zero ? F64 : types_of_integer(infer, text, value.as.f64);
    }
    if (!shape.has_more && shape.whole > 0 && shape.fraction > 0 && shape.fraction <= SCALE_MAX &&
        shape.whole + SCALE_MAX <= FI_TEXT_VALUE_DIGITS_MAX &&
        (guess->scale == 0 || guess->scale == shape.fraction)) {
        guess->scale = (uint8_t)shape.fraction;
        return DECIMAL | F64;
    }
    return F64;
}

static bool
is_bool_word(firn_slice text)
{
    static const char *const words[] = {"true", "false", "t", "f"};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        firn_slice word = firn_str(words[i]);
        if (names_are_equal(&word, &text)) {
            return true;
        }
    }
    return false;
}

/* The possible types of a value, among the remaining types of its column. */
static unsigned
types_of(struct fi_csv_infer *infer, firn_slice text, struct guess *guess)
{
    unsigned wanted = guess->types;
    unsigned found = TEXT;
    firn_value value;
    if (wanted == TEXT) {
        return TEXT;
    }
    while (text.size > 0 && (text.data[0] == ' ' || text.data[0] == '\t')) {
        text = firn_bytes(text.data + 1, text.size - 1);
    }
    while (text.size > 0 && (text.data[text.size - 1] == ' ' || text.data[text.size - 1] == '\t')) {
        text.size--;
    }
    found |= (wanted & BOOL) != 0 && is_bool_word(text) ? BOOL : 0;
    if ((wanted & (I64 | U64 | DECIMAL | F64)) != 0) {
        found |= types_of_number(infer, text, guess);
    }
    if ((wanted & DATE) != 0 && reads_as(infer, FIRN_TYPE_DATE, text, &value)) {
        found |= DATE;
    }
    if ((wanted & TIMESTAMP) != 0 && reads_as(infer, FIRN_TYPE_TIMESTAMP, text, &value)) {
        found |= TIMESTAMP;
    }
    if ((wanted & UUID) != 0 && reads_as(infer, FIRN_TYPE_UUID, text, &value)) {
        found |= UUID;
    }
    return found;
}

static void
add_field(struct fi_csv_infer *infer, uint32_t column, const struct fi_csv_field *field)
{
    struct guess *guess = &infer->guesses[column];
    if (field->is_null) {
        guess->has_null = true;
        return;
    }
    guess->has_value = true;
    guess->types &= types_of(infer, field->text, guess);
    CHECK((guess->types & TEXT) != 0);
}

/* ==== records ==== */

static int
csv_infer_begin(struct fi_csv_infer *infer, uint32_t count)
{
    infer->count = count;
    infer->guesses = fi_alloc_array(count, sizeof *infer->guesses);
    infer->first = fi_alloc_array(count, sizeof *infer->first);
    infer->columns = fi_alloc_array(count, sizeof *infer->columns);
    infer->is_nullable = fi_alloc_array(count, sizeof *infer->is_nullable);
    if (infer->guesses == NULL || infer->first == NULL || infer->columns == NULL ||
        infer->is_nullable == NULL) {
        return FIRN_NO_MEMORY;
    }
    for (uint32_t i = 0; i < count; i++) {
        infer->guesses[i] = (struct guess){.types = ALL};
    }
    return FIRN_OK;
}

static int
keep_first(struct fi_csv_infer *infer, const struct fi_csv_record *record)
{
    for (uint32_t i = 0; i < record->count; i++) {
        infer->first[i] = record->fields[i];
        firn_slice text = record->fields[i].text;
        const uint8_t *copy =
            fi_arena_copy(&infer->arena, text.size > 0 ? text.data : (const uint8_t *)"",
                          text.size > 0 ? text.size : 1);
        if (copy == NULL) {
            return FIRN_NO_MEMORY;
        }
        infer->first[i].text = firn_bytes(copy, text.size);
    }
    return FIRN_OK;
}

int
fi_csv_infer_add(struct fi_csv_infer *infer, const struct fi_csv_record *record,
                 bool *out_is_enough, firn_error *err)
{
    DCHECK(record->count > 0 && (infer->rows == 0 || record->count == infer->count));
    bool is_first = infer->rows == 0;
    int rc = is_first ? csv_infer_begin(infer, record->count) : FIRN_OK;
    /* Room for the 16 bytes of a UUID, so that reading values does not allocate. */
    if (rc == FIRN_OK) {
        rc = fi_buf_reserve(&infer->memory, record->raw.size * FI_TEXT_VALUE_ROOM);
    }
    if (rc == FIRN_OK && is_first && infer->header != FI_CSV_HEADER_NO) {
        rc = keep_first(infer, record);
    } else if (rc == FIRN_OK) {
        for (uint32_t i = 0; i < record->count; i++) {
            add_field(infer, i, &record->fields[i]);
        }
    }
    if (rc != FIRN_OK) {
        return fi_error_no_memory(err, "a sample of CSV");
    }
    infer->rows++;
    *out_is_enough = infer->rows >= infer->rows_max;
    return FIRN_OK;
}

/* ==== columns ==== */

/* Adds a name, unless it is there. */
static int
add_name(struct fi_csv_infer *infer, firn_slice name, bool *out_is_new)
{
    DCHECK(name.size > 0);
    uint64_t hash = hash_name(&name);
    *out_is_new = fi_hash_map_find(&infer->names, hash, &name) == NULL;
    if (*out_is_new && fi_hash_map_insert(&infer->names, hash, &name) == NULL) {
        return FIRN_NO_MEMORY;
    }
    return FIRN_OK;
}

/* Whether a column is something else than text from the second record on. */
static bool
has_other_type(const struct fi_csv_infer *infer)
{
    for (uint32_t i = 0; i < infer->count; i++) {
        const struct guess *guess = &infer->guesses[i];
        if (infer->first[i].text.size > 0 && guess->has_value && guess->types != TEXT) {
            return true;
        }
    }
    return false;
}

/* A letter, also with spaces around it: a column may be called t. */
static bool
is_letter(firn_slice text)
{
    size_t letters = 0;
    for (size_t i = 0; i < text.size; i++) {
        letters += text.data[i] != ' ' && text.data[i] != '\t';
    }
    return letters == 1;
}

static int
looks_like_header(struct fi_csv_infer *infer, bool *out)
{
    bool are_names = true; /* not empty, and different */
    *out = false;
    for (uint32_t i = 0; i < infer->count; i++) {
        const struct fi_csv_field *field = &infer->first[i];
        struct guess guess = {.types = ALL};
        bool is_new;
        if (field->is_null || field->text.size == 0) {
            are_names = false;
            continue;
        }
        unsigned found = types_of(infer, field->text, &guess);
        if (found != TEXT && !(found == (TEXT | BOOL) && is_letter(field->text))) {
            return FIRN_OK;
        }
        int rc = add_name(infer, field->text, &is_new);
        if (rc != FIRN_OK) {
            return rc;
        }
        are_names = are_names && is_new;
    }
    *out = are_names || has_other_type(infer);
    return FIRN_OK;
}

/* Makes a name of a field, in out, which has room for FI_CSV_INFER_NAME_SIZE_MAX bytes; returns
 * its size. */
static size_t
clean_name(firn_slice text, char *out)
{
    size_t size = 0;
    size_t at = 0;
    while (at < text.size) {
        uint32_t point;
        size_t step = fi_utf8_decode(firn_bytes(text.data + at, text.size - at), &point);
        bool is_plain = step > 0 && point >= ' ' && !(point >= 0x7f && point < 0xa0);
        size_t room = FI_CSV_INFER_NAME_SIZE_MAX - size;
        if ((is_plain ? step : 1) > room) {
            break;
        }
        if (is_plain) {
            if (point != ' ' || size > 0) {
                memcpy(out + size, text.data + at, step);
                size += step;
            }
        } else {
            out[size++] = '_';
        }
        at += step > 0 ? step : 1;
    }
    while (size > 0 && out[size - 1] == ' ') {
        size--;
    }
    return size;
}

/* A name with a number appended; if necessary, whole characters at its end make room for the
 * number. */
static firn_slice
numbered(firn_slice name, uint32_t number, char *out)
{
    char digits[16];
    size_t tail = (size_t)snprintf(digits, sizeof digits, "_%u", number);
    size_t size = name.size;
    while (size + tail > FI_CSV_INFER_NAME_SIZE_MAX ||
           (size > 0 && size < name.size && (name.data[size] & 0xc0) == 0x80)) {
        size--;
    }
    DCHECK(size + tail <= FI_CSV_INFER_NAME_SIZE_MAX);
    memcpy(out, name.data, size);
    memcpy(out + size, digits, tail);
    return firn_bytes(out, size + tail);
}

static int
name_column(struct fi_csv_infer *infer, uint32_t column, firn_slice wanted)
{
    char clean[FI_CSV_INFER_NAME_SIZE_MAX];
    char other[FI_CSV_INFER_NAME_SIZE_MAX];
    firn_slice base = firn_bytes(clean, clean_name(wanted, clean));
    if (base.size == 0) {
        base.size = (size_t)snprintf(clean, sizeof clean, "column%u", column + 1);
    }
    firn_slice name = base;
    for (uint32_t number = column + 1;; number++) {
        uint64_t hash = hash_name(&name);
        if (fi_hash_map_find(&infer->names, hash, &name) == NULL) {
            break;
        }
        name = numbered(base, number, other);
    }
    DCHECK(name.size > 0 && name.size <= FI_CSV_INFER_NAME_SIZE_MAX);
    const uint8_t *copy = fi_arena_copy(&infer->arena, name.data, name.size);
    if (copy == NULL) {
        return FIRN_NO_MEMORY;
    }
    bool is_new;
    infer->columns[column].name = firn_bytes(copy, name.size);
    return add_name(infer, infer->columns[column].name, &is_new);
}

static void
choose_type(struct fi_csv_infer *infer, uint32_t column)
{
    const struct guess *guess = &infer->guesses[column];
    unsigned left = guess->has_value ? guess->types : TEXT;
    left &= guess->has_number ? ALL : ~(unsigned)F64;
    size_t at = 0;
    DCHECK(left != 0); /* text is always left */
    while ((left & 1U << at) == 0) {
        at++;
    }
    struct fi_text_value_type *type = &infer->columns[column].type;
    *type = (struct fi_text_value_type){.type = types[at]};
    fi_text_value_set_pattern(type, infer->date_pattern, infer->timestamp_pattern);
    if (type->type == FIRN_TYPE_DECIMAL) {
        type->precision = FI_TEXT_VALUE_DIGITS_MAX;
        type->scale = guess->scale;
    }
    infer->is_nullable[column] = guess->has_null || !guess->has_value;
}

int
fi_csv_infer_finish(struct fi_csv_infer *infer, struct fi_csv_infer_result *out, firn_error *err)
{
    int rc = FIRN_OK;
    *out = (struct fi_csv_infer_result){0};
    bool has_header = infer->header == FI_CSV_HEADER_YES && infer->rows > 0;
    if (infer->header == FI_CSV_HEADER_AUTO && infer->rows > 0) {
        FI_TRY(looks_like_header(infer, &has_header));
        fi_hash_map_clear(&infer->names);
        for (uint32_t i = 0; i < infer->count && !has_header; i++) {
            add_field(infer, i, &infer->first[i]);
        }
    }
    for (uint32_t i = 0; i < infer->count; i++) {
        choose_type(infer, i);
        FI_TRY(name_column(infer, i, has_header ? infer->first[i].text : firn_bytes("", 0)));
    }
    out->columns = infer->columns;
    out->is_nullable = infer->is_nullable;
    out->count = infer->count;
    out->rows = infer->rows - has_header;
    out->has_header = has_header;
out:
    return rc == FIRN_OK ? FIRN_OK : fi_error_no_memory(err, "a sample of CSV");
}
