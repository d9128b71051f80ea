/* SPDX-License-Identifier: Apache-2.0
 *
 * vectorfile/vectorfile.c: files of vectors, in pieces, as vectors of f32.
 *
 * One buffer keeps the bytes that were not used yet: at most a piece and a vector. The length of a
 * vector is checked before the rest of it is read. All vectors of a file have the same length.
 *
 * numpy's format: https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html. After the
 * magic bytes, two of a version and the length of the header comes a Python dictionary, {'descr':
 * '<f4', 'fortran_order': False, 'shape': (3, 100), }. Only this form is read: three keys, in any
 * order, with a text, a word and a list of numbers.
 *
 * Numbers become f32 exactly, except for those of 64 bits, which are rounded. A whole number that
 * f32 cannot represent exactly is refused: it is probably an identifier, not a coordinate. The
 * reader does not check whether numbers are finite.
 *
 * Limits: a header of 64 KiB; FIRN_TABLE_DIMENSIONS_MAX numbers a vector.
 */
#include "vectorfile/vectorfile.h"

#include "base/buf.h"
#include "base/bytes.h"
#include "base/check.h"
#include "base/mem.h"
#include "base/slice.h"

enum { HEADER_SIZE_MAX = 64 << 10, NPY_MAGIC_SIZE = 8 };

enum number { NUMBER_F32, NUMBER_F64, NUMBER_F16, NUMBER_U8, NUMBER_I8, NUMBER_I16, NUMBER_I32 };

static const uint8_t number_sizes[] = {
    [NUMBER_F32] = 4, [NUMBER_F64] = 8, [NUMBER_F16] = 2, [NUMBER_U8] = 1,
    [NUMBER_I8] = 1,  [NUMBER_I16] = 2, [NUMBER_I32] = 4};

struct fi_vectorfile {
    firn_vectors_kind kind;
    enum number number;
    size_t wanted;     /* dimensions that the caller wants; 0: any */
    size_t dimensions; /* 0: not known yet */
    uint64_t count;    /* of vectors that were returned */
    uint64_t rows;     /* of NPY: the number of vectors */
    bool has_header;
    bool is_over;
    struct fi_buf bytes;
    size_t at; /* how many of them were used */
    float *vector;
};

int
fi_vectorfile_create(firn_vectors_kind kind, size_t dimensions, struct fi_vectorfile **out,
                     firn_error *err)
{
    *out = NULL;
    if (kind < FIRN_VECTORS_FVECS || kind > FIRN_VECTORS_F32) {
        return fi_error_set(err, FIRN_INVALID, "%d is no kind of a file of vectors", (int)kind);
    }
    if (dimensions > FIRN_TABLE_DIMENSIONS_MAX || (kind == FIRN_VECTORS_F32 && dimensions == 0)) {
        return fi_error_set(err, FIRN_INVALID, "a vector has 1 to %d dimensions, not %zu",
                            FIRN_TABLE_DIMENSIONS_MAX, dimensions);
    }
    struct fi_vectorfile *reader = fi_alloc_zeroed(sizeof *reader);
    if (reader == NULL) {
        return fi_error_no_memory(err, "a file of vectors");
    }
    reader->kind = kind;
    reader->wanted = dimensions;
    reader->number = kind == FIRN_VECTORS_BVECS   ? NUMBER_U8
                     : kind == FIRN_VECTORS_IVECS ? NUMBER_I32
                                                  : NUMBER_F32;
    *out = reader;
    return FIRN_OK;
}

void
fi_vectorfile_destroy(struct fi_vectorfile *reader)
{
    if (reader != NULL) {
        fi_buf_deinit(&reader->bytes);
        fi_free(reader->vector);
        fi_free(reader);
    }
}

int
fi_vectorfile_feed(struct fi_vectorfile *reader, firn_slice piece, firn_error *err)
{
    const size_t left = reader->bytes.size - reader->at;
    DCHECK(!reader->is_over);
    reader->is_over = piece.size == 0;
    if (left > 0) {
        memmove(reader->bytes.data, reader->bytes.data + reader->at, left);
    }
    reader->bytes.size = left;
    reader->at = 0;
    return fi_buf_append_slice(&reader->bytes, piece) == FIRN_OK
               ? FIRN_OK
               : fi_error_no_memory(err, "a file of vectors");
}

static firn_slice
rest_of(const struct fi_vectorfile *reader)
{
    return reader->bytes.size > reader->at
               ? firn_bytes(reader->bytes.data + reader->at, reader->bytes.size - reader->at)
               : firn_bytes("", 0);
}

/* ---- the header of numpy ---- */

static void
skip_spaces(firn_slice *text)
{
    while (text->size > 0 && text->data[0] <= ' ') {
        *text = firn_bytes(text->data + 1, text->size - 1);
    }
}

static bool
take_byte(firn_slice *text, char byte)
{
    skip_spaces(text);
    if (text->size == 0 || text->data[0] != (uint8_t)byte) {
        return false;
    }
    *text = firn_bytes(text->data + 1, text->size - 1);
    return true;
}

/* A text in single or double quotes, without an escape. */
static bool
take_quoted(firn_slice *text, firn_slice *out)
{
    const char quote = take_byte(text, '\'') ? '\'' : '"';
    size_t size = 0;
    if (quote == '"' && !take_byte(text, '"')) {
        return false;
    }
    while (size < text->size && text->data[size] != (uint8_t)quote && text->data[size] != '\\') {
        size++;
    }
    *out = firn_bytes(text->data, size);
    *text = firn_bytes(text->data + size, text->size - size);
    return take_byte(text, quote);
}

static bool
take_word(firn_slice *text, const char *word)
{
    const size_t size = strlen(word);
    skip_spaces(text);
    if (text->size < size || memcmp(text->data, word, size) != 0) {
        return false;
    }
    *text = firn_bytes(text->data + size, text->size - size);
    return true;
}

static bool
take_number(firn_slice *text, uint64_t *out)
{
    bool has_digit = false;
    *out = 0;
    skip_spaces(text);
    while (text->size > 0 && text->data[0] >= '0' && text->data[0] <= '9') {
        if (*out > UINT64_MAX / 100) {
            return false;
        }
        *out = *out * 10 + (uint64_t)(text->data[0] - '0');
        *text = firn_bytes(text->data + 1, text->size - 1);
        has_digit = true;
    }
    return has_digit;
}

struct npy {
    firn_slice descr;
    bool is_fortran;
    bool has_order;
    uint64_t shape[2];
    size_t shape_count; /* 3: more than two */
    bool has_shape;
};

static bool
take_shape(firn_slice *text, struct npy *npy)
{
    npy->has_shape = true;
    npy->shape_count = 0;
    if (!take_byte(text, '(')) {
        return false;
    }
    while (!take_byte(text, ')')) {
        uint64_t number;
        if (!take_number(text, &number)) {
            return false;
        }
        if (npy->shape_count < 2) {
            npy->shape[npy->shape_count] = number;
        }
        npy->shape_count += npy->shape_count < 3 ? 1 : 0;
        if (!take_byte(text, ',')) {
            return take_byte(text, ')');
        }
    }
    return true;
}

/* Whether the text is a dictionary with the three keys. */
static bool
read_dictionary(firn_slice text, struct npy *npy)
{
    *npy = (struct npy){.is_fortran = false};
    if (!take_byte(&text, '{')) {
        return false;
    }
    while (!take_byte(&text, '}')) {
        firn_slice key;
        bool is_good = take_quoted(&text, &key) && take_byte(&text, ':');
        if (!is_good) {
            return false;
        }
        if (fi_slice_equal(key, firn_str("descr"))) {
            is_good = take_quoted(&text, &npy->descr);
        } else if (fi_slice_equal(key, firn_str("fortran_order"))) {
            npy->has_order = true;
            npy->is_fortran = take_word(&text, "True");
            is_good = npy->is_fortran || take_word(&text, "False");
        } else {
            is_good = fi_slice_equal(key, firn_str("shape")) && take_shape(&text, npy);
        }
        if (!is_good) {
            return false;
        }
        if (!take_byte(&text, ',')) {
            if (!take_byte(&text, '}')) {
                return false;
            }
            break;
        }
    }
    skip_spaces(&text);
    return text.size == 0 && npy->descr.size > 0 && npy->has_order && npy->has_shape;
}

static bool
find_number(firn_slice descr, enum number *out)
{
    static const struct {
        const char *name;
        enum number number;
    } known[] = {{"<f4", NUMBER_F32}, {"<f8", NUMBER_F64}, {"<f2", NUMBER_F16}, {"|u1", NUMBER_U8},
                 {"|i1", NUMBER_I8},  {"<i2", NUMBER_I16}, {"<i4", NUMBER_I32}};
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (fi_slice_equal(descr, firn_str(known[i].name))) {
            *out = known[i].number;
            return true;
        }
    }
    return false;
}

static int
check_dimensions(const struct fi_vectorfile *reader, uint64_t dimensions, firn_error *err)
{
    const size_t wanted = reader->dimensions != 0 ? reader->dimensions : reader->wanted;
    const unsigned long long number = reader->count + 1;
    if (dimensions == 0 || dimensions > FIRN_TABLE_DIMENSIONS_MAX) {
        return fi_error_set(err, FIRN_INVALID,
                            "vector %llu: it claims to have %llu dimensions; 1 to %d are allowed",
                            number, (unsigned long long)dimensions, FIRN_TABLE_DIMENSIONS_MAX);
    }
    if (wanted != 0 && dimensions != wanted) {
        return fi_error_set(err, FIRN_INVALID, "vector %llu: its length is %llu, not %zu", number,
                            (unsigned long long)dimensions, wanted);
    }
    return FIRN_OK;
}

static int
use_npy(struct fi_vectorfile *reader, firn_slice text, firn_error *err)
{
    struct npy npy;
    if (!read_dictionary(text, &npy)) {
        return fi_error_set(err, FIRN_INVALID, "the header of the numpy file is damaged");
    }
    if (!find_number(npy.descr, &reader->number)) {
        return fi_error_set(err, FIRN_UNSUPPORTED,
                            "the numpy file has numbers of type '%.*s'; those that can be read "
                            "are <f4, <f8, <f2, |u1, |i1, <i2 and <i4",
                            npy.descr.size < 16 ? (int)npy.descr.size : 16,
                            (const char *)npy.descr.data);
    }
    if (npy.shape_count < 1 || npy.shape_count > 2) {
        return fi_error_set(err, FIRN_UNSUPPORTED,
                            "the numpy file has no array of one or two dimensions");
    }
    if (npy.is_fortran && npy.shape_count == 2 && npy.shape[0] > 1) {
        return fi_error_set(err, FIRN_UNSUPPORTED,
                            "the numpy file has its columns one after the other "
                            "(fortran_order); write it with numpy.ascontiguousarray");
    }
    const uint64_t dimensions = npy.shape[npy.shape_count - 1];
    reader->rows = npy.shape_count == 2 ? npy.shape[0] : 1;
    reader->has_header = true;
    if (reader->rows == 0) {
        return FIRN_OK;
    }
    int rc = check_dimensions(reader, dimensions, err);
    reader->dimensions = rc == FIRN_OK ? (size_t)dimensions : 0;
    return rc;
}

/* Reads the header if all of it is there. */
static int
read_npy(struct fi_vectorfile *reader, firn_error *err)
{
    static const uint8_t magic[] = {0x93, 'N', 'U', 'M', 'P', 'Y'};
    const firn_slice rest = rest_of(reader);
    const size_t seen = rest.size < sizeof magic ? rest.size : sizeof magic;
    if (memcmp(rest.data, magic, seen) != 0) {
        return fi_error_set(err, FIRN_INVALID, "this is no numpy file");
    }
    if (rest.size < NPY_MAGIC_SIZE + 4) {
        return FIRN_OK;
    }
    const uint8_t version = rest.data[6];
    if (version < 1 || version > 3) {
        return fi_error_set(err, FIRN_UNSUPPORTED,
                            "the numpy file has format %u; 1 to 3 can be read", version);
    }
    const size_t head = NPY_MAGIC_SIZE + (version == 1 ? 2 : 4);
    const size_t size = version == 1 ? fi_load_le16(rest.data + NPY_MAGIC_SIZE)
                                     : fi_load_le32(rest.data + NPY_MAGIC_SIZE);
    if (size > HEADER_SIZE_MAX) {
        return fi_error_set(err, FIRN_INVALID, "the numpy file has a header of %zu bytes", size);
    }
    if (rest.size - head < size) {
        return FIRN_OK;
    }
    reader->at += head + size;
    return use_npy(reader, firn_bytes(rest.data + head, size), err);
}

/* ---- numbers ---- */

/* The number that 16 bits are (IEEE 754 binary16). */
static float
widen_half(uint32_t bits)
{
    const uint32_t sign = (bits & 0x8000) << 16;
    uint32_t exponent = bits >> 10 & 0x1f;
    uint32_t fraction = bits & 0x3ff;
    float number;
    if (exponent == 0) {
        number = (float)fraction * 0x1p-24F;
        return sign != 0 ? -number : number;
    }
    exponent = exponent == 0x1f ? 0xff : exponent + 112;
    bits = sign | exponent << 23 | fraction << 13;
    memcpy(&number, &bits, sizeof number);
    return number;
}

/* Number i of a vector; false: no f32 is equal to it. */
static bool
number_at(enum number kind, const uint8_t *at, size_t i, float *out)
{
    uint64_t bits;
    double wide;
    int32_t whole;
    switch (kind) {
    case NUMBER_F32:
        memcpy(out, at + 4 * i, sizeof *out);
        return true;
    case NUMBER_F64:
        bits = fi_load_le64(at + 8 * i);
        memcpy(&wide, &bits, sizeof wide);
        *out = (float)wide;
        return true;
    case NUMBER_F16:
        *out = widen_half(fi_load_le16(at + 2 * i));
        return true;
    case NUMBER_U8:
        *out = (float)at[i];
        return true;
    case NUMBER_I8:
        *out = (float)(int8_t)at[i];
        return true;
    case NUMBER_I16:
        *out = (float)(int16_t)fi_load_le16(at + 2 * i);
        return true;
    case NUMBER_I32:
        break;
    }
    whole = (int32_t)fi_load_le32(at + 4 * i);
    *out = (float)whole;
    return (double)*out == (double)whole;
}

static int
vectorfile_convert(struct fi_vectorfile *reader, const uint8_t *at, firn_error *err)
{
    const size_t n = reader->dimensions;
    if (reader->vector == NULL) {
        reader->vector = fi_alloc_array(n, sizeof(float));
    }
    if (reader->vector == NULL) {
        return fi_error_no_memory(err, "a vector");
    }
    for (size_t i = 0; i < n; i++) {
        if (!number_at(reader->number, at, i, &reader->vector[i])) {
            return fi_error_set(err, FIRN_INVALID,
                                "vector %llu: number %zu is too large for an f32 to be exact",
                                (unsigned long long)reader->count + 1, i + 1);
        }
    }
    return FIRN_OK;
}

/* The number of bytes before the numbers of the next vector, whose length becomes known; SIZE_MAX:
 * they are not there yet. */
static int
begin_vector(struct fi_vectorfile *reader, size_t *out, firn_error *err)
{
    const firn_slice rest = rest_of(reader);
    int rc;
    *out = 0;
    switch (reader->kind) {
    case FIRN_VECTORS_NPY:
        return FIRN_OK;
    case FIRN_VECTORS_F32:
        reader->dimensions = reader->wanted;
        return FIRN_OK;
    case FIRN_VECTORS_FVECS:
    case FIRN_VECTORS_BVECS:
    case FIRN_VECTORS_IVECS:
        break;
    }
    *out = rest.size < 4 ? SIZE_MAX : 4;
    if (rest.size < 4) {
        return FIRN_OK;
    }
    rc = check_dimensions(reader, fi_load_le32(rest.data), err);
    if (rc == FIRN_OK) {
        reader->dimensions = fi_load_le32(rest.data);
    }
    return rc;
}

static int
end_file(const struct fi_vectorfile *reader, firn_error *err)
{
    if (reader->kind == FIRN_VECTORS_NPY && !reader->has_header) {
        return fi_error_set(err, FIRN_INVALID, "the numpy file ends in its header");
    }
    if (reader->bytes.size > reader->at ||
        (reader->kind == FIRN_VECTORS_NPY && reader->count < reader->rows)) {
        return fi_error_set(err, FIRN_INVALID, "vector %llu: the file ends before it is whole",
                            (unsigned long long)reader->count + 1);
    }
    return FIRN_OK;
}

int
fi_vectorfile_next(struct fi_vectorfile *reader, const float **out, size_t *out_dimensions,
                   firn_error *err)
{
    size_t head = 0;
    *out = NULL;
    *out_dimensions = 0;
    if (reader->kind == FIRN_VECTORS_NPY && !reader->has_header) {
        FI_TRY_RETURN(read_npy(reader, err));
        if (!reader->has_header) {
            return reader->is_over ? end_file(reader, err) : FIRN_OK;
        }
    }
    firn_slice rest = rest_of(reader);
    if (reader->kind == FIRN_VECTORS_NPY && reader->count == reader->rows) {
        return rest.size == 0
                   ? FIRN_OK
                   : fi_error_set(err, FIRN_INVALID, "the numpy file has bytes after its array");
    }
    if (rest.size > 0) {
        FI_TRY_RETURN(begin_vector(reader, &head, err));
    }
    const size_t size = reader->dimensions * number_sizes[reader->number];
    if (rest.size == 0 || head == SIZE_MAX || rest.size - head < size) {
        return reader->is_over ? end_file(reader, err) : FIRN_OK;
    }
    DCHECK(reader->dimensions > 0);
    FI_TRY_RETURN(vectorfile_convert(reader, rest.data + head, err));
    reader->at += head + size;
    reader->count++;
    *out = reader->vector;
    *out_dimensions = reader->dimensions;
    return FIRN_OK;
}
