/* SPDX-License-Identifier: Apache-2.0
 *
 * fuzz/sealed: encrypted files that were changed by somebody who has no key, but has older files of
 * the same key, and writes all checksums anew.
 *
 * Of each kind (a block file, a pack, a log) there are three files, made with fixed keys: the one
 * that is changed, a twin that is encrypted with the same master key, and one in clear.
 *
 * Input: byte 0, modulo 3, is the kind; with bit 7 of it all checksums are made right. Then changes
 * of 7 bytes: operation, where, from where, how much.
 *
 * Held: what is read without an error is, to the byte, what was written in this place of the file or of its
 * twin, whichever identity the file has; never anything else, and nothing in clear.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/check.h"
#include "base/slice.h"
#include "cipher/cipher_keyring.h"
#include "codec/blake3_hash.h"
#include "fuzz/fuzz_machine.h"
#include "log/log.h"
#include "log/log_format.h"
#include "pack/pack.h"
#include "sim/sim_memory.h"
#include "support/test_seal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { BLOCKS, PACK, LOG, KINDS, FLAG_SEAL = 0x80 };
enum { OWN, TWIN, CLEAR, VARIANTS };
enum { CHANGE_SIZE = 7, CHANGES_MAX = 24 };
enum { BLOCK_COUNT = 5, OBJECT_COUNT = 8, RECORD_COUNT = 6, CONTENT_MAX = 1024 };
enum { RECORD_TYPE = 20 };

struct variant {
    struct fi_os_dir *dir;
    struct fi_buf files[KINDS];
    struct fi_block_ref refs[BLOCK_COUNT];
    struct fi_block_file_id id;
};

static struct variant variants[VARIANTS];
static struct fi_compress *compress;
static struct fi_pack_scratch *scratch;
static const char *const names[KINDS] = {"blocks", "pack", "wal-000001.log"};

/* ==== what is in the files ==== */

static firn_slice
content_of(unsigned variant, unsigned kind, size_t i, uint8_t out[CONTENT_MAX])
{
    static const size_t sizes[] = {100, 1, 1000, 300, 2, 77, 500, 8};
    const size_t size = sizes[i % (sizeof sizes / sizeof sizes[0])];
    for (size_t at = 0; at < size; at++) {
        out[at] = (uint8_t)(variant * 101 + kind * 37 + i * 13 + at % 7);
    }
    if (size > 2) {
        out[1] = (uint8_t)variant;
        out[2] = (uint8_t)i;
    }
    return firn_bytes(out, size);
}

static void
write_blocks(struct variant *variant, unsigned number)
{
    struct fi_block_writer *writer;
    CHECK(fi_block_writer_create(variant->dir, names[BLOCKS], FI_BLOCK_FILE_ROW, &writer, NULL) ==
          FIRN_OK);
    for (size_t i = 0; i < BLOCK_COUNT; i++) {
        uint8_t bytes[CONTENT_MAX];
        const firn_slice content = content_of(number, BLOCKS, i, bytes);
        const uint32_t size = (uint32_t)content.size;
        struct fi_block_ref *ref = &variant->refs[i];
        CHECK((i % 2 == 0 ? fi_block_writer_add(writer, FI_CODEC_NONE, content, size, ref, NULL)
                          : fi_block_writer_add_padded(writer, FI_CODEC_NONE, content, size, ref,
                                                       NULL)) == FIRN_OK);
    }
    CHECK(fi_block_writer_add_section(writer, 7, &variant->refs[1], NULL) == FIRN_OK);
    CHECK(fi_block_writer_add_section(writer, 9, &variant->refs[2], NULL) == FIRN_OK);
    variant->id = *fi_block_writer_id(writer);
    CHECK(fi_block_writer_finish(writer, NULL, NULL) == FIRN_OK);
    fi_block_writer_destroy(writer);
}

static void
write_pack(const struct variant *variant, unsigned number)
{
    struct firn_pack_writer *writer;
    struct fi_pack_lane *lane;
    CHECK(fi_pack_writer_create(variant->dir, names[PACK], 1, &writer, NULL) == FIRN_OK);
    CHECK(fi_pack_lane_create(writer, &lane, NULL) == FIRN_OK);
    for (size_t i = 0; i < OBJECT_COUNT; i++) {
        uint8_t bytes[CONTENT_MAX];
        firn_hash hash;
        bool is_new;
        const firn_slice content = content_of(number, PACK, i, bytes);
        fi_blake3_hash_of(content.data, content.size, &hash);
        CHECK(fi_pack_lane_add(lane, FI_PACK_BLOB, &hash, content, &is_new, NULL) == FIRN_OK);
        CHECK(i % 3 != 2 || fi_pack_lane_flush(lane, NULL) == FIRN_OK);
    }
    CHECK(fi_pack_lane_flush(lane, NULL) == FIRN_OK);
    fi_pack_lane_destroy(lane);
    CHECK(fi_pack_writer_finish(writer, NULL, NULL) == FIRN_OK);
    fi_pack_writer_destroy(writer);
}

static void
write_log(const struct variant *variant, unsigned number)
{
    const struct fi_log_options options = {.prefix = "wal", .ready_after_bytes = UINT64_MAX};
    struct fi_log *log;
    CHECK(fi_log_create(variant->dir, &options, &log, NULL) == FIRN_OK);
    for (size_t i = 0; i < RECORD_COUNT; i++) {
        uint8_t bytes[CONTENT_MAX];
        const firn_slice part = content_of(number, LOG, i, bytes);
        CHECK(fi_log_append(log, (uint8_t)(RECORD_TYPE + i), &part, 1, NULL, NULL) == FIRN_OK);
        CHECK(i % 2 == 0 || fi_log_sync(log, NULL) == FIRN_OK);
    }
    CHECK(fi_log_close(log, NULL) == FIRN_OK);
}

static void
read_file(struct fi_os_dir *dir, const char *name, struct fi_buf *out)
{
    struct fi_os_file *file;
    struct fi_os_stat stat;
    CHECK(fi_os_file_open(dir, name, FI_OS_READ, 0, &file, NULL) == FIRN_OK);
    CHECK(fi_os_file_stat(file, &stat, NULL) == FIRN_OK);
    CHECK(fi_buf_set_size(out, (size_t)stat.size_bytes) == FIRN_OK);
    CHECK(fi_os_file_read_exact(file, 0, out->data, out->size, NULL) == FIRN_OK);
    fi_os_file_close(file);
}

static void
give_key(struct fi_os_dir *dir)
{
    static const uint8_t key[FI_CIPHER_KEY_SIZE] = {1};
    const struct fi_cipher_keyring_master master = {1, key};
    struct fi_cipher_keyring *keyring;
    CHECK(fi_cipher_keyring_create(FI_CIPHER_XCHACHA20_POLY1305, &master, 1, &keyring, NULL) ==
          FIRN_OK);
    fi_os_dir_set_seal(dir, fi_cipher_keyring_seal(keyring));
}

/* Each variant on a machine of its own, so that random bytes differ. */
static void
make_variants(void)
{
    CHECK(fi_compress_create(&compress, NULL) == FIRN_OK);
    CHECK(fi_pack_scratch_create(2, &scratch, NULL) == FIRN_OK);
    for (unsigned i = 0; i < VARIANTS; i++) {
        struct variant *variant = &variants[i];
        struct fi_os *os;
        CHECK(fi_sim_memory_create(i + 1, &os, NULL) == FIRN_OK);
        CHECK(fi_os_dir_open_path(os, "/", &variant->dir, NULL) == FIRN_OK);
        if (i != CLEAR) {
            give_key(variant->dir);
        }
        write_blocks(variant, i);
        write_pack(variant, i);
        write_log(variant, i);
        for (size_t kind = 0; kind < KINDS; kind++) {
            read_file(variant->dir, names[kind], &variant->files[kind]);
        }
    }
}

/* ==== changes ==== */

/* Both parts are inside, and are swapped if they do not overlap. */
static void
swap_parts(struct fi_buf *file, size_t at, size_t from, size_t length)
{
    const bool is_apart = at + length <= from || from + length <= at;
    for (size_t i = 0; is_apart && i < length; i++) {
        const uint8_t kept = file->data[at + i];
        file->data[at + i] = file->data[from + i];
        file->data[from + i] = kept;
    }
}

static void
change(struct fi_buf *file, unsigned kind, const uint8_t bytes[CHANGE_SIZE])
{
    if (file->size == 0) {
        return;
    }
    const size_t at = fi_load_le16(bytes + 1) % file->size;
    const unsigned operation = bytes[0] % 7;
    const struct fi_buf *other = operation == 4   ? &variants[TWIN].files[kind]
                                 : operation == 5 ? &variants[CLEAR].files[kind]
                                                  : file;
    const size_t from = fi_load_le16(bytes + 3) % other->size;
    size_t length = fi_load_le16(bytes + 5);
    length = length < file->size - at ? length : file->size - at;
    length = length < other->size - from ? length : other->size - from;
    switch (operation) {
    case 0:
        file->data[at] ^= bytes[3] == 0 ? 1 : bytes[3];
        break;
    case 1:
        file->size = at;
        break;
    case 2:
        memset(file->data + at, bytes[3], length);
        break;
    case 3:
        swap_parts(file, at, from, length);
        break;
    default: /* from another file, or another place */
        memmove(file->data + at, other->data + from, length);
        break;
    }
}

/* Right checksums for the records of a log, as far as their lengths make sense. */
static void
seal_log(struct fi_buf *file)
{
    struct fi_log_format_segment segment;
    if (file->size < FI_LOG_FORMAT_SEGMENT_SIZE) {
        return;
    }
    segment = (struct fi_log_format_segment){.flags = fi_load_le32(file->data + 12),
                                             .number = fi_load_le64(file->data + 16),
                                             .salt = fi_load_le64(file->data + 24),
                                             .oldest = fi_load_le64(file->data + 48)};
    fi_log_format_put_segment(&segment, file->data);
    for (uint64_t at = FI_LOG_FORMAT_SEGMENT_SIZE;
         fi_range_inside(at, FI_LOG_FORMAT_RECORD_SIZE, file->size);) {
        uint8_t *record = file->data + at;
        struct fi_log_format_record header = {.length = fi_load_le32(record + 4),
                                              .durable = fi_load_le32(record + 8) * UINT64_C(8),
                                              .type = record[12]};
        const uint64_t room = fi_log_format_record_room(header.length);
        if (header.type == 0 || header.durable > at || !fi_range_inside(at, room, file->size)) {
            return;
        }
        fi_log_format_put_record(&header, segment.salt, at, record);
        at += room;
    }
}

static void
write_file(const char *name, const struct fi_buf *bytes)
{
    struct fi_os_file *file;
    CHECK(fi_os_file_open(variants[OWN].dir, name,
                          FI_OS_WRITE | FI_OS_CREATE | FI_OS_TRUNCATE | FI_OS_SEALED, 0600, &file,
                          NULL) == FIRN_OK);
    CHECK(bytes->size == 0 || fi_os_file_write(file, 0, bytes->data, bytes->size, NULL) == FIRN_OK);
    fi_os_file_close(file);
}

/* Of the whole file: what it says of its key and its cipher is not authenticated. */
static bool
is_refusal(int rc)
{
    return fuzz_machine_is_refusal(rc) || rc == FIRN_DENIED || rc == FIRN_UNSUPPORTED;
}

/* ==== block files ==== */

static bool
is_block(unsigned variant, const struct fi_block_ref *ref, firn_slice bytes)
{
    for (size_t i = 0; i < BLOCK_COUNT; i++) {
        uint8_t wanted[CONTENT_MAX];
        if (variants[variant].refs[i].offset == ref->offset &&
            variants[variant].refs[i].stored_size == ref->stored_size) {
            return fi_slice_equal(content_of(variant, BLOCKS, i, wanted), bytes);
        }
    }
    return false;
}

static int
visit_block(void *ctx, const struct fi_block_ref *ref, enum fi_codec codec, firn_slice stored,
            firn_error *err)
{
    (void)ctx;
    (void)err;
    CHECK(codec == FI_CODEC_NONE && ref->raw_size == stored.size);
    CHECK(is_block(OWN, ref, stored) || is_block(TWIN, ref, stored));
    return FIRN_OK;
}

static void
read_blocks(bool is_unchanged)
{
    struct fi_block_reader *reader;
    struct fi_buf raw = {0};
    firn_error err;
    struct fi_os_dir *dir = variants[OWN].dir;
    int rc = fi_block_reader_open(dir, names[BLOCKS], FI_BLOCK_FILE_ROW, &reader, &err);
    CHECK(rc == FIRN_OK || (is_refusal(rc) && !is_unchanged));
    if (rc == FIRN_OK) {
        const struct fi_block_file_id *id = fi_block_reader_id(reader);
        const unsigned whose = memcmp(id, &variants[TWIN].id, sizeof *id) == 0 ? TWIN : OWN;
        const struct fi_block_ref *refs = variants[whose].refs;
        /* The sections are authenticated, and so is the identity by them. */
        CHECK(memcmp(id, &variants[whose].id, sizeof *id) == 0);
        CHECK(fi_block_reader_section_count(reader) == 2);
        CHECK(memcmp(&fi_block_reader_section(reader, 0)->ref, &refs[1], sizeof refs[1]) == 0);
        CHECK(memcmp(&fi_block_reader_section(reader, 1)->ref, &refs[2], sizeof refs[2]) == 0);
        for (size_t i = 0; i < BLOCK_COUNT; i++) {
            rc = fi_block_reader_read(reader, &refs[i], compress, &raw, &err);
            CHECK(rc == FIRN_OK || (fuzz_machine_is_refusal(rc) && !is_unchanged));
            CHECK(rc != FIRN_OK || is_block(whose, &refs[i], fi_buf_slice(&raw)));
        }
        fi_block_reader_close(reader);
    }
    fi_buf_deinit(&raw);
    rc = fi_block_salvage(dir, names[BLOCKS], FI_BLOCK_FILE_ROW, visit_block, NULL, &err);
    CHECK(rc == FIRN_OK || is_refusal(rc));
}

/* ==== packs ==== */

/* Objects that were read, each from the own pack or the twin's. */
struct objects {
    struct firn_pack *pack;
    size_t counts[CLEAR];
};

static bool
is_object(struct objects *objects, const firn_hash *hash, enum fi_pack_kind kind,
          firn_slice content)
{
    for (unsigned variant = OWN; variant < CLEAR; variant++) {
        for (size_t i = 0; i < OBJECT_COUNT; i++) {
            uint8_t bytes[CONTENT_MAX];
            firn_hash wanted;
            const firn_slice original = content_of(variant, PACK, i, bytes);
            fi_blake3_hash_of(original.data, original.size, &wanted);
            if (fi_hash_equal(hash, &wanted)) {
                objects->counts[variant]++;
                return kind == FI_PACK_BLOB && fi_slice_equal(content, original);
            }
        }
    }
    return false;
}

static int
visit_object(void *ctx, const firn_hash *hash, const struct fi_pack_location *at, firn_error *err)
{
    struct objects *objects = ctx;
    firn_slice content;
    int rc = fi_pack_read(objects->pack, scratch, hash, at, &content, err);
    CHECK(rc == FIRN_OK || fuzz_machine_is_refusal(rc));
    CHECK(rc != FIRN_OK || is_object(objects, hash, at->kind, content));
    return FIRN_OK;
}

static int
visit_salvaged(void *ctx, const firn_hash *hash, enum fi_pack_kind kind, firn_slice content,
               firn_error *err)
{
    (void)err;
    CHECK(is_object(ctx, hash, kind, content));
    return FIRN_OK;
}

static void
read_pack(bool is_unchanged)
{
    struct objects objects = {0};
    struct objects salvaged = {0};
    firn_error err;
    int rc = fi_pack_open(variants[OWN].dir, names[PACK], &objects.pack, &err);
    CHECK(rc == FIRN_OK || is_refusal(rc));
    if (rc == FIRN_OK) {
        rc = fi_pack_list(objects.pack, scratch, visit_object, &objects, &err);
        CHECK(rc == FIRN_OK || fuzz_machine_is_refusal(rc));
        const int verified = fi_pack_verify(objects.pack, scratch, NULL, NULL, &err);
        CHECK(verified == FIRN_OK ? rc == FIRN_OK : fuzz_machine_is_refusal(verified));
        fi_pack_close(objects.pack);
    }
    CHECK(!is_unchanged || objects.counts[OWN] == OBJECT_COUNT);
    CHECK(objects.counts[OWN] == 0 || objects.counts[TWIN] == 0);
    rc = fi_pack_salvage(variants[OWN].dir, names[PACK], visit_salvaged, &salvaged, &err);
    CHECK(rc == FIRN_OK || is_refusal(rc));
    CHECK(salvaged.counts[OWN] == 0 || salvaged.counts[TWIN] == 0);
    CHECK(!is_unchanged || salvaged.counts[OWN] == OBJECT_COUNT);
}

/* ==== logs ==== */

struct visited {
    size_t count;
    bool may_be[CLEAR]; /* whether all of them are the first ones of this variant */
};

static int
visit_record(void *ctx, uint8_t type, firn_slice record, struct fi_log_position position,
             firn_error *err)
{
    struct visited *visited = ctx;
    (void)position;
    (void)err;
    CHECK(visited->count < RECORD_COUNT && type == RECORD_TYPE + visited->count);
    for (unsigned i = OWN; i < CLEAR; i++) {
        uint8_t wanted[CONTENT_MAX];
        visited->may_be[i] &= fi_slice_equal(record, content_of(i, LOG, visited->count, wanted));
    }
    CHECK(visited->may_be[OWN] || visited->may_be[TWIN]);
    visited->count++;
    return FIRN_OK;
}

static void
read_log(bool is_unchanged)
{
    const struct fi_log_options options = {.prefix = "wal", .read_only = true};
    struct visited visited = {.may_be = {true, true}};
    struct fi_log *log = NULL;
    const int rc =
        fi_log_open(variants[OWN].dir, &options, visit_record, &visited, &log, NULL, NULL);
    CHECK(rc == FIRN_OK || is_refusal(rc));
    CHECK(!is_unchanged || (rc == FIRN_OK && visited.count == RECORD_COUNT));
    fi_log_abandon(log);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0 || fi_cipher_check(FI_CIPHER_XCHACHA20_POLY1305, NULL) != FIRN_OK) {
        return 0;
    }
    if (compress == NULL) {
        make_variants();
    }
    const unsigned kind = (data[0] & ~FLAG_SEAL & UINT8_MAX) % KINDS;
    struct fi_buf file = {0};
    CHECK(fi_buf_append_slice(&file, fi_buf_slice(&variants[OWN].files[kind])) == FIRN_OK);
    for (size_t i = 0; i < CHANGES_MAX && 1 + (i + 1) * CHANGE_SIZE <= size; i++) {
        change(&file, kind, data + 1 + i * CHANGE_SIZE);
    }
    if ((data[0] & FLAG_SEAL) != 0) {
        kind == LOG ? seal_log(&file) : test_seal(file.data, file.size);
    }
    write_file(names[kind], &file);
    if (kind == BLOCKS) {
        read_blocks(size == 1);
    } else if (kind == PACK) {
        read_pack(size == 1);
    } else {
        read_log(size == 1);
    }
    fi_buf_deinit(&file);
    return 0;
}
