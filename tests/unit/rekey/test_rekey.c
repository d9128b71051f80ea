/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/rekey: writing a store anew: after its keys were rotated, and to make a store in clear an encrypted one, and back.
 * Everything that the store has stays readable at each step, whatever fails and whenever the power goes; in the end no file
 * is left that an older key opens, or that is in clear.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "block/block_file.h"
#include "cipher/cipher.h"
#include "codec/xxh3.h"
#include "inspect/inspect.h"
#include "os/os_names.h"
#include "os/os_prng.h"
#include "rekey/rekey_internal.h"
#include "sim/sim_fault.h"
#include "sim/sim_memory.h"
#include "support/store/db_support.h"
#include "support/test_fault.h"
#include "support/test_nonces.h"

static char secret[] = "a key file for tests, of more than 32 bytes";
static char other_secret[] = "another key file, also of more than 32 bytes";
static firn_error err;
#define MARKER "The-Marker-That-Nobody-Reads"

static int
get_secret(void *ctx, const struct fi_unlock_request *request, struct fi_unlock_secret *out,
           firn_error *why)
{
    const char *given = ctx;
    (void)request;
    (void)why;
    out->size = strlen(given);
    out->kind = FI_KEYS_FILE;
    memcpy(out->bytes, given, out->size);
    return FIRN_OK;
}
static const struct fi_unlock_source with_key = {.get = get_secret, .ctx = secret};
static const struct fi_unlock_source with_other = {.get = get_secret, .ctx = other_secret};

static struct fi_db_options
options_of(unsigned cipher)
{
    return (struct fi_db_options){.create_if_missing = true,
                                  .memory_bytes = 1 << 20,
                                  .threads = 1,
                                  .unlock = &with_key,
                                  .new_cipher = cipher};
}

static struct firn_db *
open_store(struct fi_os_dir *dir)
{
    const struct fi_db_options options = options_of(0);
    struct firn_db *db;
    DB_OK(fi_db_open(dir, &options, &db, &err));
    return db;
}

/* ---- a store with everything ---- */

enum { KEYS = 60, STATES = 4, LARGE = 20000, LARGE_ENOUGH = 1200000 };
/* Of large values: files of values of which a small one is left in any case have less than 1 MiB. */
static size_t large = LARGE;
static const char *const checkpoints[STATES - 1] = {"c0-" MARKER, "c1-" MARKER, "c2-" MARKER};

/* Bytes that nothing compresses. */
static void
fill(uint8_t *out, size_t size, uint64_t seed)
{
    struct fi_os_prng prng = {seed};
    for (size_t i = 0; i < size; i++) {
        out[i] = (uint8_t)fi_os_prng_next(&prng);
    }
}

static void
put_round(struct firn_db *db, unsigned round)
{
    struct firn_db_keyspace *keyspace = db_support_keyspace(db, "k-" MARKER);
    static uint8_t value[LARGE_ENOUGH];
    for (unsigned i = 0; i < KEYS; i++) {
        char key[64];
        (void)snprintf(key, sizeof key, "%03u-" MARKER, i);
        const bool is_large = i % 20 == 7;
        if ((i + round) % 9 == 8) {
            DB_OK(fi_db_delete(keyspace, firn_str(key), FIRN_DURABILITY_OS, &err));
            continue;
        }
        fill(value, is_large ? large : 80, i + round);
        (void)snprintf((char *)value, 80, "%u %u " MARKER, i, round);
        DB_OK(fi_db_put(keyspace, firn_str(key), firn_bytes(value, is_large ? large : 80),
                        FIRN_DURABILITY_OS, &err));
    }
}

/* Runs in several levels, history runs, values in files of their own, and a log. */
static void
make_store(struct db_support *support, unsigned cipher)
{
    const struct fi_db_options options = options_of(cipher);
    struct firn_db *db;
    db_support_init(support, 1);
    DB_OK(fi_db_open(support->dir, &options, &db, &err));
    for (unsigned round = 0; round < STATES - 1; round++) {
        put_round(db, round);
        DB_OK(fi_db_checkpoint_create(db, checkpoints[round], NULL, &err));
        DB_OK(round == 1 ? fi_db_maintain_compact(db, NULL, &err) : fi_db_maintain_flush(db, &err));
    }
    put_round(db, STATES);
    DB_OK(fi_db_close(db, &err));
}

static bool
is_values(const struct fi_os_dirent *entry)
{
    return strstr(entry->name, ".values") != NULL;
}

/* How many files of values there are; those that begin as a sealed file does not are former
 * segments of a log. */
static unsigned
count_value_files(struct fi_os_dir *store, unsigned *out_bare)
{
    struct fi_os_dir *runs;
    struct fi_buf names = {0};
    const char *name = NULL;
    unsigned count = 0;
    *out_bare = 0;
    DB_OK(fi_os_dir_open(store, "runs", &runs, &err));
    DB_OK(fi_os_names_list(runs, is_values, &names, &err));
    while ((name = fi_os_names_next(&names, name)) != NULL) {
        struct fi_os_file *file;
        uint8_t head[FI_BLOCK_BODY_START];
        DB_OK(fi_os_file_open(runs, name, FI_OS_READ, 0, &file, &err));
        DB_OK(fi_os_file_read_exact(file, 0, head, sizeof head, &err));
        *out_bare += fi_block_format_is_header(head) ? 0 : 1;
        count++;
        fi_os_file_close(file);
    }
    fi_os_dir_close(runs);
    fi_buf_deinit(&names);
    return count;
}

/* What a snapshot sees (NULL: now), as a number. */
static uint64_t
hash_of(struct firn_db *db, const char *checkpoint)
{
    struct firn_snapshot *snapshot = NULL;
    struct firn_db_cursor *cursor;
    uint64_t hash = 1;
    unsigned count = 0;
    if (checkpoint != NULL) {
        DB_OK(fi_db_checkpoint_snapshot(db, checkpoint, &snapshot, &err));
    }
    const struct fi_db_cursor_options options = {.snapshot = snapshot};
    DB_OK(fi_db_cursor_open(db_support_keyspace(db, "k-" MARKER), &options, &cursor, &err));
    for (DB_OK(fi_db_cursor_first(cursor, &err)); fi_db_cursor_valid(cursor);
         DB_OK(fi_db_cursor_next(cursor, &err))) {
        const firn_slice key = fi_db_cursor_key(cursor);
        const firn_slice value = fi_db_cursor_value(cursor);
        hash = fi_xxh3(key.data, key.size, hash);
        hash = fi_xxh3(value.data, value.size, hash);
        count++;
    }
    assert_true(count > KEYS / 2);
    fi_db_cursor_close(cursor);
    fi_db_snapshot_close(snapshot);
    return hash;
}

struct contents {
    uint64_t of[STATES];
};

static struct contents
contents_of(struct fi_os_dir *dir)
{
    struct contents contents;
    firn_store_check_result report;
    struct firn_db *db = open_store(dir);
    for (unsigned i = 0; i < STATES; i++) {
        contents.of[i] = hash_of(db, i < STATES - 1 ? checkpoints[i] : NULL);
    }
    DB_OK(fi_inspect_check(db, NULL, &report, &err));
    assert_int_equal(report.damaged_count, 0);
    DB_OK(fi_db_close(db, &err));
    return contents;
}

static void
assert_same(const struct contents *a, const struct contents *b)
{
    for (unsigned i = 0; i < STATES; i++) {
        assert_true(a->of[i] == b->of[i]);
    }
}

/* ---- the steps ---- */

static struct fi_rekey
rekey_of(struct fi_os_dir *dir)
{
    return (struct fi_rekey){
        .os = fi_os_dir_os(dir), .path = fi_os_dir_path(dir), .source = &with_key};
}

static int
renew(struct fi_os_dir *dir, uint64_t *out_files, firn_error *why)
{
    const struct fi_db_options options = options_of(0);
    struct firn_db *db;
    uint64_t files = 0;
    FI_TRY_RETURN(fi_db_open(dir, &options, &db, why));
    int rc = fi_rekey_renew_files(db, NULL, &files, why);
    if (rc != FIRN_OK) {
        fi_db_abandon(db);
        return rc;
    }
    if (out_files != NULL) {
        *out_files = files;
    }
    return fi_db_close(db, why);
}

static void
renew_all(struct fi_os_dir *dir)
{
    const struct fi_rekey rekey = rekey_of(dir);
    struct fi_rekey_left left;
    uint64_t files;
    DB_OK(renew(dir, &files, &err));
    DB_OK(fi_rekey_change_settle(&rekey, &left, &err));
    assert_int_equal(left.files, 0);
}

static bool
has_keys_file(struct fi_os_dir *dir)
{
    struct fi_os_stat stat;
    return fi_os_stat(dir, FI_STOREFILE_KEYS_NAME, &stat, NULL) == FIRN_OK;
}

static size_t
master_count(struct fi_os_dir *dir)
{
    struct fi_keys *keys;
    DB_OK(fi_db_keys_read(dir, &keys, &err));
    DB_OK(fi_unlock_keys(fi_os_dir_os(dir), "store", keys, &with_key, &err));
    size_t count = fi_keys_master_count(keys);
    fi_keys_destroy(keys);
    return count;
}

/* ---- tests ---- */

static void
an_old_master_key_opens_nothing_afterwards(void **state)
{
    struct db_support support;
    uint64_t files;
    large = LARGE_ENOUGH;
    make_store(&support, FI_CIPHER_XCHACHA20_POLY1305);
    large = LARGE;
    const struct contents before = contents_of(support.dir);
    const struct fi_rekey rekey = rekey_of(support.dir);
    DB_OK(renew(support.dir, &files, &err));
    assert_int_equal(files, 0); /* they have the newest key */
    DB_OK(fi_rekey_rotate(&rekey, &err));
    assert_int_equal(master_count(support.dir), 2);
    struct fi_rekey_left left;
    DB_OK(fi_rekey_change_settle(&rekey, &left, &err));
    assert_true(left.files > 5);
    assert_int_equal(master_count(support.dir), 2);
    renew_all(support.dir);
    assert_int_equal(master_count(support.dir), 1);
    const struct contents after = contents_of(support.dir);
    assert_same(&before, &after);
    renew_all(support.dir); /* and again, which does nothing */
    assert_int_equal(db_support_search(support.dir, MARKER, NULL), 0);
    db_support_deinit(&support);
}

/* A small store has everything in its log: nothing but its epochs says which key that has. */
static void
a_log_alone_is_written_anew(void **state)
{
    const struct fi_db_options options = options_of(FI_CIPHER_XCHACHA20_POLY1305);
    struct db_support support;
    struct fi_rekey_left left;
    struct firn_db *db;
    uint64_t files;
    db_support_init(&support, 1);
    DB_OK(fi_db_open(support.dir, &options, &db, &err));
    db_support_put(db_support_keyspace(db, "k-" MARKER), "key", "value");
    DB_OK(fi_db_close(db, &err));
    const struct fi_rekey rekey = rekey_of(support.dir);
    DB_OK(fi_rekey_rotate(&rekey, &err));
    db = open_store(support.dir); /* and an epoch of the new key after one of the old */
    db_support_put(db_support_keyspace(db, "k-" MARKER), "other", "value");
    DB_OK(fi_db_close(db, &err));
    DB_OK(fi_rekey_change_settle(&rekey, &left, &err));
    assert_true(left.files > 0 && left.packs == 0);
    DB_OK(renew(support.dir, &files, &err));
    assert_int_equal(files, left.files);
    DB_OK(fi_rekey_change_settle(&rekey, &left, &err));
    assert_int_equal(left.files, 0);
    db = open_store(support.dir);
    assert_string_equal(db_support_get(db_support_keyspace(db, "k-" MARKER), "key"), "value");
    DB_OK(fi_db_close(db, &err));
    db_support_deinit(&support);
}

static void
a_store_in_clear_becomes_encrypted_and_clear_again(void **state)
{
    struct db_support support;
    large = LARGE_ENOUGH;
    make_store(&support, 0);
    large = LARGE;
    const struct contents before = contents_of(support.dir);
    const struct fi_rekey rekey = rekey_of(support.dir);
    unsigned bare;
    assert_true(db_support_search(support.dir, MARKER, NULL) > 3);
    assert_true(count_value_files(support.dir, &bare) > 0 && bare > 0);

    DB_OK(fi_rekey_change_encrypt(&rekey, FI_CIPHER_AES_256_GCM, &err));
    const struct contents between = contents_of(support.dir); /* some in clear, some encrypted */
    assert_same(&before, &between);
    renew_all(support.dir);
    assert_int_equal(db_support_search(support.dir, MARKER, NULL), 0);
    assert_true(count_value_files(support.dir, &bare) > 0 && bare == 0);
    const struct contents encrypted = contents_of(support.dir);
    assert_same(&before, &encrypted);
    DB_FAILS(fi_rekey_change_encrypt(&rekey, FI_CIPHER_AES_256_GCM, &err), FIRN_EXISTS, "already");
    const struct fi_rekey wrong = {.os = support.os, .path = rekey.path, .source = &with_other};
    assert_int_equal(fi_rekey_change_decrypt(&wrong, &err), FIRN_DENIED);

    DB_OK(fi_rekey_change_decrypt(&rekey, &err));
    assert_true(has_keys_file(support.dir));
    renew_all(support.dir);
    assert_false(has_keys_file(support.dir));
    assert_true(db_support_search(support.dir, MARKER, NULL) > 3);
    const struct contents clear = contents_of(support.dir);
    assert_same(&before, &clear);
    assert_int_equal(fi_rekey_change_decrypt(&rekey, &err), FIRN_INVALID);
    db_support_deinit(&support);
}

static void
keys_are_not_replaced_where_the_identity_is_wrong(void **state)
{
    struct db_support support;
    struct fi_storefile_identity identity;
    make_store(&support, FI_CIPHER_XCHACHA20_POLY1305);
    const struct contents before = contents_of(support.dir);
    const struct fi_rekey rekey = rekey_of(support.dir);
    DB_OK(fi_db_create_read_identity(support.dir, &identity, &err));
    identity.cipher = 0;
    DB_OK(fi_db_create_set_identity(support.dir, &identity, &err));
    DB_FAILS(fi_rekey_change_encrypt(&rekey, FI_CIPHER_AES_256_GCM, &err), FIRN_CORRUPT,
             "in clear, but");
    identity.cipher = FI_CIPHER_XCHACHA20_POLY1305;
    DB_OK(fi_db_create_set_identity(support.dir, &identity, &err));
    const struct contents after = contents_of(support.dir);
    assert_same(&before, &after);
    db_support_deinit(&support);
}

static void
make_file(struct fi_os_dir *store, const char *folder, const char *name)
{
    struct fi_os_dir *dir;
    struct fi_os_file *file;
    const int rc = fi_os_make_dir(store, folder, 0700, &err);
    assert_true(rc == FIRN_OK || rc == FIRN_EXISTS);
    DB_OK(fi_os_dir_open(store, folder, &dir, &err));
    DB_OK(fi_os_file_open(dir, name, FI_OS_WRITE | FI_OS_CREATE, 0600, &file, &err));
    DB_OK(fi_os_file_write(file, 0, MARKER, strlen(MARKER), &err));
    fi_os_file_close(file);
    fi_os_dir_close(dir);
}

static void
what_a_repair_has_put_aside_keeps_a_change_from_ending(void **state)
{
    struct db_support support;
    struct fi_rekey_left left;
    uint64_t files;
    make_store(&support, 0);
    const struct fi_rekey rekey = rekey_of(support.dir);
    DB_OK(fi_rekey_change_encrypt(&rekey, FI_CIPHER_XCHACHA20_POLY1305, &err));
    make_file(support.dir, "damaged-1", "x"); /* a repair between two attempts */
    DB_OK(renew(support.dir, &files, &err));
    DB_FAILS(fi_rekey_change_settle(&rekey, &left, &err), FIRN_EXISTS, "damaged-1");
    DB_OK(fi_storefile_remove_tree(support.dir, "damaged-1", &err));
    renew_all(support.dir);
    DB_OK(fi_rekey_rotate(&rekey, &err));
    make_file(support.dir, "damaged-1", "x");
    DB_OK(renew(support.dir, &files, &err));
    DB_FAILS(fi_rekey_change_settle(&rekey, &left, &err), FIRN_EXISTS, "damaged-1");
    assert_int_equal(master_count(support.dir), 3); /* one of them is of the end of the change */
    db_support_deinit(&support);
}

static void
read_keys_file(struct fi_os_dir *dir, struct fi_buf *out)
{
    struct fi_os_file *file;
    DB_OK(fi_os_file_open(dir, FI_STOREFILE_KEYS_NAME, FI_OS_READ, 0, &file, &err));
    DB_OK(fi_buf_set_size(out, FI_KEYS_SIZE_MAX));
    DB_OK(fi_os_file_read(file, 0, out->data, out->size, &out->size, &err));
    fi_os_file_close(file);
}

/* Somebody without a key has kept FIRN.keys from the time when files in clear were read, or written,
 * and puts it back. */
static void
an_old_keys_file_does_not_bring_a_change_back(void **state)
{
    const struct fi_db_options options = options_of(0);
    for (unsigned i = 0; i < 2; i++) {
        struct db_support support;
        struct fi_buf old = {0};
        struct fi_os_file *file;
        struct firn_db *db;
        make_store(&support, 0);
        const struct fi_rekey rekey = rekey_of(support.dir);
        DB_OK(fi_rekey_change_encrypt(&rekey, FI_CIPHER_XCHACHA20_POLY1305, &err));
        if (i == 1) {
            DB_OK(fi_rekey_change_decrypt(&rekey, &err));
        }
        read_keys_file(support.dir, &old);
        if (i == 1) {
            DB_OK(fi_rekey_change_encrypt(&rekey, FI_CIPHER_XCHACHA20_POLY1305, &err));
        }
        renew_all(support.dir);
        DB_OK(fi_os_file_open(support.dir, FI_STOREFILE_KEYS_NAME, FI_OS_WRITE | FI_OS_TRUNCATE, 0,
                              &file, &err));
        DB_OK(fi_os_file_write(file, 0, old.data, old.size, &err));
        fi_os_file_close(file);
        DB_FAILS(fi_db_open(support.dir, &options, &db, &err), FIRN_DENIED, "master key");
        fi_buf_deinit(&old);
        db_support_deinit(&support);
    }
}

static void
what_a_push_or_a_pull_has_left_goes(void **state)
{
    struct db_support support;
    struct fi_rekey_left left;
    uint64_t files;
    make_store(&support, 0);
    const struct fi_rekey rekey = rekey_of(support.dir);
    make_file(support.dir, "outgoing", "LOCK");
    make_file(support.dir, "outgoing", "outgoing-0.pack");
    make_file(support.dir, "incoming", "recoded");
    DB_OK(fi_rekey_change_encrypt(&rekey, FI_CIPHER_XCHACHA20_POLY1305, &err));
    DB_OK(renew(support.dir, &files, &err));

    struct fi_os_dir *outgoing; /* a push is running */
    struct fi_os_file *lock;
    DB_OK(fi_os_dir_open(support.dir, "outgoing", &outgoing, &err));
    DB_OK(fi_os_file_open(outgoing, "LOCK", FI_OS_READ | FI_OS_WRITE, 0, &lock, &err));
    DB_OK(fi_os_file_lock(lock, FI_OS_LOCK_EXCLUSIVE, &err));
    DB_OK(fi_rekey_change_settle(&rekey, &left, &err));
    assert_int_equal(left.files, 1);
    fi_os_file_close(lock);
    fi_os_dir_close(outgoing);

    DB_OK(fi_rekey_change_settle(&rekey, &left, &err));
    assert_int_equal(left.files, 0);
    assert_int_equal(db_support_search(support.dir, MARKER, NULL),
                     1); /* the lock of the push itself */
    db_support_deinit(&support);
}

static void
a_change_can_turn_round_half_way(void **state)
{
    struct db_support support;
    make_store(&support, 0);
    const struct contents before = contents_of(support.dir);
    const struct fi_rekey rekey = rekey_of(support.dir);
    DB_OK(fi_rekey_change_encrypt(&rekey, FI_CIPHER_XCHACHA20_POLY1305, &err));
    struct firn_db *db = open_store(support.dir);
    put_round(db, STATES);
    DB_OK(fi_db_maintain_flush(db, &err));
    DB_OK(fi_db_close(db, &err));
    DB_OK(fi_rekey_change_decrypt(&rekey, &err));
    db = open_store(support.dir);
    put_round(db, STATES);
    DB_OK(fi_db_maintain_flush(db, &err));
    DB_OK(fi_db_close(db, &err));
    const struct contents between = contents_of(support.dir);
    assert_same(&before, &between);
    DB_OK(fi_rekey_change_encrypt(&rekey, FI_CIPHER_XCHACHA20_POLY1305, &err));
    renew_all(support.dir);
    assert_int_equal(db_support_search(support.dir, MARKER, NULL), 0);
    const struct contents after = contents_of(support.dir);
    assert_same(&before, &after);
    db_support_deinit(&support);
}

static void
what_a_reader_needs_is_left_for_later(void **state)
{
    struct db_support support;
    make_store(&support, 0);
    const struct fi_rekey rekey = rekey_of(support.dir);
    struct fi_db_options options = options_of(0);
    struct fi_rekey_left left;
    struct firn_db *reader;
    options.read_only = true;
    options.create_if_missing = false;
    DB_OK(fi_db_open(support.dir, &options, &reader, &err));
    const uint64_t seen = hash_of(reader, checkpoints[0]);
    DB_OK(fi_rekey_change_encrypt(&rekey, FI_CIPHER_XCHACHA20_POLY1305, &err));
    DB_OK(renew(support.dir, NULL, &err));
    DB_OK(fi_rekey_change_settle(&rekey, &left, &err));
    assert_true(left.files > 0);
    assert_true(hash_of(reader, checkpoints[0]) == seen);
    assert_true(hash_of(reader, checkpoints[1]) != seen);
    DB_OK(fi_db_close(reader, &err));
    renew_all(support.dir);
    assert_int_equal(db_support_search(support.dir, MARKER, NULL), 0);
    db_support_deinit(&support);
}

/* A file that is removed while the store becomes encrypted has no byte of what was in it. */
static void
a_file_in_clear_is_overwritten_before_it_goes(void **state)
{
    struct db_support support;
    struct fi_os_dir *runs;
    struct fi_os_file *file;
    struct fi_buf names = {0};
    uint8_t bytes[4096];
    size_t size;
    make_store(&support, 0);
    const struct fi_rekey rekey = rekey_of(support.dir);
    DB_OK(fi_os_dir_open(support.dir, "runs", &runs, &err));
    DB_OK(fi_os_names_list(runs, NULL, &names, &err));
    DB_OK(fi_os_file_open(runs, fi_os_names_next(&names, NULL), FI_OS_READ, 0, &file, &err));
    DB_OK(fi_rekey_change_encrypt(&rekey, FI_CIPHER_XCHACHA20_POLY1305, &err));
    DB_OK(fi_os_file_read(file, 0, bytes, sizeof bytes, &size, &err));
    assert_true(size > 200 && fi_block_format_is_header(bytes));
    renew_all(support.dir);
    DB_OK(fi_os_file_read(file, 0, bytes, sizeof bytes, &size, &err));
    assert_true(size > 200);
    for (size_t i = 0; i < size; i++) {
        assert_int_equal(bytes[i], 0);
    }
    fi_os_file_close(file);
    fi_os_dir_close(runs);
    fi_buf_deinit(&names);
    db_support_deinit(&support);
}

/* The bytes that say that a store is changing, set by somebody without a key. */
static void
only_a_key_makes_a_store_one_that_changes(void **state)
{
    struct db_support support;
    struct fi_os_file *file;
    struct fi_buf bytes = {0};
    const struct fi_db_options options = options_of(0);
    struct firn_db *db;
    make_store(&support, FI_CIPHER_XCHACHA20_POLY1305);
    for (uint8_t change = 1; change <= 2; change++) {
        DB_OK(fi_os_file_open(support.dir, FI_STOREFILE_KEYS_NAME, FI_OS_READ | FI_OS_WRITE, 0,
                              &file, &err));
        DB_OK(fi_buf_set_size(&bytes, FI_KEYS_SIZE_MAX));
        DB_OK(fi_os_file_read(file, 0, bytes.data, bytes.size, &bytes.size, &err));
        bytes.data[72] = change;
        fi_keys_format_encode_checksum(bytes.data, bytes.size);
        DB_OK(fi_os_file_write(file, 0, bytes.data, bytes.size, &err));
        fi_os_file_close(file);
        DB_FAILS(fi_db_open(support.dir, &options, &db, &err), FIRN_CORRUPT, "keys");
    }
    fi_buf_deinit(&bytes);
    db_support_deinit(&support);
}

/* ---- faults and power cuts ---- */

enum change { ROTATION, ENCRYPTION, DECRYPTION };

/* As a program does it that can be killed anywhere; any call may fail. */
static int
change_all(struct fi_os_dir *dir, enum change change, firn_error *why)
{
    const struct fi_rekey rekey = rekey_of(dir);
    struct fi_rekey_left left;
    FI_TRY_RETURN(change == ENCRYPTION
                      ? fi_rekey_change_encrypt(&rekey, FI_CIPHER_XCHACHA20_POLY1305, why)
                  : change == DECRYPTION ? fi_rekey_change_decrypt(&rekey, why)
                                         : fi_rekey_rotate(&rekey, why));
    FI_TRY_RETURN(renew(dir, NULL, why));
    return fi_rekey_change_settle(&rekey, &left, why);
}

/* Once more after a power cut; the change may have been complete. */
static void
finish(struct fi_os_dir *dir, enum change change)
{
    const int done = change == ENCRYPTION   ? FIRN_EXISTS
                     : change == DECRYPTION ? FIRN_INVALID
                                            : FIRN_OK;
    int rc = change_all(dir, change, &err);
    assert_true(rc == FIRN_OK || rc == done);
    if (change == DECRYPTION) {
        assert_false(has_keys_file(dir));
        assert_true(db_support_search(dir, MARKER, NULL) > 3);
        return;
    }
    renew_all(dir);
    assert_int_equal(db_support_search(dir, MARKER, NULL), 0);
    assert_int_equal(master_count(dir), 1);
}

static void
change_with_cuts(enum change change, int error_number, bool for_ever, uint64_t loop)
{
    struct test_fault fault = {.loop = loop,
                               .for_ever = for_ever,
                               .classes =
                                   FI_SIM_FAULT_WRITES | FI_SIM_FAULT_SYNCS | FI_SIM_FAULT_METADATA,
                               /* The 64 bytes of FIRN are in one sector, and are not torn. */
                               .kind = change == ROTATION ? FI_SIM_FAULT_TORN : FI_SIM_FAULT_FAILS,
                               .error_number = error_number};
    while (test_fault_next(&fault)) {
        struct db_support support;
        struct fi_os *os;
        struct fi_os_dir *dir;
        firn_error why;
        test_nonces_begin();
        make_store(&support, change == ENCRYPTION ? 0 : FI_CIPHER_XCHACHA20_POLY1305);
        const struct contents before = contents_of(support.dir);
        DB_OK(fi_sim_fault_create(support.os, &os, &err));
        DB_OK(fi_os_dir_open_path(os, fi_os_dir_path(support.dir), &dir, &err));
        test_fault_call(&fault, os);
        int rc = change_all(dir, change, &why);
        test_fault_end(&fault);
        assert_true(rc == FIRN_OK || fault.was_hit);
        fi_os_dir_close(dir);
        fi_sim_fault_destroy(os);
        db_support_cut(&support, fault.n);
        const struct contents cut = contents_of(support.dir);
        assert_same(&before, &cut);
        finish(support.dir, change);
        const struct contents after = contents_of(support.dir);
        assert_same(&before, &after);
        assert_int_equal(test_nonces_repeated(), 0);
        db_support_deinit(&support);
    }
    (void)printf("count: %u power cuts while a store was written anew\n", (unsigned)fault.passes);
}

static void
a_cut_at_any_call_loses_nothing_of_a_rotation(void **state)
{
    change_with_cuts(ROTATION, EIO, true, 1);
    change_with_cuts(ROTATION, ENOSPC, false, 2);
}

static void
a_cut_at_any_call_loses_nothing_of_an_encryption(void **state)
{
    change_with_cuts(ENCRYPTION, EIO, true, 3);
    change_with_cuts(ENCRYPTION, ENOSPC, false, 4);
}

static void
a_cut_at_any_call_loses_nothing_of_a_decryption(void **state)
{
    change_with_cuts(DECRYPTION, EIO, true, 5);
    change_with_cuts(DECRYPTION, ENOSPC, false, 6);
}

static void
a_want_of_memory_leaves_the_store_whole(void **state)
{
    struct test_fault fault = {.loop = 7, .counts = true};
    while (test_fault_next(&fault)) {
        struct db_support support;
        make_store(&support, 0);
        const struct contents before = contents_of(support.dir);
        test_fault_allocation(&fault);
        int rc = change_all(support.dir, ENCRYPTION, &err);
        test_fault_end(&fault);
        /* FAILED: a failure whose result nobody waits for has latched MANIFEST before. */
        assert_true(rc == FIRN_OK ||
                    (fault.was_hit && (rc == FIRN_NO_MEMORY || rc == FIRN_FAILED)));
        const struct contents after = contents_of(support.dir);
        assert_same(&before, &after);
        db_support_deinit(&support);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_old_master_key_opens_nothing_afterwards),
        cmocka_unit_test(a_log_alone_is_written_anew),
        cmocka_unit_test(a_store_in_clear_becomes_encrypted_and_clear_again),
        cmocka_unit_test(keys_are_not_replaced_where_the_identity_is_wrong),
        cmocka_unit_test(what_a_repair_has_put_aside_keeps_a_change_from_ending),
        cmocka_unit_test(what_a_push_or_a_pull_has_left_goes),
        cmocka_unit_test(a_change_can_turn_round_half_way),
        cmocka_unit_test(what_a_reader_needs_is_left_for_later),
        cmocka_unit_test(a_file_in_clear_is_overwritten_before_it_goes),
        cmocka_unit_test(an_old_keys_file_does_not_bring_a_change_back),
        cmocka_unit_test(only_a_key_makes_a_store_one_that_changes),
        cmocka_unit_test(a_cut_at_any_call_loses_nothing_of_a_rotation),
        cmocka_unit_test(a_cut_at_any_call_loses_nothing_of_an_encryption),
        cmocka_unit_test(a_cut_at_any_call_loses_nothing_of_a_decryption),
        cmocka_unit_test(a_want_of_memory_leaves_the_store_whole),
    };
    return cmocka_run_group_tests_name("rekey", tests, NULL, NULL);
}
