/* SPDX-License-Identifier: Apache-2.0
 *
 * api/types_api.c: the version, hashes as text, freeing memory; names of enumerators, as programs
 * show them.
 */
#include "base/mem.h"
#include "codec/blake3_hash.h"
#include "codec/hex.h"
#include "firn/checkpoint.h"
#include "firn/notice.h"
#include "firn/txn.h"
#include "firn/types.h"
#include "firn/workspace.h"

const char *
firn_version(void)
{
    return FIRN_VERSION;
}

void
firn_hash_to_hex(const firn_hash *hash, char *out)
{
    fi_hex_encode(hash->bytes, sizeof hash->bytes, out);
}

int
firn_hash_from_hex(firn_slice hex, firn_hash *out)
{
    firn_hash hash;
    if (hex.size != 2 * sizeof hash.bytes || hex.data == NULL || out == NULL ||
        !fi_hex_decode((const char *)hex.data, hash.bytes, sizeof hash.bytes)) {
        return FIRN_INVALID;
    }
    *out = hash;
    return FIRN_OK;
}

void
firn_hash_of(firn_slice bytes, firn_hash *out)
{
    fi_blake3_hash_of(bytes.data, bytes.size, out);
}

void
firn_release(void *memory)
{
    fi_free(memory);
}

/* ---- names ---- */

/* The names of a list are arrays of one size. Pointers would have to be relocated when the library
 * is loaded. */
static __attribute__((noinline)) const char *
name_of(const char *names, size_t count, size_t size, size_t value)
{
    const char *name = value < count ? names + value * size : "";
    return name[0] != '\0' ? name : "unknown";
}

#define NAME_OF(names, value) \
    name_of((names)[0], sizeof(names) / sizeof(names)[0], sizeof(names)[0], (size_t)(value))

const char *
firn_notice_kind_name(firn_notice_kind kind)
{
    static const char names[][13] = {
        [FIRN_NOTICE_EXCLUDED] = "excluded",
        [FIRN_NOTICE_SPECIAL] = "special",
        [FIRN_NOTICE_UNREADABLE] = "unreadable",
        [FIRN_NOTICE_CHANGING] = "changing",
        [FIRN_NOTICE_VANISHED] = "vanished",
        [FIRN_NOTICE_METADATA] = "metadata",
        [FIRN_NOTICE_KEPT] = "kept",
        [FIRN_NOTICE_DAMAGED] = "damaged",
        [FIRN_NOTICE_BAD_RULE] = "bad rule",
        [FIRN_NOTICE_RESUMED] = "resumed",
        [FIRN_NOTICE_STORE] = "store",
        [FIRN_NOTICE_SETTINGS] = "settings",
        [FIRN_NOTICE_FOREIGN] = "foreign",
        [FIRN_NOTICE_LEFT_ALONE] = "left alone",
        [FIRN_NOTICE_NOT_RESTORED] = "not restored",
        [FIRN_NOTICE_RESERVED] = "reserved",
        [FIRN_NOTICE_REPOSITORY] = "repository",
        [FIRN_NOTICE_GROWING] = "growing",
        [FIRN_NOTICE_CARRIED] = "carried",
        [FIRN_NOTICE_NEWER] = "newer",
        [FIRN_NOTICE_DATE] = "date",
        [FIRN_NOTICE_SQLITE] = "sqlite",
    };
    return NAME_OF(names, kind);
}

const char *
firn_store_difference_kind_name(firn_store_difference_kind kind)
{
    static const char names[][17] = {
        [FIRN_STORE_DIFFERENCE_ADDED] = "added",
        [FIRN_STORE_DIFFERENCE_REMOVED] = "removed",
        [FIRN_STORE_DIFFERENCE_CHANGED] = "changed",
        [FIRN_STORE_DIFFERENCE_KEYSPACE_ADDED] = "keyspace added",
        [FIRN_STORE_DIFFERENCE_KEYSPACE_REMOVED] = "keyspace removed",
    };
    return NAME_OF(names, kind);
}

const char *
firn_durability_name(firn_durability durability)
{
    static const char names[][8] = {
        [FIRN_DURABILITY_DEFAULT] = "default",
        [FIRN_DURABILITY_FULL] = "full",
        [FIRN_DURABILITY_OS] = "os",
    };
    return NAME_OF(names, durability);
}

const char *
firn_compression_name(firn_compression compression)
{
    static const char names[][8] = {
        [FIRN_COMPRESSION_DEFAULT] = "default",
        [FIRN_COMPRESSION_NONE] = "none",
        [FIRN_COMPRESSION_LZ4] = "lz4",
        [FIRN_COMPRESSION_ZSTD] = "zstd",
    };
    return NAME_OF(names, compression);
}

const char *
firn_isolation_name(firn_isolation isolation)
{
    static const char names[][13] = {
        [FIRN_ISOLATION_DEFAULT] = "default",
        [FIRN_ISOLATION_SNAPSHOT] = "snapshot",
        [FIRN_ISOLATION_SERIALIZABLE] = "serializable",
    };
    return NAME_OF(names, isolation);
}

const char *
firn_merge_operator_name(firn_merge_operator operation)
{
    static const char names[][7] = {
        [FIRN_MERGE_ADD] = "add",
        [FIRN_MERGE_APPEND] = "append",
        [FIRN_MERGE_MIN] = "min",
        [FIRN_MERGE_MAX] = "max",
    };
    return NAME_OF(names, operation);
}

const char *
firn_batch_kind_name(firn_batch_kind kind)
{
    static const char names[][13] = {
        [FIRN_BATCH_PUT] = "put",
        [FIRN_BATCH_DELETE] = "delete",
        [FIRN_BATCH_DELETE_RANGE] = "delete range",
        [FIRN_BATCH_MERGE] = "merge",
    };
    return NAME_OF(names, kind);
}

const char *
firn_workspace_watch_event_kind_name(firn_workspace_watch_event_kind kind)
{
    static const char names[][8] = {
        [FIRN_WATCH_EVENT_STARTED] = "started", [FIRN_WATCH_EVENT_SAVED] = "saved",
        [FIRN_WATCH_EVENT_LOST] = "lost",       [FIRN_WATCH_EVENT_LIMITED] = "limited",
        [FIRN_WATCH_EVENT_FAILED] = "failed",
    };
    return NAME_OF(names, kind);
}

const char *
firn_config_source_name(firn_config_source source)
{
    static const char names[][8] = {
        [FIRN_CONFIG_SOURCE_DEFAULT] = "default",
        [FIRN_CONFIG_SOURCE_USER] = "user",
        [FIRN_CONFIG_SOURCE_STORE] = "store",
    };
    return NAME_OF(names, source);
}

const char *
firn_workspace_entry_type_name(firn_workspace_entry_type type)
{
    static const char names[][10] = {
        [FIRN_ENTRY_FILE] = "file",
        [FIRN_ENTRY_DIRECTORY] = "directory",
        [FIRN_ENTRY_SYMLINK] = "symlink",
    };
    return NAME_OF(names, type);
}

const char *
firn_workspace_change_kind_name(firn_workspace_change_kind kind)
{
    static const char names[][9] = {
        [FIRN_CHANGE_ADDED] = "added",     [FIRN_CHANGE_REMOVED] = "removed",
        [FIRN_CHANGE_CONTENT] = "changed", [FIRN_CHANGE_METADATA] = "metadata",
        [FIRN_CHANGE_RENAMED] = "renamed",
    };
    return NAME_OF(names, kind);
}

const char *
firn_workspace_step_kind_name(firn_workspace_step_kind kind)
{
    static const char names[][9] = {
        [FIRN_STEP_SAVE] = "save",     [FIRN_STEP_RESTORE] = "restore",
        [FIRN_STEP_REVERT] = "revert", [FIRN_STEP_EDITS] = "edits",
        [FIRN_STEP_TAG] = "tag",       [FIRN_STEP_PIN] = "pin",
        [FIRN_STEP_DELETE] = "delete", [FIRN_STEP_DESCRIBE] = "describe",
    };
    return NAME_OF(names, kind);
}

const char *
firn_workspace_lines_kind_name(firn_workspace_lines_kind kind)
{
    static const char names[][11] = {
        [FIRN_LINES_NONE] = "none",
        [FIRN_LINES_COUNTED] = "counted",
        [FIRN_LINES_BINARY] = "binary",
        [FIRN_LINES_TOO_LARGE] = "too_large",
        [FIRN_LINES_UNREADABLE] = "unreadable",
    };
    return NAME_OF(names, kind);
}

const char *
firn_workspace_revert_conflict_kind_name(firn_workspace_revert_conflict_kind kind)
{
    static const char names[][11] = {
        [FIRN_REVERT_CONFLICT_LINES] = "lines",
        [FIRN_REVERT_CONFLICT_CONTENT] = "content",
        [FIRN_REVERT_CONFLICT_REMOVED] = "removed",
        [FIRN_REVERT_CONFLICT_CHANGED] = "changed",
        [FIRN_REVERT_CONFLICT_ADDED] = "added",
        [FIRN_REVERT_CONFLICT_KIND] = "kind",
        [FIRN_REVERT_CONFLICT_ATTRIBUTES] = "attributes",
        [FIRN_REVERT_CONFLICT_HARD_LINKS] = "hard_links",
    };
    return NAME_OF(names, kind);
}

const char *
firn_workspace_repair_state_name(firn_workspace_repair_state state)
{
    static const char names[][7] = {
        [FIRN_REPAIR_STATE_INTACT] = "intact",
        [FIRN_REPAIR_STATE_PARTLY] = "partly",
        [FIRN_REPAIR_STATE_LOST] = "lost",
    };
    return NAME_OF(names, state);
}

const char *
firn_workspace_repair_data_name(firn_workspace_repair_data data)
{
    static const char names[][10] = {
        [FIRN_REPAIR_DATA_KEPT] = "kept",
        [FIRN_REPAIR_DATA_SHORTENED] = "shortened",
        [FIRN_REPAIR_DATA_LOST] = "lost",
    };
    return NAME_OF(names, data);
}
