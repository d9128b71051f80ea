/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/keys: a keys file is what docs/formats/keys.md says: golden files in tests/formats/keys,
 * which make_golden.py there made from the specification alone, are written and read. Other bytes
 * are refused, also under a right checksum.
 */
#include "base/bytes.h"
#include "keys/keys.h"
#include "keys/keys_recovery.h"
#include "keys_fixture.h"
#include "os/os_ops.h"
#include "sim/sim_memory.h"
#include "support/test_file.h"
#include "support/test_identity.h"
#include "support/test_ok.h"

static firn_error err;
static uint8_t counting[2048];
static uint8_t golden[FI_KEYS_SIZE_MAX];
static size_t golden_size;

static void
read_golden(const char *path)
{
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    golden_size = fread(golden, 1, sizeof golden, file);
    assert_int_equal(fclose(file), 0);
    for (size_t i = 0; i < sizeof counting; i++) {
        counting[i] = (uint8_t)i;
    }
}

static void
the_golden_file_is_written(void **state)
{
    struct fi_os *os;
    struct fi_os_ops ops;
    struct fi_keys *keys;
    struct fi_buf out = {0};
    uint16_t number;
    (void)state;
    if (!keys_fixture_has_sodium()) {
        return;
    }
    read_golden("tests/formats/keys/first.keys");
    OK(fi_sim_memory_create(1, &os, &err));
    test_identity_fix(os, &ops);
    fi_sim_memory_set_time(os, 0); /* each reading is a microsecond later */
    OK(fi_keys_create(os, &keys, &err));
    fi_sim_memory_set_time(os, 0);
    const struct fi_keys_secret secret = keys_fixture_file(counting, 32);
    OK(fi_keys_add_slot(keys, os, &secret, firn_str("b\xc3\xbcro"), &number, &err));
    assert_int_equal(number, 1);
    OK(fi_keys_encode(keys, os, &out, &err));
    test_file_compare_golden("tests/formats/keys/first.keys", fi_buf_slice(&out));
    fi_buf_deinit(&out);
    fi_keys_destroy(keys);
    fi_sim_memory_destroy(os);
}

static void
unlock_golden(const struct fi_keys_secret *secret, uint16_t slot)
{
    struct fi_keys *keys;
    const uint8_t *key;
    uint16_t found;
    uint32_t number;
    int64_t made;
    OK(fi_keys_decode(firn_bytes(golden, golden_size), &keys, &err));
    assert_false(fi_keys_is_unlocked(keys));
    OK(fi_keys_unlock(keys, secret, &found, &err));
    assert_int_equal(found, slot);
    assert_int_equal(fi_keys_master_count(keys), 3);
    OK(fi_keys_master(keys, 0, &key, &number, &err));
    assert_int_equal(number, 5);
    assert_memory_equal(key, counting + 5, 32);
    OK(fi_keys_master(keys, 2, &key, NULL, &err));
    assert_memory_equal(key, counting + 2, 32);
    FAILS(fi_keys_master(keys, 3, &key, NULL, &err), FIRN_NOT_FOUND, "master key 3");
    assert_null(key);
    assert_int_equal(fi_keys_master_number(keys, 1, &made), 2);
    assert_true(made == INT64_C(1795320499107024996));
    fi_keys_destroy(keys);
}

static void
the_golden_file_is_read(void **state)
{
    struct fi_keys *keys;
    (void)state;
    read_golden("tests/formats/keys/all.keys");
    OK(fi_keys_decode(firn_bytes(golden, golden_size), &keys, &err));
    assert_int_equal(fi_keys_generation(keys), 41);
    assert_memory_equal(fi_keys_id(keys), counting, FI_KEYS_ID_SIZE);
    assert_int_equal(fi_keys_slot_count(keys), 3);
    const struct fi_keys_slot *slot = fi_keys_slot_at(keys, 0);
    assert_int_equal(slot->kind, FI_KEYS_PASSPHRASE);
    assert_int_equal(slot->number, 2);
    assert_int_equal(slot->cost.passes, 2);
    assert_int_equal(slot->cost.memory_kib, 64);
    assert_true(slot->added_ns == INT64_C(1795320499107024996));
    assert_int_equal(slot->label_size, 3);
    assert_memory_equal(slot->label, "ada", 3);
    slot = fi_keys_slot_at(keys, 2);
    assert_int_equal(slot->kind, FI_KEYS_RECOVERY);
    assert_int_equal(slot->number, 7);
    assert_int_equal(slot->added_ns, -1);
    assert_int_equal(slot->label_size, FI_KEYS_LABEL_SIZE_MAX);
    fi_keys_destroy(keys);
    char code[FI_KEYS_RECOVERY_TEXT_SIZE];
    fi_keys_recovery_encode(counting + 200, code);
    FILE *file = fopen("tests/formats/keys/recovery.txt", "rb");
    char line[FI_KEYS_RECOVERY_TEXT_SIZE];
    assert_non_null(file);
    assert_non_null(fgets(line, sizeof line, file));
    assert_int_equal(fclose(file), 0);
    assert_string_equal(line, code);
    if (!keys_fixture_has_sodium()) {
        return;
    }
    const struct fi_keys_secret passphrase = keys_fixture_passphrase("correct horse");
    const struct fi_keys_secret key_file = keys_fixture_file(counting, sizeof counting);
    const struct fi_keys_secret recovery = keys_fixture_recovery(code);
    unlock_golden(&passphrase, 2);
    unlock_golden(&key_file, 3);
    unlock_golden(&recovery, 7);
}

/* ==== other files ==== */

static int
decode(const uint8_t *bytes, size_t size)
{
    struct fi_keys *keys = (void *)golden;
    int rc = fi_keys_decode(firn_bytes(bytes, size), &keys, &err);
    assert_int_equal(keys != NULL, rc == FIRN_OK);
    fi_keys_destroy(keys);
    return rc;
}

static void
each_flipped_bit_and_each_cut_is_damage(void **state)
{
    (void)state;
    read_golden("tests/formats/keys/all.keys");
    for (size_t i = 0; i < golden_size; i++) {
        assert_int_equal(decode(golden, i), FIRN_CORRUPT);
        for (unsigned bit = 0; bit < 8; bit++) {
            golden[i] ^= (uint8_t)(1 << bit);
            assert_int_equal(decode(golden, golden_size), FIRN_CORRUPT);
            golden[i] ^= (uint8_t)(1 << bit);
        }
    }
    golden[golden_size] = 0;
    assert_int_equal(decode(golden, golden_size + 1), FIRN_CORRUPT);
    assert_int_equal(decode(golden, golden_size), FIRN_OK);
}

struct change {
    size_t offset;
    size_t size;
    uint64_t value;
    int code;
    const char *text;
};

/* With right checksums: made by somebody on purpose. */
static void
hostile_files_are_refused(void **state)
{
    enum { SLOT = FI_KEYS_HEAD_SIZE, SECOND = SLOT + FI_KEYS_SLOT_SIZE };
    static const struct change changes[] = {
        {8, 4, 2, FIRN_NEWER, "version 2"},
        {8, 4, 0, FIRN_NEWER, "version 0"},
        {64, 2, 0, FIRN_CORRUPT, "counts"},
        {64, 2, 2, FIRN_CORRUPT, "size"},
        {64, 2, 4, FIRN_CORRUPT, "size"},
        {64, 2, 17, FIRN_CORRUPT, "counts"},
        {64, 2, 0xffff, FIRN_CORRUPT, "counts"},
        {68, 4, 0, FIRN_CORRUPT, "counts"},
        {68, 4, 2, FIRN_CORRUPT, "size"},
        {68, 4, 1025, FIRN_CORRUPT, "counts"},
        {68, 4, UINT32_MAX, FIRN_CORRUPT, "counts"},
        {66, 2, 7, FIRN_CORRUPT, "numbers of its slots"},
        {72, 1, 3, FIRN_NEWER, "later version"},
        {72, 4, 1 << 16, FIRN_NEWER, "later version"},
        {76, 1, 1, FIRN_NEWER, "later version"},
        {95, 1, 1, FIRN_NEWER, "later version"},
        {SLOT, 1, 0, FIRN_CORRUPT, "without a kind"},
        {SLOT, 1, 4, FIRN_NEWER, "kind 4"},
        {SLOT, 1, 2, FIRN_CORRUPT, "the cost of one"},
        {SLOT + 1, 1, 65, FIRN_CORRUPT, "label"},
        {SLOT + 1, 1, 2, FIRN_CORRUPT, "label"},
        {SLOT + 1, 1, 4, FIRN_CORRUPT, "label"},
        {SLOT + 104, 1, '\n', FIRN_CORRUPT, "label"},
        {SLOT + 104, 1, 0xff, FIRN_CORRUPT, "label"},
        {SLOT + 2, 2, 0, FIRN_CORRUPT, "numbers of its slots"},
        {SECOND + 2, 2, 2, FIRN_CORRUPT, "numbers of its slots"},
        {SECOND + 4, 4, 1, FIRN_CORRUPT, "the cost of one"},
        {SECOND + 8, 4, 8, FIRN_CORRUPT, "the cost of one"},
        {SLOT + 12, 4, 1, FIRN_NEWER, "later version"},
        {SLOT + 4, 4, 0, FIRN_LIMIT, "passes"},
        {SLOT + 4, 4, UINT32_MAX, FIRN_LIMIT, "passes"},
        {SLOT + 8, 4, 64 << 20, FIRN_LIMIT, "KiB"},
        {SLOT + 8, 4, 7, FIRN_LIMIT, "KiB"},
    };
    uint8_t file[FI_KEYS_SIZE_MAX];
    (void)state;
    read_golden("tests/formats/keys/all.keys");
    for (size_t i = 0; i < sizeof changes / sizeof changes[0]; i++) {
        memcpy(file, golden, golden_size);
        for (size_t j = 0; j < changes[i].size; j++) {
            file[changes[i].offset + j] = (uint8_t)(changes[i].value >> 8 * j);
        }
        fi_keys_format_encode_checksum(file, golden_size);
        err.code = FIRN_OK;
        int rc = decode(file, golden_size);
        if (rc != changes[i].code || strstr(err.text, changes[i].text) == NULL) {
            fail_msg("change %zu: %d: %s", i, rc, err.text);
        }
    }
}

/* Each slot is within its bound, and all of them are not. */
static void
expensive_slots_are_counted_together(void **state)
{
    struct fi_keys_slot slots[FI_KEYS_SLOTS_MAX];
    (void)state;
    for (size_t i = 0; i < FI_KEYS_SLOTS_MAX; i++) {
        slots[i] =
            (struct fi_keys_slot){.kind = FI_KEYS_PASSPHRASE, .number = 1, .cost = {4, 1 << 20}};
    }
    OK(fi_keys_format_check_work(slots, 4, &err));
    FAILS(fi_keys_format_check_work(slots, 5, &err), FIRN_LIMIT, "all slots");
    slots[0].kind = FI_KEYS_FILE;
    OK(fi_keys_format_check_work(slots, 5, &err));
    for (size_t i = 0; i < FI_KEYS_SLOTS_MAX; i++) {
        slots[i] = (struct fi_keys_slot){
            .kind = FI_KEYS_PASSPHRASE, .number = 1, .cost = fi_cipher_passphrase_remote};
    }
    OK(fi_keys_format_check_work(slots, FI_KEYS_SLOTS_MAX, &err));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_golden_file_is_written),
        cmocka_unit_test(the_golden_file_is_read),
        cmocka_unit_test(each_flipped_bit_and_each_cut_is_damage),
        cmocka_unit_test(hostile_files_are_refused),
        cmocka_unit_test(expensive_slots_are_counted_together),
    };
    return cmocka_run_group_tests_name("keys_format", tests, NULL, NULL);
}
