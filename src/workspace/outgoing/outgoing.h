/* SPDX-License-Identifier: Apache-2.0
 *
 * outgoing/outgoing.h: the objects that checkpoints need and another place lacks, as packs for that
 * place. What it has, only the caller knows.
 *
 * (I1) If the other place has a directory as complete (FI_OUTGOING_COMPLETE), it has everything
 *      below it; so with a list and its pieces. So only what it lacks is looked into, and the work
 *      is in proportion to what changed. Not checked: it is the caller's promise.
 *
 * One thread at a time. While it lives the store may get new objects, but no collection may run.
 */
#ifndef FIRN_OUTGOING_OUTGOING_H
#define FIRN_OUTGOING_OUTGOING_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "objects/objects.h"
#include "pack/pack.h"

enum fi_outgoing_has {
    FI_OUTGOING_LACKS,
    FI_OUTGOING_PRESENT, /* its bytes; perhaps not what they name */
    FI_OUTGOING_CONTENT, /* and all pieces, if it is stored as a list of these */
    FI_OUTGOING_COMPLETE /* and everything that it names, read as a directory, too */
};

/* What the other place has of an object. *out_base_pack says in which of its packs the object is
 * stored whole, so that it can be the base of a delta, by a number of the caller's; 0: in none. */
struct fi_outgoing_place {
    int (*find)(void *ctx, const firn_hash *hash, enum fi_outgoing_has *out,
                uint64_t *out_base_pack, firn_error *err);
    void *ctx;
};

/* A place that has nothing, so that all that is needed is looked at. */
extern const struct fi_outgoing_place fi_outgoing_nowhere;

struct fi_outgoing;

/* objects is borrowed; the place is copied. */
FIRN_MUST_CHECK int fi_outgoing_create(struct fi_objects *objects,
                                       const struct fi_outgoing_place *place,
                                       struct fi_outgoing **out, firn_error *err);
/* NULL is fine. */
void fi_outgoing_destroy(struct fi_outgoing *outgoing);

/* Collects what a directory needs, with all below it. FIRN_CORRUPT: something is missing or
 * damaged. After an error it may only be destroyed. */
FIRN_MUST_CHECK int fi_outgoing_add_tree(struct fi_outgoing *outgoing, const firn_hash *root,
                                         firn_error *err);
/* The same for one content, such as the rules of a checkpoint. */
FIRN_MUST_CHECK int fi_outgoing_add_content(struct fi_outgoing *outgoing, const firn_hash *hash,
                                            firn_error *err);
/* The objects that were collected. */
uint64_t fi_outgoing_count(const struct fi_outgoing *outgoing);

/* A pack that is sealed. All is borrowed until the visitor returns, the file too. */
struct fi_outgoing_pack {
    const char *name; /* in the directory that was given */
    const struct fi_block_file_id *id;
    uint64_t size_bytes;
    uint64_t object_count;
    /* The packs of the other place that have bases of this one's deltas, ascending, each once. */
    const uint64_t *bases;
    size_t base_count;
    struct firn_pack_writer *writer; /* for fi_pack_writer_list */
};
typedef int fi_outgoing_visit(void *ctx, const struct fi_outgoing_pack *pack, firn_error *err);

/* Writes the objects into packs in a directory, and gives visit each as it is complete; then its
 * file is removed. No file is synced. A pack ends when it has size_max bytes or a little more.
 * Contents come first, directories last, and no frame has both. Nothing is compressed again if all
 * of its frame goes out. Once, whether it fails or not: FIRN_MISUSE after that. */
FIRN_MUST_CHECK int fi_outgoing_write(struct fi_outgoing *outgoing, struct fi_os_dir *dir,
                                      uint64_t size_max, fi_outgoing_visit *visit, void *ctx,
                                      firn_error *err);
/* What the place has of an object that was collected, once it has all packs. */
enum fi_outgoing_has fi_outgoing_after(const struct fi_outgoing *outgoing, const firn_hash *hash);
/* The same for each object that was collected, in no order: those that go out, and those that the
 * place has already, but only with these packs all that they name. So the caller knows of every
 * object of which the place has more than before. Any result of visit but FIRN_OK ends the list
 * and is returned. */
FIRN_MUST_CHECK int fi_outgoing_list(const struct fi_outgoing *outgoing,
                                     int (*visit)(void *ctx, const firn_hash *hash,
                                                  enum fi_outgoing_has has, firn_error *err),
                                     void *ctx, firn_error *err);

/* Several packs that become one. */
struct fi_outgoing_join {
    struct fi_os_dir *dir; /* of the packs; they are not changed */
    const char *const *names;
    size_t count;
    struct fi_os_dir *out_dir;
    const char *out_name; /* must not exist */
    uint64_t bytes_max;   /* what the frames of all packs may be, decoded */
};

struct fi_outgoing_joined {
    struct fi_block_file_id id;
    uint64_t size_bytes;
    uint64_t object_count;
};

/* Writes a pack with each object of several sealed packs once: contents first, directories last;
 * deltas stay deltas, and a frame is copied as it is stored where that is possible. No store is
 * needed. The packs may come from other machines. FIRN_CORRUPT: one is damaged, disagrees with
 * itself, or has a record. FIRN_LIMIT: bytes_max. After an error there is no new file.
 *
 * Lists and deltas are not compared with their names, as they may need objects of other packs: who
 * takes the new pack in does that, as with the old ones (objects_adoption.c). Where several packs
 * have an object, one that has it whole counts more, then the one that is named first. So a caller
 * names packs of its own before those of others. */
FIRN_MUST_CHECK int fi_outgoing_join(const struct fi_outgoing_join *join,
                                     struct fi_outgoing_joined *out, firn_error *err);

#endif
