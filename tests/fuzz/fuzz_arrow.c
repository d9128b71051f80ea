/* SPDX-License-Identifier: Apache-2.0
 *
 * fuzz/arrow: a hostile Arrow stream that is loaded into a table. The bytes choose, one after the other, what a producer
 * can get wrong: the formats of the fields, which pointers are NULL, counts of buffers and children, lengths, offsets,
 * counts of nulls, dictionaries, and all contents of buffers.
 *
 * The interface passes pointers without sizes, so memory is always as large as the numbers that are consistent with each
 * other say, and not a byte larger; numbers that contradict each other are among those that the import has to
 * refuse. An import leaves all rows or none, says why, and releases the stream and each array once.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "arrow/arrow_import.h"
#include "base/check.h"
#include "base/mem.h"
#include "base/slice.h"
#include "sim/sim_memory.h"
#include "transfer/transfer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { FIELDS_MAX = 6, PIECES_MAX = 4096, ROWS_MAX = 12, ARRAYS_MAX = 3 };

/* What is made of an input: its memory is freed with it. */
struct producer {
    const uint8_t *at;
    const uint8_t *end;
    void *pieces[PIECES_MAX];
    size_t piece_count;
    struct ArrowSchema schema;
    struct ArrowArray arrays[ARRAYS_MAX];
    size_t array_count;
    size_t next;
    size_t released; /* arrays */
    size_t stream_released;
    size_t schema_released;
    bool fails;
};

/* 0 after the last byte. */
static uint8_t
take(struct producer *producer)
{
    return producer->at < producer->end ? *producer->at++ : 0;
}

/* One in `n` bytes that are taken says so; never after the last. */
static bool
rarely(struct producer *producer, unsigned n)
{
    return producer->at < producer->end && take(producer) % n == n - 1;
}

/* As many bytes, and not one more that could be read unnoticed. */
static void *
make(struct producer *producer, size_t size)
{
    void *piece = calloc(1, size > 0 ? size : 1);
    CHECK(piece != NULL && producer->piece_count < PIECES_MAX);
    producer->pieces[producer->piece_count++] = piece;
    return piece;
}

static void *
make_filled(struct producer *producer, size_t size)
{
    uint8_t *piece = make(producer, size);
    for (size_t i = 0; i < size; i++) {
        piece[i] = take(producer);
    }
    return piece;
}

/* ---- fields ---- */

static const struct {
    const char *format;
    size_t size; /* bytes of a value; 0: not of one size */
} formats[] = {{"l", 8},         {"u", 0},       {"c", 1},    {"s", 2},    {"i", 4},
               {"C", 1},         {"S", 2},       {"I", 4},    {"L", 8},    {"f", 4},
               {"g", 8},         {"b", 0},       {"n", 0},    {"U", 0},    {"vu", 0},
               {"z", 0},         {"Z", 0},       {"vz", 0},   {"tdD", 4},  {"tdm", 8},
               {"tss:", 8},      {"tsm:UTC", 8}, {"tsu:", 8}, {"tsn:", 8}, {"d:9,2", 16},
               {"d:38,-18", 16}, {"w:16", 16},   {"w:3", 3},  {"w:0", 0},  {"+w:2", 0},
               {"+w:1", 0}};
enum { FORMATS = sizeof formats / sizeof formats[0] };
static const char *const names[FIELDS_MAX] = {"a", "b", "c", "d", "e", "f"};

static size_t
size_of(const char *format)
{
    for (size_t i = 0; i < FORMATS; i++) {
        if (strcmp(format, formats[i].format) == 0) {
            return formats[i].size;
        }
    }
    return 0;
}

static void
release_schema(struct ArrowSchema *schema)
{
    struct producer *producer = schema->private_data;
    producer->schema_released++;
    schema->release = NULL;
}

static void
release_nothing(struct ArrowSchema *schema)
{
    schema->release = NULL;
}

static const char *
make_format(struct producer *producer)
{
    if (rarely(producer, 31)) {
        char *text = make_filled(producer, 8);
        text[7] = '\0';
        /* Sizes that the array's memory does not have: only those of formats that no table has, or that are wrong. */
        return strncmp(text, "w:", 2) == 0 || strncmp(text, "+w:", 3) == 0 ? "w:" : text;
    }
    return formats[take(producer) % FORMATS].format;
}

static struct ArrowSchema *
make_field(struct producer *producer, const char *name)
{
    struct ArrowSchema *field = make(producer, sizeof *field);
    *field = (struct ArrowSchema){.format = make_format(producer),
                                  .name = rarely(producer, 61) ? NULL : name,
                                  .flags = ARROW_FLAG_NULLABLE,
                                  .release = release_nothing};
    if (strncmp(field->format, "+w:", 3) == 0) {
        struct ArrowSchema *child = make(producer, sizeof *child);
        *child = (struct ArrowSchema){.format = rarely(producer, 31) ? NULL : "f",
                                      .name = "item",
                                      .release = release_nothing};
        field->children = make(producer, sizeof(struct ArrowSchema *));
        field->children[0] = rarely(producer, 31) ? NULL : child;
        field->n_children = rarely(producer, 31) ? 0 : 1;
        if (rarely(producer, 31)) {
            field->children = NULL;
        }
    }
    return field;
}

static void
make_schema(struct producer *producer)
{
    struct ArrowSchema *schema = &producer->schema;
    size_t count = 1 + take(producer) % FIELDS_MAX;
    *schema = (struct ArrowSchema){.format = rarely(producer, 61) ? "l" : "+s",
                                   .name = "",
                                   .n_children = (int64_t)count,
                                   .release = release_schema,
                                   .private_data = producer};
    schema->children = make(producer, count * sizeof(struct ArrowSchema *));
    for (size_t i = 0; i < count; i++) {
        const char *name = rarely(producer, 61) ? names[0] : names[i];
        schema->children[i] = make_field(producer, name);
        if (rarely(producer, 6)) {
            schema->children[i]->dictionary = make_field(producer, name);
        }
        if (rarely(producer, 61)) {
            schema->children[i] = NULL;
        }
    }
    if (rarely(producer, 61)) {
        schema->n_children = -1;
    } else if (rarely(producer, 61)) {
        schema->children = NULL;
    }
}

/* ---- arrays ---- */

static void
release_array(struct ArrowArray *array)
{
    struct producer *producer = array->private_data;
    producer->released++;
    array->release = NULL;
}

static void
release_part(struct ArrowArray *array)
{
    array->release = NULL;
}

/* Offsets of `count` values in `bytes` bytes; some descend, or are negative. */
static void *
make_offsets(struct producer *producer, size_t count, size_t bytes, bool is_wide)
{
    int32_t *narrow = make(producer, (count + 1) * (is_wide ? 0 : sizeof(int32_t)));
    int64_t *wide = make(producer, (count + 1) * (is_wide ? sizeof(int64_t) : 0));
    size_t last = 0;
    for (size_t i = 0; i <= count; i++) {
        int64_t offset = (int64_t)last;
        if (rarely(producer, 61)) {
            offset = rarely(producer, 2) ? -1 : (int64_t)(take(producer) % (bytes + 1));
        } else if (last < bytes) {
            last += take(producer) % (bytes - last + 1);
            offset = (int64_t)last;
        }
        if (is_wide) {
            wide[i] = offset;
        } else {
            narrow[i] = (int32_t)offset;
        }
    }
    return is_wide ? (void *)wide : (void *)narrow;
}

/* A column of views: those that refer to buffers may refer beyond their ends. */
static void
make_views(struct producer *producer, struct ArrowArray *array, size_t count)
{
    size_t buffers = take(producer) % 3;
    array->n_buffers = (int64_t)buffers + 3;
    array->buffers = make(producer, (buffers + 3) * sizeof(void *));
    uint8_t *views = make(producer, count * 16);
    int64_t *sizes = make(producer, buffers * sizeof *sizes);
    for (size_t i = 0; i < count; i++) {
        int32_t size = rarely(producer, 31) ? -1 : take(producer) % 24;
        int32_t buffer = rarely(producer, 31) ? -1 : take(producer) % 4;
        int32_t offset = rarely(producer, 31) ? INT32_MAX : take(producer) % 16;
        memcpy(views + i * 16, &size, sizeof size);
        memcpy(views + i * 16 + 8, &buffer, sizeof buffer);
        memcpy(views + i * 16 + 12, &offset, sizeof offset);
    }
    for (size_t i = 0; i < buffers; i++) {
        size_t size = take(producer) % 48;
        sizes[i] = rarely(producer, 31) ? -1 : (int64_t)size;
        array->buffers[2 + i] = rarely(producer, 31) ? NULL : make_filled(producer, size);
    }
    array->buffers[1] = views;
    array->buffers[2 + buffers] = rarely(producer, 31) ? NULL : sizes;
}

/* Buffers for `count` values, of which the first `length` of the array may be used. */
static void
make_buffers(struct producer *producer, struct ArrowArray *array, const char *format, size_t count)
{
    const size_t value = size_of(format);
    const bool is_text = strchr("uUzZ", format[0]) != NULL && format[0] != '\0';
    if (format[0] == 'v') {
        make_views(producer, array, count);
    } else if (format[0] == '+') {
        array->n_buffers = 1;
        array->buffers = make(producer, sizeof(void *));
    } else if (format[0] == 'n') {
        array->n_buffers = 0;
        return;
    } else {
        size_t bytes = is_text ? take(producer) % 48 : 0;
        array->n_buffers = is_text ? 3 : 2;
        array->buffers = make(producer, 3 * sizeof(void *));
        if (is_text) {
            array->buffers[1] =
                make_offsets(producer, count, bytes, strchr("UZ", format[0]) != NULL);
            array->buffers[2] = rarely(producer, 31) ? NULL : make_filled(producer, bytes);
        } else {
            array->buffers[1] =
                make_filled(producer, format[0] == 'b' ? (count + 7) / 8 : count * value);
        }
    }
    array->buffers[0] = rarely(producer, 2) ? make_filled(producer, (count + 7) / 8) : NULL;
    array->null_count = rarely(producer, 3) ? -1 : array->buffers[0] != NULL;
    if (rarely(producer, 61) && array->n_buffers > 1) {
        array->buffers[1] = NULL;
    }
}

/* Numbers of buffers and nulls that do not belong to the array. What is read if they are believed is still there. */
static void
spoil(struct producer *producer, struct ArrowArray *array, const char *format)
{
    if (rarely(producer, 31)) {
        array->null_count = rarely(producer, 2) ? -2 : INT64_MAX;
    }
    if (rarely(producer, 61)) {
        array->n_buffers = rarely(producer, 2) ? -1 : take(producer) % 3;
    }
    if (rarely(producer, 61)) {
        array->buffers = NULL;
    }
    if (format[0] == '+' && rarely(producer, 31)) {
        array->n_children = rarely(producer, 2) ? 0 : 2;
    }
}

/* An array of a field, of which the reader may use `rows` values: from its offset on. */
static struct ArrowArray *
make_array(struct producer *producer, const struct ArrowSchema *field, size_t rows)
{
    struct ArrowArray *array = make(producer, sizeof *array);
    const char *format = field->format != NULL ? field->format : "";
    size_t offset = take(producer) % 4;
    size_t length = rows + (rarely(producer, 4) ? take(producer) % 3 : 0);
    const size_t count = offset + length;
    *array = (struct ArrowArray){
        .length = (int64_t)length, .offset = (int64_t)offset, .release = release_part};
    make_buffers(producer, array, format, count);
    if (strncmp(format, "+w:", 3) == 0) {
        const struct ArrowSchema item = {.format = "f"};
        const size_t floats = count * (size_t)(format[3] - '0');
        struct ArrowArray *child = make_array(producer, &item, floats);
        array->n_children = 1;
        array->children = make(producer, 2 * sizeof(struct ArrowArray *));
        array->children[0] = rarely(producer, 31) ? NULL : child;
        if (rarely(producer, 31)) {
            array->children = NULL;
        }
    }
    if (rarely(producer, 31) &&
        length > 0) { /* fewer than there are: fewer than the reader wants */
        array->length = rarely(producer, 2) ? -1 : (int64_t)length - 1;
    } else if (rarely(producer, 31)) {
        array->length = INT64_MAX; /* the reader uses what its parent has */
    } else if (rarely(producer, 31)) {
        array->offset = -1;
    }
    spoil(producer, array, format);
    return array;
}

static void
make_rows(struct producer *producer, struct ArrowArray *array)
{
    const struct ArrowSchema *schema = &producer->schema;
    size_t offset = take(producer) % 3;
    size_t length = take(producer) % ROWS_MAX;
    size_t count =
        schema->n_children > 0 && schema->children != NULL ? (size_t)schema->n_children : 0;
    *array = (struct ArrowArray){.length = (int64_t)length,
                                 .offset = (int64_t)offset,
                                 .n_buffers = 1,
                                 .n_children = (int64_t)count,
                                 .release = release_array,
                                 .private_data = producer};
    array->buffers = make(producer, sizeof(void *));
    array->children = make(producer, count * sizeof(struct ArrowArray *));
    for (size_t i = 0; i < count; i++) {
        const struct ArrowSchema *field = schema->children[i];
        array->children[i] = field == NULL ? NULL : make_array(producer, field, offset + length);
        if (field != NULL && field->dictionary != NULL && !rarely(producer, 31)) {
            struct ArrowArray *dictionary =
                make_array(producer, field->dictionary, 1 + take(producer) % 8);
            /* An index beyond what is there cannot be told from one within. */
            dictionary->length = dictionary->length == INT64_MAX ? 0 : dictionary->length;
            array->children[i]->dictionary = dictionary;
        }
        if (rarely(producer, 61)) {
            array->children[i] = NULL;
        }
    }
    if (rarely(producer, 31)) {
        array->buffers[0] = make_filled(producer, (offset + length + 7) / 8);
        array->null_count = -1;
    } else if (rarely(producer, 61)) {
        array->length = -1;
    } else if (rarely(producer, 61)) {
        array->n_children = rarely(producer, 2) ? -1 : (int64_t)count - 1;
    } else if (rarely(producer, 61)) {
        array->children = NULL;
    } else if (rarely(producer, 61)) {
        array->buffers = NULL;
    }
}

/* ---- the stream ---- */

static int
get_schema(struct ArrowArrayStream *stream, struct ArrowSchema *out)
{
    struct producer *producer = stream->private_data;
    *out = producer->schema;
    return 0;
}

static int
get_next(struct ArrowArrayStream *stream, struct ArrowArray *out)
{
    struct producer *producer = stream->private_data;
    if (producer->next == producer->array_count) {
        *out = (struct ArrowArray){.length = 0};
        return producer->fails ? 5 : 0;
    }
    *out = producer->arrays[producer->next++];
    return 0;
}

static const char *
get_last_error(struct ArrowArrayStream *stream)
{
    (void)stream;
    return "it was told to";
}

static void
release_stream(struct ArrowArrayStream *stream)
{
    struct producer *producer = stream->private_data;
    producer->stream_released++;
    stream->release = NULL;
}

static int
count_lines(void *ctx, firn_slice bytes, firn_error *err)
{
    (void)err;
    for (size_t i = 0; i < bytes.size; i++) {
        *(uint64_t *)ctx += bytes.data[i] == '\n';
    }
    return FIRN_OK;
}

static uint64_t
count_rows(struct firn_table *table)
{
    uint64_t lines = 0;
    const struct fi_transfer_sink sink = {count_lines, &lines};
    const struct fi_rows_read all = {.txn = NULL};
    struct fi_storefile_progress progress = {0};
    firn_export_statistics statistics = FIRN_EXPORT_STATISTICS_INIT;
    firn_text_form form = FIRN_TEXT_FORM_INIT;
    firn_error err;
    form.kind = FIRN_TEXT_JSON_LINES;
    CHECK(fi_transfer_export(table, &sink, &form, &all, &progress, &statistics, &err) == FIRN_OK);
    return lines;
}

/* A table of the fields, or else one with columns of the same names and other types. */
static struct firn_table *
make_table(struct producer *producer, struct firn_db *db)
{
    static const char other[] = "a i64, b text, c decimal(9, 2), d vector(2), e timestamp, f f64, "
                                "row i64 auto primary key";
    struct fi_buf text = {0};
    firn_table_def *def = NULL;
    struct firn_table *table = NULL;
    firn_error err = {0};
    int rc = fi_arrow_import_definition(&producer->schema, NULL, 0, &text, &err);
    CHECK(rc == FIRN_OK || (rc == err.code && err.text[0] != '\0'));
    if (rc == FIRN_OK && !rarely(producer, 8)) {
        CHECK(fi_buf_append(&text, "", 1) == FIRN_OK);
        rc = firn_table_def_parse((const char *)text.data, &def, &err);
        CHECK(rc == FIRN_OK || rc == FIRN_INVALID || rc == FIRN_LIMIT);
    }
    if (def == NULL) {
        CHECK(firn_table_def_parse(other, &def, NULL) == FIRN_OK);
    }
    rc = fi_rows_create(db, "t", def, &table, &err);
    CHECK(rc == FIRN_OK || rc == FIRN_INVALID || rc == FIRN_LIMIT || rc == FIRN_EXISTS);
    fi_free(def);
    fi_buf_deinit(&text);
    return table;
}

static void
try_import(struct producer *producer, struct firn_db *db)
{
    struct ArrowArrayStream stream = {get_schema, get_next, get_last_error, release_stream,
                                      producer};
    struct fi_storefile_progress progress = {0};
    uint64_t rows = 0;
    uint64_t wanted = 0;
    firn_error err = {0};
    struct firn_table *table = make_table(producer, db);
    if (table == NULL) {
        return;
    }
    producer->schema.release = release_schema;
    int rc = fi_arrow_import(table, &stream, &progress, &rows, &err);
    for (size_t i = 0; i < producer->array_count; i++) {
        wanted += producer->arrays[i].length > 0 ? (uint64_t)producer->arrays[i].length : 0;
    }
    CHECK(producer->stream_released == 1 && producer->schema_released == 1);
    CHECK(producer->released == producer->next);
    CHECK(rc == FIRN_OK || (rc == err.code && err.text[0] != '\0'));
    CHECK(rc == FIRN_OK || rc == FIRN_INVALID || rc == FIRN_UNSUPPORTED || rc == FIRN_NOT_FOUND ||
          rc == FIRN_LIMIT || rc == FIRN_EXISTS || (rc == FIRN_IO && producer->fails));
    CHECK(rc != FIRN_OK || (rows == wanted && !producer->fails));
    CHECK(count_rows(table) == (rc == FIRN_OK ? wanted : 0));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct fi_db_options create = {.create_if_missing = true, .memory_bytes = 1 << 20};
    struct producer producer = {.at = data, .end = data + size};
    struct fi_os *os;
    struct firn_db *db;
    if (size < 4 || size > 4096) {
        return 0;
    }
    producer.array_count = take(&producer) % (ARRAYS_MAX + 1);
    producer.fails = rarely(&producer, 16);
    make_schema(&producer);
    for (size_t i = 0; i < producer.array_count; i++) {
        make_rows(&producer, &producer.arrays[i]);
    }
    CHECK(fi_sim_memory_create(1, &os, NULL) == FIRN_OK);
    CHECK(fi_db_path_open(os, "/store", &create, &db, NULL) == FIRN_OK);
    try_import(&producer, db);
    CHECK(fi_db_close(db, NULL) == FIRN_OK);
    fi_sim_memory_destroy(os);
    for (size_t i = 0; i < producer.piece_count; i++) {
        free(producer.pieces[i]);
    }
    return 0;
}
