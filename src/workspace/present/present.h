/* SPDX-License-Identifier: Apache-2.0
 *
 * present/present.h: what is in the workspace now: saving it as a checkpoint, and comparing it with
 * one.
 */
#ifndef FIRN_PRESENT_PRESENT_H
#define FIRN_PRESENT_PRESENT_H

#include <stdatomic.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/error.h"
#include "base/hash_map.h"
#include "catalog/catalog.h"
#include "checkout/checkout.h"
#include "difference/difference.h"
#include "firn/workspace.h"
#include "handle/ws_opened.h"
#include "repository/repository.h"
#include "scan/scan.h"

struct fi_statcache;
struct fi_watchlink;

/* ==== the tree of a save (ws_save_tree.c) ==== */

/* One save, normal or safety, of an opened workspace. message is borrowed. */
struct fi_ws_save_request {
    firn_slice message;
    firn_workspace_turn turn; /* a turn that has ended; its agent is empty if there is none */
    int64_t turn_begun_ns;    /* 0: not known */
    firn_workspace_run run;   /* a command that has ended; empty if there is none */
    bool is_safety;
    bool include_deps;
    bool gitignore;
    const struct fi_rules_list *stored_rules; /* see scan.h; may be NULL */
    bool strict;
    uint64_t file_size_max; /* see scan.h */
    bool is_full;           /* the stat cache is not used */
    bool is_to_be_compared; /* compared between scan and seal */
    unsigned threads;
    const char *tree_path; /* the directory to scan; NULL: the workspace's root */
    bool no_rules;         /* see scan.h, also for gaps */
    const firn_workspace_gap *gaps;
    size_t gap_count;
    int64_t created_ns; /* 0: now */
    firn_callbacks callbacks;
    const struct fi_catalog_joint *joint; /* other parts of the commit; may be NULL */
    struct fi_watchlink *watched;         /* the watch's report of what to visit; may be NULL */
    struct fi_ws_group *group;            /* the scan goes into its session; NULL: its own */
    bool with_repositories;               /* those of git, too; not with tree_path or a group */
    const struct fi_buf *repositories;    /* paths of more of them, each with a NUL; may be NULL */
};

/* Saves that become durable together (operations/ws_group.c), as far as their trees know of it. */
struct fi_ws_group {
    struct fi_ws_opened opened;
    struct fi_objects_session *session;      /* of all of them */
    struct fi_objects_treesink *fresh;       /* their new directories */
    struct fi_tree_source trees;             /* these, and those in the store */
    struct firn_db_batch *batch;             /* records and tags */
    uint8_t last[FI_CATALOG_RECORD_ID_SIZE]; /* id of the checkpoint before the next; zeros: none */
    uint64_t count;
    atomic_uint_fast64_t tree_bytes; /* of new directories; lanes add to it: relaxed */
    bool is_broken;                  /* a save failed: nothing is committed */
};

/* The tree of the newest checkpoint, for a scan; *out is zeros if there is none. */
FIRN_MUST_CHECK int fi_ws_save_tree_last(struct fi_ws_opened *opened, struct fi_scan_last *out,
                                         firn_error *err);
/* The result of a scan into the store; its root's attributes are owned by scan. */
struct fi_ws_save_tree {
    struct fi_scan_result scan;
    uint64_t added_bytes;
    bool records_were_packed;
    bool has_rules;
    firn_hash rules; /* of the rules object; zeros if there is none */
    bool has_repositories;
    bool repositories_differ; /* from those of the newest checkpoint */
    firn_hash repositories;   /* the object of their directory; zeros if there are none */
    /* Until it is sealed: */
    struct fi_objects_session *session;
    struct fi_statcache *stat;
    struct fi_statcache *repository_stats[FI_REPOSITORY_PARTS]; /* NULL if they were not scanned */
    struct fi_objects_treesink *fresh;                          /* NULL unless is_to_be_compared */
    struct fi_ws_group *group; /* owns session and fresh; NULL: the tree does */
};
/* Scans the workspace and puts what is new into a sealed pack. The caller releases *out with
 * fi_scan_result_deinit(&out->scan), also after a failure. */
FIRN_MUST_CHECK int fi_ws_save_tree(struct fi_ws_opened *opened,
                                    const struct fi_ws_save_request *request,
                                    struct fi_ws_save_tree *out, firn_error *err);
/* The two halves of fi_ws_save_tree. If the caller releases the tree between them, with
 * fi_ws_save_tree_deinit, nothing was saved. After the second half, even if it failed, the tree
 * is released with that function or as above. */
FIRN_MUST_CHECK int fi_ws_save_tree_scan(struct fi_ws_opened *opened,
                                         const struct fi_ws_save_request *request,
                                         struct fi_ws_save_tree *out, firn_error *err);
FIRN_MUST_CHECK int fi_ws_save_tree_seal(struct fi_ws_opened *opened, struct fi_ws_save_tree *tree,
                                         firn_error *err);
void fi_ws_save_tree_deinit(struct fi_ws_save_tree *tree);
/* Copies the records of earlier checkpoints that are in no pack into that of a session, if it will
 * be one. */
FIRN_MUST_CHECK int fi_ws_save_tree_pack_records(struct fi_ws_opened *opened,
                                                 struct fi_objects_session *session,
                                                 bool *out_packed, firn_error *err);
/* Whether all of a scanned tree is in the store already. */
bool fi_ws_save_tree_is_stored(const struct fi_ws_save_tree *tree);
/* The directories of a scanned tree. Requires: is_to_be_compared was set, and the tree is not
 * sealed. stored reads the directories that are in the store. */
struct fi_tree_source fi_ws_save_tree_source(struct fi_ws_save_tree *tree,
                                             const struct fi_tree_source *stored);

/* ==== the repositories of a save (ws_save_repositories.c) ==== */

/* Which repositories a scan of the workspace met. */
struct fi_ws_save_repositories {
    firn_callbacks outer;
    struct fi_buf paths;  /* each with a NUL */
    struct fi_buf asides; /* paths of what may be a repository under another name, likewise */
    uint64_t files;       /* of the progress that was reported last */
    uint64_t bytes;
    uint64_t lost;  /* entries that the scan that runs could not save */
    bool is_saved;  /* they are not left out, and no notice says so */
    bool is_full;   /* the stat caches are not used, nor the objects of a checkpoint trusted */
    bool is_repeat; /* the scan is one of several of the same */
    bool is_out_of_memory;
};

/* Fills *out_callbacks for a scan (NULL: none): entries .git are noted, everything is passed on to
 * outer, unless is_saved is set then.
 * *repositories must not move before deinit. */
void fi_ws_save_repositories_init(struct fi_ws_save_repositories *repositories,
                                  const firn_callbacks *outer, firn_callbacks *out_callbacks);
void fi_ws_save_repositories_deinit(struct fi_ws_save_repositories *repositories);
/* After the scan of the workspace: says of which repositories nothing can be kept. */
void fi_ws_save_repositories_tell(const struct fi_ws_save_repositories *repositories,
                                  struct fi_os_dir *root);
/* Scans the repositories that were noted, by scans into the sink of the tree's session; sets the
 * fields of *tree. options are those of the scan of the workspace. */
FIRN_MUST_CHECK int fi_ws_save_repositories_scan(struct fi_ws_save_repositories *repositories,
                                                 struct fi_ws_opened *opened,
                                                 const struct fi_scan_options *options,
                                                 const struct fi_objects_sink *sink,
                                                 struct fi_ws_save_tree *tree, firn_error *err);

/* Notes a repository that may be there. */
FIRN_MUST_CHECK int fi_ws_save_repositories_add(struct fi_ws_save_repositories *repositories,
                                                firn_slice path, firn_error *err);
/* The state of the repositories that were noted, as it is now; its directories go into the
 * treesink, nothing into the store. */
FIRN_MUST_CHECK int fi_ws_save_repositories_look(struct fi_ws_save_repositories *repositories,
                                                 struct fi_ws_opened *opened, unsigned threads,
                                                 struct fi_objects_treesink *treesink,
                                                 firn_hash *out, firn_error *err);

/* ==== the record of a save (ws_save_record.c) ==== */

/* Makes the record of a checkpoint of that tree, without a parent. *out borrows from tree, request
 * and ws. */
FIRN_MUST_CHECK int fi_ws_save_record_make(struct firn_ws *ws, struct fi_ws_opened *opened,
                                           const struct fi_ws_save_request *request,
                                           const struct fi_ws_save_tree *tree,
                                           struct fi_catalog_record *out, firn_error *err);
/* Commits a checkpoint of that tree. *out borrows from tree, request and ws. */
FIRN_MUST_CHECK int fi_ws_save_record(struct firn_ws *ws, struct fi_ws_opened *opened,
                                      const struct fi_ws_save_request *request,
                                      const struct fi_ws_save_tree *tree,
                                      struct fi_catalog_record *out, firn_error *err);

/* ==== what a safety checkpoint lacks (ws_restore_unsaved.c) ==== */

/* Which entries a safety checkpoint lacks, or has without some of their attributes, because they
 * could not be read. */

struct fi_ws_restore_unsaved {
    firn_callbacks outer;
    struct fi_hash_map paths; /* of entries that are not saved, or not whole, for lack of access */
    struct fi_buf excluded;   /* uint64_t each: hashes of the paths that rules leave out */
    /* the same, of the directories that hold what is left out; each at least once */
    struct fi_buf holders;
    uint64_t last_holder; /* 0: none */
    bool is_sorted;       /* both */
    struct fi_arena arena;
    bool is_out_of_memory;
};

/* Fills *out_callbacks for a scan: notices are recorded and passed on to outer. *unsaved must not
 * move before deinit. */
void fi_ws_restore_unsaved_init(struct fi_ws_restore_unsaved *unsaved, const firn_callbacks *outer,
                                firn_callbacks *out_callbacks);
void fi_ws_restore_unsaved_deinit(struct fi_ws_restore_unsaved *unsaved);
/* FIRN_NO_MEMORY if a path could not be recorded. */
FIRN_MUST_CHECK int fi_ws_restore_unsaved_check(const struct fi_ws_restore_unsaved *unsaved,
                                                firn_error *err);
/* A callback for fi_checkout_options. Requires: the scan is over; one thread at a time. */
enum fi_checkout_unsaved fi_ws_restore_unsaved_why(void *ctx, firn_slice path, size_t *out_size);
bool fi_ws_restore_unsaved_holds(void *ctx, firn_slice dir);

/* ==== comparing with a checkpoint (ws_compare.c) ==== */

/* A checkpoint and the present disk as the two sides of a difference; nothing is stored. */

struct fi_ws_compare {
    struct fi_ws_rules rules; /* of the checkpoint */
    struct fi_objects_treesink *treesink;
    struct fi_tree_source now;
    struct fi_scan_result scan;
    struct fi_difference_walk_side checkpoint_side; /* borrows the record's root */
    struct fi_difference_walk_side disk_side;
    bool is_watched; /* a watch has answered */

    struct fi_ws_restore_unsaved unsaved; /* of a restore: what the scan left out */
    firn_callbacks callbacks;
    struct fi_os_dir *root; /* borrowed */

    /* Unless it is for a restore: the last look at such an entry. */
    struct fi_os_dir *dir; /* of dir_path, if has_dir; NULL: it does not exist */
    struct fi_buf dir_path;
    bool has_dir;
    struct fi_buf told; /* the excluded entry that was reported last */
};

struct fi_ws_compare_options {
    unsigned threads;
    struct fi_ws_rules_today today;
    const firn_callbacks *callbacks;
    bool names_only; /* as in fi_scan_options */
    /* As a restore would: what the rules of the checkpoint exclude is missing too, and what those
     * of a second one do, unless that is NULL. */
    bool is_for_restore;
    const struct fi_catalog_record *second;
};

/* Scans the disk as a save would now, with the options of the checkpoint: what today's rules
 * exclude is missing on the disk's side (fi_ws_compare_is_left_alone). *out must not move; the
 * caller deinits it, also after a failure. record is borrowed. */
FIRN_MUST_CHECK int fi_ws_compare_init(struct fi_ws_compare *out, struct firn_ws *ws,
                                       struct fi_ws_opened *opened,
                                       const struct fi_catalog_record *record,
                                       const struct fi_ws_compare_options *options,
                                       firn_error *err);
void fi_ws_compare_deinit(struct fi_ws_compare *compare);
/* Whether a change is none, because the entry is on the disk, and only missing on its side because
 * today's rules exclude it. Requires: it is not for a restore; the scan is over; one thread at a
 * time. */
FIRN_MUST_CHECK int fi_ws_compare_is_left_alone(struct fi_ws_compare *compare,
                                                const struct fi_difference_walk_change *change,
                                                bool *out, firn_error *err);
/* Reports such an entry (FIRN_NOTICE_LEFT_ALONE): once for the topmost one that rules exclude.
 * Requires: the changes come in the order of a walk. */
FIRN_MUST_CHECK int fi_ws_compare_report_left_alone(struct fi_ws_compare *compare, firn_slice path,
                                                    firn_error *err);

#endif
