/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/keys: each slot opens all master keys, nothing else does, and a wrong secret is not damage.
 */
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/bytes.h"
#include "keys/keys_internal.h"
#include "keys_fixture.h"
#include "posix/os_default.h"
#include "sim/sim_fault.h"
#include "support/test_alloc.h"
#include "support/test_fault.h"
#include "support/test_ok.h"

static firn_error err;
static const uint8_t file_bytes[100] = {7, 7, 7};
static const char code[] = "S34W0-NJYCG-SQ7CD-ZM6H1-TB9XE-9NEPQ-TZCDV-KPPVY";

static uint16_t
add(struct fi_keys *keys, const struct fi_keys_secret *secret)
{
    uint16_t number = 0;
    OK(fi_keys_add_slot(keys, fi_os_default(), secret, firn_str("label"), &number, &err));
    assert_int_not_equal(number, 0);
    return number;
}

static struct fi_keys *
make(const char *passphrase)
{
    struct fi_keys *keys;
    const struct fi_keys_secret secret = keys_fixture_passphrase(passphrase);
    OK(fi_keys_create(fi_os_default(), &keys, &err));
    assert_true(fi_keys_is_unlocked(keys));
    assert_int_equal(add(keys, &secret), 1);
    return keys;
}

/* The keys as another process finds them: locked. */
static struct fi_keys *
reread(struct fi_keys *keys, struct fi_buf *out)
{
    struct fi_keys *read;
    fi_buf_clear(out);
    OK(fi_keys_encode(keys, fi_os_default(), out, &err));
    OK(fi_keys_decode(fi_buf_slice(out), &read, &err));
    assert_false(fi_keys_is_unlocked(read));
    return read;
}

static void
assert_same_masters(const struct fi_keys *a, const struct fi_keys *b)
{
    assert_int_equal(fi_keys_master_count(a), fi_keys_master_count(b));
    for (uint32_t number = 0; number <= fi_keys_master_count(a); number++) {
        const uint8_t *left;
        const uint8_t *right;
        OK(fi_keys_master(a, number, &left, NULL, &err));
        OK(fi_keys_master(b, number, &right, NULL, &err));
        assert_memory_equal(left, right, FI_CIPHER_KEY_SIZE);
    }
}

static void
each_slot_opens_all_keys(void **state)
{
    struct fi_buf out = {0};
    const struct fi_keys_secret secrets[] = {
        keys_fixture_passphrase("first"), keys_fixture_passphrase("second"),
        keys_fixture_file(file_bytes, sizeof file_bytes), keys_fixture_recovery(code)};
    (void)state;
    struct fi_keys *keys = make("first");
    for (uint16_t i = 1; i < 4; i++) {
        assert_int_equal(add(keys, &secrets[i]), i + 1);
    }
    OK(fi_keys_rotate(keys, fi_os_default(), &err));
    assert_int_equal(fi_keys_master_count(keys), 2);
    for (uint16_t i = 0; i < 4; i++) {
        struct fi_keys *read = reread(keys, &out);
        uint16_t number;
        assert_int_equal(fi_keys_generation(read), i + 1);
        OK(fi_keys_unlock(read, &secrets[i], &number, &err));
        assert_int_equal(number, i + 1);
        assert_same_masters(keys, read);
        /* The secret of one slot is enough to add a key for all. */
        OK(fi_keys_rotate(read, fi_os_default(), &err));
        struct fi_keys *next = reread(read, &out);
        OK(fi_keys_unlock(next, &secrets[(i + 1) % 4], NULL, &err));
        assert_same_masters(read, next);
        /* Unlocked ones tell whether a secret is right. */
        OK(fi_keys_unlock(next, &secrets[i], &number, &err));
        assert_int_equal(number, i + 1);
        assert_same_masters(read, next);
        fi_keys_destroy(next);
        fi_keys_destroy(read);
    }
    fi_keys_destroy(keys);
    fi_buf_deinit(&out);
}

static void
nothing_of_a_key_is_in_the_file(void **state)
{
    struct fi_buf out = {0};
    const uint8_t *key;
    (void)state;
    struct fi_keys *keys = make("first");
    OK(fi_keys_encode(keys, fi_os_default(), &out, &err));
    OK(fi_keys_master(keys, 1, &key, NULL, &err));
    assert_null(memmem(out.data, out.size, key, 8));
    assert_null(memmem(out.data, out.size, keys->ring->key, 8));
    assert_null(memmem(out.data, out.size, "first", 5));
    /* Nothing is sealed twice with one key: what is random differs each time. */
    struct fi_buf again = {0};
    OK(fi_keys_encode(keys, fi_os_default(), &again, &err));
    assert_int_equal(out.size, again.size);
    const size_t ring = fi_keys_format_ring_offset(&keys->head);
    assert_memory_not_equal(out.data + 32, again.data + 32, FI_KEYS_SALT_SIZE);
    assert_memory_not_equal(out.data + ring, again.data + ring, FI_KEYS_MASTER_SIZE);
    fi_buf_deinit(&again);
    fi_buf_deinit(&out);
    fi_keys_destroy(keys);
}

static void
a_wrong_secret_is_denied(void **state)
{
    struct fi_buf out = {0};
    const uint8_t *key;
    uint16_t number = 7;
    (void)state;
    struct fi_keys *keys = make("first");
    struct fi_keys *read = reread(keys, &out);
    const struct fi_keys_secret wrong = keys_fixture_passphrase("First");
    const struct fi_keys_secret file = keys_fixture_file(file_bytes, sizeof file_bytes);
    const struct fi_keys_secret recovery = keys_fixture_recovery(code);
    FAILS(fi_keys_unlock(read, &wrong, &number, &err), FIRN_DENIED,
          "this passphrase opens no slot");
    assert_int_equal(number, 0);
    assert_null(strstr(err.text, "First"));
    FAILS(fi_keys_unlock(read, &file, NULL, &err), FIRN_NOT_FOUND,
          "no slot of the keys file has a "
          "key file");
    FAILS(fi_keys_unlock(read, &recovery, NULL, &err), FIRN_NOT_FOUND, "has a recovery code");
    assert_false(fi_keys_is_unlocked(read));
    FAILS(fi_keys_master(read, 0, &key, NULL, &err), FIRN_MISUSE, "locked");
    const struct fi_keys_secret empty = keys_fixture_passphrase("");
    const struct fi_keys_secret short_file = keys_fixture_file(file_bytes, 31);
    const struct fi_keys_secret typo = keys_fixture_recovery("S34W1");
    FAILS(fi_keys_unlock(read, &empty, NULL, &err), FIRN_INVALID, "1 to 1024 bytes");
    FAILS(fi_keys_unlock(read, &short_file, NULL, &err), FIRN_INVALID, "32 to 1048576 bytes");
    FAILS(fi_keys_unlock(read, &typo, NULL, &err), FIRN_INVALID, "8 groups");
    /* A key file that is the text of a passphrase is another secret. */
    uint8_t text[40] = "a passphrase that is long enough for it";
    const struct fi_keys_secret as_file = keys_fixture_file(text, 39);
    const struct fi_keys_secret as_text = keys_fixture_passphrase((const char *)text);
    (void)add(keys, &as_file);
    fi_keys_destroy(read);
    read = reread(keys, &out);
    FAILS(fi_keys_unlock(read, &as_text, NULL, &err), FIRN_DENIED, "passphrase");
    OK(fi_keys_unlock(read, &as_file, NULL, &err));
    fi_keys_destroy(read);
    fi_keys_destroy(keys);
    fi_buf_deinit(&out);
}

static void
locked_keys_cannot_be_changed(void **state)
{
    struct fi_buf out = {0};
    struct fi_os *os = fi_os_default();
    uint16_t number;
    (void)state;
    struct fi_keys *keys = make("first");
    struct fi_keys *read = reread(keys, &out);
    const struct fi_keys_secret secret = keys_fixture_passphrase("x");
    FAILS(fi_keys_add_slot(read, os, &secret, firn_str(""), &number, &err), FIRN_MISUSE, "locked");
    FAILS(fi_keys_remove_slot(read, 1, &err), FIRN_MISUSE, "locked");
    FAILS(fi_keys_change_slot(read, os, 1, &secret, &err), FIRN_MISUSE, "locked");
    FAILS(fi_keys_rotate(read, os, &err), FIRN_MISUSE, "locked");
    FAILS(fi_keys_renew(read, os, &err), FIRN_MISUSE, "locked");
    FAILS(fi_keys_encode(read, os, &out, &err), FIRN_MISUSE, "locked");
    fi_keys_destroy(read);
    fi_keys_destroy(keys);
    fi_buf_deinit(&out);
}

static void
slots_come_go_and_change(void **state)
{
    struct fi_buf out = {0};
    struct fi_os *os = fi_os_default();
    const struct fi_keys_secret first = keys_fixture_passphrase("first");
    const struct fi_keys_secret second = keys_fixture_passphrase("second");
    const struct fi_keys_secret third = keys_fixture_passphrase("third");
    const struct fi_keys_secret file = keys_fixture_file(file_bytes, sizeof file_bytes);
    (void)state;
    struct fi_keys *keys = make("first");
    FAILS(fi_keys_remove_slot(keys, 1, &err), FIRN_INVALID, "slot 1 is the last one");
    FAILS(fi_keys_remove_slot(keys, 2, &err), FIRN_NOT_FOUND, "no slot 2");
    assert_int_equal(add(keys, &second), 2);
    assert_int_equal(add(keys, &file), 3);
    OK(fi_keys_remove_slot(keys, 2, &err));
    OK(fi_keys_remove_slot(keys, 3, &err));
    assert_int_equal(add(keys, &second), 4); /* numbers are not used again */
    OK(fi_keys_remove_slot(keys, 1, &err));
    assert_int_equal(fi_keys_slot_count(keys), 1);
    assert_int_equal(fi_keys_slot_at(keys, 0)->number, 4);
    struct fi_keys *read = reread(keys, &out);
    FAILS(fi_keys_unlock(read, &first, NULL, &err), FIRN_DENIED, "passphrase");
    OK(fi_keys_unlock(read, &second, NULL, &err));
    FAILS(fi_keys_change_slot(read, os, 9, &third, &err), FIRN_NOT_FOUND, "no slot 9");
    FAILS(fi_keys_change_slot(read, os, 4, &file, &err), FIRN_INVALID, "another passphrase");
    OK(fi_keys_change_slot(read, os, 4, &third, &err));
    assert_int_equal(fi_keys_slot_at(read, 0)->number, 4);
    assert_memory_equal(fi_keys_slot_at(read, 0)->label, "label", 5);
    fi_keys_destroy(keys);
    keys = reread(read, &out);
    FAILS(fi_keys_unlock(keys, &second, NULL, &err), FIRN_DENIED, "passphrase");
    OK(fi_keys_unlock(keys, &third, NULL, &err));
    assert_same_masters(keys, read);
    fi_keys_destroy(read);
    fi_keys_destroy(keys);
    fi_buf_deinit(&out);
}

/* Who was let in once has kept the ring key and an old slot. */
static void
renewed_keys_are_closed_to_old_slots(void **state)
{
    struct fi_buf old = {0};
    struct fi_buf out = {0};
    struct fi_os *os = fi_os_default();
    const struct fi_keys_secret first = keys_fixture_passphrase("first");
    const struct fi_keys_secret second = keys_fixture_passphrase("second");
    uint8_t ring_key[FI_CIPHER_KEY_SIZE];
    (void)state;
    struct fi_keys *keys = make("first");
    OK(fi_keys_encode(keys, os, &old, &err));
    memcpy(ring_key, keys->ring->key, sizeof ring_key);
    OK(fi_keys_renew(keys, os, &err));
    assert_int_equal(fi_keys_master_count(keys), 2);
    assert_int_equal(fi_keys_slot_count(keys), 0);
    FAILS(fi_keys_encode(keys, os, &out, &err), FIRN_INVALID, "without a slot");
    assert_int_equal(add(keys, &second), 2);
    assert_memory_not_equal(ring_key, keys->ring->key, sizeof ring_key);
    struct fi_keys *read = reread(keys, &out);
    FAILS(fi_keys_unlock(read, &first, NULL, &err), FIRN_DENIED, "passphrase");
    OK(fi_keys_unlock(read, &second, NULL, &err));
    assert_same_masters(keys, read);
    fi_keys_destroy(read);
    /* The old slot, put into the new file. */
    memcpy(out.data + FI_KEYS_HEAD_SIZE, old.data + FI_KEYS_HEAD_SIZE, FI_KEYS_SLOT_SIZE);
    fi_keys_format_encode_checksum(out.data, out.size);
    OK(fi_keys_decode(fi_buf_slice(&out), &read, &err));
    FAILS(fi_keys_unlock(read, &first, NULL, &err), FIRN_CORRUPT, "could not unlock it");
    assert_false(fi_keys_is_unlocked(read));
    fi_keys_destroy(read);
    fi_keys_destroy(keys);
    fi_buf_deinit(&out);
    fi_buf_deinit(&old);
}

static void
the_ring_key_opens_until_it_is_renewed(void **state)
{
    struct fi_buf out = {0};
    struct fi_os *os = fi_os_default();
    const struct fi_keys_secret second = keys_fixture_passphrase("second");
    const uint8_t *borrowed;
    uint8_t kept[FI_CIPHER_KEY_SIZE];
    uint8_t other[FI_CIPHER_KEY_SIZE] = {0};
    (void)state;
    struct fi_keys *keys = make("first");
    struct fi_keys *read = reread(keys, &out);
    FAILS(fi_keys_ring_key(read, &borrowed, &err), FIRN_MISUSE, "locked");
    assert_null(borrowed);
    OK(fi_keys_ring_key(keys, &borrowed, &err));
    memcpy(kept, borrowed, sizeof kept);
    FAILS(fi_keys_unlock_ring(read, other, &err), FIRN_DENIED, "does not open the keys file");
    assert_false(fi_keys_is_unlocked(read));
    OK(fi_keys_unlock_ring(read, kept, &err));
    assert_same_masters(keys, read);
    /* Unlocked ones tell whether it is right. */
    OK(fi_keys_unlock_ring(read, kept, &err));
    FAILS(fi_keys_unlock_ring(read, other, &err), FIRN_DENIED, "does not open the keys file");
    /* Rotating, and changing slots, leave it as it is. */
    OK(fi_keys_rotate(keys, os, &err));
    (void)add(keys, &second);
    OK(fi_keys_remove_slot(keys, 1, &err));
    fi_keys_destroy(read);
    read = reread(keys, &out);
    OK(fi_keys_unlock_ring(read, kept, &err));
    assert_same_masters(keys, read);
    OK(fi_keys_renew(keys, os, &err));
    (void)add(keys, &second);
    fi_keys_destroy(read);
    read = reread(keys, &out);
    FAILS(fi_keys_unlock_ring(read, kept, &err), FIRN_DENIED, "does not open the keys file");
    OK(fi_keys_unlock(read, &second, NULL, &err));
    fi_keys_destroy(read);
    fi_keys_destroy(keys);
    fi_buf_deinit(&out);
}

/* With right checksums, as somebody who cannot open a slot would change the file. */
static void
a_forged_file_is_damage(void **state)
{
    struct fi_buf out = {0};
    (void)state;
    const struct fi_keys_secret secret = keys_fixture_file(file_bytes, sizeof file_bytes);
    struct fi_keys *keys = make("first");
    (void)add(keys, &secret);
    OK(fi_keys_encode(keys, fi_os_default(), &out, &err));
    const size_t slot = FI_KEYS_HEAD_SIZE + FI_KEYS_SLOT_SIZE;
    size_t damaged = 0;
    for (size_t i = 0; i < out.size - FI_KEYS_CHECKSUM_SIZE; i++) {
        struct fi_keys *read;
        out.data[i] ^= 1;
        fi_keys_format_encode_checksum(out.data, out.size);
        int rc = fi_keys_decode(fi_buf_slice(&out), &read, &err);
        if (rc == FIRN_OK) {
            /* Id, salt and check decide whether the secret is that of the slot. */
            const bool is_denied = (i >= 16 && i < 32) || (i >= slot + 24 && i < slot + 56);
            rc = fi_keys_unlock(read, &secret, NULL, &err);
            const bool is_other_kind = i == slot;
            assert_int_equal(rc, is_denied       ? FIRN_DENIED
                                 : is_other_kind ? FIRN_NOT_FOUND
                                                 : FIRN_CORRUPT);
            assert_false(fi_keys_is_unlocked(read));
            damaged++;
        }
        fi_keys_destroy(read);
        out.data[i] ^= 1;
    }
    assert_true(damaged > 300);
    fi_keys_destroy(keys);
    fi_buf_deinit(&out);
}

/* ==== limits ==== */

static void
there_are_at_most_so_many(void **state)
{
    struct fi_buf out = {0};
    struct fi_os *os = fi_os_default();
    uint16_t number;
    static char text[FI_CIPHER_PASSPHRASE_SIZE_MAX + 2];
    (void)state;
    memset(text, 'x', sizeof text - 1);
    struct fi_keys *keys = make("first");
    struct fi_keys_secret secret = keys_fixture_passphrase(text);
    FAILS(fi_keys_add_slot(keys, os, &secret, firn_str(""), &number, &err), FIRN_INVALID,
          "1 to 1024");
    secret.bytes.size--;
    FAILS(fi_keys_add_slot(keys, os, &secret, firn_bytes(text, 65), &number, &err), FIRN_INVALID,
          "label");
    FAILS(fi_keys_add_slot(keys, os, &secret, firn_str("a\nb"), &number, &err), FIRN_INVALID,
          "label");
    FAILS(fi_keys_add_slot(keys, os, &secret, firn_str("a\xc2\x9b"), &number, &err), FIRN_INVALID,
          "label");
    secret.cost.memory_kib = 2 << 20;
    FAILS(fi_keys_add_slot(keys, os, &secret, firn_str(""), &number, &err), FIRN_LIMIT, "a cost");
    secret.cost.memory_kib = 8;
    for (size_t i = 1; i < FI_KEYS_SLOTS_MAX; i++) {
        OK(fi_keys_add_slot(keys, os, &secret, firn_bytes(text, 64), &number, &err));
    }
    FAILS(fi_keys_add_slot(keys, os, &secret, firn_str(""), &number, &err), FIRN_LIMIT,
          "at most 16 slots");
    for (size_t i = 1; i < FI_KEYS_MASTERS_MAX; i++) {
        OK(fi_keys_rotate(keys, os, &err));
    }
    FAILS(fi_keys_rotate(keys, os, &err), FIRN_LIMIT, "at most 1024 master keys");
    FAILS(fi_keys_renew(keys, os, &err), FIRN_LIMIT, "at most 1024 master keys");
    struct fi_keys *read = reread(keys, &out);
    assert_int_equal(out.size, FI_KEYS_SIZE_MAX);
    OK(fi_keys_unlock(read, &secret, NULL, &err));
    assert_same_masters(keys, read);
    fi_keys_destroy(read);
    fi_keys_destroy(keys);
    fi_buf_deinit(&out);
}

static double
cpu_seconds(void)
{
    struct timespec now;
    assert_int_equal(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now), 0);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* The first slot is cheap, and the passphrase opens it: the second one is tried as well. */
static void
all_slots_are_tried_to_the_end(void **state)
{
    struct fi_buf out = {0};
    uint8_t stretched[FI_CIPHER_PASSPHRASE_OUT_SIZE];
    (void)state;
    struct fi_keys *keys = make("first");
    const struct fi_keys_secret first = keys_fixture_passphrase("first");
    struct fi_keys_secret second = keys_fixture_passphrase("second");
    second.cost = (struct fi_cipher_passphrase_cost){2, 32 << 10};
    (void)add(keys, &second);
    struct fi_keys *read = reread(keys, &out);
    double before = cpu_seconds();
    OK(fi_cipher_passphrase_stretch(second.bytes, file_bytes, &second.cost, stretched, &err));
    double alone = cpu_seconds() - before;
    before = cpu_seconds();
    OK(fi_keys_unlock(read, &first, NULL, &err));
    assert_true(cpu_seconds() - before > alone / 4);
    fi_keys_destroy(read);
    fi_keys_destroy(keys);
    fi_buf_deinit(&out);
}

/* ==== faults ==== */

static int
live_through(struct fi_os *os, struct fi_buf *out)
{
    const struct fi_keys_secret first = keys_fixture_passphrase("first");
    const struct fi_keys_secret second = keys_fixture_file(file_bytes, sizeof file_bytes);
    struct fi_keys *keys = NULL;
    struct fi_keys *read = NULL;
    const uint8_t *ring_key;
    uint16_t number;
    int rc;
    FI_TRY(fi_keys_create(os, &keys, &err));
    FI_TRY(fi_keys_add_slot(keys, os, &first, firn_str("a"), &number, &err));
    FI_TRY(fi_keys_rotate(keys, os, &err));
    FI_TRY(fi_keys_encode(keys, os, out, &err));
    FI_TRY(fi_keys_ring_key(keys, &ring_key, &err));
    FI_TRY(fi_keys_decode(fi_buf_slice(out), &read, &err));
    FI_TRY(fi_keys_unlock_ring(read, ring_key, &err));
    fi_keys_destroy(read);
    FI_TRY(fi_keys_decode(fi_buf_slice(out), &read, &err));
    FI_TRY(fi_keys_unlock(read, &first, NULL, &err));
    FI_TRY(fi_keys_change_slot(read, os, 1, &first, &err));
    FI_TRY(fi_keys_renew(read, os, &err));
    FI_TRY(fi_keys_add_slot(read, os, &second, firn_str("b"), &number, &err));
    fi_buf_clear(out);
    FI_TRY(fi_keys_encode(read, os, out, &err));
out:
    fi_keys_destroy(keys);
    fi_keys_destroy(read);
    return rc;
}

static void
failures_leave_nothing_behind(void **state)
{
    struct test_fault memory = {.counts = true};
    (void)state;
    while (test_fault_next(&memory)) {
        struct fi_buf out = {0};
        test_fault_allocation(&memory);
        int rc = live_through(fi_os_default(), &out);
        test_fault_end(&memory);
        test_fault_expect(&memory, rc, FIRN_NO_MEMORY);
        fi_buf_deinit(&out);
    }
    struct fi_os *os;
    struct test_fault calls = {.classes = 0};
    OK(fi_sim_fault_create(fi_os_default(), &os, &err));
    while (test_fault_next(&calls)) {
        struct fi_buf out = {0};
        test_fault_call(&calls, os);
        int rc = live_through(os, &out);
        test_fault_end(&calls);
        test_fault_expect(&calls, rc, FIRN_IO);
        fi_buf_deinit(&out);
    }
    assert_true(calls.refused > 8); /* each time random bits are needed */
    fi_sim_fault_destroy(os);
}

/* 0: as it should be. */
static int
try_in_child(struct fi_keys *keys)
{
    const struct fi_keys_secret first = keys_fixture_passphrase("first");
    struct fi_buf out = {0};
    const uint8_t *key;
    return fi_keys_is_unlocked(keys)                                          ? 1
           : fi_keys_master(keys, 0, &key, NULL, &err) != FIRN_MISUSE         ? 2
           : fi_keys_encode(keys, fi_os_default(), &out, &err) != FIRN_MISUSE ? 3
           : fi_keys_unlock(keys, &first, NULL, &err) != FIRN_MISUSE          ? 4
           : fi_keys_ring_key(keys, &key, &err) != FIRN_MISUSE                ? 5
           : fi_keys_unlock_ring(keys, file_bytes, &err) != FIRN_MISUSE       ? 6
                                                                              : 0;
}

static void
a_child_of_fork_is_locked_out(void **state)
{
    int status;
    (void)state;
    struct fi_keys *keys = make("first");
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        _exit(try_in_child(keys));
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
    fi_keys_destroy(keys);
    fi_keys_destroy(NULL);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(failures_leave_nothing_behind),
        cmocka_unit_test(each_slot_opens_all_keys),
        cmocka_unit_test(nothing_of_a_key_is_in_the_file),
        cmocka_unit_test(a_wrong_secret_is_denied),
        cmocka_unit_test(locked_keys_cannot_be_changed),
        cmocka_unit_test(slots_come_go_and_change),
        cmocka_unit_test(renewed_keys_are_closed_to_old_slots),
        cmocka_unit_test(the_ring_key_opens_until_it_is_renewed),
        cmocka_unit_test(a_forged_file_is_damage),
        cmocka_unit_test(there_are_at_most_so_many),
        cmocka_unit_test(all_slots_are_tried_to_the_end),
        cmocka_unit_test(a_child_of_fork_is_locked_out),
    };
    return keys_fixture_has_sodium() ? cmocka_run_group_tests_name("keys", tests, NULL, NULL) : 0;
}
