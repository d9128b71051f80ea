/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/copy: a load that comes between the two looks of who reads a store beside its writer, at the
 * MANIFEST and at the log, with a commit after it: readers and those who copy the store must not
 * see the one without the other. And the lock of those who change its files.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/slice.h"
#include "cipher/cipher.h"
#include "copy/copy_hot.h"
#include "sim/sim_fault.h"
#include "sim/sim_memory.h"
#include "store/db_internal.h"
#include "support/store/db_support.h"
#include "support/test_file.h"
#include "unlock/unlock.h"

/* A store and its writer, and a machine around it that is told when the log is opened. */
struct beside {
    struct db_support support;
    struct fi_os *fault;
    struct fi_os_dir *dir; /* of the store, through that machine */
    struct firn_db *db;
    struct firn_db_keyspace *keyspace;
    unsigned loads; /* still to come, one each time */
    unsigned loaded;
    unsigned looks; /* at the log */
};

static void
load(struct beside *beside)
{
    firn_error err;
    struct firn_db_bulk *bulk;
    beside->loads--;
    beside->loaded++;
    DB_OK(fi_db_bulk_open(beside->keyspace, &bulk, &err));
    DB_OK(fi_db_bulk_put(bulk, firn_str("loaded"), firn_str("1"), &err));
    DB_OK(fi_db_bulk_commit(bulk, &err));
    fi_db_bulk_close(bulk);
    db_support_put(beside->keyspace, "after", "1");
}

static void
on_call(void *ctx, const struct fi_sim_fault_call *call)
{
    struct beside *beside = ctx;
    if (call->kind != FI_SIM_FAULT_OPENS || call->name == NULL ||
        strcmp(call->name, "wal-000001.log") != 0) {
        return;
    }
    beside->looks++;
    if (beside->loads > 0) {
        load(beside);
    }
}

static void
open_beside_with(struct beside *beside, unsigned loads, const struct fi_db_options *options)
{
    firn_error err;
    *beside = (struct beside){.loads = loads};
    db_support_init(&beside->support, 1);
    DB_OK(fi_db_open(beside->support.dir, options, &beside->db, &err));
    beside->keyspace = db_support_keyspace(beside->db, "k");
    db_support_put(beside->keyspace, "before", "1");
    DB_OK(fi_sim_fault_create(beside->support.os, &beside->fault, &err));
    DB_OK(fi_os_dir_open_path(beside->fault, "/store", &beside->dir, &err));
    fi_sim_fault_set_hook(beside->fault, on_call, beside);
}

static void
open_beside(struct beside *beside, unsigned loads)
{
    open_beside_with(beside, loads, &db_support_create);
}

static void
close_beside(struct beside *beside)
{
    firn_error err;
    fi_os_dir_close(beside->dir);
    fi_sim_fault_destroy(beside->fault);
    DB_OK(fi_db_close(beside->db, &err));
    db_support_deinit(&beside->support);
}

static bool
has(struct firn_db *reader, const char *key)
{
    return db_support_get(db_support_keyspace(reader, "k"), key) != NULL;
}

static void
a_reader_sees_no_commit_without_the_load_before_it(void **state)
{
    for (unsigned loads = 0; loads <= 3; loads++) {
        firn_error err;
        struct beside beside;
        struct firn_db *reader;
        open_beside(&beside, loads);
        DB_OK(fi_db_open(beside.dir, &db_support_read_only, &reader, &err));
        assert_true(has(reader, "before"));
        assert_int_equal(has(reader, "loaded"), has(reader, "after"));
        assert_int_equal(beside.loaded > 0, loads > 0);
        beside.loads = 1; /* while it moves on */
        db_support_put(beside.keyspace, "more", "1");
        DB_OK(fi_db_refresh(reader, &err));
        assert_true(has(reader, "more"));
        assert_int_equal(has(reader, "loaded"), has(reader, "after"));
        DB_OK(fi_db_close(reader, &err));
        close_beside(&beside);
    }
}

static void
a_copy_has_no_commit_without_the_load_before_it(void **state)
{
    for (unsigned loads = 0; loads <= 3; loads++) {
        firn_error err;
        struct beside beside;
        struct fi_copy_hot *capture;
        struct fi_copy_hot *again;
        open_beside(&beside, loads);
        DB_OK(fi_copy_hot_open(beside.dir, &capture, &err));
        assert_int_equal(beside.loaded > 0, loads > 0);
        /* It ends where the load began; of an encrypted store, once there is none any more. */
        DB_OK(fi_copy_hot_open(beside.support.dir, &again, &err));
        assert_int_equal(fi_copy_hot_print(capture) == fi_copy_hot_print(again),
                         loads == 0 || db_support_is_encrypted());
        fi_copy_hot_close(again);
        db_support_put(beside.keyspace, "more", "1");
        DB_OK(fi_copy_hot_open(beside.support.dir, &again, &err));
        assert_true(fi_copy_hot_print(capture) != fi_copy_hot_print(again));
        fi_copy_hot_close(again);
        fi_copy_hot_close(capture);
        close_beside(&beside);
    }
}

/* ---- encrypted stores, of which nobody has a key ---- */

static int
give(void *ctx, const struct fi_unlock_request *request, struct fi_unlock_secret *out,
     firn_error *err)
{
    static const char secret[] = "a key file of 32 bytes and more";
    (void)ctx;
    (void)request;
    (void)err;
    out->size = sizeof secret;
    memcpy(out->bytes, secret, sizeof secret);
    out->kind = FI_KEYS_FILE;
    return FIRN_OK;
}
static const struct fi_unlock_source source = {.get = give};
static const struct fi_db_options encrypted = {.create_if_missing = true,
                                               .memory_bytes = 16 << 20,
                                               .new_cipher = FI_CIPHER_XCHACHA20_POLY1305,
                                               .unlock = &source};

/* Copies a file as far as it counts. */
static void
copy_part(struct fi_os_dir *from, struct fi_os_dir *to, const char *name,
          const struct fi_copy_hot_file *part)
{
    struct fi_buf bytes = {0};
    test_file_read(from, name, &bytes);
    if (part->kind == FI_COPY_HOT_CUT) {
        assert_in_range(part->size_bytes, FI_COPY_HOT_HEAD_SIZE, bytes.size);
        assert_memory_equal(bytes.data, part->head, FI_COPY_HOT_HEAD_SIZE);
        bytes.size = (size_t)part->size_bytes;
    }
    test_file_write(to, name, bytes.data, bytes.size);
    fi_buf_deinit(&bytes);
}

struct copying {
    const struct fi_copy_hot *capture; /* NULL: of a folder */
    struct fi_os_dir *from;
    struct fi_os_dir *to;
};

static int
copy_entry(void *ctx, const struct fi_os_dirent *entry)
{
    const struct copying *copying = ctx;
    struct copying inner = {.capture = NULL};
    const struct fi_copy_hot_file part = copying->capture != NULL
                                             ? fi_copy_hot_assess(copying->capture, entry->name)
                                             : fi_copy_hot_assess_in_folder(entry->name);
    assert_int_not_equal(part.kind, FI_COPY_HOT_FOREIGN);
    if (part.kind == FI_COPY_HOT_LEFT_OUT) {
        return FIRN_OK;
    }
    if (!fi_copy_hot_has_folder(entry->name)) {
        copy_part(copying->from, copying->to, entry->name, &part);
        return FIRN_OK;
    }
    firn_error err;
    DB_OK(fi_os_make_dir(copying->to, entry->name, 0700, &err));
    DB_OK(fi_os_dir_open(copying->from, entry->name, &inner.from, &err));
    DB_OK(fi_os_dir_open(copying->to, entry->name, &inner.to, &err));
    DB_OK(fi_os_dir_list(inner.from, copy_entry, &inner, &err));
    fi_os_dir_close(inner.from);
    fi_os_dir_close(inner.to);
    return FIRN_OK;
}

/* The copy has all that was committed before the capture, and opens with the store's secret. */
static void
assert_copy(struct beside *beside, const struct fi_copy_hot *capture, const char *last)
{
    firn_error err;
    struct copying copying = {.capture = capture};
    struct fi_os_dir *root;
    struct firn_db *copy;
    DB_OK(fi_os_dir_open_path(beside->support.os, "/", &root, &err));
    DB_OK(fi_os_make_dir(root, "copy", 0700, &err));
    DB_OK(fi_os_dir_open(root, "copy", &copying.to, &err));
    DB_OK(fi_os_dir_open_path(beside->support.os, "/store", &copying.from, &err));
    DB_OK(fi_os_dir_list(copying.from, copy_entry, &copying, &err));
    struct fi_db_options options = encrypted;
    options.create_if_missing = false;
    DB_OK(fi_db_open(copying.to, &options, &copy, &err));
    assert_true(has(copy, "before"));
    assert_true(has(copy, last));
    db_support_put(db_support_keyspace(copy, "k"), "own", "1");
    DB_OK(fi_db_close(copy, &err));
    fi_os_dir_close(copying.from);
    fi_os_dir_close(copying.to);
    fi_os_dir_close(root);
}

static void
an_encrypted_store_is_captured_without_its_key(void **state)
{
    for (unsigned loads = 0; loads <= 2; loads++) {
        firn_error err;
        struct beside beside;
        struct fi_copy_hot *capture;
        struct fi_copy_hot *again;
        open_beside_with(&beside, loads, &encrypted);
        DB_OK(fi_db_maintain_flush(beside.db, &err));
        db_support_put(beside.keyspace, "last", "1");
        DB_OK(fi_copy_hot_open(beside.dir, &capture, &err));
        DB_OK(fi_copy_hot_open(beside.support.dir, &again, &err));
        assert_true(fi_copy_hot_print(capture) == fi_copy_hot_print(again));
        fi_copy_hot_close(again);
        db_support_put(beside.keyspace, "later", "1");
        assert_copy(&beside, capture, beside.loaded > 0 ? "after" : "last");
        fi_copy_hot_close(capture);
        close_beside(&beside);
    }
}

static void
an_encrypted_store_that_never_rests_cannot_be_captured_now(void **state)
{
    firn_error err;
    struct beside beside;
    struct fi_copy_hot *capture;
    open_beside_with(&beside, 1000, &encrypted);
    DB_FAILS(fi_copy_hot_open(beside.dir, &capture, &err), FIRN_BUSY, "encrypted store '/store'");
    beside.loads = 0;
    DB_OK(fi_copy_hot_open(beside.dir, &capture, &err));
    fi_copy_hot_close(capture);
    close_beside(&beside);
}

/* ---- both kinds ---- */

/* A commit that failed may have used up the very sequence that a load would have. */
static void
chance_keeps_nobody_from_reading(void **state)
{
    firn_error err;
    struct beside beside;
    struct firn_db *reader;
    struct fi_copy_hot *capture;
    open_beside(&beside, 0);
    beside.db->commits.last_sequence = FI_DB_LOAD_STEP;
    db_support_put(beside.keyspace, "after", "1");
    DB_OK(fi_db_open(beside.dir, &db_support_read_only, &reader, &err));
    assert_true(has(reader, "after"));
    assert_in_range(beside.looks, 2, 20);
    DB_OK(fi_db_close(reader, &err));
    DB_OK(fi_copy_hot_open(beside.dir, &capture, &err));
    fi_copy_hot_close(capture);
    close_beside(&beside);
}

/* Nobody is let in because the lock could not be looked at: where LOCK cannot be locked, FIRN shows the writer. */
static void
a_lock_that_cannot_be_had_lets_nobody_in(void **state)
{
    static const struct {
        int error_number;
        int code;
        unsigned classes;
    } cases[] = {
        {EMFILE, FIRN_IO, FI_SIM_FAULT_OPENS},       {EIO, FIRN_IO, FI_SIM_FAULT_OPENS},
        {ENOSPC, FIRN_NO_SPACE, FI_SIM_FAULT_OPENS}, {EACCES, FIRN_BUSY, FI_SIM_FAULT_OPENS},
        {EROFS, FIRN_BUSY, FI_SIM_FAULT_OPENS},      {ELOOP, FIRN_BUSY, FI_SIM_FAULT_OPENS},
        {ENOENT, FIRN_BUSY, FI_SIM_FAULT_OPENS},     {ENOLCK, FIRN_IO, FI_SIM_FAULT_METADATA},
        {EIO, FIRN_IO, FI_SIM_FAULT_METADATA},       {EOPNOTSUPP, FIRN_BUSY, FI_SIM_FAULT_METADATA},
        {0, FIRN_BUSY, FI_SIM_FAULT_OPENS}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        firn_error err;
        struct beside beside;
        struct fi_storefile_lock *lock;
        open_beside(&beside, 0);
        const struct fi_sim_fault_plan plan = {.call = cases[i].error_number != 0,
                                               .classes = cases[i].classes,
                                               .error_number = cases[i].error_number};
        fi_sim_fault_set_plan(beside.fault, &plan);
        assert_int_equal(fi_storefile_lock_hold(beside.dir, true, 0, &lock, &err), cases[i].code);
        assert_null(lock);
        close_beside(&beside);
    }
}

/* By the first bytes of its identity, which may be damaged after them or of another version. */
static void
a_store_is_known_by_how_its_identity_begins(void **state)
{
    static const struct {
        const char *content; /* NULL: of a store */
        bool is_claimed;
    } cases[] = {{NULL, true},        {"firnstor", true}, {"firnstor of another version", true},
                 {"firnsto", false},  {"", false},        {"a firnstore", false},
                 {"FIRNSTOR", false}, {NULL, true}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        firn_error err;
        struct beside beside;
        struct fi_os_file *file;
        bool is_claimed;
        open_beside(&beside, 0);
        if (cases[i].content != NULL) {
            size_t size = strlen(cases[i].content);
            DB_OK(fi_os_file_open(beside.support.dir, "FIRN", FI_OS_READ | FI_OS_WRITE, 0, &file,
                                  &err));
            DB_OK(fi_os_file_truncate(file, 0, &err));
            DB_OK(fi_os_file_write(file, 0, cases[i].content, size, &err));
            fi_os_file_close(file);
        }
        DB_OK(fi_copy_hot_is_claimed(beside.dir, &is_claimed, &err));
        assert_int_equal(is_claimed, cases[i].is_claimed);
        const struct fi_sim_fault_plan plan = {
            .call = 1, .classes = FI_SIM_FAULT_OPENS, .error_number = EIO};
        fi_sim_fault_set_plan(beside.fault, &plan);
        DB_OK(fi_copy_hot_is_claimed(beside.dir, &is_claimed, &err));
        assert_false(is_claimed);
        DB_OK(fi_os_remove_file(beside.support.dir, "FIRN", &err));
        DB_OK(fi_copy_hot_is_claimed(beside.support.dir, &is_claimed, &err));
        assert_false(is_claimed);
        fi_db_abandon(beside.db); /* without its identity it would not close */
        beside.db = NULL;
        close_beside(&beside);
    }
}

struct nth {
    size_t left;
    char name[40];
};

static int
take_nth(void *ctx, const struct fi_os_dirent *entry)
{
    struct nth *nth = ctx;
    if (nth->left-- > 0) {
        return FIRN_OK;
    }
    (void)snprintf(nth->name, sizeof nth->name, "runs/%.30s", entry->name);
    return FIRN_CANCELLED;
}

/* Removes a file of a store that was just flushed, which must be told; its name, or "". */
static void
lose_nth(struct beside *beside, struct nth *nth)
{
    firn_error err;
    struct fi_copy_hot *capture;
    struct fi_os_dir *runs;
    DB_OK(fi_copy_hot_open(beside->dir, &capture, &err));
    assert_null(fi_copy_hot_missing(capture));
    fi_copy_hot_close(capture);
    DB_OK(fi_os_dir_open_path(beside->support.os, "/store/runs", &runs, &err));
    if (fi_os_dir_list(runs, take_nth, nth, NULL) == FIRN_CANCELLED) {
        DB_OK(fi_os_remove_file(runs, nth->name + strlen("runs/"), &err));
        DB_OK(fi_copy_hot_open(beside->dir, &capture, &err));
        assert_string_equal(fi_copy_hot_missing(capture), nth->name);
        fi_copy_hot_close(capture);
    }
    fi_os_dir_close(runs);
}

/* Files of runs and of large values, which the MANIFEST names and nobody opens. */
static void
a_file_that_is_missing_is_named(void **state)
{
    static char value[20000];
    size_t runs = 0;
    size_t values = 0;
    struct nth nth = {.name = "any"};
    if (db_support_is_encrypted()) {
        skip(); /* nobody knows */
    }
    memset(value, 'v', sizeof value - 1);
    for (size_t i = 0; nth.name[0] != '\0'; i++) {
        firn_error err;
        struct beside beside;
        nth = (struct nth){.left = i};
        open_beside(&beside, 0);
        db_support_put(beside.keyspace, "large", value);
        DB_OK(fi_db_maintain_flush(beside.db, &err));
        lose_nth(&beside, &nth);
        runs += strstr(nth.name, ".row") != NULL ? 1 : 0;
        values += strstr(nth.name, ".values") != NULL ? 1 : 0;
        close_beside(&beside);
    }
    assert_true(runs > 0);
    assert_true(values > 0);
}

/* Nothing that fails makes files missing that are there. */
static void
failed_calls_do_not_lose_files(void **state)
{
    static char value[20000];
    memset(value, 'v', sizeof value - 1);
    uint64_t refused = 0;
    uint64_t calls = 0;
    bool was_hit = true;
    for (uint64_t n = 1; was_hit; n++) {
        firn_error err;
        struct beside beside;
        struct fi_copy_hot *capture;
        open_beside(&beside, 0);
        db_support_put(beside.keyspace, "large", value);
        DB_OK(fi_db_maintain_flush(beside.db, &err));
        const struct fi_sim_fault_plan plan = {
            .call = n, .classes = FI_SIM_FAULT_ALL, .error_number = EIO};
        fi_sim_fault_set_plan(beside.fault, &plan);
        if (fi_copy_hot_open(beside.dir, &capture, &err) == FIRN_OK) {
            assert_null(fi_copy_hot_missing(capture));
            fi_copy_hot_close(capture);
        } else {
            refused++;
        }
        was_hit = fi_sim_fault_calls(beside.fault) >= n;
        calls = n;
        close_beside(&beside);
    }
    assert_true(calls > refused && refused > 3);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_reader_sees_no_commit_without_the_load_before_it),
        cmocka_unit_test(a_copy_has_no_commit_without_the_load_before_it),
        cmocka_unit_test(an_encrypted_store_is_captured_without_its_key),
        cmocka_unit_test(an_encrypted_store_that_never_rests_cannot_be_captured_now),
        cmocka_unit_test(chance_keeps_nobody_from_reading),
        cmocka_unit_test(a_lock_that_cannot_be_had_lets_nobody_in),
        cmocka_unit_test(a_store_is_known_by_how_its_identity_begins),
        cmocka_unit_test(a_file_that_is_missing_is_named),
        cmocka_unit_test(failed_calls_do_not_lose_files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
