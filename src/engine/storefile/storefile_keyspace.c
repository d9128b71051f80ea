/* SPDX-License-Identifier: Apache-2.0
 *
 * storefile/storefile_keyspace.c: encoding and decoding an entry of the list of keyspaces.
 *
 * The encoding is canonical: a decoded entry encodes to the same bytes. All known tags are below
 * FIRST_OTHER, and no version of firn will give a meaning to the remaining tags there. So the known
 * fields come first, and the fields to be kept follow as one piece of bytes.
 *
 * Limits: decoding allocates nothing.
 */
#include "storefile/storefile_keyspace.h"

#include "base/check.h"
#include "base/reader.h"
#include "os/os.h"

enum { FIRST_OTHER = 4 };

/* ---- to bytes ---- */

static int
put_field(struct fi_buf *out, uint64_t tag, uint64_t value)
{
    struct fi_buf bytes = {0};
    int rc;
    DCHECK(value > 0 && tag < FIRST_OTHER);
    FI_TRY(fi_buf_append_varint(&bytes, value));
    FI_TRY(fi_buf_append_varint(out, tag));
    FI_TRY(fi_buf_append_varint(out, bytes.size));
    FI_TRY(fi_buf_append_slice(out, fi_buf_slice(&bytes)));
out:
    fi_buf_deinit(&bytes);
    return rc;
}

int
fi_storefile_keyspace_encode(const struct fi_storefile_keyspace *entry, struct fi_buf *out)
{
    DCHECK(entry->id <= UINT32_MAX); /* so the last number is never given out (db_image.c) */
    fi_buf_clear(out);
    FI_TRY_RETURN(fi_buf_append_varint(out, entry->id));
    if (entry->type != FI_STOREFILE_KEYSPACE_KEYS) {
        FI_TRY_RETURN(put_field(out, FI_STOREFILE_KEYSPACE_TYPE, entry->type));
    }
    if (entry->schema > 0) {
        FI_TRY_RETURN(put_field(out, FI_STOREFILE_KEYSPACE_SCHEMA, entry->schema));
    }
    return fi_buf_append_slice(out, entry->others);
}

/* ---- from bytes ---- */

/* Reads a known field: a number in its shortest form, and nothing else. */
static bool
get_number(firn_slice bytes, uint64_t *out)
{
    struct fi_reader reader = fi_reader_of(bytes);
    return fi_reader_varint(&reader, out) && fi_reader_left(&reader) == 0 && *out > 0;
}

static int
take_field(struct fi_storefile_keyspace *entry, uint64_t tag, firn_slice bytes,
           const char **out_what)
{
    uint64_t number = 0;
    bool is_known = tag == FI_STOREFILE_KEYSPACE_TYPE || tag == FI_STOREFILE_KEYSPACE_SCHEMA;
    if (!is_known && tag % 2 == 1) {
        *out_what = "has a required field of a keyspace that this version does not know";
        return FIRN_NEWER;
    }
    if (is_known && !get_number(bytes, &number)) {
        *out_what = "holds an impossible field";
        return FIRN_CORRUPT;
    }
    if (tag == FI_STOREFILE_KEYSPACE_TYPE && number != FI_STOREFILE_KEYSPACE_TABLE) {
        *out_what = "has a keyspace of a type";
        return FIRN_NEWER;
    }
    if (tag == FI_STOREFILE_KEYSPACE_TYPE) {
        entry->type = FI_STOREFILE_KEYSPACE_TABLE;
    } else if (tag == FI_STOREFILE_KEYSPACE_SCHEMA) {
        entry->schema = number;
    }
    return FIRN_OK;
}

int
fi_storefile_keyspace_decode(firn_slice bytes, struct fi_storefile_keyspace *out,
                             const char **out_what)
{
    struct fi_reader reader = fi_reader_of(bytes);
    uint64_t before = 0;
    const uint8_t *others = NULL;
    *out = (struct fi_storefile_keyspace){.type = FI_STOREFILE_KEYSPACE_KEYS};
    *out_what = "holds an impossible number";
    if (!fi_reader_varint(&reader, &out->id) || out->id > UINT32_MAX) {
        return FIRN_CORRUPT;
    }
    while (fi_reader_left(&reader) > 0) {
        const uint8_t *begin = reader.at;
        uint64_t tag;
        firn_slice field;
        if (!fi_reader_varint(&reader, &tag) || tag <= before || tag == 2 ||
            !fi_reader_sized(&reader, bytes.size, &field)) {
            *out_what = "holds an impossible field";
            return FIRN_CORRUPT;
        }
        int rc = take_field(out, tag, field, out_what);
        if (rc != FIRN_OK) {
            return rc;
        }
        others = others == NULL && tag >= FIRST_OTHER ? begin : others;
        before = tag;
    }
    if (out->schema > 0 && out->type == FI_STOREFILE_KEYSPACE_KEYS) {
        *out_what = "has a schema without a type";
        return FIRN_CORRUPT;
    }
    if (others != NULL) {
        out->others = firn_bytes(others, (size_t)(reader.at - others));
    }
    return FIRN_OK;
}

int
fi_storefile_keyspace_read(struct fi_os_dir *dir, firn_slice value,
                           struct fi_storefile_keyspace *out, firn_error *err)
{
    const char *what;
    int rc = fi_storefile_keyspace_decode(value, out, &what);
    if (rc != FIRN_OK) {
        return fi_error_set(err, rc, "'%s': the list of keyspaces %s%s", fi_os_dir_path(dir), what,
                            rc == FIRN_NEWER ? " that this program does not know" : "");
    }
    return FIRN_OK;
}
