/* SPDX-License-Identifier: Apache-2.0
 *
 * storefile/keyspace_entry.c: encoding and decoding an entry of the list of keyspaces.
 *
 * The encoding is canonical: a decoded entry encodes to the same bytes. All known tags are below
 * FIRST_OTHER, and no version of firn will give a meaning to the remaining tags there. So the known
 * fields come first, and the fields to be kept follow as one piece of bytes.
 *
 * Limits: decoding allocates nothing.
 */
#include "storefile/keyspace_entry.h"

#include "base/check.h"
#include "base/reader.h"
#include "os/os.h"

enum { FIRST_OTHER = 4 };

/* ---- to bytes ---- */

static int
put_field(struct firn_buf *out, uint64_t tag, uint64_t value)
{
    struct firn_buf bytes = {0};
    int rc;
    DCHECK(value > 0 && tag < FIRST_OTHER);
    FIRN_TRY(firn_buf_append_varint(&bytes, value));
    FIRN_TRY(firn_buf_append_varint(out, tag));
    FIRN_TRY(firn_buf_append_varint(out, bytes.size));
    FIRN_TRY(firn_buf_append_slice(out, firn_buf_slice(&bytes)));
out:
    firn_buf_deinit(&bytes);
    return rc;
}

int
firn_keyspace_entry_encode(const struct firn_keyspace_entry *entry, struct firn_buf *out)
{
    DCHECK(entry->id <= UINT32_MAX); /* so the last number is never given out (db_image.c) */
    firn_buf_clear(out);
    FIRN_TRY_RETURN(firn_buf_append_varint(out, entry->id));
    if (entry->type != FIRN_KEYSPACE_ENTRY_KEYS) {
        FIRN_TRY_RETURN(put_field(out, FIRN_KEYSPACE_ENTRY_TYPE, entry->type));
    }
    if (entry->schema > 0) {
        FIRN_TRY_RETURN(put_field(out, FIRN_KEYSPACE_ENTRY_SCHEMA, entry->schema));
    }
    return firn_buf_append_slice(out, entry->others);
}

/* ---- from bytes ---- */

/* Reads a known field: a number in its shortest form, and nothing else. */
static bool
get_number(firn_slice bytes, uint64_t *out)
{
    struct firn_reader reader = firn_reader_of(bytes);
    return firn_reader_varint(&reader, out) && firn_reader_left(&reader) == 0 && *out > 0;
}

static int
take_field(struct firn_keyspace_entry *entry, uint64_t tag, firn_slice bytes, const char **out_what)
{
    uint64_t number = 0;
    bool is_known = tag == FIRN_KEYSPACE_ENTRY_TYPE || tag == FIRN_KEYSPACE_ENTRY_SCHEMA;
    if (!is_known && tag % 2 == 1) {
        *out_what = "has a required field of a keyspace that this version does not know";
        return FIRN_NEWER;
    }
    if (is_known && !get_number(bytes, &number)) {
        *out_what = "holds an impossible field";
        return FIRN_CORRUPT;
    }
    if (tag == FIRN_KEYSPACE_ENTRY_TYPE && number != FIRN_KEYSPACE_ENTRY_TABLE) {
        *out_what = "has a keyspace of a type";
        return FIRN_NEWER;
    }
    if (tag == FIRN_KEYSPACE_ENTRY_TYPE) {
        entry->type = FIRN_KEYSPACE_ENTRY_TABLE;
    } else if (tag == FIRN_KEYSPACE_ENTRY_SCHEMA) {
        entry->schema = number;
    }
    return FIRN_OK;
}

int
firn_keyspace_entry_decode(firn_slice bytes, struct firn_keyspace_entry *out, const char **out_what)
{
    struct firn_reader reader = firn_reader_of(bytes);
    uint64_t before = 0;
    const uint8_t *others = NULL;
    *out = (struct firn_keyspace_entry){.type = FIRN_KEYSPACE_ENTRY_KEYS};
    *out_what = "holds an impossible number";
    if (!firn_reader_varint(&reader, &out->id) || out->id > UINT32_MAX) {
        return FIRN_CORRUPT;
    }
    while (firn_reader_left(&reader) > 0) {
        const uint8_t *begin = reader.at;
        uint64_t tag;
        firn_slice field;
        if (!firn_reader_varint(&reader, &tag) || tag <= before || tag == 2 ||
            !firn_reader_sized(&reader, bytes.size, &field)) {
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
    if (out->schema > 0 && out->type == FIRN_KEYSPACE_ENTRY_KEYS) {
        *out_what = "has a schema without a type";
        return FIRN_CORRUPT;
    }
    if (others != NULL) {
        out->others = firn_bytes(others, (size_t)(reader.at - others));
    }
    return FIRN_OK;
}

int
firn_keyspace_entry_read(struct firn_os_dir *dir, firn_slice value, struct firn_keyspace_entry *out,
                         firn_error *err)
{
    const char *what;
    int rc = firn_keyspace_entry_decode(value, out, &what);
    if (rc != FIRN_OK) {
        return firn_error_set(err, rc, "'%s': the list of keyspaces %s%s", firn_os_dir_path(dir),
                              what, rc == FIRN_NEWER ? " that this program does not know" : "");
    }
    return FIRN_OK;
}
