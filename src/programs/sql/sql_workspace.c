/* SPDX-License-Identifier: Apache-2.0
 *
 * sql/sql_workspace.c: the history of a directory in SQL.
 *
 *     SELECT path, size FROM firn_files('latest') ORDER BY size DESC LIMIT 10;
 *     SELECT kind, path FROM firn_changes('latest~1', 'latest');
 *     SELECT number, created, message FROM firn_log('/home/ada/work') WHERE files > 1000;
 *
 * The workspace is the one that a directory belongs to, the last argument; without it, that of the
 * current directory. It is opened for the call alone, for reading: nothing is made where there is
 * none.
 *
 * firn_files     path, type, size, mode, mtime, mtime_ns, uid, gid, hash, target: entries of a
 *                checkpoint ("latest")
 * firn_changes   kind, path, old_path, old_size, size, old_hash, hash, what: from one checkpoint
 *                ("latest") to another (null, or left out: the disk)
 * firn_log       the fields of catalog/catalog_fields.h, and created_ns behind created: of
 *                checkpoints, newest first
 *
 * Paths are relative to the root of the workspace; what is no UTF-8 is a BLOB. The size is that of
 * a file, the hash that of its content, as 64 hexadecimal digits; null: there is none.
 */
#include "catalog/catalog_fields.h"
#include "sql/sql_internal.h"
#include "term/term_try.h"

#include <assert.h>
#include <string.h>

#include "firn/workspace.h"

SQLITE_EXTENSION_INIT3

/* Opens the workspace that an argument names. */
static int
open_workspace(const struct fi_sql *sql, sqlite3_value *directory, firn_workspace **out,
               firn_error *err)
{
    const char *path = fi_sql_rows_argument(directory);
    firn_workspace_options options = FIRN_WORKSPACE_OPTIONS_INIT;
    options.key_source = fi_sql_store_source();
    int code = path != NULL ? fi_sql_confine_check(sql, path, err) : FIRN_OK;
    *out = NULL;
    return code != FIRN_OK ? code
                           : firn_workspace_open(path != NULL ? path : ".", &options, out, err);
}

static void
add_hash(struct fi_sql_rows *rows, const firn_workspace_entry *entry)
{
    char hex[FIRN_HASH_HEX_SIZE];
    if (entry == NULL || entry->type != FIRN_ENTRY_FILE) {
        fi_sql_rows_null(rows);
        return;
    }
    firn_hash_to_hex(&entry->hash, hex);
    fi_sql_rows_text(rows, hex, strlen(hex));
}

static void
add_size(struct fi_sql_rows *rows, const firn_workspace_entry *entry)
{
    if (entry == NULL || entry->type != FIRN_ENTRY_FILE) {
        fi_sql_rows_null(rows);
    } else {
        fi_sql_rows_integer(rows, (sqlite3_int64)entry->size_bytes);
    }
}

static void
add_constant(struct fi_sql_rows *rows, const char *text)
{
    assert(text != NULL);
    fi_sql_rows_text(rows, text, strlen(text));
}

/* ---- firn_files ---- */

static int
add_entry(void *ctx, const firn_workspace_entry *entry)
{
    struct fi_sql_rows *rows = ctx;
    fi_sql_rows_bytes(rows, entry->path);
    add_constant(rows, firn_workspace_entry_type_name(entry->type));
    add_size(rows, entry);
    fi_sql_rows_integer(rows, entry->mode);
    fi_sql_rows_time(rows, entry->mtime_ns);
    fi_sql_rows_integer(rows, entry->mtime_ns);
    fi_sql_rows_integer(rows, entry->uid);
    fi_sql_rows_integer(rows, entry->gid);
    add_hash(rows, entry);
    if (entry->type == FIRN_ENTRY_SYMLINK) {
        fi_sql_rows_bytes(rows, entry->link_target);
    } else {
        fi_sql_rows_null(rows);
    }
    return fi_sql_rows_go_on(rows);
}

static int
fill_files(struct fi_sql *sql, struct fi_sql_rows *rows, sqlite3_value *const *arguments,
           firn_error *err)
{
    firn_workspace *workspace = NULL;
    const char *reference = fi_sql_rows_argument(arguments[0]);
    int code = open_workspace(sql, arguments[1], &workspace, err);
    if (code == FIRN_OK) {
        code = firn_workspace_entries(workspace, reference != NULL ? reference : "latest",
                                      add_entry, rows, err);
    }
    firn_workspace_close(workspace);
    return code;
}

static const struct fi_sql_rows_function files_function = {
    .name = "firn_files",
    .columns = "path TEXT, type TEXT, size INTEGER, mode INTEGER, mtime TEXT, mtime_ns INTEGER, "
               "uid INTEGER, gid INTEGER, hash TEXT, target TEXT",
    .column_count = 10,
    .arguments = "state,directory",
    .argument_count = 2,
    .fill = fill_files,
};

/* ---- firn_changes ---- */

/* What of an entry differs, with commas between: "content,mode". */
static void
add_what(struct fi_sql_rows *rows, unsigned what)
{
    static const struct {
        unsigned bit;
        const char *name;
    } names[] = {{FIRN_CHANGED_TYPE, "type"},    {FIRN_CHANGED_CONTENT, "content"},
                 {FIRN_CHANGED_LINKS, "links"},  {FIRN_CHANGED_MODE, "mode"},
                 {FIRN_CHANGED_OWNER, "owner"},  {FIRN_CHANGED_MTIME, "mtime"},
                 {FIRN_CHANGED_XATTRS, "xattrs"}};
    char text[64] = "";
    size_t size = 0;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if ((what & names[i].bit) != 0) {
            sqlite3_snprintf((int)(sizeof text - size), text + size, "%s%s", size > 0 ? "," : "",
                             names[i].name);
            size = strlen(text);
        }
    }
    fi_sql_rows_text_or_null(rows, text);
}

static int
add_change(void *ctx, const firn_workspace_difference *difference)
{
    struct fi_sql_rows *rows = ctx;
    const firn_workspace_change *change = &difference->change;
    const firn_workspace_entry *entry = change->after != NULL ? change->after : change->before;
    add_constant(rows, firn_workspace_change_kind_name(change->kind));
    fi_sql_rows_bytes(rows, entry->path);
    if (change->kind == FIRN_CHANGE_RENAMED) {
        fi_sql_rows_bytes(rows, change->before->path);
    } else {
        fi_sql_rows_null(rows);
    }
    add_size(rows, change->before);
    add_size(rows, change->after);
    add_hash(rows, change->before);
    add_hash(rows, change->after);
    add_what(rows, change->what);
    return fi_sql_rows_go_on(rows);
}

static int
fill_changes(struct fi_sql *sql, struct fi_sql_rows *rows, sqlite3_value *const *arguments,
             firn_error *err)
{
    firn_workspace *workspace = NULL;
    firn_workspace_diff_options options = FIRN_WORKSPACE_DIFF_OPTIONS_INIT;
    options.before = fi_sql_rows_argument(arguments[0]);
    options.after = fi_sql_rows_argument(arguments[1]);
    options.find_renames = true;
    options.callbacks.on_progress = fi_sql_rows_on_progress;
    options.callbacks.ctx = rows;
    int code = open_workspace(sql, arguments[2], &workspace, err);
    if (code == FIRN_OK) {
        code = firn_workspace_diff(workspace, &options, add_change, rows, NULL, err);
    }
    firn_workspace_close(workspace);
    return code;
}

static const struct fi_sql_rows_function changes_function = {
    .name = "firn_changes",
    .columns =
        "kind TEXT, path TEXT, old_path TEXT, old_size INTEGER, size INTEGER, old_hash TEXT, "
        "hash TEXT, what TEXT",
    .column_count = 8,
    .arguments = "state1,state2,directory",
    .argument_count = 3,
    .fill = fill_changes,
};

/* ---- firn_log ---- */

/* A TIME has a second column, "..._ns". */
static const struct fi_catalog_field log_fields[] = {FI_CATALOG_FIELDS(FI_CATALOG_FIELD_PLACE)};
enum { LOG_FIELD_COUNT = sizeof log_fields / sizeof log_fields[0] };

/* NOLINTBEGIN(bugprone-macro-parentheses): a term of a sum */
#define ONE_IF_TIME(name, object, key, kind, member, place) \
    +(FI_CATALOG_FIELD_##kind == FI_CATALOG_FIELD_TIME ? 1 : 0)
/* NOLINTEND(bugprone-macro-parentheses) */
enum { LOG_TIME_COUNT = 0 FI_CATALOG_FIELDS(ONE_IF_TIME) };

static void
put_log_columns(sqlite3_str *out)
{
    for (size_t i = 0; i < LOG_FIELD_COUNT; i++) {
        const struct fi_catalog_field *field = &log_fields[i];
        sqlite3_str_appendf(out, "%s%s ", i > 0 ? ", " : "", field->name);
        switch (field->kind) {
        case FI_CATALOG_FIELD_NUMBER:
        case FI_CATALOG_FIELD_COUNT:
        case FI_CATALOG_FIELD_BOOL:
            sqlite3_str_appendall(out, "INTEGER");
            break;
        case FI_CATALOG_FIELD_TIME:
            sqlite3_str_appendf(out, "TEXT, %s_ns INTEGER", field->name);
            break;
        case FI_CATALOG_FIELD_TEXT:
        case FI_CATALOG_FIELD_ID:
        case FI_CATALOG_FIELD_NAME:
        case FI_CATALOG_FIELD_HASH:
            sqlite3_str_appendall(out, "TEXT");
            break;
        }
    }
}

static void
add_field(struct fi_sql_rows *rows, const firn_workspace_checkpoint *checkpoint,
          const struct fi_catalog_field *field)
{
    const void *at = fi_catalog_field_at(checkpoint, field);
    char hex[FIRN_HASH_HEX_SIZE];
    uint64_t number;
    if (fi_catalog_field_is_null(checkpoint, field)) {
        fi_sql_rows_null(rows);
        return;
    }
    switch (field->kind) {
    case FI_CATALOG_FIELD_NUMBER:
    case FI_CATALOG_FIELD_COUNT:
        memcpy(&number, at, sizeof number);
        fi_sql_rows_integer(rows, (sqlite3_int64)number);
        break;
    case FI_CATALOG_FIELD_BOOL:
        fi_sql_rows_integer(rows, *(const bool *)at);
        break;
    case FI_CATALOG_FIELD_TIME:
        fi_sql_rows_time(rows, *(const int64_t *)at);
        fi_sql_rows_integer(rows, *(const int64_t *)at);
        break;
    case FI_CATALOG_FIELD_TEXT:
        fi_sql_rows_bytes(rows, *(const firn_slice *)at);
        break;
    case FI_CATALOG_FIELD_ID:
    case FI_CATALOG_FIELD_NAME:
        fi_sql_rows_bytes(rows, firn_str(at));
        break;
    case FI_CATALOG_FIELD_HASH:
        firn_hash_to_hex(at, hex);
        fi_sql_rows_text(rows, hex, strlen(hex));
        break;
    }
}

static int
add_checkpoint(void *ctx, const firn_workspace_checkpoint *checkpoint)
{
    struct fi_sql_rows *rows = ctx;
    for (size_t i = 0; i < LOG_FIELD_COUNT; i++) {
        add_field(rows, checkpoint, &log_fields[i]);
    }
    return fi_sql_rows_go_on(rows);
}

static int
fill_log(struct fi_sql *sql, struct fi_sql_rows *rows, sqlite3_value *const *arguments,
         firn_error *err)
{
    firn_workspace *workspace = NULL;
    firn_workspace_list_options options = FIRN_WORKSPACE_LIST_OPTIONS_INIT;
    options.include_safety = arguments[1] != NULL && sqlite3_value_int(arguments[1]) != 0;
    int code = open_workspace(sql, arguments[0], &workspace, err);
    if (code == FIRN_OK) {
        code = firn_workspace_list(workspace, &options, add_checkpoint, rows, err);
    }
    firn_workspace_close(workspace);
    return code;
}

static const struct fi_sql_rows_function log_function = {
    .name = "firn_log",
    .put_columns = put_log_columns,
    .column_count = LOG_FIELD_COUNT + LOG_TIME_COUNT,
    .arguments = "directory,all",
    .argument_count = 2,
    .fill = fill_log,
};

int
fi_sql_workspace_register(struct fi_sql *sql)
{
    FI_TRY_RETURN(fi_sql_rows_register(sql, &files_function));
    FI_TRY_RETURN(fi_sql_rows_register(sql, &changes_function));
    return fi_sql_rows_register(sql, &log_function);
}
