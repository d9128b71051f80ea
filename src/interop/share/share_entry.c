/* SPDX-License-Identifier: Apache-2.0
 *
 * share/share_entry.c: the bytes of a remote's entries, and of the values of its files
 * (docs/formats/remote.md).
 */
#include <stdio.h>

#include "base/reader.h"
#include "base/slice.h"
#include "codec/hex.h"
#include "share/share_internal.h"

enum { FORMAT = 1, LIST_SIZE_MAX = 8 << 20 };

firn_slice
fi_share_entry_key(const char *kind, const uint8_t id[16], char out[FI_SHARE_KEY_SIZE])
{
    size_t size = strlen(kind);
    memcpy(out, kind, size);
    fi_hex_encode(id, 16, out + size);
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

int
fi_share_pack_encode(const struct fi_outgoing_pack *pack, struct fi_buf *out)
{
    FI_TRY_RETURN(fi_buf_append_u8(out, FORMAT));
    FI_TRY_RETURN(fi_buf_append(out, pack->id, sizeof *pack->id));
    FI_TRY_RETURN(fi_buf_append_varint(out, pack->size_bytes));
    FI_TRY_RETURN(fi_buf_append_varint(out, pack->object_count));
    FI_TRY_RETURN(fi_buf_append_varint(out, pack->base_count * sizeof *pack->bases));
    for (size_t i = 0; i < pack->base_count; i++) {
        FI_TRY_RETURN(fi_buf_append_le64(out, pack->bases[i]));
    }
    return fi_buf_append_varint(out, 0);
}

int
fi_share_pack_decode(firn_slice value, bool is_inline, struct fi_share_pack *out, firn_error *err)
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
                    out->joined.size % sizeof(uint64_t) == 0 && out->size_bytes > 0;
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
fi_share_checkpoint_encode(const struct fi_share_checkpoint *checkpoint, struct fi_buf *out)
{
    FI_TRY_RETURN(fi_buf_append_u8(out, FORMAT));
    FI_TRY_RETURN(fi_buf_append(out, checkpoint->line, sizeof checkpoint->line));
    FI_TRY_RETURN(fi_buf_append_varint(out, checkpoint->published));
    return fi_buf_append_slice(out, checkpoint->record);
}

int
fi_share_checkpoint_decode(firn_slice value, struct fi_share_checkpoint *out, firn_error *err)
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
