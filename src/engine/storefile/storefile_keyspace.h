/* SPDX-License-Identifier: Apache-2.0
 *
 * storefile/storefile_keyspace.h: an entry of the list of keyspaces: the number of one, and tagged
 * fields. docs/formats/store.md, "Keyspaces", describes it in prose.
 *
 *   varint number of the keyspace; then fields, by ascending tag, none twice:
 *     varint tag, varint size, that many bytes
 *
 * A program that does not know an odd tag must not use the keyspace. A field with an unknown even
 * tag is kept when the entry is written again. A field with its default value is not written, so a
 * keyspace of keys and values has none.
 */
#ifndef FIRN_STOREFILE_STOREFILE_KEYSPACE_H
#define FIRN_STOREFILE_STOREFILE_KEYSPACE_H

#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"

enum fi_storefile_keyspace_tag {
    FI_STOREFILE_KEYSPACE_TYPE = 1,  /* 1 byte: enum fi_storefile_keyspace_type, not 0 */
    FI_STOREFILE_KEYSPACE_SCHEMA = 3 /* varint, not 0 */
};

enum fi_storefile_keyspace_type {
    FI_STOREFILE_KEYSPACE_KEYS = 0, /* keys and values */
    FI_STOREFILE_KEYSPACE_TABLE = 1 /* its runs are columns */
};

struct fi_storefile_keyspace {
    uint64_t id;
    enum fi_storefile_keyspace_type type;
    uint64_t schema;   /* the number of its schema, if the type has schemas; 0: none */
    firn_slice others; /* the unknown even fields, as they are in the entry */
};

/* Replaces the contents of out; others must be as decode left them. FIRN_NO_MEMORY. */
FIRN_MUST_CHECK int fi_storefile_keyspace_encode(const struct fi_storefile_keyspace *entry,
                                                 struct fi_buf *out);
/* others points into bytes, which must stay unchanged. FIRN_CORRUPT, or FIRN_NEWER for an unknown
 * odd tag or type; *out_what describes it. */
FIRN_MUST_CHECK int fi_storefile_keyspace_decode(firn_slice bytes,
                                                 struct fi_storefile_keyspace *out,
                                                 const char **out_what);
/* The same; the message names the directory of the store. */
struct fi_os_dir;
FIRN_MUST_CHECK int fi_storefile_keyspace_read(struct fi_os_dir *dir, firn_slice value,
                                               struct fi_storefile_keyspace *out, firn_error *err);

#endif
