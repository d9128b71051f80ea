/* SPDX-License-Identifier: Apache-2.0
 *
 * storefile/keyspace_entry.h: what the list of keyspaces says of each: its number, and tagged fields.
 * docs/formats/store.md, "Keyspaces", is the prose twin.
 *
 *   varint number of the keyspace; then fields, by ascending tag, none twice:
 *     varint tag, varint size, as many bytes
 *
 * A program that does not know an odd tag must not use the keyspace; an even one is kept where the
 * entry is written again. A field that would say what is so without it is not written, so a
 * keyspace of keys and values has none.
 */
#ifndef FIRN_STOREFILE_KEYSPACE_ENTRY_H
#define FIRN_STOREFILE_KEYSPACE_ENTRY_H

#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"

enum firn_keyspace_entry_tag {
    FIRN_KEYSPACE_ENTRY_TYPE = 1,  /* 1 byte: enum firn_keyspace_entry_type, not 0 */
    FIRN_KEYSPACE_ENTRY_SCHEMA = 3 /* varint, not 0 */
};

enum firn_keyspace_entry_type {
    FIRN_KEYSPACE_ENTRY_KEYS = 0, /* keys and values */
    FIRN_KEYSPACE_ENTRY_TABLE = 1 /* its runs are columns */
};

struct firn_keyspace_entry {
    uint64_t id;
    enum firn_keyspace_entry_type type;
    uint64_t schema;   /* the number of its schema, if the type has schemas; 0: none */
    firn_slice others; /* the even fields that are not known here, as they stand in the entry */
};

/* Replaces the contents of out; others are as decode left them. FIRN_NO_MEMORY. */
FIRN_MUST_CHECK int firn_keyspace_entry_encode(const struct firn_keyspace_entry *entry,
                                               struct firn_buf *out);
/* Others lie in bytes, which stay as they are meanwhile. FIRN_CORRUPT, or FIRN_NEWER where there is an
 * odd tag or a type that is not known; *out_what says what it is. */
FIRN_MUST_CHECK int firn_keyspace_entry_decode(firn_slice bytes, struct firn_keyspace_entry *out,
                                               const char **out_what);

#endif
