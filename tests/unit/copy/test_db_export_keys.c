/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/copy: exports of encrypted stores: the file has keys of its own, opens with the secret that was
 * given for it and with no other, and has nothing in clear; unless it is asked for in clear. An import
 * keeps the keys of the file.
 */
#include <stdio.h>
#include <string.h>

#include "cipher/cipher.h"
#include "copy/copy.h"
#include "store/db_internal.h"
#include "support/store/db_support.h"
#include "support/test_file.h"
#include "unlock/unlock.h"

static const char marker[] = "what nobody else may read";

struct giver {
    const char *secret; /* NULL: there is nobody to ask */
    unsigned asked_new;
    char path[64];
};

static int
give(void *ctx, const struct fi_unlock_request *request, struct fi_unlock_secret *out,
     firn_error *err)
{
    struct giver *giver = ctx;
    if (giver->secret == NULL) {
        return fi_error_set(err, FIRN_NOT_FOUND, "nobody");
    }
    giver->asked_new += request->is_new;
    (void)snprintf(giver->path, sizeof giver->path, "%s", request->path);
    out->size = strlen(giver->secret);
    memcpy(out->bytes, giver->secret, out->size);
    out->kind = FI_KEYS_FILE;
    return FIRN_OK;
}

static struct giver stores = {.secret = "a key file of 32 bytes and more, of the store"};
static struct giver files = {.secret = "a key file of 32 bytes and more, of the file"};
static struct giver nobody;
static const struct fi_unlock_source of_store = {.get = give, .ctx = &stores};
static const struct fi_unlock_source of_file = {.get = give, .ctx = &files};
static const struct fi_unlock_source of_nobody = {.get = give, .ctx = &nobody};

struct scene {
    struct db_support support;
    struct fi_os_dir *root;
    struct firn_db *db;
};

static void
begin(struct scene *scene, unsigned cipher)
{
    const struct fi_db_options options = {.create_if_missing = true,
                                          .memory_bytes = 16 << 20,
                                          .new_cipher = cipher,
                                          .unlock = cipher != 0 ? &of_store : &of_nobody};
    firn_error err;
    db_support_init(&scene->support, 1);
    DB_OK(fi_os_dir_open_path(scene->support.os, "/", &scene->root, &err));
    DB_OK(fi_db_open(scene->support.dir, &options, &scene->db, &err));
    db_support_put(db_support_keyspace(scene->db, "k"), "key", marker);
}

static void
end(struct scene *scene)
{
    firn_error err;
    DB_OK(fi_db_close(scene->db, &err));
    fi_os_dir_close(scene->root);
    db_support_deinit(&scene->support);
}

static int
export_it(struct scene *scene, bool in_clear, const struct fi_unlock_source *keys, firn_error *err)
{
    const struct fi_copy_export_target target = {.os = scene->support.os,
                                                 .path = "/it.firnx",
                                                 .replace_existing = true,
                                                 .in_clear = in_clear,
                                                 .keys = keys};
    struct fi_storefile_progress progress = {.os = scene->support.os};
    return fi_copy_export(scene->db, NULL, &target, &progress, err);
}

static int
import_it(struct scene *scene, const struct fi_unlock_source *unlock, firn_error *err)
{
    struct fi_storefile_progress progress = {.os = scene->support.os};
    struct fi_db_checkpoint_info info;
    return fi_copy_import(scene->support.os, "/it.firnx", "/copy", unlock, &progress, &info, err);
}

static int
open_path(struct scene *scene, const char *path, bool read_only,
          const struct fi_unlock_source *unlock, struct firn_db **out, firn_error *err)
{
    const struct fi_db_options options = {
        .read_only = read_only, .memory_bytes = 16 << 20, .unlock = unlock};
    return fi_db_path_open(scene->support.os, path, &options, out, err);
}

/* Opens it, and finds the value there. */
static unsigned
assert_opens(struct scene *scene, const char *path, bool read_only,
             const struct fi_unlock_source *unlock)
{
    struct firn_db *db;
    struct firn_db_keyspace *keyspace;
    firn_error err;
    DB_OK(open_path(scene, path, read_only, unlock, &db, &err));
    DB_OK(fi_db_keyspace_open_existing(db, "k", &keyspace, &err));
    assert_string_equal(db_support_get(keyspace, "key"), marker);
    unsigned cipher = db->identity.cipher;
    DB_OK(fi_db_close(db, &err));
    return cipher;
}

static bool
has_marker(struct scene *scene)
{
    struct fi_buf bytes = {0};
    bool has_it = false;
    test_file_read(scene->root, "it.firnx", &bytes);
    for (size_t i = 0; i + sizeof marker <= bytes.size && !has_it; i++) {
        has_it = memcmp(bytes.data + i, marker, sizeof marker - 1) == 0;
    }
    fi_buf_deinit(&bytes);
    return has_it;
}

static void
an_export_has_keys_of_its_own(void **state)
{
    static const unsigned ciphers[] = {FI_CIPHER_XCHACHA20_POLY1305, FI_CIPHER_AES_256_GCM};
    for (size_t i = 0; i < 2; i++) {
        struct scene scene;
        struct firn_db *db;
        firn_error err;
        begin(&scene, ciphers[i]);
        files.asked_new = 0;
        DB_OK(export_it(&scene, false, &of_file, &err));
        assert_int_equal(files.asked_new, 1);
        assert_string_equal(files.path, "/it.firnx");
        assert_false(has_marker(&scene));
        assert_int_equal(assert_opens(&scene, "/it.firnx", true, &of_file), ciphers[i]);
        assert_string_equal(files.path, "/it.firnx");
        DB_FAILS(open_path(&scene, "/it.firnx", true, &of_store, &db, &err), FIRN_DENIED,
                 "/it.firnx");
        DB_FAILS(open_path(&scene, "/it.firnx", true, &of_nobody, &db, &err), FIRN_DENIED,
                 "no key was given");
        end(&scene);
    }
}

static void
an_import_keeps_the_keys_of_the_file(void **state)
{
    struct scene scene;
    struct firn_db *db;
    firn_error err;
    begin(&scene, FI_CIPHER_AES_256_GCM);
    DB_OK(export_it(&scene, false, &of_file, &err));
    DB_FAILS(import_it(&scene, &of_store, &err), FIRN_DENIED, "/it.firnx");
    assert_false(test_file_exists(scene.root, "copy"));
    DB_OK(import_it(&scene, &of_file, &err));
    assert_int_equal(assert_opens(&scene, "/copy", false, &of_file), FI_CIPHER_AES_256_GCM);
    DB_FAILS(open_path(&scene, "/copy", false, &of_store, &db, &err), FIRN_DENIED, "/copy");
    end(&scene);
}

static void
an_export_is_never_in_clear_by_itself(void **state)
{
    struct scene scene;
    firn_error err;
    begin(&scene, FI_CIPHER_XCHACHA20_POLY1305);
    size_t before = test_file_count(scene.root);
    DB_FAILS(export_it(&scene, false, &of_nobody, &err), FIRN_DENIED, "none was given for it");
    if (!db_support_is_encrypted()) {
        DB_FAILS(export_it(&scene, false, NULL, &err), FIRN_DENIED,
                 "unless it is asked for in clear: '/it.firnx' cannot be encrypted");
    }
    assert_int_equal(test_file_count(scene.root), before);
    end(&scene);
}

static void
an_export_is_in_clear_if_that_is_asked_for(void **state)
{
    struct scene scene;
    firn_error err;
    begin(&scene, FI_CIPHER_XCHACHA20_POLY1305);
    DB_OK(export_it(&scene, true, &of_file, &err));
    assert_int_equal(assert_opens(&scene, "/it.firnx", true, &of_nobody), 0);
    DB_OK(import_it(&scene, &of_nobody, &err));
    assert_int_equal(assert_opens(&scene, "/copy", false, &of_nobody), 0);
    end(&scene);
}

static void
a_store_in_clear_is_exported_encrypted_where_keys_are_given(void **state)
{
    struct scene scene;
    firn_error err;
    begin(&scene, 0);
    DB_OK(export_it(&scene, false, &of_file, &err));
    assert_false(has_marker(&scene));
    assert_int_equal(assert_opens(&scene, "/it.firnx", true, &of_file),
                     FI_CIPHER_XCHACHA20_POLY1305);
    if (!db_support_is_encrypted()) {
        DB_OK(export_it(&scene, false, NULL, &err));
        assert_int_equal(assert_opens(&scene, "/it.firnx", true, &of_nobody), 0);
    }
    end(&scene);
}

/* The keys file is a part of what is compared with hashes, and the file cannot be read without it. */
static void
a_damaged_file_of_keys_is_damage(void **state)
{
    struct scene scene;
    struct fi_buf bytes = {0};
    struct firn_db *db;
    firn_error err;
    size_t at = 0;
    begin(&scene, FI_CIPHER_XCHACHA20_POLY1305);
    DB_OK(export_it(&scene, false, &of_file, &err));
    test_file_read(scene.root, "it.firnx", &bytes);
    /* FIRN is the first file, FIRN.keys the second one. */
    at = (size_t)2 * 4096 + 100;
    bytes.data[at] ^= 1;
    test_file_write(scene.root, "it.firnx", bytes.data, bytes.size);
    DB_FAILS(open_path(&scene, "/it.firnx", true, &of_file, &db, &err), FIRN_CORRUPT, "FIRN.keys");
    fi_buf_deinit(&bytes);
    end(&scene);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_export_has_keys_of_its_own),
        cmocka_unit_test(an_import_keeps_the_keys_of_the_file),
        cmocka_unit_test(an_export_is_never_in_clear_by_itself),
        cmocka_unit_test(an_export_is_in_clear_if_that_is_asked_for),
        cmocka_unit_test(a_store_in_clear_is_exported_encrypted_where_keys_are_given),
        cmocka_unit_test(a_damaged_file_of_keys_is_damage),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
