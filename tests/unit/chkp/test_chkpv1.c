/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/chkp: what is written to a CHKP pack can be read from it, and is what the format says.
 */
#include <pthread.h>

#include "base/bytes.h"
#include "base/mem.h"
#include "chkp/chkp_format.h"
#include "codec/blake3_hash.h"
#include "codec/hex.h"
#include "support/test.h"
#include "unit/chkp/chkp_fixture.h"

#define VECTOR "153248292f8297b9"
#define HELLO_HASH "8e4c7c1b99dbfd50e7a95185fead5ee1448fa904a2fdd778eaf5f2dbfd629a99"
#define EMPTY_HASH "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262"

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

static firn_hash
hash_of_hex(const char *hex)
{
    firn_hash hash;
    assert_true(fi_hex_decode(hex, hash.bytes, sizeof hash.bytes));
    return hash;
}

static struct firn_chkp_writer *
create_writer(void)
{
    firn_error err;
    struct firn_chkp_writer *writer;
    expect_rc(fi_chkp_writer_create(fixture.dir, &writer, &err), FIRN_OK, &err);
    return writer;
}

static void
add(struct firn_chkp_writer *writer, firn_slice content, bool expect_new)
{
    firn_error err;
    firn_hash hash;
    firn_hash expected;
    bool is_new = !expect_new;
    expect_rc(fi_chkp_writer_add(writer, content, &hash, &is_new, &err), FIRN_OK, &err);
    fi_blake3_hash_of(content.data, content.size, &expected);
    assert_memory_equal(&hash, &expected, sizeof hash);
    assert_int_equal(is_new, expect_new);
}

/* Ends a check at one of its steps. */
static int
end_at(void *ctx, uint64_t files, uint64_t bytes, firn_error *err)
{
    unsigned *left = ctx;
    (void)files;
    assert_true(bytes > 0);
    return (*left)-- == 0 ? fi_error_set(err, FIRN_CANCELLED, "enough") : FIRN_OK;
}

/* A check can be ended at each of its steps, of which the first 50 are tried: the last ones are those of the
 * pack's name. */
static void
verify_and_end(struct firn_chkp *pack)
{
    firn_error err;
    int rc = FIRN_CANCELLED;
    for (unsigned i = 0; i < 50 && rc != FIRN_OK; i++) {
        unsigned left = i;
        const struct fi_step step = {end_at, &left};
        rc = fi_chkp_verify(pack, NULL, NULL, &step, &err);
        if (rc != FIRN_OK) {
            expect_rc(rc, FIRN_CANCELLED, &err);
            assert_string_equal(err.text, "enough");
        }
    }
}

/* Finishes and destroys; the pack must then verify and nothing temporary be left. */
static void
finish(struct firn_chkp_writer *writer, char name[FIRN_CHKP_NAME_SIZE])
{
    firn_error err;
    expect_rc(fi_chkp_writer_finish(writer, name, &err), FIRN_OK, &err);
    fi_chkp_writer_destroy(writer);
    assert_int_equal(chkp_fixture_count(fixture.dir, ".firn"), 0);
    struct firn_chkp *pack = chkp_fixture_open_pack(fixture.dir, name);
    expect_rc(fi_chkp_verify(pack, NULL, NULL, NULL, &err), FIRN_OK, &err);
    verify_and_end(pack);
    fi_chkp_close(pack);
}

static void
expect_files_equal(const char *name, const struct fi_buf *expected)
{
    struct fi_buf found = {0};
    chkp_fixture_read(fixture.dir, name, &found);
    assert_int_equal(found.size, expected->size);
    assert_memory_equal(found.data, expected->data, expected->size);
    fi_buf_deinit(&found);
}

static int
collect_entry(void *ctx, const struct fi_chkp_entry *entry)
{
    return fi_buf_append(ctx, entry, sizeof *entry);
}

static void
the_vector_is_read(void **state)
{
    firn_error err;
    struct fi_buf bytes = {0};
    chkp_fixture_golden("pack-" VECTOR ".dat", &bytes);
    chkp_fixture_write(fixture.dir, "pack-" VECTOR ".dat", fi_buf_slice(&bytes));
    chkp_fixture_golden("pack-" VECTOR ".idx", &bytes);
    chkp_fixture_write(fixture.dir, "pack-" VECTOR ".idx", fi_buf_slice(&bytes));

    struct firn_chkp *pack = chkp_fixture_open_pack(fixture.dir, VECTOR);
    assert_int_equal(pack->index.count, 2);
    firn_hash hello = hash_of_hex(HELLO_HASH);
    firn_hash empty = hash_of_hex(EMPTY_HASH);
    chkp_fixture_expect(pack, &hello, firn_str("hello\n"));
    chkp_fixture_expect(pack, &empty, firn_bytes("", 0));
    struct fi_chkp_entry entry;
    expect_rc(fi_chkp_locate(pack, &empty, &entry, &err), FIRN_OK, &err);
    assert_int_equal(entry.offset, 0x43);
    assert_int_equal(entry.stored_size, 9);
    bool is_there = false;
    expect_rc(fi_chkp_contains(pack, &hello, &is_there, &err), FIRN_OK, &err);
    assert_true(is_there);
    hello.bytes[31] ^= 1;
    expect_rc(fi_chkp_contains(pack, &hello, &is_there, &err), FIRN_OK, &err);
    assert_false(is_there);
    expect_rc(fi_chkp_locate(pack, &hello, &entry, &err), FIRN_NOT_FOUND, &err);
    assert_non_null(strstr(err.text, "8e4c7c1b"));

    fi_buf_clear(&bytes);
    expect_rc(fi_chkp_list(pack, collect_entry, &bytes, &err), FIRN_OK, &err);
    assert_int_equal(bytes.size, 2 * sizeof entry);
    memcpy(&entry, bytes.data + sizeof entry, sizeof entry);
    assert_memory_equal(&entry.hash, &empty, sizeof empty);
    expect_rc(fi_chkp_verify(pack, NULL, NULL, NULL, &err), FIRN_OK, &err);
    fi_chkp_close(pack);
    fi_buf_deinit(&bytes);
}

/* ---- the ways in ---- */

struct source {
    firn_slice left;
    size_t at_most;
    int fail_with; /* at the end */
};

static int
give(void *ctx, uint8_t *data, size_t size, size_t *out_size, firn_error *err)
{
    struct source *source = ctx;
    size_t part = source->left.size < size ? source->left.size : size;
    if (part > source->at_most) {
        part = source->at_most;
    }
    if (part == 0) {
        *out_size = 0;
        return source->fail_with == FIRN_OK
                   ? FIRN_OK
                   : fi_error_set(err, source->fail_with, "the source is tired");
    }
    memcpy(data, source->left.data, part);
    source->left = firn_bytes(source->left.data + part, source->left.size - part);
    *out_size = part;
    return FIRN_OK;
}

static int
add_stream(struct firn_chkp_writer *writer, firn_slice content, int fail_with, bool *out_is_new,
           firn_error *err)
{
    struct source source = {content, 50000, fail_with};
    firn_hash hash;
    firn_hash expected;
    int rc = fi_chkp_writer_add_stream(writer, give, &source, &hash, out_is_new, err);
    if (rc == FIRN_OK) {
        fi_blake3_hash_of(content.data, content.size, &expected);
        assert_memory_equal(&hash, &expected, sizeof hash);
    }
    return rc;
}

static void
the_vector_is_written_byte_for_byte(void **state)
{
    firn_error err;
    struct fi_buf dat = {0};
    struct fi_buf idx = {0};
    char name[FIRN_CHKP_NAME_SIZE];
    chkp_fixture_golden("pack-" VECTOR ".dat", &dat);
    chkp_fixture_golden("pack-" VECTOR ".idx", &idx);
    assert_int_equal(dat.size, 116);
    assert_int_equal(idx.size, 96);
    for (int as_stream = 0; as_stream < 2; as_stream++) {
        bool is_new;
        struct firn_chkp_writer *writer = create_writer();
        if (as_stream == 1) {
            expect_rc(add_stream(writer, firn_str("hello\n"), FIRN_OK, &is_new, &err), FIRN_OK,
                      &err);
            expect_rc(add_stream(writer, firn_str(""), FIRN_OK, &is_new, &err), FIRN_OK, &err);
        } else {
            add(writer, firn_str("hello\n"), true);
            add(writer, firn_str(""), true);
        }
        assert_int_equal(fi_chkp_writer_count(writer), 2);
        finish(writer, name);
        assert_string_equal(name, VECTOR);
        expect_files_equal("pack-" VECTOR ".dat", &dat);
        expect_files_equal("pack-" VECTOR ".idx", &idx);
        chkp_fixture_remove(fixture.dir, "pack-" VECTOR ".dat");
        chkp_fixture_remove(fixture.dir, "pack-" VECTOR ".idx");
    }
    fi_buf_deinit(&dat);
    fi_buf_deinit(&idx);
}

static const size_t sizes[] = {0,      1,      2,       100,     4095,    65536,   131071,
                               131072, 131073, 1048575, 1048576, 1048577, 3000000, 6 << 20};
enum { SIZE_COUNT = sizeof sizes / sizeof sizes[0] };

static void
fill(uint64_t seed, size_t i, struct fi_buf *out)
{
    struct test_random random = {seed + i};
    chkp_fixture_content(&random, sizes[i], out);
}

static void
objects_of_all_sizes_come_back(void **state)
{
    firn_error err;
    struct fi_buf content = {0};
    char name[FIRN_CHKP_NAME_SIZE];
    struct firn_chkp_writer *writer = create_writer();
    for (size_t i = 0; i < SIZE_COUNT; i++) {
        fill(1, i, &content);
        add(writer, fi_buf_slice(&content), true);
        fill(1000, i, &content);
        bool is_new = true;
        expect_rc(add_stream(writer, fi_buf_slice(&content), FIRN_OK, &is_new, &err), FIRN_OK,
                  &err);
        assert_int_equal(is_new, sizes[i] > 0);
    }
    finish(writer, name);
    struct firn_chkp *pack = chkp_fixture_open_pack(fixture.dir, name);
    for (size_t i = 0; i < SIZE_COUNT; i++) {
        for (uint64_t seed = 1; seed <= 1000; seed += 999) {
            firn_hash hash;
            fill(seed, i, &content);
            fi_blake3_hash_of(content.data, content.size, &hash);
            chkp_fixture_expect(pack, &hash, fi_buf_slice(&content));
        }
    }
    fi_chkp_close(pack);
    fi_buf_deinit(&content);
}

/* Copies the frames of a pack into a writer, in the order of the .dat. */
static void
copy_frames(const struct fi_buf *dat, struct firn_chkp_writer *writer, bool trusted)
{
    firn_error err;
    for (size_t at = 12; at < dat->size;) {
        firn_hash hash;
        bool is_new = false;
        memcpy(hash.bytes, dat->data + at, 32);
        size_t size = (size_t)fi_load_le64(dat->data + at + 32);
        firn_slice frame = firn_bytes(dat->data + at + 40, size);
        expect_rc((trusted ? fi_chkp_writer_add_trusted_frame
                           : fi_chkp_writer_add_frame)(writer, &hash, frame, &is_new, &err),
                  FIRN_OK, &err);
        assert_true(is_new);
        at += 40 + size;
    }
}

static void
frames_are_stored_as_they_are(void **state)
{
    struct fi_buf content = {0};
    struct fi_buf dat = {0};
    char name[FIRN_CHKP_NAME_SIZE];
    char again[FIRN_CHKP_NAME_SIZE];
    struct firn_chkp_writer *writer = create_writer();
    for (size_t i = 0; i < SIZE_COUNT; i++) {
        fill(2, i, &content);
        add(writer, fi_buf_slice(&content), true);
    }
    finish(writer, name);
    chkp_fixture_read(fixture.dir, chkp_fixture_dat(name), &dat);
    for (int trusted = 0; trusted < 2; trusted++) {
        chkp_fixture_remove(fixture.dir, chkp_fixture_dat(name));
        chkp_fixture_remove(fixture.dir, chkp_fixture_idx(name));
        writer = create_writer();
        copy_frames(&dat, writer, trusted == 1);
        finish(writer, again);
        assert_string_equal(again, name);
        expect_files_equal(chkp_fixture_dat(name), &dat);
    }
    fi_buf_deinit(&content);
    fi_buf_deinit(&dat);
}

static void
a_frame_that_holds_something_else_is_refused(void **state)
{
    firn_error err;
    struct fi_buf dat = {0};
    chkp_fixture_golden("pack-" VECTOR ".dat", &dat);
    firn_hash empty = hash_of_hex(EMPTY_HASH);
    firn_hash hello = hash_of_hex(HELLO_HASH);
    firn_slice frame = firn_bytes(dat.data + 52, 15); /* of "hello\n" */
    struct firn_chkp_writer *writer = create_writer();
    expect_rc(fi_chkp_writer_add_frame(writer, &empty, frame, NULL, &err), FIRN_CORRUPT, &err);
    assert_non_null(strstr(err.text, EMPTY_HASH));
    for (size_t size = 1; size < frame.size; size++) {
        expect_rc(
            fi_chkp_writer_add_frame(writer, &hello, firn_bytes(frame.data, size), NULL, &err),
            FIRN_CORRUPT, &err);
    }
    expect_rc(fi_chkp_writer_add_frame(writer, &hello, firn_bytes(frame.data, 16), NULL, &err),
              FIRN_CORRUPT, &err);
    assert_int_equal(fi_chkp_writer_count(writer), 0);

    /* Nothing of that is left in the pack; and what is wrongly trusted is found when it is read. */
    char name[FIRN_CHKP_NAME_SIZE];
    expect_rc(fi_chkp_writer_add_frame(writer, &hello, frame, NULL, &err), FIRN_OK, &err);
    expect_rc(fi_chkp_writer_add_trusted_frame(writer, &empty, frame, NULL, &err), FIRN_OK, &err);
    expect_rc(fi_chkp_writer_finish(writer, name, &err), FIRN_OK, &err);
    fi_chkp_writer_destroy(writer);
    struct firn_chkp *pack = chkp_fixture_open_pack(fixture.dir, name);
    uint8_t *data = dat.data;
    size_t size;
    chkp_fixture_expect(pack, &hello, firn_str("hello\n"));
    expect_rc(fi_chkp_read(pack, &empty, SIZE_MAX, &data, &size, &err), FIRN_CORRUPT, &err);
    assert_null(data);
    assert_non_null(strstr(err.text, "offset 67"));
    expect_rc(fi_chkp_verify(pack, NULL, NULL, NULL, &err), FIRN_CORRUPT, &err);
    fi_chkp_close(pack);
    fi_buf_deinit(&dat);
}

static void
an_object_is_stored_once(void **state)
{
    firn_error err;
    char name[FIRN_CHKP_NAME_SIZE];
    char expected[FIRN_CHKP_NAME_SIZE];
    struct fi_buf content = {0};
    struct fi_buf large = {0};
    fill(3, 3, &content);
    fill(3, SIZE_COUNT - 1, &large);
    struct firn_chkp_writer *writer = create_writer();
    add(writer, fi_buf_slice(&large), true);
    add(writer, fi_buf_slice(&content), true);
    finish(writer, expected);

    writer = create_writer();
    bool is_new = true;
    add(writer, fi_buf_slice(&large), true);
    add(writer, fi_buf_slice(&large), false);
    /* As a stream it is written before it is known: taken back, also where a part of it is in
     * the file. */
    expect_rc(add_stream(writer, fi_buf_slice(&large), FIRN_OK, &is_new, &err), FIRN_OK, &err);
    assert_false(is_new);
    add(writer, fi_buf_slice(&content), true);
    expect_rc(add_stream(writer, fi_buf_slice(&content), FIRN_OK, &is_new, &err), FIRN_OK, &err);
    assert_false(is_new);
    expect_rc(add_stream(writer, fi_buf_slice(&large), FIRN_OK, &is_new, &err), FIRN_OK, &err);
    assert_int_equal(fi_chkp_writer_count(writer), 2);
    finish(writer, name);
    assert_string_equal(name, expected);
    fi_buf_deinit(&content);
    fi_buf_deinit(&large);
}

static void
an_object_whose_source_fails_leaves_no_trace(void **state)
{
    firn_error err;
    bool is_new;
    char name[FIRN_CHKP_NAME_SIZE];
    struct fi_buf content = {0};
    struct firn_chkp_writer *writer = create_writer();
    add(writer, firn_str("hello\n"), true);
    for (size_t i = 0; i < SIZE_COUNT; i++) {
        fill(4, i, &content);
        expect_rc(add_stream(writer, fi_buf_slice(&content), FIRN_CANCELLED, &is_new, &err),
                  FIRN_CANCELLED, &err);
        assert_string_equal(err.text, "the source is tired");
    }
    add(writer, firn_str(""), true);
    finish(writer, name);
    assert_string_equal(name, VECTOR);
    fi_buf_deinit(&content);
}

static int
claim_too_much(void *ctx, uint8_t *data, size_t size, size_t *out_size, firn_error *err)
{
    (void)err;
    (void)ctx;
    (void)data;
    *out_size = size + 1;
    return FIRN_OK;
}

static void
a_source_that_claims_too_much_is_refused(void **state)
{
    firn_error err;
    struct firn_chkp_writer *writer = create_writer();
    expect_rc(fi_chkp_writer_add_stream(writer, claim_too_much, NULL, NULL, NULL, &err),
              FIRN_INVALID, &err);
    fi_chkp_writer_destroy(writer);
}

/* ---- finish ---- */

static void
an_unfinished_or_empty_pack_leaves_no_file(void **state)
{
    firn_error err;
    char name[FIRN_CHKP_NAME_SIZE];
    struct firn_chkp_writer *writer = create_writer();
    assert_int_equal(chkp_fixture_count(fixture.dir, ".firn-chkp-"), 1);
    expect_rc(fi_chkp_writer_finish(writer, name, &err), FIRN_INVALID, &err);
    /* Refused, not failed. */
    add(writer, firn_str("late"), true);
    fi_chkp_writer_destroy(writer);
    assert_int_equal(chkp_fixture_count(fixture.dir, ""), 0);
    fi_chkp_writer_destroy(NULL);
}

static void
a_finished_writer_takes_nothing_more(void **state)
{
    firn_error err;
    char name[FIRN_CHKP_NAME_SIZE];
    struct firn_chkp_writer *writer = create_writer();
    add(writer, firn_str("hello\n"), true);
    expect_rc(fi_chkp_writer_finish(writer, name, &err), FIRN_OK, &err);
    expect_rc(fi_chkp_writer_add(writer, firn_str("x"), NULL, NULL, &err), FIRN_MISUSE, &err);
    expect_rc(fi_chkp_writer_finish(writer, name, &err), FIRN_MISUSE, &err);
    fi_chkp_writer_destroy(writer);
    assert_int_equal(chkp_fixture_count(fixture.dir, ""), 2);
}

static void
the_same_pack_can_be_written_twice(void **state)
{
    char name[FIRN_CHKP_NAME_SIZE];
    char again[FIRN_CHKP_NAME_SIZE];
    struct fi_buf idx = {0};
    chkp_fixture_pack(fixture.dir, 5, 40, name);
    chkp_fixture_read(fixture.dir, chkp_fixture_idx(name), &idx);
    chkp_fixture_pack(fixture.dir, 5, 40, again);
    assert_string_equal(again, name);
    assert_int_equal(chkp_fixture_count(fixture.dir, ""), 2);

    /* A damaged .idx is derived data, and made good. */
    idx.data[100] ^= 0x10;
    chkp_fixture_write(fixture.dir, chkp_fixture_idx(name), fi_buf_slice(&idx));
    chkp_fixture_pack(fixture.dir, 5, 40, again);
    idx.data[100] ^= 0x10;
    expect_files_equal(chkp_fixture_idx(name), &idx);
    fi_buf_deinit(&idx);
}

static void
a_damaged_pack_under_the_same_name_is_not_taken_for_good(void **state)
{
    firn_error err;
    char name[FIRN_CHKP_NAME_SIZE];
    struct fi_buf dat = {0};
    struct fi_buf damaged = {0};
    chkp_fixture_pack(fixture.dir, 6, 40, name);
    chkp_fixture_read(fixture.dir, chkp_fixture_dat(name), &dat);
    for (int turn = 0; turn < 2; turn++) {
        fi_buf_clear(&damaged);
        assert_int_equal(fi_buf_append_slice(&damaged, fi_buf_slice(&dat)), FIRN_OK);
        if (turn == 0) {
            damaged.data[damaged.size - 1] ^= 1;
        } else {
            damaged.size--;
        }
        chkp_fixture_write(fixture.dir, chkp_fixture_dat(name), fi_buf_slice(&damaged));
        struct firn_chkp_writer *writer = create_writer();
        copy_frames(&dat, writer, true);
        expect_rc(fi_chkp_writer_finish(writer, name, &err), FIRN_CORRUPT, &err);
        assert_non_null(strstr(err.text, chkp_fixture_dat(name)));
        expect_rc(fi_chkp_writer_add(writer, firn_str("x"), NULL, NULL, &err), FIRN_FAILED, &err);
        fi_chkp_writer_destroy(writer);
        expect_files_equal(chkp_fixture_dat(name), &damaged);
        assert_int_equal(chkp_fixture_count(fixture.dir, ""), 2);
    }
    fi_buf_deinit(&dat);
    fi_buf_deinit(&damaged);
}

static void
what_dead_writers_left_is_removed_and_living_ones_are_not(void **state)
{
    char name[FIRN_CHKP_NAME_SIZE];
    chkp_fixture_write(fixture.dir, ".firn-chkp-0123456789abcdef.tmp", firn_str("left"));
    chkp_fixture_write(fixture.dir, ".firn-chkp-0123456789abcdeX.tmp", firn_str("not ours"));
    chkp_fixture_write(fixture.dir, ".firn-chkp-0123456789abcdef.tmp2", firn_str("not ours"));
    struct firn_chkp_writer *first = create_writer();
    struct firn_chkp_writer *second = create_writer();
    assert_int_equal(chkp_fixture_count(fixture.dir, ".firn-chkp-"), 4);
    chkp_fixture_remove(fixture.dir, ".firn-chkp-0123456789abcdeX.tmp");
    chkp_fixture_remove(fixture.dir, ".firn-chkp-0123456789abcdef.tmp2");
    add(first, firn_str("hello\n"), true);
    add(second, firn_str("x"), true);
    add(first, firn_str(""), true);
    fi_chkp_writer_destroy(second);
    finish(first, name);
    assert_string_equal(name, VECTOR);
}

/* ---- opening and reading ---- */

static void
a_missing_index_is_rebuilt_without_writing(void **state)
{
    firn_error err;
    char name[FIRN_CHKP_NAME_SIZE];
    struct fi_buf idx = {0};
    struct fi_buf content = {0};
    chkp_fixture_pack(fixture.dir, 7, 300, name);
    chkp_fixture_read(fixture.dir, chkp_fixture_idx(name), &idx);
    chkp_fixture_remove(fixture.dir, chkp_fixture_idx(name));
    struct firn_chkp *pack = chkp_fixture_open_pack(fixture.dir, name);
    for (size_t i = 0; i < 300; i++) {
        firn_hash hash;
        chkp_fixture_object(7, i, &content, &hash);
        chkp_fixture_expect(pack, &hash, fi_buf_slice(&content));
    }
    expect_rc(fi_chkp_verify(pack, NULL, NULL, NULL, &err), FIRN_OK, &err);
    fi_chkp_close(pack);
    assert_int_equal(chkp_fixture_count(fixture.dir, ""), 1);

    firn_chkp_options options = chkp_fixture_defaults;
    options.index_memory_max = 300 * 48 - 1;
    expect_rc(fi_chkp_open(fixture.dir, name, &options, &pack, &err), FIRN_LIMIT, &err);
    assert_null(pack);
    options.index_memory_max++;
    expect_rc(fi_chkp_open(fixture.dir, name, &options, &pack, &err), FIRN_OK, &err);
    fi_chkp_close(pack);

    expect_rc(fi_chkp_rebuild_index(fixture.dir, name, &chkp_fixture_defaults, &err), FIRN_OK,
              &err);
    expect_files_equal(chkp_fixture_idx(name), &idx);
    assert_int_equal(chkp_fixture_count(fixture.dir, ""), 2);
    fi_buf_deinit(&idx);
    fi_buf_deinit(&content);
}

static void
names_are_sixteen_lower_case_digits(void **state)
{
    firn_error err;
    struct firn_chkp *pack;
    static const char *const wrong[] = {"",
                                        "153248292f8297b",
                                        "153248292f8297b99",
                                        "153248292F8297B9",
                                        "../../../etc/pas",
                                        "153248292f8297bg"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        expect_rc(fi_chkp_open(fixture.dir, wrong[i], &chkp_fixture_defaults, &pack, &err),
                  FIRN_INVALID, &err);
        assert_null(pack);
    }
    expect_rc(fi_chkp_open(fixture.dir, VECTOR, &chkp_fixture_defaults, &pack, &err),
              FIRN_NOT_FOUND, &err);
    assert_non_null(strstr(err.text, "pack-" VECTOR ".dat"));
}

static void
limits_on_an_object_are_kept(void **state)
{
    firn_error err;
    char name[FIRN_CHKP_NAME_SIZE];
    struct fi_buf zeros = {0};
    assert_int_equal(fi_buf_set_size(&zeros, 8 << 20), FIRN_OK);
    memset(zeros.data, 0, zeros.size);
    struct firn_chkp_writer *writer = create_writer();
    add(writer, fi_buf_slice(&zeros), true);
    add(writer, firn_str("small"), true);
    finish(writer, name);

    firn_chkp_options options = chkp_fixture_defaults;
    options.object_size_max = zeros.size - 1;
    struct firn_chkp *pack;
    firn_hash hash;
    uint8_t *data = zeros.data;
    size_t size;
    fi_blake3_hash_of(zeros.data, zeros.size, &hash);
    expect_rc(fi_chkp_open(fixture.dir, name, &options, &pack, &err), FIRN_OK, &err);
    expect_rc(fi_chkp_read(pack, &hash, SIZE_MAX, &data, &size, &err), FIRN_LIMIT, &err);
    assert_null(data);
    assert_int_equal(size, 0);
    expect_rc(fi_chkp_stream(pack, &hash, NULL, NULL, &err), FIRN_LIMIT, &err);
    /* It is no damage, but it was not verified either. */
    expect_rc(fi_chkp_verify(pack, NULL, NULL, NULL, &err), FIRN_LIMIT, &err);
    fi_chkp_close(pack);

    pack = chkp_fixture_open_pack(fixture.dir, name);
    expect_rc(fi_chkp_read(pack, &hash, zeros.size - 1, &data, &size, &err), FIRN_LIMIT, &err);
    expect_rc(fi_chkp_read(pack, &hash, zeros.size, &data, &size, &err), FIRN_OK, &err);
    assert_int_equal(size, zeros.size);
    fi_free(data);
    fi_chkp_close(pack);
    fi_buf_deinit(&zeros);
}

static int
take_some(void *ctx, firn_slice data, firn_error *error)
{
    (void)error;
    size_t *left = ctx;
    if (*left < data.size) {
        return FIRN_CANCELLED;
    }
    *left -= data.size;
    return FIRN_OK;
}

static int
stop_at_third(void *ctx, const struct fi_chkp_entry *entry)
{
    (void)entry;
    int *count = ctx;
    return ++*count == 3 ? FIRN_BUSY : FIRN_OK;
}

static void
receivers_can_end_what_they_receive(void **state)
{
    firn_error err;
    char name[FIRN_CHKP_NAME_SIZE];
    struct fi_buf content = {0};
    fill(8, SIZE_COUNT - 1, &content);
    firn_hash hash;
    fi_blake3_hash_of(content.data, content.size, &hash);
    struct firn_chkp_writer *writer = create_writer();
    add(writer, fi_buf_slice(&content), true);
    add(writer, firn_str("a"), true);
    add(writer, firn_str("b"), true);
    add(writer, firn_str("c"), true);
    finish(writer, name);
    struct firn_chkp *pack = chkp_fixture_open_pack(fixture.dir, name);
    size_t room = content.size;
    expect_rc(fi_chkp_stream(pack, &hash, take_some, &room, &err), FIRN_OK, &err);
    assert_int_equal(room, 0);
    room = content.size - 1;
    expect_rc(fi_chkp_stream(pack, &hash, take_some, &room, &err), FIRN_CANCELLED, &err);
    int count = 0;
    expect_rc(fi_chkp_list(pack, stop_at_third, &count, &err), FIRN_BUSY, &err);
    assert_int_equal(count, 3);
    fi_chkp_close(pack);
    fi_buf_deinit(&content);
}

static void
a_list_is_in_the_order_of_hashes_and_complete(void **state)
{
    firn_error err;
    char name[FIRN_CHKP_NAME_SIZE];
    struct fi_buf listed = {0};
    enum { COUNT = 1000 };
    chkp_fixture_pack(fixture.dir, 9, COUNT, name);
    struct firn_chkp *pack = chkp_fixture_open_pack(fixture.dir, name);
    expect_rc(fi_chkp_list(pack, collect_entry, &listed, &err), FIRN_OK, &err);
    assert_int_equal(listed.size, COUNT * sizeof(struct fi_chkp_entry));
    struct fi_chkp_entry last = {.offset = 0};
    for (size_t i = 0; i < COUNT; i++) {
        struct fi_chkp_entry entry;
        struct fi_chkp_entry located;
        memcpy(&entry, listed.data + i * sizeof entry, sizeof entry);
        assert_true(i == 0 || fi_chkp_format_compare_hash(&last.hash, &entry.hash) < 0);
        expect_rc(fi_chkp_locate(pack, &entry.hash, &located, &err), FIRN_OK, &err);
        assert_memory_equal(&located, &entry, sizeof entry);
        last = entry;
    }
    fi_chkp_close(pack);
    fi_buf_deinit(&listed);
}

enum { THREADS = 4, SHARED_OBJECTS = 200 };

/* Reads all objects of a pack that other threads read at the same time; NULL if all was well. */
static void *
read_shared(void *arg)
{
    struct firn_chkp *pack = arg;
    struct fi_buf content = {0};
    void *result = NULL;
    for (size_t i = 0; i < SHARED_OBJECTS; i++) {
        firn_hash hash;
        bool is_there = true;
        uint8_t *data = NULL;
        size_t size = 0;
        chkp_fixture_object(20, i, &content, &hash);
        if (fi_chkp_read(pack, &hash, SIZE_MAX, &data, &size, NULL) != FIRN_OK ||
            size != content.size || memcmp(data, content.data, size) != 0) {
            result = arg;
        }
        fi_free(data);
        hash.bytes[0] ^= 1;
        if (fi_chkp_contains(pack, &hash, &is_there, NULL) != FIRN_OK || is_there) {
            result = arg;
        }
    }
    fi_buf_deinit(&content);
    return result;
}

static void
threads_share_a_pack(void **state)
{
    char name[FIRN_CHKP_NAME_SIZE];
    pthread_t threads[THREADS];
    chkp_fixture_pack(fixture.dir, 20, SHARED_OBJECTS, name);
    for (int turn = 0; turn < 2; turn++) {
        struct firn_chkp *pack = chkp_fixture_open_pack(fixture.dir, name);
        for (size_t i = 0; i < THREADS; i++) {
            assert_int_equal(pthread_create(&threads[i], NULL, read_shared, pack), 0);
        }
        for (size_t i = 0; i < THREADS; i++) {
            void *result;
            assert_int_equal(pthread_join(threads[i], &result), 0);
            assert_null(result);
        }
        fi_chkp_close(pack);
        if (turn == 0) {
            /* And once more with an index in memory. */
            chkp_fixture_remove(fixture.dir, chkp_fixture_idx(name));
        }
    }
}

static void
an_error_is_left_untouched_by_success(void **state)
{
    firn_error err = {FIRN_BUSY, 42, "as it was"};
    bool is_there;
    char name[FIRN_CHKP_NAME_SIZE];
    struct firn_chkp *pack;
    struct firn_chkp_writer *writer;
    firn_hash hash = {{1}};
    chkp_fixture_pack(fixture.dir, 10, 3, name);
    chkp_fixture_remove(fixture.dir, chkp_fixture_idx(name));
    assert_int_equal(fi_chkp_open(fixture.dir, name, &chkp_fixture_defaults, &pack, &err), FIRN_OK);
    assert_int_equal(fi_chkp_contains(pack, &hash, &is_there, &err), FIRN_OK);
    fi_chkp_close(pack);
    assert_int_equal(fi_chkp_writer_create(fixture.dir, &writer, &err), FIRN_OK);
    for (size_t i = 0; i < 3; i++) {
        struct fi_buf content = {0};
        chkp_fixture_object(10, i, &content, &hash);
        assert_int_equal(fi_chkp_writer_add(writer, fi_buf_slice(&content), NULL, NULL, &err),
                         FIRN_OK);
        fi_buf_deinit(&content);
    }
    assert_int_equal(fi_chkp_writer_finish(writer, name, &err), FIRN_OK);
    fi_chkp_writer_destroy(writer);
    assert_int_equal(err.code, FIRN_BUSY);
    assert_int_equal(err.os_errno, 42);
    assert_string_equal(err.text, "as it was");
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(the_vector_is_written_byte_for_byte),
        TEST(the_vector_is_read),
        TEST(objects_of_all_sizes_come_back),
        TEST(frames_are_stored_as_they_are),
        TEST(a_frame_that_holds_something_else_is_refused),
        TEST(an_object_is_stored_once),
        TEST(an_object_whose_source_fails_leaves_no_trace),
        TEST(a_source_that_claims_too_much_is_refused),
        TEST(an_unfinished_or_empty_pack_leaves_no_file),
        TEST(a_finished_writer_takes_nothing_more),
        TEST(the_same_pack_can_be_written_twice),
        TEST(a_damaged_pack_under_the_same_name_is_not_taken_for_good),
        TEST(what_dead_writers_left_is_removed_and_living_ones_are_not),
        TEST(a_missing_index_is_rebuilt_without_writing),
        TEST(names_are_sixteen_lower_case_digits),
        TEST(limits_on_an_object_are_kept),
        TEST(receivers_can_end_what_they_receive),
        TEST(a_list_is_in_the_order_of_hashes_and_complete),
        TEST(threads_share_a_pack),
        TEST(an_error_is_left_untouched_by_success),
    };
    return cmocka_run_group_tests_name("chkpv1", tests, NULL, NULL);
}
