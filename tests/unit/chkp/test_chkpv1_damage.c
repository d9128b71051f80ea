/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/chkp: damaged and forged packs. Whatever is done to the files, what is read is right or
 * FIRN_CORRUPT, an object is only "not found" if it is not there, and verify finds all of it.
 */
#include "base/bytes.h"
#include "base/mem.h"
#include "chkp/chkp_format.h"
#include "codec/blake3_hash.h"
#include "codec/hex.h"
#include "support/test.h"
#include "support/test_share.h"
#include "unit/chkp/chkp_fixture.h"

enum { COUNT = 6, SEED = 77 };

static struct chkp_fixture fixture;
static char name[FIRN_CHKP_NAME_SIZE];
static struct fi_buf dat;
static struct fi_buf idx;
static struct fi_buf contents[COUNT];
static firn_hash hashes[COUNT];
static const firn_hash absent = {{0x80, 1, 2, 3}};

static int
set_up(void **state)
{
    chkp_fixture_open(&fixture);
    chkp_fixture_pack(fixture.dir, SEED, COUNT, name);
    chkp_fixture_read(fixture.dir, chkp_fixture_dat(name), &dat);
    chkp_fixture_read(fixture.dir, chkp_fixture_idx(name), &idx);
    for (size_t i = 0; i < COUNT; i++) {
        chkp_fixture_object(SEED, i, &contents[i], &hashes[i]);
    }
    return 0;
}

static int
tear_down(void **state)
{
    for (size_t i = 0; i < COUNT; i++) {
        fi_buf_deinit(&contents[i]);
    }
    fi_buf_deinit(&dat);
    fi_buf_deinit(&idx);
    chkp_fixture_close(&fixture);
    return 0;
}

static void
put_dat(firn_slice bytes)
{
    chkp_fixture_write(fixture.dir, chkp_fixture_dat(name), bytes);
}

static void
put_idx(firn_slice bytes)
{
    chkp_fixture_write(fixture.dir, chkp_fixture_idx(name), bytes);
}

static void
expect_named(const firn_error *err)
{
    assert_true(strstr(err->text, "pack-") != NULL || strstr(err->text, "object ") != NULL);
}

/* Asks for everything in a pack that opens although it is damaged. Returns how many objects
 * could be read. */
static size_t
expect_right_or_corrupt(struct firn_chkp *pack)
{
    firn_error err;
    size_t readable = 0;
    for (size_t i = 0; i < COUNT; i++) {
        uint8_t *data;
        size_t size;
        bool is_there;
        int rc = fi_chkp_read(pack, &hashes[i], SIZE_MAX, &data, &size, &err);
        if (rc == FIRN_OK) {
            assert_int_equal(size, contents[i].size);
            assert_memory_equal(data, contents[i].data, size);
            fi_free(data);
            readable++;
        } else {
            expect_rc(rc, FIRN_CORRUPT, &err);
            expect_named(&err);
        }
        rc = fi_chkp_contains(pack, &hashes[i], &is_there, &err);
        assert_true(rc == FIRN_CORRUPT || (rc == FIRN_OK && is_there));
    }
    int rc = fi_chkp_contains(pack, &absent, &(bool){false}, &err);
    assert_true(rc == FIRN_CORRUPT || rc == FIRN_OK);
    return readable;
}

static void
count_damage(void *ctx, const char *text)
{
    size_t *count = ctx;
    assert_true(strlen(text) > 0);
    ++*count;
}

static void
expect_verify_finds_it(struct firn_chkp *pack)
{
    firn_error err;
    size_t count = 0;
    expect_rc(fi_chkp_verify(pack, count_damage, &count, NULL, &err), FIRN_CORRUPT, &err);
    expect_named(&err);
    assert_true(count > 0);
}

/* The pack as it is on disk, which is not as it was written. Returns how many objects could be
 * read. */
static size_t
expect_damage(const firn_chkp_options *options)
{
    firn_error err;
    struct firn_chkp *pack;
    int rc = fi_chkp_open(fixture.dir, name, options, &pack, &err);
    if (rc != FIRN_OK) {
        assert_true(rc == FIRN_CORRUPT || rc == FIRN_NEWER);
        expect_named(&err);
        assert_null(pack);
        return 0;
    }
    size_t readable = expect_right_or_corrupt(pack);
    expect_verify_finds_it(pack);
    fi_chkp_close(pack);
    return readable;
}

static firn_chkp_options
without_index(void)
{
    firn_chkp_options options = chkp_fixture_defaults;
    options.ignore_index = true;
    return options;
}

static void
every_bit_of_the_dat_matters(void **state)
{
    firn_chkp_options ignoring = without_index();
    struct test_share share = test_share_of(1, 0);
    for (size_t bit = share.first - 1; bit < dat.size * 8; bit += share.step) {
        dat.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
        put_dat(fi_buf_slice(&dat));
        size_t readable = expect_damage(&chkp_fixture_defaults);
        /* One bit takes at most one object along, unless the file cannot be opened at all. */
        assert_true(readable >= COUNT - 1 || bit / 8 < FI_CHKP_HEADER_SIZE);
        if (bit / share.step % 8 == 3) {
            (void)expect_damage(&ignoring);
        }
        dat.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
}

static void
every_bit_of_the_idx_matters(void **state)
{
    firn_error err;
    firn_chkp_options ignoring = without_index();
    struct test_share share = test_share_of(1, 1);
    for (size_t bit = share.first - 1; bit < idx.size * 8; bit += share.step) {
        idx.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
        put_idx(fi_buf_slice(&idx));
        size_t readable = expect_damage(&chkp_fixture_defaults);
        assert_true(readable < COUNT);
        struct firn_chkp *pack = chkp_fixture_open_pack(fixture.dir, name);
        bool is_there;
        expect_rc(fi_chkp_contains(pack, &absent, &is_there, &err), FIRN_CORRUPT, &err);
        fi_chkp_close(pack);
        idx.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    /* The way around a damaged .idx. */
    struct firn_chkp *pack;
    expect_rc(fi_chkp_open(fixture.dir, name, &ignoring, &pack, &err), FIRN_OK, &err);
    assert_int_equal(expect_right_or_corrupt(pack), COUNT);
    expect_rc(fi_chkp_verify(pack, NULL, NULL, NULL, &err), FIRN_OK, &err);
    fi_chkp_close(pack);
    expect_rc(fi_chkp_rebuild_index(fixture.dir, name, &chkp_fixture_defaults, &err), FIRN_OK,
              &err);
    pack = chkp_fixture_open_pack(fixture.dir, name);
    expect_rc(fi_chkp_verify(pack, NULL, NULL, NULL, &err), FIRN_OK, &err);
    fi_chkp_close(pack);
}

static void
a_dat_of_any_other_length_is_damaged(void **state)
{
    firn_chkp_options ignoring = without_index();
    struct test_share share = test_share_of(1, 2);
    for (size_t size = share.first - 1; size < dat.size; size += share.step) {
        put_dat(firn_bytes(dat.data, size));
        size_t readable = expect_damage(&chkp_fixture_defaults);
        assert_true(readable < COUNT);
        assert_int_equal(expect_damage(&ignoring), 0);
    }
    struct fi_buf longer = {0};
    assert_int_equal(fi_buf_append_slice(&longer, fi_buf_slice(&dat)), FIRN_OK);
    for (size_t more = 0; more < 100; more++) {
        assert_int_equal(fi_buf_append_u8(&longer, (uint8_t)more), FIRN_OK);
        put_dat(fi_buf_slice(&longer));
        assert_int_equal(expect_damage(&chkp_fixture_defaults), COUNT);
        assert_int_equal(expect_damage(&ignoring), 0);
    }
    fi_buf_deinit(&longer);
}

static void
an_idx_of_any_other_length_is_damaged(void **state)
{
    firn_error err;
    struct firn_chkp *pack;
    struct fi_buf longer = {0};
    assert_int_equal(fi_buf_append_slice(&longer, fi_buf_slice(&idx)), FIRN_OK);
    assert_int_equal(fi_buf_append_slice(&longer, fi_buf_slice(&idx)), FIRN_OK);
    for (size_t size = 0; size <= longer.size; size++) {
        put_idx(firn_bytes(longer.data, size));
        int rc = fi_chkp_open(fixture.dir, name, &chkp_fixture_defaults, &pack, &err);
        expect_rc(rc, size == idx.size ? FIRN_OK : FIRN_CORRUPT, &err);
        fi_chkp_close(pack);
    }
    fi_buf_deinit(&longer);
}

static void
an_idx_that_lists_other_entries_is_damaged(void **state)
{
    enum { SIZE = FI_CHKP_INDEX_ENTRY_SIZE };
    for (size_t from = 0; from < COUNT; from++) {
        for (size_t to = 0; to < COUNT; to++) {
            if (from == to) {
                continue;
            }
            struct fi_buf changed = {0};
            assert_int_equal(fi_buf_append_slice(&changed, fi_buf_slice(&idx)), FIRN_OK);
            /* One entry in place of another, then both swapped. */
            memcpy(changed.data + to * SIZE, idx.data + from * SIZE, SIZE);
            put_idx(fi_buf_slice(&changed));
            assert_true(expect_damage(&chkp_fixture_defaults) < COUNT);
            memcpy(changed.data + from * SIZE, idx.data + to * SIZE, SIZE);
            put_idx(fi_buf_slice(&changed));
            (void)expect_damage(&chkp_fixture_defaults);
            fi_buf_deinit(&changed);
        }
    }
    /* The .idx of another pack of the same number of entries. */
    char other[FIRN_CHKP_NAME_SIZE];
    struct fi_buf foreign = {0};
    chkp_fixture_pack(fixture.dir, SEED + 1, COUNT, other);
    chkp_fixture_read(fixture.dir, chkp_fixture_idx(other), &foreign);
    put_idx(fi_buf_slice(&foreign));
    assert_int_equal(expect_damage(&chkp_fixture_defaults), 0);
    fi_buf_deinit(&foreign);
}

/* ---- forged numbers ---- */

static const uint64_t hostile[] = {0,
                                   1,
                                   11,
                                   12,
                                   13,
                                   0x7fffffff,
                                   0xffffffff,
                                   0x100000000,
                                   INT64_MAX - 39,
                                   INT64_MAX,
                                   (uint64_t)INT64_MAX + 1,
                                   UINT64_MAX - 52,
                                   UINT64_MAX - 40,
                                   UINT64_MAX - 39,
                                   UINT64_MAX - 12,
                                   UINT64_MAX};
enum { HOSTILE_COUNT = sizeof hostile / sizeof hostile[0] };

/* Puts a number into the bytes of a file, asks, and puts back what was there. */
static void
try_number(struct fi_buf *file, void (*put)(firn_slice bytes), size_t at, uint64_t number)
{
    firn_chkp_options ignoring = without_index();
    uint64_t saved = fi_load_le64(file->data + at);
    if (saved == number) {
        return;
    }
    fi_store_le64(file->data + at, number);
    put(fi_buf_slice(file));
    (void)expect_damage(&chkp_fixture_defaults);
    if (file == &dat) {
        (void)expect_damage(&ignoring);
    }
    fi_store_le64(file->data + at, saved);
    put(fi_buf_slice(file));
}

static void
forged_sizes_and_offsets_are_refused(void **state)
{
    for (size_t i = 0; i < HOSTILE_COUNT; i++) {
        size_t at = FI_CHKP_HEADER_SIZE;
        for (size_t entry = 0; entry < COUNT; entry++) {
            size_t size = (size_t)fi_load_le64(dat.data + at + 32);
            try_number(&dat, put_dat, at + 32, hostile[i]);
            try_number(&dat, put_dat, at + 32, size + hostile[i]);
            try_number(&idx, put_idx, entry * 48 + 32, hostile[i]);
            try_number(&idx, put_idx, entry * 48 + 40, hostile[i]);
            at += 40 + size;
        }
    }
}

/* Packs of the same kind of name, in the same folders, of another format. */
static void
packs_of_the_next_format_are_called_by_their_name(void **state)
{
    firn_error err;
    struct firn_chkp *pack;
    const firn_chkp_options ignoring = without_index();
    dat.data[3] = 'L';
    put_dat(fi_buf_slice(&dat));
    expect_rc(fi_chkp_open(fixture.dir, name, &chkp_fixture_defaults, &pack, &err), FIRN_NEWER,
              &err);
    assert_non_null(strstr(err.text, "is a CHKL pack of chkpt 0.3 or later"));
    expect_rc(fi_chkp_open(fixture.dir, name, &ignoring, &pack, &err), FIRN_NEWER, &err);
    expect_rc(fi_chkp_rebuild_index(fixture.dir, name, &chkp_fixture_defaults, &err), FIRN_NEWER,
              &err);
    dat.data[3] = 'P';
    put_dat(fi_buf_slice(&dat));
}

static void
forged_counts_and_versions_are_refused(void **state)
{
    firn_error err;
    struct firn_chkp *pack;
    firn_chkp_options ignoring = without_index();
    for (size_t i = 0; i < HOSTILE_COUNT; i++) {
        uint32_t number = (uint32_t)hostile[i];
        fi_store_le32(dat.data + 8, number);
        put_dat(fi_buf_slice(&dat));
        (void)expect_damage(&chkp_fixture_defaults);
        assert_int_equal(expect_damage(&ignoring), 0);
        fi_store_le32(dat.data + 8, COUNT);
        if (number == 1) {
            continue;
        }
        fi_store_le32(dat.data + 4, number);
        put_dat(fi_buf_slice(&dat));
        expect_rc(fi_chkp_open(fixture.dir, name, &chkp_fixture_defaults, &pack, &err),
                  number == 0 ? FIRN_CORRUPT : FIRN_NEWER, &err);
        fi_store_le32(dat.data + 4, 1);
    }
}

static void
a_missing_object_and_a_misplaced_one_are_told_apart(void **state)
{
    firn_error err;
    struct fi_chkp_entry entry;
    struct firn_chkp *pack = chkp_fixture_open_pack(fixture.dir, name);
    expect_rc(fi_chkp_locate(pack, &absent, &entry, &err), FIRN_NOT_FOUND, &err);
    expect_rc(fi_chkp_locate(pack, &hashes[2], &entry, &err), FIRN_OK, &err);
    fi_chkp_close(pack);
    for (size_t i = 0; i < COUNT; i++) {
        fi_store_le64(idx.data + i * 48 + 32, dat.size);
    }
    put_idx(fi_buf_slice(&idx));
    pack = chkp_fixture_open_pack(fixture.dir, name);
    expect_rc(fi_chkp_locate(pack, &hashes[2], &entry, &err), FIRN_CORRUPT, &err);
    assert_non_null(strstr(err.text, "outside"));
    fi_chkp_close(pack);
}

/* ---- what verify can still say ---- */

struct told {
    struct fi_buf text; /* lines */
    size_t count;
};

static void
tell(void *ctx, const char *text)
{
    struct told *told = ctx;
    assert_int_equal(fi_buf_append_format(&told->text, "%s\n", text), FIRN_OK);
    told->count++;
}

static bool
was_told_of(struct told *told, const firn_hash *hash)
{
    char hex[FIRN_HASH_HEX_SIZE];
    fi_hex_encode(hash->bytes, sizeof hash->bytes, hex);
    return strstr(fi_buf_text(&told->text), hex) != NULL;
}

static size_t
entry_offset(size_t i)
{
    size_t at = FI_CHKP_HEADER_SIZE;
    while (i-- > 0) {
        at += 40 + (size_t)fi_load_le64(dat.data + at + 32);
    }
    return at;
}

static void
each_damaged_object_is_named(void **state)
{
    firn_error err;
    struct told told = {{0}, 0};
    dat.data[entry_offset(1) + 48] ^= 0x40;
    dat.data[entry_offset(4) + 50] ^= 0x01;
    put_dat(fi_buf_slice(&dat));
    struct firn_chkp *pack = chkp_fixture_open_pack(fixture.dir, name);
    expect_rc(fi_chkp_verify(pack, tell, &told, NULL, &err), FIRN_CORRUPT, &err);
    assert_int_equal(told.count, 3); /* two objects and the name */
    for (size_t i = 0; i < COUNT; i++) {
        assert_int_equal(was_told_of(&told, &hashes[i]), i == 1 || i == 4);
    }
    assert_int_equal(expect_right_or_corrupt(pack), COUNT - 2);
    fi_chkp_close(pack);
    fi_buf_deinit(&told.text);
}

static void
verify_goes_on_behind_a_size_that_leads_nowhere(void **state)
{
    firn_error err;
    struct told told = {{0}, 0};
    fi_store_le64(dat.data + entry_offset(1) + 32, UINT64_MAX);
    dat.data[dat.size - 1] ^= 0x20;
    put_dat(fi_buf_slice(&dat));
    struct firn_chkp *pack = chkp_fixture_open_pack(fixture.dir, name);
    expect_rc(fi_chkp_verify(pack, tell, &told, NULL, &err), FIRN_CORRUPT, &err);
    /* The walk ends at entry 1; after it, by the index, entry 1 itself and the last one. */
    assert_int_equal(told.count, 4);
    for (size_t i = 0; i < COUNT; i++) {
        assert_int_equal(was_told_of(&told, &hashes[i]), i == 1 || i == COUNT - 1);
    }
    assert_int_equal(expect_right_or_corrupt(pack), COUNT - 2);
    fi_chkp_close(pack);
    fi_buf_deinit(&told.text);
}

static void
a_renamed_pack_is_found_by_verify(void **state)
{
    firn_error err;
    (void)snprintf(name, sizeof name, "0123456789abcdef");
    put_dat(fi_buf_slice(&dat));
    put_idx(fi_buf_slice(&idx));
    struct firn_chkp *pack = chkp_fixture_open_pack(fixture.dir, name);
    assert_int_equal(expect_right_or_corrupt(pack), COUNT);
    expect_rc(fi_chkp_verify(pack, NULL, NULL, NULL, &err), FIRN_CORRUPT, &err);
    assert_non_null(strstr(err.text, "has the name"));
    fi_chkp_close(pack);
}

/* ---- packs as the seed's writer may leave them ---- */

static void
an_object_stored_twice_is_no_damage(void **state)
{
    firn_error err;
    struct fi_buf twice = {0};
    struct fi_buf index = {0};
    /* Entry 0 again after the last one. */
    size_t size = entry_offset(1) - entry_offset(0);
    assert_int_equal(fi_buf_append_slice(&twice, fi_buf_slice(&dat)), FIRN_OK);
    assert_int_equal(fi_buf_append(&twice, dat.data + entry_offset(0), size), FIRN_OK);
    fi_store_le32(twice.data + 8, COUNT + 1);
    struct fi_blake3_hash state_of_name;
    firn_hash hash;
    fi_blake3_hash_init(&state_of_name);
    fi_blake3_hash_update(&state_of_name, twice.data + 12, twice.size - 12);
    fi_blake3_hash_update(&state_of_name, twice.data, 12);
    fi_blake3_hash_final(&state_of_name, &hash);
    fi_hex_encode(hash.bytes, 8, name);
    put_dat(fi_buf_slice(&twice));

    for (int turn = 0; turn < 2; turn++) {
        expect_rc(fi_chkp_rebuild_index(fixture.dir, name, &chkp_fixture_defaults, &err), FIRN_OK,
                  &err);
        chkp_fixture_read(fixture.dir, chkp_fixture_idx(name), &index);
        assert_int_equal(index.size, (COUNT + 1) * 48);
        if (turn == 1) {
            /* The seed's sort leaves equal hashes in any order. */
            for (size_t at = 0; at < index.size - 48; at += 48) {
                uint8_t saved[48];
                if (memcmp(index.data + at, index.data + at + 48, 32) == 0) {
                    memcpy(saved, index.data + at, 48);
                    memcpy(index.data + at, index.data + at + 48, 48);
                    memcpy(index.data + at + 48, saved, 48);
                    break;
                }
            }
            put_idx(fi_buf_slice(&index));
        }
        struct firn_chkp *pack = chkp_fixture_open_pack(fixture.dir, name);
        assert_int_equal(expect_right_or_corrupt(pack), COUNT);
        expect_rc(fi_chkp_verify(pack, NULL, NULL, NULL, &err), FIRN_OK, &err);
        fi_chkp_close(pack);
    }
    fi_buf_deinit(&twice);
    fi_buf_deinit(&index);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(every_bit_of_the_dat_matters),
        TEST(every_bit_of_the_idx_matters),
        TEST(a_dat_of_any_other_length_is_damaged),
        TEST(an_idx_of_any_other_length_is_damaged),
        TEST(an_idx_that_lists_other_entries_is_damaged),
        TEST(forged_sizes_and_offsets_are_refused),
        TEST(packs_of_the_next_format_are_called_by_their_name),
        TEST(forged_counts_and_versions_are_refused),
        TEST(a_missing_object_and_a_misplaced_one_are_told_apart),
        TEST(each_damaged_object_is_named),
        TEST(verify_goes_on_behind_a_size_that_leads_nowhere),
        TEST(a_renamed_pack_is_found_by_verify),
        TEST(an_object_stored_twice_is_no_damage),
    };
    return cmocka_run_group_tests_name("chkpv1_damage", tests, NULL, NULL);
}
