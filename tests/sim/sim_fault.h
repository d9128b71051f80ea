/* SPDX-License-Identifier: Apache-2.0
 *
 * sim/sim_fault.h: wraps another implementation of the seam and makes its calls fail, for tests.
 *
 * Every call but closing, unlocking, hints, clocks and ids is counted. The plan says which one goes
 * wrong, and how. Where the inner machine is the one in memory (sim_memory.h), a sync that fails
 * also loses what it should have made durable, as kernels do; jobs and mutexes are the inner one's.
 *
 * Calls may come from several threads; plan and hook are set while none is under way.
 */
#ifndef FIRN_SIM_SIM_FAULT_H
#define FIRN_SIM_SIM_FAULT_H

#include "os/os.h"

enum fi_sim_fault_class {
    FI_SIM_FAULT_OPENS = 1,     /* of directories and files */
    FI_SIM_FAULT_READS = 2,     /* of contents, lists, links, attributes */
    FI_SIM_FAULT_WRITES = 4,    /* of contents and sizes */
    FI_SIM_FAULT_SYNCS = 8,     /* of files, directories, file systems */
    FI_SIM_FAULT_METADATA = 16, /* names, modes, owners, times, extended attributes, locks */
    FI_SIM_FAULT_RANDOM = 32,   /* random bytes */
    FI_SIM_FAULT_ALL = 63
};

enum fi_sim_fault_kind {
    FI_SIM_FAULT_FAILS, /* does nothing and fails */
    FI_SIM_FAULT_SHORT, /* a read or write moves half of what was asked, and says so */
    FI_SIM_FAULT_TORN   /* a write writes half and fails; others fail */
};

struct fi_sim_fault_plan {
    uint64_t call;    /* which of the calls of these classes, from 1; 0: none */
    bool for_ever;    /* and all after it */
    unsigned classes; /* of enum fi_sim_fault_class */
    enum fi_sim_fault_kind kind;
    int error_number; /* EIO, ENOSPC, …; not EINTR for ever, which never ends */
};

/* inner must outlive it, and every handle must have been closed when it is destroyed. No plan at
 * first. */
FIRN_MUST_CHECK int fi_sim_fault_create(struct fi_os *inner, struct fi_os **out, firn_error *err);
/* NULL is fine. */
void fi_sim_fault_destroy(struct fi_os *os);

/* Sets the plan and counts from zero. NULL: counts calls of all classes and lets them pass. */
void fi_sim_fault_set_plan(struct fi_os *os, const struct fi_sim_fault_plan *plan);
/* Calls of the plan's classes since it was set. */
uint64_t fi_sim_fault_calls(struct fi_os *os);
/* How many of them went wrong. */
uint64_t fi_sim_fault_hits(struct fi_os *os);

/* A call that is about to be made. */
struct fi_sim_fault_call {
    uint64_t number; /* of all calls since the hook was set, from 1 */
    enum fi_sim_fault_class kind;
    const char *operation; /* the entry of os_ops.h: "file_write", "rename" */
    const char *name;      /* of the file or entry, as opened; NULL for a directory itself */
};
/* Calls hook before every call, on the thread that makes it, so that a test can change things
 * below a caller at exactly that moment, or be late by sleeping. It may use the inner machine,
 * and this one: those calls do not come to the hook. NULL: none. */
void fi_sim_fault_set_hook(struct fi_os *os,
                           void (*hook)(void *ctx, const struct fi_sim_fault_call *call),
                           void *ctx);

#endif
