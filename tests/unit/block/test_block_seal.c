/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/block: encrypted files. With the keys they read like others; nothing of them is in clear;
 * they can be verified without keys; no change of a byte, and no exchange of blocks or files, gives
 * other content, even under right checksums.
 */
#include "unit/block/block_fixture.h"

#include "base/bytes.h"
#include "block/block_seal.h"
#include "cipher/cipher_keyring.h"
#include "support/test_alloc.h"
#include "support/test_fault.h"
#include "support/test_identity.h"
#include "support/test_seal.h"

enum { CIPHERS = 3 };

static firn_error err;

struct sealed {
    struct block_fixture fixture;
    struct fi_os_dir *dir; /* the same as the fixture's, with a seal */
};

static const uint8_t keys[3][FI_CIPHER_KEY_SIZE] = {{1}, {2}, {3}};

/* With master keys from number 1 on. */
static struct fi_os_dir *
open_sealed(struct fi_os *os, unsigned cipher, size_t first, size_t count)
{
    struct fi_cipher_keyring_master masters[3];
    struct fi_cipher_keyring *keyring;
    struct fi_os_dir *dir;
    for (size_t i = 0; i < count; i++) {
        masters[i] = (struct fi_cipher_keyring_master){(uint32_t)i + 1, keys[first + i]};
    }
    assert_int_equal(fi_cipher_keyring_create(cipher, masters, count, &keyring, &err), FIRN_OK);
    assert_int_equal(fi_os_dir_open_path(os, "/", &dir, &err), FIRN_OK);
    fi_os_dir_set_seal(dir, fi_cipher_keyring_seal(keyring));
    return dir;
}

static void
open_fixture(struct sealed *sealed, unsigned cipher)
{
    block_fixture_init(&sealed->fixture);
    block_fixture_fill(&sealed->fixture);
    sealed->dir = open_sealed(sealed->fixture.os, cipher, 0, 1);
}

static void
close_fixture(struct sealed *sealed)
{
    fi_os_dir_close(sealed->dir);
    block_fixture_deinit(&sealed->fixture);
}

static bool
has_cipher(unsigned cipher)
{
    return fi_cipher_check(cipher, NULL) == FIRN_OK;
}

static bool
has_bytes(const struct fi_buf *where, const uint8_t *what, size_t size)
{
    return memmem(where->data, where->size, what, size) != NULL;
}

static void
what_is_written_can_be_read(void **state)
{
    size_t tested = 0;
    (void)state;
    for (unsigned cipher = 1; cipher <= CIPHERS; cipher++) {
        struct sealed sealed;
        struct fi_buf clear = {0};
        struct fi_buf bytes = {0};
        if (!has_cipher(cipher)) {
            continue;
        }
        tested++;
        open_fixture(&sealed, cipher);
        struct block_fixture *fixture = &sealed.fixture;
        assert_int_equal(block_fixture_write(fixture, fixture->dir, "clear", &err), FIRN_OK);
        assert_int_equal(block_fixture_write(fixture, sealed.dir, "a", &err), FIRN_OK);
        assert_int_equal(block_fixture_read(fixture, sealed.dir, "a", &err), FIRN_OK);
        test_file_read(fixture->dir, "clear", &clear);
        test_file_read(fixture->dir, "a", &bytes);
        const uint8_t *plain = fixture->raw[5].data; /* stored plain */
        assert_true(has_bytes(&clear, plain, 16));
        assert_false(has_bytes(&bytes, plain, 8));
        /* A section's kind, codec and raw size are not in clear either. */
        uint8_t section[8] = {9};
        assert_true(has_bytes(&clear, section, sizeof section));
        assert_false(has_bytes(&bytes, section, sizeof section));
        const size_t tag = fi_cipher_tag_size(cipher);
        assert_in_range(bytes.size, clear.size,
                        clear.size + BLOCK_FIXTURE_COUNT * (tag + 5 + 7) + tag);
        fi_buf_deinit(&clear);
        fi_buf_deinit(&bytes);
        close_fixture(&sealed);
    }
    assert_true(tested > 0);
}

/* As docs/formats/block.md says, without a line of the code that writes them. */
static void
the_bytes_are_those_of_the_document(void **state)
{
    struct sealed sealed;
    struct fi_buf bytes = {0};
    struct fi_cipher_key *key;
    uint8_t file_key[FI_CIPHER_KEY_SIZE];
    uint8_t check[8];
    uint8_t plain[64];
    (void)state;
    open_fixture(&sealed, FI_CIPHER_XCHACHA20_POLY1305);
    struct block_fixture *fixture = &sealed.fixture;
    assert_int_equal(block_fixture_write(fixture, sealed.dir, "a", &err), FIRN_OK);
    test_file_read(fixture->dir, "a", &bytes);
    const uint8_t *header = bytes.data;
    const uint8_t *footer = bytes.data + bytes.size - 128;
    assert_int_equal(fi_load_le32(header + 32), 1);
    assert_int_equal(fi_load_le32(header + 36), 16);
    assert_int_equal(fi_load_le32(header + 40), 1);
    assert_int_equal(fi_load_le32(header + 44), 1);
    fi_cipher_derive_check(keys[0], check);
    assert_memory_equal(header + 48, check, 8);
    assert_memory_equal(footer + 88, header + 32, 24);
    fi_cipher_derive_file(keys[0], header + 16, file_key);
    assert_int_equal(fi_cipher_key_create(FI_CIPHER_XCHACHA20_POLY1305, file_key, &key, &err),
                     FIRN_OK);
    /* The block of 8 bytes is the third. */
    const uint64_t at = 128 + 2 * (uint64_t)(24 + 24);
    const uint8_t *prefix = bytes.data + at;
    assert_int_equal(fixture->refs[2].offset, at);
    assert_int_equal(prefix[2], 0);
    assert_int_equal(prefix[3], 1);
    assert_int_equal(fi_load_le32(prefix + 8), 8 + 5 + 16);
    assert_int_equal(fi_load_le32(prefix + 12), 0);
    uint8_t aad[40] = {FI_BLOCK_FILE_ROW};
    memcpy(aad + 4, header + 16, 16);
    fi_store_le64(aad + 20, at);
    memcpy(aad + 28, prefix, 4);
    memcpy(aad + 32, prefix + 8, 8);
    assert_int_equal(fi_cipher_open(key, at / 8, firn_bytes(aad, sizeof aad),
                                    firn_bytes(prefix + 24, 8 + 5 + 16), plain, &err),
                     FIRN_OK);
    assert_memory_equal(plain, fixture->raw[2].data, 8);
    const uint8_t inner[5] = {FI_CODEC_NONE, 8};
    assert_memory_equal(plain + 8, inner, 5);
    /* The sections. */
    const uint64_t toc = fi_load_le64(footer + 32);
    assert_int_equal(fi_load_le32(bytes.data + toc), 2);
    fi_store_le64(aad + 20, toc);
    memset(aad + 28, 0, 12);
    assert_int_equal(fi_cipher_open(key, toc / 8, firn_bytes(aad, sizeof aad),
                                    firn_bytes(bytes.data + toc + 16, 48 + 16), plain, &err),
                     FIRN_OK);
    assert_int_equal(fi_load_le32(plain), 7);
    assert_int_equal(fi_load_le64(plain + 8), fixture->refs[1].offset);
    assert_int_equal(fi_load_le32(plain + 24), 9);
    fi_cipher_key_destroy(key);
    fi_buf_deinit(&bytes);
    close_fixture(&sealed);
}

static void
without_memory_it_fails(void **state)
{
    struct test_fault fault = {.for_ever = true};
    struct sealed sealed;
    (void)state;
    open_fixture(&sealed, FI_CIPHER_XCHACHA20_POLY1305);
    while (test_fault_next(&fault)) {
        test_fault_allocation(&fault);
        int rc = block_fixture_write(&sealed.fixture, sealed.dir, "a", &err);
        if (rc == FIRN_OK) {
            rc = block_fixture_read(&sealed.fixture, sealed.dir, "a", &err);
        }
        test_fault_end(&fault);
        test_fault_expect(&fault, rc, FIRN_NO_MEMORY);
        FI_IGNORE(fi_os_remove_file(sealed.dir, "a", NULL));
    }
    close_fixture(&sealed);
}

/* The bytes of the sealed file, to be changed. */
static void
read_sealed(struct sealed *sealed, struct fi_buf *out)
{
    open_fixture(sealed, FI_CIPHER_XCHACHA20_POLY1305);
    assert_int_equal(block_fixture_write(&sealed->fixture, sealed->dir, "a", &err), FIRN_OK);
    test_file_read(sealed->fixture.dir, "a", out);
}

static int
read_changed(struct sealed *sealed, const struct fi_buf *bytes)
{
    test_file_write(sealed->fixture.dir, "bad", bytes->data, bytes->size);
    return block_fixture_read(&sealed->fixture, sealed->dir, "bad", &err);
}

static void
no_changed_byte_is_read(void **state)
{
    struct sealed sealed;
    struct fi_buf bytes = {0};
    (void)state;
    read_sealed(&sealed, &bytes);
    assert_int_equal(read_changed(&sealed, &bytes), FIRN_OK);
    for (size_t i = 0; i < bytes.size; i++) {
        bytes.data[i] ^= 0x10;
        assert_int_equal(read_changed(&sealed, &bytes), FIRN_CORRUPT);
        bytes.data[i] ^= 0x10;
    }
    fi_buf_deinit(&bytes);
    close_fixture(&sealed);
}

/* Somebody who can write the disk can make all checksums right. */
static void
nor_is_one_with_right_checksums(void **state)
{
    struct sealed sealed;
    struct fi_buf good = {0};
    struct fi_buf bad = {0};
    size_t refused = 0;
    (void)state;
    read_sealed(&sealed, &good);
    const uint64_t toc = fi_load_le64(good.data + good.size - 128 + 32);
    for (size_t i = 0; i < good.size; i++) {
        fi_buf_clear(&bad);
        assert_int_equal(fi_buf_append_slice(&bad, fi_buf_slice(&good)), FIRN_OK);
        bad.data[i] ^= 0x10;
        test_seal(bad.data, bad.size);
        const bool is_checksum = memcmp(bad.data, good.data, good.size) == 0;
        const int rc = read_changed(&sealed, &bad);
        if (is_checksum) {
            assert_int_equal(rc, FIRN_OK);
            continue;
        }
        /* All but the contents of the blocks was never secret, and says at most that the file is of
         * another key or of a newer firn. */
        if (rc == FIRN_OK) {
            fail_msg("byte %zu of %zu, table at %llu", i, good.size, (unsigned long long)toc);
        }
        refused++;
    }
    assert_true(refused > good.size / 2);
    fi_buf_deinit(&good);
    fi_buf_deinit(&bad);
    close_fixture(&sealed);
}

/* What both ends of a file say of its encryption is not authenticated. */
static void
another_cipher_or_tag_is_refused(void **state)
{
    static const struct {
        size_t at; /* in what the ends say: size of tags, cipher, number and check of the key */
        uint8_t value;
        int code;
    } changes[] = {{4, 8, FIRN_CORRUPT}, {4, 17, FIRN_CORRUPT}, {4, 0, FIRN_NEWER},
                   {8, 2, FIRN_CORRUPT}, {8, 77, FIRN_NEWER},   {12, 2, FIRN_DENIED},
                   {16, 0, FIRN_DENIED}};
    struct sealed sealed;
    struct fi_buf bytes = {0};
    (void)state;
    read_sealed(&sealed, &bytes);
    for (size_t i = 0; i < sizeof changes / sizeof changes[0]; i++) {
        uint8_t *header = bytes.data + 32 + changes[i].at;
        uint8_t *footer = bytes.data + bytes.size - 128 + 88 + changes[i].at;
        const uint8_t before = *header;
        assert_true(before != changes[i].value);
        *header = *footer = changes[i].value;
        test_seal_edges(bytes.data, bytes.size);
        assert_int_equal(read_changed(&sealed, &bytes), changes[i].code);
        *header = *footer = before;
    }
    test_seal_edges(bytes.data, bytes.size);
    assert_int_equal(read_changed(&sealed, &bytes), FIRN_OK);
    fi_buf_deinit(&bytes);
    close_fixture(&sealed);
}

static void
blocks_stay_in_their_place_and_file(void **state)
{
    struct sealed sealed;
    struct fi_buf one = {0};
    struct fi_buf two = {0};
    (void)state;
    read_sealed(&sealed, &one);
    struct block_fixture *fixture = &sealed.fixture;
    assert_int_equal(block_fixture_write(fixture, sealed.dir, "b", &err), FIRN_OK);
    test_file_read(fixture->dir, "b", &two);
    assert_int_equal(one.size, two.size);
    /* The last block of another file. */
    const struct fi_block_ref *last = &fixture->refs[5];
    const size_t size = (size_t)fi_block_format_span(last->stored_size);
    uint8_t kept[256];
    assert_true(size <= sizeof kept);
    memcpy(kept, one.data + last->offset, size);
    memcpy(one.data + last->offset, two.data + last->offset, size);
    test_seal(one.data, one.size);
    assert_int_equal(read_changed(&sealed, &one), FIRN_CORRUPT);
    memcpy(one.data + last->offset, kept, size);
    test_seal(one.data, one.size);
    assert_int_equal(read_changed(&sealed, &one), FIRN_OK);
    /* A block of the same size elsewhere in the file: blocks 0, 1 and 2 have spans that differ by
     * little, so the one of 1 byte replaces itself in the place of the one of 0 bytes. */
    uint8_t *first = one.data + fixture->refs[0].offset;
    const uint8_t *second = one.data + fixture->refs[1].offset;
    memcpy(first + FI_BLOCK_FORMAT_PREFIX_SIZE, second + FI_BLOCK_FORMAT_PREFIX_SIZE,
           fixture->refs[0].stored_size);
    test_seal(one.data, one.size);
    assert_int_equal(read_changed(&sealed, &one), FIRN_CORRUPT);
    fi_buf_deinit(&one);
    fi_buf_deinit(&two);
    close_fixture(&sealed);
}

static void
a_file_in_clear_does_not_count(void **state)
{
    struct sealed sealed;
    (void)state;
    open_fixture(&sealed, FI_CIPHER_XCHACHA20_POLY1305);
    struct block_fixture *fixture = &sealed.fixture;
    assert_int_equal(block_fixture_write(fixture, fixture->dir, "clear", &err), FIRN_OK);
    assert_int_equal(block_fixture_read(fixture, sealed.dir, "clear", &err), FIRN_CORRUPT);
    assert_non_null(strstr(err.text, "not encrypted"));
    close_fixture(&sealed);
}

/* Without keys everything but the contents can be verified; other keys are told from damage. */
static void
keys_are_needed(void **state)
{
    struct sealed sealed;
    struct fi_block_reader *reader;
    struct fi_buf out = {0};
    (void)state;
    open_fixture(&sealed, FI_CIPHER_XCHACHA20_POLY1305);
    struct block_fixture *fixture = &sealed.fixture;
    assert_int_equal(block_fixture_write(fixture, sealed.dir, "a", &err), FIRN_OK);
    assert_int_equal(fi_block_reader_open(fixture->dir, "a", FI_BLOCK_FILE_ROW, &reader, &err),
                     FIRN_OK);
    assert_int_equal(fi_block_reader_verify_body(reader, &err), FIRN_OK);
    assert_int_equal(fi_block_reader_section_count(reader), 0);
    assert_int_equal(fi_block_reader_read(reader, &fixture->refs[1], fixture->compress, &out, &err),
                     FIRN_DENIED);
    fi_block_reader_close(reader);
    struct fi_os_dir *other = open_sealed(fixture->os, FI_CIPHER_XCHACHA20_POLY1305, 1, 1);
    assert_int_equal(block_fixture_read(fixture, other, "a", &err), FIRN_DENIED);
    fi_os_dir_close(other);
    /* After a rotation old files are read, and new ones have the new key. */
    struct fi_os_dir *rotated = open_sealed(fixture->os, FI_CIPHER_XCHACHA20_POLY1305, 0, 2);
    assert_int_equal(block_fixture_read(fixture, rotated, "a", &err), FIRN_OK);
    assert_int_equal(block_fixture_write(fixture, rotated, "new", &err), FIRN_OK);
    assert_int_equal(block_fixture_read(fixture, rotated, "new", &err), FIRN_OK);
    assert_int_equal(block_fixture_read(fixture, sealed.dir, "new", &err), FIRN_DENIED);
    fi_os_dir_close(rotated);
    fi_buf_deinit(&out);
    close_fixture(&sealed);
}

static int
count_block(void *ctx, const struct fi_block_ref *ref, enum fi_codec codec, firn_slice stored,
            firn_error *error)
{
    size_t *count = ctx;
    (void)ref, (void)codec, (void)stored, (void)error;
    ++*count;
    return FIRN_OK;
}

static void
blocks_are_salvaged(void **state)
{
    struct sealed sealed;
    struct fi_buf bytes = {0};
    size_t count = 0;
    (void)state;
    read_sealed(&sealed, &bytes);
    const struct fi_block_ref *hurt = &sealed.fixture.refs[3];
    bytes.data[hurt->offset + FI_BLOCK_FORMAT_PREFIX_SIZE + 3] ^= 1;
    test_seal_blocks(bytes.data, bytes.size); /* so that only the tag can tell */
    test_file_write(sealed.fixture.dir, "bad", bytes.data, bytes.size - 200);
    assert_int_equal(
        fi_block_salvage(sealed.dir, "bad", FI_BLOCK_FILE_ROW, count_block, &count, &err), FIRN_OK);
    assert_in_range(count, BLOCK_FIXTURE_COUNT - 2, BLOCK_FIXTURE_COUNT - 1);
    assert_int_equal(
        fi_block_salvage(sealed.fixture.dir, "bad", FI_BLOCK_FILE_ROW, count_block, &count, &err),
        FIRN_DENIED);
    fi_buf_deinit(&bytes);
    close_fixture(&sealed);
}

/* ---- padded blocks ---- */

/* Whether all bits are 0 but the highest and the next floor(log2(E)) + 1 ones, E being its place. */
static bool
is_padded_size(size_t size)
{
    size_t exponent = 0;
    size_t of_exponent = 0;
    while ((size_t)2 << exponent <= size) {
        exponent++;
    }
    while ((size_t)2 << of_exponent <= exponent) {
        of_exponent++;
    }
    return size % ((size_t)1 << (exponent - of_exponent - 1)) == 0;
}

static void
padded_sizes_are_few_and_near(void **state)
{
    const struct fi_block_seal clear = {.format.tag_size = 0};
    const struct fi_block_seal sealed = {.format.tag_size = 16};
    size_t last = 0;
    size_t different = 0;
    (void)state;
    for (size_t size = 0; size < 20 << 20; size += 1 + size / 5000) {
        const size_t least = size + 16 + 5 + 4;
        const size_t padded = fi_block_seal_padded_size(&sealed, size);
        assert_int_equal(fi_block_seal_padded_size(&clear, size), size);
        assert_true(padded >= least && padded >= last && is_padded_size(padded));
        assert_true(padded - least <= least * 12 / 100);
        assert_true(size < 1 << 19 || padded - least <= least / 32);
        different += padded != last && size >= 1 << 19 ? 1 : 0;
        last = padded;
    }
    assert_in_range(different, 5 * 30, 6 * 32); /* those of half a MiB to 20 MiB */
}

enum { PADDED_SIZE = 1000, PADDED_STORED = 1088 };

static const struct {
    enum fi_codec codec;
    size_t size;
    bool is_padded;
} golden_blocks[] = {{FI_CODEC_NONE, 4, false},
                     {FI_CODEC_NONE, 0, true},
                     {FI_CODEC_NONE, PADDED_SIZE, true},
                     {FI_CODEC_LZ4, 19, true},
                     {FI_CODEC_NONE, PADDED_SIZE, false}};
enum { GOLDEN_COUNT = sizeof golden_blocks / sizeof golden_blocks[0], LZ4_RAW_SIZE = 200 };

/* What block i is encoded to; that of LZ4 is 100 times "ab", as in test_block_format.c. */
static firn_slice
golden_bytes(size_t i)
{
    static const uint8_t lz4[] = {0x2f, 'a', 'b', 2,   0,   167, 0xc0, 'a', 'b', 'a',
                                  'b',  'a', 'b', 'a', 'b', 'a', 'b',  'a', 'b'};
    static uint8_t plain[PADDED_SIZE];
    memset(plain, 'p', sizeof plain);
    return golden_blocks[i].codec == FI_CODEC_LZ4 ? firn_bytes(lz4, sizeof lz4)
                                                  : firn_bytes(plain, golden_blocks[i].size);
}

static void
write_golden(struct fi_os_dir *dir, const char *name, struct fi_block_ref refs[GOLDEN_COUNT])
{
    struct fi_block_writer *writer;
    assert_int_equal(fi_block_writer_create(dir, name, FI_BLOCK_FILE_ROW, &writer, &err), FIRN_OK);
    for (size_t i = 0; i < GOLDEN_COUNT; i++) {
        const enum fi_codec codec = golden_blocks[i].codec;
        const firn_slice bytes = golden_bytes(i);
        const uint32_t raw = codec == FI_CODEC_LZ4 ? LZ4_RAW_SIZE : (uint32_t)bytes.size;
        assert_int_equal(golden_blocks[i].is_padded
                             ? fi_block_writer_add_padded(writer, codec, bytes, raw, &refs[i], &err)
                             : fi_block_writer_add(writer, codec, bytes, raw, &refs[i], &err),
                         FIRN_OK);
    }
    assert_int_equal(fi_block_writer_finish(writer, NULL, &err), FIRN_OK);
    fi_block_writer_destroy(writer);
}

static void
assert_golden(struct sealed *sealed, struct fi_os_dir *dir, const char *name,
              const struct fi_block_ref refs[GOLDEN_COUNT])
{
    struct fi_block_reader *reader;
    struct fi_buf raw = {0};
    struct fi_buf stored = {0};
    size_t visited = 0;
    assert_int_equal(fi_block_reader_open(dir, name, FI_BLOCK_FILE_ROW, &reader, &err), FIRN_OK);
    for (size_t i = 0; i < GOLDEN_COUNT; i++) {
        enum fi_codec codec;
        firn_slice bytes;
        assert_int_equal(
            fi_block_reader_read(reader, &refs[i], sealed->fixture.compress, &raw, &err), FIRN_OK);
        assert_int_equal(raw.size, refs[i].raw_size);
        for (size_t at = 0; at < raw.size; at++) {
            assert_int_equal(raw.data[at],
                             golden_blocks[i].codec == FI_CODEC_NONE ? 'p' : "ab"[at % 2]);
        }
        assert_int_equal(
            fi_block_reader_read_stored(reader, &refs[i], &stored, &codec, &bytes, &err), FIRN_OK);
        assert_int_equal(codec, golden_blocks[i].codec);
        assert_int_equal(bytes.size, golden_bytes(i).size);
    }
    fi_buf_deinit(&raw);
    fi_buf_deinit(&stored);
    fi_block_reader_close(reader);
    assert_int_equal(fi_block_salvage(dir, name, FI_BLOCK_FILE_ROW, count_block, &visited, &err),
                     FIRN_OK);
    assert_int_equal(visited, GOLDEN_COUNT);
}

/* tests/formats/block/sealed.block: XChaCha20-Poly1305, identity 00 01 ..., master key 1 is 01 and
 * 31 zeros. */
static void
padded_blocks_are_those_of_the_golden_file(void **state)
{
    struct sealed sealed;
    struct fi_os_ops ops;
    struct fi_block_ref refs[GOLDEN_COUNT];
    struct fi_buf bytes = {0};
    (void)state;
    open_fixture(&sealed, FI_CIPHER_XCHACHA20_POLY1305);
    test_identity_fix(sealed.fixture.os, &ops);
    write_golden(sealed.dir, "golden", refs);
    assert_int_equal(refs[0].stored_size, 4 + 5 + 16);
    assert_int_equal(refs[2].stored_size, PADDED_STORED);
    assert_int_equal(refs[4].stored_size, PADDED_SIZE + 5 + 16);
    test_file_read(sealed.fixture.dir, "golden", &bytes);
    test_file_compare_golden("tests/formats/block/sealed.block", fi_buf_slice(&bytes));
    assert_golden(&sealed, sealed.dir, "golden", refs);
    write_golden(sealed.fixture.dir, "clear", refs);
    assert_int_equal(refs[2].stored_size, PADDED_SIZE);
    assert_golden(&sealed, sealed.fixture.dir, "clear", refs);
    fi_buf_deinit(&bytes);
    close_fixture(&sealed);
}

/* In the block of 1,000 bytes, by somebody who has the key. */
static void
malformed_padding_is_refused(void **state)
{
    enum { INNER = PADDED_STORED - 16, CODEC = INNER - 5, COUNT = CODEC - 4 };
    static const struct {
        size_t at;
        uint8_t value;
        int code;
    } changes[] = {{COUNT, COUNT - PADDED_SIZE, FIRN_OK}, /* as it is */
                   {COUNT, COUNT - PADDED_SIZE + 1, FIRN_CORRUPT},
                   {COUNT, COUNT - PADDED_SIZE - 1, FIRN_CORRUPT},
                   {COUNT + 1, 0xff, FIRN_CORRUPT},
                   {COUNT + 3, 0xff, FIRN_CORRUPT},
                   {COUNT - 1, 1, FIRN_CORRUPT},
                   {PADDED_SIZE, 1, FIRN_CORRUPT},
                   {CODEC, 0, FIRN_CORRUPT},
                   {CODEC, 0x83, FIRN_NEWER},
                   {CODEC, 3, FIRN_NEWER}};
    struct sealed sealed;
    struct fi_block_ref refs[GOLDEN_COUNT];
    struct fi_buf bytes = {0};
    struct fi_cipher_key *key;
    uint8_t file_key[FI_CIPHER_KEY_SIZE];
    uint8_t plain[PADDED_STORED];
    uint8_t aad[40] = {FI_BLOCK_FILE_ROW};
    (void)state;
    open_fixture(&sealed, FI_CIPHER_XCHACHA20_POLY1305);
    write_golden(sealed.dir, "a", refs);
    test_file_read(sealed.fixture.dir, "a", &bytes);
    fi_cipher_derive_file(keys[0], bytes.data + 16, file_key);
    assert_int_equal(fi_cipher_key_create(FI_CIPHER_XCHACHA20_POLY1305, file_key, &key, &err),
                     FIRN_OK);
    const struct fi_block_ref *ref = &refs[2];
    uint8_t *prefix = bytes.data + ref->offset;
    memcpy(aad + 4, bytes.data + 16, 16);
    fi_store_le64(aad + 20, ref->offset);
    memcpy(aad + 28, prefix, 4);
    memcpy(aad + 32, prefix + 8, 8);
    const firn_slice bound = firn_bytes(aad, sizeof aad);
    assert_int_equal(fi_cipher_open(key, ref->offset / 8, bound,
                                    firn_bytes(prefix + 24, PADDED_STORED), plain, &err),
                     FIRN_OK);
    assert_int_equal(plain[CODEC], 0x80 | FI_CODEC_NONE);
    for (size_t i = 0; i < sizeof changes / sizeof changes[0]; i++) {
        struct fi_block_reader *reader;
        struct fi_buf out = {0};
        const uint8_t before = plain[changes[i].at];
        plain[changes[i].at] = changes[i].value;
        assert_int_equal(fi_cipher_seal(key, ref->offset / 8, bound, firn_bytes(plain, INNER),
                                        prefix + 24, &err),
                         FIRN_OK);
        plain[changes[i].at] = before;
        test_seal(bytes.data, bytes.size);
        test_file_write(sealed.fixture.dir, "bad", bytes.data, bytes.size);
        assert_int_equal(fi_block_reader_open(sealed.dir, "bad", FI_BLOCK_FILE_ROW, &reader, &err),
                         FIRN_OK);
        assert_int_equal(fi_block_reader_read(reader, ref, sealed.fixture.compress, &out, &err),
                         changes[i].code);
        fi_buf_deinit(&out);
        fi_block_reader_close(reader);
    }
    fi_cipher_key_destroy(key);
    fi_buf_deinit(&bytes);
    close_fixture(&sealed);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_can_be_read),
        cmocka_unit_test(the_bytes_are_those_of_the_document),
        cmocka_unit_test(without_memory_it_fails),
        cmocka_unit_test(no_changed_byte_is_read),
        cmocka_unit_test(nor_is_one_with_right_checksums),
        cmocka_unit_test(another_cipher_or_tag_is_refused),
        cmocka_unit_test(blocks_stay_in_their_place_and_file),
        cmocka_unit_test(a_file_in_clear_does_not_count),
        cmocka_unit_test(keys_are_needed),
        cmocka_unit_test(blocks_are_salvaged),
        cmocka_unit_test(padded_sizes_are_few_and_near),
        cmocka_unit_test(padded_blocks_are_those_of_the_golden_file),
        cmocka_unit_test(malformed_padding_is_refused),
    };
    if (!has_cipher(FI_CIPHER_XCHACHA20_POLY1305)) {
        printf("skipped: libsodium is not installed\n");
        return 77;
    }
    test_alloc_install();
    return cmocka_run_group_tests_name("block_seal", tests, NULL, NULL);
}
