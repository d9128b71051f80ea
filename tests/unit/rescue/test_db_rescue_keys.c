/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/rescue: the rescue of encrypted stores: the new one has the same keys and cipher, whatever is
 * lost; nothing of it is in clear; without FIRN.keys or a secret there is none.
 */
#include <string.h>

#include "base/slice.h"
#include "cipher/cipher.h"
#include "rescue/rescue.h"
#include "support/store/db_support.h"
#include "support/test_file.h"
#include "unlock/unlock.h"

static const char marker[] = "what nobody else may read";

struct giver {
    const char *secret; /* NULL: there is nobody to ask */
};

static int
give(void *ctx, const struct fi_unlock_request *request, struct fi_unlock_secret *out,
     firn_error *err)
{
    const struct giver *giver = ctx;
    (void)request;
    if (giver->secret == NULL) {
        return fi_error_set(err, FIRN_NOT_FOUND, "nobody");
    }
    out->size = strlen(giver->secret);
    memcpy(out->bytes, giver->secret, out->size);
    out->kind = FI_KEYS_FILE;
    return FIRN_OK;
}

static struct giver right = {"a key file of 32 bytes and more, the right one"};
static struct giver wrong = {"a key file of 32 bytes and more, another one"};
static struct giver nobody;
static const struct fi_unlock_source right_source = {.get = give, .ctx = &right};
static const struct fi_unlock_source wrong_source = {.get = give, .ctx = &wrong};
static const struct fi_unlock_source no_source = {.get = give, .ctx = &nobody};

struct scene {
    struct db_support support;
    struct fi_os_dir *mended; /* empty */
    struct fi_rescue_result result;
    unsigned told;
    firn_error err;
};

static void
count_report(void *ctx, const char *text)
{
    struct scene *scene = ctx;
    assert_non_null(text);
    scene->told++;
}

static int
rescue(struct scene *scene, const struct fi_unlock_source *source)
{
    const struct fi_rescue_options options = {
        .on_damage = count_report, .ctx = scene, .unlock = source};
    scene->told = 0;
    return fi_rescue(scene->support.dir, scene->mended, &options, &scene->result, &scene->err);
}

static struct firn_db *
open_store(struct fi_os_dir *dir, unsigned cipher)
{
    const struct fi_db_options options = {.create_if_missing = cipher != 0,
                                          .memory_bytes = 16 << 20,
                                          .new_cipher = cipher,
                                          .unlock = &right_source};
    struct firn_db *db;
    firn_error err;
    DB_OK(fi_db_open(dir, &options, &db, &err));
    return db;
}

/* A store with something in a run, unless nothing is flushed, and something in the log. */
static void
begin_with(struct scene *scene, unsigned cipher, bool flushes)
{
    firn_error err;
    struct fi_os_dir *root;
    memset(scene, 0, sizeof *scene);
    db_support_init(&scene->support, 1);
    struct firn_db *db = open_store(scene->support.dir, cipher);
    struct firn_db_keyspace *keyspace = db_support_keyspace(db, "k");
    db_support_put(keyspace, "run", marker);
    DB_OK(flushes ? fi_db_maintain_flush(db, &err) : FIRN_OK);
    db_support_put(keyspace, "log", marker);
    fi_db_abandon(db);
    DB_OK(fi_os_dir_open_path(scene->support.os, "/", &root, &err));
    DB_OK(fi_os_make_dir(root, "mended", 0700, &err));
    fi_os_dir_close(root);
    DB_OK(fi_os_dir_open_path(scene->support.os, "/mended", &scene->mended, &err));
}

static void
begin(struct scene *scene, unsigned cipher)
{
    begin_with(scene, cipher, true);
}

static void
end(struct scene *scene)
{
    fi_os_dir_close(scene->mended);
    db_support_deinit(&scene->support);
}

static void
remove_file(struct fi_os_dir *dir, const char *name)
{
    firn_error err;
    DB_OK(fi_os_remove_file(dir, name, &err));
}

static void
assert_same_keys(struct scene *scene)
{
    struct fi_buf before = {0};
    struct fi_buf after = {0};
    test_file_read(scene->support.dir, FI_STOREFILE_KEYS_NAME, &before);
    test_file_read(scene->mended, FI_STOREFILE_KEYS_NAME, &after);
    assert_int_equal(fi_slice_compare(fi_buf_slice(&before), fi_buf_slice(&after)), 0);
    fi_buf_deinit(&before);
    fi_buf_deinit(&after);
}

static void
assert_cipher(struct fi_os_dir *dir, unsigned cipher)
{
    struct fi_storefile_identity identity;
    struct fi_buf bytes = {0};
    firn_error err;
    test_file_read(dir, FI_STOREFILE_IDENTITY_NAME, &bytes);
    DB_OK(fi_storefile_get_identity(fi_buf_slice(&bytes), "FIRN", &identity, &err));
    assert_int_equal(identity.cipher, cipher);
    fi_buf_deinit(&bytes);
}

static int
look_for_marker(void *ctx, const struct fi_os_dirent *entry)
{
    struct fi_os_dir *dir = ctx;
    struct fi_os_dir *own;
    struct fi_buf bytes = {0};
    if (entry->kind == FI_OS_DIR) {
        assert_int_equal(fi_os_dir_open(dir, entry->name, &own, NULL), FIRN_OK);
        assert_int_equal(fi_os_dir_list(own, look_for_marker, own, NULL), FIRN_OK);
        fi_os_dir_close(own);
        return FIRN_OK;
    }
    test_file_read(dir, entry->name, &bytes);
    for (size_t i = 0; i + sizeof marker <= bytes.size; i++) {
        assert_true(memcmp(bytes.data + i, marker, sizeof marker - 1) != 0);
    }
    fi_buf_deinit(&bytes);
    return FIRN_OK;
}

/* What is rescued has both entries, can be written to, and has nothing in clear. */
static void
assert_rescued(struct scene *scene, unsigned cipher)
{
    firn_error err;
    struct fi_os_dir *own;
    if (rescue(scene, &right_source) != FIRN_OK) {
        fail_msg("%s", scene->err.text);
    }
    assert_same_keys(scene);
    assert_cipher(scene->mended, cipher);
    struct firn_db *db = open_store(scene->mended, 0);
    struct firn_db_keyspace *keyspace = db_support_keyspace(db, "k");
    assert_string_equal(db_support_get(keyspace, "run"), marker);
    assert_string_equal(db_support_get(keyspace, "log"), marker);
    db_support_put(keyspace, "new", marker);
    DB_OK(fi_db_maintain_flush(db, &err));
    DB_OK(fi_db_close(db, &err));
    DB_OK(fi_os_dir_open_path(scene->support.os, "/mended", &own, &err));
    assert_int_equal(fi_os_dir_list(own, look_for_marker, own, NULL), FIRN_OK);
    fi_os_dir_close(own);
}

static const unsigned ciphers[] = {FI_CIPHER_XCHACHA20_POLY1305, FI_CIPHER_AES_256_GCM};

/* ---- what is lost ---- */

static void
a_store_without_its_identity_keeps_keys_and_cipher(void **state)
{
    for (unsigned i = 0; i < 2; i++) {
        struct scene scene;
        begin(&scene, ciphers[i]);
        remove_file(scene.support.dir, FI_STOREFILE_IDENTITY_NAME);
        assert_rescued(&scene, ciphers[i]);
        end(&scene);
    }
}

struct finding {
    const char *prefix;
    char *name;
};

static int
note_segment(void *ctx, const struct fi_os_dirent *entry)
{
    const struct finding *finding = ctx;
    if (strncmp(entry->name, finding->prefix, strlen(finding->prefix)) == 0) {
        strcpy(finding->name, entry->name);
    }
    return FIRN_OK;
}

static bool
find_segment(struct fi_os_dir *dir, const char *prefix, char name[256])
{
    struct finding finding = {prefix, name};
    name[0] = '\0';
    assert_int_equal(fi_os_dir_list(dir, note_segment, &finding, NULL), FIRN_OK);
    return name[0] != '\0';
}

/* No segment says anything. */
static void
a_store_with_runs_and_keys_alone_is_encrypted(void **state)
{
    struct scene scene;
    char name[256] = "";
    begin(&scene, FI_CIPHER_XCHACHA20_POLY1305);
    remove_file(scene.support.dir, FI_STOREFILE_IDENTITY_NAME);
    while (find_segment(scene.support.dir, "manifest-", name) ||
           find_segment(scene.support.dir, "wal-", name)) {
        remove_file(scene.support.dir, name);
    }
    assert_int_equal(rescue(&scene, &no_source), FIRN_DENIED);
    assert_int_equal(rescue(&scene, &right_source), FIRN_OK);
    assert_same_keys(&scene);
    assert_cipher(scene.mended, FI_CIPHER_XCHACHA20_POLY1305);
    end(&scene);
}

static void
a_store_without_manifest_gets_an_encrypted_one(void **state)
{
    struct scene scene;
    char name[256] = "";
    begin(&scene, FI_CIPHER_AES_256_GCM);
    assert_true(find_segment(scene.support.dir, "manifest-", name));
    remove_file(scene.support.dir, name);
    assert_rescued(&scene, FI_CIPHER_AES_256_GCM);
    assert_true(scene.result.was_gathered);
    end(&scene);
}

static void
nothing_is_made_without_the_keys_file(void **state)
{
    for (unsigned i = 0; i < 2; i++) {
        struct scene scene;
        begin(&scene, FI_CIPHER_XCHACHA20_POLY1305);
        remove_file(scene.support.dir, FI_STOREFILE_KEYS_NAME);
        if (i > 0) { /* the log says that it is encrypted */
            remove_file(scene.support.dir, FI_STOREFILE_IDENTITY_NAME);
        }
        assert_int_equal(rescue(&scene, &right_source), FIRN_CORRUPT);
        assert_non_null(strstr(scene.err.text, "FIRN.keys' is missing"));
        assert_non_null(strstr(scene.err.text, "a copy of the store or of this file"));
        assert_int_equal(test_file_count(scene.mended), 0);
        end(&scene);
    }
}

static void
nothing_is_made_without_a_secret(void **state)
{
    for (unsigned i = 0; i < 2; i++) {
        struct scene scene;
        begin(&scene, FI_CIPHER_XCHACHA20_POLY1305);
        if (i > 0) {
            remove_file(scene.support.dir, FI_STOREFILE_IDENTITY_NAME);
        }
        assert_int_equal(rescue(&scene, &no_source), FIRN_DENIED);
        assert_non_null(strstr(scene.err.text, "no key was given"));
        assert_int_equal(rescue(&scene, &wrong_source), FIRN_DENIED);
        assert_int_equal(test_file_count(scene.mended), 0);
        assert_rescued(&scene, FI_CIPHER_XCHACHA20_POLY1305);
        end(&scene);
    }
}

/* ---- what somebody has put there ---- */

/* A segment of a store in clear, where one of an encrypted log was. */
static void
a_log_in_clear_is_damage(void **state)
{
    struct scene scene;
    struct db_support other;
    struct fi_buf bytes = {0};
    firn_error err;
    begin_with(&scene, FI_CIPHER_XCHACHA20_POLY1305, false);
    db_support_init(&other, 2);
    const struct fi_db_options clear = {
        .create_if_missing = true, .memory_bytes = 16 << 20, .unlock = &no_source};
    struct firn_db *db;
    DB_OK(fi_db_open(other.dir, &clear, &db, &err));
    db_support_put(db_support_keyspace(db, "k"), "forged", "value");
    DB_OK(fi_db_close(db, &err));
    test_file_read(other.dir, "wal-000001.log", &bytes);
    test_file_write(scene.support.dir, "wal-000001.log", bytes.data, bytes.size);
    assert_int_equal(rescue(&scene, &right_source), FIRN_OK);
    assert_int_not_equal(scene.result.state, FI_RESCUE_KEPT);
    assert_true(scene.told > 0);
    db = open_store(scene.mended, 0);
    assert_null(db_support_get(db_support_keyspace(db, "k"), "forged"));
    DB_OK(fi_db_close(db, &err));
    fi_buf_deinit(&bytes);
    db_support_deinit(&other);
    end(&scene);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_store_without_its_identity_keeps_keys_and_cipher),
        cmocka_unit_test(a_store_with_runs_and_keys_alone_is_encrypted),
        cmocka_unit_test(a_store_without_manifest_gets_an_encrypted_one),
        cmocka_unit_test(nothing_is_made_without_the_keys_file),
        cmocka_unit_test(nothing_is_made_without_a_secret),
        cmocka_unit_test(a_log_in_clear_is_damage),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
