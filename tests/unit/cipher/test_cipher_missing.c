/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/cipher: what is said where libsodium and libcrypto are not installed. The program runs itself
 * again with a library path on which files of their names are no libraries.
 */
#include <sys/stat.h>
#include <unistd.h>

#include "cipher/cipher.h"
#include "cipher/cipher_passphrase.h"
#include "support/test.h"
#include "support/test_ok.h"
#include "support/test_temp.h"

static firn_error err;

static void
errors_say_what_to_install(void **state)
{
    static const uint8_t zeros[32];
    uint8_t out[32];
    (void)state;
    FAILS(fi_cipher_check(FI_CIPHER_XCHACHA20_POLY1305, &err), FIRN_UNSUPPORTED,
          "apt install libsodium23");
    FAILS(fi_cipher_check(FI_CIPHER_AES_256_GCM, &err), FIRN_UNSUPPORTED,
          "apt install libsodium23 libssl3");
    FAILS(fi_cipher_check(FI_CIPHER_AEGIS_256, &err), FIRN_UNSUPPORTED, "apt install libsodium23");
    for (unsigned number = 1; number <= 3; number++) {
        struct fi_cipher_key *key;
        assert_int_equal(fi_cipher_key_create(number, zeros, &key, &err), FIRN_UNSUPPORTED);
        assert_null(key);
    }
    FAILS(
        fi_cipher_passphrase_stretch(firn_str("x"), zeros, &fi_cipher_passphrase_local, out, &err),
        FIRN_UNSUPPORTED, "apt install libsodium23");
}

static void
make_empty_files(const char *directory)
{
    static const char *const names[] = {"libsodium.so.26", "libsodium.so.23", "libcrypto.so.3"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        char path[TEST_TEMP_SIZE + 32];
        snprintf(path, sizeof path, "%s/%s", directory, names[i]);
        FILE *file = fopen(path, "w");
        if (file == NULL || fclose(file) != 0) {
            abort();
        }
    }
}

int
main(int count, char **arguments)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(errors_say_what_to_install),
    };
    if (count == 1) {
        char directory[TEST_TEMP_SIZE];
        char *again[] = {arguments[0], directory, NULL};
        test_temp_make(directory, sizeof directory);
        make_empty_files(directory);
        if (setenv("LD_LIBRARY_PATH", directory, 1) == 0) {
            (void)execv("/proc/self/exe", again);
        }
        return 1;
    }
    int failed = cmocka_run_group_tests_name("cipher_missing", tests, NULL, NULL);
    char command[TEST_TEMP_SIZE + 32];
    snprintf(command, sizeof command, "rm -r %s", arguments[1]);
    (void)unsetenv("LD_LIBRARY_PATH");
    return system(command) == 0 ? failed : 1;
}
