/* SPDX-License-Identifier: Apache-2.0
 *
 * support/workspace/ws_plant.h: checkpoints that no save would write, and journals of restores that
 * nobody began, as a hostile store may hold them.
 * Objects have right names, so no checksum tells, but nothing is checked of what they say: names,
 * order, links, attributes.
 */
#ifndef FIRN_TEST_WS_PLANT_H
#define FIRN_TEST_WS_PLANT_H

#include "catalog/catalog_journal.h"
#include "handle/ws_opened.h"
#include "ws_support.h"

struct ws_plant {
    struct ws_world world;
    struct fi_ws_opened opened;
    struct fi_objects_session *session;
    struct fi_objects_session_lane *lane;
    uint32_t uid; /* of all that ws_plant_file and ws_plant_folder make, and of roots */
    uint32_t gid;
    int level; /* of compression; 0: 1 */
};

/* Around the making of objects. The checkpoint gets the workspace's next number. */
void ws_plant_begin(struct ws_plant *planting);
void ws_plant_end(struct ws_plant *planting, const firn_hash *root);
/* rules: the object that the record names; may be NULL. */
void ws_plant_end_under(struct ws_plant *planting, const firn_hash *root, const firn_hash *rules);

firn_hash ws_plant_hash_of(const void *data, size_t size);
firn_hash ws_plant_object(struct ws_plant *planting, enum fi_pack_kind kind, firn_slice bytes,
                          firn_hash hash);
firn_hash ws_plant_blob(struct ws_plant *planting, const char *text);

struct ws_plant_entry {
    const char *name;
    size_t name_size; /* 0: of the text */
    unsigned kind;
    uint32_t mode; /* 0: 0644 */
    uint32_t uid;
    uint32_t gid;
    uint64_t size;
    firn_hash hash;
    const char *target;
    firn_slice xattrs;
    const char *hard_link;
};

/* Appends the bytes of one. */
void ws_plant_append(struct fi_buf *out, const struct ws_plant_entry *entry);
/* A directory object of these entries, in this order. */
firn_hash ws_plant_dir(struct ws_plant *planting, const struct ws_plant_entry *entries,
                       size_t count);
/* A file and its content; a directory and what is in it. */
struct ws_plant_entry ws_plant_file(struct ws_plant *planting, const char *name, const char *text);
struct ws_plant_entry ws_plant_folder(struct ws_plant *planting, const char *name,
                                      const struct ws_plant_entry *entries, size_t count);

/* Says that a restore between two checkpoints that were planted is pending. */
struct ws_plant_journal {
    uint64_t before; /* orders of checkpoints, from 1 */
    uint64_t target;
    enum fi_catalog_journal_state state;
};
/* Of its temporary names. */
extern const uint8_t ws_plant_tag[FI_CATALOG_JOURNAL_TAG_SIZE];
void ws_plant_journal(struct ws_plant *planting, const struct ws_plant_journal *journal);

#endif
