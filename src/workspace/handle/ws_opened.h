/* SPDX-License-Identifier: Apache-2.0
 *
 * handle/ws_opened.h: what the operations on a workspace share: the handle, and a store opened for
 * one operation. For the rooms that carry out operations; others use ws.h.
 */
#ifndef FIRN_HANDLE_WS_OPENED_H
#define FIRN_HANDLE_WS_OPENED_H

#include "base/buf.h"
#include "catalog/catalog.h"
#include "catalog/catalog_journal.h"
#include "catalog/catalog_record.h"
#include "difference/difference.h"
#include "handle/ws.h"
#include "objects/objects.h"
#include "os/os_process.h"
#include "place/place.h"
#include "rules/rules.h"
#include "scan/scan.h"
#include "unlock/unlock.h"

struct fi_watchlink_local;
struct fi_ws_group;

struct firn_ws {
    struct fi_os_process_mark mark; /* first: see api_process.h */
    struct fi_os *os;
    char *path;             /* that was opened */
    char *named_store_path; /* given when it was opened, or NULL */
    bool is_exact;
    bool names_root; /* the user named the path */
    bool is_new;     /* a new history was requested, even if the directory was moved here */
    struct fi_place_located place;
    int64_t lock_timeout_ms;
    /* for the store's lock, whatever lock_timeout_ms says: a watch runs (watch.c) */
    bool never_waits;
    struct fi_scan_sqlite sqlite;
    unsigned new_cipher;         /* of a store that is made; 0: in clear */
    firn_keys_source key_source; /* get NULL: nobody is asked */
    struct fi_unlock_source unlock;
    struct fi_unlock_memory unlock_memory;  /* what opened the store first */
    struct fi_unlock_memory remote_memory;  /* what opened an encrypted remote first */
    const struct fi_watchlink_local *watch; /* in this process; NULL: there may be one elsewhere */
    struct fi_buf record;                   /* bytes of the last record looked up */
    struct fi_buf texts;       /* char * each: texts of earlier places; callers may hold them */
    struct fi_buf given;       /* void * each: memory of results; ws_given.c */
    struct fi_ws_group *group; /* saves that become durable together (ws_group.c); NULL: none */
};

/* A store opened for one operation of a workspace. */
struct fi_ws_opened {
    struct fi_os_dir *root; /* of the workspace; NULL if the operation may not look at it */
    struct fi_os_stat root_stat;
    struct fi_os_dir *store_dir;
    struct fi_os_stat store_stat;
    bool is_foreign;                         /* another user may have written the store */
    struct fi_place_claim_store claim_store; /* of a named store */
    struct firn_db *db;
    uint64_t sequence; /* of the store, before this operation changes anything */
    struct fi_objects *objects;
    struct fi_catalog *catalog;
    struct fi_catalog_workspace workspace; /* number 0: never saved */
    struct fi_place_nested *nested;
    struct fi_scan_sqlite sqlite;
};

enum fi_ws_open_mode {
    FI_WS_READ,  /* if there is no store, db, objects and catalog are NULL */
    FI_WS_WRITE, /* without a store: FIRN_NOT_FOUND */
    FI_WS_CREATE /* makes the store and enters the workspace */
};

/* Opens the root, the store, its objects and catalog. A mode that writes also removes what a crash
 * left. Fails as fi_ws_check_root does. */
FIRN_MUST_CHECK int fi_ws_opened_open(struct firn_ws *ws, enum fi_ws_open_mode mode,
                                      struct fi_ws_opened *out, firn_error *err);
/* The same for an operation that leaves the tree alone: also if the root is one that only the
 * catalog of a named store calls a workspace. Then out->root is NULL. */
FIRN_MUST_CHECK int fi_ws_opened_open_store(struct firn_ws *ws, enum fi_ws_open_mode mode,
                                            struct fi_ws_opened *out, firn_error *err);
/* FIRN_UNTRUSTED if only the catalog of a named store says that the root is a workspace: nothing
 * may look at it (place_claim.c). */
FIRN_MUST_CHECK int fi_ws_check_root(const struct firn_ws *ws, firn_error *err);
/* Notes that this user works on the root with the named store, unless that is noted. That it cannot
 * be noted is no failure: the next operation may have to name the root again. */
FIRN_MUST_CHECK int fi_ws_note_root(struct firn_ws *ws, const uint8_t *store_id, firn_error *err);
/* Whether this user made the store in the directory, or trusts it. What is done with any other
 * store is bounded by the bytes that are read of it (fi_objects_budget_begin). */
FIRN_MUST_CHECK int fi_ws_bounds_is_known(const struct firn_ws *ws, struct fi_os_dir *store,
                                          bool *out, firn_error *err);
/* FIRN_LIMIT if the files of a store are far longer than what is allocated for them. To be called
 * before a store that is not known is opened. */
FIRN_MUST_CHECK int fi_ws_bounds_check_holes(struct fi_os_dir *store, firn_error *err);
/* Closes everything after an operation that returned rc. Returns rc, or the result of closing if rc
 * is FIRN_OK. After a writing operation failed, the store is opened once more, which recovers it,
 * and left-over packs are removed, so that a failed save frees its space. */
FIRN_MUST_CHECK int fi_ws_opened_close(struct firn_ws *ws, struct fi_ws_opened *opened, int rc,
                                       firn_error *err);

/* The record of a reference to a checkpoint of the workspace: its bytes are in ws->record until the
 * next look-up. ws.c. */
FIRN_MUST_CHECK int fi_ws_find_record(struct firn_ws *ws, struct fi_ws_opened *opened,
                                      const char *reference, struct fi_catalog_record *out,
                                      firn_error *err);

/* The same, but its bytes are in *bytes. */
FIRN_MUST_CHECK int fi_ws_find_own(struct firn_ws *ws, struct fi_ws_opened *opened,
                                   const char *reference, struct fi_buf *bytes,
                                   struct fi_catalog_record *out, firn_error *err);
/* The two above, also for a checkpoint of a remote's line (catalog_lines.c), by "REMOTE/REF" or by
 * its whole id: for what only reads its tree, since its order and number are those of another
 * workspace. */
FIRN_MUST_CHECK int fi_ws_find_any(struct firn_ws *ws, struct fi_ws_opened *opened,
                                   const char *reference, struct fi_catalog_record *out,
                                   bool *out_is_own, firn_error *err);
FIRN_MUST_CHECK int fi_ws_find_any_own(struct firn_ws *ws, struct fi_ws_opened *opened,
                                       const char *reference, struct fi_buf *bytes,
                                       struct fi_catalog_record *out, firn_error *err);
/* The newest existing checkpoint before another one, not counting safety checkpoints; its bytes are
 * in *bytes. FIRN_NOT_FOUND if there is none. */
FIRN_MUST_CHECK int fi_ws_find_previous(struct firn_ws *ws, struct fi_ws_opened *opened,
                                        const struct fi_catalog_record *record,
                                        struct fi_buf *bytes, struct fi_catalog_record *out,
                                        firn_error *err);

/* Memory of results. Each checkpoint or entry is one allocation, with its texts. The handle owns it
 * until the caller takes it with fi_ws_given_take; fi_ws_given_release, or closing the handle,
 * frees the rest. After an operation failed, its *out may still point to such memory; api hides
 * that from its caller. ws_given.c. */

/* Describes a checkpoint or an entry. */
FIRN_MUST_CHECK int fi_ws_given_checkpoint(struct firn_ws *ws,
                                           const struct fi_catalog_record *record,
                                           firn_workspace_checkpoint **out, firn_error *err);
FIRN_MUST_CHECK int fi_ws_given_entry(struct firn_ws *ws, const firn_workspace_entry *entry,
                                      firn_workspace_entry **out, firn_error *err);
/* reserve makes a zeroed checkpoint with room for text_size bytes of texts; fill fills it, once.
 * Requires: the texts of the record fit. */
FIRN_MUST_CHECK int fi_ws_given_reserve(struct firn_ws *ws, size_t text_size,
                                        firn_workspace_checkpoint **out, firn_error *err);
void fi_ws_given_fill(firn_workspace_checkpoint *checkpoint,
                      const struct fi_catalog_record *record);
size_t fi_ws_given_text_size(const struct fi_catalog_record *record);
/* Gives the handle memory that was allocated elsewhere. Requires: fi_ws_given_expect has
 * succeeded before each call. */
FIRN_MUST_CHECK int fi_ws_given_expect(struct firn_ws *ws, firn_error *err);
void fi_ws_given_own(struct firn_ws *ws, void *memory);

/* Locates the workspace and its store again. */
FIRN_MUST_CHECK int fi_ws_relocate(struct firn_ws *ws, firn_error *err);
/* Reports damage by a notice; text is borrowed for the call. */
void fi_ws_report_damage(const firn_callbacks *callbacks, const char *text);

/* The options of a scan of an opened workspace. */
struct fi_scan_options fi_ws_scan_options_of(const struct fi_ws_opened *opened, bool include_deps,
                                             bool strict, unsigned threads,
                                             const firn_callbacks *callbacks);

/* Restores that this user has begun, in which root, on this machine. */

/* Notes, durably, that a restore with this tag is about to begin. Requires: the workspace has a
 * number in its store. `found` is the journal that the restore replaces: if it is pending, it stays
 * noted too. */
FIRN_MUST_CHECK int fi_ws_begun_note(struct firn_ws *ws, const struct fi_ws_opened *opened,
                                     const uint8_t tag[FI_CATALOG_JOURNAL_TAG_SIZE],
                                     const struct fi_catalog_journal *found, firn_error *err);
/* Removes the note. Requires: no restore of the workspace is pending any more. */
FIRN_MUST_CHECK int fi_ws_begun_clear(struct firn_ws *ws, const struct fi_ws_opened *opened,
                                      firn_error *err);
/* Whether a journal is pending and its restore was not begun by this user in this root on this
 * machine. */
FIRN_MUST_CHECK int fi_ws_begun_is_foreign(struct firn_ws *ws, const struct fi_ws_opened *opened,
                                           const struct fi_catalog_journal *journal, bool *out,
                                           firn_error *err);

/* The rules under which a checkpoint was saved: storing and loading them. */

/* A zeroed struct is empty. */
struct fi_ws_rules {
    /* Of up to three checkpoints, the first one's first: the object, and rules for what was
     * forgotten. */
    struct fi_buf bytes[3];
    struct fi_buf forgotten[3];
    struct fi_rules_list sets; /* borrow from both */
    /* How a scan of the disk uses today's rule files. */
    bool include_deps;
    bool gitignore;
    uint64_t file_size_max; /* see scan.h */
};

/* How saves are made today, according to the caller. */
struct fi_ws_rules_today {
    bool gitignore;
    bool is_asked_for; /* the rules of the last restore do not count */
    uint64_t file_size_max;
};

/* The rules of a checkpoint; one plain set if its record names none. The caller deinits *out, also
 * after a failure. After FIRN_CORRUPT and FIRN_NEWER err names the checkpoint. */
FIRN_MUST_CHECK int fi_ws_rules_load(struct fi_objects *objects,
                                     const struct fi_catalog_record *record,
                                     struct fi_ws_rules *out, firn_error *err);
/* Whether the rules of two checkpoints are the same, but for the paths that were forgotten. */
bool fi_ws_rules_are_same(const struct fi_catalog_record *a, const struct fi_catalog_record *b);
/* The rules for a scan of the disk that is compared with a checkpoint, or restored to it:
 * - in sets those of the checkpoint, one plain set if its record names none, those of a second one,
 *   which may be NULL, and, if nothing was saved since the last restore, those of its safety
 *   checkpoint;
 * - for today's rule files: dependencies as in the checkpoint; .gitignore files if they applied to
 *   either checkpoint or to the newest one, or apply today; sizes as today.
 * Fails like fi_ws_rules_load. */
FIRN_MUST_CHECK int fi_ws_rules_load_today(struct fi_ws_opened *opened,
                                           const struct fi_catalog_record *record,
                                           const struct fi_catalog_record *second,
                                           const struct fi_ws_rules_today *today,
                                           struct fi_ws_rules *out, firn_error *err);
void fi_ws_rules_deinit(struct fi_ws_rules *rules);

/* Adds the rules object of a scan to a session. */
FIRN_MUST_CHECK int fi_ws_rules_add(struct fi_objects_session *session, firn_slice bytes,
                                    firn_hash *out_hash, firn_error *err);

/* Reporting a running restore to other processes. */

/* What a restore in place is doing. A struct with its kind and zeros is a restore that has just
 * begun. */
struct fi_ws_running {
    enum fi_catalog_journal_kind kind;
    const char *phase; /* of firn_progress */
    bool has_begun;    /* files have begun to change */
    uint32_t workspace;
    uint8_t target[FI_CATALOG_RECORD_ID_SIZE]; /* zeros: there is none yet */
    int64_t started_ns;
    uint64_t done;
    uint64_t total;
    uint64_t process; /* set by fi_ws_running_query */
};

/* Reports *running to other processes, until the next call or until the store is closed. */
void fi_ws_running_report(struct firn_db *db, const struct fi_ws_running *running);
/* The restore of a workspace that another handle of the store is running. *out_is_running is false
 * if there is none, or none that is reported. */
FIRN_MUST_CHECK int fi_ws_running_query(struct firn_db *db, uint32_t workspace,
                                        struct fi_ws_running *out, bool *out_is_running,
                                        firn_error *err);

/* For tests. False if note is not such a note. */
bool fi_ws_running_decode(firn_slice note, struct fi_ws_running *out);

#endif
