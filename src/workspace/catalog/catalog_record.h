/* SPDX-License-Identifier: Apache-2.0
 *
 * catalog/catalog_record.h: the record of one checkpoint of a workspace (docs/formats/catalog.md).
 * The same bytes are in the catalog and, as an object, in a later pack, from which a lost catalog
 * can be rebuilt.
 *
 *   record := u8 format (1) | 16 id | 16 parent id (zeros: none) | u8 kind (0 normal, 1 safety) |
 *   u8 flags (1 include_deps) | varint order | varint number | le64 created_ns | sized workspace
 *   path | sized message | varint mode | varint uid | varint gid | le64 mtime_ns | 32 root hash |
 *   sized root xattrs | varint files | directories | bytes | new objects | added bytes | excluded |
 *   skipped | fields | varint 0 (end)
 *   field := varint tag (not 0, ascending) | sized bytes; a tag of a later version is refused
 *   tag 1: 32 hash of the rules that excluded entries
 *   tag 2: sized path, each (1 to 256 in all): what was forgotten; ascending, none below another
 *   tag 4: sized agent (1 to 256) | sized session (0 to 256) | varint number | sized prompt (0 to
 *   16 KiB): the turn of a coding agent that the checkpoint was made after
 *   tag 5, only with tag 4: le64 when that turn began, in ns; not 0
 *   tag 6: sized branch (0 to 255) | sized commit (0, 40 or 64), not both empty: git's HEAD
 *   tag 7: sized command (1 to 1,024) | varint exit code (to 255) | le64 begun | le64 ended: the
 *   command that changed the tree to this one
 *   tag 8: the same, of the last command that was run in this tree and changed nothing
 *   tag 9: 32 hash of a directory object: the git repositories in the workspace (repository.h)
 */
#ifndef FIRN_CATALOG_CATALOG_RECORD_H
#define FIRN_CATALOG_CATALOG_RECORD_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"
#include "firn/workspace.h"
#include "tree/tree.h"

enum {
    FI_CATALOG_RECORD_FORGOTTEN_MAX = 256,
    FI_CATALOG_RECORD_ID_SIZE = 16,
    FI_CATALOG_RECORD_MESSAGE_SIZE_MAX = 64 << 10,
    FI_CATALOG_RECORD_PATH_SIZE_MAX = 64 << 10,
    FI_CATALOG_RECORD_TURN_NAME_SIZE_MAX = 256, /* of an agent or a session */
    FI_CATALOG_RECORD_PROMPT_SIZE_MAX = 16 << 10,
    FI_CATALOG_RECORD_COMMAND_SIZE_MAX = 1024,
    FI_CATALOG_RECORD_EXIT_CODE_MAX = 255
};

/* All slices are borrowed. */
struct fi_catalog_record {
    uint8_t id[FI_CATALOG_RECORD_ID_SIZE];
    uint8_t parent[FI_CATALOG_RECORD_ID_SIZE];
    bool is_safety;
    bool include_deps;
    bool is_narrow; /* without include_deps and rules: today's default exclusions, not the first */
    bool has_rules;
    bool has_repositories;
    uint64_t order;  /* among all checkpoints of the workspace, from 1 */
    uint64_t number; /* 0 for safety checkpoints */
    int64_t created_ns;
    firn_slice workspace_path;
    firn_slice message;
    struct fi_tree_entry root; /* kind DIR, name empty */
    uint64_t files;
    uint64_t directories;
    uint64_t bytes;
    uint64_t new_objects;
    uint64_t added_bytes;
    uint64_t excluded;
    uint64_t skipped;
    firn_hash rules;      /* the object that holds the rules of the save; zeros unless has_rules */
    firn_slice forgotten; /* paths, encoded; fi_catalog_record_forgotten_next */
    firn_workspace_turn turn; /* its agent is empty if there was none */
    int64_t turn_begun_ns;    /* 0: there was none, or its beginning is not known */
    firn_workspace_git git;
    firn_workspace_run run; /* these two: the command is empty if there was none */
    firn_workspace_run tried;
    firn_hash repositories; /* the object of their directory; zeros unless has_repositories */
};

/* Removes the next path from *forgotten, which begins as record->forgotten; false at the end. */
bool fi_catalog_record_forgotten_next(firn_slice *forgotten, firn_slice *out);
/* Whether path equals other or is above it. */
bool fi_catalog_record_path_covers(firn_slice path, firn_slice other);
/* Sorts paths and replaces the contents of out by their encoding for record->forgotten. FIRN_LIMIT
 * if they are too many. Requires: no path covers another. */
FIRN_MUST_CHECK int fi_catalog_record_forgotten_encode(firn_slice *paths, size_t count,
                                                       struct fi_buf *out, firn_error *err);

FIRN_MUST_CHECK int fi_catalog_record_encode(const struct fi_catalog_record *record,
                                             struct fi_buf *out);
FIRN_MUST_CHECK int fi_catalog_record_decode(firn_slice bytes, struct fi_catalog_record *out,
                                             firn_error *err);
/* Converts a record to its public form; slices stay borrowed. */
void fi_catalog_record_to_checkpoint(const struct fi_catalog_record *record,
                                     firn_workspace_checkpoint *out);

/* 32 letters k–z and a NUL: k is 0, z is 15, high half of a byte first. */
void fi_catalog_record_id_text(const uint8_t *id, char *out);

#endif
