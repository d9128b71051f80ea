/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/store: encrypted stores: what opens them, what is refused, that nothing is in clear on the disk,
 * and that no key meets a nonce twice, whenever calls fail and the power goes. That everything else
 * works on them as on stores in clear is for the encrypted twins of other programs
 * (tests/support/store/encrypted.c).
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/slice.h"
#include "cipher/cipher.h"
#include "inspect/inspect.h"
#include "sim/sim_fault.h"
#include "sim/sim_memory.h"
#include "store/db_internal.h"
#include "storefile/storefile.h"
#include "support/store/db_support.h"
#include "support/test_nonces.h"
#include "support/test_random.h"
#include "unlock/unlock.h"

static char right[] = "a key file for tests, of more than 32 bytes";
static char wrong[] = "another key file, also of more than 32 bytes";
static firn_error err;
#define MARKER "The-Marker-That-Nobody-Reads"

static int
get_secret(void *ctx, const struct fi_unlock_request *request, struct fi_unlock_secret *out,
           firn_error *why)
{
    const char *secret = ctx;
    (void)request;
    (void)why;
    out->size = strlen(secret);
    out->kind = FI_KEYS_FILE;
    memcpy(out->bytes, secret, out->size);
    return FIRN_OK;
}
static const struct fi_unlock_source with_right = {.get = get_secret, .ctx = right};
static const struct fi_unlock_source with_wrong = {.get = get_secret, .ctx = wrong};

static const struct fi_db_options create = {.create_if_missing = true,
                                            .memory_bytes = 1 << 20,
                                            .threads = 1,
                                            .unlock = &with_right,
                                            .new_cipher = FI_CIPHER_XCHACHA20_POLY1305};

static void
put_marker(struct firn_db *db, unsigned number)
{
    char key[64];
    (void)snprintf(key, sizeof key, "%03u-" MARKER, number);
    db_support_put(db_support_keyspace(db, "k-" MARKER), key, "value " MARKER);
}

/* ---- every byte of the machine ---- */

struct search {
    struct fi_os_dir *dir;
    unsigned files;
    unsigned found;
};

static int
search_file(void *ctx, const struct fi_os_dirent *entry)
{
    struct search *search = ctx;
    struct fi_os_dir *inner;
    struct fi_buf bytes = {0};
    if (fi_os_dir_open(search->dir, entry->name, &inner, NULL) == FIRN_OK) {
        struct search below = {.dir = inner};
        DB_OK(fi_os_dir_list(inner, search_file, &below, &err));
        fi_os_dir_close(inner);
        search->files += below.files;
        search->found += below.found;
        return FIRN_OK;
    }
    struct fi_os_file *file;
    struct fi_os_stat stat;
    size_t size;
    DB_OK(fi_os_file_open_stat(search->dir, entry->name, FI_OS_READ, 0, &file, &stat, &err));
    DB_OK(fi_buf_set_size(&bytes, stat.size_bytes));
    DB_OK(fi_os_file_read(file, 0, bytes.data, bytes.size, &size, &err));
    search->files++;
    search->found += memmem(bytes.data, size, MARKER, strlen(MARKER)) != NULL;
    search->found += strstr(entry->name, MARKER) != NULL;
    fi_os_file_close(file);
    fi_buf_deinit(&bytes);
    return FIRN_OK;
}

static struct search
search_all(struct fi_os_dir *dir)
{
    struct search search = {0};
    DB_OK(fi_os_dir_open_beneath(dir, "", &search.dir, &err));
    DB_OK(fi_os_dir_list(search.dir, search_file, &search, &err));
    fi_os_dir_close(search.dir);
    return search;
}

static void
nothing_is_in_clear(void **state)
{
    struct db_support support;
    struct firn_db *db;
    db_support_init(&support, 1);
    DB_OK(fi_db_open(support.dir, &create, &db, &err));
    for (unsigned round = 0; round < 3; round++) {
        for (unsigned i = 0; i < 40; i++) {
            put_marker(db, i);
        }
        char name[64];
        (void)snprintf(name, sizeof name, "name-%u-" MARKER, round);
        DB_OK(fi_db_checkpoint_create(db, name, NULL, &err));
        assert_int_equal(search_all(support.dir).found, 0);
        DB_OK(round == 1 ? fi_db_maintain_compact(db, NULL, &err) : fi_db_maintain_flush(db, &err));
        assert_int_equal(search_all(support.dir).found, 0);
        fi_db_abandon(db);
        db_support_cut(&support, round);
        DB_OK(fi_db_open(support.dir, &create, &db, &err));
    }
    DB_OK(fi_db_close(db, &err));
    struct search search = search_all(support.dir);
    assert_true(search.files >= 5 && search.found == 0);
    db_support_deinit(&support);
}

/* ---- what opens it ---- */

static void
make_store(struct db_support *support)
{
    struct firn_db *db;
    db_support_init(support, 1);
    DB_OK(fi_db_open(support->dir, &create, &db, &err));
    put_marker(db, 1);
    DB_OK(fi_db_maintain_flush(db, &err));
    put_marker(db, 2);
    DB_OK(fi_db_close(db, &err));
}

static int
open_with(struct db_support *support, const struct fi_unlock_source *source, bool read_only)
{
    struct firn_db *db;
    struct fi_db_options options = create;
    options.unlock = source;
    options.read_only = read_only;
    options.create_if_missing = !read_only;
    int rc = fi_db_open(support->dir, &options, &db, &err);
    if (rc == FIRN_OK) {
        firn_store_check_result report;
        assert_string_equal(db_support_get(db_support_keyspace(db, "k-" MARKER), "002-" MARKER),
                            "value " MARKER);
        DB_OK(fi_inspect_check(db, NULL, &report, &err));
        assert_int_equal(report.damaged_count, 0);
        DB_OK(fi_db_close(db, &err));
    }
    return rc;
}

static void
its_key_opens_it_and_another_does_not(void **state)
{
    struct db_support support;
    make_store(&support);
    for (int read_only = 0; read_only < 2; read_only++) {
        DB_OK(open_with(&support, &with_right, read_only));
        assert_int_equal(open_with(&support, &with_wrong, read_only), FIRN_DENIED);
        assert_int_equal(open_with(&support, NULL, read_only), FIRN_DENIED);
        assert_non_null(strstr(err.text, "FIRN_KEY_FILE"));
    }
    DB_OK(open_with(&support, &with_right, false));
    db_support_deinit(&support);
}

static void
keys_that_are_damaged_or_missing_are_named(void **state)
{
    struct db_support support;
    struct fi_os_file *file;
    uint8_t byte = 0;
    make_store(&support);
    DB_OK(fi_os_file_open(support.dir, FI_STOREFILE_KEYS_NAME, FI_OS_READ | FI_OS_WRITE, 0, &file,
                          &err));
    DB_OK(fi_os_file_read_exact(file, 100, &byte, 1, &err));
    byte ^= 4;
    DB_OK(fi_os_file_write(file, 100, &byte, 1, &err));
    assert_int_equal(open_with(&support, &with_right, false), FIRN_CORRUPT);
    assert_non_null(strstr(err.text, FI_STOREFILE_KEYS_NAME));
    byte ^= 4;
    DB_OK(fi_os_file_write(file, 100, &byte, 1, &err));
    fi_os_file_close(file);
    DB_OK(open_with(&support, &with_right, false));
    DB_OK(fi_os_remove_file(support.dir, FI_STOREFILE_KEYS_NAME, &err));
    assert_int_equal(open_with(&support, &with_right, true), FIRN_CORRUPT);
    assert_non_null(strstr(err.text, FI_STOREFILE_KEYS_NAME));
    db_support_deinit(&support);
}

/* A store that says that it is in clear, with files that are encrypted: as somebody may make it who
 * wants what is written from now on. */
static void
an_encrypted_store_is_not_continued_in_clear(void **state)
{
    struct db_support support;
    struct fi_storefile_identity identity;
    struct fi_os_file *file;
    struct firn_db *db;
    uint8_t bytes[FI_STOREFILE_IDENTITY_SIZE];
    make_store(&support);
    DB_OK(fi_db_create_read_identity(support.dir, &identity, &err));
    assert_int_equal(identity.cipher, FI_CIPHER_XCHACHA20_POLY1305);
    identity.cipher = 0;
    fi_storefile_put_identity(&identity, bytes);
    DB_OK(fi_os_file_open(support.dir, FI_STOREFILE_IDENTITY_NAME, FI_OS_WRITE, 0, &file, &err));
    DB_OK(fi_os_file_write(file, 0, bytes, sizeof bytes, &err));
    fi_os_file_close(file);
    for (int i = 0; i < 2; i++) {
        const struct fi_db_options options = {.read_only = i == 0, .memory_bytes = 1 << 20};
        assert_int_equal(fi_db_open(support.dir, &options, &db, &err), FIRN_DENIED);
    }
    assert_int_equal(search_all(support.dir).found, 0);
    db_support_deinit(&support);
}

static void
the_identity_has_a_cipher_where_it_says_so(void **state)
{
    struct fi_storefile_identity identity = {.version = FI_STOREFILE_VERSION, .cipher = 2};
    struct fi_storefile_identity read;
    uint8_t bytes[FI_STOREFILE_IDENTITY_SIZE];
    fi_storefile_put_identity(&identity, bytes);
    DB_OK(fi_storefile_get_identity(firn_bytes(bytes, sizeof bytes), "FIRN", &read, &err));
    assert_int_equal(read.cipher, 2);
    identity.cipher = 0;
    fi_storefile_put_identity(&identity, bytes);
    DB_OK(fi_storefile_get_identity(firn_bytes(bytes, sizeof bytes), "FIRN", &read, &err));
    assert_int_equal(read.cipher, 0);
}

static void
a_cipher_that_is_not_here_makes_no_store(void **state)
{
    struct db_support support;
    struct fi_db_create_survey survey;
    struct firn_db *db;
    struct fi_db_options options = create;
    db_support_init(&support, 1);
    options.new_cipher = 77;
    assert_int_equal(fi_db_open(support.dir, &options, &db, &err), FIRN_NEWER);
    options = create;
    options.unlock = NULL;
    assert_int_equal(fi_db_open(support.dir, &options, &db, &err), FIRN_DENIED);
    DB_OK(fi_db_create_inspect(support.dir, &survey, &err));
    assert_false(survey.has_identity || survey.is_unfinished || survey.has_data);
    DB_OK(fi_db_open(support.dir, &create, &db, &err));
    DB_OK(fi_db_close(db, &err));
    db_support_deinit(&support);
}

/* ---- keys and nonces ---- */

/* Two lives of a store; any call may fail. */
static void
live(struct fi_os_dir *dir)
{
    char value[300];
    memset(value, 'v', sizeof value);
    for (unsigned life = 0; life < 2; life++) {
        struct firn_db *db;
        struct firn_db_keyspace *keyspace;
        if (fi_db_open(dir, &create, &db, NULL) != FIRN_OK) {
            continue;
        }
        if (fi_db_keyspace_open(db, "k", &keyspace, NULL) == FIRN_OK) {
            for (unsigned i = 0; i < 12; i++) {
                char key[8];
                (void)snprintf(key, sizeof key, "k%02u", i);
                FI_IGNORE(fi_db_put(keyspace, firn_str(key), firn_bytes(value, sizeof value),
                                    i % 3 == 0 ? FIRN_DURABILITY_FULL : FIRN_DURABILITY_OS, NULL));
                if (i % 5 == 4) {
                    FI_IGNORE(fi_db_maintain_flush(db, NULL));
                }
            }
            FI_IGNORE(fi_db_maintain_compact(db, NULL, NULL));
        }
        if (life == 0) {
            fi_db_abandon(db);
        } else if (fi_db_close(db, NULL) != FIRN_OK) {
            continue;
        }
    }
}

/* Returns whether the call was reached. */
static bool
live_with_fault(uint64_t call, int error_number, bool for_ever, unsigned classes)
{
    struct db_support support;
    struct fi_os *os;
    struct fi_os_dir *dir;
    db_support_init(&support, 5);
    test_nonces_begin();
    DB_OK(fi_sim_fault_create(support.os, &os, &err));
    DB_OK(fi_os_dir_open_path(os, fi_os_dir_path(support.dir), &dir, &err));
    const struct fi_sim_fault_plan plan = {.call = call,
                                           .for_ever = for_ever,
                                           .classes = classes,
                                           .kind = FI_SIM_FAULT_TORN,
                                           .error_number = error_number};
    fi_sim_fault_set_plan(os, &plan);
    live(dir);
    bool was_reached = fi_sim_fault_hits(os) > 0;
    fi_os_dir_close(dir);
    fi_sim_fault_destroy(os);
    db_support_cut(&support, call);
    live(support.dir);
    live(support.dir);
    assert_true(test_nonces_count() > 30);
    assert_int_equal(test_nonces_repeated(), 0);
    assert_int_equal(search_all(support.dir).found, 0);
    db_support_deinit(&support);
    return was_reached;
}

static void
no_key_meets_a_nonce_twice(void **state)
{
    const unsigned written = FI_SIM_FAULT_WRITES | FI_SIM_FAULT_SYNCS | FI_SIM_FAULT_METADATA;
    unsigned cuts = 0;
    if (fi_cipher_check(FI_CIPHER_XCHACHA20_POLY1305, NULL) != FIRN_OK) {
        skip();
    }
    for (uint64_t call = 1; live_with_fault(call, EIO, true, written); call++) {
        cuts++;
    }
    for (uint64_t call = 3; live_with_fault(call, ENOSPC, false, written); call++) {
        cuts++;
    }
    for (uint64_t call = 5; live_with_fault(call, ENOSPC, true, FI_SIM_FAULT_WRITES); call++) {
        cuts++;
    }
    (void)printf("count: %u power cuts of encrypted stores, no key with a nonce twice\n", cuts);
    assert_true(cuts > 40);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_in_clear),
        cmocka_unit_test(its_key_opens_it_and_another_does_not),
        cmocka_unit_test(keys_that_are_damaged_or_missing_are_named),
        cmocka_unit_test(an_encrypted_store_is_not_continued_in_clear),
        cmocka_unit_test(the_identity_has_a_cipher_where_it_says_so),
        cmocka_unit_test(a_cipher_that_is_not_here_makes_no_store),
        cmocka_unit_test(no_key_meets_a_nonce_twice),
    };
    return cmocka_run_group_tests_name("db_encrypted", tests, NULL, NULL);
}
