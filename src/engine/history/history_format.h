/* SPDX-License-Identifier: Apache-2.0
 *
 * history/history_format.h: the bytes of checkpoints, drawn once. docs/formats/store.md is the
 * prose twin. Numbers are little-endian; "varint" is LEB128 in its shortest form, "sized" a varint
 * length and as many bytes; an id is 16 bytes.
 *
 * A change: one record of type 17 in the log.
 *
 *     0  8  sequence, in one order with those of commits
 *     8  1  flags, 0
 *     9  1  kind: 1 create, 2 restore, 3 delete
 *    10  …  create: id; 8 bytes, time; sized name
 *           restore: id; id of the safety checkpoint; 8 bytes, time; deleted
 *           delete: deleted, at least one
 *
 *   deleted: varint count, then as many ids
 *
 * All of it: what MANIFEST keeps.
 *
 *     0  1  format version, 2; version 1 is read too
 *     1  8  sequence of the last change
 *     9  1  flags: bit 0, there is an undo
 *    10 16  id of the safety checkpoint that undo restores, or zeros
 *    26  …  varint: the next number of a checkpoint
 *           varint count of lines, at least 1; the lines, by ascending begin
 *           varint: which of them is now
 *           varint count of checkpoints; the checkpoints, the oldest first
 *
 *   line: varint, how far its begin is above that of the line before (of the first: above 0);
 *         varint, how far its first own sequence lies below its begin; varint, by how many lines its
 *         parent comes before it, 0 for the first one, which has none; of the others: varint, how far
 *         the fork is above the parent's first own sequence
 *   line in version 1: varint begin; varint count of leading intervals that are those of the line
 *         before; varint count of others; of each: varint, how far it begins above the end of the one
 *         before (of the first: above 0); varint length, 0 for the last one of the line, which has
 *         no end
 *   checkpoint: id; varint number, 0 for a safety checkpoint; 8 bytes, time; varint line;
 *         varint, how far its sequence is above the line's begin; of a safety checkpoint, the id of
 *         what was restored; sized name
 */
#ifndef FIRN_HISTORY_HISTORY_FORMAT_H
#define FIRN_HISTORY_HISTORY_FORMAT_H

#include "history/history.h"

enum { FIRN_HISTORY_FORMAT_TYPE = 17, FIRN_HISTORY_FORMAT_VERSION = 2 };

/* Replaces the contents of out. FIRN_NO_MEMORY. */
FIRN_MUST_CHECK int firn_history_format_put_record(const struct firn_history_record *record,
                                                   struct firn_buf *out);
/* Nothing is believed. FIRN_OK, FIRN_CORRUPT or FIRN_NEWER; *what says in a few words what is wrong
 * with the record. The names in *out are borrowed from the record. */
FIRN_MUST_CHECK int firn_history_format_get_record(firn_slice record,
                                                   struct firn_history_record *out,
                                                   const char **what);

/* Replaces the contents of out by all of a history. FIRN_NO_MEMORY. */
FIRN_MUST_CHECK int firn_history_format_put(const struct firn_history *history,
                                            struct firn_buf *out);
/* The history that some bytes tell of, in place of *out, which is zeroed. FIRN_CORRUPT, FIRN_NEWER
 * or FIRN_NO_MEMORY. The caller deinits *out, also after a failure. */
FIRN_MUST_CHECK int firn_history_format_get(firn_slice bytes, struct firn_history *out,
                                            firn_error *err);

#endif
