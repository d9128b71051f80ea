/* SPDX-License-Identifier: Apache-2.0
 *
 * catalog/catalog_fields.h: the fields of a checkpoint, for whatever shows all of them: JSON, MCP
 * and SQL.
 *
 * Each row has the name where fields are flat (SQL; Python; Node, in camel case), the name in JSON,
 * within the object that has the field there, the kind, the member of firn_workspace_checkpoint,
 * and its place among the columns of SQL, which programs may count. The rows are in the order of
 * JSON. A new field becomes the last row of its object, and takes the next place.
 */
#ifndef FIRN_CATALOG_CATALOG_FIELDS_H
#define FIRN_CATALOG_CATALOG_FIELDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "firn/workspace.h"

#define FI_CATALOG_FIELDS(ROW)                                     \
    ROW("number", NONE, "number", NUMBER, number, 0)               \
    ROW("id", NONE, "id", ID, id, 1)                               \
    ROW("safety", NONE, "safety", BOOL, is_safety, 13)             \
    ROW("created", NONE, "created", TIME, created_ns, 2)           \
    ROW("message", NONE, "message", TEXT, message, 3)              \
    ROW("agent", TURN, "agent", TEXT, turn.agent, 9)               \
    ROW("session", TURN, "session", TEXT, turn.session, 10)        \
    ROW("turn", TURN, "number", NUMBER, turn.number, 11)           \
    ROW("prompt", TURN, "prompt", TEXT, turn.prompt, 12)           \
    ROW("git_branch", GIT, "branch", NAME, git.branch, 19)         \
    ROW("git_commit", GIT, "commit", NAME, git.commit, 20)         \
    ROW("root", NONE, "root", HASH, root, 14)                      \
    ROW("files", NONE, "files", COUNT, files, 4)                   \
    ROW("directories", NONE, "directories", COUNT, directories, 5) \
    ROW("bytes", NONE, "bytes", COUNT, bytes, 6)                   \
    ROW("new_objects", NONE, "new_objects", COUNT, new_objects, 7) \
    ROW("added_bytes", NONE, "added_bytes", COUNT, added_bytes, 8) \
    ROW("excluded", NONE, "excluded", COUNT, excluded, 15)         \
    ROW("skipped", NONE, "skipped", COUNT, skipped, 16)            \
    ROW("forgotten", NONE, "forgotten", COUNT, forgotten, 17)      \
    ROW("include_deps", NONE, "include_deps", BOOL, include_deps, 18)

/* The members of firn_workspace_checkpoint that are no fields: what describes turns and runs has
 * them. */
#define FI_CATALOG_FIELDS_APART(MEMBER) MEMBER(turn_begun_ns) MEMBER(run) MEMBER(tried)

enum fi_catalog_field_kind {
    FI_CATALOG_FIELD_NUMBER, /* uint64_t from 1; 0: null */
    FI_CATALOG_FIELD_COUNT,  /* uint64_t */
    FI_CATALOG_FIELD_BOOL,
    FI_CATALOG_FIELD_TIME, /* int64_t, nanoseconds since 1970 */
    FI_CATALOG_FIELD_TEXT, /* firn_slice, bytes of any encoding */
    FI_CATALOG_FIELD_ID,   /* an array of char that ends with a NUL */
    FI_CATALOG_FIELD_NAME, /* an array of char that ends with a NUL; "": null */
    FI_CATALOG_FIELD_HASH,
};

/* The objects within that of a checkpoint. All fields of one that is missing are null. */
enum fi_catalog_field_object {
    FI_CATALOG_FIELD_OF_NONE,
    FI_CATALOG_FIELD_OF_TURN,
    FI_CATALOG_FIELD_OF_GIT,
};

struct fi_catalog_field {
    const char *name;
    const char *key;
    size_t offset;
    enum fi_catalog_field_object object;
    enum fi_catalog_field_kind kind;
};

/* An element of an array of fields: in the order of the rows, and in that of the places. */
#define FI_CATALOG_FIELD_ROW(name, object, key, kind, member, place)                       \
    {name, key, offsetof(firn_workspace_checkpoint, member), FI_CATALOG_FIELD_OF_##object, \
     FI_CATALOG_FIELD_##kind},
#define FI_CATALOG_FIELD_PLACE(name, object, key, kind, member, place) \
    [place] = FI_CATALOG_FIELD_ROW(name, object, key, kind, member, place)

static inline bool
fi_catalog_field_has_object(const firn_workspace_checkpoint *checkpoint,
                            enum fi_catalog_field_object object)
{
    switch (object) {
    case FI_CATALOG_FIELD_OF_TURN:
        return checkpoint->turn.agent.size > 0;
    case FI_CATALOG_FIELD_OF_GIT:
        return checkpoint->git.branch[0] != '\0' || checkpoint->git.commit[0] != '\0';
    case FI_CATALOG_FIELD_OF_NONE:
        break;
    }
    return true;
}

/* Where the value is, of the C type of the field's kind. */
static inline const void *
fi_catalog_field_at(const firn_workspace_checkpoint *checkpoint,
                    const struct fi_catalog_field *field)
{
    return (const char *)checkpoint + field->offset;
}

static inline bool
fi_catalog_field_is_null(const firn_workspace_checkpoint *checkpoint,
                         const struct fi_catalog_field *field)
{
    const void *at = fi_catalog_field_at(checkpoint, field);
    return !fi_catalog_field_has_object(checkpoint, field->object) ||
           (field->kind == FI_CATALOG_FIELD_NUMBER && *(const uint64_t *)at == 0) ||
           (field->kind == FI_CATALOG_FIELD_NAME && *(const char *)at == '\0');
}

#endif
