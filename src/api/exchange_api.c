/* SPDX-License-Identifier: Apache-2.0
 *
 * api/exchange_api.c: the public functions of imports and exports of tables: arguments are checked
 * here, everything else is in transfer/.
 */
#include "api/api_check.h"
#include "api/api_handle.h"
#include "api/api_options.h"
#include "api/api_store.h"
#include "base/buf.h"
#include "firn/exchange.h"
#include "os/os.h"
#include "rows/rows.h"
#include "storefile/storefile.h"
#include "transfer/transfer.h"

/* ---- functions of the program, which must not use handles ----
 *
 * While they run, the table and its store are in use and must not be closed. */

struct reading {
    firn_read_bytes read;
    void *ctx;
};

static int
read_within(void *ctx, void *buffer, size_t capacity, size_t *out_size, firn_error *err)
{
    const struct reading *reading = ctx;
    unsigned begun = fi_os_callback_begin();
    int rc = reading->read(reading->ctx, buffer, capacity, out_size, err);
    fi_os_callback_end(begun);
    return rc;
}

struct writing {
    firn_write_bytes write;
    void *ctx;
};

static int
write_within(void *ctx, firn_slice bytes, firn_error *err)
{
    const struct writing *writing = ctx;
    unsigned begun = fi_os_callback_begin();
    int rc = writing->write(writing->ctx, bytes, err);
    fi_os_callback_end(begun);
    return rc;
}

/* ---- import and export ---- */

static int
check_form(const firn_text_form *form, firn_error *err)
{
    return form->size == sizeof *form
               ? FIRN_OK
               : fi_error_set(err, FIRN_INVALID,
                              "the form of a text has size %zu: fill it with its INIT macro",
                              form->size);
}

/* reading may be NULL. */
static int
check_reading(const firn_text_reading *reading, firn_error *err)
{
    if (reading == NULL) {
        return FIRN_OK;
    }
    API_REQUIRE(reading->size == sizeof *reading, err,
                "a firn_text_reading must be filled with its INIT macro");
    API_REQUIRE(api_check_are_names(reading->other_nulls, reading->other_null_count), err,
                "texts for null must not be NULL");
    return FIRN_OK;
}

int
firn_text_sniff(firn_slice sample, bool is_whole, unsigned wanted, firn_text_form *form,
                firn_text_reading *reading, firn_error *err)
{
    API_ANY_ERROR(err);
    API_REQUIRE(form != NULL && reading != NULL, err, "form and reading must not be NULL");
    API_REQUIRE((wanted & ~(unsigned)FIRN_TEXT_PROPERTY_ALL) == 0, err,
                "wanted is a combination of firn_text_property");
    int rc = check_form(form, err);
    rc = rc == FIRN_OK ? check_reading(reading, err) : rc;
    return rc == FIRN_OK ? fi_transfer_guess_form(sample, is_whole, wanted, form, reading, err)
                         : rc;
}

/* The arguments that an import or an export checks first. */
struct beginning {
    firn_table *table;
    bool has_function;    /* for reading or writing */
    const char *required; /* the message if any is missing */
    void *statistics;     /* to be cleared; may be NULL */
    const void *options;  /* of the caller; may be NULL */
};

/* Reads the caller's options into given, which has that size and the defaults. */
static int
exchange_api_begin(const struct beginning *call, void *given, size_t given_size, firn_error *err)
{
    int rc = fi_api_options_begin_result(call->statistics, sizeof(size_t), err);
    if (rc != FIRN_OK) {
        return rc;
    }
    API_REQUIRE(call->table != NULL && call->has_function, err, call->required);
    API_OPEN(call->table, TABLE, err);
    return fi_api_options_read(given, given_size, call->options, err);
}

int
firn_table_import(firn_table *table, firn_read_bytes read, void *ctx,
                  const firn_import_options *options, firn_import_statistics *statistics,
                  firn_error *err)
{
    API_ANY_ERROR(err);
    firn_import_options given = FIRN_IMPORT_OPTIONS_INIT;
    firn_import_statistics report = FIRN_IMPORT_STATISTICS_INIT;
    const struct beginning call = {table, read != NULL, "table and read must not be NULL",
                                   statistics, options};
    int rc = exchange_api_begin(&call, &given, sizeof given, err);
    rc = rc == FIRN_OK ? check_form(&given.form, err) : rc;
    rc = rc == FIRN_OK ? check_reading(given.reading, err) : rc;
    if (rc != FIRN_OK) {
        return rc;
    }
    API_REQUIRE(api_check_are_names(given.columns, given.column_count), err,
                "names of columns must not be NULL");
    API_REQUIRE((unsigned)given.on_conflict <= FIRN_IMPORT_CONFLICT_REPLACE, err,
                "on_conflict is none of firn_import_conflict");
    struct reading reading = {read, ctx};
    const struct fi_transfer_source source = {read_within, &reading};
    struct fi_storefile_progress progress = api_store_progress_of(&given.callbacks);
    api_check_begin_visits(err);
    rc = fi_transfer_import(table, &source, &given, &progress, &report, err);
    if (statistics != NULL) {
        fi_api_options_write(statistics, &report, sizeof report);
    }
    return api_check_end_visits(rc, err);
}

int
firn_vectors_read(firn_read_bytes read, void *ctx, firn_vectors_kind kind, size_t dimensions,
                  int (*visit)(void *ctx, uint64_t number, const float *vector, size_t dimensions),
                  void *visit_ctx, firn_error *err)
{
    API_ANY_ERROR(err);
    API_REQUIRE(read != NULL && visit != NULL, err, "read and visit must not be NULL");
    const struct fi_transfer_source source = {read, ctx};
    const struct fi_transfer_vectors what = {
        .kind = kind, .dimensions = dimensions, .visit = visit, .ctx = visit_ctx};
    return fi_transfer_vectors_read(&source, &what, err);
}

int
firn_table_import_vectors(firn_table *table, firn_read_bytes read, void *ctx,
                          const firn_vectors_import_options *options,
                          firn_import_statistics *statistics, firn_error *err)
{
    API_ANY_ERROR(err);
    firn_vectors_import_options given = FIRN_VECTORS_IMPORT_OPTIONS_INIT;
    firn_import_statistics report = FIRN_IMPORT_STATISTICS_INIT;
    const struct beginning call = {table, read != NULL, "table and read must not be NULL",
                                   statistics, options};
    int rc = exchange_api_begin(&call, &given, sizeof given, err);
    if (rc != FIRN_OK) {
        return rc;
    }
    struct reading reading = {read, ctx};
    const struct fi_transfer_source source = {read_within, &reading};
    struct fi_storefile_progress progress = api_store_progress_of(&given.callbacks);
    rc = fi_transfer_vectors_import(table, &source, &given, &progress, &report, err);
    if (statistics != NULL) {
        fi_api_options_write(statistics, &report, sizeof report);
    }
    return rc;
}

int
firn_import_guess(firn_read_bytes read, void *ctx, const firn_guess_options *options, char **out,
                  firn_error *err)
{
    API_ANY_ERROR(err);
    firn_guess_options given = FIRN_GUESS_OPTIONS_INIT;
    struct fi_buf text = {0};
    API_REQUIRE(out != NULL, err, "out must not be NULL");
    *out = NULL;
    API_REQUIRE(read != NULL, err, "read must not be NULL");
    int rc = fi_api_options_read(&given, sizeof given, options, err);
    rc = rc == FIRN_OK ? check_form(&given.form, err) : rc;
    if (rc != FIRN_OK) {
        return rc;
    }
    rc = check_reading(given.reading, err);
    if (rc != FIRN_OK) {
        return rc;
    }
    API_REQUIRE(api_check_are_names(given.key, given.key_count), err,
                "names of columns must not be NULL");
    const struct fi_transfer_source source = {read, ctx};
    api_check_begin_visits(err);
    rc = fi_transfer_guess(&source, &given, &text, err);
    if (rc == FIRN_OK && fi_buf_append(&text, "", 1) != FIRN_OK) {
        rc = fi_error_no_memory(err, "a definition");
    }
    if (rc != FIRN_OK) {
        fi_buf_deinit(&text);
    }
    *out = (char *)text.data;
    return api_check_end_visits(rc, err);
}

static int
export_from(firn_table *table, const struct fi_transfer_sink *sink,
            const firn_export_options *options, firn_export_statistics *report, firn_error *err)
{
    const struct fi_rows_read read = {.txn = options->read.txn,
                                      .snapshot = options->read.snapshot,
                                      .index = options->read.index,
                                      .columns = options->read.columns,
                                      .column_count = options->read.column_count};
    struct fi_storefile_progress progress = api_store_progress_of(&options->callbacks);
    return fi_transfer_export(table, sink, &options->form, &read, &progress, report, err);
}

int
firn_table_export(firn_table *table, firn_write_bytes write, void *ctx,
                  const firn_export_options *options, firn_export_statistics *statistics,
                  firn_error *err)
{
    API_ANY_ERROR(err);
    firn_export_options given = FIRN_EXPORT_OPTIONS_INIT;
    firn_export_statistics report = FIRN_EXPORT_STATISTICS_INIT;
    const struct beginning call = {table, write != NULL, "table and write must not be NULL",
                                   statistics, options};
    int rc = exchange_api_begin(&call, &given, sizeof given, err);
    rc = rc == FIRN_OK ? check_form(&given.form, err) : rc;
    if (rc != FIRN_OK) {
        return rc;
    }
    API_REQUIRE(given.read.size == sizeof given.read, err,
                "the options for reading must be filled with their INIT macro");
    API_REQUIRE(api_check_are_names(given.read.columns, given.read.column_count), err,
                "names of columns must not be NULL");
    API_REQUIRE(given.read.txn == NULL || given.read.snapshot == NULL, err,
                "txn and snapshot must not both be set");
    api_check_begin_visits(err);
    struct writing writing = {write, ctx};
    const struct fi_transfer_sink sink = {write_within, &writing};
    API_OPEN_IF_ANY(given.read.snapshot, SNAPSHOT, err);
    API_ENTER_IF_ANY(given.read.txn, TXN, err);
    rc = export_from(table, &sink, &given, &report, err);
    fi_api_handle_leave(given.read.txn);
    if (statistics != NULL) {
        fi_api_options_write(statistics, &report, sizeof report);
    }
    return api_check_end_visits(rc, err);
}
