/* SPDX-License-Identifier: Apache-2.0
 *
 * tests/crash/history_writer.c: transactions, loads, checkpoints, restores and their undoing, exports
 * and clones, until it is stopped from outside; and judges what is left.
 *
 *     history_writer write DIR STEP PART         goes on after part PART of step STEP; prints the number of each
 *                                                step that is durable
 *     history_writer verify DIR STEP PART ACKED REACHED
 *                                                STEP, PART: where the writer began; ACKED: the last number that
 *                                                was printed before the cut; REACHED: that was printed at all.
 *                                                Prints where the store is now: a step and a part
 *
 * A table has a row for each key of the keyspace "data", written and deleted in the same transactions, so what holds
 * of one holds of the other and of the table's index.
 *
 * DIR holds the store, an exported file and a clone. What step n does follows from n and from what
 * the steps before it did, so a model can be taken along: `verify` takes it from the beginning to
 * ACKED, and then from commit to commit, until the store has all that the model has (data, the names
 * and contents of its checkpoints) or is further than can be under way after REACHED. A step of several
 * commits has parts; the last one marks it. Steps that make, restore or delete checkpoints are
 * durable by themselves, of the others each fourth is asked to be.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <firn/firn.h>

enum { KEYS = 200, LOADED = 60, CHECKPOINTS = 6, UNDER_WAY = 6, OPS_MAX = 6, NAME_SIZE = 32 };

/* ---- the model ---- */

/* Of each key which step put it; 0: it is not there. */
struct state {
    uint64_t data[KEYS];
    uint64_t loaded[LOADED];
    uint64_t last; /* the step that was marked last */
};

struct checkpoint {
    uint64_t number; /* of the step that made it; its name follows from it */
    struct state state;
};

struct model {
    struct state now;
    struct checkpoint checkpoints[CHECKPOINTS]; /* the oldest first */
    size_t count;
    struct state safety; /* of the last restore */
    bool has_safety;
    struct state exported; /* when the file was written last */
    bool has_file;
};

enum action { TXN, RANGE, LOAD, MAKE, RESTORE, UNDO, FLUSH, COMPACT, EXPORT, CLONE };

/* splitmix64 (Steele and others, 2014): a number that follows from n and i. */
static uint64_t
mix(uint64_t n, uint64_t i)
{
    uint64_t z = n * 0x9e3779b97f4a7c15 + i * 0xd1b54a32d192ed03;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
}

static enum action
action_of(const struct model *model, uint64_t n)
{
    uint64_t r = mix(n, 0) % 100;
    if (r < 45) {
        return TXN;
    }
    if (r < 55) {
        return RANGE;
    }
    if (r < 60) {
        return LOAD;
    }
    if (r < 78 || model->count == 0) {
        return MAKE;
    }
    if (r < 86 || (r < 90 && !model->has_safety)) {
        return RESTORE;
    }
    return r < 90 ? UNDO : r < 93 ? FLUSH : r < 94 ? COMPACT : r < 97 ? EXPORT : CLONE;
}

static uint32_t
op_count(uint64_t n)
{
    return 1 + (uint32_t)(mix(n, 1) % OPS_MAX);
}

static uint32_t
op_key(uint64_t n, uint32_t op)
{
    return (uint32_t)(mix(n, 10 + op) % KEYS);
}

static bool
op_is_delete(uint64_t n, uint32_t op)
{
    return mix(n, 20 + op) % 4 == 0;
}

static void
range_of(uint64_t n, uint32_t *first, uint32_t *end)
{
    *first = (uint32_t)(mix(n, 2) % KEYS);
    *end = *first + 1 + (uint32_t)(mix(n, 3) % 20);
    *end = *end < KEYS ? *end : KEYS;
}

static size_t
chosen(const struct model *model, uint64_t n)
{
    return (size_t)(mix(n, 4) % model->count);
}

/* Commits of step n: the last one is the mark, alone or with what it marks. */
static unsigned
part_count(const struct model *model, uint64_t n)
{
    enum action action = action_of(model, n);
    if (action == TXN || action == RANGE) {
        return 1;
    }
    return action == MAKE && model->count == CHECKPOINTS ? 3 : 2;
}

/* What part of step n does to the model; parts count from 1 to `parts`, the last one being the mark. */
static void
apply(struct model *model, uint64_t n, enum action action, unsigned part, unsigned parts)
{
    uint32_t first;
    uint32_t end;
    if (action == TXN) {
        for (uint32_t op = 0; op < op_count(n); op++) {
            model->now.data[op_key(n, op)] = op_is_delete(n, op) ? 0 : n;
        }
    } else if (action == RANGE) {
        range_of(n, &first, &end);
        memset(&model->now.data[first], 0, (end - first) * sizeof model->now.data[0]);
    } else if (part == parts) {
        model->exported = action == EXPORT ? model->now : model->exported;
        model->has_file |= action == EXPORT;
    } else if (action == LOAD) {
        for (size_t i = 0; i < LOADED; i++) {
            model->now.loaded[i] = n;
        }
    } else if (action == MAKE && part < parts - 1) {
        model->count--;
        memmove(model->checkpoints, model->checkpoints + 1,
                model->count * sizeof(struct checkpoint));
    } else if (action == MAKE) {
        model->checkpoints[model->count++] = (struct checkpoint){n, model->now};
    } else if (action == RESTORE || action == UNDO) {
        struct state before = model->now;
        model->now = action == UNDO ? model->safety : model->checkpoints[chosen(model, n)].state;
        model->safety = before;
        model->has_safety = true;
    }
    if (part == parts) {
        model->now.last = n;
    }
}

/* ---- the store ---- */

struct store {
    firn_store *handle;
    firn_keyspace *data;
    firn_keyspace *loaded;
    firn_keyspace *state; /* "last" -> the step that was marked last */
    firn_table *rows;     /* of each key its number, and the step */
};

static _Noreturn void
die(const char *what, const firn_error *err)
{
    (void)fprintf(stderr, "%s: %s (%s)\n", what, err->text, firn_code_name(err->code));
    exit(1);
}

static firn_slice
key_name(size_t key, char name[NAME_SIZE])
{
    (void)snprintf(name, NAME_SIZE, "key%06zu", key);
    return firn_str(name);
}

static firn_slice
number_text(uint64_t n, char text[NAME_SIZE])
{
    (void)snprintf(text, NAME_SIZE, "%" PRIu64, n);
    return firn_str(text);
}

static const char *
checkpoint_name(uint64_t n, char name[NAME_SIZE])
{
    (void)snprintf(name, NAME_SIZE, "c-%" PRIu64, n);
    return name;
}

static char *
path_in(const char *dir, const char *name)
{
    static char paths[4][4096];
    static unsigned next;
    char *path = paths[next++ % 4];
    (void)snprintf(path, sizeof paths[0], "%s/%s", dir, name);
    return path;
}

static void
open_keyspaces(struct store *store)
{
    firn_error err;
    if (firn_keyspace_open(store->handle, "data", NULL, &store->data, &err) != FIRN_OK ||
        firn_keyspace_open(store->handle, "loaded", NULL, &store->loaded, &err) != FIRN_OK ||
        firn_keyspace_open(store->handle, "state", NULL, &store->state, &err) != FIRN_OK) {
        die("keyspaces", &err);
    }
}

static void
open_table(struct store *store)
{
    firn_error err;
    firn_table_def *def;
    int rc = firn_table_open(store->handle, "rows", &store->rows, &err);
    if (rc == FIRN_NOT_FOUND) {
        rc = firn_table_def_parse("id i64 primary key, step u64, name text, index by_step (step)",
                                  &def, &err);
        if (rc == FIRN_OK) {
            rc = firn_table_create(store->handle, "rows", def, &store->rows, &err);
            firn_release(def);
        }
    }
    if (rc != FIRN_OK) {
        die("table", &err);
    }
}

/* The keyspaces are made before all else, and durable: every checkpoint has them. */
static void
open_store(const char *dir, struct store *out)
{
    firn_error err;
    firn_store_options options = FIRN_STORE_OPTIONS_INIT;
    options.memory_bytes = FIRN_STORE_MEMORY_MIN;
    if (firn_store_open(path_in(dir, "store"), &options, &out->handle, &err) != FIRN_OK) {
        die("open", &err);
    }
    open_keyspaces(out);
    open_table(out);
    if (firn_store_sync(out->handle, &err) != FIRN_OK) {
        die("sync", &err);
    }
}

/* ---- steps ---- */

static firn_durability
durability_of(uint64_t n)
{
    return n % 4 == 0 ? FIRN_DURABILITY_FULL : FIRN_DURABILITY_OS;
}

/* The same to the row as to the key. */
static int
write_row(const struct store *store, firn_txn *txn, uint64_t n, uint32_t op, firn_error *err)
{
    char name[NAME_SIZE];
    firn_row_options options = FIRN_ROW_OPTIONS_INIT;
    options.txn = txn;
    const firn_value values[3] = {firn_i64((int64_t)op_key(n, op)), firn_u64(n),
                                  firn_text_bytes(key_name(op_key(n, op), name))};
    int rc = op_is_delete(n, op) ? firn_table_delete(store->rows, &options, values, 1, err)
                                 : firn_table_upsert(store->rows, &options, values, 3, err);
    return rc == FIRN_NOT_FOUND ? FIRN_OK : rc;
}

static int
run_txn(const struct store *store, uint64_t n, firn_error *err)
{
    firn_txn *txn;
    char name[NAME_SIZE];
    char text[NAME_SIZE];
    firn_write_options options = FIRN_WRITE_OPTIONS_INIT;
    options.durability = durability_of(n);
    int rc = firn_txn_begin(store->handle, NULL, &txn, err);
    for (uint32_t op = 0; rc == FIRN_OK && op < op_count(n); op++) {
        firn_slice key = key_name(op_key(n, op), name);
        rc = op_is_delete(n, op) ? firn_txn_delete(txn, store->data, key, err)
                                 : firn_txn_put(txn, store->data, key, number_text(n, text), err);
        rc = rc == FIRN_OK ? write_row(store, txn, n, op, err) : rc;
    }
    if (rc == FIRN_OK) {
        rc = firn_txn_put(txn, store->state, firn_str("last"), number_text(n, text), err);
    }
    rc = rc == FIRN_OK ? firn_txn_commit(txn, &options, err) : rc;
    firn_txn_close(txn);
    return rc;
}

static int
run_range(const struct store *store, uint64_t n, firn_error *err)
{
    firn_txn *txn;
    uint32_t first;
    uint32_t end;
    char names[2][NAME_SIZE];
    char text[NAME_SIZE];
    firn_write_options options = FIRN_WRITE_OPTIONS_INIT;
    options.durability = durability_of(n);
    range_of(n, &first, &end);
    const firn_value bounds[2] = {firn_i64((int64_t)first), firn_i64((int64_t)end)};
    const firn_table_bound lower = {&bounds[0], 1, false};
    const firn_table_bound upper = {&bounds[1], 1, true};
    firn_row_options of_rows = FIRN_ROW_OPTIONS_INIT;
    int rc = firn_txn_begin(store->handle, NULL, &txn, err);
    if (rc == FIRN_OK) {
        rc = firn_txn_delete_range(txn, store->data, key_name(first, names[0]),
                                   key_name(end, names[1]), err);
    }
    if (rc == FIRN_OK) {
        of_rows.txn = txn;
        rc = firn_table_delete_range(store->rows, &of_rows, &lower, &upper, err);
    }
    if (rc == FIRN_OK) {
        rc = firn_txn_put(txn, store->state, firn_str("last"), number_text(n, text), err);
    }
    rc = rc == FIRN_OK ? firn_txn_commit(txn, &options, err) : rc;
    firn_txn_close(txn);
    return rc;
}

static int
run_load(const struct store *store, uint64_t n, firn_error *err)
{
    firn_bulk *bulk;
    char name[NAME_SIZE];
    char text[NAME_SIZE];
    int rc = firn_bulk_open(store->loaded, NULL, &bulk, err);
    for (size_t i = 0; i < LOADED && rc == FIRN_OK; i++) {
        rc = firn_bulk_put(bulk, key_name(i, name), number_text(n, text), err);
    }
    rc = rc == FIRN_OK ? firn_bulk_commit(bulk, err) : rc;
    firn_bulk_close(bulk);
    return rc;
}

static int
run_make(const struct store *store, const struct model *model, uint64_t n, bool makes_room,
         firn_error *err)
{
    char name[NAME_SIZE];
    if (makes_room) {
        const char *oldest = checkpoint_name(model->checkpoints[0].number, name);
        return firn_store_checkpoint_delete(store->handle, &oldest, 1, err);
    }
    return firn_store_checkpoint_create(store->handle, checkpoint_name(n, name), NULL, NULL, err);
}

static int
run_export(const struct store *store, const char *dir, firn_error *err)
{
    firn_store_export_options options = FIRN_STORE_EXPORT_OPTIONS_INIT;
    options.replace_existing = true;
    return firn_store_export(store->handle, NULL, path_in(dir, "file"), &options, err);
}

static int
run_clone(const struct store *store, const char *dir, firn_error *err)
{
    char command[4200];
    /* A store that is taken away in pieces would look like a damaged one. */
    (void)rename(path_in(dir, "clone"), path_in(dir, "old"));
    (void)snprintf(command, sizeof command, "rm -rf '%s'", path_in(dir, "old"));
    if (system(command) != 0) {
        exit(1);
    }
    return firn_store_clone(store->handle, path_in(dir, "clone"), NULL, err);
}

static int
run_part(const struct store *store, const struct model *model, const char *dir, uint64_t n,
         enum action action, unsigned part, unsigned parts, firn_error *err)
{
    char name[NAME_SIZE];
    char text[NAME_SIZE];
    firn_write_options options = FIRN_WRITE_OPTIONS_INIT;
    options.durability = durability_of(n);
    if (action == TXN) {
        return run_txn(store, n, err);
    }
    if (action == RANGE) {
        return run_range(store, n, err);
    }
    if (part == parts) {
        return firn_put(store->state, firn_str("last"), number_text(n, text), &options, err);
    }
    switch (action) {
    case LOAD:
        return run_load(store, n, err);
    case MAKE:
        return run_make(store, model, n, part < parts - 1, err);
    case RESTORE:
        return firn_store_restore(
            store->handle, checkpoint_name(model->checkpoints[chosen(model, n)].number, name), NULL,
            err);
    case UNDO:
        return firn_store_undo(store->handle, NULL, err);
    case FLUSH:
        return firn_store_flush(store->handle, err);
    case COMPACT:
        return firn_store_compact(store->handle, NULL, err);
    case EXPORT:
        return run_export(store, dir, err);
    default:
        return run_clone(store, dir, err);
    }
}

/* The model up to part `part` of step `step`. */
static void
replay(struct model *model, uint64_t step, unsigned part)
{
    for (uint64_t n = 1; n <= step; n++) {
        enum action action = action_of(model, n);
        unsigned parts = part_count(model, n);
        for (unsigned i = 1; i <= parts && (n < step || i <= part); i++) {
            apply(model, n, action, i, parts);
        }
    }
}

/* Whether step n is whole after that part. What the model has after a part may change what the step
 * would be: so it is asked of the model before the step. */
static unsigned
parts_of(uint64_t n, enum action *out)
{
    static struct model model;
    memset(&model, 0, sizeof model);
    replay(&model, n - 1, 9);
    *out = action_of(&model, n);
    return part_count(&model, n);
}

static void
acknowledge(uint64_t n)
{
    char line[NAME_SIZE];
    int size = snprintf(line, sizeof line, "%" PRIu64 "\n", n);
    if (write(STDOUT_FILENO, line, (size_t)size) != size) {
        exit(1);
    }
}

static int
run_writer(const char *dir, uint64_t step, unsigned part)
{
    static struct model model;
    firn_error err;
    struct store store;
    open_store(dir, &store);
    replay(&model, step, part);
    enum action action = TXN;
    unsigned parts = step == 0 ? 0 : parts_of(step, &action);
    for (uint64_t n = step == 0 ? 1 : step;; n++) {
        if (n != step) {
            action = action_of(&model, n);
            parts = part_count(&model, n);
            part = 0;
        }
        for (unsigned i = part + 1; i <= parts; i++) {
            if (run_part(&store, &model, dir, n, action, i, parts, &err) != FIRN_OK) {
                die("step", &err);
            }
            apply(&model, n, action, i, parts);
        }
        if (n % 4 == 0) {
            acknowledge(n);
        }
    }
}

/* ---- judging ---- */

/* Whether a keyspace has exactly these keys, at a view or now. */
static bool
has_keys(firn_keyspace *keyspace, firn_snapshot *view, const uint64_t *numbers, size_t count)
{
    firn_error err;
    firn_cursor *cursor;
    char name[NAME_SIZE];
    char text[NAME_SIZE];
    bool is_same = true;
    firn_cursor_options options = FIRN_CURSOR_OPTIONS_INIT;
    options.snapshot = view;
    if (firn_cursor_open(keyspace, &options, &cursor, &err) != FIRN_OK ||
        firn_cursor_first(cursor, &err) != FIRN_OK) {
        die("cursor", &err);
    }
    for (size_t i = 0; i < count && is_same; i++) {
        if (numbers[i] == 0) {
            continue;
        }
        firn_slice wanted = key_name(i, name);
        firn_slice value = number_text(numbers[i], text);
        firn_slice key = firn_cursor_key(cursor);
        firn_slice found = firn_cursor_value(cursor);
        is_same = firn_cursor_valid(cursor) && key.size == wanted.size &&
                  memcmp(key.data, wanted.data, key.size) == 0 && found.size == value.size &&
                  memcmp(found.data, value.data, found.size) == 0;
        if (is_same && firn_cursor_next(cursor, &err) != FIRN_OK) {
            die("next", &err);
        }
    }
    is_same = is_same && !firn_cursor_valid(cursor);
    firn_cursor_close(cursor);
    return is_same;
}

/* Whether the table has exactly these rows, by the key or by the index, at a view or now. */
static bool
has_rows(const struct store *store, firn_snapshot *view, const uint64_t *numbers, bool by_index)
{
    firn_error err;
    firn_table *table = store->rows;
    firn_table_cursor *cursor;
    const firn_row *row;
    firn_table_cursor_options options = FIRN_TABLE_CURSOR_OPTIONS_INIT;
    char name[NAME_SIZE];
    size_t wanted = 0;
    size_t found = 0;
    uint64_t before = 0;
    bool is_same = true;
    for (size_t i = 0; i < KEYS; i++) {
        wanted += numbers[i] != 0;
    }
    options.read.snapshot = view;
    options.read.index = by_index ? "by_step" : NULL;
    if ((view != NULL && firn_snapshot_table_open(view, "rows", &table, &err) != FIRN_OK) ||
        firn_table_cursor_open(table, &options, &cursor, &err) != FIRN_OK) {
        die("rows", &err);
    }
    for (;;) {
        if (firn_table_cursor_next(cursor, &row, &err) != FIRN_OK) {
            die("row", &err);
        }
        if (row == NULL) {
            break;
        }
        const firn_value *values = firn_row_values(row);
        size_t at = (size_t)values[0].as.i64;
        uint64_t order = by_index ? values[1].as.u64 : (uint64_t)at + 1;
        firn_slice key = key_name(at, name);
        is_same = is_same && at < KEYS && values[1].as.u64 == numbers[at] &&
                  values[2].as.bytes.size == key.size &&
                  memcmp(values[2].as.bytes.data, key.data, key.size) == 0 &&
                  (by_index ? order >= before : order > before);
        before = order;
        found++;
    }
    firn_table_cursor_close(cursor);
    return is_same && found == wanted;
}

static bool
has_state(const struct store *store, firn_snapshot *view, const struct state *state)
{
    firn_error err;
    char text[NAME_SIZE];
    uint8_t *value = NULL;
    size_t size = 0;
    int rc = view != NULL
                 ? firn_snapshot_get(view, store->state, firn_str("last"), &value, &size, &err)
                 : firn_get(store->state, firn_str("last"), &value, &size, &err);
    if (rc != FIRN_OK && rc != FIRN_NOT_FOUND) {
        die("get", &err);
    }
    firn_slice last = number_text(state->last, text);
    bool is_same = state->last == 0
                       ? rc == FIRN_NOT_FOUND
                       : rc == FIRN_OK && size == last.size && memcmp(value, last.data, size) == 0;
    firn_release(value);
    return is_same && has_keys(store->data, view, state->data, KEYS) &&
           has_keys(store->loaded, view, state->loaded, LOADED) &&
           has_rows(store, view, state->data, false) && has_rows(store, view, state->data, true);
}

struct listing {
    const struct model *model;
    size_t left;
    bool is_same;
};

static int
visit(void *ctx, const firn_store_checkpoint *checkpoint)
{
    struct listing *listing = ctx;
    char name[NAME_SIZE];
    listing->is_same =
        listing->is_same && listing->left > 0 &&
        strcmp(checkpoint->name,
               checkpoint_name(listing->model->checkpoints[listing->left - 1].number, name)) == 0;
    listing->left -= listing->left > 0;
    return FIRN_OK;
}

static bool
has_model(const struct store *store, const struct model *model)
{
    firn_error err;
    struct listing listing = {model, model->count, true};
    if (!has_state(store, NULL, &model->now)) {
        return false;
    }
    if (firn_store_checkpoint_list(store->handle, NULL, visit, &listing, &err) != FIRN_OK) {
        die("list", &err);
    }
    bool is_same = listing.is_same && listing.left == 0;
    for (size_t i = 0; i < model->count && is_same; i++) {
        firn_snapshot *view;
        char name[NAME_SIZE];
        firn_snapshot_options at = FIRN_SNAPSHOT_OPTIONS_INIT;
        at.checkpoint = checkpoint_name(model->checkpoints[i].number, name);
        if (firn_snapshot_open(store->handle, &at, &view, &err) != FIRN_OK) {
            die("view", &err);
        }
        is_same = has_state(store, view, &model->checkpoints[i].state);
        firn_snapshot_close(view);
    }
    return is_same;
}

static void
open_copy(const char *path, struct store *out)
{
    firn_error err;
    firn_store_check_result report = {.size = sizeof report};
    firn_store_options options = FIRN_STORE_OPTIONS_INIT;
    options.read_only = true;
    int rc = firn_store_open(path, &options, &out->handle, &err);
    if (rc == FIRN_NOT_FOUND) {
        return;
    }
    if (rc != FIRN_OK || firn_store_check(out->handle, NULL, &report, &err) != FIRN_OK) {
        die(path, &err);
    }
    open_keyspaces(out);
    open_table(out);
}

static void
close_copy(struct store *copy)
{
    firn_error err;
    if (firn_store_close(copy->handle, &err) != FIRN_OK) {
        die("close", &err);
    }
}

/* Whether the file has what a step after this one may have exported, of which a power cut has left
 * the file alone. */
static bool
has_later(const struct store *file, const struct model *model, uint64_t step, unsigned part)
{
    static struct model later;
    enum action action = TXN;
    unsigned parts = step == 0 ? 0 : parts_of(step, &action);
    later = *model;
    for (uint64_t n = step; n <= step + UNDER_WAY + 2; n++) {
        if (n != step) {
            action = action_of(&later, n);
            parts = part_count(&later, n);
            part = 0;
        }
        if (action == EXPORT && has_state(file, NULL, &later.now)) {
            return true;
        }
        for (unsigned i = part + 1; i <= parts; i++) {
            apply(&later, n, action, i, parts);
        }
    }
    return false;
}

/* The file is whole, and has what the store had; or it is not there. */
static void
judge_file(const char *path, const struct model *model, uint64_t step, unsigned part)
{
    struct store file = {0};
    open_copy(path, &file);
    bool is_good = file.handle == NULL
                       ? !model->has_file
                       : (model->has_file && has_state(&file, NULL, &model->exported)) ||
                             has_later(&file, model, step, part);
    if (!is_good) {
        (void)fprintf(stderr, "%s is missing, or has what the store never had\n", path);
        exit(1);
    }
    close_copy(&file);
}

/* The clone is whole or not there. */
static void
judge_clone(const char *path)
{
    struct store clone = {0};
    open_copy(path, &clone);
    close_copy(&clone);
}

/* Goes on from commit to commit, as long as they may have been under way, until the store has what
 * the model has. */
static bool
find(const struct store *store, struct model *model, uint64_t *step, unsigned *part, uint64_t limit)
{
    if (has_model(store, model)) {
        return true;
    }
    enum action action = TXN;
    unsigned parts = *step == 0 ? 0 : parts_of(*step, &action);
    while (*step <= limit) {
        if (*part == parts) {
            *step += 1;
            *part = 0;
            action = action_of(model, *step);
            parts = part_count(model, *step);
        }
        *part += 1;
        apply(model, *step, action, *part, parts);
        if (has_model(store, model)) {
            return true;
        }
    }
    return false;
}

static int
verify(const char *dir, uint64_t step, unsigned part, uint64_t acknowledged, uint64_t reached)
{
    static struct model model;
    firn_error err;
    struct store store;
    firn_store_check_result report = {.size = sizeof report};
    if (acknowledged > step) {
        step = acknowledged;
        part = 9; /* all of them */
    }
    replay(&model, step, part);
    enum action action;
    unsigned parts = step == 0 ? 0 : parts_of(step, &action);
    part = part < parts ? part : parts;
    open_store(dir, &store);
    uint64_t limit = (reached > step ? reached : step) + UNDER_WAY;
    if (!find(&store, &model, &step, &part, limit)) {
        (void)fprintf(stderr, "the store is what it was after no step from %" PRIu64 " on\n",
                      acknowledged);
        return 1;
    }
    if (firn_store_check(store.handle, NULL, &report, &err) != FIRN_OK) {
        die("check", &err);
    }
    if (firn_store_close(store.handle, &err) != FIRN_OK) {
        die("close", &err);
    }
    judge_file(path_in(dir, "file"), &model, step, part);
    judge_clone(path_in(dir, "clone"));
    (void)printf("%" PRIu64 " %u\n", step, part);
    return 0;
}

int
main(int argc, char **argv)
{
    if (argc == 5 && strcmp(argv[1], "write") == 0) {
        return run_writer(argv[2], strtoull(argv[3], NULL, 10), (unsigned)atoi(argv[4]));
    }
    if (argc == 7 && strcmp(argv[1], "verify") == 0) {
        return verify(argv[2], strtoull(argv[3], NULL, 10), (unsigned)atoi(argv[4]),
                      strtoull(argv[5], NULL, 10), strtoull(argv[6], NULL, 10));
    }
    (void)fprintf(
        stderr, "usage: history_writer write DIR STEP PART | verify DIR STEP PART ACKED REACHED\n");
    return 2;
}
