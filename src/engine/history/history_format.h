/* SPDX-License-Identifier: Apache-2.0
 *
 * history/history_format.h: the bytes of checkpoints, drawn once. docs/formats/store.md describes
 * them in prose. Numbers are little-endian; "varint" is LEB128 in its shortest form, "sized" is a
 * varint length and that many bytes; an id has 16 bytes.
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
 *   deleted: varint count, then that many ids
 *
 * The whole history, as MANIFEST saves it:
 *
 *     0  1  format version, 2; version 1 is read too
 *     1  8  sequence of the last change
 *     9  1  flags: bit 0, there is an undo
 *    10 16  id of the safety checkpoint that undo restores, or zeros
 *    26  …  varint: the next number of a checkpoint
 *           varint count of lines, at least 1; the lines, by ascending begin
 *           varint: index of the line that is now
 *           varint count of checkpoints; the checkpoints, the oldest first
 *
 *   line: varint, its begin minus that of the previous line (for the first line: minus 0);
 *         varint, its begin minus its first own sequence; varint, how many lines its parent comes
 *         before it, 0 for the first line, which has no parent; for the others: varint, the fork
 *         minus the parent's first own sequence
 *   line in version 1: varint begin; varint count of leading intervals in common with the previous
 *         line; varint count of the others; for each: varint, its begin minus the end of the
 *         previous interval (for the first one: minus 0); varint length, 0 for the last interval of
 *         the line, which has no end
 *   checkpoint: id; varint number, 0 for a safety checkpoint; 8 bytes, time; varint line;
 *         varint, its sequence minus the line's begin; for a safety checkpoint, the id of what was
 *         restored; sized name
 */
#ifndef FIRN_HISTORY_HISTORY_FORMAT_H
#define FIRN_HISTORY_HISTORY_FORMAT_H

#include "history/history.h"

enum { FI_HISTORY_FORMAT_TYPE = 17, FI_HISTORY_FORMAT_VERSION = 2 };

/* Replaces the contents of out. FIRN_NO_MEMORY. */
FIRN_MUST_CHECK int fi_history_format_put_record(const struct fi_history_record *record,
                                                 struct fi_buf *out);
/* Trusts nothing. FIRN_OK, FIRN_CORRUPT or FIRN_NEWER; *what names in a few words what is wrong
 * with the record. The names in *out are borrowed from the record. */
FIRN_MUST_CHECK int fi_history_format_get_record(firn_slice record, struct fi_history_record *out,
                                                 const char **what);

/* Replaces the contents of out with the whole history. FIRN_NO_MEMORY. */
FIRN_MUST_CHECK int fi_history_format_put(const struct fi_history *history, struct fi_buf *out);
/* Decodes a history into *out, which must be zeroed. FIRN_CORRUPT, FIRN_NEWER or FIRN_NO_MEMORY.
 * The caller deinits *out, also after a failure. */
FIRN_MUST_CHECK int fi_history_format_get(firn_slice bytes, struct fi_history *out,
                                          firn_error *err);

#endif
