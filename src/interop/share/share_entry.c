/* SPDX-License-Identifier: Apache-2.0
 *
 * share/share_entry.c: the bytes of a remote's entries, and of the values of its files
 * (docs/formats/remote.md); and of what a store keeps about its remotes.
 */
#include <stdio.h>
#include <string.h>

#include "base/reader.h"
#include "base/slice.h"
#include "cipher/cipher.h"
#include "codec/hex.h"
#include "share/share_internal.h"

enum { FORMAT = 1, FORMAT_ENCRYPTED = 2, LIST_SIZE_MAX = 8 << 20 };

firn_slice
fi_share_entry_key(const char *kind, const uint8_t id[16], char out[FI_SHARE_KEY_SIZE])
{
    char digits[2 * 16 + 1];
    fi_hex_encode(id, 16, digits);
    (void)snprintf(out, FI_SHARE_KEY_SIZE, "%s%s", kind, digits);
    return firn_str(out);
}

bool
fi_share_entry_is(firn_slice key, const char *kind, firn_slice *out)
{
    size_t size = strlen(kind);
    if (key.size < size || memcmp(key.data, kind, size) != 0) {
        return false;
    }
    *out = firn_bytes(key.data + size, key.size - size);
    return true;
}

static int
check_format(struct fi_reader *reader, const char *what, firn_error *err)
{
    uint8_t format;
    if (!fi_reader_u8(reader, &format)) {
        return fi_error_set(err, FIRN_CORRUPT, "%s of the remote is empty", what);
    }
    return format == FORMAT ? FIRN_OK
                            : fi_error_set(err, FIRN_NEWER,
                                           "%s of the remote has format %u, this version knows %d",
                                           what, format, FORMAT);
}

/* ==== packs ==== */

void
fi_share_entry_pack_name(const struct fi_share_pack *pack, char out[FI_BUCKET_NAME_SIZE_MAX + 1])
{
    CHECK(pack->is_inline || pack->name.size <= FI_BUCKET_NAME_SIZE_MAX);
    (void)snprintf(out, FI_BUCKET_NAME_SIZE_MAX + 1, "%.*s", (int)pack->name.size,
                   (const char *)pack->name.data);
}

int
fi_share_entry_encode_pack(const struct fi_share_pack *pack, struct fi_buf *out)
{
    FI_TRY_RETURN(fi_buf_append_u8(out, FORMAT));
    FI_TRY_RETURN(fi_buf_append(out, &pack->id, sizeof pack->id));
    FI_TRY_RETURN(fi_buf_append_varint(out, pack->size_bytes));
    FI_TRY_RETURN(fi_buf_append_varint(out, pack->object_count));
    FI_TRY_RETURN(fi_buf_append_sized(out, pack->bases));
    FI_TRY_RETURN(fi_buf_append_sized(out, pack->joined));
    return fi_buf_append_slice(out, pack->bytes);
}

int
fi_share_entry_decode_pack(firn_slice value, bool is_inline, struct fi_share_pack *out,
                           firn_error *err)
{
    struct fi_reader reader = fi_reader_of(value);
    *out = (struct fi_share_pack){.is_inline = is_inline};
    FI_TRY_RETURN(check_format(&reader, "a pack", err));
    bool is_whole = fi_reader_copy(&reader, &out->id, sizeof out->id) &&
                    fi_reader_varint_max(&reader, INT64_MAX, &out->size_bytes) &&
                    fi_reader_varint_max(&reader, INT64_MAX, &out->object_count) &&
                    fi_reader_sized(&reader, LIST_SIZE_MAX, &out->bases) &&
                    fi_reader_sized(&reader, LIST_SIZE_MAX, &out->joined) &&
                    out->bases.size % sizeof(uint64_t) == 0 &&
                    out->joined.size % sizeof(uint64_t) == 0 && out->size_bytes > 0 &&
                    out->size_bytes <= FI_SHARE_PACK_SIZE_LIMIT;
    if (is_whole && is_inline) {
        is_whole = out->size_bytes <= FI_SHARE_INLINE_SIZE_MAX &&
                   fi_reader_bytes(&reader, (size_t)out->size_bytes, &out->bytes);
    }
    if (!is_whole || fi_reader_left(&reader) != 0) {
        return fi_error_set(err, FIRN_CORRUPT, "what the remote says of a pack is malformed");
    }
    out->number = fi_share_pack_number((const uint8_t *)&out->id);
    return FIRN_OK;
}

/* ==== checkpoints ==== */

int
fi_share_entry_encode_checkpoint(const struct fi_share_checkpoint *checkpoint, struct fi_buf *out)
{
    FI_TRY_RETURN(fi_buf_append_u8(out, FORMAT));
    FI_TRY_RETURN(fi_buf_append(out, checkpoint->line, sizeof checkpoint->line));
    FI_TRY_RETURN(fi_buf_append_varint(out, checkpoint->published));
    return fi_buf_append_slice(out, checkpoint->record);
}

int
fi_share_entry_decode_checkpoint(firn_slice value, struct fi_share_checkpoint *out, firn_error *err)
{
    struct fi_reader reader = fi_reader_of(value);
    FI_TRY_RETURN(check_format(&reader, "a checkpoint", err));
    if (!fi_reader_copy(&reader, out->line, sizeof out->line) ||
        !fi_reader_varint(&reader, &out->published)) {
        return fi_error_set(err, FIRN_CORRUPT, "a checkpoint of the remote is malformed");
    }
    out->record = firn_bytes(reader.at, fi_reader_left(&reader));
    return FIRN_OK;
}

/* ==== what the store keeps ==== */

int
fi_share_entry_decode_name(firn_slice key, firn_slice value, struct fi_share_name *out,
                           firn_error *err)
{
    firn_slice file;
    firn_slice ring_key;
    return fi_share_entry_decode_keys(key, value, out, &file, &ring_key, err);
}

int
fi_share_entry_decode_keys(firn_slice key, firn_slice value, struct fi_share_name *out,
                           firn_slice *out_file, firn_slice *out_ring_key, firn_error *err)
{
    struct fi_reader reader = fi_reader_of(value);
    uint8_t format = 0;
    firn_slice url;
    *out = (struct fi_share_name){0};
    *out_file = firn_bytes(NULL, 0);
    *out_ring_key = firn_bytes(NULL, 0);
    if (fi_reader_u8(&reader, &format) && format != FORMAT && format != FORMAT_ENCRYPTED) {
        return fi_error_set(err, FIRN_NEWER,
                            "a remote's entry has format %u, and this version knows none above %d",
                            format, FORMAT_ENCRYPTED);
    }
    out->is_encrypted = format == FORMAT_ENCRYPTED;
    if (key.size == 0 || key.size >= sizeof out->name || !fi_reader_le32(&reader, &out->number) ||
        !fi_reader_copy(&reader, out->id, sizeof out->id) ||
        !fi_reader_sized(&reader, sizeof out->url - 1, &url) ||
        (out->is_encrypted && (!fi_reader_sized(&reader, FI_KEYS_SIZE_MAX, out_file) ||
                               !fi_reader_sized(&reader, FI_CIPHER_KEY_SIZE, out_ring_key))) ||
        (out_ring_key->size != 0 && out_ring_key->size != FI_CIPHER_KEY_SIZE) ||
        fi_reader_left(&reader) != 0 || out->number == 0 || memchr(url.data, 0, url.size) != NULL) {
        return fi_error_set(err, FIRN_CORRUPT, "the entry of a remote is malformed");
    }
    memcpy(out->name, key.data, key.size);
    memcpy(out->url, url.data, url.size);
    return FIRN_OK;
}

int
fi_share_entry_encode_name(const struct fi_share_name *name, struct fi_buf *out)
{
    FI_TRY_RETURN(fi_buf_append_u8(out, name->is_encrypted ? FORMAT_ENCRYPTED : FORMAT));
    FI_TRY_RETURN(fi_buf_append_le32(out, name->number));
    FI_TRY_RETURN(fi_buf_append(out, name->id, sizeof name->id));
    return fi_buf_append_sized(out, firn_str(name->url));
}

bool
fi_share_entry_decode_note(firn_slice value, struct fi_share_note *out)
{
    struct fi_reader reader = fi_reader_of(value);
    uint8_t is_whole;
    bool is_read = fi_reader_le64(&reader, &out->pack) && fi_reader_u8(&reader, &out->level) &&
                   fi_reader_u8(&reader, &is_whole) && fi_reader_varint(&reader, &out->epoch) &&
                   out->level <= FI_OUTGOING_COMPLETE;
    out->is_whole = is_read && is_whole != 0;
    return is_read;
}

bool
fi_share_entry_decode_line(firn_slice value, struct fi_share_line *out)
{
    struct fi_reader reader = fi_reader_of(value);
    return fi_reader_copy(&reader, out->id, sizeof out->id) &&
           fi_reader_varint(&reader, &out->pushed) && fi_reader_varint(&reader, &out->sent) &&
           fi_reader_left(&reader) == 0;
}

uint64_t
fi_share_entry_decode_number(firn_slice value)
{
    struct fi_reader reader = fi_reader_of(value);
    uint64_t number;
    return fi_reader_varint(&reader, &number) ? number : 0;
}

bool
fi_share_entry_decode_failure(firn_slice value, struct fi_share_failure *out)
{
    struct fi_reader reader = fi_reader_of(value);
    uint64_t failed_ns;
    *out = (struct fi_share_failure){.count = 0};
    if (!fi_reader_le64(&reader, &failed_ns) || !fi_reader_varint(&reader, &out->count)) {
        *out = (struct fi_share_failure){.count = 0};
        return false;
    }
    const size_t size = fi_reader_left(&reader);
    const char *text = (const char *)(value.data + value.size - size);
    out->failed_ns = (int64_t)failed_ns;
    (void)snprintf(out->text, sizeof out->text, "%.*s", size < sizeof out->text ? (int)size : 0,
                   text);
    return true;
}

int
fi_share_entry_encode_failure(const struct fi_share_failure *failure, struct fi_buf *out)
{
    FI_TRY_RETURN(fi_buf_append_le64(out, (uint64_t)failure->failed_ns));
    FI_TRY_RETURN(fi_buf_append_varint(out, failure->count));
    return fi_buf_append_str(out, failure->text);
}

int
fi_share_entry_check_record(const struct fi_catalog_record *record, firn_error *err)
{
    return record != NULL && record->order != 0 && record->order < UINT64_MAX &&
                   record->number < UINT64_MAX && !record->is_safety
               ? FIRN_OK
               : fi_error_set(err, FIRN_CORRUPT, "a checkpoint of the remote has a wrong record");
}

/* ==== lines ==== */

firn_slice
fi_share_entry_label(const struct fi_share *share, const uint8_t line[FI_SHARE_LINE_SIZE],
                     char out[FI_SHARE_LABEL_SIZE_MAX + 1])
{
    char key[FI_SHARE_KEY_SIZE];
    return fi_share_entry_label_of(
        fi_remote_table_find(&share->remote.state.entries,
                             fi_share_entry_key(FI_SHARE_ENTRY_LINE, line, key)),
        out);
}

firn_slice
fi_share_entry_label_of(const struct fi_remote_item *entry, char out[FI_SHARE_LABEL_SIZE_MAX + 1])
{
    size_t size = 0;
    for (size_t i = 1; entry != NULL && i < entry->value.size && size < FI_SHARE_LABEL_SIZE_MAX;
         i++) {
        uint8_t byte = entry->value.data[i];
        out[size++] =
            (char)(fi_share_is_graphic((char)byte) && byte != '/' && byte < 0x80 ? byte : '_');
    }
    if (size == 0) {
        memcpy(out, "unnamed", sizeof "unnamed");
        size = sizeof "unnamed" - 1;
    }
    return firn_bytes(out, size);
}

bool
fi_share_entry_line_id(firn_slice digits, uint8_t out[FI_SHARE_LINE_SIZE])
{
    return digits.size == (size_t)2 * FI_SHARE_LINE_SIZE &&
           fi_hex_decode((const char *)digits.data, out, FI_SHARE_LINE_SIZE);
}
