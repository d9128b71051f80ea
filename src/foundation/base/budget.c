/* SPDX-License-Identifier: Apache-2.0
 *
 * base/budget.c: how much work a structure from elsewhere may cause.
 *
 * (I1) All that is ever spent is at most FI_BUDGET_FREE and FI_BUDGET_FOR_BYTE × the bytes
 * read, and the last thing that was paid for (not checked: it is what spend compares). A compressed
 * byte of a real store stands for a few bytes of a file, or a fifteenth of an entry of a directory:
 * so a command may go over all that it reads some fifty times.
 *
 * The counters are independent of one another, and relaxed: threads that spend at the same time may
 * exceed the limit by one thing each.
 */
#include "base/budget.h"

#include <stddef.h>

#include "base/check.h"

static int
budget_refuse(const struct fi_budget *budget, const char *what, firn_error *err)
{
    const uint64_t earned = atomic_load_explicit(&budget->earned, memory_order_relaxed);
    if (budget->whose != NULL) {
        return fi_error_set(
            err, FIRN_LIMIT,
            "%s asks for far more %s than what was read of it and what is allowed account for",
            budget->whose, what);
    }
    return fi_error_set(
        err, FIRN_LIMIT,
        "the store asks for far more %s than the %llu bytes that were read of it account "
        "for, and it is not known as yours: 'firn trust STORE' lifts this limit",
        what, (unsigned long long)earned);
}

void
fi_budget_earn(struct fi_budget *budget, uint64_t bytes)
{
    if (budget != NULL) {
        atomic_fetch_add_explicit(&budget->earned, bytes, memory_order_relaxed);
    }
}

int
fi_budget_spend(struct fi_budget *budget, uint64_t work, firn_error *err)
{
    if (budget == NULL) {
        return FIRN_OK;
    }
    const uint64_t earned = atomic_load_explicit(&budget->earned, memory_order_relaxed);
    const uint64_t most = earned < UINT64_MAX / 2 / FI_BUDGET_FOR_BYTE
                              ? FI_BUDGET_FREE + earned * FI_BUDGET_FOR_BYTE
                              : UINT64_MAX / 2;
    const uint64_t spent = atomic_load_explicit(&budget->spent, memory_order_relaxed);
    if (work > most || spent > most - work) { /* (I1) */
        atomic_store_explicit(&budget->spent, most + 1, memory_order_relaxed);
        return budget_refuse(budget, "work", err);
    }
    atomic_fetch_add_explicit(&budget->spent, work, memory_order_relaxed);
    return FIRN_OK;
}

void
fi_budget_renew(struct fi_budget *budget)
{
    if (budget != NULL) {
        atomic_store_explicit(&budget->spent, 0, memory_order_relaxed);
    }
}

int
fi_budget_hold(struct fi_budget *budget, uint64_t *held, uint64_t bytes, firn_error *err)
{
    if (budget == NULL) {
        return FIRN_OK;
    }
    fi_budget_release(budget, held);
    const uint64_t before = atomic_fetch_add_explicit(&budget->held, bytes, memory_order_relaxed);
    *held = bytes;
    return before <= FI_BUDGET_MEMORY_MAX && bytes <= FI_BUDGET_MEMORY_MAX - before
               ? FIRN_OK
               : budget_refuse(budget, "memory", err);
}

void
fi_budget_release(struct fi_budget *budget, uint64_t *held)
{
    if (budget != NULL) {
        const uint64_t before =
            atomic_fetch_sub_explicit(&budget->held, *held, memory_order_relaxed);
        DCHECK(before >= *held);
        *held = 0;
    }
}
