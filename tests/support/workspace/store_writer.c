/* SPDX-License-Identifier: Apache-2.0 */
#include "store_writer.h"

#include "base/slice.h"
#include "inspect/inspect.h"
#include "store/db.h"
#include "support/test.h"

enum { KEYS = 97, LARGE = 9000 };

static const struct fi_db_options options = {
    .create_if_missing = true, .durability = FIRN_DURABILITY_OS, .memory_bytes = 1 << 20};

static void
check_at(int rc, const firn_error *err, int line)
{
    if (rc != FIRN_OK) {
        fprintf(stderr, "store_writer.c:%d: %s\n", line, err->text);
        abort();
    }
}
#define OK(expression) check_at((expression), &err, __LINE__)

static size_t
key_of(uint64_t round, char out[16])
{
    return (size_t)snprintf(out, 16, "%03u", (unsigned)(round * 31 % KEYS));
}

/* Small and large ones. */
static size_t
value_of(uint64_t round, char out[LARGE])
{
    size_t size = round % 7 == 3 ? LARGE - round % 500 : 100 + round % 900;
    memset(out, 'a' + (char)(round % 26), size);
    (void)snprintf(out, size, "%llu", (unsigned long long)round);
    return size;
}

static uint64_t
get_number(struct firn_db_keyspace *keyspace, const char *key)
{
    firn_error err;
    struct fi_buf out = {0};
    int rc = fi_db_get(keyspace, firn_str(key), &out, &err);
    uint64_t number = 0;
    if (rc != FIRN_NOT_FOUND) {
        OK(rc);
        OK(fi_buf_append_u8(&out, 0));
        number = strtoull((const char *)out.data, NULL, 10);
    }
    fi_buf_deinit(&out);
    return number;
}

void
store_writer_open(struct store_writer *writer, struct fi_os_dir *dir)
{
    firn_error err;
    writer->dir = dir;
    OK(fi_db_open(dir, &options, &writer->db, &err));
    OK(fi_db_keyspace_open(writer->db, "rounds", &writer->rounds, &err));
    OK(fi_db_keyspace_open(writer->db, "values", &writer->values, &err));
    OK(fi_db_keyspace_open(writer->db, "loads", &writer->loads, &err));
    writer->round = get_number(writer->rounds, "round");
    writer->load = get_number(writer->rounds, "load");
}

void
store_writer_close(struct store_writer *writer)
{
    firn_error err;
    OK(fi_db_close(writer->db, &err));
}

void
store_writer_load(struct store_writer *writer, unsigned more)
{
    firn_error err;
    struct firn_db_bulk *bulk;
    char number[24];
    char key[16];
    char value[LARGE];
    (void)snprintf(number, sizeof number, "%llu", (unsigned long long)++writer->load);
    OK(fi_db_bulk_open(writer->loads, &bulk, &err));
    OK(fi_db_bulk_put(bulk, firn_str("load"), firn_str(number), &err));
    for (unsigned i = 0; i < more; i++) {
        (void)snprintf(key, sizeof key, "more%06u", i);
        OK(fi_db_bulk_put(bulk, firn_str(key), firn_bytes(value, value_of(i, value)), &err));
    }
    OK(fi_db_bulk_commit(bulk, &err));
    fi_db_bulk_close(bulk);
}

static void
maintain(struct store_writer *writer)
{
    firn_error err;
    uint64_t round = writer->round;
    char name[32];
    if (round % 43 == 0) {
        OK(fi_db_maintain_flush(writer->db, &err));
    }
    if (round % 311 == 0) {
        OK(fi_db_maintain_compact(writer->db, NULL, &err));
    }
    if (round % 101 == 0) {
        (void)snprintf(name, sizeof name, "at-%llu", (unsigned long long)round);
        OK(fi_db_checkpoint_create(writer->db, name, NULL, &err));
    }
    if (round % 157 == 0) {
        store_writer_load(writer, 0);
    }
}

void
store_writer_round(struct store_writer *writer)
{
    firn_error err;
    struct firn_db_batch *batch;
    char key[16];
    char value[LARGE];
    char number[24];
    uint64_t round = ++writer->round;
    size_t key_size = key_of(round, key);
    size_t value_size = value_of(round, value);
    OK(fi_db_batch_create(&batch, &err));
    OK(fi_db_batch_put(batch, writer->values, firn_bytes(key, key_size),
                       firn_bytes(value, value_size), &err));
    (void)snprintf(number, sizeof number, "%llu", (unsigned long long)round);
    OK(fi_db_batch_put(batch, writer->rounds, firn_str("round"), firn_str(number), &err));
    (void)snprintf(number, sizeof number, "%llu", (unsigned long long)writer->load);
    OK(fi_db_batch_put(batch, writer->rounds, firn_str("load"), firn_str(number), &err));
    OK(fi_db_write(writer->db, batch, FIRN_DURABILITY_OS, &err));
    fi_db_batch_destroy(batch);
    maintain(writer);
}

/* ---- checking ---- */

static void
on_damage(void *ctx, const char *text)
{
    (void)ctx;
    fail_msg("%s", text);
}

static void
check_values(struct firn_db_keyspace *values, uint64_t last)
{
    firn_error err;
    struct fi_buf out = {0};
    for (uint64_t round = last; round > 0 && round + KEYS > last; round--) {
        char key[16];
        char value[LARGE];
        size_t key_size = key_of(round, key);
        size_t value_size = value_of(round, value);
        OK(fi_db_get(values, firn_bytes(key, key_size), &out, &err));
        assert_int_equal(out.size, value_size);
        assert_memory_equal(out.data, value, value_size);
    }
    fi_buf_deinit(&out);
}

uint64_t
store_writer_check(struct fi_os_dir *dir, bool is_read_only)
{
    firn_error err;
    struct firn_db *db;
    struct firn_db_keyspace *keyspace;
    struct fi_db_options opening = options;
    firn_store_check_result report;
    const struct fi_inspect_check_options check = {.on_damage = on_damage};
    opening.create_if_missing = false;
    opening.read_only = is_read_only;
    OK(fi_db_open(dir, &opening, &db, &err));
    OK(fi_inspect_check(db, &check, &report, &err));
    uint64_t last = 0;
    int rc = fi_db_keyspace_open(db, "rounds", &keyspace, &err);
    if (rc != FIRN_NOT_FOUND) {
        OK(rc);
        last = get_number(keyspace, "round");
        uint64_t loads = get_number(keyspace, "load");
        if (last > 0) {
            OK(fi_db_keyspace_open(db, "loads", &keyspace, &err));
            uint64_t loaded = get_number(keyspace, "load");
            assert_true(loaded == loads || loaded == loads + 1);
            OK(fi_db_keyspace_open(db, "values", &keyspace, &err));
            check_values(keyspace, last);
        }
    }
    OK(fi_db_close(db, &err));
    return last;
}

/* ---- in a tree ---- */

struct fi_os_dir *
store_writer_dir(struct scan_world *tree, const char *path)
{
    firn_error err;
    struct fi_os_dir *dir;
    OK(fi_os_dir_open_beneath(tree->root, path, &dir, &err));
    return dir;
}

void
store_writer_begin(struct scan_world *tree, const char *path, unsigned rounds,
                   struct store_writer *writer)
{
    if (path[0] != '\0') {
        scan_put_dir(tree, path);
    }
    store_writer_open(writer, store_writer_dir(tree, path));
    for (unsigned i = 0; i < rounds; i++) {
        store_writer_round(writer);
    }
}

void
store_writer_end(struct store_writer *writer)
{
    struct fi_os_dir *dir = writer->dir;
    store_writer_close(writer);
    fi_os_dir_close(dir);
}

void
store_writer_crash(struct store_writer *writer)
{
    struct fi_os_dir *dir = writer->dir;
    fi_db_abandon(writer->db);
    fi_os_dir_close(dir);
}

void
store_writer_put(struct scan_world *tree, const char *path, unsigned rounds)
{
    struct store_writer writer;
    store_writer_begin(tree, path, rounds, &writer);
    store_writer_end(&writer);
}

uint64_t
store_writer_check_at(struct scan_world *tree, const char *path)
{
    struct fi_os_dir *dir = store_writer_dir(tree, path);
    uint64_t round = store_writer_check(dir, false);
    fi_os_dir_close(dir);
    return round;
}
