/* SPDX-License-Identifier: Apache-2.0
 *
 * contend.h: the simulated processors of the contention benchmark.
 *
 * All threads of the process run one at a time, in the order of a simulated time that each of them
 * has for itself. Only the thread whose turn it is calls these functions, so nothing here is
 * locked.
 */
#ifndef BENCH_CONTEND_H
#define BENCH_CONTEND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { CONTEND_THREADS_MAX = 64, CONTEND_LINE_SIZE = 64, CONTEND_FRAMES = 4 };

/* Simulated nanoseconds: guesses in the order of what processors of today need. */
enum {
    CONTEND_NS_ACCESS = 1,
    CONTEND_NS_LOCKED = 8, /* a read-modify-write, of a line that is here */
    CONTEND_NS_TRANSFER = 60,
    CONTEND_NS_COPY_BYTES = 16, /* so many bytes are copied or compared in one */
    CONTEND_NS_WAKE = 2000,     /* until a thread that was woken runs */
    CONTEND_NS_YIELD = 200,
    CONTEND_NS_CALL = 1500,   /* of the system: a small read or write of the page cache */
    CONTEND_NS_SYNC = 100000, /* of a file */
    CONTEND_NS_TURN = 40      /* that a thread may be ahead of the others, at most */
};

enum contend_kind { CONTEND_READ, CONTEND_WRITE, CONTEND_LOCKED };

/* What a thread did while it counted. */
struct contend_counts {
    uint64_t transfers;
    uint64_t acquired; /* mutexes */
    uint64_t waits;    /* of these, for which it had to wait */
};

/* ---- contend_turns.c ---- */

struct contend_thread;
/* The calling thread; NULL before the first one is known. */
struct contend_thread *contend_turns_self(void);
uint64_t contend_turns_now(void);
/* The calling thread begins to count from 0; returns what it has counted. */
void contend_turns_count(bool counts);
struct contend_counts contend_turns_counts(void);
/* Waits for its turn if the thread has used the present one up, then accounts for an access. */
void contend_turns_access(const void *at, size_t size, enum contend_kind kind, const void *place);
/* The innermost callers that are known, the last one first; NULL after them. */
void contend_turns_callers(const void *out[CONTEND_FRAMES]);
void contend_turns_enter(const void *caller);
void contend_turns_leave(void);
/* Whether the address is on the stack of a thread. */
bool contend_turns_is_stack(const void *at);
/* The simulation cannot go on. */
_Noreturn void contend_turns_die(const char *what);

/* ---- contend_lines.c ---- */

/* Forgets who has which lines. */
void contend_lines_reset(void);
/* Notes the access of a thread at a time; returns how long it takes. *out_transfers is increased by
 * the lines that had to come from another processor. is_noted: they are for the report. */
uint64_t contend_lines_access(unsigned thread, uint64_t now, const void *at, size_t size,
                              enum contend_kind kind, const void *place, bool is_noted,
                              uint64_t *out_transfers);

/* The code that brought lines over, most of them first. */
struct contend_site {
    const void *place;
    uint64_t transfers;
    uint64_t lines;
    const void *at;        /* an address in the line that was transferred most … */
    uint64_t at_transfers; /* … and how often */
};
/* At most `max`; returns how many. */
size_t contend_lines_sites(struct contend_site *out, size_t max);

/* ---- contend_names.c ---- */

/* "function (file:line)" of code, from the debugging information; the result is valid until the
 * next call. */
const char *contend_names_code(const void *place);
/* "function + offset (of size)": where memory was allocated; likewise. */
const char *contend_names_memory(const void *at);

#endif
