/* SPDX-License-Identifier: Apache-2.0
 *
 * firn/workspace.h: the states of a directory tree, saved into a store as checkpoints and restored
 * exactly. examples/workspace_undo.c shows a save, a comparison, a restore and an undo.
 *
 * Handles
 * - A handle (firn_workspace) names a directory tree, the workspace, and its store. Between calls it
 *   holds no lock and no open file. A call that writes locks the store while it needs it, and waits up
 *   to lock_timeout_ms for another writer (FIRN_BUSY).
 * - A handle belongs to one thread at a time. A call may use several threads of its own.
 * - Read-only calls (list, find, entries, status, diff, cat, a dry run) create and change nothing. They
 *   do not even update access times, where the system allows that.
 *
 * Options and results
 * - The rules of types.h apply. A result may be NULL if it is not wanted. Where a function requires options
 *   or a result, it says so.
 * - A checkpoint, entry or path that a result points to, or that a call returns through an argument
 *   (`firn_workspace_checkpoint **out`), belongs to the caller, who releases it with firn_release. Each
 *   is one allocation, texts included. It stays valid when the handle is used again or closed.
 * - A call overwrites a result without looking at it: release what an earlier call put there first.
 *   firn_release(NULL) is allowed.
 * - A call that fails sets such pointers to NULL, and everything else in its result to 0, unless the
 *   function says otherwise. A result that is refused because its size is not set stays as it is.
 *
 * Callbacks
 * - The rules of notice.h apply. Callbacks that are members of options may be NULL.
 * - Callbacks may come from any thread of the call, one at a time. on_notice and on_progress cannot use
 *   handles: FIRN_MISUSE (notice.h). Requires: any other callback uses no handle of the same workspace,
 *   unless the function says otherwise. If one does, the behaviour is undefined: the results of the
 *   call may be lost, and a writing call through another handle may wait for the lock that the first
 *   call holds (FIRN_BUSY, or for ever if lock_timeout_ms is negative).
 *
 * Names and paths
 * - Names are bytes: anything but NUL and '/'. Paths are slices, relative to the workspace's root, with
 *   components separated by '/'. The empty path is the root.
 * - Nothing outside the workspace's root is ever written. Symbolic links are saved as links and never
 *   followed.
 *
 * What a save leaves out
 * - Entries that rules exclude. Rules are in files called .firnignore in any directory, in
 *   .chkptignore in the root and, with the option gitignore, in .gitignore in any directory. Their
 *   syntax is that of gitignore(5). A rule in .firnignore outranks all others, one in .chkptignore
 *   those in .gitignore.
 * - Directories of dependencies, unless include_deps is set or a rule (!) includes them: node_modules,
 *   .venv, __pypackages__, .tox, .nox; venv if it contains pyvenv.cfg; target beside Cargo.toml or
 *   containing CACHEDIR.TAG; .m2/repository and .m2/wrapper; .gradle, or only its caches if it contains
 *   settings (docs/formats/rules.md).
 * - Always: .git, .hg, .svn, .jj, .bzr and .firn, in any case and in every spelling that a file system
 *   accepts for them, and the store itself.
 * - Files larger than file_size_max, if it is set.
 * - Fifos, sockets and devices. Each is reported by a notice.
 * An entry that cannot be read, or that changes during every attempt to read it, keeps the state that it
 * has in the previous checkpoint, or is left out if that checkpoint does not contain it. Both cases are
 * reported.
 * A restore does not touch entries that the checkpoint's rules or today's rules exclude. A comparison with
 * the disk does not report those that are there, although the checkpoint may have them: since before the
 * rule was written, or from an import.
 */
#ifndef FIRN_WORKSPACE_H
#define FIRN_WORKSPACE_H

#include <stdbool.h>

#include "encryption.h"
#include "notice.h"
#include "types.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct firn_ws firn_workspace;

typedef struct firn_workspace_options {
    size_t size; /* sizeof(firn_workspace_options) */
    /* NULL: the default place, $XDG_DATA_HOME/firn/<name>-<16 hex digits of BLAKE3(real path)> */
    const char *store_path;
    int64_t lock_timeout_ms; /* for another writer; default 60 s; negative: wait for ever */
    bool is_root;            /* the path is the root itself, even inside another workspace */
    /* Copies one committed state of the SQLite database at `path`, which another process has open, to a
     * new file, and writes the absolute path of that file to out_copy, which has room for copy_size
     * bytes. libfirn reads the file and removes it. Called from any thread of an operation, several at a
     * time; the rules for callbacks (notice.h) apply. FIRN_BUSY: the database is locked all the time; it
     * is treated as a file that cannot be read. Any other failure: it is saved as plain files, and that
     * is reported (FIRN_NOTICE_SQLITE). NULL: as if it always failed, but not reported. */
    int (*copy_sqlite)(void *ctx, const char *path, char *out_copy, size_t copy_size,
                       firn_error *err);
    void *ctx; /* of copy_sqlite */
    /* The user named `path` itself (as with firn -C), and does not merely work there: if it is the root of
     * a workspace in store_path, that counts. is_root says the same. */
    bool names_root;
    /* As in firn_store_options, for a store that an operation creates. key_source is copied, with its
     * ctx, for the life of the handle, which asks once. */
    firn_cipher cipher;
    const firn_keys_source *key_source;
} firn_workspace_options;
#define FIRN_WORKSPACE_OPTIONS_INIT                                                              \
    {                                                                                            \
        sizeof(firn_workspace_options), NULL, 60000, false, NULL, NULL, false, FIRN_CIPHER_NONE, \
            NULL                                                                                 \
    }

/* Opens the workspace that the directory `path` belongs to. Its root is the nearest directory, from
 * `path` upward, for which one of these is true:
 *   (a) it contains a store of this user called ".firn";
 *   (b) it has a store in the default place;
 *   (c) the store in store_path has a workspace with this root.
 * A root as in (c) may be one that only the catalog of a store from elsewhere calls so. It counts if the
 * store is in it (".firn") or in the default place, if this user has worked on it with this store (that
 * is recorded in the user's data directory, by the first call that writes), if the directory has the
 * inode and the time of birth that the store has recorded, or if the caller names it (names_root).
 * Otherwise functions that would read or write the tree fail with FIRN_UNTRUSTED, and touch nothing
 * there; those that look into the store, and firn_workspace_restore with to_dir, work.
 *
 * If there is none, or with is_root, `path` is the root. Creates nothing. FIRN_NOT_FOUND or FIRN_INVALID
 * if `path` is not a directory. FIRN_INVALID if the store would be the root itself. FIRN_UNTRUSTED if a
 * store was found in the tree that this user did not create there (see "stores inside trees"); giving
 * its path in store_path uses it for this handle. */
FIRN_API FIRN_MUST_CHECK int firn_workspace_open(const char *path,
                                                 const firn_workspace_options *options,
                                                 firn_workspace **out, firn_error *err);
/* Closes a workspace. NULL is allowed. */
FIRN_API void firn_workspace_close(firn_workspace *workspace);
/* The real path of the root. This text, and those that the functions below return, belong to the handle
 * and are valid until it is closed. */
FIRN_API const char *firn_workspace_root(const firn_workspace *workspace);
FIRN_API const char *firn_workspace_store_path(const firn_workspace *workspace);
/* The part of the opened path below the root; "" for the root itself. Functions act on the whole
 * workspace, and their paths are relative to the root. So this is needed to turn a path that a user
 * typed, relative to the directory that was opened, into one relative to the root. */
FIRN_API const char *firn_workspace_subpath(const firn_workspace *workspace);
/* The earlier path of this directory, if it was moved since it was saved; else NULL. (It is
 * recognised by its inode and time of birth.) Until firn_workspace_adopt continues its history,
 * or firn_workspace_init begins a new one, all other calls fail with FIRN_CONFLICT. */
FIRN_API const char *firn_workspace_moved_from(const firn_workspace *workspace);
/* The path of a store in the default place that could not be read, if no store was found for this
 * directory: it mayntain this directory's history; else NULL. A save begins a new history. */
FIRN_API const char *firn_workspace_unread_store(const firn_workspace *workspace);
/* Describes a root that is more than people usually mean to save ("your home directory"): "/", the
 * root of a file system, the user's home, or a directory above the folder of stores; else NULL. A
 * program should ask before the first save of such a directory. Constant text; any thread. */
FIRN_API const char *firn_workspace_too_broad(const firn_workspace *workspace);
/* Continues in this directory the history of the directory that was saved as old_root (NULL: the path
 * from firn_workspace_moved_from). A store in the default place moves along. FIRN_NOT_FOUND if no store has
 * a workspace with that root. FIRN_EXISTS if this directory already has checkpoints, or a store that is not
 * empty. */
FIRN_API FIRN_MUST_CHECK int firn_workspace_adopt(firn_workspace *workspace, const char *old_root,
                                                  firn_error *err);
/* Creates the store and enters the workspace in it, unless that has been done. *out_created (may be
 * NULL) becomes true if this call did it. */
FIRN_API FIRN_MUST_CHECK int firn_workspace_init(firn_workspace *workspace, bool *out_created,
                                                 firn_error *err);

typedef struct firn_workspace_info {
    const char *root; /* real path; "" if the store cannot be read */
    const char *store_path;
    uint64_t checkpoints; /* safety checkpoints not counted */
    int64_t newest_ns;    /* when the newest of them was created; 0: there is none */
    bool is_there;        /* a directory exists at the root */
    const char *damage;   /* why the store cannot be read, or NULL */
} firn_workspace_info;

/* Lists the workspaces of one store (FIRN_NOT_FOUND if there is none) or, for NULL, of all stores in the
 * default place, ordered by root. Any thread. */
FIRN_API FIRN_MUST_CHECK int
firn_workspaces_list(const char *store_path,
                     int (*on_workspace)(void *ctx, const firn_workspace_info *info), void *ctx,
                     firn_error *err);
/* Deletes the history of a workspace: when this returns FIRN_OK its checkpoints and tags are gone. The
 * directory itself is not touched and need not exist. A store in the default place that contains no
 * other workspace, and no keyspaces, tables or store checkpoints of an application, is removed. FIRN_NOT_FOUND if no store has a workspace with the root. Any thread. */
FIRN_API FIRN_MUST_CHECK int
firn_workspaces_remove(const char *root, const firn_workspace_options *options, firn_error *err);

/* ---- stores inside trees ---- */

/* A store inside a tree (".firn" in its root) may have arrived with the tree, and so may its
 * settings and the interrupted restore that it records. Therefore firn_workspace_open uses such a store
 * only if this user created it there (by firn_workspace_init or a save with its path in store_path) or
 * trusts it. Only its owner may be able to write to its directory. Trust is recorded in the user's
 * data directory, by the inode and time of birth of the store's directory: a workspace that is moved
 * within its file system stays trusted, a copy is not trusted.
 *
 * What else changes the tree can put files into such a store, or replace some. So its own files are
 * recorded too, each as it is made: others are ignored (firn_trust_foreign_files), and one that the
 * store needs is FIRN_UNTRUSTED. Programs that store keys and values in it (firn_store_open) have the same
 * protection. A firn that cannot find the record, because another user runs it, for example, and is
 * given the store's path, makes files that do not count later, until firn_trust_add. The same holds for
 * files of a backup that were unpacked there. */
typedef struct firn_trust_info {
    const char *root; /* real path of the directory that contains the store */
    const char *store_path;
    const char *store_id; /* 32 hexadecimal digits; "" if it cannot be read */
    uint32_t owner;       /* of the store's directory */
    bool is_trusted;
    bool is_there; /* the store exists now */
    /* firn_trust_list, for a record that cannot be read: its file, and the reason in one line. All other
     * texts are "" then. Else NULL. */
    const char *unread_path;
    const char *unread_text;
} firn_trust_info;
/* Describes the store in the nearest directory, from `path` upward, that contains one. FIRN_NOT_FOUND if
 * none of them does. Any thread, like the functions below. */
FIRN_API FIRN_MUST_CHECK int
firn_trust_find(const char *path, int (*on_store)(void *ctx, const firn_trust_info *info),
                void *ctx, firn_error *err);
/* Trusts that store from now on, with the files that are in it now. If `path` is a store itself, and not one inside a tree,
 * its trees and contents may cause any amount of work from now on; else that is bounded by the bytes that are read (FIRN_LIMIT). FIRN_DENIED if others may write to it,
 * or if the user's data directory is not private; FIRN_BUSY if a process writes to it. */
FIRN_API FIRN_MUST_CHECK int firn_trust_add(const char *path, firn_error *err);
/* Stops trusting it. `path` may also be a root, as firn_trust_list gives it, that does not exist any
 * more. FIRN_NOT_FOUND if it is not trusted. */
FIRN_API FIRN_MUST_CHECK int firn_trust_remove(const char *path, firn_error *err);
/* Lists all stores that were trusted or created, in no particular order. Records that cannot be read are
 * listed too (unread_path). */
FIRN_API FIRN_MUST_CHECK int firn_trust_list(int (*on_store)(void *ctx,
                                                             const firn_trust_info *info),
                                             void *ctx, firn_error *err);
/* Calls on_file for each entry of the directory of a trusted store that something else put there, such as
 * a pull or an archive, with its path from that directory (any bytes), and whether it has replaced a file
 * of firn's (is_replaced). It stays as it is, and is as if it were not there; but where the store needs a
 * file of this name, calls fail with FIRN_UNTRUSTED until firn_trust_add accepts it. Nothing is reported
 * of other stores. */
FIRN_API FIRN_MUST_CHECK int firn_trust_foreign_files(const char *store_path,
                                                      int (*on_file)(void *ctx, const char *path,
                                                                     bool is_replaced),
                                                      void *ctx, firn_error *err);

/* ---- settings ---- */

typedef enum firn_config_source {
    FIRN_CONFIG_SOURCE_DEFAULT = 0,
    FIRN_CONFIG_SOURCE_USER = 1, /* $XDG_CONFIG_HOME/firn/config, or ~/.config/firn/config */
    FIRN_CONFIG_SOURCE_STORE = 2 /* "config" in the store's directory; overrides the user's */
} firn_config_source;
/* The name of a source ("user"), constant; never NULL. Any thread. */
FIRN_API const char *firn_config_source_name(firn_config_source source);

typedef struct firn_config_setting {
    const char *key;
    const char *value;
    firn_config_source source;
} firn_config_setting;

/* Lists all settings, each key once, with the value in effect. Settings are for programs: firn's own
 * program follows them, the library does not. The keys are keep (a policy, see firn_workspace_expire),
 * gc.auto, save.gitignore, save.include-deps, save.strict, ui.pager ("true" or "false"), ui.color ("always",
 * "never", "auto"), push.auto (a remote, or "false"), save.max-file-size, save.warn-size (see firn_config_size) and wait (seconds). workspace NULL: the user's settings only.
 * FIRN_INVALID names the file and the line that cannot be read. */
FIRN_API FIRN_MUST_CHECK int firn_config_list(firn_workspace *workspace,
                                              int (*on_setting)(void *ctx,
                                                                const firn_config_setting *setting),
                                              void *ctx, firn_error *err);
/* Lists all settings, like firn_config_list, but continues if a settings file cannot be read: the
 * file counts as empty, and on_notice (may be NULL) gets a notice (FIRN_NOTICE_SETTINGS). Because
 * the file's contents are unknown, keep is then "forever", and gc.auto and push.auto are "false",
 * unless a store's file that can be read sets them. */
FIRN_API FIRN_MUST_CHECK int firn_config_list_readable(
    firn_workspace *workspace, int (*on_setting)(void *ctx, const firn_config_setting *setting),
    void (*on_notice)(void *ctx, const firn_notice *notice), void *ctx, firn_error *err);
/* Parses a size as settings contain it: a whole number of bytes, or of K, M, G, T (powers of 1024; also
 * KiB ...) or KB, MB, GB, TB (powers of 1000); "none" is 0. FIRN_INVALID for anything else. Any
 * thread. */
FIRN_API FIRN_MUST_CHECK int firn_config_size(const char *text, uint64_t *out, firn_error *err);
/* Sets a key in the store's file (workspace NULL: the user's); value NULL removes it. FIRN_NOT_FOUND if
 * there is no store yet. Lines of the file that cannot be read become comments; if keep was among them,
 * it becomes "forever". */
FIRN_API FIRN_MUST_CHECK int firn_config_set(firn_workspace *workspace, const char *key,
                                             const char *value, firn_error *err);

/* ---- checkpoints ---- */

/* A turn of a coding agent: a prompt, and the work that the agent did for it. */
typedef struct firn_workspace_turn {
    firn_slice agent;   /* its name, 1 to 256 bytes: "Claude Code"; empty: there is no turn */
    firn_slice session; /* the agent's name for the conversation, up to 256 bytes; may be empty */
    firn_slice prompt;  /* its first 16 KiB, cut between characters of UTF-8; may be empty */
    uint64_t number;    /* of the turn in its session, from 1; 0 if the start was not recorded */
} firn_workspace_turn;

/* A command that was run in the workspace, as by firn run. */
typedef struct firn_workspace_run {
    firn_slice command; /* as a person reads it, up to 1,024 bytes; empty: there is none */
    uint64_t exit_code; /* 0 to 255; 128 + N: signal N ended it */
    int64_t begun_ns;   /* since 1970 */
    int64_t ended_ns;
} firn_workspace_run;

enum { FIRN_WORKSPACE_GIT_BRANCH_SIZE = 256, FIRN_WORKSPACE_GIT_COMMIT_SIZE = 65 };

/* Where HEAD is in the git repository that the workspace, or a directory above it, has. It is read from git's
 * files; git's own state is never part of a checkpoint. */
typedef struct firn_workspace_git {
    char branch
        [FIRN_WORKSPACE_GIT_BRANCH_SIZE]; /* "main"; "": none (detached), or no repository. Bytes of
                                                    any encoding, without control characters */
    char commit
        [FIRN_WORKSPACE_GIT_COMMIT_SIZE]; /* 40 or 64 hexadecimal digits; "": not known, or none yet */
} firn_workspace_git;

/* A saved state of the tree. A safety checkpoint is created by a restore, from what it is about to
 * change, or by a revert. It has no number, and "latest" does not count it. */
typedef struct firn_workspace_checkpoint {
    uint64_t number;                  /* from 1, never reused; 0 for a safety checkpoint */
    char id[FIRN_CHECKPOINT_ID_SIZE]; /* 32 letters from k to z */
    bool is_safety;
    bool include_deps;  /* as it was saved */
    int64_t created_ns; /* since 1970, UTC */
    firn_slice message;
    firn_hash root;           /* of the tree: equal trees have equal hashes */
    uint64_t files;           /* everything that is not a directory */
    uint64_t directories;     /* below the root */
    uint64_t bytes;           /* of file contents */
    uint64_t new_objects;     /* file contents that the store did not have */
    uint64_t added_bytes;     /* by which the store's packs grew */
    uint64_t excluded;        /* entries that rules excluded (a directory counts once) */
    uint64_t skipped;         /* entries that could not be saved; each was reported */
    uint64_t forgotten;       /* paths that firn_workspace_forget removed */
    firn_workspace_turn turn; /* the turn that ended with it, if any */
    firn_workspace_git git;   /* at that time */
    int64_t turn_begun_ns;    /* when the turn began, since 1970; 0: it is not known */
    firn_workspace_run run;   /* what changed the tree to this one */
    firn_workspace_run tried; /* what was run last in this tree and changed nothing */
} firn_workspace_checkpoint;

/* A path of an imported state that is not in the tree which is saved. A restore in place leaves alone what
 * is there. */
typedef struct firn_workspace_gap {
    firn_slice path; /* from the root; empty: it is not known where */
    /* How many entries, there and below, the source has lost; these are counted in checkpoint->skipped. 0: it
     * is left out on purpose, which is counted in checkpoint->excluded. */
    uint64_t lost;
} firn_workspace_gap;
enum { FIRN_WORKSPACE_GAPS_MAX = 1024 };

typedef struct firn_workspace_save_options {
    size_t size; /* sizeof(firn_workspace_save_options) */
    firn_slice message;
    bool include_deps;
    /* Fail, and save nothing, if an entry cannot be read or is a fifo, socket or device. */
    bool strict;
    unsigned threads; /* 0: one per processor */
    firn_callbacks callbacks;
    bool full; /* read every file, also those that look unchanged; see below */
    /* Create no checkpoint if the tree equals that of the previous one, unless the previous one was made in the turn
     * that ends now, and has no turn. */
    bool if_changed;
    bool gitignore;   /* .gitignore files contain rules, too */
    const char *keep; /* policy for older checkpoints (firn_workspace_expire); NULL: keep all */
    uint64_t file_size_max; /* leave out larger files; 0: no limit */
    /* The turn of an agent that ends with this checkpoint; its number is ignored. The first line of the
     * prompt, up to 100 bytes, is appended to the message, after ": ". An empty prompt is replaced by
     * the one that was recorded when the turn began. A prompt that is too long is cut. */
    firn_workspace_turn turn;
    /* The turn begins now. It is recorded in the store, even if no checkpoint is created, until the next
     * turn of its agent and session begins. The checkpoint's message names it. If the turn before it in the
     * session has not ended, it was interrupted: it ends with this checkpoint, as if it were `turn`. */
    bool turn_begins;
    /* The program shows the notices to a person. Excluded entries are recorded, so that the next such save marks
     * them as known (firn_notice.is_known). */
    bool marks_told;
    /* The turn continues after this checkpoint, which has it like the one that ends it. With turn_begins: the
     * turn begins only if the last one of its agent and session has ended. */
    bool turn_continues;
    /* Import: the tree of this directory is saved in place of the workspace's own, which is not read. Entries
     * that cannot be read are left out; stores and databases in it are files like any other. NULL: the
     * workspace itself. */
    const char *tree_path;
    int64_t created_ns; /* when the state was created, since 1970; 0: now */
    bool no_rules;      /* rule files in the tree are files like any other */
    /* Import: what the tree lacks. Up to FIRN_WORKSPACE_GAPS_MAX, with paths of at most 1 MiB in all, no path
     * twice, none below another; otherwise FIRN_LIMIT or FIRN_INVALID. */
    const firn_workspace_gap *gaps;
    size_t gap_count;
    /* In a group: names the checkpoint, in the same commit. As in firn_workspace_tag_set; NULL: no tag. */
    const char *tag;
    bool tag_may_replace;
    /* Leave out the git repositories in the workspace. Otherwise the checkpoint has what git could
     * lose, next to the tree: refs, HEAD, index, reflogs, configuration, hooks and objects. */
    bool without_git;
    /* The command that has ended with this checkpoint. If none is created, because the tree is unchanged
     * (if_changed), the previous one has it from then on, as `tried`. A command that is too long is cut. Not in
     * a group. */
    firn_workspace_run run;
} firn_workspace_save_options;
#define FIRN_WORKSPACE_SAVE_OPTIONS_INIT                                                      \
    {                                                                                         \
        sizeof(firn_workspace_save_options), {NULL, 0}, false, false, 0, FIRN_CALLBACKS_INIT, \
            false, false, false, NULL, 0, {{NULL, 0}, {NULL, 0}, {NULL, 0}, 0}, false, false, \
            false, NULL, 0, false, NULL, 0, NULL, false, false,                               \
        {                                                                                     \
            {NULL, 0}, 0, 0, 0                                                                \
        }                                                                                     \
    }

typedef struct firn_workspace_save_result {
    size_t size;                           /* sizeof(firn_workspace_save_result) */
    firn_workspace_checkpoint *checkpoint; /* the new one; the previous one if none was created */
    uint64_t previous;                     /* number of the previous checkpoint, or 0 */
    bool is_made; /* false: with if_changed, the tree is unchanged and no checkpoint was created */
    bool is_unchanged; /* the tree equals `previous`, modification times of directories aside */
    uint64_t added;    /* files, compared with `previous` */
    uint64_t changed;
    uint64_t removed;
    uint64_t expired; /* checkpoints that were deleted because `keep` does not keep them */
    bool gc_is_due;   /* an automatic firn_workspace_gc is worth its time */
} firn_workspace_save_result;
#define FIRN_WORKSPACE_SAVE_RESULT_INIT                                              \
    {                                                                                \
        sizeof(firn_workspace_save_result), NULL, 0, false, false, 0, 0, 0, 0, false \
    }

/* Saves the present state of the workspace as a new checkpoint. When this returns FIRN_OK the checkpoint
 * is on disk; otherwise there is none. Creates the store if needed. Entries that could not be saved are
 * reported by notices and counted in checkpoint->skipped. FIRN_LIMIT if the message exceeds 64 KiB, or
 * more is new than one pack can hold (512 GiB of contents or more).
 *
 * A file is not read again if its inode, size, mode, owner and times are the same as when it was last
 * saved. Two kinds of edits change none of these, and only `full` finds them: writes through a shared
 * memory mapping to a page that was dirty already, and, on a file system without change times (FAT), an
 * edit that keeps size and modification time. */
FIRN_API FIRN_MUST_CHECK int firn_workspace_save(firn_workspace *workspace,
                                                 const firn_workspace_save_options *options,
                                                 firn_workspace_save_result *out, firn_error *err);

/* For imports, begins a group of saves with tree_path, which become durable together, by a few
 * syncs in place of some for each. Until its end the store stays open and locked, and this handle
 * can do nothing but such saves (other operations: FIRN_BUSY); they do not compare with the
 * checkpoint before, so their results have no counts. A group that is_full should be ended soon:
 * its memory grows with what is new. FIRN_MISUSE if a group has begun. */
FIRN_API FIRN_MUST_CHECK int firn_workspace_group_begin(firn_workspace *workspace, firn_error *err);
FIRN_API bool firn_workspace_group_is_full(const firn_workspace *workspace);
/* Ends the group. keep: when this returns FIRN_OK all its checkpoints are on disk; otherwise, and if a save of it
 * has failed (FIRN_MISUSE), there is none. Without keep they are dropped, as when the handle is closed. Without a
 * group it does nothing. */
FIRN_API FIRN_MUST_CHECK int firn_workspace_group_end(firn_workspace *workspace, bool keep,
                                                      firn_error *err);

/* ---- watching ---- */

typedef enum firn_workspace_watch_event_kind {
    FIRN_WATCH_EVENT_STARTED = 1, /* the watch runs; unless only_watch is set, it has saved */
    FIRN_WATCH_EVENT_SAVED = 2,   /* a checkpoint was created */
    FIRN_WATCH_EVENT_LOST = 3, /* too many changes at once: the next save visits every directory */
    FIRN_WATCH_EVENT_LIMITED = 4, /* some directories cannot be watched: every save visits them */
    FIRN_WATCH_EVENT_FAILED = 5   /* a save failed; it will be retried */
} firn_workspace_watch_event_kind;
/* The name of a kind ("started"), constant; never NULL. Any thread. */
FIRN_API const char *firn_workspace_watch_event_kind_name(firn_workspace_watch_event_kind kind);

typedef struct firn_workspace_watch_event {
    firn_workspace_watch_event_kind kind;
    /* SAVED. Borrowed, and so is saved->checkpoint: do not release it. */
    const firn_workspace_save_result *saved;
    uint64_t directories; /* STARTED: how many are watched; LIMITED: how many are not */
    const char *text;     /* LOST, LIMITED and FAILED: one line */
} firn_workspace_watch_event;

typedef struct firn_workspace_watch_options {
    size_t size; /* sizeof(firn_workspace_watch_options) */
    /* How to save; if_changed is implied. NULL: defaults, with the message "watch". */
    const firn_workspace_save_options *save;
    int64_t quiet_ms;        /* save when nothing has changed for this long; default 2 s */
    int64_t interval_max_ms; /* save at the latest this long after a change; default 1 min */
    int64_t rescan_ms;       /* how often to visit every directory, > 0; default 5 min */
    bool only_watch;         /* never save; only make other saves fast */
    /* Both come from the calling thread. During SAVED, on_event may call firn_workspace_gc: an automatic
     * collection does not wait for another one there, but returns FIRN_BUSY. Both may call
     * firn_remote_list, and firn_workspace_push with dry_run. on_tick is called at least once a second: the watch ends, and its call returns
     * FIRN_OK, when on_tick returns anything but FIRN_OK. */
    void (*on_event)(void *ctx, const firn_workspace_watch_event *event);
    int (*on_tick)(void *ctx);
    void *ctx;
} firn_workspace_watch_options;
#define FIRN_WORKSPACE_WATCH_OPTIONS_INIT                                                        \
    {                                                                                            \
        sizeof(firn_workspace_watch_options), NULL, 2000, 60000, 300000, false, NULL, NULL, NULL \
    }

/* Watches the workspace until it is stopped, and returns FIRN_OK then. Saves at the start, and after
 * each change once the workspace has been quiet, if the tree differs from the newest checkpoint's. The
 * store is locked only during saves, and is created if needed. While the watch runs, saves and
 * comparisons of this workspace by any process of the same user visit changed directories only. Their
 * results are the same as without it.
 *
 * Two kinds of changes are found late, by the visit of every directory each rescan_ms or by a save with
 * `full`: writes through a memory mapping, until the file is unmapped and closed; and changes through a
 * name of the file outside the workspace. Directories on network file systems, and those beyond the
 * system's limit of watches, are visited by every save.
 *
 * FIRN_CONFLICT if the workspace is being watched already. FIRN_NOT_FOUND when the workspace or its
 * store disappears. FIRN_LIMIT if the system allows no further watch. FIRN_BUSY if another process holds
 * the store at the start for longer than lock_timeout_ms. */
FIRN_API FIRN_MUST_CHECK int firn_workspace_watch(firn_workspace *workspace,
                                                  const firn_workspace_watch_options *options,
                                                  firn_error *err);

typedef struct firn_workspace_watch_info {
    size_t size;          /* sizeof(firn_workspace_watch_info) */
    uint64_t process;     /* id of the watching process */
    uint64_t directories; /* of the workspace, as far as the watch has seen them */
    uint64_t dirty;       /* of these directories, those that the next save visits */
    uint64_t unwatched;   /* of these directories, those that every save visits */
    bool is_by_fanotify;  /* else by inotify, which has a limit of watches */
} firn_workspace_watch_info;
#define FIRN_WORKSPACE_WATCH_INFO_INIT                       \
    {                                                        \
        sizeof(firn_workspace_watch_info), 0, 0, 0, 0, false \
    }

/* Describes the watch of the workspace. FIRN_NOT_FOUND if it is not watched; FIRN_INVALID without out. */
FIRN_API FIRN_MUST_CHECK int firn_workspace_watch_look(firn_workspace *workspace,
                                                       firn_workspace_watch_info *out,
                                                       firn_error *err);
/* Asks the watch, in this or another process, to end, and returns without waiting for it. *out describes
 * it as it was. FIRN_NOT_FOUND if the workspace is not watched. */
FIRN_API FIRN_MUST_CHECK int firn_workspace_watch_stop(firn_workspace *workspace,
                                                       firn_workspace_watch_info *out,
                                                       firn_error *err);

/* ---- listing and naming checkpoints ---- */

/* What one workspace, here or elsewhere, has pushed to a remote, and a pull has brought. */
typedef struct firn_workspace_line {
    firn_slice remote; /* the name that this store has for the remote */
    firn_slice name;   /* the label if no other line of the remote has it, else the id */
    firn_slice label;  /* by its author, such as "ada@laptop:project" */
    firn_slice id;     /* 32 hexadecimal digits */
} firn_workspace_line;

typedef struct firn_workspace_list_options {
    size_t size;         /* sizeof(firn_workspace_list_options) */
    uint64_t limit;      /* only this many of the newest; default UINT64_MAX: all */
    bool include_safety; /* safety checkpoints too */
    bool deleted;        /* instead those that firn_workspace_undelete can bring back */
    /* Instead those that pulls have brought: of all lines of a remote ("origin"), one after the other, or
     * of a line, by its label or its id ("origin/ada@laptop:project"). `limit` counts for each line.
     * "REMOTE/NAME/NUMBER", with the name of the line, is a reference to each of them. */
    const char *remote;
    /* With `remote`: gets each line, before its checkpoints; the ctx is that of on_checkpoint. */
    int (*on_line)(void *ctx, const firn_workspace_line *line);
} firn_workspace_list_options;
#define FIRN_WORKSPACE_LIST_OPTIONS_INIT                                          \
    {                                                                             \
        sizeof(firn_workspace_list_options), UINT64_MAX, false, false, NULL, NULL \
    }
/* Lists the checkpoints, newest first. A workspace that was never saved has none; that is no error.
 * FIRN_NOT_FOUND if no pull has brought any of `remote`; FIRN_INVALID if `deleted` is asked of one. */
FIRN_API FIRN_MUST_CHECK int
firn_workspace_list(firn_workspace *workspace, const firn_workspace_list_options *options,
                    int (*on_checkpoint)(void *ctx, const firn_workspace_checkpoint *checkpoint),
                    void *ctx, firn_error *err);

/* Finds a checkpoint by a reference; out may be NULL. A reference is:
 * - a number; an id; at least the first four letters of an id, in any case;
 * - a tag; "latest", the newest that is no safety checkpoint;
 * - "latest~2", "12~1", "v1.0~3": that many before that one, safety checkpoints not counted;
 * - a time, for the newest that was created then or earlier: "10 minutes ago", "2h30m", "an hour ago", "last week",
 *   "yesterday", "yesterday 14:00", "monday", "monday 10:05pm", "10pm", "noon", "14:00", "2026-11-20", "2026-11-20 14:00",
 *   "2026-11-20T14:00:05.5+01:00". Times without a zone are local (TZ); one without seconds means all of its minute.
 * - after a pull, each of these for a checkpoint of a remote: "origin/latest", "origin/ada@laptop:project/12~1"
 *   (firn/remote.h). Functions that show, compare and restore take them.
 * FIRN_NOT_FOUND if there is no such checkpoint; FIRN_INVALID if it is not a reference; FIRN_CONFLICT if
 * several ids begin with the letters: the error names some of these checkpoints. */
FIRN_API FIRN_MUST_CHECK int firn_workspace_find(firn_workspace *workspace, const char *reference,
                                                 firn_workspace_checkpoint **out, firn_error *err);

typedef struct firn_workspace_tag {
    firn_slice name;
    char id[FIRN_CHECKPOINT_ID_SIZE]; /* of the checkpoint that it names */
    uint64_t number;    /* of that checkpoint; 0 if it is a safety checkpoint or was deleted */
    int64_t created_ns; /* when the tag was set */
} firn_workspace_tag;

/* Gives a checkpoint a name that is a reference from then on: 1 to 255 ASCII letters, digits and any of
 * "._-+/", beginning with a letter. It must not be another kind of reference: "latest", a time, or four
 * or more letters that are all between k and z. FIRN_EXISTS if another checkpoint has the tag, unless
 * may_replace. out, the checkpoint, may be NULL. */
FIRN_API FIRN_MUST_CHECK int firn_workspace_tag_set(firn_workspace *workspace, const char *name,
                                                    const char *reference, bool may_replace,
                                                    firn_workspace_checkpoint **out,
                                                    firn_error *err);
/* Deletes a tag; the checkpoint stays. FIRN_NOT_FOUND if there is no such tag. */
FIRN_API FIRN_MUST_CHECK int firn_workspace_tag_delete(firn_workspace *workspace, const char *name,
                                                       firn_error *err);
/* Lists the tags in byte order of their names. */
FIRN_API FIRN_MUST_CHECK int firn_workspace_tag_list(firn_workspace *workspace,
                                                     int (*on_tag)(void *ctx,
                                                                   const firn_workspace_tag *tag),
                                                     void *ctx, firn_error *err);

/* Gives a checkpoint another message, up to 64 KiB with the one before it (FIRN_LIMIT); empty: none. Number, id,
 * time and root stay. firn_workspace_undo takes that back. It is a change of this store alone: to a remote that has
 * the checkpoint already, no push sends it. out, the checkpoint, may be NULL. */
FIRN_API FIRN_MUST_CHECK int firn_workspace_describe(firn_workspace *workspace,
                                                     const char *reference, firn_slice message,
                                                     firn_workspace_checkpoint **out,
                                                     firn_error *err);

/* ---- contents and differences ---- */

typedef enum firn_workspace_entry_type {
    FIRN_ENTRY_FILE = 1,
    FIRN_ENTRY_DIRECTORY = 2,
    FIRN_ENTRY_SYMLINK = 3
} firn_workspace_entry_type;
/* The name of a type ("symlink"), constant; never NULL. Any thread. */
FIRN_API const char *firn_workspace_entry_type_name(firn_workspace_entry_type type);

typedef struct firn_workspace_entry {
    firn_slice path;
    firn_workspace_entry_type type;
    uint32_t mode; /* 12 permission bits */
    uint32_t uid;
    uint32_t gid;
    int64_t mtime_ns;
    uint64_t size_bytes; /* of a file's content */
    firn_hash hash;      /* of a file's content or a directory's object; zero for a symbolic link */
    firn_slice link_target; /* of a symbolic link */
    firn_slice hard_link;   /* the first path of the same file, unless this is it; else empty */
    /* Extended attributes, encoded: see firn_workspace_xattrs_next. Empty if there are none. */
    firn_slice xattrs;
} firn_workspace_entry;

/* Removes the first attribute from *xattrs, in ascending order of names. Its name and value point into the same
 * bytes. Returns false at the end, and with bytes left if they are malformed. The encoding of an attribute is the
 * size of its name, its name, the size of its value, its value; sizes are LEB128. Any thread. */
FIRN_API bool firn_workspace_xattrs_next(firn_slice *xattrs, firn_slice *out_name,
                                         firn_slice *out_value);

/* Lists the entries of a checkpoint: names in byte order, a directory before its contents. */
FIRN_API FIRN_MUST_CHECK int
firn_workspace_entries(firn_workspace *workspace, const char *reference,
                       int (*on_entry)(void *ctx, const firn_workspace_entry *entry), void *ctx,
                       firn_error *err);

/* Reads a file of a checkpoint: `write` gets its content piece by piece, in order, each piece verified.
 * Memory does not grow with the file. out, the entry, may be NULL. FIRN_NOT_FOUND if the checkpoint does
 * not contain the path. FIRN_INVALID if it is a directory or a symbolic link. FIRN_CORRUPT if it is
 * damaged. */
FIRN_API FIRN_MUST_CHECK int firn_workspace_cat(firn_workspace *workspace, const char *reference,
                                                firn_slice path, firn_write_bytes write, void *ctx,
                                                firn_workspace_entry **out, firn_error *err);

/* Reads directories and files of checkpoints by their hashes. It opens the store once, so many reads are fast,
 * and sees the checkpoints that exist when it is opened. Their contents stay readable until it is closed, even
 * if the checkpoints are deleted and the store is collected in the meantime; their space is reclaimed after
 * that. Several threads may read through it at once; close it when none does. Requires: the workspace outlives
 * it; the workspace itself is still used by one thread at a time. */
typedef struct firn_workspace_reader firn_workspace_reader;
/* Opens a reader. FIRN_NOT_FOUND if there is no checkpoint yet. */
FIRN_API FIRN_MUST_CHECK int
firn_workspace_reader_open(firn_workspace *workspace, firn_workspace_reader **out, firn_error *err);
/* Closes a reader. NULL is allowed. */
FIRN_API void firn_workspace_reader_close(firn_workspace_reader *reader);
/* Lists the entries of one directory, whose hash is the root of a checkpoint or is from an entry, in byte order
 * of their names. Their paths are the names alone. A hash that the store does not have is FIRN_CORRUPT. */
FIRN_API FIRN_MUST_CHECK int
firn_workspace_reader_entries(firn_workspace_reader *reader, const firn_hash *directory,
                              int (*on_entry)(void *ctx, const firn_workspace_entry *entry),
                              void *ctx, firn_error *err);
/* Reads a file by the hash and the size of its entry, as firn_workspace_cat does. */
FIRN_API FIRN_MUST_CHECK int firn_workspace_reader_cat(firn_workspace_reader *reader,
                                                       const firn_hash *file, uint64_t size_bytes,
                                                       firn_write_bytes write, void *ctx,
                                                       firn_error *err);
/* Reads a part of a file, from `offset` on and at most `length` bytes, which may end beyond the file. Only the pieces
 * of the content that the part touches are read, and each is verified by its own hash; the hash of the whole file is not.
 * A hole is one slice, whose data is NULL. FIRN_INVALID if the offset is beyond the file. */
FIRN_API FIRN_MUST_CHECK int firn_workspace_reader_part(firn_workspace_reader *reader,
                                                        const firn_hash *file, uint64_t size_bytes,
                                                        uint64_t offset, uint64_t length,
                                                        firn_write_bytes write, void *ctx,
                                                        firn_error *err);

typedef enum firn_workspace_change_kind {
    FIRN_CHANGE_ADDED = 1,
    FIRN_CHANGE_REMOVED = 2,
    FIRN_CHANGE_CONTENT = 3,  /* content, link target or type differs */
    FIRN_CHANGE_METADATA = 4, /* only mode, owner, time or attributes differ */
    FIRN_CHANGE_RENAMED = 5   /* the same content under another path; `before` has the old path */
} firn_workspace_change_kind;
/* The name of a kind ("renamed"), constant; never NULL. Any thread. */
FIRN_API const char *firn_workspace_change_kind_name(firn_workspace_change_kind kind);

/* Bits: what differs between two entries of one path. */
typedef enum firn_workspace_changed {
    FIRN_CHANGED_TYPE = 1,
    FIRN_CHANGED_CONTENT = 2, /* of a file, or the target of a symbolic link */
    FIRN_CHANGED_LINKS = 4,   /* hard_link */
    FIRN_CHANGED_MODE = 8,
    FIRN_CHANGED_OWNER = 16,
    FIRN_CHANGED_MTIME = 32,
    FIRN_CHANGED_XATTRS = 64
} firn_workspace_changed;

typedef struct firn_workspace_change {
    firn_workspace_change_kind kind;
    const firn_workspace_entry *before; /* NULL for ADDED */
    const firn_workspace_entry *after;  /* NULL for REMOVED */
    unsigned what;                      /* of firn_workspace_changed; 0 for ADDED and REMOVED */
} firn_workspace_change;

typedef struct firn_workspace_status_options {
    size_t size;             /* sizeof(firn_workspace_status_options) */
    const char *reference;   /* NULL: "latest" */
    const firn_slice *paths; /* compare only these and what is below them */
    size_t path_count;       /* 0: everything */
    unsigned threads;        /* 0: one per processor */
    firn_callbacks callbacks;
    /* Set these as for saves, so that entries that saves leave out do not count as added. */
    uint64_t file_size_max;
    bool gitignore;
    bool without_times; /* do not report files of which only the modification time differs */
    /* Instead of comparing, look what the first save will take: no checkpoint is needed, and no file is read.
     * The result's checkpoint is NULL. FIRN_INVALID with a reference or paths. */
    bool of_first_save;
    bool without_git; /* of_first_save: repositories count as left out */
} firn_workspace_status_options;
#define FIRN_WORKSPACE_STATUS_OPTIONS_INIT                                                      \
    {                                                                                           \
        sizeof(firn_workspace_status_options), NULL, NULL, 0, 0, FIRN_CALLBACKS_INIT, 0, false, \
            false, false, false                                                                 \
    }
typedef struct firn_workspace_status_result {
    size_t size;                           /* sizeof(firn_workspace_status_result) */
    firn_workspace_checkpoint *checkpoint; /* the one that was compared with the disk */
    uint64_t added;                        /* files that only the disk contains */
    uint64_t changed;                      /* more than the modification time differs */
    uint64_t removed;
    uint64_t unchanged;
    uint64_t skipped;    /* entries that could not be read */
    bool is_watched;     /* a watch of the workspace runs, and has answered */
    uint64_t times_only; /* files of which only the modification time differs */
    /* The store is in the directory itself, and files of it are in the index of the git repository around it: the
     * next push would publish everything that was saved. */
    bool git_tracks_store;
    uint64_t first_bytes; /* of_first_save: of the files, which `added` counts */
} firn_workspace_status_result;
#define FIRN_WORKSPACE_STATUS_RESULT_INIT                                             \
    {                                                                                 \
        sizeof(firn_workspace_status_result), NULL, 0, 0, 0, 0, 0, false, 0, false, 0 \
    }
/* Compares a checkpoint (before) with the disk (after), by content. What today's rules exclude is not
 * compared (FIRN_NOTICE_LEFT_ALONE). Modification times of directories are ignored. on_change may be NULL.
 * FIRN_NOT_FOUND, after the changes, if neither side contains a path. */
FIRN_API FIRN_MUST_CHECK int
firn_workspace_status(firn_workspace *workspace, const firn_workspace_status_options *options,
                      int (*on_change)(void *ctx, const firn_workspace_change *change), void *ctx,
                      firn_workspace_status_result *out, firn_error *err);

typedef struct firn_workspace_diff_options {
    size_t size;             /* sizeof(firn_workspace_diff_options) */
    const char *before;      /* a reference; NULL: "latest" */
    const char *after;       /* a reference; NULL: the disk */
    const firn_slice *paths; /* compare only these and what is below them */
    size_t path_count;       /* 0: everything */
    bool with_lines;         /* compare the contents of files line by line */
    unsigned threads;        /* 0: one per processor */
    firn_callbacks callbacks;
    /* Report a removed file and an added file with the same content, if it is not empty, as one change,
     * RENAMED. If more than 131,072 files were added or removed, no renames are found. */
    bool find_renames;
    /* Compare `after`, whose default is then "latest", with the checkpoint before it. If `after` is the
     * first checkpoint, everything in it counts as added. FIRN_INVALID unless `before` is NULL. */
    bool against_previous;
    firn_diff_algorithm algorithm; /* with_lines */
    bool gitignore;                /* if `after` is the disk: as for firn_workspace_status */
    uint64_t file_size_max;
    /* Compare `after`, whose default is then "latest", with an empty tree: everything in it counts as
     * added. FIRN_INVALID unless `before` is NULL. */
    bool against_nothing;
    bool without_times; /* do not report files of which only the modification time differs */
    /* with_lines: so many bytes of contents are read; files that come when there is no room for them are
     * TOO_LARGE. 0: no limit. */
    uint64_t lines_bytes_max;
    /* with_lines: white space is no difference. Lines that are equal but for it are in no hunk, and a
     * last line may lack its end; up to 64 MiB more of memory. */
    bool ignore_space;
} firn_workspace_diff_options;
#define FIRN_WORKSPACE_DIFF_OPTIONS_INIT                                                         \
    {                                                                                            \
        sizeof(firn_workspace_diff_options), NULL, NULL, NULL, 0, false, 0, FIRN_CALLBACKS_INIT, \
            false, false, FIRN_DIFF_MYERS, false, 0, false, false, 0, false                      \
    }

typedef enum firn_workspace_lines_kind {
    FIRN_LINES_NONE = 0,      /* not asked for, or no content of a file differs */
    FIRN_LINES_COUNTED = 1,   /* lines_added and lines_removed are set */
    FIRN_LINES_BINARY = 2,    /* one side has a NUL among its first 8,000 bytes */
    FIRN_LINES_TOO_LARGE = 3, /* one side has more than 32 MiB or 1,048,576 lines */
    FIRN_LINES_UNREADABLE = 4 /* the file changed meanwhile or could not be read; see the notice */
} firn_workspace_lines_kind;
/* The name of a kind ("too_large"), constant; never NULL. Any thread. */
FIRN_API const char *firn_workspace_lines_kind_name(firn_workspace_lines_kind kind);

typedef struct firn_workspace_difference {
    firn_workspace_change change;
    firn_workspace_lines_kind lines;
    /* Whether no shorter difference exists. It may be false for large files with changes everywhere,
     * because the search is limited, and with FIRN_DIFF_PATIENCE. */
    bool lines_are_minimal;
    uint64_t lines_added;
    uint64_t lines_removed;
    /* COUNTED: both contents, and the hunks in which they differ, in ascending order. All other lines
     * are equal. A line ends after '\n'; a last line without it differs from the same line with it. A
     * side that is not a file is empty. */
    const firn_hunk *hunks;
    size_t hunk_count;
    firn_slice content_before;
    firn_slice content_after;
} firn_workspace_difference;

typedef struct firn_workspace_diff_result {
    size_t size;                       /* sizeof(firn_workspace_diff_result) */
    firn_workspace_checkpoint *before; /* NULL: there is none (against_previous) */
    firn_workspace_checkpoint *after;  /* NULL: the disk */
    uint64_t added;                    /* files that only `after` contains */
    uint64_t changed;                  /* more than the modification time differs */
    uint64_t removed;
    uint64_t skipped;     /* entries of the disk that could not be read */
    uint64_t lines_added; /* the sum over all files whose lines were counted */
    uint64_t lines_removed;
    uint64_t renamed;    /* counted neither as added nor as removed */
    uint64_t times_only; /* files of which only the modification time differs */
} firn_workspace_diff_result;
#define FIRN_WORKSPACE_DIFF_RESULT_INIT                                        \
    {                                                                          \
        sizeof(firn_workspace_diff_result), NULL, NULL, 0, 0, 0, 0, 0, 0, 0, 0 \
    }
/* Compares two checkpoints, or a checkpoint and the disk. Reads only directories that differ. Reports
 * differences in byte order of names, a directory before its contents; modification times of
 * directories are ignored. on_difference may be NULL. FIRN_NOT_FOUND, after the differences, if
 * neither side contains a path. with_lines needs up to 192 MiB of memory for files of the largest
 * size. */
FIRN_API FIRN_MUST_CHECK int
firn_workspace_diff(firn_workspace *workspace, const firn_workspace_diff_options *options,
                    int (*on_difference)(void *ctx, const firn_workspace_difference *difference),
                    void *ctx, firn_workspace_diff_result *out, firn_error *err);

typedef struct firn_workspace_log_options {
    size_t size;         /* sizeof(firn_workspace_log_options) */
    const char *after;   /* a reference: begin with this one; NULL: with the newest */
    const char *before;  /* a reference: end before this one; NULL: after the oldest */
    bool include_safety; /* safety checkpoints, too */
    /* Compare only these and what is below them; none: everything. They are read again for each
     * checkpoint: the functions below may change what `paths` points to. Where the store knows that
     * nothing there differs, no trees are read. */
    const firn_slice *paths;
    size_t path_count;
    bool with_lines; /* these three as for firn_workspace_diff */
    bool find_renames;
    firn_diff_algorithm algorithm;
    /* with_lines: so many bytes of contents are read for one checkpoint; files that come when there is no
     * room for them are TOO_LARGE. 0: no limit. */
    uint64_t lines_bytes_max;
    /* Gets each checkpoint before it is compared. *is_compared is true; set to false, the checkpoint is
     * passed over. */
    int (*on_checkpoint)(void *ctx, const firn_workspace_checkpoint *checkpoint, bool *is_compared);
    int (*on_difference)(void *ctx, const firn_workspace_difference *difference);
    firn_callbacks callbacks;
    /* Instead of the workspace's history that of a line: "origin" if the remote has one line, else
     * "origin/ada@laptop:project", by its label or its id. `after` and `before` are references in it
     * ("12", not "origin/12"). FIRN_NOT_FOUND; FIRN_CONFLICT if several lines are meant. */
    const char *remote;
    bool ignore_space; /* as for firn_workspace_diff */
    /* Where the store knows that no entry of these names differs, the checkpoint is passed over. A name is the
     * last component of a path; or '*' and the ending of names, from their last '.' on: "*.c". None: all are
     * compared. */
    const firn_slice *names;
    size_t name_count;
} firn_workspace_log_options;
#define FIRN_WORKSPACE_LOG_OPTIONS_INIT                                               \
    {                                                                                 \
        sizeof(firn_workspace_log_options), NULL, NULL, false, NULL, 0, false, false, \
            FIRN_DIFF_MYERS, 0, NULL, NULL, FIRN_CALLBACKS_INIT, NULL, false, NULL, 0 \
    }
/* Walks through the history of the workspace, newest first, and compares each checkpoint with the one
 * before it that exists today and is no safety checkpoint; the oldest with an empty tree. For each,
 * on_checkpoint is called, then on_difference as by firn_workspace_diff, then on_compared with the sums;
 * all three get ctx. The checkpoints are
 * borrowed until on_compared has returned. Nothing is read ahead, so the first
 * results come at once, and on_compared may end the walk at any time. A path that a checkpoint does not
 * contain is no error; no checkpoints are none either. FIRN_NOT_FOUND, FIRN_INVALID or FIRN_CONFLICT for a
 * reference as from firn_workspace_find. */
FIRN_API FIRN_MUST_CHECK int
firn_workspace_log(firn_workspace *workspace, const firn_workspace_log_options *options,
                   int (*on_compared)(void *ctx, const firn_workspace_diff_result *result),
                   void *ctx, firn_error *err);

/* ---- restoring ---- */

/* How a workspace got from one of its states to the next. */
typedef enum firn_workspace_step_kind {
    FIRN_STEP_SAVE = 1,
    FIRN_STEP_RESTORE = 2,
    FIRN_STEP_REVERT = 3,
    FIRN_STEP_EDITS = 4, /* edits that were not saved */
    /* Steps that change facts about checkpoints, and no file. */
    FIRN_STEP_TAG = 5,
    FIRN_STEP_PIN = 6,
    FIRN_STEP_DELETE = 7, /* of checkpoints, or their return */
    FIRN_STEP_DESCRIBE = 8
} firn_workspace_step_kind;
/* The name of a kind ("edits"), constant; never NULL. Any thread. */
FIRN_API const char *firn_workspace_step_kind_name(firn_workspace_step_kind kind);

/* What a step changed besides files. Values of size 0: none. */
typedef struct firn_workspace_fact {
    firn_slice name;   /* the tag, or the id of the checkpoint */
    firn_slice before; /* the id that a tag named; "pinned"; "deleted"; of DESCRIBE the message */
    firn_slice after;
    uint64_t before_number; /* of the checkpoint that a tag named, or of the one that name names */
    uint64_t after_number;  /* 0: a safety checkpoint, one that is gone, or none */
} firn_workspace_fact;

typedef struct firn_workspace_step {
    firn_workspace_step_kind kind;
    /* Of the state that the step led to. NULL: the edits are only on the disk, or it was deleted. */
    const firn_workspace_checkpoint *checkpoint;
    const firn_workspace_turn *turn; /* of the agent that made the step; NULL: none is known */
    int64_t time_ns;                 /* since 1970; 0: the edits are only on the disk */
    bool is_redo;                    /* it was undone; else it can be undone */
    bool is_joined;                  /* is_redo: a redo brings back the next newer step with it */
    bool is_counted;                 /* the counts are known */
    uint64_t added;                  /* files, by the undo of the step, or by its redo */
    uint64_t changed;
    uint64_t removed;
    /* Of a step from FIRN_STEP_TAG on; the checkpoint is NULL. And of a restore of some paths: the name of
     * each is a path. */
    const firn_workspace_fact *facts;
    size_t fact_count;
} firn_workspace_step;

typedef struct firn_workspace_steps_options {
    size_t size;    /* sizeof(firn_workspace_steps_options) */
    uint64_t limit; /* of the nearest steps, in each direction; default UINT64_MAX: all */
    unsigned threads;
    firn_callbacks callbacks;
    bool gitignore; /* these two as for firn_workspace_restore */
    uint64_t file_size_max;
} firn_workspace_steps_options;
#define FIRN_WORKSPACE_STEPS_OPTIONS_INIT                                                  \
    {                                                                                      \
        sizeof(firn_workspace_steps_options), UINT64_MAX, 0, FIRN_CALLBACKS_INIT, false, 0 \
    }
typedef struct firn_workspace_steps_result {
    size_t size;                           /* sizeof(firn_workspace_steps_result) */
    firn_workspace_checkpoint *checkpoint; /* the present state; NULL: none, or it was deleted */
    bool is_unsaved;                       /* the disk differs from it: the first step to undo */
    uint64_t undo_steps;                   /* in all, without regard to the limit */
    uint64_t redo_steps;
} firn_workspace_steps_result;
#define FIRN_WORKSPACE_STEPS_RESULT_INIT                       \
    {                                                          \
        sizeof(firn_workspace_steps_result), NULL, false, 0, 0 \
    }
/* Lists the steps that firn_workspace_undo and firn_workspace_redo would take, newest first: those that
 * were undone, then those that can be undone. Edits that are only on the disk come first of these, or after
 * restores of some paths at which there are none.
 * on_step may be NULL, if only the result is wanted. Read-only.
 * A workspace that was never saved has none; that is no error. */
FIRN_API FIRN_MUST_CHECK int
firn_workspace_steps(firn_workspace *workspace, const firn_workspace_steps_options *options,
                     int (*on_step)(void *ctx, const firn_workspace_step *step), void *ctx,
                     firn_workspace_steps_result *out, firn_error *err);

/* What a restore writes in place of a file of the checkpoint. */
typedef struct firn_workspace_content {
    firn_slice path;    /* from the root, of a file that the disk and the checkpoint have */
    firn_hash expected; /* of the file on the disk, as a comparison with it has told */
    firn_slice content; /* up to FIRN_WORKSPACE_CONTENT_SIZE_MAX */
} firn_workspace_content;
enum { FIRN_WORKSPACE_CONTENT_SIZE_MAX = 8 << 20 };

typedef struct firn_workspace_restore_options {
    size_t size;             /* sizeof(firn_workspace_restore_options) */
    const firn_slice *paths; /* restore only these and what is below them */
    size_t path_count;       /* 0: everything. In place at most 1,048,576, else FIRN_LIMIT */
    const char *to_dir;      /* restore into this directory instead, which is empty or missing */
    bool dry_run;            /* report what would change; change nothing */
    unsigned threads;        /* 0: one per processor */
    firn_callbacks callbacks;
    /* Gets each change before it is made. */
    int (*on_change)(void *ctx, const firn_workspace_change *change);
    /* Resume or undo an interrupted restore even if it is foreign; see below. (The record of a pending
     * restore is called its journal.) */
    bool trust_journal;
    /* Set these as for saves, so that entries that saves leave out are not touched. Rules in .gitignore
     * files also count if they did for the checkpoint or the newest checkpoint. */
    bool gitignore;
    uint64_t file_size_max;
    /* Undo and redo: gets each step that is taken back (newest first) or brought back (oldest first),
     * before anything is changed. None for an interrupted restore. */
    int (*on_step)(void *ctx, const firn_workspace_step *step);
    bool last_turn; /* firn_workspace_undo: go back to before the last turn of an agent */
    /* With last_turn: to before the save that made the checkpoint of this number, where its turn or its run
     * began, if it has one; 0: before the last turn. */
    uint64_t turn;
    /* firn_workspace_restore of paths, in place, and no dry run: these files, which are among the paths, get
     * this content, such as one of which some hunks were restored; all else of them stays as it is on the
     * disk. FIRN_CONFLICT if a file is not as expected any more, FIRN_LIMIT if a content is too large. */
    const firn_workspace_content *contents;
    size_t content_count;
    /* After the files, restore the git repositories that the checkpoint has. FIRN_NOT_FOUND: it has none.
     * FIRN_BUSY: git is at work. Objects that a repository has now stay. Of its configuration and hooks, which run
     * programs, only what runs nothing comes from the checkpoint, and only if they are missing; notices name the
     * rest. Not with paths or to_dir. An undo or a redo, unless it is that of a turn, first takes the changes of
     * repositories between states of the same files, one at a time. With last_turn, a turn that changed repositories
     * alone is one, too; they become what they were when the turn began. */
    bool git;
    bool git_all;  /* with git: configuration and hooks as well */
    bool git_only; /* with git, firn_workspace_restore: no files */
} firn_workspace_restore_options;
#define FIRN_WORKSPACE_RESTORE_OPTIONS_INIT                                                   \
    {                                                                                         \
        sizeof(firn_workspace_restore_options), NULL, 0, NULL, false, 0, FIRN_CALLBACKS_INIT, \
            NULL, false, false, 0, NULL, false, 0, NULL, 0, false, false, false               \
    }
typedef struct firn_workspace_restore_result {
    size_t size;                             /* sizeof(firn_workspace_restore_result) */
    firn_workspace_checkpoint *checkpoint;   /* the restored one */
    char safety_id[FIRN_CHECKPOINT_ID_SIZE]; /* of the state before; "" if nothing changed */
    uint64_t added;                          /* files; directories are not counted */
    uint64_t changed;
    uint64_t removed;
    uint64_t unchanged;
    /* Entries that were restored, but without an owner, mode or attribute (METADATA); and reserved names
     * (RESERVED), which are not touched. */
    uint64_t incomplete;
    int64_t written_ns;    /* time from the start of the call until everything was in place */
    uint64_t left_alone;   /* entries that differ, not touched: rules exclude them today */
    uint64_t not_restored; /* not touched: permission, in use, not saved; the notice says why */
    bool is_unsaved;       /* undo: it took back edits that had not been saved before */
    uint64_t steps;        /* undo and redo: as many were taken or brought back (on_step) */
    /* Where git's HEAD is, which nothing here changes; checkpoint->git is where it was. */
    firn_workspace_git git;
    /* Git repositories that are not as the checkpoint has them (FIRN_NOTICE_REPOSITORY); and that were restored. */
    uint64_t repositories_differ;
    uint64_t repositories;
} firn_workspace_restore_result;
#define FIRN_WORKSPACE_RESTORE_RESULT_INIT                                                  \
    {                                                                                       \
        sizeof(firn_workspace_restore_result), NULL, {0}, 0, 0, 0, 0, 0, 0, 0, 0, false, 0, \
            {{0}, {0}}, 0, 0                                                                \
    }

/* Makes the workspace, or to_dir, equal to a checkpoint. In place this happens in four steps:
 * 1. Every object that is needed is read and verified; where no file is replaced or removed, as
 *    part of step 3, before any file gets its name.
 * 2. The present state is saved as a safety checkpoint.
 * 3. New files are written beside their targets, synced, and exchanged with them.
 * 4. Files that the checkpoint does not contain are removed.
 *
 * An entry that rules exclude now is not touched, nor is one that cannot be saved first or cannot be
 * changed. Each is reported (FIRN_NOTICE_LEFT_ALONE, FIRN_NOTICE_NOT_RESTORED) and counted; everything
 * else is restored, and the call succeeds.
 *
 * Errors before anything was changed:
 * - FIRN_CORRUPT: an object that is needed is damaged.
 * - FIRN_BUSY: the store, or a firn store inside the tree that would be changed, is being written for
 *   longer than lock_timeout_ms; or such a store was written meanwhile. Try again.
 * - FIRN_READ_ONLY, FIRN_DENIED: the store cannot be written. A dry run returns them too, after it has
 *   reported all changes. Restoring into another directory works even then.
 * FIRN_CONFLICT: an entry was changed by another process. If this is found before files have begun to move,
 * nothing was changed. If it is found afterwards, the unexpected entry is kept, under another name if its
 * own is taken, and reported (FIRN_NOTICE_KEPT); everything else is restored.
 *
 * Interrupted restores. If the process dies, or the restore fails after files have begun to move, the
 * restore is pending. Every file is whole then, either old or new.
 * - firn_workspace_resume finishes it, and firn_workspace_undo takes it back. An undo that was
 *   interrupted is finished by firn_workspace_undo and taken back by firn_workspace_redo. A restore of
 *   everything continues with its own checkpoint.
 * - A save or a restore of some paths finishes it first. A save drops it instead if nothing had moved.
 *
 * Foreign restores. Before anything is changed, the restore is recorded in the user's data directory; if
 * that fails, so does the restore. A pending restore without such a record is foreign: this user did not
 * start it in this root on this machine, and it may have arrived with the store. It is reported
 * (FIRN_NOTICE_FOREIGN) and otherwise ignored. firn_workspace_resume and firn_workspace_undo return
 * FIRN_UNTRUSTED unless trust_journal is set. A restore that changes something replaces it. */
FIRN_API FIRN_MUST_CHECK int firn_workspace_restore(firn_workspace *workspace,
                                                    const char *reference,
                                                    const firn_workspace_restore_options *options,
                                                    firn_workspace_restore_result *out,
                                                    firn_error *err);
/* Goes one state back. The states of a workspace are those that were saved, those that restores and
 * reverts made, and those that they replaced; firn remembers the last 1,000 of them. If the directory
 * differs from the present one of these states, undo brings that state back: it takes back edits that
 * were not saved. Otherwise it goes to the state before, and a further undo to the one before that. If the
 * step to the present state was a restore of some paths, only these are compared and taken back: edits
 * elsewhere stay, and a further undo takes them back. A redo of that step is limited to its paths, too. A state whose checkpoint was deleted is passed over. If a tag, a pin or a
 * deletion of checkpoints (FIRN_STEP_TAG and those that follow) came after the present state, undo takes
 * that back and touches no file; the checkpoint of the result is that of the present state, or NULL if that
 * was deleted. A value that something else has given since stays: it is reported
 * (FIRN_NOTICE_NOT_RESTORED) and counted in not_restored. With paths only these are
 * taken from the state. Like a restore, undo first takes a safety checkpoint of what was not saved.
 *
 * With last_turn, undo goes to the state in which the last turn of a coding agent began
 * (firn_workspace_save_options), and takes back whatever came after that: the turn, later steps, and
 * edits that were not saved; not tags, pins and deletions, which are no steps after that. A turn that never
 * ended counts too. With `turn` it goes to the state in which that turn began: FIRN_NOT_FOUND if its
 * checkpoint is not among the states before the present one. A redo goes back to where this undo was done.
 *
 * FIRN_NOT_FOUND if there is nothing to undo. */
FIRN_API FIRN_MUST_CHECK int firn_workspace_undo(firn_workspace *workspace,
                                                 const firn_workspace_restore_options *options,
                                                 firn_workspace_restore_result *out,
                                                 firn_error *err);

/* Goes forward to where the last undo was done; again, to where the undo before that was done.
 * FIRN_NOT_FOUND if there is nothing to redo, because no undo came
 * before or because something was edited or restored after it; all states remain checkpoints. A save of what the undo
 * left ends nothing. */
FIRN_API FIRN_MUST_CHECK int firn_workspace_redo(firn_workspace *workspace,
                                                 const firn_workspace_restore_options *options,
                                                 firn_workspace_restore_result *out,
                                                 firn_error *err);

/* A restore that is pending, or that is running in another process or through another handle. If neither
 * is_pending nor is_running is set, there is none, and all else is 0. */
typedef struct firn_workspace_pending_restore {
    size_t size;     /* sizeof(firn_workspace_pending_restore) */
    bool is_pending; /* it was interrupted */
    bool is_running; /* it is running at this moment */
    bool is_undo;
    bool is_revert;
    bool has_begun;  /* files have moved; else the tree is unchanged */
    bool is_foreign; /* pending: see firn_workspace_restore */
    uint64_t number; /* of the checkpoint that is restored; 0: safety, or deleted */
    char id[FIRN_CHECKPOINT_ID_SIZE];        /* of the checkpoint; "" while a revert is running */
    char safety_id[FIRN_CHECKPOINT_ID_SIZE]; /* pending: the state that an undo restores */
    /* Running: */
    uint64_t process;    /* id of the restoring process; 0: unknown */
    int64_t started_ns;  /* since 1970 */
    const char *phase;   /* as in firn_progress; constant */
    uint64_t files_done; /* in this phase; 0 in phases that do not count files */
    uint64_t files_total;
    bool is_redo;
} firn_workspace_pending_restore;
#define FIRN_WORKSPACE_PENDING_RESTORE_INIT                                                       \
    {                                                                                             \
        sizeof(firn_workspace_pending_restore), false, false, false, false, false, false, 0, {0}, \
            {0}, 0, 0, NULL, 0, 0, false                                                          \
    }
/* Tells whether a restore is pending or running. Read-only. FIRN_INVALID without out. */
FIRN_API FIRN_MUST_CHECK int firn_workspace_pending(firn_workspace *workspace,
                                                    firn_workspace_pending_restore *out,
                                                    firn_error *err);
/* Finishes a pending restore, with the paths that it was given. Also restores what a finished restore
 * could not restore (not_restored). Later edits are saved in a safety checkpoint (safety_id).
 * FIRN_NOT_FOUND if there is nothing to finish; FIRN_INVALID if paths are given. */
FIRN_API FIRN_MUST_CHECK int firn_workspace_resume(firn_workspace *workspace,
                                                   const firn_workspace_restore_options *options,
                                                   firn_workspace_restore_result *out,
                                                   firn_error *err);

/* ---- reverting one change ---- */

/* Why a path could not be merged. "Later" means: after the checkpoint that is reverted. */
typedef enum firn_workspace_revert_conflict_kind {
    FIRN_REVERT_CONFLICT_LINES = 1, /* the same or adjacent lines changed later */
    FIRN_REVERT_CONFLICT_CONTENT =
        2, /* a link target, or content that is binary or large, changed later */
    FIRN_REVERT_CONFLICT_REMOVED = 3, /* it would be changed back, but was removed later */
    FIRN_REVERT_CONFLICT_CHANGED = 4, /* it would be removed, but was changed later */
    FIRN_REVERT_CONFLICT_ADDED = 5,   /* it would come back, but something else has its name now */
    FIRN_REVERT_CONFLICT_KIND = 6,    /* it is another type (file, directory, link) on one side */
    FIRN_REVERT_CONFLICT_ATTRIBUTES = 7, /* mode, owner or extended attributes changed later, too */
    FIRN_REVERT_CONFLICT_HARD_LINKS = 8  /* hard links of one file would come to differ */
} firn_workspace_revert_conflict_kind;
/* The name of a kind ("hard_links"), constant; never NULL. Any thread. */
FIRN_API const char *
firn_workspace_revert_conflict_kind_name(firn_workspace_revert_conflict_kind kind);

typedef struct firn_workspace_revert_conflict {
    firn_workspace_revert_conflict_kind kind;
    firn_slice path;
    unsigned what;                      /* ATTRIBUTES: which, of firn_workspace_changed */
    const firn_workspace_entry *after;  /* in the checkpoint that is reverted; NULL: none */
    const firn_workspace_entry *now;    /* on the disk; NULL: none */
    const firn_workspace_entry *before; /* in the older checkpoint; NULL: none */
    /* LINES: base is the checkpoint that is reverted, ours the disk, theirs the older checkpoint. */
    const firn_merge_region *regions;
    size_t region_count;
} firn_workspace_revert_conflict;

typedef struct firn_workspace_revert_options {
    size_t size;             /* sizeof(firn_workspace_revert_options) */
    const char *after;       /* a reference: the checkpoint to revert; NULL: "latest" */
    const char *before;      /* a reference to an older one; NULL: the one before `after` */
    const firn_slice *paths; /* revert only these and what is below them */
    size_t path_count;       /* 0: everything */
    bool dry_run;            /* report what would change; change nothing */
    unsigned threads;        /* 0: one per processor */
    firn_callbacks callbacks;
    /* Conflicts are reported before all changes, and each change before it is made. */
    int (*on_conflict)(void *ctx, const firn_workspace_revert_conflict *conflict);
    int (*on_change)(void *ctx, const firn_workspace_change *change);
    bool gitignore; /* as for firn_workspace_restore */
    uint64_t file_size_max;
} firn_workspace_revert_options;
#define FIRN_WORKSPACE_REVERT_OPTIONS_INIT                                                         \
    {                                                                                              \
        sizeof(firn_workspace_revert_options), NULL, NULL, NULL, 0, false, 0, FIRN_CALLBACKS_INIT, \
            NULL, NULL, false, 0                                                                   \
    }
typedef struct firn_workspace_revert_result {
    size_t size;                             /* sizeof(firn_workspace_revert_result) */
    firn_workspace_checkpoint *after;        /* the reverted one */
    firn_workspace_checkpoint *before;       /* the older one */
    char safety_id[FIRN_CHECKPOINT_ID_SIZE]; /* of the state before; "" if nothing changed */
    uint64_t added;                          /* files; directories are not counted */
    uint64_t changed;
    uint64_t removed;
    uint64_t merged;     /* line by line; counted in `changed`, too */
    uint64_t left_alone; /* as in firn_workspace_restore_result, like the last two */
    uint64_t conflicts;  /* also set if FIRN_CONFLICT is returned */
    uint64_t incomplete;
    uint64_t not_restored;
} firn_workspace_revert_result;
#define FIRN_WORKSPACE_REVERT_RESULT_INIT                                             \
    {                                                                                 \
        sizeof(firn_workspace_revert_result), NULL, NULL, {0}, 0, 0, 0, 0, 0, 0, 0, 0 \
    }

/* Reverts what one checkpoint (after) changed compared with the one before it, or with an older one
 * (before), and keeps later changes: merges the disk with `before`, entry by entry.
 * - A path without later changes becomes exactly as it is in `before`.
 * - Files of at most 8 MiB without a NUL among their first 8,000 bytes are merged line by line.
 * - Attributes are merged one by one. Times never conflict: a file that was merged line by line gets the
 *   time of the call.
 * - Entries that the rules of either checkpoint, or today's rules, exclude are not touched.
 * - Reserved names (.git and the like) are not touched. If `before` differs in one, that is reported
 *   (FIRN_NOTICE_RESERVED) and counted as incomplete. FIRN_INVALID if such a path is given.
 *
 * FIRN_CONFLICT if later changes prevent it: each conflict is reported, and nothing is changed, not
 * even in the store. Otherwise the rules of firn_workspace_restore apply here too, and
 * firn_workspace_undo takes the revert back. A pending restore is finished first. FIRN_NOT_FOUND if
 * there is no checkpoint before `after`; FIRN_INVALID if `before` is not older. Needs up to 64 MiB of
 * memory for files of the largest size. */
FIRN_API FIRN_MUST_CHECK int firn_workspace_revert(firn_workspace *workspace,
                                                   const firn_workspace_revert_options *options,
                                                   firn_workspace_revert_result *out,
                                                   firn_error *err);

/* ---- pinning, expiring, deleting ---- */

typedef struct firn_workspace_pin {
    char id[FIRN_CHECKPOINT_ID_SIZE]; /* of the checkpoint */
    uint64_t number;                  /* of the checkpoint; 0 for a safety checkpoint */
    int64_t created_ns;               /* when it was pinned */
} firn_workspace_pin;

/* Pins or unpins `count` checkpoints: all of them or, after an error, none. A pinned checkpoint
 * neither expires nor can be deleted. One that is pinned, or unpinned, already stays as it is.
 * on_checkpoint (may be NULL) gets each afterwards: if it ends the call, all of them are pinned or
 * unpinned nevertheless. */
FIRN_API FIRN_MUST_CHECK int
firn_workspace_pin_set(firn_workspace *workspace, const char *const *references, size_t count,
                       bool is_pinned,
                       int (*on_checkpoint)(void *ctx, const firn_workspace_checkpoint *checkpoint),
                       void *ctx, firn_error *err);
/* Lists the pins, newest checkpoint first. */
FIRN_API FIRN_MUST_CHECK int firn_workspace_pin_list(firn_workspace *workspace,
                                                     int (*on_pin)(void *ctx,
                                                                   const firn_workspace_pin *pin),
                                                     void *ctx, firn_error *err);

typedef struct firn_workspace_expire_options {
    size_t size;      /* sizeof(firn_workspace_expire_options) */
    const char *keep; /* a policy; NULL: only safety checkpoints may expire */
    bool dry_run;     /* report what would expire; change nothing */
} firn_workspace_expire_options;
#define FIRN_WORKSPACE_EXPIRE_OPTIONS_INIT                 \
    {                                                      \
        sizeof(firn_workspace_expire_options), NULL, false \
    }
/* Deletes the checkpoints of the workspace that a policy does not keep. The library never does this
 * without a policy. A policy is "forever", or rules separated by blanks, like
 * "all:1d hourly:7d daily:90d":
 *   last:N        the newest N
 *   all:SPAN      everything that is not older than SPAN
 *   hourly:SPAN   the newest of each hour that is not older than SPAN; likewise daily, weekly, monthly,
 *                 yearly (UTC)
 * A span is a number of hours, days, weeks or years (12h, 7d, 4w, 1y), or forever; a year is 365 days. A
 * checkpoint stays if any rule keeps it.
 *
 * A pause is a time between one checkpoint and the next that is longer than a week, and longer than two
 * of the longest periods (week, month, year) that the policy names. The age of a checkpoint is the time
 * from it to the newest one, minus pauses. So neither an absence nor a clock that jumps ahead makes
 * checkpoints expire.
 *
 * Some checkpoints stay under every policy: the newest; those younger than a day; those that are
 * pinned or tagged; and those that a pending restore or an undo needs. Safety checkpoints expire when
 * they are older than 7 days and not among the last 10.
 *
 * FIRN_INVALID if keep is not a policy. on_checkpoint is used as by firn_workspace_delete. */
FIRN_API FIRN_MUST_CHECK int
firn_workspace_expire(firn_workspace *workspace, const firn_workspace_expire_options *options,
                      int (*on_checkpoint)(void *ctx, const firn_workspace_checkpoint *checkpoint),
                      void *ctx, firn_error *err);

typedef struct firn_workspace_delete_options {
    size_t size;  /* sizeof(firn_workspace_delete_options) */
    bool dry_run; /* report what would be deleted; change nothing */
    bool now;     /* they cannot be brought back */
} firn_workspace_delete_options;
#define FIRN_WORKSPACE_DELETE_OPTIONS_INIT                  \
    {                                                       \
        sizeof(firn_workspace_delete_options), false, false \
    }
/* Deletes `count` checkpoints: all of them or, after an error, none. A reference may occur twice. For 7 days
 * firn_workspace_undelete can bring them back, unless this or firn_workspace_gc is called with `now`; later a save or a
 * collection ends that, and firn_workspace_gc reclaims their space. Their numbers are never reused. on_checkpoint (may be NULL) gets
 * each afterwards: if it ends the call, all of them are deleted nevertheless. FIRN_NOT_FOUND,
 * FIRN_INVALID or FIRN_CONFLICT as from firn_workspace_find; FIRN_CONFLICT also for a checkpoint that is
 * pinned, or that a pending restore needs. */
FIRN_API FIRN_MUST_CHECK int
firn_workspace_delete(firn_workspace *workspace, const char *const *references, size_t count,
                      const firn_workspace_delete_options *options,
                      int (*on_checkpoint)(void *ctx, const firn_workspace_checkpoint *checkpoint),
                      void *ctx, firn_error *err);

/* Brings back checkpoints that were deleted, with their tags, unless a name of a tag is in use again: all
 * of them or, after an error, none. A reference is a number or the beginning of an id, of at least 4
 * letters. Without references (count is 0) those come back that the last firn_workspace_delete deleted.
 * on_checkpoint (may be NULL) gets each afterwards. FIRN_NOT_FOUND if there is none; FIRN_INVALID if a
 * reference names several. */
FIRN_API FIRN_MUST_CHECK int firn_workspace_undelete(
    firn_workspace *workspace, const char *const *references, size_t count,
    int (*on_checkpoint)(void *ctx, const firn_workspace_checkpoint *checkpoint), void *ctx,
    firn_error *err);

typedef struct firn_workspace_forget_options {
    size_t size; /* sizeof(firn_workspace_forget_options) */
    const firn_slice *paths;
    size_t path_count; /* at least 1 */
    bool dry_run;      /* report what would be removed; change nothing */
    firn_callbacks callbacks;
} firn_workspace_forget_options;
#define FIRN_WORKSPACE_FORGET_OPTIONS_INIT                                         \
    {                                                                              \
        sizeof(firn_workspace_forget_options), NULL, 0, false, FIRN_CALLBACKS_INIT \
    }
/* A checkpoint from which something was removed. */
typedef struct firn_workspace_forgotten {
    const firn_workspace_checkpoint *checkpoint; /* as it is now */
    uint64_t files;                              /* removed from it */
    uint64_t directories;
    uint64_t bytes;
} firn_workspace_forgotten;
typedef struct firn_workspace_forget_result {
    size_t size;           /* sizeof(firn_workspace_forget_result) */
    uint64_t checkpoints;  /* from which something was removed, safety checkpoints included */
    uint64_t repositories; /* checkpoints whose git repositories were dropped, likewise */
} firn_workspace_forget_result;
#define FIRN_WORKSPACE_FORGET_RESULT_INIT          \
    {                                              \
        sizeof(firn_workspace_forget_result), 0, 0 \
    }
/* Removes paths, and everything below them, from all checkpoints of the workspace permanently: from all
 * or, after an error, from none. Deleted checkpoints cannot be brought back afterwards. Numbers, ids, times, messages, tags and pins stay; root hashes change.
 * The next firn_workspace_gc removes the contents from the store, unless another path or another
 * workspace of the store has the same contents. The names of the paths stay in the checkpoints' records,
 * and old versions of the directories that contained them may stay in packs until a full collection.
 *
 * git's objects may hold what is forgotten, in any checkpoint. So all checkpoints of the workspace lose
 * their git repositories, also those that did not have the paths. The next save saves the present ones
 * again.
 *
 * The directory on disk is not touched: the next save saves the paths again, unless a rule excludes
 * them. A restore of such a checkpoint leaves the paths alone. Other hard links of the same files
 * stay.
 *
 * on_forgotten (may be NULL) gets each checkpoint afterwards, newest first: if it ends the call, the
 * paths are removed nevertheless. FIRN_INVALID without options. FIRN_NOT_FOUND if no checkpoint
 * contains a path. FIRN_CONFLICT while a restore is pending. FIRN_LIMIT if a path has more than about
 * 4,000 bytes, or if a checkpoint has forgotten 256 paths already. */
FIRN_API FIRN_MUST_CHECK int
firn_workspace_forget(firn_workspace *workspace, const firn_workspace_forget_options *options,
                      int (*on_forgotten)(void *ctx, const firn_workspace_forgotten *forgotten),
                      void *ctx, firn_workspace_forget_result *out, firn_error *err);

/* ---- reclaiming space ---- */

typedef struct firn_workspace_gc_options {
    size_t size;  /* sizeof(firn_workspace_gc_options) */
    bool dry_run; /* report what would be reclaimed; change nothing */
    bool full;    /* rewrite every pack that contains anything unreferenced */
    firn_callbacks callbacks;
    int recompress_level; /* rewrite every pack that was compressed at a lower level of zstd; 0: none */
    const char *keep;     /* a policy for all workspaces of the store (firn_workspace_expire) */
    bool automatic;       /* only if it is worth its time, and step by step; see below */
    bool now;             /* deleted checkpoints cannot be brought back any more, and go as well */
    bool
        rekey; /* write the rest of the store anew as well, as firn_keys_rekey does; not automatic */
    bool without_key; /* only what interrupted writes left in an encrypted store; see below */
} firn_workspace_gc_options;
#define FIRN_WORKSPACE_GC_OPTIONS_INIT                                                        \
    {                                                                                         \
        sizeof(firn_workspace_gc_options), false, false, FIRN_CALLBACKS_INIT, 0, NULL, false, \
            false, false, false                                                               \
    }
enum { FIRN_GC_LEVEL_DEFAULT = 9, FIRN_GC_LEVEL_MIN = 2, FIRN_GC_LEVEL_MAX = 19 };
typedef struct firn_workspace_gc_result {
    size_t size;             /* sizeof(firn_workspace_gc_result) */
    uint64_t safety_expired; /* safety checkpoints that were deleted first */
    uint64_t expired;        /* checkpoints that `keep` does not keep */
    uint64_t objects_live;   /* needed by some checkpoint of some workspace of the store */
    uint64_t objects_dead;   /* the others, at the start */
    uint64_t packs_before;
    uint64_t packs_after;
    uint64_t packs_removed;   /* without any live object */
    uint64_t packs_rewritten; /* their live objects moved to another pack */
    uint64_t bytes_before;    /* of all packs */
    uint64_t bytes_after;     /* of all packs, waiting ones included; a dry run estimates it */
    uint64_t
        packs_waiting; /* still in use by other processes; removed by the next call that writes */
    uint64_t bytes_waiting;
    uint64_t damaged;    /* packs that had to stay because they are damaged; see the notices */
    bool is_due;         /* automatic: it was worth its time; otherwise all else is 0 */
    bool is_finished;    /* false if an automatic collection was cut short by other writers */
    uint64_t slices;     /* automatic: steps that were taken */
    uint64_t bytes_dead; /* estimate: dead objects in packs with too few of them to be rewritten */
    uint64_t rekeyed;    /* with rekey: files that were written anew, packs included */
    uint64_t
        rekey_left; /* and those that are left, for another call: readers use them, or they are damaged */
    uint64_t leftovers; /* without_key: files that were removed, or, in a dry run, would be */
    uint64_t leftover_bytes;
} firn_workspace_gc_result;
#define FIRN_WORKSPACE_GC_RESULT_INIT                                                             \
    {                                                                                             \
        sizeof(firn_workspace_gc_result), 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, false, false, 0, \
            0, 0, 0, 0, 0                                                                         \
    }
/* Deletes unreferenced data: objects that no checkpoint of any workspace of the store needs, and none that
 * was deleted in the last 7 days, unless `now` is set. Checkpoints that expire, safety checkpoints included, are deleted first. A pack without live objects
 * is removed. A pack is rewritten if a fiftieth of it is dead (with `automatic` an eighth, with `full`
 * anything). Without `automatic`, a pack of less than 16 MiB is also rewritten if anything in it is
 * dead, or to join several such packs.
 *
 * If it is cancelled or interrupted, nothing is lost, and another call continues the work. Readers in other
 * processes are not disturbed. FIRN_CORRUPT, with nothing removed, if a checkpoint is so damaged that
 * what it needs cannot be determined.
 *
 * recompress_level (FIRN_GC_LEVEL_MIN to FIRN_GC_LEVEL_MAX, else FIRN_INVALID) compresses again, once,
 * what saves compressed quickly; packs remember their level. This takes processor time, and about 1 GiB
 * of free space at most. FIRN_GC_LEVEL_DEFAULT is a good choice.
 *
 * `rekey` rewrites each pack and every other file of the store that is not encrypted with its newest master
 * key, or, while a store is becoming encrypted or clear, is not as it is to be (encryption.h). Then, if
 * rekey_left is 0, older master keys are dropped, or the change has ended. FIRN_INVALID for a store in clear.
 *
 * `automatic` is for a background process. Such a call does nothing unless, judging by the deleted
 * checkpoints, a quarter of the packs' bytes and at least 16 MiB may be unreferenced. It also
 * does nothing if an automatic collection started within the last hour and has not finished. It
 * determines what is needed without locking the store, and then locks it for one step at a time, with
 * a pause of 0.2 s between two. A step is at most 16 MiB of packs to be written again, 64 MiB before
 * compression, and 16,384 objects (but at least one frame), so other writers wait only briefly. If
 * others write meanwhile, it starts over, up to four times in a row without completing a step. It
 * ignores `keep`, and leaves what firn_workspace_forget removed to an ordinary collection. FIRN_INVALID
 * with `full`, `now`, `rekey` or recompress_level. A dry run tells whether a collection is due. FIRN_BUSY if another
 * writer has held the store for a minute.
 *
 * `without_key` is for an encrypted store, and nobody is asked for its key. Which packs are needed is encrypted, so
 * none is looked into. Removed are the files whose names and locks alone tell that nothing can need them: temporary
 * files of writers that are gone, and copies of packs that interrupted pushes and pulls have left. All results but
 * `leftovers`, `leftover_bytes` and `is_finished` are 0. FIRN_INVALID for a store in clear, and with `full`, `now`,
 * `rekey` or recompress_level; `keep` and `automatic` are ignored. FIRN_DENIED for one that is becoming encrypted or clear. FIRN_BUSY if it is written to or being repaired.
 * FIRN_CORRUPT, with nothing removed, if FIRN or FIRN.keys is damaged; firn_store_check_locked looks for more. */
FIRN_API FIRN_MUST_CHECK int firn_workspace_gc(firn_workspace *workspace,
                                               const firn_workspace_gc_options *options,
                                               firn_workspace_gc_result *out, firn_error *err);

/* ---- checking and repairing ---- */

typedef struct firn_workspace_check_options {
    size_t size;    /* sizeof(firn_workspace_check_options) */
    bool read_data; /* read and verify every byte of every object, not only that it exists */
    firn_callbacks callbacks;
} firn_workspace_check_options;
#define FIRN_WORKSPACE_CHECK_OPTIONS_INIT                                \
    {                                                                    \
        sizeof(firn_workspace_check_options), false, FIRN_CALLBACKS_INIT \
    }
typedef struct firn_workspace_check_result {
    size_t size;          /* sizeof(firn_workspace_check_result) */
    uint64_t checkpoints; /* safety checkpoints included */
    uint64_t packs;
    uint64_t objects;
    uint64_t bytes_read;
    uint64_t
        damaged; /* damaged parts; a notice for each names the checkpoints and paths that are affected */
    uint64_t newer;  /* parts that a newer firn wrote; a notice (NEWER) for each */
    uint64_t safety; /* of `checkpoints`: safety checkpoints */
} firn_workspace_check_result;
#define FIRN_WORKSPACE_CHECK_RESULT_INIT                         \
    {                                                            \
        sizeof(firn_workspace_check_result), 0, 0, 0, 0, 0, 0, 0 \
    }
/* Checks the store of the workspace. The result is filled if the call fails, too; it is all 0 if the
 * store could not be opened. FIRN_NEWER if a newer firn wrote any part: leave the store to that version,
 * even if parts are damaged. FIRN_CORRUPT if anything is damaged. FIRN_NOT_FOUND if there is no store. */
FIRN_API FIRN_MUST_CHECK int firn_workspace_check(firn_workspace *workspace,
                                                  const firn_workspace_check_options *options,
                                                  firn_workspace_check_result *out,
                                                  firn_error *err);

typedef enum firn_workspace_repair_state {
    FIRN_REPAIR_STATE_INTACT = 0, /* nothing of it is lost */
    FIRN_REPAIR_STATE_PARTLY = 1, /* some paths are lost; the rest of it stays */
    FIRN_REPAIR_STATE_LOST = 2    /* all of it is lost; it is removed from the catalog */
} firn_workspace_repair_state;
/* The name of a state ("intact"), constant; never NULL. Any thread. */
FIRN_API const char *firn_workspace_repair_state_name(firn_workspace_repair_state state);

typedef enum firn_workspace_repair_data {
    FIRN_REPAIR_DATA_KEPT = 0,      /* the store's key-value data is unchanged */
    FIRN_REPAIR_DATA_SHORTENED = 1, /* its last commits, or unreadable files of it, are lost */
    FIRN_REPAIR_DATA_LOST = 2       /* all of it is lost */
} firn_workspace_repair_data;
/* The name of a state ("shortened"), constant; never NULL. Any thread. */
FIRN_API const char *firn_workspace_repair_data_name(firn_workspace_repair_data data);

typedef struct firn_workspace_repair_checkpoint {
    const char *root;                            /* of its workspace, when it was saved */
    const firn_workspace_checkpoint *checkpoint; /* as it is in the repaired store */
    firn_workspace_repair_state state;
    uint64_t lost_paths; /* PARTLY; each was reported by a notice before */
    bool was_found;      /* the catalog had lost it; it was found in packs or in the log */
} firn_workspace_repair_checkpoint;

typedef struct firn_workspace_repair_options {
    size_t size;  /* sizeof(firn_workspace_repair_options) */
    bool dry_run; /* determine everything, but leave the store unchanged */
    void (*on_checkpoint)(void *ctx, const firn_workspace_repair_checkpoint *checkpoint);
    firn_callbacks callbacks;
} firn_workspace_repair_options;
#define FIRN_WORKSPACE_REPAIR_OPTIONS_INIT                                      \
    {                                                                           \
        sizeof(firn_workspace_repair_options), false, NULL, FIRN_CALLBACKS_INIT \
    }
typedef struct firn_workspace_repair_result {
    size_t size;        /* sizeof(firn_workspace_repair_result) */
    char *damaged_path; /* where the damaged store is kept; NULL if nothing was changed */
    bool was_intact;    /* nothing was damaged or changed; all else is 0 */
    firn_workspace_repair_data data;
    uint64_t intact; /* checkpoints, safety checkpoints included */
    uint64_t partly;
    uint64_t lost;
    uint64_t found; /* of the intact and the partly lost ones: the catalog had lost them */
    uint64_t lost_paths;
    uint64_t packs;            /* without damage */
    uint64_t packs_damaged;    /* what could be read of them is in a new pack */
    uint64_t objects_salvaged; /* from damaged packs */
} firn_workspace_repair_result;
#define FIRN_WORKSPACE_REPAIR_RESULT_INIT                                                        \
    {                                                                                            \
        sizeof(firn_workspace_repair_result), NULL, false, FIRN_REPAIR_DATA_KEPT, 0, 0, 0, 0, 0, \
            0, 0, 0                                                                              \
    }
/* Builds a sound store, with all its workspaces, out of a damaged one. Losing something is no error: the
 * result reports it, and on_checkpoint gets each checkpoint, newest first.
 *
 * The damaged store is only read until a complete new one is beside it and has been verified to the
 * last byte. Then the two are exchanged in one step (FIRN_UNSUPPORTED if the file system cannot do
 * that), and the damaged store is kept in a directory inside the new one. If the call is cancelled,
 * fails or is interrupted before the exchange, the store is unchanged; after it, the next call
 * finishes the work. Undamaged files are shared by hard links; what is salvaged from damaged packs
 * needs free space.
 *
 * Numbers and ids of checkpoints stay. A checkpoint that lost paths stays without them, and its
 * message says so. If the catalog was lost, deleted checkpoints may reappear. FIRN_NOT_FOUND if there
 * is not a store; FIRN_NEWER if a newer firn wrote it. */
FIRN_API FIRN_MUST_CHECK int firn_workspace_repair(firn_workspace *workspace,
                                                   const firn_workspace_repair_options *options,
                                                   firn_workspace_repair_result *out,
                                                   firn_error *err);

#ifdef __cplusplus
}
#endif
#endif
