/* SPDX-License-Identifier: Apache-2.0
 *
 * migrate/migrate_sink.c: keyspaces and tables that are loaded.
 *
 * Each is created, loaded in one commit, and counted. (I1) What has been created here is in `parts`
 * from the moment at which it exists, so that a failure can drop all of it (not checked: create and
 * push are next to each other). A process that is killed leaves keyspaces and tables that are
 * whole, and perhaps one that is empty.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "migrate/migrate_internal.h"
#include "term/term.h"
#include "term/term_try.h"

enum { TELL_EVERY = 1024, PARTS_MAX = 1 << 20 };

struct part {
    char *name;
    bool is_table;
    uint64_t count;
};

struct fi_migrate_sink {
    firn_store *store;
    struct part *parts;
    size_t count;
    size_t capacity;
    firn_keyspace *keyspace; /* of the load that is open */
    firn_table *table;
    firn_bulk *bulk;
    firn_table_bulk *table_bulk;
    uint64_t entries; /* of all */
};

int
fi_migrate_sink_create(firn_store *store, struct fi_migrate_sink **out, firn_error *err)
{
    assert(store != NULL);
    *out = calloc(1, sizeof(**out));
    if (*out == NULL) {
        return fi_migrate_fail(err, FIRN_NO_MEMORY, "out of memory");
    }
    (*out)->store = store;
    return FIRN_OK;
}

/* Makes room for a part, before it exists. */
static int
migrate_sink_reserve(struct fi_migrate_sink *sink, const char *name, bool is_table, firn_error *err)
{
    assert(sink->bulk == NULL && sink->table_bulk == NULL);
    if (sink->count == PARTS_MAX) {
        return fi_migrate_fail(err, FIRN_LIMIT, "there are more than %d keyspaces", PARTS_MAX);
    }
    if (sink->count == sink->capacity) {
        size_t capacity = sink->capacity == 0 ? 16 : 2 * sink->capacity;
        struct part *grown = realloc(sink->parts, capacity * sizeof(*grown));
        if (grown == NULL) {
            return fi_migrate_fail(err, FIRN_NO_MEMORY, "out of memory");
        }
        sink->parts = grown;
        sink->capacity = capacity;
    }
    sink->parts[sink->count] = (struct part){.name = strdup(name), .is_table = is_table};
    return sink->parts[sink->count].name != NULL
               ? FIRN_OK
               : fi_migrate_fail(err, FIRN_NO_MEMORY, "out of memory");
}

/* Keeps what was reserved, or not. Returns the code. */
static int
end_reserve(struct fi_migrate_sink *sink, int code)
{
    assert(sink->count < sink->capacity); /* reserve */
    if (code == FIRN_OK) {
        sink->count++;
    } else {
        free(sink->parts[sink->count].name);
        sink->parts[sink->count].name = NULL;
    }
    return code;
}

int
fi_migrate_sink_keyspace(struct fi_migrate_sink *sink, const char *name, bool is_sorted,
                         firn_error *err)
{
    firn_bulk_options options = FIRN_BULK_OPTIONS_INIT;
    firn_keyspace_options create = FIRN_KEYSPACE_OPTIONS_INIT;
    options.unsorted = !is_sorted;
    options.callbacks.on_progress = fi_command_on_progress;
    create.fail_if_exists = true;
    FI_TRY_RETURN(migrate_sink_reserve(sink, name, false, err));
    FI_TRY_RETURN(
        end_reserve(sink, firn_keyspace_open(sink->store, name, &create, &sink->keyspace, err)));
    return firn_bulk_open(sink->keyspace, &options, &sink->bulk, err);
}

int
fi_migrate_sink_table(struct fi_migrate_sink *sink, const char *name, const firn_table_def *def,
                      firn_error *err)
{
    firn_table_bulk_options options = FIRN_TABLE_BULK_OPTIONS_INIT;
    options.callbacks.on_progress = fi_command_on_progress;
    FI_TRY_RETURN(migrate_sink_reserve(sink, name, true, err));
    FI_TRY_RETURN(end_reserve(sink, firn_table_create(sink->store, name, def, &sink->table, err)));
    return firn_table_bulk_open(sink->table, &options, &sink->table_bulk, err);
}

/* After each entry: says how far it is, and whether to go on. */
static int
migrate_sink_report(struct fi_migrate_sink *sink, firn_error *err)
{
    if (++sink->entries % TELL_EVERY != 0) {
        return FIRN_OK;
    }
    char text[FI_TERM_TEXT_NUMBER_SIZE];
    const struct fi_term_meter_state state = {.phase = "importing",
                                              .text = fi_term_text_number(sink->entries, text)};
    fi_term_meter_show(&state);
    return fi_command_go_on(err);
}

static const char *
name_of(const struct fi_migrate_sink *sink)
{
    assert(sink->count > 0);
    return sink->parts[sink->count - 1].name;
}

int
fi_migrate_sink_entry(struct fi_migrate_sink *sink, firn_slice key, firn_slice value,
                      firn_error *err)
{
    assert(sink->bulk != NULL);
    int code = firn_bulk_put(sink->bulk, key, value, err);
    if (code == FIRN_INVALID) {
        return fi_migrate_fail(err, FIRN_CORRUPT,
                               "the keys of '%.255s' are not in byte order: the database is "
                               "damaged, or has a comparator of its own",
                               name_of(sink));
    }
    return code == FIRN_OK ? migrate_sink_report(sink, err) : code;
}

/* FIRN_EXISTS is for names that the store has. */
static int
refuse_equal(int code, firn_error *err)
{
    if (code == FIRN_EXISTS && err != NULL) {
        err->code = FIRN_INVALID;
    }
    return code == FIRN_EXISTS ? FIRN_INVALID : code;
}

int
fi_migrate_sink_row(struct fi_migrate_sink *sink, const firn_value *values, size_t count,
                    firn_error *err)
{
    assert(sink->table_bulk != NULL);
    int code = firn_table_bulk_put(sink->table_bulk, values, count, err);
    return code == FIRN_OK ? migrate_sink_report(sink, err) : refuse_equal(code, err);
}

/* ---- the end of a part ---- */

static int
count_entries(firn_keyspace *keyspace, uint64_t *out, firn_error *err)
{
    firn_cursor *cursor = NULL;
    int code = firn_cursor_open(keyspace, NULL, &cursor, err);
    *out = 0;
    code = code == FIRN_OK ? firn_cursor_first(cursor, err) : code;
    while (code == FIRN_OK && firn_cursor_valid(cursor)) {
        code = ++*out % TELL_EVERY == 0 ? fi_command_go_on(err) : FIRN_OK;
        code = code == FIRN_OK ? firn_cursor_next(cursor, err) : code;
    }
    firn_cursor_close(cursor);
    return code;
}

static int
count_rows(firn_table *table, uint64_t *out, firn_error *err)
{
    firn_table_cursor *cursor = NULL;
    const firn_row *row = NULL;
    int code = firn_table_cursor_open(table, NULL, &cursor, err);
    *out = 0;
    while (code == FIRN_OK && (code = firn_table_cursor_next(cursor, &row, err)) == FIRN_OK &&
           row != NULL) {
        code = ++*out % TELL_EVERY == 0 ? fi_command_go_on(err) : FIRN_OK;
    }
    firn_table_cursor_close(cursor);
    return code;
}

int
fi_migrate_sink_end(struct fi_migrate_sink *sink, bool has_count, uint64_t count, firn_error *err)
{
    assert((sink->bulk != NULL) != (sink->table_bulk != NULL));
    bool is_table = sink->table_bulk != NULL;
    struct part *part = &sink->parts[sink->count - 1];
    uint64_t found = 0;
    uint64_t added =
        is_table ? firn_table_bulk_count(sink->table_bulk) : firn_bulk_count(sink->bulk);
    if (has_count && count != added) {
        return fi_migrate_fail(err, FIRN_CORRUPT,
                               "'%.255s' has %llu entries by its own count, but %llu can be read",
                               part->name, (unsigned long long)count, (unsigned long long)added);
    }
    int code = is_table ? refuse_equal(firn_table_bulk_commit(sink->table_bulk, err), err)
                        : firn_bulk_commit(sink->bulk, err);
    firn_table_bulk_close(sink->table_bulk);
    firn_bulk_close(sink->bulk);
    sink->table_bulk = NULL;
    sink->bulk = NULL;
    if (code == FIRN_OK) {
        code = is_table ? count_rows(sink->table, &found, err)
                        : count_entries(sink->keyspace, &found, err);
    }
    assert(sink->bulk == NULL && sink->table_bulk == NULL);
    if (code == FIRN_OK && found != added) {
        code = fi_migrate_fail(err, FIRN_CORRUPT,
                               "%llu entries of '%.255s' were read, but the store has %llu: keys "
                               "occur more than once",
                               (unsigned long long)added, part->name, (unsigned long long)found);
    }
    part->count = found;
    return code;
}

/* ---- all of them ---- */

void
fi_migrate_sink_show(const struct fi_migrate_sink *sink, const struct fi_cli *cli)
{
    char number[FI_TERM_TEXT_NUMBER_SIZE];
    fi_term_json_array("imported");
    for (size_t i = 0; i < sink->count; i++) {
        const struct part *part = &sink->parts[i];
        fi_term_json_object(NULL);
        fi_term_json_bytes("name", firn_str(part->name));
        fi_term_json_string("kind", part->is_table ? "table" : "keyspace");
        fi_term_json_u64("count", part->count);
        fi_term_json_end();
        if (!cli->quiet) {
            fi_term_text_escape(firn_str(part->name), fi_term_out_write);
            fi_term_out_format(": %s %s\n", fi_term_text_number(part->count, number),
                               part->is_table
                                   ? fi_term_text_plural(part->count, "row", "rows")
                                   : fi_term_text_plural(part->count, "entry", "entries"));
        }
    }
    fi_term_json_end();
}

static void
close_loads(struct fi_migrate_sink *sink)
{
    firn_table_bulk_close(sink->table_bulk);
    firn_bulk_close(sink->bulk);
    sink->table_bulk = NULL;
    sink->bulk = NULL;
}

int
fi_migrate_sink_undo(struct fi_migrate_sink *sink, firn_error *err)
{
    int first = FIRN_OK;
    close_loads(sink);
    while (sink->count > 0) {
        firn_error failed;
        struct part *part = &sink->parts[--sink->count];
        int code = part->is_table ? firn_table_drop(sink->store, part->name, &failed)
                                  : firn_keyspace_drop(sink->store, part->name, &failed);
        if (code != FIRN_OK && first == FIRN_OK) {
            first = code;
            *err = failed;
        }
        free(part->name);
    }
    return first;
}

void
fi_migrate_sink_destroy(struct fi_migrate_sink *sink)
{
    if (sink == NULL) {
        return;
    }
    close_loads(sink);
    for (size_t i = 0; i < sink->count; i++) {
        free(sink->parts[i].name);
    }
    free(sink->parts);
    free(sink);
}
