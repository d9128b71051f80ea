/* SPDX-License-Identifier: Apache-2.0
 *
 * exchange.c: tables from and as files of CSV and JSON lines.
 *
 * Files are named by paths, and read and written in the pool: their bytes never come to JavaScript. Lines that an import
 * rejects are collected, the first of them with their text; a function that decides about each would have to wait for
 * the event loop.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "addon.h"
#include "monitor.h"

/* ---- files ---- */

struct text_call {
    struct call call;
    struct handle *table;
    struct handle *context; /* export: a snapshot or a transaction; NULL: the present state */
    const char *path;
    FILE *file;
    firn_text_form form;
    const char *const *columns;
    size_t column_count;
    const char *index;
    firn_callbacks callbacks;
    /* import */
    bool ignore_unknown;
    bool skips_invalid;
    int on_conflict;
    uint64_t reject_limit;
    uint64_t reject_count;
    struct reject_item {
        struct reject_item *next;
        uint64_t line;
        firn_slice text;
        const char *why;
    } * first, **end;
    firn_import_statistics imported;
    firn_export_statistics exported;
};

/* An error of the operating system about the file. */
static int
file_error(const struct text_call *self, const char *what, firn_error *err)
{
    int number = errno;
    int code = number == ENOENT                      ? FIRN_NOT_FOUND
               : number == EACCES || number == EPERM ? FIRN_DENIED
               : number == ENOSPC                    ? FIRN_NO_SPACE
                                                     : FIRN_IO;
    err->code = code;
    err->os_errno = number;
    (void)snprintf(err->text, sizeof(err->text), "could not %s '%s': %s", what, self->path,
                   strerror(number));
    return code;
}

static int
file_read(void *ctx, void *buffer, size_t capacity, size_t *out_size, firn_error *err)
{
    struct text_call *self = ctx;
    *out_size = fread(buffer, 1, capacity, self->file);
    return *out_size == 0 && ferror(self->file) ? file_error(self, "read", err) : FIRN_OK;
}

static int
file_write(void *ctx, firn_slice bytes, firn_error *err)
{
    struct text_call *self = ctx;
    return fwrite(bytes.data, 1, bytes.size, self->file) == bytes.size
               ? FIRN_OK
               : file_error(self, "write", err);
}

static void
text_release(struct call *call)
{
    struct text_call *self = (struct text_call *)(void *)call;
    if (self->file != NULL) {
        (void)fclose(self->file);
    }
}

/* What both have: table, context, path, kind, noHeader, delimiter, nullText, columns, monitor. */
static bool
text_parse(struct args *args, struct text_call *self, unsigned contexts)
{
    firn_text_form form = FIRN_TEXT_FORM_INIT;
    const char *delimiter;
    int kind;
    self->form = form;
    self->end = &self->first;
    if (!arg_handle(args, 0, HANDLE_TABLE, &self->table) ||
        !arg_context(args, 1, contexts, self->table, &self->context) ||
        !arg_text(args, 2, "path", &self->path) ||
        !arg_enum(args, 3, "kind", FIRN_TEXT_JSON_LINES, &kind) ||
        !arg_bool(args, 4, "header", &self->form.no_header) ||
        !arg_text_or_none(args, 5, "delimiter", &delimiter) ||
        !arg_text_or_none(args, 6, "nullText", &self->form.null_text) ||
        !arg_texts(args, 7, "columns", &self->columns, &self->column_count) ||
        !arg_monitor(args, 8, &self->callbacks)) {
        return false;
    }
    self->form.kind = kind == 0 ? FIRN_TEXT_CSV : (firn_text_kind)kind;
    if (delimiter != NULL && strlen(delimiter) != 1) {
        return throw_invalid(args, "delimiter must be one ASCII character");
    }
    self->form.delimiter = delimiter == NULL ? ',' : delimiter[0];
    return true;
}

/* ---- import ---- */

static bool
import_parse(struct args *args, struct call *call)
{
    struct text_call *self = (struct text_call *)(void *)call;
    return text_parse(args, self, 0) && arg_bool(args, 9, "ignoreUnknown", &self->ignore_unknown) &&
           arg_enum(args, 10, "onConflict", FIRN_IMPORT_CONFLICT_REPLACE, &self->on_conflict) &&
           arg_bool(args, 11, "skipInvalid", &self->skips_invalid) &&
           arg_u64(args, 12, "rejectsMax", 100, &self->reject_limit);
}

static int
import_reject(void *ctx, const firn_import_reject *reject)
{
    struct text_call *self = ctx;
    struct reject_item *item;
    if (self->reject_count++ >= self->reject_limit) {
        return FIRN_OK;
    }
    item = arena_take(&self->call.arena, sizeof(*item));
    if (item == NULL) {
        return FIRN_NO_MEMORY;
    }
    item->next = NULL;
    item->line = reject->line;
    item->text = firn_bytes(arena_copy(&self->call.arena, reject->text.data, reject->text.size),
                            reject->text.size);
    item->why = (const char *)arena_copy(&self->call.arena, reject->why, strlen(reject->why));
    if (item->text.data == NULL || item->why == NULL) {
        return FIRN_NO_MEMORY;
    }
    *self->end = item;
    self->end = &item->next;
    return FIRN_OK;
}

/* firn gives one ctx to the callbacks and to on_reject, but here they have different ones. */
struct import_ctx {
    struct text_call *call;
    firn_callbacks callbacks;
};

static int
import_on_reject(void *ctx, const firn_import_reject *reject)
{
    return import_reject(((struct import_ctx *)ctx)->call, reject);
}

static int
import_on_progress(void *ctx, const firn_progress *progress)
{
    struct import_ctx *self = ctx;
    return self->callbacks.on_progress == NULL
               ? FIRN_OK
               : self->callbacks.on_progress(self->callbacks.ctx, progress);
}

static int
import_run(struct call *call, firn_error *err)
{
    struct text_call *self = (struct text_call *)(void *)call;
    struct import_ctx ctx = {self, self->callbacks};
    firn_import_options options = FIRN_IMPORT_OPTIONS_INIT;
    firn_import_statistics statistics = FIRN_IMPORT_STATISTICS_INIT;
    struct stat status;
    self->imported = statistics;
    options.form = self->form;
    options.columns = self->columns;
    options.column_count = self->column_count;
    options.ignore_unknown = self->ignore_unknown;
    options.on_conflict = (firn_import_conflict)self->on_conflict;
    options.on_reject = self->skips_invalid ? import_on_reject : NULL;
    options.callbacks.on_progress = import_on_progress;
    options.callbacks.ctx = &ctx;
    self->file = fopen(self->path, "rbe");
    if (self->file == NULL) {
        return file_error(self, "open", err);
    }
    if (fstat(fileno(self->file), &status) == 0 && status.st_size > 0) {
        options.bytes_total = (uint64_t)status.st_size;
    }
    return firn_table_import(((struct table_object *)self->table->object)->table, file_read, self,
                             &options, &self->imported, err);
}

/* { rows, rejected, bytes, skipped, rejects: [{ line, text, why }] } */
static napi_value
import_finish(napi_env env, struct call *call)
{
    struct text_call *self = (struct text_call *)(void *)call;
    const struct reject_item *item;
    napi_value object = NULL;
    napi_value rejects = NULL;
    uint32_t i = 0;
    (void)napi_create_object(env, &object);
    (void)napi_create_array(env, &rejects);
    set_number(env, object, "rows", (double)self->imported.rows);
    set_number(env, object, "rejected", (double)self->imported.rejected);
    set_number(env, object, "bytes", (double)self->imported.bytes);
    set_number(env, object, "skipped", (double)self->imported.skipped);
    for (item = self->first; item != NULL && rejects != NULL; item = item->next) {
        napi_value reject = NULL;
        (void)napi_create_object(env, &reject);
        set_number(env, reject, "line", (double)item->line);
        set_slice(env, reject, "text", item->text);
        set_text(env, reject, "why", item->why);
        (void)napi_set_element(env, rejects, i++, reject);
    }
    set_value(env, object, "rejects", rejects);
    return object;
}

/* ---- export ---- */

static bool
export_parse(struct args *args, struct call *call)
{
    struct text_call *self = (struct text_call *)(void *)call;
    if (!text_parse(args, self, HANDLE_TXN | HANDLE_SNAPSHOT) ||
        !arg_text_or_none(args, 9, "index", &self->index)) {
        return false;
    }
    if (self->context != NULL && self->context->kind == HANDLE_TXN) {
        call->lane = self->context->lane;
    }
    return true;
}

static int
export_run(struct call *call, firn_error *err)
{
    struct text_call *self = (struct text_call *)(void *)call;
    firn_export_options options = FIRN_EXPORT_OPTIONS_INIT;
    firn_export_statistics statistics = FIRN_EXPORT_STATISTICS_INIT;
    FILE *file;
    int code;
    self->exported = statistics;
    options.form = self->form;
    options.read.columns = self->columns;
    options.read.column_count = self->column_count;
    options.read.index = self->index;
    options.callbacks = self->callbacks;
    if (self->context != NULL && self->context->kind == HANDLE_TXN) {
        options.read.txn = self->context->object;
    } else if (self->context != NULL) {
        options.read.snapshot = self->context->object;
    }
    int fd = open(self->path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600); /* as the store */
    if (fd >= 0 && (self->file = fdopen(fd, "wb")) == NULL) {
        close(fd);
    }
    if (self->file == NULL) {
        return file_error(self, "create", err);
    }
    code = firn_table_export(((struct table_object *)self->table->object)->table, file_write, self,
                             &options, &self->exported, err);
    file = self->file;
    self->file = NULL;
    if (fclose(file) != 0 && code == FIRN_OK) {
        code = file_error(self, "write", err);
    }
    return code;
}

static napi_value
export_finish(napi_env env, struct call *call)
{
    return make_number(env, (double)((struct text_call *)(void *)call)->exported.rows);
}

const struct call_kind exchange_calls[] = {{"tableImport", sizeof(struct text_call), 0,
                                            import_parse, import_run, import_finish, text_release},
                                           {"tableExport", sizeof(struct text_call), 0,
                                            export_parse, export_run, export_finish, text_release},
                                           {NULL, 0, 0, NULL, NULL, NULL, NULL}};
