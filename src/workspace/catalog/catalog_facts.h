/* SPDX-License-Identifier: Apache-2.0
 *
 * catalog/catalog_facts.h: changes of facts, as steps that undo takes back. A fact is what a store
 * says of its checkpoints besides their trees: a tag, a pin, a message, that one was deleted. Also
 * the paths of restores that were limited to some.
 *
 *   "firn.facts":  be32 workspace | be64 order → u8 format (1) | u8 kind of the step
 *                  (firn_workspace_step_kind) | le64 time in ns | change*
 *   change := sized name | sized before | sized after; empty: there was none, or is none
 *
 *   kind      name                    before, after
 *   tag       the tag                 its value in "firn.tags"
 *   pin       be64 order | 16 id      its value in "firn.pins"
 *   delete    be64 order | 16 id      u8 1 if the checkpoint is a deleted one
 *   describe  be64 order | 16 id      the message
 *   restore   a path                  empty; the order is that of the checkpoint to which it led
 */
#ifndef FIRN_CATALOG_CATALOG_FACTS_H
#define FIRN_CATALOG_CATALOG_FACTS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/reader.h"
#include "base/slice.h"
#include "catalog/catalog.h"

enum {
    FI_CATALOG_FACTS_STEPS_MAX = 1000,    /* of a workspace; the oldest are dropped */
    FI_CATALOG_FACTS_SIZE_MAX = 64 << 10, /* of one step; what changes more is none */
    FI_CATALOG_FACTS_NAME_SIZE = 8 + FI_CATALOG_RECORD_ID_SIZE /* that names a checkpoint */
};

static inline bool
fi_catalog_facts_is_kind(firn_workspace_step_kind kind)
{
    return kind >= FIRN_STEP_TAG && kind <= FIRN_STEP_DESCRIBE;
}

/* A zeroed struct with a kind is a step that changes nothing yet. */
struct fi_catalog_facts {
    firn_workspace_step_kind kind;
    int64_t time_ns;
    struct fi_buf bytes; /* of the entry, if it was read */
    struct fi_buf changes;
};

struct fi_catalog_facts_change {
    firn_slice name;
    firn_slice before;
    firn_slice after;
};

void fi_catalog_facts_deinit(struct fi_catalog_facts *facts);
/* The name of a fact about a checkpoint, and the checkpoint's order and id. *out_id borrows. False
 * if it is none. */
firn_slice fi_catalog_facts_name(uint64_t order, const uint8_t *id,
                                 uint8_t out[FI_CATALOG_FACTS_NAME_SIZE]);
bool fi_catalog_facts_read_name(firn_slice name, uint64_t *out_order, const uint8_t **out_id);

/* Adds a change to a step. */
FIRN_MUST_CHECK int fi_catalog_facts_note(struct fi_catalog_facts *facts,
                                          const struct fi_catalog_facts_change *change,
                                          firn_error *err);
/* Gives a tag or a pin a value, empty: takes it away, by the caller's batch; and adds that to a
 * step, unless it has the value. */
FIRN_MUST_CHECK int fi_catalog_facts_set(struct fi_catalog *catalog, struct firn_db_batch *batch,
                                         uint32_t workspace, struct fi_catalog_facts *facts,
                                         firn_slice name, firn_slice value, firn_error *err);
/* The value that a tag or a pin has; empty: none. */
FIRN_MUST_CHECK int fi_catalog_facts_value(struct fi_catalog *catalog, uint32_t workspace,
                                           firn_workspace_step_kind kind, firn_slice name,
                                           struct fi_buf *out, firn_error *err);
/* Adds a step to the batch that makes its changes, with the next order of the workspace, which
 * advances. A step that changes nothing, or too much, is not added. */
FIRN_MUST_CHECK int fi_catalog_facts_put(struct fi_catalog *catalog, struct firn_db_batch *batch,
                                         firn_slice root, struct fi_catalog_workspace *workspace,
                                         const struct fi_catalog_facts *facts, int64_t now_ns,
                                         firn_error *err);
/* The same with an order that is given: of the checkpoint to which a restore of paths led. */
FIRN_MUST_CHECK int fi_catalog_facts_put_at(struct fi_catalog *catalog, struct firn_db_batch *batch,
                                            uint32_t workspace, uint64_t order,
                                            const struct fi_catalog_facts *facts, int64_t now_ns,
                                            firn_error *err);

/* Fills *out, which the caller deinits, also after a failure. FIRN_NOT_FOUND if there is no step
 * with this order, or none that this version knows. */
FIRN_MUST_CHECK int fi_catalog_facts_get(struct fi_catalog *catalog, uint32_t workspace,
                                         uint64_t order, struct fi_catalog_facts *out,
                                         firn_error *err);
/* A reader of the changes; each call of next takes one. False at the end. */
struct fi_reader fi_catalog_facts_read(const struct fi_catalog_facts *facts);
bool fi_catalog_facts_next(struct fi_reader *reader, struct fi_catalog_facts_change *out);
/* Appends the orders of the steps that are newer than one, uint64_t each, newest first. */
FIRN_MUST_CHECK int fi_catalog_facts_newer(struct fi_catalog *catalog, uint32_t workspace,
                                           uint64_t order, struct fi_buf *out, firn_error *err);

#endif
