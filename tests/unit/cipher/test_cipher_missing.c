/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/cipher: what is said where none of the libraries is installed, and what goes on where
 * libsodium alone is. The program runs itself again with a library path on which files of their
 * names are no libraries.
 */
#include <sys/stat.h>
#include <unistd.h>

#include "base/bytes.h"
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
large_messages_of_aes_need_libsodium_alone(void **state)
{
    enum { SIZE = 1 << 20, MESSAGES = 8 };
    static const uint8_t zeros[32];
    static uint8_t message[SIZE + FI_CIPHER_TAG_SIZE_MAX];
    struct fi_cipher_key *key;
    (void)state;
    if (fi_cipher_check(FI_CIPHER_AES_256_GCM, &err) != FIRN_OK) {
        printf("SKIPPED: %s\n", err.text);
        return;
    }
    OK(fi_cipher_key_create(FI_CIPHER_AES_256_GCM, zeros, &key, &err));
    for (uint64_t i = 0; i < MESSAGES; i++) {
        OK(fi_cipher_seal(key, i, firn_str(""), firn_bytes(message, SIZE), message, &err));
        OK(fi_cipher_open(key, i, firn_str(""), firn_bytes(message, SIZE + 16), message, &err));
        assert_true(fi_bytes_are_zero(message, SIZE));
    }
    fi_cipher_key_destroy(key);
}

/* Files named as the other libraries are, and unless it is to be found, as libsodium is. */
static void
make_empty_files(const char *directory, bool has_libsodium)
{
    static const char *const names[] = {"libcrypto.so.3", "libIPSec_MB.so.1", "libIPSec_MB.so.2",
                                        "libsodium.so.26", "libsodium.so.23"};
    for (size_t i = 0; i < (has_libsodium ? 3 : sizeof names / sizeof names[0]); i++) {
        char path[TEST_TEMP_SIZE + 32];
        snprintf(path, sizeof path, "%s/%s", directory, names[i]);
        FILE *file = fopen(path, "w");
        if (file == NULL || fclose(file) != 0) {
            abort();
        }
    }
}

/* Runs the program again; PATH WHAT are its arguments then. Returns only if that fails. */
static int
run_again(const char *program, bool has_libsodium)
{
    char directory[TEST_TEMP_SIZE];
    char *again[] = {(char *)(uintptr_t)program, directory, has_libsodium ? "libsodium" : "none",
                     NULL};
    test_temp_make(directory, sizeof directory);
    make_empty_files(directory, has_libsodium);
    if (setenv("LD_LIBRARY_PATH", directory, 1) == 0) {
        (void)execv("/proc/self/exe", again);
    }
    return 1;
}

int
main(int count, char **arguments)
{
    const struct CMUnitTest nothing[] = {
        cmocka_unit_test(errors_say_what_to_install),
    };
    const struct CMUnitTest libsodium[] = {
        cmocka_unit_test(large_messages_of_aes_need_libsodium_alone),
    };
    if (count == 1) {
        return run_again(arguments[0], false);
    }
    const bool has_libsodium = strcmp(arguments[2], "libsodium") == 0;
    int failed = has_libsodium ? cmocka_run_group_tests_name("cipher_missing, all others",
                                                             libsodium, NULL, NULL)
                               : cmocka_run_group_tests_name("cipher_missing", nothing, NULL, NULL);
    char command[TEST_TEMP_SIZE + 32];
    snprintf(command, sizeof command, "rm -r %s", arguments[1]);
    (void)unsetenv("LD_LIBRARY_PATH");
    if (system(command) != 0 || failed != 0) {
        return 1;
    }
    return has_libsodium ? 0 : run_again(arguments[0], true);
}
