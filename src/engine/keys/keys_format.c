/* SPDX-License-Identifier: Apache-2.0
 *
 * keys/keys_format.c: reading and writing the bytes of a keys file.
 *
 * A reader looks at the checksum first. So a damaged file is damaged, and not one of a later
 * version, or one with an expensive slot. A later version has to keep three things of this format:
 * the magic at the beginning, the version after it, and the checksum at the end.
 *
 * Anybody can compute a checksum, so everything after it is treated as a stranger's: counts are
 * bounded before they are used, the size of the file follows from them exactly, and the cost of
 * passphrases is bounded for each slot and for all of them. What is not encoded in the one way that
 * is described is refused.
 */
#include "keys/keys_format.h"

#include <string.h>

#include "base/bytes.h"
#include "base/check.h"
#include "base/reader.h"
#include "codec/blake3_hash.h"
#include "codec/utf8.h"

enum { VERSION = 1, MAGIC_SIZE = 8, HEAD_ZEROS = 20, SLOT_ZEROS = 4 };

static const char magic[MAGIC_SIZE + 1] = "firnkeys";

_Static_assert(sizeof(firn_hash) == FI_KEYS_CHECKSUM_SIZE, "the checksum is a hash");

size_t
fi_keys_format_ring_offset(const struct fi_keys_head *head)
{
    return FI_KEYS_HEAD_SIZE + head->slot_count * FI_KEYS_SLOT_SIZE;
}

size_t
fi_keys_format_size(const struct fi_keys_head *head)
{
    return fi_keys_format_ring_offset(head) + head->master_count * FI_KEYS_MASTER_SIZE +
           FI_KEYS_TAG_SIZE + FI_KEYS_CHECKSUM_SIZE;
}

/* ==== writing ==== */

void
fi_keys_format_encode_slot(const struct fi_keys_slot *slot, uint8_t *out)
{
    DCHECK(slot->label_size <= FI_KEYS_LABEL_SIZE_MAX && slot->number != 0);
    memset(out, 0, FI_KEYS_SLOT_SIZE);
    out[0] = (uint8_t)slot->kind;
    out[1] = (uint8_t)slot->label_size;
    fi_store_le16(out + 2, slot->number);
    fi_store_le32(out + 4, slot->cost.passes);
    fi_store_le32(out + 8, slot->cost.memory_kib);
    fi_store_le64(out + 16, (uint64_t)slot->added_ns);
    memcpy(out + 24, slot->salt, sizeof slot->salt);
    memcpy(out + 40, slot->check, sizeof slot->check);
    memcpy(out + 56, slot->sealed, sizeof slot->sealed);
    memcpy(out + 104, slot->label, slot->label_size);
}

void
fi_keys_format_encode_head(const struct fi_keys_head *head, uint8_t *out)
{
    DCHECK(head->slot_count <= FI_KEYS_SLOTS_MAX && head->master_count <= FI_KEYS_MASTERS_MAX);
    memset(out, 0, FI_KEYS_HEAD_SIZE);
    memcpy(out, magic, MAGIC_SIZE);
    fi_store_le32(out + 8, VERSION);
    fi_store_le32(out + 12, head->generation);
    memcpy(out + 16, head->id, sizeof head->id);
    memcpy(out + 32, head->salt, sizeof head->salt);
    fi_store_le16(out + 64, (uint16_t)head->slot_count);
    fi_store_le16(out + 66, head->next_slot);
    fi_store_le32(out + 68, (uint32_t)head->master_count);
    fi_store_le32(out + 72, (uint32_t)head->change);
    for (size_t i = 0; i < head->slot_count; i++) {
        fi_keys_format_encode_slot(&head->slots[i],
                                   out + FI_KEYS_HEAD_SIZE + i * FI_KEYS_SLOT_SIZE);
    }
}

void
fi_keys_format_encode_checksum(uint8_t *file, size_t size)
{
    firn_hash hash;
    fi_blake3_hash_of(file, size - FI_KEYS_CHECKSUM_SIZE, &hash);
    memcpy(file + size - FI_KEYS_CHECKSUM_SIZE, hash.bytes, sizeof hash.bytes);
}

void
fi_keys_format_encode_masters(const struct fi_keys_master *masters, size_t count, uint8_t *out)
{
    for (size_t i = 0; i < count; i++) {
        uint8_t *at = out + i * FI_KEYS_MASTER_SIZE;
        fi_store_le32(at, masters[i].number);
        fi_store_le64(at + 4, (uint64_t)masters[i].made_ns);
        memcpy(at + 12, masters[i].key, sizeof masters[i].key);
    }
}

/* ==== reading ==== */

static int
damaged(const char *what, firn_error *err)
{
    return fi_error_set(err, FIRN_CORRUPT, "the keys file is damaged: %s", what);
}

int
fi_keys_format_check_label(firn_slice label, firn_error *err)
{
    uint32_t point;
    bool is_printable = label.size <= FI_KEYS_LABEL_SIZE_MAX;
    while (is_printable && label.size > 0) {
        size_t size = fi_utf8_decode(label, &point);
        is_printable = size > 0 && point >= 0x20 && (point < 0x7f || point > 0x9f);
        label = firn_bytes(label.data + size, label.size - size);
    }
    if (!is_printable) {
        return fi_error_set(err, FIRN_INVALID, "a label has at most %d bytes of printable text",
                            FI_KEYS_LABEL_SIZE_MAX);
    }
    return FIRN_OK;
}

int
fi_keys_format_check_work(const struct fi_keys_slot *slots, size_t count, firn_error *err)
{
    uint64_t work = 0;
    for (size_t i = 0; i < count; i++) {
        if (slots[i].kind == FI_KEYS_PASSPHRASE) {
            FI_TRY_RETURN(fi_cipher_passphrase_check(&slots[i].cost, err));
            work += (uint64_t)slots[i].cost.passes * slots[i].cost.memory_kib;
        }
    }
    if (work > FI_KEYS_WORK_KIB_MAX) {
        return fi_error_set(err, FIRN_LIMIT,
                            "trying a passphrase on all slots of this keys file would take longer "
                            "than firn accepts");
    }
    return FIRN_OK;
}

/* Takes count bytes, which later versions may use. */
static int
take_zeros(struct fi_reader *reader, size_t count, firn_error *err)
{
    firn_slice zeros;
    CHECK(fi_reader_bytes(reader, count, &zeros));
    if (!fi_bytes_are_zero(zeros.data, count)) {
        return fi_error_set(err, FIRN_NEWER, "the keys file is of a later version of firn");
    }
    return FIRN_OK;
}

static int
decode_slot(firn_slice bytes, struct fi_keys_slot *out, firn_error *err)
{
    struct fi_reader reader = fi_reader_of(bytes);
    uint8_t kind;
    uint8_t label_size;
    uint64_t added;
    CHECK(fi_reader_u8(&reader, &kind) && fi_reader_u8(&reader, &label_size) &&
          fi_reader_le16(&reader, &out->number) && fi_reader_le32(&reader, &out->cost.passes) &&
          fi_reader_le32(&reader, &out->cost.memory_kib));
    FI_TRY_RETURN(take_zeros(&reader, SLOT_ZEROS, err));
    CHECK(fi_reader_le64(&reader, &added) && fi_reader_copy(&reader, out->salt, sizeof out->salt) &&
          fi_reader_copy(&reader, out->check, sizeof out->check) &&
          fi_reader_copy(&reader, out->sealed, sizeof out->sealed) &&
          fi_reader_copy(&reader, out->label, sizeof out->label) && fi_reader_left(&reader) == 0);
    out->kind = (enum fi_keys_kind)kind;
    out->added_ns = (int64_t)added;
    out->label_size = label_size;
    if (kind > FI_KEYS_RECOVERY) {
        return fi_error_set(err, FIRN_NEWER,
                            "the keys file has a slot of kind %u, of a later version of firn",
                            kind);
    }
    if (kind == 0) {
        return damaged("a slot without a kind", err);
    }
    if (kind != FI_KEYS_PASSPHRASE && (out->cost.passes != 0 || out->cost.memory_kib != 0)) {
        return damaged("a slot without a passphrase has the cost of one", err);
    }
    if (label_size > sizeof out->label ||
        fi_keys_format_check_label(firn_bytes(out->label, label_size), NULL) != FIRN_OK ||
        !fi_bytes_are_zero((const uint8_t *)out->label + label_size,
                           sizeof out->label - label_size)) {
        return damaged("the label of a slot", err);
    }
    return FIRN_OK;
}

/* Slots are in the order of their numbers. */
static int
decode_slots(struct fi_reader *reader, struct fi_keys_head *out, firn_error *err)
{
    uint16_t last = 0;
    for (size_t i = 0; i < out->slot_count; i++) {
        firn_slice bytes;
        CHECK(fi_reader_bytes(reader, FI_KEYS_SLOT_SIZE, &bytes));
        FI_TRY_RETURN(decode_slot(bytes, &out->slots[i], err));
        if (out->slots[i].number <= last || out->slots[i].number >= out->next_slot) {
            return damaged("the numbers of its slots", err);
        }
        last = out->slots[i].number;
    }
    return fi_keys_format_check_work(out->slots, out->slot_count, err);
}

/* What all versions have. */
static int
check_frame(firn_slice file, firn_error *err)
{
    firn_hash hash;
    if (file.size < MAGIC_SIZE || memcmp(file.data, magic, MAGIC_SIZE) != 0) {
        return damaged("it does not begin as one", err);
    }
    if (file.size < FI_KEYS_HEAD_SIZE + FI_KEYS_CHECKSUM_SIZE) {
        return damaged("it is cut off", err);
    }
    fi_blake3_hash_of(file.data, file.size - FI_KEYS_CHECKSUM_SIZE, &hash);
    if (memcmp(hash.bytes, file.data + file.size - FI_KEYS_CHECKSUM_SIZE, sizeof hash.bytes) != 0) {
        return damaged("its checksum is another one", err);
    }
    uint32_t version = fi_load_le32(file.data + MAGIC_SIZE);
    if (version != VERSION) {
        return fi_error_set(err, FIRN_NEWER,
                            "the keys file has version %u, which this firn does not know", version);
    }
    return FIRN_OK;
}

int
fi_keys_format_decode(firn_slice file, struct fi_keys_head *out, firn_error *err)
{
    uint16_t slot_count;
    uint32_t master_count;
    uint32_t change;
    firn_slice begin;
    memset(out, 0, sizeof *out);
    FI_TRY_RETURN(check_frame(file, err));
    struct fi_reader reader = fi_reader_of(file);
    CHECK(fi_reader_bytes(&reader, MAGIC_SIZE + 4, &begin) &&
          fi_reader_le32(&reader, &out->generation) &&
          fi_reader_copy(&reader, out->id, sizeof out->id) &&
          fi_reader_copy(&reader, out->salt, sizeof out->salt) &&
          fi_reader_le16(&reader, &slot_count) && fi_reader_le16(&reader, &out->next_slot) &&
          fi_reader_le32(&reader, &master_count) && fi_reader_le32(&reader, &change));
    FI_TRY_RETURN(take_zeros(&reader, HEAD_ZEROS, err));
    if (slot_count == 0 || slot_count > FI_KEYS_SLOTS_MAX || master_count == 0 ||
        master_count > FI_KEYS_MASTERS_MAX) {
        return damaged("its counts", err);
    }
    out->slot_count = slot_count;
    if (change > FI_KEYS_DECRYPTING) {
        return fi_error_set(err, FIRN_NEWER,
                            "it changes its store in a way (%u) of a later version of firn",
                            (unsigned)change);
    }
    out->master_count = master_count;
    out->change = (enum fi_keys_change)change;
    if (file.size != fi_keys_format_size(out)) {
        return damaged("its size is not that of what it has", err);
    }
    return decode_slots(&reader, out, err);
}

int
fi_keys_format_decode_masters(const uint8_t *ring, size_t count, struct fi_keys_master *out,
                              firn_error *err)
{
    uint32_t last = 0;
    for (size_t i = 0; i < count; i++) {
        const uint8_t *at = ring + i * FI_KEYS_MASTER_SIZE;
        out[i].number = fi_load_le32(at);
        out[i].made_ns = (int64_t)fi_load_le64(at + 4);
        memcpy(out[i].key, at + 12, sizeof out[i].key);
        if (out[i].number <= last) {
            return damaged("the numbers of its master keys", err);
        }
        last = out[i].number;
    }
    return FIRN_OK;
}
