/* SPDX-License-Identifier: Apache-2.0
 *
 * fuzz/import: a hostile text that is imported into a table. The bits of byte 0 choose the form, the second byte
 * the size of the pieces; the rest is the text.
 *
 * With lines rejected an import of CSV or JSON lines succeeds, but for a row that comes twice, a field that is too
 * large, or a header that fits no table; without, it fails wherever a line is rejected. What it leaves is
 * all rows or none. What was imported is exported, and imported as the same rows into another table. A definition
 * that is guessed makes a table.
 */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/buf.h"
#include "base/check.h"
#include "base/mem.h"
#include "base/slice.h"
#include "rows/rows.h"
#include "sim/sim_memory.h"
#include "transfer/transfer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct text {
    firn_slice left;
    size_t piece;
};

static int
read_text(void *ctx, void *buffer, size_t capacity, size_t *out_size, firn_error *err)
{
    struct text *text = ctx;
    size_t size = text->left.size < text->piece ? text->left.size : text->piece;
    (void)err;
    CHECK(size <= capacity);
    if (size > 0) {
        memcpy(buffer, text->left.data, size);
        text->left = firn_bytes(text->left.data + size, text->left.size - size);
    }
    *out_size = size;
    return FIRN_OK;
}

static int
write_text(void *ctx, firn_slice bytes, firn_error *err)
{
    return fi_buf_append_slice(ctx, bytes) == FIRN_OK ? FIRN_OK : fi_error_no_memory(err, "a text");
}

static int
reject(void *ctx, const firn_import_reject *rejected)
{
    CHECK(rejected->line > 0 && strstr(rejected->why, "line ") != NULL);
    ++*(uint64_t *)ctx;
    return FIRN_OK;
}

static struct firn_table *
make_table(struct firn_db *db, const char *name)
{
    static const firn_table_column columns[] = {
        {.name = "a", .type = FIRN_TYPE_I64, .is_auto = true},
        {.name = "b", .type = FIRN_TYPE_TEXT},
        {.name = "c", .type = FIRN_TYPE_DECIMAL, .precision = 9, .scale = 2},
        {.name = "d", .type = FIRN_TYPE_VECTOR, .dimensions = 2},
        {.name = "e", .type = FIRN_TYPE_F64}};
    static const char *const key = "a";
    static const char *const indexed = "b";
    static const firn_table_index index = {
        .name = "i", .columns = &indexed, .column_count = 1, .is_unique = true};
    firn_table_def def = FIRN_TABLE_DEF_INIT;
    struct firn_table *table;
    def.columns = columns;
    def.column_count = sizeof columns / sizeof columns[0];
    def.key = &key;
    def.key_count = 1;
    def.indexes = &index;
    def.index_count = 1;
    CHECK(fi_rows_create(db, name, &def, &table, NULL) == FIRN_OK);
    return table;
}

static void
export_table(struct firn_table *table, const firn_text_form *form, struct fi_buf *out)
{
    const struct fi_transfer_sink sink = {write_text, out};
    const struct fi_rows_read all = {.txn = NULL};
    struct fi_storefile_progress progress = {0};
    firn_export_statistics statistics = FIRN_EXPORT_STATISTICS_INIT;
    firn_error err;
    CHECK(fi_transfer_export(table, &sink, form, &all, &progress, &statistics, &err) == FIRN_OK);
    CHECK(statistics.bytes == out->size);
}

static int
import_text(struct firn_table *table, firn_slice bytes, size_t piece,
            const firn_import_options *options, uint64_t *out_rows)
{
    struct text text = {.left = bytes, .piece = piece};
    const struct fi_transfer_source source = {read_text, &text};
    struct fi_storefile_progress progress = {0};
    firn_import_statistics statistics = FIRN_IMPORT_STATISTICS_INIT;
    firn_error err = {0};
    int rc = fi_transfer_import(table, &source, options, &progress, &statistics, &err);
    CHECK(rc == FIRN_OK ||
          (err.code == rc && (rc == FIRN_INVALID || rc == FIRN_LIMIT || rc == FIRN_EXISTS)));
    *out_rows = rc == FIRN_OK ? statistics.rows : 0;
    return rc;
}

static void
try_import(struct firn_db *db, const firn_import_options *options, size_t piece, firn_slice text)
{
    struct firn_table *first = make_table(db, "first");
    struct firn_table *second = make_table(db, "second");
    struct fi_buf before = {0};
    struct fi_buf after = {0};
    firn_import_options strict = *options;
    uint64_t rows;
    uint64_t rejected = 0;
    strict.on_reject = NULL;
    firn_import_options lenient = *options;
    lenient.on_reject = reject;
    lenient.callbacks.ctx = &rejected;
    firn_text_form lines = FIRN_TEXT_FORM_INIT;
    lines.kind = FIRN_TEXT_JSON_LINES;
    int strict_rc = import_text(second, text, piece, &strict, &rows);
    export_table(second, &lines, &before);
    CHECK(strict_rc == FIRN_OK || before.size == 0);
    int rc = import_text(first, text, SIZE_MAX >> 48, &lenient, &rows);
    CHECK(rc == FIRN_OK || strict_rc != FIRN_OK);
    CHECK(rejected == 0 || strict_rc != FIRN_OK);
    export_table(first, &lines, &after);
    if (strict_rc == FIRN_OK) {
        CHECK(fi_slice_equal(fi_buf_slice(&before), fi_buf_slice(&after)));
    }
    if (rc == FIRN_OK) {
        struct firn_table *third = make_table(db, "third");
        uint64_t again;
        firn_import_options plain = FIRN_IMPORT_OPTIONS_INIT;
        plain.form = lines;
        CHECK(import_text(third, fi_buf_slice(&after), 7, &plain, &again) == FIRN_OK);
        CHECK(again == rows);
        fi_buf_clear(&before);
        export_table(third, &lines, &before);
        CHECK(fi_slice_equal(fi_buf_slice(&before), fi_buf_slice(&after)));
    }
    fi_buf_deinit(&before);
    fi_buf_deinit(&after);
}

static void
try_guess(const firn_text_form *form, size_t piece, firn_slice bytes)
{
    struct text text = {.left = bytes, .piece = piece};
    const struct fi_transfer_source source = {read_text, &text};
    firn_guess_options options = FIRN_GUESS_OPTIONS_INIT;
    struct fi_buf out = {0};
    firn_error err = {0};
    options.form = *form;
    int rc = fi_transfer_guess(&source, &options, &out, &err);
    if (rc == FIRN_OK) {
        firn_table_def *def = NULL;
        CHECK(fi_buf_append(&out, "", 1) == FIRN_OK);
        CHECK(firn_table_def_parse((const char *)out.data, &def, &err) == FIRN_OK);
        fi_free(def);
    }
    fi_buf_deinit(&out);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char delimiters[] = {'\0', ';', '\t', '|'};
    static const struct fi_db_options create = {.create_if_missing = true, .memory_bytes = 1 << 20};
    if (size < 2 || size > 4096) {
        return 0;
    }
    firn_import_options options = FIRN_IMPORT_OPTIONS_INIT;
    options.form.kind = (data[0] & 1) != 0 ? FIRN_TEXT_JSON_LINES : FIRN_TEXT_CSV;
    options.form.no_header = (data[0] & 2) != 0;
    options.form.delimiter = delimiters[data[0] >> 2 & 3];
    options.form.null_text = (data[0] & 16) != 0 ? "NULL" : NULL;
    options.form.no_quotes = (data[0] & 32) != 0;
    options.ignore_unknown = (data[0] & 64) != 0;
    size_t piece = (size_t)data[1] + 1;
    firn_slice text = firn_bytes(data + 2, size - 2);
    struct fi_os *os;
    struct firn_db *db;
    CHECK(fi_sim_memory_create(1, &os, NULL) == FIRN_OK);
    CHECK(fi_db_path_open(os, "/store", &create, &db, NULL) == FIRN_OK);
    try_import(db, &options, piece, text);
    try_guess(&options.form, piece, text);
    CHECK(fi_db_close(db, NULL) == FIRN_OK);
    fi_sim_memory_destroy(os);
    return 0;
}
