/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/unlock: where secrets are after keys were unlocked: in no memory of this process but what the keys need, in none of a
 * child of fork, and in no environment or argument of a program that is run.
 *
 * The texts that are looked for are nowhere in this program: they are made by turning bits of others. Memory is read from
 * /proc/self/mem, with what the system has mapped as writable.
 */
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "cipher/cipher.h"
#include "os/os_secret.h"
#include "posix/os_command.h"
#include "posix/os_user_file.h"
#include "support/test_temp.h"
#include "unlock_fixture.h"

enum { MARKER_SIZE = 40, PIECE_SIZE = 1 << 20, MAPPING_SIZE_MAX = 256 << 20 };

/* A sanitizer has large memory of its own, and makes frames larger. */
#if defined(__SANITIZE_ADDRESS__)
#define LOOKS_AT_MEMORY false
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define LOOKS_AT_MEMORY false
#endif
#endif
#ifndef LOOKS_AT_MEMORY
#define LOOKS_AT_MEMORY true
#endif

static firn_error err;
static char directory[TEST_TEMP_SIZE];
static char key_path[128];
static uint8_t *piece; /* the window for looking, wiped after each look */

/* What is looked for: the bytes with the mask. */
struct pattern {
    const uint8_t *bytes;
    uint8_t mask;
};
enum { PART_SIZE = 16 }; /* of a pattern: this much of it in a row counts */
static const struct pattern marker = {(const uint8_t *)"`cbednqpshkjmlo1032547698;:)(+*-,/.!`cbe",
                                      5};

static size_t
count_in(const uint8_t *bytes, size_t size, const struct pattern *pattern)
{
    size_t count = 0;
    for (size_t at = 0; at + PART_SIZE <= size; at++) {
        size_t i = 0;
        while (i < PART_SIZE && bytes[at + i] == (uint8_t)(pattern->bytes[i] ^ pattern->mask)) {
            i++;
        }
        count += i == PART_SIZE;
    }
    return count;
}

/* How often it is in writable memory, but for the window. */
static size_t
count_in_memory(const struct pattern *pattern)
{
    char line[1024];
    size_t count = 0;
    FILE *maps = fopen("/proc/self/maps", "r");
    int memory = open("/proc/self/mem", O_RDONLY);
    assert_non_null(maps);
    assert_true(memory >= 0);
    while (fgets(line, sizeof line, maps) != NULL) {
        unsigned long from;
        unsigned long to;
        char modes[8];
        if (sscanf(line, "%lx-%lx %7s", &from, &to, modes) != 3 || modes[1] != 'w' ||
            to - from > MAPPING_SIZE_MAX || from == (uintptr_t)piece) {
            continue;
        }
        for (unsigned long at = from; at < to; at += PIECE_SIZE - PART_SIZE) {
            size_t size = to - at < PIECE_SIZE ? to - at : PIECE_SIZE;
            ssize_t got = pread(memory, piece, size, (off_t)at);
            count += got > 0 ? count_in(piece, (size_t)got, pattern) : 0;
            fi_os_secret_wipe(piece, PIECE_SIZE);
        }
    }
    (void)close(memory);
    (void)fclose(maps);
    return count;
}

static void
write_marker(uint8_t *out)
{
    for (size_t i = 0; i < MARKER_SIZE; i++) {
        out[i] = marker.bytes[i] ^ marker.mask;
    }
}

/* Locked keys that the marker opens as this kind of secret, or keys that it does not open. */
static struct fi_keys *
make_locked(enum fi_keys_kind kind, bool is_right)
{
    struct fi_keys *keys;
    void *secret;
    OK(fi_keys_create(fi_os_default(), &keys, &err));
    OK(fi_os_secret_allocate(MARKER_SIZE, &secret, &err));
    write_marker(secret);
    assert_true(!LOOKS_AT_MEMORY || count_in_memory(&marker) > 0); /* it would be found */
    unlock_fixture_add(keys, kind, secret, is_right ? MARKER_SIZE : MARKER_SIZE - 1);
    fi_os_secret_free(secret);
    struct fi_keys *locked = unlock_fixture_reread(keys);
    fi_keys_destroy(keys);
    assert_true(!LOOKS_AT_MEMORY || count_in_memory(&marker) == 0);
    return locked;
}

static int
answer(void *ctx, const struct fi_unlock_request *request, struct fi_unlock_secret *out,
       firn_error *error)
{
    (void)ctx;
    (void)request;
    (void)error;
    write_marker(out->bytes);
    out->size = MARKER_SIZE;
    return FIRN_OK;
}
static const struct fi_unlock_source source = {.get = answer, .ctx = NULL, .step = NULL};

enum way { BY_FILE, BY_COMMAND, BY_SOURCE };

/* The keys, unlocked in one way. */
static struct fi_keys *
open_by(enum way way, bool is_right)
{
    char command[512];
    (void)unlock_fixture_begin();
    struct fi_keys *keys =
        make_locked(way == BY_FILE ? FI_KEYS_FILE : FI_KEYS_PASSPHRASE, is_right);
    if (way == BY_FILE) {
        assert_int_equal(setenv("FIRN_KEY_FILE", key_path, 1), 0);
    } else if (way == BY_COMMAND) {
        snprintf(command, sizeof command,
                 "cat /proc/self/environ /proc/self/cmdline > %s/seen; cat %s", directory,
                 key_path);
        assert_int_equal(setenv("FIRN_KEY_COMMAND", command, 1), 0);
    }
    assert_int_equal(fi_unlock_keys(fi_os_default(), "/some/store", keys, &source, &err),
                     is_right ? FIRN_OK : FIRN_DENIED);
    return keys;
}

static void
no_memory_has_it_afterwards(void **state)
{
    (void)state;
    for (enum way way = BY_FILE; way <= BY_SOURCE; way++) {
        for (int is_right = 0; is_right < 2; is_right++) {
            struct fi_keys *keys = open_by(way, is_right);
            assert_int_equal(count_in_memory(&marker), 0);
            fi_keys_destroy(keys);
        }
    }
}

/* The ring key is in memory once, for secrets, and nowhere in a child. */
static void
a_child_of_fork_has_none(void **state)
{
    uint8_t masked[FI_CIPHER_KEY_SIZE];
    const struct pattern ring_pattern = {masked, 0x5a};
    const uint8_t *ring_key;
    int status;
    (void)state;
    struct fi_keys *keys = open_by(BY_SOURCE, true);
    OK(fi_keys_ring_key(keys, &ring_key, &err));
    for (size_t i = 0; i < sizeof masked; i++) {
        masked[i] = ring_key[i] ^ 0x5a;
    }
    assert_int_equal(count_in_memory(&ring_pattern), 1);
    if (fi_unlock_remember(fi_os_default(), keys, 60, &err) == FIRN_OK) {
        assert_int_equal(count_in_memory(&ring_pattern), 1);
    }
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        _exit(count_in_memory(&marker) > 0 || count_in_memory(&ring_pattern) > 0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
    fi_keys_destroy(keys);
    assert_int_equal(count_in_memory(&ring_pattern), 0);
}

static void
no_program_sees_it(void **state)
{
    static const char *const words[] = {"cat", "/proc/self/environ", "/proc/self/cmdline", NULL};
    const struct fi_os_stream_limits limits = {.size_max = 1 << 20,
                                               .timeout_ns = INT64_C(60000000000)};
    char path[160];
    struct fi_buf seen = {0};
    (void)state;
    struct fi_keys *keys = open_by(BY_COMMAND, true);
    OK(fi_os_command_run(fi_os_default(), words, &limits, &seen, &err));
    assert_true(seen.size > 20);
    assert_int_equal(count_in(seen.data, seen.size, &marker), 0);
    /* What the command itself was given. */
    snprintf(path, sizeof path, "%s/seen", directory);
    fi_buf_clear(&seen);
    OK(fi_os_user_file_read(fi_os_default(), path, &limits, &seen, &err));
    assert_true(seen.size > 20);
    assert_int_equal(count_in(seen.data, seen.size, &marker), 0);
    (void)unlink(path);
    fi_buf_deinit(&seen);
    fi_keys_destroy(keys);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_program_sees_it),
    };
    const struct CMUnitTest looking[] = {
        cmocka_unit_test(no_memory_has_it_afterwards),
        cmocka_unit_test(a_child_of_fork_has_none),
    };
    uint8_t bytes[MARKER_SIZE];
    char path[160];
    if (fi_cipher_check(FI_CIPHER_XCHACHA20_POLY1305, &err) != FIRN_OK) {
        printf("SKIPPED: traces of secrets: %s\n", err.text);
        return 0;
    }
    piece = mmap(NULL, PIECE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_true(piece != MAP_FAILED);
    test_temp_make(directory, sizeof directory);
    snprintf(key_path, sizeof key_path, "%s/key", directory);
    int fd = open(key_path, O_WRONLY | O_CREAT, 0600);
    write_marker(bytes);
    assert_int_equal(write(fd, bytes, sizeof bytes), sizeof bytes);
    fi_os_secret_wipe(bytes, sizeof bytes);
    (void)close(fd);
    int failed = cmocka_run_group_tests_name("unlock_traces", tests, NULL, NULL);
    if (LOOKS_AT_MEMORY) {
        failed += cmocka_run_group_tests_name("unlock_traces: memory", looking, NULL, NULL);
    } else {
        puts("SKIPPED: traces of secrets in memory: a sanitizer has memory of its own");
    }
    snprintf(path, sizeof path, "%s/seen", directory);
    (void)unlink(path);
    (void)unlink(key_path);
    (void)rmdir(directory);
    return failed;
}
