/* SPDX-License-Identifier: Apache-2.0
 *
 * firn/workspace.h: the states of a directory tree, saved into a store as checkpoints and brought
 * back exactly.
 *
 * Caveats first.
 * - A handle names a workspace and its store; it holds no lock and no open file between calls. Each
 *   call takes the store's lock for as long as it needs it (writing calls only) and waits up to
 *   lock_timeout_ms for it.
 * - Calls that only look (list, find, entries, status, a dry run) create and change nothing, access
 *   times included where the system allows it.
 * - Names are bytes. Paths are relative to the workspace's root, components separated by '/'; they
 *   are given as slices because they may hold anything but NUL.
 * - Nothing outside the workspace's root is ever written; symbolic links are saved as links and
 *   never followed.
 * - A handle is for one thread at a time; a call uses several threads of its own. Callbacks may
 *   come from any of them, one at a time.
 *
 * What is left out of a save: what rules exclude, in files called .firnignore in any directory,
 * .chkptignore in the root and, where asked for, .gitignore in any directory; all of them in the
 * language of gitignore(5). A rule of an earlier kind outranks those of the later ones. Then,
 * unless include_deps is set or a rule says otherwise (!): node_modules .venv __pypackages__ .tox .nox,
 * `venv` holding a pyvenv.cfg, `target` beside a Cargo.toml or holding a CACHEDIR.TAG, .m2/repository,
 * .m2/wrapper, and .gradle (where it holds settings only its caches; docs/formats/rules.md). Always left
 * out: .git .hg .svn .jj .bzr .firn, in any case and however a file system may write these names, and
 * the store itself; and files larger than file_size_max, if that is set. Fifos, sockets and devices
 * are skipped and reported. What cannot be read, or is written to in place at every try, goes on as
 * the last checkpoint has it; what that does not have is left out. Both are reported.
 * Whatever the rules of a checkpoint exclude, or those of today, is not touched by a restore of it.
 */
#ifndef FIRN_WORKSPACE_H
#define FIRN_WORKSPACE_H

#include <stdbool.h>

#include "notice.h"
#include "types.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct firn_ws firn_workspace;

typedef struct firn_workspace_options {
    size_t size; /* sizeof(firn_workspace_options) */
    const char
        *store_path; /* NULL: $XDG_DATA_HOME/firn/<name>-<16 hex digits of BLAKE3(real path)> */
    int64_t lock_timeout_ms; /* to wait for another writer; default 60 s, negative: for ever */
    bool is_root;            /* the path is the root itself, also inside of another workspace */
} firn_workspace_options;
#define FIRN_WORKSPACE_OPTIONS_INIT                        \
    {                                                      \
        sizeof(firn_workspace_options), NULL, 60000, false \
    }

/* Names the workspace that `path`, a directory, belongs to: unless is_root is set, the nearest
 * directory from the path upward that holds a store of this user's called ".firn", or that has one
 * in the usual place, or that the store in store_path knows. If there is none, the path itself is
 * the root of a workspace that was never saved. Creates nothing. FIRN_UNTRUSTED if the store was
 * found inside of a directory and this user has not made it there ("stores in trees", below); naming
 * it in store_path uses it for this handle. FIRN_NOT_FOUND or FIRN_INVALID if
 * there is no such directory; FIRN_INVALID if the store would lie where the workspace's root
 * itself is. */
FIRN_API FIRN_MUST_CHECK int firn_workspace_open(const char *path,
                                                 const firn_workspace_options *options,
                                                 firn_workspace **out, firn_error *err);
/* NULL is fine. */
FIRN_API void firn_workspace_close(firn_workspace *workspace);
/* Borrowed from the handle. */
FIRN_API const char *firn_workspace_root(const firn_workspace *workspace); /* real path */
FIRN_API const char *firn_workspace_store_path(const firn_workspace *workspace);
/* The part of the path that was opened below the root; "" for the root itself. Operations act on
 * the whole workspace all the same: their paths begin at the root, and none, or an empty one, means
 * everything. */
FIRN_API const char *firn_workspace_subpath(const firn_workspace *workspace);
/* Where this same directory (recognised by its inode and time of birth) was when it was saved, if
 * it has been moved since; else NULL. Until firn_workspace_adopt goes on with its history or
 * firn_workspace_init begins a new one, all other calls fail with FIRN_CONFLICT. */
FIRN_API const char *firn_workspace_moved_from(const firn_workspace *workspace);
/* A store in the usual place that could not be read, where none was found for this directory: it may
 * hold its history, and a save begins a new one. Else NULL. As of when the handle was opened. */
FIRN_API const char *firn_workspace_unread_store(const firn_workspace *workspace);
/* Why all of the workspace is more than people mean when they save a directory: its root is "/", the
 * root of a file system, the user's home, or a directory above the folder of stores; else NULL. A
 * program asks before the first save of such a directory. Constant text, "your home directory"; any
 * thread. */
FIRN_API const char *firn_workspace_too_broad(const firn_workspace *workspace);
/* Goes on with the history of the directory that was saved as old_root (NULL: as
 * firn_workspace_moved_from tells) in this one; a store in the usual place moves along.
 * FIRN_NOT_FOUND if no store knows it; FIRN_EXISTS if this directory has checkpoints of its own, or
 * else a store of its own that holds anything. */
FIRN_API FIRN_MUST_CHECK int firn_workspace_adopt(firn_workspace *workspace, const char *old_root,
                                                  firn_error *err);
/* Creates the store and records the workspace in it, if that has not been done. */
FIRN_API FIRN_MUST_CHECK int firn_workspace_init(firn_workspace *workspace, bool *out_created,
                                                 firn_error *err);

typedef struct firn_workspace_info {
    const char *root; /* real path; "" where the store cannot be read */
    const char *store_path;
    uint64_t checkpoints; /* without those that restores took */
    int64_t newest_ns;    /* when the newest of them was made; 0: there is none */
    bool is_there;        /* there is a directory at the root */
    const char *damage;   /* why the store cannot be read, or NULL */
} firn_workspace_info;

/* The workspaces of one store (FIRN_NOT_FOUND if there is none), or, for NULL, of all stores in the
 * usual place; by root. What info points at is borrowed until the visit returns; another return
 * than FIRN_OK ends the listing and is returned. Any thread. */
FIRN_API FIRN_MUST_CHECK int firn_workspaces_list(const char *store_path,
                                                  int (*visit)(void *ctx,
                                                               const firn_workspace_info *info),
                                                  void *ctx, firn_error *err);
/* Gives up the history of a workspace: its checkpoints and tags are gone when this returns FIRN_OK.
 * The directory itself, which need not be there, is not touched. A store in the usual place that
 * holds no other workspace is removed. FIRN_NOT_FOUND if no store knows the root. Any thread. */
FIRN_API FIRN_MUST_CHECK int
firn_workspaces_remove(const char *root, const firn_workspace_options *options, firn_error *err);

/* ---- stores in trees ---- */

/* A store that lies in a tree (".firn" in its root) may have come with the tree, with a restore that
 * it says was interrupted, and with settings. One that is found there by firn_workspace_open is
 * therefore used only if this user made it there (firn_workspace_init, or a save, with its path in
 * store_path), or has trusted it. That is kept in the user's data directory, by the directory's inode
 * and time of birth: a workspace that is moved within its file system stays trusted, a copy is not.
 * Others than its owner must not be able to write to its directory. */
typedef struct firn_trust_info {
    const char *root; /* real path of the directory that it lies in */
    const char *store_path;
    const char *store_id; /* 32 hexadecimal digits; "" where it cannot be read */
    uint32_t owner;       /* of the store's directory */
    bool is_trusted;
    bool is_there; /* a store lies there now */
    /* Of firn_trust_list, where what was noted of a store cannot be read or is malformed: the file, and
     * one line that says why. Nothing else is known then: texts are empty. Else NULL. */
    const char *unread_path;
    const char *unread_text;
} firn_trust_info;
/* Tells of the store that lies in the nearest directory from the path upward. FIRN_NOT_FOUND. What
 * info points at is borrowed until visit returns; another return of it than FIRN_OK is returned. Any
 * thread, like the functions below. */
FIRN_API FIRN_MUST_CHECK int firn_trust_find(const char *path,
                                             int (*visit)(void *ctx, const firn_trust_info *info),
                                             void *ctx, firn_error *err);
/* Trusts that store from now on. FIRN_DENIED if others may write to it, or if the data directory is
 * not private. */
FIRN_API FIRN_MUST_CHECK int firn_trust_add(const char *path, firn_error *err);
/* Trusts it no longer; also the path of a root that is gone, as firn_trust_list tells it.
 * FIRN_NOT_FOUND if there is nothing to take back. */
FIRN_API FIRN_MUST_CHECK int firn_trust_remove(const char *path, firn_error *err);
/* All that were trusted or made, in no particular order. What cannot be read does not end it: visit is
 * told of that as well (unread_path). */
FIRN_API FIRN_MUST_CHECK int firn_trust_list(int (*visit)(void *ctx, const firn_trust_info *info),
                                             void *ctx, firn_error *err);

/* ---- settings ---- */

typedef enum firn_config_source {
    FIRN_SETTING_DEFAULT = 0,
    FIRN_SETTING_USER = 1, /* $XDG_CONFIG_HOME/firn/config, or ~/.config/firn/config */
    FIRN_SETTING_STORE = 2 /* "config" in the store's directory; counts before the user's */
} firn_config_source;
/* Constant, never NULL: "user". Any thread. */
FIRN_API const char *firn_config_source_name(firn_config_source source);

typedef struct firn_config_setting {
    const char *key;
    const char *value;
    firn_config_source source;
} firn_config_setting;

/* What programs do where nobody says so: each key once, with what counts. The keys are
 * keep (a policy, firn_workspace_expire), save.gitignore, save.include-deps, save.strict ("true" or
 * "false"), save.max-file-size, save.warn-size (firn_config_size) and wait (seconds). firn's own
 * program follows them; no function of the library does. workspace NULL: only the user's.
 * FIRN_INVALID names the file and line that cannot be read. Another return of visit than FIRN_OK
 * ends the listing and is returned. */
FIRN_API FIRN_MUST_CHECK int firn_config_list(firn_workspace *workspace,
                                              int (*visit)(void *ctx,
                                                           const firn_config_setting *setting),
                                              void *ctx, firn_error *err);
/* Reads a size as settings have it: a whole number of bytes, or of K, M, G, T (times 1024: also KiB …) or
 * of KB, MB, GB, TB (times 1000); "none" is 0. FIRN_INVALID; *out is not touched then. Any thread. */
FIRN_API FIRN_MUST_CHECK int firn_config_size(const char *text, uint64_t *out, firn_error *err);
/* Sets a key in the store's file (workspace NULL: the user's), or, for value NULL, takes it out.
 * FIRN_NOT_FOUND if there is no store yet. Lines that cannot be read become comments; if no policy is
 * left among them, keep becomes "forever". */
FIRN_API FIRN_MUST_CHECK int firn_config_set(firn_workspace *workspace, const char *key,
                                             const char *value, firn_error *err);

/* firn_config_list for whom a setting must not stop: a file that cannot be read counts as if it said
 * nothing, and on_notice (may be NULL) is told of it (FIRN_NOTICE_SETTINGS). As nobody knows what it
 * says, keep is then "forever" and gc.auto "false", unless a store's file that can be read sets
 * them. */
FIRN_API FIRN_MUST_CHECK int firn_config_list_readable(
    firn_workspace *workspace, int (*visit)(void *ctx, const firn_config_setting *setting),
    void (*on_notice)(void *ctx, const firn_notice *notice), void *ctx, firn_error *err);

/* ---- checkpoints ---- */

/* A turn of a coding agent: a prompt, and what the agent made of it. */
typedef struct firn_workspace_turn {
    firn_slice
        agent; /* as people call it, 1 to 256 bytes: "Claude Code"; empty: there is no turn */
    firn_slice session; /* the agent's name for the conversation, up to 256 bytes; may be empty */
    firn_slice prompt;  /* the first 16 KiB of it, cut between characters of UTF-8; may be empty */
    uint64_t number;    /* of the turn in its session, from 1; 0 if its beginning was not seen */
} firn_workspace_turn;

typedef struct firn_workspace_checkpoint {
    uint64_t number;                  /* from 1, never reused; 0 for a safety checkpoint */
    char id[FIRN_CHECKPOINT_ID_SIZE]; /* 32 letters k–z; any unique prefix ≥ 4 names it */
    bool is_safety; /* taken by a restore, of what it was about to change, or made by a revert */
    bool include_deps;
    int64_t created_ns;       /* since the epoch, UTC */
    firn_slice message;       /* borrowed for as long as the structure's source says */
    firn_hash root;           /* of the tree; equal trees have equal hashes */
    uint64_t files;           /* everything that is not a directory */
    uint64_t directories;     /* below the root */
    uint64_t bytes;           /* of file contents */
    uint64_t new_objects;     /* file contents that the store did not have */
    uint64_t added_bytes;     /* by which the store's packs grew */
    uint64_t excluded;        /* entries left out by rules (a directory counts once) */
    uint64_t skipped;         /* entries that could not be saved, each reported then */
    uint64_t forgotten;       /* paths that firn_workspace_forget has taken out */
    firn_workspace_turn turn; /* after which it was made; borrowed as the message is */
} firn_workspace_checkpoint;

typedef struct firn_workspace_save_options {
    size_t size; /* sizeof(firn_workspace_save_options) */
    firn_slice message;
    bool include_deps;
    bool
        strict; /* fail, and save nothing, if anything cannot be read or is a fifo, socket or device */
    unsigned threads; /* 0: one for each processor */
    firn_callbacks callbacks;
    bool full;       /* read every file, also what looks as it did when it was last saved */
    bool if_changed; /* make no checkpoint if the tree is that of the one before */
    bool gitignore;  /* .gitignore files count as well; those of firn come first */
    const char
        *keep; /* what the save keeps of older checkpoints (firn_workspace_expire); NULL: all */
    uint64_t file_size_max; /* larger files are left out as if by a rule; 0: none */
    /* The turn that begins, or has ended; NULL: none. Its number is not read.
     * One that begins is noted in the store until the next one of its agent and session begins,
     * whether or not a checkpoint is made. One that has ended becomes the checkpoint's; a prompt that
     * is empty is then that of its beginning. Either way the message gets ": " and the first line of
     * the prompt, up to 100 bytes, at its end. A prompt that is too long is cut. */
    const firn_workspace_turn *turn;
    bool turn_begins;
    /* on_notice shows people what it is told. What is left out is noted in the store then, and told as
     * known (firn_notice.is_known) by the next such save. */
    bool marks_told;
} firn_workspace_save_options;
#define FIRN_WORKSPACE_SAVE_OPTIONS_INIT                                                     \
    {                                                                                        \
        sizeof(firn_workspace_save_options), {NULL, 0}, false, false, 0, {NULL, NULL, NULL}, \
            false, false, false, NULL, 0, NULL, false, false                                 \
    }

typedef struct firn_workspace_save_result {
    firn_workspace_checkpoint
        checkpoint;    /* message borrowed from the workspace until its next call */
    uint64_t previous; /* number of the checkpoint before, or 0 */
    bool
        is_unchanged; /* the tree is that of `previous` (modification times of directories aside) */
    uint64_t added;   /* files against `previous` */
    uint64_t changed;
    uint64_t removed;
    bool is_made; /* false with if_changed and is_unchanged: checkpoint is then the one before */
    uint64_t expired; /* checkpoints that `keep` did not keep */
    bool gc_is_due;   /* an automatic firn_workspace_gc is worth it; when nobody waits for it */
} firn_workspace_save_result;

/* Saves the workspace's present state as a new checkpoint: it exists, durably, when this returns
 * FIRN_OK, and not at all otherwise. Creates the store if needed. What could not be saved is
 * reported by notices and counted in checkpoint.skipped.
 *
 * A file whose inode, size, mode, owner and times are those that it was last saved with is not read
 * again. An edit that leaves all of them alone is found with `full` only: stores through a writable
 * mapping into a page that was dirty before, or, on a file system without a time of change of its
 * own (FAT), an edit that keeps size and modification time. */
FIRN_API FIRN_MUST_CHECK int firn_workspace_save(firn_workspace *workspace,
                                                 const firn_workspace_save_options *options,
                                                 firn_workspace_save_result *out, firn_error *err);

/* ---- watching ---- */

typedef enum firn_workspace_watch_event_kind {
    FIRN_WATCH_STARTED = 1, /* from now on; unless only_watch, what there was is saved */
    FIRN_WATCH_SAVED = 2,   /* a checkpoint was made */
    FIRN_WATCH_LOST = 3,    /* too much changed at once: everything is looked at again */
    FIRN_WATCH_LIMITED = 4, /* some directories cannot be watched: each save visits them */
    FIRN_WATCH_FAILED = 5   /* a save failed, and will be tried again */
} firn_workspace_watch_event_kind;

typedef struct firn_workspace_watch_event {
    firn_workspace_watch_event_kind kind;
    const firn_workspace_save_result *saved; /* of SAVED */
    uint64_t directories;                    /* STARTED: watched; LIMITED: not watched */
    const char *text;                        /* of LOST, LIMITED and FAILED: one line */
} firn_workspace_watch_event;

typedef struct firn_workspace_watch_options {
    size_t size; /* sizeof(firn_workspace_watch_options) */
    const firn_workspace_save_options
        *save;               /* how to save; if_changed is implied. NULL: message "watch" */
    int64_t quiet_ms;        /* save when nothing has changed for so long; default 2 s */
    int64_t interval_max_ms; /* but no longer than this after a change; default 1 min */
    int64_t rescan_ms;       /* look at everything so often; default 5 min */
    bool only_watch;         /* never save: only let other saves be fast */
    /* Both may be NULL, and come from the calling thread; what event points at is borrowed until
     * the call returns. Told of SAVED, on_event may call firn_workspace_gc. should_stop is asked at
     * least once a second. */
    void (*on_event)(void *ctx, const firn_workspace_watch_event *event);
    bool (*should_stop)(void *ctx);
    void *ctx;
} firn_workspace_watch_options;
#define FIRN_WORKSPACE_WATCH_OPTIONS_INIT                                                        \
    {                                                                                            \
        sizeof(firn_workspace_watch_options), NULL, 2000, 60000, 300000, false, NULL, NULL, NULL \
    }

/* Watches the workspace until it is told to stop; that is FIRN_OK. Saves it first, then each time
 * it has been quiet after a change, if the tree is another one than that of the newest checkpoint.
 * The store is locked only while it saves. As long as it runs, saves and comparisons of this
 * workspace by any process of the same user visit only what has changed; their results are the
 * same. Creates the store if needed.
 *
 * Caveats. Some changes are seen late, by the visit of everything each rescan_ms or by a save with
 * `full`: stores to a mapping of a file, until it is unmapped and closed; changes of a file through
 * a name outside of the workspace. Directories on network file systems are visited by each save,
 * and so are all beyond the system's limit of watched directories.
 *
 * FIRN_CONFLICT if the workspace is watched already; FIRN_NOT_FOUND when it, or its store, goes
 * away; FIRN_LIMIT if the system lets nobody watch any more; FIRN_BUSY if another process holds the
 * store at the beginning for longer than lock_timeout_ms. */
FIRN_API FIRN_MUST_CHECK int firn_workspace_watch(firn_workspace *workspace,
                                                  const firn_workspace_watch_options *options,
                                                  firn_error *err);

typedef struct firn_workspace_watch_info {
    uint64_t process;     /* that watches */
    uint64_t directories; /* of the workspace that it knows */
    uint64_t dirty;       /* of them: the next save visits them */
    uint64_t unwatched;   /* of them: every save does */
    bool is_by_fanotify;  /* without the limits of the system; else by inotify */
} firn_workspace_watch_info;

/* Who watches the workspace. FIRN_NOT_FOUND if nobody does. */
FIRN_API FIRN_MUST_CHECK int firn_workspace_watch_look(firn_workspace *workspace,
                                                       firn_workspace_watch_info *out,
                                                       firn_error *err);
/* Ends the watch of another process or thread: it is about to end when this returns. *out is as it
 * was. FIRN_NOT_FOUND if nobody watches. */
FIRN_API FIRN_MUST_CHECK int firn_workspace_watch_stop(firn_workspace *workspace,
                                                       firn_workspace_watch_info *out,
                                                       firn_error *err);

typedef struct firn_workspace_list_options {
    size_t size;         /* sizeof(firn_workspace_list_options) */
    uint64_t limit;      /* newest so many; UINT64_MAX is all */
    bool include_safety; /* safety checkpoints too */
} firn_workspace_list_options;
#define FIRN_WORKSPACE_LIST_OPTIONS_INIT                       \
    {                                                          \
        sizeof(firn_workspace_list_options), UINT64_MAX, false \
    }
/* Newest first. A workspace that was never saved has none: that is no error. Another return of
 * visit than FIRN_OK ends the listing and is returned. */
FIRN_API FIRN_MUST_CHECK int
firn_workspace_list(firn_workspace *workspace, const firn_workspace_list_options *options,
                    int (*visit)(void *ctx, const firn_workspace_checkpoint *checkpoint), void *ctx,
                    firn_error *err);

/* Resolves a reference:
 * - a number, an id, or a unique prefix of ≥ 4 letters of one in any case;
 * - "latest", the newest that is no safety checkpoint; a tag;
 * - "latest~2", "12~1", "v1.0~3": so many before that, safety checkpoints not counted;
 * - a time, for the newest that is not younger: "10 minutes ago", "an hour ago", "yesterday",
 *   "2026-11-20", "2026-11-20 14:00", "2026-11-20T14:00:05.5+01:00"; UTC unless it says otherwise.
 * FIRN_NOT_FOUND; FIRN_INVALID for what is no reference; FIRN_CONFLICT, naming candidates, for an
 * ambiguous prefix. out->message is borrowed from the workspace until its next call. */
FIRN_API FIRN_MUST_CHECK int firn_workspace_find(firn_workspace *workspace, const char *reference,
                                                 firn_workspace_checkpoint *out, firn_error *err);

typedef struct firn_workspace_tag {
    firn_slice name;                  /* borrowed until the visit returns */
    char id[FIRN_CHECKPOINT_ID_SIZE]; /* of the checkpoint that it names */
    uint64_t number;                  /* of that; 0 for a safety checkpoint, or if it is gone */
    int64_t created_ns;               /* when it was tagged */
} firn_workspace_tag;

/* Gives a checkpoint a name that can be used as a reference: 1 to 255 letters, digits and any of
 * "._-+/", a letter first; nothing that could be another kind of reference ("latest", or four
 * letters and more from k to z alone). FIRN_EXISTS if another checkpoint has it, unless
 * may_replace. out, which may be NULL, is as from firn_workspace_find. */
FIRN_API FIRN_MUST_CHECK int firn_workspace_tag_set(firn_workspace *workspace, const char *name,
                                                    const char *reference, bool may_replace,
                                                    firn_workspace_checkpoint *out,
                                                    firn_error *err);
/* FIRN_NOT_FOUND. The checkpoint stays. */
FIRN_API FIRN_MUST_CHECK int firn_workspace_tag_remove(firn_workspace *workspace, const char *name,
                                                       firn_error *err);
/* In byte order of their names. Another return of visit than FIRN_OK ends the listing and is
 * returned. */
FIRN_API FIRN_MUST_CHECK int firn_workspace_tag_list(firn_workspace *workspace,
                                                     int (*visit)(void *ctx,
                                                                  const firn_workspace_tag *tag),
                                                     void *ctx, firn_error *err);

/* ---- what lies in a checkpoint, and what differs ---- */

typedef enum firn_workspace_entry_type {
    FIRN_TYPE_FILE = 1,
    FIRN_TYPE_DIRECTORY = 2,
    FIRN_TYPE_SYMLINK = 3
} firn_workspace_entry_type;
/* Constant, never NULL: "symlink". Any thread. */
FIRN_API const char *firn_workspace_entry_type_name(firn_workspace_entry_type type);

typedef struct firn_workspace_entry {
    firn_slice path; /* borrowed until the visit returns, as are the others */
    firn_workspace_entry_type type;
    uint32_t mode; /* 12 permission bits */
    uint32_t uid;
    uint32_t gid;
    int64_t mtime_ns;
    uint64_t size;          /* of a file's content */
    firn_hash hash;         /* of a file's content or a directory's object; zero for a link */
    firn_slice link_target; /* of a symbolic link */
    firn_slice hard_link;   /* not empty: another name of the file at this path */
} firn_workspace_entry;

/* Every entry of a checkpoint, directories before what is in them, names in byte order. */
FIRN_API FIRN_MUST_CHECK int
firn_workspace_entries(firn_workspace *workspace, const char *reference,
                       int (*visit)(void *ctx, const firn_workspace_entry *entry), void *ctx,
                       firn_error *err);

typedef enum firn_workspace_change_kind {
    FIRN_CHANGE_ADDED = 1,
    FIRN_CHANGE_REMOVED = 2,
    FIRN_CHANGE_CONTENT = 3,  /* content, target or type differs */
    FIRN_CHANGE_METADATA = 4, /* only mode, owner, time or attributes differ */
    FIRN_CHANGE_RENAMED = 5   /* the same content under another path: before has the old one */
} firn_workspace_change_kind;
/* Constant, never NULL: "renamed". Any thread. */
FIRN_API const char *firn_workspace_change_kind_name(firn_workspace_change_kind kind);

/* What differs between two entries of one path, as bits. */
typedef enum firn_workspace_change_what {
    FIRN_CHANGED_TYPE = 1,
    FIRN_CHANGED_CONTENT = 2, /* of a file, or the target of a link */
    FIRN_CHANGED_LINKS = 4,   /* which other names the file has */
    FIRN_CHANGED_MODE = 8,
    FIRN_CHANGED_OWNER = 16,
    FIRN_CHANGED_MTIME = 32,
    FIRN_CHANGED_XATTRS = 64
} firn_workspace_change_what;

typedef struct firn_workspace_change {
    firn_workspace_change_kind kind;
    const firn_workspace_entry *before; /* NULL for ADDED */
    const firn_workspace_entry *after;  /* NULL for REMOVED */
    unsigned what;                      /* of firn_workspace_change_what; 0 for ADDED and REMOVED */
} firn_workspace_change;

typedef struct firn_workspace_status_options {
    size_t size;             /* sizeof(firn_workspace_status_options) */
    const char *reference;   /* NULL is "latest" */
    const firn_slice *paths; /* only these and what is below them */
    size_t path_count;       /* 0: everything */
    unsigned threads;
    firn_callbacks callbacks;
    uint64_t file_size_max; /* as for a save: larger files are left out and noticed; 0: none */
    bool gitignore;         /* saves leave out what .gitignore files say; as for a restore */
} firn_workspace_status_options;
#define FIRN_WORKSPACE_STATUS_OPTIONS_INIT                                                    \
    {                                                                                         \
        sizeof(firn_workspace_status_options), NULL, NULL, 0, 0, {NULL, NULL, NULL}, 0, false \
    }
typedef struct firn_workspace_status_result {
    firn_workspace_checkpoint
        checkpoint; /* compared with; message borrowed as from firn_workspace_find */
    uint64_t added; /* files on disk that the checkpoint does not have, … */
    uint64_t changed;
    uint64_t removed;
    uint64_t unchanged;
    uint64_t skipped;
    bool is_watched; /* a watch of the workspace runs, and has answered */
} firn_workspace_status_result;
/* Compares the disk with a checkpoint (before) by content. visit may be NULL. Modification times
 * of directories do not count. */
FIRN_API FIRN_MUST_CHECK int
firn_workspace_status(firn_workspace *workspace, const firn_workspace_status_options *options,
                      int (*visit)(void *ctx, const firn_workspace_change *change), void *ctx,
                      firn_workspace_status_result *out, firn_error *err);

typedef struct firn_workspace_diff_options {
    size_t size;             /* sizeof(firn_workspace_diff_options) */
    const char *before;      /* a reference; NULL is "latest" */
    const char *after;       /* a reference; NULL is the disk as it is now */
    const firn_slice *paths; /* only these and what is below them */
    size_t path_count;       /* 0: everything */
    bool with_lines;         /* compare the contents of files line by line */
    unsigned threads;        /* 0: one for each processor */
    firn_callbacks callbacks;
    /* Tell a file that went and one that came with the same content, not an empty one, as one
     * change, RENAMED. With more than 131,072 files that went or came none is found. */
    bool find_renames;
    /* Compare with the checkpoint before `after`, which is then "latest" if it is NULL; with nothing,
     * if that is the first: all is added. before must be NULL. */
    bool against_previous;
    firn_diff_algorithm algorithm; /* with_lines */
    bool gitignore;                /* of the disk: as for firn_workspace_status */
    uint64_t file_size_max;
} firn_workspace_diff_options;
#define FIRN_WORKSPACE_DIFF_OPTIONS_INIT                                                        \
    {                                                                                           \
        sizeof(firn_workspace_diff_options), NULL, NULL, NULL, 0, false, 0, {NULL, NULL, NULL}, \
            false, false, FIRN_DIFF_MYERS, false, 0                                             \
    }

typedef enum firn_workspace_lines_kind {
    FIRN_LINES_NONE = 0,      /* not asked for, or no file's content differs */
    FIRN_LINES_COUNTED = 1,   /* lines_added and lines_removed say */
    FIRN_LINES_BINARY = 2,    /* a side has a NUL among its first 8,000 bytes */
    FIRN_LINES_TOO_LARGE = 3, /* a side has more than 32 MiB or 1,048,576 lines */
    FIRN_LINES_UNREADABLE = 4 /* it changed meanwhile or could not be read, as a notice says */
} firn_workspace_lines_kind;
/* Constant, never NULL: "too_large". Any thread. */
FIRN_API const char *firn_workspace_lines_kind_name(firn_workspace_lines_kind kind);

typedef struct firn_workspace_difference {
    firn_workspace_change change;
    firn_workspace_lines_kind lines;
    /* True if no way from one content to the other needs fewer lines. False for large files that
     * were changed all over: the search for the shortest way has a limit, behind which a longer
     * one is taken; and mostly with FIRN_DIFF_PATIENCE, which looks for another one. */
    bool lines_are_minimal;
    uint64_t lines_added;
    uint64_t lines_removed;
    /* Where lines were counted: both contents, and the hunks in which they differ, ascending; before,
     * between and behind them the lines are equal. A line ends behind '\n'; a last one without it is
     * another line than the same with one. A side that is no file is empty. Borrowed until visit
     * returns. */
    const firn_hunk *hunks;
    size_t hunk_count;
    firn_slice content_before;
    firn_slice content_after;
} firn_workspace_difference;

typedef struct firn_workspace_diff_result {
    /* Messages are borrowed from the workspace until its next call. */
    firn_workspace_checkpoint before; /* zeroed where it is nothing */
    firn_workspace_checkpoint after;  /* zeroed where it is the disk */
    bool after_is_disk;
    uint64_t added; /* files that before does not have, … */
    uint64_t changed;
    uint64_t removed;
    uint64_t skipped;     /* of the disk: entries that could not be read */
    uint64_t lines_added; /* in all, where they were counted */
    uint64_t lines_removed;
    uint64_t renamed; /* neither in added nor in removed */
} firn_workspace_diff_result;
/* What differs between two checkpoints, or a checkpoint and the disk: only directories that differ
 * are looked into. visit may be NULL; names come in byte order, a directory before what is in it.
 * Modification times of directories do not count. FIRN_NOT_FOUND, after the differences, for a path
 * that neither side has. With lines, up to 192 MiB of memory are needed beside, for two files of the
 * largest size and their comparison. */
FIRN_API FIRN_MUST_CHECK int
firn_workspace_diff(firn_workspace *workspace, const firn_workspace_diff_options *options,
                    int (*visit)(void *ctx, const firn_workspace_difference *difference), void *ctx,
                    firn_workspace_diff_result *out, firn_error *err);

/* Hands the content of a file of a checkpoint to sink, piece by piece and in order; memory does not
 * grow with the file. Every piece is verified before sink sees it. Another return of sink than
 * FIRN_OK ends it and is returned. out (may be NULL) describes the entry; what it borrows lives
 * until the workspace's next call, its path as long as `path`. FIRN_NOT_FOUND if the checkpoint has
 * no such path, FIRN_INVALID if it is a directory or a symbolic link, FIRN_CORRUPT for damage. */
FIRN_API FIRN_MUST_CHECK int firn_workspace_cat(firn_workspace *workspace, const char *reference,
                                                firn_slice path,
                                                int (*sink)(void *ctx, firn_slice data), void *ctx,
                                                firn_workspace_entry *out, firn_error *err);

/* ---- restoring ---- */

typedef struct firn_workspace_restore_options {
    size_t size;             /* sizeof(firn_workspace_restore_options) */
    const firn_slice *paths; /* only these and what is below them */
    size_t path_count;       /* 0: everything; in place at most 1,048,576, else FIRN_LIMIT */
    const char *to_dir;      /* another, empty or missing, directory instead of the workspace */
    bool dry_run;            /* report, change nothing */
    unsigned threads;
    firn_callbacks callbacks;
    int (*visit)(
        void *ctx,
        const firn_workspace_change *change); /* may be NULL: each change, before it is made */
    bool
        trust_journal; /* go on also with an interrupted restore that was not begun here by this user */
    /* How saves are made today (firn_workspace_save_options), so that what they leave out is left alone. Rules
     * from .gitignore files also count if they did for the checkpoint or the newest one. */
    bool gitignore;
    uint64_t file_size_max;
} firn_workspace_restore_options;
#define FIRN_WORKSPACE_RESTORE_OPTIONS_INIT                                                        \
    {                                                                                              \
        sizeof(firn_workspace_restore_options), NULL, 0, NULL, false, 0, {NULL, NULL, NULL}, NULL, \
            false, false, 0                                                                        \
    }
typedef struct firn_workspace_restore_result {
    firn_workspace_checkpoint
        checkpoint; /* that was restored; message borrowed as from firn_workspace_find */
    char
        safety_id[FIRN_CHECKPOINT_ID_SIZE]; /* of what was there before; empty if nothing changed */
    uint64_t added;                         /* files; directories are not counted */
    uint64_t changed;
    uint64_t removed;
    uint64_t unchanged;
    uint64_t incomplete;   /* restored entries of which an owner or attribute could not be set */
    int64_t written_ns;    /* of the call, until everything was in place, before the last sync */
    uint64_t left_alone;   /* entries that would differ, but are left out by rules now: they stay */
    uint64_t not_restored; /* entries that stay as they are for other reasons */
} firn_workspace_restore_result;

/* Brings the workspace (or to_dir) to the state of a checkpoint. In place: every needed object is
 * read and verified first; a safety checkpoint of the present state is taken; new files are written
 * beside their targets, synced and change places with them; deletions come last. FIRN_CORRUPT,
 * before anything is written, if something needed is damaged; FIRN_CONFLICT, if somebody else changed
 * something meanwhile: before too, or afterwards, when it was kept and told. FIRN_BUSY, before, if the store, or a firn store in
 * the tree that would be changed, is written for longer than lock_timeout_ms; and if such a store in
 * the tree was let go while it was waited for, or was written meanwhile: then call again.
 *
 * What rules leave out now stays as it is, and so does what the restore cannot save first or cannot
 * change: each such entry is told (FIRN_NOTICE_LEFT_ALONE, FIRN_NOTICE_NOT_RESTORED) and counted, all
 * else is restored, and the call succeeds.
 *
 * A crash, or a failure once things have begun to move, leaves the restore pending: every file is
 * the old or the new one, whole. firn_workspace_resume finishes it, firn_workspace_undo takes it
 * back, a whole restore goes on to its own checkpoint from there; a save, and a restore of some
 * paths, finish it first. A restore of which nothing had moved yet is dropped by a save.
 *
 * FIRN_READ_ONLY or FIRN_DENIED if the store cannot be written, of a dry run after all changes were
 * visited: into another directory (to_dir) a checkpoint is restored from such a store, too.
 *
 * Before anything is changed the restore is noted in the user's data directory, and a failure of that
 * ends it. A pending restore without such a note was not begun by this user in this root on this
 * machine: it may have come with the store. It is left alone and told (FIRN_NOTICE_FOREIGN), and the
 * tree counts as it is; resume and undo fail with FIRN_UNTRUSTED unless trust_journal is set. A
 * restore that changes something replaces it. */
FIRN_API FIRN_MUST_CHECK int firn_workspace_restore(firn_workspace *workspace,
                                                    const char *reference,
                                                    const firn_workspace_restore_options *options,
                                                    firn_workspace_restore_result *out,
                                                    firn_error *err);
/* Takes back the last restore that changed something: restores its safety checkpoint, the same
 * paths unless others are given. A safety checkpoint is taken here too, so that another undo brings
 * back what this one took away. FIRN_NOT_FOUND if there is nothing to undo. */
FIRN_API FIRN_MUST_CHECK int firn_workspace_undo(firn_workspace *workspace,
                                                 const firn_workspace_restore_options *options,
                                                 firn_workspace_restore_result *out,
                                                 firn_error *err);

typedef struct firn_workspace_pending_restore {
    bool is_pending; /* was interrupted; all else is zero if neither this nor is_running */
    bool is_undo;
    bool has_begun; /* things have moved; else the tree is as it was */
    firn_workspace_checkpoint
        checkpoint; /* being restored; message borrowed as from firn_workspace_find; only the id
                     * where it was deleted */
    char safety_id[FIRN_CHECKPOINT_ID_SIZE]; /* what an undo brings back */
    bool is_foreign; /* not begun by this user in this root on this machine */
    /* A restore is under way at this moment, in another process or by another handle: it is not pending,
     * and safety_id is empty. is_undo, has_begun and checkpoint (zeroed for a revert) are of it. */
    bool is_running;
    bool is_revert;
    uint64_t process;    /* that restores; 0: unknown */
    int64_t started_ns;  /* since the epoch */
    const char *phase;   /* as in firn_progress */
    uint64_t files_done; /* of the phase; several phases show none */
    uint64_t files_total;
} firn_workspace_pending_restore;
/* Whether a restore was interrupted and waits to be finished or taken back, or is under way. Changes
 * nothing. */
FIRN_API FIRN_MUST_CHECK int firn_workspace_pending(firn_workspace *workspace,
                                                    firn_workspace_pending_restore *out,
                                                    firn_error *err);
/* Finishes it, its paths as they were given; edits made since go into a safety checkpoint
 * (out->safety_id). FIRN_NOT_FOUND if none is pending. */
FIRN_API FIRN_MUST_CHECK int firn_workspace_resume(firn_workspace *workspace,
                                                   const firn_workspace_restore_options *options,
                                                   firn_workspace_restore_result *out,
                                                   firn_error *err);

/* ---- taking back one change ---- */

/* Why a path could not be merged. What is taken back is what the checkpoint had made of it; "since"
 * is what came after. */
typedef enum firn_workspace_revert_conflict_kind {
    FIRN_REVERT_LINES = 1, /* the same lines, or lines without one between, changed since */
    FIRN_REVERT_CONTENT =
        2, /* content that is not text, too large, or a link's target, changed since */
    FIRN_REVERT_REMOVED = 3,    /* it would be changed back, and was removed since */
    FIRN_REVERT_CHANGED = 4,    /* it would be removed, and was changed since */
    FIRN_REVERT_ADDED = 5,      /* it would come back, and something else has its name since */
    FIRN_REVERT_KIND = 6,       /* file, directory or link: became something else on one side */
    FIRN_REVERT_ATTRIBUTES = 7, /* mode, owner or extended attributes changed since too */
    FIRN_REVERT_HARD_LINKS = 8  /* names of one file would come to differ */
} firn_workspace_revert_conflict_kind;
/* Constant, never NULL: "hard_links". Any thread. */
FIRN_API const char *
firn_workspace_revert_conflict_kind_name(firn_workspace_revert_conflict_kind kind);

typedef struct firn_workspace_revert_conflict {
    firn_workspace_revert_conflict_kind kind;
    firn_slice path; /* all is borrowed until the visit returns */
    unsigned what;   /* of firn_workspace_change_what: the attributes of ATTRIBUTES */
    const firn_workspace_entry *after; /* in the checkpoint that is taken back; NULL: it had none */
    const firn_workspace_entry *now;   /* on the disk */
    const firn_workspace_entry *before;
    /* LINES: base is the checkpoint that is taken back, ours the disk, theirs the one before. */
    const firn_merge_region *regions;
    size_t region_count;
} firn_workspace_revert_conflict;

typedef struct firn_workspace_revert_options {
    size_t size;             /* sizeof(firn_workspace_revert_options) */
    const char *after;       /* a reference: the checkpoint to be taken back; NULL is "latest" */
    const char *before;      /* an older one; NULL: the one before it */
    const firn_slice *paths; /* only these and what is below them */
    size_t path_count;       /* 0: everything */
    bool dry_run;            /* report, change nothing */
    unsigned threads;
    firn_callbacks callbacks;
    /* May be NULL; ctx is that of callbacks. Conflicts are told before anything else; each change
     * before it is made. */
    int (*on_conflict)(void *ctx, const firn_workspace_revert_conflict *conflict);
    int (*visit)(void *ctx, const firn_workspace_change *change);
    bool gitignore; /* as for a restore */
    uint64_t file_size_max;
} firn_workspace_revert_options;
#define FIRN_WORKSPACE_REVERT_OPTIONS_INIT                                                        \
    {                                                                                             \
        sizeof(firn_workspace_revert_options), NULL, NULL, NULL, 0, false, 0, {NULL, NULL, NULL}, \
            NULL, NULL, false, 0                                                                  \
    }
typedef struct firn_workspace_revert_result {
    firn_workspace_checkpoint
        after; /* taken back; messages are borrowed from the workspace until its next */
    firn_workspace_checkpoint before;        /* call */
    char safety_id[FIRN_CHECKPOINT_ID_SIZE]; /* of what was there; empty if nothing changed */
    uint64_t added;                          /* files; directories are not counted */
    uint64_t changed;
    uint64_t removed;
    uint64_t merged;     /* of those changed: line by line */
    uint64_t left_alone; /* entries that would differ, but are left out by rules now */
    uint64_t conflicts;
    uint64_t incomplete; /* as of a restore */
    uint64_t not_restored;
} firn_workspace_revert_result;

/* Takes back what one checkpoint (after) changed against the one before it, or against an older one
 * (before), and keeps what came later: what is on the disk is merged with what before had, entry by
 * entry, and text files line by line.
 * - Where nothing came later, a path is as before had it, exactly.
 * - Attributes are merged one by one. Times are never in conflict: a file that is merged line by line
 *   gets the time of the call.
 * - Line by line are merged files of at most 8 MiB without a NUL among their first 8,000 bytes.
 * - What the rules of either checkpoint exclude, or those of today, is not touched.
 * - A reserved name (.git and the like) is left as it is; where before differs in it that is told as
 *   FIRN_NOTICE_RESERVED, and counts as incomplete. FIRN_INVALID where such a path is asked for.
 *
 * FIRN_CONFLICT, with out->conflicts, if what came later does not allow it: each is told, and
 * nothing is changed, not even in the store. Otherwise it goes on like firn_workspace_restore, with
 * all that is said there: firn_workspace_undo takes it back. A pending restore is finished first.
 * FIRN_NOT_FOUND if there is no checkpoint before; FIRN_INVALID if before is not the older one. Needs
 * up to 64 MiB of memory beside, for files of the largest size. */
FIRN_API FIRN_MUST_CHECK int firn_workspace_revert(firn_workspace *workspace,
                                                   const firn_workspace_revert_options *options,
                                                   firn_workspace_revert_result *out,
                                                   firn_error *err);

/* ---- keeping and giving back space ---- */

typedef struct firn_workspace_pin {
    char id[FIRN_CHECKPOINT_ID_SIZE]; /* of the checkpoint */
    uint64_t number;                  /* of that; 0 for a safety checkpoint */
    int64_t created_ns;               /* when it was pinned */
} firn_workspace_pin;

/* Pins checkpoints, or takes their pins away: all of them or, after an error, none. What is pinned
 * neither expires nor can be deleted. A checkpoint that is pinned already stays so; one that was not
 * pinned may be unpinned. visit (may be NULL) is told of each afterwards, without its message; what
 * another return of it than FIRN_OK ends is only the telling. */
FIRN_API FIRN_MUST_CHECK int
firn_workspace_pin_set(firn_workspace *workspace, const char *const *references, size_t count,
                       bool is_pinned,
                       int (*visit)(void *ctx, const firn_workspace_checkpoint *checkpoint),
                       void *ctx, firn_error *err);
/* Newest checkpoint first. Another return of visit than FIRN_OK ends the listing and is returned. */
FIRN_API FIRN_MUST_CHECK int firn_workspace_pin_list(firn_workspace *workspace,
                                                     int (*visit)(void *ctx,
                                                                  const firn_workspace_pin *pin),
                                                     void *ctx, firn_error *err);

typedef struct firn_workspace_expire_options {
    size_t size;      /* sizeof(firn_workspace_expire_options) */
    const char *keep; /* NULL: only safety checkpoints may expire */
    bool dry_run;     /* report, change nothing */
} firn_workspace_expire_options;
#define FIRN_WORKSPACE_EXPIRE_OPTIONS_INIT                 \
    {                                                      \
        sizeof(firn_workspace_expire_options), NULL, false \
    }
/* Deletes the checkpoints of the workspace that a policy does not keep. Whatever it says, the newest
 * stays, and what is younger than a day, pinned, tagged, needed by a restore that was interrupted, or
 * what an undo would bring back. Safety checkpoints go when they are older than 7 days and not among
 * the last 10.
 *
 * A policy is "forever", or rules with blanks between, like "all:1d hourly:7d daily:90d":
 *   last:N        the newest N
 *   all:SPAN      everything that is not older than SPAN
 *   hourly:SPAN   of that the newest of each hour; likewise daily, weekly, monthly, yearly (UTC)
 * A span is a number of hours, days, weeks or years (12h 7d 4w 1y; 365 days), or forever. A checkpoint
 * stays if any rule keeps it. Ages are counted back from the newest checkpoint, and no pause counts:
 * from one checkpoint to the next more than a week, or than two of the longest periods that the
 * policy names. So neither an absence nor a clock that jumps ahead makes old what is there.
 *
 * FIRN_INVALID if keep is no policy. visit as for firn_workspace_delete. The library never expires
 * what it was not given a policy for. */
FIRN_API FIRN_MUST_CHECK int
firn_workspace_expire(firn_workspace *workspace, const firn_workspace_expire_options *options,
                      int (*visit)(void *ctx, const firn_workspace_checkpoint *checkpoint),
                      void *ctx, firn_error *err);

typedef struct firn_workspace_delete_options {
    size_t size;  /* sizeof(firn_workspace_delete_options) */
    bool dry_run; /* report, change nothing */
} firn_workspace_delete_options;
#define FIRN_WORKSPACE_DELETE_OPTIONS_INIT           \
    {                                                \
        sizeof(firn_workspace_delete_options), false \
    }
/* Deletes checkpoints, all of them or, after an error, none: FIRN_NOT_FOUND, FIRN_INVALID or
 * FIRN_CONFLICT for a reference that names no single one, one that is pinned, or one that an
 * interrupted restore needs. A checkpoint that is named twice is
 * deleted once. visit (may be NULL) is told of each, afterwards; what another return of it than
 * FIRN_OK ends is only the telling. Their numbers are never given again, and their space comes back
 * with firn_workspace_gc. */
FIRN_API FIRN_MUST_CHECK int
firn_workspace_delete(firn_workspace *workspace, const char *const *references, size_t count,
                      const firn_workspace_delete_options *options,
                      int (*visit)(void *ctx, const firn_workspace_checkpoint *checkpoint),
                      void *ctx, firn_error *err);

typedef struct firn_workspace_forget_options {
    size_t size; /* sizeof(firn_workspace_forget_options) */
    const firn_slice *paths;
    size_t path_count; /* at least one */
    bool dry_run;      /* report, change nothing */
    firn_callbacks callbacks;
} firn_workspace_forget_options;
#define FIRN_WORKSPACE_FORGET_OPTIONS_INIT                     \
    {                                                          \
        sizeof(firn_workspace_forget_options), NULL, 0, false, \
        {                                                      \
            NULL, NULL, NULL                                   \
        }                                                      \
    }
/* A checkpoint that had something. */
typedef struct firn_workspace_forgotten {
    firn_workspace_checkpoint checkpoint; /* as it is now; borrowed until the visit returns */
    uint64_t files;                       /* that it had at the paths and below */
    uint64_t directories;
    uint64_t bytes;
} firn_workspace_forgotten;
typedef struct firn_workspace_forget_result {
    uint64_t checkpoints; /* that had something, safety checkpoints included */
} firn_workspace_forget_result;
/* Takes paths, and what is below them, out of every checkpoint of the workspace, for good: all
 * checkpoints or, after an error, none. Numbers, ids, times, messages, tags and pins stay; root hashes
 * change. The contents leave the store with the next firn_workspace_gc, however they lie in it, unless
 * another path or another workspace of the store has them too. The names of the paths stay in the
 * checkpoints' records; what directories that led to them said of them may stay in packs until a full
 * collection.
 *
 * What lies in the directory is not touched, and is saved again by the next save unless a rule leaves
 * it out. A restore of such a checkpoint leaves the paths as they are. Paths with hard links elsewhere
 * take nothing from those.
 *
 * FIRN_NOT_FOUND if no checkpoint has a path; FIRN_CONFLICT while a restore is pending; FIRN_LIMIT if
 * a checkpoint has forgotten 256 paths already. visit (may be NULL) is told of each, newest first,
 * afterwards; what another return of it than FIRN_OK ends is only the telling. */
FIRN_API FIRN_MUST_CHECK int
firn_workspace_forget(firn_workspace *workspace, const firn_workspace_forget_options *options,
                      int (*visit)(void *ctx, const firn_workspace_forgotten *forgotten), void *ctx,
                      firn_workspace_forget_result *out, firn_error *err);

typedef struct firn_workspace_gc_options {
    size_t size;  /* sizeof(firn_workspace_gc_options) */
    bool dry_run; /* report, change nothing */
    bool full;    /* rewrite each pack that holds anything dead, not only those that mostly do */
    firn_callbacks callbacks;
    int recompress_level; /* rewrite each pack that was compressed at a lower level of zstd; 0: none */
    const char *keep;     /* the policy for all workspaces of the store (firn_workspace_expire) */
    bool automatic;       /* only if it is worth it, and in slices; see below */
} firn_workspace_gc_options;
#define FIRN_WORKSPACE_GC_OPTIONS_INIT                                                      \
    {                                                                                       \
        sizeof(firn_workspace_gc_options), false, false, {NULL, NULL, NULL}, 0, NULL, false \
    }
enum { FIRN_GC_LEVEL_DEFAULT = 9, FIRN_GC_LEVEL_MIN = 2, FIRN_GC_LEVEL_MAX = 19 };
typedef struct firn_workspace_gc_result {
    uint64_t safety_expired; /* expired safety checkpoints, deleted first */
    uint64_t expired;        /* checkpoints that `keep` did not keep */
    uint64_t objects_live;   /* needed by some checkpoint of some workspace of the store */
    uint64_t objects_dead;   /* at the beginning */
    uint64_t packs_before;
    uint64_t packs_after;
    uint64_t packs_removed;   /* nothing in them was needed */
    uint64_t packs_rewritten; /* what was needed moved into another pack */
    uint64_t bytes_before;    /* of all packs */
    uint64_t bytes_after;     /* likewise, those that wait included; of a dry run an estimate */
    uint64_t packs_waiting;   /* kept for readers in other processes; the next call that writes */
    uint64_t bytes_waiting;   /* removes them */
    uint64_t damaged;         /* packs that had to stay because they are damaged, told by notices */
    bool is_due;              /* of an automatic one: it was worth it; all else is 0 otherwise */
    bool is_finished;         /* false also where others were at work all the time */
    uint64_t slices;          /* of an automatic one */
    uint64_t bytes_dead; /* about: not needed, in packs that stay because it is little of them */
} firn_workspace_gc_result;
/* Finds out what the checkpoints of all workspaces of the store need and gives back the space of
 * the rest. Packs without anything that is needed go. Those are rewritten in which a fiftieth is not
 * needed, an eighth of an automatic collection, or with full anything; and small ones, where there is
 * anything in them or several of them. Checkpoints that have expired are deleted first, safety
 * checkpoints too.
 * Readers in other processes are not disturbed. FIRN_CORRUPT, with nothing
 * removed, if a checkpoint is damaged in such a way that it cannot be known what it needs. Cancelled
 * or cut off at any moment, everything is still there; calling it again goes on. With a level to
 * recompress at (FIRN_GC_LEVEL_MIN to _MAX, else FIRN_INVALID; FIRN_GC_LEVEL_DEFAULT is worth its
 * time), what saves compressed quickly is compressed again, once: packs remember their level. That
 * takes a processor, and room beside the store for what was rewritten last, at most about 1 GiB.
 *
 * An automatic collection is for a process that nobody waits for. It does nothing unless a quarter of
 * the packs, and 16 MiB, may be garbage, as far as deleted checkpoints tell, and none was begun in the
 * last hour that has not ended. It looks at what is needed without locking the store, then locks it
 * for one slice after the other, each of at most 16 MiB of packs to be written again, 64 MiB before
 * compression, and 16,384 objects (and one frame at the least), with a pause of 0.2 s between two:
 * that bounds what another writer waits. If others write meanwhile it looks again, up to four times
 * in a row without a slice in between. `keep` is not asked, small packs are not made one, and what
 * firn_workspace_forget took out stays for a plain collection. FIRN_INVALID with full or a level; a
 * dry run says whether it is due. FIRN_BUSY if another writer has had the store for a minute. */
FIRN_API FIRN_MUST_CHECK int firn_workspace_gc(firn_workspace *workspace,
                                               const firn_workspace_gc_options *options,
                                               firn_workspace_gc_result *out, firn_error *err);

/* ---- checking ---- */

typedef struct firn_workspace_check_options {
    size_t size;    /* sizeof(firn_workspace_check_options) */
    bool read_data; /* read and verify every byte of every object, not only that it is there */
    firn_callbacks callbacks;
} firn_workspace_check_options;
#define FIRN_WORKSPACE_CHECK_OPTIONS_INIT            \
    {                                                \
        sizeof(firn_workspace_check_options), false, \
        {                                            \
            NULL, NULL, NULL                         \
        }                                            \
    }
typedef struct firn_workspace_check_result {
    uint64_t checkpoints;
    uint64_t packs;
    uint64_t objects;
    uint64_t bytes_read;
    uint64_t damaged; /* each told by a notice, with the checkpoints and paths it takes along */
    uint64_t newer;   /* parts that a newer firn made, each told by a notice (NEWER) */
    uint64_t safety;  /* of the checkpoints, those that restores took: lists leave them out */
} firn_workspace_check_result;
/* FIRN_NEWER if any part was made by a newer firn, whatever else was found: nothing is to be done about
 * such a store but with that firn. Else FIRN_CORRUPT if anything is damaged; where the store cannot even be opened the result is all 0.
 * FIRN_NOT_FOUND if there is no store. */
FIRN_API FIRN_MUST_CHECK int firn_workspace_check(firn_workspace *workspace,
                                                  const firn_workspace_check_options *options,
                                                  firn_workspace_check_result *out,
                                                  firn_error *err);

/* ---- repair ---- */

typedef enum firn_workspace_repair_state {
    FIRN_REPAIR_INTACT = 0, /* all of it is there */
    FIRN_REPAIR_PARTLY = 1, /* some paths are lost, and left out of it from now on */
    FIRN_REPAIR_LOST = 2    /* nothing of it can be brought back; it is gone from the catalog */
} firn_workspace_repair_state;
/* Constant, never NULL: "intact". Any thread. */
FIRN_API const char *firn_workspace_repair_state_name(firn_workspace_repair_state state);

typedef enum firn_workspace_repair_data {
    FIRN_REPAIR_DATA_KEPT = 0,      /* the store's own data is as it was */
    FIRN_REPAIR_DATA_SHORTENED = 1, /* its last commits are gone, or files that could not be read */
    FIRN_REPAIR_DATA_LOST = 2       /* no key-value data could be brought back */
} firn_workspace_repair_data;
/* Constant, never NULL: "shortened". Any thread. */
FIRN_API const char *firn_workspace_repair_data_name(firn_workspace_repair_data data);

typedef struct firn_workspace_repair_checkpoint {
    const char *root;                            /* of its workspace, when it was saved */
    const firn_workspace_checkpoint *checkpoint; /* as it is in the repaired store */
    firn_workspace_repair_state state;
    uint64_t lost_paths; /* PARTLY: each was told by a notice before */
    bool was_found;      /* the catalog had lost it: it comes from packs, or from the log */
} firn_workspace_repair_checkpoint;

typedef struct firn_workspace_repair_options {
    size_t size;  /* sizeof(firn_workspace_repair_options) */
    bool dry_run; /* find out all of it, then leave the store as it is */
    /* Told of each checkpoint, newest first; NULL: nobody is. ctx is that of callbacks. What it is
     * given is borrowed for the call. */
    void (*on_checkpoint)(void *ctx, const firn_workspace_repair_checkpoint *checkpoint);
    firn_callbacks callbacks;
} firn_workspace_repair_options;
#define FIRN_WORKSPACE_REPAIR_OPTIONS_INIT                  \
    {                                                       \
        sizeof(firn_workspace_repair_options), false, NULL, \
        {                                                   \
            NULL, NULL, NULL                                \
        }                                                   \
    }
typedef struct firn_workspace_repair_result {
    bool was_intact; /* nothing was damaged, nothing was changed, and all below is 0 */
    firn_workspace_repair_data data;
    uint64_t intact; /* checkpoints, safety checkpoints included */
    uint64_t partly;
    uint64_t lost;
    uint64_t found; /* of the intact and the partly lost: the catalog had lost them */
    uint64_t lost_paths;
    uint64_t packs;            /* that are whole */
    uint64_t packs_damaged;    /* damaged ones: what could be read of them is in a new pack */
    uint64_t objects_salvaged; /* from these */
    /* Where the damaged store is kept, borrowed from the workspace until its next call; NULL where
     * nothing was changed. */
    const char *damaged_path;
} firn_workspace_repair_result;
/* Makes a sound store out of a damaged one: of all its workspaces. Needs the writing lock, and room
 * beside the store for what is salvaged from damaged packs (files that are whole are shared by hard
 * links). The damaged store is only read until a complete new one stands beside it and has been
 * checked to the last byte; then the two change places in one step (FIRN_UNSUPPORTED where the file
 * system cannot do that), and the damaged one is kept in a directory inside the new one, for whoever
 * wants to look. Numbers and ids of checkpoints stay. A checkpoint that lost paths goes on without
 * them, and its message says so. What was deleted may come back where the catalog itself was lost. It is
 * FIRN_OK to have lost something: the result tells. FIRN_NOT_FOUND without a store; FIRN_NEWER for one
 * of a newer firn. Cancelled, failed or cut off before the exchange, the store is as it was; after
 * it, the next call puts away the rest. */
FIRN_API FIRN_MUST_CHECK int firn_workspace_repair(firn_workspace *workspace,
                                                   const firn_workspace_repair_options *options,
                                                   firn_workspace_repair_result *out,
                                                   firn_error *err);

#ifdef __cplusplus
}
#endif
#endif
