/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/pack: lists of cells: names, canonical form, what is refused, packs that hold them.
 */
#include "support/test_file.h"
#include "unit/pack/pack_fixture.h"

#include "base/bytes.h"
#include "base/slice.h"
#include "block/block_file.h"
#include "codec/blake3_hash.h"
#include "codec/hex.h"
#include "pack/pack_cells.h"
#include "support/test_random.h"

#define GIB (UINT64_C(1) << 30)
#define TIB (UINT64_C(1) << 40)
enum { CELL = FI_PACK_CELLS_SIZE, LISTS_MAX = 64 };

static uint8_t cell_bytes[CELL];

/* Adds the cell in which `text` stands at `offset`, of a content of that size. */
static void
add_cell(struct fi_pack_cells_builder *builder, uint64_t size, uint64_t offset, const char *text)
{
    uint64_t start = offset - offset % CELL;
    size_t length = size - start < CELL ? (size_t)(size - start) : CELL;
    firn_hash hash;
    memset(cell_bytes, 0, sizeof cell_bytes);
    memcpy(cell_bytes + offset % CELL, text, strlen(text));
    fi_blake3_hash_of(cell_bytes, length, &hash);
    assert_int_equal(fi_pack_cells_builder_add(builder, start / CELL, &hash, NULL), FIRN_OK);
}

/* The examples of docs/formats/pack.md, which tests/formats/pack/cell_names.py computed. */
static void
test_names_are_those_of_the_documented_examples(void **state)
{
    static const struct {
        uint64_t size;
        struct {
            uint64_t offset;
            const char *text;
        } parts[2];
        const char *name;
    } examples[] = {
        {16 * GIB, {{0}}, "1c85b63edc50615d141b7415cf2092027a2e4713b430f73065e125d640d12412"},
        {16 * GIB + 5,
         {{16 * GIB, "hello"}},
         "2c8afcd0150e6fd4341857c68a0de8faab1a7cbcad280879a9915b077369f715"},
        {16 * GIB,
         {{3, "firn"}},
         "eff0799b4dd1cd86675329284107d4de856e4ba64c4a91b26b5a4f7a5f0d6af9"},
        {TIB,
         {{TIB / 2 + 3, "firn"}, {TIB - 1, "x"}},
         "32c105bce985d6417154d4e5ed2ea6cafcaa12ffa612b5ef40b15a62ea163ebf"},
        {5 * TIB,
         {{0, "a"}, {5 * TIB - 1, "z"}},
         "c5ca6395134d5d11b827af275e30d31a830328a530b09988d8584eb2eb2902c2"},
        {8192 * TIB, {{0}}, "1d63efb99f8acc3556248bab73b2a41961a5e40c783273903b29fa575d1576a6"},
        {8192 * TIB,
         {{8192 * TIB - 2, "ok"}},
         "f052bc46f29503ad60ca88216dc6eb34f0d25d885936c26f25c6646cb84a832c"},
    };
    for (size_t i = 0; i < sizeof examples / sizeof examples[0]; i++) {
        struct fi_pack_cells_builder builder;
        firn_hash name;
        char hex[FIRN_HASH_HEX_SIZE];
        fi_pack_cells_builder_init(&builder, examples[i].size, NULL, NULL);
        for (size_t j = 0; j < 2 && examples[i].parts[j].text != NULL; j++) {
            add_cell(&builder, examples[i].size, examples[i].parts[j].offset,
                     examples[i].parts[j].text);
        }
        assert_int_equal(fi_pack_cells_builder_finish(&builder, &name, NULL), FIRN_OK);
        fi_pack_cells_builder_deinit(&builder);
        fi_hex_encode(name.bytes, sizeof name.bytes, hex);
        assert_string_equal(hex, examples[i].name);
    }
}

/* ---- what is built can be taken apart ---- */

struct made {
    firn_hash names[LISTS_MAX];
    struct fi_buf lists[LISTS_MAX];
    size_t count;
};

static int
keep_list(void *ctx, const firn_hash *hash, firn_slice list, firn_error *err)
{
    struct made *made = ctx;
    firn_hash found;
    (void)err;
    fi_pack_cells_name(list, &found);
    assert_true(fi_hash_equal(&found, hash));
    assert_true(made->count < LISTS_MAX);
    made->names[made->count] = *hash;
    assert_int_equal(fi_buf_assign(&made->lists[made->count++], list), FIRN_OK);
    return FIRN_OK;
}

static const struct fi_buf *
find_list(const struct made *made, const firn_hash *hash)
{
    for (size_t i = 0; i < made->count; i++) {
        if (fi_hash_equal(&made->names[i], hash)) {
            return &made->lists[i];
        }
    }
    fail();
    return NULL;
}

struct summing {
    uint64_t sum;
    bool after_hole;
};

static int
sum_piece(void *ctx, uint64_t offset, const struct fi_pack_piece *piece, firn_error *err)
{
    struct summing *summing = ctx;
    (void)err;
    assert_int_equal(offset, summing->sum);
    assert_true(piece->size > 0 && !(piece->is_hole && summing->after_hole));
    summing->sum += piece->size;
    summing->after_hole = piece->is_hole;
    return FIRN_OK;
}

/* Walks all lists below one, and appends the offsets of cells. */
static void
walk(const struct made *made, const struct fi_buf *list, uint64_t at, uint64_t *offsets,
     size_t *count)
{
    struct fi_pack_cells cells;
    struct fi_pack_cells_item item;
    struct summing summing = {0};
    uint64_t total;
    assert_int_equal(fi_pack_cells_decode(fi_buf_slice(list), &total, sum_piece, &summing, NULL),
                     FIRN_OK);
    assert_int_equal(fi_pack_cells_open(fi_buf_slice(list), &cells, NULL), FIRN_OK);
    assert_int_equal(summing.sum, total);
    assert_int_equal(cells.size, total);
    while (fi_pack_cells_next(&cells, &item)) {
        if (cells.level == 0) {
            offsets[(*count)++] = at + item.offset;
        } else {
            walk(made, find_list(made, &item.hash), at + item.offset, offsets, count);
        }
    }
}

static void
test_what_is_built_is_read_back(void **state)
{
    static struct made made;
    struct test_random random = {.state = 41};
    for (int round = 0; round < 200; round++) {
        uint64_t added[16];
        uint64_t found[16];
        size_t count = 0;
        size_t found_count = 0;
        struct fi_pack_cells_builder builder;
        firn_hash name;
        uint64_t size =
            16 * GIB + test_random_below(&random, UINT64_C(1) << test_random_below(&random, 53));
        size = size < 8192 * TIB ? size : 8192 * TIB;
        uint64_t cells = (size - 1) / CELL + 1;
        made.count = 0;
        fi_pack_cells_builder_init(&builder, size, keep_list, &made);
        for (uint64_t at = test_random_below(&random, 3); at < cells && count < 16;) {
            firn_hash hash = {{1}};
            assert_int_equal(fi_pack_cells_builder_add(&builder, at, &hash, NULL), FIRN_OK);
            added[count++] = at * CELL;
            at += 1 + test_random_below(&random, UINT64_C(1) << test_random_below(&random, 30));
        }
        assert_int_equal(fi_pack_cells_builder_finish(&builder, &name, NULL), FIRN_OK);
        fi_pack_cells_builder_deinit(&builder);
        walk(&made, find_list(&made, &name), 0, found, &found_count);
        assert_int_equal(found_count, count);
        assert_memory_equal(found, added, count * sizeof added[0]);
    }
    for (size_t i = 0; i < LISTS_MAX; i++) {
        fi_buf_deinit(&made.lists[i]);
    }
}

static void
test_the_level_follows_from_the_size(void **state)
{
    assert_int_equal(fi_pack_cells_level_of(1), 0);
    assert_int_equal(fi_pack_cells_level_of(2 * GIB), 0);
    assert_int_equal(fi_pack_cells_level_of(2 * GIB + 1), 1);
    assert_int_equal(fi_pack_cells_level_of(4 * TIB), 1);
    assert_int_equal(fi_pack_cells_level_of(4 * TIB + 1), 2);
    assert_int_equal(fi_pack_cells_level_of(FI_PACK_CELLS_CONTENT_MAX), 2);
}

/* ---- what is refused ---- */

static void
test_lists_that_break_a_rule_are_refused(void **state)
{
    /* head, size, and for each item a gap; -1 ends. Hashes are zeros. */
    static const struct {
        const char *what;
        uint8_t head[3];
        uint64_t size;
        int64_t gaps[3];
        size_t cut; /* bytes taken off the end */
        int code;
    } cases[] = {
        {"sound", {0, 1, 0}, 3 * CELL, {0, 0, 0}, 0, FIRN_OK},
        {"all zeros", {0, 1, 2}, 8192 * TIB, {-1}, 0, FIRN_OK},
        {"the last of many", {0, 1, 1}, 4 * TIB, {2047, -1}, 0, FIRN_OK},
        {"a short last cell", {0, 1, 0}, 1, {0, -1}, 0, FIRN_OK},
        {"mark", {1, 1, 0}, CELL, {-1}, 0, FIRN_CORRUPT},
        {"form 0", {0, 0, 0}, CELL, {-1}, 0, FIRN_CORRUPT},
        {"form 2", {0, 2, 0}, CELL, {-1}, 0, FIRN_CORRUPT},
        {"level 3", {0, 1, 3}, CELL, {-1}, 0, FIRN_CORRUPT},
        {"no size", {0, 1, 0}, 0, {-1}, 0, FIRN_CORRUPT},
        {"more than a level holds", {0, 1, 0}, 2 * GIB + 1, {-1}, 0, FIRN_CORRUPT},
        {"more than there can be", {0, 1, 2}, 8192 * TIB + 1, {-1}, 0, FIRN_CORRUPT},
        {"64 bits", {0, 1, 2}, UINT64_MAX, {-1}, 0, FIRN_CORRUPT},
        {"a cell after the end", {0, 1, 0}, CELL, {1, -1}, 0, FIRN_CORRUPT},
        {"too many cells", {0, 1, 0}, CELL, {0, 0, -1}, 0, FIRN_CORRUPT},
        {"a gap that wraps around", {0, 1, 0}, 3 * CELL, {0, INT64_MAX, -1}, 0, FIRN_CORRUPT},
        {"half a hash", {0, 1, 0}, CELL, {0, -1}, 16, FIRN_CORRUPT},
        {"a gap alone", {0, 1, 0}, CELL, {0, -1}, 32, FIRN_CORRUPT},
        {"no size at all", {0, 1, 0}, 1, {-1}, 1, FIRN_CORRUPT},
        {"half a head", {0, 1, 0}, 1, {-1}, 2, FIRN_CORRUPT},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        static const uint8_t no_hash[32];
        struct fi_buf list = {0};
        struct fi_pack_cells cells;
        uint64_t total;
        assert_int_equal(fi_buf_append(&list, cases[i].head, 3), FIRN_OK);
        assert_int_equal(fi_buf_append_varint(&list, cases[i].size), FIRN_OK);
        for (size_t j = 0; j < 3 && cases[i].gaps[j] >= 0; j++) {
            assert_int_equal(fi_buf_append_varint(&list, (uint64_t)cases[i].gaps[j]), FIRN_OK);
            assert_int_equal(fi_buf_append(&list, no_hash, sizeof no_hash), FIRN_OK);
        }
        list.size -= cases[i].cut;
        int code = fi_pack_cells_open(fi_buf_slice(&list), &cells, NULL);
        int decoded = fi_pack_cells_decode(fi_buf_slice(&list), &total, NULL, NULL, NULL);
        if (code != cases[i].code || decoded != cases[i].code) {
            fail_msg("%s: %d, %d", cases[i].what, code, decoded);
        }
        /* And neither is taken for the other sort of list. */
        assert_int_equal(fi_pack_pieces_decode(fi_buf_slice(&list), &total, NULL, NULL, NULL),
                         FIRN_CORRUPT);
        fi_buf_deinit(&list);
    }
}

/* ---- in a pack ---- */

static int
put_in_fixture(void *ctx, const firn_hash *hash, firn_slice list, firn_error *err)
{
    (void)err;
    pack_fixture_add(ctx, FI_PACK_PIECES, list.data, list.size)->hash = *hash;
    return FIRN_OK;
}

/* A content of 16 GiB and a bit whose second cell is a list of two pieces; its name. */
static firn_hash
add_content(struct pack_fixture *fixture, uint64_t size)
{
    static uint8_t second[CELL];
    struct fi_pack_cells_builder builder;
    firn_hash name;
    size_t tail = (size_t)(size % CELL);
    struct pack_object *object = pack_fixture_add_noise(fixture, 7, 1000);
    memset(second, 0, sizeof second);
    memcpy(second, object->content.data, 1000);
    const struct fi_pack_piece pieces[] = {{.size = 1000, .hash = object->hash},
                                           {.size = CELL - 1000, .is_hole = true}};
    struct fi_buf list = {0};
    assert_int_equal(fi_pack_pieces_encode(pieces, 2, &list), FIRN_OK);
    object = pack_fixture_add(fixture, FI_PACK_PIECES, list.data, list.size);
    fi_blake3_hash_of(second, CELL, &object->hash);
    firn_hash cell = object->hash;
    fi_buf_deinit(&list);
    object = pack_fixture_add_noise(fixture, 8, tail);
    firn_hash last = object->hash;
    fi_pack_cells_builder_init(&builder, size, put_in_fixture, fixture);
    assert_int_equal(fi_pack_cells_builder_add(&builder, 1, &cell, NULL), FIRN_OK);
    assert_int_equal(fi_pack_cells_builder_add(&builder, size / CELL, &last, NULL), FIRN_OK);
    assert_int_equal(fi_pack_cells_builder_finish(&builder, &name, NULL), FIRN_OK);
    fi_pack_cells_builder_deinit(&builder);
    return name;
}

struct taking {
    uint64_t size;
    uint64_t data; /* bytes that are not zero, about */
    uint64_t end_after;
};

static int
take(void *ctx, firn_slice data, firn_error *err)
{
    struct taking *taking = ctx;
    taking->size += data.size;
    taking->data += fi_bytes_are_zero(data.data, data.size) ? 0 : data.size;
    return taking->end_after != 0 && taking->size >= taking->end_after
               ? fi_error_set(err, FIRN_CANCELLED, "enough")
               : FIRN_OK;
}

static void
test_a_pack_says_that_it_has_lists_of_cells(void **state)
{
    const uint64_t size = 16 * GIB + 2 * CELL + 77;
    struct pack_fixture fixture;
    struct firn_pack *pack;
    struct taking taking = {0};
    uint64_t found = 0;
    pack_fixture_init(&fixture);
    pack_fixture_add_noise(&fixture, 1, 100);
    assert_int_equal(pack_fixture_write(&fixture, "without", 0, NULL), FIRN_OK);
    firn_hash name = add_content(&fixture, size);
    assert_int_equal(pack_fixture_write(&fixture, "with", 0, NULL), FIRN_OK);

    assert_int_equal(fi_pack_open(fixture.dir, "without", &pack, NULL), FIRN_OK);
    assert_false(fi_pack_has_cells(pack));
    fi_pack_close(pack);
    assert_int_equal(fi_pack_open(fixture.dir, "with", &pack, NULL), FIRN_OK);
    assert_true(fi_pack_has_cells(pack));
    assert_int_equal(fi_pack_verify(pack, fixture.scratch, NULL, NULL, NULL), FIRN_OK);
    assert_int_equal(fi_pack_stream_size(pack, fixture.scratch, &name, &found, NULL), FIRN_OK);
    assert_int_equal(found, size);
    assert_int_equal(fi_pack_stream_read(pack, fixture.scratch, &name, take, &taking, NULL),
                     FIRN_OK);
    assert_int_equal(taking.size, size);
    assert_true(taking.data >= 1077 && taking.data <= CELL + 77);
    taking = (struct taking){.end_after = 3 * CELL};
    assert_int_equal(fi_pack_stream_read(pack, fixture.scratch, &name, take, &taking, NULL),
                     FIRN_CANCELLED);
    assert_true(taking.size < 4 * CELL);
    fi_pack_close(pack);
    pack_fixture_deinit(&fixture);
}

/* A list under a name that is not its own, and lists where others belong. */
static void
test_wrong_lists_are_damage(void **state)
{
    enum { NAME, CELL_IS_LIST, LIST_IS_CELL, LIST_OF_OTHER_SIZE, CASES };
    for (int which = 0; which < CASES; which++) {
        struct pack_fixture fixture;
        struct firn_pack *pack;
        firn_hash hash;
        struct taking taking = {0};
        pack_fixture_init(&fixture);
        struct pack_object *cell = pack_fixture_add_noise(&fixture, 3, CELL);
        hash = cell->hash;
        struct fi_pack_cells_builder builder;
        fi_pack_cells_builder_init(&builder, which == LIST_OF_OTHER_SIZE ? GIB : 2 * GIB,
                                   put_in_fixture, &fixture);
        assert_int_equal(fi_pack_cells_builder_add(&builder, 5, &hash, NULL), FIRN_OK);
        assert_int_equal(fi_pack_cells_builder_finish(&builder, &hash, NULL), FIRN_OK);
        fi_pack_cells_builder_deinit(&builder);
        /* The list above it, made by hand. */
        const uint8_t level = which == CELL_IS_LIST ? 0 : 1;
        struct fi_buf list = {0};
        assert_int_equal(fi_buf_append(&list, (const uint8_t[]){0, 1, level}, 3), FIRN_OK);
        assert_int_equal(fi_buf_append_varint(&list, level == 0 ? CELL : 16 * GIB), FIRN_OK);
        assert_int_equal(fi_buf_append_varint(&list, 0), FIRN_OK);
        if (which == LIST_IS_CELL) {
            hash = fixture.objects[0].hash;
        }
        assert_int_equal(fi_buf_append(&list, hash.bytes, sizeof hash.bytes), FIRN_OK);
        fi_pack_cells_name(fi_buf_slice(&list), &hash);
        pack_fixture_add(&fixture, FI_PACK_PIECES, list.data, list.size)->hash = hash;
        fi_buf_deinit(&list);
        assert_int_equal(pack_fixture_write(&fixture, "p", 0, NULL), FIRN_OK);
        assert_int_equal(fi_pack_open(fixture.dir, "p", &pack, NULL), FIRN_OK);
        int rc = fi_pack_stream_read(pack, fixture.scratch, &hash, take, &taking, NULL);
        assert_int_equal(rc, which == NAME ? FIRN_OK : FIRN_CORRUPT);
        fi_pack_close(pack);
        pack_fixture_deinit(&fixture);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names_are_those_of_the_documented_examples),
        cmocka_unit_test(test_what_is_built_is_read_back),
        cmocka_unit_test(test_the_level_follows_from_the_size),
        cmocka_unit_test(test_lists_that_break_a_rule_are_refused),
        cmocka_unit_test(test_a_pack_says_that_it_has_lists_of_cells),
        cmocka_unit_test(test_wrong_lists_are_damage),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
