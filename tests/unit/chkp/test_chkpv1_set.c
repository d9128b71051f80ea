/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/chkp: several packs of one folder: who answers, and what is said when some cannot.
 */
#include "base/mem.h"
#include "base/slice.h"
#include "codec/blake3_hash.h"
#include "support/test.h"
#include "support/test_descriptors.h"
#include "unit/chkp/chkp_fixture.h"

static struct chkp_fixture fixture;

static int
set_up(void **state)
{
    chkp_fixture_open(&fixture);
    return 0;
}

static int
tear_down(void **state)
{
    chkp_fixture_close(&fixture);
    return 0;
}

struct told {
    struct fi_buf text;
    size_t count;
};

static void
tell(void *ctx, const char *text)
{
    struct told *told = ctx;
    assert_int_equal(fi_buf_append_format(&told->text, "%s\n", text), FIRN_OK);
    told->count++;
}

static struct firn_chkp_set *
open_all(struct told *told)
{
    firn_error err;
    struct firn_chkp_set *set;
    expect_rc(fi_chkp_set_open(fixture.dir, NULL, 0, &chkp_fixture_defaults,
                               told == NULL ? NULL : tell, told, &set, &err),
              FIRN_OK, &err);
    return set;
}

/* A pack of the given texts. */
static void
pack_of(const char *const *texts, size_t count, char name[FIRN_CHKP_NAME_SIZE])
{
    firn_error err;
    struct firn_chkp_writer *writer;
    expect_rc(fi_chkp_writer_create(fixture.dir, &writer, &err), FIRN_OK, &err);
    for (size_t i = 0; i < count; i++) {
        expect_rc(fi_chkp_writer_add(writer, firn_str(texts[i]), NULL, NULL, &err), FIRN_OK, &err);
    }
    expect_rc(fi_chkp_writer_finish(writer, name, &err), FIRN_OK, &err);
    fi_chkp_writer_destroy(writer);
}

static firn_hash
hash_of(const char *text)
{
    firn_hash hash;
    fi_blake3_hash_of(text, strlen(text), &hash);
    return hash;
}

static int
read_text(struct firn_chkp_set *set, const char *text, firn_error *err)
{
    uint8_t *data;
    size_t size;
    firn_hash hash = hash_of(text);
    int rc = fi_chkp_set_read(set, &hash, SIZE_MAX, &data, &size, err);
    if (rc == FIRN_OK) {
        assert_true(fi_slice_equal(firn_bytes(data, size), firn_str(text)));
    } else {
        assert_null(data);
    }
    fi_free(data);
    return rc;
}

static const char *const some[] = {"one", "shared"};
static const char *const others[] = {"two", "shared", "three"};

/* Two packs that share an object, in ascending order of names. */
static void
make_two(char low[FIRN_CHKP_NAME_SIZE], char high[FIRN_CHKP_NAME_SIZE])
{
    char first[FIRN_CHKP_NAME_SIZE];
    char second[FIRN_CHKP_NAME_SIZE];
    pack_of(some, 2, first);
    pack_of(others, 3, second);
    bool is_ascending = strcmp(first, second) < 0;
    memcpy(low, is_ascending ? first : second, FIRN_CHKP_NAME_SIZE);
    memcpy(high, is_ascending ? second : first, FIRN_CHKP_NAME_SIZE);
}

static void
damage(const char *file, size_t at)
{
    struct fi_buf bytes = {0};
    chkp_fixture_read(fixture.dir, file, &bytes);
    bytes.data[at] ^= 1;
    chkp_fixture_write(fixture.dir, file, fi_buf_slice(&bytes));
    fi_buf_deinit(&bytes);
}

static void
the_first_pack_that_has_it_answers(void **state)
{
    firn_error err;
    char low[FIRN_CHKP_NAME_SIZE];
    char high[FIRN_CHKP_NAME_SIZE];
    make_two(low, high);
    firn_hash shared = hash_of("shared");
    struct fi_chkp_entry entry;
    const char *name;
    bool is_there;

    struct firn_chkp_set *set = open_all(NULL);
    assert_int_equal(fi_chkp_set_count(set), 2);
    assert_int_equal(fi_chkp_set_object_count(set), 5);
    assert_string_equal(fi_chkp_set_name(set, 0), low);
    assert_string_equal(fi_chkp_set_name(set, 1), high);
    assert_null(fi_chkp_set_name(set, 2));
    expect_rc(fi_chkp_set_locate(set, &shared, &entry, &name, &err), FIRN_OK, &err);
    assert_string_equal(name, low);
    static const char *const all[] = {"one", "two", "three", "shared"};
    for (size_t i = 0; i < 4; i++) {
        expect_rc(read_text(set, all[i], &err), FIRN_OK, &err);
        firn_hash hash = hash_of(all[i]);
        expect_rc(fi_chkp_set_contains(set, &hash, &is_there, &err), FIRN_OK, &err);
        assert_true(is_there);
    }
    expect_rc(read_text(set, "four", &err), FIRN_NOT_FOUND, &err);
    firn_hash four = hash_of("four");
    expect_rc(fi_chkp_set_contains(set, &four, &is_there, &err), FIRN_OK, &err);
    assert_false(is_there);
    fi_chkp_set_close(set);

    /* The order of a selection is the caller's. */
    const char *const selected[] = {high, low};
    expect_rc(
        fi_chkp_set_open(fixture.dir, selected, 2, &chkp_fixture_defaults, NULL, NULL, &set, &err),
        FIRN_OK, &err);
    expect_rc(fi_chkp_set_locate(set, &shared, &entry, &name, &err), FIRN_OK, &err);
    assert_string_equal(name, high);
    fi_chkp_set_close(set);
}

static void
a_selection_sees_nothing_else(void **state)
{
    firn_error err;
    char first[FIRN_CHKP_NAME_SIZE];
    char second[FIRN_CHKP_NAME_SIZE];
    pack_of(some, 2, first);
    pack_of(others, 3, second);
    const char *const selected[] = {first};
    struct firn_chkp_set *set;
    expect_rc(
        fi_chkp_set_open(fixture.dir, selected, 1, &chkp_fixture_defaults, NULL, NULL, &set, &err),
        FIRN_OK, &err);
    expect_rc(read_text(set, "one", &err), FIRN_OK, &err);
    expect_rc(read_text(set, "two", &err), FIRN_NOT_FOUND, &err);
    fi_chkp_set_close(set);
    const char *const wrong[] = {"../x"};
    expect_rc(
        fi_chkp_set_open(fixture.dir, wrong, 1, &chkp_fixture_defaults, NULL, NULL, &set, &err),
        FIRN_INVALID, &err);
    assert_null(set);
}

static void
an_empty_folder_is_an_empty_set(void **state)
{
    firn_error err;
    struct firn_chkp_set *set = open_all(NULL);
    assert_int_equal(fi_chkp_set_count(set), 0);
    expect_rc(read_text(set, "one", &err), FIRN_NOT_FOUND, &err);
    expect_rc(fi_chkp_set_verify(set, NULL, NULL, NULL, &err), FIRN_OK, &err);
    fi_chkp_set_close(set);
}

static void
a_pack_that_cannot_be_opened_does_not_take_the_others_along(void **state)
{
    firn_error err;
    char first[FIRN_CHKP_NAME_SIZE];
    char second[FIRN_CHKP_NAME_SIZE];
    bool is_there;
    pack_of(some, 2, first);
    pack_of(others, 3, second);
    damage(chkp_fixture_dat(first), 0);
    struct told told = {{0}, 0};
    struct firn_chkp_set *set = open_all(&told);
    assert_int_equal(told.count, 1);
    assert_non_null(strstr(fi_buf_text(&told.text), first));
    assert_int_equal(fi_chkp_set_count(set), 1);
    expect_rc(read_text(set, "two", &err), FIRN_OK, &err);
    /* What the others do not have may have been there. */
    expect_rc(read_text(set, "four", &err), FIRN_CORRUPT, &err);
    assert_non_null(strstr(err.text, first));
    firn_hash four = hash_of("four");
    expect_rc(fi_chkp_set_contains(set, &four, &is_there, &err), FIRN_CORRUPT, &err);
    told.count = 0;
    expect_rc(fi_chkp_set_verify(set, tell, &told, NULL, &err), FIRN_CORRUPT, &err);
    assert_int_equal(told.count, 1);
    fi_chkp_set_close(set);

    /* A pack that was asked for and is not there is another matter: the call is wrong. */
    const char *const selected[] = {second, "0123456789abcdef"};
    expect_rc(
        fi_chkp_set_open(fixture.dir, selected, 2, &chkp_fixture_defaults, tell, &told, &set, &err),
        FIRN_NOT_FOUND, &err);
    assert_null(set);
    assert_non_null(strstr(err.text, "0123456789abcdef"));
    fi_buf_deinit(&told.text);
}

static void
a_file_named_like_a_pack_is_reported(void **state)
{
    firn_error err;
    char name[FIRN_CHKP_NAME_SIZE];
    struct told told = {{0}, 0};
    pack_of(some, 2, name);
    chkp_fixture_write(fixture.dir, "pack-demo.dat", firn_str("pack"));
    chkp_fixture_write(fixture.dir, "pack-0123456789abcdef.txt", firn_str("not a pack"));
    chkp_fixture_write(fixture.dir, "pack-.dat", firn_str("not a pack"));
    struct firn_chkp_set *set = open_all(&told);
    assert_int_equal(told.count, 2);
    assert_non_null(strstr(fi_buf_text(&told.text), "pack-demo.dat"));
    expect_rc(read_text(set, "one", &err), FIRN_OK, &err);
    expect_rc(read_text(set, "four", &err), FIRN_CORRUPT, &err);
    fi_chkp_set_close(set);
    fi_buf_deinit(&told.text);
}

/* Finds the entry of a text in a pack. */
static struct fi_chkp_entry
place_of(const char *name, const char *text)
{
    firn_error err;
    struct fi_chkp_entry entry;
    firn_hash hash = hash_of(text);
    struct firn_chkp *pack = chkp_fixture_open_pack(fixture.dir, name);
    expect_rc(fi_chkp_locate(pack, &hash, &entry, &err), FIRN_OK, &err);
    fi_chkp_close(pack);
    return entry;
}

static int
append(void *ctx, firn_slice data, firn_error *error)
{
    (void)error;
    return fi_buf_append_slice(ctx, data);
}

static void
a_damaged_copy_is_passed_over_for_a_good_one(void **state)
{
    firn_error err;
    char low[FIRN_CHKP_NAME_SIZE];
    char high[FIRN_CHKP_NAME_SIZE];
    struct fi_buf got = {0};
    firn_hash hash = hash_of("shared");
    make_two(low, high);
    damage(chkp_fixture_dat(low), place_of(low, "shared").offset + 40 + 9);
    struct firn_chkp_set *set = open_all(NULL);
    expect_rc(read_text(set, "shared", &err), FIRN_OK, &err);
    /* A whole object of this size reached the receiver before its hash was known to be wrong. */
    int rc = fi_chkp_set_stream(set, &hash, append, &got, &err);
    expect_rc(rc, FIRN_CORRUPT, &err);
    assert_int_equal(got.size, 6);
    fi_chkp_set_close(set);

    /* Damage that is seen before anything was given: the frame does not begin. */
    damage(chkp_fixture_dat(low), place_of(low, "shared").offset + 40);
    set = open_all(NULL);
    fi_buf_clear(&got);
    expect_rc(fi_chkp_set_stream(set, &hash, append, &got, &err), FIRN_OK, &err);
    assert_true(fi_slice_equal(fi_buf_slice(&got), firn_str("shared")));
    fi_chkp_set_close(set);

    damage(chkp_fixture_dat(high), place_of(high, "shared").offset + 40);
    set = open_all(NULL);
    expect_rc(read_text(set, "shared", &err), FIRN_CORRUPT, &err);
    assert_non_null(strstr(err.text, low));
    fi_chkp_set_close(set);
    fi_buf_deinit(&got);
}

static void
a_pack_with_a_damaged_index_is_asked_in_vain(void **state)
{
    firn_error err;
    char low[FIRN_CHKP_NAME_SIZE];
    char high[FIRN_CHKP_NAME_SIZE];
    make_two(low, high);
    damage(chkp_fixture_idx(low), 0);
    struct firn_chkp_set *set = open_all(NULL);
    assert_int_equal(fi_chkp_set_count(set), 2);
    /* Objects of the other pack are found all the same; a miss is not to be had. */
    struct firn_chkp *pack = chkp_fixture_open_pack(fixture.dir, high);
    const char *there = pack->index.count == 3 ? "two" : "one";
    fi_chkp_close(pack);
    expect_rc(read_text(set, there, &err), FIRN_OK, &err);
    expect_rc(read_text(set, "four", &err), FIRN_CORRUPT, &err);
    assert_non_null(strstr(err.text, low));
    fi_chkp_set_close(set);
}

struct listed {
    size_t count;
    size_t stop_at;
};

static int
count_listed(void *ctx, const char *name, const struct fi_chkp_entry *entry)
{
    struct listed *listed = ctx;
    assert_non_null(name);
    assert_true(entry->offset >= 12);
    return ++listed->count == listed->stop_at ? FIRN_CANCELLED : FIRN_OK;
}

static void
a_list_goes_over_all_packs(void **state)
{
    firn_error err;
    char low[FIRN_CHKP_NAME_SIZE];
    char high[FIRN_CHKP_NAME_SIZE];
    make_two(low, high);
    struct listed listed = {0, 0};
    struct firn_chkp_set *set = open_all(NULL);
    expect_rc(fi_chkp_set_list(set, count_listed, &listed, &err), FIRN_OK, &err);
    assert_int_equal(listed.count, 5);
    listed = (struct listed){0, 4};
    expect_rc(fi_chkp_set_list(set, count_listed, &listed, &err), FIRN_CANCELLED, &err);
    assert_int_equal(listed.count, 4);
    expect_rc(fi_chkp_set_verify(set, NULL, NULL, NULL, &err), FIRN_OK, &err);
    fi_chkp_set_close(set);

    damage(chkp_fixture_idx(low), 33);
    set = open_all(NULL);
    listed = (struct listed){0, 0};
    expect_rc(fi_chkp_set_list(set, count_listed, &listed, &err), FIRN_CORRUPT, &err);
    assert_in_range(listed.count, 2, 3);
    struct told told = {{0}, 0};
    expect_rc(fi_chkp_set_verify(set, tell, &told, NULL, &err), FIRN_CORRUPT, &err);
    assert_int_equal(told.count, 1);
    fi_chkp_set_close(set);
    fi_buf_deinit(&told.text);
}

static void
many_packs_take_a_bounded_number_of_descriptors(void **state)
{
    firn_error err;
    enum { PACKS = FIRN_CHKP_SET_OPEN_MAX + 20 };
    char name[FIRN_CHKP_NAME_SIZE];
    size_t before = test_descriptors_count();
    for (uint64_t i = 0; i < PACKS; i++) {
        chkp_fixture_pack(fixture.dir, i, 2, name);
    }
    struct firn_chkp_set *set = open_all(NULL);
    assert_int_equal(fi_chkp_set_count(set), PACKS);
    struct fi_buf content = {0};
    for (int turn = 0; turn < 2; turn++) {
        for (uint64_t i = 0; i < PACKS; i++) {
            uint8_t *data;
            size_t size;
            firn_hash hash;
            chkp_fixture_object(i, 1, &content, &hash);
            expect_rc(fi_chkp_set_read(set, &hash, SIZE_MAX, &data, &size, &err), FIRN_OK, &err);
            assert_true(fi_slice_equal(firn_bytes(data, size), fi_buf_slice(&content)));
            fi_free(data);
        }
        assert_in_range(test_descriptors_count() - before, 0, 2 * FIRN_CHKP_SET_OPEN_MAX + 1);
    }
    expect_rc(read_text(set, "absent", &err), FIRN_NOT_FOUND, &err);
    expect_rc(fi_chkp_set_verify(set, NULL, NULL, NULL, &err), FIRN_OK, &err);

    /* A pack beyond the resident ones that is damaged after its index was found good is looked
     * at again. */
    const char *last = fi_chkp_set_name(set, PACKS - 1);
    damage(chkp_fixture_idx(last), 3);
    firn_hash first_hash;
    chkp_fixture_object(0, 0, &content, &first_hash);
    expect_rc(read_text(set, "absent", &err), FIRN_CORRUPT, &err);
    assert_non_null(strstr(err.text, last));
    fi_chkp_set_close(set);
    fi_buf_deinit(&content);
    assert_int_equal(test_descriptors_count(), before);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(the_first_pack_that_has_it_answers),
        TEST(a_selection_sees_nothing_else),
        TEST(an_empty_folder_is_an_empty_set),
        TEST(a_pack_that_cannot_be_opened_does_not_take_the_others_along),
        TEST(a_file_named_like_a_pack_is_reported),
        TEST(a_damaged_copy_is_passed_over_for_a_good_one),
        TEST(a_pack_with_a_damaged_index_is_asked_in_vain),
        TEST(a_list_goes_over_all_packs),
        TEST(many_packs_take_a_bounded_number_of_descriptors),
    };
    return cmocka_run_group_tests_name("chkpv1_set", tests, NULL, NULL);
}
