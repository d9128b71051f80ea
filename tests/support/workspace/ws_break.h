/* SPDX-License-Identifier: Apache-2.0
 *
 * support/workspace/ws_break.h: an operation on a world in memory, broken at each of its calls of the
 * system, each of its allocations, and each moment of power. Every attempt has a clone of a world
 * that was prepared once; faults begin where the operation begins and end where it ends. In a short
 * run the points are shared out (support/test_share.h).
 */
#ifndef FIRN_TEST_WS_BREAK_H
#define FIRN_TEST_WS_BREAK_H

#include "ws_support.h"

/* How an attempt was broken, and what came of it. */
struct ws_broken {
    uint64_t n;       /* which call, allocation or moment, from 1 */
    uint64_t attempt; /* of the loop, from 0 */
    uint64_t seed;    /* of a power cut: 0 keeps nothing that was not synced */
    int rc;           /* of the operation */
    bool is_cut;      /* the loop is one of power cuts */
    bool was_hit;     /* false: it came to its end before the n-th */
};

struct ws_break {
    const struct ws_world *from;
    /* Before faults begin; may be NULL. */
    void (*begin)(void *ctx, struct ws_world *world);
    /* The operation. After power cuts it may return anything. */
    int (*run)(void *ctx, struct ws_world *world);
    /* What must hold afterwards, without faults; after a power cut with handles anew. */
    void (*judge)(void *ctx, struct ws_world *world, const struct ws_broken *broken);
    void *ctx;
    uint64_t every; /* in a short run one of so many points; 0: each */
    uint64_t loop;  /* another number for each loop of a program */
};

/* The n-th call of the system fails, or with for_ever that and all after it. How often the operation
 * failed. */
uint64_t ws_break_calls(const struct ws_break *how, bool for_ever, int error_number);

enum ws_break_memory { WS_BREAK_ONCE, WS_BREAK_FOR_EVER, WS_BREAK_BY_TURNS };
/* The n-th allocation fails, which must be told as FIRN_NO_MEMORY; test_alloc_install comes before.
 * It ends with an attempt that nothing broke and that succeeded. How often the operation failed. */
uint64_t ws_break_allocations(const struct ws_break *how, enum ws_break_memory kind);

/* Runs `loops`, which breaks allocations, with one that fails, and with all that fail from one on. Nothing
 * is left allocated. */
void ws_break_any_allocation(void (*loops)(enum ws_break_memory kind));

/* For a test whose `all` calls break_it for each of its operations: breaks the allocations of all. */
void ws_break_allocations_of(void (*all)(void (*break_it)(const struct ws_break *how)));

/* The power goes at the n-th call, `seeds` times. How many cuts. */
uint64_t ws_break_power(const struct ws_break *how, uint64_t seeds);

/* Whether so many failures or cuts show that there were points to break at: more than one where all
 * are taken. A share of few points may have none. */
bool ws_break_is_enough(uint64_t failures);
/* The usual loops, which must break enough: one call fails with EIO; from one on, all fail with ENOSPC. And two power cuts
 * at each call. */
void ws_break_any_call(const struct ws_break *how);
void ws_break_any_power(const struct ws_break *how);

/* One of some operations that a test knows by number. */
struct ws_break_numbered {
    int (*run)(struct ws_world *world, int operation);
    void (*judge)(struct ws_world *world, int operation, const struct ws_broken *broken);
    int operation; /* from 0; the loop's number, too */
};
/* How it is broken, for as long as `numbered` is there. */
struct ws_break ws_break_numbered(const struct ws_world *from, struct ws_break_numbered *numbered,
                                  uint64_t every);

#endif
