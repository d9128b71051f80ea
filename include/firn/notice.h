/* SPDX-License-Identifier: Apache-2.0
 *
 * firn/notice.h: functions of the program that the library calls (callbacks); what a long operation
 * reports while it runs: progress, and notices.
 *
 * Callbacks
 * - The first argument of every callback is a ctx. Callbacks that are arguments of a call are followed by
 *   their ctx. Callbacks that are members of options get callbacks.ctx of these options, or their ctx if they
 *   have no member `callbacks`. The options of long operations have it.
 * - If a callback returns anything but FIRN_OK, the call ends and returns that value, unless the comment of the
 *   callback says otherwise. (After on_progress it returns FIRN_CANCELLED; after on_tick of a watch, FIRN_OK.)
 *   A callback that returns nothing cannot end the call.
 * - A callback that does work which may fail (it reads, writes or copies, or is the work of a transaction) also
 *   gets an error, as its last argument: it is never NULL, and may be filled.
 * - The other arguments are borrowed until the callback returns.
 *
 * Requires of every callback: it returns. It must not throw an exception, call longjmp, or end its thread:
 * the stack of libfirn cannot be unwound. (firn.hpp catches what functions of its caller throw.)
 */
#ifndef FIRN_NOTICE_H
#define FIRN_NOTICE_H

#include <stdbool.h>

#include "types.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum firn_notice_kind {
    FIRN_NOTICE_EXCLUDED = 1,   /* left out by a rule; one notice for the topmost entry */
    FIRN_NOTICE_SPECIAL = 2,    /* fifo, socket or device: skipped */
    FIRN_NOTICE_UNREADABLE = 3, /* could not be read: left out of the checkpoint */
    FIRN_NOTICE_CHANGING = 4,   /* changed in place during every attempt to read it: left out */
    FIRN_NOTICE_VANISHED = 5,   /* disappeared while it was being read */
    FIRN_NOTICE_METADATA = 6,   /* restored, but an owner, mode or attribute could not be set */
    /* A directory had to stay because it contains excluded entries; or an entry that was changed
     * during a restore was kept, under the name that the text gives if its own was taken. */
    FIRN_NOTICE_KEPT = 7,
    FIRN_NOTICE_DAMAGED = 8,  /* damage found by a check */
    FIRN_NOTICE_BAD_RULE = 9, /* a line of a rule file, or the whole file, is not used */
    FIRN_NOTICE_RESUMED = 10, /* an interrupted restore was finished or rolled back first */
    /* A firn store in the tree that cannot be opened or lacks files: saved as plain files, which may
     * not be consistent with each other. */
    FIRN_NOTICE_STORE = 11,
    FIRN_NOTICE_SETTINGS = 12, /* a settings file that cannot be read: it is ignored */
    /* An interrupted restore that was not begun here: left alone. Of a check: a file among those of a
     * remote that does not belong there. */
    FIRN_NOTICE_FOREIGN = 13,
    /* A restore would have changed it, but today's rules exclude it: left as it is. Of a comparison with
     * the disk: the checkpoint has it, and so has the disk, but today's rules exclude it: not compared. One
     * notice for the topmost excluded entry. */
    FIRN_NOTICE_LEFT_ALONE = 14,
    FIRN_NOTICE_NOT_RESTORED = 15, /* a restore had to leave it as it is: the text says why */
    /* An entry of a checkpoint that a restore neither writes nor removes, because its name belongs to
     * version control or to firn: .git, .hg, .svn, .jj, .bzr, .firn. */
    FIRN_NOTICE_RESERVED = 16,
    FIRN_NOTICE_GROWING = 17, /* appended to while it was read: saved up to its size at the start */
    /* Could not be read, or changed in place: the checkpoint keeps the previous checkpoint's entry. */
    FIRN_NOTICE_CARRIED = 18,
    FIRN_NOTICE_NEWER = 19, /* part of a store that a newer firn wrote: neither sound nor damaged */
    /* Its time is outside of the years 1677 to 2262: saved with the nearer end of that range. */
    FIRN_NOTICE_DATE = 20,
    /* An SQLite database in use that could not be copied in one state: saved as plain files, which may
     * not be consistent with each other. */
    FIRN_NOTICE_SQLITE = 21,
    /* A git repository in the workspace, and what happened to it: "branch main moved 2ba247b → 91ac0de",
     * "missing". */
    FIRN_NOTICE_REPOSITORY = 22
} firn_notice_kind;

/* Borrowed for the duration of the callback. */
typedef struct firn_notice {
    firn_notice_kind kind;
    firn_slice path;        /* may be empty */
    const char *text;       /* one line */
    const char *checkpoint; /* DAMAGED: the id of the checkpoint that lost the path; else NULL */
    bool is_known;    /* EXCLUDED, in a save with marks_told: already reported by the last one */
    bool is_reserved; /* EXCLUDED: its name (.git and the like) is never saved, by any rule */
} firn_notice;

/* The name of a kind ("left alone"), constant; never NULL. Any thread. */
FIRN_API const char *firn_notice_kind_name(firn_notice_kind kind);

/* The phases that operations report, for a table of a program. Later versions may have more. */
#define FIRN_PROGRESS_PHASES                                                                   \
    "scan", "read", "compare", "verify", "write", "sync", "look", "place", "remove", "finish", \
        "refresh", "make", "mark", "count", "wait", "collect", "move", "recompress", "merge",  \
        "check", "packs", "salvage", "send", "fetch"

/* How far a long operation has come. */
typedef struct firn_progress {
    const char *phase; /* one of FIRN_PROGRESS_PHASES, constant */
    uint64_t files_done;
    uint64_t files_total; /* 0 while unknown */
    uint64_t bytes_done;
    uint64_t bytes_total; /* 0 while unknown */
    /* Too late to cancel: the operation completes, and the value that on_progress returns is ignored. */
    bool is_finishing;
} firn_progress;

/* Each function may be NULL. Callbacks may come from any thread of the operation, one at a time. Inside
 * them the thread cannot use handles, neither those of the operation nor others: every function that
 * takes or opens one returns FIRN_MISUSE, and a function without a result does nothing, so a handle that
 * it should close stays open. (Functions that only return a text or a flag of a workspace, like
 * firn_workspace_root, work.) Requires: the callback does not wait for another thread that uses handles
 * of the operation. */
typedef struct firn_callbacks {
    void (*on_notice)(void *ctx, const firn_notice *notice);
    /* Called a few times a second. Returning anything but FIRN_OK cancels the operation, which then
     * fails with FIRN_CANCELLED. */
    int (*on_progress)(void *ctx, const firn_progress *progress);
    void *ctx;
} firn_callbacks;
#define FIRN_CALLBACKS_INIT \
    {                       \
        NULL, NULL, NULL    \
    }

/* Puts the next bytes into buffer, at most `capacity`, and their number into *out_size; 0 means the end. */
typedef int (*firn_read_bytes)(void *ctx, void *buffer, size_t capacity, size_t *out_size,
                               firn_error *err);
/* Takes all of the next bytes. */
typedef int (*firn_write_bytes)(void *ctx, firn_slice bytes, firn_error *err);

#ifdef __cplusplus
}
#endif
#endif
