/* SPDX-License-Identifier: Apache-2.0
 *
 * import/import_internal.h: what the importers share: a tree that is built on disk and saved as a
 * checkpoint, and the readers of foreign formats.
 */
#ifndef FIRN_IMPORT_IMPORT_INTERNAL_H
#define FIRN_IMPORT_IMPORT_INTERNAL_H

#include <limits.h>
#include <stdio.h>
#include <sys/types.h>

#include "command/command.h"
#include "firn/firn.h"
#include "task/task.h"

extern const struct fi_command fi_import_unpack;
extern const struct fi_command fi_import_git;
extern const struct fi_command fi_import_chkpt;
extern const struct fi_command fi_import_restic;
extern const struct fi_command fi_import_alopex;
extern const struct fi_command fi_import_alopex_alexs;
extern const struct fi_command fi_import_export_tar;

/* Fills *err from errno: "could not <what> '<path>': <reason>". Returns its code. */
int fi_import_tree_fail(firn_error *err, const char *what, firn_slice path);
/* Fills *err. Returns the code. */
int fi_import_tree_error(firn_error *err, int code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* ---- a tree on disk ----
 *
 * A private directory below TMPDIR. Whatever the paths are, nothing outside of it is touched: a
 * path is walked component by component, and no link is followed. */

struct fi_import_tree_dirs;

/* How much may be written for one foreign state. A small input can name one large content in many
 * files. */
struct fi_import_tree_space {
    const char *one;     /* foreign state: "commit" */
    uint64_t bytes_max;  /* of one; each entry counts as at least a block */
    uint64_t bytes;      /* of the one that is made */
    uint64_t free_least; /* what stays free in the file system of the tree */
    uint64_t lease;      /* may be written before the file system is asked again */
    bool has_least;
    bool is_over; /* one is larger than bytes_max: the failure is not that of a file */
};

struct fi_import_tree {
    struct fi_task_notices *notices;
    struct fi_import_tree_space *space; /* NULL: without bound */
    uint64_t file_bytes;                /* written to the file that is open */
    bool drops_owners; /* what is made belongs to the user; nothing is said of it */
    uint64_t owners_lost;
    char place[PATH_MAX]; /* the private directory; "": there is none */
    char root[PATH_MAX];  /* the tree in it */
    int place_fd;
    int root_fd;
    int parent_fd; /* of the path that was opened last; -1: none */
    char *parent;
    size_t parent_size;
    struct fi_import_tree_dirs *dirs; /* attributes that directories get at the end */
    size_t dir_count;
    size_t dir_capacity;
};

enum fi_import_type { FI_IMPORT_FILE, FI_IMPORT_DIRECTORY, FI_IMPORT_SYMLINK, FI_IMPORT_HARD_LINK };

/* What an entry is beside its content. Borrowed. */
struct fi_import_attributes {
    uint32_t mode;
    bool has_owner;
    uint32_t uid;
    uint32_t gid;
    int64_t mtime_ns;
    firn_slice xattrs; /* as in firn_workspace_entry */
};

/* Makes the private directory and an empty tree in it. `space`, which may be NULL, must outlive the
 * tree. */
FIRN_MUST_CHECK int fi_import_tree_create(struct fi_import_tree *tree,
                                          struct fi_task_notices *notices,
                                          struct fi_import_tree_space *space, firn_error *err);
/* Removes all of it. Fine on a zeroed one. */
void fi_import_tree_destroy(struct fi_import_tree *tree);

/* Why a path cannot be that of an entry ("is absolute"), or NULL. */
const char *fi_import_tree_refusal(firn_slice path);

/* The following refuse such a path with FIRN_INVALID, and one below something that is no directory.
 * Directories above it are made; what is at the path is replaced. FIRN_LIMIT, with is_over set, if
 * the state becomes too large; FIRN_NO_SPACE before the file system is full. */

/* Makes a file, and opens it for writing. */
FIRN_MUST_CHECK int fi_import_tree_file(struct fi_import_tree *tree, firn_slice path, int *out_fd,
                                        firn_error *err);
/* Ends it: gives it its attributes and closes fd. */
FIRN_MUST_CHECK int fi_import_tree_file_end(struct fi_import_tree *tree, firn_slice path, int fd,
                                            const struct fi_import_attributes *given,
                                            firn_error *err);
/* Makes a directory, unless there is one. It gets its attributes from fi_import_tree_finish. */
FIRN_MUST_CHECK int fi_import_tree_directory(struct fi_import_tree *tree, firn_slice path,
                                             const struct fi_import_attributes *given,
                                             firn_error *err);
FIRN_MUST_CHECK int fi_import_tree_symlink(struct fi_import_tree *tree, firn_slice path,
                                           firn_slice target,
                                           const struct fi_import_attributes *given,
                                           firn_error *err);
/* Makes a file or a link of what `content` writes, or a directory. Nothing is left of it if that
 * fails. */
FIRN_MUST_CHECK int
fi_import_tree_put(struct fi_import_tree *tree, firn_slice path, enum fi_import_type type,
                   const struct fi_import_attributes *given,
                   int (*content)(void *ctx, firn_write_bytes write, void *to, firn_error *err),
                   void *ctx, firn_error *err);
/* Writes all of it at the offset of the file that was made last. */
FIRN_MUST_CHECK int fi_import_tree_write(struct fi_import_tree *tree, firn_slice path, int fd,
                                         firn_slice data, firn_error *err);
/* Another name of a file that was made before. */
FIRN_MUST_CHECK int fi_import_tree_link(struct fi_import_tree *tree, firn_slice path,
                                        firn_slice target, firn_error *err);
/* Sets the mode of a file, and its time. */
FIRN_MUST_CHECK int fi_import_tree_touch(struct fi_import_tree *tree, firn_slice path,
                                         const struct fi_import_attributes *given, firn_error *err);
/* Removes what is at a path, if anything is, and directories above it that are empty then. An empty
 * path: all of it. */
FIRN_MUST_CHECK int fi_import_tree_remove(struct fi_import_tree *tree, firn_slice path,
                                          firn_error *err);
/* Attributes of a directory, if there is one in the end. */
FIRN_MUST_CHECK int fi_import_tree_stamp(struct fi_import_tree *tree, firn_slice path,
                                         const struct fi_import_attributes *given, firn_error *err);
/* Gives directories their attributes. The last call before the tree is saved. */
FIRN_MUST_CHECK int fi_import_tree_finish(struct fi_import_tree *tree, firn_error *err);

/* Whether anything is at a path. */
bool fi_import_tree_has(struct fi_import_tree *tree, firn_slice path);

/* ---- what a state has and its tree has not ---- */

struct fi_import_gap {
    uint8_t *path;
    size_t size;
    /* entries that the source has lost, there and below; 0: it is left out on purpose */
    uint64_t lost;
};

/* A zeroed one is empty. */
struct fi_import_gaps {
    struct fi_import_gap *list;
    size_t count;
    size_t capacity;
    bool is_too_many; /* not even directories can stand for all of them */
    bool is_broken;   /* there was no memory */
};

/* Notes a path that is not in the tree; an empty one if the place is not known. lost is as in
 * fi_import_gap: the source may have these entries again later. */
void fi_import_gaps_add(struct fi_import_gaps *gaps, firn_slice path, uint64_t lost);
/* Forgets a path and all below it; with an empty path everything. */
void fi_import_gaps_clear(struct fi_import_gaps *gaps, firn_slice path);
/* How many entries are lost. */
uint64_t fi_import_gaps_lost(const struct fi_import_gaps *gaps);
/* As a save takes them; *out is to be freed, and NULL if there are none. *out_is_coarse:
 * directories stand for what is missing in them. FIRN_CORRUPT if even then there are too many;
 * FIRN_NO_MEMORY, also for what could not be noted. */
FIRN_MUST_CHECK int fi_import_gaps_list(const struct fi_import_gaps *gaps, firn_workspace_gap **out,
                                        size_t *out_count, bool *out_is_coarse, firn_error *err);
void fi_import_gaps_deinit(struct fi_import_gaps *gaps);

/* ---- checkpoints of such a tree ---- */

/* A name that the workspace has. */
struct fi_import_tag {
    char *name;
    uint64_t lost; /* entries that its checkpoint lacks because the source had lost them */
};

/* What an import has added to the history. */
struct fi_import_target_sum {
    uint64_t made;         /* states that got a checkpoint; of an archive its entries */
    uint64_t completed;    /* states that had lost something and got another checkpoint */
    uint64_t first_number; /* of the checkpoints; 0: there is none */
    uint64_t last_number;
};

struct fi_import_target {
    struct fi_cli *cli;
    firn_workspace *workspace;
    struct fi_task_notices notices;
    struct fi_import_tag *tags; /* by name */
    size_t tag_count;
    size_t tag_capacity;
    bool has_old; /* there were checkpoints before */
    struct fi_import_target_sum sum;
    uint64_t had;    /* states that were there already, the completed ones among them */
    uint64_t failed; /* states that are lost */
    bool is_grouped; /* checkpoints become durable together, some hundred at a time */
    bool has_group;  /* one has begun */
    struct fi_import_target_sum durable; /* with has_group: the sum before the group */
    struct fi_import_gaps gaps;          /* of the state that is made */
    const char *one;                     /* foreign state */
    const char *many;
    uint64_t total;       /* of them; set by the caller */
    char *before;         /* the tag of the last state that was added or had; NULL: none */
    uint64_t entries;     /* of the state that is made */
    uint64_t entries_max; /* 0: bounded by the input */
    struct fi_import_tree_space space;
};

/* For importers whose states may name one directory in many places, so that a small input makes a
 * large tree: the option --max-entries, which fi_import_target_run reads, and its default. */
enum { FI_IMPORT_TARGET_ENTRIES_MAX = 1000000 };
#define FI_IMPORT_TARGET_ENTRIES_OPTION                                                        \
    {                                                                                          \
        "max-entries", 0, "N", "stop at one with more files and directories (default 1000000)" \
    }
/* The option --rules. */
#define FI_IMPORT_TARGET_RULES_OPTION                                               \
    {                                                                               \
        "rules", 0, NULL, "leave out what the .firnignore files of a state exclude" \
    }
/* The option --max-bytes, and its default. */
#define FI_IMPORT_TARGET_BYTES_MAX (UINT64_C(1) << 40)
#define FI_IMPORT_TARGET_BYTES_OPTION                                        \
    {                                                                        \
        "max-bytes", 0, "SIZE", "stop at one with larger files (default 1T)" \
    }
/* Reads the option, for a command that does not use fi_import_target_run. Returns an exit
 * code. */
int fi_import_target_bytes(struct fi_cli *cli, uint64_t *out);
/* Counts an entry of the state that is made, and shows how far it has come. FIRN_LIMIT beyond the
 * most. */
FIRN_MUST_CHECK int fi_import_target_entry(struct fi_import_target *target, firn_error *err);

/* Opens the workspace that the command line names. Returns an exit code. *target is to be closed in
 * any case. */
int fi_import_target_open(struct fi_import_target *target, struct fi_cli *cli);
void fi_import_target_close(struct fi_import_target *target);
/* "2026-11-20T14:00:03.123456789+01:00" since 1970; 0 if it is no time, or before. */
int64_t fi_import_target_time_of(firn_slice text);
/* Makes the tree, which is empty, that of the state before. *out_has is false if there is none, or
 * it cannot be restored: then the tree is empty still. */
FIRN_MUST_CHECK int fi_import_target_begin(struct fi_import_target *target,
                                           struct fi_import_tree *tree, bool *out_has,
                                           firn_error *err);
/* Tells of an entry of the state that is made, which could not be brought in, and notes that it is
 * missing there (fi_import_gaps_add). */
void fi_import_target_miss(struct fi_import_target *target, firn_slice path, bool is_lost,
                           const char *text);
/* Tells of something that could not be brought in. */
void fi_import_target_report(struct fi_import_target *target, firn_slice path, const char *format,
                             ...) __attribute__((format(printf, 3, 4)));

struct fi_import_state {
    firn_slice message;
    int64_t created_ns; /* 0: now */
    const char *tag;    /* NULL: none */
    bool may_replace;   /* another checkpoint may have the tag */
    bool if_changed;
};
/* Tells of a foreign state, or more than one, that cannot be brought in, and counts it. */
void fi_import_target_lose(struct fi_import_target *target, const char *name,
                           const firn_error *err);
/* Makes a checkpoint of a foreign state, which has a tag and a time, unless it was imported already
 * or nothing is to be made. `make` builds the tree, and sees to target->gaps. If it returns
 * FIRN_CORRUPT, this state is lost: that is told and counted, and others can be added. A state that
 * was imported without what the source had lost is made anew; if less is lost now, it gets another
 * checkpoint, and that the tag. FIRN_CANCELLED after a signal. */
FIRN_MUST_CHECK int fi_import_target_add(struct fi_import_target *target,
                                         struct fi_import_tree *tree,
                                         const struct fi_import_state *state,
                                         int (*make)(void *ctx, firn_error *err), void *ctx,
                                         firn_error *err);
/* Saves the tree as a checkpoint, and tags it. *out is to be released (checkpoint). */
FIRN_MUST_CHECK int fi_import_target_save(struct fi_import_target *target,
                                          struct fi_import_tree *tree,
                                          const struct fi_import_state *state,
                                          firn_workspace_save_result *out, firn_error *err);
/* Shows how far it has come, and asks whether to go on: FIRN_CANCELLED after a signal. */
FIRN_MUST_CHECK int fi_import_target_go_on(const char *phase, uint64_t done, uint64_t total,
                                           firn_error *err);
/* Opens the target, imports, says what was imported ("231 commits imported, as 1 to 231") and what
 * stopped it, and closes the target. Returns an exit code. hint may be NULL: it is shown if nothing
 * was found. */
int fi_import_target_run(struct fi_import_target *target, struct fi_cli *cli, const char *one,
                         const char *many, int (*import)(void *ctx, firn_error *err), void *ctx,
                         const char *hint);

/* ---- stores of chkpt ---- */

struct fi_import_bitcode_entry {
    firn_slice name;     /* borrowed from what was decoded */
    uint8_t kind;        /* 0 file, 1 directory, 2 link */
    const uint8_t *hash; /* of the struct */
    uint64_t size;
    uint32_t mode;
};

struct fi_import_bitcode {
    struct fi_import_bitcode_entry *entries;
    size_t count;
    uint8_t *hashes;
};

/* Decodes a directory. FIRN_CORRUPT if it is none. */
FIRN_MUST_CHECK int fi_import_bitcode_read(firn_slice bytes, size_t hash_size,
                                           struct fi_import_bitcode *out, firn_error *err);
void fi_import_bitcode_deinit(struct fi_import_bitcode *decoded);

enum { FI_IMPORT_CHKL_HASH_SIZE = 16 };
struct fi_import_chkl;

/* Opens all packs of chkpt 0.3 in a directory. What of them cannot be read is told. */
FIRN_MUST_CHECK int fi_import_chkl_open(int folder,
                                        void (*tell)(void *ctx, const char *name, const char *text),
                                        void *ctx, struct fi_import_chkl **out, firn_error *err);
/* NULL is allowed. */
void fi_import_chkl_close(struct fi_import_chkl *set);
/* Decodes an object in bounded memory; what was written counts only if FIRN_OK is returned.
 * FIRN_NOT_FOUND, FIRN_CORRUPT. */
FIRN_MUST_CHECK int fi_import_chkl_stream(struct fi_import_chkl *set, const uint8_t *hash,
                                          firn_write_bytes write, void *ctx, firn_error *err);
/* Whether it is the hash of these bytes. */
bool fi_import_chkl_is_hash(const uint8_t *hash, firn_slice bytes);

/* ---- snapshots of restic ---- */

enum { FI_IMPORT_SNAPSHOTS_MESSAGE_SIZE = 4096 };

struct json_t;

struct fi_import_snapshots {
    struct json_t *list;
    size_t count;
};

/* Texts are borrowed from the list. */
struct fi_import_snapshot {
    const char *id; /* 64 hexadecimal digits */
    const char *tree;
    const char *path;   /* if there is one path; else NULL */
    int64_t created_ns; /* 0: unknown */
    char message[FI_IMPORT_SNAPSHOTS_MESSAGE_SIZE];
};

/* Reads what restic prints; *out_size of `read` is 0 at the end. FIRN_CORRUPT if it is no list of
 * snapshots. */
FIRN_MUST_CHECK int fi_import_snapshots_read(struct fi_import_snapshots *snapshots,
                                             int (*read)(void *ctx, uint8_t *data, size_t size,
                                                         size_t *out_size, firn_error *err),
                                             void *ctx, firn_error *err);
void fi_import_snapshots_get(const struct fi_import_snapshots *snapshots, size_t i,
                             struct fi_import_snapshot *out);
/* Fine on a zeroed one. */
void fi_import_snapshots_deinit(struct fi_import_snapshots *snapshots);

/* ---- other programs ---- */

/* The caller frees data. */
struct fi_import_process_text {
    char *data;
    size_t size;
    size_t capacity;
};

struct fi_import_process {
    const char *name;
    pid_t pid; /* -1 or 0: none */
    int in;    /* its standard input; -1: that is empty */
    int out;
    bool has_ended; /* its output has */
    uint8_t *buffer;
    size_t at;
    size_t filled;
    struct fi_import_process_text answer; /* the first line of the last one, and its end */
};

/* Starts one that is found in PATH; arguments end with NULL, and the first is its name. is_asked:
 * it has an input. FIRN_UNSUPPORTED if there is none. */
FIRN_MUST_CHECK int fi_import_process_start(struct fi_import_process *process,
                                            const char *const *arguments, bool is_asked,
                                            firn_error *err);
/* Reads up to size bytes of its output; *out_size is 0 at the end. */
FIRN_MUST_CHECK int fi_import_process_read(struct fi_import_process *process, uint8_t *data,
                                           size_t size, size_t *out_size, firn_error *err);
/* Writes so many bytes of its output; FIRN_CORRUPT if there are less. */
FIRN_MUST_CHECK int fi_import_process_copy(struct fi_import_process *process, uint64_t size,
                                           firn_write_bytes write, void *to, firn_error *err);
/* Appends its output up to a byte, that included, and a NUL that is not counted. FIRN_CORRUPT if it
 * ends before. */
FIRN_MUST_CHECK int fi_import_process_until(struct fi_import_process *process, char last,
                                            struct fi_import_process_text *text, firn_error *err);
/* Asks a program that answers as long as it is asked, which is started if it does not run or its
 * output has ended. Reads the first line into process->answer. FIRN_CORRUPT if the output ends
 * before. */
FIRN_MUST_CHECK int fi_import_process_query(struct fi_import_process *process,
                                            const char *const *arguments, const char *question,
                                            firn_error *err);
/* Closes its pipes and waits for it. A failure of the program is one. Fine after a start that
 * failed, and on a zeroed one. */
int fi_import_process_end(struct fi_import_process *process, firn_error *err);

/* ---- tar archives ---- */

enum {
    FI_IMPORT_TAR_BLOCK = 512,
    FI_IMPORT_TAR_PAX_MAX = 4 << 20, /* of extended headers */
    FI_IMPORT_TAR_SEGMENTS_MAX = 1 << 20
};

/* Times of entries beyond it, before and after 1970, become it. */
#define FI_IMPORT_TAR_SECONDS_MOST ((uint64_t)(INT64_MAX / 1000000000) - 1)

struct fi_import_tar_segment {
    uint64_t offset;
    uint64_t size;
};

struct fi_import_tar_text {
    char *data;
    size_t size;
    size_t capacity;
};

/* A reader. Set up by the caller: read, ctx, tell; the rest zero. */
struct fi_import_tar {
    /* Reads up to size bytes; *out_size is 0 at the end. Returns a code. */
    int (*read)(void *ctx, uint8_t *data, size_t size, size_t *out_size, firn_error *err);
    /* Something in the archive is wrong or not supported; path may be empty. */
    void (*tell)(void *ctx, firn_slice path, const char *text);
    void *ctx;
    uint64_t at;    /* in the archive */
    uint64_t holes; /* bytes of holes that were taken from it so far */
    uint64_t left;  /* of the entry's data */
    uint64_t padding;
    bool is_truncated;
    uint8_t block[FI_IMPORT_TAR_BLOCK];
    struct fi_import_tar_text global; /* records of pax: NUL-terminated pairs */
    struct fi_import_tar_text local;
    struct fi_import_tar_text path;
    struct fi_import_tar_text target;
    struct fi_import_tar_text xattrs;
    struct fi_import_tar_segment *segments;
    size_t segment_count;
    size_t segment_capacity;
};

/* Borrowed from the reader until the next call. */
struct fi_import_tar_entry {
    enum fi_import_type type;
    firn_slice path; /* without a "./" before it, or slashes at its end; empty: the root */
    firn_slice target;
    uint64_t size;  /* of a file, holes included */
    bool is_sparse; /* its data are the segments; else it is one */
    struct fi_import_attributes attributes;
};

/* Reads on to the next entry that can be imported; others are told of. *out_is_end after the
 * last. */
FIRN_MUST_CHECK int fi_import_tar_next(struct fi_import_tar *tar, struct fi_import_tar_entry *out,
                                       bool *out_is_end, firn_error *err);
/* Reads data of the entry; *out_size is 0 at its end, or at that of the archive (is_truncated). */
FIRN_MUST_CHECK int fi_import_tar_read(struct fi_import_tar *tar, uint8_t *data, size_t size,
                                       size_t *out_size, firn_error *err);
void fi_import_tar_deinit(struct fi_import_tar *tar);

/* Passes on a message of a reader, and notes the entry that is missing for it; with an empty path,
 * that an unknown one is lost. */
void fi_import_unpack_report(struct fi_import_target *target, firn_slice path, const char *name,
                             const char *text);
/* Puts the archive into a tree, and notes in target->gaps what does not come in. ctx of the reader
 * is kept. Returns a code. */
FIRN_MUST_CHECK int fi_import_unpack_tar(struct fi_import_tar *tar, struct fi_import_target *target,
                                         struct fi_import_tree *tree, firn_error *err);

#endif
