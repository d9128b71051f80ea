/* SPDX-License-Identifier: Apache-2.0
 *
 * base/budget.h: how much work a structure from elsewhere may cause.
 *
 * The bytes of a foreign store may name one thing in many places, or decompress to a million times
 * their size. So what reads such a store earns work for the bytes that it reads for the first time,
 * and spends it for all that it does. Work is counted in units of about a nanosecond.
 *
 * A budget may be NULL: then nothing is limited, and nothing fails. Any thread.
 */
#ifndef FIRN_BASE_BUDGET_H
#define FIRN_BASE_BUDGET_H

#include <stdatomic.h>
#include <stdint.h>

#include "base/error.h"

enum {
    FI_BUDGET_FREE = 1 << 28,        /* work that is free */
    FI_BUDGET_FOR_BYTE = 1 << 12,    /* work for each byte that was read */
    FI_BUDGET_MEMORY_MAX = 24 << 20, /* bytes held at a time */
    /* What things cost. */
    FI_BUDGET_OBJECT = 5000, /* to look up an object, besides its bytes */
    FI_BUDGET_ENTRY = 100,   /* to decode an entry of a directory */
    FI_BUDGET_VISIT = 2500,  /* to do something about an entry, besides its path */
    FI_BUDGET_PATH_BYTE = 16 /* for each byte of a path, which is mostly shown */
};

/* A zeroed struct is fresh. */
struct fi_budget {
    _Atomic uint64_t earned; /* bytes */
    _Atomic uint64_t spent;
    _Atomic uint64_t held;
    const char *whose; /* what errors name, such as "the remote"; NULL: a store */
};

/* Notes bytes that were read for the first time. */
void fi_budget_earn(struct fi_budget *budget, uint64_t bytes);
/* FIRN_LIMIT if that is more than was earned, and at every later call until renew. */
FIRN_MUST_CHECK int fi_budget_spend(struct fi_budget *budget, uint64_t work, firn_error *err);
/* Begins another operation: what was earned stays, what was spent is forgotten. */
void fi_budget_renew(struct fi_budget *budget);
/* Sets *held, the bytes that a part of the operation holds in memory, to `bytes`. FIRN_LIMIT if all
 * parts together have more than FI_BUDGET_MEMORY_MAX; *held is set all the same. */
FIRN_MUST_CHECK int fi_budget_hold(struct fi_budget *budget, uint64_t *held, uint64_t bytes,
                                   firn_error *err);
void fi_budget_release(struct fi_budget *budget, uint64_t *held);
/* What it costs to visit an entry with a path of so many bytes. */
static inline uint64_t
fi_budget_visit(uint64_t path_size)
{
    return FI_BUDGET_VISIT + FI_BUDGET_PATH_BYTE * path_size;
}

#endif
